//! One call's conversation: its story, and when enough is known to ask the router for an agent.
//!
//! Pure: it is told what was heard and when, and yields what the router should know.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trunkside_call::{
    Action, AgentId, CallId, CallbackCause, Decision, Emotion, Intent, Language, Pii, Side,
};
use trunkside_decision::{CallProfile, Input, mood_fall, permille};
use trunkside_record::{EndedBy, Pseudonyms, TalkBy, Timestamp, VoiceQuality};
use trunkside_understanding::intents::Hidden;
use trunkside_understanding::intents::OUT_OF_SCOPE;

use crate::call::escalation::{Telling, Temper};
use crate::call::places;
use crate::call::story::{Ended, SoFar, Story};
use crate::customers::{Acquaintance, Customer};
use crate::hearing::Heard;

/// After so many turns the caller has been asked enough: the best guess decides.
const TURNS_BEFORE_GUESS: u32 = 2;

/// An intent at least this likely is worth acting on once the caller has finished a sentence.
const LIKELY: f32 = 0.4;

/// Whoever has said no more than a greeting goes on soon, or has said it all.
const AFTER_A_GREETING: Duration = Duration::from_secs(3);

/// Who has spoken for so long is understood before they have ended, where the wish is sure.
const LONG_TURN: Duration = Duration::from_secs(4);

/// The router is told again of an emotion that has become so much more or less likely.
const CHANGED_BY: f32 = 0.1;

/// And of a wish that has become so much plainer, in thousandths. One that only fades as the caller
/// talks of other things is told no more.
const PLAINER_BY: u16 = 100;

