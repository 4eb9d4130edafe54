//! Copies of the voice for those who listen in: a bounded ring that drops its oldest packet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use tokio::sync::Notify;
use trunkside_call::{Codec, FRAME_SAMPLES, Frame, Side};

use crate::counters::Counters;
use crate::echo::EchoGate;
use crate::frames::{FrameStats, Framer, Noise, duration, samples};
use crate::g711;
use crate::relay::Heard;

/// The longest stretch of one copy: 20 ms, as nearly all packets have. Longer ones are copied in several.
pub const MAX_VOICE: usize = 160;

/// How often the rings of calls with voice are looked at. To be woken for every packet would cost the
/// relay more than to send it on.
const LOOK: Duration = Duration::from_millis(20);

/// Copies kept for later packets of any call; more are needed only while recognition falls behind.
const SPARE: usize = 1_024;

/// Encoded voice of up to [`MAX_VOICE`] samples, held in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    codes: [u8; MAX_VOICE],
    length: u16,
}

impl Voice {
    /// Copies at most [`MAX_VOICE`] codes.
    pub fn new(codes: &[u8]) -> Self {
        let length = codes.len().min(MAX_VOICE);
        let mut voice = Self {
            codes: [0; MAX_VOICE],
            length: length as u16,
        };
        voice.codes[..length].copy_from_slice(&codes[..length]);
        voice
    }

    /// The codes, one a sample.
    pub fn codes(&self) -> &[u8] {
        &self.codes[..usize::from(self.length)]
    }
}

/// One packet as a leg sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapPacket {
    /// Who is heard.
    pub side: Side,
    /// When it came, had it come by itself.
    pub arrived: Instant,
    /// The law of its voice.
    pub codec: Codec,
    /// The stream it belongs to.
    pub ssrc: u32,
    /// When its voice begins, in samples of that stream.
    pub timestamp: u32,
    /// Its voice.
    pub voice: Voice,
}

/// Copies of what was heard in a datagram: one, or of a long packet several, as if each had been sent
/// by itself when its last sample was said.
pub fn copies(
    side: Side,
    arrived: Instant,
    heard: &Heard,
    datagram: &[u8],
) -> impl Iterator<Item = TapPacket> {
    let payload = datagram.get(heard.payload.clone()).unwrap_or_default();
    (0..payload.len()).step_by(MAX_VOICE).map(move |begin| {
        let codes = &payload[begin..payload.len().min(begin + MAX_VOICE)];
        let later = duration((payload.len() - begin - codes.len()) as u64);
        TapPacket {
            side,
            arrived: arrived.checked_sub(later).unwrap_or(arrived),
            codec: heard.codec,
            ssrc: heard.header.ssrc,
            timestamp: heard.header.timestamp.wrapping_add(begin as u32),
            voice: Voice::new(codes),
        }
    })
}

/// What the ring holds.
#[derive(Clone, Copy, Debug)]
enum Copied {
    /// What a side said.
    Heard(TapPacket),
    /// How a side's silence sounds from then on.
    Noise {
        side: Side,
        arrived: Instant,
        noise: Noise,
    },
    /// What the box played to a side.
    Played {
        to: Side,
        at: Instant,
        codec: Codec,
        voice: Voice,
    },
}

/// Copies that hold nothing at present. All calls share them, so that neither a quiet call keeps many
/// nor the relay allocates for a packet.
#[derive(Debug)]
pub struct Spare(ArrayQueue<Box<Copied>>);

impl Default for Spare {
    fn default() -> Self {
        Self(ArrayQueue::new(SPARE))
    }
}

impl Spare {
    fn filled(&self, copied: Copied) -> Box<Copied> {
        match self.0.pop() {
            Some(mut spare) => {
                *spare = copied;
                spare
            }
            None => Box::new(copied),
        }
    }

    fn keep(&self, read: Box<Copied>) {
        // What there is no room for is freed.
        let _ = self.0.push(read);
    }
}

/// The ring between the relay and one listener.
#[derive(Debug)]
struct Ring {
    packets: ArrayQueue<Box<Copied>>,
    spare: Arc<Spare>,
    arrived: Notify,
    closed: AtomicBool,
}

/// What a listener finds in the ring.
enum Found {
    Copy(Box<Copied>),
    Nothing,
    End,
}

impl Ring {
    /// The oldest copy, without waiting.
    fn take(&self) -> Found {
        // Asked first: what was put in before the end is found before it.
        let closed = self.closed.load(Ordering::Acquire);
        match self.packets.pop() {
            Some(copied) => Found::Copy(copied),
            None if closed => Found::End,
            None => Found::Nothing,
        }
    }
}

