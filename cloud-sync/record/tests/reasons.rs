//! What the router says of its choices reaches the cloud: no time and no share in it is so long a
//! number that the gate would withhold the whole reason.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use trunkside_call::{AgentId, CallId, Decision, Emotion, Language};
use trunkside_decision::{CallProfile, Input, OfferFailure, Policy, Router};
use trunkside_record::{DecisionRecord, PseudonymKey, Pseudonyms};
use uuid::Uuid;

const BRANCH: &str = include_str!("../../../firmware/decision/policies/branch.toml");

#[derive(Clone, Debug)]
enum Event {
    Pass(u64),
    Ready(u128, u16, u16),
    Bridged(u128, usize),
    Fails(u128, usize),
    Ended(u128),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let calls = 1..5_u128;
    let times = prop_oneof![0..120_u64, 0..3600_u64, 0..20 * 86_400_u64];
    proptest::collection::vec(
        prop_oneof![
            times.prop_map(Event::Pass),
            (calls.clone(), 0..=1000_u16, 0..=1000_u16)
                .prop_map(|(call, intent, mood)| Event::Ready(call, intent, mood)),
            (calls.clone(), 0..2_usize).prop_map(|(call, agent)| Event::Bridged(call, agent)),
            (calls.clone(), 0..2_usize).prop_map(|(call, agent)| Event::Fails(call, agent)),
            calls.prop_map(Event::Ended),
        ],
        1..30,
    )
}

fn agent(index: usize) -> AgentId {
    AgentId::new(["li_na", "zhang_wei"][index])
}

/// All that the router decides in the course of the events.
fn decisions(policy: &str, events: &[Event]) -> Vec<Decision> {
    let policy = Policy::parse("policy.toml", policy)
        .policy
        .expect("it is right");
    let mut router = Router::new(Arc::new(policy));
    let mut now = Duration::ZERO;
    let mut decisions = Vec::new();
    for index in 0..2 {
        let agent = agent(index);
        router.handle(now, Input::AgentAvailable { agent });
    }
    for event in events {
        let id = |number: &u128| CallId::new(Uuid::from_u128(*number));
        let input = match event {
            Event::Pass(seconds) => {
                let until = now + Duration::from_secs(*seconds);
                while let Some(due) = router.deadline().filter(|due| *due <= until) {
                    now = now.max(due);
                    router.handle(now, Input::Tick);
                    decisions.extend(std::iter::from_fn(|| router.poll()));
                }
                now = until;
                Input::Tick
            }
            Event::Ready(call, intent_permille, emotion_permille) => Input::CallReady {
                call: id(call),
                profile: CallProfile {
                    intent: Some(["refund", "lost_card", "weather"][*call as usize % 3].to_owned()),
                    intent_permille: *intent_permille,
                    emotion: Emotion::Angry,
                    emotion_permille: *emotion_permille,
                    language: Some(Language::Zh),
                    ..CallProfile::unknown()
                },
            },
            Event::Bridged(call, index) => Input::Bridged {
                call: id(call),
                agent: agent(*index),
            },
            Event::Fails(call, index) => Input::OfferFailed {
                call: id(call),
                agent: agent(*index),
                cause: OfferFailure::NoAnswer,
            },
            Event::Ended(call) => Input::CallEnded { call: id(call) },
        };
        router.handle(now, input);
        decisions.extend(std::iter::from_fn(|| router.poll()));
    }
    decisions
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_reason_of_a_decision_is_withheld(events in events(), chinese: bool) {
        let language = if chinese { "zh" } else { "en" };
        let policy = format!("reasons_in = \"{language}\"\n{BRANCH}");
        let mut names = Pseudonyms::new(PseudonymKey::new([1; 32]));
        names.know((0..2).map(agent));
        for decision in decisions(&policy, &events) {
            for (told, said) in DecisionRecord::new(&decision, &names).reasons.iter().zip(&decision.reasons) {
                prop_assert!(!told.finding.is_withheld(), "{}: {}", said.rule, said.finding);
            }
        }
    }
}
