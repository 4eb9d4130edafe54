-- Version 11: the last alarm of each code of a box, so that those which stand are found without a look at all
-- that came; and all of them by time, apart from what boxes say of their health.

CREATE TABLE alarm (
    tenant        text COLLATE "C" NOT NULL,
    branch        text COLLATE "C" NOT NULL,
    device        text COLLATE "C" NOT NULL,
    code          text COLLATE "C" NOT NULL,
    cleared       boolean NOT NULL,
    at            timestamptz NOT NULL,
    clock_trusted boolean NOT NULL,
    body          jsonb NOT NULL,
    stream        bigint NOT NULL,
    sequence      bigint NOT NULL,
    PRIMARY KEY (tenant, branch, device, code)
);

-- Row-level security hides everything from whoever does not say whose rows it wants.
SELECT set_config('trunkside.tenant', '*', true), set_config('trunkside.branch', '*', true);
INSERT INTO alarm
SELECT DISTINCT ON (tenant, branch, device, code)
       tenant, branch, device, code, cleared, at, clock_trusted, body, stream, sequence
FROM (SELECT *, body ->> 'code' AS code, coalesce((body ->> 'cleared')::boolean, false) AS cleared
      FROM report WHERE kind = 'alarm') AS told
WHERE length(code) <= 128
ORDER BY tenant, branch, device, code, stream DESC, sequence DESC;

ALTER TABLE alarm ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON alarm TO CURRENT_USER USING (
    (SELECT current_setting('trunkside.tenant', true)) IN ('*', tenant)
    AND (SELECT current_setting('trunkside.branch', true)) IN ('*', branch));
CREATE POLICY reader ON alarm FOR SELECT USING (EXISTS (
    SELECT FROM reader WHERE role_name = current_user
        AND reader.tenant IN ('*', alarm.tenant) AND reader.branch IN ('*', alarm.branch)));

CREATE INDEX alarm_by_time ON alarm (at);
CREATE INDEX alarm_standing ON alarm (at DESC, stream DESC, sequence DESC) WHERE NOT cleared;
CREATE INDEX report_of_alarm ON report (at DESC, stream DESC, sequence DESC) WHERE kind = 'alarm';
