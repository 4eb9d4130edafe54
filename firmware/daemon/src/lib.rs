//! The `trunkside` binary: wiring, configuration, store and shutdown.
//!
//! Place in the sentence: all of it. [`pipeline`] joins the stages in their order, [`wiring`]
//! starts and stops their tasks, [`commands`] is what a technician types.
//!
//! Invariant: nothing on a call's path waits for recognition, a disk, the cloud or a watcher.
//!
//! ```no_run
//! use clap::Parser;
//! use trunkside_daemon::{cli::Cli, commands};
//!
//! let cli = Cli::parse_from(["trunkside", "models", "list"]);
//! commands::dispatch(cli).expect("the catalogue is listed");
//! ```

mod call;
pub mod cli;
mod clock;
mod cloud;
pub mod commands;
pub mod config;
mod config_watch;
mod customers;
mod demo;
mod download;
mod hearing;
mod intent_lessons;
mod key_files;
mod logging;
mod model;
pub mod notice;
mod panel;
mod phone_number;
pub mod pipeline;
mod policy;
mod prompts;
mod quality;
mod recording;
mod redaction_policy;
mod retry;
mod self_service;
mod storage;
mod systemd;
pub mod wiring;
