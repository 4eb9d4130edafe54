//! What the aggregator keeps, in SQLite.
//!
//! One connection writes, another reads. A commit is one transaction and is on the disk when it
//! returns (`synchronous = FULL`), because the watermark that follows lets the box delete.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

mod commit;
mod query;
#[cfg(test)]
mod tests;

pub use commit::{Committed, Message};
pub use query::{
    CallDetail, CallFilter, CallItem, Cursor, Hour, HourFilter, IntentCount, Page, Totals,
};

/// The database's version, kept in SQLite's `user_version`.
const VERSION: i64 = 1;

/// The file in the data folder.
const FILE: &str = "trunkside-cloud.sqlite";

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite, or the disk under it; worth trying again.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The data folder.
    #[error("cannot create the data folder `{path}`: {source}")]
    Folder {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A newer aggregator made it.
    #[error("the database has version `{found}`, this program knows `{VERSION}`; use a newer one")]
    Newer {
        /// Its version.
        found: i64,
    },
    /// A stored record that this program cannot read.
    #[error("a stored record cannot be read: {0}")]
    Record(#[from] serde_json::Error),
}

/// The store.
pub struct Store {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

impl Store {
    /// Opens or creates the database in `folder`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let path = folder.join(FILE);
        let mut writer = Connection::open(&path)?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        prepare(&mut writer)?;
        let reader = Connection::open(&path)?;
        reader.pragma_update(None, "query_only", true)?;
        for connection in [&writer, &reader] {
            connection.busy_timeout(std::time::Duration::from_secs(10))?;
            connection.set_prepared_statement_cache_capacity(64);
        }
        Ok(Self {
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the database to this program's version.
fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match found {
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            Ok(transaction.commit()?)
        }
        VERSION => Ok(()),
        found => Err(StoreError::Newer { found }),
    }
}
