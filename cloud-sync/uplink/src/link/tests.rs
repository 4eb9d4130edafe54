//! The link over a simulated line, broker and cloud, on a simulated clock.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const ALARMS: u64 = 4;
const TRANSCRIPTS: u64 = 7;

/// What travels, and when it is there.
#[derive(Clone, Debug)]
enum Event {
    Connected,
    Subscribed,
    Lost,
    Closed,
    Taken,
    /// A batch reaches the cloud.
    Batch {
        epoch: u64,
        through: u64,
        from: u64,
    },
    Ack(Ack),
}

/// A line with a speed, a delay and faults; records have a size each.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a test throws"
)]
struct Simulation {
    now: Instant,
    start: Instant,
    link: Link,
    /// Bytes a second.
    speed: f64,
    delay: Duration,
    is_up: bool,
    /// The broker takes messages but the cloud is away.
    cloud_is_away: bool,
    /// Nothing comes back and nobody says so.
    is_half_open: bool,
    /// A lane that the disk does not give, and how often it was asked for it.
    unreadable: Option<Lane>,
    reads: u64,
    /// When the line has sent what it was given.
    free_at: Instant,
    events: Vec<(Instant, Event)>,
    /// Records stored on the box, by stream: how many, and of what size.
    stored: BTreeMap<u64, (u64, usize)>,
    /// What the box knows as stored in the cloud.
    watermarks: BTreeMap<u64, u64>,
    /// What the cloud has.
    cloud: BTreeSet<(u64, u64)>,
    /// In which order it came.
    arrived: Vec<(Duration, u64, u64)>,
    duplicates: u64,
    /// How often the cloud was taken for one that has lost something.
    regressions: u64,
    connections: Vec<Duration>,
    finished: bool,
    wire_bytes: u64,
}

fn lane_of(epoch: u64) -> Lane {
    if epoch == ALARMS {
        Lane::Alarm
    } else {
        Lane::Transcript
    }
}

fn epoch_of(lane: Lane) -> u64 {
    match lane {
        Lane::Alarm => ALARMS,
        Lane::Transcript => TRANSCRIPTS,
        Lane::Metric | Lane::Fleet => 0,
    }
}

