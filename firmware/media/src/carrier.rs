//! What carries one call's voice: its sockets, its relay, and what is played and pressed on it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;
use trunkside_call::{Codec, FRAME_SAMPLES, Side};

use crate::counters::Counters;
use crate::error::MediaError;
use crate::g711;
use crate::player::{Played, Player};
use crate::ports::MediaPorts;
use crate::relay::{Content, Heard, Outgoing, Press, Relay};
use crate::reports::{MAX_REPORT, WallClock};
use crate::rtp;
use crate::session::{KeyWay, MediaEvent, Order};
use crate::srtp::MAX_TAIL;
use crate::tap::{TapSender, now};

/// The largest datagram that is looked at; what is longer is no voice packet.
const MAX_DATAGRAM: usize = 2_048;

/// Carries one call's voice. It waits for nothing: its thread says when a socket has something, an order has come or
/// a deadline is over.
#[derive(Debug)]
pub struct Carrier {
    events: mpsc::UnboundedSender<MediaEvent>,
    relay: Relay,
    caller: Port,
    agent: Port,
    tap: TapSender,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Port {
    socket: UdpSocket,
    control: UdpSocket,
    player: Option<Player>,
}

impl Port {
    fn open(ports: &MediaPorts) -> Result<Self, MediaError> {
        let (socket, control) = ports.open()?;
        Ok(Self {
            socket,
            control,
            player: None,
        })
    }
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

impl Carrier {
    /// Opens the sockets of both sides.
    pub fn open(
        ports: &MediaPorts,
        tap: TapSender,
        counters: Arc<Counters>,
        events: mpsc::UnboundedSender<MediaEvent>,
    ) -> Result<Self, MediaError> {
        Ok(Self {
            events,
            relay: Relay::new(
                random_stream(),
                random_stream(),
                wall_clock(),
                Arc::clone(&counters),
            ),
            caller: Port::open(ports)?,
            agent: Port::open(ports)?,
            tap,
            counters,
        })
    }

    /// Where a side's far end reaches the box.
    pub fn socket(&self, side: Side, content: Content) -> &UdpSocket {
        let port = self.port(side);
        match content {
            Content::Voice => &port.socket,
            Content::Reports => &port.control,
        }
    }

    /// When [`on_time`](Self::on_time) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        [&self.caller, &self.agent]
            .into_iter()
            .filter_map(|port| port.player.as_ref().map(Player::deadline))
            .chain(self.relay.presses_deadline())
            .chain(self.relay.reports_deadline())
            .chain(self.relay.silence_deadline())
            .min()
    }

    /// Does what is due: keys, prompts, reports, and word of those who have fallen silent.
    pub fn on_time(&mut self, now: Instant) {
        for side in [Side::Caller, Side::Agent] {
            self.press_keys(now, side);
            self.speak(now, side);
        }
        self.report(now);
        self.tell_silence(now);
    }

    /// Does as it is told; what ends the call is its thread's to obey.
    pub fn obey(&mut self, now: Instant, order: Order) {
        match order {
            Order::Remote(side, remote) => {
                self.relay.set_remote(side, *remote);
                self.relay.await_sign(now, side);
            }
            Order::Bridge(bridged) => self.relay.set_bridged(bridged),
            Order::Play(side, prompt, repeat) => {
                self.port_mut(side).player = Some(Player::new(now, prompt, repeat));
            }
            Order::Stop(side) => self.port_mut(side).player = None,
            Order::Press(side, key) => {
                self.relay.press(now, side, key);
                self.press_keys(now, side);
            }
            Order::Hush(side) => self.relay.hush(side),
        }
    }

    /// Takes what has come to a socket, at most so many datagrams.
    pub fn take(&mut self, side: Side, content: Content, at_most: usize) {
        for _ in 0..at_most {
            let has_come = match content {
                Content::Voice => self.carry(side),
                Content::Reports => self.read_report(side),
            };
            if !has_come {
                return;
            }
        }
    }

    /// Takes a packet that has come to one leg: first sends it on, then hands out the copy. Says whether there was one.
    fn carry(&mut self, side: Side) -> bool {
        let mut buffer = [0; MAX_DATAGRAM];
        let Ok((bytes, source)) = self.port(side).socket.recv_from(&mut buffer) else {
            return false;
        };
        let arrived = now();
        let datagram = &mut buffer[..bytes];
        #[cfg(test)]
        crate::session::tests::stumble(datagram);
        let Some(bytes) = self.relay.open(side, Content::Voice, datagram) else {
            return true;
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
            if !self.relay.is_early(side) {
                self.tap.push(side, arrived, heard, datagram);
            }
        }
        if let Some(noise) = received
            .noise
            .as_ref()
            .filter(|_| !self.relay.is_early(side))
        {
            self.tap.noise(side, arrived, noise, datagram);
        }
        true
    }

    /// Says whether there was a report.
    fn read_report(&mut self, side: Side) -> bool {
        let mut buffer = [0; MAX_DATAGRAM];
        let Ok((bytes, source)) = self.port(side).control.recv_from(&mut buffer) else {
            return false;
        };
        let datagram = &mut buffer[..bytes];
        if let Some(bytes) = self.relay.open(side, Content::Reports, datagram) {
            self.relay.control(now(), side, source, &datagram[..bytes]);
        }
        true
    }

    /// Sends the reports that are due. One that cannot be sent is superseded by the next.
    fn report(&mut self, now: Instant) {
        let mut report = [0; MAX_REPORT];
        for side in [Side::Caller, Side::Agent] {
            if let Some((bytes, address)) = self.relay.report(now, side, &mut report) {
                self.send_report(side, address, &report[..bytes]);
            }
        }
    }

    fn tell_silence(&mut self, now: Instant) {
        for side in [Side::Caller, Side::Agent] {
            if self.relay.is_silent(now, side) {
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
        let _ = self.port(side).control.send_to(report, address);
    }

    /// Tells both far ends that nothing more will come.
    pub fn leave(&mut self, now: Instant) {
        let mut report = [0; MAX_REPORT];
        for side in [Side::Caller, Side::Agent] {
            if let Some((bytes, address)) = self.relay.farewell(now, side, &mut report) {
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
    fn press_keys(&mut self, now: Instant, side: Side) {
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
    fn speak(&mut self, now: Instant, side: Side) {
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
        if self.port(side).socket.send_to(datagram, address).is_err() {
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
