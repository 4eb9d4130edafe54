//! Callers who wait: in which order, for whom, how long, and what they hear.

use super::*;
use crate::mood_fall;

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
        fell_permille: 0,
    };
    let angrier = desk.tell(mood);
    assert_eq!(actions(&angrier), [Action::Wait { ahead: 0 }]);
    assert!(rules(&angrier[0]).contains(&"angry"));
}

/// A caller whose mood sinks while they wait is another than one who came so.
#[test]
fn a_mood_that_falls_is_decided_about() {
    let mut desk = Desk::new(
        "[[agent]]\nid = \"ann\"\n[[agent]]\nid = \"chief\"\nsenior = true\npriority = 2\n\
         [[rule]]\nname = \"sinking\"\nwhen = { mood_fell = 0.5 }\nthen = { senior = true, priority = 5 }\n",
    );
    for (number, name) in [(1, "ann"), (2, "chief")] {
        desk.tell(Input::AgentAvailable { agent: agent(name) });
        desk.ready(number, wants("ask"));
        desk.bridged(number, agent(name));
    }
    desk.ready(3, wants("ask"));
    desk.ready(4, wants("ask"));
    let fell = |fell_permille| Input::MoodChanged {
        call: call(4),
        emotion: Emotion::Dissatisfied,
        emotion_permille: 600,
        fell_permille,
    };
    assert_eq!(desk.tell(fell(499)), []);
    let told = desk.tell(fell(mood_fall(0.2, -0.4)));
    assert_eq!(actions(&told), [Action::Wait { ahead: 0 }]);
    assert!(rules(&told[0]).contains(&"sinking"));
    let served = desk.ended(2);
    assert_eq!(
        (served[0].call, &served[0].action),
        (call(4), &offer(agent("chief")))
    );
    assert_eq!((mood_fall(-0.4, 0.2), mood_fall(1.0, -7.0)), (0, 2000));
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
                fell_permille: 0,
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
