//! What the router learns of a call, and when.

use trunkside_call::{Mood, Prosody, Understanding, Utterance};
use trunkside_record::PseudonymKey;
use trunkside_understanding::intents::HiddenIntents;
use uuid::Uuid;

use super::*;
use crate::call::story::tests::decision;

fn conversation() -> Conversation {
    let call = CallId::new(Uuid::from_u128(1));
    let patience = Duration::from_secs(8);
    let began = Timestamp::UNIX_EPOCH;
    Conversation::begin(
        call,
        Pii::default(),
        began,
        Duration::ZERO,
        Language::Zh,
        patience,
        Acquaintance::new(HiddenIntents::shipped().into()),
    )
}

pub(crate) fn heard(text: &str, score: f32, emotion: Emotion, is_final: bool) -> Heard {
    let intent = Intent {
        name: "lost_card".into(),
        score,
    };
    let mood = Mood {
        emotion,
        emotion_score: 0.9,
        ..Mood::unknown()
    };
    Heard {
        call: CallId::new(Uuid::from_u128(1)),
        utterance: Utterance {
            side: Side::Caller,
            number: 0,
            start: Duration::ZERO,
            end: Duration::from_secs(1),
            text: text.into(),
            language: Language::En,
            confidence: 1.0,
            words: Vec::new(),
            prosody: Prosody::default(),
            is_final,
        },
        understood: Understanding {
            text: Pii::new(text.into()),
            language: Language::En,
            intent: intent.clone(),
            intents: vec![intent.clone()],
            mood: mood.clone(),
            triggers: Vec::new(),
            entities: Vec::new(),
            redacted: text.into(),
        },
        intents: vec![intent],
        mood,
        is_sure: false,
        quality: Vec::new(),
        models: std::sync::Arc::default(),
    }
}

const NOW: Duration = Duration::from_secs(3);

#[test]
fn a_clear_wish_is_reported_when_the_sentence_ends_and_once() {
    let mut conversation = conversation();
    let partial = heard("i lost my", 0.9, Emotion::Neutral, false);
    assert_eq!(conversation.hear(NOW, &partial), None);
    let whole = heard("i lost my card", 0.9, Emotion::Neutral, true);
    assert!(matches!(
        conversation.hear(NOW, &whole),
        Some(Input::CallReady { .. })
    ));
    assert_eq!(conversation.hear(NOW, &whole), None);
    assert_eq!(conversation.language(), Language::En);
}

#[test]
fn who_talks_on_and_on_is_routed_once_their_wish_is_sure() {
    let mut conversation = conversation();
    let mut partial = heard("i lost my card and", 0.99, Emotion::Neutral, false);
    partial.is_sure = true;
    assert_eq!(conversation.hear(NOW, &partial), None);
    partial.utterance.end = LONG_TURN;
    partial.is_sure = false;
    assert_eq!(conversation.hear(NOW, &partial), None);
    partial.is_sure = true;
    assert!(conversation.hear(NOW, &partial).is_some());
    assert!(conversation.is_routing());
    assert_eq!(conversation.hear(NOW, &partial), None);
}

#[test]
fn an_unclear_caller_gets_another_turn_and_then_the_best_guess() {
    let mut conversation = conversation();
    let unclear = heard("well", 0.1, Emotion::Neutral, true);
    assert_eq!(conversation.hear(NOW, &unclear), None);
    assert!(conversation.hear(NOW, &unclear).is_some());
}

#[test]
fn a_greeting_alone_decides_nothing_until_it_is_plain_that_no_more_comes() {
    let mut conversation = conversation();
    let mut hello = heard("hello", 0.99, Emotion::Neutral, true);
    OUT_OF_SCOPE.clone_into(&mut hello.intents[0].name);
    assert_eq!(conversation.hear(NOW, &hello), None);
    assert_eq!(conversation.deadline(), Some(NOW + AFTER_A_GREETING));
    let wish = heard("i lost my card", 0.9, Emotion::Neutral, true);
    assert!(conversation.hear(NOW, &wish).is_some());
}

