//! What the store forgets: calls whose time has come, and those that somebody asks to be forgotten.
//!
//! Words, numbers and promises to call back go at once. The record itself, which names nobody, goes
//! once the outbox has it.

use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use trunkside_call::{CallId, Pii};

use super::{Store, StoreError, Writing};

/// Calls that are forgotten together at most; whoever waits for the store waits no longer.
pub const AT_ONCE: usize = 100;

/// No call is older: a clock that reads less (2025-01-01) was not set.
const FLOOR_MS: i64 = 1_735_689_600_000;

/// A call from so far ahead was dated by a clock that was wrong.
const DAY_MS: i64 = 86_400_000;

/// Since when things are too old.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    now_ms: i64,
    trusted: bool,
    oldest_ms: i64,
}

impl Horizon {
    /// What began longer than `keep` before now is too old. None while the clock is plainly wrong;
    /// one that no time server has set is believed otherwise, or a box without any would keep
    /// everything for ever. A clock that is set back makes nothing older.
    pub fn new(now_ms: i64, trusted: bool, keep: Duration) -> Option<Self> {
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        (now_ms >= FLOOR_MS).then_some(Self {
            now_ms,
            trusted,
            oldest_ms: now_ms.saturating_sub(keep_ms),
        })
    }

    /// Whether a moment, in Unix milliseconds, lies too far back. One before any box was made does
    /// not tell.
    pub fn is_old(&self, at_ms: i64) -> bool {
        (FLOOR_MS..self.oldest_ms).contains(&at_ms)
    }

    /// Whether a moment lies within what is kept.
    pub fn is_recent(&self, at_ms: i64) -> bool {
        at_ms >= self.oldest_ms && !self.is_ahead(at_ms)
    }

    /// Whether a moment lies so far ahead that the clock which read it was wrong.
    pub fn is_ahead(&self, at_ms: i64) -> bool {
        at_ms > self.now_ms.saturating_add(DAY_MS)
    }

    /// The same, kept for so much less long.
    #[must_use]
    pub fn nearer(&self, by: Duration) -> Self {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        Self {
            oldest_ms: self.oldest_ms.saturating_add(by_ms),
            ..*self
        }
    }
}

/// A call as those see it who look for one.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The call.
    pub call: CallId,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
    /// Who called; empty once that is forgotten.
    pub caller: Pii<String>,
    /// Its summary, JSON; none while it goes on, or when the box stopped in its middle.
    pub summary: Option<String>,
    /// Turns whose words are kept.
    pub turns: u32,
    /// Whether the outbox has its record.
    pub exported: bool,
    /// Whether the box is to ring the caller at their turn.
    pub box_rings: bool,
}

/// One turn of a call that is kept.
#[derive(Clone, Debug)]
pub struct KeptTurn {
    /// `caller` or `agent`.
    pub side: String,
    /// When it began, in milliseconds from when the caller was heard first.
    pub start_ms: i64,
    /// Until when.
    pub end_ms: i64,
    /// What was recognised.
    pub text: Pii<String>,
}

