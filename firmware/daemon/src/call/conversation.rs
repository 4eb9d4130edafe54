//! One call's conversation: its story, and when enough is known to ask the router for an agent.
//!
//! Pure: it is told what was heard and when, and yields what the router should know.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkside_call::{AgentId, CallId, Decision, Emotion, Language, Pii, Side};
use trunkside_decision::{CallProfile, Input};
use trunkside_record::{EndedBy, Pseudonyms, Timestamp, VoiceQuality};
use trunkside_understanding::intents::OUT_OF_SCOPE;

use crate::call::escalation::{Telling, Temper};
use crate::call::story::{Ended, SoFar, Story};
use crate::hearing::Heard;

/// After so many turns the caller has been asked enough: the best guess decides.
const TURNS_BEFORE_GUESS: u32 = 2;

/// An intent at least this likely is worth acting on once the caller has finished a sentence.
const LIKELY: f32 = 0.4;

/// Whoever has said no more than a greeting goes on soon, or has said it all.
const AFTER_A_GREETING: Duration = Duration::from_secs(3);

/// The router is told again of an emotion that has become so much more or less likely.
const CHANGED_BY: f32 = 0.1;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The caller is greeted or listened to; whoever stays silent until then goes the default way.
    Listening { until: Option<Duration> },
    /// A recording serves the caller; whoever is still there at the end wants an agent.
    Serving { until: Option<Duration> },
    /// The router knows the caller; this emotion and its score are the last it was told.
    Routing { emotion: Emotion, score: f32 },
    /// Caller and agent talk.
    Bridged,
    /// The call has ended.
    Over,
}

/// What a caller wants, and the language they say it in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// What the router knows.
    pub profile: CallProfile,
    language: Language,
}

/// One call's conversation.
#[derive(Debug)]
pub struct Conversation {
    call: CallId,
    /// None once the call's record is made.
    story: Option<Story>,
    phase: Phase,
    language: Language,
    profile: CallProfile,
    turns: u32,
    patience: Duration,
    temper: Temper,
    /// Who talks to the caller.
    agent: Option<AgentId>,
    tellings: VecDeque<Telling>,
}

impl Conversation {
    /// A call has come in. `language` is spoken to the caller until theirs is known.
    pub fn begin(
        call: CallId,
        caller: Pii<String>,
        started_at: Timestamp,
        now: Duration,
        language: Language,
        patience: Duration,
    ) -> Self {
        Self {
            call,
            story: Some(Story::begin(call, caller, started_at, now)),
            phase: Phase::Listening { until: None },
            language,
            profile: CallProfile::unknown(),
            turns: 0,
            patience,
            temper: Temper::default(),
            agent: None,
            tellings: VecDeque::new(),
        }
    }

    /// The language to speak to the caller.
    pub const fn language(&self) -> Language {
        self.language
    }

    /// What the caller wants, for a call that rings them back.
    pub fn wish(&self) -> Wish {
        Wish {
            profile: self.profile.clone(),
            language: self.language,
        }
    }

    /// A call that rings the caller back: they said what they want in the call before.
    pub fn resume(&mut self, Wish { profile, language }: Wish) {
        self.phase = Phase::Routing {
            emotion: profile.emotion,
            score: f32::from(profile.emotion_permille) / 1_000.0,
        };
        self.profile = profile;
        self.language = language;
    }

    /// Whether the caller waits for an agent, as far as the conversation knows.
    pub const fn is_routing(&self) -> bool {
        matches!(self.phase, Phase::Routing { .. }) && self.story.is_some()
    }

    /// Whether the caller may cut the box short.
    pub const fn may_be_interrupted(&self) -> bool {
        matches!(self.phase, Phase::Listening { .. } | Phase::Serving { .. })
    }

    /// The call has ended; what was said before may still be heard, until [`end`](Self::end).
    pub const fn leave(&mut self) {
        self.phase = Phase::Over;
    }

    /// Whether it has.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// The caller's number; empty once the call's record is made.
    pub fn caller(&self) -> Pii<String> {
        let story = self.story.as_ref();
        story.map_or_else(Pii::default, |story| story.caller().clone())
    }

