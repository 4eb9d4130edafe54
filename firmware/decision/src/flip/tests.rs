//! A change that is found comes out as if the call had been played with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use trunkside_call::{AgentId, CallId};
use uuid::Uuid;

use super::*;
use crate::{OfferFailure, Policy};

const TEAM: &str = r#"
[queue]
max_wait_s = 600
wrap_up_s = 10
[weights]
preferred_s = 30
[[break]]
reason = "lunch"
code = "*11"
max_s = 60
[[agent]]
id = "a0"
languages = ["zh"]
skills = { x = 2, y = 5 }
[[agent]]
id = "a1"
senior = true
skills = { x = 4 }
[[agent]]
id = "a2"
skills = { x = 5 }
priority = 2
[[agent]]
id = "a3"
skills = { y = 1 }
[[rule]]
name = "ix"
when = { intent = "ix", min_score = 0.4 }
then = { skills_required = { x = 2 }, skills_preferred = { x = 5 }, relax = { skills_after_s = 40 } }
[[rule]]
name = "iy"
when = { intent = "iy", min_score = 0.6 }
then = { skills_required = { y = 1 }, priority = 2 }
[[rule]]
name = "angry"
when = { emotion = "angry", min_emotion_score = 0.5 }
then = { senior = true, priority = 3, relax = { senior_after_s = 30 } }
[[rule]]
name = "gold"
when = { tier = "gold" }
then = { skills_required = { y = 1 }, priority = 4 }
[[rule]]
name = "sinking"
when = { mood_fell = 0.5 }
then = { senior = true }
"#;

fn call(number: u8) -> CallId {
    CallId::new(Uuid::from_u128(u128::from(number)))
}

fn profile() -> impl Strategy<Value = CallProfile> {
    (
        prop::sample::select(vec![None, Some("ix"), Some("iy"), Some("iz")]),
        prop::sample::select(vec![300_u16, 500, 900]),
        prop::sample::select(vec![Emotion::Neutral, Emotion::Angry]),
        prop::sample::select(vec![400_u16, 700]),
        prop::sample::select(vec![None, Some(Language::Zh), Some(Language::En)]),
        prop::sample::select(vec![None, Some("gold"), Some("lead")]),
        prop::sample::select(vec![0_u16, 200, 600]),
    )
        .prop_map(
            |(intent, intent_permille, emotion, emotion_permille, language, tier, fell)| {
                CallProfile {
                    intent: intent.map(str::to_owned),
                    intent_permille,
                    emotion,
                    emotion_permille,
                    language,
                    tier: tier.map(str::to_owned),
                    facts: BTreeSet::new(),
                    hidden_intent: None,
                    last_agent: None,
                    mood_fell_permille: fell,
                }
            },
        )
}

fn input() -> impl Strategy<Value = Input> {
    let agent = || (0_u8..4).prop_map(|number| AgentId::new(format!("a{number}")));
    let id = || (0_u8..8).prop_map(call);
    prop_oneof![
        4 => (id(), profile()).prop_map(|(call, profile)| Input::CallReady { call, profile }),
        2 => (id(), profile()).prop_map(|(call, profile)| Input::MoodChanged {
            call,
            emotion: profile.emotion,
            emotion_permille: profile.emotion_permille,
            fell_permille: profile.mood_fell_permille,
        }),
        3 => agent().prop_map(|agent| Input::AgentAvailable { agent }),
        1 => agent().prop_map(|agent| Input::AgentBusy { agent }),
        1 => agent().prop_map(|agent| Input::AgentAway { agent }),
        1 => agent().prop_map(|agent| Input::BreakBegun {
            agent,
            reason: "lunch".to_owned(),
            ago_ms: 0,
        }),
        1 => agent().prop_map(|agent| Input::BreakOver { agent }),
        1 => agent().prop_map(|agent| Input::WrapUpOver { agent }),
        2 => (id(), agent()).prop_map(|(call, agent)| Input::Bridged { call, agent }),
        1 => (id(), agent()).prop_map(|(call, agent)| Input::OfferFailed {
            call,
            agent,
            cause: OfferFailure::NoAnswer,
        }),
        2 => id().prop_map(|call| Input::CallEnded { call }),
    ]
}

/// The fate by playing the change through on a copy in which what is due has happened.
fn played(engine: &Engine, now: Duration, inputs: &[Input], of: CallId) -> Option<Fate> {
    let mut settled = engine.silent();
    settled.handle(now, &Input::Tick);
    while settled.poll().is_some() {}
    let inputs: Vec<&Input> = inputs.iter().collect();
    settled.played(now, &inputs, of).decided
}

