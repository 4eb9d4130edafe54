//! Properties: whatever happens in whatever order, every call ends with an agent or in a call back.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Ready(u8, u8, bool),
    Mood(u8, bool),
    Available(u8),
    Busy(u8),
    Away(u8),
    /// For a minute or half an hour, by the policy.
    Break(u8, bool),
    Back(u8),
    WrittenUp(u8),
    Fails(u8, u8),
    Answers(u8),
    Ends(u8),
    HandsOn(u8, u8),
    Pass(u16),
    /// The clock jumps ahead without a tick in between, or shows an earlier time for a moment.
    Jump(u16),
    /// With or without the second agent, who is there where they are new.
    Replace(bool),
    /// The caller would rather be called back.
    Asks(u8),
    /// They were rung and did not answer.
    Unreached(u8),
    /// An earlier router promised to call them back, so many seconds ago.
    Kept(u8, u16),
    /// Nobody need call them back any more.
    GivenUp(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8, 0..4_u8, any::<bool>()).prop_map(|(c, i, a)| Step::Ready(c, i, a)),
        1 => (0..12_u8, any::<bool>()).prop_map(|(c, a)| Step::Mood(c, a)),
        2 => (0..4_u8).prop_map(Step::Available),
        1 => (0..4_u8).prop_map(Step::Busy),
        1 => (0..4_u8).prop_map(Step::Away),
        1 => (0..4_u8, any::<bool>()).prop_map(|(a, long)| Step::Break(a, long)),
        1 => (0..4_u8).prop_map(Step::Back),
        1 => (0..4_u8).prop_map(Step::WrittenUp),
        2 => (0..12_u8, 0..4_u8).prop_map(|(c, a)| Step::Fails(c, a)),
        3 => (0..12_u8).prop_map(Step::Answers),
        2 => (0..12_u8).prop_map(Step::Ends),
        1 => (0..12_u8, 0..5_u8).prop_map(|(c, a)| Step::HandsOn(c, a)),
        2 => (0..400_u16).prop_map(Step::Pass),
        1 => (0..400_u16).prop_map(Step::Jump),
        1 => any::<bool>().prop_map(Step::Replace),
        2 => (0..12_u8).prop_map(Step::Asks),
        1 => (0..12_u8).prop_map(Step::Unreached),
        1 => (0..12_u8, 0..20_000_u16).prop_map(|(c, s)| Step::Kept(c, s)),
        1 => (0..12_u8).prop_map(Step::GivenUp),
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
[[break]]
reason = "tea"
code = "*11"
max_s = 60
[[break]]
reason = "lunch"
code = "*14"
max_s = 1800
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
    /// Until when agents are on a break.
    breaks: BTreeMap<AgentId, Duration>,
    talking: BTreeSet<CallId>,
    open: BTreeSet<CallId>,
    called_back: BTreeSet<CallId>,
    /// Callers who are to be called back at their turn, and those who are being rung or were.
    places: BTreeSet<u8>,
    rung: BTreeSet<u8>,
    said: Vec<Decision>,
}

/// The call that rings whoever asked in this one.
const RINGS: u8 = 100;

impl World {
    /// Takes what was decided. Whose turn it is on a place is rung at once.
    fn hear(&mut self, desk: &mut Desk, mut decisions: Vec<Decision>) {
        loop {
            self.see(&decisions);
            self.said.append(&mut decisions);
            let turn = |number: &u8| self.offers.contains_key(&call((*number).into()));
            let Some(number) = self.places.iter().copied().find(turn) else {
                return;
            };
            let (place, rings) = (call(number.into()), self.rings(number));
            decisions = desk.tell(Input::CalledBack { place, call: rings });
        }
    }

    /// A caller on a place is rung.
    fn rings(&mut self, number: u8) -> CallId {
        let rings = call((number + RINGS).into());
        self.places.remove(&number);
        self.rung.insert(number);
        self.rename(call(number.into()), rings);
        rings
    }

    fn rename(&mut self, from: CallId, to: CallId) {
        if self.open.remove(&from) {
            self.open.insert(to);
        }
        if let Some(agent) = self.offers.remove(&from) {
            self.offers.insert(to, agent);
        }
    }

    /// The call in which a caller is now.
    fn number(&self, number: u8) -> u128 {
        let rings = if self.rung.contains(&number) {
            RINGS
        } else {
            0
        };
        (number + rings).into()
    }

    fn id(&self, number: u8) -> CallId {
        call(self.number(number))
    }

    /// Whether the caller can call: they were not told of a call back.
    fn may_call(&self, number: u8) -> bool {
        let ids = [number, number + RINGS].map(|number| call(number.into()));
        !ids.iter().any(|id| self.called_back.contains(id))
    }

