//! How long a decision and its counterfactual take with 200 agents and about 100 waiting calls.
//!
//! `cargo run --release -p trunkside-decision --example speed`
#![expect(clippy::print_stdout, reason = "an example that prints its figures")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkside_call::{Action, AgentId, CallId, Language};
use trunkside_decision::{CallProfile, Input, Policy, Router};

const AGENTS: u64 = 200;
const WAITING: usize = 100;
const SKILLS: u64 = 10;

fn policy() -> Policy {
    let mut text = String::from("[queue]\nmax_wait_s = 86400\n");
    for agent in 0..AGENTS {
        let _ = write!(
            text,
            "[[agent]]\nid = \"a{agent}\"\nsenior = {}\nskills = {{ s{} = 3, s{} = 5 }}\n",
            agent % 7 == 0,
            agent % SKILLS,
            (agent + 3) % SKILLS
        );
    }
    for skill in 0..SKILLS {
        let _ = write!(
            text,
            "[[rule]]\nname = \"r{skill}\"\nwhen = {{ intent = \"i{skill}\", min_score = 0.4 }}\n\
             then = {{ skills_required = {{ s{skill} = 2 }}, skills_preferred = {{ s{skill} = 5 }} }}\n"
        );
    }
    Policy::parse("speed.toml", &text)
        .policy
        .expect("it is whole")
}

fn profile(number: u64) -> CallProfile {
    CallProfile {
        intent: Some(format!("i{}", number % SKILLS)),
        intent_permille: 900,
        language: Some(Language::Zh),
        ..CallProfile::unknown()
    }
}

fn call(number: u64) -> CallId {
    format!("00000000-0000-7000-8000-{number:012x}")
        .parse()
        .expect("a UUID")
}

struct Bench {
    router: Router,
    now: Duration,
    talking: VecDeque<CallId>,
    times: Vec<Duration>,
    decisions: u64,
}

impl Bench {
    fn tell(&mut self, input: Input) {
        let start = Instant::now();
        self.router.handle(self.now, input);
        let decisions: Vec<_> = std::iter::from_fn(|| self.router.poll()).collect();
        self.times.push(start.elapsed());
        self.decisions += decisions.len() as u64;
        for decision in decisions {
            if let Action::Offer { agent } = decision.action {
                self.talking.push_back(decision.call);
                self.tell(Input::Bridged {
                    call: decision.call,
                    agent,
                });
            }
        }
    }
}

fn main() {
    let router = Router::new(Arc::new(policy()));
    let mut bench = Bench {
        router,
        now: Duration::ZERO,
        talking: VecDeque::new(),
        times: Vec::new(),
        decisions: 0,
    };
    for agent in 0..AGENTS {
        bench.tell(Input::AgentAvailable {
            agent: AgentId::new(format!("a{agent}")),
        });
    }
    let mut calls = 0;
    let (mut flips, mut served) = (Vec::new(), Vec::new());
    for round in 0..50_000_u64 {
        bench.now += Duration::from_millis(20);
        if bench.router.waiting() < WAITING {
            calls += 1;
            let input = Input::CallReady {
                call: call(calls),
                profile: profile(calls),
            };
            if round % 1000 == 999 {
                let start = Instant::now();
                let _ = bench.router.flip(bench.now, &input, call(calls));
                flips.push(start.elapsed());
            }
            bench.tell(input);
        } else if let Some(call) = bench.talking.pop_front() {
            if round == 1000 {
                bench.times.clear();
                bench.decisions = 0;
            }
            let ends = Input::CallEnded { call };
            if round % 501 == 0 {
                // Who is served is not known before: one of those who came last.
                let latest = calls.saturating_sub(2 * WAITING as u64)..=calls;
                served.extend(latest.map(self::call).filter_map(|asked| {
                    let start = Instant::now();
                    let flip = bench.router.flip(bench.now, &ends, asked);
                    flip.map(|_| start.elapsed())
                }));
            }
            bench.tell(ends);
        }
    }
    let total: Duration = bench.times.iter().sum();
    bench.times.sort_unstable();
    flips.sort_unstable();
    served.sort_unstable();
    let at = |times: &[Duration], percent: usize| times[(times.len() - 1) * percent / 100];
    println!("events      {}", bench.times.len());
    println!(
        "decisions/s {:.0}",
        bench.decisions as f64 / total.as_secs_f64()
    );
    println!("event p50   {:?}", at(&bench.times, 50));
    println!("event p99   {:?}", at(&bench.times, 99));
    println!("flip p50    {:?}", at(&flips, 50));
    println!("flip p99    {:?}", at(&flips, 99));
    println!("of an end, p50 {:?}", at(&served, 50));
    println!("of an end, p90 {:?}", at(&served, 90));
}
