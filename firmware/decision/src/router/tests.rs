use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use proptest::prelude::*;
use trunkside_call::{
    Action, AgentId, CallId, CallbackCause, Decision, DestinationKind, Emotion, Language,
};
use uuid::Uuid;

use super::*;
use crate::{CallProfile, OfferFailure};

mod back;
mod beyond;
mod handed_on;
mod learning;
mod matched;
mod replaced;
mod share;
mod words;

const BRANCH: &str = include_str!("../../policies/branch.toml");

/// A router with a hand-moved clock.
struct Desk {
    router: Router,
    now: Duration,
}

impl Desk {
    fn new(text: &str) -> Self {
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
    fn branch() -> Self {
        let mut desk = Self::new(BRANCH);
        desk.tell(Input::AgentAvailable { agent: li_na() });
        desk.tell(Input::AgentAvailable { agent: zhang_wei() });
        desk
    }

    fn tell(&mut self, input: Input) -> Vec<Decision> {
        self.router.handle(self.now, input);
        std::iter::from_fn(|| self.router.poll()).collect()
    }

    fn replace(&mut self, text: &str) -> Vec<Decision> {
        let parsed = Policy::parse("policy.toml", text);
        let policy = parsed
            .policy
            .unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        self.router.replace(self.now, Arc::new(policy));
        std::iter::from_fn(|| self.router.poll()).collect()
    }

    /// Ticks whenever the router asks for it until `seconds` have passed.
    fn pass(&mut self, seconds: u64) -> Vec<Decision> {
        let until = self.now + Duration::from_secs(seconds);
        let mut decisions = Vec::new();
        while let Some(due) = self.router.deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            decisions.extend(self.tell(Input::Tick));
        }
        self.now = until;
        decisions
    }

    fn ready(&mut self, number: u128, profile: CallProfile) -> Vec<Decision> {
        self.tell(Input::CallReady {
            call: call(number),
            profile,
        })
    }

    fn fails(&mut self, number: u128, agent: AgentId) -> Vec<Decision> {
        let cause = OfferFailure::NoAnswer;
        self.tell(Input::OfferFailed {
            call: call(number),
            agent,
            cause,
        })
    }

    fn bridged(&mut self, number: u128, agent: AgentId) -> Vec<Decision> {
        self.tell(Input::Bridged {
            call: call(number),
            agent,
        })
    }

    fn ended(&mut self, number: u128) -> Vec<Decision> {
        self.tell(Input::CallEnded { call: call(number) })
    }
}

fn li_na() -> AgentId {
    AgentId::new("li_na")
}

fn zhang_wei() -> AgentId {
    AgentId::new("zhang_wei")
}

fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

fn wants(intent: &str) -> CallProfile {
    CallProfile {
        intent: Some(intent.to_owned()),
        intent_permille: 900,
        language: Some(Language::Zh),
        ..CallProfile::unknown()
    }
}

fn angry(intent: &str) -> CallProfile {
    CallProfile {
        emotion: Emotion::Angry,
        emotion_permille: 800,
        ..wants(intent)
    }
}

fn offer(agent: AgentId) -> Action {
    Action::Offer { agent }
}

fn actions(decisions: &[Decision]) -> Vec<Action> {
    decisions
        .iter()
        .map(|decision| decision.action.clone())
        .collect()
}

fn rules(decision: &Decision) -> Vec<&str> {
    decision
        .reasons
        .iter()
        .map(|reason| reason.rule.as_str())
        .collect()
}

#[test]
fn the_same_words_go_to_the_senior_agent_only_when_angry() {
    let mut desk = Desk::branch();
    desk.now = Duration::from_mins(10);
    let calm = desk.ready(1, wants("complaint"));
    assert_eq!(actions(&calm), [offer(li_na())]);
    assert_eq!(
        rules(&calm[0]),
        ["complaint", "hours_unknown", "agent_priority"]
    );
    assert_eq!(
        calm[0].alternative.as_ref().map(|next| next.agent.clone()),
        Some(zhang_wei())
    );
    desk.ended(1);
    let heated = desk.ready(2, angry("complaint"));
    assert_eq!(actions(&heated), [offer(zhang_wei())]);
    assert_eq!(
        rules(&heated[0]),
        [
            "complaint",
            "angry",
            "hours_unknown",
            "only_candidate",
            "skipped"
        ]
    );
    assert_eq!(heated[0].reasons[4].finding, "li_na: not senior");
    assert_eq!(heated[0].policy, desk.router.policy().sha256);
}

