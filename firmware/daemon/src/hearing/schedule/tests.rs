use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000;
/// As the shipped model takes them.
const SHIPPED: Chunks = chunks(160, 4);

const fn chunks(ms: u64, most: u32) -> Chunks {
    Chunks {
        length: Duration::from_millis(ms),
        most,
    }
}

/// Whether a side's frame of that number completes a chunk.
const fn completes(takes: Chunks, number: u64) -> bool {
    let frames = takes.length.as_millis() as u64 / 20;
    (number + 1).is_multiple_of(frames)
}

/// One call of the simulation; a frame of each side every 20 ms, the second one's half a chunk later.
#[derive(Clone, Debug)]
struct Caller {
    from_us: u64,
    until_us: u64,
    /// Frames that come at once, every 20 ms.
    burst: u64,
    sides: usize,
}

impl Caller {
    const fn new(from_ms: u64, until_ms: u64) -> Self {
        Self {
            from_us: from_ms * MS,
            until_us: until_ms * MS,
            burst: 1,
            sides: 1,
        }
    }

    const fn bridged(from_ms: u64, until_ms: u64) -> Self {
        Self {
            sides: 2,
            ..Self::new(from_ms, until_ms)
        }
    }
}

/// A frame: its place in its side, and when it came.
type Frame = (u64, u64);

/// The second side's first frame.
const OTHER_SIDE: u64 = 1 << 40;

#[derive(Clone, Debug, Default)]
struct Heard {
    key: Option<Key>,
    sent: [u64; 2],
    frames: Vec<u64>,
    lags_us: Vec<(u64, u64)>,
    is_running: bool,
    has_ended: bool,
}

/// Workers under a simulated clock in steps of 1 ms; a chunk takes `cost_us`, of which a hop of
/// several saves a quarter.
struct World {
    schedule: Schedule<Frame>,
    callers: Vec<Caller>,
    heard: Vec<Heard>,
    workers: Vec<Option<(u64, u64, Turn<Frame>)>>,
    takes: Chunks,
    cost_us: u64,
    longest_hop: u32,
    most_unheard: usize,
}

impl World {
    fn new(workers: usize, cost_us: u64, callers: Vec<Caller>) -> Self {
        Self {
            schedule: Schedule::new(Rules::new(workers)),
            heard: vec![Heard::default(); callers.len()],
            callers,
            workers: vec![None; workers],
            takes: SHIPPED,
            cost_us,
            longest_hop: 0,
            most_unheard: 0,
        }
    }

    fn taking(self, takes: Chunks) -> Self {
        Self { takes, ..self }
    }

    fn run(mut self, until_ms: u64) -> Self {
        for now_us in (0..=until_us(until_ms)).step_by(MS as usize) {
            self.finish_turns(now_us);
            self.send(now_us);
            self.begin_turns(now_us);
            let figures = self.schedule.figures();
            self.longest_hop = self.longest_hop.max(figures.hop);
            self.most_unheard = self.most_unheard.max(figures.unheard);
        }
        self
    }

    fn send(&mut self, now_us: u64) {
        let now = Duration::from_micros(now_us);
        for (caller, heard) in self.callers.iter().zip(&mut self.heard) {
            if now_us == caller.from_us {
                heard.key = Some(self.schedule.open(now, self.takes));
            }
            let Some(key) = heard.key.filter(|_| !heard.has_ended) else {
                continue;
            };
            if now_us >= caller.until_us {
                heard.has_ended = true;
                self.schedule.close(now, key);
            } else if now_us > caller.from_us && (now_us - caller.from_us).is_multiple_of(20 * MS) {
                let since = now_us - caller.from_us;
                for side in (0..caller.sides).filter(|side| since > *side as u64 * 80 * MS) {
                    for _ in 0..caller.burst {
                        let number = OTHER_SIDE * side as u64 + heard.sent[side];
                        let completes = completes(self.takes, number);
                        self.schedule.arrive(now, key, (number, now_us), completes);
                        heard.sent[side] += 1;
                    }
                }
            }
        }
    }