impl Store {
    /// What was said in a call, in order; of one that goes on, until now.
    pub fn turns(&mut self, call: CallId) -> Result<Vec<KeptTurn>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT side, start_ms, end_ms, text FROM turn WHERE call = ?1
                 UNION ALL
                 SELECT side, start_ms, end_ms, text FROM unfinished_turn WHERE call = ?1
                 ORDER BY start_ms",
            )?;
            let rows = statement.query_map([call.to_string()], |row| {
                Ok(KeptTurn {
                    side: row.get(0)?,
                    start_ms: row.get(1)?,
                    end_ms: row.get(2)?,
                    text: Pii::new(row.get(3)?),
                })
            })?;
            rows.collect()
        })
    }

    /// All calls, oldest first.
    pub fn calls(&mut self) -> Result<Vec<Kept>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, started_ms, caller, summary, exported,
                     (SELECT count(*) FROM turn WHERE turn.call = call.id)
                     + (SELECT count(*) FROM unfinished_turn WHERE unfinished_turn.call = call.id),
                     EXISTS (SELECT 1 FROM place WHERE place.call = call.id)
                 FROM call ORDER BY started_ms, id",
            )?;
            let rows = statement.query_map([], |row| {
                let id: String = row.get(0)?;
                let Ok(call) = id.parse() else {
                    return Ok(None);
                };
                Ok(Some(Kept {
                    call,
                    started_ms: row.get(1)?,
                    caller: Pii::new(row.get(2)?),
                    summary: row.get(3)?,
                    exported: row.get(4)?,
                    turns: row.get(5)?,
                    box_rings: row.get(6)?,
                }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Forgets the oldest calls that are too old, at most [`AT_ONCE`]; says how many. Calls that go
    /// on stay.
    pub fn forget_old(&mut self, horizon: &Horizon) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        self.write(|writing| {
            writing.date(horizon)?;
            let old = writing.old(horizon)?;
            old.iter().try_for_each(|call| writing.forget(call))?;
            // Recordings have a time of their own; what became of one goes with the later of both.
            writing.connection.execute(
                "DELETE FROM recording WHERE deleted_ms IS NOT NULL
                 AND call NOT IN (SELECT id FROM call)",
                [],
            )?;
            forgotten = old.len();
            Ok(())
        })?;
        if forgotten > 0 {
            self.forget_the_log()?;
        }
        Ok(forgotten)
    }

    /// Forgets a call because somebody asks. False when it has not ended, the box is to ring the caller
    /// at their turn, or there is none.
    pub fn forget(&mut self, call: CallId) -> Result<bool, StoreError> {
        let id = call.to_string();
        let mut is_over = false;
        self.write(|writing| {
            let over = "SELECT summary IS NOT NULL AND id NOT IN (SELECT call FROM place)
                        FROM call WHERE id = ?1";
            let found = writing.connection.query_row(over, [&id], |row| row.get(0));
            is_over = found.optional()?.unwrap_or(false);
            if is_over {
                writing.forget(&id)?;
            }
            Ok(())
        })?;
        self.forget_the_log()?;
        Ok(is_over)
    }

    /// What was overwritten in the file still stands in the log beside it, until that is emptied.
    /// Somebody who reads meanwhile keeps it; then the next time does it.
    fn forget_the_log(&mut self) -> Result<(), StoreError> {
        self.work(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }
}

impl Writing<'_> {
    /// Gives calls whose date cannot be right the present one to be kept from.
    fn date(&self, horizon: &Horizon) -> rusqlite::Result<()> {
        let Horizon {
            now_ms, trusted, ..
        } = *horizon;
        // By a clock that may be behind, the future may be the present.
        let ahead_ms = if trusted { now_ms + DAY_MS } else { i64::MAX };
        self.connection.execute(
            "INSERT OR IGNORE INTO undated
             SELECT id, ?1 FROM call
             WHERE summary IS NOT NULL AND (started_ms < ?2 OR started_ms > ?3)",
            params![now_ms, FLOOR_MS, ahead_ms],
        )?;
        let again = "UPDATE undated SET found_ms = ?1 WHERE found_ms > ?2";
        self.connection
            .execute(again, params![now_ms, ahead_ms])
            .map(drop)
    }

    fn old(&self, horizon: &Horizon) -> rusqlite::Result<Vec<String>> {
        let mut statement = self.connection.prepare(
            "SELECT id FROM call
             WHERE (started_ms >= ?1 AND started_ms < ?2
                    OR id IN (SELECT call FROM undated WHERE found_ms < ?2))
                 AND summary IS NOT NULL
                 AND (exported = 1 OR caller <> ''
                      OR EXISTS (SELECT 1 FROM turn WHERE turn.call = call.id))
             ORDER BY started_ms LIMIT ?3",
        )?;
        let bounds = params![FLOOR_MS, horizon.oldest_ms, AT_ONCE as i64];
        statement.query_map(bounds, |row| row.get(0))?.collect()
    }

    /// Forgets a call that has ended: all of it, or all but the record for which the outbox waits.
    fn forget(&self, call: &str) -> rusqlite::Result<()> {
        self.finish(call)?;
        self.forget_places(call)?;
        for forget in [
            "DELETE FROM turn WHERE call = ?1",
            "DELETE FROM callback WHERE call = ?1",
            "DELETE FROM place WHERE call = ?1",
            "DELETE FROM recording WHERE call = ?1 AND (deleted_ms IS NOT NULL OR kept_ms = 0)",
            "UPDATE call SET caller = '' WHERE id = ?1 AND exported = 0",
            "DELETE FROM undated WHERE call = ?1
                 AND EXISTS (SELECT 1 FROM call WHERE id = ?1 AND exported = 1)",
            "DELETE FROM call WHERE id = ?1 AND exported = 1",
        ] {
            self.connection.execute(forget, [call])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
