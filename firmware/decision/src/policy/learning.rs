//! Whether, and how far, the router learns from how calls turn out.

use std::time::Duration;

use crate::reader::Section;

/// Learning per agent and intent; off unless the file says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learning {
    /// The switch.
    pub enabled: bool,
    /// The share of calls that go to another agent than the cheapest, to learn about them, in
    /// thousandths.
    pub explore_permille: u16,
    /// Nobody is tried who costs more than this beyond the cheapest.
    pub explore_within: Duration,
    /// What chance begins with; a log replays with the same.
    pub seed: u64,
    /// How many calls of the group's mean an agent's own mean starts with.
    pub prior_calls: i64,
    /// What surely resolving the call is worth, against surely not, in seconds of idle time.
    pub resolved: Duration,
    /// What leaving the caller in the best mood is worth, against the worst.
    pub mood: Duration,
    /// What each second is worth that the call takes an agent longer than it takes the group, in
    /// thousandths.
    pub slower_permille: i64,
    /// Who does not call again within this had their wish resolved.
    pub repeat_within: Duration,
}

/// Reads `[learning]`.
pub(super) fn learning(section: &Section<'_>) -> Learning {
    let seconds = |key, default| {
        section
            .seconds(key, 0..=86_400)
            .unwrap_or(Duration::from_secs(default))
    };
    let share = |key, range, default: f64| {
        (section.number(key, range).unwrap_or(default) * 1000.0).round() as i64
    };
    let learning = Learning {
        enabled: section.switch("enabled", false),
        explore_permille: share("explore", 0.0..=0.2, 0.05) as u16,
        explore_within: seconds("explore_within_s", 120),
        seed: section.integer("seed", 0..=i64::MAX).unwrap_or(1) as u64,
        prior_calls: section.integer("prior_calls", 1..=10_000).unwrap_or(20),
        resolved: seconds("resolved_s", 600),
        mood: seconds("mood_s", 120),
        slower_permille: share("slower", 0.0..=10.0, 1.0),
        repeat_within: Duration::from_secs(
            section.integer("repeat_hours", 1..=720).unwrap_or(24) as u64 * 3600,
        ),
    };
    section.close();
    learning
}
