//! Promises to call back: whom the box itself rings at their turn, and whom somebody must.
//!
//! A promise is kept once an agent has talked to that number, whoever rang whom, or once somebody says
//! that they have called.

use rusqlite::params;
use trunkside_call::{CallId, Pii};

use super::{Began, Store, StoreError, Writing};

/// A promise, or a call that was cut off, as those see it who call back.
#[derive(Clone, Debug)]
pub struct Promise {
    /// The call in which it was given.
    pub call: CallId,
    /// When that call began, in Unix milliseconds.
    pub started_ms: i64,
    /// The number to ring.
    pub number: Pii<String>,
    /// Why, by the name of [`Owed`](super::Owed).
    pub cause: String,
    /// Whether the box rings them at their turn.
    pub box_rings: bool,
    /// Whether somebody with that number is in a call now, whoever rang whom.
    pub on_the_line: bool,
    /// When it was kept, in Unix milliseconds.
    pub done_ms: Option<i64>,
}

/// A caller whom the box is to ring at their turn.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptPlace {
    /// The call in which they asked for it.
    pub call: CallId,
    /// When, in Unix milliseconds.
    pub asked_ms: i64,
    /// Their number.
    pub number: Pii<String>,
    /// What they want, JSON.
    pub wish: String,
}

impl Writing<'_> {
    /// The caller keeps their place in the queue.
    pub fn place_kept(&self, place: &KeptPlace) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO place (call, asked_ms, number, wish) VALUES (?1, ?2, ?3, ?4)",
                params![
                    place.call.to_string(),
                    place.asked_ms,
                    place.number.reveal(),
                    place.wish
                ],
            )
            .map(drop)
    }

    /// The box does not ring them any more, whether or not it has reached them.
    pub fn place_gone(&self, call: CallId) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM place WHERE call = ?1", [call.to_string()])
            .map(drop)
    }

    /// An agent has talked to whoever has that number, in a call that began then: what was promised
    /// in it or before is kept. A number without figures is nobody's.
    pub fn talked_to(&self, began: &Began, now_ms: i64) -> rusqlite::Result<()> {
        self.connection
            .execute(
                "UPDATE callback SET done_ms = ?3
                 WHERE number = ?1 AND number GLOB '*[0-9]*' AND done_ms IS NULL
                     AND call IN (SELECT id FROM call WHERE started_ms <= ?2)",
                params![began.caller.reveal(), began.started_ms, now_ms],
            )
            .map(drop)
    }
}

