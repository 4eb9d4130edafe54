//! Trunks and phones keep their places, whoever else connects, and memory stays bounded.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const TRUNK: [u8; 4] = [192, 0, 2, 9];

fn start() -> Instant {
    crate::rsip::now()
}

/// With one trunk of one address.
fn admission(limits: ConnectionLimits) -> Admission {
    let mut admission = Admission::new(limits);
    admission.know_trunks(Some(vec![IpAddr::from(TRUNK).into()]));
    admission
}

/// An address of many that nobody knows.
fn stranger(number: usize) -> IpAddr {
    let [high, low] = (number as u16).to_be_bytes();
    IpAddr::from([10, 0, high, low])
}

/// Strangers of many addresses take all that they get.
fn besieged(now: Instant) -> Admission {
    let mut admission = admission(ConnectionLimits::default());
    for number in 0..2_000 {
        let entry = admission.enter(now, stranger(number % 500));
        assert!(entry.ticket.is_some(), "the newest stranger comes in");
    }
    assert_eq!(
        admission.taken.len(),
        ConnectionLimits::default().for_strangers
    );
    admission
}

#[test]
fn trunks_and_phones_come_in_while_strangers_hold_all_that_they_get() {
    let now = start();
    let mut admission = besieged(now);
    let trunk = admission.enter(now, TRUNK.into());
    assert!(trunk.ticket.is_some() && trunk.gives_way.is_none());
    // A phone that has not registered yet is a stranger: the oldest gives way.
    let phone = IpAddr::from([198, 51, 100, 7]);
    let oldest = admission.taken.keys().next().copied();
    let entry = admission.enter(now, phone);
    assert!(entry.ticket.is_some());
    assert_eq!(entry.gives_way, oldest);
    // Once it has registered, no stranger takes its place, however many come.
    admission.know_phone("li_na", phone, now + 60 * SECOND);
    for number in 0..2_000 {
        let displaced = admission.enter(now, stranger(number % 500)).gives_way;
        assert_ne!(displaced, entry.ticket);
        assert_ne!(displaced, trunk.ticket);
    }
    // When its registration is over it is nobody again.
    let later = now + 60 * SECOND;
    let gone = (0..300).any(|number| {
        let displaced = admission.enter(later, stranger(number)).gives_way;
        displaced == entry.ticket
    });
    assert!(gone);
}

#[test]
fn an_address_of_strangers_has_few_places_and_its_oldest_goes_after_a_while() {
    let now = start();
    let mut admission = admission(ConnectionLimits::default());
    let share = ConnectionLimits::default().from_stranger;
    let first: Vec<Ticket> = (0..share)
        .map(|_| admission.enter(now, stranger(1)).ticket.expect("a place"))
        .collect();
    let entry = admission.enter(now + SECOND, stranger(1));
    assert_eq!((entry.ticket, entry.gives_way), (None, None));
    assert_eq!(entry.news, Some(News::BeyondShare(stranger(1))));
    let entry = admission.enter(now + CHANCE, stranger(1));
    assert_eq!(entry.gives_way, Some(first[0]));
    assert!(entry.ticket.is_some());
    // One that ends makes room.
    admission.leave(first[1]);
    assert!(admission.enter(now, stranger(1)).ticket.is_some());
    // A network of IPv6 counts as one address.
    let six = |host: u64| IpAddr::from(Ipv6Addr::from((0x2001_0db8 << 96) | u128::from(host)));
    for host in 0..share as u64 {
        assert!(admission.enter(now, six(host)).ticket.is_some());
    }
    assert_eq!(admission.enter(now, six(99)).ticket, None);
}

#[test]
fn a_branch_behind_one_address_comes_in_as_it_registers() {
    let now = start();
    let mut admission = admission(ConnectionLimits::default());
    let branch = IpAddr::from([198, 51, 100, 7]);
    for phone in 0..8 {
        assert!(admission.enter(now, branch).ticket.is_some(), "{phone}");
    }
    assert!(admission.enter(now, branch).ticket.is_none());
    admission.know_phone("li_na", branch, now + 600 * SECOND);
    let come = (8..ConnectionLimits::default().from_one)
        .all(|_| admission.enter(now, branch).ticket.is_some());
    assert!(come);
    let entry = admission.enter(now + TOLD, branch);
    assert_eq!(entry.news, Some(News::Full(branch)), "it has an end, too");
}

