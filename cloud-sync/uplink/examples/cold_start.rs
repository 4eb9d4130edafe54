//! How long a box needs at its start to open an outbox with much in it.
//!
//! ```sh
//! cargo run --release --example cold_start -- fill FOLDER [MEBIBYTES]
//! sync; echo 3 | sudo tee /proc/sys/vm/drop_caches
//! cargo run --release --example cold_start -- open FOLDER
//! ```
//!
//! `fill` makes an outbox of sealed calls, 1,024 MiB of them when nothing else is asked, a thirteenth in each of
//! as many starts. `open` prints one JSON object: seconds until it is open, and until the first records can be
//! sent; what waits; resident memory in kilobytes (proc(5), `VmRSS`). Without dropped caches it measures
//! memory and not the disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use trunkside_record::{Body, CallSummary, Lane, Timestamp};
use trunkside_uplink::{Outbox, OutboxOptions, Stamp};
use trunkside_vault::KeyFile;

/// What waits after a long outage of a large branch, by far.
const MEBIBYTES: u64 = 1_024;

/// Starts in which it gathers.
const STARTS: u64 = 13;

#[expect(clippy::print_stdout, reason = "the figures are the result")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let figures = match arguments[..] {
        ["fill", folder] => fill(Path::new(folder), MEBIBYTES)?,
        ["fill", folder, mebibytes] => fill(Path::new(folder), mebibytes.parse()?)?,
        ["open", folder] => open(Path::new(folder))?,
        _ => bail!("usage: cold_start fill FOLDER [MEBIBYTES] | cold_start open FOLDER"),
    };
    println!("{figures}");
    Ok(())
}

/// Room for so much and as much again in the lane of calls.
fn options(folder: &Path, mebibytes: u64) -> OutboxOptions {
    OutboxOptions {
        key: Some(Arc::new(KeyFile::new(folder.join("key")))),
        ..OutboxOptions::within(8 * mebibytes)
    }
}

fn fill(folder: &Path, mebibytes: u64) -> anyhow::Result<serde_json::Value> {
    let queue = folder.join("outbox");
    ensure!(!queue.exists(), "`{}` is there already", queue.display());
    let stamp = Stamp {
        at: Timestamp::from_second(1_795_248_000)?,
        clock_trusted: true,
    };
    let mut records = 0;
    for start in 1..=STARTS {
        let (outbox, _) = Outbox::open(&queue, options(folder, mebibytes))?;
        while outbox.status().lanes[1].bytes < (mebibytes << 20) * start / STARTS {
            let bodies: Vec<Body> = (records..records + 200)
                .map(call)
                .collect::<Result<_, _>>()?;
            records += outbox.append(stamp, &bodies)?.len() as u64;
        }
    }
    Ok(json!({ "records": records, "mebibytes": mebibytes }))
}

/// A call as a box records it, of some three kilobytes.
fn call(number: u64) -> anyhow::Result<Body> {
    let point = |at: u64| json!({ "at_s": at as f64 * 2.5, "sentiment": -0.25, "emotion": "anxious", "emotion_score": 0.6 });
    let summary: CallSummary = serde_json::from_value(json!({
        "call": format!("01990000-0000-7000-8000-{number:012x}"),
        "started_at": "2026-11-21T08:00:00Z",
        "intents": [{ "name": "lost_card", "score": 0.93 }],
        "mood_course": (0..30).map(point).collect::<Vec<_>>(),
        "times": { "answered_s": 0.5, "ended_s": 80.0 },
        "outcome": "bridged",
        "ended_by": "caller",
        "redacted": true
    }))?;
    Ok(summary.into())
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn open(folder: &Path) -> anyhow::Result<serde_json::Value> {
    let began = Instant::now();
    let (outbox, recovery) = Outbox::open(&folder.join("outbox"), options(folder, MEBIBYTES))?;
    let open_s = began.elapsed().as_secs_f64();
    let first = outbox.pending(Lane::Metric, None, 64 * 1_024)?;
    let first_s = began.elapsed().as_secs_f64();
    ensure!(
        recovery.problems.is_empty(),
        "the outbox is not in order: {:?}",
        recovery.problems
    );
    Ok(json!({
        "open_s": open_s, "first_records_s": first_s, "first_records": first.map(|first| first.records.len()),
        "records": recovery.records, "bytes": outbox.status().lanes[1].bytes, "resident_kb": resident()?
    }))
}

fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let kilobytes = lines.find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = kilobytes.context("/proc tells of memory")?.trim();
    Ok(kilobytes.trim_end_matches(" kB").trim().parse()?)
}