#[test]
fn the_longest_idle_agent_is_asked() {
    let mut desk = Desk::new("[[agent]]\nid = \"a\"\n[[agent]]\nid = \"b\"\n");
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("b"),
    });
    desk.pass(40);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("a"),
    });
    desk.pass(2);
    let decisions = desk.ready(1, CallProfile::unknown());
    assert_eq!(actions(&decisions), [offer(AgentId::new("b"))]);
    let reason = decisions[0].reasons.last().expect("there are reasons");
    assert_eq!(reason.rule, "longest_idle");
    assert_eq!(
        reason.finding,
        "b of 2 free agents who fit: idle for 42.0 s, not 2.0 s"
    );
    assert_eq!(rules(&decisions[0])[0], "default_route");
}

#[test]
fn a_caller_waits_in_order_of_priority_and_is_served_when_an_agent_frees() {
    let mut desk = Desk::branch();
    desk.tell(Input::AgentAway { agent: zhang_wei() });
    desk.ready(1, wants("refund"));
    desk.bridged(1, li_na());
    assert_eq!(
        actions(&desk.ready(2, wants("refund"))),
        [Action::Wait { ahead: 0 }]
    );
    desk.pass(10);
    assert_eq!(
        actions(&desk.ready(3, wants("lost_card"))),
        [Action::Wait { ahead: 0 }]
    );
    assert_eq!(
        actions(&desk.ready(4, wants("refund"))),
        [Action::Wait { ahead: 2 }]
    );
    let served = desk.ended(1);
    assert_eq!(actions(&served), [offer(li_na())]);
    assert_eq!(served[0].call, call(3));
    // The one whose place changed hears so when the time for it has come.
    let told = desk.pass(30);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        (told[0].call, &told[0].action),
        (call(4), &Action::Wait { ahead: 1 })
    );
}

#[test]
fn a_priority_cannot_overtake_without_bound() {
    let mut desk = Desk::branch();
    desk.tell(Input::AgentAway { agent: zhang_wei() });
    desk.ready(1, wants("refund"));
    desk.bridged(1, li_na());
    desk.ready(2, wants("refund"));
    desk.pass(151);
    desk.ready(3, wants("lost_card"));
    let served = desk.ended(1);
    assert_eq!(
        served[0].call,
        call(2),
        "five points are worth 150 s and no more"
    );
}

#[test]
fn an_agent_who_fails_is_not_asked_again_and_the_next_is() {
    let mut desk = Desk::branch();
    assert_eq!(actions(&desk.ready(1, wants("refund"))), [offer(li_na())]);
    let second = desk.fails(1, li_na());
    assert_eq!(actions(&second), [offer(zhang_wei())]);
    assert!(
        second[0]
            .reasons
            .iter()
            .any(|reason| reason.finding == "li_na: did not answer for this call")
    );
    let last = desk.fails(1, zhang_wei());
    assert_eq!(
        actions(&last),
        [Action::Callback {
            cause: CallbackCause::NobodyAnswered
        }]
    );
    assert_eq!(
        last[0].reasons[0].finding,
        "nobody is left to try after 2 offers"
    );
    assert!(desk.ended(1).is_empty());
    // The agents rest, then take calls again.
    assert_eq!(
        actions(&desk.ready(2, wants("refund"))),
        [Action::Wait { ahead: 0 }]
    );
    assert_eq!(actions(&desk.pass(30)), [offer(li_na())]);
}

#[test]
fn nobody_signed_in_means_a_call_back_at_once() {
    let mut desk = Desk::new(BRANCH);
    let decisions = desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&decisions),
        [Action::Callback {
            cause: CallbackCause::NobodyAnswered
        }]
    );
    assert_eq!(
        decisions[0].reasons[0].finding,
        "nobody is signed in who could take it"
    );
}

#[test]
fn requirements_give_way_with_time() {
    let mut desk = Desk::branch();
    desk.ready(1, angry("refund"));
    desk.bridged(1, zhang_wei());
    assert_eq!(
        actions(&desk.ready(2, angry("refund"))),
        [Action::Wait { ahead: 0 }]
    );
    assert!(desk.pass(29).is_empty());
    let relaxed = desk.pass(1);
    assert_eq!(actions(&relaxed), [offer(li_na())]);
    assert!(
        relaxed[0]
            .reasons
            .iter()
            .any(|reason| reason.rule == "relaxed"
                && reason.finding == "no longer insists on a senior agent after 30.0 s")
    );
}