#[test]
fn a_call_that_rings_the_caller_back_tells_of_which_and_what_they_wanted_there() {
    let mut first = conversation();
    first.hear(NOW, &heard("i lost my card", 0.9, Emotion::Neutral, true));
    let mut back = conversation();
    let before = CallId::new(Uuid::from_u128(7));
    back.resume(before, first.wish());
    let mut hello = heard("hello", 0.99, Emotion::Neutral, true);
    OUT_OF_SCOPE.clone_into(&mut hello.intents[0].name);
    back.hear(NOW, &hello);
    let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
    let ended = back.end(NOW, EndedBy::Caller, false, VoiceQuality::default(), &names);
    let record = ended.expect("it ends once").summary;
    assert_eq!(record.calls_back, Some(before));
    let intent = record.intent.expect("the wish of the call before");
    assert_eq!((intent.name.as_str(), intent.score), ("lost_card", 0.9));
}

#[test]
fn what_is_known_of_a_caller_goes_to_the_router_with_their_wish_or_after_it() {
    let mut conversation = conversation();
    let known = Customer {
        tier: Some("gold".to_owned()),
        ..Customer::default()
    };
    assert_eq!(conversation.known(known, None), None);
    let wish = heard("i lost my card", 0.9, Emotion::Neutral, true);
    let Some(Input::CallReady { profile, .. }) = conversation.hear(NOW, &wish) else {
        panic!("the wish is clear");
    };
    assert_eq!(profile.tier.as_deref(), Some("gold"));
    let met = Some(AgentId::new("ann"));
    let Some(Input::CallReady { profile, .. }) = conversation.known(Customer::default(), met)
    else {
        panic!("it is new");
    };
    assert_eq!(profile.last_agent, Some(AgentId::new("ann")));
    assert_eq!(profile.intent.as_deref(), Some("lost_card"));
    // Nothing new; and what the caller says later takes nothing of it away.
    assert_eq!(conversation.known(Customer::default(), None), None);
    let mut other = wish;
    "renewal".clone_into(&mut other.intents[0].name);
    let Some(Input::CallReady { profile, .. }) = conversation.hear(NOW, &other) else {
        panic!("it is another wish");
    };
    assert_eq!(profile.tier.as_deref(), Some("gold"));
    assert_eq!(profile.last_agent, Some(AgentId::new("ann")));
}

#[test]
fn a_silent_caller_goes_the_default_way_after_the_greeting_and_their_patience() {
    let mut conversation = conversation();
    assert_eq!(conversation.deadline(), None);
    conversation.prompted(NOW);
    assert_eq!(conversation.tick(NOW), None);
    let later = NOW + Duration::from_secs(8);
    let Some(Input::CallReady { profile, .. }) = conversation.tick(later) else {
        panic!("the call must become ready");
    };
    assert_eq!(profile, CallProfile::unknown());
}

#[test]
fn words_that_mean_nothing_are_waited_after_too() {
    let mut conversation = conversation();
    let mut partial = heard("er", 0.0, Emotion::Neutral, false);
    partial.intents.clear();
    assert_eq!(conversation.hear(NOW, &partial), None);
    assert_eq!(conversation.deadline(), Some(NOW + Duration::from_secs(8)));
}

#[test]
fn who_is_served_by_a_recording_is_routed_when_they_stay_or_speak() {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("when do you open", 0.9, Emotion::Neutral, true));
    conversation.serving();
    assert_eq!(conversation.deadline(), None);
    conversation.prompted(NOW);
    assert!(conversation.tick(NOW + Duration::from_secs(8)).is_some());
    conversation.serving();
    let more = heard("i lost my card", 0.9, Emotion::Neutral, true);
    assert!(matches!(
        conversation.hear(NOW, &more),
        Some(Input::CallReady { .. })
    ));
}

/// A wish that is plain before its sentence has ended.
fn plain_soon() -> Heard {
    let mut wish = heard("i lost my card and", 0.99, Emotion::Neutral, false);
    wish.is_sure = true;
    wish.utterance.end = LONG_TURN;
    wish
}

