//! What every agent would be to calls that ask for the same: worked out once, looked up for every
//! decision.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::Language;

use super::agent::Micros;
use crate::input::micros;
use crate::need::{Insist, Need, Requirement};
use crate::policy::{Chain, Policy};

/// What a step of agent priority is worth: more than any wait or idle time.
pub(super) const RANK_STEP: i64 = 7 * 86_400 * 1_000_000;

// The last of nine priorities, over the cap of its share of the day, with two days of all else.
const _: () = assert!(9 * RANK_STEP + 2 * 86_400 * 1_000_000 < crate::matching::MOST);

/// The handle time of calls of which the policy says nothing.
const ORDINARY_HANDLE: Micros = 180_000_000;

/// Callers cannot make more kinds than this be remembered.
const MOST_KINDS: usize = 2048;

/// Calls that ask for the same.
#[derive(Debug)]
pub(crate) struct Kind {
    pub need: Need,
    pub fits: Vec<Fit>,
    /// What a waiting minute of such a call counts, in thousandths.
    pub worth: i64,
    /// The wait after which it leaves this branch by the group's overflow: for a destination, or
    /// with the promise of a call back.
    pub leaves: Option<(Micros, Option<usize>)>,
    /// The least shortfall of anybody, while the required skills are insisted on, and after.
    least_shortfall: [u32; 2],
}

impl Kind {
    pub const fn least_shortfall(&self, insist: Insist) -> u32 {
        self.least_shortfall[!insist.skills as usize]
    }
}

/// One agent for one kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// A bit for each [`Requirement`] that the agent does not meet.
    lacks: u8,
    pub rank: u8,
    /// Levels short of what is liked: while the required skills are insisted on, and after.
    shortfall: [u32; 2],
    /// How much of a rare agent the call would spend without needing it, in thousandths.
    pub scarcity: i64,
    /// How long the call is expected to take this agent beyond what it takes the quickest.
    pub slower: Micros,
    /// The wait from which the agent may take such calls, by groups and their overflows.
    pub opens_after: Micros,
    /// All that does not change while the call waits, weighed; by whether skills are insisted on.
    base: [i64; 2],
}

impl Fit {
    pub const fn meets(&self, insist: Insist) -> bool {
        self.lacks & insist.bits() == 0
    }

    pub const fn shortfall(&self, insist: Insist) -> u32 {
        self.shortfall[!insist.skills as usize]
    }

    pub const fn base(&self, insist: Insist) -> i64 {
        self.base[!insist.skills as usize]
    }
}

/// The kinds seen under one policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    /// Which rules apply and the caller's language say all.
    known: BTreeMap<(Vec<usize>, Option<Language>), Arc<Kind>>,
    rarity: Vec<i64>,
    senior_rarity: i64,
}

impl Kinds {
    pub fn new(policy: &Policy) -> Self {
        let (rarity, senior_rarity) = rarity(policy);
        Self {
            known: BTreeMap::new(),
            rarity,
            senior_rarity,
        }
    }

    /// The kind of a call; remembered for the next one.
    pub fn of(&mut self, policy: &Policy, key: (Vec<usize>, Option<Language>)) -> Arc<Kind> {
        if let Some(kind) = self.known.get(&key) {
            return Arc::clone(kind);
        }
        if self.known.len() >= MOST_KINDS {
            self.known.clear();
        }
        let kind = Arc::new(self.work_out(policy, &key));
        self.known.insert(key, Arc::clone(&kind));
        kind
    }

    /// The kind of a call that may never come.
    pub fn peek(&self, policy: &Policy, key: &(Vec<usize>, Option<Language>)) -> Arc<Kind> {
        self.known
            .get(key)
            .map_or_else(|| Arc::new(self.work_out(policy, key)), Arc::clone)
    }

