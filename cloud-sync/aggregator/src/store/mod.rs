//! What the aggregator keeps: in SQLite beside it, or in PostgreSQL.
//!
//! What is new is worked out in [`plan`], once for both. A commit is one transaction and is on the
//! disk when it returns, because the watermark that follows lets the box delete.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use trunkside_record::{Origin, Timestamp};

mod access;
mod alarms;
mod analytics;
mod contract;
mod intake;
mod plan;
#[cfg(feature = "servers")]
mod postgres;
mod query;
mod sqlite;
#[cfg(test)]
mod tests;
mod unread;
mod whole;

pub use access::{Audit, Certificate, Claim, KeyRecord, Role, Scope};
pub use alarms::{AlarmCursor, AlarmFilter, AlarmItem, AlarmPage};
pub use analytics::{
    Hour, IntentCount, IntentFigures, MoodFigures, MoodHour, hours, intents, moods,
};
pub use plan::{Committed, Loss, Message};
#[cfg(feature = "servers")]
pub use postgres::Postgres;
pub use query::{
    CallDetail, CallFilter, CallItem, Cell, Cursor, DeviceCursor, DeviceItem, DevicePage, Page,
    Span, Totals, TranscriptItem, TranscriptPage,
};
pub use sqlite::Sqlite;
pub use whole::Whole;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk under SQLite; worth trying again.
    #[error(
        "the database in `{}` cannot be written: {source}; free disk space there, or see whether the \
         disk works",
        folder.display()
    )]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file of an older program that cannot be brought to this one's version.
    #[error(
        "`{}` cannot be brought to version {to}: {source}; it was left as it was: start the older program again, \
         or put a backup in its place",
        file.display()
    )]
    Migration {
        /// The database.
        file: PathBuf,
        /// The version that it does not come to.
        to: i64,
        /// Why.
        source: rusqlite::Error,
    },
    /// SQLite; worth trying again.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL; worth trying again.
    #[cfg(feature = "servers")]
    #[error("the database failed: {}", postgres::explain(.0))]
    Postgres(#[from] ::postgres::Error),
    /// No connection to PostgreSQL; worth trying again.
    #[cfg(feature = "servers")]
    #[error(
        "the database at `{place}`, which `database` names, cannot be reached: {fault}; see that it runs \
         there and lets this machine in, or mend the key"
    )]
    Unreachable {
        /// Host and port.
        place: String,
        /// Why.
        fault: String,
    },
    /// PostgreSQL, in a program that was built without it.
    #[cfg(not(feature = "servers"))]
    #[error("this program was built without PostgreSQL; use `trunkside-cloud`")]
    NoPostgres,
    /// Where PostgreSQL is.
    #[error("`database` {0}")]
    Address(String),
    /// A file that the connection needs.
    #[error("cannot use `{}`, which `{key}` names: {fault}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The key that names it.
        key: &'static str,
        /// Why.
        fault: String,
    },
    /// The data folder.
    #[error(
        "cannot create `{}`: {source}; make room or give the right to write there, or name another \
         folder",
        path.display()
    )]
    Folder {
        /// The folder, or the database's file in it.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No database in the folder that was named.
    #[error(
        "`{}` holds no database; name the right one with `--config`, `--data` or `--database`, or let \
         `trunkside-cloud run` make it",
        .0.display()
    )]
    Absent(PathBuf),
    /// A folder that whoever asks may not look into.
    #[error(
        "cannot see whether `{}` holds a database: {source}; ask as the user that the cloud runs as, such as          with `sudo -u trunkside-cloud`",
        folder.display()
    )]
    Unseen {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer aggregator made it.
    #[error("the database has version `{found}`, this program knows `{known}`; use a newer one")]
    Newer {
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// A stored record that this program cannot read; its own words are not repeated.
    #[error("a stored record cannot be read: {:?} error at column {}", .0.classify(), .0.column())]
    Record(#[from] serde_json::Error),
}

impl StoreError {
    /// The same, with the folder where the disk under it is at fault.
    fn in_folder(self, folder: &Path) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
        let is_of_disk = |error: &rusqlite::Error| {
            let code = error.sqlite_error_code();
            code.is_some_and(|code| {
                matches!(code, CannotOpen | DiskFull | ReadOnly | SystemIoFailure)
            })
        };
        match self {
            Self::Sqlite(source) if is_of_disk(&source) => Self::Disk {
                folder: folder.to_owned(),
                source,
            },
            other => other,
        }
    }

    /// Whether what somebody wrote is at fault, and not the database.
    pub const fn is_input(&self) -> bool {
        match self {
            Self::Address(_) | Self::File { .. } | Self::Absent(_) => true,
            #[cfg(not(feature = "servers"))]
            Self::NoPostgres => true,
            _ => false,
        }
    }

    /// Whether somebody else holds what is needed for longer than is waited.
    pub fn is_busy(&self) -> bool {
        #[cfg(feature = "servers")]
        if let Self::Postgres(error) = self {
            return error.code() == Some(&::postgres::error::SqlState::LOCK_NOT_AVAILABLE);
        }
        false
    }

    /// Whether the database was told not to go on with what takes so long.
    pub fn is_cut_short(&self) -> bool {
        if let Self::Sqlite(error) = self {
            return error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted);
        }
        #[cfg(feature = "servers")]
        if let Self::Postgres(error) = self {
            return error.code() == Some(&::postgres::error::SqlState::QUERY_CANCELED);
        }
        false
    }

    /// Whether the content is at fault, so that trying again would fail again.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code().is_some_and(|code| {
                use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
                matches!(code, ConstraintViolation | TooBig | TypeMismatch)
            }),
            #[cfg(feature = "servers")]
            // Data exception, integrity violation, program limit exceeded.
            Self::Postgres(error) => error.code().is_some_and(|state| {
                ["22", "23", "54"]
                    .iter()
                    .any(|class| state.code().starts_with(class))
            }),
            Self::Record(_) => true,
            _ => false,
        }
    }
}