    /// The router has done with a call.
    fn close(&mut self, id: CallId) {
        self.offers.remove(&id);
        self.talking.remove(&id);
        self.open.remove(&id);
        self.places.retain(|number| call((*number).into()) != id);
        self.rung
            .retain(|number| call((number + RINGS).into()) != id);
    }

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
                    let until = self.breaks.get(agent);
                    assert!(
                        until.is_none_or(|until| *until <= decision.at),
                        "{agent} is on a break"
                    );
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
                Action::Callback {
                    cause: CallbackCause::Asked,
                } => {
                    let number = (0..12).find(|number| self.id(*number) == decision.call);
                    let number = number.expect("every call has a number");
                    // Who was rung asks again: they are rung in the name of that call.
                    assert!(self.places.insert(number), "promised twice");
                }
                Action::Callback { .. } => {
                    self.close(decision.call);
                    assert!(self.called_back.insert(decision.call), "called back twice");
                }
            }
        }
    }

    fn take(&mut self, step: &Step, desk: &mut Desk) {
        let decisions = match *step {
            Step::Ready(number, intent, is_angry) => self.ready(desk, number, intent, is_angry),
            Step::Mood(number, is_angry) => desk.tell(Input::MoodChanged {
                call: self.id(number),
                emotion: if is_angry {
                    Emotion::Angry
                } else {
                    Emotion::Neutral
                },
                emotion_permille: 700,
                fell_permille: 0,
            }),
            Step::Available(index) => desk.tell(Input::AgentAvailable {
                agent: numbered(index),
            }),
            Step::Busy(index) => desk.tell(Input::AgentBusy {
                agent: numbered(index),
            }),
            Step::Away(index) => self.away(desk, &numbered(index)),
            Step::Break(index, is_long) => self.takes_a_break(desk, numbered(index), is_long),
            Step::Back(index) => {
                let agent = numbered(index);
                self.breaks.remove(&agent);
                desk.tell(Input::BreakOver { agent })
            }
            Step::WrittenUp(index) => desk.tell(Input::WrapUpOver {
                agent: numbered(index),
            }),
            Step::Fails(number, index) => self.fails(desk, number, numbered(index)),
            Step::Answers(number) => self.answers(desk, number),
            Step::Ends(number) => self.ends(desk, number),
            Step::HandsOn(number, index) => desk.tell(Input::TakenOver {
                call: self.id(number),
                agent: Some(numbered(index)),
            }),
            Step::Pass(seconds) => return self.pass(desk, seconds.into()),
            Step::Jump(seconds) => self.jump(desk, seconds),
            Step::Replace(whole) => self.replace(desk, whole),
            // Who was called back does not ask for it again.
            Step::Asks(number) if self.rung.contains(&number) => Vec::new(),
            Step::Asks(number) => desk.tell(Input::CallbackAsked {
                call: self.id(number),
            }),
            Step::Unreached(number) => self.unreached(desk, number),
            Step::Kept(number, seconds) => self.kept(desk, number, seconds),
            Step::GivenUp(number) => self.given_up(desk, number),
        };
        self.hear(desk, decisions);
    }

    fn ready(&mut self, desk: &mut Desk, number: u8, intent: u8, is_angry: bool) -> Vec<Decision> {
        if !self.may_call(number) {
            return Vec::new();
        }
        self.open.insert(self.id(number));
        let intent = format!("i{intent}");
        let profile = if is_angry {
            angry(&intent)
        } else {
            wants(&intent)
        };
        desk.ready(self.number(number), profile)
    }

    fn takes_a_break(&mut self, desk: &mut Desk, agent: AgentId, is_long: bool) -> Vec<Decision> {
        let (reason, seconds) = if is_long {
            ("lunch", 1800)
        } else {
            ("tea", 60)
        };
        self.offers.retain(|_, rung| *rung != agent);
        if desk.router.policy().agent_index(&agent).is_some() {
            let until = desk.now + Duration::from_secs(seconds);
            self.breaks.insert(agent.clone(), until);
        }
        desk.tell(Input::BreakBegun {
            agent,
            reason: reason.to_owned(),
            ago_ms: 0,
        })
    }

    fn away(&mut self, desk: &mut Desk, agent: &AgentId) -> Vec<Decision> {
        self.offers.retain(|_, rung| rung != agent);
        desk.tell(Input::AgentAway {
            agent: agent.clone(),
        })
    }

    fn fails(&mut self, desk: &mut Desk, number: u8, agent: AgentId) -> Vec<Decision> {
        let id = self.id(number);
        if self.offers.get(&id) == Some(&agent) {
            self.offers.remove(&id);
        }
        desk.fails(self.number(number), agent)
    }

    fn answers(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let id = self.id(number);
        let Some(agent) = self.offers.remove(&id) else {
            return Vec::new();
        };
        self.talking.insert(id);
        desk.bridged(self.number(number), agent)
    }

    fn ends(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let id = self.id(number);
        let ended = self.number(number);
        if !self.places.contains(&number) {
            self.close(id);
        }
        desk.ended(ended)
    }

    fn unreached(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let rings = self.id(number);
        if !self.rung.contains(&number) || self.talking.contains(&rings) {
            return Vec::new();
        }
        let place = call(number.into());
        self.offers.remove(&rings);
        self.rename(rings, place);
        self.rung.remove(&number);
        self.places.insert(number);
        desk.tell(Input::Unreached { call: rings, place })
    }

    fn kept(&mut self, desk: &mut Desk, number: u8, seconds: u16) -> Vec<Decision> {
        let place = call(number.into());
        if self.open.contains(&self.id(number)) || !self.may_call(number) {
            return Vec::new();
        }
        self.open.insert(place);
        self.places.insert(number);
        desk.tell(Input::PlaceKept {
            place,
            profile: wants("i1"),
            waited_ms: u64::from(seconds) * 1_000,
        })
    }

    fn given_up(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let place = call(number.into());
        if self.places.contains(&number) {
            self.close(place);
        }
        desk.tell(Input::PlaceGivenUp { place })
    }

    fn pass(&mut self, desk: &mut Desk, seconds: u64) {
        let until = desk.now + Duration::from_secs(seconds);
        while let Some(due) = desk.router.deadline().filter(|due| *due <= until) {
            desk.now = desk.now.max(due);
            let decisions = desk.tell(Input::Tick);
            self.let_run_out(&decisions);
            self.hear(desk, decisions);
        }
        desk.now = until;
    }

    fn jump(&mut self, desk: &mut Desk, seconds: u16) -> Vec<Decision> {
        let kept = desk.now;
        desk.now = Duration::ZERO;
        let mut decisions = desk.tell(Input::Tick);
        desk.now = kept + Duration::from_secs(seconds.into());
        decisions.extend(desk.tell(Input::Tick));
        self.let_run_out(&decisions);
        decisions
    }

    /// Whatever is decided anew as time passes is not offered any more as it was.
    fn let_run_out(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            self.offers.remove(&decision.call);
        }
    }

    fn replace(&mut self, desk: &mut Desk, whole: bool) -> Vec<Decision> {
        // Neither policy that follows knows them.
        self.offers
            .retain(|_, rung| rung.as_str() != "a4" && !rung.as_str().starts_with("place"));
        if !whole {
            self.offers.retain(|_, rung| rung.as_str() != "a1");
            self.breaks.remove(&numbered(1));
        }
        desk.replace_with(&team(whole), &[numbered(1)])
    }
}

