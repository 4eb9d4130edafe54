//! A log replays to the same decisions, and what is changed, missing or torn in it is told.

use trunkside_call::{Action, AgentId, CallId, Emotion, Language};
use uuid::Uuid;

use super::*;
use crate::{CallProfile, OfferFailure};

const BRANCH: &str = include_str!("day.toml");

/// `SplitMix64` (Steele, Lea and Flood 2014): the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn policy() -> Arc<Policy> {
    let parsed = Policy::parse("branch.toml", BRANCH);
    Arc::new(parsed.policy.expect("it is usable"))
}

/// Plays a busy day against a router and logs it, until it has decided `decisions` times.
fn day(decisions: u64) -> String {
    let policy = policy();
    let mut log = Entry::start(&policy, Models::default()).to_line();
    let mut router = Router::new(Arc::clone(&policy));
    let mut numbers = Numbers(7);
    let mut now = Duration::ZERO;
    let mut calls = 0;
    let mut made = 0;
    let mut last_offer = None;
    while made < decisions {
        now += Duration::from_micros(numbers.below(9_000_000));
        let input = event(&mut numbers, &mut calls, &policy, &mut last_offer);
        log.push_str(&Entry::input(now, input.clone()).to_line());
        router.handle(now, input);
        while let Some(decision) = router.poll() {
            made += 1;
            if let Action::Offer { agent } = &decision.action {
                last_offer = Some((decision.call, agent.clone()));
            }
            log.push_str(&Entry::decision(decision).to_line());
        }
    }
    log
}

fn event(
    numbers: &mut Numbers,
    calls: &mut u64,
    policy: &Policy,
    last_offer: &mut Option<(CallId, AgentId)>,
) -> Input {
    let agent = policy.agents[numbers.below(2) as usize].id.clone();
    let earlier = CallId::new(Uuid::from_u128(u128::from(
        calls.saturating_sub(numbers.below(6)),
    )));
    match (numbers.below(12), last_offer.take()) {
        (0, _) => Input::AgentAvailable { agent },
        (1, _) => Input::AgentBusy { agent },
        (2, _) => Input::Tick,
        (3..=5, _) => Input::CallEnded { call: earlier },
        (6, Some((call, agent))) => Input::OfferFailed {
            call,
            agent,
            cause: OfferFailure::NoAnswer,
        },
        (7 | 8, Some((call, agent))) => Input::Bridged { call, agent },
        (9, _) => Input::MoodChanged {
            call: earlier,
            emotion: Emotion::Angry,
            emotion_permille: numbers.below(1001) as u16,
            fell_permille: 0,
        },
        _ => {
            *calls += 1;
            let rules = &policy.rules;
            let intents = &rules[numbers.below(rules.len() as u64) as usize]
                .when
                .intents;
            let profile = CallProfile {
                intent: intents.first().cloned(),
                intent_permille: numbers.below(1001) as u16,
                language: Some(Language::Zh),
                ..CallProfile::unknown()
            };
            Input::CallReady {
                call: CallId::new(Uuid::from_u128(u128::from(*calls))),
                profile,
            }
        }
    }
}

#[test]
fn ten_thousand_decisions_replay_to_the_same_bits_on_every_machine() {
    let report = replay(&day(10_000)).expect("the log is whole");
    assert_eq!(report.differences, []);
    assert!(report.decisions >= 10_000);
    assert_eq!((report.cut_short, report.policies.len()), (0, 1));
    // The same on x86-64 and on aarch64, where this test runs too. It changes with the policy or the wording.
    assert_eq!(report.digest, include_str!("day.sha256").trim());
}

/// The same log as the box writes it where each wake hears of `inputs` things: these at once, and then
/// what was decided about all of them.
fn in_wakes(log: &str, inputs: usize) -> String {
    let (mut text, mut decisions, mut heard) = (String::new(), String::new(), 0);
    for line in log.lines() {
        let is_input = line.starts_with("{\"entry\":\"input\"");
        if is_input && heard % inputs == 0 {
            text.push_str(&std::mem::take(&mut decisions));
        }
        heard += usize::from(is_input);
        let to = if line.starts_with("{\"entry\":\"decision\"") {
            &mut decisions
        } else {
            &mut text
        };
        to.push_str(line);
        to.push('\n');
    }
    text + &decisions
}

#[test]
fn decisions_behind_the_inputs_of_their_wake_are_no_differences() {
    let log = day(500);
    let whole = replay(&log).expect("the log is whole");
    let report = replay(&in_wakes(&log, 3)).expect("it is a log");
    assert_eq!(report, whole);
    assert_eq!((report.differences.len(), report.cut_short), (0, 0));
}

