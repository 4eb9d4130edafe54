//! What is understood of one call so far.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{
    Emotion, Intent, Mood, Sentiment, SentimentLabel, Side, Understanding, Utterance,
};

use crate::intents::OUT_OF_SCOPE;
use crate::quality::{QualityCheck, QualityOutcome, QualityRules};
use crate::secrets::{OpenNumber, Secrets, Spoken};
use crate::sentiment::OwnVoice;
use crate::{RedactionPolicy, Redactor, Understander};

/// What an intent keeps of its score with each turn that follows.
const INTENT_KEEPS: f32 = 0.95;

/// What a feeling keeps of its score with each turn that follows.
const FEELING_KEEPS: f32 = 0.7;

/// From this probability an intent is sure enough to act, if the next is far behind.
const SURE_FROM: f32 = 0.75;

/// How far behind the next intent must be.
const SURE_LEAD: f32 = 0.3;

/// The probability that an intent is right which is sure enough, by its score: that it leads by so much,
/// twice or to the end of a turn, says more than a middling score does, and the best are wrong more often
/// than they say. A line through the kept sentences, played as calls (`measure_text anytime_kept`).
const SURE_BASE: f32 = 0.52;
const SURE_SLOPE: f32 = 0.44;

/// Intents below this score are not worth mentioning.
const MENTIONED_FROM: f32 = 0.05;

/// Wishing for a person says nothing about the matter: a matter this sure stands before it.
const AGENT_REQUEST: &str = "agent_request";
const MATTER_FROM: f32 = 0.5;

/// Gathers the utterances of one call: the intent from all of the caller's turns, the course of
/// the mood, and whether it is sure enough to act.
#[derive(Clone, Debug)]
pub struct CallUnderstanding {
    understander: Arc<Understander>,
    redactor: Redactor,
    quality: Option<QualityCheck>,
    numbers: Secrets,
    /// What the last utterance showed to be secret.
    secrets: Vec<Spoken>,
    /// From the caller's ended turns.
    settled: Vec<Intent>,
    /// With the turn that is going on.
    intents: Vec<Intent>,
    course: Vec<(Duration, Mood)>,
    /// How the caller sounded in their ended turns.
    own_voice: OwnVoice,
    /// The mood of the turn that is going on.
    current: Option<Mood>,
    /// The intent that the last hearing put first.
    last_first: Option<String>,
    sure: bool,
}

impl CallUnderstanding {
    /// A call of which nothing has been heard.
    pub fn new(understander: Arc<Understander>) -> Self {
        Self {
            understander,
            redactor: Redactor::default(),
            quality: None,
            numbers: Secrets::default(),
            secrets: Vec::new(),
            settled: Vec::new(),
            intents: Vec::new(),
            course: Vec::new(),
            own_voice: OwnVoice::default(),
            current: None,
            last_first: None,
            sure: false,
        }
    }

    /// What stands in place of what is personal; `[phone]` and the like where nothing is said.
    #[must_use]
    pub fn with_redaction(mut self, policy: RedactionPolicy) -> Self {
        self.redactor = Redactor::new(policy);
        self
    }

    /// Checks the call against quality rules.
    #[must_use]
    pub fn with_quality(mut self, rules: Option<Arc<QualityRules>>) -> Self {
        self.quality = rules.map(QualityCheck::new);
        self
    }

    /// Which quality rules the call kept so far; empty without rules.
    pub fn quality(&self) -> Vec<QualityOutcome> {
        self.quality
            .as_ref()
            .map(QualityCheck::outcomes)
            .unwrap_or_default()
    }

    /// Hears an utterance, partial or ended, of either side; its own understanding comes back,
    /// redacted with regard to the turns before it. Only the caller's words count for intent and
    /// mood.
    pub fn hear(&mut self, utterance: &Utterance) -> Understanding {
        let own = match utterance.side {
            Side::Caller => self.own_voice,
            Side::Agent => OwnVoice::default(),
        };
        let mut understood = self.understander.understand_beside(utterance, &own);
        self.secrets = self.secrets_in(utterance, &understood);
        understood.redacted =
            self.redactor
                .redact(utterance.side, &utterance.text, utterance.is_final);
        if let Some(quality) = self.quality.as_mut().filter(|_| utterance.is_final) {
            quality.hear(utterance.side, &utterance.text, utterance.start);
        }
        if utterance.side == Side::Caller {
            self.weigh_intents(&understood.intents, utterance.is_final);
            self.weigh_mood(&understood.mood, utterance);
        }
        understood
    }

    /// What no recording may keep, as the last utterance shows: those in which a card's number, a code
    /// or a password was told, also parts of one that were told before it was known for what it is.
    pub fn secrets(&self) -> &[Spoken] {
        &self.secrets
    }

