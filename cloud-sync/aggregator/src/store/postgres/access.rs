//! Keys, audit log, claims and the certificates that came of them.

use ::postgres::{Client, Row, Transaction};
use jiff::Timestamp;
use trunkside_record::Origin;

use super::super::{Audit, Certificate, Claim, KeyRecord, Role, Scope, StoreError};

/// Row-level security shows a transaction every box from here on.
const ALL_ROWS: &str =
    "SELECT set_config('trunkside.tenant', '*', true), set_config('trunkside.branch', '*', true)";

const KEY: &str = "SELECT id, name, hash, role, tenant, branch, created, revoked FROM api_key";

pub(super) fn add_key(client: &mut Client, key: &KeyRecord) -> Result<(), StoreError> {
    client.execute(
        "INSERT INTO api_key (id, name, hash, role, tenant, branch, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &key.id,
            &key.name,
            &key.hash,
            &key.role.name(),
            &key.scope.tenant,
            &key.scope.branch,
            &key.created_at,
        ],
    )?;
    Ok(())
}

pub(super) fn keys(client: &mut Client) -> Result<Vec<KeyRecord>, StoreError> {
    let rows = client.query(&format!("{KEY} ORDER BY created, id"), &[])?;
    Ok(rows.iter().map(read_key).collect())
}

pub(super) fn key(client: &mut Client, id: &str) -> Result<Option<KeyRecord>, StoreError> {
    let found = client.query_opt(&format!("{KEY} WHERE id = $1 AND revoked IS NULL"), &[&id])?;
    Ok(found.as_ref().map(read_key))
}

pub(super) fn has_keys(client: &mut Client) -> Result<bool, StoreError> {
    let row = client.query_one(
        "SELECT EXISTS (SELECT FROM api_key WHERE revoked IS NULL)",
        &[],
    )?;
    Ok(row.get(0))
}

pub(super) fn ever_had_keys(client: &mut Client) -> Result<bool, StoreError> {
    let row = client.query_one("SELECT EXISTS (SELECT FROM api_key)", &[])?;
    Ok(row.get(0))
}

pub(super) fn revoke_key(
    client: &mut Client,
    id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = client.execute(
        "UPDATE api_key SET revoked = $2 WHERE id = $1 AND revoked IS NULL",
        &[&id, &now],
    )?;
    Ok(changed > 0)
}

fn read_key(row: &Row) -> KeyRecord {
    KeyRecord {
        id: row.get(0),
        name: row.get(1),
        hash: row.get(2),
        // A role that is not known here may do the least.
        role: row.get::<_, &str>(3).parse().unwrap_or(Role::Analyst),
        scope: Scope {
            tenant: row.get(4),
            branch: row.get(5),
        },
        created_at: row.get(6),
        revoked_at: row.get(7),
    }
}

pub(super) fn audit(
    transaction: &mut Transaction<'_>,
    entries: &[Audit],
) -> Result<(), StoreError> {
    let column = |of: fn(&Audit) -> &str| entries.iter().map(of).collect::<Vec<&str>>();
    let times: Vec<Timestamp> = entries.iter().map(|entry| entry.at).collect();
    transaction.execute(
        "INSERT INTO audit (at, subject, action, tenant, branch, call)
         SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[],
                              $6::text[])",
        &[
            &times,
            &column(|entry| &entry.subject),
            &column(|entry| &entry.action),
            &column(|entry| &entry.tenant),
            &column(|entry| &entry.branch),
            &column(|entry| &entry.call),
        ],
    )?;
    Ok(())
}

pub(super) fn audits(
    transaction: &mut Transaction<'_>,
    scope: &Scope,
    limit: u32,
    before: Option<i64>,
) -> Result<Vec<(i64, Audit)>, StoreError> {
    let rows = transaction.query(
        "SELECT id, at, subject, action, tenant, branch, call FROM audit
         WHERE id < $1 AND tenant = coalesce($3, tenant) AND branch = coalesce($4, branch)
         ORDER BY id DESC LIMIT $2",
        &[
            &before.unwrap_or(i64::MAX),
            &i64::from(limit),
            &scope.tenant,
            &scope.branch,
        ],
    )?;
    let entry = |row: &Row| {
        let entry = Audit {
            at: row.get(1),
            subject: row.get(2),
            action: row.get(3),
            tenant: row.get(4),
            branch: row.get(5),
            call: row.get(6),
        };
        (row.get(0), entry)
    };
    Ok(rows.iter().map(entry).collect())
}

/// Deletes the claims that are over, as nobody can use them, and the notes from before `notes_from`; how many
/// notes those were.
pub(super) fn forget(
    transaction: &mut Transaction<'_>,
    now: Timestamp,
    notes_from: Option<Timestamp>,
) -> Result<u64, StoreError> {
    transaction.execute("DELETE FROM claim WHERE expires <= $1", &[&now])?;
    let gone =
        notes_from.map(|from| transaction.execute("DELETE FROM audit WHERE at < $1", &[&from]));
    Ok(gone.transpose()?.unwrap_or(0))
}

