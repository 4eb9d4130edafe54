//! One call's voice under whatever the network sends, for the fuzz target `call`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{Codec, FRAME_DURATION, Side};

use crate::frames::Framer;
use crate::relay::{Outgoing, Relay, Remote};
use crate::reports::{MAX_REPORT, WallClock};
use crate::tap;

/// Frames may run so far ahead of the clock: what packets in order brought early.
const AHEAD: Duration = Duration::from_secs(2);

/// Plays a script to a bridged call: of each datagram what it is, how long after the last it comes, its
/// length and its bytes.
///
/// # Panics
/// When frames are not in order, or run away from the clock.
pub fn call(script: &[u8]) {
    let begin = tap::now();
    let mut now = begin;
    let address = |port: u16| SocketAddr::from(([192, 0, 2, 1], port));
    let clock = WallClock::new(begin, Duration::from_secs(1_700_000_000));
    let (to_caller, to_agent) = (Outgoing::new(1, 2, 3), Outgoing::new(4, 65_530, u32::MAX));
    let mut relay = Relay::new(to_caller, to_agent, clock, Arc::default());
    let ends = [(Side::Caller, 4_000), (Side::Agent, 5_000)];
    for (side, port) in ends {
        let mut remote = Remote::new(address(port), Codec::Pcma);
        remote.telephone_event = Some(101);
        relay.set_remote(side, remote);
    }
    relay.set_bridged(true);
    let mut framer = Framer::new(begin);
    let mut next = [Duration::ZERO; 2];
    let mut rest = script;
    while let [what, wait, length, tail @ ..] = rest {
        let (bytes, left) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = left;
        now += Duration::from_millis(u64::from(*wait) * if what & 1 == 0 { 1 } else { 50 });
        let (side, port) = ends[usize::from(what >> 1 & 1)];
        let mut datagram = bytes.to_vec();
        if let [version, kind, ..] = &mut datagram[..] {
            match what >> 2 & 3 {
                0 => (*version, *kind) = (0x80, 8),
                1 => (*version, *kind) = (0x80, 101),
                2 => (*version, *kind) = (0x81, 200 + *kind % 8),
                _ => {}
            }
        }
        let received = relay.receive(now, side, address(port), &mut datagram, what & 64 != 0);
        if let Some(heard) = received.heard {
            for packet in tap::copies(side, now, &heard, &datagram) {
                framer.handle(packet.arrived, &packet);
            }
        }
        framer.advance(now);
        while let Some(frame) = framer.poll() {
            let due = &mut next[usize::from(frame.side == Side::Agent)];
            assert!(frame.start >= *due, "a frame comes twice");
            *due = frame.start + FRAME_DURATION;
            assert!(
                *due <= now - begin + AHEAD,
                "frames run away from the clock"
            );
        }
        let mut buffer = [0; MAX_REPORT];
        let _ = relay.report(now, side, &mut buffer);
    }
}
