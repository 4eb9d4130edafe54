//! Who decides in the simulation: the product's own engine, or a textbook policy beside it.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{AgentId, CallId};
use uuid::Uuid;

use super::scenario::Scenario;
use crate::engine::{Act, Engine, WaitEstimate};
use crate::{CallProfile, Input, Policy};

/// Microseconds of simulated time.
pub(super) type Micros = i64;

/// What a dispatcher wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The agent takes the call.
    Connect { call: usize, agent: usize },
    /// The call is sent away.
    GiveUp { call: usize },
}

/// Assigns calls to agents. The simulation tells it what happens and takes its orders after each.
pub(super) trait Dispatch {
    fn arrives(&mut self, now: Micros, call: usize, class: usize);
    /// A waiting caller hangs up.
    fn leaves(&mut self, now: Micros, call: usize);
    /// An agent has ended a call.
    fn ends(&mut self, now: Micros, call: usize, agent: usize);
    /// The dispatcher's own deadline has come.
    fn tick(&mut self, now: Micros);
    fn deadline(&self) -> Option<Micros>;
    fn next(&mut self, now: Micros) -> Option<Order>;
}

/// The product: the very engine that routes calls.
pub(super) struct Product {
    engine: Engine,
    profiles: Vec<CallProfile>,
    agents: Vec<AgentId>,
}

impl Product {
    pub fn new(scenario: &Scenario, policy: Policy) -> Self {
        // They stand in it as they stand in the scenario.
        let agents: Vec<AgentId> = policy.agents.iter().map(|agent| agent.id.clone()).collect();
        let mut engine = Engine::new(Arc::new(policy), false);
        for agent in &agents {
            engine.handle(
                Duration::ZERO,
                &Input::AgentAvailable {
                    agent: agent.clone(),
                },
            );
        }
        let profiles = scenario
            .classes
            .iter()
            .map(|class| CallProfile {
                intent: Some(class.name.clone()),
                intent_permille: 1000,
                tier: class.tier.clone(),
                ..CallProfile::unknown()
            })
            .collect();
        Self {
            engine,
            profiles,
            agents,
        }
    }

    /// Makes the engine give each call its cheapest agent one by one.
    pub const fn greedy(mut self) -> Self {
        self.engine.one_by_one = true;
        self
    }

    /// Makes the engine foretell waits, as it does for real callers.
    pub fn foretelling(mut self) -> Self {
        self.engine.foretells = true;
        self
    }

    /// How long a waiting call may wait.
    pub fn expected_wait(&self, call: usize) -> Option<WaitEstimate> {
        self.engine.expected_wait(id(call))
    }

    fn tell(&mut self, now: Micros, input: &Input) {
        self.engine
            .handle(Duration::from_micros(now.unsigned_abs()), input);
    }
}

fn id(call: usize) -> CallId {
    CallId::new(Uuid::from_u128(call as u128))
}

impl Dispatch for Product {
    fn arrives(&mut self, now: Micros, call: usize, class: usize) {
        let profile = self.profiles[class].clone();
        self.tell(
            now,
            &Input::CallReady {
                call: id(call),
                profile,
            },
        );
    }

    fn leaves(&mut self, now: Micros, call: usize) {
        self.tell(now, &Input::CallEnded { call: id(call) });
    }

    fn ends(&mut self, now: Micros, call: usize, _agent: usize) {
        self.tell(now, &Input::CallEnded { call: id(call) });
    }

    fn tick(&mut self, now: Micros) {
        self.tell(now, &Input::Tick);
    }

    fn deadline(&self) -> Option<Micros> {
        self.engine.deadline().map(crate::input::micros)
    }

    fn next(&mut self, now: Micros) -> Option<Order> {
        loop {
            let choice = self.engine.poll()?;
            let call = choice.call.uuid().as_u128() as usize;
            match choice.act {
                Act::Wait { .. } | Act::HandOn { .. } => {}
                // Whom a machine would be enough for the laboratory does not know: everybody wants an agent.
                Act::SelfService => {
                    let profile = self.engine.profile_of(choice.call).cloned();
                    if let Some(profile) = profile {
                        let call = choice.call;
                        self.tell(now, &Input::CallReady { call, profile });
                    }
                }
                Act::Send { .. } | Act::Callback { .. } => return Some(Order::GiveUp { call }),
                Act::Offer { agent, .. } => {
                    let bridged = Input::Bridged {
                        call: choice.call,
                        agent: self.agents[agent].clone(),
                    };
                    self.tell(now, &bridged);
                    return Some(Order::Connect { call, agent });
                }
            }
        }
    }
}
