//! What a call's media counts. One task writes, anyone reads, nobody waits.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use trunkside_call::Side;

use crate::quality::{self, Losses};
use crate::reports::FarReport;

/// Buckets for each doubling of the delay: values are known to within an eighth.
const STEPS: u64 = 8;
/// Up to 2^24 µs, about 17 s.
const BUCKETS: usize = 24 * STEPS as usize;

/// A number that one task raises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Gives it this value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// Raises it to this value, if it is below.
    pub fn reach(&self, value: u64) {
        self.0.fetch_max(value, Relaxed);
    }
}

/// The counters of one leg.
#[derive(Debug, Default)]
pub struct LegCounters {
    pub received: Counter,
    pub relayed: Counter,
    pub malformed: Counter,
    pub foreign: Counter,
    pub unexpected: Counter,
    pub unproven: Counter,
    pub expected: Counter,
    pub lost: Counter,
    pub bursts: Counter,
    pub late: Counter,
    /// At its worst, in microseconds.
    pub jitter_us: Counter,
    /// Smoothed, in microseconds and one more; 0 while none is known.
    pub round_trip_us: Counter,
    pub far_lost: Counter,
    /// At its worst, in microseconds and one more; 0 while the far end has reported nothing.
    pub far_jitter_us: Counter,
}

impl LegCounters {
    /// A packet was heard; these are the jitter now, where it has one, and the losses so far.
    pub fn heard(&self, jitter: Option<Duration>, losses: Losses) {
        if let Some(jitter) = jitter {
            self.jitter_us.reach(jitter.as_micros() as u64);
        }
        self.expected.set(losses.expected);
        self.lost.set(losses.lost);
        self.bursts.set(losses.bursts);
        self.late.set(losses.late);
    }

    /// The far end has reported.
    pub fn reported(&self, far: FarReport) {
        self.far_lost.set(far.lost);
        self.far_jitter_us.reach(far.jitter.as_micros() as u64 + 1);
        if let Some(round_trip) = far.round_trip {
            let us = round_trip.as_micros() as u64 + 1;
            let known = self.round_trip_us.get();
            self.round_trip_us
                .set(if known == 0 { us } else { (known * 7 + us) / 8 });
        }
    }

    fn stats(&self) -> LegStats {
        let known = |counter: &Counter| Some(Duration::from_micros(counter.get().checked_sub(1)?));
        let losses = Losses {
            expected: self.expected.get(),
            lost: self.lost.get(),
            bursts: self.bursts.get(),
            late: self.late.get(),
        };
        let round_trip = known(&self.round_trip_us);
        LegStats {
            received: self.received.get(),
            lost: losses.lost,
            late: losses.late,
            jitter: Duration::from_micros(self.jitter_us.get()),
            mos: quality::mos(losses, round_trip),
            round_trip,
            far: known(&self.far_jitter_us).map(|jitter| FarStats {
                lost: self.far_lost.get(),
                jitter,
            }),
        }
    }
}

/// The counters of one call's media.
#[derive(Debug, Default)]
pub struct Counters {
    caller: LegCounters,
    agent: LegCounters,
    pub send_failed: Counter,
    pub tap_dropped: Counter,
    pub delay: DelayHistogram,
}

impl Counters {
    /// The counters of packets that came from this side.
    pub fn leg(&self, side: Side) -> &LegCounters {
        match side {
            Side::Caller => &self.caller,
            Side::Agent => &self.agent,
        }
    }

    /// All of them; sums are over both sides.
    pub fn snapshot(&self) -> MediaStats {
        let sum =
            |pick: fn(&LegCounters) -> &Counter| pick(&self.caller).get() + pick(&self.agent).get();
        MediaStats {
            caller: self.caller.stats(),
            agent: self.agent.stats(),
            received: sum(|leg| &leg.received),
            relayed: sum(|leg| &leg.relayed),
            malformed: sum(|leg| &leg.malformed),
            foreign: sum(|leg| &leg.foreign),
            unexpected: sum(|leg| &leg.unexpected),
            unproven: sum(|leg| &leg.unproven),
            lost: sum(|leg| &leg.lost),
            late: sum(|leg| &leg.late),
            send_failed: self.send_failed.get(),
            tap_dropped: self.tap_dropped.get(),
            delay_p50: self.delay.quantile(0.5),
            delay_p99: self.delay.quantile(0.99),
            delay_max: self.delay.max(),
        }
    }
}

