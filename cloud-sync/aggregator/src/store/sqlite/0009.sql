-- Version 9: the last alarm of each code of a box, so that those which stand are found without a look at all
-- that came; and all of them by time, apart from what boxes say of their health.
CREATE TABLE alarm (
    tenant        TEXT NOT NULL,
    branch        TEXT NOT NULL,
    device        TEXT NOT NULL,
    code          TEXT NOT NULL,
    cleared       INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    body          TEXT NOT NULL,
    stream        INTEGER NOT NULL REFERENCES stream (id),
    sequence      INTEGER NOT NULL,
    PRIMARY KEY (tenant, branch, device, code)
) WITHOUT ROWID;
INSERT OR REPLACE INTO alarm
SELECT tenant, branch, device, body ->> 'code', coalesce(body ->> 'cleared', 0), at_ms, clock_trusted, body,
       report.stream, report.sequence
FROM report JOIN stream ON stream.id = report.stream
WHERE kind = 'alarm' AND length(CASE WHEN json_valid(body) THEN body ->> 'code' END) <= 128
ORDER BY report.stream, report.sequence;
CREATE INDEX alarm_by_time ON alarm (at_ms);
CREATE INDEX alarm_standing ON alarm (at_ms DESC, stream DESC, sequence DESC) WHERE NOT cleared;
CREATE INDEX report_of_alarm ON report (at_ms DESC, stream DESC, sequence DESC) WHERE kind = 'alarm';
