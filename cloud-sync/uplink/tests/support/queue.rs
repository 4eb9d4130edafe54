//! What tests of the outbox store, and how they see what waits in it.

use trunkside_record::{
    Alarm, Body, DeviceHealth, Gap, GapReason, Lane, RedactedText, Severity, Timestamp, Transcript,
};
use trunkside_uplink::{Outbox, OutboxOptions, Problem, Receipt, Stamp};

use crate::disk::FaultyDisk;

/// 21 November 2026, 08:00 UTC.
pub const START_S: i64 = 1_795_248_000;

/// A trusted time.
pub fn stamp(second: i64) -> Stamp {
    Stamp {
        at: Timestamp::from_second(second).unwrap(),
        clock_trusted: true,
    }
}

/// An alarm of some 300 bytes.
pub fn alarm(number: usize) -> Body {
    let text = RedactedText::try_new(&"the trunk does not answer ".repeat(8)).unwrap();
    let code = format!("alarm_{number}");
    Alarm {
        code,
        severity: Severity::Major.into(),
        cleared: false,
        text,
    }
    .into()
}

/// A health report of some 400 bytes.
pub fn health(number: u64) -> Body {
    DeviceHealth {
        uptime_s: number,
        software: "x".repeat(300),
        ..DeviceHealth::default()
    }
    .into()
}

/// A transcript in which nobody spoke.
pub fn transcript(number: u64) -> Body {
    let call = format!("01990000-0000-7000-8000-{number:012}");
    Transcript {
        call: call.parse().unwrap(),
        turns: Vec::new(),
    }
    .into()
}

/// Small segments.
pub fn options() -> OutboxOptions {
    OutboxOptions {
        segment_bytes: 2_000,
        ballast_bytes: 0,
        ..OutboxOptions::default()
    }
}

/// Opens the outbox on a disk.
pub fn open(disk: &FaultyDisk, options: OutboxOptions) -> (Outbox, Vec<Problem>) {
    let (outbox, recovery) = Outbox::with_storage(Box::new(disk.clone()), options).unwrap();
    (outbox, recovery.problems)
}

/// Stores so many alarms.
pub fn store(outbox: &Outbox, count: usize) -> Vec<Receipt> {
    let stored = (0..count).map(|number| outbox.append(stamp(START_S), &[alarm(number)]).unwrap());
    stored.flatten().collect()
}

/// A record's stream and sequence, or a gap's first and last sequence and its reason.
pub type Item = Result<(u64, u64), (u64, u64, GapReason)>;

/// What a lane would send.
pub fn contents(outbox: &Outbox, lane: Lane) -> Vec<Item> {
    let mut found = Vec::new();
    let mut after = None;
    while let Some(pending) = outbox.pending(lane, after, 3_000).unwrap() {
        after = Some((pending.epoch, pending.through));
        for record in &pending.records {
            let json: serde_json::Value = serde_json::from_str(record.get()).unwrap();
            let sequence = json["sequence"].as_u64().unwrap();
            found.push(if json["body"]["kind"] == "gap" {
                let Gap { through, reason } = serde_json::from_value(json["body"].clone()).unwrap();
                Err((sequence, through, reason.known().unwrap()))
            } else {
                Ok((pending.epoch, sequence))
            });
        }
    }
    found
}

/// What [`contents`] says when all of them are there.
pub fn places(receipts: &[Receipt]) -> Vec<Item> {
    receipts
        .iter()
        .map(|receipt| Ok((receipt.epoch, receipt.sequence)))
        .collect()
}

/// The segments' files.
pub fn segments(disk: &FaultyDisk) -> Vec<String> {
    disk.names()
        .into_iter()
        .filter(|name| name.ends_with(".segment"))
        .collect()
}
