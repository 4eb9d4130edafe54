//! The relay of one call, without sockets or clock: which packet goes where, under which header.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use trunkside_call::{Codec, FRAME_SAMPLES, Side};

use crate::counters::Counters;
use crate::g711;
use crate::reports::{Reports, WallClock};
use crate::rtp::{self, Header, RtpError};
use crate::tones::{self, Tones};

mod control;
mod incoming;
mod keys;
mod outgoing;
mod presses;
mod protection;
mod silence;
mod source;

use incoming::Reception;
pub use incoming::{BUFFER, Block};
use keys::Keys;
pub use outgoing::{Outgoing, Sent};
pub use presses::Press;
use presses::Presses;
use protection::Guard;
pub use protection::{Content, Protection};
use silence::Silence;
use source::Source;

/// The far end of one leg, as its session description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing, and none excludes another"
)]
pub struct Remote {
    /// Where it wants to be sent to.
    pub address: SocketAddr,
    /// The law that both ends agreed on.
    pub codec: Codec,
    /// The payload type that it uses for telephone events (RFC 4733), if any.
    pub telephone_event: Option<u8>,
    /// Whether it takes and sends comfort noise (RFC 3389).
    pub comfort_noise: bool,
    /// Where it wants reports (RTCP) to be sent to; the port after its voice's where none is named.
    pub control: Option<SocketAddr>,
    /// Whether it may be sent to (it is not while it holds the call as `sendonly` or `inactive`).
    pub send: bool,
    /// Whether it may be heard.
    pub receive: bool,
    /// Whether it has not answered yet: what it plays is heard by the other side only, by nobody who listens in, and it gets
    /// silence for the other side's voice. Without any packet, many a carrier's gateway would not learn where to play to.
    pub early: bool,
    /// The keys that both ends protect voice and reports with, if they do.
    pub protection: Option<Protection>,
}

impl Remote {
    /// A far end that speaks and listens, without telephone events.
    pub const fn new(address: SocketAddr, codec: Codec) -> Self {
        Self {
            address,
            codec,
            telephone_event: None,
            comfort_noise: false,
            control: None,
            send: true,
            receive: true,
            early: false,
            protection: None,
        }
    }
}

/// The payload type that the line offers telephone events under.
const OFFERED_EVENT: u8 = 101;

/// The payload type of comfort noise (RFC 3389, section 4).
const COMFORT_NOISE: u8 = 13;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Voice(Codec),
    Event,
    Noise,
}

impl Remote {
    /// Whether that is the far end's payload type for events. One that named another in its answer
    /// sends under the one that was offered (RFC 3264, section 5.1); some send under their own.
    fn sends_events_under(&self, payload_type: u8) -> bool {
        let named = self.telephone_event.is_some();
        self.telephone_event == Some(payload_type) || named && payload_type == OFFERED_EVENT
    }

    /// What comes under a payload type; nothing where it was not agreed on. Either law of G.711 is taken: a far end
    /// that named both may send both (RFC 3264, section 6.1), and one that changes sends the old one for a while.
    fn carries(&self, payload_type: u8) -> Option<Kind> {
        if self.sends_events_under(payload_type) {
            Some(Kind::Event)
        } else if self.comfort_noise && payload_type == COMFORT_NOISE {
            Some(Kind::Noise)
        } else {
            Codec::from_payload_type(payload_type).map(Kind::Voice)
        }
    }
}

/// Voice that a leg sent, for those who listen in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The law of its payload, as that is now: what goes on to a leg of the other law is in that.
    pub codec: Codec,
    /// The packet as it came.
    pub header: Header,
    /// Where in the datagram the voice lies.
    pub payload: Range<usize>,
}

/// What becomes of one datagram. Forward first, then let others listen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Send the datagram, whose header is rewritten by now, to this address from the other leg.
    pub forward: Option<SocketAddr>,
    /// The voice in it.
    pub heard: Option<Heard>,
    /// What says how its sender's silence sounds from then on, until voice comes again.
    pub noise: Option<Heard>,
    /// The key that the far end began to press with it, by telephone events.
    pub key: Option<char>,
}

