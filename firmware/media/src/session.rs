//! One call's media: the shell that owns the sockets and feeds the relay.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Sleep, sleep_until};
use tracing::{debug, error};
use trunkside_call::{Codec, FRAME_SAMPLES, Repeat, Side};

use crate::counters::{Counters, MediaStats};
use crate::error::MediaError;
use crate::g711;
use crate::player::{Played, Player};
use crate::ports::MediaPorts;
use crate::prompt::Prompt;
use crate::relay::{Content, Heard, Outgoing, Press, Relay, Remote};
use crate::reports::{MAX_REPORT, WallClock};
use crate::rtp;
use crate::srtp::MAX_TAIL;
use crate::tap::{self, Tap, TapSender, now};

/// The largest datagram that is looked at; what is longer is no voice packet.
const MAX_DATAGRAM: usize = 2_048;

/// Packets taken from one leg before the other leg and the prompts get their turn.
const BATCH: usize = 16;

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
    /// By tones in its voice, which are listened for where no events were agreed on.
    Tones,
}

/// What a session tells, in order.
pub type MediaEvents = mpsc::UnboundedReceiver<MediaEvent>;

/// A session with all its ends, but for the task that carries its voice.
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
    /// Unbounded, for orders are few: one for each signalling event.
    orders: mpsc::UnboundedSender<Order>,
    caller: SocketAddr,
    agent: SocketAddr,
    counters: Arc<Counters>,
}

#[derive(Debug)]
enum Order {
    Remote(Side, Box<Remote>),
    Bridge(bool),
    Play(Side, Arc<Prompt>, Repeat),
    Stop(Side),
    Press(Side, char),
    Hush(Side),
    End,
}

/// Carries one call's voice until every [`MediaSession`] of the call is gone.
#[derive(Debug)]
pub struct MediaTask {
    orders: mpsc::UnboundedReceiver<Order>,
    events: mpsc::UnboundedSender<MediaEvent>,
    relay: Relay,
    caller: Port,
    agent: Port,
    tap: TapSender,
    counters: Arc<Counters>,
    /// Whether something that came has met a fault of ours.
    is_faulty: bool,
}

#[derive(Debug)]
struct Port {
    socket: UdpSocket,
    control: UdpSocket,
    player: Option<Player>,
}

impl MediaSession {
    /// Opens the sockets of both sides. The task carries the voice, on the tokio runtime that this is
    /// called within; a box has [`VoiceThreads`](crate::VoiceThreads) for that.
    pub fn open(ports: &MediaPorts) -> Result<(Opened, MediaTask), MediaError> {
        let (caller, agent) = (open_port(ports)?, open_port(ports)?);
        let address = |port: &Port| {
            port.socket
                .local_addr()
                .map_err(|source| ports.address_error(source))
        };
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (event_queue, events) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        let (tap_sender, tap) = tap::ring(
            ports.tap_packets,
            Arc::clone(&ports.spare),
            Arc::clone(&counters),
        );
        let session = Self {
            orders,
            caller: address(&caller)?,
            agent: address(&agent)?,
            counters: Arc::clone(&counters),
        };
        let task = MediaTask {
            orders: order_queue,
            events: event_queue,
            relay: Relay::new(
                random_stream(),
                random_stream(),
                wall_clock(),
                Arc::clone(&counters),
            ),
            caller,
            agent,
            tap: tap_sender,
            counters,
            is_faulty: false,
        };
        let opened = Opened {
            session,
            tap,
            events,
        };
        Ok((opened, task))
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
        self.order(Order::End);
    }

    /// What has been counted so far; still there after the session's end.
    pub fn stats(&self) -> MediaStats {
        self.counters.snapshot()
    }

    /// Gives the ports back once every clone is closed.
    pub fn close(self) {}

    fn order(&self, order: Order) {
        // The task ends when it is told to, when every session is gone, or with the whole program.
        if self.orders.send(order).is_err() {
            debug!("media order after the session's end");
        }
    }
}

fn open_port(ports: &MediaPorts) -> Result<Port, MediaError> {
    let (voice, reports) = ports.open()?;
    let socket = |socket| UdpSocket::from_std(socket).map_err(|source| ports.address_error(source));
    Ok(Port {
        socket: socket(voice)?,
        control: socket(reports)?,
        player: None,
    })
}

