//! Calls that had better wait a moment although an agent is free: for a better agent, or because
//! the agent is kept for callers who must be answered quickly.

use std::sync::Arc;

use super::Engine;
use super::agent::{Micros, Slot};
use super::kind::Kind;
use crate::input::micros;
use crate::need::Insist;
use crate::policy::Policy;

/// What a rule that promises an answer in time has come to.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    rule: usize,
    within: Micros,
    /// Who could keep it.
    kind: Arc<Kind>,
    /// How many agents are kept free for it, in thousandths.
    reserve_milli: i64,
}

/// Kept agents gained for a call that waited too long, and lost for one that did not: they are in
/// balance when one call in twelve waits too long, safely within the one in ten that is promised.
const MISSED_MILLI: i64 = 110;
const KEPT_MILLI: i64 = 10;

pub(super) fn promises(policy: &Policy) -> Vec<Promise> {
    let kinds = super::kind::Kinds::new(policy);
    policy
        .rules
        .iter()
        .enumerate()
        .filter_map(|(rule, then)| {
            Some(Promise {
                rule,
                within: micros(then.then.answer_within?),
                kind: kinds.peek(policy, &(vec![rule], None)),
                reserve_milli: 0,
            })
        })
        .collect()
}

impl Engine {
    /// Whether some call may have to wait although somebody is free who fits.
    pub(super) fn may_hold(&self) -> bool {
        !self.promises.is_empty()
            || !self.policy.groups.is_empty()
            || !self.policy.weights.hold.is_zero()
    }

    /// Learns from the end of a wait at the telephone how many agents must be kept free. Nobody is
    /// kept for callers who are called back: an agent has them at once.
    pub(super) fn waited(&mut self, slot: Slot, held: Micros) {
        if self.call(slot).called_back {
            return;
        }
        let kind = Arc::clone(&self.call(slot).kind);
        let need = &kind.need;
        let (agents, share) = (&self.agents, self.policy.queue.reserve_permille);
        for promise in &mut self.promises {
            if need.rules.contains(&promise.rule) {
                let step = if held > promise.within {
                    MISSED_MILLI
                } else {
                    -KEPT_MILLI
                };
                let able = agents
                    .iter()
                    .zip(&promise.kind.fits)
                    .filter(|(a, fit)| a.is_there() && fit.meets(promise.kind.need.insist()))
                    .count() as i64;
                let most = able * share / 1000 * 1000;
                promise.reserve_milli = (promise.reserve_milli + step).clamp(0, most);
            }
        }
    }

    /// The moment from which a waiting call may go to a free agent who fits.
    pub(super) fn opens(
        &self,
        kind: &Kind,
        insist: Insist,
        sought_since: Micros,
        index: usize,
    ) -> Micros {
        let fit = &kind.fits[index];
        let better = fit
            .shortfall(insist)
            .saturating_sub(kind.least_shortfall(insist));
        let hold = micros(self.policy.weights.hold).saturating_mul(i64::from(better));
        let reserve = if self.is_kept(kind, index) {
            micros(self.policy.queue.reserve_hold)
        } else {
            0
        };
        sought_since.saturating_add(hold.max(reserve).max(fit.opens_after))
    }

    /// Whether the agent is one of the last free who could take a promised call.
    fn is_kept(&self, kind: &Kind, index: usize) -> bool {
        self.promises.iter().any(|promise| {
            promise.reserve_milli >= 1000
                && !kind.need.rules.contains(&promise.rule)
                && promise.kind.fits[index].meets(promise.kind.need.insist())
                && {
                    let insist = promise.kind.need.insist();
                    let free = self
                        .agents
                        .iter()
                        .zip(&promise.kind.fits)
                        .filter(|(agent, fit)| agent.is_free() && fit.meets(insist))
                        .count() as i64;
                    (free - 1) * 1000 < promise.reserve_milli / 1000 * 1000
                }
        })
    }
}
