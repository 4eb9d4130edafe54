//! What the box keeps about its calls: one SQLite file, readable only by its owner.
//!
//! A call is written when it begins and again when it ends, so that a power cut between the two
//! leaves a call to be closed as interrupted, never a call that did not happen. Its record is
//! marked once the outbox holds it; unmarked ones are handed over again at the next start, and the
//! cloud tells repeated calls by their identity.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};
use trunkside_call::{CallId, CallbackCause, Pii, Side};
use trunkside_media::recording::{Deletion, Report};

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused; the disk may be full or the file damaged.
    #[error(
        "the call store `{path}` failed: {source}; free disk space or move the file away to begin anew"
    )]
    Database {
        /// The file.
        path: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// One turn of a conversation as it was recognised; never leaves the box in this form.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who spoke.
    pub side: Side,
    /// When, from the answer.
    pub start: Duration,
    /// Until when.
    pub end: Duration,
    /// What was recognised.
    pub text: Pii<String>,
}

/// A promise to call somebody back.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The number to call.
    pub number: Pii<String>,
    /// Why nobody took the call.
    pub cause: CallbackCause,
}

/// The records of one call, serialised for the cloud: already redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The call.
    pub call: CallId,
    /// Its summary, JSON.
    pub summary: String,
    /// Its transcript, JSON, when anything was said.
    pub transcript: Option<String>,
}

