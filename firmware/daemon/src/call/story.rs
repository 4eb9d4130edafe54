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
    MoodRecord, Named, Outcome, Pseudonyms, QualityHit, QualityMark, Redacted, RedactedText,
    TalkBy, TalkRecord, Times, Timestamp, Transcript, TriggerRecord, Turn as RedactedTurn,
    VoiceQuality, seconds,
};

use trunkside_understanding::CallEntities;
use trunkside_understanding::quality::QualityOutcome;

use crate::call::outcomes::Taken;
use crate::storage::store::unfinished::{Interrupted, NotedTurn};
use crate::storage::store::{Callback, Owed, Turn};

/// What is known of a call so far. All times are the pipeline's.
#[derive(Debug)]
pub struct Story {
    call: CallId,
    caller: Pii<String>,
    started_at: Timestamp,
    began: Duration,
    /// The call in which the caller was promised this one.
    calls_back: Option<CallId>,
    times: Times,
    /// From when on the caller is heard: what was said counts from there.
    heard_from: Duration,
    intents: Vec<Intent>,
    /// The wish behind them, by what is known of the customer.
    hidden: Option<Intent>,
    mood: Option<Mood>,
    mood_course: Vec<MoodPoint>,
    triggers: Vec<TriggerRecord>,
    escalations: Vec<EscalationRecord>,
    named: CallEntities,
    decision: Option<Decision>,
    agent: Option<AgentId>,
    talks: Vec<Talk>,
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

/// Somebody has talked to the caller, until the next did.
#[derive(Debug)]
struct Talk {
    /// None who is no agent of the policy's.
    agent: Option<AgentId>,
    from_s: f64,
    by: TalkBy,
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
            calls_back: None,
            times: Times::default(),
            heard_from: now,
            intents: Vec::new(),
            hidden: None,
            mood: None,
            mood_course: Vec::new(),
            triggers: Vec::new(),
            escalations: Vec::new(),
            named: CallEntities::default(),
            decision: None,
            agent: None,
            talks: Vec::new(),
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

    /// The call rings the caller back, who said in that call what they want.
    pub fn resume(&mut self, before: CallId, wish: Option<Intent>) {
        self.calls_back = Some(before);
        self.intents = wish.into_iter().collect();
    }

    /// When the call began.
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// The caller's number.
    pub const fn caller(&self) -> &Pii<String> {
        &self.caller
    }

    fn since_begin(&self, now: Duration) -> f64 {
        seconds(now.saturating_sub(self.began))
    }

    /// The caller is heard from now on: from the answer, or from an early greeting before it.
    pub const fn listens(&mut self, now: Duration) {
        self.heard_from = now;
    }

    /// The box has answered.
    pub fn answered(&mut self, now: Duration) {
        self.times.answered_s = Some(self.since_begin(now));
    }

    /// Behind what the caller says there is this wish, or none any more.
    pub fn hidden(&mut self, intent: Option<Intent>) {
        self.hidden = intent;
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
            // After the bridge the two talk with each other: the wish was stated before. So was that of
            // whoever is rung back.
            if self.times.bridged_s.is_none() && self.calls_back.is_none() {
                self.intents = intents.to_vec();
            }
            self.mood = Some(mood.clone());
            if !utterance.text.is_empty() {
                self.language = Some(utterance.language);
            }
        }
        if !utterance.is_final || utterance.text.is_empty() {
            return;
        }
        if utterance.side == Side::Caller {
            self.mood_course.push(MoodPoint::new(utterance.end, mood));
            let triggers = understood.triggers.iter();
            self.triggers.extend(triggers.map(|word| TriggerRecord {
                at_s: seconds(utterance.start),
                word: RedactedText::or_withheld(word),
            }));
        }
        self.named.hear(utterance.side, &utterance.text);
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
        self.talks.push(Talk {
            agent: self.agent.clone(),
            from_s: self.since_begin(now),
            by: TalkBy::Decision,
        });
        !self.overflowed
    }

