//! A trunk's registrations and questions, told reply by reply and second by second.

use proptest::prelude::*;

use super::*;

/// The n-th target.
fn at(n: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5_000 + n as u16))
}

fn listed(targets: impl IntoIterator<Item = usize>) -> TrunkInput {
    TrunkInput::Targets(targets.into_iter().map(at).collect())
}

/// A trunk under a clock of our own.
struct Bench {
    now: Instant,
    trunk: Trunk,
}

impl Bench {
    fn new(register: bool, targets: usize) -> Self {
        let now = crate::rsip::now();
        let times = TrunkTimes {
            register,
            ..TrunkTimes::default()
        };
        let mut trunk = Trunk::new(times, 1);
        trunk.handle(now, listed(0..targets));
        Self { now, trunk }
    }

    fn outputs(&mut self) -> Vec<TrunkOutput> {
        std::iter::from_fn(|| self.trunk.poll()).collect()
    }

    /// The request that is put out, alone.
    fn sent(&mut self) -> (usize, Ask, u64) {
        match self.outputs()[..] {
            [
                TrunkOutput::Send {
                    target,
                    ask,
                    request,
                },
            ] => (usize::from(target.port()) - 5_000, ask, request),
            ref other => panic!("{other:?}"),
        }
    }

    fn reply(&mut self, request: u64, reply: Reply) {
        self.trunk
            .handle(self.now, TrunkInput::Reply { request, reply });
    }

    /// Moves to the next deadline; says how far it was.
    fn pass(&mut self) -> Duration {
        let deadline = self.trunk.deadline().expect("something to wait for");
        let waited = deadline.saturating_duration_since(self.now);
        self.now = self.now.max(deadline);
        self.trunk.handle(self.now, TrunkInput::Tick);
        waited
    }

    fn register(&mut self) -> u64 {
        match self.sent() {
            (_, Ask::Register { .. }, request) => request,
            other => panic!("{other:?}"),
        }
    }
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_registration_is_renewed_before_it_ends_and_the_target_asked_between() {
    let mut bench = Bench::new(true, 1);
    let (target, ask, request) = bench.sent();
    let expiry = Duration::from_mins(10);
    assert_eq!((target, ask), (0, Ask::Register { expiry }));
    bench.reply(request, Reply::Registered { granted: MINUTE });
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(0) }]);
    let began = bench.now;
    let mut probes = 0;
    let renewed = loop {
        bench.pass();
        match bench.sent() {
            (0, Ask::Options, request) => {
                probes += 1;
                bench.reply(request, Reply::Alive);
            }
            (0, Ask::Register { .. }, request) => break request,
            other => panic!("{other:?}"),
        }
    };
    let after = bench.now - began;
    assert!(
        after >= MINUTE.mul_f64(0.75) && after < MINUTE.mul_f64(0.9),
        "{after:?}"
    );
    assert_eq!(probes, 1);
    bench.reply(renewed, Reply::Registered { granted: MINUTE });
    assert_eq!(bench.outputs(), [], "that it is still up is no news");
}

#[test]
fn who_lost_the_connection_that_it_registered_over_does_so_again_soon_but_not_often() {
    let mut bench = Bench::new(true, 2);
    let granted = 60 * MINUTE;
    let back_off = TrunkTimes::default().back_off;
    let mut request = bench.register();
    for since in [0, 10, 20, 600].map(Duration::from_secs) {
        bench.reply(request, Reply::Registered { granted });
        bench.outputs();
        bench.now += since;
        let lost = bench.now;
        for target in [at(1), at(0), at(0)] {
            bench.trunk.handle(lost, TrunkInput::Lost { target });
        }
        request = loop {
            bench.pass();
            match bench.sent() {
                (0, Ask::Options, request) => bench.reply(request, Reply::Alive),
                (target, _, request) => {
                    assert_eq!(target, 0);
                    break request;
                }
            }
        };
        let rest = AGAIN.saturating_sub(since);
        let fits = rest.max(back_off / 2)..=rest.max(back_off);
        let waited = bench.now - lost;
        assert!(fits.contains(&waited), "{waited:?}");
    }
    let mut bench = Bench::new(false, 1);
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Alive);
    let before = bench.trunk.deadline();
    let target = at(0);
    bench.trunk.handle(bench.now, TrunkInput::Lost { target });
    assert_eq!(bench.trunk.deadline(), before, "it is known by its address");
}

