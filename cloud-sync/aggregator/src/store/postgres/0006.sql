-- Version 6: what a newer version wrote is kept. Records that cannot be read wait until they can;
-- `reader` says which version could not. A transcript has room for what stands beside its turns.

CREATE TABLE unread (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant        text COLLATE "C" NOT NULL,
    branch        text COLLATE "C" NOT NULL,
    device        text COLLATE "C" NOT NULL,
    stream        bigint NOT NULL,
    sequence      bigint NOT NULL,
    at            timestamptz NOT NULL,
    clock_trusted boolean NOT NULL,
    came          timestamptz NOT NULL,
    body          text NOT NULL,
    reader        text NOT NULL,
    UNIQUE (stream, sequence)
);
ALTER TABLE unread ENABLE ROW LEVEL SECURITY;
ALTER TABLE unread FORCE ROW LEVEL SECURITY;
CREATE POLICY service ON unread TO CURRENT_USER USING (
    (SELECT current_setting('trunkside.tenant', true)) IN ('*', tenant)
    AND (SELECT current_setting('trunkside.branch', true)) IN ('*', branch));
CREATE POLICY reader ON unread FOR SELECT USING (EXISTS (
    SELECT FROM reader WHERE role_name = current_user
        AND reader.tenant IN ('*', unread.tenant) AND reader.branch IN ('*', unread.branch)));

ALTER TABLE transcript ADD COLUMN more jsonb;

CREATE VIEW unread_records WITH (security_invoker = true) AS
SELECT tenant, branch, device, body::jsonb ->> 'kind' AS kind, at, came, body::jsonb AS record
FROM unread;

-- `record` is all of it, with what a newer version put in.
CREATE OR REPLACE VIEW calls WITH (security_invoker = true) AS
SELECT tenant, branch, device, call, started_at, language, intent,
       (summary -> 'intent' ->> 'score')::double precision AS intent_score,
       emotion, sentiment, outcome, summary ->> 'ended_by' AS ended_by,
       (summary -> 'times' ->> 'answered_s')::double precision AS answered_s,
       (summary -> 'times' ->> 'first_words_s')::double precision AS first_words_s,
       decided_s,
       (summary -> 'times' ->> 'bridged_s')::double precision AS bridged_s,
       (summary -> 'times' ->> 'ended_s')::double precision AS ended_s,
       summary ->> 'agent' AS agent,
       CASE WHEN outcome = 'overflowed' THEN summary -> 'decision' -> 'action' ->> 'to' END
           AS overflowed_to,
       CASE WHEN outcome = 'overflowed' THEN summary -> 'decision' -> 'action' ->> 'kind' END
           AS overflow_kind,
       summary AS record
FROM call;

-- Outcomes that only a newer version knows are counted as such.
CREATE OR REPLACE VIEW calls_hourly WITH (security_invoker = true) AS
SELECT date_trunc('hour', started_at, 'UTC') AS hour, tenant, branch,
       count(*) AS calls,
       count(*) FILTER (WHERE outcome = 'bridged') AS bridged,
       count(*) FILTER (WHERE outcome = 'callback') AS callbacks,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE outcome = 'failed') AS failed,
       avg(decided_s) AS mean_decision_s,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY decided_s) AS decision_s_p95,
       count(*) FILTER (WHERE emotion = 'angry')::double precision / count(*) AS angry_share,
       avg(sentiment) AS mean_sentiment,
       count(*) FILTER (WHERE outcome = 'self_served') AS self_served,
       count(*) FILTER (WHERE outcome = 'overflowed') AS overflowed,
       count(*) FILTER (WHERE outcome NOT IN ('bridged', 'callback', 'abandoned', 'failed',
                                              'self_served', 'overflowed')) AS other
FROM call GROUP BY 1, 2, 3;
