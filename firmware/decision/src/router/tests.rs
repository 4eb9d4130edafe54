//! What the router decides, told event by event by a desk whose clock is moved by hand.

use jiff::civil::date;
use trunkside_call::{Action, AgentId, CallId, CallbackCause, Decision, DestinationKind, Emotion};

use super::*;
use crate::CallProfile;

mod announced;
mod back;
mod beyond;
mod breaks;
mod choice;
mod desk;
mod handed_on;
mod held;
mod hours_and_clock;
mod learning;
mod matched;
mod no_call_is_lost;
mod offers;
mod overtake;
mod passed;
mod replaced;
mod share;
mod waiting;
mod words;

use desk::*;