/// A database with everything that boxes sent. Every call blocks.
pub trait Store: Send + Sync {
    /// Stores messages in one transaction; when it returns they are on the disk.
    fn commit(&self, messages: &[Message], now: Timestamp) -> Result<Committed, StoreError>;

    /// At most `limit` calls, newest first, behind `after`.
    fn calls(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError>;

    /// One call by its name.
    fn call(&self, scope: &Scope, call: &str) -> Result<Option<CallDetail>, StoreError>;

    /// At most `limit` calls whose words have come, newest first, behind `after`.
    fn transcripts(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<TranscriptPage, StoreError>;

    /// Counts of calls by what they have in common.
    fn cells(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        span: Span,
    ) -> Result<Vec<Cell>, StoreError>;

    /// At most `limit` boxes by name, behind `after`.
    fn devices(
        &self,
        scope: &Scope,
        limit: u32,
        after: Option<&DeviceCursor>,
    ) -> Result<DevicePage, StoreError>;

    /// At most `limit` alarms, newest first, behind `after`.
    fn alarms(
        &self,
        filter: &AlarmFilter,
        limit: u32,
        after: Option<AlarmCursor>,
    ) -> Result<AlarmPage, StoreError>;

    /// What is stored in all.
    fn totals(&self, scope: &Scope) -> Result<Totals, StoreError>;

    /// Whether the database answers.
    fn is_well(&self) -> bool;

    /// Reads the records again that another version could not read when they came. Returns how many
    /// can be read now.
    fn read_again(&self) -> Result<u64, StoreError>;

    /// Makes room for what comes, but none for what would go at once: `keep_from` is where what is kept
    /// begins.
    fn make_room(&self, today: Date, keep_from: Option<Timestamp>) -> Result<(), StoreError>;

    /// Makes room for what comes, and deletes what began before `keep_from`, with the gaps that were told
    /// before, which may take long. Streams stay: without its watermark, a record that comes again would be
    /// stored again. Returns how many calls, or months of them, went.
    fn maintain(&self, today: Date, keep_from: Option<Timestamp>) -> Result<u64, StoreError>;

    /// Deletes claims that are over, used or not, and notes of the audit log from before `notes_from`. Returns how
    /// many notes went.
    fn forget_access(
        &self,
        now: Timestamp,
        notes_from: Option<Timestamp>,
    ) -> Result<u64, StoreError>;

    /// Keeps a key.
    fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError>;

    /// Every key, oldest first.
    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError>;

    /// One key that is not revoked.
    fn key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError>;

    /// Whether any key is in force.
    fn has_keys(&self) -> Result<bool, StoreError>;

    /// Whether any key was ever made, in force or not.
    fn ever_had_keys(&self) -> Result<bool, StoreError>;

    /// Ends a key; false when there is none in force.
    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Notes who reads what; it is on the disk when this returns.
    fn audit(&self, entries: &[Audit]) -> Result<(), StoreError>;

    /// At most `limit` notes of the audit log, newest first, before `before`.
    fn audits(
        &self,
        scope: &Scope,
        limit: u32,
        before: Option<i64>,
    ) -> Result<Vec<(i64, Audit)>, StoreError>;

    /// Keeps a claim; one for the same box is replaced. False, and nothing is kept, when another
    /// box's claim has the id.
    fn add_claim(&self, claim: &Claim) -> Result<bool, StoreError>;

    /// A claim that is neither used nor over.
    fn claim(&self, id: &str, now: Timestamp) -> Result<Option<Claim>, StoreError>;

    /// Uses a claim up for the certificate of this serial number (hex); false when somebody else
    /// did before.
    fn use_claim(&self, id: &str, serial: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends every certificate that a box has, and the code that waits for it; how many those were, at
    /// least 1 for a box that has sent something. Certificates older than the list of them are refused
    /// from then on too.
    fn revoke_box(&self, of: &Origin, now: Timestamp) -> Result<u64, StoreError>;

    /// A number that grows with every box that is revoked.
    fn revocations(&self) -> Result<i64, StoreError>;

    /// Boxes that were turned away and have got no certificate since.
    fn turned_away(&self) -> Result<Vec<Origin>, StoreError>;

    /// Every certificate that was made since they are noted.
    fn certificates(&self) -> Result<Vec<Certificate>, StoreError>;

    /// Whether this certificate of a box was ended. One that is not known, as it is older than
    /// these notes, ends with the box's first revocation.
    fn is_revoked(&self, of: &Origin, serial: &str) -> Result<bool, StoreError>;
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// A file in this folder.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresOptions),
}

impl StoreChoice {
    /// Fails where no database has been made yet; a server is asked only when it is opened.
    pub fn must_exist(&self) -> Result<(), StoreError> {
        let Self::Sqlite(folder) = self else {
            return Ok(());
        };
        match sqlite::exists(folder) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Absent(folder.clone())),
            Err(source) => Err(StoreError::Unseen {
                folder: folder.clone(),
                source,
            }),
        }
    }
}

/// Where PostgreSQL is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://user@host:port/database`, or `key=value` words as libpq reads them.
    pub address: String,
    /// Holds the password.
    pub password_file: Option<PathBuf>,
    /// PEM certificates that the server's must descend from; the system's when none.
    pub ca_file: Option<PathBuf>,
}

/// Opens or creates the store; blocks.
pub fn open(choice: &StoreChoice) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match choice {
        StoreChoice::Sqlite(folder) => Arc::new(Sqlite::open(folder)?),
        #[cfg(feature = "servers")]
        StoreChoice::Postgres(options) => Arc::new(Postgres::open(options)?),
        #[cfg(not(feature = "servers"))]
        StoreChoice::Postgres(_) => return Err(StoreError::NoPostgres),
    })
}

/// Makes the folder, and nobody but its owner reads what is in it: what callers said lies there.
fn create_folder(folder: &Path) -> Result<(), StoreError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(|source| StoreError::Folder {
        path: folder.to_owned(),
        source,
    })
}