#[test]
fn a_target_that_does_not_answer_is_followed_by_the_next_at_once() {
    let mut bench = Bench::new(true, 3);
    bench.register();
    assert_eq!(bench.pass(), TIMEOUT);
    let (target, _, request) = bench.sent();
    assert_eq!(target, 1);
    bench.reply(request, Reply::Refused { status: 503 });
    let (target, _, request) = bench.sent();
    assert_eq!(target, 2);
    bench.reply(request, Reply::Registered { granted: MINUTE });
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(2) }]);
}

#[test]
fn a_late_reply_of_a_target_that_was_given_up_changes_nothing() {
    let mut bench = Bench::new(true, 2);
    let late = bench.register();
    bench.pass();
    let (_, _, request) = bench.sent();
    bench.reply(late, Reply::Registered { granted: MINUTE });
    assert_eq!(bench.trunk.serving(), None);
    bench.reply(request, Reply::Registered { granted: MINUTE });
    assert_eq!(bench.trunk.serving(), Some(at(1)));
}

#[test]
fn when_all_fail_the_waits_double_with_jitter_up_to_the_longest() {
    let mut bench = Bench::new(true, 2);
    let mut waits = Vec::new();
    for _ in 0..12 {
        for _ in 0..2 {
            let request = bench.register();
            bench.reply(request, Reply::Silent);
        }
        let [
            TrunkOutput::Down {
                status: 0,
                retry_in,
            },
        ] = bench.outputs()[..]
        else {
            panic!("not down")
        };
        assert_eq!(bench.pass(), retry_in);
        waits.push(retry_in);
    }
    let mut longest = Duration::from_secs(2);
    for wait in waits {
        assert!(
            wait >= longest / 2 && wait <= longest,
            "{wait:?} of {longest:?}"
        );
        longest = (longest * 2).min(Duration::from_mins(5));
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_soon() {
    let mut bench = Bench::new(true, 1);
    let request = bench.register();
    bench.reply(request, Reply::Refused { status: 403 });
    let [
        TrunkOutput::Down {
            status: 403,
            retry_in,
        },
    ] = bench.outputs()[..]
    else {
        panic!("not down")
    };
    assert!(retry_in >= REFUSED / 2);
}

#[test]
fn a_registrar_that_wants_longer_registrations_gets_them() {
    let mut bench = Bench::new(true, 1);
    let request = bench.register();
    let shortest = Duration::from_hours(1);
    bench.reply(request, Reply::TooBrief { shortest });
    let (_, ask, request) = bench.sent();
    assert_eq!(ask, Ask::Register { expiry: shortest });
    // One that is never content does not keep us busy.
    bench.reply(request, Reply::TooBrief { shortest });
    assert!(matches!(bench.outputs()[..], [TrunkOutput::Down { .. }]));
}

#[test]
fn a_target_that_falls_silent_is_left_after_two_questions_and_returned_to_when_it_is_back() {
    let mut bench = Bench::new(true, 2);
    let request = bench.register();
    let granted = Duration::from_hours(1);
    bench.reply(request, Reply::Registered { granted });
    bench.outputs();
    bench.pass();
    assert!(matches!(bench.sent(), (0, Ask::Options, _)));
    assert_eq!(bench.pass(), TIMEOUT);
    assert!(
        matches!(bench.sent(), (0, Ask::Options, _)),
        "asked once more"
    );
    assert_eq!(bench.pass(), TIMEOUT);
    let (target, _, request) = bench.sent();
    assert_eq!(target, 1);
    bench.reply(request, Reply::Registered { granted });
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(1) }]);

    let mut looked_back = false;
    for _ in 0..20 {
        bench.pass();
        match bench.sent() {
            (1, Ask::Options, request) => bench.reply(request, Reply::Alive),
            (0, Ask::Options, request) if looked_back => {
                bench.reply(request, Reply::Alive);
                break;
            }
            (0, Ask::Options, request) => {
                looked_back = true;
                bench.reply(request, Reply::Silent);
                assert_eq!(
                    bench.trunk.serving(),
                    Some(at(1)),
                    "the second goes on meanwhile"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let (target, ask, request) = bench.sent();
    assert!(target == 0 && matches!(ask, Ask::Register { .. }));
    bench.reply(request, Reply::Registered { granted });
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(0) }]);
}

