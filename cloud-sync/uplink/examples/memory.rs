//! What the uplink adds to a box's memory: a box with days of records behind it sends them to an
//! aggregator on loopback.
//!
//! ```sh
//! cargo run --example memory -- 127.0.0.1:1883 [RECORDS]
//! cargo run --example memory -- 127.0.0.1:8883 RECORDS FOLDER
//! ```
//!
//! The second goes over TLS, as the box whose certificate lies in FOLDER: what `trunkside claim` has left there.
//!
//! Prints one JSON object with resident memory in kilobytes (proc(5), `VmRSS`): before there is an
//! outbox, once the records are in it, the most while they are sent, and at rest afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Alarm, Body, DeviceHealth, Origin, RedactedText, Severity, Timestamp};
use trunkside_uplink::{
    Broker, Outbox, OutboxOptions, Stamp, TlsFiles, Uplink, UplinkConfig, claim,
};
use x509_parser::pem::parse_x509_pem;

/// Three days of a busy branch.
const RECORDS: usize = 9_000;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the figures are the result")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker: SocketAddr = arguments
        .next()
        .context("usage: memory ADDRESS [RECORDS [FOLDER]]")?
        .parse()?;
    ensure!(broker.ip().is_loopback(), "only loopback is loaded");
    let records = arguments
        .next()
        .map_or(Ok(RECORDS), |count| count.parse())?;
    let claimed = arguments.next().map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let before = resident("VmRSS:")?;
    let outbox = Arc::new(Outbox::open(folder.path(), OutboxOptions::default())?.0);
    let stamp = Stamp {
        at: Timestamp::UNIX_EPOCH,
        clock_trusted: true,
    };
    for some in (0..records).collect::<Vec<_>>().chunks(100) {
        let bodies = some.iter().map(|number| body(*number)).collect();
        outbox.store(stamp, bodies).await?;
    }
    let filled = resident("VmRSS:")?;
    // The most is counted from here on (proc(5), `clear_refs`).
    std::fs::write("/proc/self/clear_refs", "5")?;
    let broker = Broker::new(broker.ip().to_string(), broker.port());
    let config = match claimed {
        None => {
            let origin = Origin::new("load", "memory", format!("box{}", std::process::id()))?;
            UplinkConfig::new(origin, broker)
        }
        Some(folder) => over_tls(&folder, broker)?,
    };
    let uplink = Uplink::new(config, Arc::clone(&outbox));
    let mut status = uplink.status();
    let sending = uplink.run(CancellationToken::new(), Duration::from_secs(1));
    let figures = async {
        let empty = status.wait_for(|status| status.queue.records() == 0);
        tokio::time::timeout(Duration::from_mins(5), empty)
            .await
            .context("the records were not stored within five minutes")??;
        let most = resident("VmHWM:")?;
        // A minute's worth of pings is not waited for: at rest is when nothing is under way.
        let at_rest = resident("VmRSS:")?;
        anyhow::Ok(json!({
            "records": records, "before_kb": before, "filled_kb": filled, "most_kb": most,
            "at_rest_kb": at_rest
        }))
    };
    let figures = tokio::select! {
        figures = figures => figures?,
        _ = sending => bail!("the uplink ended"),
    };
    println!("{figures}");
    Ok(())
}

/// As the box that was claimed there; its certificate has its name.
fn over_tls(folder: &Path, broker: Broker) -> anyhow::Result<UplinkConfig> {
    let certificate = folder.join(claim::CERTIFICATE_FILE);
    let text = std::fs::read(&certificate)
        .with_context(|| format!("`{}` cannot be read", certificate.display()))?;
    let (_, pem) = parse_x509_pem(&text)?;
    let subject = pem.parse_x509()?.subject().to_string();
    let name = subject
        .split(", ")
        .find_map(|part| part.strip_prefix("CN="))
        .context("the certificate has no name")?;
    let [tenant, branch, device] = name.split('/').collect::<Vec<_>>()[..] else {
        bail!("`{name}` is no box's name");
    };
    let mut config = UplinkConfig::new(Origin::new(tenant, branch, device)?, broker);
    config.tls = Some(TlsFiles {
        ca_file: folder.join(claim::CA_FILE),
        identity: Some((certificate, folder.join(claim::KEY_FILE))),
    });
    Ok(config)
}

/// An alarm with a sentence of text, or a word on the box's health.
fn body(number: usize) -> Body {
    if number.is_multiple_of(2) {
        return DeviceHealth::default().into();
    }
    let text = "the trunk does not answer; check the cable, then the carrier. ".repeat(12);
    Alarm {
        code: "trunk".into(),
        severity: Severity::Minor.into(),
        cleared: false,
        text: RedactedText::or_withheld(&text),
    }
    .into()
}

fn resident(what: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.context("/proc tells of memory")?.trim();
    Ok(kilobytes.trim_end_matches(" kB").trim().parse()?)
}