/// The two legs of one call.
#[derive(Debug)]
pub struct Relay {
    caller: Leg,
    agent: Leg,
    bridged: bool,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Leg {
    remote: Option<Remote>,
    source: Source,
    silence: Silence,
    reception: Reception,
    keys: Keys,
    tones: Tones,
    /// The timestamp of its telephone event that was not sent on from the begin: nor is the rest of it.
    cut: Option<u32>,
    /// Keys that are pressed on it.
    presses: Presses,
    /// Whether a tone of the other side is held back from it.
    hushed: bool,
    outgoing: Outgoing,
    reports: Reports,
    guard: Option<Box<Guard>>,
    /// Where its reports come from.
    control: Option<SocketAddr>,
}

impl Relay {
    /// A relay that is not bridged and knows no far end. The streams that it sends to the caller
    /// and to the agent begin where the shell's random numbers say; reports carry its clock.
    pub(crate) fn new(
        to_caller: Outgoing,
        to_agent: Outgoing,
        clock: WallClock,
        counters: Arc<Counters>,
    ) -> Self {
        let leg = |outgoing: Outgoing| Leg {
            remote: None,
            source: Source::default(),
            silence: Silence::default(),
            reception: Reception::default(),
            keys: Keys::default(),
            tones: Tones::default(),
            cut: None,
            presses: Presses::default(),
            hushed: false,
            reports: Reports::new(outgoing.ssrc(), outgoing.seed(), clock),
            outgoing,
            guard: None,
            control: None,
        };
        Self {
            caller: leg(to_caller),
            agent: leg(to_agent),
            bridged: false,
            counters,
        }
    }

    /// Says where a leg's far end is and what it speaks; an unchanged address stays learnt.
    pub fn set_remote(&mut self, side: Side, remote: Remote) {
        let leg = self.leg_mut(side);
        if let Some(old) = leg.remote.filter(|old| old.address != remote.address) {
            leg.source.moved_from(old.address);
            leg.keys = Keys::default();
            leg.presses = Presses::default();
            leg.control = None;
        }
        if !remote.send {
            leg.outgoing.pause();
        }
        leg.guard = Guard::follow(leg.guard.take(), remote.protection);
        leg.remote = Some(remote);
        if !remote.receive {
            // What it says meanwhile is not sent on.
            self.leg_mut(side.other()).outgoing.pause();
        }
    }

    /// Joins or parts the two legs.
    pub fn set_bridged(&mut self, bridged: bool) {
        if self.bridged && !bridged {
            for leg in [&mut self.caller, &mut self.agent] {
                leg.outgoing.pause();
                leg.presses = Presses::default();
            }
        }
        self.bridged = bridged;
    }

    /// Whether the two legs are joined.
    pub const fn is_bridged(&self) -> bool {
        self.bridged
    }

    /// Whether a leg's far end has not answered yet.
    pub(crate) fn is_early(&self, side: Side) -> bool {
        self.leg(side).remote.is_some_and(|remote| remote.early)
    }

    /// The law that a leg's far end listens in; none while it is unknown or may not be sent to.
    pub fn listens_in(&self, side: Side) -> Option<Codec> {
        let remote = self.leg(side).remote.filter(|remote| remote.send);
        remote.map(|remote| remote.codec)
    }