/// The relay's end: never waits.
#[derive(Debug)]
pub struct TapSender {
    ring: Arc<Ring>,
    counters: Arc<Counters>,
}

/// The listener's end.
#[derive(Debug)]
pub struct Tap {
    ring: Arc<Ring>,
}

/// A ring for that many packets.
pub fn ring(packets: usize, spare: Arc<Spare>, counters: Arc<Counters>) -> (TapSender, Tap) {
    let ring = Arc::new(Ring {
        packets: ArrayQueue::new(packets),
        spare,
        arrived: Notify::new(),
        closed: AtomicBool::new(false),
    });
    (
        TapSender {
            ring: Arc::clone(&ring),
            counters,
        },
        Tap { ring },
    )
}

impl TapSender {
    /// Copies what was heard in a datagram; when the listener is too slow, the oldest copy goes.
    pub fn push(&self, side: Side, arrived: Instant, heard: &Heard, datagram: &[u8]) {
        for packet in copies(side, arrived, heard, datagram) {
            self.copy(Copied::Heard(packet));
        }
        self.ring.arrived.notify_one();
    }

    /// Copies what says how a side's silence sounds (RFC 3389, section 3): its level is the first byte,
    /// and the shape of its spectrum, which follows, is left out.
    pub fn noise(&self, side: Side, arrived: Instant, heard: &Heard, datagram: &[u8]) {
        let Some(&level) = datagram
            .get(heard.payload.start)
            .filter(|_| !heard.payload.is_empty())
        else {
            return;
        };
        let noise = Noise {
            ssrc: heard.header.ssrc,
            timestamp: heard.header.timestamp,
            level,
        };
        self.copy(Copied::Noise {
            side,
            arrived,
            noise,
        });
        self.ring.arrived.notify_one();
    }

    /// Copies what is played to a side: its echo may come back.
    pub fn played(&self, to: Side, at: Instant, codec: Codec, voice: &[u8]) {
        let voice = Voice::new(voice);
        self.copy(Copied::Played {
            to,
            at,
            codec,
            voice,
        });
        self.ring.arrived.notify_one();
    }

    fn copy(&self, copied: Copied) {
        let Ring { packets, spare, .. } = &*self.ring;
        if let Some(oldest) = packets.force_push(spare.filled(copied)) {
            if let Copied::Heard(_) = *oldest {
                self.counters.tap_dropped.add(1);
            }
            spare.keep(oldest);
        }
    }
}

impl Drop for TapSender {
    fn drop(&mut self) {
        self.ring.closed.store(true, Ordering::Release);
        self.ring.arrived.notify_one();
    }
}

impl Tap {
    /// Whether nothing has been copied that is not taken yet.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.ring.packets.is_empty()
    }

    /// The oldest copy that is left of what was said; none once the call's media has ended and all are
    /// taken.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<TapPacket> {
        loop {
            match self.ring.take() {
                Found::Copy(copied) => {
                    let copy = *copied;
                    self.ring.spare.keep(copied);
                    if let Copied::Heard(packet) = copy {
                        return Some(packet);
                    }
                }
                Found::Nothing => self.ring.arrived.notified().await,
                Found::End => return None,
            }
        }
    }

    /// Turns the copies into frames whose times count from `answered`.
    pub fn frames(self, answered: Instant) -> FrameStream {
        FrameStream {
            tap: self,
            answered,
            framer: Framer::new(answered),
            echoes: Default::default(),
        }
    }
}

/// Frames of both sides as they are heard: the shell around [`Framer`].
#[derive(Debug)]
pub struct FrameStream {
    tap: Tap,
    answered: Instant,
    framer: Framer,
    echoes: [EchoGate; 2],
}

/// What is played counts from so much earlier than it was sent: the position of what is heard is that
/// of its first sample, and networks deliver some packets early.
const AHEAD: u64 = 2 * FRAME_SAMPLES as u64;

