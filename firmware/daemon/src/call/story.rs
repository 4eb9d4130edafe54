//! One call's story as it happens, and the record that it leaves.
//!
//! Pure: it is told what happened and when, and at the end it yields what the box keeps (words in
//! the open, on the box only) and what the cloud may know (redacted, agents as pseudonyms).

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::{
    Action, AgentId, CallId, CallbackCause, Decision, EntityKind, Intent, Mood, Pii, Side,
    Understanding, Utterance,
};
use trunkside_record::{
    ActionRecord, CallSummary, DecisionRecord, EndedBy, EscalationRecord, IntentScore, MoodPoint,
    MoodRecord, Named, Outcome, Pseudonyms, QualityHit, QualityMark, Redacted, RedactedText, Times,
    Timestamp, Transcript, Turn as RedactedTurn, VoiceQuality, seconds,
};

use trunkside_understanding::quality::QualityOutcome;

use crate::call::outcomes::Taken;
use crate::storage::store::unfinished::{Interrupted, NotedTurn};
use crate::storage::store::{Callback, Turn};

/// What is known of a call so far. All times are the pipeline's.
#[derive(Debug)]
pub struct Story {
    call: CallId,
    caller: Pii<String>,
    started_at: Timestamp,
    began: Duration,
    times: Times,
    intents: Vec<Intent>,
    mood: Option<Mood>,
    mood_course: Vec<MoodPoint>,
    escalations: Vec<EscalationRecord>,
    entities: BTreeMap<Named<EntityKind>, u32>,
    decision: Option<Decision>,
    agent: Option<AgentId>,
    /// A place beyond the branch has taken the call.
    overflowed: bool,
    callback: Option<CallbackCause>,
    /// A recording serves the caller, and nobody has been asked for since.
    self_served: bool,
    turns: Vec<(Turn, String)>,
    /// Turns that were told as part of what the story had come to.
    noted: usize,
    quality: Vec<QualityHit>,
    /// Rules that the box has kept in the agent's place.
    announced: Vec<String>,
    language: Option<trunkside_call::Language>,
}

/// What a call in progress has come to: its record, should the box stop now.
#[derive(Debug)]
pub struct SoFar {
    /// What the cloud may know of the call.
    pub summary: CallSummary,
    /// The turns since this was asked last.
    pub turns: Vec<NotedTurn>,
}

/// A finished story: what is kept, and what may leave.
#[derive(Debug)]
pub struct Ended {
    /// What the cloud may know of the call.
    pub summary: CallSummary,
    /// What the cloud may know of its words; none when nothing was said.
    pub transcript: Option<Transcript>,
    /// What was said, for the box alone.
    pub turns: Vec<Turn>,
    /// Whom to call back.
    pub callback: Option<Callback>,
    /// What the router may learn from, when an agent took the call.
    pub taken: Option<Taken>,
    /// Who called.
    pub caller: Pii<String>,
}

impl Story {
    /// A call has come in.
    pub fn begin(call: CallId, caller: Pii<String>, started_at: Timestamp, now: Duration) -> Self {
        Self {
            call,
            caller,
            started_at,
            began: now,
            times: Times::default(),
            intents: Vec::new(),
            mood: None,
            mood_course: Vec::new(),
            escalations: Vec::new(),
            entities: BTreeMap::new(),
            decision: None,
            agent: None,
            overflowed: false,
            callback: None,
            self_served: false,
            turns: Vec::new(),
            noted: 0,
            quality: Vec::new(),
            announced: Vec::new(),
            language: None,
        }
    }

    /// The caller's number.
    pub const fn caller(&self) -> &Pii<String> {
        &self.caller
    }

    fn since_begin(&self, now: Duration) -> f64 {
        seconds(now.saturating_sub(self.began))
    }

    /// The box has answered.
    pub fn answered(&mut self, now: Duration) {
        self.times.answered_s = Some(self.since_begin(now));
    }

    /// Somebody was heard; `intents` and `mood` are those of the call so far.
    pub fn heard(
        &mut self,
        now: Duration,
        utterance: &Utterance,
        understood: &Understanding,
        intents: &[Intent],
        mood: &Mood,
    ) {
        if utterance.side == Side::Caller {
            if self.times.first_words_s.is_none() && !utterance.text.is_empty() {
                self.times.first_words_s = Some(self.since_begin(now));
            }
            // After the bridge the two talk with each other: the wish was stated before.
            if self.times.bridged_s.is_none() {
                self.intents = intents.to_vec();
            }
            self.mood = Some(mood.clone());
        }
        if !utterance.is_final || utterance.text.is_empty() {
            return;
        }
        if utterance.side == Side::Caller {
            self.language = Some(utterance.language);
            self.mood_course.push(MoodPoint::new(utterance.end, mood));
            for entity in &understood.entities {
                *self.entities.entry(entity.kind.into()).or_default() += 1;
            }
        }
        let turn = Turn {
            side: utterance.side,
            start: utterance.start,
            end: utterance.end,
            text: Pii::new(utterance.text.clone()),
        };
        self.turns.push((turn, understood.redacted.clone()));
    }

