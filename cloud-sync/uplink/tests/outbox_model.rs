//! The outbox against a model: whatever breaks, what was stored arrives once, or a gap says that
//! it does not.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::Deserialize;
use trunkside_record::{
    Ack, Alarm, Body, DeviceHealth, Lane, RedactedText, Severity, Timestamp, Transcript,
};
use trunkside_uplink::{Budget, Outbox, OutboxOptions, Receipt, Stamp};
use trunkside_vault::KeyProvider;

#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
use disk::{FaultyDisk, Random};

#[derive(Debug)]
struct Key;

impl KeyProvider for Key {
    fn key(&self, _: bool) -> std::io::Result<[u8; 32]> {
        Ok([7; 32])
    }
}

fn options(sealed: bool) -> OutboxOptions {
    let budget = Budget {
        bytes: 1 << 20,
        age: Duration::MAX,
    };
    OutboxOptions {
        alarm: budget,
        metric: budget,
        fleet: budget,
        transcript: budget,
        segment_bytes: 700,
        linger: Duration::ZERO,
        ballast_bytes: 600,
        key: sealed.then(|| Arc::new(Key) as Arc<dyn KeyProvider>),
    }
}

/// What the model stores.
const LANES: [Lane; 3] = [Lane::Alarm, Lane::Fleet, Lane::Transcript];

/// A record that tells its number: an alarm, a health report or a transcript.
fn body(number: u64) -> Body {
    match LANES[(number % 3) as usize] {
        Lane::Alarm => Alarm {
            code: format!("n{number}"),
            severity: Severity::Minor.into(),
            cleared: false,
            text: RedactedText::try_new("something").unwrap(),
        }
        .into(),
        Lane::Fleet => DeviceHealth {
            uptime_s: number,
            ..DeviceHealth::default()
        }
        .into(),
        _ => Transcript {
            call: format!("01990000-0000-7000-8000-{number:012}")
                .parse()
                .unwrap(),
            turns: Vec::new(),
        }
        .into(),
    }
}

fn stamp(second: i64) -> Stamp {
    Stamp {
        at: Timestamp::from_second(second).unwrap(),
        clock_trusted: true,
    }
}

/// What the cloud has: every place's content, as the aggregator would keep it.
#[derive(Default)]
struct Cloud {
    places: BTreeMap<(u64, u64), Place>,
    watermarks: HashMap<u64, u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Record(u64),
    Gone,
}

#[derive(Deserialize)]
struct Sent {
    sequence: u64,
    body: SentBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum SentBody {
    Alarm { code: String },
    Health { uptime_s: u64 },
    Transcript { call: String },
    Gap { through: u64 },
}

impl Cloud {
    /// Takes what was sent.
    fn take(&mut self, epoch: u64, json: &str) {
        let sent: Sent = serde_json::from_str(json).unwrap();
        let number = match sent.body {
            SentBody::Alarm { code } => code[1..].parse().unwrap(),
            SentBody::Health { uptime_s } => uptime_s,
            SentBody::Transcript { call } => call[24..].parse().unwrap(),
            SentBody::Gap { through } => {
                for sequence in sent.sequence..=through {
                    self.places.entry((epoch, sequence)).or_insert(Place::Gone);
                }
                return;
            }
        };
        // As the aggregator does: what a place holds, it keeps. A record whose append failed may
        // come up again after another took its place and was stored.
        self.places
            .entry((epoch, sent.sequence))
            .or_insert(Place::Record(number));
    }

    fn ack(&mut self, epoch: u64) -> Ack {
        let watermark = self.watermarks.entry(epoch).or_default();
        while self.places.contains_key(&(epoch, *watermark + 1)) {
            *watermark += 1;
        }
        Ack {
            epoch,
            sequence: *watermark,
        }
    }

    /// Whether a record is there.
    fn has(&self, number: u64) -> bool {
        self.count(number) > 0
    }

    /// How often a record is there.
    fn count(&self, number: u64) -> usize {
        self.places
            .values()
            .filter(|place| **place == Place::Record(number))
            .count()
    }

