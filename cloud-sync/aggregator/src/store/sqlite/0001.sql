-- Version 1. Times are milliseconds since 1970, UTC.

-- One stream: one lane of one device since one start of its outbox.
CREATE TABLE stream (
    id            INTEGER PRIMARY KEY,
    tenant        TEXT NOT NULL,
    branch        TEXT NOT NULL,
    device        TEXT NOT NULL,
    epoch         INTEGER NOT NULL,
    lane          TEXT NOT NULL,
    watermark     INTEGER NOT NULL DEFAULT 0,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    UNIQUE (tenant, branch, device, epoch)
);

-- What is stored beyond a stream's watermark: its records came out of order.
CREATE TABLE ahead (
    stream   INTEGER NOT NULL REFERENCES stream (id),
    sequence INTEGER NOT NULL,
    through  INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;

CREATE TABLE call (
    id         INTEGER PRIMARY KEY,
    tenant     TEXT NOT NULL,
    branch     TEXT NOT NULL,
    device     TEXT NOT NULL,
    call       TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    intent     TEXT,
    emotion    TEXT,
    outcome    TEXT NOT NULL,
    decided_s  REAL,
    summary    TEXT NOT NULL,
    stream     INTEGER NOT NULL REFERENCES stream (id),
    sequence   INTEGER NOT NULL,
    UNIQUE (tenant, branch, device, call)
);
CREATE INDEX call_by_time ON call (started_ms DESC, id DESC);
CREATE INDEX call_by_branch ON call (tenant, branch, started_ms DESC, id DESC);
CREATE INDEX call_by_name ON call (call);

CREATE TABLE transcript (
    tenant   TEXT NOT NULL,
    branch   TEXT NOT NULL,
    device   TEXT NOT NULL,
    call     TEXT NOT NULL,
    turns    TEXT NOT NULL,
    stream   INTEGER NOT NULL REFERENCES stream (id),
    sequence INTEGER NOT NULL,
    PRIMARY KEY (tenant, branch, device, call)
) WITHOUT ROWID;

-- Alarms and device health.
CREATE TABLE report (
    stream        INTEGER NOT NULL REFERENCES stream (id),
    sequence      INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    at_ms         INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    body          TEXT NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;

-- Records that will never come.
CREATE TABLE gap (
    id         INTEGER PRIMARY KEY,
    stream     INTEGER NOT NULL REFERENCES stream (id),
    first      INTEGER NOT NULL,
    through    INTEGER NOT NULL,
    lost       INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    noticed_ms INTEGER NOT NULL
);
