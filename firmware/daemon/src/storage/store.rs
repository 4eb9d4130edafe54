//! What the box keeps about its calls: one SQLite file, readable only by its owner.
//!
//! A call is written when it begins and again when it ends, so that a power cut between the two
//! leaves a call to be closed as interrupted, never a call that did not happen. Its record is
//! marked once the outbox holds it on its disk, or the cloud has it, with its places there; unmarked ones are
//! handed over again at the next start, and so are those whose places the outbox has lost. The cloud tells repeated calls by their
//! identity.
//!
//! What is known of a call while it lasts is noted beside it ([`unfinished`]), so that the record
//! of one that was cut off holds it. What callers said and the numbers they called from go when
//! their time has come, or when somebody asks ([`keeping`]); what the outbox has not yet stays. Who
//! was promised a call back stands in [`promises`]. What a caller's earlier calls tell is in [`history`].
//!
//! There is one way of writing, [`Store::write`]: all of it is on the disk when it returns, or
//! nothing is and no transaction is left open. What is deleted is overwritten.

pub mod handed_over;
pub mod history;
pub mod keeping;
pub mod promises;
pub mod unfinished;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, params};
use trunkside_call::{CallId, CallbackCause, Pii, Side};
use trunkside_media::recording::{Deletion, Report};
use trunkside_uplink::Receipt;

use crate::storage::owner_only;

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
    /// When, from when the caller was heard first.
    pub start: Duration,
    /// Until when.
    pub end: Duration,
    /// What was recognised.
    pub text: Pii<String>,
}

/// Somebody whom somebody should call back.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The number to call.
    pub number: Pii<String>,
    /// Why.
    pub cause: Owed,
}

/// Why somebody should be called back.
#[derive(Clone, Copy, Debug)]
pub enum Owed {
    /// They were promised it, because nobody took the call.
    Promised(CallbackCause),
    /// The box stopped in the middle of the call.
    CutOff,
}