    /// What was given up of a lane. A stream's last bits are its lane's.
    fn gone(&self, lane: Lane) -> usize {
        let index = Lane::ALL.iter().position(|other| *other == lane);
        let ours = |epoch: u64| Some((epoch & 3) as usize) == index;
        let gone = self.places.iter();
        gone.filter(|((epoch, _), place)| ours(*epoch) && **place == Place::Gone)
            .count()
    }
}

/// Sends some of what waits; the answer may be lost on the way.
fn exchange(outbox: &Outbox, cloud: &mut Cloud, lane: Lane, most: usize, answered: bool) -> bool {
    let Ok(Some(pending)) = outbox.pending(lane, None, most) else {
        return false;
    };
    assert_eq!(pending.lane, lane);
    for record in &pending.records {
        cloud.take(pending.epoch, record.get());
    }
    if answered {
        outbox.acked(cloud.ack(pending.epoch));
    }
    true
}

/// Sends everything.
fn drain(outbox: &Outbox, cloud: &mut Cloud) {
    for lane in Lane::ALL {
        let mut rounds = 0;
        while exchange(outbox, cloud, lane, 2_000, true) {
            rounds += 1;
            assert!(
                rounds < 10_000,
                "lane {lane} does not end: {:?} behind {:?}",
                outbox.pending(lane, None, 0),
                cloud.watermarks
            );
        }
    }
    assert_eq!(outbox.status().records(), 0);
}

/// One life after another on a disk that breaks. Some records are appended, others posted: those lie in a call
/// store, from which each start brings what the outbox was not known to keep.
struct Run {
    disk: FaultyDisk,
    random: Random,
    sealed: bool,
    cloud: Cloud,
    promised: HashMap<u64, Receipt>,
    attempted: u64,
    /// What the call store holds and the outbox may not, and where it was posted in this life.
    posted: BTreeMap<u64, Option<Receipt>>,
    /// How often each was posted: so many places of the cloud may have it.
    brought: HashMap<u64, usize>,
    /// Whether others fill the disk at times.
    fills: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let sealed = random.once_in(4);
        Self {
            disk: FaultyDisk::new(seed),
            random,
            sealed,
            cloud: Cloud::default(),
            promised: HashMap::new(),
            attempted: 0,
            posted: BTreeMap::new(),
            brought: HashMap::new(),
            fills: false,
        }
    }

    fn open(&self) -> Outbox {
        Outbox::with_storage(Box::new(self.disk.clone()), options(self.sealed))
            .unwrap()
            .0
    }

    /// Stores, sends and acknowledges at random until the disk gives up or the life is over.
    fn live(&mut self, outbox: &Outbox, second: i64) {
        for _ in 0..self.random.below(40) {
            if self.fills && self.random.once_in(8) {
                self.fill_disk();
            }
            match self.random.below(8) {
                0 | 1 => self.store(outbox, second),
                2 | 3 => self.post(outbox, second),
                4 => self.mark(outbox),
                _ => {
                    let lane = LANES[self.random.below(3) as usize];
                    let most = self.random.below(1_500) as usize;
                    let answered = !self.random.once_in(3);
                    exchange(outbox, &mut self.cloud, lane, most, answered);
                }
            }
        }
    }

    fn store(&mut self, outbox: &Outbox, second: i64) {
        let numbers: Vec<u64> = (0..=self.random.below(3))
            .map(|more| self.attempted + more)
            .collect();
        self.attempted += numbers.len() as u64;
        let bodies: Vec<Body> = numbers.iter().map(|number| body(*number)).collect();
        let stored = outbox.append_some(stamp(second), &bodies);
        if stored.fault.is_none() {
            assert!(
                stored.places.len() == bodies.len() && stored.places.iter().all(Option::is_some)
            );
        }
        let places = numbers.into_iter().zip(stored.places);
        self.promised
            .extend(places.filter_map(|(number, place)| Some((number, place?))));
        if self.random.once_in(8) {
            outbox.keep_room();
        }
    }

    /// The call store takes calls in, and those that wait there are posted, one by one or together.
    fn post(&mut self, outbox: &Outbox, second: i64) {
        for _ in 0..=self.random.below(2) {
            self.posted.insert(self.attempted, None);
            self.attempted += 1;
        }
        self.post_again(outbox, second);
        if self.random.once_in(4) {
            // What the disk refuses stays posted.
            let _ = outbox.flush(&Lane::ALL);
        }
    }