/// The database of calls.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: String,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS call (
        id TEXT PRIMARY KEY,
        started_ms INTEGER NOT NULL,
        caller TEXT NOT NULL,
        summary TEXT,
        transcript TEXT,
        exported INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS call_to_export ON call (id) WHERE exported = 0;
    CREATE TABLE IF NOT EXISTS turn (
        call TEXT NOT NULL REFERENCES call (id),
        number INTEGER NOT NULL,
        side TEXT NOT NULL,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (call, number)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS callback (
        call TEXT PRIMARY KEY REFERENCES call (id),
        number TEXT NOT NULL,
        cause TEXT NOT NULL,
        done_ms INTEGER
    ) STRICT;
    CREATE TABLE IF NOT EXISTS recording (
        call TEXT PRIMARY KEY,
        mode TEXT NOT NULL,
        began_ms INTEGER,
        ended_ms INTEGER,
        kept_ms INTEGER,
        dropped_frames INTEGER,
        fault TEXT,
        deleted_ms INTEGER,
        deleted_because TEXT
    ) STRICT;
";

impl Store {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = connect().map_err(|source| StoreError::Database {
            path: name.clone(),
            source,
        })?;
        restrict_to_owner(path);
        Ok(Self {
            connection,
            path: name,
        })
    }

    /// Does several things with one flush to the disk: all of them, or none after an error.
    pub fn together(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let run = |store: &mut Self, statement| {
            store.work(|connection| connection.execute_batch(statement))
        };
        run(self, "BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|()| run(self, "COMMIT"));
        if done.is_err() {
            // SQLite may have rolled back by itself; the first error is the one to tell.
            let _ = run(self, "ROLLBACK");
        }
        done
    }

    /// Notes that a call has begun. `started_ms` is Unix time in milliseconds.
    pub fn open_call(
        &mut self,
        call: CallId,
        started_ms: i64,
        caller: &Pii<String>,
    ) -> Result<(), StoreError> {
        self.work(|connection| {
            connection.execute(
                "INSERT OR IGNORE INTO call (id, started_ms, caller) VALUES (?1, ?2, ?3)",
                params![call.to_string(), started_ms, caller.reveal()],
            )?;
            Ok(())
        })
    }

    /// Notes that a call has ended: its records, what was said, and whom to call back.
    pub fn close_call(
        &mut self,
        export: &Export,
        turns: &[Turn],
        callback: Option<&Callback>,
    ) -> Result<(), StoreError> {
        let call = export.call.to_string();
        self.work(|connection| {
            // Within `together` it is a part of that transaction, alone it is one of its own.
            let transaction = connection.savepoint()?;
            transaction.execute(
                "UPDATE call SET summary = ?2, transcript = ?3 WHERE id = ?1",
                params![call, export.summary, export.transcript],
            )?;
            for (number, turn) in turns.iter().enumerate() {
                transaction.execute(
                    "INSERT OR REPLACE INTO turn VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        call,
                        number as i64,
                        side_name(turn.side),
                        turn.start.as_millis() as i64,
                        turn.end.as_millis() as i64,
                        turn.text.reveal(),
                    ],
                )?;
            }
            if let Some(callback) = callback {
                transaction.execute(
                    "INSERT OR REPLACE INTO callback (call, number, cause) VALUES (?1, ?2, ?3)",
                    params![call, callback.number.reveal(), cause_name(callback.cause)],
                )?;
            }
            transaction.commit()
        })
    }

    /// Notes that the outbox holds the calls' records.
    pub fn mark_exported(
        &mut self,
        calls: impl IntoIterator<Item = CallId>,
    ) -> Result<(), StoreError> {
        self.work(|connection| {
            let transaction = connection.savepoint()?;
            for call in calls {
                transaction.execute(
                    "UPDATE call SET exported = 1 WHERE id = ?1",
                    [call.to_string()],
                )?;
            }
            transaction.commit()
        })
    }

    /// Calls that ended but whose records the outbox may not hold.
    pub fn unexported(&mut self) -> Result<Vec<Export>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, summary, transcript FROM call
                 WHERE exported = 0 AND summary IS NOT NULL ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut exports = Vec::new();
            for row in rows {
                let (id, summary, transcript) = row?;
                if let Ok(call) = id.parse() {
                    exports.push(Export {
                        call,
                        summary,
                        transcript,
                    });
                }
            }
            Ok(exports)
        })
    }

    /// Calls that began and never ended: the box stopped in their middle. With their start.
    pub fn interrupted(&mut self) -> Result<Vec<(CallId, i64)>, StoreError> {
        self.work(|connection| {
            let mut statement =
                connection.prepare("SELECT id, started_ms FROM call WHERE summary IS NULL")?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })?;
            let mut calls = Vec::new();
            for row in rows {
                let (id, started_ms) = row?;
                if let Ok(call) = id.parse() {
                    calls.push((call, started_ms));
                }
            }
            Ok(calls)
        })
    }

    /// Notes what became of a call's recording, which was made in that mode.
    pub fn recorded(&mut self, report: &Report, mode: &str, now_ms: i64) -> Result<(), StoreError> {
        match report {
            Report::Began { call, at_ms } => self.work(|connection| {
                connection.execute(
                    "INSERT OR REPLACE INTO recording (call, mode, began_ms) VALUES (?1, ?2, ?3)",
                    params![call.to_string(), mode, at_ms],
                )?;
                Ok(())
            }),
            Report::Ended {
                call,
                at_ms,
                kept,
                dropped_frames,
                fault,
            } => self.work(|connection| {
                // One that the disk refused from the first has not begun.
                connection.execute(
                    "INSERT INTO recording (call, mode, ended_ms, kept_ms, dropped_frames, fault)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (call) DO UPDATE SET ended_ms = ?3, kept_ms = ?4,
                         dropped_frames = ?5, fault = ?6",
                    params![
                        call.to_string(),
                        mode,
                        at_ms.unwrap_or(now_ms),
                        kept.as_millis() as i64,
                        *dropped_frames as i64,
                        fault,
                    ],
                )?;
                Ok(())
            }),
            Report::Deleted { call, why } => self.recording_deleted(*call, *why, now_ms),
        }
    }

    /// Notes that a recording is gone, and why.
    pub fn recording_deleted(
        &mut self,
        call: CallId,
        why: Deletion,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.work(|connection| {
            connection.execute(
                "UPDATE recording SET deleted_ms = ?2, deleted_because = ?3,
                     ended_ms = coalesce(ended_ms, ?2) WHERE call = ?1",
                params![call.to_string(), now_ms, why.name()],
            )?;
            Ok(())
        })
    }

    /// Notes of recordings that had not ended when the box stopped that they were interrupted.
    pub fn interrupt_recordings(&mut self) -> Result<(), StoreError> {
        self.work(|connection| {
            connection.execute(
                "UPDATE recording SET fault = 'interrupted'
                 WHERE ended_ms IS NULL AND fault IS NULL",
                [],
            )?;
            Ok(())
        })
    }

    fn work<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&mut self.connection).map_err(|source| StoreError::Database {
            path: self.path.clone(),
            source,
        })
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Caller => "caller",
        Side::Agent => "agent",
    }
}