fn changed(engine: &Engine, input: &Input, change: &Change) -> Vec<Input> {
    let agent = |index: usize| engine.policy().agents[index].id.clone();
    match (change, input) {
        (Change::Nothing, _) => vec![input.clone()],
        (Change::Busy(index), _) => vec![
            Input::AgentBusy {
                agent: agent(*index),
            },
            input.clone(),
        ],
        (Change::Ready(index), Input::CallReady { call, .. } | Input::MoodChanged { call, .. }) => {
            let ready = engine.becomes_ready(*index, *call);
            ready.into_iter().chain([input.clone()]).collect()
        }
        (Change::Caller(other), Input::MoodChanged { call, .. }) => vec![Input::MoodChanged {
            call: *call,
            emotion: other.emotion,
            emotion_permille: other.emotion_permille,
            fell_permille: other.mood_fell_permille,
        }],
        (Change::Caller(other), Input::CallReady { call, .. }) => vec![Input::CallReady {
            call: *call,
            profile: other.clone(),
        }],
        (Change::Caller(_) | Change::Ready(_), _) => unreachable!("only callers are asked about"),
    }
}

fn check(team: &str, steps: &[(Input, u16)]) -> Result<(), TestCaseError> {
    let policy = Policy::parse("team.toml", team)
        .policy
        .expect("it is whole");
    let mut engine = Engine::new(Arc::new(policy), false);
    let mut now = Duration::ZERO;
    for (input, wait) in steps {
        now += Duration::from_millis(u64::from(*wait) * 100);
        if let Some(what_if) = WhatIf::new(&engine, now, input) {
            let (Input::CallReady { call, .. } | Input::MoodChanged { call, .. }) = input else {
                unreachable!("only callers are asked about");
            };
            let policy = engine.policy();
            let mut changes = of_profile(policy, &what_if.profile);
            if matches!(input, Input::MoodChanged { .. }) {
                changes = of_mood(policy, &what_if.profile);
            }
            changes.push((0, Change::Nothing));
            changes.extend(what_if.agents().map(|(agent, free)| {
                let change = if free {
                    Change::Busy(agent)
                } else {
                    Change::Ready(agent)
                };
                (1000, change)
            }));
            for (_, change) in changes {
                let expected = played(&engine, now, &changed(&engine, input, &change), *call);
                let found = what_if.fate(&change);
                // An agent who takes another call first moves this one up, which is no flip.
                let same = matches!(change, Change::Ready(_))
                    && matches!(
                        (found, expected),
                        (Some(Fate::Wait { .. }), Some(Fate::Wait { .. }))
                    );
                if !same {
                    prop_assert_eq!(found, expected, "{:?} {:?}", input, change);
                }
            }
        }
        engine.handle(now, input);
        while engine.poll().is_some() {}
    }
    Ok(())
}

#[test]
fn where_everybody_talks_the_end_of_a_call_is_what_would_turn_it() {
    let text =
        "[[agent]]\nid = \"a0\"\n[[agent]]\nid = \"a1\"\npriority = 2\n[[agent]]\nid = \"a2\"\n";
    let policy = Policy::parse("team.toml", text).policy.expect("whole");
    let mut engine = Engine::new(Arc::new(policy), false);
    let agent = |number: u8| AgentId::new(format!("a{number}"));
    let ready = |number| Input::CallReady {
        call: call(number),
        profile: CallProfile::unknown(),
    };
    for number in 0..2 {
        let there = Input::AgentAvailable {
            agent: agent(number),
        };
        let bridged = Input::Bridged {
            call: call(number),
            agent: agent(number),
        };
        for input in [there, ready(number), bridged] {
            engine.handle(Duration::ZERO, &input);
        }
    }
    // The third agent is away; the first in the policy who talks is enough.
    let now = Duration::from_secs(9);
    let flip = smallest(&engine, now, &ready(2)).expect("an agent could be free");
    assert_eq!(
        (flip.change.as_str(), flip.size_permille),
        ("a0 free", 1000)
    );
    assert_eq!(flip.action, Action::Offer { agent: agent(0) });
    engine.handle(now, &ready(2));
    // The same is found of a wait that ends by itself.
    let over = Duration::from_secs(400);
    let flip = of_call(&engine, over, &Input::Tick, call(2)).expect("an agent could be free");
    assert_eq!(flip.change, "a0 free");
}

proptest! {
    #[test]
    fn a_change_comes_out_as_if_played_through(
        steps in prop::collection::vec((input(), 0_u16..200), 0..60),
    ) {
        check(TEAM, &steps)?;
    }

    #[test]
    fn so_it_does_when_calls_may_be_held(
        steps in prop::collection::vec((input(), 0_u16..200), 0..60),
    ) {
        let team = TEAM.replace("preferred_s = 30", "preferred_s = 30\nhold_s = 3");
        check(&team, &steps)?;
    }

    #[test]
    fn so_it_does_when_shares_of_the_day_count_and_nobody_writes_notes(
        steps in prop::collection::vec((input(), 0_u16..200), 0..60),
    ) {
        let team = TEAM.replace("preferred_s = 30", "preferred_s = 30\nbusy_s = 3000\noccupancy_cap = 0.7");
        check(&team.replace("wrap_up_s = 10", "wrap_up_s = 0"), &steps)?;
    }
}
