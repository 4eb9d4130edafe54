-- Version 12: quality rules of calls: a row for each phrase of a rule that was said, and one for each rule of which
-- none was.

CREATE VIEW quality WITH (security_invoker = true) AS
SELECT tenant, branch, device, call, started_at, rule ->> 'rule' AS rule,
       (rule ->> 'kept')::boolean AS kept,
       (mark ->> 'at_s')::double precision AS at_s, mark ->> 'text' AS text, clock_trusted
FROM call CROSS JOIN LATERAL jsonb_path_query(summary, '$.quality[*]') AS rule
     LEFT JOIN LATERAL jsonb_path_query(rule, '$.hits[*]') AS mark ON true;