    fn post_again(&mut self, outbox: &Outbox, second: i64) {
        let waiting = self.posted.iter().filter(|(_, place)| place.is_none());
        let waiting: Vec<u64> = waiting.map(|(number, _)| *number).collect();
        let bodies: Vec<Body> = waiting.iter().map(|number| body(*number)).collect();
        let stamp = stamp(second);
        let posted = outbox.post_each(bodies.iter().map(|body| (stamp, body)));
        assert!(posted.fault.is_some() || posted.places.len() == waiting.len());
        for (number, place) in waiting.into_iter().zip(posted.places) {
            *self.brought.entry(number).or_default() += 1;
            self.posted.insert(number, place);
        }
    }

    /// The call store notes what the outbox keeps: that is not brought again.
    fn mark(&mut self, outbox: &Outbox) {
        let kept = |place: &Option<Receipt>| place.is_some_and(|place| outbox.is_kept(&place));
        let all = std::mem::take(&mut self.posted);
        let (kept, loose) = all.into_iter().partition(|(_, place)| kept(place));
        self.posted = loose;
        let places = kept
            .into_iter()
            .filter_map(|(number, place)| Some((number, place?)));
        self.promised.extend(places);
    }

    /// Others take all room but a little, more than all, or give it back.
    fn fill_disk(&mut self) {
        let used = self.disk.used();
        let capacity = match self.random.below(4) {
            0 => usize::MAX,
            1 => used / 2,
            _ => used + self.random.below(1_500) as usize,
        };
        self.disk.set_capacity(capacity);
    }

    /// The box is on again: what the call store may have to bring it brings.
    fn start(&mut self, outbox: &Outbox, second: i64) {
        self.posted.values_mut().for_each(|place| *place = None);
        self.post_again(outbox, second);
    }

    fn finish(&mut self) {
        self.disk.set_flaky(None);
        self.disk.set_capacity(usize::MAX);
        let outbox = self.open();
        self.start(&outbox, 1_000_002);
        drain(&outbox, &mut self.cloud);
        self.mark(&outbox);
        assert!(self.posted.is_empty(), "{:?}", self.posted);
    }

    /// Every promised record is there, at the place that its receipt named; none is there that was never stored,
    /// and none more often than it was brought. On a full disk health reports may be given up.
    fn check(&self, seed: u64) {
        for (number, receipt) in &self.promised {
            let place = (receipt.epoch, receipt.sequence);
            let found = self.cloud.places.get(&place);
            // Where the disk does not even take that it was given up, one that was refused before it
            // may stand in its place.
            if self.fills && receipt.lane == Lane::Fleet {
                continue;
            }
            assert_eq!(
                found,
                Some(&Place::Record(*number)),
                "seed {seed}: {receipt:?}"
            );
        }
        for number in 0..self.attempted {
            let brought = self.brought.get(&number).copied();
            assert!(
                self.cloud.count(number) <= brought.unwrap_or(1),
                "seed {seed}: record {number} is there more often than it was brought"
            );
            let may_go = self.fills && LANES[(number % 3) as usize] == Lane::Fleet;
            assert!(
                brought.is_none() || may_go || self.cloud.has(number),
                "seed {seed}: record {number} is lost"
            );
        }
        for lane in LANES {
            let may_go = self.fills && lane == Lane::Fleet;
            let gone = self.cloud.gone(lane);
            assert!(
                may_go || gone == 0,
                "seed {seed}: {gone} of {lane} were given up"
            );
        }
    }
}

fn run_lives(seed: u64) -> u64 {
    let mut run = Run::new(seed);
    run.fills = run.random.once_in(3);
    // The clock may stand still or go backwards.
    let clocks = [1_000_000, 1_000_001, 12, 12, 1_000_000];
    for second in clocks.into_iter().take(1 + run.random.below(5) as usize) {
        let flaky = run.random.once_in(3).then(|| 5 + run.random.below(20));
        run.disk.set_flaky(None);
        let outbox = run.open();
        run.disk.set_flaky(flaky);
        if run.random.once_in(2) {
            let operations = run.random.below(60);
            run.disk.stop_after(operations);
        }
        run.start(&outbox, second);
        run.live(&outbox, second);
        let clean = run.random.once_in(4);
        if clean {
            drop(outbox);
            run.disk.restart();
        } else {
            // A killed process runs no destructor.
            std::mem::forget(outbox);
            if run.random.once_in(2) {
                run.disk.power_cut();
            } else {
                run.disk.restart();
            }
        }
    }
    run.finish();
    run.check(seed);
    run.disk.operations()
}

