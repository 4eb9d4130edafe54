//! Keys that the box presses on a leg, for the other side told of them otherwise: telephone events (RFC 4733) where
//! the leg's far end takes those, else tones (ITU-T Q.23) in the voice.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trunkside_call::{Codec, FRAME_DURATION, FRAME_SAMPLES, Side};

use super::{Relay, keys};
use crate::rtp::Header;
use crate::{g711, tones};

/// Packets, of 20 ms each, that a key is down for.
const DOWN: u16 = 8;

/// The end of an event is told so often (RFC 4733, section 2.5.1.4), the first time with its last packet.
const ENDS: u16 = 3;

/// Packets from the begin of a key to that of the next: the pause between them is 80 ms (Q.24 asks for 40 ms).
const WHOLE: u16 = DOWN + 4;

/// The loudness that events say: -10 dBm0.
const VOLUME: u8 = 10;

/// Keys that wait for those before them; who presses more of them at once is no finger.
const MOST: usize = 32;

/// A stall longer than this is not caught up.
const MAX_LAG: Duration = Duration::from_millis(100);

/// The keys that are yet to be pressed on one leg.
#[derive(Debug, Default)]
pub struct Presses {
    waiting: VecDeque<char>,
    down: Option<Down>,
}

/// The key that is pressed now.
#[derive(Debug)]
struct Down {
    key: char,
    /// The payload type of its events; it is pressed as tones where there is none.
    events: Option<u8>,
    /// Packets of it that were due before.
    packets: u16,
    /// The timestamp that its event began with.
    began: u32,
    due: Instant,
}

/// What a leg is sent of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Press {
    /// An event.
    Event([u8; 4]),
    /// A stretch of tones, or of the silence after them, in this law.
    Tones(Codec, [u8; FRAME_SAMPLES]),
}

impl Press {
    /// What goes into the packet.
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Event(payload) => payload,
            Self::Tones(_, payload) => payload,
        }
    }
}

impl Presses {
    const fn is_over(&self) -> bool {
        self.down.is_none()
    }
}

impl Down {
    /// What an event's packet says; nothing in the pause after it.
    fn event(&self) -> Option<[u8; 4]> {
        let lasted = (self.packets + 1).min(DOWN);
        let ends = if lasted == DOWN { 0x80 } else { 0 };
        let [high, low] = (lasted * FRAME_SAMPLES as u16).to_be_bytes();
        let payload = [keys::event_of(self.key)?, ends | VOLUME, high, low];
        (self.packets < DOWN + ENDS - 1).then_some(payload)
    }

    fn tones(&self, codec: Codec) -> [u8; FRAME_SAMPLES] {
        let mut payload = [g711::silence(codec); FRAME_SAMPLES];
        if self.packets < DOWN {
            let from = usize::from(self.packets) * FRAME_SAMPLES;
            for (code, sample) in payload.iter_mut().zip(tones::pressed(self.key, from)) {
                *code = g711::encode(codec, sample);
            }
        }
        payload
    }
}

impl Relay {
    /// Presses a key on a leg, after those that are pressed there already. What the other side says waits meanwhile,
    /// and for as long as its own tone of the key goes on.
    pub(crate) fn press(&mut self, now: Instant, side: Side, key: char) {
        self.hush(side);
        let leg = self.leg_mut(side);
        let presses = &mut leg.presses;
        if presses.waiting.len() < MOST && keys::event_of(key).is_some() {
            presses.waiting.push_back(key);
        }
        if presses.is_over() {
            leg.press_next(now);
        }
    }

    /// Holds the tone that the other side presses a key with back from a leg that is told of the key otherwise.
    pub(crate) fn hush(&mut self, side: Side) {
        let leg = self.leg_mut(side);
        leg.hushed = true;
        if leg.presses.is_over() {
            leg.outgoing.pause();
        }
    }

    /// Whether what the other side says is held back from a leg.
    pub(super) fn is_held_back(&mut self, side: Side) -> bool {
        let has_tone = self.leg(side.other()).tones.is_down();
        let leg = self.leg_mut(side);
        leg.hushed &= has_tone;
        leg.hushed || !leg.presses.is_over()
    }

    /// Whether a key is pressed on a leg.
    pub(crate) fn is_pressing(&self, side: Side) -> bool {
        !self.leg(side).presses.is_over()
    }

    /// When [`press_packet`](Self::press_packet) may have something.
    pub(crate) fn presses_deadline(&self) -> Option<Instant> {
        let legs = [&self.caller, &self.agent].into_iter();
        legs.filter_map(|leg| leg.presses.down.as_ref().map(|down| down.due))
            .min()
    }

    /// The next packet of a key that is due on a leg by now, and where to send it.
    pub(crate) fn press_packet(
        &mut self,
        now: Instant,
        side: Side,
    ) -> Option<(Header, SocketAddr, Press)> {
        loop {
            let leg = self.leg_mut(side);
            let Some(remote) = leg.remote.filter(|remote| remote.send) else {
                // Nobody listens, and who comes back later has not asked for it.
                leg.presses = Presses::default();
                return None;
            };
            let down = leg.presses.down.as_mut().filter(|down| now >= down.due)?;
            if down.packets >= WHOLE {
                leg.presses.down = None;
                leg.press_next(now);
                continue;
            }
            let press = match down.events {
                Some(_) => down.event().map(Press::Event),
                None => Some(Press::Tones(remote.codec, down.tones(remote.codec))),
            };
            let first = down.packets == 0;
            down.packets += 1;
            if now > down.due + MAX_LAG {
                down.due = now;
            }
            down.due += FRAME_DURATION;
            let Some(press) = press else { continue };
            let header = if let Some(payload_type) = down.events {
                let began = (!first).then_some(down.began);
                let octets = press.payload().len() as u32;
                let header = leg.outgoing.next_event(now, payload_type, began, octets);
                down.began = header.timestamp;
                header
            } else {
                let samples = FRAME_SAMPLES as u32;
                leg.outgoing.next_own(now, remote.codec, first, samples)
            };
            leg.reports.begin(now);
            return Some((header, leg.source.destination(remote.address), press));
        }
    }
}

impl super::Leg {
    fn press_next(&mut self, now: Instant) {
        let events = self.remote.and_then(|remote| remote.telephone_event);
        self.presses.down = self.presses.waiting.pop_front().map(|key| Down {
            key,
            events,
            packets: 0,
            began: 0,
            due: now,
        });
    }
}
