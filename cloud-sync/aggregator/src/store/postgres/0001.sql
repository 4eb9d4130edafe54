-- Version 1. Everything lies in the schema `trunkside`, which is first in the search path.
--
-- Rows of tenants and branches are kept apart by row-level security, forced on the owner too: the
-- aggregator names whose rows it may see in `trunkside.tenant` and `trunkside.branch` at the
-- beginning of every transaction (`*` is everything; unset is nothing). Other roles see what
-- `reader` grants them, and only through the privileges that an administrator gives.

CREATE TABLE reader (
    role_name text NOT NULL,
    tenant    text NOT NULL, -- `*` is every tenant
    branch    text NOT NULL DEFAULT '*',
    PRIMARY KEY (role_name, tenant, branch)
);
ALTER TABLE reader ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON reader FOR SELECT USING (role_name = current_user);
GRANT SELECT ON reader TO PUBLIC;

-- One stream: one lane of one device since one start of its outbox.
CREATE TABLE stream (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL,
    branch     text COLLATE "C" NOT NULL,
    device     text COLLATE "C" NOT NULL,
    epoch      bigint NOT NULL,
    lane       text NOT NULL,
    watermark  bigint NOT NULL DEFAULT 0,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    UNIQUE (tenant, branch, device, epoch)
) WITH (fillfactor = 50); -- room for updates beside the row, without touching indexes

-- What is stored beyond a stream's watermark: its records came out of order.
CREATE TABLE ahead (
    stream   bigint NOT NULL REFERENCES stream (id),
    sequence bigint NOT NULL,
    through  bigint NOT NULL,
    PRIMARY KEY (stream, sequence)
);

CREATE SEQUENCE call_id;
CREATE TABLE call (
    id         bigint NOT NULL DEFAULT nextval('call_id'),
    tenant     text COLLATE "C" NOT NULL,
    branch     text COLLATE "C" NOT NULL,
    device     text COLLATE "C" NOT NULL,
    call       uuid NOT NULL,
    started_at timestamptz NOT NULL,
    language   text,
    intent     text,
    emotion    text,
    sentiment  double precision,
    outcome    text NOT NULL,
    decided_s  double precision,
    summary    jsonb NOT NULL,
    stream     bigint NOT NULL,
    sequence   bigint NOT NULL,
    PRIMARY KEY (tenant, branch, device, call, started_at)
) PARTITION BY RANGE (started_at);
CREATE INDEX call_by_time ON call (started_at DESC, id DESC);
CREATE INDEX call_by_branch ON call (tenant, branch, started_at DESC, id DESC);
CREATE INDEX call_by_name ON call (call);
CREATE TABLE call_other PARTITION OF call DEFAULT;

-- `named_at` is when the call began, as its name (a version 7 UUID) says.
CREATE TABLE transcript (
    tenant   text COLLATE "C" NOT NULL,
    branch   text COLLATE "C" NOT NULL,
    device   text COLLATE "C" NOT NULL,
    call     uuid NOT NULL,
    named_at timestamptz NOT NULL,
    turns    jsonb NOT NULL,
    stream   bigint NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (tenant, branch, device, call, named_at)
) PARTITION BY RANGE (named_at);
CREATE TABLE transcript_other PARTITION OF transcript DEFAULT;

-- Alarms and device health.
CREATE TABLE report (
    tenant        text COLLATE "C" NOT NULL,
    branch        text COLLATE "C" NOT NULL,
    device        text COLLATE "C" NOT NULL,
    stream        bigint NOT NULL,
    sequence      bigint NOT NULL,
    kind          text NOT NULL,
    at            timestamptz NOT NULL,
    clock_trusted boolean NOT NULL,
    body          jsonb NOT NULL,
    PRIMARY KEY (stream, sequence, at)
) PARTITION BY RANGE (at);
CREATE INDEX report_by_device ON report (tenant, branch, device, kind, at DESC);
CREATE TABLE report_other PARTITION OF report DEFAULT;

-- Records that will never come.
CREATE TABLE gap (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant  text COLLATE "C" NOT NULL,
    branch  text COLLATE "C" NOT NULL,
    device  text COLLATE "C" NOT NULL,
    stream  bigint NOT NULL,
    first   bigint NOT NULL,
    through bigint NOT NULL,
    lost    bigint NOT NULL,
    reason  text NOT NULL,
    noticed timestamptz NOT NULL
);
CREATE INDEX gap_by_device ON gap (tenant, branch, device);

CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    subject text NOT NULL,
    action  text NOT NULL,
    tenant  text COLLATE "C" NOT NULL,
    branch  text COLLATE "C" NOT NULL,
    call    text NOT NULL
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['stream', 'call', 'transcript', 'report', 'gap', 'audit'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        -- The sub-selects are evaluated once a statement, not once a row.
        EXECUTE format(
            'CREATE POLICY service ON %I TO CURRENT_USER USING (
                 (SELECT current_setting(''trunkside.tenant'', true)) IN (''*'', tenant)
                 AND (SELECT current_setting(''trunkside.branch'', true)) IN (''*'', branch))',
            name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['stream', 'call', 'transcript', 'report', 'gap'] LOOP
        EXECUTE format(
            'CREATE POLICY reader ON %I FOR SELECT USING (EXISTS (
                 SELECT FROM reader WHERE role_name = current_user
                     AND reader.tenant IN (''*'', %I.tenant)
                     AND reader.branch IN (''*'', %I.branch)))',
            name, name, name);
    END LOOP;
END $$;

-- Keys of the HTTP interface; the secrets themselves are not here.
CREATE TABLE api_key (
    id      text PRIMARY KEY,
    name    text NOT NULL,
    hash    text NOT NULL,
    role    text NOT NULL,
    tenant  text,
    branch  text,
    created timestamptz NOT NULL,
    revoked timestamptz
);

CREATE TABLE claim (
    id        text PRIMARY KEY,
    proof_key text NOT NULL,
    tenant    text NOT NULL,
    branch    text NOT NULL,
    device    text NOT NULL,
    expires   timestamptz NOT NULL,
    used      timestamptz,
    UNIQUE (tenant, branch, device)
);

-- For Grafana and other readers of SQL; docs/analytics.md describes them. They show what the
-- reading role may see, not what their owner may.
CREATE VIEW calls WITH (security_invoker = true) AS
SELECT tenant, branch, device, call, started_at, language, intent,
       (summary -> 'intent' ->> 'score')::double precision AS intent_score,
       emotion, sentiment, outcome, summary ->> 'ended_by' AS ended_by,
       (summary -> 'times' ->> 'answered_s')::double precision AS answered_s,
       (summary -> 'times' ->> 'first_words_s')::double precision AS first_words_s,
       decided_s,
       (summary -> 'times' ->> 'bridged_s')::double precision AS bridged_s,
       (summary -> 'times' ->> 'ended_s')::double precision AS ended_s,
       summary ->> 'agent' AS agent
FROM call;

CREATE VIEW calls_hourly WITH (security_invoker = true) AS
SELECT date_trunc('hour', started_at, 'UTC') AS hour, tenant, branch,
       count(*) AS calls,
       count(*) FILTER (WHERE outcome = 'bridged') AS bridged,
       count(*) FILTER (WHERE outcome = 'callback') AS callbacks,
       count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned,
       count(*) FILTER (WHERE outcome = 'failed') AS failed,
       avg(decided_s) AS mean_decision_s,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY decided_s) AS decision_s_p95,
       count(*) FILTER (WHERE emotion = 'angry')::double precision / count(*) AS angry_share,
       avg(sentiment) AS mean_sentiment
FROM call GROUP BY 1, 2, 3;

CREATE VIEW intents_hourly WITH (security_invoker = true) AS
SELECT date_trunc('hour', started_at, 'UTC') AS hour, tenant, branch, intent, count(*) AS calls
FROM call GROUP BY 1, 2, 3, 4;

CREATE VIEW moods_hourly WITH (security_invoker = true) AS
SELECT date_trunc('hour', started_at, 'UTC') AS hour, tenant, branch,
       coalesce(emotion, 'unknown') AS emotion, count(*) AS calls
FROM call GROUP BY 1, 2, 3, 4;

CREATE VIEW devices WITH (security_invoker = true) AS
SELECT s.tenant, s.branch, s.device, s.first_seen, s.last_seen, g.lost,
       h.at AS health_at, h.body AS health
FROM (SELECT tenant, branch, device, min(first_seen) AS first_seen, max(last_seen) AS last_seen
      FROM stream GROUP BY tenant, branch, device) AS s
LEFT JOIN LATERAL (SELECT coalesce(sum(lost), 0)::bigint AS lost FROM gap
                   WHERE (gap.tenant, gap.branch, gap.device) = (s.tenant, s.branch, s.device)) AS g
    ON true
LEFT JOIN LATERAL (SELECT at, body FROM report
                   WHERE (report.tenant, report.branch, report.device)
                       = (s.tenant, s.branch, s.device) AND kind = 'health'
                   ORDER BY at DESC LIMIT 1) AS h ON true;

CREATE VIEW alarms WITH (security_invoker = true) AS
SELECT tenant, branch, device, at, clock_trusted, body ->> 'code' AS code,
       body ->> 'severity' AS severity, coalesce((body ->> 'cleared')::boolean, false) AS cleared,
       body ->> 'text' AS text
FROM report WHERE kind = 'alarm';
