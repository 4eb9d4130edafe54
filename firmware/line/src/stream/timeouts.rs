//! How long a connection may keep the box waiting. Pure: told the time.

use std::time::{Duration, Instant};

/// Within which whoever connects must have said something that is SIP, and any message that has
/// begun must be whole.
const FIRST: Duration = Duration::from_secs(15);

/// Longer than the longest registration lasts, so that nobody who is still wanted is let go.
const IDLE: Duration = Duration::from_mins(65);

/// How often a connection that the box opened is kept alive (RFC 5626, section 4.4.1).
const PING: Duration = Duration::from_secs(100);

/// What is due when the deadline has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a keep-alive.
    Ping,
    /// Close it.
    Close,
}

/// The clock of one connection.
#[derive(Debug)]
pub struct Timeouts {
    heard: Instant,
    /// Since when a message, or the first one, is awaited.
    awaited: Option<Instant>,
    /// When to ping; none for a connection that the far end opened and keeps.
    ping: Option<Instant>,
}

impl Timeouts {
    /// A new connection, opened by the far end or by the box.
    pub fn new(now: Instant, accepted: bool) -> Self {
        Self {
            heard: now,
            awaited: accepted.then_some(now),
            ping: (!accepted).then(|| now + PING),
        }
    }

    /// Bytes came. Whether a message has begun that is not whole, and whether one was whole.
    pub fn heard(&mut self, now: Instant, begun: bool, whole: bool) {
        self.heard = now;
        if whole {
            self.awaited = None;
        }
        if begun {
            self.awaited.get_or_insert(now);
        }
    }

    /// When to ask [`Timeouts::due`].
    pub fn deadline(&self) -> Instant {
        let close = self.close_at();
        self.ping.map_or(close, |ping| ping.min(close))
    }

    /// What is due now.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if now >= self.close_at() {
            return Some(Due::Close);
        }
        let ping = self.ping.take_if(|ping| now >= *ping)?;
        self.ping = Some(ping.max(now) + PING);
        Some(Due::Ping)
    }

    fn close_at(&self) -> Instant {
        let idle = self.heard + IDLE;
        self.awaited.map_or(idle, |since| idle.min(since + FIRST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Instant {
        crate::rsip::now()
    }

    #[test]
    fn who_connects_and_says_nothing_is_let_go() {
        let now = start();
        let mut timeouts = Timeouts::new(now, true);
        assert_eq!(timeouts.deadline(), now + FIRST);
        // Keep-alives alone are nothing.
        timeouts.heard(now + SECOND, false, false);
        assert_eq!(timeouts.due(now + FIRST - SECOND), None);
        assert_eq!(timeouts.due(now + FIRST), Some(Due::Close));
    }

    #[test]
    fn a_message_must_become_whole() {
        let now = start();
        let mut timeouts = Timeouts::new(now, true);
        timeouts.heard(now + SECOND, false, true);
        assert_eq!(timeouts.deadline(), now + SECOND + IDLE);
        let begun = now + 100 * SECOND;
        timeouts.heard(begun, true, false);
        timeouts.heard(begun + 10 * SECOND, true, false);
        assert_eq!(timeouts.deadline(), begun + FIRST, "a byte now and then");
        timeouts.heard(begun + 12 * SECOND, true, true);
        assert_eq!(timeouts.deadline(), begun + 12 * SECOND + FIRST, "the next");
        assert_eq!(timeouts.due(begun + 27 * SECOND), Some(Due::Close));
    }

    #[test]
    fn what_the_box_opened_is_kept_alive_until_it_is_idle() {
        let now = start();
        let mut timeouts = Timeouts::new(now, false);
        assert_eq!(timeouts.deadline(), now + PING);
        assert_eq!(timeouts.due(now + PING), Some(Due::Ping));
        assert_eq!(timeouts.due(now + PING), None);
        assert_eq!(timeouts.deadline(), now + 2 * PING);
        assert_eq!(timeouts.due(now + IDLE), Some(Due::Close));
    }
}
