//! Alarms: the last of each code of a box, and all that came.

use rusqlite::{Connection, Transaction, named_params, params};

use super::super::alarms::page;
use super::super::plan::{AlarmRow, Place};
use super::super::query::or_left_out;
use super::super::{AlarmCursor, AlarmFilter, AlarmItem, AlarmPage, StoreError, Whole};
use super::access::time;

/// Keeps it, unless what the box told later came before it.
pub(super) fn store(transaction: &Transaction<'_>, row: &AlarmRow<'_>) -> Result<(), StoreError> {
    let Place {
        origin,
        stream,
        sequence,
    } = row.place;
    transaction
        .prepare_cached(
            "INSERT INTO alarm (tenant, branch, device, code, cleared, at_ms, clock_trusted, body,
                                stream, sequence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (tenant, branch, device, code) DO UPDATE SET
                 cleared = excluded.cleared, at_ms = excluded.at_ms,
                 clock_trusted = excluded.clock_trusted, body = excluded.body,
                 stream = excluded.stream, sequence = excluded.sequence
             WHERE (excluded.stream, excluded.sequence) > (alarm.stream, alarm.sequence)",
        )?
        .execute(params![
            origin.tenant.as_str(),
            origin.branch.as_str(),
            origin.device.as_str(),
            row.code,
            row.cleared,
            row.at.as_millisecond(),
            row.clock_trusted,
            row.body,
            stream,
            sequence.cast_signed()
        ])?;
    Ok(())
}

pub(super) fn alarms(
    connection: &Connection,
    filter: &AlarmFilter,
    limit: u32,
    after: Option<AlarmCursor>,
) -> Result<AlarmPage, StoreError> {
    let from = if filter.standing {
        "alarm AS told WHERE NOT cleared"
    } else {
        "report AS told JOIN stream AS box ON box.id = told.stream WHERE kind = 'alarm'"
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT at_ms, told.stream, told.sequence, tenant, branch, device, clock_trusted, body
         FROM {from} AND (:tenant IS NULL OR tenant = :tenant)
             AND (:branch IS NULL OR branch = :branch)
             AND (:device IS NULL OR device = :device)
             AND (:at_ms IS NULL
                  OR (at_ms, told.stream, told.sequence) < (:at_ms, :stream, :sequence))
         ORDER BY at_ms DESC, told.stream DESC, told.sequence DESC LIMIT :limit"
    ))?;
    let mut rows = statement.query(named_params! {
        ":tenant": filter.scope.tenant, ":branch": filter.scope.branch, ":device": filter.device,
        ":at_ms": after.map(|after| after.at_ms), ":stream": after.map(|after| after.stream),
        ":sequence": after.map(|after| after.sequence), ":limit": i64::from(limit) + 1,
    })?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let cursor = AlarmCursor {
            at_ms: row.get(0)?,
            stream: row.get(1)?,
            sequence: row.get(2)?,
        };
        let read = || {
            let body: String = row.get(7)?;
            Ok(AlarmItem {
                tenant: row.get(3)?,
                branch: row.get(4)?,
                device: row.get(5)?,
                at: time(cursor.at_ms),
                clock_trusted: row.get(6)?,
                alarm: Whole::read(&body)?,
            })
        };
        found.push((cursor, or_left_out(read(), cursor)?));
    }
    Ok(page(found, limit))
}