#[test]
fn requirements_that_nobody_signed_in_meets_give_way_at_once() {
    let mut desk = Desk::branch();
    desk.tell(Input::AgentAway { agent: zhang_wei() });
    let decisions = desk.ready(1, angry("refund"));
    assert_eq!(actions(&decisions), [offer(li_na())]);
    assert!(decisions[0].reasons.iter().any(|reason| reason.finding
        == "no longer insists on a senior agent because nobody else signed in offers it"));
}

#[test]
fn a_waiting_call_is_decided_anew_when_the_mood_changes() {
    let mut desk = Desk::branch();
    desk.tell(Input::AgentBusy { agent: li_na() });
    let mut text = BRANCH.replace("general = 4, banking = 3", "banking = 3");
    text = text.replace("skills_after_s = 90", "skills_after_s = 200");
    let mut desk = Desk::new(&text);
    desk.tell(Input::AgentAvailable { agent: li_na() });
    desk.tell(Input::AgentBusy { agent: li_na() });
    desk.tell(Input::AgentAvailable { agent: zhang_wei() });
    assert_eq!(
        actions(&desk.ready(1, wants("opening_hours"))),
        [Action::Wait { ahead: 0 }]
    );
    let changed = desk.ready(1, wants("refund"));
    assert_eq!(actions(&changed), [offer(zhang_wei())]);
    desk.ended(1);
    desk.tell(Input::AgentAvailable { agent: li_na() });
    desk.tell(Input::AgentBusy { agent: zhang_wei() });
    desk.ready(2, wants("refund"));
    desk.bridged(2, li_na());
    desk.ready(3, wants("refund"));
    let mood = Input::MoodChanged {
        call: call(3),
        emotion: Emotion::Angry,
        emotion_permille: 900,
    };
    let angrier = desk.tell(mood);
    assert_eq!(actions(&angrier), [Action::Wait { ahead: 0 }]);
    assert!(rules(&angrier[0]).contains(&"angry"));
}

#[test]
fn who_turns_angry_while_waiting_overtakes_who_waits_a_little_longer() {
    let next = |moods: &[(Emotion, u16)]| {
        let mut desk = Desk::branch();
        desk.ready(1, wants("refund"));
        desk.bridged(1, li_na());
        desk.ready(2, wants("refund"));
        desk.bridged(2, zhang_wei());
        desk.ready(3, wants("refund"));
        desk.pass(10);
        desk.ready(4, wants("refund"));
        for (emotion, emotion_permille) in moods {
            desk.tell(Input::MoodChanged {
                call: call(4),
                emotion: *emotion,
                emotion_permille: *emotion_permille,
            });
        }
        desk.pass(5);
        let mut decisions = desk.ended(2);
        decisions.extend(desk.pass(60));
        let offered = decisions
            .iter()
            .find(|decision| decision.action == offer(zhang_wei()));
        offered.expect("somebody is next").call
    };
    assert_eq!(next(&[]), call(3));
    assert_eq!(next(&[(Emotion::Angry, 900)]), call(4));
    // The rule wants a score of a half: what is told first may be less, and more follows.
    assert_eq!(next(&[(Emotion::Angry, 450)]), call(3));
    assert_eq!(
        next(&[(Emotion::Angry, 450), (Emotion::Angry, 800)]),
        call(4)
    );
    assert_eq!(
        next(&[(Emotion::Angry, 900), (Emotion::Neutral, 900)]),
        call(3)
    );
}

#[test]
fn the_longest_wait_ends_in_a_call_back() {
    let mut desk = Desk::branch();
    desk.ready(1, wants("refund"));
    desk.ready(2, wants("refund"));
    desk.bridged(1, li_na());
    desk.bridged(2, zhang_wei());
    desk.ready(3, wants("refund"));
    let decisions = desk.pass(300);
    let last = decisions.last().expect("it ends");
    assert_eq!(
        last.action,
        Action::Callback {
            cause: CallbackCause::WaitedTooLong
        }
    );
    assert_eq!(desk.router.deadline(), None);
}

#[test]
fn an_offer_of_which_nothing_is_heard_fails() {
    let mut desk = Desk::branch();
    desk.ready(1, wants("refund"));
    let decisions = desk.pass(200);
    assert_eq!(actions(&decisions), [offer(zhang_wei())]);
}

#[test]
fn an_agent_who_vanishes_in_mid_offer_fails_it() {
    let mut desk = Desk::branch();
    desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&desk.tell(Input::AgentAway { agent: li_na() })),
        [offer(zhang_wei())]
    );
}

