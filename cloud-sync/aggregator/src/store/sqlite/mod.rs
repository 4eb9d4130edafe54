//! The store in SQLite: one connection writes, another reads, and a third knows who may.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rusqlite::Connection;
use trunkside_record::{Origin, Timestamp};

use super::{
    AlarmCursor, AlarmFilter, AlarmPage, Audit, CallDetail, CallFilter, Cell, Certificate, Claim,
    Committed, Cursor, DeviceCursor, DevicePage, KeyRecord, Message, Page, Scope, Span, Store,
    StoreError, Totals, TranscriptPage, create_folder,
};

mod access;
mod alarms;
mod commit;
mod query;

/// What brings the database from each version to the next; SQLite's `user_version` counts them.
const MIGRATIONS: [&str; 10] = [
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
    include_str!("0004.sql"),
    include_str!("0005.sql"),
    include_str!("0006.sql"),
    include_str!("0007.sql"),
    include_str!("0008.sql"),
    include_str!("0009.sql"),
    include_str!("0010.sql"),
];

/// The file in the data folder.
const FILE: &str = "trunkside-cloud.sqlite";

/// How long one process waits for another, such as a command line, to end its transaction.
const BUSY: Duration = Duration::from_secs(10);

/// What nobody waits for any longer is not gone on with.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds, unless the disk
/// is waited for.
const STEPS: i32 = 10_000;

/// Whether a database has been made in `folder`; an error where the system lets nobody see.
pub(super) fn exists(folder: &Path) -> io::Result<bool> {
    match folder.join(FILE).try_exists() {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        seen => seen,
    }
}

