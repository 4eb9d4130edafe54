-- Version 3: certificates that boxes got, and boxes whose certificates were ended.

CREATE TABLE certificate (
    serial  text PRIMARY KEY,
    tenant  text NOT NULL,
    branch  text NOT NULL,
    device  text NOT NULL,
    made    timestamptz NOT NULL,
    revoked timestamptz
);

CREATE TABLE revocation (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    branch text NOT NULL,
    device text NOT NULL,
    at     timestamptz NOT NULL
);
CREATE INDEX revocation_by_box ON revocation (tenant, branch, device);