#[test]
fn what_is_missing_or_changed_behind_inputs_is_still_found() {
    let log = in_wakes(&day(500), 3);
    let lines: Vec<&str> = log.lines().collect();
    let decisions: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].starts_with("{\"entry\":\"decision\""))
        .collect();
    let victim = decisions[decisions.len() / 2];
    let without = |gone: &dyn Fn(usize) -> bool| {
        let kept = lines.iter().enumerate().filter(|(at, _)| !gone(*at));
        let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
        replay(&kept.join("\n")).expect("it is still a log")
    };
    let report = without(&|at| at == victim);
    assert_eq!(report.differences.len(), 1);
    assert_eq!(report.differences[0].logged, None);
    // All of an hour's decisions: no power failure looks like that.
    let behind = decisions.iter().filter(|at| **at >= victim).count();
    let report = without(&|at| at >= victim && decisions.contains(&at));
    assert!(
        report.differences.len() + 10 > behind,
        "{} of {behind}",
        report.differences.len()
    );
    let mut changed: Vec<String> = lines.iter().map(ToString::to_string).collect();
    changed[victim] = changed[victim].replacen(
        "\"reasons\":[",
        "\"reasons\":[{\"rule\":\"x\",\"finding\":\"y\"},",
        1,
    );
    let report = replay(&changed.join("\n")).expect("it is still a log");
    assert_eq!(report.differences.len(), 1);
    assert_eq!(report.differences[0].line, victim + 1);
}

#[test]
fn a_changed_decision_is_found() {
    let log = day(50);
    let changed = log.replacen(
        "\"do\":\"wait\"",
        "\"do\":\"callback\",\"cause\":\"closed\"",
        1,
    );
    let report = replay(&changed).expect("it is still a log");
    assert_eq!(report.differences.len(), 1);
    let line = log
        .lines()
        .position(|line| line.contains("\"do\":\"wait\""))
        .expect("one waits");
    assert_eq!(report.differences[0].line, line + 1);
}

#[test]
fn a_missing_decision_is_found() {
    let log = day(50);
    let gone = log
        .lines()
        .position(|line| line.contains("\"do\":\"wait\""))
        .expect("one waits");
    let kept: Vec<&str> = log
        .lines()
        .enumerate()
        .filter(|(i, _)| *i != gone)
        .map(|(_, line)| line)
        .collect();
    let report = replay(&kept.join("\n")).expect("it is still a log");
    assert!(!report.differences.is_empty());
}

#[test]
fn a_power_failure_is_not_a_difference() {
    let log = day(20);
    let torn = format!("{}\n{log}", &log[..log.len() - 30]);
    let report = replay(&torn).expect("both parts are readable");
    assert_eq!(report.differences, []);
    assert_eq!(report.cut_short, 1);
    let report = replay(&log[..log.len() - 30]).expect("its beginning is readable");
    assert_eq!((report.differences.len(), report.cut_short), (0, 1));
}

#[test]
fn what_is_no_log_is_refused_with_its_line() {
    let log = day(5);
    let error = replay("hello").expect_err("that is no log");
    assert!(error.to_string().starts_with("line 1"), "{error}");
    let tampered = log.replacen("max_wait_s = 300", "max_wait_s = 301", 1);
    let error = replay(&tampered).expect_err("the policy was changed");
    assert!(
        error
            .to_string()
            .contains("the policy's text is not that of"),
        "{error}"
    );
    let error =
        replay_file(Path::new("/nowhere/decisions.jsonl"), None).expect_err("there is no file");
    assert!(
        error
            .to_string()
            .starts_with("cannot read decision log `/nowhere/decisions.jsonl`")
    );
}

#[test]
fn a_torn_line_is_skipped_and_counted_and_spoils_nothing_behind_it() {
    let log = day(50);
    let whole = replay(&log).expect("the log is whole");
    let lines: Vec<&str> = log.lines().collect();
    let torn = lines.len() / 2;
    let with = |text: &str| {
        let mut lines = lines.clone();
        lines[torn] = text;
        replay(&(lines.join("\n") + "\n" + &log)).expect("it is still a log")
    };
    // Cut off, and what the next line was glued to.
    let cut = &lines[torn][..20];
    let glued = format!("{cut}{}", lines[torn]);
    for (text, inputs) in [(cut, 0), (glued.as_str(), 0)] {
        let report = with(text);
        assert_eq!((report.lost_lines, report.differences.len()), (1, inputs));
        assert_eq!(report.lost_at.len(), 1);
        assert!(report.inputs + 1 >= 2 * whole.inputs);
    }
    // The whole entry behind a torn one is read: nothing of the day is missing.
    assert_eq!(with(&glued).unsure, 0);
    let gap = Entry::Gap { lines: 7 }.to_line();
    let report = with(gap.trim_end());
    assert_eq!((report.lost_lines, report.differences.len()), (7, 0));
}

