//! The durable outbox on the box, and MQTT to the cloud.
//!
//! Place in the sentence: *record → **uplink** → aggregator*. The daemon puts records into the
//! [`Outbox`]; the [`Uplink`] sends what is there and deletes what the aggregator has stored.
//!
//! Invariant: a record for which [`Outbox::append`] returned is on the disk, keeps its place
//! `(epoch, sequence)` for ever, and is deleted only when the aggregator's watermark covers it or
//! its lane's budget forces it out, or the disk has not given it back for minutes; then a gap stands
//! in its place. What is only posted ([`Outbox::post_each`]) keeps its place too, but a crash forgets it. A
//! broker's PUBACK deletes nothing. Nothing here is on the path of a call.
//!
//! ```no_run
//! # async fn daemon(body: trunkside_record::Body) -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc, time::Duration};
//! use trunkside_record::{Origin, Timestamp};
//! use trunkside_uplink::{Broker, Outbox, OutboxOptions, Stamp, Uplink, UplinkConfig};
//!
//! let (outbox, recovery) = Outbox::open(Path::new("/var/lib/trunkside/outbox"), OutboxOptions::default())?;
//! let outbox = Arc::new(outbox);
//! let stamp = Stamp { at: Timestamp::UNIX_EPOCH, clock_trusted: false };
//! outbox.store(stamp, vec![body]).await?;
//! let origin = Origin::new("acme", "harbour", "box1")?;
//! let uplink = Uplink::new(UplinkConfig::new(origin, Broker::new("127.0.0.1", 1883)), outbox);
//! let status = uplink.status();
//! let stop = tokio_util::sync::CancellationToken::new();
//! let left = uplink.run(stop, Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```

pub mod claim;
pub mod link;
mod outbox;
mod tls;
mod trouble;
mod uplink;

pub use link::{State, Tuning};

pub use outbox::{
    Appended, Appender, Budget, LaneStatus, MAX_RECORD_BYTES, Outbox, OutboxError, OutboxOptions,
    OutboxStatus, Pending, Problem, Receipt, Recovery, Stamp, Storage, Stretch, Wear,
    holds_sealed_records,
};
pub use tls::TlsFiles;
pub use uplink::{Access, Broker, Login, Status, Uplink, UplinkConfig, UplinkError};