impl Store {
    /// Whom the box was to ring at their turn when it stopped, oldest first.
    pub fn places(&mut self) -> Result<Vec<KeptPlace>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT call, asked_ms, number, wish FROM place ORDER BY asked_ms, call",
            )?;
            let rows = statement.query_map([], |row| {
                let call: String = row.get(0)?;
                let Ok(call) = call.parse() else {
                    return Ok(None);
                };
                Ok(Some(KeptPlace {
                    call,
                    asked_ms: row.get(1)?,
                    number: Pii::new(row.get(2)?),
                    wish: row.get(3)?,
                }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Promises, oldest first: those that are still to be kept, or all of them.
    pub fn promises(&mut self, all: bool) -> Result<Vec<Promise>, StoreError> {
        self.work(|connection| {
            let mut statement = connection.prepare(
                "SELECT call.id, call.started_ms, callback.number, callback.cause, callback.done_ms,
                     EXISTS (SELECT 1 FROM place WHERE place.call = call.id),
                     callback.number GLOB '*[0-9]*' AND EXISTS (
                         SELECT 1 FROM call AS now
                         WHERE now.caller = callback.number AND now.summary IS NULL)
                 FROM callback JOIN call ON call.id = callback.call
                 WHERE ?1 OR callback.done_ms IS NULL
                 ORDER BY call.started_ms, call.id",
            )?;
            let rows = statement.query_map([all], |row| {
                let call: String = row.get(0)?;
                let Ok(call) = call.parse() else {
                    return Ok(None);
                };
                Ok(Some(Promise {
                    call,
                    started_ms: row.get(1)?,
                    number: Pii::new(row.get(2)?),
                    cause: row.get(3)?,
                    done_ms: row.get(4)?,
                    box_rings: row.get(5)?,
                    on_the_line: row.get(6)?,
                }))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// Somebody has called back. What was noted before stays.
    pub fn promise_kept(&mut self, call: CallId, now_ms: i64) -> Result<(), StoreError> {
        self.write(|writing| {
            let note = "UPDATE callback SET done_ms = ?2 WHERE call = ?1 AND done_ms IS NULL";
            let note = writing
                .connection
                .execute(note, params![call.to_string(), now_ms]);
            note.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::CallbackCause;
    use uuid::Uuid;

    use super::*;
    use crate::storage::store::{Callback, Export, Owed};

    fn call(number: u128) -> CallId {
        CallId::new(Uuid::from_u128(number))
    }

    /// A call from a number, with a promise.
    fn promise(store: &mut Store, id: u128, number: &str) {
        let cause = Owed::Promised(CallbackCause::Asked);
        owe(store, id, number, cause);
    }

    fn owe(store: &mut Store, id: u128, number: &str, cause: Owed) {
        let number = Pii::new(number.to_owned());
        let began = Began {
            call: call(id),
            started_ms: id as i64,
            caller: number.clone(),
        };
        let export = Export {
            call: call(id),
            summary: "{}".to_owned(),
            transcript: None,
        };
        let callback = Callback { number, cause };
        store
            .write(|writing| writing.close_call(&began, &export, &[], Some(&callback), None))
            .unwrap();
    }

    fn place(id: u128, number: &str) -> KeptPlace {
        KeptPlace {
            call: call(id),
            asked_ms: id as i64,
            number: Pii::new(number.to_owned()),
            wish: "{}".to_owned(),
        }
    }

    fn waiting(store: &mut Store) -> Vec<(CallId, bool)> {
        let promises = store.promises(false).unwrap();
        promises
            .into_iter()
            .map(|p| (p.call, p.box_rings))
            .collect()
    }

    #[test]
    fn a_promise_is_kept_when_an_agent_talks_to_the_number_or_somebody_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
        for (id, number) in [(1, "100"), (2, "200"), (3, "100"), (4, "anonymous")] {
            promise(&mut store, id, number);
        }
        promise(&mut store, 9, "100");
        let talked = |store: &mut Store, number: &str| {
            let began = Began {
                call: call(8),
                started_ms: 8,
                caller: Pii::new(number.to_owned()),
            };
            store
                .write(|writing| writing.talked_to(&began, 50))
                .unwrap();
        };
        talked(&mut store, "100");
        talked(&mut store, "anonymous");
        // The last was given after that.
        let left = [(call(2), false), (call(4), false), (call(9), false)];
        assert_eq!(waiting(&mut store), left);
        store.promise_kept(call(4), 60).unwrap();
        store.promise_kept(call(1), 70).unwrap();
        assert_eq!(waiting(&mut store), [(call(2), false), (call(9), false)]);
        let all = store.promises(true).unwrap();
        let done: Vec<_> = all.iter().map(|promise| promise.done_ms).collect();
        assert_eq!(done, [Some(50), None, Some(50), Some(60), None]);
    }

    #[test]
    fn who_is_promised_a_call_and_has_one_now_is_on_the_line_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
        for (id, number) in [(1, "100"), (2, "200"), (3, "anonymous")] {
            promise(&mut store, id, number);
        }
        for (id, number) in [(4, "100"), (5, "anonymous")] {
            let began = Began {
                call: call(id),
                started_ms: 9,
                caller: Pii::new(number.to_owned()),
            };
            store.write(|writing| writing.open_call(&began)).unwrap();
        }
        let on_the_line = |store: &mut Store| -> Vec<bool> {
            let promises = store.promises(false).unwrap();
            promises.into_iter().map(|p| p.on_the_line).collect()
        };
        assert_eq!(on_the_line(&mut store), [true, false, false]);
        // The call ends, and no agent has talked to them.
        promise(&mut store, 4, "300");
        assert_eq!(on_the_line(&mut store), [false; 4]);
    }

    #[test]
    fn who_was_cut_off_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("calls.db")).unwrap();
        promise(&mut store, 1, "100");
        for (id, number) in [(2, "100"), (3, "200"), (4, "200")] {
            owe(&mut store, id, number, Owed::CutOff);
        }
        assert_eq!(waiting(&mut store), [(call(1), false), (call(3), false)]);
        let causes = store.promises(false).unwrap();
        let causes: Vec<String> = causes.into_iter().map(|promise| promise.cause).collect();
        assert_eq!(causes, ["asked", "interrupted"]);
    }

    #[test]
    fn places_outlive_the_process_until_they_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calls.db");
        {
            let mut store = Store::open(&path).unwrap();
            promise(&mut store, 7, "100");
            store
                .write(|writing| {
                    writing.place_kept(&place(8, "200"))?;
                    writing.place_kept(&place(7, "100"))
                })
                .unwrap();
        }
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.places().unwrap(), [place(7, "100"), place(8, "200")]);
        assert_eq!(waiting(&mut store), [(call(7), true)]);
        store.write(|writing| writing.place_gone(call(7))).unwrap();
        assert_eq!(store.places().unwrap(), [place(8, "200")]);
        assert_eq!(waiting(&mut store), [(call(7), false)]);
    }
}
