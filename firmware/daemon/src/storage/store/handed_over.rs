//! What the outbox has of the calls: which it may not have, where it has the others, and which of those
//! it has lost.

use rusqlite::params;
use trunkside_uplink::{Receipt, Stretch};

use super::{Export, HandedOver, Store, StoreError, Writing};

impl Store {
    /// The first `most` calls that ended but whose records the outbox may not hold, or the smallest.
    pub fn unexported(&mut self, most: usize, smallest: bool) -> Result<Vec<Export>, StoreError> {
        let order = if smallest {
            "length(summary) + coalesce(length(transcript), 0)"
        } else {
            "id"
        };
        self.work(|connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT id, summary, transcript FROM call
                 WHERE exported = 0 AND summary IS NOT NULL ORDER BY {order} LIMIT ?1",
            ))?;
            let rows = statement.query_map([most as i64], |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut exports = Vec::new();
            for row in rows {
                let (id, summary, transcript) = row?;
                if let Ok(call) = id.parse() {
                    exports.push(Export {
                        call,
                        summary,
                        transcript,
                    });
                }
            }
            Ok(exports)
        })
    }

    /// Lets the calls be handed over again whose records the outbox had there; says how many.
    pub fn hand_over_again(&mut self, lost: &[Stretch]) -> Result<usize, StoreError> {
        let mut calls = 0;
        self.write(|writing| {
            for stretch in lost {
                calls += writing.unmark(stretch)?;
            }
            Ok(())
        })?;
        Ok(calls)
    }
}

impl Writing<'_> {
    /// Notes that the outbox holds the calls' records; of a store that began anew since, there is nothing
    /// to note.
    pub fn mark_exported(&self, calls: &[HandedOver]) -> rusqlite::Result<()> {
        let mut mark = self
            .connection
            .prepare("UPDATE call SET exported = 1 WHERE id = ?1")?;
        for (call, places) in calls {
            let call = call.to_string();
            if mark.execute([&call])? > 0 {
                self.note_places(&call, places)?;
            }
        }
        Ok(())
    }

    /// Notes where the outbox has a call's records now.
    pub(super) fn note_places(&self, call: &str, places: &[Receipt]) -> rusqlite::Result<()> {
        self.forget_places(call)?;
        let mut note = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO handed_over VALUES (?1, ?2, ?3)")?;
        places.iter().try_for_each(|place| {
            let place = params![call, number(place.epoch), number(place.sequence)];
            note.execute(place).map(drop)
        })
    }

    /// A call whose records are not looked for in the outbox any more.
    pub(super) fn forget_places(&self, call: &str) -> rusqlite::Result<()> {
        let forget = "DELETE FROM handed_over WHERE call = ?1";
        self.connection.execute(forget, [call]).map(drop)
    }

    fn unmark(&self, lost: &Stretch) -> rusqlite::Result<usize> {
        self.connection.execute(
            "UPDATE call SET exported = 0 WHERE exported = 1 AND id IN (
                 SELECT call FROM handed_over WHERE epoch = ?1 AND sequence BETWEEN ?2 AND ?3)",
            params![number(lost.epoch), number(lost.from), number(lost.through)],
        )
    }
}

/// As SQLite counts.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