#[test]
fn a_recording_waits_for_the_end_of_the_sentence_that_it_answers() {
    let mut conversation = conversation();
    let mut wish = plain_soon();
    let Some(Input::CallReady { profile, .. }) = conversation.hear(NOW, &wish) else {
        panic!("it is sure and long");
    };
    assert_eq!(profile.language, Some(Language::En), "as it was heard");
    assert!(conversation.speaks_first(NOW, "opening_hours"));
    let later = NOW + Duration::from_secs(1);
    assert_eq!(conversation.hear(later, &wish), None);
    assert_eq!(conversation.awaited(), None);
    assert_eq!(
        conversation.deadline(),
        Some(later + Duration::from_secs(8))
    );
    wish.utterance.is_final = true;
    assert_eq!(conversation.hear(later, &wish), None);
    assert_eq!(conversation.awaited().as_deref(), Some("opening_hours"));
    assert!(!conversation.speaks_first(later, "opening_hours"));
    conversation.serving();
    assert_eq!(conversation.deadline(), None);
    wish.utterance.number = 1;
    assert!(conversation.hear(NOW, &wish).is_some(), "it is said anew");
}

#[test]
fn a_sentence_that_ends_otherwise_is_routed_anew_and_not_answered_by_what_waits() {
    let mut conversation = conversation();
    let mut wish = plain_soon();
    conversation.hear(NOW, &wish);
    assert!(conversation.speaks_first(NOW, "opening_hours"));
    wish.utterance.is_final = true;
    wish.intents[0].name = "close_account".into();
    assert!(conversation.hear(NOW, &wish).is_some());
    assert_eq!(conversation.awaited(), None);
}

#[test]
fn what_is_known_of_a_caller_only_during_a_recording_reaches_the_router_and_the_recording_goes_on()
{
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("when do you open", 0.9, Emotion::Neutral, true));
    conversation.serving();
    let gold = Customer {
        tier: Some("gold".to_owned()),
        ..Customer::default()
    };
    let Some(Input::CallerKnown { profile, .. }) = conversation.known(gold.clone(), None) else {
        panic!("it is new");
    };
    assert_eq!(profile.tier.as_deref(), Some("gold"));
    assert!(!conversation.is_routing());
    assert_eq!(conversation.known(gold, None), None);
}

#[test]
fn who_hangs_up_during_a_recording_was_served() {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("when do you open", 0.9, Emotion::Neutral, true));
    conversation.serving();
    let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
    let ended = conversation.end(NOW, EndedBy::Caller, false, VoiceQuality::default(), &names);
    assert_eq!(
        ended.expect("it ends once").summary.outcome,
        trunkside_record::Outcome::SelfServed
    );
}

#[test]
fn who_hangs_up_while_an_agent_is_looked_for_was_not_served_however_long_the_recording_is() {
    for action in [
        Action::Offer {
            agent: AgentId::new("li_na"),
        },
        Action::Wait { ahead: 0 },
    ] {
        let mut conversation = conversation();
        conversation.hear(NOW, &heard("when do you open", 0.9, Emotion::Neutral, true));
        conversation.serving();
        conversation.decided(NOW, &decision(action));
        assert!(conversation.is_routing());
        let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
        let ended = conversation.end(NOW, EndedBy::Caller, false, VoiceQuality::default(), &names);
        assert_eq!(
            ended.expect("it ends once").summary.outcome,
            trunkside_record::Outcome::Abandoned
        );
    }
}

#[test]
fn a_caller_who_turns_angry_while_waiting_is_reported() {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("i lost my card", 0.9, Emotion::Neutral, true));
    let angry = heard("how long still", 0.9, Emotion::Angry, true);
    assert!(matches!(
        conversation.hear(NOW, &angry),
        Some(Input::MoodChanged { .. })
    ));
    assert_eq!(conversation.hear(NOW, &angry), None);
}

/// They have said no more than hello, and are being routed.
fn unknown_and_waiting() -> Conversation {
    let mut conversation = conversation();
    let mut hello = heard("hello", 0.99, Emotion::Neutral, true);
    hello.intents[0] = Intent {
        name: OUT_OF_SCOPE.to_owned(),
        score: 0.99,
    };
    conversation.hear(NOW, &hello);
    assert!(conversation.tick(NOW + AFTER_A_GREETING).is_some());
    conversation
}

/// What the router is told of the caller's wish as they say so.
fn told(conversation: &mut Conversation, heard: &Heard) -> Option<(String, Option<Language>)> {
    match conversation.hear(NOW, heard)? {
        Input::CallReady { profile, .. } => Some((profile.intent?, profile.language)),
        _ => None,
    }
}