#[test]
fn wrap_up_keeps_an_agent_from_the_next_call() {
    let mut desk = Desk::new("[queue]\nwrap_up_s = 15\n[[agent]]\nid = \"a\"\n");
    let agent = AgentId::new("a");
    desk.tell(Input::AgentAvailable {
        agent: agent.clone(),
    });
    desk.ready(1, CallProfile::unknown());
    desk.bridged(1, agent.clone());
    desk.ready(2, CallProfile::unknown());
    assert!(desk.ended(1).is_empty());
    assert!(desk.pass(14).is_empty());
    assert_eq!(actions(&desk.pass(1)), [offer(agent)]);
}

#[test]
fn a_closed_branch_calls_back_unless_a_rule_says_otherwise() {
    let text = BRANCH.replace("when_closed = \"route\"", "when_closed = \"callback\"");
    let mut desk = Desk::new(&text);
    desk.tell(Input::AgentAvailable { agent: li_na() });
    let sunday = date(2026, 11, 22).at(10, 0, 0, 0);
    desk.tell(Input::LocalTime { local: sunday });
    let refund = desk.ready(1, wants("refund"));
    assert_eq!(
        actions(&refund),
        [Action::Callback {
            cause: CallbackCause::Closed
        }]
    );
    assert_eq!(
        actions(&desk.ready(2, wants("lost_card"))),
        [offer(li_na())]
    );
    desk.ended(2);
    // The clock runs on by itself to Monday morning.
    desk.pass(23 * 3600);
    assert_eq!(actions(&desk.ready(3, wants("refund"))), [offer(li_na())]);
}

#[test]
fn calls_and_agents_that_come_at_once_are_matched_together() {
    let text = r#"
[[agent]]
id = "both"
skills = { cards = 3, loans = 3 }
[[agent]]
id = "cards"
skills = { cards = 3 }
[[rule]]
name = "cards"
when = { intent = "cards" }
then = { skills_required = { cards = 1 } }
[[rule]]
name = "loans"
when = { intent = "loans" }
then = { skills_required = { loans = 1 } }
[queue]
rest_s = 20
"#;
    let mut desk = Desk::new(text);
    let (both, cards) = (AgentId::new("both"), AgentId::new("cards"));
    for agent in [&both, &cards] {
        desk.tell(Input::AgentAvailable {
            agent: agent.clone(),
        });
    }
    for (number, agent) in [(1, &both), (2, &cards)] {
        desk.ready(number, wants("cards"));
        desk.fails(number, agent.clone());
        desk.ended(number);
    }
    desk.ended(1);
    desk.ended(2);
    desk.ready(3, wants("cards"));
    desk.ready(4, wants("loans"));
    // Both agents end their rest at one moment: greed would give `both` to the older call.
    let decisions = desk.pass(25);
    let pairs: Vec<(CallId, Action)> = decisions
        .iter()
        .map(|decision| (decision.call, decision.action.clone()))
        .collect();
    assert_eq!(pairs, [(call(3), offer(cards)), (call(4), offer(both))]);
    // For the older call alone `both` would have been as good, and stands first in the policy.
    assert!(rules(&decisions[0]).contains(&"matched_together"));
}

#[test]
fn reports_about_strangers_change_nothing() {
    let mut desk = Desk::branch();
    assert!(desk.ended(9).is_empty());
    assert!(desk.bridged(9, li_na()).is_empty());
    assert!(desk.fails(9, li_na()).is_empty());
    assert!(
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new("nobody")
        })
        .is_empty()
    );
    desk.ready(1, wants("refund"));
    assert!(desk.fails(1, zhang_wei()).is_empty());
    assert_eq!(desk.router.waiting(), 0);
}

#[test]
fn a_clock_that_jumps_back_is_held() {
    let mut desk = Desk::branch();
    desk.now = Duration::from_secs(100);
    desk.ready(1, wants("refund"));
    desk.now = Duration::from_secs(5);
    let decisions = desk.ready(2, wants("refund"));
    assert_eq!(decisions[0].at, Duration::from_secs(100));
}

