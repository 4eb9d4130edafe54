//! The stage.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::Decision;

use crate::{Input, Policy};

/// Decides who takes each call.
#[derive(Debug)]
pub struct Router {
    policy: Arc<Policy>,
}

impl Router {
    /// Starts with no calls and every agent away.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { policy }
    }

    /// Takes note of one event; decisions follow from [`poll`](Self::poll).
    pub fn handle(&mut self, now: Duration, input: Input) {
        let _ = (now, input, &self.policy);
    }

    /// The next decision, until none is left.
    pub fn poll(&mut self) -> Option<Decision> {
        None
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        None
    }
}
