//! The store in PostgreSQL (15 or newer): many aggregators may share one.
//!
//! What follows a commit relies on `synchronous_commit`; a server that has it off is overruled.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ::postgres::{Client, Config, Transaction};
use jiff::civil::Date;
use r2d2::{CustomizeConnection, Pool, PooledConnection};
use r2d2_postgres::PostgresConnectionManager;
use tokio_postgres_rustls::MakeRustlsConnect;
use trunkside_record::{Origin, Timestamp};

use super::{
    AlarmCursor, AlarmFilter, AlarmPage, Audit, CallDetail, CallFilter, Cell, Certificate, Claim,
    Committed, Cursor, DeviceCursor, DevicePage, KeyRecord, Message, Page, PostgresOptions, Scope,
    Span, Store, StoreError, Totals, TranscriptPage,
};

use writer::{Writer, Writing};

mod access;
mod alarms;
mod commit;
mod connect;
mod migrate;
mod months;
mod query;
mod writer;

/// How long a request waits for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// Connections of one aggregator that read; one more writes.
const CONNECTIONS: u32 = 5;

/// Connections for keys, boxes and the question whether all is well: they do not wait for whoever reads
/// much.
const ACCESS_CONNECTIONS: u32 = 2;

type Manager = PostgresConnectionManager<MakeRustlsConnect>;
type Connection = PooledConnection<Manager>;

/// The store on a server.
pub struct Postgres {
    config: Config,
    tls: MakeRustlsConnect,
    /// None until the first commit, and after a failed one.
    writer: Mutex<Option<Writer>>,
    /// There until the end.
    pools: Option<Pools>,
}

/// Connections that wait for work.
struct Pools {
    readers: Pool<Manager>,
    access: Pool<Manager>,
}

impl Postgres {
    /// Connects, and creates or updates the tables.
    pub fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let (config, tls) = connect::settings(options)?;
        // A direct attempt first: the pool would only say that it timed out.
        drop(once(&config, tls.clone())?);
        let pool = |connections| {
            Pool::builder()
                .max_size(connections)
                .min_idle(Some(1))
                .connection_timeout(CONNECTED_WITHIN)
                .error_handler(Box::new(r2d2::NopErrorHandler))
                .connection_customizer(Box::new(Durable))
                .build(PostgresConnectionManager::new(config.clone(), tls.clone()))
                .map_err(|error| unreachable(&config, &error))
        };
        let pools = Pools {
            readers: pool(CONNECTIONS)?,
            access: pool(ACCESS_CONNECTIONS)?,
        };
        let store = Self {
            config,
            tls,
            writer: Mutex::new(None),
            pools: Some(pools),
        };
        let mut connection = store.connection()?;
        migrate::migrate(&mut connection)?;
        warn_of_unbound_role(&mut connection)?;
        drop(connection);
        Ok(store)
    }

    fn pools(&self) -> &Pools {
        self.pools.as_ref().expect("they are there until the end")
    }

    fn connection(&self) -> Result<Connection, StoreError> {
        let got = self.pools().readers.get();
        got.map_err(|error| unreachable(&self.config, &error))
    }

    fn for_access(&self) -> Result<Connection, StoreError> {
        let got = self.pools().access.get();
        got.map_err(|error| unreachable(&self.config, &error))
    }

    /// Work in a transaction of the connection that writes.
    fn write<T>(
        &self,
        work: impl FnOnce(Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = match slot.take() {
            Some(writer) if !writer.is_closed() => writer,
            _ => Writer::connect(&self.config, self.tls.clone())?,
        };
        let done = work(writer.begin()?);
        // What failed otherwise may have left the connection in any state.
        if done.as_ref().err().is_none_or(StoreError::is_content) {
            *slot = Some(writer);
        }
        done
    }

    /// Work in a transaction that sees what the scope allows.
    pub(super) fn within<T>(
        &self,
        scope: &Scope,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection()?;
        let mut transaction = connection.transaction()?;
        let name = |limit: &Option<String>| limit.clone().unwrap_or_else(|| "*".to_owned());
        transaction.query_one(
            "SELECT set_config('trunkside.tenant', $1, true), set_config('trunkside.branch', $2, true)",
            &[&name(&scope.tenant), &name(&scope.branch)],
        )?;
        let done = work(&mut transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// A transaction of maintenance. Each part of it has one of its own: to make or drop a month shuts its
    /// table until the transaction ends, and to delete rows takes long.
    fn maintaining<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.within(&Scope::ALL, |at| {
            months::begin(at)?;
            work(at)
        })
    }
}

fn once(config: &Config, tls: MakeRustlsConnect) -> Result<Client, StoreError> {
    let mut config = config.clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECTED_WITHIN);
    }
    let connected = config.connect(tls);
    connected.map_err(|error| unreachable(&config, &explain(&error)))
}