    /// The caller has turned angry, and people are told.
    pub fn escalated(&mut self, now: Duration, reasons: &[String]) {
        let reasons = reasons.iter();
        self.escalations.push(EscalationRecord {
            at_s: self.since_begin(now),
            reasons: reasons
                .map(|reason| RedactedText::or_withheld(reason))
                .collect(),
        });
    }

    /// Which quality rules the call kept so far.
    pub fn inspected(&mut self, outcomes: &[QualityOutcome]) {
        self.quality = outcomes
            .iter()
            .map(|outcome| QualityHit {
                rule: outcome.rule.clone(),
                kept: outcome.kept,
                hits: outcome
                    .hits
                    .iter()
                    .map(|hit| QualityMark {
                        at_s: seconds(hit.at),
                        text: RedactedText::or_withheld(&hit.text),
                    })
                    .collect(),
            })
            .collect();
    }

    /// The box has said what these quality rules ask the agent to say.
    pub fn announced(&mut self, rules: Vec<String>) {
        self.announced.extend(rules);
    }

    /// The rules as they were kept, by the agent or in their place.
    fn quality(&self) -> Vec<QualityHit> {
        // They are for agents.
        if self.overflowed {
            return Vec::new();
        }
        let mut quality = self.quality.clone();
        for hit in &mut quality {
            hit.kept |= self.announced.contains(&hit.rule);
        }
        quality
    }

    /// The router has decided.
    pub fn decided(&mut self, now: Duration, decision: &Decision) {
        // That an agent is relieved says nothing of how the caller came to them.
        if let Action::Transfer { .. } = decision.action {
            return;
        }
        // Waiting settles nothing; the decision that the caller waited for does.
        if self.decision.is_none() || !matches!(decision.action, Action::Wait { .. }) {
            self.times.decided_s = Some(self.since_begin(now));
            self.decision = Some(decision.clone());
        }
        if let Action::Callback { cause } = decision.action {
            self.callback = Some(cause);
        }
    }

    /// The caller and an agent hear each other, or the place beyond the branch that the call was sent
    /// to; true where it is an agent.
    pub fn bridged(&mut self, now: Duration, who: AgentId) -> bool {
        self.times.bridged_s = Some(self.since_begin(now));
        let action = self.decision.as_ref().map(|decision| &decision.action);
        self.overflowed = matches!(action, Some(Action::Overflow { to, .. }) if to == who.as_str());
        self.agent = (!self.overflowed).then_some(who);
        !self.overflowed
    }

    /// Another agent has taken the call from the one before.
    pub fn taken_over(&mut self, agent: AgentId) {
        self.agent = Some(agent);
        self.overflowed = false;
    }

    /// Whether a recording is all that the caller has asked for so far.
    pub const fn served_by_machine(&mut self, served: bool) {
        self.self_served = served;
    }

    /// Who took the call about what, and what became of the mood in it.
    fn taken(&self, summary: &CallSummary) -> Option<Taken> {
        let bridged_s = self.times.bridged_s? - self.times.answered_s.unwrap_or_default();
        let course = &summary.mood_course;
        let before = course.iter().rev().find(|point| point.at_s <= bridged_s);
        let after = course.last().filter(|point| point.at_s > bridged_s);
        let change = before
            .zip(after)
            .map(|(before, after)| ((after.sentiment - before.sentiment) * 1000.0).round() as i16);
        Some(Taken {
            call: self.call,
            agent: self.agent.clone()?,
            intent: self.intents.first()?.name.clone(),
            mood_permille: change,
        })
    }

    /// How the call would be counted if it ended now.
    pub fn outcome(&self, faulty: bool) -> Outcome {
        match (&self.agent, self.callback) {
            (Some(_), _) => Outcome::Bridged,
            (None, _) if self.overflowed => Outcome::Overflowed,
            (None, Some(_)) => Outcome::Callback,
            (None, None) if faulty => Outcome::Failed,
            (None, None) if self.self_served => Outcome::SelfServed,
            (None, None) => Outcome::Abandoned,
        }
    }

    /// The call is over.
    pub fn end(
        mut self,
        now: Duration,
        by: EndedBy,
        faulty: bool,
        voice: VoiceQuality,
        names: &Pseudonyms,
    ) -> Ended {
        let summary = self.summary(now, by, faulty, voice, names);
        self.turns.sort_by_key(|(turn, _)| turn.start);
        let transcript = self.transcript();
        let taken = self.taken(&summary);
        let callback = self.callback.map(|cause| Callback {
            number: self.caller.clone(),
            cause,
        });
        Ended {
            summary,
            transcript,
            turns: self.turns.into_iter().map(|(turn, _)| turn).collect(),
            callback,
            taken,
            caller: self.caller,
        }
    }