#[test]
fn the_smallest_change_that_flips_a_decision_is_found() {
    let desk = Desk::branch();
    let ready = |profile| Input::CallReady {
        call: call(1),
        profile,
    };
    let flip = desk
        .router
        .flip(desk.now, &ready(angry("refund")))
        .expect("there is one");
    assert_eq!(flip.change, "angry at 49.9 %, not 80 %");
    assert_eq!((flip.size_permille, flip.action), (301, offer(li_na())));
    let flip = desk
        .router
        .flip(desk.now, &ready(wants("refund")))
        .expect("there is one");
    assert_eq!(
        (flip.size_permille, flip.change.as_str()),
        (1000, "angry, not neutral")
    );
    let doubtful = CallProfile {
        emotion_permille: 490,
        ..angry("refund")
    };
    let flip = desk
        .router
        .flip(desk.now, &ready(doubtful))
        .expect("there is one");
    assert_eq!((flip.size_permille, flip.action), (10, offer(zhang_wei())));
    assert_eq!(desk.router.flip(desk.now, &Input::Tick), None);
}

#[test]
fn waiting_callers_hear_how_long_it_may_take() {
    let mut desk = Desk::branch();
    for (number, agent) in [(1, li_na()), (2, zhang_wei())] {
        desk.ready(number, wants("refund"));
        desk.bridged(number, agent);
    }
    let first = desk.ready(3, wants("refund"));
    let finding = &first[0].reasons[1];
    assert_eq!(finding.rule, "expected_wait");
    // Two agents at 180 s a call: the next is free after 90 s on average, exponentially.
    assert_eq!(
        finding.finding,
        "half of such callers wait 63.2 s more at most, 90 % of them 205 s"
    );
    desk.ready(4, wants("refund"));
    let estimate = |desk: &Desk, number| desk.router.expected_wait(call(number)).expect("it waits");
    assert!(estimate(&desk, 4).median > estimate(&desk, 3).median);
    assert_eq!(desk.router.expected_wait(call(1)), None);
}

// Properties

#[derive(Clone, Debug)]
enum Step {
    Ready(u8, u8, bool),
    Mood(u8, bool),
    Available(u8),
    Busy(u8),
    Away(u8),
    Fails(u8, u8),
    Answers(u8),
    Ends(u8),
    HandsOn(u8, u8),
    Pass(u16),
    /// The clock jumps ahead without a tick in between, or shows an earlier time for a moment.
    Jump(u16),
    /// With or without the second agent.
    Replace(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8, 0..4_u8, any::<bool>()).prop_map(|(c, i, a)| Step::Ready(c, i, a)),
        1 => (0..12_u8, any::<bool>()).prop_map(|(c, a)| Step::Mood(c, a)),
        2 => (0..4_u8).prop_map(Step::Available),
        1 => (0..4_u8).prop_map(Step::Busy),
        1 => (0..4_u8).prop_map(Step::Away),
        2 => (0..12_u8, 0..4_u8).prop_map(|(c, a)| Step::Fails(c, a)),
        3 => (0..12_u8).prop_map(Step::Answers),
        2 => (0..12_u8).prop_map(Step::Ends),
        1 => (0..12_u8, 0..5_u8).prop_map(|(c, a)| Step::HandsOn(c, a)),
        2 => (0..400_u16).prop_map(Step::Pass),
        1 => (0..400_u16).prop_map(Step::Jump),
        1 => any::<bool>().prop_map(Step::Replace),
    ]
}

const TEAM: &str = r#"
[[agent]]
id = "a0"
skills = { x = 1, y = 3 }
[[agent]]
id = "a1"
skills = { x = 3 }
languages = ["zh"]
[[agent]]
id = "a2"
senior = true
priority = 2
[[agent]]
id = "a3"
skills = { y = 5 }
senior = true
[[rule]]
name = "x"
when = { intent = "i1" }
then = { skills_required = { x = 2 }, relax = { skills_after_s = 40 } }
[[rule]]
name = "y"
when = { intent = "i2" }
then = { skills_preferred = { y = 4 }, priority = 4 }
[[rule]]
name = "angry"
when = { emotion = "angry" }
then = { senior = true }
[queue]
max_wait_s = 200
wrap_up_s = 7
retry_s = 50
"#;

/// Machines, novices and places beyond the branch.
const BEYOND: &str = "\nlast_resort = \"place_a\"\nnovice_limit_s = 30\nself_service_limit_s = 20\n\
    [[destination]]\nname = \"place_a\"\nkind = \"branch\"\ncontact = \"sip:a@192.0.2.1\"\n\
    otherwise = \"place_b\"\n\
    [[destination]]\nname = \"place_b\"\nkind = \"voicemail\"\ncontact = \"sip:b@192.0.2.1\"\n\
    [[agent]]\nid = \"a4\"\nnovice = true\n\
    [[rule]]\nname = \"hours\"\nwhen = { intent = \"i3\" }\nthen = { self_service = \"hours\" }\n";