/// Says which server it is that cannot be reached; its address may hold a password.
fn unreachable(config: &Config, fault: &dyn Display) -> StoreError {
    StoreError::Unreachable {
        place: connect::place(config),
        fault: fault.to_string(),
    }
}

/// Row-level security is the second wall between tenants; superusers walk through it.
fn warn_of_unbound_role(client: &mut Client) -> Result<(), StoreError> {
    let row = client.query_one(
        "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
        &[],
    )?;
    if row.get(0) {
        tracing::warn!("the database role is not bound by row-level security; use an ordinary one");
    }
    Ok(())
}

/// What every connection begins with. An aggregator whose machine vanishes in the middle of a
/// transaction would keep its locks, and all others waiting, for as long as the server believes that it
/// is there: two hours, by the system's defaults.
const BEGINNING: &str = "SET search_path = trunkside; SET timezone = 'UTC';
     SET idle_in_transaction_session_timeout = '30s'; SET lock_timeout = '20s';
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
     SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') = 'off'";

/// What nobody waits for any longer is not gone on with. Whoever commits waits as long as it takes.
const ANSWERED_WITHIN: &str = "SET statement_timeout = '30s'";

/// Says it to the pools' connections.
#[derive(Debug)]
struct Durable;

impl CustomizeConnection<Client, ::postgres::Error> for Durable {
    fn on_acquire(&self, client: &mut Client) -> Result<(), ::postgres::Error> {
        client.batch_execute(BEGINNING)?;
        client.batch_execute(ANSWERED_WITHIN)
    }
}

impl Drop for Postgres {
    /// The clients block when they close, which tokio forbids its own threads.
    fn drop(&mut self) {
        let pools = self.pools.take();
        let writer = std::mem::take(&mut self.writer);
        let closed = thread::Builder::new().spawn(move || drop((pools, writer)));
        if closed.is_ok_and(|thread| thread.join().is_err()) {
            tracing::error!("closing the database's connections panicked");
        }
    }
}

