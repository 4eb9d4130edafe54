//! A caller who turns angry: whom the branch tells, with the words and the reasons, and once.
//!
//! Pure: it is told what was heard and yields what is to be told.

use std::time::Duration;

use trunkside_call::{AgentId, Emotion};
use trunkside_record::{Alarm, RedactedText, Severity};

use crate::hearing::Heard;

/// So likely must anger be before anybody is told.
const SURE: f32 = 0.5;

/// In so many growing utterances one after the other must it be heard before the sentence's end.
const PARTIALS: u8 = 2;

/// Who has not been angry for so long has calmed down, and may turn again.
const CALMED: Duration = Duration::from_secs(120);

/// The end of what was said is enough.
const WORDS: usize = 120;

/// What the people of the branch learn of a caller who has turned angry.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// The caller's words, redacted; their end where they are many.
    pub words: String,
    /// What shows the anger, in plain words.
    pub reasons: Vec<String>,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// What.
    pub escalation: Escalation,
    /// The agent who talks to the caller, if one does: to be told.
    pub agent: Option<AgentId>,
    /// Whether the supervisors are to be told: not where they have been, and only an agent is new.
    pub supervisors: bool,
}

impl Telling {
    /// What the centre learns: that it was, and why; never the words.
    pub fn alarm(&self) -> Alarm {
        let reasons = self.escalation.reasons.join("; ");
        let text = format!("a caller has turned angry: {reasons}; the branch's people are told");
        Alarm {
            code: "caller_angry".to_owned(),
            severity: Severity::Warning.into(),
            cleared: false,
            text: RedactedText::or_withheld(&text),
        }
    }

    /// One line for a phone's display; `call` tells the call from others.
    pub fn text(&self, call: &str) -> String {
        let with = self.agent.as_ref().map_or_else(
            || "等待中 waiting".to_owned(),
            |agent| format!("与 with {agent}"),
        );
        let Escalation { words, reasons } = &self.escalation;
        let call = if call.is_empty() {
            String::new()
        } else {
            format!(" {call}")
        };
        format!(
            "来电者发怒 Caller angry ({with}){call}: “{words}” [{}]",
            reasons.join("; ")
        )
    }
}

/// Whether a call's caller is angry, and who has been told.
#[derive(Clone, Debug, Default)]
pub struct Temper {
    partials: u8,
    angry: Option<Angry>,
}

#[derive(Clone, Debug)]
struct Angry {
    escalation: Escalation,
    last_heard: Duration,
}

impl Temper {
    /// Hears the caller; the anger, where it is new.
    pub fn hear(&mut self, now: Duration, heard: &Heard) -> Option<Escalation> {
        let mood = &heard.mood;
        if mood.emotion != Emotion::Angry || mood.emotion_score < SURE {
            self.partials = 0;
            return None;
        }
        self.partials = self.partials.saturating_add(1);
        let known = self.escalation(now).is_some();
        if let Some(angry) = self.angry.as_mut().filter(|_| known) {
            angry.last_heard = now;
            return None;
        }
        if !heard.utterance.is_final && self.partials < PARTIALS {
            return None;
        }
        let escalation = Escalation {
            words: end_of(&heard.understood.redacted),
            reasons: mood.reasons.clone(),
        };
        self.angry = Some(Angry {
            escalation: escalation.clone(),
            last_heard: now,
        });
        Some(escalation)
    }

    /// The anger that has not calmed down.
    pub fn escalation(&self, now: Duration) -> Option<&Escalation> {
        let angry = self.angry.as_ref()?;
        let lasts = now.saturating_sub(angry.last_heard) < CALMED;
        lasts.then_some(&angry.escalation)
    }
}

fn end_of(words: &str) -> String {
    let many = words.chars().count().saturating_sub(WORDS);
    let end: String = words.chars().skip(many).collect();
    if many > 0 { format!("…{end}") } else { end }
}
