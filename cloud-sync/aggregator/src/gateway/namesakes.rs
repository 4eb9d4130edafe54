//! Boxes that connect under one name. The broker lets the last one in and ends the one before, so that
//! two of them take turns for ever, and each looks like a box with a bad line.
//!
//! Pure: it is told of connections and says when somebody should be told.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use trunkside_record::Origin;

/// So many connections that came while another of the same name was open are no accident, within
/// [`WINDOW`].
const NO_ACCIDENT: usize = 4;

/// How long one counts. Boxes that are cut short come back within a minute.
const WINDOW: Duration = Duration::from_mins(10);

/// How long nothing is said after it was; twice as long each time, up to [`QUIET_AT_MOST`].
const QUIET: Duration = Duration::from_hours(1);

/// The longest silence.
const QUIET_AT_MOST: Duration = Duration::from_hours(24);

/// The connections of all names.
#[derive(Debug, Default)]
pub(super) struct Namesakes {
    names: HashMap<Origin, Name>,
}

#[derive(Debug, Default)]
struct Name {
    open: usize,
    /// When connections came while another was open.
    doubled: VecDeque<Instant>,
    /// When it was said last, and how long nothing is said from then on.
    told: Option<(Instant, Duration)>,
}

impl Name {
    /// Whether there is nothing left to remember.
    fn is_over(&self, now: Instant) -> bool {
        let recent = |since: &Instant, span| now.saturating_duration_since(*since) < span;
        self.open == 0
            && !self.doubled.back().is_some_and(|last| recent(last, WINDOW))
            && !self.told.is_some_and(|(at, _)| recent(&at, QUIET_AT_MOST))
    }
}

impl Namesakes {
    /// A connection begins; true when it is time to say that two boxes have the name.
    pub fn begins(&mut self, now: Instant, origin: &Origin) -> bool {
        self.names.retain(|_, name| !name.is_over(now));
        let name = self.names.entry(origin.clone()).or_default();
        name.open += 1;
        if name.open < 2 {
            return false;
        }
        name.doubled.push_back(now);
        let old = |at: &Instant| now.saturating_duration_since(*at) >= WINDOW;
        while name.doubled.len() > NO_ACCIDENT || name.doubled.front().is_some_and(old) {
            name.doubled.pop_front();
        }
        let quiet = name
            .told
            .is_some_and(|(at, quiet)| now.saturating_duration_since(at) < quiet);
        if name.doubled.len() < NO_ACCIDENT || quiet {
            return false;
        }
        let next = name
            .told
            .map_or(QUIET, |(_, quiet)| (quiet * 2).min(QUIET_AT_MOST));
        name.told = Some((now, next));
        true
    }

    /// A connection ends.
    pub fn ends(&mut self, origin: &Origin) {
        if let Some(name) = self.names.get_mut(origin) {
            name.open = name.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(device: &str) -> Origin {
        Origin::new("acme", "harbour", device).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the beginning"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    /// Two boxes take turns every half minute; how often it was said, and when first.
    fn turns(namesakes: &mut Namesakes, from: Instant, count: u32) -> Vec<u32> {
        let one = origin("box1");
        (0..count)
            .filter(|turn| {
                let told = namesakes.begins(from + Duration::from_secs(30) * *turn, &one);
                if *turn > 0 {
                    namesakes.ends(&one);
                }
                told
            })
            .collect()
    }

    #[test]
    fn two_boxes_under_one_name_are_told_of_once_and_hours_later_again() {
        let mut namesakes = Namesakes::default();
        let hour = 120;
        assert_eq!(
            turns(&mut namesakes, start(), 4 * hour),
            [4, 4 + hour, 4 + 3 * hour]
        );
    }

    #[test]
    fn a_box_that_comes_back_over_a_bad_line_is_no_other_box() {
        let (mut namesakes, from, one) = (Namesakes::default(), start(), origin("box1"));
        for turn in 0..100 {
            // Its old connection is noticed late, now and then.
            let now = from + Duration::from_secs(300) * turn;
            assert!(!namesakes.begins(now, &one));
            if turn > 0 {
                namesakes.ends(&one);
            }
        }
        namesakes.ends(&one);
        for turn in 0..100 {
            // Or it is in good order, as often as may be.
            assert!(!namesakes.begins(from + Duration::from_hours(9 + turn), &one));
            assert!(!namesakes.begins(from + Duration::from_hours(9 + turn), &origin("box2")));
            namesakes.ends(&one);
            namesakes.ends(&origin("box2"));
        }
        namesakes.begins(from + Duration::from_hours(999), &origin("box3"));
        assert_eq!(namesakes.names.len(), 1, "names are forgotten");
    }
}
