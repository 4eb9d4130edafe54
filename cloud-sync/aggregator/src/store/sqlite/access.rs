//! Keys, audit log, claims and the certificates that came of them.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use trunkside_record::{Origin, Timestamp};

use super::super::{Audit, Certificate, Claim, KeyRecord, Role, Scope, StoreError};
use super::commit::AT_ONCE;

const KEY: &str =
    "SELECT id, name, hash, role, tenant, branch, created_ms, revoked_ms FROM api_key";

pub(super) fn add_key(connection: &Connection, key: &KeyRecord) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO api_key (id, name, hash, role, tenant, branch, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            key.id,
            key.name,
            key.hash,
            key.role.name(),
            key.scope.tenant,
            key.scope.branch,
            key.created_at.as_millisecond()
        ],
    )?;
    Ok(())
}

pub(super) fn keys(connection: &Connection) -> Result<Vec<KeyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{KEY} ORDER BY created_ms, id"))?;
    let rows = statement.query_map([], read_key)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn key(connection: &Connection, id: &str) -> Result<Option<KeyRecord>, StoreError> {
    let sql = format!("{KEY} WHERE id = ?1 AND revoked_ms IS NULL");
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([id], read_key)
        .optional()?)
}

pub(super) fn has_keys(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM api_key WHERE revoked_ms IS NULL LIMIT 1")?
        .exists([])?)
}

pub(super) fn ever_had_keys(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM api_key LIMIT 1")?
        .exists([])?)
}

pub(super) fn revoke_key(
    connection: &Connection,
    id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = connection.execute(
        "UPDATE api_key SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL",
        params![id, now.as_millisecond()],
    )?;
    Ok(changed > 0)
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<KeyRecord> {
    Ok(KeyRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        hash: row.get(2)?,
        // A role that is not known here may do the least.
        role: row.get::<_, String>(3)?.parse().unwrap_or(Role::Analyst),
        scope: Scope {
            tenant: row.get(4)?,
            branch: row.get(5)?,
        },
        created_at: time(row.get(6)?),
        revoked_at: row.get::<_, Option<i64>>(7)?.map(time),
    })
}

pub(super) fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub(super) fn audit(connection: &mut Connection, entries: &[Audit]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    for entry in entries {
        transaction
            .prepare_cached(
                "INSERT INTO audit (at_ms, subject, action, tenant, branch, call)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                entry.at.as_millisecond(),
                entry.subject,
                entry.action,
                entry.tenant,
                entry.branch,
                entry.call
            ])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn audits(
    connection: &Connection,
    scope: &Scope,
    limit: u32,
    before: Option<i64>,
) -> Result<Vec<(i64, Audit)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at_ms, subject, action, tenant, branch, call FROM audit
         WHERE (:before IS NULL OR id < :before) AND (:tenant IS NULL OR tenant = :tenant)
             AND (:branch IS NULL OR branch = :branch)
         ORDER BY id DESC LIMIT :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":before": before, ":tenant": scope.tenant, ":branch": scope.branch, ":limit": limit,
        },
        |row| {
            let entry = Audit {
                at: time(row.get(1)?),
                subject: row.get(2)?,
                action: row.get(3)?,
                tenant: row.get(4)?,
                branch: row.get(5)?,
                call: row.get(6)?,
            };
            Ok((row.get(0)?, entry))
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const DELETE_NOTES: &str = "DELETE FROM audit WHERE id IN (
     SELECT id FROM audit WHERE at_ms < ?1 LIMIT ?2)";

/// Deletes some of the notes from before `from`: how many those were, and whether there may be more.
pub(super) fn delete_some_notes(
    connection: &Connection,
    from: Timestamp,
) -> Result<(u64, bool), StoreError> {
    let gone = connection
        .prepare_cached(DELETE_NOTES)?
        .execute(params![from.as_millisecond(), AT_ONCE as i64])?;
    Ok((gone as u64, gone >= AT_ONCE))
}

/// Deletes the claims that are over: nobody can use them.
pub(super) fn end_claims(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM claim WHERE expires_ms <= ?1",
        [now.as_millisecond()],
    )?;
    Ok(())
}

pub(super) fn add_claim(connection: &mut Connection, claim: &Claim) -> Result<bool, StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "DELETE FROM claim WHERE tenant = ?1 AND branch = ?2 AND device = ?3",
        params![claim.tenant, claim.branch, claim.device],
    )?;
    let kept = transaction.execute(
        "INSERT INTO claim (id, proof_key, tenant, branch, device, expires_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        params![
            claim.id,
            claim.proof_key,
            claim.tenant,
            claim.branch,
            claim.device,
            claim.expires_at.as_millisecond()
        ],
    )?;
    if kept == 0 {
        transaction.rollback()?;
        return Ok(false);
    }
    transaction.commit()?;
    Ok(true)
}

