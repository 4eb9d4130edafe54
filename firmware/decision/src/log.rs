//! The decision log: everything that a router was told and what it decided, one JSON object a line.
//!
//! A log can be replayed anywhere: [`replay`] feeds the inputs to a new router and compares its
//! decisions with the logged ones, bit by bit. It holds no personal data but the policy's own text
//! (agents' names and contacts), so it stays on the box.

mod heard_with;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use trunkside_call::{Action, AgentId, CallId, Decision};

pub use heard_with::models_of;

use crate::{Flip, Input, Policy, Router, sha256_hex};

/// Longer than a wake of the box takes: it logs each input at once, and what was decided about all of
/// them at its end. A decision that is missing after more than this was never logged.
const WAKE: Duration = Duration::from_secs(10);

/// No box runs for longer than twenty years without a start: what says so, in microseconds, is damaged. All
/// that a router computes from shorter times is exact.
pub(crate) const LONGEST: u64 = 20 * 366 * 86_400 * 1_000_000;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "entry")]
pub enum Entry {
    /// A router began, with no calls and every agent away.
    Start {
        /// SHA-256 (hex) of `text`.
        policy: String,
        /// The policy's file, whole.
        text: String,
        /// What callers are heard and understood with; older versions did not tell.
        #[serde(default, skip_serializing_if = "Models::is_untold")]
        models: Models,
    },
    /// Callers are heard or understood with other models.
    Models {
        /// Microseconds on the router's clock.
        at_us: u64,
        /// What shaped the inputs about a call from here on.
        models: Models,
        /// But not those about these calls, which go on with what they were heard with before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<CallId>,
    },
    /// The router went on under another policy.
    Replace {
        /// Microseconds on the router's clock.
        at_us: u64,
        /// SHA-256 (hex) of `text`.
        policy: String,
        /// The policy's file, whole.
        text: String,
        /// Its new agents who are there. Older versions told of them by inputs that followed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signed_in: Vec<AgentId>,
    },
    /// The router was told something.
    Input {
        /// Microseconds on the router's clock.
        at_us: u64,
        /// What.
        input: Input,
    },
    /// The router decided.
    Decision {
        /// What, and why.
        decision: Decision,
    },
    /// Lines are missing here: the disk refused them for too long.
    Gap {
        /// How many.
        lines: u64,
    },
}

/// One model, as it was used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Model {
    /// What it is called.
    pub name: String,
    /// SHA-256 (hex) of all that it is made of.
    pub sha256: String,
}

/// What turned a call's voice into the inputs about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Models {
    /// Turned voice into words; none where calls go unheard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech: Option<Model>,
    /// Turned words into intents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intents: Option<Model>,
}

impl Models {
    const fn is_untold(&self) -> bool {
        self.speech.is_none() && self.intents.is_none()
    }
}

impl Entry {
    /// The line for a router that begins.
    pub fn start(policy: &Policy, models: Models) -> Self {
        Self::Start {
            policy: policy.sha256.clone(),
            text: policy.text.clone(),
            models,
        }
    }

    /// The line for [`Router::hear_with`].
    pub fn models(now: Duration, models: Models, others: Vec<CallId>) -> Self {
        Self::Models {
            at_us: at_us(now),
            models,
            others,
        }
    }

    /// The line for [`Router::replace`].
    pub fn replace(now: Duration, policy: &Policy, signed_in: Vec<AgentId>) -> Self {
        Self::Replace {
            at_us: at_us(now),
            policy: policy.sha256.clone(),
            text: policy.text.clone(),
            signed_in,
        }
    }

    /// The line for [`Router::handle`].
    pub fn input(now: Duration, input: Input) -> Self {
        Self::Input {
            at_us: at_us(now),
            input,
        }
    }

    /// The line for what [`Router::poll`] gave.
    pub const fn decision(decision: Decision) -> Self {
        Self::Decision { decision }
    }

    /// The moment that it names, in microseconds, if it names one.
    fn moment(&self) -> Option<u64> {
        match self {
            Self::Models { at_us, .. }
            | Self::Replace { at_us, .. }
            | Self::Input { at_us, .. } => Some(*at_us),
            Self::Decision { decision } => Some(at_us(decision.at)),
            Self::Start { .. } | Self::Gap { .. } => None,
        }
    }

    /// As one line of text, its end included.
    ///
    /// # Panics
    /// Never: every key of an entry is a text.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("entries have only texts for keys");
        line.push('\n');
        line
    }
}

