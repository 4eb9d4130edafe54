-- Version 9: what is too old in a month that stays is found without a look at all of the month. Rows come
-- about in the order of time, so that a summary of each range of pages is enough, and costs writers little.

CREATE INDEX transcript_by_time ON transcript USING brin (named_at) WITH (autosummarize = on);
CREATE INDEX report_by_time ON report USING brin (at) WITH (autosummarize = on);
CREATE INDEX unread_by_time ON unread (came);
