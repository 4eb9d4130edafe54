//! The order of a trunk's addresses, how long it is good for, and that look-ups never stall it.

use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

fn address(n: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], port))
}

fn record(priority: u16, weight: u16, n: u8) -> Record {
    Record {
        priority,
        weight,
        host: (format!("sip{n}.carrier.example"), 5060),
        addresses: vec![address(n, 5060)],
    }
}

fn found(name: usize, records: &[Record], good_for: Duration) -> DirectoryInput {
    let records = records.to_vec();
    let found = Found::Records { records, good_for };
    DirectoryInput::Found { name, found }
}

fn nothing(name: usize) -> DirectoryInput {
    let own = vec![address(77, 5060)];
    let found = Found::Nothing { own };
    DirectoryInput::Found { name, found }
}

fn outputs(directory: &mut Directory) -> Vec<DirectoryOutput> {
    std::iter::from_fn(|| directory.poll()).collect()
}

fn listed(directory: &Directory) -> Vec<u8> {
    let last = |(address, _): &(SocketAddr, usize)| match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => 0,
    };
    directory.servers().iter().map(last).collect()
}

#[test]
fn addresses_are_listed_at_once_and_nobody_is_asked() {
    let now = crate::rsip::now();
    let leads = [1, 2].map(|n| Lead::Address(address(n, 5060)));
    let mut directory = Directory::new(now, &leads, 1);
    assert_eq!(outputs(&mut directory), [DirectoryOutput::Changed]);
    assert_eq!(listed(&directory), [1, 2]);
    assert_eq!(directory.deadline(), None);
    assert_eq!(outputs(&mut Directory::new(now, &[], 1)), []);
}

#[test]
fn names_keep_their_order_and_the_first_is_waited_for() {
    let now = crate::rsip::now();
    let leads = [Lead::Name, Lead::Name, Lead::Address(address(9, 5060))];
    let mut directory = Directory::new(now, &leads, 1);
    let asked = [0, 1].map(|name| DirectoryOutput::LookUp { name });
    assert_eq!(outputs(&mut directory), asked);
    directory.handle(now, found(1, &[record(0, 0, 3)], MINUTE));
    assert_eq!(outputs(&mut directory), []);
    let records = [record(20, 0, 2), record(10, 0, 1), record(20, 0, 3)];
    directory.handle(now, found(0, &records, MINUTE));
    assert_eq!(outputs(&mut directory), [DirectoryOutput::Changed]);
    let order = listed(&directory);
    assert_eq!(order[0], 1, "the lowest priority first: {order:?}");
    assert_eq!(order.len(), 4, "nobody twice: {order:?}");
    assert_eq!(order[3], 9);
}

#[test]
fn an_answer_is_good_for_its_time_and_the_last_one_outlives_failures() {
    let mut now = crate::rsip::now();
    let mut directory = Directory::new(now, &[Lead::Name], 1);
    outputs(&mut directory);
    directory.handle(now, found(0, &[record(0, 0, 1)], MINUTE));
    assert_eq!(directory.deadline(), Some(now + MINUTE));
    outputs(&mut directory);
    let mut waits = Vec::new();
    for _ in 0..8 {
        now = directory.deadline().expect("it is asked again");
        directory.handle(now, DirectoryInput::Tick);
        let asked = [DirectoryOutput::LookUp { name: 0 }];
        assert_eq!(outputs(&mut directory), asked);
        directory.handle(now, nothing(0));
        assert_eq!(outputs(&mut directory), [], "nothing changes");
        waits.push(directory.deadline().expect("again") - now);
    }
    assert_eq!(listed(&directory), [1]);
    assert!(waits[0] <= RETRY && waits.iter().all(|wait| *wait <= LONGEST_RETRY));
    assert!(waits[7] >= LONGEST_RETRY / 2, "{waits:?}");

    now = directory.deadline().expect("again");
    directory.handle(now, DirectoryInput::Tick);
    directory.handle(now, found(0, &[record(0, 0, 2)], Duration::ZERO));
    let moved = [
        DirectoryOutput::LookUp { name: 0 },
        DirectoryOutput::Changed,
    ];
    assert_eq!(outputs(&mut directory), moved);
    assert_eq!(listed(&directory), [2]);
    assert_eq!(directory.deadline(), Some(now + SHORTEST));
}

#[test]
fn a_name_of_which_nothing_is_known_does_not_keep_the_others_waiting() {
    let mut now = crate::rsip::now();
    let leads = [Lead::Name, Lead::Address(address(9, 5060))];
    let mut directory = Directory::new(now, &leads, 1);
    outputs(&mut directory);
    // Whoever looks names up never comes back.
    now += TIMEOUT;
    assert_eq!(directory.deadline(), Some(now));
    directory.handle(now, DirectoryInput::Tick);
    let unknown = DirectoryOutput::Unknown { name: 0 };
    let told = [unknown, DirectoryOutput::Changed];
    assert_eq!(outputs(&mut directory), told);
    assert_eq!(listed(&directory), [9]);
    // The DNS is silent, but the name itself leads somewhere.
    directory.handle(now, nothing(0));
    assert_eq!(listed(&directory), [77, 9]);
    directory.handle(now, found(0, &[record(0, 0, 1)], MINUTE));
    assert_eq!(listed(&directory), [1, 9]);
    // It offers no service any more.
    directory.handle(now, found(0, &[], MINUTE));
    assert_eq!(listed(&directory), [9]);
}

#[test]
fn servers_of_one_priority_come_first_as_often_as_they_weigh() {
    let records = [
        record(0, 60, 1),
        record(0, 20, 2),
        record(0, 20, 3),
        record(0, 0, 4),
    ];
    let mut first = [0; 5];
    for seed in 0..4_000 {
        let order = ordered(seed, records.to_vec());
        assert_eq!(
            order,
            ordered(seed, records.iter().rev().cloned().collect())
        );
        let SocketAddr::V4(address) = order[0] else {
            unreachable!("all are of version 4")
        };
        first[usize::from(address.ip().octets()[3])] += 1;
    }
    assert!((2_250..2_550).contains(&first[1]), "{first:?}");
    assert!(
        (680..920).contains(&first[2]) && (680..920).contains(&first[3]),
        "{first:?}"
    );
    assert!(first[4] < 80, "{first:?}");
}

proptest! {
    /// Whatever is found, a directory with a name waits for something, and lists nobody twice.
    #[test]
    fn a_directory_never_stalls(
        seed: u64, steps in proptest::collection::vec((0..3_usize, 0..5_u8, 0..100_000_u64), 1..50),
    ) {
        let mut now = crate::rsip::now();
        let mut directory = Directory::new(now, &[Lead::Name, Lead::Name], seed);
        for (name, records, seconds) in steps {
            let records: Vec<Record> = (0..records).map(|n| record(n.into(), 1, n)).collect();
            match records.len() {
                4 => directory.handle(now, nothing(name)),
                _ => directory.handle(now, found(name, &records, Duration::from_secs(seconds))),
            }
            let deadline = directory.deadline();
            prop_assert!(deadline.is_some());
            now = now.max(deadline.unwrap_or(now));
            directory.handle(now, DirectoryInput::Tick);
            outputs(&mut directory);
            let order = listed(&directory);
            let distinct: std::collections::BTreeSet<_> = order.iter().collect();
            prop_assert_eq!(order.len(), distinct.len());
        }
    }
}