/// Whether a logged decision is the one that was made now, in a run that is `whole` so far. Older
/// versions logged a place beyond the branch as if it were an agent, and neither costs nor the
/// inputs' hash.
fn is_same(logged: &Decision, made: &Decision, whole: bool) -> bool {
    let mut logged = logged.clone();
    if let (Action::Offer { agent }, Action::Overflow { to, .. }) = (&logged.action, &made.action)
        && agent.as_str() == to
    {
        logged.action.clone_from(&made.action);
    }
    if logged.inputs.is_empty() {
        logged.cost_us = made.cost_us;
        if let (Some(logged), Some(made)) = (&mut logged.alternative, &made.alternative) {
            logged.cost_us = made.cost_us;
        }
    }
    if logged.inputs.is_empty() || !whole {
        logged.inputs.clone_from(&made.inputs);
    }
    logged == *made
}

/// Microseconds of the router's clock, as a log has them.
pub(crate) fn at_us(now: Duration) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Why a log cannot be replayed at all.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing can be read there.
    #[error(
        "cannot read decision log `{path}`: {source}; a box's is `decisions.jsonl` in its `box.data_dir`",
        path = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// Not a log, or one whose policy was changed.
    #[error(
        "line {line} of the decision log is not an entry: {fault}; restore the file or cut it before that line"
    )]
    Damaged {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        fault: String,
    },
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Inputs fed.
    pub inputs: u64,
    /// Decisions that the replay made.
    pub decisions: u64,
    /// SHA-256 (hex) of the policies that decided, in order of appearance.
    pub policies: Vec<String>,
    /// What callers were heard and understood with, in order of appearance; empty in logs of older versions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Models>,
    /// SHA-256 (hex) over every decision made: equal on every machine.
    pub digest: String,
    /// How often the log breaks off in the middle, as when the power failed.
    pub cut_short: u32,
    /// Lines that are torn, or that the disk refused.
    pub lost_lines: u64,
    /// The log's lines, from 1, that are torn or say of others that they are missing.
    pub lost_at: Vec<usize>,
    /// Decisions behind such lines that came out differently; what was lost may be why.
    pub unsure: u64,
    /// Where log and replay differ.
    pub differences: Vec<Difference>,
    /// What was decided about the call that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
}

/// A decision about one call, and what would have turned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// The log's line, from 1, of what the router was told.
    pub line: usize,
    /// What the replay decided for it, about this call, last.
    pub decision: Decision,
    /// What the call was heard and understood with; empty in logs of older versions.
    #[serde(skip_serializing_if = "Models::is_untold")]
    pub models: Models,
    /// The smallest single change that would have turned it; none when no change that is tried does.
    pub flip: Option<Flip>,
}

/// A place where log and replay differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The log's line, from 1.
    pub line: usize,
    /// What the log has there.
    pub logged: Option<Decision>,
    /// What the replay decided instead.
    pub replayed: Option<Decision>,
}