    fn begin_turns(&mut self, now_us: u64) {
        for worker in self.workers.iter_mut().filter(|worker| worker.is_none()) {
            let Some(turn) = self.schedule.take(Duration::from_micros(now_us)) else {
                return;
            };
            let frames = turn.frames.iter();
            let complete = frames.filter(|(number, _)| completes(self.takes, *number));
            let chunks = complete.count() as u64;
            let saved = if chunks.min(u64::from(self.takes.most)) > 1 {
                4
            } else {
                0
            };
            let cost = self.cost_us * chunks * (16 - saved) / 16;
            let heard = self
                .heard
                .iter_mut()
                .find(|heard| heard.key == Some(turn.call));
            let heard = heard.expect("only calls that were opened have turns");
            assert!(!heard.is_running, "two workers hear one call");
            heard.is_running = true;
            *worker = Some((now_us + cost, cost, turn));
        }
    }

    fn finish_turns(&mut self, now_us: u64) {
        for worker in &mut self.workers {
            let Some((_, cost, turn)) = worker.take_if(|(end, ..)| *end <= now_us) else {
                continue;
            };
            let heard = self
                .heard
                .iter_mut()
                .find(|heard| heard.key == Some(turn.call));
            let heard = heard.expect("only calls that were opened have turns");
            heard.is_running = false;
            if turn.is_last {
                heard.key = None;
            }
            for &(number, came_us) in &turn.frames {
                heard.frames.push(number);
                heard.lags_us.push((came_us, now_us - came_us));
            }
            let took = Duration::from_micros(cost);
            let now = Duration::from_micros(now_us);
            self.schedule.done(now, turn.call, turn.is_last, took);
        }
    }

    /// The longest that a frame waited that came after `from_ms`, in milliseconds.
    fn worst_lag_ms(&self, call: usize, from_ms: u64) -> u64 {
        let lags = self.heard[call].lags_us.iter();
        let late = lags.filter(|(came, _)| *came >= from_ms * MS);
        late.map(|(_, lag)| lag / MS).max().unwrap_or(0)
    }

    fn all_frames(&self) -> u64 {
        let sent = self.heard.iter().flat_map(|heard| heard.sent);
        sent.sum()
    }

    /// The share of a call's frames that was heard.
    fn share(&self, call: usize) -> f64 {
        let heard = &self.heard[call];
        heard.frames.len() as f64 / heard.sent.iter().sum::<u64>() as f64
    }

    fn heard_frames(&self) -> u64 {
        self.heard
            .iter()
            .map(|heard| heard.frames.len() as u64)
            .sum()
    }
}

const fn until_us(ms: u64) -> u64 {
    ms * MS
}

#[test]
fn calls_that_fit_are_heard_whole_and_in_time() {
    let callers = (0..60).map(|n| Caller::new(n * 7, 10_000)).collect();
    let world = World::new(2, 4_000, callers).run(11_000);
    assert_eq!(world.heard_frames(), world.all_frames());
    let worst = (0..60).map(|call| world.worst_lag_ms(call, 0)).max();
    assert!(
        worst.unwrap() < 160 + 100,
        "{worst:?} ms, a frame's wait for its chunk included"
    );
    assert_eq!((world.longest_hop, world.most_unheard), (1, 0));
    assert_eq!(world.schedule.figures().calls, 0);
}

#[test]
fn a_call_that_sends_too_fast_delays_no_other() {
    let mut callers: Vec<Caller> = (0..20).map(|n| Caller::new(n * 7, 10_000)).collect();
    callers[0].burst = 40;
    let world = World::new(1, 4_000, callers).run(10_500);
    let worst = (1..20).map(|call| world.worst_lag_ms(call, 0)).max();
    assert!(worst.unwrap() < 160 + 100, "{worst:?} ms");
    assert_eq!(world.most_unheard, 0, "nor is another call given up for it");
    assert!(
        world.schedule.figures().lost_frames > 0,
        "it loses its own frames"
    );
}

#[test]
fn too_many_calls_cost_the_newest_ones_after_longer_hops() {
    let callers = (0..100).map(|n| Caller::new(n * 10, 60_000)).collect();
    let world = World::new(2, 8_000, callers).run(60_500);
    assert_eq!(world.longest_hop, 4);
    assert!(world.most_unheard > 30, "{}", world.most_unheard);
    for call in 0..10 {
        let worst = world.worst_lag_ms(call, 20_000);
        assert!(worst < 4 * 160 + 1_400, "call {call} waited {worst} ms");
    }
    assert!(
        (0..10).all(|call| world.share(call) > 0.95),
        "the oldest go on"
    );
    assert!(
        (90..100).all(|call| world.share(call) < 0.5),
        "the newest do not"
    );
}

