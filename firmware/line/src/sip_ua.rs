//! SIP as the rest of the box sees it: commands in, events out.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use trunkside_call::Pii;

/// One leg of one call, unique as long as the user agent lives.
///
/// The user agent numbers incoming calls; a call numbers the legs that it dials itself, so that a
/// call flow needs nobody to name its agents' legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId {
    call: u64,
    branch: u32,
}

impl LegId {
    /// Calls that begin here have numbers of their own.
    const DIALLED: u64 = 1 << 63;

    /// The leg on which the user agent's n-th call came in.
    pub const fn incoming(call: u64) -> Self {
        Self { call, branch: 0 }
    }

    /// The leg of the n-th call that begins here.
    pub const fn dialled(call: u64) -> Self {
        Self {
            call: call | Self::DIALLED,
            branch: 0,
        }
    }

    /// The n-th leg that this leg's call dials, counted from 1.
    #[must_use]
    pub const fn branch(self, branch: u32) -> Self {
        Self {
            call: self.call,
            branch,
        }
    }

    /// The leg that its call began with.
    #[must_use]
    pub const fn first(self) -> Self {
        self.branch(0)
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, call) = match self.call & Self::DIALLED {
            0 => ("in", self.call),
            _ => ("out", self.call & !Self::DIALLED),
        };
        write!(f, "{kind}{call}.{}", self.branch)
    }
}

/// Where an agent can be rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentContact {
    /// At a fixed address, such as `sip:agent1@192.0.2.7:5060`.
    Uri(String),
    /// Where the phone that registered with this user part is.
    Registered(String),
    /// At a number that a trunk's carrier reaches, in the box's name there.
    OverTrunk {
        /// The trunk, as the configuration names it.
        trunk: String,
        /// The number.
        number: Pii<String>,
    },
    /// There, in place of a call that it already has (`Replaces`, RFC 3891).
    InPlaceOf {
        /// Where.
        contact: Box<AgentContact>,
        /// The header's value, which names that call.
        replaces: String,
    },
}

impl AgentContact {
    /// Whose phone it is, where that registers with the box.
    pub(crate) fn phone(&self) -> Option<&str> {
        match self {
            Self::Registered(user) => Some(user),
            Self::InPlaceOf { contact, .. } => contact.phone(),
            Self::Uri(_) | Self::OverTrunk { .. } => None,
        }
    }
}

/// The phones that may register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phones {
    /// Their user parts. One without a secret may register from this machine only.
    pub users: Vec<String>,
    /// Their secrets.
    pub secrets: Vec<(String, Pii<String>)>,
    /// What they may call to say something of their agents; a user part comes before a code.
    pub codes: BTreeSet<String>,
}

impl Phones {
    /// The users without a secret.
    pub(crate) fn unproven(&self) -> BTreeSet<String> {
        let proven: BTreeSet<&String> = self.secrets.iter().map(|(user, _)| user).collect();
        let users = self.users.iter();
        users
            .filter(|user| !proven.contains(user))
            .cloned()
            .collect()
    }

    /// Users and secrets, to be checked.
    pub(crate) fn passwords(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let secrets = self.secrets.iter();
        secrets.map(|(user, secret)| (user.clone(), secret.reveal().clone()))
    }
}

/// What to do with a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegCommand {
    /// Incoming: tell the caller that something happens; with a session description, play to them
    /// before answering (183), else let their phone ring back (180).
    Progress {
        /// The session description for early media.
        sdp: Option<Vec<u8>>,
    },
    /// Incoming: answer.
    Answer {
        /// The session description: the answer, or an offer where the INVITE had none.
        sdp: Vec<u8>,
    },
    /// Incoming, not answered yet: refuse. No event follows.
    Reject {
        /// The final status, 400 to 699.
        status: u16,
    },
    /// Begin an outgoing leg.
    Dial {
        /// Whom to ring.
        to: AgentContact,
        /// The caller's number, of which they are shown what the configuration allows.
        from: Pii<String>,
        /// Whether that caller wants to be hidden from them.
        private: bool,
        /// The offer.
        sdp: Vec<u8>,
    },
    /// Outgoing, not answered yet: give up. [`LegEvent::Failed`] follows, or
    /// [`LegEvent::Answered`] when the answer crossed it, or nothing where the stack has ended it.
    Cancel,
    /// Answered: end. No event follows.
    HangUp,
    /// Accept the new session description that the far end asked for.
    AnswerReoffer {
        /// The answer, or an offer where the re-INVITE had none.
        sdp: Vec<u8>,
    },
    /// Refuse it; the session goes on as it was.
    RejectReoffer {
        /// The final status, 400 to 699.
        status: u16,
    },
    /// Answered: ask the far end for another session description. [`LegEvent::Reanswered`] or
    /// [`LegEvent::ReofferFailed`] follows.
    Reoffer {
        /// The offer.
        sdp: Vec<u8>,
    },
    /// Answered: tell the far end of a key that was pressed (INFO).
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// Answered: ask whether the far end is still there (OPTIONS). [`LegEvent::Ended`] follows where it is not.
    Probe,
    /// Take on the transfer that the far end asked for.
    AcceptTransfer,
    /// Refuse it; the call goes on as it was.
    RejectTransfer {
        /// The final status, 400 to 699.
        status: u16,
    },
    /// Tell the far end how the transfer goes; a final status is the last word.
    TellTransfer {
        /// The status of the call to the transfer's target.
        status: u16,
    },
}

