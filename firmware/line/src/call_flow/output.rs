//! What a call flow puts out.

use std::net::SocketAddr;
use std::time::Instant;

use trunkside_call::{AgentId, Codec, Pii, PromptKey, Repeat, Side};

use crate::sdp::{Offer, Protection, Secret};
use crate::sip_ua::{AgentContact, SipCommand};

/// A far end, as its session description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing, and none excludes another"
)]
pub struct RemoteMedia {
    /// Where it wants to be sent to.
    pub address: SocketAddr,
    /// The law agreed on.
    pub codec: Codec,
    /// Its payload type for telephone events.
    pub telephone_event: Option<u8>,
    /// Whether it takes and sends comfort noise.
    pub comfort_noise: bool,
    /// Where it wants reports of the voice (RTCP), if not beside it.
    pub control: Option<SocketAddr>,
    /// Whether it may be sent to.
    pub send: bool,
    /// Whether it may be heard.
    pub receive: bool,
    /// Whether it has not answered yet: the other side hears what it plays, and nobody counts it as said.
    pub early: bool,
    /// The keys that both ends protect the voice with, if they do.
    pub protection: Option<Protection>,
}

impl RemoteMedia {
    pub(super) fn new(offer: &Offer, codec: Codec, secret: Option<&Secret>) -> Self {
        Self {
            address: offer.address,
            codec,
            telephone_event: offer.telephone_event,
            comfort_noise: offer.comfort_noise,
            control: offer.control,
            send: offer.direction.receives(),
            receive: offer.direction.sends(),
            early: false,
            protection: offer.protection(secret),
        }
    }

    /// The same before it answers: it is heard, and does not hear.
    pub(super) const fn early(self) -> Self {
        Self {
            early: true,
            ..self
        }
    }
}

/// What media is to do, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaCommand {
    /// A leg's far end is there, and speaks that.
    SetRemote {
        /// Whose leg.
        side: Side,
        /// The far end.
        remote: RemoteMedia,
    },
    /// Play to a side, in place of whatever it hears.
    Play {
        /// To whom.
        side: Side,
        /// What.
        prompt: PromptKey,
        /// How often.
        repeat: Repeat,
    },
    /// Stop playing to a side.
    Stop {
        /// To whom.
        side: Side,
    },
    /// Press a key on a side, by telephone events where it takes them, else by tones, in place of what the other says.
    Press {
        /// On whose.
        side: Side,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// Hold the tone that the other side presses a key with back from a side, which is told of the key otherwise.
    Hush {
        /// From whom.
        side: Side,
    },
    /// Join the two legs.
    Bridge,
    /// Part them.
    Unbridge,
}

/// Why an agent did not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentFailure {
    /// Their phone is in use.
    Busy,
    /// It rang and nobody answered.
    NoAnswer,
    /// It could not be rung.
    Unreachable,
    /// They refused.
    Declined,
    /// It takes neither law of G.711.
    Incompatible,
    /// The pipeline wanted something else meanwhile.
    Withdrawn,
}

impl AgentFailure {
    /// What tells it to whoever called.
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Busy => 486,
            Self::Declined => 603,
            Self::Incompatible => 488,
            Self::NoAnswer | Self::Unreachable | Self::Withdrawn => 480,
        }
    }

    /// What a final status of the agent's INVITE means (RFC 3261, section 21).
    pub(super) const fn of_status(status: u16, rang: bool) -> Self {
        match status {
            486 | 600 => Self::Busy,
            603 | 403 => Self::Declined,
            406 | 415 | 488 | 606 => Self::Incompatible,
            480 | 487 => Self::NoAnswer,
            408 if rang => Self::NoAnswer,
            _ => Self::Unreachable,
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The caller.
    Caller,
    /// The agent.
    Agent,
    /// The box, on purpose.
    Box,
    /// Something broke.
    Fault,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody hung up.
    HungUp,
    /// The caller gave up before the answer.
    Cancelled,
    /// The caller's phone speaks nothing that the box speaks.
    NoCommonCodec,
    /// The caller was promised a call back.
    Apologised,
    /// The caller was called back and did not answer.
    Unreached,
    /// The pipeline ended it.
    Released,
    /// A far end fell silent in SIP.
    Silent,
    /// Media broke.
    Media,
}

/// What became of a call, for the stages that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// It came in, and can be taken.
    Offered {
        /// The caller's number.
        from: Pii<String>,
        /// What they dialled.
        to: Pii<String>,
    },
    /// The caller is connected: times of the call count from here.
    Answered {
        /// When.
        at: Instant,
    },
    /// A side has pressed a key. However it was told, and how often: once for each press.
    Pressed {
        /// Which side.
        side: Side,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// The agent's phone rings.
    AgentRinging {
        /// Whose.
        agent: AgentId,
    },
    /// Caller and agent hear each other.
    Bridged {
        /// Who took it.
        agent: AgentId,
    },
    /// An agent has handed the caller on, or somebody has taken the caller over: they hear each other.
    Transferred {
        /// Who took it: the agent whom the pipeline asked, or else the name in the address.
        to: AgentId,
        /// The address, where the pipeline has not chosen it.
        at: Option<AgentContact>,
    },
    /// The agent did not take it; the caller is still there.
    AgentFailed {
        /// Who.
        agent: AgentId,
        /// Why.
        cause: AgentFailure,
    },
    /// Over. Exactly one for each call, and the last.
    Ended {
        /// By whom.
        by: EndedBy,
        /// Why.
        cause: Cause,
    },
}

/// What a call flow puts out, to be carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// For the user agent.
    Sip(SipCommand),
    /// For the call's media.
    Media(MediaCommand),
    /// For the stages that follow.
    Call(CallEvent),
}