/// The team's policy, or one that no longer has the second agent and asks for more.
fn team(whole: bool) -> String {
    if whole {
        return TEAM.to_owned();
    }
    let without = TEAM.replace(
        "[[agent]]\nid = \"a1\"\nskills = { x = 3 }\nlanguages = [\"zh\"]\n",
        "",
    );
    assert_ne!(without, TEAM);
    without
        .replace("x = 2", "x = 1")
        .replace("max_wait_s = 200", "max_wait_s = 150")
}

/// What the world outside believes, to hold the router to its promises.
#[derive(Default)]
struct World {
    offers: BTreeMap<CallId, AgentId>,
    talking: BTreeSet<CallId>,
    open: BTreeSet<CallId>,
    called_back: BTreeSet<CallId>,
}

impl World {
    fn see(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            assert!(
                self.open.contains(&decision.call),
                "decided about a call that is over"
            );
            let hands_on = matches!(decision.action, Action::Transfer { .. });
            assert_eq!(
                self.talking.contains(&decision.call),
                hands_on,
                "a bridged call is handed on, and no other"
            );
            assert!(!decision.reasons.is_empty());
            match &decision.action {
                Action::Offer { agent } => {
                    self.offers.insert(decision.call, agent.clone());
                    let rung = self.offers.values().filter(|other| *other == agent).count();
                    assert_eq!(rung, 1, "{agent} has two offers at once");
                }
                // A destination takes any number.
                Action::Overflow { to, .. } => {
                    self.offers.insert(decision.call, AgentId::new(to.clone()));
                }
                Action::Wait { .. } | Action::SelfService { .. } => {
                    assert!(!self.offers.contains_key(&decision.call));
                }
                Action::Transfer { .. } => {}
                Action::Callback { .. } => {
                    self.offers.remove(&decision.call);
                    self.open.remove(&decision.call);
                    assert!(self.called_back.insert(decision.call), "called back twice");
                }
            }
        }
    }
}

/// Calls may wait for a better agent, or be kept from one who is needed for promised calls.
const HOLDING: &str = "\nreserve_share = 0.5\n[weights]\nhold_s = 5\n[[rule]]\nname = \"promised\"\n\
    when = { intent = \"i3\" }\nthen = { answer_within_s = 1 }\n";

fn play(steps: &[Step]) -> (Desk, World, Vec<Decision>) {
    play_under(TEAM, steps)
}

#[expect(clippy::too_many_lines, reason = "one arm for each step")]
fn play_under(policy: &str, steps: &[Step]) -> (Desk, World, Vec<Decision>) {
    let mut desk = Desk::new(policy);
    let mut world = World::default();
    let mut all = Vec::new();
    for step in steps {
        let agent = |index: u8| AgentId::new(format!("a{index}"));
        let decisions = match step {
            Step::Ready(number, intent, is_angry) => {
                let id = call(u128::from(*number));
                if world.called_back.contains(&id) {
                    continue;
                }
                world.open.insert(id);
                let intent = format!("i{intent}");
                let profile = if *is_angry {
                    angry(&intent)
                } else {
                    wants(&intent)
                };
                desk.ready(u128::from(*number), profile)
            }
            Step::Replace(whole) => {
                // Neither policy that follows knows them.
                world
                    .offers
                    .retain(|_, rung| rung.as_str() != "a4" && !rung.as_str().starts_with("place"));
                if !whole {
                    world.offers.retain(|_, rung| rung.as_str() != "a1");
                }
                desk.replace(&team(*whole))
            }
            Step::Mood(number, is_angry) => desk.tell(Input::MoodChanged {
                call: call(u128::from(*number)),
                emotion: if *is_angry {
                    Emotion::Angry
                } else {
                    Emotion::Neutral
                },
                emotion_permille: 700,
            }),
            Step::Available(index) => desk.tell(Input::AgentAvailable {
                agent: agent(*index),
            }),
            Step::Busy(index) => desk.tell(Input::AgentBusy {
                agent: agent(*index),
            }),
            Step::Away(index) => {
                world.offers.retain(|_, rung| *rung != agent(*index));
                desk.tell(Input::AgentAway {
                    agent: agent(*index),
                })
            }
            Step::Fails(number, index) => {
                let id = call(u128::from(*number));
                if world.offers.get(&id) == Some(&agent(*index)) {
                    world.offers.remove(&id);
                }
                desk.fails(u128::from(*number), agent(*index))
            }
            Step::Answers(number) => {
                let id = call(u128::from(*number));
                let Some(agent) = world.offers.remove(&id) else {
                    continue;
                };
                world.talking.insert(id);
                desk.bridged(u128::from(*number), agent)
            }
            Step::HandsOn(number, index) => desk.tell(Input::TakenOver {
                call: call(u128::from(*number)),
                agent: Some(agent(*index)),
            }),
            Step::Ends(number) => {
                let id = call(u128::from(*number));
                world.offers.remove(&id);
                world.talking.remove(&id);
                world.open.remove(&id);
                desk.ended(u128::from(*number))
            }
            Step::Jump(seconds) => {
                let kept = desk.now;
                desk.now = Duration::ZERO;
                let mut decisions = desk.tell(Input::Tick);
                desk.now = kept + Duration::from_secs(u64::from(*seconds));
                decisions.extend(desk.tell(Input::Tick));
                if *seconds >= 200 {
                    world.offers.clear();
                }
                for decision in &decisions {
                    world.offers.remove(&decision.call);
                }
                decisions
            }
            Step::Pass(seconds) => {
                // Offers are let run out only here, so the world's view is kept simple.
                let decisions = desk.pass(u64::from(*seconds));
                if *seconds >= 200 {
                    world.offers.clear();
                }
                for decision in &decisions {
                    world.offers.remove(&decision.call);
                }
                decisions
            }
        };
        world.see(&decisions);
        all.extend(decisions);
    }
    (desk, world, all)
}

