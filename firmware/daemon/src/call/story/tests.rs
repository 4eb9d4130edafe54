use trunkside_call::{DestinationKind, Entity, Language, Prosody};
use trunkside_record::PseudonymKey;
use uuid::Uuid;

use super::*;

const KEY: Pseudonyms = Pseudonyms::new(PseudonymKey::new([7; 32]));

fn story() -> Story {
    let call = CallId::new(Uuid::from_u128(1));
    let caller = Pii::new("13800138000".to_owned());
    Story::begin(
        call,
        caller,
        Timestamp::UNIX_EPOCH,
        Duration::from_secs(100),
    )
}

fn utterance(text: &str) -> Utterance {
    Utterance {
        side: Side::Caller,
        number: 0,
        start: Duration::from_secs(1),
        end: Duration::from_secs(3),
        text: text.to_owned(),
        language: Language::Zh,
        confidence: 1.0,
        words: Vec::new(),
        prosody: Prosody::default(),
        is_final: true,
    }
}

fn understood(redacted: &str) -> Understanding {
    Understanding {
        text: Pii::default(),
        language: Language::Zh,
        intent: Intent {
            name: "balance_inquiry".into(),
            score: 0.9,
        },
        intents: vec![Intent {
            name: "balance_inquiry".into(),
            score: 0.9,
        }],
        mood: Mood::unknown(),
        triggers: Vec::new(),
        entities: vec![Entity {
            kind: EntityKind::Phone,
            value: Pii::new("13800138000".into()),
            start: 0,
            end: 11,
        }],
        redacted: redacted.to_owned(),
    }
}

#[test]
fn the_record_counts_entities_and_holds_no_words() {
    let mut story = story();
    story.answered(Duration::from_millis(100_250));
    let understood = understood("我的电话是[phone]");
    let said = utterance("我的电话是幺三八零零幺三八零零零");
    story.heard(
        Duration::from_secs(104),
        &said,
        &understood,
        &understood.intents,
        &understood.mood,
    );
    let by = EndedBy::Caller;
    let ended = story.end(
        Duration::from_secs(110),
        by,
        false,
        VoiceQuality::default(),
        &KEY,
    );
    let json = serde_json::to_string(&ended.summary).unwrap();
    assert!(!json.contains("138") && !json.contains("电话"), "{json}");
    assert_eq!(ended.summary.entities[&EntityKind::Phone.into()], 1);
    assert_eq!(ended.summary.outcome, Outcome::Abandoned);
    assert_eq!(ended.summary.times.answered_s, Some(0.25));
    assert_eq!(
        ended.transcript.unwrap().turns[0].text.as_str(),
        "我的电话是[phone]"
    );
    assert_eq!(ended.turns.len(), 1);
}

#[test]
fn a_turn_that_was_not_redacted_is_withheld() {
    let mut story = story();
    let understood = understood("幺三八零零幺三八零零零");
    story.heard(
        Duration::ZERO,
        &utterance("x"),
        &understood,
        &[],
        &understood.mood,
    );
    let ended = story.end(
        Duration::ZERO,
        EndedBy::Box,
        false,
        VoiceQuality::default(),
        &KEY,
    );
    assert!(ended.transcript.unwrap().turns[0].text.is_withheld());
}

#[test]
fn names_and_streets_that_the_gate_does_not_know_are_in_nothing_that_leaves() {
    let understander = std::sync::Arc::new(trunkside_understanding::Understander::shipped());
    let mut call = trunkside_understanding::CallUnderstanding::new(understander);
    let mut story = story();
    for said in ["我叫欧阳晓梅", "我住在朝阳区幸福路八号", "欧阳晓梅的卡丢了"]
    {
        let said = utterance(said);
        let understood = call.hear(&said);
        story.heard(
            Duration::from_secs(104),
            &said,
            &understood,
            call.intents(),
            &call.mood(),
        );
    }
    let ended = story.end(
        Duration::from_secs(110),
        EndedBy::Caller,
        false,
        VoiceQuality::default(),
        &KEY,
    );
    let leaves = serde_json::to_string(&(ended.summary, ended.transcript.unwrap())).unwrap();
    for personal in ["欧阳", "晓梅", "朝阳", "幸福路"] {
        assert!(!leaves.contains(personal), "{leaves}");
    }
}

