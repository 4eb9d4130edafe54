//! How calls turned out, by agent and intent, and what that is worth when an agent is chosen.
//!
//! Whole numbers only. An agent's mean is drawn towards that of all agents for the intent, which few
//! calls cannot outweigh.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkside_call::{AgentId, CallId};

use super::Engine;
use super::agent::{Micros, Slot};
use crate::input::micros;
use crate::policy::Learning;

/// Intents beyond this many are not learnt about: names come from outside.
const MOST_INTENTS: usize = 512;

/// A rare outcome may not decide alone: no lesson weighs more than this.
const MOST: i64 = 3600 * 1_000_000;

/// How the calls of one intent turned out with one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lesson {
    /// Who.
    pub agent: AgentId,
    /// About what.
    pub intent: String,
    /// The sums.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Sums over calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Calls that were talked to their end.
    pub calls: i64,
    /// Microseconds that they took.
    pub talked_us: i64,
    /// Calls of which it is known whether they resolved the wish.
    pub judged: i64,
    /// How many did.
    pub resolved: i64,
    /// Calls of which it is known how the mood changed.
    pub moods: i64,
    /// The changes, from -2000 to 2000 each.
    pub mood_permille: i64,
}

impl Tally {
    const fn add(&mut self, more: &Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.talked_us = self.talked_us.saturating_add(more.talked_us);
        self.judged = self.judged.saturating_add(more.judged);
        self.resolved = self.resolved.saturating_add(more.resolved);
        self.moods = self.moods.saturating_add(more.moods);
        self.mood_permille = self.mood_permille.saturating_add(more.mood_permille);
    }

    const fn is_sound(&self) -> bool {
        self.calls >= 0
            && self.talked_us >= 0
            && self.judged >= 0
            && self.resolved >= 0
            && self.resolved <= self.judged
            && self.moods >= 0
    }
}

/// All that was learnt, by intent and index of the agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Lessons {
    intents: BTreeMap<String, usize>,
    by_agent: Vec<Vec<Tally>>,
    all: Vec<Tally>,
}

impl Lessons {
    /// The number of an intent; none for one too many.
    pub fn intent(&mut self, name: &str, agents: usize) -> Option<usize> {
        if let Some(known) = self.intents.get(name) {
            return Some(*known);
        }
        if self.intents.len() >= MOST_INTENTS {
            return None;
        }
        let number = self.intents.len();
        self.intents.insert(name.to_owned(), number);
        self.by_agent.push(vec![Tally::default(); agents]);
        self.all.push(Tally::default());
        Some(number)
    }

    pub fn add(&mut self, intent: usize, agent: usize, more: &Tally) {
        self.by_agent[intent][agent].add(more);
        self.all[intent].add(more);
    }

    /// What the agent's record with such calls is worth, in microseconds of idle time: negative for
    /// one who does better than the others.
    pub fn cost(&self, learning: &Learning, intent: usize, agent: usize) -> i64 {
        let (own, all) = (&self.by_agent[intent][agent], &self.all[intent]);
        // The agent's mean less everybody's, drawn towards nothing.
        let beyond = |sum: i64, count: i64, all_sum: i64, all_count: i64| {
            if all_count == 0 {
                return 0;
            }
            let expected = i128::from(all_sum) * i128::from(count) / i128::from(all_count);
            (i128::from(sum) - expected) / (i128::from(count) + i128::from(learning.prior_calls))
        };
        let slower = beyond(own.talked_us, own.calls, all.talked_us, all.calls);
        let permille = |resolved: i64| resolved.saturating_mul(1000);
        let resolved = beyond(
            permille(own.resolved),
            own.judged,
            permille(all.resolved),
            all.judged,
        );
        let mood = beyond(own.mood_permille, own.moods, all.mood_permille, all.moods);
        let cost = slower / 1000 * i128::from(learning.slower_permille)
            - resolved * i128::from(micros(learning.resolved)) / 1000
            - mood * i128::from(micros(learning.mood)) / 2000;
        cost.clamp(i128::from(-MOST), i128::from(MOST)) as i64
    }

    /// The same under a policy with other agents.
    pub fn moved(&self, to: &[Option<usize>], agents: usize) -> Self {
        let mut moved = Self {
            intents: self.intents.clone(),
            by_agent: vec![vec![Tally::default(); agents]; self.all.len()],
            all: vec![Tally::default(); self.all.len()],
        };
        for (intent, by_agent) in self.by_agent.iter().enumerate() {
            for (tally, new) in by_agent.iter().zip(to) {
                if let Some(new) = new {
                    moved.add(intent, *new, tally);
                }
            }
        }
        moved
    }
}