/// Where the conversation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The caller is greeted or listened to; whoever stays silent until then goes the default way.
    Listening { until: Option<Duration> },
    /// A recording serves the caller; whoever is still there at the end wants an agent.
    Serving { until: Option<Duration> },
    /// The router knows the caller; this emotion and its score are the last it was told.
    Routing { emotion: Emotion, score: f32 },
    /// The router has done with the caller, who hears that they will be called back by hand.
    LetGo,
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
    /// What is known of the caller beside what they say.
    acquaintance: Acquaintance,
    /// The wish behind what they say, and whether the people of the branch have yet to hear of it.
    hidden: Option<Hidden>,
    untold: bool,
    turns: u32,
    /// The caller's utterance that was enough before it ended.
    enough: Option<u32>,
    /// Whether the caller is in the middle of a sentence.
    speaks: bool,
    /// The recording that waits until that is said.
    awaited: Option<String>,
    /// The caller's sentiment when they were first heard, and by how much it has fallen since.
    first_sentiment: Option<f32>,
    fell_permille: u16,
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
        acquaintance: Acquaintance,
    ) -> Self {
        Self {
            call,
            story: Some(Story::begin(call, caller, started_at, now)),
            phase: Phase::Listening { until: None },
            language,
            profile: CallProfile::unknown(),
            acquaintance,
            hidden: None,
            untold: false,
            turns: 0,
            enough: None,
            speaks: false,
            awaited: None,
            first_sentiment: None,
            fell_permille: 0,
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
            profile: self.told().0,
            language: self.language,
        }
    }

    /// A call that rings the caller back: they said what they want in the call before.
    pub fn resume(&mut self, before: CallId, Wish { profile, language }: Wish) {
        if let Some(story) = &mut self.story {
            let wish = profile.intent.clone().map(|name| Intent {
                name,
                score: f32::from(profile.intent_permille) / 1_000.0,
            });
            story.resume(before, wish);
        }
        self.phase = Phase::Routing {
            emotion: profile.emotion,
            score: f32::from(profile.emotion_permille) / 1_000.0,
        };
        self.acquaintance.resume(&profile);
        self.profile = profile;
        self.language = language;
    }

    /// More is known of the caller beside what they say, and of whom they met last; says what the router
    /// should know of it.
    pub fn known(&mut self, customer: Customer, met: Option<AgentId>) -> Option<Input> {
        let before = self.told().0;
        self.acquaintance.learn(customer, met);
        if self.told().0 == before {
            return None;
        }
        match self.phase {
            // The recording goes on.
            Phase::Serving { .. } if self.story.is_some() => {
                let (call, profile) = (self.call, self.tells());
                Some(Input::CallerKnown { call, profile })
            }
            _ => self.is_routing().then(|| self.tell()),
        }
    }

    /// The wish behind what the caller says.
    pub const fn hidden(&self) -> Option<&Hidden> {
        self.hidden.as_ref()
    }

    /// The same, once, for the people of the branch.
    pub fn newly_hidden(&mut self) -> Option<Hidden> {
        std::mem::take(&mut self.untold)
            .then(|| self.hidden.clone())
            .flatten()
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

    /// When the call began; none once its record is made.
    pub fn started_at(&self) -> Option<Timestamp> {
        self.story.as_ref().map(Story::started_at)
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

    /// Whether the caller has still to end a sentence before a recording is played, which is then
    /// [`awaited`](Self::awaited).
    pub fn speaks_first(&mut self, now: Duration, service: &str) -> bool {
        if self.speaks {
            self.serving();
            self.awaited = Some(service.to_owned());
            self.prompted(now);
        }
        self.speaks
    }

    /// The recording to play now that the caller has ended a sentence.
    pub fn awaited(&mut self) -> Option<String> {
        self.awaited.take_if(|_| !self.speaks)
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
            Phase::Routing { .. } | Phase::LetGo | Phase::Bridged | Phase::Over => {}
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
        if heard.utterance.side == Side::Caller {
            self.speaks = !heard.utterance.is_final;
        }
        if heard.utterance.side != Side::Caller || heard.utterance.text.is_empty() {
            return None;
        }
        if heard.utterance.is_final {
            self.turns += 1;
            self.language = heard.utterance.language;
            let sentiment = heard.mood.sentiment.score;
            let first = *self.first_sentiment.get_or_insert(sentiment);
            self.fell_permille = mood_fall(first, sentiment);
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
            Phase::Serving { .. } => self.say_more(now, heard),
            Phase::Routing { emotion, score } => self
                .follow_wish(heard)
                .or_else(|| self.follow_mood(emotion, score, heard)),
            Phase::LetGo | Phase::Bridged | Phase::Over => None,
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
        let is_clear = heard.is_sure
            || says_something && intent.score >= LIKELY
            || self.turns >= TURNS_BEFORE_GUESS;
        let is_said = if heard.utterance.is_final {
            is_clear
        } else {
            // An agent's phone may ring while the caller explains.
            let lasts = heard.utterance.end.saturating_sub(heard.utterance.start);
            heard.is_sure && says_something && lasts >= LONG_TURN
        };
        if is_said && !heard.utterance.is_final {
            self.enough = Some(heard.utterance.number);
            self.language = heard.utterance.language;
        }
        self.profile = CallProfile::new(intent, &heard.mood, Some(self.language));
        is_said.then(|| self.ready())
    }

    /// Who speaks to a recording wants more than that, but for the end of the sentence that it answers.
    fn say_more(&mut self, now: Duration, heard: &Heard) -> Option<Input> {
        if !heard.utterance.is_final {
            if self.awaited.is_some() {
                self.prompted(now);
            }
            return None;
        }
        let likely = |intent: &&Intent| intent.score >= LIKELY;
        let intent = heard.intents.first().filter(likely);
        if self.enough == Some(heard.utterance.number) {
            let told = &self.profile.intent;
            if intent.is_none_or(|intent| told.as_ref() == Some(&intent.name)) {
                return None;
            }
        }
        if let Some(intent) = intent {
            self.profile = CallProfile::new(intent, &heard.mood, Some(self.language));
        }
        Some(self.ready())
    }

    /// The recording cannot be played: the caller is routed as if it had been.
    pub fn routed_again(&mut self) -> Input {
        self.ready()
    }

    fn ready(&mut self) -> Input {
        self.profile.mood_fell_permille = self.fell_permille;
        self.routes();
        self.tell()
    }

    /// What the router is told of the caller, and the wish behind it.
    fn told(&self) -> (CallProfile, Option<Hidden>) {
        let mut profile = self.profile.clone();
        let hidden = self.acquaintance.complete(&mut profile);
        (profile, hidden)
    }

    fn tell(&mut self) -> Input {
        let (call, profile) = (self.call, self.tells());
        Input::CallReady { call, profile }
    }

    /// What the router is told now.
    fn tells(&mut self) -> CallProfile {
        let (profile, hidden) = self.told();
        if self.hidden != hidden {
            self.untold = hidden.is_some();
            if let Some(story) = &mut self.story {
                story.hidden(hidden.as_ref().map(|hidden| hidden.intent.clone()));
            }
            self.hidden = hidden;
        }
        profile
    }

    /// An agent is looked for, by what is known.
    fn routes(&mut self) {
        if let Some(story) = &mut self.story {
            story.served_by_machine(false);
        }
        self.awaited = None;
        self.phase = Phase::Routing {
            emotion: self.profile.emotion,
            score: f32::from(self.profile.emotion_permille) / 1_000.0,
        };
    }

    /// Who waits may say what they want only now, or that it is something else, or say it in another
    /// language. That they would rather be called back is no such matter.
    fn follow_wish(&mut self, heard: &Heard) -> Option<Input> {
        let said = heard.understood.intents.first();
        let says_something = said.is_some_and(|intent| intent.name != OUT_OF_SCOPE);
        if !heard.utterance.is_final || !says_something {
            return None;
        }
        let mut intents = heard.intents.iter();
        let intent = intents.find(|intent| intent.name != places::WISH)?;
        if intent.name == OUT_OF_SCOPE || intent.score < LIKELY {
            return None;
        }
        let profile = CallProfile::new(intent, &heard.mood, Some(self.language));
        let told = &self.profile;
        let same = profile.intent == told.intent && profile.language == told.language;
        if same && profile.intent_permille < told.intent_permille.saturating_add(PLAINER_BY) {
            return None;
        }
        self.profile = profile;
        Some(self.ready())
    }

    fn follow_mood(&mut self, told: Emotion, told_score: f32, heard: &Heard) -> Option<Input> {
        let (emotion, score) = (heard.mood.emotion, heard.mood.emotion_score);
        let fell_by = self.fell_permille.abs_diff(self.profile.mood_fell_permille);
        let same = emotion == told
            && (score - told_score).abs() < CHANGED_BY
            && fell_by < permille(CHANGED_BY);
        if same || !heard.utterance.is_final {
            return None;
        }
        self.phase = Phase::Routing { emotion, score };
        self.profile.mood_fell_permille = self.fell_permille;
        Some(Input::mood_changed(
            self.call,
            &heard.mood,
            self.fell_permille,
        ))
    }

    /// When [`tick`](Self::tick) is due.
    pub const fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Listening { until } | Phase::Serving { until } => until,
            Phase::Routing { .. } | Phase::LetGo | Phase::Bridged | Phase::Over => None,
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
        match decision.action {
            Action::Callback { cause } if cause != CallbackCause::Asked => {
                self.phase = Phase::LetGo;
            }
            // However long the recording is: the router looks for an agent by itself after a while.
            Action::Offer { .. } | Action::Wait { .. } | Action::Overflow { .. }
                if matches!(self.phase, Phase::Serving { .. }) =>
            {
                self.routes();
            }
            _ => {}
        }
    }

    /// The caller and whoever was asked to take the call hear each other.
    pub fn bridged(&mut self, now: Duration, who: AgentId) {
        self.phase = Phase::Bridged;
        let story = self.story.as_mut();
        if story.is_some_and(|story| story.bridged(now, who.clone())) {
            self.talks_to(now, Some(who));
        } else {
            self.agent = Some(who);
        }
    }

    /// Another agent talks to the caller, or somebody whom the policy does not know. Who only goes on at another
    /// phone of theirs is no other.
    pub fn taken_over(&mut self, now: Duration, agent: Option<AgentId>, by: TalkBy) {
        if agent.is_some() && agent == self.agent {
            return;
        }
        if let Some(story) = &mut self.story {
            story.taken_over(now, agent.clone(), by);
        }
        self.talks_to(now, agent);
    }

    /// Who talks to the caller now must know of an anger that they did not hear begin.
    fn talks_to(&mut self, now: Duration, agent: Option<AgentId>) {
        let escalation = self.temper.escalation(now).filter(|_| agent.is_some());
        if let Some(escalation) = escalation {
            self.tellings.push_back(Telling {
                escalation: escalation.clone(),
                agent: agent.clone(),
                supervisors: false,
            });
        }
        self.agent = agent;
    }

    /// The box has told the caller that somebody will call them back.
    pub const fn apologised(&mut self) {
        if let Some(story) = &mut self.story {
            story.apologised();
        }
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
pub(crate) mod tests;