#[test]
fn an_anger_is_in_the_record_with_its_reasons_and_no_words() {
    let mut story = story();
    story.escalated(
        Duration::from_secs(107),
        &[
            "said `投诉`".to_owned(),
            "voice 9 dB louder than before".to_owned(),
        ],
    );
    let ended = story.end(
        Duration::from_secs(109),
        EndedBy::Caller,
        false,
        VoiceQuality::default(),
        &KEY,
    );
    let escalations = ended.summary.escalations;
    assert_eq!(escalations.len(), 1);
    assert!((escalations[0].at_s - 7.0).abs() < 1e-9);
    assert_eq!(escalations[0].reasons[0].as_str(), "said `投诉`");
}

#[test]
fn moods_and_triggers_are_in_the_record_with_words_and_time() {
    let mut story = story();
    let mut understood = understood("我要投诉");
    understood.mood.emotion = trunkside_call::Emotion::Angry;
    understood.mood.reasons = vec!["said `投诉`".to_owned()];
    understood.triggers = vec!["投诉".to_owned(), "律师".to_owned()];
    let said = Utterance {
        start: Duration::from_millis(2_500),
        ..utterance("我要投诉")
    };
    let now = Duration::from_secs(104);
    for is_final in [false, true] {
        let said = Utterance {
            is_final,
            ..said.clone()
        };
        story.heard(
            now,
            &said,
            &understood,
            &understood.intents,
            &understood.mood,
        );
    }
    // What the agent says of it is none of the caller's.
    let by_agent = Utterance {
        side: Side::Agent,
        ..said
    };
    let intents = &understood.intents;
    story.heard(now, &by_agent, &understood, intents, &understood.mood);
    let (now, by) = (Duration::from_secs(110), EndedBy::Caller);
    let summary = story
        .end(now, by, false, VoiceQuality::default(), &KEY)
        .summary;
    let triggers = summary.triggers.iter();
    let triggers: Vec<_> = triggers
        .map(|said| (said.at_s, said.word.as_str()))
        .collect();
    assert_eq!(triggers, [(2.5, "投诉"), (2.5, "律师")]);
    assert_eq!(summary.mood_course.len(), 1);
    assert_eq!(summary.mood_course[0].reasons[0].as_str(), "said `投诉`");
}

#[test]
fn what_a_call_has_come_to_is_its_record_should_the_box_stop() {
    let mut story = story();
    let voice = VoiceQuality::default;
    story.answered(Duration::from_millis(100_250));
    let understood = understood("我的电话是[phone]");
    for second in [104, 106] {
        let (now, said) = (Duration::from_secs(second), utterance("我的电话"));
        let intents = &understood.intents;
        story.heard(now, &said, &understood, intents, &understood.mood);
    }
    let first = story.so_far(Duration::from_secs(107), EndedBy::Box, true, voice(), &KEY);
    assert_eq!(first.summary.outcome, Outcome::Failed);
    assert_eq!(first.summary.intents[0].name, "balance_inquiry");
    let numbers: Vec<u32> = first.turns.iter().map(|noted| noted.number).collect();
    assert_eq!(numbers, [0, 1]);
    story.bridged(Duration::from_secs(110), AgentId::new("li_na"));
    let second = story.so_far(
        Duration::from_secs(130),
        EndedBy::Caller,
        false,
        voice(),
        &KEY,
    );
    assert_eq!(second.turns.len(), 0, "turns are told once");
    let json = serde_json::to_string(&second.summary).unwrap();
    let call = second.summary.call;
    let ended = interrupted(Interrupted {
        began: crate::storage::store::Began {
            call,
            started_ms: 0,
            caller: Pii::new("13800138000".to_owned()),
        },
        summary: Some(json),
        turns: first.turns,
    });
    let named = story.end(
        Duration::from_secs(130),
        EndedBy::Caller,
        false,
        voice(),
        &KEY,
    );
    // Nothing is lost, and nothing else is said than a good end would have said.
    let said = CallSummary {
        interrupted: false,
        ..ended.summary.clone()
    };
    assert!(ended.callback.is_none(), "the caller had hung up");
    assert_eq!(said, named.summary);
    assert!(ended.summary.interrupted);
    assert_eq!(ended.transcript, named.transcript);
    assert_eq!(ended.summary.outcome, Outcome::Bridged);
    assert_eq!(ended.summary.times.ended_s, Some(30.0));
}

