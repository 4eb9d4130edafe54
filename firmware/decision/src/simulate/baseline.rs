//! Textbook policies to compare with.

use std::collections::{BTreeSet, VecDeque};

use super::dispatch::{Dispatch, Micros, Order};
use super::scenario::{Scenario, TOP};

/// A textbook policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Baseline {
    /// First come, first served; the longest idle agent.
    Fcfs,
    /// The top tier first, then the classes of more value.
    Priority,
    /// The class of most value for each second of service first (Cox and Smith 1961).
    CMu,
    /// The same over the rate of hanging up (Atar, Giat and Shimkin 2010).
    CMuTheta,
    /// First come, first served, but classes below the top one leave one agent in ten free for it.
    Reservation,
    /// As Asterisk's `app_queue` with penalties: the best skilled free agent, then the longest idle.
    AppQueue,
    /// Level 3 at first, any level after a minute.
    TimedRelaxation,
}

/// Every baseline by its name on the command line.
pub(super) const BASELINES: [(&str, Baseline); 7] = [
    ("fcfs", Baseline::Fcfs),
    ("priority", Baseline::Priority),
    ("cmu", Baseline::CMu),
    ("cmu-theta", Baseline::CMuTheta),
    ("reservation", Baseline::Reservation),
    ("app-queue", Baseline::AppQueue),
    ("timed-relaxation", Baseline::TimedRelaxation),
];

/// When a call of [`Baseline::TimedRelaxation`] takes any level.
const RELAX: Micros = 60_000_000;

/// The level it asks for until then.
const GOOD_LEVEL: u8 = 3;

struct Waiting {
    call: usize,
    arrived: Micros,
}

pub(super) struct BaselineDispatch {
    kind: Baseline,
    /// Each class's queue; who has hung up is skipped when met.
    queues: Vec<VecDeque<Waiting>>,
    /// The class of each waiting call; none once it is connected or gone.
    class_of: Vec<Option<usize>>,
    /// The level at which an agent serves a class, 0 when they may not.
    levels: Vec<Vec<u8>>,
    /// Free agents, longest idle first.
    idle: BTreeSet<(Micros, usize)>,
    /// Which class is served first: higher is better.
    index: Vec<f64>,
    /// How many suited agents a class must leave free.
    reserve: Vec<usize>,
    orders: VecDeque<Order>,
    /// When waiting calls were last looked at because of their wait.
    looked_at: Micros,
}

impl BaselineDispatch {
    pub fn new(scenario: &Scenario, kind: Baseline) -> Self {
        let agents: Vec<&super::scenario::AgentGroup> = scenario
            .groups
            .iter()
            .flat_map(|group| std::iter::repeat_n(group, group.agents))
            .collect();
        let levels = agents
            .iter()
            .map(|group| {
                scenario
                    .classes
                    .iter()
                    .map(|class| super::level(group, class))
                    .collect()
            })
            .collect();
        let priorities = scenario.priorities();
        let any_top = priorities.contains(&TOP);
        let index = scenario
            .classes
            .iter()
            .zip(&priorities)
            .map(|(class, priority)| match kind {
                Baseline::Priority => f64::from(*priority),
                Baseline::CMu => class.value / class.service_mean_s,
                Baseline::CMuTheta => {
                    class.value / class.service_mean_s * class.patience_mean_s.unwrap_or(1e6)
                }
                _ => 0.0,
            })
            .collect();
        let reserve = priorities
            .iter()
            .map(|priority| {
                let lower = kind == Baseline::Reservation && any_top && *priority < TOP;
                if lower { agents.len().div_ceil(10) } else { 0 }
            })
            .collect();
        Self {
            kind,
            queues: scenario.classes.iter().map(|_| VecDeque::new()).collect(),
            class_of: Vec::new(),
            levels,
            idle: (0..agents.len()).map(|agent| (0, agent)).collect(),
            index,
            reserve,
            orders: VecDeque::new(),
            looked_at: Micros::MIN,
        }
    }

    fn suits(&self, agent: usize, class: usize, waited: Micros) -> bool {
        let level = self.levels[agent][class];
        level > 0
            && (self.kind != Baseline::TimedRelaxation || level >= GOOD_LEVEL || waited >= RELAX)
    }

