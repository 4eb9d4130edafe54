-- Version 5: calls that another branch or a voicemail box took are counted apart from those who spoke
-- with an agent, and `calls` tells where they went.

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
           AS overflow_kind
FROM call;

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
       count(*) FILTER (WHERE outcome = 'overflowed') AS overflowed
FROM call GROUP BY 1, 2, 3;