/// A call that has begun.
#[derive(Clone, Debug)]
pub struct Began {
    /// The call.
    pub call: CallId,
    /// When, in Unix milliseconds.
    pub started_ms: i64,
    /// Who called.
    pub caller: Pii<String>,
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

/// A call whose records the outbox has, and where.
pub type HandedOver = (CallId, Vec<Receipt>);

/// A file's device and number there, whatever it is called.
type Identity = (u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// The database of calls.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: String,
    /// The file, as the disk knows it.
    file: (PathBuf, Option<Identity>),
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
    CREATE INDEX IF NOT EXISTS call_in_progress ON call (caller) WHERE summary IS NULL;
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
    CREATE TABLE IF NOT EXISTS place (
        call TEXT PRIMARY KEY,
        asked_ms INTEGER NOT NULL,
        number TEXT NOT NULL,
        wish TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS call_by_start ON call (started_ms);
    CREATE INDEX IF NOT EXISTS call_by_caller ON call (caller, started_ms);
    CREATE TABLE IF NOT EXISTS unfinished (
        call TEXT PRIMARY KEY,
        summary TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS unfinished_turn (
        call TEXT NOT NULL,
        number INTEGER NOT NULL,
        side TEXT NOT NULL,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        text TEXT NOT NULL,
        redacted TEXT NOT NULL,
        PRIMARY KEY (call, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS handed_over (
        call TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (call, epoch, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS undated (
        call TEXT PRIMARY KEY,
        found_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
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

impl StoreError {
    /// Whether one record is at fault, so that others may be stored without it.
    pub fn is_of_one_record(&self) -> bool {
        let Self::Database { source, .. } = self;
        match source {
            rusqlite::Error::SqliteFailure(failure, _) => matches!(
                failure.code,
                ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch
            ),
            rusqlite::Error::StatementChangedRows(_) => true,
            _ => false,
        }
    }

    /// Whether the connection may be of use again; a full or locked disk does it no harm.
    pub fn is_passing(&self) -> bool {
        let Self::Database { source, .. } = self;
        let code = source.sqlite_error_code();
        self.is_of_one_record()
            || matches!(
                code,
                Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
    }
}

impl Store {
    /// Opens the file, or makes it, for its owner alone.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let name = path.display().to_string();
        let connect = || -> rusqlite::Result<Connection> {
            // SQLite gives the files beside it this one's mode; when it cannot be made, SQLite
            // says why.
            let _ = owner_only::options().create(true).append(true).open(path);
            let connection = Connection::open(path)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "secure_delete", "ON")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        let connection = connect().map_err(|source| StoreError::Database {
            path: name.clone(),
            source,
        })?;
        Ok(Self {
            connection,
            path: name,
            file: (path.to_owned(), identity(path)),
        })
    }

    /// Whether its file is still where it was opened. Once somebody has moved it away, what is stored goes
    /// with it.
    pub fn is_in_place(&self) -> bool {
        let (path, opened) = &self.file;
        identity(path) == *opened
    }

    /// Does several things with one flush to the disk: all of them, or none after an error.
    pub fn write(
        &mut self,
        work: impl FnOnce(&Writing<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        self.work(|connection| {
            end_transaction(connection)?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let done =
                work(&Writing { connection }).and_then(|()| connection.execute_batch("COMMIT"));
            if done.is_err() {
                // The first error is the one to tell; what could not be ended now is ended before
                // the next writing begins.
                let _ = end_transaction(connection);
            }
            done
        })
    }

    /// Notes that a recording is gone, and why.
    pub fn recording_deleted(
        &mut self,
        call: CallId,
        why: Deletion,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(|writing| writing.recording_deleted(call, why, now_ms))
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

/// What is written in one transaction.
pub struct Writing<'a> {
    connection: &'a Connection,
}

impl Writing<'_> {
    /// Notes that a call has begun.
    pub fn open_call(&self, began: &Began) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR IGNORE INTO call (id, started_ms, caller) VALUES (?1, ?2, ?3)",
                params![
                    began.call.to_string(),
                    began.started_ms,
                    began.caller.reveal()
                ],
            )
            .map(drop)
    }

    /// Notes that a call has ended, whether or not it was noted that it began: its records, what
    /// was said, and whom to call back. `sent`: where the outbox holds the records already.
    pub fn close_call(
        &self,
        began: &Began,
        export: &Export,
        turns: &[Turn],
        callback: Option<&Callback>,
        sent: Option<&[Receipt]>,
    ) -> rusqlite::Result<()> {
        let call = export.call.to_string();
        let rows = self.connection.execute(
            "INSERT INTO call (id, started_ms, caller, summary, transcript, exported)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET summary = excluded.summary,
                 transcript = excluded.transcript, exported = max(exported, excluded.exported)",
            params![
                call,
                began.started_ms,
                began.caller.reveal(),
                export.summary,
                export.transcript,
                sent.is_some(),
            ],
        )?;
        one_row(rows)?;
        if let Some(places) = sent {
            self.note_places(&call, places)?;
        }
        for (number, turn) in turns.iter().enumerate() {
            self.connection.execute(
                "INSERT OR REPLACE INTO turn VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    call,
                    number as i64,
                    turn.side.name(),
                    turn.start.as_millis() as i64,
                    turn.end.as_millis() as i64,
                    turn.text.reveal(),
                ],
            )?;
        }
        self.finish(&call)?;
        if let Some(callback) = callback {
            let (number, cause) = (callback.number.reveal(), callback.cause);
            // Whoever is to be called anyway is called once.
            self.connection.execute(
                "INSERT OR REPLACE INTO callback (call, number, cause)
                 SELECT ?1, ?2, ?3 WHERE ?4 OR NOT EXISTS (
                     SELECT 1 FROM callback WHERE number = ?2 AND call <> ?1 AND done_ms IS NULL)",
                params![
                    call,
                    number,
                    cause.name(),
                    matches!(cause, Owed::Promised(_))
                ],
            )?;
        }
        Ok(())
    }

    /// Notes what became of a call's recording, which was made in that mode.
    pub fn recorded(&self, report: &Report, mode: &str, now_ms: i64) -> rusqlite::Result<()> {
        match report {
            Report::Began { call, at_ms } => {
                self.connection.execute(
                    "INSERT OR REPLACE INTO recording (call, mode, began_ms) VALUES (?1, ?2, ?3)",
                    params![call.to_string(), mode, at_ms],
                )?;
                Ok(())
            }
            Report::Ended {
                call,
                at_ms,
                kept,
                dropped_frames,
                fault,
            } => {
                // One that the disk refused from the first has not begun.
                self.connection.execute(
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
            }
            Report::Deleted { call, why } => self.recording_deleted(*call, *why, now_ms),
        }
    }

    /// Notes that a recording is gone, and why.
    pub fn recording_deleted(
        &self,
        call: CallId,
        why: Deletion,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        {
            self.connection.execute(
                "UPDATE recording SET deleted_ms = ?2, deleted_because = ?3,
                     ended_ms = coalesce(ended_ms, ?2) WHERE call = ?1",
                params![call.to_string(), now_ms, why.name()],
            )?;
            Ok(())
        }
    }

    /// Notes of recordings that had not ended when the box stopped that they were interrupted.
    pub fn interrupt_recordings(&self) -> rusqlite::Result<()> {
        {
            self.connection.execute(
                "UPDATE recording SET fault = 'interrupted'
                 WHERE ended_ms IS NULL AND fault IS NULL",
                [],
            )?;
            Ok(())
        }
    }
}

/// A record that is written nowhere is lost: that is an error.
fn one_row(rows: usize) -> rusqlite::Result<()> {
    if rows == 1 {
        Ok(())
    } else {
        Err(rusqlite::Error::StatementChangedRows(rows))
    }
}

/// Ends a transaction that an error has left open: nothing written later would ever be committed.
fn end_transaction(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() {
        Ok(())
    } else {
        connection.execute_batch("ROLLBACK")
    }
}

impl Owed {
    const fn name(self) -> &'static str {
        match self {
            Self::Promised(CallbackCause::NobodyAnswered) => "nobody_answered",
            Self::Promised(CallbackCause::WaitedTooLong) => "waited_too_long",
            Self::Promised(CallbackCause::Closed) => "closed",
            Self::Promised(CallbackCause::Asked) => "asked",
            Self::CutOff => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests;
