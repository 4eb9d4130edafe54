//! One call's media as the rest of the box has it: it gives orders, and hears what has come of them.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::debug;
use trunkside_call::{Repeat, Side};

use crate::carrier::Carrier;
use crate::counters::{Counters, MediaStats};
use crate::error::MediaError;
use crate::ports::MediaPorts;
use crate::prompt::Prompt;
use crate::relay::{Content, Remote};
use crate::tap::{self, Tap};
use crate::voice_loop::{Mailbox, OrderLine};

/// What a session tells; few, for no prompt ends and no finger presses a key often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The prompt to this side has been heard to its end. A stopped or replaced prompt says nothing.
    PromptDone(Side),
    /// A side has pressed a key.
    Key {
        /// Which side.
        side: Side,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
        /// How it was told.
        way: KeyWay,
    },
    /// Neither voice nor reports have come from a side for a minute: it may be gone, or hold the call. Told again
    /// each minute.
    Silent(Side),
}

/// How a far end tells of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyWay {
    /// By telephone events (RFC 4733).
    Event {
        /// Whether the other side gets them.
        relayed: bool,
    },
    /// By tones in its voice, which are listened for until it sends an event.
    Tones,
}

/// What a session tells, in order.
pub type MediaEvents = mpsc::UnboundedReceiver<MediaEvent>;

/// A session with all its ends.
#[derive(Debug)]
pub struct Opened {
    /// Gives orders.
    pub session: MediaSession,
    /// Copies of what both sides say.
    pub tap: Tap,
    /// What the session tells.
    pub events: MediaEvents,
}

/// Gives orders to one call's media. Dropping it closes the sockets.
#[derive(Clone, Debug)]
pub struct MediaSession {
    orders: Arc<OrderLine>,
    caller: SocketAddr,
    agent: SocketAddr,
    counters: Arc<Counters>,
}

/// What a session has the call's carrier do.
#[derive(Debug)]
pub(crate) enum Order {
    Remote(Side, Box<Remote>),
    Bridge(bool),
    Play(Side, Arc<Prompt>, Repeat),
    Stop(Side),
    Press(Side, char),
    Hush(Side),
}

impl MediaSession {
    /// Opens the sockets of both sides, and hands their voice over to a thread.
    pub(crate) fn open(ports: &MediaPorts, thread: &Arc<Mailbox>) -> Result<Opened, MediaError> {
        let counters = Arc::new(Counters::default());
        let (tap_sender, tap) = tap::ring(
            ports.tap_packets,
            Arc::clone(&ports.spare),
            Arc::clone(&counters),
        );
        let (event_queue, events) = mpsc::unbounded_channel();
        let carrier = Carrier::open(ports, tap_sender, Arc::clone(&counters), event_queue)?;
        let address = |side| {
            let address = carrier.socket(side, Content::Voice).local_addr();
            address.map_err(|source| ports.address_error(source))
        };
        let (caller, agent) = (address(Side::Caller)?, address(Side::Agent)?);
        let begun = thread.begin(carrier);
        let session = Self {
            orders: Arc::new(begun.map_err(|error| MediaError::NoThread(Some(error)))?),
            caller,
            agent,
            counters,
        };
        Ok(Opened {
            session,
            tap,
            events,
        })
    }

    /// Where a leg's far end must send its voice.
    pub const fn local_addr(&self, side: Side) -> SocketAddr {
        match side {
            Side::Caller => self.caller,
            Side::Agent => self.agent,
        }
    }

    /// Says where a leg's far end is and what it speaks; again for every new session description.
    pub fn set_remote(&self, side: Side, remote: Remote) {
        self.order(Order::Remote(side, Box::new(remote)));
    }

    /// Joins the two legs.
    pub fn bridge(&self) {
        self.order(Order::Bridge(true));
    }

    /// Parts the two legs; both are still heard.
    pub fn unbridge(&self) {
        self.order(Order::Bridge(false));
    }

    /// Plays a prompt to a side, in place of whatever it hears.
    pub fn play(&self, side: Side, prompt: Arc<Prompt>, repeat: Repeat) {
        self.order(Order::Play(side, prompt, repeat));
    }

    /// Ends the prompt to a side.
    pub fn stop(&self, side: Side) {
        self.order(Order::Stop(side));
    }

    /// Presses a key on a side, by events where its far end takes them, else by tones; what the other side says waits
    /// meanwhile, and until its own tone of that key is over. A side that does not listen is left alone.
    pub fn press(&self, side: Side, key: char) {
        self.order(Order::Press(side, key));
    }

    /// Holds the tone that the other side presses a key with back from a side, for that is told of the key otherwise.
    pub fn hush(&self, side: Side) {
        self.order(Order::Hush(side));
    }

    /// Closes the sockets, whoever else may give orders: what comes after this is dropped.
    pub fn end(&self) {
        self.orders.end();
    }

    /// What has been counted so far; still there after the session's end.
    pub fn stats(&self) -> MediaStats {
        self.counters.snapshot()
    }

    /// Gives the ports back once every clone is closed.
    pub fn close(self) {}

    fn order(&self, order: Order) {
        // A thread ends with the whole program, a second after nobody opens calls any more.
        if self.orders.give(order).is_err() {
            debug!("media order after the threads' end");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
