//! `trunkside calls show`: one call as the branch's own people may see it, words and number included.

use serde_json::{Value, json};
use trunkside_call::Side;
use trunkside_decision::log::Models;
use trunkside_record::{CallSummary, DecisionRecord, RedactedText};
use trunkside_understanding::{CallEntities, CallEntity, written};

use super::super::replay::heard_with;
use super::began;
use crate::cli::Failure;
use crate::storage::store::keeping::{Kept, KeptTurn};

/// Prints a call and what was said in it.
pub fn show(
    call: &Kept,
    turns: &[KeptTurn],
    models: Option<&Models>,
    as_json: bool,
) -> Result<(), Failure> {
    let summary = call.summary.as_deref();
    let named = named_in(turns);
    if as_json {
        let summary: Option<Value> = summary.and_then(|text| serde_json::from_str(text).ok());
        let turns: Vec<Value> = turns.iter().map(of_turn).collect();
        say!(
            "{}",
            json!({
                "call": call.call,
                "number": call.caller.reveal(),
                "summary": summary,
                "models": models,
                "turns": turns,
                "entities": named.iter().map(of_entity).collect::<Vec<_>>(),
            })
        );
        return Ok(());
    }
    say!("call      {}", call.call);
    say!("began     {}", began(call).as_deref().unwrap_or("-"));
    say!("number    {}", or_dash(call.caller.reveal()));
    let summary: Option<CallSummary> = summary.and_then(|text| serde_json::from_str(text).ok());
    match &summary {
        Some(summary) => lines_of(summary)
            .iter()
            .try_for_each(|(what, text)| super::tell(format_args!("{what:9} {text}")))?,
        None => say!("outcome   not ended, or the box stopped in its middle"),
    }
    if let Some(models) = models {
        say!("models    {}", heard_with(models));
    }
    for entity in &named {
        say!("named     {}", readable(entity, turns));
    }
    if turns.is_empty() {
        say!("\nnothing was said, or it is forgotten");
        return Ok(());
    }
    say!("");
    for turn in turns {
        let text = turn.text.reveal();
        say!("{:>7.1} s  {:6}  {text}", seconds(turn.start_ms), turn.side);
        if let Some(written) = in_figures(text) {
            say!("{:>9}  {:6}  = {written}", "", "");
        }
    }
    Ok(())
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// What the caller named in these turns: a number that was told over several is one, corrections applied.
fn named_in(turns: &[KeptTurn]) -> Vec<CallEntity> {
    let mut named = CallEntities::default();
    for turn in turns {
        let side = if turn.side == "caller" {
            Side::Caller
        } else {
            Side::Agent
        };
        named.hear(side, turn.text.reveal());
    }
    named.found().to_vec()
}

/// `order 88127 at 12.0 s, 15.2 s`.
fn readable(entity: &CallEntity, turns: &[KeptTurn]) -> String {
    let times: Vec<String> = entity
        .places
        .iter()
        .map(|place| format!("{:.1} s", seconds(turns[place.turn].start_ms)))
        .collect();
    format!(
        "{} {} at {}",
        entity.kind.name(),
        entity.value.reveal(),
        times.join(", ")
    )
}

fn of_entity(entity: &CallEntity) -> Value {
    let places = entity
        .places
        .iter()
        .map(|place| json!({ "turn": place.turn, "start": place.start, "end": place.end }));
    json!({
        "type": entity.kind.name(),
        "value": entity.value.reveal(),
        "places": places.collect::<Vec<_>>(),
    })
}

fn of_turn(turn: &KeptTurn) -> Value {
    let text = turn.text.reveal();
    json!({
        "side": turn.side,
        "start_s": seconds(turn.start_ms),
        "end_s": seconds(turn.end_ms),
        "text": text,
        "written": in_figures(text),
    })
}

/// The same with numbers in figures, where there are any.
fn in_figures(text: &str) -> Option<String> {
    let figures = written(text);
    let has_new = figures.chars().filter(char::is_ascii_digit).count()
        > text.chars().filter(char::is_ascii_digit).count();
    has_new.then_some(figures)
}

/// What became of a call and why, a line each.
fn lines_of(summary: &CallSummary) -> Vec<(&'static str, String)> {
    let mut lines = vec![(
        "outcome",
        format!(
            "{}, ended by {}",
            summary.outcome.name(),
            summary.ended_by.name()
        ),
    )];
    let mut add = |what, text: Option<String>| lines.extend(text.map(|text| (what, text)));
    let wishes: Vec<String> = summary
        .intents
        .iter()
        .map(|wish| format!("{} {:.2}", wish.name, wish.score))
        .collect();
    add("wanted", (!wishes.is_empty()).then(|| wishes.join(", ")));
    let felt: Vec<String> = summary
        .mood_course
        .iter()
        .map(|point| {
            let because = if point.reasons.is_empty() {
                String::new()
            } else {
                format!(" ({})", joined(&point.reasons))
            };
            format!(
                "{} {:.2} at {:.0} s{because}",
                point.emotion.name(),
                point.emotion_score,
                point.at_s
            )
        })
        .collect();
    add("felt", (!felt.is_empty()).then(|| felt.join(", ")));
    let triggers: Vec<String> = summary
        .triggers
        .iter()
        .map(|said| format!("`{}` at {:.0} s", said.word, said.at_s))
        .collect();
    add(
        "triggers",
        (!triggers.is_empty()).then(|| triggers.join(", ")),
    );
    for escalation in &summary.escalations {
        let reasons = joined(&escalation.reasons);
        let text = format!("at {:.0} s: {reasons}", escalation.at_s);
        add("angry", Some(text));
    }
    add("decided", summary.decision.as_ref().map(of_decision));
    add("agent", summary.agent.as_ref().map(ToString::to_string));
    for rule in &summary.quality {
        let marks: Vec<String> = rule
            .hits
            .iter()
            .map(|mark| format!("“{}” at {:.0} s", mark.text.as_str(), mark.at_s))
            .collect();
        let kept = if rule.kept { "kept" } else { "broken" };
        let text = format!("{} {kept}: {}", rule.rule, or_dash(&marks.join(", ")));
        add("quality", Some(text));
    }
    lines
}

fn joined(reasons: &[RedactedText]) -> String {
    let reasons: Vec<&str> = reasons.iter().map(RedactedText::as_str).collect();
    reasons.join("; ")
}

fn of_decision(decision: &DecisionRecord) -> String {
    let reasons: Vec<String> = decision
        .reasons
        .iter()
        .map(|reason| format!("{}: {}", reason.rule, reason.finding.as_str()))
        .collect();
    format!(
        "{} ({})",
        json!(decision.action)["do"].as_str().unwrap_or("-"),
        reasons.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use trunkside_call::Pii;

    use super::*;

    fn turn(side: &str, start_ms: i64, text: &str) -> KeptTurn {
        KeptTurn {
            side: side.to_owned(),
            start_ms,
            end_ms: start_ms + 2_000,
            text: Pii::new(text.to_owned()),
        }
    }

    #[test]
    fn a_number_told_over_turns_is_shown_once_with_its_correction() {
        let turns = [
            turn("agent", 0, "what is your order number"),
            turn("caller", 3_000, "it's eight eight one"),
            turn("agent", 6_000, "okay"),
            turn("caller", 8_000, "two four"),
            turn("caller", 12_500, "no, seven not four"),
        ];
        let named = named_in(&turns);
        let lines: Vec<String> = named
            .iter()
            .map(|entity| readable(entity, &turns))
            .collect();
        assert_eq!(lines, ["order 88127 at 3.0 s, 8.0 s, 12.5 s"]);
        let json = of_entity(&named[0]);
        assert_eq!(json["type"], "order");
        assert_eq!(json["value"], "88127");
        assert_eq!(
            json["places"][1],
            json!({ "turn": 3, "start": 0, "end": 8 })
        );
    }

    #[test]
    fn feelings_are_shown_with_their_reasons_and_triggers_with_their_time() {
        let summary: CallSummary = serde_json::from_value(json!({
            "call": "01990000-0000-7000-8000-000000000000",
            "started_at": "2026-11-23T08:00:00Z",
            "outcome": "abandoned",
            "ended_by": "caller",
            "times": {},
            "redacted": true,
            "mood_course": [{
                "at_s": 4.5, "emotion": "angry", "emotion_score": 0.9, "sentiment": -0.8,
                "reasons": ["said `投诉`", "voice 9 dB louder than before"]
            }],
            "triggers": [{ "at_s": 2.5, "word": "投诉" }]
        }))
        .unwrap();
        let lines = lines_of(&summary);
        let line = |what: &str| {
            let found = lines.iter().find(|(name, _)| *name == what);
            found.map(|(_, text)| text.as_str())
        };
        let felt = "angry 0.90 at 4 s (said `投诉`; voice 9 dB louder than before)";
        assert_eq!(line("felt"), Some(felt));
        assert_eq!(line("triggers"), Some("`投诉` at 2 s"));
    }
}