/// With nobody answering any more, every call that is not bridged ends in a call back within the
/// longest wait and one unheard offer for each agent.
fn all_end(mut desk: Desk, mut world: World) -> Result<(), TestCaseError> {
    let decisions = desk.pass(200 + 5 * 200);
    world.offers.clear();
    for decision in &decisions {
        world.offers.remove(&decision.call);
        world.see(std::slice::from_ref(decision));
        world.offers.clear();
    }
    prop_assert_eq!(desk.router.waiting(), 0);
    prop_assert_eq!(&world.open, &world.talking);
    Ok(())
}

proptest! {
    #[test]
    fn no_call_is_lost_or_stuck(steps in prop::collection::vec(step(), 0..120)) {
        let (desk, world, _) = play(&steps);
        all_end(desk, world)?;
    }

    #[test]
    fn no_call_is_lost_when_it_may_be_held(steps in prop::collection::vec(step(), 0..120)) {
        let (desk, world, _) = play_under(&format!("{TEAM}{HOLDING}"), &steps);
        all_end(desk, world)?;
    }

    #[test]
    fn no_call_is_lost_between_machines_novices_and_other_branches(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let (desk, world, _) = play_under(&format!("{TEAM}{BEYOND}"), &steps);
        all_end(desk, world)?;
    }

    #[test]
    fn equal_inputs_give_equal_decisions(steps in prop::collection::vec(step(), 0..80)) {
        prop_assert_eq!(play(&steps).2, play(&steps).2);
    }
}

#[test]
fn ten_thousand_calls_at_once_all_end() {
    let mut desk = Desk::branch();
    let mut decisions = Vec::new();
    for number in 0..10_000 {
        decisions.extend(desk.ready(number, wants("refund")));
    }
    decisions.extend(desk.pass(3000));
    let called_back = decisions
        .iter()
        .filter(|d| matches!(d.action, Action::Callback { .. }))
        .count();
    assert_eq!(called_back, 10_000);
}

const GROUPS: &str = r#"
[[agent]]
id = "ann"
[[agent]]
id = "bob"
[[agent]]
id = "carl"
[[group]]
name = "front"
agents = ["ann"]
overflow_to = "back"
overflow_after_s = 20
[[group]]
name = "back"
agents = ["bob"]
overflow_to = "callback"
overflow_after_s = 30
[[rule]]
name = "front"
when = { intent = "ask" }
then = { group = "front" }
"#;

#[test]
fn calls_overflow_to_the_next_group_and_then_to_a_call_back() {
    let mut desk = Desk::new(GROUPS);
    for agent in ["ann", "bob", "carl"] {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(agent),
        });
    }
    let offered = |decisions: &[Decision], to: &str| {
        decisions.iter().any(|d| {
            d.action
                == Action::Offer {
                    agent: AgentId::new(to),
                }
        })
    };
    assert!(offered(&desk.ready(1, wants("ask")), "ann"));
    // Bob and Carl are free, but the second call is not theirs yet.
    let waits = desk.ready(2, wants("ask"));
    assert!(matches!(waits[0].action, Action::Wait { .. }));
    desk.pass(19);
    assert_eq!(desk.router.waiting(), 1);
    assert!(offered(&desk.pass(1), "bob"));
    desk.ready(3, wants("ask"));
    let ended = desk.pass(50);
    assert!(ended.iter().any(|d| d.call == call(3)
        && d.action
            == Action::Callback {
                cause: CallbackCause::WaitedTooLong
            }));
    // Other calls are everybody's.
    assert!(offered(&desk.ready(4, wants("else")), "carl"));
}