const fn cause_name(cause: CallbackCause) -> &'static str {
    match cause {
        CallbackCause::NobodyAnswered => "nobody_answered",
        CallbackCause::WaitedTooLong => "waited_too_long",
        CallbackCause::Closed => "closed",
    }
}

/// The file holds what callers said: nobody but the daemon's user may read it.
fn restrict_to_owner(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        if let Err(error) = std::fs::set_permissions(path, owner_only) {
            tracing::warn!(%error, "cannot restrict the call store to its owner");
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn call(number: u128) -> CallId {
        CallId::new(Uuid::from_u128(number))
    }

    fn export(number: u128) -> Export {
        Export {
            call: call(number),
            summary: "{}".into(),
            transcript: None,
        }
    }

    #[test]
    fn a_call_is_exported_once_it_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
        store
            .open_call(call(1), 5, &Pii::new("100".into()))
            .unwrap();
        assert_eq!(store.interrupted().unwrap(), [(call(1), 5)]);
        store.close_call(&export(1), &[], None).unwrap();
        assert_eq!(store.interrupted().unwrap(), []);
        assert_eq!(store.unexported().unwrap(), [export(1)]);
        store.mark_exported([call(1)]).unwrap();
        assert_eq!(store.unexported().unwrap(), []);
    }

    #[test]
    fn calls_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        {
            let mut store = Store::open(&path).unwrap();
            store
                .open_call(call(1), 5, &Pii::new("100".into()))
                .unwrap();
            let callback = Callback {
                number: Pii::new("100".into()),
                cause: CallbackCause::NobodyAnswered,
            };
            store.close_call(&export(1), &[], Some(&callback)).unwrap();
        }
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.unexported().unwrap(), [export(1)]);
        let number: String = store
            .connection
            .query_row("SELECT number FROM callback", [], |row| row.get(0))
            .unwrap();
        assert_eq!(number, "100");
    }

    #[test]
    fn what_is_done_together_is_done_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        let mut store = Store::open(&path).unwrap();
        let begin =
            |store: &mut Store, number| store.open_call(call(number), 5, &Pii::new("100".into()));
        store
            .together(|store| {
                begin(store, 1)?;
                store.close_call(&export(1), &[], None)?;
                begin(store, 2)
            })
            .unwrap();
        let failed = store.together(|store| {
            begin(store, 3)?;
            store.close_call(&export(2), &[], None)?;
            store.work(|connection| connection.execute_batch("INSERT INTO nowhere VALUES (1)"))
        });
        assert!(failed.is_err());
        assert_eq!(store.unexported().unwrap(), [export(1)]);
        assert_eq!(store.interrupted().unwrap(), [(call(2), 5)]);
        // The store is of use after the failure.
        begin(&mut store, 4).unwrap();
        assert_eq!(store.interrupted().unwrap().len(), 2);
    }

    #[test]
    fn what_became_of_a_recording_stands_beside_its_call() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
        let began = |number| Report::Began {
            call: call(number),
            at_ms: 5,
        };
        for number in 1..=2 {
            store.recorded(&began(number), "notice", 6).unwrap();
        }
        let failed = Report::Ended {
            call: call(3),
            at_ms: None,
            kept: Duration::ZERO,
            dropped_frames: 2,
            fault: Some("no space".to_owned()),
        };
        store.recorded(&failed, "notice", 9).unwrap();
        let refused = Report::Deleted {
            call: call(1),
            why: Deletion::Refused,
        };
        store.recorded(&refused, "notice", 7).unwrap();
        store.interrupt_recordings().unwrap();
        let rows: Vec<String> = store
            .connection
            .prepare(
                "SELECT concat_ws(' ', mode, began_ms, ended_ms, dropped_frames, fault, deleted_ms,
                 deleted_because) FROM recording ORDER BY call",
            )
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let wanted = [
            "notice 5 7 7 refused",
            "notice 5 interrupted",
            "notice 9 2 no space",
        ];
        assert_eq!(rows, wanted);
    }

    #[test]
    fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        std::fs::write(&path, vec![b'x'; 4096]).unwrap();
        let error = Store::open(&path).unwrap_err().to_string();
        assert!(error.contains("calls.db"), "{error}");
    }
}