#[test]
fn phones_leave_places_to_trunks() {
    let now = start();
    let mut admission = admission(ConnectionLimits::default());
    let limits = ConnectionLimits::default();
    for number in 0..2_000 {
        let phone = stranger(number % 500);
        admission.know_phone(&number.to_string(), phone, now + SECOND);
        admission.enter(now, phone);
    }
    assert_eq!(admission.taken.len(), limits.in_all - limits.for_trunks);
    let trunks =
        (0..limits.for_trunks).all(|_| admission.enter(now, TRUNK.into()).ticket.is_some());
    assert!(trunks);
    assert_eq!(
        admission.enter(now, TRUNK.into()).news,
        Some(News::Full(TRUNK.into()))
    );
}

#[test]
fn without_trunks_nobody_is_a_stranger() {
    let now = start();
    let mut admission = Admission::new(ConnectionLimits::default());
    let limits = ConnectionLimits::default();
    for _ in 0..limits.from_one {
        assert!(admission.enter(now, stranger(1)).ticket.is_some());
    }
    assert!(admission.enter(now, stranger(1)).ticket.is_none());
    for _ in limits.from_one..limits.in_all {
        assert!(admission.enter(now, stranger(2)).ticket.is_some());
    }
    let entry = admission.enter(now, stranger(3));
    assert_eq!((entry.ticket, entry.gives_way), (None, None));
}

#[test]
fn an_address_is_told_of_once_a_minute() {
    let now = start();
    let mut admission = admission(ConnectionLimits::default());
    let mut told = |at: Instant| {
        (0..50)
            .filter(|_| admission.enter(at, stranger(1)).news.is_some())
            .count()
    };
    assert_eq!(told(now), 1);
    assert_eq!(told(now + TOLD - SECOND), 0);
    assert_eq!(told(now + TOLD), 1);
}

#[test]
fn what_is_told_of_takes_no_endless_memory() {
    let now = start();
    let mut admission = admission(ConnectionLimits::default());
    for number in 0..8_000 {
        admission.enter(now, stranger(number));
    }
    assert!(admission.told.len() <= REMEMBERED);
    assert!(admission.taken.len() <= ConnectionLimits::default().for_strangers);
}

proptest! {
    #[test]
    fn bounds_hold_whoever_comes_and_goes(
        steps in proptest::collection::vec((0..3_u8, 0..40_usize, 0..4_u32), 1..600),
    ) {
        let limits = ConnectionLimits {
            in_all: 20,
            for_trunks: 4,
            for_strangers: 8,
            from_one: 6,
            from_stranger: 3,
        };
        let mut admission = admission(limits);
        let mut now = start();
        let mut open: BTreeSet<Ticket> = BTreeSet::new();
        for (kind, number, seconds) in steps {
            now += seconds * SECOND;
            match kind {
                0 => {
                    let oldest = open.iter().nth(number).copied();
                    if let Some(ticket) = oldest {
                        open.remove(&ticket);
                        admission.leave(ticket);
                    }
                }
                1 => admission.know_phone(&number.to_string(), stranger(number), now + 5 * SECOND),
                _ => {
                    let source = if number < 8 { TRUNK.into() } else { stranger(number / 2) };
                    let entry = admission.enter(now, source);
                    if let Some(ticket) = entry.gives_way {
                        prop_assert!(open.remove(&ticket), "only who is there gives way");
                    }
                    open.extend(entry.ticket);
                    // A trunk with few connections always comes in.
                    let others = admission.taken.values().filter(|t| t.source != source).count();
                    if source == IpAddr::from(TRUNK) && entry.ticket.is_none() {
                        let own = admission.taken.len() - others;
                        prop_assert!(own >= limits.for_trunks, "{own} of the trunk");
                    }
                }
            }
            prop_assert!(admission.taken.len() <= limits.in_all);
            prop_assert!(admission.taken.keys().copied().eq(open.iter().copied()));
        }
    }
}