#[test]
fn a_replaced_policy_replays_too() {
    let policy = Arc::new(
        Policy::parse("branch.toml", BRANCH)
            .policy
            .expect("it is usable"),
    );
    let other = BRANCH.replace("id = \"zhang_wei\"", "id = \"wang_fang\"");
    let other = Arc::new(
        Policy::parse("branch.toml", &other)
            .policy
            .expect("it is usable"),
    );
    let mut log = Entry::start(&policy, Models::default()).to_line();
    let mut router = Router::new(policy);
    let call = CallId::new(Uuid::from_u128(1));
    let profile = CallProfile {
        emotion: Emotion::Angry,
        emotion_permille: 900,
        ..CallProfile::unknown()
    };
    let mut actions = Vec::new();
    let inputs = [
        Input::AgentAvailable {
            agent: AgentId::new("zhang_wei"),
        },
        Input::CallReady { call, profile },
    ];
    for input in inputs {
        log.push_str(&Entry::input(Duration::ZERO, input.clone()).to_line());
        router.handle(Duration::ZERO, input);
    }
    router.replace(Duration::from_secs(5), Arc::clone(&other), &[]);
    let mut tail = Entry::replace(Duration::from_secs(5), &other, Vec::new()).to_line();
    while let Some(decision) = router.poll() {
        actions.push(decision.action.clone());
        let line = Entry::decision(decision).to_line();
        if actions.len() == 1 {
            log.push_str(&line);
        } else {
            tail.push_str(&line);
        }
    }
    log.push_str(&tail);
    assert_eq!(
        actions.len(),
        2,
        "offered, then the agent is gone and nobody is left"
    );
    let report = replay(&log).expect("the log is whole");
    assert_eq!(report.differences, []);
    assert_eq!(report.policies.len(), 2);
}

