//! Alarms: the last of each code of a box, and all that came.

use ::postgres::{Row, Transaction};
use jiff::Timestamp;

use super::super::alarms::page;
use super::super::plan::AlarmRow;
use super::super::query::or_left_out;
use super::super::{AlarmCursor, AlarmFilter, AlarmItem, AlarmPage, StoreError, Whole};
use super::commit::{Places, column};
use super::writer::Writing;

/// Keeps them, unless what the box told later came before.
pub(super) fn store(
    transaction: &mut Writing<'_>,
    rows: &[AlarmRow<'_>],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO alarm (tenant, branch, device, stream, sequence, code, cleared, at, clock_trusted,
                            body)
         SELECT tenant, branch, device, stream, sequence, code, cleared, at, clock_trusted, body::jsonb
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::boolean[], $8::timestamptz[], $9::boolean[], $10::text[])
             AS new (tenant, branch, device, stream, sequence, code, cleared, at, clock_trusted, body)
         ORDER BY tenant, branch, device, code
         ON CONFLICT (tenant, branch, device, code) DO UPDATE SET
             cleared = excluded.cleared, at = excluded.at,
             clock_trusted = excluded.clock_trusted, body = excluded.body,
             stream = excluded.stream, sequence = excluded.sequence
         WHERE (excluded.stream, excluded.sequence) > (alarm.stream, alarm.sequence)",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.code),
            &column(rows, |row| row.cleared),
            &column(rows, |row| row.at),
            &column(rows, |row| row.clock_trusted),
            &column(rows, |row| row.body),
        ],
    )?;
    Ok(())
}

pub(super) fn alarms(
    transaction: &mut Transaction<'_>,
    filter: &AlarmFilter,
    limit: u32,
    after: Option<AlarmCursor>,
) -> Result<AlarmPage, StoreError> {
    let from = if filter.standing {
        "alarm WHERE NOT cleared"
    } else {
        "report WHERE kind = 'alarm'"
    };
    let rows = transaction.query(
        &format!(
            "SELECT at, stream, sequence, tenant, branch, device, clock_trusted, body::text
             FROM {from} AND tenant = coalesce($1, tenant) AND branch = coalesce($2, branch)
                 AND device = coalesce($3, device)
                 AND ($4::bigint IS NULL OR (at, stream, sequence)
                      < (timestamptz 'epoch' + $4 * interval '1 ms', $5::bigint, $6::bigint))
             ORDER BY at DESC, stream DESC, sequence DESC LIMIT $7"
        ),
        &[
            &filter.scope.tenant,
            &filter.scope.branch,
            &filter.device,
            &after.map(|after| after.at_ms),
            &after.map(|after| after.stream),
            &after.map(|after| after.sequence),
            &(i64::from(limit) + 1),
        ],
    )?;
    let found = rows.iter().map(|row| {
        let at: Timestamp = row.get(0);
        let cursor = AlarmCursor {
            at_ms: at.as_millisecond(),
            stream: row.get(1),
            sequence: row.get(2),
        };
        Ok((cursor, or_left_out(item(row, at), cursor)?))
    });
    Ok(page(found.collect::<Result<_, StoreError>>()?, limit))
}

fn item(row: &Row, at: Timestamp) -> Result<AlarmItem, StoreError> {
    Ok(AlarmItem {
        tenant: row.get(3),
        branch: row.get(4),
        device: row.get(5),
        at,
        clock_trusted: row.get(6),
        alarm: Whole::read(row.get(7))?,
    })
}
