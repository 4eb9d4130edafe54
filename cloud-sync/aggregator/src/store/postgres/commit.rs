//! Committing: the plan's rows, one statement a table, and the streams' watermarks, in one
//! transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use trunkside_call::CallId;
use trunkside_record::{Lane, Origin, schema};

use super::super::intake::Intake;
use super::super::plan::{
    self, CallRow, GapRow, Place, Plan, ReportRow, Stream, StreamKey, TranscriptRow, UnreadRow,
};
use super::super::unread::{self, Waiting};
use super::super::{Committed, Message, StoreError};
use super::alarms;
use super::writer::Writing;

pub(super) fn commit(
    mut transaction: Writing<'_>,
    messages: &[Message],
    now: Timestamp,
) -> Result<Committed, StoreError> {
    let mut streams = open(&mut transaction, &plan::keys(messages), now)?;
    let plan = plan::plan(messages, &mut streams, now);
    store(&mut transaction, &plan, now)?;
    close(&mut transaction, &streams, now)?;
    transaction.commit()?;
    Ok(plan.committed)
}

fn store(transaction: &mut Writing<'_>, plan: &Plan<'_>, now: Timestamp) -> Result<(), StoreError> {
    store_calls(transaction, &plan.calls)?;
    store_transcripts(transaction, &plan.transcripts)?;
    store_reports(transaction, &plan.reports)?;
    alarms::store(transaction, &plan.alarms)?;
    store_unread(transaction, &plan.unread, now)?;
    store_gaps(transaction, &plan.gaps, now)
}

/// Reads a page of what another version could not read; how many records it had, and how many of
/// them can be read now. What somebody else reads is left to them.
pub(super) fn read_again(mut transaction: Writing<'_>) -> Result<(usize, u64), StoreError> {
    let rows = transaction.query(
        "SELECT unread.id, unread.tenant, unread.branch, unread.device, lane, stream, sequence, at,
                clock_trusted, came, body
         FROM unread JOIN stream ON stream.id = unread.stream
         WHERE reader <> $1 ORDER BY unread.id LIMIT $2 FOR UPDATE OF unread SKIP LOCKED",
        &[&schema::reader(), &unread::PAGE],
    )?;
    let waiting = |row: &::postgres::Row| {
        let text = |column: usize| row.get::<_, &str>(column);
        Some(Waiting {
            id: row.get(0),
            origin: Origin::new(text(1), text(2), text(3)).ok()?,
            lane: text(4).parse().ok()?,
            stream: row.get(5),
            sequence: row.get::<_, i64>(6).cast_unsigned(),
            at: row.get(7),
            clock_trusted: row.get(8),
            came: row.get(9),
            body: row.get(10),
        })
    };
    let page: Vec<Waiting> = rows.iter().filter_map(waiting).collect();
    let found = page.len();
    let (readable, still) = unread::sort(page);
    store(
        &mut transaction,
        &unread::plan(&readable),
        Timestamp::UNIX_EPOCH,
    )?;
    let done = unread::rows(&readable);
    transaction.execute("DELETE FROM unread WHERE id = ANY($1)", &[&done])?;
    transaction.execute(
        "UPDATE unread SET reader = $2 WHERE id = ANY($1)",
        &[&still, &schema::reader()],
    )?;
    transaction.commit()?;
    Ok((found, done.len() as u64))
}

/// One column for each part of a row's origin and place.
pub(super) struct Places<'a> {
    pub(super) tenants: Vec<&'a str>,
    pub(super) branches: Vec<&'a str>,
    pub(super) devices: Vec<&'a str>,
    pub(super) streams: Vec<i64>,
    pub(super) sequences: Vec<i64>,
}

impl<'a> Places<'a> {
    pub(super) fn new(places: impl Iterator<Item = Place<'a>>) -> Self {
        let mut columns = Self {
            tenants: Vec::new(),
            branches: Vec::new(),
            devices: Vec::new(),
            streams: Vec::new(),
            sequences: Vec::new(),
        };
        for place in places {
            let Origin {
                tenant,
                branch,
                device,
            } = place.origin;
            columns.tenants.push(tenant.as_str());
            columns.branches.push(branch.as_str());
            columns.devices.push(device.as_str());
            columns.streams.push(place.stream);
            columns.sequences.push(place.sequence.cast_signed());
        }
        columns
    }
}