#[test]
fn the_agent_of_last_time_is_preferred() {
    let text = "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[weights]\nsticky_s = 60\n";
    let mut desk = Desk::new(text);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("ann"),
    });
    desk.pass(30);
    desk.tell(Input::AgentAvailable {
        agent: AgentId::new("bob"),
    });
    let profile = CallProfile {
        last_agent: Some(AgentId::new("bob")),
        ..wants("ask")
    };
    let decision = desk.ready(1, profile).remove(0);
    assert_eq!(
        decision.action,
        Action::Offer {
            agent: AgentId::new("bob")
        }
    );
    assert!(decision.reasons.iter().any(|r| r.rule == "same_agent"));
}

#[test]
fn a_look_up_that_comes_late_counts_for_who_waits() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"bob\"\n[weights]\nsticky_s = 60\n\
         [queue]\nwrap_up_s = 10\n",
    );
    for (number, name) in [(1, "ann"), (2, "bob")] {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(name),
        });
        desk.ready(number, wants("ask"));
        desk.bridged(number, AgentId::new(name));
    }
    desk.ready(3, wants("ask"));
    let known = CallProfile {
        last_agent: Some(AgentId::new("bob")),
        ..wants("ask")
    };
    assert_eq!(desk.ready(3, known), []);
    // Both are ready at one moment.
    desk.ended(1);
    desk.ended(2);
    assert_eq!(actions(&desk.pass(10)), [offer(AgentId::new("bob"))]);
}

#[test]
fn promised_calls_find_an_agent_kept_free() {
    let mut text = String::from(
        "[queue]\nreserve_share = 0.5\nreserve_hold_s = 60\n[[rule]]\nname = \"gold\"\n\
         when = { tier = \"gold\" }\nthen = { answer_within_s = 5 }\n",
    );
    for number in 0..4 {
        text.extend(["[[agent]]\nid = \"a", &number.to_string(), "\"\n"]);
    }
    let mut desk = Desk::new(&text);
    for number in 0..4 {
        desk.tell(Input::AgentAvailable {
            agent: AgentId::new(format!("a{number}")),
        });
    }
    let gold = || wants("ask").with_tier("gold");
    // All are busy while golden calls wait too long: the router learns to keep one agent.
    for number in 0..4 {
        desk.ready(number, wants("ask"));
        desk.bridged(number, AgentId::new(format!("a{number}")));
    }
    for number in 10..20 {
        desk.ready(number, gold());
        desk.pass(10);
        desk.ended(number);
    }
    for number in 0..4 {
        desk.ended(number);
    }
    for number in 30..33 {
        let decision = desk.ready(number, wants("ask")).remove(0);
        assert!(matches!(decision.action, Action::Offer { .. }), "{number}");
    }
    let held = desk.ready(33, wants("ask")).remove(0);
    assert!(matches!(held.action, Action::Wait { .. }));
    assert_eq!(rules(&held)[0], "held_back");
    let skipped = held.reasons.last().expect("some were skipped");
    assert!(
        skipped
            .finding
            .contains("a3: kept from this call for 60.0 s more"),
        "{skipped:?}"
    );
    assert!(matches!(
        desk.ready(34, gold()).remove(0).action,
        Action::Offer { .. }
    ));
}

#[test]
fn reasons_are_given_in_chinese_where_the_policy_says_so() {
    let mut desk = Desk::new("reasons_in = \"zh\"\n[[agent]]\nid = \"li_na\"\n");
    desk.tell(Input::AgentAvailable { agent: li_na() });
    let decision = desk.ready(1, wants("ask")).remove(0);
    let findings: Vec<&str> = decision
        .reasons
        .iter()
        .map(|r| r.finding.as_str())
        .collect();
    assert!(
        findings.iter().any(|f| f.contains("唯一空闲且合适的坐席")),
        "{findings:?}"
    );
    let words = |text: &str| {
        text.split(' ')
            .any(|w| w.len() > 3 && w.chars().all(|c| c.is_ascii_lowercase()))
    };
    assert!(findings.iter().all(|f| !words(f)), "{findings:?}");
}
