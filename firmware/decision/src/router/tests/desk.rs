//! A router whose clock is moved by hand, and what it is told.

use trunkside_call::Language;
use uuid::Uuid;

use super::*;
use crate::OfferFailure;

pub(super) const BRANCH: &str = include_str!("../../../policies/branch.toml");

/// A router with a hand-moved clock.
pub(super) struct Desk {
    pub(super) router: Router,
    pub(super) now: Duration,
}

impl Desk {
    pub(super) fn new(text: &str) -> Self {
        let parsed = Policy::parse("policy.toml", text);
        let policy = parsed
            .policy
            .unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        Self {
            router: Router::new(Arc::new(policy)),
            now: Duration::ZERO,
        }
    }

    /// The branch's policy with both agents signed in.
    pub(super) fn branch() -> Self {
        let mut desk = Self::new(BRANCH);
        desk.tell(Input::AgentAvailable { agent: li_na() });
        desk.tell(Input::AgentAvailable { agent: zhang_wei() });
        desk
    }

    pub(super) fn tell(&mut self, input: Input) -> Vec<Decision> {
        self.router.handle(self.now, input);
        std::iter::from_fn(|| self.router.poll()).collect()
    }

    /// Nobody who is new is there.
    pub(super) fn replace(&mut self, text: &str) -> Vec<Decision> {
        self.replace_with(text, &[])
    }

    pub(super) fn replace_with(&mut self, text: &str, signed_in: &[AgentId]) -> Vec<Decision> {
        let parsed = Policy::parse("policy.toml", text);
        let policy = parsed
            .policy
            .unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        self.router.replace(self.now, Arc::new(policy), signed_in);
        std::iter::from_fn(|| self.router.poll()).collect()
    }

    /// Ticks whenever the router asks for it until `seconds` have passed.
    pub(super) fn pass(&mut self, seconds: u64) -> Vec<Decision> {
        let until = self.now + Duration::from_secs(seconds);
        let mut decisions = Vec::new();
        while let Some(due) = self.router.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            decisions.extend(self.tell(Input::Tick));
        }
        self.now = until;
        decisions
    }

    pub(super) fn ready(&mut self, number: u128, profile: CallProfile) -> Vec<Decision> {
        self.tell(Input::CallReady {
            call: call(number),
            profile,
        })
    }

    pub(super) fn fails(&mut self, number: u128, agent: AgentId) -> Vec<Decision> {
        let cause = OfferFailure::NoAnswer;
        self.tell(Input::OfferFailed {
            call: call(number),
            agent,
            cause,
        })
    }

    pub(super) fn bridged(&mut self, number: u128, agent: AgentId) -> Vec<Decision> {
        self.tell(Input::Bridged {
            call: call(number),
            agent,
        })
    }

    pub(super) fn ended(&mut self, number: u128) -> Vec<Decision> {
        self.tell(Input::CallEnded { call: call(number) })
    }
}

pub(super) fn li_na() -> AgentId {
    AgentId::new("li_na")
}

pub(super) fn zhang_wei() -> AgentId {
    AgentId::new("zhang_wei")
}

pub(super) fn agent(name: &str) -> AgentId {
    AgentId::new(name)
}

pub(super) fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

pub(super) fn wants(intent: &str) -> CallProfile {
    CallProfile {
        intent: Some(intent.to_owned()),
        intent_permille: 900,
        language: Some(Language::Zh),
        ..CallProfile::unknown()
    }
}

pub(super) fn angry(intent: &str) -> CallProfile {
    CallProfile {
        emotion: Emotion::Angry,
        emotion_permille: 800,
        ..wants(intent)
    }
}

pub(super) fn offer(agent: AgentId) -> Action {
    Action::Offer { agent }
}

pub(super) fn actions(decisions: &[Decision]) -> Vec<Action> {
    decisions
        .iter()
        .map(|decision| decision.action.clone())
        .collect()
}

pub(super) fn rules(decision: &Decision) -> Vec<&str> {
    decision
        .reasons
        .iter()
        .map(|reason| reason.rule.as_str())
        .collect()
}