pub(super) fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Locks the streams, in the order of their keys so that two writers cannot wait for each other,
/// and makes the ones that are new.
fn open<'a>(
    transaction: &mut Writing<'_>,
    keys: &BTreeMap<StreamKey<'a>, Lane>,
    now: Timestamp,
) -> Result<Vec<Stream<'a>>, StoreError> {
    let mut found = lock(transaction, keys)?;
    if found.len() < keys.len() {
        create(transaction, keys, now)?;
        found = lock(transaction, keys)?;
    }
    let ids: Vec<i64> = found.values().map(|(id, _)| *id).collect();
    let mut runs: BTreeMap<i64, Vec<(u64, u64)>> = BTreeMap::new();
    let rows = transaction.query(
        "SELECT stream, sequence, through FROM ahead WHERE stream = ANY($1)",
        &[&ids],
    )?;
    for row in rows {
        let sequence = |column: usize| row.get::<_, i64>(column).cast_unsigned();
        runs.entry(row.get(0))
            .or_default()
            .push((sequence(1), sequence(2)));
    }
    let streams = keys.keys().zip(0_i64..).filter_map(|(key, place)| {
        let (id, watermark) = found.get(&place)?;
        let runs = runs.remove(id).unwrap_or_default();
        Some(Stream {
            key: *key,
            id: *id,
            intake: Intake::new(*watermark, runs),
        })
    });
    Ok(streams.collect())
}

/// Row and watermark of each stream that exists, by the key's place.
fn lock(
    transaction: &mut Writing<'_>,
    keys: &BTreeMap<StreamKey<'_>, Lane>,
) -> Result<BTreeMap<i64, (i64, u64)>, StoreError> {
    let (tenants, branches, devices, epochs) = columns(keys);
    let rows = transaction.query(
        "SELECT place, id, watermark FROM stream
         JOIN unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
             WITH ORDINALITY AS asked (tenant, branch, device, epoch, place)
             USING (tenant, branch, device, epoch)
         ORDER BY place FOR UPDATE OF stream",
        &[&tenants, &branches, &devices, &epochs],
    )?;
    let entry = |row: &::postgres::Row| {
        let (place, id, watermark): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        (place - 1, (id, watermark.cast_unsigned()))
    };
    Ok(rows.iter().map(entry).collect())
}

fn create(
    transaction: &mut Writing<'_>,
    keys: &BTreeMap<StreamKey<'_>, Lane>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (tenants, branches, devices, epochs) = columns(keys);
    let lanes: Vec<&str> = keys.values().map(|lane| lane.name()).collect();
    transaction.execute(
        "INSERT INTO stream (tenant, branch, device, epoch, lane, first_seen, last_seen)
         SELECT *, $6, $6
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
         ON CONFLICT (tenant, branch, device, epoch) DO NOTHING",
        &[&tenants, &branches, &devices, &epochs, &lanes, &now],
    )?;
    Ok(())
}

type Columns<'a> = (Vec<&'a str>, Vec<&'a str>, Vec<&'a str>, Vec<i64>);

fn columns<'a>(keys: &BTreeMap<StreamKey<'a>, Lane>) -> Columns<'a> {
    let name = |of: fn(&Origin) -> &trunkside_record::Name| {
        keys.keys().map(|key| of(key.origin).as_str()).collect()
    };
    (
        name(|origin| &origin.tenant),
        name(|origin| &origin.branch),
        name(|origin| &origin.device),
        keys.keys().map(|key| key.epoch.cast_signed()).collect(),
    )
}

fn close(
    transaction: &mut Writing<'_>,
    streams: &[Stream<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let ids = column(streams, |stream| stream.id);
    let watermarks = column(streams, |stream| stream.intake.watermark().cast_signed());
    transaction.execute(
        "UPDATE stream SET watermark = new.watermark, last_seen = greatest(last_seen, $3)
         FROM unnest($1::bigint[], $2::bigint[]) AS new (id, watermark) WHERE stream.id = new.id",
        &[&ids, &watermarks, &now],
    )?;
    let moved: Vec<&Stream<'_>> = streams.iter().filter(|at| at.intake.moves_runs()).collect();
    if moved.is_empty() {
        return Ok(());
    }
    let ids = column(&moved, |stream| stream.id);
    transaction.execute("DELETE FROM ahead WHERE stream = ANY($1)", &[&ids])?;
    let mut runs: (Vec<i64>, Vec<i64>, Vec<i64>) = Default::default();
    for stream in moved {
        for (first, through) in stream.intake.runs() {
            runs.0.push(stream.id);
            runs.1.push(first.cast_signed());
            runs.2.push(through.cast_signed());
        }
    }
    if !runs.0.is_empty() {
        transaction.execute(
            "INSERT INTO ahead (stream, sequence, through)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])",
            &[&runs.0, &runs.1, &runs.2],
        )?;
    }
    Ok(())
}

/// Deletes the rows of a table that places and calls name.
macro_rules! deletion {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " AS stored USING unnest($1::text[], $2::text[], $3::text[], $4::text[])
                 AS again (tenant, branch, device, name)
             WHERE stored.tenant = again.tenant AND stored.branch = again.branch
                 AND stored.device = again.device AND stored.call = again.name::uuid"
        )
    };
}

