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

    /// What is decided on one step.
    fn take(&mut self, step: &Step, desk: &mut Desk) -> Vec<Decision> {
        match *step {
            Step::Ready(number, intent, is_angry) => self.ready(desk, number, intent, is_angry),
            Step::Mood(number, is_angry) => desk.tell(Input::MoodChanged {
                call: call(number.into()),
                emotion: if is_angry {
                    Emotion::Angry
                } else {
                    Emotion::Neutral
                },
                emotion_permille: 700,
            }),
            Step::Available(index) => desk.tell(Input::AgentAvailable {
                agent: numbered(index),
            }),
            Step::Busy(index) => desk.tell(Input::AgentBusy {
                agent: numbered(index),
            }),
            Step::Away(index) => self.away(desk, &numbered(index)),
            Step::Fails(number, index) => self.fails(desk, number, numbered(index)),
            Step::Answers(number) => self.answers(desk, number),
            Step::Ends(number) => self.ends(desk, number),
            Step::HandsOn(number, index) => desk.tell(Input::TakenOver {
                call: call(number.into()),
                agent: Some(numbered(index)),
            }),
            Step::Pass(seconds) => self.pass(desk, seconds),
            Step::Jump(seconds) => self.jump(desk, seconds),
            Step::Replace(whole) => self.replace(desk, whole),
        }
    }

    fn ready(&mut self, desk: &mut Desk, number: u8, intent: u8, is_angry: bool) -> Vec<Decision> {
        let id = call(number.into());
        if self.called_back.contains(&id) {
            return Vec::new();
        }
        self.open.insert(id);
        let intent = format!("i{intent}");
        let profile = if is_angry {
            angry(&intent)
        } else {
            wants(&intent)
        };
        desk.ready(number.into(), profile)
    }

    fn away(&mut self, desk: &mut Desk, agent: &AgentId) -> Vec<Decision> {
        self.offers.retain(|_, rung| rung != agent);
        desk.tell(Input::AgentAway {
            agent: agent.clone(),
        })
    }

    fn fails(&mut self, desk: &mut Desk, number: u8, agent: AgentId) -> Vec<Decision> {
        let id = call(number.into());
        if self.offers.get(&id) == Some(&agent) {
            self.offers.remove(&id);
        }
        desk.fails(number.into(), agent)
    }

    fn answers(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let id = call(number.into());
        let Some(agent) = self.offers.remove(&id) else {
            return Vec::new();
        };
        self.talking.insert(id);
        desk.bridged(number.into(), agent)
    }

    fn ends(&mut self, desk: &mut Desk, number: u8) -> Vec<Decision> {
        let id = call(number.into());
        self.offers.remove(&id);
        self.talking.remove(&id);
        self.open.remove(&id);
        desk.ended(number.into())
    }

    fn pass(&mut self, desk: &mut Desk, seconds: u16) -> Vec<Decision> {
        let decisions = desk.pass(seconds.into());
        self.let_run_out(seconds, &decisions);
        decisions
    }

    fn jump(&mut self, desk: &mut Desk, seconds: u16) -> Vec<Decision> {
        let kept = desk.now;
        desk.now = Duration::ZERO;
        let mut decisions = desk.tell(Input::Tick);
        desk.now = kept + Duration::from_secs(seconds.into());
        decisions.extend(desk.tell(Input::Tick));
        self.let_run_out(seconds, &decisions);
        decisions
    }

    /// Offers are let run out only where time passes, so the world's view is kept simple.
    fn let_run_out(&mut self, seconds: u16, decisions: &[Decision]) {
        if seconds >= 200 {
            self.offers.clear();
        }
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
        }
        desk.replace(&team(whole))
    }
}

fn numbered(index: u8) -> AgentId {
    AgentId::new(format!("a{index}"))
}

/// Calls may wait for a better agent, or be kept from one who is needed for promised calls.
const HOLDING: &str = "\nreserve_share = 0.5\n[weights]\nhold_s = 5\n[[rule]]\nname = \"promised\"\n\
    when = { intent = \"i3\" }\nthen = { answer_within_s = 1 }\n";

fn play(steps: &[Step]) -> (Desk, World, Vec<Decision>) {
    play_under(TEAM, steps)
}

fn play_under(policy: &str, steps: &[Step]) -> (Desk, World, Vec<Decision>) {
    let mut desk = Desk::new(policy);
    let mut world = World::default();
    let mut all = Vec::new();
    for step in steps {
        let decisions = world.take(step, &mut desk);
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