    fn work_out(&self, policy: &Policy, key: &(Vec<usize>, Option<Language>)) -> Kind {
        let need = Need::from_rules(policy, &key.0, key.1);
        let chain = Chain::of(policy, need.group);
        let able = |fit: &Fit| fit.meets(need.insist());
        let mut fits: Vec<Fit> = (0..policy.agents.len())
            .map(|agent| self.fit(policy, &need, agent, chain.opens[agent]))
            .collect();
        let quickest = fits
            .iter()
            .filter(|fit| able(fit))
            .map(|fit| fit.slower)
            .min()
            .unwrap_or(0);
        for fit in &mut fits {
            fit.slower = (fit.slower - quickest).max(0);
            for (base, shortfall) in fit.base.iter_mut().zip(fit.shortfall) {
                *base = i64::from(fit.rank) * RANK_STEP
                    + i64::from(shortfall) * micros(policy.weights.preferred)
                    + fit.scarcity * micros(policy.weights.scarcity) / 1000
                    + fit.slower / 1000 * policy.weights.slower_permille;
            }
        }
        let least = |given_up: usize| {
            fits.iter()
                .filter(|fit| able(fit))
                .map(|fit| fit.shortfall[given_up])
                .min()
                .unwrap_or(0)
        };
        let least_shortfall = [least(0), least(1)];
        let worth = worth(policy, &need);
        Kind {
            need,
            fits,
            worth,
            leaves: chain.leaves.map(|(after, to)| (micros(after), to)),
            least_shortfall,
        }
    }

    fn fit(
        &self,
        policy: &Policy,
        need: &Need,
        agent: usize,
        opens_after: Option<Duration>,
    ) -> Fit {
        let profile = &policy.agents[agent];
        let everything = Insist {
            senior: true,
            skills: true,
            language: true,
        };
        let mut lacks = if opens_after.is_none() {
            Insist::GROUP
        } else {
            0
        };
        for requirement in Requirement::ALL {
            let mut only = Insist::nothing();
            only.set(requirement);
            if need.misfit(profile, only).is_some() {
                lacks |= only.bits() & !Insist::GROUP;
            }
        }
        let handle = need.handle_time.map_or(ORDINARY_HANDLE, micros);
        let handle = handle / i64::from(profile.pace_percent.max(1)) * 100;
        let given_up = Insist {
            skills: false,
            ..everything
        };
        Fit {
            lacks,
            rank: profile.priority.saturating_sub(1),
            shortfall: [
                need.shortfall(profile, everything),
                need.shortfall(profile, given_up),
            ],
            scarcity: self.scarcity(policy, need, agent),
            slower: handle,
            opens_after: opens_after.map_or(0, micros),
            base: [0; 2],
        }
    }

    /// How much of a rare agent the call would spend without needing it: the mean rarity of the
    /// agent's skills, seniority among them, those that the call uses counting nothing.
    fn scarcity(&self, policy: &Policy, need: &Need, agent: usize) -> i64 {
        let profile = &policy.agents[agent];
        let (mut rare, mut count) = (0, 0);
        for (skill, _) in profile.skills.iter().enumerate().filter(|(_, l)| **l > 0) {
            count += 1;
            if !need.uses(skill) {
                rare += self.rarity[skill];
            }
        }
        if profile.senior {
            count += 1;
            if !need.senior {
                rare += self.senior_rarity;
            }
        }
        if count == 0 { 0 } else { rare / count }
    }
}

/// What a waiting minute of the call is worth in thousandths: an agent's minute that serves three
/// short calls ends three waits (the generalised c-mu rule, van Mieghem 1995), and an impatient
/// caller may not wait a second one. A quarter to four times the ordinary, so that no call starves.
fn worth(policy: &Policy, need: &Need) -> i64 {
    let handle = need.handle_time.map_or(ORDINARY_HANDLE, micros);
    if need.handle_time.is_none() && need.patience.is_none() {
        return 1000;
    }
    let short = 1000 * ORDINARY_HANDLE / handle.max(1);
    let tilt = need.patience.map_or(0, |patience| {
        policy.weights.impatience_permille * ORDINARY_HANDLE / micros(patience).max(1)
    });
    let worth = (short * (1000 + tilt) / 1000).clamp(250, 4000);
    1000 + (worth - 1000) * policy.weights.short_permille / 1000
}

/// How rare each skill, and seniority, is among the agents: 1000 when only one has it.
fn rarity(policy: &Policy) -> (Vec<i64>, i64) {
    let rarity_of = |holders: usize| 1000 / holders.max(1) as i64;
    let skills = (0..policy.skills.len())
        .map(|skill| rarity_of(policy.agents.iter().filter(|a| a.skills[skill] > 0).count()))
        .collect();
    let senior = rarity_of(policy.agents.iter().filter(|agent| agent.senior).count());
    (skills, senior)
}