/// The store in a file.
pub struct Sqlite {
    folder: PathBuf,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// For keys, boxes and the question whether all is well: they do not wait for whoever reads much.
    access: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or creates the database in `folder`.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        create_folder(folder)?;
        let path = folder.join(FILE);
        close_to_others(&path).map_err(|source| StoreError::Folder {
            path: path.clone(),
            source,
        })?;
        Self::connect(folder, &path).map_err(|error| error.in_folder(folder))
    }

    fn connect(folder: &Path, path: &Path) -> Result<Self, StoreError> {
        let mut writer = Connection::open(path)?;
        writer.busy_timeout(BUSY)?;
        // Before the file has any table: otherwise it takes effect with the next `VACUUM` only.
        writer.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        writer.pragma_update(None, "journal_mode", "WAL")?;
        // On the disk when a commit returns: the watermark that follows lets the box delete.
        writer.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut writer, folder)?;
        let reading = || {
            let reader = Connection::open(path)?;
            reader.busy_timeout(BUSY)?;
            reader.pragma_update(None, "query_only", true)?;
            Ok::<_, rusqlite::Error>(reader)
        };
        let (reader, access) = (reading()?, reading()?);
        for connection in [&writer, &reader, &access] {
            connection.set_prepared_statement_cache_capacity(64);
        }
        Ok(Self {
            folder: folder.to_owned(),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            access: Mutex::new(access),
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what may take long, and not for ever.
    fn read<T>(
        &self,
        within: Duration,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let began = now();
        reader.progress_handler(STEPS, Some(move || now() - began > within))?;
        work(&reader)
    }

    fn for_access(&self) -> MutexGuard<'_, Connection> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Nobody but the owner reads the database, whose log and index SQLite makes with the same
/// permissions: its own program keeps an audit log, others do not.
fn close_to_others(database: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(database)?;
    for part in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(part);
        match fs::set_permissions(&name, fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Brings the database to this program's version.
fn migrate(connection: &mut Connection, folder: &Path) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(StoreError::Newer { found, known });
    };
    for (migration, to) in missing.iter().zip(found + 1..) {
        let failed = |source| match StoreError::Sqlite(source).in_folder(folder) {
            StoreError::Sqlite(source) => StoreError::Migration {
                file: folder.join(FILE),
                to,
                source,
            },
            of_disk => of_disk,
        };
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

impl Store for Sqlite {
    fn commit(&self, messages: &[Message], now: Timestamp) -> Result<Committed, StoreError> {
        commit::commit(&mut self.writer(), messages, now)
            .map_err(|error| error.in_folder(&self.folder))
    }

    fn calls(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError> {
        self.read(ANSWERED_WITHIN, |at| {
            query::calls(at, scope, filter, limit, after)
        })
    }

    fn call(&self, scope: &Scope, call: &str) -> Result<Option<CallDetail>, StoreError> {
        self.read(ANSWERED_WITHIN, |at| query::call(at, scope, call))
    }

    fn transcripts(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<TranscriptPage, StoreError> {
        self.read(ANSWERED_WITHIN, |at| {
            query::transcripts(at, scope, filter, limit, after)
        })
    }

    fn cells(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        span: Span,
    ) -> Result<Vec<Cell>, StoreError> {
        self.read(ANSWERED_WITHIN, |at| query::cells(at, scope, filter, span))
    }

    fn devices(
        &self,
        scope: &Scope,
        limit: u32,
        after: Option<&DeviceCursor>,
    ) -> Result<DevicePage, StoreError> {
        self.read(ANSWERED_WITHIN, |at| {
            query::devices(at, scope, limit, after)
        })
    }

    fn alarms(
        &self,
        filter: &AlarmFilter,
        limit: u32,
        after: Option<AlarmCursor>,
    ) -> Result<AlarmPage, StoreError> {
        self.read(ANSWERED_WITHIN, |at| {
            alarms::alarms(at, filter, limit, after)
        })
    }

    fn totals(&self, scope: &Scope) -> Result<Totals, StoreError> {
        self.read(ANSWERED_WITHIN, |at| query::totals(at, scope))
    }

    fn is_well(&self) -> bool {
        self.for_access()
            .query_row("SELECT 1", [], |_| Ok(()))
            .is_ok()
    }

    fn read_again(&self) -> Result<u64, StoreError> {
        commit::read_again(&mut self.writer())
    }

    fn maintain(&self, _today: Date, keep_from: Option<Timestamp>) -> Result<u64, StoreError> {
        let Some(from) = keep_from else {
            return Ok(0);
        };
        let mut gone = 0;
        loop {
            // Whoever waits to write has a turn in between.
            let (calls, more) = commit::delete_some_before(&mut self.writer(), from)?;
            gone += calls;
            if !more {
                break;
            }
        }
        commit::close_holes_before(&mut self.writer(), from)?;
        while commit::shrink_some(&self.writer())? {}
        Ok(gone)
    }

    fn make_room(&self, _today: Date, _keep_from: Option<Timestamp>) -> Result<(), StoreError> {
        Ok(())
    }

    fn forget_access(
        &self,
        now: Timestamp,
        notes_from: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        access::end_claims(&self.writer(), now)?;
        let Some(from) = notes_from else {
            return Ok(0);
        };
        let mut gone = 0;
        loop {
            // Whoever waits to write has a turn in between.
            let (notes, more) = access::delete_some_notes(&self.writer(), from)?;
            gone += notes;
            if !more {
                return Ok(gone);
            }
        }
    }

    fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        access::add_key(&self.writer(), key)
    }

    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        access::keys(&self.for_access())
    }

    fn key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        access::key(&self.for_access(), id)
    }

    fn has_keys(&self) -> Result<bool, StoreError> {
        access::has_keys(&self.for_access())
    }

    fn ever_had_keys(&self) -> Result<bool, StoreError> {
        access::ever_had_keys(&self.for_access())
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        access::revoke_key(&self.writer(), id, now)
    }

    fn audit(&self, entries: &[Audit]) -> Result<(), StoreError> {
        access::audit(&mut self.writer(), entries)
    }

    fn audits(
        &self,
        scope: &Scope,
        limit: u32,
        before: Option<i64>,
    ) -> Result<Vec<(i64, Audit)>, StoreError> {
        self.read(ANSWERED_WITHIN, |at| {
            access::audits(at, scope, limit, before)
        })
    }

    fn add_claim(&self, claim: &Claim) -> Result<bool, StoreError> {
        access::add_claim(&mut self.writer(), claim)
    }

    fn claim(&self, id: &str, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        access::claim(&self.for_access(), id, now)
    }

    fn use_claim(&self, id: &str, serial: &str, now: Timestamp) -> Result<bool, StoreError> {
        access::use_claim(&mut self.writer(), id, serial, now)
    }

    fn revoke_box(&self, of: &Origin, now: Timestamp) -> Result<u64, StoreError> {
        access::revoke_box(&mut self.writer(), of, now)
    }

    fn revocations(&self) -> Result<i64, StoreError> {
        access::revocations(&self.for_access())
    }

    fn turned_away(&self) -> Result<Vec<Origin>, StoreError> {
        access::turned_away(&self.for_access())
    }

    fn certificates(&self) -> Result<Vec<Certificate>, StoreError> {
        access::certificates(&self.for_access())
    }

    fn is_revoked(&self, of: &Origin, serial: &str) -> Result<bool, StoreError> {
        access::is_revoked(&self.for_access(), of, serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_checks_do_not_wait_for_readers() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let (asked, answer) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let reading = store.reader.lock().unwrap();
            scope.spawn(|| {
                let is_kept = store.key("none").unwrap().is_some();
                asked.send((store.is_well(), is_kept)).unwrap();
            });
            let answer = answer.recv_timeout(Duration::from_secs(20));
            drop(reading);
            assert_eq!(answer, Ok((true, false)));
        });
    }

    /// A file of version 1 with this in it.
    fn of_version_1(folder: &Path, rows: &str) {
        let file = Connection::open(folder.join(FILE)).unwrap();
        file.execute_batch(MIGRATIONS[0]).unwrap();
        file.execute_batch(rows).unwrap();
        file.pragma_update(None, "user_version", 1).unwrap();
    }

    #[test]
    fn a_row_that_is_no_json_keeps_no_older_file_from_being_used() {
        let folder = tempfile::tempdir().unwrap();
        of_version_1(
            folder.path(),
            "INSERT INTO stream VALUES (1, 't', 'b', 'd', 4, 'metric', 0, 0, 0);
             INSERT INTO call VALUES
                 (1, 't', 'b', 'd', '1', 0, NULL, NULL, 'failed', NULL, '{\"language\":\"zh\"}', 1, 1),
                 (2, 't', 'b', 'd', '2', 0, NULL, NULL, 'failed', NULL, 'no JSON', 1, 2);
             INSERT INTO report VALUES
                 (1, 3, 'alarm', 0, 0, '{\"code\":\"lamp\"}'), (1, 4, 'alarm', 0, 0, 'no JSON');",
        );
        let store = Sqlite::open(folder.path()).unwrap();
        let count = |sql: &str| {
            let count = store
                .writer()
                .query_row(sql, [], |row| row.get::<_, i64>(0));
            count.unwrap()
        };
        assert_eq!(count("SELECT count(*) FROM call WHERE language = 'zh'"), 1);
        assert_eq!(count("SELECT count(*) FROM call"), 2);
        assert_eq!(count("SELECT count(*) FROM alarm WHERE code = 'lamp'"), 1);
    }

    #[test]
    fn a_file_that_cannot_be_brought_on_is_named_with_the_version_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        of_version_1(folder.path(), "CREATE TABLE api_key (other)");
        for _ in 0..2 {
            let error = Sqlite::open(folder.path()).map(drop).unwrap_err();
            let error = error.to_string();
            for part in [FILE, "to version 2", "api_key", "backup"] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
    }

    #[test]
    fn a_question_that_takes_too_long_is_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let count = |to: i64, within| {
            let sql = format!(
                "WITH RECURSIVE number (n) AS (
                     SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {to})
                 SELECT count(*) FROM number"
            );
            store.read(within, |at| {
                Ok(at.query_row(&sql, [], |row| row.get::<_, i64>(0))?)
            })
        };
        let cut = count(i64::from(u32::MAX), Duration::from_millis(1));
        assert!(cut.unwrap_err().is_cut_short());
        // Each has its own time.
        assert_eq!(count(100_000, ANSWERED_WITHIN).unwrap(), 100_000);
    }
}
