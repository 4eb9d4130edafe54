-- Version 13: what is too old among gaps and notes is found by its time.

CREATE INDEX gap_by_time ON gap (noticed);
CREATE INDEX audit_by_time ON audit (at);
