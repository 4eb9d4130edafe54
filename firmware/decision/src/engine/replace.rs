//! Going on under another policy, with every call and agent as they are.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::AgentId;

use super::agent::{Agent, Slot};
use super::call::Stage;
use super::estimate::renumbered;
use super::kind::Kinds;
use super::{Engine, agent_index};
use crate::Input;
use crate::policy::Policy;

impl Engine {
    /// Swaps the policy. Agents, destinations and rules are known again by their names; take the
    /// choices that are due by `now` out before, as they name the old policy's. Of the agents who are new,
    /// those of `signed_in` are there before anybody who waits is decided anew.
    pub fn replace(&mut self, now: Duration, policy: Arc<Policy>, signed_in: &[AgentId]) {
        self.handle(now, &Input::Tick);
        let index = agent_index(&policy);
        let moved: Vec<Option<usize>> = self
            .policy
            .agents
            .iter()
            .map(|agent| index.get(&agent.id).copied())
            .collect();
        for (old, new) in moved.iter().enumerate() {
            if new.is_none() {
                self.agent_away(old);
            }
        }
        let mut agents = vec![Agent::away(); policy.agents.len()];
        for (old, new) in moved.iter().enumerate() {
            if let Some(new) = new {
                agents[*new].clone_from(&self.agents[old]);
                agents[*new].scheduled = None;
                let on_break = agents[*new].on_break;
                agents[*new].on_break = on_break.map(|taken| self.same_break(taken, &policy));
            }
        }
        let places: Vec<Option<usize>> = self
            .policy
            .destinations
            .iter()
            .map(|place| policy.destination(&place.name))
            .collect();
        let rules: Vec<Option<usize>> = self
            .policy
            .rules
            .iter()
            .map(|rule| policy.rules.iter().position(|new| new.name == rule.name))
            .collect();
        self.history.move_rules(&rules);
        self.lessons = self.lessons.moved(&moved, policy.agents.len());
        self.agents = agents;
        self.agent_index = index;
        self.kinds = Kinds::new(&policy);
        self.promises = super::hold::promises(&policy);
        self.policy = policy;
        self.timetable.clear();
        self.queue.clear();
        self.freed.clear();
        for slot in 0..self.calls.len() {
            if self.calls[slot].is_some() {
                self.carry_over(slot, &moved, &places, &rules);
            }
        }
        for agent in signed_in {
            if let Some(index) = self.agent_index.get(agent).copied() {
                self.sign_in(index, true);
            }
        }
        for index in 0..self.agents.len() {
            if self.agents[index].is_free() {
                self.freed.push(index);
            }
            self.reschedule_agent(index);
        }
        self.place();
    }

    fn carry_over(
        &mut self,
        slot: Slot,
        moved: &[Option<usize>],
        places: &[Option<usize>],
        rules: &[Option<usize>],
    ) {
        let (profile, open) = (self.call(slot).profile.clone(), self.call(slot).open);
        let kind = self.kind(&profile, open);
        let last_agent = self.agent_of(&profile);
        let call = self.call_mut(slot);
        call.due = None;
        call.insist = kind.need.insist();
        if renumbered(&call.kind.need.rules, rules).as_ref() != Some(&kind.need.rules) {
            // It was foretold from what other calls had met.
            call.forecast = None;
        }
        call.kind = kind;
        call.last_agent = last_agent;
        call.attempts
            .retain_mut(|attempt| match moved[attempt.agent] {
                Some(new) => {
                    attempt.agent = new;
                    true
                }
                None => false,
            });
        // Who was to take over from a novice was away with the policy that chose them, or goes on.
        call.successor = call
            .successor
            .and_then(|(agent, until)| Some((moved[agent]?, until)));
        match &mut call.stage {
            Stage::Waiting => self.enqueue(slot),
            Stage::SelfService { .. } => {}
            Stage::Sent { to, .. } => {
                if let Some(place) = places[*to] {
                    *to = place;
                } else {
                    call.stage = Stage::Waiting;
                    self.enqueue(slot);
                }
            }
            Stage::Offered { agent, .. } => {
                *agent = moved[*agent].expect("offers to agents who are gone have failed");
            }
            Stage::Talking { agent } => *agent = agent.and_then(|old| moved[old]),
        }
        if self.call(slot).stage != Stage::Waiting {
            self.reschedule_call(slot);
        }
    }
}