pub(super) fn add_claim(client: &mut Client, claim: &Claim) -> Result<bool, StoreError> {
    let mut transaction = client.transaction()?;
    transaction.execute(
        "DELETE FROM claim WHERE (tenant, branch, device) = ($1, $2, $3)",
        &[&claim.tenant, &claim.branch, &claim.device],
    )?;
    let kept = transaction.execute(
        "INSERT INTO claim (id, proof_key, tenant, branch, device, expires)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        &[
            &claim.id,
            &claim.proof_key,
            &claim.tenant,
            &claim.branch,
            &claim.device,
            &claim.expires_at,
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
    client: &mut Client,
    id: &str,
    now: Timestamp,
) -> Result<Option<Claim>, StoreError> {
    let found = client.query_opt(
        "SELECT id, proof_key, tenant, branch, device, expires FROM claim
         WHERE id = $1 AND used IS NULL AND expires > $2",
        &[&id, &now],
    )?;
    Ok(found.map(|row| Claim {
        id: row.get(0),
        proof_key: row.get(1),
        tenant: row.get(2),
        branch: row.get(3),
        device: row.get(4),
        expires_at: row.get(5),
    }))
}

pub(super) fn use_claim(
    client: &mut Client,
    id: &str,
    serial: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = client.execute(
        "WITH used AS (
             UPDATE claim SET used = $3 WHERE id = $1 AND used IS NULL AND expires > $3
             RETURNING tenant, branch, device)
         INSERT INTO certificate (serial, tenant, branch, device, made)
         SELECT $2, tenant, branch, device, $3 FROM used",
        &[&id, &serial, &now],
    )?;
    Ok(used > 0)
}

pub(super) fn revoke_box(
    client: &mut Client,
    of: &Origin,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (tenant, branch, device) = (of.tenant.as_str(), of.branch.as_str(), of.device.as_str());
    let mut transaction = client.transaction()?;
    // The code first: this waits for whoever is using it up, whose certificate is then seen below.
    let codes = transaction.execute(
        "DELETE FROM claim WHERE (tenant, branch, device) = ($1, $2, $3)",
        &[&tenant, &branch, &device],
    )?;
    let certificates = transaction.execute(
        "UPDATE certificate SET revoked = $4
         WHERE (tenant, branch, device) = ($1, $2, $3) AND revoked IS NULL",
        &[&tenant, &branch, &device, &now],
    )?;
    let ended = certificates + codes;
    transaction.execute(ALL_ROWS, &[])?;
    let noted = transaction.execute(
        "INSERT INTO revocation (tenant, branch, device, at)
         SELECT $1, $2, $3, $4 WHERE $5 OR EXISTS (
             SELECT FROM stream WHERE (tenant, branch, device) = ($1, $2, $3))",
        &[&tenant, &branch, &device, &now, &(ended > 0)],
    )?;
    transaction.commit()?;
    Ok(ended.max(noted))
}

pub(super) fn turned_away(client: &mut Client) -> Result<Vec<Origin>, StoreError> {
    let rows = client.query(
        "SELECT DISTINCT tenant, branch, device FROM revocation AS r
         WHERE NOT EXISTS (
             SELECT FROM certificate AS c WHERE c.revoked IS NULL
                 AND (c.tenant, c.branch, c.device) = (r.tenant, r.branch, r.device))",
        &[],
    )?;
    Ok(rows.iter().filter_map(origin).collect())
}

pub(super) fn certificates(client: &mut Client) -> Result<Vec<Certificate>, StoreError> {
    let rows = client.query(
        "SELECT tenant, branch, device, serial, revoked,
                EXISTS (SELECT FROM revocation AS r
                        WHERE (r.tenant, r.branch, r.device) = (c.tenant, c.branch, c.device))
         FROM certificate AS c ORDER BY serial",
        &[],
    )?;
    let certificate = |row: &Row| {
        Some(Certificate {
            origin: origin(row)?,
            serial: row.get(3),
            revoked_at: row.get(4),
            was_turned_away: row.get(5),
        })
    };
    Ok(rows.iter().filter_map(certificate).collect())
}

/// The box that the first three columns name.
fn origin(row: &Row) -> Option<Origin> {
    let name = |column: usize| row.get::<_, &str>(column);
    Origin::new(name(0), name(1), name(2)).ok()
}

pub(super) fn revocations(client: &mut Client) -> Result<i64, StoreError> {
    let row = client.query_one("SELECT coalesce(max(id), 0) FROM revocation", &[])?;
    Ok(row.get(0))
}

pub(super) fn is_revoked(
    client: &mut Client,
    of: &Origin,
    serial: &str,
) -> Result<bool, StoreError> {
    let row = client.query_one(
        "SELECT coalesce((SELECT revoked IS NOT NULL FROM certificate WHERE serial = $4),
                         EXISTS (SELECT FROM revocation
                                 WHERE (tenant, branch, device) = ($1, $2, $3)))",
        &[
            &of.tenant.as_str(),
            &of.branch.as_str(),
            &of.device.as_str(),
            &serial,
        ],
    )?;
    Ok(row.get(0))
}