impl Simulation {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the beginning"
    )]
    fn new(tuning: Tuning) -> Self {
        let start = Instant::now();
        Self {
            now: start,
            start,
            link: Link::new(start, tuning, 11),
            speed: 1e6,
            delay: Duration::from_millis(30),
            is_up: true,
            cloud_is_away: false,
            is_half_open: false,
            unreadable: None,
            reads: 0,
            free_at: start,
            events: Vec::new(),
            stored: BTreeMap::new(),
            watermarks: BTreeMap::new(),
            cloud: BTreeSet::new(),
            arrived: Vec::new(),
            duplicates: 0,
            regressions: 0,
            connections: Vec::new(),
            finished: false,
            wire_bytes: 0,
        }
    }

    fn store(&mut self, epoch: u64, count: u64, bytes: usize) {
        let stored = self.stored.entry(epoch).or_insert((0, bytes));
        stored.0 += count;
        self.link.handle(self.now, Input::Stored);
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.events.push((self.now + delay, event));
    }

    /// Runs until `elapsed` since the start.
    fn run_until(&mut self, elapsed: Duration) {
        let end = self.start + elapsed;
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "the link does not come to rest");
            while let Some(output) = self.link.poll() {
                self.perform(output);
            }
            let event = self.events.iter().map(|(at, _)| *at).min();
            let next = [event, self.link.deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) {
        let due = self.events.iter().position(|(at, _)| *at <= self.now);
        let Some(due) = due else {
            self.link.handle(self.now, Input::Tick);
            return;
        };
        let (_, event) = self.events.remove(due);
        let input = match event {
            Event::Connected => Input::Connected,
            Event::Subscribed => Input::Subscribed,
            Event::Lost => Input::Lost,
            Event::Closed => Input::Closed,
            Event::Taken => Input::Taken,
            Event::Ack(ack) => {
                let watermark = self.watermarks.entry(ack.epoch).or_default();
                *watermark = (*watermark).max(ack.sequence);
                Input::Ack(ack)
            }
            Event::Batch {
                epoch,
                from,
                through,
            } => {
                self.receive(epoch, from, through);
                return;
            }
        };
        self.link.handle(self.now, input);
    }

    fn receive(&mut self, epoch: u64, from: u64, through: u64) {
        if self.cloud_is_away {
            return;
        }
        for sequence in from..=through {
            if self.cloud.insert((epoch, sequence)) {
                self.arrived.push((self.now - self.start, epoch, sequence));
            } else {
                self.duplicates += 1;
            }
        }
        let sequence = (1..=u64::MAX)
            .take_while(|sequence| self.cloud.contains(&(epoch, *sequence)))
            .count();
        let ack = Ack {
            epoch,
            sequence: sequence as u64,
        };
        if !self.is_half_open {
            self.after(self.delay, Event::Ack(ack));
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect => {
                self.connections.push(self.now - self.start);
                let event = if self.is_up {
                    Event::Connected
                } else {
                    Event::Lost
                };
                self.after(2 * self.delay, event);
            }
            Output::Subscribe => self.after(2 * self.delay, Event::Subscribed),
            Output::Regressed(ack) => {
                self.regressions += 1;
                self.watermarks.insert(ack.epoch, ack.sequence);
            }
            Output::Disconnect => self.forget_connection(),
            Output::Finished => self.finished = true,
            Output::Send { lane, after, most } => self.send(lane, after, most),
        }
    }

    /// What is on its way on a connection that ends may or may not arrive: here batches do.
    fn forget_connection(&mut self) {
        self.events
            .retain(|(_, event)| matches!(event, Event::Batch { .. }));
        self.free_at = self.now;
    }

    fn send(&mut self, lane: Lane, after: Option<(u64, u64)>, most: usize) {
        if self.unreadable == Some(lane) {
            self.reads += 1;
            self.link.handle(self.now, Input::Unread(lane));
            return;
        }
        let epoch = epoch_of(lane);
        let (count, bytes) = self.stored.get(&epoch).copied().unwrap_or_default();
        let watermark = self.watermarks.get(&epoch).copied().unwrap_or(0);
        let from = after.map_or(0, |(_, sequence)| sequence).max(watermark) + 1;
        if from > count {
            self.link.handle(self.now, Input::Empty(lane));
            return;
        }
        let through = (from + (most / bytes) as u64)
            .saturating_sub(1)
            .clamp(from, count);
        let size = (through - from + 1) as usize * bytes;
        self.wire_bytes += size as u64;
        self.free_at =
            self.free_at.max(self.now) + Duration::from_secs_f64(size as f64 / self.speed);
        let there = self.free_at + self.delay;
        if !self.is_half_open {
            self.events.push((there + self.delay, Event::Taken));
            self.events.push((
                there,
                Event::Batch {
                    epoch,
                    from,
                    through,
                },
            ));
        }
        self.link.handle(
            self.now,
            Input::Sent {
                lane,
                epoch,
                through,
                bytes: size,
            },
        );
    }

    fn cut(&mut self) {
        self.is_up = false;
        self.forget_connection();
        self.after(Duration::ZERO, Event::Lost);
    }

    /// The broker closes the connection, and would take another.
    fn close(&mut self) {
        self.forget_connection();
        self.after(Duration::ZERO, Event::Closed);
    }

    fn has(&self, epoch: u64) -> u64 {
        self.cloud
            .iter()
            .filter(|(found, _)| *found == epoch)
            .count() as u64
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

#[test]
fn records_leave_as_they_come() {
    let mut sim = Simulation::new(Tuning::default());
    sim.run_until(Duration::from_secs(1));
    assert_eq!(sim.link.state(sim.now), State::Live);
    sim.store(TRANSCRIPTS, 5, 1_000);
    sim.run_until(Duration::from_secs(2));
    assert_eq!((sim.has(TRANSCRIPTS), sim.duplicates), (5, 0));
    assert_eq!(sim.connections.len(), 1);
}

#[test]
fn three_days_without_a_line_are_caught_up_exactly() {
    let mut sim = Simulation::new(Tuning::default());
    sim.run_until(minutes(1));
    sim.cut();
    for hour in 0..72_u64 {
        sim.store(TRANSCRIPTS, 60, 3_000);
        sim.run_until(minutes(60 * (hour + 1)));
        assert_eq!(sim.link.state(sim.now), State::Offline);
    }
    let tries = sim.connections.len();
    assert!(
        (3_000..12_000).contains(&tries),
        "{tries} tries in three days"
    );
    sim.is_up = true;
    let back = minutes(60 * 72);
    sim.run_until(back + minutes(3));
    assert_eq!((sim.has(TRANSCRIPTS), sim.duplicates), (72 * 60, 0));
    assert_eq!(sim.link.state(sim.now), State::Live);
}

#[test]
fn a_line_of_9600_bits_a_second_is_used_up_and_nothing_is_sent_twice() {
    let mut sim = Simulation::new(Tuning::default());
    sim.speed = 1_200.0;
    sim.delay = Duration::from_millis(300);
    sim.store(TRANSCRIPTS, 300, 800);
    sim.run_until(Duration::from_secs(30));
    assert_eq!(sim.link.state(sim.now), State::Slow);
    // An alarm passes a backlog of three minutes.
    sim.store(ALARMS, 1, 300);
    let stored = sim.now;
    sim.run_until(minutes(5));
    let alarm = sim
        .arrived
        .iter()
        .find(|(_, epoch, _)| *epoch == ALARMS)
        .unwrap();
    let took = (sim.start + alarm.0).duration_since(stored);
    assert!(took < Duration::from_secs(35), "the alarm took {took:?}");
    assert_eq!(sim.has(TRANSCRIPTS), 300);
    let share = sim.wire_bytes as f64 / (300.0 * 800.0);
    assert!(share < 1.1, "{share:.2} times the bytes were sent");
    let (last, ..) = *sim.arrived.last().unwrap();
    assert!(
        last < Duration::from_secs(230),
        "200 s would do, it took {last:?}"
    );
}

#[test]
fn alarms_leave_first() {
    let mut sim = Simulation::new(Tuning::default());
    sim.speed = 10_000.0;
    sim.store(TRANSCRIPTS, 500, 2_000);
    sim.store(ALARMS, 3, 300);
    sim.run_until(minutes(5));
    let first: Vec<u64> = sim
        .arrived
        .iter()
        .take(3)
        .map(|(_, epoch, _)| *epoch)
        .collect();
    assert_eq!(first, [ALARMS; 3]);
    assert_eq!(lane_of(ALARMS), Lane::Alarm);
}

#[test]
fn a_cloud_that_is_away_is_asked_ever_more_rarely_and_then_gets_everything() {
    let mut sim = Simulation::new(Tuning::default());
    sim.cloud_is_away = true;
    sim.store(TRANSCRIPTS, 100, 1_000);
    sim.run_until(minutes(60));
    assert_eq!(sim.connections.len(), 1, "the connection itself is well");
    assert!(
        sim.wire_bytes < 200_000,
        "{} bytes were sent in vain",
        sim.wire_bytes
    );
    sim.cloud_is_away = false;
    sim.run_until(minutes(75));
    assert_eq!(sim.has(TRANSCRIPTS), 100);
}

#[test]
fn a_cloud_that_lost_what_it_had_confirmed_gets_it_again() {
    let mut sim = Simulation::new(Tuning::default());
    sim.store(TRANSCRIPTS, 10, 1_000);
    sim.run_until(minutes(1));
    assert_eq!((sim.has(TRANSCRIPTS), sim.regressions), (10, 0));
    sim.cloud.retain(|(_, sequence)| *sequence <= 4);
    sim.store(TRANSCRIPTS, 5, 1_000);
    sim.run_until(minutes(2));
    assert_eq!(sim.has(TRANSCRIPTS), 15);
    // What was under way is told of once more at most.
    let told = sim.regressions;
    assert!((1..=2).contains(&told), "{told}");
    sim.store(TRANSCRIPTS, 5, 1_000);
    sim.run_until(minutes(3));
    assert_eq!((sim.has(TRANSCRIPTS), sim.regressions), (20, told));
    assert_eq!(sim.connections.len(), 1);
}

#[test]
fn one_low_watermark_alone_is_no_evidence_of_a_loss() {
    let mut sim = Simulation::new(Tuning::default());
    sim.store(TRANSCRIPTS, 10, 1_000);
    sim.run_until(minutes(1));
    sim.store(TRANSCRIPTS, 5, 1_000);
    let late = Ack {
        epoch: TRANSCRIPTS,
        sequence: 3,
    };
    sim.after(Duration::ZERO, Event::Ack(late));
    sim.run_until(minutes(3));
    assert_eq!((sim.has(TRANSCRIPTS), sim.regressions), (15, 0));
    assert_eq!(sim.duplicates, 0);
}

#[test]
fn a_lane_that_cannot_be_read_rests_and_the_others_go_on() {
    let mut sim = Simulation::new(Tuning::default());
    sim.unreadable = Some(Lane::Transcript);
    sim.store(TRANSCRIPTS, 5, 1_000);
    for minute in 1..=10 {
        sim.store(ALARMS, 1, 300);
        sim.run_until(minutes(minute));
        assert_eq!(sim.has(ALARMS), minute);
    }
    assert_eq!(sim.connections.len(), 1);
    assert!((29..=31).contains(&sim.reads), "{} tries", sim.reads);
    sim.unreadable = None;
    sim.run_until(minutes(11));
    assert_eq!(sim.has(TRANSCRIPTS), 5);
}

#[test]
fn a_half_open_connection_is_given_up() {
    let mut sim = Simulation::new(Tuning::default());
    sim.run_until(Duration::from_secs(5));
    sim.is_half_open = true;
    sim.store(TRANSCRIPTS, 10, 1_000);
    sim.run_until(Duration::from_secs(30));
    assert!(sim.connections.len() > 1, "{:?}", sim.connections);
    sim.is_half_open = false;
    sim.run_until(minutes(2));
    assert_eq!(sim.has(TRANSCRIPTS), 10);
}

#[test]
fn catching_up_leaves_the_rest_of_the_line_to_the_branch() {
    let tuning = Tuning {
        catch_up_bytes_per_s: Some(20_000),
        ..Tuning::default()
    };
    let mut sim = Simulation::new(tuning);
    sim.store(TRANSCRIPTS, 1_000, 2_000);
    sim.run_until(Duration::from_secs(50));
    let sent = sim.has(TRANSCRIPTS) * 2_000;
    assert!((900_000..1_100_000).contains(&sent), "{sent} bytes in 50 s");
    assert_eq!(sim.link.state(sim.now), State::CatchingUp);
    sim.run_until(Duration::from_secs(110));
    assert_eq!(sim.has(TRANSCRIPTS), 1_000);
    assert_eq!(sim.link.state(sim.now), State::Live);
}

#[test]
fn boxes_that_lost_the_same_broker_do_not_return_in_step() {
    let waits = |seed| {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(1), seed);
        std::iter::repeat_with(move || backoff.next())
            .take(10)
            .collect::<Vec<_>>()
    };
    let (one, other) = (waits(1 << 40), waits(2 << 40));
    assert_ne!(one, other);
    assert_eq!(one, waits(1 << 40));
    for (count, wait) in one.iter().enumerate() {
        let whole = Duration::from_secs((1 << count).min(60));
        assert!(whole / 2 <= *wait && *wait <= whole, "{count}: {wait:?}");
    }
}

