-- Version 2: more to filter by; keys, audit log, claims.
ALTER TABLE call ADD COLUMN language TEXT;
ALTER TABLE call ADD COLUMN sentiment REAL;
UPDATE call SET
    language = json_extract(summary, '$.language'),
    sentiment = json_extract(summary, '$.mood.sentiment')
-- What is no JSON is left out of every answer, and must not end the start.
WHERE json_valid(summary);

CREATE INDEX report_by_kind ON report (stream, kind, at_ms DESC);
CREATE INDEX gap_by_stream ON gap (stream);

CREATE TABLE api_key (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    role       TEXT NOT NULL,
    tenant     TEXT,
    branch     TEXT,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    subject TEXT NOT NULL,
    action  TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    branch  TEXT NOT NULL,
    call    TEXT NOT NULL
);

CREATE TABLE claim (
    id         TEXT PRIMARY KEY,
    proof_key  TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    branch     TEXT NOT NULL,
    device     TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER,
    UNIQUE (tenant, branch, device)
);
