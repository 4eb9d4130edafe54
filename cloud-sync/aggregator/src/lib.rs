//! The cloud side: ingest, store and query what many branches send.
//!
//! Place in the sentence: *uplink → **aggregator** → analytics*. Boxes publish batches over MQTT to
//! an embedded broker, or to one that runs elsewhere; the aggregator commits them and publishes
//! watermarks back; people and programs read over HTTP.
//!
//! Invariant: a watermark is published only after the records below it are on the disk, and a
//! record is stored once however often it comes. Killing the process at any moment loses nothing
//! and doubles nothing: what was not acknowledged is sent again.
//!
//! ```no_run
//! # async fn cloud() -> Result<(), trunkside_aggregator::AggregatorError> {
//! use trunkside_aggregator::{Aggregator, AggregatorConfig};
//!
//! let config = AggregatorConfig {
//!     listen: "127.0.0.1:0".parse().unwrap(),
//!     ..AggregatorConfig::embedded("/var/lib/trunkside-cloud")
//! };
//! let running = Aggregator::start(config).await?;
//! println!("http://{} and mqtt://{:?}", running.http_addr, running.mqtt_addr);
//! running.shutdown().await;
//! # Ok(()) }
//! ```

#![cfg_attr(
    not(feature = "servers"),
    allow(
        dead_code,
        clippy::unused_async,
        reason = "some of it is there for PostgreSQL and NATS alone"
    )
)]

pub mod access;
mod broker;
pub mod config;
mod counters;
pub mod export;
mod gateway;
mod http;
mod ingest;
mod log_filter;
mod moment;
mod running;
pub mod store;

pub use config::{AggregatorConfig, BrokerChoice};
pub use gateway::{
    AuthorityError, Boxes, NatsNameError, RulesFor, check_for_nats, has_dot, write_rules,
};
pub use http::openapi;
pub use ingest::now;
pub use log_filter::{LogFilterError, log_filter, log_filter_of};
pub use moment::Moment;
pub use running::{Aggregator, AggregatorError, Running};

/// An error with its causes. Many of ours name their cause themselves; nothing is said twice.
pub fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
