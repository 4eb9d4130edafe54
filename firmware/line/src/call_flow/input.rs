//! What a call flow is told.

use std::net::SocketAddr;
use std::time::Duration;

use trunkside_call::{AgentId, Codec, PromptKey, Side};

use super::keys::KeyWay;
use crate::sdp::Secret;
use crate::sip_ua::{AgentContact, LegEvent, LegId};

/// When the caller's greeting is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Greeting {
    /// The box answers, then greets.
    #[default]
    Connected,
    /// The box greets in early media (183) and answers once an agent has.
    Early,
}

/// How calls are conducted.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// When the greeting is played.
    pub greeting: Greeting,
    /// The laws that are taken, most preferred first.
    pub codecs: Vec<Codec>,
    /// How long an agent's phone may take to say that it rings before it counts as unreachable.
    pub reach_timeout: Duration,
    /// How long an agent may be rung.
    pub ring_timeout: Duration,
    /// The silence between two rounds of the queue prompt.
    pub queue_pause: Duration,
    /// The longest that the apology may take before the call is ended without its end being told.
    pub apology_limit: Duration,
    /// What the keys of the call's voice are made from; without it none is protected.
    pub secret: Option<Secret>,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            greeting: Greeting::default(),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            reach_timeout: Duration::from_secs(4),
            ring_timeout: Duration::from_secs(15),
            queue_pause: Duration::from_secs(8),
            apology_limit: Duration::from_secs(30),
            secret: None,
        }
    }
}

/// Where the call's media receives, by leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaAddresses {
    /// Where the caller sends to.
    pub caller: SocketAddr,
    /// Where the agent sends to.
    pub agent: SocketAddr,
}

/// What the pipeline wants of a call. An order that no longer fits is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Take the call and ask what the caller needs.
    Greet,
    /// Ring an agent, and bridge when they answer. An agent who is being rung is given up.
    Offer {
        /// Who.
        agent: AgentId,
        /// Where.
        contact: AgentContact,
    },
    /// Ring an agent beside the one who talks, and let them take the call over when they answer.
    Transfer {
        /// Who.
        agent: AgentId,
        /// Where.
        contact: AgentContact,
    },
    /// Let the caller wait with the queue prompt.
    Wait,
    /// Apologise, then end the call.
    Apologise,
    /// Answer, play a sound, then end the call.
    Acknowledge {
        /// Which.
        sound: PromptKey,
    },
    /// End the call now.
    Release,
}

/// What a call flow is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Something happened to one of its legs.
    Leg(LegId, LegEvent),
    /// The pipeline wants something.
    Order(Order),
    /// The prompt to a side has been heard to its end.
    PromptDone(Side),
    /// A side has pressed a key, as media tells; what is told by INFO is an event of the leg.
    Key {
        /// Which side.
        side: Side,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
        /// How it was told.
        way: KeyWay,
    },
    /// Neither voice nor reports have come from a side for long: its far end may be gone.
    Silent(Side),
    /// Media broke: the call cannot go on.
    MediaFailed,
    /// The deadline has come.
    Tick,
}
