//! Who is on a break, for the next start: a phone that registers again says nothing of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkside_call::AgentId;

/// Its name in the data folder.
pub const FILE: &str = "breaks.json";

/// No policy lets a break last longer.
const LONGEST: Duration = Duration::from_hours(24);

/// A break that began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What for, by the policy's name for it.
    pub reason: String,
    /// When, in Unix milliseconds: no other clock goes on while the box is away.
    pub began_ms: i64,
}

/// Breaks that nobody has ended, some of which may be over by the policy.
pub type Breaks = BTreeMap<AgentId, Taken>;

/// Who was on a break when the last run stopped; nobody where that cannot be read, which brings them calls
/// until they say so again.
pub fn read(folder: &Path) -> Breaks {
    let path = folder.join(FILE);
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Breaks::new();
    };
    serde_json::from_str(&text).unwrap_or_else(|error| {
        tracing::warn!(file = %path.display(), %error, "who is on a break cannot be read; they are offered calls");
        Breaks::new()
    })
}

/// What the file is to say.
pub fn text(breaks: &Breaks) -> String {
    serde_json::to_string(breaks).expect("a break is plain data")
}

/// Who is on a break, what for, and how long ago it began. Where the clock was set back it has just begun.
pub fn began(breaks: &Breaks, now_ms: i64) -> Vec<(AgentId, String, Duration)> {
    let since = |taken: &Taken| u64::try_from(now_ms.saturating_sub(taken.began_ms)).unwrap_or(0);
    let breaks = breaks.iter();
    let began = breaks.map(|(agent, taken)| {
        let ago = Duration::from_millis(since(taken));
        (agent.clone(), taken.reason.clone(), ago)
    });
    began.filter(|(_, _, ago)| *ago < LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_are_known_again_with_how_long_ago_they_began() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Breaks::new());
        let taken = |began_ms| Taken {
            reason: "lunch".to_owned(),
            began_ms,
        };
        let known = Breaks::from([
            (AgentId::new("ann"), taken(1_000)),
            (AgentId::new("bob"), taken(9_000)),
        ]);
        std::fs::write(folder.path().join(FILE), text(&known)).unwrap();
        let found = read(folder.path());
        assert_eq!(found, known);
        let began: Vec<Duration> = super::began(&found, 5_000)
            .into_iter()
            .map(|b| b.2)
            .collect();
        assert_eq!(began, [Duration::from_secs(4), Duration::ZERO]);
        assert_eq!(super::began(&found, 90_000_000), []);
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(read(folder.path()), Breaks::new());
    }
}
