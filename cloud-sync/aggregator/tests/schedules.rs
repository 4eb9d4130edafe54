//! Ten thousand random schedules of faults between a box and the cloud: nothing that was stored on
//! the box is lost, nothing is in the cloud's store twice.
//!
//! The outbox, the link and the store are the real ones. Disk, network, broker and clock are
//! simulated, and break: the box is killed or loses power at any write, connections end or go
//! silent, messages and watermarks are lost, late, repeated and out of order, and the aggregator
//! dies before and after its commit.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use trunkside_aggregator::store::{
    CallFilter, Committed, Message, Postgres, PostgresOptions, Scope, Sqlite, Store,
};
use trunkside_record::{
    Ack, Batch, Body, Lane, Origin, Timestamp, VERSION, decode, decode_ack, encode, encode_ack,
};
use trunkside_uplink::link::{Input, Link, Output};
use trunkside_uplink::{Outbox, OutboxOptions, Receipt, Tuning};

#[path = "../../uplink/tests/support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
mod support;
use disk::{FaultyDisk, Random};

enum Event {
    Connected,
    Subscribed,
    Lost,
    Taken,
    Watermark(Vec<u8>),
    /// A message reaches the aggregator.
    Batch(Lane, Vec<u8>),
}

struct World<'a> {
    now: Instant,
    random: Random,
    disk: FaultyDisk,
    outbox: Option<Outbox>,
    link: Link,
    /// Events of an earlier connection mean nothing, except messages that the broker has.
    connection: u64,
    events: Vec<(Instant, u64, Event)>,
    store: &'a dyn Store,
    origin: Origin,
    /// How likely anything goes wrong: once in so many times; never when none.
    faults: Option<u64>,
    promised: HashSet<String>,
    attempted: u64,
    /// Calls that were posted and that the box's call store has not noted as kept; where, in this life of the
    /// box.
    posted: BTreeMap<u64, Vec<Receipt>>,
    /// Records that were posted once more.
    again: u64,
    stored: u64,
    lost: u64,
}

fn tuning() -> Tuning {
    Tuning {
        first_window_bytes: 2_000,
        least_window_bytes: 1_000,
        most_window_bytes: 8_000,
        most_flights: 4,
        batch_bytes: 1_500,
        ..Tuning::default()
    }
}

impl<'a> World<'a> {
    fn new(seed: u64, start: Instant, store: &'a dyn Store) -> Self {
        let mut world = Self {
            now: start,
            random: Random::new(seed),
            disk: FaultyDisk::new(seed),
            outbox: None,
            link: Link::new(start, tuning(), seed),
            connection: 0,
            events: Vec::new(),
            store,
            origin: Origin::new("acme", format!("branch{seed}"), "box1").unwrap(),
            faults: None,
            promised: HashSet::new(),
            attempted: seed * 1_000,
            posted: BTreeMap::new(),
            again: 0,
            stored: 0,
            lost: 0,
        };
        world.start_box();
        world.faults = Some(4 + world.random.below(30));
        world
    }

    fn goes_wrong(&mut self) -> bool {
        self.faults.is_some_and(|times| self.random.once_in(times))
    }

    fn soon(&mut self) -> Duration {
        Duration::from_millis(5 + self.random.below(2_000))
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.events.push((self.now + delay, self.connection, event));
    }

    fn start_box(&mut self) {
        let options = OutboxOptions {
            segment_bytes: 1_500,
            ..OutboxOptions::default()
        };
        let opened = Outbox::with_storage(Box::new(self.disk.clone()), options).unwrap();
        self.outbox = Some(opened.0);
        self.connection += 1;
        self.link = Link::new(self.now, tuning(), self.random.next());
    }

    /// The box dies and comes back; what it had in hand is gone.
    fn kill_box(&mut self) {
        std::mem::forget(self.outbox.take());
        if self.random.once_in(2) {
            self.disk.power_cut();
        } else {
            self.disk.restart();
        }
        self.start_box();
        // The call store brings again what it does not know as kept.
        for number in std::mem::take(&mut self.posted).into_keys() {
            self.again += 2;
            self.post(number);
        }
    }

    /// A call that lies in the box's call store is sent from memory.
    fn post_records(&mut self) {
        let number = self.attempted;
        self.attempted += 1;
        self.post(number);
    }

    fn post(&mut self, number: u64) {
        let outbox = self.outbox.as_ref().expect("the box is on");
        let bodies = support::call(number);
        let stamp = support::stamp(number);
        let posted = outbox.post_each(bodies.iter().map(|body| (stamp, body)));
        // One that was refused comes again with the next start; the test's call store asks no earlier.
        let places = posted.places.into_iter().flatten().collect();
        self.posted.insert(number, places);
        self.promised.insert(name(&bodies[0]));
        self.link.handle(self.now, Input::Stored);
    }