    /// Whether the class may take an agent of those who are free.
    fn leaves_enough(&self, class: usize) -> bool {
        let reserve = self.reserve[class];
        reserve == 0
            || self
                .idle
                .iter()
                .filter(|(_, agent)| self.levels[*agent][class] > 0)
                .count()
                > reserve
    }

    /// The agent for a call of a class.
    fn best_agent(&self, class: usize, waited: Micros) -> Option<(Micros, usize)> {
        if !self.leaves_enough(class) {
            return None;
        }
        let mut suited = self
            .idle
            .iter()
            .filter(|(_, agent)| self.suits(*agent, class, waited));
        if self.kind == Baseline::AppQueue {
            // The idle set is in order of idleness, and the first of equals is kept.
            suited
                .min_by_key(|(_, agent)| u8::MAX - self.levels[*agent][class])
                .copied()
        } else {
            suited.next().copied()
        }
    }

    fn connect(&mut self, class: usize, call: usize, agent: (Micros, usize)) {
        self.idle.remove(&agent);
        self.class_of[call] = None;
        self.orders.push_back(Order::Connect {
            call,
            agent: agent.1,
        });
        self.drop_gone(class);
    }

    /// Removes from a queue's head whoever no longer waits.
    fn drop_gone(&mut self, class: usize) {
        while let Some(first) = self.queues[class].front()
            && self.class_of[first.call].is_none()
        {
            self.queues[class].pop_front();
        }
    }

    /// The class that an agent serves next.
    fn best_class(&self, now: Micros, agent: usize) -> Option<usize> {
        (0..self.queues.len())
            .filter_map(|class| Some((class, self.queues[class].front()?.arrived)))
            .filter(|(class, arrived)| {
                self.suits(agent, *class, now - arrived) && self.leaves_enough(*class)
            })
            .max_by(|(a, a_arrived), (b, b_arrived)| {
                self.index[*a]
                    .total_cmp(&self.index[*b])
                    .then(b_arrived.cmp(a_arrived))
            })
            .map(|(class, _)| class)
    }

    fn serve(&mut self, now: Micros, agent: (Micros, usize)) {
        if let Some(class) = self.best_class(now, agent.1) {
            let call = self.queues[class]
                .front()
                .expect("the class was chosen for it")
                .call;
            self.connect(class, call, agent);
        }
    }
}

impl Dispatch for BaselineDispatch {
    fn arrives(&mut self, now: Micros, call: usize, class: usize) {
        if self.class_of.len() <= call {
            self.class_of.resize(call + 1, None);
        }
        self.class_of[call] = Some(class);
        self.queues[class].push_back(Waiting { call, arrived: now });
        if let Some(agent) = self.best_agent(class, 0) {
            self.connect(class, call, agent);
        }
    }

    fn leaves(&mut self, _now: Micros, call: usize) {
        if let Some(class) = self.class_of[call].take() {
            self.drop_gone(class);
        }
    }

    fn ends(&mut self, now: Micros, _call: usize, agent: usize) {
        self.idle.insert((now, agent));
        if self.kind == Baseline::Reservation {
            // One more free agent may let somebody be served by another.
            for free in self.idle.clone() {
                self.serve(now, free);
            }
        } else {
            self.serve(now, (now, agent));
        }
    }

    fn tick(&mut self, now: Micros) {
        self.looked_at = now;
        for free in self.idle.clone() {
            self.serve(now, free);
        }
    }

    fn deadline(&self) -> Option<Micros> {
        if self.kind != Baseline::TimedRelaxation || self.idle.is_empty() {
            return None;
        }
        // Queues are in order of arrival; who has relaxed already waits for somebody to be free.
        let next = self.queues.iter().filter_map(|queue| {
            queue.get(queue.partition_point(|w| w.arrived + RELAX <= self.looked_at))
        });
        next.map(|waiting| waiting.arrived + RELAX).min()
    }

    fn next(&mut self, _now: Micros) -> Option<Order> {
        self.orders.pop_front()
    }
}
