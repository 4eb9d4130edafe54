//! What calls in progress have come to: noted as it comes, gone when the call is stored.

use std::time::Duration;

use rusqlite::params;
use trunkside_call::{CallId, Pii, Side};

use super::{Began, Store, StoreError, Turn, Writing};

/// One turn of a call that goes on.
#[derive(Clone, Debug)]
pub struct NotedTurn {
    /// Counts the call's turns, in the order in which they were recognised.
    pub number: u32,
    /// What was said, for the box alone.
    pub turn: Turn,
    /// The same, redacted.
    pub redacted: String,
}

/// A call that began and never ended: the box stopped in its middle.
#[derive(Debug)]
pub struct Interrupted {
    /// The call.
    pub began: Began,
    /// Its summary as it was noted last, JSON; none when the box stopped before there was any.
    pub summary: Option<String>,
    /// What was said until then.
    pub turns: Vec<NotedTurn>,
}

impl Writing<'_> {
    /// Notes what a call in progress has come to: its summary, JSON, and the turns that are new.
    /// Of one that has ended, or never began, nothing is noted.
    pub fn note(&self, call: CallId, summary: &str, turns: &[NotedTurn]) -> rusqlite::Result<()> {
        let call = call.to_string();
        let noted = self.connection.execute(
            "INSERT INTO unfinished (call, summary)
             SELECT id, ?2 FROM call WHERE id = ?1 AND summary IS NULL
             ON CONFLICT (call) DO UPDATE SET summary = excluded.summary",
            params![call, summary],
        )?;
        if noted == 0 {
            return Ok(());
        }
        for NotedTurn {
            number,
            turn,
            redacted,
        } in turns
        {
            self.connection.execute(
                "INSERT OR REPLACE INTO unfinished_turn VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    call,
                    number,
                    turn.side.name(),
                    turn.start.as_millis() as i64,
                    turn.end.as_millis() as i64,
                    turn.text.reveal(),
                    redacted,
                ],
            )?;
        }
        Ok(())
    }

    /// The call's record says all that the notes did.
    pub(super) fn finish(&self, call: &str) -> rusqlite::Result<()> {
        for delete in [
            "DELETE FROM unfinished WHERE call = ?1",
            "DELETE FROM unfinished_turn WHERE call = ?1",
        ] {
            self.connection.execute(delete, [call])?;
        }
        Ok(())
    }
}

impl Store {
    /// Calls that began and never ended, with what was noted of them.
    pub fn interrupted(&mut self) -> Result<Vec<Interrupted>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT call.id, call.started_ms, call.caller, unfinished.summary
                 FROM call LEFT JOIN unfinished ON unfinished.call = call.id
                 WHERE call.summary IS NULL ORDER BY call.id",
            )?;
            let mut turns = connection.prepare(
                "SELECT number, side, start_ms, end_ms, text, redacted FROM unfinished_turn
                 WHERE call = ?1 ORDER BY number",
            )?;
            let rows = statement.query_map([], |row| {
                let id: String = row.get(0)?;
                Ok((id, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            let mut calls = Vec::new();
            for row in rows {
                let (id, started_ms, caller, summary) = row?;
                let Ok(call) = id.parse() else { continue };
                calls.push(Interrupted {
                    began: Began {
                        call,
                        started_ms,
                        caller: Pii::new(caller),
                    },
                    summary,
                    turns: turns.query_map([id], noted)?.collect::<Result<_, _>>()?,
                });
            }
            Ok(calls)
        })
    }
}

fn noted(row: &rusqlite::Row<'_>) -> rusqlite::Result<NotedTurn> {
    let milliseconds = |column| -> rusqlite::Result<Duration> {
        let ms: i64 = row.get(column)?;
        Ok(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    };
    let side: String = row.get(1)?;
    Ok(NotedTurn {
        number: row.get(0)?,
        turn: Turn {
            side: if side == Side::Agent.name() {
                Side::Agent
            } else {
                Side::Caller
            },
            start: milliseconds(2)?,
            end: milliseconds(3)?,
            text: Pii::new(row.get(4)?),
        },
        redacted: row.get(5)?,
    })
}