pub(super) fn claim(
    connection: &Connection,
    id: &str,
    now: Timestamp,
) -> Result<Option<Claim>, StoreError> {
    let found = connection.query_row(
        "SELECT id, proof_key, tenant, branch, device, expires_ms FROM claim
         WHERE id = ?1 AND used_ms IS NULL AND expires_ms > ?2",
        params![id, now.as_millisecond()],
        |row| {
            Ok(Claim {
                id: row.get(0)?,
                proof_key: row.get(1)?,
                tenant: row.get(2)?,
                branch: row.get(3)?,
                device: row.get(4)?,
                expires_at: time(row.get(5)?),
            })
        },
    );
    Ok(found.optional()?)
}

pub(super) fn use_claim(
    connection: &mut Connection,
    id: &str,
    serial: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let transaction = connection.transaction()?;
    let changed = transaction.execute(
        "UPDATE claim SET used_ms = ?2 WHERE id = ?1 AND used_ms IS NULL AND expires_ms > ?2",
        params![id, now.as_millisecond()],
    )?;
    transaction.execute(
        "INSERT INTO certificate (serial, tenant, branch, device, made_ms)
         SELECT ?2, tenant, branch, device, ?3 FROM claim WHERE id = ?1 AND ?4",
        params![id, serial, now.as_millisecond(), changed > 0],
    )?;
    transaction.commit()?;
    Ok(changed > 0)
}

pub(super) fn revoke_box(
    connection: &mut Connection,
    of: &Origin,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (tenant, branch, device) = (of.tenant.as_str(), of.branch.as_str(), of.device.as_str());
    let transaction = connection.transaction()?;
    let certificates = transaction.execute(
        "UPDATE certificate SET revoked_ms = ?4
         WHERE tenant = ?1 AND branch = ?2 AND device = ?3 AND revoked_ms IS NULL",
        params![tenant, branch, device, now.as_millisecond()],
    )?;
    let codes = transaction.execute(
        "DELETE FROM claim WHERE tenant = ?1 AND branch = ?2 AND device = ?3",
        [tenant, branch, device],
    )?;
    let ended = certificates + codes;
    let noted = transaction.execute(
        "INSERT INTO revocation (tenant, branch, device, at_ms)
         SELECT ?1, ?2, ?3, ?4 WHERE ?5 OR EXISTS (
             SELECT 1 FROM stream WHERE tenant = ?1 AND branch = ?2 AND device = ?3)",
        params![tenant, branch, device, now.as_millisecond(), ended > 0],
    )?;
    transaction.commit()?;
    Ok(ended.max(noted) as u64)
}

pub(super) fn turned_away(connection: &Connection) -> Result<Vec<Origin>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT tenant, branch, device FROM revocation AS r
         WHERE NOT EXISTS (
             SELECT 1 FROM certificate AS c WHERE c.revoked_ms IS NULL
                 AND (c.tenant, c.branch, c.device) = (r.tenant, r.branch, r.device))",
    )?;
    let mut rows = statement.query([])?;
    let mut boxes = Vec::new();
    while let Some(row) = rows.next()? {
        boxes.extend(origin(row, 0)?);
    }
    Ok(boxes)
}

pub(super) fn certificates(connection: &Connection) -> Result<Vec<Certificate>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT tenant, branch, device, serial, revoked_ms,
                EXISTS (SELECT 1 FROM revocation AS r
                        WHERE (r.tenant, r.branch, r.device) = (c.tenant, c.branch, c.device))
         FROM certificate AS c ORDER BY serial",
    )?;
    let mut rows = statement.query([])?;
    let mut certificates = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(origin) = origin(row, 0)? else {
            continue;
        };
        certificates.push(Certificate {
            serial: row.get(3)?,
            origin,
            revoked_at: row.get::<_, Option<i64>>(4)?.map(time),
            was_turned_away: row.get(5)?,
        });
    }
    Ok(certificates)
}

/// The box that three columns name.
fn origin(row: &Row<'_>, first: usize) -> Result<Option<Origin>, StoreError> {
    let name = |column: usize| row.get::<_, String>(first + column);
    Ok(Origin::new(name(0)?, name(1)?, name(2)?).ok())
}

pub(super) fn revocations(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(max(id), 0) FROM revocation";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

pub(super) fn is_revoked(
    connection: &Connection,
    of: &Origin,
    serial: &str,
) -> Result<bool, StoreError> {
    Ok(connection.query_row(
        "SELECT coalesce((SELECT revoked_ms IS NOT NULL FROM certificate WHERE serial = ?4),
                         EXISTS (SELECT 1 FROM revocation
                                 WHERE tenant = ?1 AND branch = ?2 AND device = ?3))",
        [
            of.tenant.as_str(),
            of.branch.as_str(),
            of.device.as_str(),
            serial,
        ],
        |row| row.get(0),
    )?)
}

#[cfg(test)]
mod tests {
    use super::super::super::Sqlite;
    use super::*;

    #[test]
    fn old_notes_are_found_without_a_look_at_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path()).unwrap();
        let connection = store.writer();
        let mut plan = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {DELETE_NOTES}"))
            .unwrap();
        let steps = plan.query_map([0, 9], |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(
            steps.iter().all(|step| !step.starts_with("SCAN")),
            "{steps:?}"
        );
    }
}
