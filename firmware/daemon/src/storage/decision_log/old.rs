//! Which part of a decision log is too old to keep.
//!
//! A log dates itself: the router is told the branch's wall clock every minute. What is left begins
//! with a router's start where it can; else with the policy that was in force and a gap, so that a
//! replay tells what it cannot know, and with the models in use and where the agents were: a box that runs
//! on says that once.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use trunkside_call::AgentId;
use trunkside_decision::{
    Input,
    log::{Entry, Models},
};

use crate::storage::store::keeping::Horizon;

/// What to keep of a log.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes that go.
    pub bytes: u64,
    /// What stands in their place.
    pub head: String,
}

/// What is known where a line begins.
#[derive(Default)]
struct Reading {
    lines: u64,
    bytes: u64,
    /// Where the router started last, until its log tells a date.
    undated_start: Option<u64>,
    /// The entry of the policy in force.
    policy: Option<Entry>,
    /// What callers were heard and understood with last.
    models: Models,
    /// What the router was told last of each agent.
    agents: BTreeMap<AgentId, Input>,
    /// Who takes a break, since when, and what the router was told of it.
    breaks: BTreeMap<AgentId, (u64, Input)>,
    /// What routers before it had learnt.
    learnt: Option<Input>,
}

/// Finds where to cut: nothing as long as the log's first date is within `horizon`, else before the
/// first line that is within `nearer`, so that a log is not cut every day.
pub fn cut(log: &mut impl BufRead, horizon: &Horizon, nearer: &Horizon) -> io::Result<Option<Cut>> {
    let mut reading = Reading::default();
    let mut any_old = false;
    let mut line = Vec::new();
    while log.read_until(b'\n', &mut line)? > 0 {
        let entry = telling(&line);
        if let Some(at_ms) = entry.as_ref().and_then(date) {
            any_old |= horizon.is_old(at_ms);
            if !any_old && horizon.is_recent(at_ms) {
                return Ok(None);
            }
            if nearer.is_old(at_ms) {
                reading.undated_start = None;
            } else if any_old && nearer.is_recent(at_ms) {
                let at_us = entry.as_ref().map_or(0, told_at);
                return Ok(Some(reading.cut(Duration::from_micros(at_us))));
            }
        }
        reading.pass(&line, entry);
        line.clear();
    }
    // Without a date that is recent nobody knows how old the last lines are.
    Ok(None)
}

/// A line's entry where it tells of time, policy, models, agents or lessons; most lines need not be taken apart.
fn telling(line: &[u8]) -> Option<Entry> {
    const STARTS: [&str; 3] = [
        "{\"entry\":\"start\"",
        "{\"entry\":\"replace\"",
        "{\"entry\":\"models\"",
    ];
    const EVENTS: [&str; 4] = [
        "\"local_time\"",
        "\"event\":\"agent_",
        "\"event\":\"break_",
        "\"learnt\"",
    ];
    let text = std::str::from_utf8(line).ok()?;
    let tells = STARTS.iter().any(|start| text.starts_with(start))
        || EVENTS.iter().any(|event| text.contains(event));
    tells.then(|| serde_json::from_str(text).ok()).flatten()
}

/// When the router was told, in microseconds on its clock.
const fn told_at(entry: &Entry) -> u64 {
    match entry {
        Entry::Input { at_us, .. } => *at_us,
        _ => 0,
    }
}

