//! Callers, agents and the clock of a simulation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::dispatch::{Dispatch, Micros, Order};
use super::outcome::{Outcome, Tally};
use super::random::Stream;
use super::scenario::Scenario;
use super::trace::Patience;

const HOUR: f64 = 3.6e9;

/// Who has this much patience, some thirty years, never hangs up.
const ENDLESS_S: f64 = 1e9;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// An agent ends a call.
    End { call: usize, agent: usize },
    /// A caller's patience ends.
    HangUp { call: usize },
    /// The next call of a class.
    Arrival { class: usize },
    /// A call of the trace, by its place in it.
    Traced { index: usize },
}

/// What chance gives a caller, before anyone decides anything.
struct Caller {
    class: usize,
    arrived: Micros,
    service: f64,
    /// Uniform: resolved when it is below the agent's chance.
    luck: f64,
    counted: bool,
    waiting: bool,
}

/// The streams of one class.
struct Chance {
    arrivals: Stream,
    service: Stream,
    patience: Stream,
    luck: Stream,
}

struct Agent {
    speed: f64,
    /// The chance of resolving a call, by class.
    resolves: Vec<f64>,
    busy: f64,
}

pub(super) struct World<'a> {
    scenario: &'a Scenario,
    seed: u64,
    now: Micros,
    warmup: Micros,
    end: Micros,
    sequence: u64,
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    callers: Vec<Caller>,
    chances: Vec<Chance>,
    agents: Vec<Agent>,
    tallies: Vec<Tally>,
    waiting: u64,
    /// Waiting calls over time, in call-microseconds: Little's law checks the run against it.
    waited_area: f64,
    waited_sum: f64,
}

