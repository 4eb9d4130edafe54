//! Where the agents' phones are, for the next start: one that registered by datagrams does not notice that
//! the box was started again, and would not be rung until it registers next.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_call::Pii;
use trunkside_line::Registration;

use crate::clock::{self, Clock};

/// Its name in the data folder.
pub const FILE: &str = "phones.json";

/// How long changes gather before the disk is asked again.
const PACE: Duration = Duration::from_secs(10);

/// One phone, as the file has it.
#[derive(Serialize, Deserialize)]
struct Kept {
    user: String,
    contact: String,
    /// What it calls the box; empty in a file that does not say.
    #[serde(default)]
    domain: String,
    source: SocketAddr,
    /// In Unix milliseconds: no other clock goes on while the box is away.
    until_ms: i64,
}

/// Where the phones were when the last run stopped; none where that cannot be read, which costs them no
/// more than the time until they register again.
pub fn read(folder: &Path) -> Vec<Registration> {
    let path = folder.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Vec::new();
    };
    // The reader's words would quote the file.
    let Ok(kept) = serde_json::from_str::<Vec<Kept>>(&text) else {
        tracing::warn!(file = %path.display(), "where the phones were cannot be read; they are rung once they register again");
        return Vec::new();
    };
    let (now, now_ms) = moment();
    let known = kept.into_iter().filter_map(|phone| {
        let left = phone.until_ms.saturating_sub(now_ms);
        let left = u64::try_from(left).ok().filter(|left| *left > 0)?;
        Some(Registration {
            user: phone.user,
            contact: Pii::new(phone.contact),
            domain: phone.domain,
            source: phone.source,
            until: now.checked_add(Duration::from_millis(left))?,
        })
    });
    known.collect()
}

/// What the file is to say.
pub fn text(phones: &[Registration]) -> Pii<String> {
    let (now, now_ms) = moment();
    let kept = phones.iter().map(|phone| {
        let left = phone.until.saturating_duration_since(now);
        Kept {
            user: phone.user.clone(),
            contact: phone.contact.reveal().clone(),
            domain: phone.domain.clone(),
            source: phone.source,
            until_ms: now_ms + left.as_millis() as i64,
        }
    });
    let kept: Vec<Kept> = kept.collect();
    Pii::new(serde_json::to_string(&kept).expect("a phone is plain data"))
}

/// Has it noted where the phones are as they come and go, until the line is gone.
pub async fn keep(
    mut phones: watch::Receiver<Vec<Registration>>,
    note: impl Fn(&[Registration]),
    stop: CancellationToken,
) {
    while phones.changed().await.is_ok() {
        note(&phones.borrow_and_update());
        let gathering = tokio::time::sleep(PACE);
        // What comes while the box stops is the last that the next run learns.
        stop.run_until_cancelled(gathering).await;
    }
}

/// Now, by the clock that the line goes by and by the wall's.
fn moment() -> (Instant, i64) {
    let clock = Clock::start();
    let now = clock.instant(Duration::ZERO);
    (now, clock::timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn phone(user: &str, left: Duration) -> Registration {
        Registration {
            user: user.to_owned(),
            contact: Pii::new(format!("sip:{user}@192.0.2.20:5062")),
            domain: "box.example".to_owned(),
            source: "192.0.2.1:6000".parse().expect("an address"),
            until: moment().0 + left,
        }
    }

    #[test]
    fn phones_are_known_again_until_their_time_is_up() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), []);
        let minute = Duration::from_mins(1);
        let phones = [phone("li_na", minute), phone("zhang_wei", Duration::ZERO)];
        let text = text(&phones);
        std::fs::write(folder.path().join(FILE), text.reveal()).unwrap();
        let known = read(folder.path());
        let [known] = &known[..] else {
            panic!("{known:?}")
        };
        assert_eq!(
            (&known.user, known.source),
            (&phones[0].user, phones[0].source)
        );
        assert_eq!(known.contact, phones[0].contact);
        assert_eq!(known.domain, phones[0].domain);
        let left = known.until.saturating_duration_since(moment().0);
        assert!(left <= minute && left > minute / 2, "{left:?}");

        for damaged in ["", "[{}]", "{\"user\":"] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(read(folder.path()), []);
        }
        let mad = text_until(i64::MAX) + &text_until(i64::MIN);
        let mad = mad.replace("][", ",");
        std::fs::write(folder.path().join(FILE), mad).unwrap();
        assert!(read(folder.path()).len() <= 1, "no time ends the start");
    }

    fn text_until(until_ms: i64) -> String {
        let text = text(&[phone("li_na", Duration::ZERO)]);
        let mut kept: Vec<Kept> = serde_json::from_str(text.reveal()).unwrap();
        kept[0].until_ms = until_ms;
        serde_json::to_string(&kept).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn changes_gather_and_the_last_is_noted_before_the_end() {
        let (told, phones) = watch::channel(Vec::new());
        let stop = CancellationToken::new();
        let noted = Mutex::new(Vec::new());
        let keeping = keep(
            phones,
            |phones| noted.lock().unwrap().push(phones.len()),
            stop.clone(),
        );
        let telling = async {
            for many in 1..=3 {
                let phones = (0..many).map(|_| phone("li_na", PACE)).collect();
                told.send_replace(phones);
                tokio::time::sleep(PACE / 4).await;
            }
            stop.cancel();
            drop(told);
        };
        tokio::join!(keeping, telling);
        assert_eq!(*noted.lock().unwrap(), [1, 3]);
    }
}