    /// A recording is played that may be all the caller needs.
    pub fn serving(&mut self) {
        self.phase = Phase::Serving { until: None };
        if let Some(story) = &mut self.story {
            story.served_by_machine(true);
        }
    }

    /// The caller is heard from now on.
    pub const fn listens(&mut self, now: Duration) {
        if let Some(story) = &mut self.story {
            story.listens(now);
        }
    }

    /// The box has answered.
    pub fn answered(&mut self, now: Duration) {
        if let Some(story) = &mut self.story {
            story.answered(now);
        }
    }

    /// The box has said what these quality rules ask the agent to say.
    pub fn announced(&mut self, rules: Vec<String>) {
        if let Some(story) = &mut self.story {
            story.announced(rules);
        }
    }

    /// The greeting, or the recording, is over: the caller's turn.
    pub fn prompted(&mut self, now: Duration) {
        let over = Some(now + self.patience);
        match &mut self.phase {
            Phase::Listening { until } | Phase::Serving { until } => *until = over,
            Phase::Routing { .. } | Phase::Bridged | Phase::Over => {}
        }
    }

    /// Somebody was heard; says what the router should know of it.
    pub fn hear(&mut self, now: Duration, heard: &Heard) -> Option<Input> {
        let story = self.story.as_mut()?;
        story.heard(
            now,
            &heard.utterance,
            &heard.understood,
            &heard.intents,
            &heard.mood,
        );
        if heard.utterance.is_final {
            story.inspected(&heard.quality);
        }
        if heard.utterance.side != Side::Caller || heard.utterance.text.is_empty() {
            return None;
        }
        if heard.utterance.is_final {
            self.turns += 1;
            self.language = heard.utterance.language;
        }
        if let Some(escalation) = self.temper.hear(now, heard) {
            story.escalated(now, &escalation.reasons);
            self.tellings.push_back(Telling {
                escalation,
                agent: self.agent.clone(),
                supervisors: true,
            });
        }
        match self.phase {
            Phase::Listening { .. } => self.consider(now, heard),
            Phase::Serving { .. } => self.say_more(heard),
            Phase::Routing { emotion, score } => self.follow_mood(emotion, score, heard),
            Phase::Bridged | Phase::Over => None,
        }
    }

    /// The next thing that people of the branch are to be told.
    pub fn telling(&mut self) -> Option<Telling> {
        self.tellings.pop_front()
    }

    /// Whether what was heard so far is enough.
    fn consider(&mut self, now: Duration, heard: &Heard) -> Option<Input> {
        let intent = heard.intents.first();
        let says_something = intent.is_none_or(|intent| intent.name != OUT_OF_SCOPE);
        let pause = if says_something || !heard.utterance.is_final {
            self.patience
        } else {
            self.patience.min(AFTER_A_GREETING)
        };
        self.phase = Phase::Listening {
            until: Some(now + pause),
        };
        let intent = intent?;
        self.profile = CallProfile::new(intent, &heard.mood, Some(self.language));
        let is_clear = heard.is_sure
            || says_something && intent.score >= LIKELY
            || self.turns >= TURNS_BEFORE_GUESS;
        (heard.utterance.is_final && is_clear).then(|| self.ready())
    }

    /// Who speaks to a recording wants more than that.
    fn say_more(&mut self, heard: &Heard) -> Option<Input> {
        if !heard.utterance.is_final {
            return None;
        }
        if let Some(intent) = heard
            .intents
            .first()
            .filter(|intent| intent.score >= LIKELY)
        {
            self.profile = CallProfile::new(intent, &heard.mood, Some(self.language));
        }
        Some(self.ready())
    }

    /// The recording cannot be played: the caller is routed as if it had been.
    pub fn routed_again(&mut self) -> Input {
        self.ready()
    }

    fn ready(&mut self) -> Input {
        if let Some(story) = &mut self.story {
            story.served_by_machine(false);
        }
        self.phase = Phase::Routing {
            emotion: self.profile.emotion,
            score: f32::from(self.profile.emotion_permille) / 1_000.0,
        };
        Input::CallReady {
            call: self.call,
            profile: self.profile.clone(),
        }
    }