/// An agent who was chosen by chance among some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chance {
    /// The probability of the choice, in millionths.
    pub millionths: u32,
    /// Whether another was cheaper.
    pub drawn: bool,
    pub among: Vec<usize>,
}

impl Engine {
    /// What was learnt of an agent for a call.
    pub(super) fn learned(&self, intent: Option<usize>, agent: usize) -> i64 {
        let learning = &self.policy.learning;
        match intent {
            Some(intent) if learning.enabled => self.lessons.cost(learning, intent, agent),
            _ => 0,
        }
    }

    /// The number under which an intent is learnt about.
    pub(super) fn intent_number(&self, intent: Option<&String>) -> Option<usize> {
        self.lessons.intents.get(intent?).copied()
    }

    /// Notes how a call turned out, or what was learnt before.
    pub(super) fn learn(&mut self, intent: &str, agent: usize, tally: &Tally) {
        if tally.is_sound()
            && let Some(intent) = self.lessons.intent(intent, self.agents.len())
        {
            self.lessons.add(intent, agent, tally);
        }
    }

    /// Notes what is said of a call that is over.
    pub(super) fn judged(
        &mut self,
        agent: &AgentId,
        intent: &str,
        resolved: Option<bool>,
        mood_permille: Option<i16>,
    ) {
        let Some(agent) = self.agent_index.get(agent).copied() else {
            return;
        };
        let tally = Tally {
            judged: i64::from(resolved.is_some()),
            resolved: i64::from(resolved == Some(true)),
            moods: i64::from(mood_permille.is_some()),
            mood_permille: mood_permille.map_or(0, |m| i64::from(m.clamp(-2000, 2000))),
            ..Tally::default()
        };
        self.learn(intent, agent, &tally);
    }

    /// Notes how long a call took the agent who ended it.
    pub(super) fn learn_talk(&mut self, slot: Slot, agent: usize, talked: Micros) {
        if let Some(intent) = self.call(slot).profile.intent.clone() {
            let tally = Tally {
                calls: 1,
                talked_us: talked,
                ..Tally::default()
            };
            self.learn(&intent, agent, &tally);
        }
    }

    /// All that was learnt, to be given to another router.
    pub fn lessons(&self) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        for (intent, number) in &self.lessons.intents {
            for (agent, tally) in self.lessons.by_agent[*number].iter().enumerate() {
                if *tally != Tally::default() {
                    lessons.push(Lesson {
                        agent: self.policy.agents[agent].id.clone(),
                        intent: intent.clone(),
                        tally: *tally,
                    });
                }
            }
        }
        lessons
    }

    /// Chooses among agents by chance, where the policy explores: the cheapest mostly, now and then
    /// one who costs little more. `costs` are totals with their agents; `sequence` is the call's.
    pub(super) fn explore(
        &self,
        call: CallId,
        sequence: u64,
        costs: &[(i64, usize)],
    ) -> Option<(usize, Chance)> {
        let learning = &self.policy.learning;
        if !learning.enabled || learning.explore_permille == 0 {
            return None;
        }
        let (least, cheapest) = costs.iter().copied().min()?;
        let within = micros(learning.explore_within);
        let among: Vec<usize> = costs
            .iter()
            .filter(|(cost, _)| cost - least <= within)
            .map(|(_, index)| *index)
            .collect();
        if among.len() < 2 {
            return None;
        }
        let mut drawn = learning.seed ^ sequence;
        for half in [call.uuid().as_u64_pair().0, call.uuid().as_u64_pair().1] {
            drawn = mixed(drawn ^ half);
        }
        let explores = drawn % 1000 < u64::from(learning.explore_permille);
        let chosen = if explores {
            among[(mixed(drawn) % among.len() as u64) as usize]
        } else {
            cheapest
        };
        let each = u32::from(learning.explore_permille) * 1000 / among.len() as u32;
        let millionths = if chosen == cheapest {
            1_000_000 - u32::from(learning.explore_permille) * 1000 + each
        } else {
            each
        };
        let drawn = chosen != cheapest;
        Some((
            chosen,
            Chance {
                millionths,
                drawn,
                among,
            },
        ))
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood 2014).
const fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
