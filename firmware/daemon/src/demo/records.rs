//! What the aggregator tells of the demo's calls, asked over HTTP as any program would.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// How often the aggregator is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Asks until so many calls are there.
#[expect(clippy::disallowed_methods, reason = "the demo waits by the clock")]
pub async fn wait_for(
    cloud: SocketAddr,
    calls: usize,
    deadline: Duration,
) -> anyhow::Result<Vec<Value>> {
    let end = Instant::now() + deadline;
    let mut turns = interval(ASK_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timeout_at(end, turns.tick())
            .await
            .context("the records did not reach the cloud in time")?;
        let records = ask(cloud).await?;
        if records.len() >= calls {
            return Ok(records);
        }
    }
}

async fn ask(cloud: SocketAddr) -> anyhow::Result<Vec<Value>> {
    let url = format!("http://{cloud}/api/v1/calls");
    let answer = tokio::task::spawn_blocking(move || -> anyhow::Result<Value> {
        Ok(ureq::get(&url).call()?.body_mut().read_json()?)
    });
    let answer = answer
        .await
        .context("the question to the cloud broke off")??;
    Ok(answer["calls"].as_array().cloned().unwrap_or_default())
}

/// One line a call, oldest first, under a heading.
pub fn table(records: &[Value]) -> Vec<String> {
    let mut lines = vec![format!(
        "  {:<10} {:<18} {:<14} {:<18} {:>10} {:>9}  {}",
        "outcome", "intent", "mood", "agent (pseudonym)", "decided at", "ended at", "named"
    )];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let seconds = |value: &Value| {
        value
            .as_f64()
            .map_or("-".to_owned(), |s| format!("{s:.1} s"))
    };
    for record in records.iter().rev() {
        let named: Vec<String> = record["entities"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        lines.push(format!(
            "  {:<10} {:<18} {:<14} {:<18} {:>10} {:>9}  {}",
            text(&record["outcome"]),
            text(&record["intent"]["name"]),
            text(&record["mood"]["emotion"]),
            text(&record["agent"]),
            seconds(&record["times"]["decided_s"]),
            seconds(&record["times"]["ended_s"]),
            named.join(", ")
        ));
    }
    lines
}