#[test]
fn a_wish_said_only_while_waiting_is_reported_once() {
    let mut conversation = unknown_and_waiting();
    let wish = |score, is_final| heard("i lost my card", score, Emotion::Neutral, is_final);
    let english = Some(Language::En);
    let lost = Some(("lost_card".to_owned(), english));
    assert_eq!(told(&mut conversation, &wish(0.9, false)), None);
    assert_eq!(told(&mut conversation, &wish(0.3, true)), None);
    assert_eq!(told(&mut conversation, &wish(0.5, true)), lost);
    for fades in [0.5, 0.45] {
        assert_eq!(told(&mut conversation, &wish(fades, true)), None);
    }
    assert_eq!(told(&mut conversation, &wish(0.9, true)), lost, "plainer");
    let mut other = wish(0.9, true);
    other.intents.insert(
        0,
        Intent {
            name: "complaint".into(),
            score: 0.95,
        },
    );
    let complaint = Some(("complaint".to_owned(), english));
    assert_eq!(told(&mut conversation, &other), complaint);
    assert_eq!(told(&mut conversation, &other), None);
}

#[test]
fn another_language_is_reported_when_something_is_said_in_it() {
    let mut conversation = conversation();
    let mut wish = heard("i lost my card", 0.9, Emotion::Neutral, true);
    assert!(told(&mut conversation, &wish).is_some());
    wish.utterance.language = Language::Yue;
    let mut noise = wish.clone();
    OUT_OF_SCOPE.clone_into(&mut noise.understood.intents[0].name);
    assert_eq!(told(&mut conversation, &noise), None);
    let cantonese = Some(("lost_card".to_owned(), Some(Language::Yue)));
    assert_eq!(told(&mut conversation, &wish), cantonese);
}

#[test]
fn who_asks_for_a_call_back_wants_the_same_as_before() {
    let mut conversation = conversation();
    let wish = heard("i lost my card", 0.9, Emotion::Neutral, true);
    assert!(told(&mut conversation, &wish).is_some());
    let mut asks = wish;
    asks.intents.insert(
        0,
        Intent {
            name: places::WISH.to_owned(),
            score: 0.95,
        },
    );
    assert_eq!(conversation.hear(NOW, &asks), None);
}

#[test]
fn who_is_let_go_is_not_routed_again() {
    let mut conversation = unknown_and_waiting();
    let back = |cause| decision(Action::Callback { cause });
    let wish = heard("i lost my card", 0.9, Emotion::Neutral, true);
    conversation.decided(NOW, &back(CallbackCause::Asked));
    assert!(
        told(&mut conversation, &wish).is_some(),
        "they have a place"
    );
    conversation.decided(NOW, &back(CallbackCause::WaitedTooLong));
    let mut other = wish;
    other.intents[0].name = "complaint".to_owned();
    assert_eq!(conversation.hear(NOW, &other), None);
    assert!(!conversation.is_routing());
}

#[test]
fn an_anger_that_grows_is_reported_again() {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("i lost my card", 0.9, Emotion::Neutral, true));
    let mut angry = heard("how long still", 0.9, Emotion::Angry, true);
    angry.mood.emotion_score = 0.45;
    assert!(conversation.hear(NOW, &angry).is_some());
    angry.mood.emotion_score = 0.5;
    assert_eq!(conversation.hear(NOW, &angry), None);
    angry.mood.emotion_score = 0.8;
    assert!(conversation.hear(NOW, &angry).is_some());
}

#[test]
fn the_fall_of_a_mood_is_told_from_when_the_caller_was_first_heard() {
    let mut conversation = conversation();
    let says = |sentiment: f32, score: f32| {
        let mut heard = heard("i lost my card", score, Emotion::Neutral, true);
        heard.mood.sentiment.score = sentiment;
        heard
    };
    assert_eq!(conversation.hear(NOW, &says(0.25, 0.1)), None);
    let Some(Input::CallReady { profile, .. }) = conversation.hear(NOW, &says(-0.25, 0.9)) else {
        panic!("the wish is clear");
    };
    assert_eq!(profile.mood_fell_permille, 500);
    assert_eq!(conversation.hear(NOW, &says(-0.3, 0.9)), None);
    let told = conversation.hear(NOW, &says(-0.75, 0.9));
    let fell = |input| match input {
        Some(Input::MoodChanged { fell_permille, .. }) => Some(fell_permille),
        _ => None,
    };
    assert_eq!(fell(told), Some(1000));
    assert_eq!(fell(conversation.hear(NOW, &says(0.5, 0.9))), Some(0));
}

