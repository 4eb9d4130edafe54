//! How well waits are foretold, against what others tell their callers.

use super::dispatch::{Dispatch, Micros, Order, Product};
use super::scenario::Scenario;
use super::world::World;

/// Errors over the calls that waited and were answered, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WaitAccuracy {
    /// How many such calls.
    pub calls: u64,
    /// Mean absolute error of the product's median.
    pub own_error_s: f64,
    /// The same of Asterisk's `app_queue`: `(3 · old + new) / 4` over answered calls.
    pub asterisk_error_s: f64,
    /// The same of the queue-length rule `(n + 1) / (s · µ)`: callers waiting, agents who fit, and
    /// the mean service so far.
    pub queue_error_s: f64,
    /// Share of the calls within the product's 80 % interval.
    pub covered: f64,
}

/// Plays a scenario under the product's policy and compares what is told to each caller who must
/// wait, when they come, with the wait that they had.
pub fn wait_accuracy(scenario: &Scenario, seed: u64) -> WaitAccuracy {
    let mut watched = Watched::new(scenario);
    World::new(scenario, seed).run(&mut watched, &mut |_| {});
    watched.accuracy()
}

#[derive(Clone, Copy)]
struct Told {
    at: Micros,
    own: [f64; 3],
    asterisk: f64,
    queue: f64,
}

struct Watched {
    product: Product,
    warmup: Micros,
    /// Agents who fit each class.
    fitting: Vec<f64>,
    told: Vec<Option<Told>>,
    arrived: Vec<Micros>,
    answered: Vec<Micros>,
    waiting: f64,
    hold: f64,
    served: f64,
    service: f64,
    sums: WaitAccuracy,
}

impl Watched {
    fn new(scenario: &Scenario) -> Self {
        let fitting = scenario
            .classes
            .iter()
            .map(|class| {
                let able = scenario.groups.iter();
                let able = able.filter(|group| super::level(group, class) > 0);
                able.map(|group| group.agents as f64).sum()
            })
            .collect();
        Self {
            product: Product::new(scenario, scenario.policy()).foretelling(),
            warmup: (scenario.warmup_hours * 3.6e9) as Micros,
            fitting,
            told: Vec::new(),
            arrived: Vec::new(),
            answered: Vec::new(),
            waiting: 0.0,
            hold: 0.0,
            served: 0.0,
            service: 0.0,
            sums: WaitAccuracy::default(),
        }
    }

    fn accuracy(self) -> WaitAccuracy {
        let n = (self.sums.calls as f64).max(1.0);
        WaitAccuracy {
            calls: self.sums.calls,
            own_error_s: self.sums.own_error_s / n,
            asterisk_error_s: self.sums.asterisk_error_s / n,
            queue_error_s: self.sums.queue_error_s / n,
            covered: self.sums.covered / n,
        }
    }

    fn connected(&mut self, now: Micros, call: usize) {
        self.answered[call] = now;
        self.waiting -= 1.0;
        let waited = (now - self.arrived[call]) as f64 / 1e6;
        self.hold = (3.0 * self.hold + waited) / 4.0;
        if let Some(told) = self.told[call].filter(|told| told.at >= self.warmup) {
            let [ten, fifty, ninety] = told.own;
            self.sums.calls += 1;
            self.sums.own_error_s += (fifty - waited).abs();
            self.sums.asterisk_error_s += (told.asterisk - waited).abs();
            self.sums.queue_error_s += (told.queue - waited).abs();
            self.sums.covered += f64::from(u8::from(ten <= waited && waited <= ninety));
        }
    }
}

impl Dispatch for Watched {
    fn arrives(&mut self, now: Micros, call: usize, class: usize) {
        self.product.arrives(now, call, class);
        let own = self.product.expected_wait(call);
        let service = if self.served > 0.0 {
            self.service / self.served
        } else {
            180.0
        };
        self.told.push(own.map(|own| Told {
            at: now,
            own: [own.ten_percent, own.median, own.ninety_percent].map(|time| time.as_secs_f64()),
            asterisk: self.hold,
            queue: (self.waiting + 1.0) * service / self.fitting[class],
        }));
        self.arrived.push(now);
        self.answered.push(0);
        self.waiting += 1.0;
    }

    fn leaves(&mut self, now: Micros, call: usize) {
        self.waiting -= 1.0;
        self.product.leaves(now, call);
    }

    fn ends(&mut self, now: Micros, call: usize, agent: usize) {
        self.served += 1.0;
        self.service += (now - self.answered[call]) as f64 / 1e6;
        self.product.ends(now, call, agent);
    }

    fn tick(&mut self, now: Micros) {
        self.product.tick(now);
    }

    fn deadline(&self) -> Option<Micros> {
        self.product.deadline()
    }

    fn next(&mut self, now: Micros) -> Option<Order> {
        let order = self.product.next(now);
        if let Some(Order::Connect { call, .. }) = order {
            self.connected(now, call);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_callers_are_told_the_truth() {
        let (scenario, _) =
            Scenario::parse("branch.toml", include_str!("../../scenarios/branch.toml"));
        let found = wait_accuracy(&scenario.expect("it is whole"), 1);
        assert!(found.calls > 5000, "{found:?}");
        assert!((0.75..0.85).contains(&found.covered), "{found:?}");
        assert!(found.own_error_s < found.asterisk_error_s, "{found:?}");
        assert!(found.own_error_s < found.queue_error_s, "{found:?}");
    }
}
