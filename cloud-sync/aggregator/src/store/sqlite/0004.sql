-- Version 4: what a newer version wrote is kept. Records that cannot be read wait until they can;
-- `reader` says which version could not. A transcript has room for what stands beside its turns.
CREATE TABLE unread (
    id            INTEGER PRIMARY KEY,
    stream        INTEGER NOT NULL REFERENCES stream (id),
    sequence      INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    came_ms       INTEGER NOT NULL,
    body          TEXT NOT NULL,
    reader        TEXT NOT NULL,
    UNIQUE (stream, sequence)
);

ALTER TABLE transcript ADD COLUMN more TEXT;
