//! What callers who wait are told of their place and of how long it will take.

use trunkside_call::PromptKey;
use trunkside_decision::WaitEstimate;
use trunkside_media::{LARGEST_NUMBER, Numbers};

use crate::config::Tells;

/// Whoever would wait longer is told no time.
const LONGEST_TOLD: u32 = 60;

/// Where a caller stands in the queue, as the router said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many callers stand before this one.
    pub ahead: u32,
    /// How long they will wait, where that can be foreseen.
    pub wait: Option<WaitEstimate>,
}

/// The sentences that a waiting caller is told, before they are asked to wait.
pub fn sentences(standing: Standing, tells: Tells) -> Vec<(PromptKey, Numbers)> {
    let position = tells.position.then(|| position(standing.ahead)).flatten();
    let wait = standing.wait.filter(|_| tells.wait).and_then(wait);
    position.into_iter().chain(wait).collect()
}

fn position(ahead: u32) -> Option<(PromptKey, Numbers)> {
    let key = match ahead {
        0 => PromptKey::Next,
        1 => PromptKey::OneAhead,
        // One of them may be told by its position, one more.
        _ if ahead < LARGEST_NUMBER => PromptKey::Ahead,
        _ => return None,
    };
    let numbers = Numbers {
        ahead,
        ..Numbers::default()
    };
    Some((key, numbers))
}

/// From what half of such callers wait to what nine in ten wait, in whole minutes.
fn wait(wait: WaitEstimate) -> Option<(PromptKey, Numbers)> {
    let minutes = |time: std::time::Duration| {
        let minutes = (time.as_secs_f64() / 60.0).round();
        // A time without bounds becomes the largest number.
        (minutes as u32).max(1)
    };
    let (least, most) = (minutes(wait.median), minutes(wait.ninety_percent));
    let key = match (least, most) {
        _ if wait.ninety_percent.as_secs() < 60 => PromptKey::WaitShort,
        (_, most) if most > LONGEST_TOLD => return None,
        (1, 1) => PromptKey::WaitOne,
        (least, most) if least >= most => PromptKey::WaitAbout,
        _ => PromptKey::WaitBetween,
    };
    let numbers = Numbers {
        least,
        most,
        ..Numbers::default()
    };
    Some((key, numbers))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ALL: Tells = Tells {
        position: true,
        wait: true,
    };

    fn told(ahead: u32, wait: Option<(u64, u64)>, tells: Tells) -> Vec<(PromptKey, Numbers)> {
        let wait = wait.map(|(median, ninety)| WaitEstimate {
            ten_percent: Duration::ZERO,
            median: Duration::from_secs(median),
            ninety_percent: Duration::from_secs(ninety),
        });
        sentences(Standing { ahead, wait }, tells)
    }

    fn keys(ahead: u32, wait: (u64, u64)) -> Vec<PromptKey> {
        let told = told(ahead, Some(wait), ALL);
        told.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn who_is_next_hears_no_number() {
        assert_eq!(keys(0, (5, 30)), [PromptKey::Next, PromptKey::WaitShort]);
        assert_eq!(keys(1, (45, 80)), [PromptKey::OneAhead, PromptKey::WaitOne]);
    }

    #[test]
    fn half_and_nine_in_ten_make_a_span_of_minutes() {
        let said = told(5, Some((130, 310)), ALL);
        assert_eq!(said[0].0, PromptKey::Ahead);
        assert_eq!(said[0].1.ahead, 5);
        assert_eq!(said[1].0, PromptKey::WaitBetween);
        assert_eq!((said[1].1.least, said[1].1.most), (2, 5));
        let about = told(2, Some((115, 125)), ALL);
        assert_eq!((about[1].0, about[1].1.least), (PromptKey::WaitAbout, 2));
    }

    #[test]
    fn what_is_not_wanted_not_known_or_too_long_is_not_said() {
        assert!(told(3, None, ALL).len() == 1);
        assert_eq!(keys(3, (600, 100_000)), [PromptKey::Ahead]);
        assert_eq!(keys(5_000, (10, 20)), [PromptKey::WaitShort]);
        let nothing = Tells {
            position: false,
            wait: false,
        };
        assert!(told(3, Some((10, 20)), nothing).is_empty());
    }
}