#[test]
fn a_static_trunk_never_registers() {
    let mut bench = Bench::new(false, 2);
    let (target, ask, request) = bench.sent();
    assert_eq!((target, ask), (0, Ask::Options));
    bench.reply(request, Reply::Alive);
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(0) }]);
    bench.trunk.handle(bench.now, TrunkInput::Stop);
    assert_eq!(bench.outputs(), []);
}

#[test]
fn a_box_that_stops_takes_its_registration_back() {
    let mut bench = Bench::new(true, 1);
    let request = bench.register();
    bench.reply(request, Reply::Registered { granted: MINUTE });
    bench.outputs();
    bench.trunk.handle(bench.now, TrunkInput::Stop);
    let expiry = Duration::ZERO;
    assert!(matches!(bench.sent(), (0, Ask::Register { expiry: asked }, _) if asked == expiry));
    assert_eq!(bench.trunk.deadline(), None);
}

#[test]
fn a_trunk_without_a_target_says_so_and_begins_when_one_is_known() {
    let mut bench = Bench::new(true, 0);
    assert!(matches!(
        bench.outputs()[..],
        [TrunkOutput::Down { status: 0, .. }]
    ));
    bench.trunk.handle(bench.now, listed([2]));
    assert_eq!(bench.sent().0, 2);
}

#[test]
fn a_target_that_the_names_no_longer_lead_to_serves_until_another_does() {
    let mut bench = Bench::new(true, 1);
    let request = bench.register();
    bench.reply(request, Reply::Registered { granted: MINUTE });
    bench.outputs();
    bench.trunk.handle(bench.now, listed([1, 2]));
    bench.pass();
    let (target, ask, request) = bench.sent();
    assert_eq!((target, ask), (1, Ask::Options));
    bench.reply(request, Reply::Alive);
    let (target, _, request) = bench.sent();
    assert_eq!(target, 1);
    // It refuses: the old one still serves.
    bench.reply(request, Reply::Refused { status: 503 });
    assert_eq!(bench.trunk.serving(), Some(at(0)));
    // And is renewed; when that fails, the new ones follow in their order.
    let request = loop {
        bench.pass();
        match bench.sent() {
            (0, Ask::Register { .. }, request) => break request,
            (_, _, request) => bench.reply(request, Reply::Alive),
        }
    };
    bench.reply(request, Reply::Silent);
    assert_eq!(bench.sent().0, 1);
}

#[test]
fn another_order_is_followed_at_leisure_and_an_empty_list_ends_nothing() {
    let mut bench = Bench::new(false, 2);
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Alive);
    bench.outputs();
    bench.trunk.handle(bench.now, listed([1, 0]));
    assert_eq!(bench.outputs(), []);
    bench.trunk.handle(bench.now, listed([]));
    assert_eq!(bench.trunk.serving(), Some(at(0)));
    bench.trunk.handle(bench.now, listed([1, 0]));
    let mut asked = 0;
    while asked != 1 {
        let deadline = bench.trunk.deadline().expect("something to wait for");
        bench.now = bench.now.max(deadline);
        bench.trunk.handle(bench.now, TrunkInput::Tick);
        for output in bench.outputs() {
            if let TrunkOutput::Send {
                target, request, ..
            } = output
            {
                asked = usize::from(target.port()) - 5_000;
                bench.reply(request, Reply::Alive);
            }
        }
    }
    assert_eq!(bench.trunk.serving(), Some(at(1)));
}