#[test]
fn too_many_calls_whose_networks_gain_nothing_from_longer_hops_cost_the_newest_ones_at_once() {
    let callers = (0..100).map(|n| Caller::new(n * 10, 60_000)).collect();
    let world = World::new(2, 16_000, callers);
    let world = world.taking(chunks(320, 1)).run(60_500);
    assert_eq!(world.longest_hop, 1);
    assert!(world.most_unheard > 30, "{}", world.most_unheard);
    for call in 0..10 {
        let worst = world.worst_lag_ms(call, 20_000);
        assert!(worst < 320 + 1_400, "call {call} waited {worst} ms");
        let share = world.share(call);
        assert!(share > 0.95, "call {call} was heard for {share}");
    }
}

#[test]
fn turns_are_as_long_as_each_calls_chunks() {
    let mut schedule = Schedule::new(Rules::new(1));
    let at = Duration::from_millis;
    for (takes, frames, patience) in [(SHIPPED, 16, 200), (chunks(300, 1), 30, 375)] {
        let key = schedule.open(at(0), takes);
        assert!(!schedule.arrive(at(0), key, 0, false));
        assert_eq!(schedule.deadline(), Some(at(patience)));
        for number in 1..40 {
            schedule.arrive(at(20), key, number, true);
        }
        let turn = schedule.take(at(20)).unwrap();
        assert_eq!(turn.frames.len(), frames);
        schedule.done(at(20), key, false, at(1));
        schedule.close(at(20), key);
        while schedule.take(at(20)).is_some_and(|turn| !turn.is_last) {
            schedule.done(at(20), key, false, at(1));
        }
        schedule.done(at(20), key, true, at(1));
    }
}

#[test]
fn bridged_calls_that_are_too_many_for_a_little_cost_the_newest_ones_too() {
    let began = (0..30).map(|n| Caller::bridged(n * 10, 120_000));
    let more = (0..20).map(|n| Caller::bridged(60_000 + n * 10, 120_000));
    let world = World::new(2, 4_500, began.chain(more).collect()).run(120_500);
    assert_eq!(world.longest_hop, 4);
    assert!(world.most_unheard > 5, "{}", world.most_unheard);
    let worst = (0..20).map(|call| world.worst_lag_ms(call, 80_000)).max();
    assert!(worst.unwrap() < 4 * 160 + 1_400, "{worst:?} ms");
    let shares: Vec<f64> = (0..50).map(|call| world.share(call)).collect();
    assert!(shares[..20].iter().all(|share| *share > 0.98), "{shares:?}");
    assert!(shares[45..].iter().all(|share| *share < 0.5), "{shares:?}");
}

#[test]
fn calls_that_were_bridged_for_long_do_not_stand_behind_new_ones() {
    let bridged = (0..10).map(|n| Caller::bridged(n * 10, 120_000));
    let menu = (0..68).map(|n| Caller::new(60_000 + n * 10, 120_000));
    let world = World::new(2, 4_500, bridged.chain(menu).collect()).run(120_500);
    let least = (0..10).map(|call| world.share(call)).fold(1.0, f64::min);
    assert!(least > 0.98, "{least}");
    let worst = (0..10).map(|call| world.worst_lag_ms(call, 0)).max();
    assert!(worst.unwrap() < 4 * 160 + 1_400, "{worst:?} ms");
}

#[test]
fn calls_are_heard_again_once_others_have_ended() {
    let short = (0..90).map(|n| Caller::new(n * 10, 20_000));
    let long = (0..10).map(|n| Caller::new(900 + n * 10, 120_000));
    let world = World::new(2, 8_000, short.chain(long).collect()).run(119_000);
    assert!(world.most_unheard > 30);
    let figures = world.schedule.figures();
    assert_eq!((figures.unheard, figures.hop, figures.calls), (0, 1, 10));
    let came = |call: usize| world.heard[call].lags_us.last().map(|(came, _)| came / MS);
    assert!(
        (90..100).all(|call| came(call) > Some(118_000)),
        "the newest call is heard at last"
    );
}

