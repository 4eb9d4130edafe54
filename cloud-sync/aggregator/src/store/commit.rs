//! Committing what came: each record once, in one transaction with its stream's watermark.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Transaction, params};
use trunkside_record::{
    Ack, Batch, Body, Entry, Gap, GapReason, Lane, Origin, Received, Timestamp,
};

use super::{Store, StoreError};

/// A batch and where it came from; topic and content agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whose records they are.
    pub origin: Origin,
    /// Their lane.
    pub lane: Lane,
    /// The records.
    pub batch: Batch<Received>,
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The watermark of every stream that was touched, to be told to its box.
    pub acks: Vec<(Origin, Ack)>,
    /// Records that are new.
    pub stored: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Records that could not be read and are marked as lost.
    pub refused: u64,
    /// Records that will never come, refused ones included.
    pub lost: u64,
}

impl Store {
    /// Stores messages in one transaction; when it returns they are on the disk.
    pub fn commit(&self, messages: &[Message], now: Timestamp) -> Result<Committed, StoreError> {
        let mut connection = self.writer();
        let transaction = connection.transaction()?;
        let mut committed = Committed::default();
        let mut acks = BTreeMap::new();
        for message in messages {
            let ack = commit_message(&transaction, message, now, &mut committed)?;
            acks.insert(
                (message.origin.to_string(), ack.epoch),
                (message.origin.clone(), ack),
            );
        }
        transaction.commit()?;
        committed.acks = acks.into_values().collect();
        Ok(committed)
    }
}

fn commit_message(
    transaction: &Transaction<'_>,
    message: &Message,
    now: Timestamp,
    committed: &mut Committed,
) -> Result<Ack, StoreError> {
    let epoch = message.batch.epoch;
    let mut stream = Stream::open(transaction, message, now)?;
    for received in &message.batch.records {
        stream.take(received, committed)?;
    }
    let sequence = stream.close()?;
    Ok(Ack { epoch, sequence })
}

/// One stream inside a transaction.
struct Stream<'a> {
    transaction: &'a Transaction<'a>,
    origin: &'a Origin,
    lane: Lane,
    now_ms: i64,
    id: i64,
    watermark: u64,
}