proptest! {
    /// Whatever targets do, a trunk waits for something, and never asks more than twice a second
    /// over a day.
    #[test]
    fn a_trunk_neither_stalls_nor_storms(
        targets in 1..4_usize, register: bool, seed: u64,
        replies in proptest::collection::vec(0..6_u8, 1..200),
    ) {
        let now = crate::rsip::now();
        let times = TrunkTimes { register, ..TrunkTimes::default() };
        let mut bench = Bench { now, trunk: Trunk::new(times, seed) };
        bench.trunk.handle(now, listed(0..targets));
        let began = bench.now;
        let mut sent = 0_u32;
        for reply in replies.iter().cycle().take(400) {
            let mut request = None;
            for output in bench.outputs() {
                if let TrunkOutput::Send { request: number, target, .. } = output {
                    prop_assert!(target <= at(targets - 1));
                    request = Some(number);
                    sent += 1;
                }
            }
            match (request, reply) {
                (Some(request), 0) => bench.reply(request, Reply::Registered { granted: MINUTE }),
                (Some(request), 1) => bench.reply(request, Reply::Refused { status: 503 }),
                (Some(request), 2) => bench.reply(request, Reply::Refused { status: 403 }),
                (Some(request), 3) => bench.reply(request, Reply::Alive),
                (Some(request), 4) => bench.reply(request, Reply::TooBrief { shortest: MINUTE }),
                _ => {
                    prop_assert!(bench.trunk.deadline().is_some());
                    bench.pass();
                }
            }
        }
        let seconds = (bench.now - began).as_secs_f64();
        prop_assert!(f64::from(sent) <= 2.0 * seconds + 20.0 * targets as f64, "{sent} in {seconds} s");
    }
}

#[test]
fn a_target_that_says_that_it_cannot_serve_is_followed_by_the_next_until_it_can() {
    let mut bench = Bench::new(false, 2);
    let (target, ask, request) = bench.sent();
    assert_eq!((target, ask), (0, Ask::Options));
    bench.reply(request, Reply::Refused { status: 503 });
    let (target, _, request) = bench.sent();
    assert_eq!(target, 1);
    bench.reply(request, Reply::Alive);
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(1) }]);
    // The first is looked for, and taken once it can.
    for reply in [Reply::Refused { status: 503 }, Reply::Alive] {
        let request = loop {
            bench.pass();
            match bench.sent() {
                (0, Ask::Options, request) => break request,
                (_, _, request) => bench.reply(request, Reply::Alive),
            }
        };
        bench.reply(request, reply);
        let is_back = reply == Reply::Alive;
        let up = is_back.then_some(TrunkOutput::Up { target: at(0) });
        assert_eq!(bench.outputs(), Vec::from_iter(up));
    }
    // While it serves, one such word is not enough.
    bench.pass();
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Refused { status: 503 });
    let (target, _, request) = bench.sent();
    assert_eq!(target, 0);
    bench.reply(request, Reply::Refused { status: 503 });
    assert_eq!(bench.sent().0, 1);
}

#[test]
fn a_trunk_whose_targets_all_say_that_they_cannot_serve_is_down_unless_one_has_registered_it() {
    let mut bench = Bench::new(false, 1);
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Refused { status: 503 });
    let down = bench.outputs();
    assert!(matches!(down[..], [TrunkOutput::Down { status: 503, .. }]));
    bench.pass();
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Alive);
    assert_eq!(bench.outputs(), [TrunkOutput::Up { target: at(0) }]);

    let mut bench = Bench::new(true, 3);
    let mut news = 0;
    let began = bench.now;
    while bench.now - began < 60 * MINUTE {
        for output in bench.outputs() {
            match output {
                TrunkOutput::Send {
                    ask: Ask::Options,
                    request,
                    ..
                } => {
                    bench.reply(request, Reply::Refused { status: 503 });
                }
                TrunkOutput::Send { request, .. } => {
                    let granted = 60 * MINUTE;
                    bench.reply(request, Reply::Registered { granted });
                }
                TrunkOutput::Up { .. } => news += 1,
                TrunkOutput::Down { .. } => panic!("it is registered"),
            }
        }
        bench.pass();
    }
    assert_eq!(news, 3, "each is tried once, and then the last stays");
}

#[test]
fn a_target_that_has_not_taken_a_call_is_asked_at_once() {
    let mut bench = Bench::new(false, 2);
    let (_, _, request) = bench.sent();
    bench.reply(request, Reply::Alive);
    bench.outputs();
    bench
        .trunk
        .handle(bench.now, TrunkInput::Doubted { target: at(1) });
    assert_ne!(bench.trunk.deadline(), Some(bench.now));
    bench
        .trunk
        .handle(bench.now, TrunkInput::Doubted { target: at(0) });
    assert_eq!(bench.pass(), Duration::ZERO);
    assert_eq!(bench.sent().0, 0);
}
