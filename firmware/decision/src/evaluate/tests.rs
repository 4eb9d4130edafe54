//! Whether the intervals hold what another policy would have earned, in a desk whose truth is known.

use uuid::Uuid;

use super::*;
use crate::log::Models;
use crate::simulate::Stream;
use crate::{CallProfile, Router};

const AGENTS: [&str; 4] = ["ann", "bob", "carl", "dora"];
const INTENTS: [&str; 2] = ["loan", "ask"];

/// The chance that an agent resolves a call.
fn chance(intent: usize, agent: &AgentId) -> f64 {
    let index = AGENTS.iter().position(|name| *name == agent.as_str());
    let index = index.expect("only these work here");
    [[0.9, 0.7, 0.5, 0.3], [0.5, 0.6, 0.7, 0.8]][intent][index]
}

fn policy(more: &str) -> Arc<Policy> {
    let agents = AGENTS.iter().enumerate().map(|(index, name)| {
        let (loan, ask) = (4 - index, index + 1);
        format!("[[agent]]\nid = \"{name}\"\nskills = {{ loan = {loan}, ask = {ask} }}\n")
    });
    let rules = INTENTS.iter().map(|intent| {
        format!(
            "[[rule]]\nname = \"{intent}\"\nwhen = {{ intent = \"{intent}\" }}\n\
             then = {{ skills_preferred = {{ {intent} = 5 }} }}\n"
        )
    });
    let text: String = std::iter::once(more.to_owned())
        .chain(agents)
        .chain(rules)
        .collect();
    let parsed = Policy::parse("p.toml", &text);
    Arc::new(
        parsed
            .policy
            .unwrap_or_else(|| panic!("{:?}", parsed.problems)),
    )
}

/// Longest idle, and one call in five by chance.
fn explores() -> Arc<Policy> {
    policy(
        "[learning]\nenabled = true\nexplore = 0.2\nexplore_within_s = 86400\nresolved_s = 0\n\
         mood_s = 0\nslower = 0.0\n[weights]\npreferred_s = 0\n",
    )
}

/// The better skilled.
fn skilled() -> Arc<Policy> {
    policy("[weights]\npreferred_s = 600\n")
}

/// A desk's log, entry by entry, and the intent of each call.
fn desk(seed: u64, calls: u64, mut note: impl FnMut(Entry)) {
    let mut stream = Stream::new(seed, 0);
    let policy = explores();
    let mut router = Router::new(Arc::clone(&policy));
    note(Entry::start(&policy, Models::default()));
    // Who ends when, in order.
    let mut ends: BTreeMap<(u64, u64), (CallId, AgentId, usize)> = BTreeMap::new();
    let mut at = 0_u64;
    for name in AGENTS {
        let input = Input::AgentAvailable {
            agent: AgentId::new(name),
        };
        note(Entry::input(Duration::ZERO, input.clone()));
        router.handle(Duration::ZERO, input);
    }
    let mut tell = |router: &mut Router, at: u64, input: Input| -> Option<AgentId> {
        let now = Duration::from_micros(at);
        note(Entry::input(now, input.clone()));
        router.handle(now, input);
        let mut rung = None;
        while let Some(decision) = router.poll() {
            if let Action::Offer { agent } = &decision.action {
                rung = Some((decision.call, agent.clone()));
            }
            note(Entry::decision(decision));
        }
        let (call, agent) = rung?;
        let input = Input::Bridged {
            call,
            agent: agent.clone(),
        };
        note(Entry::input(now, input.clone()));
        router.handle(now, input);
        Some(agent)
    };
    for number in 0..calls {
        at += stream.exponential(90e6) as u64;
        while let Some(((end, _), (call, agent, intent))) = ends.pop_first() {
            if end > at {
                ends.insert((end, number), (call, agent, intent));
                break;
            }
            let resolved = Some(stream.unit() < chance(intent, &agent));
            let judged = Input::Judged {
                call,
                agent,
                intent: INTENTS[intent].to_owned(),
                resolved,
                mood_permille: None,
            };
            tell(&mut router, end, Input::CallEnded { call });
            tell(&mut router, end, judged);
        }
        let intent = usize::from(stream.unit() < 0.5);
        let call = CallId::new(Uuid::from_u128(u128::from(seed) << 64 | u128::from(number)));
        let profile = CallProfile {
            intent: Some(INTENTS[intent].to_owned()),
            intent_permille: 1000,
            ..CallProfile::unknown()
        };
        if let Some(agent) = tell(&mut router, at, Input::CallReady { call, profile }) {
            let end = at + stream.exponential(120e6) as u64;
            ends.insert((end, number), (call, agent, intent));
        } else {
            // Nobody was free: they hang up.
            tell(&mut router, at, Input::CallEnded { call });
        }
    }
}

