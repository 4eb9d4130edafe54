-- Version 8. What boxes say they lost may be more than a number holds: the sum ends there.

CREATE OR REPLACE VIEW devices WITH (security_invoker = true) AS
SELECT s.tenant, s.branch, s.device, s.first_seen, s.last_seen, g.lost,
       h.at AS health_at, h.body AS health
FROM (SELECT tenant, branch, device, min(first_seen) AS first_seen, max(last_seen) AS last_seen
      FROM stream GROUP BY tenant, branch, device) AS s
LEFT JOIN LATERAL (SELECT least(coalesce(sum(lost), 0), 9223372036854775807)::bigint AS lost FROM gap
                   WHERE (gap.tenant, gap.branch, gap.device) = (s.tenant, s.branch, s.device)) AS g
    ON true
LEFT JOIN LATERAL (SELECT at, body FROM report
                   WHERE (report.tenant, report.branch, report.device)
                       = (s.tenant, s.branch, s.device) AND kind = 'health'
                   ORDER BY at DESC LIMIT 1) AS h ON true;
