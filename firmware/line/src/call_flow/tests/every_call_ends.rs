//! A property: whatever happens in whatever order, a call ends once and leaves no leg up.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What a far end does with our commands, so that a test can tell which legs are still up.
#[derive(Default)]
struct FarEnds {
    up: BTreeMap<LegId, bool>,
    /// Legs that have come to take the place of others, and whether their answer has been acknowledged.
    replacing: BTreeMap<LegId, bool>,
}

impl FarEnds {
    fn obey(&mut self, outputs: &[Output]) {
        for (leg, command) in commands(outputs) {
            match command {
                "dial" => self.up.insert(leg, false),
                "answer" => self.up.insert(leg, true),
                "hang up" | "reject" => self.up.remove(&leg),
                _ => continue,
            };
        }
    }

    fn happen(&mut self, leg: LegId, event: &LegEvent) -> bool {
        let known = self.up.get(&leg).copied();
        match event {
            LegEvent::Incoming { .. } => self.up.insert(leg, false).is_none(),
            LegEvent::Answered { .. } if known == Some(false) => {
                self.up.insert(leg, true);
                true
            }
            LegEvent::Acknowledged { .. } if known == Some(true) => {
                let acknowledged = self.replacing.get_mut(&leg);
                acknowledged.is_some_and(|acknowledged| !std::mem::replace(acknowledged, true))
            }
            // Even after the answer, which it may have crossed.
            LegEvent::Cancelled if self.replacing.get(&leg) == Some(&false) => {
                self.up.remove(&leg).is_some()
            }
            LegEvent::Cancelled | LegEvent::Failed { .. } if known == Some(false) => {
                self.up.remove(&leg).is_some()
            }
            LegEvent::Ended { .. } if known == Some(true) => self.up.remove(&leg).is_some(),
            LegEvent::Ringing { .. } => known == Some(false),
            LegEvent::Reoffered { .. }
            | LegEvent::TransferAsked { .. }
            | LegEvent::Reanswered { .. }
            | LegEvent::Digit { .. } => known == Some(true),
            LegEvent::Replaced { by, .. } => {
                let comes = known == Some(true) && !self.replacing.contains_key(by);
                if comes {
                    self.replacing.insert(*by, false);
                    self.up.insert(*by, false);
                }
                comes
            }
            _ => false,
        }
    }
}

fn any_event() -> impl Strategy<Value = LegEvent> {
    prop_oneof![
        Just(LegEvent::Cancelled),
        Just(LegEvent::Acknowledged { sdp: vec![] }),
        Just(LegEvent::Ringing { sdp: vec![] }),
        Just(LegEvent::Ended {
            cause: EndCause::Bye
        }),
        (400..700_u16).prop_map(|status| LegEvent::Failed { status }),
        prop_oneof![Just("8"), Just("0")].prop_map(|law| LegEvent::Answered {
            sdp: sdp(5_000, law, "sendrecv")
        }),
        prop_oneof![Just("8"), Just("0"), Just("18")].prop_map(|law| LegEvent::Reoffered {
            sdp: sdp(5_000, law, "inactive")
        }),
        prop_oneof![Just("8"), Just("0")].prop_map(|law| LegEvent::Reanswered {
            sdp: sdp(5_000, law, "inactive")
        }),
        Just(LegEvent::Digit { digit: '5' }),
        Just(LegEvent::TransferAsked {
            to: AgentContact::Uri("sip:other@192.0.2.9".into())
        }),
        REPLACING.prop_map(|branch| LegEvent::Replaced {
            by: LegId::incoming(1).branch(branch),
            at: AgentContact::Registered("wang".into()),
            sdp: sdp(5_500, "8", "sendrecv"),
        }),
    ]
}

/// The branches of legs that take the place of others.
const REPLACING: std::ops::Range<u32> = 100..106;

#[derive(Clone, Debug)]
enum Step {
    Leg(u32, LegEvent),
    Order(u8),
    PromptDone,
    Tick(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop_oneof![0..4_u32, REPLACING], any_event()).prop_map(|(branch, event)| Step::Leg(branch, event)),
        3 => (0..4_u8).prop_map(Step::Order),
        1 => Just(Step::PromptDone),
        2 => (0..20_u64).prop_map(Step::Tick),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one end, and no leg is left up after it.
    #[test]
    fn every_call_ends_once_and_leaves_no_leg_up(
        early in any::<bool>(),
        between_phones in any::<bool>(),
        steps in proptest::collection::vec(any_step(), 0..60),
    ) {
        let greeting = if early { Greeting::Early } else { Greeting::Connected };
        let mut bench = Bench::new(greeting);
        let mut far_ends = FarEnds::default();
        let mut all = Vec::new();
        far_ends.up.insert(bench.caller, false);
        let first = if between_phones {
            bench.phone_calls()
        } else {
            bench.incoming(CALLER_SDP.as_bytes())
        };
        far_ends.obey(&first);
        all.extend(first);
        for step in steps {
            let outputs = match step {
                Step::Leg(branch, event) => {
                    let leg = bench.caller.branch(branch);
                    // The two ends of a call see different events.
                    let fits = match event {
                        LegEvent::Cancelled => branch == 0 || REPLACING.contains(&branch),
                        LegEvent::Answered { .. } | LegEvent::Failed { .. }
                        | LegEvent::Ringing { .. } => (1..REPLACING.start).contains(&branch),
                        _ => true,
                    };
                    if !fits || !far_ends.happen(leg, &event) {
                        continue;
                    }
                    bench.input(Input::Leg(leg, event))
                }
                Step::Order(0) => bench.order(Order::Greet),
                Step::Order(1) => bench.offer("a1"),
                Step::Order(2) => bench.order(Order::Wait),
                Step::Order(_) => bench.order(Order::Apologise),
                Step::PromptDone => bench.input(Input::PromptDone(Side::Caller)),
                Step::Tick(seconds) => bench.wait(secs(seconds)),
            };
            far_ends.obey(&outputs);
            all.extend(outputs);
        }
        let outputs = bench.order(Order::Release);
        far_ends.obey(&outputs);
        all.extend(outputs);
        // Those who were cancelled answer all the same.
        for branch in 1..=60 {
            let event = LegEvent::Answered { sdp: sdp(5_000, "8", "sendrecv") };
            let leg = bench.caller.branch(branch);
            if far_ends.happen(leg, &event) {
                let outputs = bench.input(Input::Leg(leg, event));
                far_ends.obey(&outputs);
                all.extend(outputs);
            }
        }
        prop_assert!(far_ends.up.is_empty(), "left: {:?}", far_ends.up);
        let ends = events(&all).iter().filter(|e| matches!(e, CallEvent::Ended { .. })).count();
        prop_assert_eq!(ends, 1);
        bench.wait(CROSSING);
        prop_assert!(bench.flow.is_over());
    }
}