#[test]
fn of_a_call_that_was_cut_off_no_end_is_told_and_the_caller_is_owed_a_call() {
    for (number, owed) in [("13800138000", true), ("anonymous", false)] {
        let mut story = story();
        story.bridged(Duration::from_secs(110), AgentId::new("li_na"));
        let now = Duration::from_secs(130);
        let so_far = story.so_far(now, EndedBy::Box, true, VoiceQuality::default(), &KEY);
        let ended = interrupted(Interrupted {
            began: crate::storage::store::Began {
                call: so_far.summary.call,
                started_ms: 0,
                caller: Pii::new(number.to_owned()),
            },
            summary: Some(serde_json::to_string(&so_far.summary).unwrap()),
            turns: Vec::new(),
        });
        let times = ended.summary.times;
        assert_eq!((times.ended_s, times.known_s), (None, Some(30.0)));
        assert_eq!(ended.callback.is_some(), owed, "{number}");
    }
}

#[test]
fn damaged_notes_leave_the_call_at_least() {
    let ended = interrupted(Interrupted {
        began: crate::storage::store::Began {
            call: CallId::new(Uuid::from_u128(1)),
            started_ms: 5,
            caller: Pii::default(),
        },
        summary: Some("{".to_owned()),
        turns: Vec::new(),
    });
    assert_eq!(ended.summary.outcome, Outcome::Failed);
    assert!(ended.transcript.is_none() && ended.callback.is_none());
}

pub(crate) fn decision(action: Action) -> Decision {
    Decision {
        odds: None,
        cost_us: None,
        inputs: String::new(),
        call: CallId::new(Uuid::from_u128(1)),
        number: 1,
        at: Duration::ZERO,
        action,
        reasons: Vec::new(),
        alternative: None,
        policy: String::new(),
    }
}

