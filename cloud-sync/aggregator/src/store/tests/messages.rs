//! What boxes send, as the behaviours need it.

use trunkside_record::{
    Alarm, Batch, Entry, Gap, GapReason, RedactedText, Severity, Transcript, Turn, VERSION,
};

use super::*;

pub(super) const EPOCH: u64 = 44;

pub(super) fn origin(tenant: &str, branch: &str) -> Origin {
    Origin::new(tenant, branch, "box1").unwrap()
}

pub(super) fn message(lane: Lane, records: Vec<Received>) -> Message {
    message_from(&origin("acme", "harbour"), lane, records)
}

pub(super) fn message_from(origin: &Origin, lane: Lane, records: Vec<Received>) -> Message {
    let Origin {
        tenant,
        branch,
        device,
    } = origin.clone();
    let epoch = EPOCH + lane as u64;
    let batch = Batch {
        v: VERSION,
        tenant,
        branch,
        device,
        epoch,
        records,
    };
    Message {
        origin: origin.clone(),
        lane,
        batch,
    }
}

pub(super) fn entry(sequence: u64, lane: Lane, body: Body) -> Received {
    // Written when the call began, as its name says it for the words.
    let at = match &body {
        Body::Call(call) => call.started_at,
        Body::Transcript(_) => "2025-09-01T00:00:00Z".parse().unwrap(),
        _ => Timestamp::UNIX_EPOCH,
    };
    Received::from(Entry {
        sequence,
        at,
        clock_trusted: true,
        lane,
        body,
    })
}

pub(super) fn alarm(sequence: u64) -> Received {
    let text = RedactedText::try_new("the trunk is down").unwrap();
    let alarm = Alarm {
        code: "trunk".into(),
        severity: Severity::Critical.into(),
        cleared: false,
        text,
    };
    entry(sequence, Lane::Alarm, alarm.into())
}

pub(super) fn gap(sequence: u64, through: u64) -> Received {
    let reason = GapReason::Budget;
    entry(
        sequence,
        Lane::Alarm,
        Body::Gap(Gap {
            through,
            reason: reason.into(),
        }),
    )
}

pub(super) fn commit(store: &dyn Store, records: Vec<Received>) -> Committed {
    store.commit(&[message(Lane::Alarm, records)], NOW).unwrap()
}

pub(super) fn call(number: u64, more: &serde_json::Value) -> CallSummary {
    let mut call = serde_json::json!({
        "call": format!("01990000-0000-7000-8000-{number:012}"),
        "started_at": "2026-11-21T08:10:00Z",
        "outcome": "bridged", "ended_by": "caller", "times": { "ended_s": 30.0 }, "redacted": true
    });
    call.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

pub(super) fn record(number: u64, more: &serde_json::Value) -> Received {
    entry(number, Lane::Metric, call(number, more).into())
}

pub(super) fn words(number: u64) -> Received {
    words_in_turns(number, number, 1)
}

/// So many turns of one call, told at a place in the stream.
pub(super) fn words_in_turns(sequence: u64, number: u64, count: usize) -> Received {
    let text = RedactedText::try_new("my card is [card]").unwrap();
    let turn = Turn {
        side: trunkside_call::Side::Caller.into(),
        start_s: 1.0,
        end_s: 2.0,
        text,
    };
    let call = format!("01990000-0000-7000-8000-{number:012}")
        .parse()
        .unwrap();
    let turns = vec![turn; count];
    entry(
        sequence,
        Lane::Transcript,
        Transcript { call, turns }.into(),
    )
}

pub(super) fn all(store: &dyn Store) -> Page {
    store
        .calls(&Scope::ALL, &CallFilter::default(), 500, None)
        .unwrap()
}

/// A record as it comes over the wire.
pub(super) fn raw(sequence: u64, lane: Lane, body: &serde_json::Value) -> Received {
    let entry = serde_json::json!({
        "sequence": sequence, "at": "2026-11-21T08:12:00Z", "clock_trusted": true, "lane": lane,
        "body": body
    });
    serde_json::from_str(&entry.to_string()).unwrap()
}

/// A call as a newer box tells it.
pub(super) fn newer_call(number: u64) -> serde_json::Value {
    serde_json::json!({
        "kind": "call", "call": format!("01990000-0000-7000-8000-{number:012}"),
        "started_at": "2026-11-21T08:10:00Z", "language": "de", "outcome": "hologram",
        "ended_by": "supervisor", "times": { "ended_s": 30.0, "beamed_s": 2.5 },
        "mood": { "emotion": "bored", "emotion_score": 0.5, "sentiment": 0.25 },
        "decision": { "number": 1, "action": { "do": "beam", "deck": 7 }, "policy": "5e88" },
        "redacted": true
    })
}