#[test]
fn whom_the_broker_cuts_short_again_and_again_comes_back_ever_later() {
    let mut sim = Simulation::new(Tuning::default());
    let mut closed = Vec::new();
    for turn in 1..=10 {
        sim.store(TRANSCRIPTS, 1, 100);
        sim.run_until(Duration::from_secs(100 * turn));
        assert_eq!(
            sim.has(TRANSCRIPTS),
            turn,
            "every connection brings something"
        );
        closed.push(sim.now - sim.start);
        sim.close();
    }
    sim.run_until(Duration::from_secs(1_100));
    let waits: Vec<Duration> = sim.connections[1..]
        .iter()
        .zip(&closed)
        .map(|(back, closed)| *back - *closed)
        .collect();
    assert_eq!(waits.len(), 10);
    assert!(waits[0] <= Duration::from_secs(1), "{waits:?}");
    assert!(
        waits[8..]
            .iter()
            .all(|wait| *wait >= Duration::from_secs(30)),
        "{waits:?}"
    );
    // A connection that lasts, and then ends, was no contest.
    sim.run_until(Duration::from_secs(1_400));
    sim.store(TRANSCRIPTS, 1, 100);
    sim.run_until(Duration::from_secs(1_401));
    sim.close();
    sim.run_until(Duration::from_secs(1_402));
    assert_eq!(sim.connections.len(), 12);
}

#[test]
fn a_stop_sends_what_is_left_but_not_for_ever() {
    let mut sim = Simulation::new(Tuning::default());
    sim.store(TRANSCRIPTS, 20, 1_000);
    sim.link.handle(
        sim.now,
        Input::Stop {
            by: sim.now + minutes(1),
        },
    );
    sim.run_until(Duration::from_secs(10));
    assert!(sim.finished);
    assert_eq!(sim.has(TRANSCRIPTS), 20);

    let mut sim = Simulation::new(Tuning::default());
    sim.is_up = false;
    sim.store(TRANSCRIPTS, 20, 1_000);
    sim.link.handle(
        sim.now,
        Input::Stop {
            by: sim.now + minutes(1),
        },
    );
    sim.run_until(Duration::from_secs(59));
    assert!(!sim.finished);
    assert_eq!(sim.link.state(sim.now), State::Stopping);
    sim.run_until(Duration::from_secs(61));
    assert!(sim.finished);
    assert_eq!(sim.link.deadline(), None);
}
