//! Bringing the tables to this program's version, once, however many aggregators start.

use ::postgres::Client;

use super::super::StoreError;

/// What brings the tables from each version to the next.
const MIGRATIONS: [&str; 13] = [
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
    include_str!("0011.sql"),
    include_str!("0012.sql"),
    include_str!("0013.sql"),
];

/// Names the lock that one of several starting aggregators gets; any constant.
const LOCK: i64 = 0x7472_756e_6b73;

pub(super) fn migrate(client: &mut Client) -> Result<(), StoreError> {
    let mut transaction = client.transaction()?;
    // Whoever is first may take long with many calls.
    transaction.batch_execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    let exists =
        transaction.query_one("SELECT to_regclass('trunkside.version') IS NOT NULL", &[])?;
    if !exists.get::<_, bool>(0) {
        transaction.batch_execute(
            "CREATE SCHEMA IF NOT EXISTS trunkside;
             CREATE TABLE trunkside.version (version bigint NOT NULL);
             INSERT INTO trunkside.version VALUES (0)",
        )?;
    }
    let found: i64 = transaction
        .query_one("SELECT version FROM trunkside.version", &[])?
        .get(0);
    let known = MIGRATIONS.len() as i64;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(done..) else {
        return Err(StoreError::Newer { found, known });
    };
    for migration in missing {
        transaction.batch_execute(migration)?;
    }
    if !missing.is_empty() {
        transaction.execute("UPDATE trunkside.version SET version = $1", &[&known])?;
    }
    Ok(transaction.commit()?)
}
