-- Version 5: transcripts know when their call began, so that one whose call never comes goes in time.
ALTER TABLE transcript ADD COLUMN named_ms INTEGER NOT NULL DEFAULT 0;
-- The first 48 bits of a version 7 UUID (RFC 9562, section 5.7), digit by digit.
UPDATE transcript SET named_ms = (
    WITH RECURSIVE digit (place, ms) AS (
        SELECT 1, 0
        UNION ALL
        SELECT place + 1,
               ms * 16 + instr('123456789abcdef', substr(replace(call, '-', ''), place, 1))
        FROM digit WHERE place <= 12)
    SELECT ms FROM digit WHERE place = 13)
WHERE substr(call, 15, 1) = '7';
-- Where that cannot be, as of a clock that nothing had set: when the box was last heard.
UPDATE transcript SET named_ms = (SELECT last_seen_ms FROM stream WHERE stream.id = transcript.stream)
WHERE EXISTS (
    SELECT 1 FROM stream WHERE stream.id = transcript.stream
        AND (named_ms < first_seen_ms - 31 * 86400000 OR named_ms > last_seen_ms + 3600000));
CREATE INDEX transcript_by_time ON transcript (named_ms);