/// What came from one side.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegStats {
    /// Packets that arrived.
    pub received: u64,
    /// Packets that the sequence numbers miss.
    pub lost: u64,
    /// Packets that came too late for an ordinary phone's buffer of 60 ms.
    pub late: u64,
    /// Interarrival jitter (RFC 3550, section 6.4.1), at its worst.
    pub jitter: Duration,
    /// How long a packet takes there and back, from the far end's reports, smoothed.
    pub round_trip: Option<Duration>,
    /// How a listener would grade this voice, 1 to 4.4 (E-model, ITU-T G.107, simplified for
    /// G.711); none when none came.
    pub mos: Option<f32>,
    /// What the far end reports of the voice that it gets from the box.
    pub far: Option<FarStats>,
}

/// What a far end reports of the voice that it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarStats {
    /// Packets that it never received.
    pub lost: u64,
    /// Interarrival jitter, at its worst.
    pub jitter: Duration,
}

/// What one call's media has seen so far; what names no side is both sides together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MediaStats {
    /// What came from the caller.
    pub caller: LegStats,
    /// What came from the agent.
    pub agent: LegStats,
    /// Packets that arrived.
    pub received: u64,
    /// Packets passed on to the other leg.
    pub relayed: u64,
    /// Datagrams that are not RTP.
    pub malformed: u64,
    /// Packets from an address that is not the leg's.
    pub foreign: u64,
    /// Packets of a payload type that was not agreed, or on a leg that is on hold.
    pub unexpected: u64,
    /// Packets of a protected leg that are not proven to be its far end's, or came before.
    pub unproven: u64,
    /// Packets that the sequence numbers miss.
    pub lost: u64,
    /// Packets that came too late for an ordinary phone's buffer.
    pub late: u64,
    /// Packets that the network stack refused.
    pub send_failed: u64,
    /// Copies that recognition was too slow to take.
    pub tap_dropped: u64,
    /// Median time between receiving a packet and having sent it on.
    pub delay_p50: Duration,
    /// The 99th percentile of that time, to within an eighth.
    pub delay_p99: Duration,
    /// The longest such time.
    pub delay_max: Duration,
}

/// Delays in µs, in buckets that grow with the value.
#[derive(Debug)]
pub struct DelayHistogram {
    buckets: [AtomicU64; BUCKETS],
    max_us: AtomicU64,
}

impl Default for DelayHistogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            max_us: AtomicU64::new(0),
        }
    }
}

impl DelayHistogram {
    pub fn record(&self, delay: Duration) {
        let us = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(us)].fetch_add(1, Relaxed);
        self.max_us.fetch_max(us, Relaxed);
    }

    /// The upper edge of the bucket that holds this share of the delays.
    pub fn quantile(&self, share: f64) -> Duration {
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|count| count.load(Relaxed))
            .collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in counts.iter().enumerate() {
            seen += count;
            if wanted > 0 && seen >= wanted {
                return Duration::from_micros(upper_edge(bucket)).min(self.max());
            }
        }
        Duration::ZERO
    }

    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us.load(Relaxed))
    }
}

/// The first buckets hold one µs each; every doubling after that is cut into [`STEPS`].
fn bucket_of(us: u64) -> usize {
    if us < STEPS {
        return us as usize;
    }
    let octave = u64::from(us.ilog2()) - 3;
    let step = (us >> octave) - STEPS;
    ((octave + 1) * STEPS + step).min(BUCKETS as u64 - 1) as usize
}

fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (octave, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delay_lies_under_its_buckets_edge_by_an_eighth_at_most() {
        for us in (0..2_000).chain([65_535, 65_536, 1_000_000]) {
            let edge = upper_edge(bucket_of(us));
            assert!(edge >= us && edge <= us + us / 8 + 1, "{us} {edge}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_known_delays() {
        let delays = DelayHistogram::default();
        assert_eq!(delays.quantile(0.99), Duration::ZERO);
        for _ in 0..99 {
            delays.record(Duration::from_micros(5));
        }
        delays.record(Duration::from_millis(3));
        assert_eq!(delays.quantile(0.5), Duration::from_micros(5));
        assert_eq!(delays.quantile(0.99), Duration::from_micros(5));
        assert_eq!(delays.quantile(1.0), Duration::from_millis(3));
        assert_eq!(delays.max(), Duration::from_millis(3));
    }
}