/// Random first numbers, so that streams cannot be guessed (RFC 3550, section 5.1).
fn random_stream() -> Outgoing {
    use std::hash::{BuildHasher, RandomState};
    Outgoing::random([0_u8, 1].map(|n| RandomState::new().hash_one(n)))
}

/// The time of day, for reports.
#[expect(
    clippy::disallowed_methods,
    reason = "the shell reads the time of day here only"
)]
fn wall_clock() -> WallClock {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallClock::new(now(), unix.unwrap_or_default())
}

/// Whether voice that comes while the other side is played something is to be heard instead:
/// between two who are joined, music fills silence only. (A PBX plays its own to whom it holds.)
fn is_heard_over_music(relay: &Relay, heard: &Heard, datagram: &[u8]) -> bool {
    const AUDIBLE: u16 = 256;
    let codes = datagram.get(heard.payload.clone()).unwrap_or_default();
    let mut samples = codes.iter().map(|&code| g711::decode(heard.codec, code));
    relay.is_bridged() && samples.any(|sample| sample.unsigned_abs() > AUDIBLE)
}

/// What there is to do.
#[derive(Debug, Default)]
struct Ready {
    orders: Vec<Order>,
    /// Of the caller and of the agent.
    voice: [bool; 2],
    reports: [bool; 2],
    is_due: bool,
    /// Nobody gives orders any more, or the runtime stops.
    is_over: bool,
}

impl Ready {
    fn is_nothing(&self) -> bool {
        let has_come = |sockets: [bool; 2]| sockets != [false; 2];
        let is_something = has_come(self.voice) || has_come(self.reports) || self.is_due;
        !is_something && !self.is_over && self.orders.is_empty()
    }
}

impl MediaTask {
    /// Carries the voice. A fault of ours costs the packet that met it, not the call its voice.
    pub async fn run(mut self) {
        let mut alarm = pin!(sleep_until(now().into()));
        loop {
            let mut ready = self.ready(alarm.as_mut()).await;
            let work = AssertUnwindSafe(|| self.work(&mut ready));
            if catch_unwind(work).is_err() && !self.is_faulty {
                self.is_faulty = true;
                error!("a fault in carrying a call's voice; what met it is lost, the call goes on");
            }
            if ready.is_over {
                return self.leave();
            }
        }
    }

    /// Waits until there is something to do.
    async fn ready(&mut self, mut alarm: Pin<&mut Sleep>) -> Ready {
        let deadline = self.deadline();
        if let Some(deadline) = deadline
            && alarm.deadline() != deadline.into()
        {
            alarm.as_mut().reset(deadline.into());
        }
        poll_fn(|context| {
            let mut ready = self.look(context);
            ready.is_due = deadline.is_some() && alarm.as_mut().poll(context).is_ready();
            if ready.is_nothing() {
                Poll::Pending
            } else {
                Poll::Ready(ready)
            }
        })
        .await
    }

