-- Version 7: what is too old is found without a look at what is not.
CREATE INDEX report_by_time ON report (at_ms);
CREATE INDEX unread_by_time ON unread (came_ms);