#[test]
fn ten_thousand_schedules_of_faults_lose_and_double_nothing() {
    let operations: u64 = (0..10_000).map(run_lives).sum();
    assert!(
        operations > 1_000_000,
        "{operations} operations are too few to mean much"
    );
}

#[test]
fn stopping_after_every_single_operation_loses_nothing() {
    for sealed in [false, true] {
        for operations in 0..400 {
            let mut run = Run {
                sealed,
                ..Run::new(99)
            };
            let outbox = run.open();
            run.disk.stop_after(operations);
            for _ in 0..12 {
                run.store(&outbox, 1_000_000);
                run.post(&outbox, 1_000_000);
                run.mark(&outbox);
                for lane in LANES {
                    exchange(&outbox, &mut run.cloud, lane, 500, true);
                }
            }
            std::mem::forget(outbox);
            if operations % 2 == 0 {
                run.disk.power_cut();
            } else {
                run.disk.restart();
            }
            run.finish();
            run.check(operations);
        }
    }
}

#[test]
fn a_flipped_bit_costs_one_record_which_a_gap_names() {
    for seed in 0..2_000 {
        let mut run = Run {
            sealed: seed % 2 == 0,
            ..Run::new(seed)
        };
        let outbox = run.open();
        for _ in 0..20 {
            run.store(&outbox, 1_000_000);
        }
        drop(outbox);
        let anywhere = seed % 3 == 0;
        run.disk.flip_bit(if anywhere { "" } else { "segment" });
        run.finish();
        let missing: Vec<u64> = run
            .promised
            .keys()
            .copied()
            .filter(|number| run.cloud.count(*number) == 0)
            .collect();
        // A sealed segment whose header is damaged cannot be opened: all of it is lost.
        let most = if run.sealed { 8 } else { 1 };
        assert!(
            missing.len() <= most,
            "seed {seed}: {} records are lost",
            missing.len()
        );
        for number in missing {
            let receipt = run.promised[&number];
            let place = run.cloud.places.get(&(receipt.epoch, receipt.sequence));
            // A state that is damaged itself cannot say how far the streams reached.
            assert!(
                place == Some(&Place::Gone) || (anywhere && place.is_none()),
                "seed {seed}: {place:?}"
            );
        }
        for number in 0..run.attempted {
            assert!(
                run.cloud.count(number) <= 1,
                "seed {seed}: record {number} is there twice"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The tail of the newest segments may be cut anywhere: what lies before it arrives.
    #[test]
    fn a_tail_cut_at_any_byte_costs_only_what_it_held(
        appends in prop::collection::vec(1_usize..4, 1..20),
        acked in 0_usize..4,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut run = Run { sealed: false, ..Run::new(5) };
        let outbox = run.open();
        for count in &appends {
            let bodies: Vec<Body> = (0..*count as u64).map(|more| body((run.attempted + more) * 3)).collect();
            let receipts = outbox.append(stamp(1_000_000), &bodies).unwrap();
            for receipt in receipts {
                run.promised.insert(run.attempted * 3, receipt);
                run.attempted += 1;
            }
        }
        for _ in 0..acked {
            exchange(&outbox, &mut run.cloud, Lane::Alarm, 300, true);
        }
        drop(outbox);
        let name = run.disk.names().into_iter().rfind(|name| name.starts_with("alarm"));
        // Of what the cloud has, nothing is left.
        prop_assume!(name.is_some());
        let name = name.unwrap();
        let size = trunkside_uplink::Storage::size(&run.disk, &name).unwrap() as usize;
        let kept = cut.index(size + 1);
        run.disk.truncate(&name, kept);
        run.finish();
        let mut in_order: Vec<(u64, u64)> =
            run.promised.iter().map(|(number, receipt)| (receipt.sequence, *number)).collect();
        in_order.sort_unstable();
        let arrived = in_order.iter().take_while(|(_, number)| run.cloud.count(*number) == 1).count();
        for (_, number) in &in_order[arrived..] {
            prop_assert_eq!(run.cloud.count(*number), 0);
            let receipt = run.promised[number];
            let place = run.cloud.places.get(&(receipt.epoch, receipt.sequence));
            prop_assert_eq!(place, Some(&Place::Gone));
        }
        let lost_at_most = in_order.len().min(size.saturating_sub(kept) / 100 + 1);
        prop_assert!(in_order.len() - arrived <= lost_at_most.max(usize::from(kept < size)) + usize::from(kept < 64) * 8);
    }
}