    /// The call store notes which calls need not be brought again; at times the others go to the disk before.
    fn mark_posted(&mut self) {
        let outbox = self.outbox.as_ref().expect("the box is on");
        if self.random.once_in(2) {
            let _ = outbox.flush(&Lane::ALL);
        }
        let is_kept = |place: &Receipt| outbox.is_kept(place);
        self.posted
            .retain(|_, places| places.len() < 2 || !places.iter().all(is_kept));
    }

    fn store_records(&mut self) {
        let outbox = self.outbox.as_ref().expect("the box is on");
        let number = self.attempted;
        self.attempted += 1;
        let [summary, transcript] = support::call(number);
        let id = name(&summary);
        if outbox
            .append(support::stamp(number), &[summary, transcript])
            .is_ok()
        {
            self.promised.insert(id);
        }
        self.link.handle(self.now, Input::Stored);
    }

    /// Does everything that is due until `end`.
    fn run_until(&mut self, end: Instant) {
        for step in 0.. {
            assert!(step < 100_000, "the link does not come to rest");
            while let Some(output) = self.link.poll() {
                self.perform(output);
            }
            let event = self.events.iter().map(|(at, ..)| *at).min();
            let next = [event, self.link.deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(end);
    }

    fn step(&mut self) {
        let due = self.events.iter().position(|(at, ..)| *at <= self.now);
        let Some(due) = due else {
            self.link.handle(self.now, Input::Tick);
            return;
        };
        let (_, connection, event) = self.events.swap_remove(due);
        let current = connection == self.connection;
        let input = match event {
            Event::Batch(lane, payload) => return self.receive(lane, &payload),
            _ if !current => return,
            Event::Connected => Input::Connected,
            Event::Subscribed => Input::Subscribed,
            Event::Taken => Input::Taken,
            Event::Lost => {
                self.connection += 1;
                Input::Lost
            }
            Event::Watermark(payload) => {
                let ack = decode_ack(&payload).unwrap();
                self.outbox.as_ref().expect("the box is on").acked(ack);
                Input::Ack(ack)
            }
        };
        self.link.handle(self.now, input);
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect => {
                self.connection += 1;
                let event = if self.goes_wrong() {
                    Event::Lost
                } else {
                    Event::Connected
                };
                let delay = self.soon();
                self.after(delay, event);
            }
            Output::Subscribe => {
                let delay = self.soon();
                self.after(delay, Event::Subscribed);
            }
            Output::Regressed(ack) => {
                let outbox = self.outbox.as_ref().expect("the box is on");
                outbox.forgotten(ack);
            }
            Output::Disconnect => self.connection += 1,
            Output::Finished => {}
            Output::Send { lane, after, most } => self.send(lane, after, most),
        }
    }

    fn send(&mut self, lane: Lane, after: Option<(u64, u64)>, most: usize) {
        let outbox = self.outbox.as_ref().expect("the box is on");
        let pending = match outbox.pending(lane, after, most) {
            Ok(Some(pending)) => pending,
            Ok(None) => return self.link.handle(self.now, Input::Empty(lane)),
            Err(_) => return self.link.handle(self.now, Input::Unread(lane)),
        };
        let (epoch, through) = (pending.epoch, pending.through);
        let Origin {
            tenant,
            branch,
            device,
        } = self.origin.clone();
        let batch = Batch {
            v: VERSION,
            tenant,
            branch,
            device,
            epoch,
            records: pending.records,
        };
        let payload = encode(&batch);
        let bytes = payload.len();
        self.carry(lane, payload);
        self.link.handle(
            self.now,
            Input::Sent {
                lane,
                epoch,
                through,
                bytes,
            },
        );
    }

    /// The network and the broker: lost with the connection, taken and lost, repeated, late.
    fn carry(&mut self, lane: Lane, payload: Vec<u8>) {
        if self.goes_wrong() {
            let delay = self.soon();
            self.after(delay, Event::Lost);
            if self.random.once_in(2) {
                return;
            }
        }
        if !self.goes_wrong() {
            let delay = self.soon();
            self.after(delay, Event::Taken);
        }
        while self.goes_wrong() {
            let delay = 20 * self.soon();
            self.after(delay, Event::Batch(lane, payload.clone()));
        }
        if !self.goes_wrong() {
            let delay = self.soon();
            self.after(delay, Event::Batch(lane, payload));
        }
    }

    /// The aggregator: dies before the commit, or after it and before the watermark is out.
    fn receive(&mut self, lane: Lane, payload: &[u8]) {
        if self.goes_wrong() {
            return;
        }
        let message = Message {
            origin: self.origin.clone(),
            lane,
            batch: decode(payload).unwrap(),
        };
        let Committed {
            acks, stored, lost, ..
        } = self
            .store
            .commit(&[message], Timestamp::UNIX_EPOCH)
            .unwrap();
        self.stored += stored;
        self.lost += lost;
        for (_, ack) in acks {
            self.answer(ack);
        }
    }

    fn answer(&mut self, ack: Ack) {
        if !self.goes_wrong() {
            let delay = self.soon();
            self.after(delay, Event::Watermark(encode_ack(ack)));
        }
    }

    /// Some hours in which things go wrong.
    fn live(&mut self) {
        for _ in 0..3 + self.random.below(12) {
            match self.random.below(12) {
                8..10 => self.post_records(),
                10 => self.mark_posted(),
                11 => {
                    self.post_records();
                    self.run_until(self.now + Duration::from_secs(1));
                    self.kill_box();
                }
                0 => self.kill_box(),
                1 => {
                    let operations = self.random.below(30);
                    self.disk.stop_after(operations);
                    self.store_records();
                    self.store_records();
                    self.run_until(self.now + Duration::from_secs(5));
                    self.kill_box();
                }
                2 => {
                    self.connection += 1;
                    self.link.handle(self.now, Input::Lost);
                }
                _ => self.store_records(),
            }
            let pause = self.random.below(40);
            self.run_until(self.now + Duration::from_secs(pause));
        }
    }

    /// Nothing goes wrong any more: everything arrives.
    fn recover(&mut self) {
        self.faults = None;
        self.kill_box();
        let end = self.now + Duration::from_hours(2);
        while self
            .outbox
            .as_ref()
            .expect("the box is on")
            .status()
            .records()
            > 0
        {
            assert!(self.now < end, "the box does not get rid of its records");
            self.run_until(self.now + Duration::from_secs(30));
        }
    }

    fn check(&self, seed: u64, rows: u64) {
        let filter = CallFilter {
            tenant: Some(self.origin.tenant.to_string()),
            branch: Some(self.origin.branch.to_string()),
            ..CallFilter::default()
        };
        let calls = self
            .store
            .calls(&Scope::ALL, &filter, 500, None)
            .unwrap()
            .calls;
        let found: HashSet<String> = calls
            .iter()
            .map(|call| call.summary.call.to_string())
            .collect();
        let missing: Vec<_> = self.promised.difference(&found).collect();
        assert!(missing.is_empty(), "schedule {seed}: {missing:?} are lost");
        assert_eq!(self.lost, 0, "schedule {seed}: the cloud counts losses");
        // What was brought again may be in two places of the streams; it is in one row.
        assert!(
            rows <= self.stored && self.stored <= rows + self.again,
            "schedule {seed}: {} records came new, {rows} rows are there",
            self.stored
        );
        let records = 2 * (self.attempted - seed * 1_000);
        assert!(
            rows <= records,
            "schedule {seed}: {rows} rows of {records} records"
        );
    }
}

/// The call's name.
fn name(summary: &Body) -> String {
    match summary {
        Body::Call(call) => call.call.to_string(),
        _ => unreachable!("the first is the summary"),
    }
}

/// What lies in the tables, words whose call was never stored included.
const ROWS: &str = "SELECT (SELECT count(*) FROM {schema}call
     WHERE (tenant, branch) = ('acme', {branch}))
  + (SELECT count(*) FROM {schema}transcript
     WHERE (tenant, branch) = ('acme', {branch}))";

