-- Version 10: a call tells whether its box's clock had been set when it was recorded; null for those that came
-- before. What the box said of its beginning is text: not every calendar has it.

ALTER TABLE call ADD COLUMN clock_trusted boolean;

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
       summary AS record,
       summary ->> 'started_at' AS said_started_at, clock_trusted
FROM call;