fn bridged() -> Conversation {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("i lost my card", 0.9, Emotion::Neutral, true));
    conversation.bridged(NOW, AgentId::new("li_na"));
    assert_eq!(conversation.telling(), None);
    conversation
}

#[test]
fn who_turns_angry_with_an_agent_is_told_of_once_with_words_and_reasons() {
    let mut conversation = bridged();
    let mut angry = heard("this is a disgrace", 0.9, Emotion::Angry, true);
    angry.mood.reasons = vec!["said `disgrace`".to_owned()];
    conversation.hear(NOW, &angry);
    let telling = conversation.telling().expect("a telling");
    assert_eq!(telling.agent, Some(AgentId::new("li_na")));
    assert!(telling.supervisors);
    let text = telling.text("15:42 138****8004");
    for part in [
        "with li_na) 15:42 138****8004:",
        "“this is a disgrace”",
        "said `disgrace`",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let minute = Duration::from_secs(60);
    for turn in 1..10 {
        conversation.hear(NOW + minute * turn, &angry);
        assert_eq!(conversation.telling(), None);
    }
    // Calm for long enough, the caller may turn again.
    conversation.hear(NOW + minute * 20, &angry);
    assert!(conversation.telling().is_some());
}

#[test]
fn anger_is_told_of_before_the_sentence_ends_but_not_at_its_first_trace() {
    let mut conversation = bridged();
    let partial = heard("this is a", 0.9, Emotion::Angry, false);
    conversation.hear(NOW, &partial);
    assert_eq!(conversation.telling(), None);
    conversation.hear(NOW, &heard("this is a", 0.9, Emotion::Neutral, false));
    conversation.hear(NOW, &partial);
    assert_eq!(conversation.telling(), None);
    conversation.hear(NOW, &partial);
    assert!(conversation.telling().is_some());
    let mut agent = heard("what do you want", 0.9, Emotion::Angry, true);
    agent.utterance.side = Side::Agent;
    let mut conversation = bridged();
    conversation.hear(NOW, &agent);
    assert_eq!(conversation.telling(), None, "the agent's own voice");
}

#[test]
fn who_takes_an_angry_caller_is_told_and_the_supervisors_not_again() {
    let mut conversation = conversation();
    conversation.hear(NOW, &heard("i lost my card", 0.9, Emotion::Angry, true));
    let waiting = conversation.telling().expect("a telling");
    assert!(waiting.agent.is_none() && waiting.supervisors);
    assert!(waiting.text("").contains("waiting):"));
    for agent in ["li_na", "zhang_wei"].map(AgentId::new) {
        conversation.taken_over(NOW, Some(agent.clone()), TalkBy::Transfer);
        let telling = conversation.telling().expect("a telling");
        assert_eq!((telling.agent, telling.supervisors), (Some(agent), false));
        assert_eq!(conversation.telling(), None);
    }
    let much_later = NOW + Duration::from_secs(600);
    conversation.taken_over(
        much_later,
        Some(AgentId::new("wang_jing")),
        TalkBy::Transfer,
    );
    assert_eq!(conversation.telling(), None);
}

#[test]
fn a_call_that_is_over_yields_one_record_and_nothing_more() {
    let mut conversation = conversation();
    conversation.prompted(NOW);
    let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
    let mut end = || conversation.end(NOW, EndedBy::Caller, false, VoiceQuality::default(), &names);
    assert!(end().is_some());
    assert!(end().is_none());
    assert_eq!(conversation.tick(NOW + Duration::from_secs(60)), None);
}

#[test]
fn who_hears_the_apology_is_promised_a_call_back_though_an_agent_has_talked_to_them() {
    let mut conversation = bridged();
    conversation.apologised();
    let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
    let ended = conversation.end(NOW, EndedBy::Box, false, VoiceQuality::default(), &names);
    let ended = ended.expect("it ends once");
    assert_eq!(ended.summary.outcome, trunkside_record::Outcome::Bridged);
    assert!(ended.callback.is_some());
}
