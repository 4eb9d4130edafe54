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

mod alarm;
mod backlog;
pub mod cli;
mod clock;
mod cloud;
pub mod commands;
pub mod config;
mod consent;
mod conversation;
mod decision_log;
mod demo;
mod device_key;
mod download;
mod escalation;
mod faults;
mod health;
mod hearing;
mod key_files;
mod lessons;
mod logging;
mod looks;
mod mending;
mod model;
pub mod notice;
mod outcomes;
mod panel;
pub mod pipeline;
mod places;
mod policy;
mod post;
mod privacy;
mod private;
mod progress;
mod prompts;
mod quality;
mod recorder;
mod recordings;
mod store;
mod story;
mod supervisor;
mod tapes;
mod taping;
mod translate;
pub mod wiring;
