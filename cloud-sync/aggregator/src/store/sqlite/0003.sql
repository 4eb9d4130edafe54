-- Version 3: certificates that boxes got, and boxes whose certificates were ended.
CREATE TABLE certificate (
    serial     TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    branch     TEXT NOT NULL,
    device     TEXT NOT NULL,
    made_ms    INTEGER NOT NULL,
    revoked_ms INTEGER
);

CREATE TABLE revocation (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    branch TEXT NOT NULL,
    device TEXT NOT NULL,
    at_ms  INTEGER NOT NULL
);
CREATE INDEX revocation_by_box ON revocation (tenant, branch, device);