/// The server's own words, without the values that it quotes in details.
pub(super) fn explain(error: &::postgres::Error) -> String {
    match error.as_db_error() {
        // A data exception's message quotes the value.
        Some(db) if db.code().code().starts_with("22") => {
            format!("a value was refused ({})", db.code().code())
        }
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

impl Store for Postgres {
    fn commit(&self, messages: &[Message], now: Timestamp) -> Result<Committed, StoreError> {
        self.write(|at| commit::commit(at, messages, now))
    }

    fn calls(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError> {
        self.within(scope, |at| query::calls(at, scope, filter, limit, after))
    }

    fn call(&self, scope: &Scope, call: &str) -> Result<Option<CallDetail>, StoreError> {
        self.within(scope, |at| query::call(at, scope, call))
    }

    fn transcripts(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<TranscriptPage, StoreError> {
        self.within(scope, |at| {
            query::transcripts(at, scope, filter, limit, after)
        })
    }

    fn cells(
        &self,
        scope: &Scope,
        filter: &CallFilter,
        span: Span,
    ) -> Result<Vec<Cell>, StoreError> {
        self.within(scope, |at| query::cells(at, scope, filter, span))
    }

    fn devices(
        &self,
        scope: &Scope,
        limit: u32,
        after: Option<&DeviceCursor>,
    ) -> Result<DevicePage, StoreError> {
        self.within(scope, |at| query::devices(at, scope, limit, after))
    }

    fn alarms(
        &self,
        filter: &AlarmFilter,
        limit: u32,
        after: Option<AlarmCursor>,
    ) -> Result<AlarmPage, StoreError> {
        self.within(&filter.scope, |at| alarms::alarms(at, filter, limit, after))
    }

    fn totals(&self, scope: &Scope) -> Result<Totals, StoreError> {
        self.within(scope, |at| query::totals(at, scope))
    }

    fn is_well(&self) -> bool {
        let asked = self
            .for_access()
            .and_then(|mut at| Ok(at.simple_query("SELECT 1")?));
        asked.is_ok()
    }

    fn read_again(&self) -> Result<u64, StoreError> {
        let mut read = 0;
        loop {
            let (found, done) = self.write(commit::read_again)?;
            read += done;
            if found == 0 {
                return Ok(read);
            }
        }
    }

    fn maintain(&self, today: Date, keep_from: Option<Timestamp>) -> Result<u64, StoreError> {
        self.make_room(today, keep_from)?;
        let Some(from) = keep_from else {
            return Ok(0);
        };
        let months = self.maintaining(|at| months::drop_before(at, from))?;
        Ok(months + self.maintaining(|at| months::delete_before(at, from))?)
    }

    fn make_room(&self, today: Date, keep_from: Option<Timestamp>) -> Result<(), StoreError> {
        self.maintaining(|at| months::make_room(at, today, keep_from))
    }

    fn forget_access(
        &self,
        now: Timestamp,
        notes_from: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        self.maintaining(|at| access::forget(at, now, notes_from))
    }

    fn add_key(&self, key: &KeyRecord) -> Result<(), StoreError> {
        access::add_key(&mut *self.for_access()?, key)
    }

    fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        access::keys(&mut *self.for_access()?)
    }

    fn key(&self, id: &str) -> Result<Option<KeyRecord>, StoreError> {
        access::key(&mut *self.for_access()?, id)
    }

    fn has_keys(&self) -> Result<bool, StoreError> {
        access::has_keys(&mut *self.for_access()?)
    }

    fn ever_had_keys(&self) -> Result<bool, StoreError> {
        access::ever_had_keys(&mut *self.for_access()?)
    }

    fn revoke_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        access::revoke_key(&mut *self.for_access()?, id, now)
    }

    fn audit(&self, entries: &[Audit]) -> Result<(), StoreError> {
        self.within(&Scope::ALL, |at| access::audit(at, entries))
    }

    fn audits(
        &self,
        scope: &Scope,
        limit: u32,
        before: Option<i64>,
    ) -> Result<Vec<(i64, Audit)>, StoreError> {
        self.within(scope, |at| access::audits(at, scope, limit, before))
    }

    fn add_claim(&self, claim: &Claim) -> Result<bool, StoreError> {
        access::add_claim(&mut *self.for_access()?, claim)
    }

    fn claim(&self, id: &str, now: Timestamp) -> Result<Option<Claim>, StoreError> {
        access::claim(&mut *self.for_access()?, id, now)
    }

    fn use_claim(&self, id: &str, serial: &str, now: Timestamp) -> Result<bool, StoreError> {
        access::use_claim(&mut *self.for_access()?, id, serial, now)
    }

    fn revoke_box(&self, of: &Origin, now: Timestamp) -> Result<u64, StoreError> {
        access::revoke_box(&mut *self.for_access()?, of, now)
    }

    fn revocations(&self) -> Result<i64, StoreError> {
        access::revocations(&mut *self.for_access()?)
    }

    fn turned_away(&self) -> Result<Vec<Origin>, StoreError> {
        access::turned_away(&mut *self.for_access()?)
    }

    fn certificates(&self) -> Result<Vec<Certificate>, StoreError> {
        access::certificates(&mut *self.for_access()?)
    }

    fn is_revoked(&self, of: &Origin, serial: &str) -> Result<bool, StoreError> {
        access::is_revoked(&mut *self.for_access()?, of, serial)
    }
}