/// Replays a log file; `turns_of` is the call whose decisions are to be explained.
pub fn replay_file(path: &Path, turns_of: Option<CallId>) -> Result<ReplayReport, ReplayError> {
    let bytes = std::fs::read(path).map_err(|source| ReplayError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    replay_of(&String::from_utf8_lossy(&bytes), turns_of)
}

/// Replays a log's text.
///
/// Decisions may be logged behind inputs that came after theirs: their numbers say which is which.
///
/// A line that is torn, or decisions of the last moments that are missing, at the very end or before
/// a new start are how a power failure looks; they are counted in [`ReplayReport::cut_short`].
/// Elsewhere what was lost may be why a later decision comes out differently: such ones are
/// [`ReplayReport::unsure`].
pub fn replay(log: &str) -> Result<ReplayReport, ReplayError> {
    replay_of(log, None)
}

fn replay_of(log: &str, turns_of: Option<CallId>) -> Result<ReplayReport, ReplayError> {
    let mut replay = Replay {
        turns_of,
        ..Replay::default()
    };
    let lost = read(log, |line, entry| {
        replay.torn |= entry.is_none();
        if matches!(entry, None | Some(Entry::Gap { .. })) {
            replay.lost_at.push(line);
        }
        entry.map_or(Ok(()), |entry| replay.take(line, entry))
    })?;
    Ok(replay.finish(log.lines().count(), lost))
}

/// Hands every entry of a log to `take`, with its line's number from 1; none for a line that is
/// torn. Returns how many lines are torn or missing. A text without any entry is no log.
pub(crate) fn read(
    log: &str,
    mut take: impl FnMut(usize, Option<Entry>) -> Result<(), ReplayError>,
) -> Result<u64, ReplayError> {
    let mut lost = 0_u64;
    let mut entries = 0_u64;
    let mut first_torn = None;
    for (index, text) in log.lines().enumerate() {
        let line = index + 1;
        if text.trim().is_empty() {
            continue;
        }
        let (torn, entry) = match serde_json::from_str(text) {
            Ok(entry) => (None, Some(entry)),
            Err(fault) => (Some(fault.to_string()), whole_tail(text)),
        };
        if let Some(fault) = torn {
            lost = lost.saturating_add(1);
            take(line, None)?;
            first_torn.get_or_insert(ReplayError::Damaged { line, fault });
        }
        if let Some(entry) = entry {
            entries += 1;
            if let Entry::Gap { lines } = &entry {
                lost = lost.saturating_add(*lines);
            }
            if let Some(at) = entry.moment().filter(|at| *at > LONGEST) {
                let fault =
                    format!("it names a moment {at} µs after the start, more than twenty years");
                return Err(ReplayError::Damaged { line, fault });
            }
            take(line, Some(entry))?;
        }
    }
    match first_torn {
        Some(error) if entries == 0 => Err(error),
        _ => Ok(lost),
    }
}

/// The entry that was written behind a torn one without a line's end between them.
fn whole_tail(text: &str) -> Option<Entry> {
    let at = text.rfind("{\"entry\":\"").filter(|at| *at > 0)?;
    serde_json::from_str(&text[at..]).ok()
}

#[derive(Default)]
struct Replay {
    router: Option<Router>,
    /// The time of the last input.
    now: Duration,
    /// Decided by the replay and not seen in the log yet, in the order of their numbers.
    pending: VecDeque<Decision>,
    /// The line before was not whole.
    torn: bool,
    lost_at: Vec<usize>,
    /// Something of this run is missing: what follows need not come out the same.
    unsure: bool,
    unsure_decisions: u64,
    inputs: u64,
    decisions: u64,
    policies: Vec<String>,
    models: Vec<Models>,
    /// Those that shape the inputs now.
    in_force: Models,
    /// What the call that was asked for goes on with, if with others.
    goes_on_with: Option<Models>,
    digest: Sha256,
    cut_short: u32,
    differences: Vec<Difference>,
    turns_of: Option<CallId>,
    turns: Vec<Turn>,
}

impl Replay {
    fn take(&mut self, line: usize, entry: Entry) -> Result<(), ReplayError> {
        if !matches!(entry, Entry::Start { .. }) {
            self.unsure |= std::mem::take(&mut self.torn);
            if self.unsure && self.router.is_none() {
                // The start itself was lost.
                return Ok(());
            }
        }
        match entry {
            Entry::Gap { .. } => {
                self.unsure = true;
                self.unsure_decisions += self.pending.drain(..).count() as u64;
            }
            Entry::Start {
                policy,
                text,
                models,
            } => {
                self.end(line);
                self.torn = false;
                self.unsure = false;
                self.now = Duration::ZERO;
                let policy = self.policy(line, policy, &text)?;
                self.router = Some(Router::begin(policy, models.clone()));
                self.goes_on_with = None;
                self.hear_with(models);
            }
            Entry::Models {
                at_us,
                models,
                others,
            } => {
                self.now = Duration::from_micros(at_us);
                let now = self.now;
                let is_other = |call: CallId| others.contains(&call);
                if self.turns_of.is_some_and(is_other) {
                    self.goes_on_with.get_or_insert(self.in_force.clone());
                }
                self.router(line)?.hear_with(now, models.clone(), others);
                self.hear_with(models);
            }
            Entry::Replace {
                at_us,
                policy,
                text,
                signed_in,
            } => {
                let policy = self.policy(line, policy, &text)?;
                self.now = Duration::from_micros(at_us);
                let now = self.now;
                self.router(line)?.replace(now, policy, &signed_in);
                self.decide();
            }
            Entry::Input { at_us, input } => {
                self.inputs += 1;
                self.now = Duration::from_micros(at_us);
                let now = self.now;
                let turns_of = self.turns_of;
                let router = self.router(line)?;
                let flip = turns_of.and_then(|call| router.flip(now, &input, call));
                router.handle(now, input);
                let first = self.pending.len();
                self.decide();
                let made = self.pending.range(first..).rev();
                let about = made.into_iter().find(|made| Some(made.call) == turns_of);
                let models = self.goes_on_with.as_ref().unwrap_or(&self.in_force);
                self.turns.extend(about.map(|decision| Turn {
                    line,
                    decision: decision.clone(),
                    models: models.clone(),
                    flip,
                }));
            }
            Entry::Decision { decision } => self.compare(line, decision),
        }
        Ok(())
    }

    fn policy(
        &mut self,
        line: usize,
        sha256: String,
        text: &str,
    ) -> Result<Arc<Policy>, ReplayError> {
        let policy = parse_policy(line, &sha256, text)?;
        self.policies.push(sha256);
        Ok(policy)
    }

    /// Notes what shapes the inputs from here on.
    fn hear_with(&mut self, models: Models) {
        if !models.is_untold() && !self.models.contains(&models) {
            self.models.push(models.clone());
        }
        self.in_force = models;
    }

    fn router(&mut self, line: usize) -> Result<&mut Router, ReplayError> {
        let fault = "it stands before any `start`".to_owned();
        self.router
            .as_mut()
            .ok_or(ReplayError::Damaged { line, fault })
    }

    /// Takes what the router decided.
    fn decide(&mut self) {
        let Some(router) = self.router.as_mut() else {
            return;
        };
        while let Some(decision) = router.poll() {
            self.decisions += 1;
            let text =
                serde_json::to_string(&decision).expect("decisions have only texts for keys");
            self.digest.update(text.as_bytes());
            self.pending.push_back(decision);
        }
    }

    /// Compares a logged decision with the one of its number; those before it were never logged.
    fn compare(&mut self, line: usize, logged: Decision) {
        let mut made: Option<Decision> = None;
        while let Some(next) = self.pop_if(|next| next.number <= logged.number) {
            if let Some(missed) = made.replace(next) {
                self.never_logged(line, missed);
            }
        }
        let whole = !self.unsure;
        let is_it = |made: &Decision| is_same(&logged, made, whole);
        if !made.as_ref().is_some_and(is_it) {
            self.differ(Difference {
                line,
                logged: Some(logged),
                replayed: made,
            });
        }
    }

    fn pop_if(&mut self, wanted: impl Fn(&Decision) -> bool) -> Option<Decision> {
        self.pending.front().filter(|made| wanted(made))?;
        self.pending.pop_front()
    }

    fn never_logged(&mut self, line: usize, made: Decision) {
        self.differ(Difference {
            line,
            logged: None,
            replayed: Some(made),
        });
    }

    /// The log of a router ends: what it decided just now may have been lost with the power.
    fn end(&mut self, line: usize) {
        let now = self.now;
        while let Some(missed) = self.pop_if(|made| made.at.saturating_add(WAKE) < now) {
            self.never_logged(line, missed);
        }
        self.cut_short += u32::from(self.torn || !self.pending.is_empty());
        self.pending.clear();
    }

    fn differ(&mut self, difference: Difference) {
        if self.unsure {
            self.unsure_decisions += 1;
        } else {
            self.differences.push(difference);
        }
    }

    fn finish(mut self, lines: usize, lost_lines: u64) -> ReplayReport {
        self.end(lines);
        ReplayReport {
            inputs: self.inputs,
            decisions: self.decisions,
            policies: self.policies,
            models: self.models,
            digest: crate::policy::hex(&self.digest.finalize()),
            cut_short: self.cut_short,
            lost_lines,
            lost_at: self.lost_at,
            unsure: self.unsure_decisions,
            differences: self.differences,
            turns: self.turns,
        }
    }
}

/// A logged policy, whose text must be the one that its hash names.
pub(crate) fn parse_policy(
    line: usize,
    sha256: &str,
    text: &str,
) -> Result<Arc<Policy>, ReplayError> {
    if sha256_hex(text) != sha256 {
        let fault = format!("the policy's text is not that of `{sha256}`");
        return Err(ReplayError::Damaged { line, fault });
    }
    let parsed = Policy::parse("policy", text);
    let faults: Vec<String> = parsed.problems.iter().map(ToString::to_string).collect();
    parsed.policy.map(Arc::new).ok_or(ReplayError::Damaged {
        line,
        fault: faults.join("; "),
    })
}

#[cfg(test)]
mod tests;