    /// Somebody else has taken the call from the one before; `agent` where the policy names them.
    pub fn taken_over(&mut self, now: Duration, agent: Option<AgentId>, by: TalkBy) {
        if let Some(agent) = &agent {
            self.agent = Some(agent.clone());
            self.overflowed = false;
        }
        let from_s = self.since_begin(now);
        self.talks.push(Talk { agent, from_s, by });
    }

    /// Who talked to the caller, the last of them until then.
    fn talks(&self, until_s: f64, names: &Pseudonyms) -> Vec<TalkRecord> {
        let next = self.talks.iter().skip(1).map(|talk| talk.from_s);
        let ends = next.chain([until_s]);
        let record = |(talk, to_s): (&Talk, f64)| TalkRecord {
            agent: talk.agent.as_ref().map(|agent| names.agent(agent)),
            from_s: talk.from_s,
            to_s,
            by: talk.by.into(),
        };
        self.talks.iter().zip(ends).map(record).collect()
    }

    /// The caller was told that somebody will call them back, whether or not that was decided.
    pub const fn apologised(&mut self) {
        if self.callback.is_none() {
            self.callback = Some(CallbackCause::NobodyAnswered);
        }
    }

    /// Whether a recording is all that the caller has asked for so far.
    pub const fn served_by_machine(&mut self, served: bool) {
        self.self_served = served;
    }

    /// Who took the call about what, and what became of the mood in it.
    fn taken(&self, summary: &CallSummary) -> Option<Taken> {
        let bridged_s = self.times.bridged_s? - self.since_begin(self.heard_from);
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
            cause: Owed::Promised(cause),
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
        let intents = self.hidden.iter().chain(&self.intents);
        let intents: Vec<IntentScore> = intents.map(IntentScore::from).collect();
        let decision = self.decision.as_ref();
        CallSummary {
            call: self.call,
            started_at: self.started_at,
            calls_back: self.calls_back,
            language: self.language.map(Named::from),
            intent: intents.first().cloned(),
            intents,
            mood: self.mood.as_ref().map(MoodRecord::from),
            mood_course: self.mood_course.clone(),
            triggers: self.triggers.clone(),
            escalations: self.escalations.clone(),
            decision: decision.map(|decision| DecisionRecord::new(decision, names)),
            agent: self.agent.as_ref().and_then(|agent| names.of(agent)),
            talks: self.talks(self.since_begin(now), names),
            outcome: self.outcome(faulty).into(),
            ended_by: by.into(),
            interrupted: false,
            times: Times {
                ended_s: Some(self.since_begin(now)),
                ..self.times
            },
            entities: self.entities(),
            voice,
            quality: self.quality(),
            redacted: Redacted,
        }
    }

    /// How many things of each kind the caller named: a number that was told over several turns is one.
    fn entities(&self) -> BTreeMap<Named<EntityKind>, u32> {
        let mut counts = BTreeMap::new();
        for entity in self.named.found() {
            *counts.entry(entity.kind.into()).or_default() += 1;
        }
        counts
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
    let mut summary = noted.unwrap_or_else(|| unknown(began.call, started_at));
    let cut_off = summary.ended_by == EndedBy::Box;
    if cut_off {
        summary.times.known_s = summary.times.ended_s.take();
    }
    turns.sort_by_key(|noted| noted.turn.start);
    let said = turns.iter().map(|noted| (&noted.turn, &noted.redacted));
    Ended {
        transcript: transcript(began.call, said),
        turns: turns.into_iter().map(|noted| noted.turn).collect(),
        callback: owed(&summary, cut_off && can_be_called(&began.caller)).map(|cause| Callback {
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

/// Why somebody should call the caller back, if anybody should.
fn owed(summary: &CallSummary, cut_off: bool) -> Option<Owed> {
    let promised = promised(summary).map(Owed::Promised);
    promised.or_else(|| cut_off.then_some(Owed::CutOff))
}

fn can_be_called(number: &Pii<String>) -> bool {
    number
        .reveal()
        .contains(|figure: char| figure.is_ascii_digit())
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
        calls_back: None,
        language: None,
        intent: None,
        intents: Vec::new(),
        mood: None,
        mood_course: Vec::new(),
        triggers: Vec::new(),
        escalations: Vec::new(),
        decision: None,
        agent: None,
        talks: Vec::new(),
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
pub(crate) mod tests;
