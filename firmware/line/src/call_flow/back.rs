//! A call that begins here: the caller is rung first, and an agent once they have answered.

use std::time::Instant;

use trunkside_call::Pii;

use super::{CallFlow, CallerState, Cause, EndedBy, FlowConfig, MediaAddresses, Side};
use crate::call_flow::CallEvent;
use crate::sdp::{self, Direction};
use crate::sip_ua::{AgentContact, LegCommand, LegEvent, LegId};

/// A caller who is to be called back.
#[derive(Clone, Debug)]
pub struct Called {
    /// Their number, which agents are shown.
    pub number: Pii<String>,
    /// Whether they wanted to be hidden from agents when they called.
    pub private: bool,
    /// Where they are rung.
    pub contact: AgentContact,
}

impl CallFlow {
    /// Rings a caller who is to be called back. `leg` is [dialled](LegId::dialled); `shown` is what
    /// the caller is shown.
    pub fn calling_back(
        now: Instant,
        config: FlowConfig,
        leg: LegId,
        addresses: MediaAddresses,
        whom: Called,
        shown: Pii<String>,
    ) -> Self {
        let answer_by = now + config.ring_timeout;
        let mut flow = Self::new(config, leg, addresses);
        flow.caller.state = CallerState::Called { answer_by };
        flow.caller.number = whom.number;
        flow.caller.private = whom.private;
        flow.caller.is_ours = true;
        let laws = flow.laws_from(flow.caller.codec);
        let offer = sdp::offer(flow.caller.local, &laws, Direction::SendRecv);
        flow.sip(
            leg,
            LegCommand::Dial {
                to: whom.contact,
                from: shown,
                private: false,
                sdp: offer,
            },
        );
        flow
    }

    /// Until when the caller whom we ring may answer.
    pub(super) const fn called_until(&self) -> Option<Instant> {
        match self.caller.state {
            CallerState::Called { answer_by } => Some(answer_by),
            _ => None,
        }
    }

    /// What became of ringing them.
    pub(super) fn on_called(&mut self, now: Instant, event: LegEvent) {
        if self.called_until().is_none() {
            // It crossed our giving up.
            return self.on_given_up(self.caller.leg, &event);
        }
        let LegEvent::Answered { sdp } = event else {
            self.caller.state = CallerState::Gone;
            return self.on_unreached(now);
        };
        self.caller.state = CallerState::Answered;
        let sdp = self.caller.early.answer(sdp);
        match self.usable(Side::Caller, &sdp) {
            Some((answer, codec)) => {
                self.speak(Side::Caller, codec);
                self.set_remote(Side::Caller, &answer);
                self.call(CallEvent::Answered { at: now });
            }
            None => self.end(now, EndedBy::Box, Cause::NoCommonCodec),
        }
    }

    pub(super) fn on_unreached(&mut self, now: Instant) {
        self.end(now, EndedBy::Caller, Cause::Unreached);
    }
}
