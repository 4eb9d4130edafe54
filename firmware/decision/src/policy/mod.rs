//! The routing policy: who may take what, in which order, and when the branch is open.
//!
//! [`Policy::parse`] reads the TOML that a supervisor writes (`policies/branch.toml` is the
//! commented example) and reports *every* fault with key and line.

mod breaks;
mod check;
mod elsewhere;
mod group;
mod hours;
mod idle;
mod learning;
mod resolve;
mod together;

use std::time::Duration;

use sha2::{Digest, Sha256};
use trunkside_call::{AgentId, Emotion, Language};

use crate::Problem;

pub(crate) use breaks::USUAL_BREAK;
pub use breaks::{Break, Codes, Said};
pub(crate) use check::repeated_names;
pub use elsewhere::Destination;
pub(crate) use group::Chain;
pub use group::{Group, Overflow};
pub use hours::{Hours, Span};
pub use learning::Learning;

/// A resolved policy: nothing optional that routing could not do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What the file calls itself.
    pub name: String,
    /// SHA-256 (hex) of the file's text; every decision names it.
    pub sha256: String,
    /// The language in which decisions give their reasons: Mandarin or English.
    pub reasons_in: Language,
    /// The file's text, for the decision log.
    pub text: String,
    /// Names of all skills, in order; requirements refer to them by index.
    pub skills: Vec<String>,
    /// The agents, in the file's order, which settles ties.
    pub agents: Vec<AgentProfile>,
    /// Groups of agents that rules may name.
    pub groups: Vec<Group>,
    /// Places beyond this branch that rules' groups and the queue may name.
    pub destinations: Vec<Destination>,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
    /// What applies when no rule says otherwise.
    pub default: Route,
    /// When the branch is open.
    pub hours: Hours,
    /// What happens to calls outside the hours.
    pub when_closed: WhenClosed,
    /// Waiting.
    pub queue: QueueSettings,
    /// What each consideration is worth when several agents fit.
    pub weights: Weights,
    /// Learning from how calls turn out.
    pub learning: Learning,
    /// Breaks that agents may take.
    pub breaks: Vec<Break>,
    /// What else they may say by calling a code.
    pub codes: Codes,
}

/// An agent as the policy describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentProfile {
    /// The name that decisions use.
    pub id: AgentId,
    /// Where their phone is: a SIP URI, when the policy gives it.
    pub contact: Option<String>,
    /// Level 1 to 5 by index into [`Policy::skills`]; 0 is none.
    pub skills: Vec<u8>,
    /// Languages they speak.
    pub languages: Vec<Language>,
    /// Whether calls that need a senior agent may go to them.
    pub senior: bool,
    /// Whether their calls go on to somebody experienced after [`QueueSettings::novice_limit`].
    pub novice: bool,
    /// How quickly they work: 100 is the ordinary, 200 needs half the time.
    pub pace_percent: u16,
    /// 1 is asked first, 2 only when no fitting agent of 1 is free, and so on to 9.
    pub priority: u8,
}

impl AgentProfile {
    /// The name that their phone registers with, if it does.
    pub fn phone(&self) -> Option<&str> {
        self.contact.as_deref().and_then(registered_user)
    }
}

/// The user part that a contact's phone registers with, if it does.
pub fn registered_user(contact: &str) -> Option<&str> {
    contact.strip_prefix("registered:")
}

/// A skill and the level that is needed or liked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkillNeed {
    /// Index into [`Policy::skills`].
    pub skill: usize,
    /// 1 to 5.
    pub level: u8,
}

/// When a rule applies: every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Any of these intents; no condition when empty.
    pub intents: Vec<String>,
    /// Least probability of the intent, in thousandths.
    pub min_score_permille: u16,
    /// Any of these emotions; no condition when empty.
    pub emotions: Vec<Emotion>,
    /// Least probability of the emotion, in thousandths.
    pub min_emotion_permille: u16,
    /// By how much the caller's mood must have fallen since they were first heard, in thousandths.
    pub mood_fell_permille: u16,
    /// Any of these languages; no condition when empty.
    pub languages: Vec<Language>,
    /// Any of these tiers; no condition when empty.
    pub tiers: Vec<String>,
    /// Any of these [facts](crate::CallProfile::facts); no condition when empty.
    pub facts: Vec<String>,
    /// Only when the branch is open (true) or closed (false).
    pub open: Option<bool>,
}

/// What a call needs, and how long it insists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Skills without which an agent may not take the call.
    pub skills_required: Vec<SkillNeed>,
    /// Skills that make an agent the better choice.
    pub skills_preferred: Vec<SkillNeed>,
    /// Whether only a senior agent may take it.
    pub senior: bool,
    /// The group whose agents take it, by index into [`Policy::groups`]; all agents when none.
    pub group: Option<usize>,
    /// 0 to 10: each point counts as having waited [`QueueSettings::priority_step`] longer.
    pub priority: u8,
    /// How long such calls take an agent, when the supervisor knows: shorter ones are worth more of
    /// a waiting minute.
    pub handle_time: Option<Duration>,
    /// How long such callers wait on average before they hang up, when the supervisor knows.
    pub patience: Option<Duration>,
    /// Nine in ten such calls are to be answered within this: agents are kept free for them.
    pub answer_within: Option<Duration>,
    /// Whether it is routed although the branch is closed.
    pub even_when_closed: bool,
    /// The announcement that serves such callers before an agent does, by its name.
    pub self_service: Option<String>,
    /// When it stops insisting.
    pub relax: Relax,
}