/// What to do, and with which leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipCommand {
    /// The leg.
    pub leg: LegId,
    /// What to do.
    pub what: LegCommand,
}

/// Why a leg ended that had been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The far end hung up.
    Bye,
    /// The far end never acknowledged the answer, or does not reply any more.
    Silent,
}

/// What happened to a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// A call comes in.
    Incoming {
        /// The caller's number or user part.
        from: Pii<String>,
        /// Whether they want to be hidden from whom they call.
        private: bool,
        /// What they dialled.
        to: Pii<String>,
        /// Their offer; empty when they want one.
        sdp: Vec<u8>,
    },
    /// One of the phones that register calls another.
    PhoneCalls {
        /// The user part of the phone that calls, which it has proven.
        from: String,
        /// The user part of the other.
        to: String,
        /// The caller's offer; empty when they want one.
        sdp: Vec<u8>,
    },
    /// One of the phones that register calls a code, by which its agent says something.
    CodeCalled {
        /// The user part of the phone, which it has proven.
        from: String,
        /// The code.
        code: String,
        /// The phone's offer; empty when it wants one.
        sdp: Vec<u8>,
    },
    /// Incoming: the caller gave up before the answer.
    Cancelled,
    /// Incoming: the caller acknowledged the answer.
    Acknowledged {
        /// Their answer where ours was an offer, else empty.
        sdp: Vec<u8>,
    },
    /// Outgoing: the far end is rung; a session description means that it plays something.
    Ringing {
        /// Its early session description, or empty.
        sdp: Vec<u8>,
    },
    /// Outgoing: answered.
    Answered {
        /// The answer.
        sdp: Vec<u8>,
    },
    /// Outgoing: not answered.
    Failed {
        /// The final status; 408 when nothing came, 503 when it could not be sent.
        status: u16,
    },
    /// Answered: the far end wants to change the session.
    Reoffered {
        /// Its new offer; empty when it wants one.
        sdp: Vec<u8>,
    },
    /// Answered: the far end took what we offered.
    Reanswered {
        /// Its answer.
        sdp: Vec<u8>,
    },
    /// Answered: the far end did not take what we offered; the session goes on as it was.
    ReofferFailed {
        /// Its final status.
        status: u16,
    },
    /// A key was pressed at the far end (INFO), which may be before the answer.
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// Answered: the far end wants its place in the call to be taken by somebody else (REFER).
    TransferAsked {
        /// By whom.
        to: AgentContact,
    },
    /// Answered: the far end's place is taken by a leg that comes in (INVITE with `Replaces`),
    /// which waits to be answered.
    Replaced {
        /// The new leg.
        by: LegId,
        /// Where its far end is.
        at: AgentContact,
        /// Its offer; empty when it wants one.
        sdp: Vec<u8>,
    },
    /// Answered: over.
    Ended {
        /// Why.
        cause: EndCause,
    },
}

impl LegEvent {
    /// The session description that it brings, if it can bring one.
    pub(crate) fn sdp_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Self::Incoming { sdp, .. }
            | Self::PhoneCalls { sdp, .. }
            | Self::CodeCalled { sdp, .. }
            | Self::Acknowledged { sdp }
            | Self::Ringing { sdp }
            | Self::Answered { sdp }
            | Self::Reoffered { sdp }
            | Self::Reanswered { sdp }
            | Self::Replaced { sdp, .. } => Some(sdp),
            _ => None,
        }
    }
}

/// What happened, and to which leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipEvent {
    /// The leg.
    pub leg: LegId,
    /// What happened.
    pub what: LegEvent,
}

/// A phone that may register has come, or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneEvent {
    /// Its user part.
    pub user: String,
    /// Whether it is registered.
    pub is_there: bool,
}

/// What a user agent tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UaEvent {
    /// A leg.
    Leg(SipEvent),
    /// A phone that registers.
    Phone(PhoneEvent),
}

/// A SIP user agent: whatever stack does it, this is all that the box knows of it.
pub trait SipUa: Send {
    /// Carries out a command without waiting. One that no longer fits its leg is dropped: the
    /// event that overtook it is on its way.
    fn command(&mut self, command: SipCommand);

    /// Sends a short text to a phone, outside of any call and without waiting (MESSAGE, RFC 3428).
    /// What is too long for one datagram is cut. One that does not arrive is logged and lost:
    /// nothing may depend on it.
    fn message(&mut self, to: &AgentContact, text: &Pii<String>);

    /// Which phones may register from now on. Those that are registered and still may stay so; the others
    /// are not found any more.
    fn phones(&mut self, phones: Phones);

    /// The next event; phones are taken to be gone until they are told of. None once the user agent has been stopped. Cancel safe.
    fn next_event(&mut self) -> impl Future<Output = Option<UaEvent>> + Send;

    /// The same where no phones register. Cancel safe.
    fn next_of_leg(&mut self) -> impl Future<Output = Option<SipEvent>> + Send {
        async {
            loop {
                if let UaEvent::Leg(event) = self.next_event().await? {
                    return Some(event);
                }
            }
        }
    }

    /// Where it receives.
    fn local_addr(&self) -> SocketAddr;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_of_a_call_are_told_apart_and_lead_back_to_their_call() {
        let caller = LegId::incoming(7);
        let agent = caller.branch(2);
        assert_ne!(caller, agent);
        assert_eq!(agent.first(), caller);
        assert_ne!(LegId::dialled(7), caller);
        assert_eq!(
            format!("{caller} {agent} {}", LegId::dialled(7)),
            "in7.0 in7.2 out7.0"
        );
    }
}