impl<'a> Stream<'a> {
    fn open(
        transaction: &'a Transaction<'a>,
        message: &'a Message,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let Origin {
            tenant,
            branch,
            device,
        } = &message.origin;
        let (id, watermark) = transaction
            .prepare_cached(
                "INSERT INTO stream (tenant, branch, device, epoch, lane, first_seen_ms, last_seen_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
                 ON CONFLICT (tenant, branch, device, epoch) DO UPDATE SET last_seen_ms = ?6
                 RETURNING id, watermark",
            )?
            .query_row(
                params![
                    tenant.as_str(),
                    branch.as_str(),
                    device.as_str(),
                    message.batch.epoch.cast_signed(),
                    message.lane.name(),
                    now.as_millisecond()
                ],
                |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)),
            )?;
        Ok(Self {
            transaction,
            origin: &message.origin,
            lane: message.lane,
            now_ms: now.as_millisecond(),
            id,
            watermark: watermark.cast_unsigned(),
        })
    }

    fn take(&mut self, received: &Received, committed: &mut Committed) -> Result<(), StoreError> {
        match received {
            Received::Entry(entry) => match &entry.body {
                Body::Gap(gap) => self.take_gap(entry.sequence, *gap, committed),
                body if body.lane().is_some_and(|lane| lane != self.lane)
                    || entry.lane != self.lane =>
                {
                    self.refuse(entry.sequence, committed)
                }
                _ => self.take_entry(entry, committed),
            },
            Received::Refused { sequence, .. } => self.refuse(*sequence, committed),
        }
    }

    /// An entry that cannot be kept must not hold up the watermark for ever.
    fn refuse(&mut self, sequence: u64, committed: &mut Committed) -> Result<(), StoreError> {
        let lost = committed.lost;
        let gap = Gap {
            through: sequence,
            reason: GapReason::Refused,
        };
        self.take_gap(sequence, gap, committed)?;
        committed.refused += committed.lost - lost;
        Ok(())
    }

    fn take_entry(&mut self, entry: &Entry, committed: &mut Committed) -> Result<(), StoreError> {
        if !self.claim(entry.sequence)? {
            committed.duplicates += 1;
            return Ok(());
        }
        self.store(entry)?;
        committed.stored += 1;
        Ok(())
    }

    /// Takes a sequence for this record; false when it is taken.
    fn claim(&mut self, sequence: u64) -> Result<bool, StoreError> {
        if sequence <= self.watermark || self.is_covered(sequence)? {
            return Ok(false);
        }
        if sequence == self.watermark + 1 {
            self.watermark = sequence;
        } else {
            self.set_ahead(sequence, sequence)?;
        }
        Ok(true)
    }

    fn is_covered(&self, sequence: u64) -> Result<bool, StoreError> {
        let covered = self
            .transaction
            .prepare_cached(
                "SELECT 1 FROM ahead WHERE stream = ?1 AND sequence <= ?2 AND through >= ?2",
            )?
            .exists(params![self.id, sequence.cast_signed()])?;
        Ok(covered)
    }

    fn set_ahead(&self, sequence: u64, through: u64) -> Result<(), StoreError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO ahead (stream, sequence, through) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET through = max(through, excluded.through)",
            )?
            .execute(params![
                self.id,
                sequence.cast_signed(),
                through.cast_signed()
            ])?;
        Ok(())
    }

    /// Marks everything in the gap that is not here as lost.
    fn take_gap(
        &mut self,
        first: u64,
        gap: Gap,
        committed: &mut Committed,
    ) -> Result<(), StoreError> {
        let through = gap.through.min((1 << 53) - 1);
        let first = first.max(self.watermark + 1);
        if through < first {
            committed.duplicates += 1;
            return Ok(());
        }
        let lost = self.missing(first, through)?;
        if lost == 0 {
            committed.duplicates += 1;
            return Ok(());
        }
        self.set_ahead(first, through)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO gap (stream, first, through, lost, reason, noticed_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.id,
                first.cast_signed(),
                through.cast_signed(),
                lost.cast_signed(),
                serde_json::to_value(gap.reason)?.as_str(),
                self.now_ms
            ])?;
        committed.lost += lost;
        Ok(())
    }

    /// How many of these sequences are not here.
    fn missing(&self, first: u64, through: u64) -> Result<u64, StoreError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT sequence, through FROM ahead
             WHERE stream = ?1 AND sequence <= ?3 AND through >= ?2 ORDER BY sequence",
        )?;
        let rows = statement.query_map(
            params![self.id, first.cast_signed(), through.cast_signed()],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?.cast_unsigned(),
                    row.get::<_, i64>(1)?.cast_unsigned(),
                ))
            },
        )?;
        let mut next = first;
        let mut missing = 0;
        for row in rows {
            let (from, to) = row?;
            missing += from.saturating_sub(next);
            next = next.max(to + 1);
        }
        Ok(missing + (through + 1).saturating_sub(next))
    }

    /// Moves the watermark over what is there, and keeps it.
    fn close(mut self) -> Result<u64, StoreError> {
        let mut reaching = self.transaction.prepare_cached(
            "SELECT max(through) FROM ahead WHERE stream = ?1 AND sequence <= ?2",
        )?;
        loop {
            let next = self.watermark + 1;
            let through: Option<i64> = reaching
                .query_row(params![self.id, next.cast_signed()], |row| row.get(0))
                .optional()?
                .flatten();
            match through {
                Some(through) if through.cast_unsigned() > self.watermark => {
                    self.watermark = through.cast_unsigned();
                }
                _ => break,
            }
        }
        let watermark = self.watermark.cast_signed();
        self.transaction
            .prepare_cached("DELETE FROM ahead WHERE stream = ?1 AND through <= ?2")?
            .execute(params![self.id, watermark])?;
        self.transaction
            .prepare_cached("UPDATE stream SET watermark = ?2 WHERE id = ?1")?
            .execute(params![self.id, watermark])?;
        Ok(self.watermark)
    }

    fn store(&self, entry: &Entry) -> Result<(), StoreError> {
        match &entry.body {
            Body::Call(summary) => self.store_call(entry.sequence, summary),
            Body::Transcript(transcript) => self.store_transcript(entry.sequence, transcript),
            Body::Alarm(alarm) => self.store_report(entry, "alarm", &serde_json::to_string(alarm)?),
            Body::Health(health) => {
                self.store_report(entry, "health", &serde_json::to_string(health)?)
            }
            Body::Gap(_) | Body::Unknown => Ok(()),
        }
    }

    fn store_call(
        &self,
        sequence: u64,
        summary: &trunkside_record::CallSummary,
    ) -> Result<(), StoreError> {
        let Origin {
            tenant,
            branch,
            device,
        } = self.origin;
        self.transaction
            .prepare_cached(
                "INSERT INTO call (tenant, branch, device, call, started_ms, intent, emotion,
                                   outcome, decided_s, summary, stream, sequence)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                 ON CONFLICT (tenant, branch, device, call) DO UPDATE SET
                     started_ms = excluded.started_ms, intent = excluded.intent,
                     emotion = excluded.emotion, outcome = excluded.outcome,
                     decided_s = excluded.decided_s, summary = excluded.summary,
                     stream = excluded.stream, sequence = excluded.sequence",
            )?
            .execute(params![
                tenant.as_str(),
                branch.as_str(),
                device.as_str(),
                summary.call.to_string(),
                summary.started_at.as_millisecond(),
                summary.intent.as_ref().map(|intent| intent.name.as_str()),
                summary.mood.as_ref().map(|mood| mood.emotion.name()),
                summary.outcome.name(),
                summary.times.decided_s,
                serde_json::to_string(summary)?,
                self.id,
                sequence.cast_signed()
            ])?;
        Ok(())
    }

    fn store_transcript(
        &self,
        sequence: u64,
        transcript: &trunkside_record::Transcript,
    ) -> Result<(), StoreError> {
        let Origin {
            tenant,
            branch,
            device,
        } = self.origin;
        self.transaction
            .prepare_cached(
                "INSERT INTO transcript (tenant, branch, device, call, turns, stream, sequence)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (tenant, branch, device, call) DO UPDATE SET
                     turns = excluded.turns, stream = excluded.stream, sequence = excluded.sequence",
            )?
            .execute(params![
                tenant.as_str(),
                branch.as_str(),
                device.as_str(),
                transcript.call.to_string(),
                serde_json::to_string(&transcript.turns)?,
                self.id,
                sequence.cast_signed()
            ])?;
        Ok(())
    }

    fn store_report(&self, entry: &Entry, kind: &str, body: &str) -> Result<(), StoreError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO report (stream, sequence, kind, at_ms, clock_trusted, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.id,
                entry.sequence.cast_signed(),
                kind,
                entry.at.as_millisecond(),
                entry.clock_trusted,
                body
            ])?;
        Ok(())
    }
}