/// Deletes what came before of calls whose time is another now: it is part of their key.
fn forget<'a>(
    transaction: &mut Writing<'_>,
    sql: &'static str,
    moved: impl Iterator<Item = (Place<'a>, CallId)>,
) -> Result<(), StoreError> {
    let (places, calls): (Vec<Place<'_>>, Vec<String>) =
        moved.map(|(place, call)| (place, call.to_string())).unzip();
    if calls.is_empty() {
        return Ok(());
    }
    let places = Places::new(places.into_iter());
    transaction.execute(
        sql,
        &[&places.tenants, &places.branches, &places.devices, &calls],
    )?;
    Ok(())
}

fn store_calls(transaction: &mut Writing<'_>, rows: &[CallRow<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    forget(
        transaction,
        deletion!("call"),
        rows.iter()
            .filter(|row| row.moved)
            .map(|row| (row.place, row.call)),
    )?;
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO call (tenant, branch, device, stream, sequence, call, started_at, language,
                           intent, emotion, sentiment, outcome, decided_s, summary, clock_trusted)
         SELECT tenant, branch, device, stream, sequence, call::uuid, started_at, language,
                intent, emotion, sentiment, outcome, decided_s, summary::jsonb, clock_trusted
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::float8[],
                     $12::text[], $13::float8[], $14::text[], $15::boolean[])
             AS new (tenant, branch, device, stream, sequence, call, started_at, language,
                     intent, emotion, sentiment, outcome, decided_s, summary, clock_trusted)
         ON CONFLICT (tenant, branch, device, call, started_at) DO UPDATE SET
             language = excluded.language, intent = excluded.intent, emotion = excluded.emotion,
             sentiment = excluded.sentiment, outcome = excluded.outcome,
             decided_s = excluded.decided_s, summary = excluded.summary,
             stream = excluded.stream, sequence = excluded.sequence,
             clock_trusted = excluded.clock_trusted
         WHERE excluded.summary -> 'interrupted' IS DISTINCT FROM 'true'
            OR call.summary -> 'interrupted' = 'true'",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.call.to_string()),
            &column(rows, |row| row.started_at),
            &column(rows, |row| row.language),
            &column(rows, |row| row.intent),
            &column(rows, |row| row.emotion),
            &column(rows, |row| row.sentiment),
            &column(rows, |row| row.outcome),
            &column(rows, |row| row.decided_s),
            &column(rows, |row| row.summary),
            &column(rows, |row| row.clock_trusted),
        ],
    )?;
    Ok(())
}

fn store_transcripts(
    transaction: &mut Writing<'_>,
    rows: &[TranscriptRow<'_>],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    forget(
        transaction,
        deletion!("transcript"),
        rows.iter()
            .filter(|row| row.moved)
            .map(|row| (row.place, row.call)),
    )?;
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO transcript (tenant, branch, device, stream, sequence, call, named_at, turns, more)
         SELECT tenant, branch, device, stream, sequence, call::uuid, named_at, turns::jsonb,
                more::jsonb
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::timestamptz[], $8::text[], $9::text[])
             AS new (tenant, branch, device, stream, sequence, call, named_at, turns, more)
         ON CONFLICT (tenant, branch, device, call, named_at) DO UPDATE SET
             turns = excluded.turns, stream = excluded.stream, sequence = excluded.sequence,
             more = excluded.more
         WHERE jsonb_array_length(excluded.turns) >= jsonb_array_length(transcript.turns)",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.call.to_string()),
            &column(rows, |row| row.named_at),
            &column(rows, |row| row.turns),
            &column(rows, |row| row.more),
        ],
    )?;
    Ok(())
}

fn store_reports(transaction: &mut Writing<'_>, rows: &[ReportRow<'_>]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO report (tenant, branch, device, stream, sequence, kind, at, clock_trusted,
                             body)
         SELECT tenant, branch, device, stream, sequence, kind, at, clock_trusted, body::jsonb
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                     $7::timestamptz[], $8::boolean[], $9::text[])
             AS new (tenant, branch, device, stream, sequence, kind, at, clock_trusted, body)",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.kind),
            &column(rows, |row| row.at),
            &column(rows, |row| row.clock_trusted),
            &column(rows, |row| row.body),
        ],
    )?;
    Ok(())
}

fn store_unread(
    transaction: &mut Writing<'_>,
    rows: &[UnreadRow<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO unread (tenant, branch, device, stream, sequence, at, clock_trusted, body, came,
                             reader)
         SELECT *, $9, $10
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::timestamptz[], $7::boolean[], $8::text[])",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.at),
            &column(rows, |row| row.clock_trusted),
            &column(rows, |row| row.body),
            &now,
            &schema::reader(),
        ],
    )?;
    Ok(())
}

fn store_gaps(
    transaction: &mut Writing<'_>,
    rows: &[GapRow<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let places = Places::new(rows.iter().map(|row| row.place));
    transaction.execute(
        "INSERT INTO gap (tenant, branch, device, stream, first, through, lost, reason, noticed)
         SELECT *, $9
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                     $7::bigint[], $8::text[])",
        &[
            &places.tenants,
            &places.branches,
            &places.devices,
            &places.streams,
            &places.sequences,
            &column(rows, |row| row.through.cast_signed()),
            &column(rows, |row| row.lost.cast_signed()),
            &column(rows, |row| row.reason.name()),
            &now,
        ],
    )?;
    Ok(())
}
