//! Agents who say, by calling a code from their phone, that they are away, or there again.

use std::time::Duration;

use trunkside_call::{AgentId, PromptKey};
use trunkside_decision::{Input, Said};
use trunkside_line::{LegCommand, LegEvent, LegId, Order, SipCommand, SipUa};

use super::Pipeline;
use crate::clock;
use crate::storage::breaks::{self, Taken};

/// The status for a number that is nobody's and says nothing.
const NOT_FOUND: u16 = 404;

impl<U: SipUa> Pipeline<U> {
    /// A phone has called a code: what it says of its agents is so once the call can be had.
    pub(super) fn code_called(&mut self, now: Duration, leg: LegId, event: LegEvent) {
        let LegEvent::CodeCalled { from, code, .. } = &event else {
            return;
        };
        let agents = self.agents_at(from);
        let policy = &self.stages.policy;
        let said = policy.said_by(code).filter(|_| !agents.is_empty());
        let Some(said) = said else {
            // The policy has been replaced since, or the phone is a supervisor's.
            let what = LegCommand::Reject { status: NOT_FOUND };
            return self.stages.ua.command(SipCommand { leg, what });
        };
        let sound = match said {
            Said::Away(_) => PromptKey::Away,
            Said::Back | Said::WrapUpOver => PromptKey::Back,
        };
        let told = agents.into_iter().map(|agent| input(said, agent));
        let inputs: Vec<Input> = told.collect();
        if !self.take_phone_call(now, leg, event) {
            return;
        }
        for input in inputs {
            self.keep_breaks(&input);
            self.tell_router(now, input);
        }
        self.tell_phone_call(
            now,
            leg,
            trunkside_line::Input::Order(Order::Acknowledge { sound }),
        );
    }

    /// Notes who is on a break, for the next start.
    fn keep_breaks(&mut self, input: &Input) {
        match input {
            Input::BreakBegun { agent, reason, .. } => {
                tracing::info!(%agent, reason, "an agent takes a break");
                let began_ms = clock::timestamp().as_millisecond();
                let reason = reason.clone();
                self.breaks
                    .insert(agent.clone(), Taken { reason, began_ms });
            }
            Input::BreakOver { agent } => {
                tracing::info!(%agent, "an agent is back");
                self.breaks.remove(agent);
            }
            _ => return,
        }
        self.stages.recorder.breaks(&self.breaks);
    }

    /// Who was on a break when the last run stopped is so still, for as long as the policy lets it last.
    pub(super) fn resume_breaks(&mut self) {
        let now_ms = clock::timestamp().as_millisecond();
        let began = breaks::began(&self.breaks, now_ms);
        for (agent, reason, ago) in began {
            let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
            let input = Input::BreakBegun {
                agent,
                reason,
                ago_ms,
            };
            self.tell_router(Duration::ZERO, input);
        }
    }
}

/// What the router is told of an agent who has said so.
fn input(said: Said<'_>, agent: AgentId) -> Input {
    match said {
        Said::Away(kind) => Input::BreakBegun {
            agent,
            reason: kind.reason.clone(),
            ago_ms: 0,
        },
        Said::Back => Input::BreakOver { agent },
        Said::WrapUpOver => Input::WrapUpOver { agent },
    }
}