    /// What has come; the context is woken when more does.
    fn look(&mut self, context: &mut Context<'_>) -> Ready {
        let mut ready = Ready::default();
        while let Poll::Ready(order) = self.orders.poll_recv(context) {
            match order {
                None | Some(Order::End) => {
                    ready.is_over = true;
                    break;
                }
                Some(order) => ready.orders.push(order),
            }
        }
        for (at, port) in [&self.caller, &self.agent].into_iter().enumerate() {
            let mut has_come = |socket: &UdpSocket| match socket.poll_recv_ready(context) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => {
                    ready.is_over = true;
                    false
                }
                Poll::Pending => false,
            };
            (ready.voice[at], ready.reports[at]) =
                (has_come(&port.socket), has_come(&port.control));
        }
        ready
    }

    fn deadline(&self) -> Option<Instant> {
        [&self.caller, &self.agent]
            .into_iter()
            .filter_map(|port| port.player.as_ref().map(Player::deadline))
            .chain(self.relay.presses_deadline())
            .chain(self.relay.reports_deadline())
            .chain(self.relay.silence_deadline())
            .min()
    }

    fn work(&mut self, ready: &mut Ready) {
        for order in ready.orders.drain(..) {
            self.obey(order);
        }
        for (at, side) in [Side::Caller, Side::Agent].into_iter().enumerate() {
            if ready.voice[at] {
                self.carry(side);
            }
            if ready.reports[at] {
                self.read_reports(side);
            }
        }
        if ready.is_due {
            for side in [Side::Caller, Side::Agent] {
                self.press_keys(side);
                self.speak(side);
            }
            self.report();
            self.tell_silence();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Remote(side, remote) => {
                self.relay.set_remote(side, *remote);
                self.relay.await_sign(now(), side);
            }
            Order::Bridge(bridged) => self.relay.set_bridged(bridged),
            Order::Play(side, prompt, repeat) => {
                self.port_mut(side).player = Some(Player::new(now(), prompt, repeat));
            }
            Order::Stop(side) => self.port_mut(side).player = None,
            Order::Press(side, key) => {
                self.relay.press(now(), side, key);
                self.press_keys(side);
            }
            Order::Hush(side) => self.relay.hush(side),
            // It was seen when it came.
            Order::End => {}
        }
    }

    /// Takes what has come to one leg: first sends it on, then hands out the copy.
    fn carry(&mut self, side: Side) {
        let mut buffer = [0; MAX_DATAGRAM];
        for _ in 0..BATCH {
            let Ok((bytes, source)) = self.port(side).socket.try_recv_from(&mut buffer) else {
                return;
            };
            let arrived = now();
            let datagram = &mut buffer[..bytes];
            #[cfg(test)]
            tests::stumble(datagram);
            let Some(bytes) = self.relay.open(side, Content::Voice, datagram) else {
                continue;
            };
            let datagram = &mut datagram[..bytes];
            let player = self.port(side.other()).player.as_ref();
            let playing = player.is_some_and(|player| !player.yields(arrived));
            let received = self.relay.receive(arrived, side, source, datagram, playing);
            if let Some(address) = received.forward {
                self.send(side.other(), address, datagram);
                self.counters
                    .delay
                    .record(now().saturating_duration_since(arrived));
            }
            let voice = received.heard.as_ref();
            let in_voice = voice.and_then(|heard| self.relay.key_in_voice(side, heard, datagram));
            let relayed = received.forward.is_some();
            let by_event = received.key.map(|key| (key, KeyWay::Event { relayed }));
            if let Some((key, way)) = by_event.or(in_voice.map(|key| (key, KeyWay::Tones))) {
                // The listener may be gone at the end of a call.
                let _ = self.events.send(MediaEvent::Key { side, key, way });
            }
            if let Some(heard) = &received.heard {
                if self.port(side.other()).player.is_some()
                    && is_heard_over_music(&self.relay, heard, datagram)
                {
                    self.yield_at(arrived, side.other());
                }
                self.tap.push(side, arrived, heard, datagram);
            }
            if let Some(noise) = &received.noise {
                self.tap.noise(side, arrived, noise, datagram);
            }
        }
    }

    fn read_reports(&mut self, side: Side) {
        let mut buffer = [0; MAX_DATAGRAM];
        for _ in 0..BATCH {
            let Ok((bytes, source)) = self.port(side).control.try_recv_from(&mut buffer) else {
                return;
            };
            let datagram = &mut buffer[..bytes];
            if let Some(bytes) = self.relay.open(side, Content::Reports, datagram) {
                self.relay.control(now(), side, source, &datagram[..bytes]);
            }
        }
    }

    /// Sends the reports that are due. One that cannot be sent is superseded by the next.
    fn report(&mut self) {
        let mut report = [0; MAX_REPORT];
        for side in [Side::Caller, Side::Agent] {
            if let Some((bytes, address)) = self.relay.report(now(), side, &mut report) {
                self.send_report(side, address, &report[..bytes]);
            }
        }
    }

    fn tell_silence(&mut self) {
        for side in [Side::Caller, Side::Agent] {
            if self.relay.is_silent(now(), side) {
                // The listener may be gone at the end of a call.
                let _ = self.events.send(MediaEvent::Silent(side));
            }
        }
    }

    fn send_report(&mut self, side: Side, address: SocketAddr, report: &[u8]) {
        let mut sealed = [0; MAX_REPORT + MAX_TAIL];
        let report = if self.relay.is_protected(side) {
            let sealing = self.relay.seal(side, Content::Reports, report, &mut sealed);
            let Some(bytes) = sealing else { return };
            &sealed[..bytes]
        } else {
            report
        };
        let _ = self.port(side).control.try_send_to(report, address);
    }

    /// Tells both far ends that nothing more will come.
    fn leave(mut self) {
        let mut report = [0; MAX_REPORT];
        for side in [Side::Caller, Side::Agent] {
            if let Some((bytes, address)) = self.relay.farewell(now(), side, &mut report) {
                self.send_report(side, address, &report[..bytes]);
            }
        }
    }

    fn yield_at(&mut self, now: Instant, side: Side) {
        if let Some(player) = &mut self.port_mut(side).player {
            player.yield_at(now);
        }
    }

    /// Sends what is due of the keys that are pressed on one side.
    fn press_keys(&mut self, side: Side) {
        let now = now();
        while let Some((header, address, press)) = self.relay.press_packet(now, side) {
            let mut datagram = [0; rtp::HEADER_BYTES + FRAME_SAMPLES];
            if let Ok(bytes) = rtp::build(&mut datagram, header, press.payload()) {
                self.send(side, address, &datagram[..bytes]);
            }
            if let Press::Tones(codec, payload) = &press {
                self.tap.played(side, now, *codec, payload);
            }
        }
    }

    /// Sends what is due of the prompt to one side.
    fn speak(&mut self, side: Side) {
        let now = now();
        let Some(mut player) = self.port_mut(side).player.take() else {
            return;
        };
        // What nobody can hear is not said: who comes back from hold, or for whom a key is pressed, hears the rest of
        // it, and that it has been heard is told only then.
        let listens = self.relay.listens_in(side);
        let Some(codec) = listens.filter(|_| !self.relay.is_pressing(side)) else {
            player.wait(now);
            self.port_mut(side).player = Some(player);
            return;
        };
        while let Some(played) = player.poll(now, codec) {
            match played {
                Played::Packet { payload, first } => {
                    self.send_prompt((now, side, codec), &payload, first);
                }
                Played::Done => {
                    // The listener may be gone at the end of a call.
                    let _ = self.events.send(MediaEvent::PromptDone(side));
                    return;
                }
            }
        }
        self.port_mut(side).player = Some(player);
    }

    fn send_prompt(
        &mut self,
        (now, side, codec): (Instant, Side, Codec),
        payload: &[u8; FRAME_SAMPLES],
        first: bool,
    ) {
        let Some((header, address)) = self.relay.prompt_packet(now, side, first) else {
            return;
        };
        let mut datagram = [0; rtp::HEADER_BYTES + FRAME_SAMPLES];
        if let Ok(bytes) = rtp::build(&mut datagram, header, payload) {
            self.send(side, address, &datagram[..bytes]);
            self.tap.played(side, now, codec, payload);
        }
    }

    /// Sends without waiting: voice that cannot leave now is worth nothing later.
    fn send(&mut self, side: Side, address: SocketAddr, datagram: &[u8]) {
        if !self.relay.is_protected(side) {
            self.send_as_is(side, address, datagram);
            return;
        }
        let mut sealed = [0; MAX_DATAGRAM + MAX_TAIL];
        let sealing = self.relay.seal(side, Content::Voice, datagram, &mut sealed);
        if let Some(bytes) = sealing {
            self.send_as_is(side, address, &sealed[..bytes]);
        }
    }

    fn send_as_is(&self, side: Side, address: SocketAddr, datagram: &[u8]) {
        if self
            .port(side)
            .socket
            .try_send_to(datagram, address)
            .is_err()
        {
            self.counters.send_failed.add(1);
        }
    }

    fn port(&self, side: Side) -> &Port {
        match side {
            Side::Caller => &self.caller,
            Side::Agent => &self.agent,
        }
    }

    fn port_mut(&mut self, side: Side) -> &mut Port {
        match side {
            Side::Caller => &mut self.caller,
            Side::Agent => &mut self.agent,
        }
    }
}

#[cfg(test)]
mod tests;
