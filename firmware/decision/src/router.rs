//! The stage: events in, decisions out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use trunkside_call::{AgentId, CallId, Decision};

use crate::engine::{Engine, Lesson, WaitEstimate};
use crate::explain;
use crate::flip::{self, Flip};
use crate::log::{Entry, Models};
use crate::policy::hex;
use crate::{Input, Policy};

/// Decides who takes each call.
///
/// Every call that was reported [ready](Input::CallReady) ends in exactly one way: it is bridged
/// and ended, called back, or ended by its caller. A decision to call back is the router's last
/// word about a call. An agent has at most one offer at a time.
#[derive(Debug)]
pub struct Router {
    engine: Engine,
    /// Over the log's lines of all that it was told.
    told: Sha256,
    made: u64,
    ready: VecDeque<Decision>,
}

impl Router {
    /// Starts with no calls and every agent away; nobody tells what callers are heard with.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self::begin(policy, Models::default())
    }

    /// Starts with no calls and every agent away. `models` decide nothing; the decisions' hash of all inputs
    /// ties them to what shaped these.
    pub fn begin(policy: Arc<Policy>, models: Models) -> Self {
        Self {
            told: Sha256::new_with_prefix(Entry::start(&policy, models).to_line()),
            engine: Engine::new(policy, true),
            made: 0,
            ready: VecDeque::new(),
        }
    }

    /// The policy that decides.
    pub fn policy(&self) -> &Policy {
        self.engine.policy()
    }

    /// Takes note of one event at `now` on the router's clock, which starts at zero and never
    /// goes back; decisions follow from [`poll`](Self::poll).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "every stage takes its input by value"
    )]
    pub fn handle(&mut self, now: Duration, input: Input) {
        self.told.update(Entry::input(now, input.clone()).to_line());
        self.engine.handle(now, &input);
        self.explain();
    }

    /// Callers are heard and understood with other models from `now` on, but for these `others`.
    pub fn hear_with(&mut self, now: Duration, models: Models, others: Vec<CallId>) {
        self.told
            .update(Entry::models(now, models, others).to_line());
    }

    /// Goes on under another policy: calls keep their place, agents what they are doing. An offer
    /// to an agent whom the new policy does not have fails; a call they are on goes on. Agents who are new
    /// are away, but for those of `signed_in`: whoever waits is decided anew with them.
    pub fn replace(&mut self, now: Duration, policy: Arc<Policy>, signed_in: &[AgentId]) {
        // What is due by now is decided, and put into words, by the policy that made it due.
        self.engine.handle(now, &Input::Tick);
        self.explain();
        let line = Entry::replace(now, &policy, signed_in.to_vec()).to_line();
        self.told.update(line);
        self.engine.replace(now, policy, signed_in);
        self.explain();
    }

    /// The next decision, until none is left.
    pub fn poll(&mut self) -> Option<Decision> {
        self.ready.pop_front()
    }

    /// Puts the engine's choices into words while the policy that made them is in force.
    fn explain(&mut self) {
        let mut inputs = String::new();
        while let Some(choice) = self.engine.poll() {
            if inputs.is_empty() {
                inputs = hex(&self.told.clone().finalize());
            }
            self.made += 1;
            let decision = explain::decision(self.engine.policy(), &choice, self.made, &inputs);
            self.ready.push_back(decision);
        }
    }

    /// How much longer a waiting call may wait; none for calls that do not wait, and when nobody
    /// signed in could take it.
    pub fn expected_wait(&self, call: CallId) -> Option<WaitEstimate> {
        self.engine.expected_wait(call)
    }

    /// What was learnt of agents so far: hand it to the next router as [`Input::Learnt`].
    pub fn lessons(&self) -> Vec<Lesson> {
        self.engine.lessons()
    }

    /// The smallest single change that would have turned a decision about `call`: ask *before*
    /// [`handle`](Self::handle) with the same input. None when nothing is decided about it, or no
    /// single change of those that are tried matters: intent, emotion, their probabilities, language
    /// and tier, as far as the policy's rules tell them apart, and whether an agent is free.
    pub fn flip(&self, now: Duration, input: &Input, call: CallId) -> Option<Flip> {
        match input {
            Input::CallReady { call: own, .. } | Input::MoodChanged { call: own, .. }
                if *own == call =>
            {
                flip::smallest(&self.engine, now, input)
            }
            _ => flip::of_call(&self.engine, now, input, call),
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        self.engine.deadline()
    }

    /// How many calls wait for an agent.
    pub fn waiting(&self) -> usize {
        self.engine.waiting()
    }
}

#[cfg(test)]
mod tests;