    fn secrets_in(&mut self, utterance: &Utterance, understood: &Understanding) -> Vec<Spoken> {
        let own = self.redactor.open_number(utterance.side);
        let other = self.redactor.open_number(utterance.side.other());
        let own = OpenNumber {
            cue: own.cue.or(other.cue),
            ..own
        };
        self.numbers
            .hear(utterance, &understood.entities, own, other)
    }

    /// The likeliest intent of the call; none before the caller spoke.
    pub fn intent(&self) -> Option<&Intent> {
        self.intents.first()
    }

    /// All intents of the call worth mentioning, likeliest first.
    pub fn intents(&self) -> &[Intent] {
        &self.intents
    }

    /// How the caller feels now: the feelings of all turns, the later the heavier.
    pub fn mood(&self) -> Mood {
        let moods = self
            .course
            .iter()
            .map(|(_, mood)| mood)
            .chain(&self.current);
        blend(moods)
    }

    /// The mood of each of the caller's ended turns, by the turn's end from the call's start.
    pub fn course(&self) -> &[(Duration, Mood)] {
        &self.course
    }

    /// Whether the intent is sure enough to route by: far ahead of the next, in an ended turn or
    /// in two partials one after the other.
    pub const fn is_sure(&self) -> bool {
        self.sure
    }

    fn weigh_intents(&mut self, heard: &[Intent], is_final: bool) {
        let mut intents: Vec<Intent> = self
            .settled
            .iter()
            .map(|intent| Intent {
                score: intent.score * INTENT_KEEPS,
                ..intent.clone()
            })
            .collect();
        for intent in heard.iter().filter(|intent| intent.name != OUT_OF_SCOPE) {
            match intents.iter_mut().find(|known| known.name == intent.name) {
                // Two independent hearings both being wrong is less likely than either.
                Some(known) => known.score = known.score.max(intent.score),
                None => intents.push(intent.clone()),
            }
        }
        intents.retain(|intent| intent.name != OUT_OF_SCOPE && intent.score >= MENTIONED_FROM);
        intents.sort_by(|a, b| b.score.total_cmp(&a.score));
        if is_final {
            self.settled.clone_from(&intents);
        }
        put_matter_first(&mut intents);
        let nothing = 1.0 - intents.first().map_or(0.0, |intent| intent.score);
        if nothing > 0.5 {
            let intent = Intent {
                name: OUT_OF_SCOPE.to_owned(),
                score: nothing,
            };
            intents.insert(0, intent);
        }
        let first = &intents[0];
        let next = intents.get(1).map_or(0.0, |intent| intent.score);
        let agrees = is_final || self.last_first.as_ref() == Some(&first.name);
        self.sure = first.name != OUT_OF_SCOPE
            && first.score >= SURE_FROM
            && (first.score - next >= SURE_LEAD || next > first.score)
            && agrees;
        self.last_first = Some(first.name.clone());
        if self.sure {
            intents[0].score = SURE_BASE + SURE_SLOPE * intents[0].score;
        }
        self.intents = intents;
    }

    fn weigh_mood(&mut self, mood: &Mood, utterance: &Utterance) {
        if utterance.is_final {
            let lasts = utterance.end.saturating_sub(utterance.start);
            if !utterance.text.is_empty() {
                self.own_voice.hear(&utterance.prosody, lasts);
            }
            self.course.push((utterance.end, mood.clone()));
            self.current = None;
        } else {
            self.current = Some(mood.clone());
        }
    }
}

/// Puts a sure matter before the wish for a person.
fn put_matter_first(intents: &mut [Intent]) {
    if intents.len() > 1 && intents[0].name == AGENT_REQUEST && intents[1].score >= MATTER_FROM {
        intents.swap(0, 1);
    }
}

/// One mood of many: each feeling's score fades with every turn behind it, and the strongest
/// feeling stands; neutral only where none does.
fn blend<'a>(moods: impl Iterator<Item = &'a Mood>) -> Mood {
    let mut blended: Option<Mood> = None;
    for mood in moods {
        blended = Some(match blended {
            None => mood.clone(),
            Some(before) => follow(&before, mood),
        });
    }
    blended.unwrap_or_else(Mood::unknown)
}

