//! What a caller's own earlier calls tell of them. Read beside the recorder, which is not disturbed.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use trunkside_call::{Emotion, Pii};
use trunkside_record::CallSummary;
use trunkside_understanding::intents::Event;

use super::StoreError;
use crate::customers::Customer;

/// The caller has called before.
const CALL: &str = "call";
/// Their last call left them angry.
const LEFT_ANGRY: &str = "left_angry";

const DAY_MS: i64 = 86_400_000;

/// A wish that was less plain does not count.
const PLAIN: f32 = 0.5;

/// So many of a caller's last calls count.
const MOST: usize = 50;

/// How long a writer may keep a reader waiting.
const BUSY: Duration = Duration::from_millis(500);

/// Whether this may be told of a caller, where callers can want what `intents` holds.
pub fn tells<'a>(kind: &str, mut intents: impl Iterator<Item = &'a str>) -> bool {
    kind == CALL || kind == LEFT_ANGRY || intents.any(|intent| intent == kind)
}

/// What the calls tell that came from a number within so long before now, in Unix milliseconds, and have
/// ended; nothing where there is no store yet.
pub fn of(
    store: &Path,
    caller: &Pii<String>,
    within: Duration,
    now_ms: i64,
) -> Result<Customer, StoreError> {
    if !store.exists() {
        return Ok(Customer::default());
    }
    let since_ms = now_ms.saturating_sub(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
    let read = || -> rusqlite::Result<Vec<(i64, String)>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(store, flags)?;
        connection.busy_timeout(BUSY)?;
        let mut statement = connection.prepare(
            "SELECT started_ms, summary FROM call
             WHERE caller = ?1 AND started_ms BETWEEN ?2 AND ?3 AND summary IS NOT NULL
             ORDER BY started_ms DESC LIMIT ?4",
        )?;
        let bounds = params![caller.reveal(), since_ms, now_ms, MOST as i64];
        let rows = statement.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    let rows = read().map_err(|source| StoreError::Database {
        path: store.display().to_string(),
        source,
    })?;
    let mut customer = Customer::default();
    for (started_ms, summary) in rows {
        let is_last = customer.history.is_empty();
        let days_ago = u32::try_from((now_ms - started_ms) / DAY_MS).unwrap_or(u32::MAX);
        let mut tell = |kind: &str| {
            customer.history.push(Event {
                kind: kind.to_owned(),
                days_ago,
            });
        };
        tell(CALL);
        // One that a newer box wrote tells no more than that it was.
        let Ok(summary) = serde_json::from_str::<CallSummary>(&summary) else {
            continue;
        };
        let mood = summary.mood.as_ref();
        if is_last && mood.is_some_and(|mood| mood.emotion == Emotion::Angry) {
            tell(LEFT_ANGRY);
        }
        let wishes = summary.intents.iter().filter(|wish| wish.score >= PLAIN);
        wishes.for_each(|wish| tell(&wish.name));
        if customer.talked_to.is_none() {
            customer.talked_to = summary.agent;
        }
    }
    Ok(customer)
}

#[cfg(test)]
mod tests {
    use trunkside_call::CallId;
    use trunkside_record::Pseudonym;
    use uuid::Uuid;

    use super::*;
    use crate::storage::store::{Began, Export, Store};

    const NOW_MS: i64 = 1_780_000_000_000;
    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn summary(call: CallId, more: &str) -> String {
        format!(
            r#"{{"call":"{call}","started_at":"2026-05-28T20:26:40Z","outcome":"bridged","ended_by":"caller",
                "times":{{}},"redacted":true{more}}}"#
        )
    }

    /// Stores a call that began so many days ago, with more in its summary.
    fn keep(store: &mut Store, number: u128, caller: &str, days_ago: i64, more: Option<&str>) {
        let call = CallId::new(Uuid::from_u128(number));
        let began = Began {
            call,
            started_ms: NOW_MS - days_ago * DAY_MS,
            caller: Pii::new(caller.to_owned()),
        };
        let export = Export {
            call,
            summary: more.map_or("{}".to_owned(), |more| summary(call, more)),
            transcript: None,
        };
        store
            .write(|writing| writing.close_call(&began, &export, &[], None, Some(&[])))
            .expect("it is kept");
    }

    #[test]
    fn earlier_calls_tell_what_was_wanted_and_who_took_the_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calls.db");
        let of = |caller: &str| of(&path, &Pii::new(caller.to_owned()), MONTH, NOW_MS);
        assert!(of("139").expect("there is no store").is_empty());
        let mut store = Store::open(&path).expect("it opens");
        let angry = r#","mood":{"emotion":"angry","emotion_score":0.9,"sentiment":-0.8}"#;
        let wanted = |intent: &str, agent: &str| {
            format!(r#","intents":[{{"name":"{intent}","score":0.9}}],"agent":"{agent}""#)
        };
        let (first, last) = ("aaaabbbbccccdddd", "eeeeffffgggghhhh");
        keep(&mut store, 1, "139", 40, Some(&wanted("fault", first)));
        keep(
            &mut store,
            2,
            "139",
            20,
            Some(&(wanted("refund", first) + angry)),
        );
        keep(&mut store, 3, "139", 2, Some(&wanted("bill", last)));
        keep(&mut store, 4, "139", 1, None);
        keep(&mut store, 5, "138", 3, Some(angry));
        // By a clock that was ahead.
        keep(&mut store, 6, "137", -3, Some(angry));
        let known = of("139").expect("it can be read");
        let told: Vec<(&str, u32)> = known
            .history
            .iter()
            .map(|event| (event.kind.as_str(), event.days_ago))
            .collect();
        let expected = [
            ("call", 1),
            ("call", 2),
            ("bill", 2),
            ("call", 20),
            ("refund", 20),
        ];
        assert_eq!(told, expected);
        assert_eq!(known.talked_to.as_ref().map(Pseudonym::as_str), Some(last));
        let known = of("138").expect("it can be read").facts();
        assert_eq!(known, ["call", LEFT_ANGRY].map(str::to_owned).into());
        let intents = || ["bill"].into_iter();
        assert!(
            ["call", LEFT_ANGRY, "bill"]
                .iter()
                .all(|kind| tells(kind, intents()))
        );
        assert!(!tells("wealth_viewed", intents()));
        assert!(of("137").expect("it can be read").is_empty());
        assert!(of("136").expect("it can be read").is_empty());
        let broken = folder.path().join("broken.db");
        std::fs::write(&broken, "no database".repeat(1_000)).expect("writable");
        let caller = Pii::new("139".to_owned());
        assert!(super::of(&broken, &caller, MONTH, NOW_MS).is_err());
    }
}
