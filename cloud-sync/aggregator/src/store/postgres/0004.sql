-- Version 4: the hourly view counts callers whom a recording served apart from those who spoke
-- with an agent.

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
       count(*) FILTER (WHERE outcome = 'self_served') AS self_served
FROM call GROUP BY 1, 2, 3;