/// The mood after another turn.
fn follow(before: &Mood, mood: &Mood) -> Mood {
    let faded = before.emotion_score * FEELING_KEEPS;
    let keeps =
        before.emotion != Emotion::Neutral && mood.emotion == Emotion::Neutral && faded >= 0.4;
    let score = if mood.sentiment.score.abs() > 0.1 {
        0.7 * mood.sentiment.score + 0.3 * before.sentiment.score
    } else {
        FEELING_KEEPS * before.sentiment.score
    };
    let label = match score {
        score if score > 0.2 => SentimentLabel::Positive,
        score if score < -0.2 => SentimentLabel::Negative,
        _ => SentimentLabel::Neutral,
    };
    let sentiment = Sentiment { label, score };
    let (emotion, emotion_score, reasons) = if keeps {
        (before.emotion, faded, before.reasons.clone())
    } else {
        (mood.emotion, mood.emotion_score, mood.reasons.clone())
    };
    Mood {
        sentiment,
        emotion,
        emotion_score,
        reasons,
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::{Language, Prosody};

    use super::*;

    fn said(side: Side, text: &str, is_final: bool) -> Utterance {
        Utterance {
            side,
            number: 0,
            start: Duration::ZERO,
            end: Duration::from_secs(2),
            text: text.to_owned(),
            language: Language::Zh,
            confidence: 0.9,
            words: Vec::new(),
            prosody: Prosody {
                level_dbfs: -26.0,
                ..Prosody::default()
            },
            is_final,
        }
    }

    fn call() -> CallUnderstanding {
        CallUnderstanding::new(Arc::new(Understander::shipped()))
    }

    #[test]
    fn a_greeting_leaves_the_intent_open_and_the_wish_settles_it() {
        let mut call = call();
        assert!(call.intent().is_none());
        call.hear(&said(Side::Caller, "你好", true));
        assert_eq!(call.intent().unwrap().name, OUT_OF_SCOPE);
        assert!(!call.is_sure());
        call.hear(&said(Side::Caller, "我想查一下我的账户余额", true));
        assert_eq!(call.intent().unwrap().name, "balance_inquiry");
        assert!(call.is_sure());
        call.hear(&said(Side::Caller, "好的谢谢", true));
        assert_eq!(call.intent().unwrap().name, "balance_inquiry");
    }

    #[test]
    fn partials_become_sure_when_they_agree() {
        let mut call = call();
        call.hear(&said(Side::Caller, "我的银行卡丢了", false));
        assert!(!call.is_sure());
        call.hear(&said(Side::Caller, "我的银行卡丢了我要挂失", false));
        assert!(call.is_sure(), "{:?}", call.intents());
    }

    #[test]
    fn the_agents_words_do_not_count() {
        let mut call = call();
        call.hear(&said(Side::Agent, "您是要挂失银行卡吗", true));
        assert!(call.intent().is_none());
        assert_eq!(call.mood(), Mood::unknown());
    }

    #[test]
    fn a_matter_stands_before_the_wish_for_a_person() {
        let mut call = call();
        call.hear(&said(Side::Caller, "我要退款", true));
        call.hear(&said(Side::Caller, "转人工客服", true));
        assert_eq!(call.intents()[0].name, "refund");
        assert_eq!(call.intents()[1].name, AGENT_REQUEST);
    }

    #[test]
    fn a_caller_on_a_quiet_line_is_heard_against_themselves() {
        let voice = |level_dbfs: f32, pitch_hz: f32| Prosody {
            level_dbfs,
            pitch_hz: Some(pitch_hz),
            ..Prosody::default()
        };
        let says = |call: &mut CallUnderstanding, text: &str, prosody: Prosody| {
            let said = said(Side::Caller, text, true);
            call.hear(&Utterance { prosody, ..said });
            call.mood()
        };
        let mut call = call();
        let mood = says(&mut call, "气死我了你们这帮骗子", voice(-45.0, 190.0));
        assert_eq!(mood.emotion, Emotion::Angry, "{mood:?}");
        assert!(!mood.reasons.is_empty());
        let mut call = self::call();
        says(&mut call, "你好我想问一下我的订单", voice(-42.0, 190.0));
        let mood = says(&mut call, "我要投诉你们太差劲了", voice(-42.0, 190.0));
        assert_eq!(mood.emotion, Emotion::Dissatisfied, "{mood:?}");
        let mood = says(&mut call, "我要投诉你们太差劲了", voice(-29.0, 290.0));
        assert_eq!(mood.emotion, Emotion::Angry, "{mood:?}");
        let reasons = mood.reasons.join("; ");
        assert!(reasons.contains("dB louder than before"), "{reasons}");
        // The agent's voice is no measure of the caller's.
        let mut call = self::call();
        call.hear(&Utterance {
            prosody: voice(-45.0, 190.0),
            ..self::said(Side::Agent, "您好请讲", true)
        });
        let mood = says(&mut call, "我要投诉你们太差劲了", voice(-27.0, 190.0));
        assert_eq!(mood.emotion, Emotion::Dissatisfied, "{mood:?}");
    }

    #[test]
    fn anger_fades_only_slowly() {
        let mut call = call();
        let shout = Prosody {
            level_dbfs: -10.0,
            pitch_hz: Some(340.0),
            pitch_range_semitones: 5.0,
            ..Prosody::default()
        };
        call.hear(&Utterance {
            prosody: shout,
            ..said(Side::Caller, "气死我了我要投诉", true)
        });
        assert_eq!(call.mood().emotion, Emotion::Angry);
        call.hear(&said(Side::Caller, "我的订单", true));
        assert_eq!(call.mood().emotion, Emotion::Angry);
        for _ in 0..3 {
            call.hear(&said(Side::Caller, "好的", true));
        }
        assert_eq!(call.mood().emotion, Emotion::Neutral);
        assert_eq!(call.course().len(), 5);
    }
}
