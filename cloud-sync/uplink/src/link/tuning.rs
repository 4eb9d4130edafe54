//! The link's numbers, declared once.

use std::time::Duration;

/// How the link paces itself. The defaults suit anything from 9.6 kbit/s to a local network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Connection and subscription must be answered within this; 20 s.
    pub answer_within: Duration,
    /// The shortest wait after a connection is lost, before jitter; 0.5 s.
    pub backoff_least: Duration,
    /// The longest; 60 s.
    pub backoff_most: Duration,
    /// A connection that the far end closed before it was so old is followed by ever longer waits, as if
    /// it had never been; 2 min.
    pub settled_after: Duration,
    /// Without progress for this long, everything in flight is sent again; 10 s, and never less
    /// than four times what watermarks take.
    pub resend_after: Duration,
    /// That doubles up to this while there is none; 10 min.
    pub resend_at_most: Duration,
    /// A lane whose records cannot be read is read again after this; 20 s.
    pub read_again_after: Duration,
    /// A large message may take longer by what a line of so many bytes a second needs; 1,000.
    pub slowest_bytes_per_s: u32,
    /// Watermarks quicker than this widen the window; 0.5 s.
    pub quick: Duration,
    /// Watermarks slower than this narrow it, and the link counts as slow; 3 s.
    pub slow_after: Duration,
    /// Bytes in flight at first; 8 KiB.
    pub first_window_bytes: usize,
    /// Bytes in flight at least; 4 KiB.
    pub least_window_bytes: usize,
    /// Bytes in flight at most; 512 KiB.
    pub most_window_bytes: usize,
    /// Messages in flight at most; 32.
    pub most_flights: usize,
    /// Bytes of JSON in one message, unless one record has more; 64 KiB.
    pub batch_bytes: usize,
    /// Bytes a second that a backlog may take of the branch's line, alarms apart; no limit.
    pub catch_up_bytes_per_s: Option<u32>,
    /// Seconds between MQTT pings; 30 s.
    pub keep_alive: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            answer_within: Duration::from_secs(20),
            backoff_least: Duration::from_millis(500),
            backoff_most: Duration::from_mins(1),
            settled_after: crate::trouble::LASTS,
            resend_after: Duration::from_secs(10),
            read_again_after: Duration::from_secs(20),
            slowest_bytes_per_s: 1_000,
            resend_at_most: Duration::from_mins(10),
            quick: Duration::from_millis(500),
            slow_after: Duration::from_secs(3),
            first_window_bytes: 8 * 1024,
            least_window_bytes: 4 * 1024,
            most_window_bytes: 512 * 1024,
            most_flights: 32,
            batch_bytes: 64 * 1024,
            catch_up_bytes_per_s: None,
            keep_alive: Duration::from_secs(30),
        }
    }
}
