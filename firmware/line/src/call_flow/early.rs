//! What a far end describes before it answers, and what a caller hears of it: announcements and tones of a carrier's or
//! a PBX's, over the box's ringback.

use trunkside_call::Side;

use super::legs::AgentState;
use super::output::{MediaCommand, RemoteMedia};
use super::{CallFlow, CallerState};

/// Its last description, until it answers.
#[derive(Debug, Default)]
pub(super) struct Early(Vec<u8>);

impl Early {
    /// Notes what it describes, if anything.
    pub(super) fn describe(&mut self, sdp: Vec<u8>) {
        if !sdp.is_empty() {
            self.0 = sdp;
        }
    }

    /// What it has described; empty where it has not.
    pub(super) fn described(&self) -> &[u8] {
        &self.0
    }

    /// Its answer: one that came before with an acknowledgement of its own need not be repeated
    /// (RFC 6337, section 3.1.1).
    pub(super) fn answer(&mut self, sdp: Vec<u8>) -> Vec<u8> {
        self.describe(sdp);
        std::mem::take(&mut self.0)
    }
}

impl CallFlow {
    /// The caller hears what the called side plays before it answers, if it has said what. Its phone makes a ringback by
    /// itself between phones, and hears nothing yet.
    pub(super) fn hear_early(&mut self) {
        let listens = matches!(
            self.caller.state,
            CallerState::Early | CallerState::Answered
        );
        let called = match (&self.agent, &self.transfer) {
            (Some(agent), _) if agent.state != AgentState::Up => agent,
            (None, Some(transfer)) => transfer.target(),
            _ => return,
        };
        if !listens || self.between_phones {
            return;
        }
        let Some((offer, codec)) = self.usable(Side::Agent, called.early.described()) else {
            return;
        };
        let remote = RemoteMedia::new(&offer, codec, called.local.secret.as_ref());
        let remote = remote.early();
        let side = Side::Agent;
        self.media(MediaCommand::SetRemote { side, remote });
        self.media(MediaCommand::Bridge);
        self.hears_early = true;
    }

    /// Whoever was called does not answer any more.
    pub(super) fn stop_early(&mut self) {
        if std::mem::take(&mut self.hears_early) {
            self.media(MediaCommand::Unbridge);
        }
    }
}