#[test]
fn what_the_box_announces_the_agent_need_not_say() {
    let mut story = story();
    let broken = |rule: &str| QualityOutcome {
        rule: rule.to_owned(),
        kept: false,
        hits: Vec::new(),
    };
    story.announced(vec!["recording_notice".to_owned()]);
    story.inspected(&[broken("recording_notice"), broken("greeting")]);
    let kept = story.quality().into_iter().map(|hit| hit.kept);
    assert_eq!(kept.collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_place_beyond_the_branch_is_no_agent() {
    let mut story = story();
    let overflow = Action::Overflow {
        to: "messages".to_owned(),
        kind: DestinationKind::Voicemail,
    };
    story.decided(Duration::from_secs(105), &decision(overflow));
    assert!(!story.bridged(Duration::from_secs(106), AgentId::new("messages")));
    let (now, by) = (Duration::from_secs(120), EndedBy::Caller);
    let ended = story.end(now, by, false, VoiceQuality::default(), &KEY);
    assert_eq!(ended.summary.outcome, Outcome::Overflowed);
    assert_eq!((ended.summary.agent, ended.taken), (None, None));
    assert_eq!(ended.summary.times.bridged_s, Some(6.0));
}

#[test]
fn a_call_that_nobody_took_promises_a_call_back() {
    let mut story = story();
    let cause = CallbackCause::NobodyAnswered;
    let decision = decision(Action::Callback { cause });
    story.decided(Duration::from_secs(105), &decision);
    let ended = story.end(
        Duration::from_secs(106),
        EndedBy::Box,
        false,
        VoiceQuality::default(),
        &KEY,
    );
    assert_eq!(ended.summary.outcome, Outcome::Callback);
    assert_eq!(ended.callback.unwrap().number.reveal(), "13800138000");
}

#[test]
fn a_novice_who_is_relieved_does_not_change_how_the_caller_was_routed() {
    let mut story = story();
    let agent = |name: &str| AgentId::new(name);
    let offer = decision(Action::Offer {
        agent: agent("new"),
    });
    story.decided(Duration::from_secs(105), &offer);
    story.bridged(Duration::from_secs(106), agent("new"));
    let relief = decision(Action::Transfer {
        agent: agent("ann"),
    });
    story.decided(Duration::from_secs(400), &relief);
    assert_eq!(story.decision, Some(offer));
    assert_eq!(story.times.decided_s, Some(5.0));
    story.taken_over(
        Duration::from_secs(460),
        Some(agent("ann")),
        TalkBy::Decision,
    );
    assert_eq!(story.agent, Some(agent("ann")));
    assert_eq!(story.times.bridged_s, Some(6.0));
}

#[test]
fn who_talked_with_the_caller_is_told_one_after_the_other() {
    let mut story = story();
    let agent = |name: &str| Some(AgentId::new(name));
    story.bridged(Duration::from_secs(106), AgentId::new("li_na"));
    let handed_on = |story: &mut Story, second: u64, to: Option<AgentId>| {
        story.taken_over(Duration::from_secs(second), to, TalkBy::Transfer);
    };
    handed_on(&mut story, 123, agent("zhang_wei"));
    // An extension beyond the branch's agents.
    handed_on(&mut story, 131, None);
    let (now, by) = (Duration::from_secs(140), EndedBy::Caller);
    let summary = story
        .end(now, by, false, VoiceQuality::default(), &KEY)
        .summary;
    let talks: Vec<_> = summary
        .talks
        .iter()
        .map(|talk| (talk.agent.clone(), talk.from_s, talk.to_s, talk.by.name()))
        .collect();
    let name = |agent: Option<AgentId>| agent.and_then(|agent| KEY.of(&agent));
    assert_eq!(
        talks,
        [
            (name(agent("li_na")), 6.0, 23.0, "decision"),
            (name(agent("zhang_wei")), 23.0, 31.0, "transfer"),
            (None, 31.0, 40.0, "transfer"),
        ]
    );
    assert_eq!(summary.agent, name(agent("zhang_wei")));
}

#[test]
fn a_mood_that_was_heard_over_an_early_greeting_counts_as_before_the_bridge() {
    let mut story = story();
    story.listens(Duration::from_secs(101));
    let mut understood = understood("x");
    let mut says = |story: &mut Story, end: u64, score: f32| {
        let said = Utterance {
            end: Duration::from_secs(end),
            ..utterance("x")
        };
        understood.mood.sentiment.score = score;
        let now = Duration::from_secs(101 + end);
        story.heard(
            now,
            &said,
            &understood,
            &understood.intents,
            &understood.mood,
        );
    };
    says(&mut story, 3, -0.5);
    // An early greeting is no answer: that comes with the agent.
    let joined = Duration::from_secs(110);
    story.answered(joined);
    story.bridged(joined, AgentId::new("ann"));
    says(&mut story, 30, 0.5);
    let (now, by) = (Duration::from_secs(140), EndedBy::Caller);
    let ended = story.end(now, by, false, VoiceQuality::default(), &KEY);
    assert_eq!(ended.taken.unwrap().mood_permille, Some(1_000));
}