/// After which wait a requirement is given up; never when none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relax {
    /// A senior agent.
    pub senior_after: Option<Duration>,
    /// The required skills.
    pub skills_after: Option<Duration>,
    /// The caller's language.
    pub language_after: Option<Duration>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name that reasons give.
    pub name: String,
    /// When it applies.
    pub when: Condition,
    /// What it adds to the call's needs.
    pub then: Route,
}

/// What happens to calls outside the hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenClosed {
    /// A call back is promised.
    Callback,
    /// They go to whoever is signed in, as by day.
    Route,
}

/// Waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// The longest wait before a call back is promised, or the last resort tried.
    pub max_wait: Duration,
    /// The destination that is tried before a call back is promised: after the longest wait, when
    /// nobody is left to try, and outside the hours.
    pub last_resort: Option<usize>,
    /// How often a waiting caller's position is told, if it changed.
    pub announce: Duration,
    /// How much longer each point of priority counts as having waited.
    pub priority_step: Duration,
    /// By how much a call may come later, priorities counted, and still have an agent before another
    /// because it suits them better or is shorter.
    pub overtake: Duration,
    /// The most that a call may lose to calls of higher priority that came later: so long after the
    /// first of them had an agent who could have taken it, none goes first any more.
    pub passed_over: Duration,
    /// How many of the agents who could take promised calls may be kept free for them, in
    /// thousandths.
    pub reserve_permille: i64,
    /// How long other calls are kept from an agent who is needed for promised ones.
    pub reserve_hold: Duration,
    /// How long an agent whose phone failed is left alone.
    pub rest: Duration,
    /// How long after a failed offer the same agent is not offered the same call again.
    pub retry: Duration,
    /// How long an agent has for notes after a call.
    pub wrap_up: Duration,
    /// How long a novice may take for a call before it goes on to somebody else; any time when zero.
    pub novice_limit: Duration,
    /// How long a machine may serve a caller before an agent is looked for.
    pub self_service_limit: Duration,
    /// When an offer of which nothing is heard counts as failed; longer than any phone rings.
    pub offer_limit: Duration,
}

/// What each consideration is worth when several fit, in seconds of idle or waiting time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// For every level that a preferred skill falls short.
    pub preferred: Duration,
    /// For an agent all of whose skills nobody else has, when the call needs none of them.
    pub scarcity: Duration,
    /// How long a call waits for a better agent, for each level that the free one falls shorter.
    pub hold: Duration,
    /// For the agent whom the caller spoke to last time.
    pub sticky: Duration,
    /// An agent on calls for a larger share of the day is asked only when nobody else fits, in
    /// thousandths; 1000 is no cap.
    pub occupancy_cap_permille: i64,
    /// For an agent who was on calls all day, against one who never was.
    pub busy: Duration,
    /// For each second that the call takes longer than with the quickest, in thousandths.
    pub slower_permille: i64,
    /// How far a waiting minute's worth follows handle times, in thousandths: 0 is first come,
    /// first served, 1000 the c-mu rule.
    pub short_permille: i64,
    /// How much more an impatient caller's waiting counts, in thousandths for patience as long as
    /// an ordinary call.
    pub impatience_permille: i64,
    /// Idle time beyond this counts no more.
    pub idle_cap: Duration,
    /// The wait that every call is taken to have from the start when handle times are compared:
    /// the more, the more short calls come first.
    pub short_first: Duration,
}

/// A policy, if it is usable, and everything that is wrong with its file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The policy; none when any problem is an error.
    pub policy: Option<Policy>,
    /// What could be read of it, whatever is wrong: only to look for more faults.
    pub draft: Policy,
    /// Every fault found, by line.
    pub problems: Vec<Problem>,
}

impl Policy {
    /// Reads a policy; `file` only names it in problems.
    pub fn parse(file: &str, text: &str) -> Parsed {
        resolve::parse(file, text)
    }

    /// The agent's index, which decisions and ties use.
    pub fn agent_index(&self, id: &AgentId) -> Option<usize> {
        self.agents.iter().position(|agent| agent.id == *id)
    }

    /// Reports, as warnings, rules about intents that `known` does not hold.
    pub fn check_intents<'a>(
        &self,
        file: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Vec<Problem> {
        check::intents(self, file, known)
    }

    /// Reports, as warnings, what only a look-up of customers could tell the router, for a box that has
    /// none and tells it the facts that `is_told` of.
    pub fn check_without_lookup(&self, file: &str, is_told: impl Fn(&str) -> bool) -> Vec<Problem> {
        check::without_lookup(self, file, is_told)
    }

    /// Reports, as warnings, what is too short for a box that lets phones ring for so long.
    pub fn check_ringing(&self, file: &str, ring: Duration) -> Vec<Problem> {
        check::ringing(self, file, ring)
    }

    /// Reports, as errors, agents without a phone, for a box that rings them.
    pub fn check_contacts(&self, file: &str) -> Vec<Problem> {
        check::contacts(self, file)
    }
}

/// SHA-256 of a text, in hex.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves
        .map(|half| char::from(DIGITS[usize::from(half)]))
        .collect()
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