/// What the branch's wall clock read, as if the branch were at Greenwich: half a day matters little.
fn date(entry: &Entry) -> Option<i64> {
    let Entry::Input {
        input: Input::LocalTime { local },
        ..
    } = entry
    else {
        return None;
    };
    let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

impl Reading {
    fn pass(&mut self, line: &[u8], entry: Option<Entry>) {
        match entry {
            Some(Entry::Start { ref models, .. }) => {
                self.undated_start = Some(self.bytes);
                self.models = models.clone();
                self.agents.clear();
                self.breaks.clear();
                self.learnt = None;
                self.policy = entry;
            }
            Some(Entry::Replace { ref signed_in, .. }) => {
                for agent in signed_in.clone() {
                    self.told(0, Input::AgentAvailable { agent });
                }
                self.policy = entry;
            }
            Some(Entry::Models { models, .. }) => self.models = models,
            Some(Entry::Input { at_us, input }) => self.told(at_us, input),
            _ => {}
        }
        self.lines += 1;
        self.bytes += line.len() as u64;
    }

    fn told(&mut self, at_us: u64, input: Input) {
        match &input {
            Input::AgentAvailable { agent }
            | Input::AgentBusy { agent }
            | Input::AgentAway { agent } => {
                self.agents.insert(agent.clone(), input);
            }
            Input::BreakBegun { agent, .. } => {
                self.breaks.insert(agent.clone(), (at_us, input));
            }
            Input::BreakOver { agent } => {
                self.breaks.remove(agent);
            }
            Input::Learnt { .. } => self.learnt = Some(input),
            _ => {}
        }
    }

    /// Cuts before the line of what the router was told at `now`.
    fn cut(self, now: Duration) -> Cut {
        if let Some(bytes) = self.undated_start {
            let head = String::new();
            return Cut { bytes, head };
        }
        let models = self.models;
        let start = self.policy.and_then(|entry| match entry {
            Entry::Start { policy, text, .. } | Entry::Replace { policy, text, .. } => {
                let start = Entry::Start {
                    policy,
                    text,
                    models,
                };
                Some(start.to_line())
            }
            _ => None,
        });
        let gap = Entry::Gap { lines: self.lines };
        let mut head = start.unwrap_or_default() + &gap.to_line();
        let mut breaks: Vec<(u64, Input)> = self.breaks.into_values().collect();
        breaks.sort_by_key(|(at_us, _)| *at_us);
        for (at_us, input) in breaks {
            head.push_str(&Entry::Input { at_us, input }.to_line());
        }
        for input in self.learnt.into_iter().chain(self.agents.into_values()) {
            head.push_str(&Entry::input(now, input).to_line());
        }
        Cut {
            bytes: self.bytes,
            head,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trunkside_call::CallId;
    use trunkside_decision::{CallProfile, Policy, dry_run, log};

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn policy() -> Policy {
        let text = "name = \"a\"\n[[agent]]\nid = \"ann\"\n";
        Policy::parse("p.toml", text).policy.expect("it is whole")
    }

    fn start() -> String {
        Entry::start(&policy(), Models::default()).to_line()
    }

    fn time(day: &str) -> String {
        let local = format!("{day}T12:00:00").parse().expect("a date");
        Entry::input(DAY, Input::LocalTime { local }).to_line()
    }

    fn something() -> String {
        let agent = AgentId::new("ann");
        Entry::input(DAY, Input::AgentAvailable { agent }).to_line()
    }

    /// Cuts a log of ten days, two less once it is cut, on the 20th of June.
    fn cut_log(lines: &[String]) -> Option<String> {
        let now: jiff::Timestamp = "2026-06-20T12:00:00Z".parse().expect("a time");
        let horizon = Horizon::new(now.as_millisecond(), true, 10 * DAY).expect("it is set");
        let log = lines.concat();
        let found = cut(&mut log.as_bytes(), &horizon, &horizon.nearer(2 * DAY));
        found.expect("it can be read").map(|cut| {
            let rest = usize::try_from(cut.bytes).expect("it is short");
            cut.head + &log[rest..]
        })
    }

    #[test]
    fn what_is_young_enough_stays_whole() {
        let lines = [start(), time("2026-06-11"), something()];
        assert_eq!(cut_log(&lines), None);
        assert_eq!(cut_log(&[]), None);
    }

    #[test]
    fn the_runs_before_go_whole_and_what_is_left_replays() {
        let old = [start(), time("2026-06-01"), something()];
        let new = [start(), time("2026-06-19"), something()];
        let kept = cut_log(&[old, new.clone()].concat()).expect("it is cut");
        assert_eq!(kept, new.concat());
        log::replay(&kept).expect("it is a log");
    }

    #[test]
    fn a_run_that_is_older_than_the_horizon_is_cut_in_its_middle() {
        let torn = "{\"entry\":\"input\",\"at_us\":7".to_owned() + "\n";
        let model = |name: &str| log::Model {
            name: name.to_owned(),
            sha256: String::new(),
        };
        let models = |name: &str| Models {
            speech: None,
            intents: Some(model(name)),
        };
        let start = |name: &str| Entry::start(&policy(), models(name)).to_line();
        let lines = [
            start("old"),
            Entry::models(DAY, models("new"), Vec::new()).to_line(),
            time("2026-06-01"),
            something(),
            torn,
            // Within the ten days, and cut along.
            time("2026-06-11"),
            time("2026-06-13"),
            something(),
        ];
        let kept = cut_log(&lines).expect("it is cut");
        let gap = Entry::Gap { lines: 6 }.to_line();
        // Ann is there still, and callers are heard with the new model.
        assert_eq!(
            kept,
            [&start("new"), &gap, &something(), &lines[6], &lines[7],]
                .map(String::as_str)
                .concat()
        );
        let report = log::replay(&kept).expect("it is a log");
        assert_eq!((report.inputs, report.differences.len()), (3, 0));
    }

    #[test]
    fn what_is_left_of_a_cut_run_has_its_agents_and_lessons() {
        let ann = || AgentId::new("ann");
        let told =
            |hours: u32, input| Entry::input(hours * Duration::from_hours(1), input).to_line();
        let signed_in = || Input::AgentAvailable { agent: ann() };
        let call = CallId::new(uuid::Uuid::nil());
        let profile = CallProfile::unknown();
        let learnt = Input::Learnt { lessons: vec![] };
        let mut lines = vec![
            start(),
            told(0, learnt.clone()),
            told(0, signed_in()),
            told(1, Input::AgentAway { agent: ann() }),
            told(2, signed_in()),
            time("2026-06-01"),
            time("2026-06-19"),
            told(25, Input::CallReady { call, profile }),
            told(25, Input::Bridged { call, agent: ann() }),
            told(26, Input::CallEnded { call }),
        ];
        let kept = cut_log(&lines).expect("it is cut");
        let head = [told(24, learnt.clone()), told(24, signed_in())].concat();
        assert!(kept.contains(&head), "{kept}");
        let policy = Arc::new(policy());
        let found = dry_run(&kept, &policy, None).expect("it is a log");
        assert_eq!((found.calls, found.after.answered), (1, 1));
        // Who had gone home stays there.
        lines.insert(5, told(3, Input::AgentAway { agent: ann() }));
        let kept = cut_log(&lines).expect("it is cut");
        assert_eq!(
            dry_run(&kept, &policy, None)
                .expect("it is a log")
                .after
                .answered,
            0
        );
    }

    #[test]
    fn dates_of_a_clock_that_was_wrong_decide_nothing() {
        let lines = [
            start(),
            time("1970-01-01"),
            time("2040-01-01"),
            time("2026-06-19"),
            something(),
        ];
        assert_eq!(cut_log(&lines), None);
        let lines = [start(), time("2026-06-01"), start(), time("1970-01-01")];
        assert_eq!(
            cut_log(&lines),
            None,
            "how old the second run is nobody knows"
        );
    }
}