/// An older version logged a place beyond the branch as if it were an agent.
#[test]
fn a_log_that_knows_no_overflow_replays_without_a_difference() {
    let policy = format!(
        "{BRANCH}\n[[destination]]\nname = \"messages\"\nkind = \"voicemail\"\n\
         contact = \"sip:messages@192.0.2.8\"\n"
    );
    let policy = policy.replacen("[queue]", "[queue]\nlast_resort = \"messages\"", 1);
    let parsed = Policy::parse("branch.toml", &policy);
    let policy = Arc::new(parsed.policy.expect("it is usable"));
    let mut log = Entry::start(&policy, Models::default()).to_line();
    let mut router = Router::new(policy);
    let call = CallId::new(Uuid::from_u128(1));
    let profile = CallProfile::unknown();
    let ready = Input::CallReady { call, profile };
    log.push_str(&Entry::input(Duration::ZERO, ready.clone()).to_line());
    router.handle(Duration::ZERO, ready);
    let decision = router.poll().expect("nobody is signed in");
    log.push_str(&Entry::decision(decision).to_line());
    let now = r#"{"do":"overflow","to":"messages","kind":"voicemail"}"#;
    let before = r#"{"do":"offer","agent":"messages"}"#;
    assert!(log.contains(now), "{log}");
    for (log, differences) in [
        (log.clone(), 0),
        (log.replace(now, before), 0),
        (log.replace(now, r#"{"do":"offer","agent":"zhang_wei"}"#), 1),
    ] {
        let report = replay(&log).expect("it is a log");
        assert_eq!(report.differences.len(), differences, "{log}");
    }
}

#[test]
fn a_decision_names_its_costs_and_the_lines_that_led_to_it() {
    let log = day(300);
    let (mut told, mut chosen) = (Sha256::new(), 0);
    for line in log.lines() {
        let entry: Entry = serde_json::from_str(line).expect("it is a line of the log");
        let Entry::Decision { decision } = entry else {
            told.update(line);
            told.update("\n");
            continue;
        };
        assert_eq!(
            decision.inputs,
            crate::policy::hex(&told.clone().finalize())
        );
        let is_offer = matches!(decision.action, Action::Offer { .. });
        assert_eq!(decision.cost_us.is_some(), is_offer, "{decision:?}");
        chosen += u32::from(is_offer);
    }
    assert!(chosen > 0);
}

#[test]
fn an_input_that_was_put_in_is_found_though_nothing_was_decided_otherwise_for_it() {
    let log = day(50);
    let (start, rest) = log.split_once('\n').expect("it has lines");
    let tick = Entry::input(Duration::ZERO, Input::Tick).to_line();
    let report = replay(&format!("{start}\n{tick}{rest}")).expect("it is still a log");
    assert_eq!(report.differences.len() as u64, report.decisions);
    let found = &report.differences[0];
    let (logged, replayed) = (found.logged.as_ref(), found.replayed.as_ref());
    assert_eq!(
        logged.map(|logged| &logged.action),
        replayed.map(|replayed| &replayed.action)
    );
}

fn models(speech: &str) -> Models {
    let model = |name: &str| Model {
        name: name.to_owned(),
        sha256: sha256_hex(name),
    };
    Models {
        speech: Some(model(speech)),
        intents: Some(model("shipped")),
    }
}

/// A day's log in which calls are heard with other models from its middle on, but for some.
fn swapped(decisions: u64, others: &[CallId]) -> String {
    let (policy, mut log) = (policy(), String::new());
    let mut router = Router::begin(Arc::clone(&policy), models("old"));
    log.push_str(&Entry::start(&policy, models("old")).to_line());
    let plain = day(decisions);
    let inputs = plain.lines().filter_map(|line| {
        let entry = serde_json::from_str(line).expect("it is a line of the log");
        match entry {
            Entry::Input { at_us, input } => Some((Duration::from_micros(at_us), input)),
            _ => None,
        }
    });
    let inputs: Vec<(Duration, Input)> = inputs.collect();
    for (number, (now, input)) in inputs.iter().enumerate() {
        if number == inputs.len() / 2 {
            let entry = Entry::models(*now, models("new"), others.to_vec());
            log.push_str(&entry.to_line());
            router.hear_with(*now, models("new"), others.to_vec());
        }
        log.push_str(&Entry::input(*now, input.clone()).to_line());
        router.handle(*now, input.clone());
        while let Some(decision) = router.poll() {
            log.push_str(&Entry::decision(decision).to_line());
        }
    }
    log
}

#[test]
fn every_decision_can_be_traced_to_the_models_behind_its_inputs() {
    let of = |number: u128| CallId::new(Uuid::from_u128(number));
    let whole = replay(&swapped(200, &[])).expect("it is whole");
    assert_eq!(whole.differences, []);
    assert_eq!(whole.models, [models("old"), models("new")]);
    // They decide nothing.
    let plain = replay(&day(200)).expect("it is whole");
    assert_eq!((plain.decisions, plain.models), (whole.decisions, vec![]));
    let log = swapped(200, &[]);
    let swap = log
        .lines()
        .position(|line| line.contains("\"models\",\"at"));
    let swap = swap.expect("it is noted") + 1;
    let mut at_hand = None;
    for number in 1..40 {
        let report = replay_of(&log, Some(of(number))).expect("it is whole");
        for turn in &report.turns {
            let expected = if turn.line < swap { "old" } else { "new" };
            assert_eq!(turn.models, models(expected));
        }
        let lines = || report.turns.iter().map(|turn| turn.line);
        if lines().min() < Some(swap) && lines().max() > Some(swap) {
            at_hand = Some(of(number));
        }
    }
    let call = at_hand.expect("a call is at hand when the model is swapped");
    let report = replay_of(&swapped(200, &[call]), Some(call)).expect("it is whole");
    let is_old = |turn: &Turn| turn.models == models("old");
    assert!(report.turns.iter().all(is_old) && report.differences.is_empty());
}

#[test]
fn a_model_that_was_changed_in_the_log_is_found() {
    let log = swapped(100, &[]);
    let hash = sha256_hex("old");
    let changed = log.replacen(&hash, &sha256_hex("another"), 1);
    let report = replay(&changed).expect("it is still a log");
    assert_eq!(report.differences.len() as u64, report.decisions);
}

/// Older versions logged neither costs nor the inputs' hash.
#[test]
fn a_log_without_costs_and_hashes_replays_without_a_difference() {
    let log = day(300);
    let older: Vec<String> = log
        .lines()
        .map(|line| {
            let mut entry: Entry = serde_json::from_str(line).expect("it is a line of the log");
            if let Entry::Decision { decision } = &mut entry {
                decision.cost_us = None;
                decision.inputs.clear();
                if let Some(next) = &mut decision.alternative {
                    next.cost_us = None;
                }
            }
            entry.to_line()
        })
        .collect();
    let older = older.concat();
    assert!(!older.contains("cost_us") && !older.contains("\"inputs\""));
    assert_eq!(replay(&older).expect("it is a log").differences, []);
}

#[test]
fn decisions_about_one_call_are_told_with_what_would_have_turned_them() {
    let log = day(200);
    let whole = replay(&log).expect("it is whole");
    let of = |number| CallId::new(Uuid::from_u128(number));
    let mut turns = Vec::new();
    for number in 1..40 {
        let report = replay_of(&log, Some(of(number))).expect("it is whole");
        assert_eq!(report.digest, whole.digest);
        assert!(
            report
                .turns
                .iter()
                .all(|turn| turn.decision.call == of(number))
        );
        turns.extend(report.turns);
    }
    assert!(
        whole.turns.is_empty() && turns.len() > 40,
        "{}",
        turns.len()
    );
    for turn in &turns {
        let line = log.lines().nth(turn.line - 1).expect("it is there");
        assert!(line.starts_with("{\"entry\":\"input\""), "{line}");
        let decision = Entry::decision(turn.decision.clone()).to_line();
        assert!(log.contains(&decision), "{decision}");
        let flip = turn.flip.as_ref();
        assert!(flip.is_none_or(|flip| flip.action != turn.decision.action));
    }
    assert!(turns.iter().any(|turn| turn.flip.is_some()));
}

/// What no box writes is told of with its line, whoever reads the log, and ends nothing by a panic.
#[test]
fn moments_and_counts_beyond_all_reason_are_faults_of_their_line() {
    let policy = policy();
    let start = Entry::start(&policy, Models::default()).to_line();
    let input = |at_us, input| Entry::Input { at_us, input }.to_line();
    let agent = policy.agents[0].id.clone();
    let there = || Input::AgentAvailable {
        agent: agent.clone(),
    };
    for at_us in [u64::MAX, u64::MAX - 1, LONGEST + 1] {
        let log = format!("{start}{}", input(at_us, there()));
        let told = replay(&log).expect_err("no box runs so long").to_string();
        assert!(told.starts_with("line 2 of the decision log"), "{told}");
        assert!(told.contains("more than twenty years"), "{told}");
        assert!(crate::dry_run(&log, &policy, None).is_err());
    }
    let long = input(LONGEST, there());
    let runs = format!("{start}{long}{start}{long}");
    replay(&runs).expect("each run has a clock of its own");
    let told = crate::dry_run(&runs, &policy, None).expect_err("one day follows upon the other");
    assert!(told.to_string().starts_with("line 4 of"), "{told}");

    let gap = Entry::Gap { lines: u64::MAX }.to_line();
    let report = replay(&format!("{start}{gap}{gap}")).expect("it is a log");
    assert_eq!(report.lost_lines, u64::MAX);
    let place = Input::PlaceKept {
        place: CallId::new(Uuid::from_u128(1)),
        profile: CallProfile::unknown(),
        waited_ms: u64::MAX,
    };
    let kept = format!("{start}{}{}", input(5, there()), input(6, place));
    replay(&kept).expect("it is a log");

    let learns = format!("{BRANCH}\n[learning]\nenabled = true\n");
    let learns = Policy::parse("p.toml", &learns)
        .policy
        .expect("it is usable");
    let mut tally = crate::Tally::default();
    (tally.calls, tally.talked_us) = (i64::MAX, i64::MAX);
    (tally.judged, tally.resolved) = (i64::MAX, i64::MAX);
    (tally.moods, tally.mood_permille) = (i64::MAX, i64::MIN);
    let lesson = crate::Lesson {
        agent: agent.clone(),
        intent: "refund".to_owned(),
        tally,
    };
    let taught = Input::Learnt {
        lessons: vec![lesson.clone(), lesson],
    };
    let comes = Input::CallReady {
        call: CallId::new(Uuid::from_u128(1)),
        profile: CallProfile {
            intent: Some("refund".to_owned()),
            intent_permille: 900,
            ..CallProfile::unknown()
        },
    };
    let lines = [taught, there(), comes].map(|told| input(5, told)).concat();
    let start = Entry::start(&learns, Models::default()).to_line();
    let report = replay(&format!("{start}{lines}")).expect("it is a log");
    assert_eq!(report.decisions, 1);
}