fn read(seed: u64, calls: u64) -> Reading {
    let mut reading = Reading::new(&skilled());
    desk(seed, calls, |entry| {
        reading.take(1, entry).expect("the log is whole");
    });
    reading
}

/// What the other policy earns in the states that the log meets: its own choices' true chances.
fn truth(reading: &Reading) -> f64 {
    let name = |number: u32| {
        let found = reading.agents.iter().find(|(_, known)| **known == number);
        found.expect("it was numbered").0.clone()
    };
    let intent = |context: u32| {
        let found = reading
            .contexts
            .iter()
            .find(|(_, known)| **known == context);
        INTENTS
            .iter()
            .position(|i| i == found.expect("it was numbered").0)
    };
    let earned: Vec<f64> = reading
        .choices
        .iter()
        .map(|choice| {
            let intent = intent(choice.context).expect("one of two");
            chance(intent, &name(choice.target[0].0))
        })
        .collect();
    earned.iter().sum::<f64>() / earned.len() as f64
}

#[test]
fn intervals_cover_what_the_other_policy_would_have_earned_in_a_simulated_desk() {
    let long = read(999, 6_000);
    let truth = truth(&long);
    let (mut weighted, mut robust, mut narrower) = (0, 0, 0);
    for seed in 0..200 {
        let found = read(seed, 300).finish();
        assert!(found.choices > 120 && found.beyond == 0, "{found:?}");
        let covers = |e: Estimate| u32::from((e.mean - truth).abs() <= e.half);
        weighted += covers(found.inverse_propensity);
        robust += covers(found.doubly_robust);
        narrower += u32::from(found.doubly_robust.half < found.inverse_propensity.half);
    }
    assert!(weighted >= 190, "{weighted} of 200 around {truth}");
    assert!(robust >= 190, "{robust} of 200 around {truth}");
    assert!(narrower >= 150, "{narrower} of 200");
}

#[test]
fn a_log_s_text_gives_the_same_and_faults_are_named() {
    let mut log = String::new();
    desk(7, 100, |entry| log += &entry.to_line());
    let found = evaluate(&log, &skilled()).expect("the log is whole");
    assert_eq!(found, read(7, 100).finish());
    let torn = format!("{log}{{\"entry\":\"in");
    let lossy = evaluate(&torn, &skilled()).expect("its end is torn");
    assert_eq!(lossy.lost_lines, 1);
    assert_eq!((lossy.choices, lossy.logged), (found.choices, found.logged));
    let nothing = evaluate("", &skilled()).expect("nothing is wrong with it");
    assert!(nothing.choices == 0 && nothing.logged.mean.is_sign_positive());
    let error = evaluate("nonsense\n{}", &skilled()).expect_err("it is no log");
    assert!(error.to_string().starts_with("line 1 of the decision log"));
    // The same policy without chance earns about what the log earned.
    let same = evaluate(&log, &explores()).expect("the log is whole");
    assert!(
        (same.doubly_robust.mean - same.logged.mean).abs() < 0.1,
        "{same:?}"
    );
}

/// The box logs each input of a wake at once, and the decisions about all of them behind.
#[test]
fn decisions_behind_the_next_call_are_choices_too() {
    let (mut log, mut late, mut held) = (String::new(), String::new(), String::new());
    desk(7, 300, |entry| {
        let line = entry.to_line();
        log += &line;
        match entry {
            Entry::Decision { .. } => return held += &line,
            Entry::Input {
                input: Input::CallReady { .. },
                ..
            } => {
                late += &line;
                return late += &std::mem::take(&mut held);
            }
            Entry::Input {
                input: Input::CallEnded { .. },
                ..
            } => late += &std::mem::take(&mut held),
            _ => {}
        }
        late += &line;
    });
    late += &held;
    assert_ne!(log, late);
    let found = evaluate(&log, &skilled()).expect("the log is whole");
    let behind = evaluate(&late, &skilled()).expect("the log is whole");
    assert_eq!(behind, found);
}