#[test]
fn a_line_on_which_calls_keep_beginning_is_heard_again_after_a_crowd() {
    let crowd = (0..90).map(|n| Caller::new(n * 10, 20_000));
    let begin = |n: u64| 20_000 + n * 250;
    let line = (0..160).map(|n| Caller::new(begin(n), begin(n) + 5_000));
    let world = World::new(2, 8_000, crowd.chain(line).collect()).run(60_000);
    assert!(world.most_unheard > 30);
    // Twenty at a time, which fit.
    let worst = (90 + 100..90 + 136)
        .map(|call| world.share(call))
        .fold(1.0, f64::min);
    assert!(worst > 0.95, "{worst}");
    assert_eq!(world.schedule.figures().unheard, 0);
}

#[test]
fn frames_too_few_for_a_chunk_are_heard_before_long() {
    let mut schedule = Schedule::new(Rules::new(1));
    let at = Duration::from_millis;
    let key = schedule.open(at(0), SHIPPED);
    assert!(!schedule.arrive(at(20), key, 'a', false));
    assert_eq!(schedule.take(at(100)), None);
    assert_eq!(schedule.deadline(), Some(at(220)));
    let turn = schedule.take(at(220)).unwrap();
    assert_eq!((turn.frames, turn.is_last), (vec!['a'], false));
    schedule.done(at(221), key, false, at(1));
    assert_eq!(schedule.deadline(), None);
    assert!(schedule.close(at(300), key));
    let turn = schedule.take(at(300)).unwrap();
    assert!(turn.frames.is_empty() && turn.is_last);
    schedule.done(at(301), key, true, at(1));
    assert_eq!(schedule.figures().calls, 0);
    assert!(
        !schedule.arrive(at(302), key, 'b', true),
        "a call that is gone"
    );
}

#[test]
fn the_earliest_deadline_is_heard_first() {
    let mut schedule = Schedule::new(Rules::new(1));
    let at = Duration::from_millis;
    let keys: Vec<Key> = (0..3).map(|_| schedule.open(at(0), SHIPPED)).collect();
    for (index, key) in [(0, keys[2]), (1, keys[0]), (2, keys[1])] {
        assert!(schedule.arrive(at(index), key, (), true));
    }
    let order: Vec<Key> = std::iter::from_fn(|| schedule.take(at(5)))
        .map(|turn| turn.call)
        .collect();
    assert_eq!(order, [keys[2], keys[0], keys[1]]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whoever calls and whatever a chunk costs: frames are heard in order, once, by one worker at
    /// a time; each is heard, lost and counted, or waits; calls that have ended are forgotten.
    #[test]
    fn every_frame_is_accounted_for(
        workers in 1usize..4,
        cost_us in 100u64..30_000,
        callers in prop::collection::vec((0u64..3_000, 20u64..6_000, 1u64..4), 1..40),
    ) {
        let callers = callers.into_iter().map(|(from, length, burst)| Caller {
            burst,
            ..Caller::new(from, from + length)
        });
        let world = World::new(workers, cost_us, callers.collect()).run(60_000);
        for heard in &world.heard {
            prop_assert!(heard.frames.is_sorted_by(|a, b| a < b));
        }
        let figures = world.schedule.figures();
        prop_assert_eq!(world.heard_frames() + figures.lost_frames, world.all_frames());
        prop_assert_eq!(figures.calls, 0);
    }

    /// At four fifths of what the workers can do, nothing is lost and no chunk is late.
    #[test]
    fn a_load_that_fits_is_never_late(
        workers in 1usize..4,
        phases in prop::collection::vec(0u64..4_000, 8..60),
    ) {
        // Whole steps of the simulated clock: a part of one would cost a whole one.
        let cost_us = 160 * 8 / 10 * workers as u64 / phases.len() as u64 * MS;
        prop_assume!(cost_us < 20_000);
        let callers = phases.iter().map(|&from| Caller::new(from, 12_000));
        let world = World::new(workers, cost_us, callers.collect()).run(14_000);
        prop_assert_eq!(world.schedule.figures().lost_frames, 0);
        prop_assert_eq!(world.heard_frames(), world.all_frames());
        let worst = (0..phases.len()).map(|call| world.worst_lag_ms(call, 0)).max().unwrap_or(0);
        prop_assert!(worst < 160 + 200, "{worst} ms");
    }
}
