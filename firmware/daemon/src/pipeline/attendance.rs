//! Which agents are there: those whose phone is registered, and those whose phone need not be.

use std::collections::BTreeSet;
use std::time::Duration;

use trunkside_call::AgentId;
use trunkside_decision::{AgentProfile, Input, Policy};
use trunkside_line::{PhoneEvent, SipUa};

use super::Pipeline;

/// The phones that are registered.
#[derive(Debug, Default)]
pub(super) struct Attendance {
    phones: BTreeSet<String>,
}

impl Attendance {
    /// The agents of a policy who are there.
    pub(super) fn signed_in(&self, policy: &Policy) -> Vec<AgentId> {
        let agents = policy.agents.iter();
        let there = agents.filter(|agent| self.is_there(agent));
        there.map(|agent| agent.id.clone()).collect()
    }

    /// Of the agents of a policy that takes another's place: who comes with it, and who is not there any
    /// more because their phone is elsewhere now.
    pub(super) fn change(&self, before: &Policy, after: &Policy) -> (Vec<AgentId>, Vec<AgentId>) {
        let (was, is) = (self.signed_in(before), self.signed_in(after));
        let come = is.iter().filter(|agent| !was.contains(agent));
        let stays = |agent: &&AgentId| after.agent_index(agent).is_some() && !is.contains(agent);
        let gone = was.iter().filter(stays);
        (come.cloned().collect(), gone.cloned().collect())
    }

    fn is_there(&self, agent: &AgentProfile) -> bool {
        let phone = agent.phone();
        phone.is_none_or(|user| self.phones.contains(user))
    }
}

impl<U: SipUa> Pipeline<U> {
    /// Who is rung at the phone that registers with that user part.
    pub(super) fn agents_at(&self, user: &str) -> Vec<AgentId> {
        let agents = self.stages.policy.agents.iter();
        let rung_there = agents.filter(|agent| agent.phone() == Some(user));
        rung_there.map(|agent| agent.id.clone()).collect()
    }

    /// A phone has registered, or is gone, and whoever is rung there with it.
    pub(super) fn phone(&mut self, now: Duration, PhoneEvent { user, is_there }: PhoneEvent) {
        let agents = self.agents_at(&user);
        if is_there {
            self.attendance.phones.insert(user);
        } else {
            self.attendance.phones.remove(&user);
        }
        for agent in agents {
            tracing::info!(%agent, is_there, "an agent's phone has come or is gone");
            let input = if is_there {
                Input::AgentAvailable { agent }
            } else {
                Input::AgentAway { agent }
            };
            self.tell_router(now, input);
        }
    }
}