    /// What the call has come to, in case the box stops before its record is made: `by` ended it,
    /// a fault of the box where it does.
    pub fn so_far(
        &mut self,
        now: Duration,
        by: EndedBy,
        faulty: bool,
        voice: VoiceQuality,
        names: &Pseudonyms,
    ) -> SoFar {
        let first = std::mem::replace(&mut self.noted, self.turns.len());
        let new = self.turns.iter().enumerate().skip(first);
        SoFar {
            summary: self.summary(now, by, faulty, voice, names),
            turns: new
                .map(|(number, (turn, redacted))| NotedTurn {
                    number: number as u32,
                    turn: turn.clone(),
                    redacted: redacted.clone(),
                })
                .collect(),
        }
    }

    fn summary(
        &self,
        now: Duration,
        by: EndedBy,
        faulty: bool,
        voice: VoiceQuality,
        names: &Pseudonyms,
    ) -> CallSummary {
        let intents: Vec<IntentScore> = self.intents.iter().map(IntentScore::from).collect();
        let decision = self.decision.as_ref();
        CallSummary {
            call: self.call,
            started_at: self.started_at,
            language: self.language.map(Named::from),
            intent: intents.first().cloned(),
            intents,
            mood: self.mood.as_ref().map(MoodRecord::from),
            mood_course: self.mood_course.clone(),
            escalations: self.escalations.clone(),
            decision: decision.map(|decision| DecisionRecord::new(decision, names)),
            agent: self.agent.as_ref().and_then(|agent| names.of(agent)),
            outcome: self.outcome(faulty).into(),
            ended_by: by.into(),
            interrupted: false,
            times: Times {
                ended_s: self.since_begin(now),
                ..self.times
            },
            entities: self.entities.clone(),
            voice,
            quality: self.quality(),
            redacted: Redacted,
        }
    }

    fn transcript(&self) -> Option<Transcript> {
        let turns = self.turns.iter();
        transcript(self.call, turns.map(|(turn, redacted)| (turn, redacted)))
    }
}

fn transcript<'a>(
    call: CallId,
    turns: impl Iterator<Item = (&'a Turn, &'a String)>,
) -> Option<Transcript> {
    let turns: Vec<RedactedTurn> = turns
        .map(|(turn, redacted)| RedactedTurn {
            side: turn.side.into(),
            start_s: seconds(turn.start),
            end_s: seconds(turn.end),
            text: RedactedText::or_withheld(redacted),
        })
        .collect();
    (!turns.is_empty()).then_some(Transcript { call, turns })
}

/// The end of a call in whose middle the box stopped: what was noted of it until then.
pub fn interrupted(call: Interrupted) -> Ended {
    let Interrupted {
        began,
        summary,
        mut turns,
    } = call;
    let damaged = |error: &serde_json::Error| {
        tracing::warn!(call = %began.call, %error, "what was noted of a call is damaged");
    };
    let noted = summary.and_then(|noted| serde_json::from_str(&noted).inspect_err(damaged).ok());
    let started_at = Timestamp::from_millisecond(began.started_ms).unwrap_or_default();
    let summary = noted.unwrap_or_else(|| unknown(began.call, started_at));
    turns.sort_by_key(|noted| noted.turn.start);
    let said = turns.iter().map(|noted| (&noted.turn, &noted.redacted));
    Ended {
        transcript: transcript(began.call, said),
        turns: turns.into_iter().map(|noted| noted.turn).collect(),
        callback: promised(&summary).map(|cause| Callback {
            number: began.caller.clone(),
            cause,
        }),
        summary: CallSummary {
            interrupted: true,
            ..summary
        },
        taken: None,
        caller: began.caller,
    }
}

/// Why the caller was promised a call back, if they were.
fn promised(summary: &CallSummary) -> Option<CallbackCause> {
    match summary.decision.as_ref()?.action {
        ActionRecord::Callback { cause } if summary.outcome == Outcome::Callback => cause.known(),
        _ => None,
    }
}

/// The record of a call of which nothing is known but that it came.
fn unknown(call: CallId, started_at: Timestamp) -> CallSummary {
    CallSummary {
        call,
        started_at,
        language: None,
        intent: None,
        intents: Vec::new(),
        mood: None,
        mood_course: Vec::new(),
        escalations: Vec::new(),
        decision: None,
        agent: None,
        outcome: Outcome::Failed.into(),
        ended_by: EndedBy::Box.into(),
        interrupted: true,
        times: Times::default(),
        entities: BTreeMap::new(),
        voice: VoiceQuality::default(),
        quality: Vec::new(),
        redacted: Redacted,
    }
}

#[cfg(test)]
mod tests {
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
    fn an_anger_is_in_the_record_with_its_reasons_and_no_words() {
        let mut story = story();
        story.escalated(
            Duration::from_secs(107),
            &[
                "said `投诉`".to_owned(),
                "voice 9 dB louder than ordinary".to_owned(),
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
        assert_eq!(said, named.summary);
        assert!(ended.summary.interrupted);
        assert_eq!(ended.transcript, named.transcript);
        assert_eq!(ended.summary.outcome, Outcome::Bridged);
        assert!((ended.summary.times.ended_s - 30.0).abs() < 1e-9);
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

    fn decision(action: Action) -> Decision {
        Decision {
            odds: None,
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
}