impl FrameStream {
    /// The next frame of either side; none once the call's media has ended.
    ///
    /// A side that has spoken once yields frames at an even pace from then on, of silence where
    /// nothing comes. Frames come up to 20 ms after the packets that complete them. Cancel safe.
    pub async fn recv(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.framer.poll() {
                return Some(frame);
            }
            match self.tap.ring.take() {
                Found::Copy(copied) => {
                    self.handle(&copied);
                    self.tap.ring.spare.keep(copied);
                }
                Found::Nothing => self.rest().await,
                Found::End => return None,
            }
        }
    }

    fn handle(&mut self, copied: &Copied) {
        match *copied {
            Copied::Heard(ref packet) => self.framer.handle(packet.arrived, packet),
            Copied::Noise {
                side,
                arrived,
                noise,
            } => self.framer.fall_silent(arrived, side, noise),
            Copied::Played {
                to,
                at,
                codec,
                ref voice,
            } => {
                let position = samples(at.saturating_duration_since(self.answered));
                let played = voice.codes().iter().map(|&code| g711::decode(codec, code));
                self.echo(to).play(position.saturating_sub(AHEAD), played);
            }
        }
    }

    /// Nothing is in the ring: makes what is due without it, or waits until there may be more.
    async fn rest(&mut self) {
        let now = now();
        let position = samples(now.saturating_duration_since(self.answered));
        for echo in &mut self.echoes {
            echo.forget(position);
        }
        match self.framer.deadline() {
            Some(deadline) if deadline <= now => self.framer.advance(now),
            Some(_) => sleep_until(Some(next_look(now))).await,
            None => {
                let forgets = self.echoes.iter().filter_map(EchoGate::deadline).min();
                let forgets = forgets.map(|position| self.answered + duration(position));
                tokio::select! {
                    () = self.tap.ring.arrived.notified() => {}
                    () = sleep_until(forgets) => {}
                }
            }
        }
    }

    /// A frame without the echo of what the box played to its side. Every frame must be given, in the
    /// order in which they came.
    #[must_use]
    pub fn without_echo(&mut self, mut frame: Frame) -> Frame {
        let position = samples(frame.start);
        self.echo(frame.side).clean(position, &mut frame.samples);
        frame
    }

    fn echo(&mut self, side: Side) -> &mut EchoGate {
        &mut self.echoes[usize::from(side == Side::Agent)]
    }

    /// What the frames had to make up for so far.
    pub const fn stats(&self) -> FrameStats {
        self.framer.stats()
    }
}

/// When the rings of calls with voice are looked at next: all at the same time, so that a thread that
/// listens to many calls is woken once.
fn next_look(now: Instant) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(self::now);
    let since = now.saturating_duration_since(*FIRST).as_nanos();
    let left = LOOK.as_nanos() - since % LOOK.as_nanos();
    now + Duration::from_nanos(left as u64)
}

/// Waits for a stage's deadline; for ever when it has none.
pub async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// The clock of the shells: tokio's, so that tests can pause it.
#[expect(
    clippy::disallowed_methods,
    reason = "the shells of this crate read the clock here only"
)]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Header;

    fn push(sender: &TapSender, sequence: u16) {
        let header = Header {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 0,
            ssrc: sequence.into(),
        };
        let heard = Heard {
            codec: Codec::Pcma,
            header,
            payload: 0..4,
        };
        sender.push(Side::Caller, now(), &heard, &[1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_oldest_copies_go_when_the_listener_sleeps_and_are_counted() {
        let counters = Arc::new(Counters::default());
        let (sender, mut tap) = ring(3, Arc::default(), Arc::clone(&counters));
        for sequence in 0..10 {
            push(&sender, sequence);
        }
        assert_eq!(counters.tap_dropped.get(), 7);
        drop(sender);
        let mut left = Vec::new();
        while let Some(packet) = tap.recv().await {
            left.push(packet.ssrc);
        }
        assert_eq!(left, [7, 8, 9]);
    }

    #[tokio::test]
    async fn a_waiting_listener_is_woken_by_a_copy_and_by_the_end() {
        let (sender, mut tap) = ring(3, Arc::default(), Arc::default());
        let listener = async {
            let first = tap.recv().await.map(|packet| packet.ssrc);
            (first, tap.recv().await)
        };
        let speaker = async {
            tokio::task::yield_now().await;
            push(&sender, 5);
            tokio::task::yield_now().await;
            drop(sender);
        };
        let ((first, end), ()) = tokio::join!(listener, speaker);
        assert_eq!((first, end), (Some(5), None));
    }

    #[tokio::test]
    async fn a_long_packet_is_copied_in_parts_that_keep_their_times() {
        let (sender, mut tap) = ring(8, Arc::default(), Arc::default());
        let header = Header {
            payload_type: 0,
            marker: false,
            sequence: 1,
            timestamp: 1_000,
            ssrc: 1,
        };
        let datagram = [7; 12 + 400];
        let heard = Heard {
            codec: Codec::Pcmu,
            header,
            payload: 12..412,
        };
        let arrived = now();
        sender.push(Side::Agent, arrived, &heard, &datagram);
        drop(sender);
        let mut parts = Vec::new();
        while let Some(packet) = tap.recv().await {
            let early = arrived.saturating_duration_since(packet.arrived);
            parts.push((
                packet.timestamp,
                packet.voice.codes().len(),
                early.as_millis(),
            ));
        }
        assert_eq!(parts, [(1_000, 160, 30), (1_160, 160, 10), (1_320, 80, 0)]);
    }
}