    fn follow_mood(&mut self, told: Emotion, told_score: f32, heard: &Heard) -> Option<Input> {
        let (emotion, score) = (heard.mood.emotion, heard.mood.emotion_score);
        let same = emotion == told && (score - told_score).abs() < CHANGED_BY;
        if same || !heard.utterance.is_final {
            return None;
        }
        self.phase = Phase::Routing { emotion, score };
        Some(Input::mood_changed(self.call, &heard.mood))
    }

    /// When [`tick`](Self::tick) is due.
    pub const fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Listening { until } | Phase::Serving { until } => until,
            Phase::Routing { .. } | Phase::Bridged | Phase::Over => None,
        }
    }

    /// The caller's time to say something useful may be over: what is known must do.
    pub fn tick(&mut self, now: Duration) -> Option<Input> {
        let due = self.deadline().is_some_and(|deadline| now >= deadline);
        (due && self.story.is_some()).then(|| self.ready())
    }

    /// The router has decided.
    pub fn decided(&mut self, now: Duration, decision: &Decision) {
        if let Some(story) = &mut self.story {
            story.decided(now, decision);
        }
    }

    /// The caller and whoever was asked to take the call hear each other.
    pub fn bridged(&mut self, now: Duration, who: AgentId) {
        self.phase = Phase::Bridged;
        let story = self.story.as_mut();
        if story.is_some_and(|story| story.bridged(now, who.clone())) {
            self.taken_over(now, Some(who));
        } else {
            self.agent = Some(who);
        }
    }

    /// Another agent talks to the caller, and must know of an anger that they did not hear begin; or
    /// somebody whom the policy does not know.
    pub fn taken_over(&mut self, now: Duration, agent: Option<AgentId>) {
        if let Some(agent) = &agent {
            if let Some(escalation) = self.temper.escalation(now) {
                self.tellings.push_back(Telling {
                    escalation: escalation.clone(),
                    agent: Some(agent.clone()),
                    supervisors: false,
                });
            }
            if let Some(story) = &mut self.story {
                story.taken_over(agent.clone());
            }
        }
        self.agent = agent;
    }

    /// What the call has come to, until its record is made.
    pub fn so_far(
        &mut self,
        now: Duration,
        by: EndedBy,
        faulty: bool,
        voice: VoiceQuality,
        names: &Pseudonyms,
    ) -> Option<SoFar> {
        let story = self.story.as_mut()?;
        Some(story.so_far(now, by, faulty, voice, names))
    }

    /// The call is over; its record, once.
    pub fn end(
        &mut self,
        now: Duration,
        by: EndedBy,
        faulty: bool,
        voice: VoiceQuality,
        names: &Pseudonyms,
    ) -> Option<Ended> {
        self.phase = Phase::Over;
        self.story
            .take()
            .map(|story| story.end(now, by, faulty, voice, names))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use trunkside_call::{Intent, Mood, Prosody, Understanding, Utterance};
    use trunkside_record::PseudonymKey;
    use uuid::Uuid;

    use super::*;

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
                entities: Vec::new(),
                redacted: text.into(),
            },
            intents: vec![intent],
            mood,
            is_sure: false,
            quality: Vec::new(),
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
        let text = telling.text();
        for part in ["li_na", "“this is a disgrace”", "said `disgrace`"] {
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
        assert!(waiting.text().contains("waiting"));
        for agent in ["li_na", "zhang_wei"].map(AgentId::new) {
            conversation.taken_over(NOW, Some(agent.clone()));
            let telling = conversation.telling().expect("a telling");
            assert_eq!((telling.agent, telling.supervisors), (Some(agent), false));
            assert_eq!(conversation.telling(), None);
        }
        let much_later = NOW + Duration::from_secs(600);
        conversation.taken_over(much_later, Some(AgentId::new("wang_jing")));
        assert_eq!(conversation.telling(), None);
    }

    #[test]
    fn a_call_that_is_over_yields_one_record_and_nothing_more() {
        let mut conversation = conversation();
        conversation.prompted(NOW);
        let names = Pseudonyms::new(PseudonymKey::new([0; 32]));
        let mut end =
            || conversation.end(NOW, EndedBy::Caller, false, VoiceQuality::default(), &names);
        assert!(end().is_some());
        assert!(end().is_none());
        assert_eq!(conversation.tick(NOW + Duration::from_secs(60)), None);
    }
}