    /// Takes a datagram that came to the leg of `side`, and rewrites its header when it goes on.
    ///
    /// `playing` says that the other leg hears a prompt, which voice does not interrupt.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        side: Side,
        source: SocketAddr,
        datagram: &mut [u8],
        playing: bool,
    ) -> Received {
        let counters = Arc::clone(&self.counters);
        let counters = counters.leg(side);
        counters.received.add(1);
        let (header, payload) = match rtp::parse(datagram) {
            Ok(packet) => packet,
            Err(RtpError::Malformed(_)) => {
                counters.malformed.add(1);
                return Received::default();
            }
            Err(RtpError::Rtcp) => {
                self.control(now, side, source, datagram);
                return Received::default();
            }
        };
        let leg = self.leg_mut(side);
        let Some(remote) = leg.remote else {
            counters.foreign.add(1);
            return Received::default();
        };
        let kind = remote.carries(header.payload_type);
        let Some(kind) = kind.filter(|_| remote.receive) else {
            counters.unexpected.add(1);
            return Received::default();
        };
        let event = kind == Kind::Event;
        if !leg.source.accepts(now, remote.address, source, &header) {
            counters.foreign.add(1);
            return Received::default();
        }
        leg.silence.is_broken(now);
        leg.reports.begin(now);
        let key = event
            .then(|| leg.keys.take(now, &header, &datagram[payload.clone()]))
            .flatten();
        counters.heard(
            leg.reception.count(now, &header, !event),
            leg.reception.losses(),
        );
        let playing = playing || self.is_held_back(side.other());
        let leg = self.leg_mut(side);
        if event && playing {
            leg.cut = Some(header.timestamp);
        }
        let is_cut = event && leg.cut == Some(header.timestamp);
        let forward = if self.bridged && !playing && !is_cut {
            self.leg_mut(side.other())
                .readdress(now, kind, (header, payload.clone()), datagram)
        } else {
            None
        };
        match (forward, self.bridged) {
            (Some(_), _) => counters.relayed.add(1),
            (None, true) if !playing && !is_cut => counters.unexpected.add(1),
            _ => {}
        }
        let codec = match (kind, self.leg(side.other()).remote) {
            (Kind::Voice(_), Some(other)) if forward.is_some() => other.codec,
            (Kind::Voice(codec), _) => codec,
            _ => remote.codec,
        };
        let heard = Heard {
            codec,
            header,
            payload,
        };
        let (heard, noise) = match kind {
            Kind::Voice(_) => (Some(heard), None),
            Kind::Noise => (None, Some(heard)),
            Kind::Event => (None, None),
        };
        Received {
            forward,
            heard,
            noise,
            key,
        }
    }

    /// The key that a far end has pressed by the end of this voice, which it sends as tones: one without telephone
    /// events, or one that has agreed to them and sent none yet, for many gateways agree and send tones all the
    /// same.
    pub(crate) fn key_in_voice(
        &mut self,
        side: Side,
        heard: &Heard,
        datagram: &[u8],
    ) -> Option<char> {
        let leg = self.leg_mut(side);
        let takes_events = leg.remote?.telephone_event.is_some();
        let sends_events = takes_events && leg.keys.have_come();
        // A tone that is held back is followed to its end.
        if sends_events && !leg.tones.is_down() {
            return None;
        }
        let least = if takes_events {
            tones::LONG
        } else {
            tones::SHORT
        };
        let codes = datagram.get(heard.payload.clone())?;
        let samples = codes.iter().map(|&code| g711::decode(heard.codec, code));
        leg.tones.take(samples, least).filter(|_| !sends_events)
    }

    /// The header for the next packet of a prompt, 20 ms long, and where to send it.
    ///
    /// Nothing while the far end is unknown or may not be sent to.
    pub fn prompt_packet(
        &mut self,
        now: Instant,
        side: Side,
        first: bool,
    ) -> Option<(Header, SocketAddr)> {
        let leg = self.leg_mut(side);
        let remote = leg.remote.filter(|remote| remote.send)?;
        let header = leg
            .outgoing
            .next_own(now, remote.codec, first, FRAME_SAMPLES as u32);
        leg.reports.begin(now);
        Some((header, leg.source.destination(remote.address)))
    }

    fn leg(&self, side: Side) -> &Leg {
        match side {
            Side::Caller => &self.caller,
            Side::Agent => &self.agent,
        }
    }

    fn leg_mut(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }
}

impl Leg {
    /// Gives a packet of the other leg this leg's header and its law, if this leg can take it.
    fn readdress(
        &mut self,
        now: Instant,
        kind: Kind,
        (header, payload): (Header, Range<usize>),
        datagram: &mut [u8],
    ) -> Option<SocketAddr> {
        let remote = self.remote.filter(|remote| remote.send)?;
        if remote.early && !matches!(kind, Kind::Voice(_)) {
            return None;
        }
        let payload_type = match kind {
            Kind::Event => remote.telephone_event?,
            Kind::Noise => remote.comfort_noise.then_some(COMFORT_NOISE)?,
            Kind::Voice(_) => remote.codec.payload_type(),
        };
        let octets = payload.len() as u32;
        if remote.early {
            datagram.get_mut(payload)?.fill(g711::silence(remote.codec));
        } else if let Kind::Voice(codec) = kind
            && codec != remote.codec
        {
            g711::translate(codec, datagram.get_mut(payload)?);
        }
        let header = self.outgoing.readdress(now, payload_type, header, octets);
        self.reports.begin(now);
        rtp::rewrite(datagram, header).ok()?;
        Some(self.source.destination(remote.address))
    }
}

#[cfg(test)]
mod tests;