impl<'a> World<'a> {
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let chances = (0..scenario.classes.len() as u64)
            .map(|class| Chance {
                arrivals: Stream::new(seed, 4 * class),
                service: Stream::new(seed, 4 * class + 1),
                patience: Stream::new(seed, 4 * class + 2),
                luck: Stream::new(seed, 4 * class + 3),
            })
            .collect();
        let agents = scenario
            .groups
            .iter()
            .flat_map(|group| std::iter::repeat_n(group, group.agents))
            .map(|group| Agent {
                speed: group.speed,
                resolves: scenario
                    .classes
                    .iter()
                    .map(|class| {
                        let level = f64::from(super::level(group, class));
                        (scenario.resolution.base + scenario.resolution.per_level * level).min(1.0)
                    })
                    .collect(),
                busy: 0.0,
            })
            .collect();
        let mut world = Self {
            scenario,
            seed,
            now: 0,
            warmup: (scenario.warmup_hours * HOUR) as Micros,
            end: (scenario.hours * HOUR) as Micros,
            sequence: 0,
            events: BinaryHeap::new(),
            callers: Vec::new(),
            chances,
            agents,
            tallies: vec![Tally::default(); scenario.classes.len()],
            waiting: 0,
            waited_area: 0.0,
            waited_sum: 0.0,
        };
        if scenario.trace.is_empty() {
            for class in 0..scenario.classes.len() {
                world.next_arrival(class);
            }
        } else {
            world.next_of_trace(0);
        }
        world
    }

    fn push(&mut self, at: Micros, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    /// Draws a class's next arrival: a Poisson process whose rate follows the hour of the day, by
    /// thinning (Lewis and Shedler 1979).
    fn next_arrival(&mut self, class: usize) {
        let rates = &self.scenario.classes[class].arrivals_per_hour;
        let highest = rates.iter().copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            return;
        }
        let stream = &mut self.chances[class].arrivals;
        let mut at = self.now as f64;
        loop {
            at += stream.exponential(HOUR / highest);
            if at >= self.end as f64 {
                return;
            }
            let rate = rates[(at / HOUR) as usize % 24];
            if rate >= highest || stream.unit() * highest < rate {
                self.push(at as Micros, Event::Arrival { class });
                return;
            }
        }
    }

    fn next_of_trace(&mut self, index: usize) {
        if let Some(call) = self.scenario.trace.get(index)
            && call.at < self.end
        {
            self.push(call.at, Event::Traced { index });
        }
    }

    /// Plays until everyone who came before the end has been served or has left.
    ///
    /// `progress` hears now and then which share of the time has passed.
    pub fn run(&mut self, dispatch: &mut dyn Dispatch, progress: &mut dyn FnMut(f64)) {
        let mut happened = 0_u64;
        loop {
            happened += 1;
            if happened.is_multiple_of(1 << 14) {
                progress((self.now as f64 / self.end as f64).min(1.0));
            }
            let event = self.events.peek().map(|Reverse((at, _, _))| *at);
            let due = dispatch.deadline();
            match (event, due) {
                (None, None) => break,
                (Some(at), due) if due.is_none_or(|due| at <= due) => {
                    let Reverse((_, _, event)) = self.events.pop().expect("it was just seen");
                    self.pass_to(at);
                    self.happen(event, dispatch);
                }
                (_, Some(due)) => {
                    self.pass_to(due);
                    dispatch.tick(self.now);
                }
                (Some(_), None) => unreachable!("an event without a deadline comes first"),
            }
            while let Some(order) = dispatch.next(self.now) {
                self.obey(order);
            }
        }
    }

    fn pass_to(&mut self, at: Micros) {
        let at = at.max(self.now);
        self.waited_area += self.waiting as f64 * (at - self.now) as f64;
        self.now = at;
    }

    fn happen(&mut self, event: Event, dispatch: &mut dyn Dispatch) {
        match event {
            Event::Arrival { class } => {
                self.next_arrival(class);
                let call = self.arrive(class);
                dispatch.arrives(self.now, call, class);
            }
            Event::Traced { index } => {
                self.next_of_trace(index + 1);
                let traced = self.scenario.trace[index];
                let call = self.arrive_as(traced.class, traced.service_s, traced.patience);
                dispatch.arrives(self.now, call, traced.class);
            }
            Event::HangUp { call } => {
                if self.callers[call].waiting {
                    self.give_up(call);
                    dispatch.leaves(self.now, call);
                }
            }
            Event::End { call, agent } => dispatch.ends(self.now, call, agent),
        }
    }

    fn arrive(&mut self, class: usize) -> usize {
        self.arrive_as(class, None, Patience::Beyond(0.0))
    }

    /// A caller comes; what is not known of them is drawn.
    fn arrive_as(&mut self, class: usize, service_s: Option<f64>, patience: Patience) -> usize {
        let call = self.callers.len();
        let kind = &self.scenario.classes[class];
        let chance = &mut self.chances[class];
        let drawn = chance.service.service(kind.service_mean_s, kind.service_cv);
        let caller = Caller {
            class,
            arrived: self.now,
            service: service_s.unwrap_or(drawn),
            luck: chance.luck.unit(),
            counted: self.now >= self.warmup,
            waiting: true,
        };
        let drawn = kind
            .patience_mean_s
            .map(|mean| chance.patience.exponential(mean));
        let patience = match patience {
            Patience::Known(seconds) => Some(seconds),
            Patience::Beyond(seconds) => drawn.map(|drawn| seconds + drawn),
        };
        self.callers.push(caller);
        self.waiting += 1;
        if let Some(patience) = patience.filter(|patience| *patience < ENDLESS_S) {
            let hangs_up = self.now.saturating_add((patience * 1e6) as Micros);
            self.push(hangs_up, Event::HangUp { call });
        }
        call
    }

    fn stop_waiting(&mut self, call: usize) -> f64 {
        let caller = &mut self.callers[call];
        caller.waiting = false;
        self.waiting -= 1;
        let waited = (self.now - caller.arrived) as f64;
        self.waited_sum += waited;
        waited / 1e6
    }

    fn give_up(&mut self, call: usize) {
        let wait_s = self.stop_waiting(call);
        let caller = &self.callers[call];
        if caller.counted {
            self.tallies[caller.class].abandoned(wait_s);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::GiveUp { call } => self.give_up(call),
            Order::Connect { call, agent } => {
                debug_assert!(
                    self.callers[call].waiting,
                    "only waiting calls are connected"
                );
                let wait_s = self.stop_waiting(call);
                let caller = &self.callers[call];
                let class = caller.class;
                let service = caller.service / self.agents[agent].speed;
                let until = self.now.saturating_add((service * 1e6) as Micros);
                let resolved = caller.luck < self.agents[agent].resolves[class];
                if caller.counted {
                    self.tallies[class].answered(wait_s, resolved);
                }
                let counted_from = self.now.max(self.warmup);
                self.agents[agent].busy += (until.min(self.end) - counted_from).max(0) as f64;
                self.push(until, Event::End { call, agent });
            }
        }
    }

    pub fn outcome(&mut self, policy: &str) -> Outcome {
        let mut all = Tally::default();
        let mut by_class = BTreeMap::new();
        for (class, tally) in self.scenario.classes.iter().zip(&mut self.tallies) {
            all.merge(tally);
            by_class.insert(class.name.clone(), tally.figures());
        }
        let span = (self.end - self.warmup) as f64;
        let shares: Vec<f64> = self.agents.iter().map(|agent| agent.busy / span).collect();
        let highest = shares.iter().copied().fold(0.0, f64::max);
        let lowest = shares.iter().copied().fold(f64::INFINITY, f64::min);
        Outcome {
            policy: policy.to_owned(),
            seed: self.seed,
            all: all.figures(),
            // A sum of nothing would be -0.
            occupancy_mean: shares.iter().fold(0.0, |sum, share| sum + share)
                / shares.len().max(1) as f64,
            occupancy_spread: highest - lowest,
            // An agent keeps a call once it has been answered, under every policy here.
            transfers: 0,
            little_error: self.little_error(),
            by_class,
            wait_percentiles_s: all.percentiles(),
        }
    }

    /// How far the run is from Little's law. A call that was lost waits for ever.
    fn little_error(&self) -> f64 {
        if self.waiting > 0 {
            return f64::INFINITY;
        }
        (self.waited_area - self.waited_sum).abs() / self.waited_sum.max(1.0)
    }
}