fn numbered(index: u8) -> AgentId {
    AgentId::new(format!("a{index}"))
}

/// Calls may wait for a better agent, or be kept from one who is needed for promised calls.
const HOLDING: &str = "\nreserve_share = 0.5\n[weights]\nhold_s = 5\n[[rule]]\nname = \"promised\"\n\
    when = { intent = \"i3\" }\nthen = { answer_within_s = 1 }\n";

fn play(steps: &[Step]) -> (Desk, World) {
    play_under(TEAM, steps)
}

fn play_under(policy: &str, steps: &[Step]) -> (Desk, World) {
    let mut desk = Desk::new(policy);
    let mut world = World::default();
    for step in steps {
        world.take(step, &mut desk);
    }
    (desk, world)
}

/// With nobody answering any more, every call that is not bridged ends in a call back within the
/// longest wait and one unheard offer for each agent; a place, when it was kept for long enough.
fn all_end(mut desk: Desk, mut world: World) -> Result<(), TestCaseError> {
    world.pass(&mut desk, 4 * 3_600 + 200 + 5 * 200);
    prop_assert_eq!(desk.router.waiting(), 0);
    prop_assert_eq!(&world.open, &world.talking);
    Ok(())
}

proptest! {
    #[test]
    fn no_call_is_lost_or_stuck(steps in prop::collection::vec(step(), 0..120)) {
        let (desk, world) = play(&steps);
        all_end(desk, world)?;
    }

    #[test]
    fn no_call_is_lost_when_it_may_be_held(steps in prop::collection::vec(step(), 0..120)) {
        let (desk, world) = play_under(&format!("{TEAM}{HOLDING}"), &steps);
        all_end(desk, world)?;
    }

    #[test]
    fn no_call_is_lost_between_machines_novices_and_other_branches(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let (desk, world) = play_under(&format!("{TEAM}{BEYOND}"), &steps);
        all_end(desk, world)?;
    }

    #[test]
    fn equal_inputs_give_equal_decisions(steps in prop::collection::vec(step(), 0..80)) {
        prop_assert_eq!(play(&steps).1.said, play(&steps).1.said);
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