fn run(seeds: Range<u64>) {
    let shared_memory = std::path::Path::new("/dev/shm");
    let folder = if shared_memory.is_dir() {
        tempfile::tempdir_in(shared_memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    let store = Sqlite::open(folder.path()).unwrap();
    let reader = rusqlite::Connection::open(folder.path().join("trunkside-cloud.sqlite")).unwrap();
    let sql = ROWS.replace("{schema}", "").replace("{branch}", "?1");
    run_on(&store, seeds, |branch| {
        let rows = reader.query_row(&sql, [branch], |row| row.get::<_, i64>(0));
        rows.unwrap().cast_unsigned()
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the beginning"
)]
fn run_on(store: &dyn Store, seeds: Range<u64>, mut rows: impl FnMut(&str) -> u64) {
    let start = Instant::now();
    for seed in seeds {
        let mut world = World::new(seed, start, store);
        world.live();
        world.recover();
        world.check(seed, rows(world.origin.branch.as_str()));
    }
}

#[test]
fn some_schedules_on_postgres() {
    let Some(cluster) = support::cluster::Cluster::start() else {
        return;
    };
    let store = Postgres::open(&PostgresOptions {
        address: cluster.database(),
        ..PostgresOptions::default()
    });
    // As the superuser, whom row-level security does not bind.
    let address = cluster.address("postgres", "t0");
    let mut reader = postgres::Client::connect(&address, postgres::NoTls).unwrap();
    let sql = ROWS
        .replace("{schema}", "trunkside.")
        .replace("{branch}", "$1");
    run_on(&store.unwrap(), 0..40, |branch| {
        let row = reader.query_one(&sql, &[&branch]).unwrap();
        row.get::<_, i64>(0).cast_unsigned()
    });
}

// In four parts, so that they run beside each other.

#[test]
fn ten_thousand_schedules_first_quarter() {
    run(0..2_500);
}

#[test]
fn ten_thousand_schedules_second_quarter() {
    run(2_500..5_000);
}

#[test]
fn ten_thousand_schedules_third_quarter() {
    run(5_000..7_500);
}

#[test]
fn ten_thousand_schedules_fourth_quarter() {
    run(7_500..10_000);
}
