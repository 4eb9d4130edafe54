//! Who refreshes, when, and when a far end is taken for gone.

use proptest::prelude::*;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn asked(header: &str, shortest: u64, supported: bool) -> Asked {
    Asked {
        expires: SessionExpires::parse(header),
        shortest: (shortest > 0).then(|| seconds(shortest)),
        supported,
    }
}

#[test]
fn headers_are_read_and_written() {
    let read = |text: &str| SessionExpires::parse(text).map(SessionExpires::written);
    assert_eq!(read("1800").as_deref(), Some("1800"));
    assert_eq!(
        read(" 90 ; x=y ; Refresher = UAS ").as_deref(),
        Some("90;refresher=uas")
    );
    assert_eq!(read("600;refresher=nobody").as_deref(), Some("600"));
    assert_eq!(read("-1"), None);
    assert_eq!(read("99999999999"), None);
}

/// RFC 4028, table 2: what the one who answers may say.
#[test]
fn the_one_who_answers_settles_who_refreshes() {
    let now = crate::rsip::now();
    for (header, supported, refresher, require) in [
        ("600;refresher=uac", true, Refresher::Uac, true),
        ("600;refresher=uas", true, Refresher::Uas, false),
        ("600", true, Refresher::Uac, true),
        ("600", false, Refresher::Uas, false),
        ("600;refresher=uac", false, Refresher::Uas, false),
    ] {
        let mut timer = SessionTimer::default();
        let settled = timer.settle(now, asked(header, 0, supported));
        let expires = SessionExpires {
            interval: seconds(600),
            refresher: Some(refresher),
        };
        assert_eq!(settled, Ok(Some(Settled { expires, require })), "{header}");
        let refreshes = timer.deadline() == Some(now + seconds(300));
        assert_eq!(refreshes, refresher == Refresher::Uas, "{header}");
    }
}

#[test]
fn an_interval_is_bounded_from_both_sides() {
    let now = crate::rsip::now();
    let mut timer = SessionTimer::default();
    assert_eq!(timer.settle(now, asked("89", 0, true)), Err(TooShort));
    let interval = |header, shortest| {
        let settled = SessionTimer::default().settle(now, asked(header, shortest, true));
        settled
            .expect("long enough")
            .expect("a timer")
            .expires
            .interval
    };
    assert_eq!(interval("90", 0), seconds(90));
    assert_eq!(interval("86400", 0), INTERVAL);
    assert_eq!(
        interval("86400", 3_600),
        seconds(3_600),
        "not below what they take"
    );
    assert_eq!(
        timer.settle(now, asked("", 0, false)),
        Ok(None),
        "no timer for who knows none"
    );
    assert_eq!(timer.deadline(), None);
}

#[test]
fn the_call_ends_a_little_before_the_interval_when_nobody_refreshes() {
    let now = crate::rsip::now();
    let mut timer = SessionTimer::default();
    timer
        .settle(now, asked("90", 0, true))
        .expect("long enough");
    assert_eq!(timer.deadline(), Some(now + seconds(60)));
    assert_eq!(timer.due(now + seconds(59)), None);
    timer
        .settle(now + seconds(59), asked("90", 0, true))
        .expect("refreshed");
    assert_eq!(timer.due(now + seconds(60)), None);
    assert_eq!(timer.due(now + seconds(119)), Some(Due::Expired));
    assert_eq!(timer.deadline(), None);
}

#[test]
fn we_refresh_at_half_of_it_and_take_what_comes_back() {
    let mut now = crate::rsip::now();
    let mut timer = SessionTimer::default();
    timer.settled(now, SessionExpires::parse("100;refresher=uac"));
    now += seconds(50);
    assert_eq!(timer.due(now), Some(Due::Refresh));
    assert_eq!(timer.due(now), None, "once");
    assert_eq!(
        timer.ask().expires.map(SessionExpires::written).as_deref(),
        Some("100;refresher=uac")
    );
    assert!(!timer.refreshed(now, Refreshed::Crossed, true));
    now += seconds(3);
    assert_eq!(timer.due(now), Some(Due::Refresh), "after the glare");
    assert!(!timer.refreshed(
        now,
        Refreshed::TooShort {
            shortest: seconds(200)
        },
        true
    ));
    assert_eq!(timer.due(now), Some(Due::Refresh));
    let asked = timer.ask();
    assert_eq!(asked.shortest, Some(seconds(200)));
    assert!(
        asked
            .expires
            .is_some_and(|expires| expires.interval >= seconds(200))
    );
    assert!(!timer.refreshed(now, Refreshed::Accepted { expires: None }, true));
    assert_eq!(
        timer.deadline(),
        Some(now + seconds(50)),
        "who says nothing keeps what was settled"
    );
    let uas = SessionExpires::parse("300;refresher=uas");
    timer.due(now + seconds(50));
    assert!(!timer.refreshed(now, Refreshed::Accepted { expires: uas }, true));
    assert_eq!(timer.deadline(), Some(now + seconds(268)), "theirs now");
}

#[test]
fn a_far_end_that_is_gone_ends_the_call_and_one_that_refuses_does_not() {
    let now = crate::rsip::now();
    let mut timer = SessionTimer::default();
    timer.settled(now, SessionExpires::parse("100"));
    timer.due(now + seconds(50));
    assert!(!timer.refreshed(now + seconds(50), Refreshed::Refused, true));
    assert!(timer.deadline() > Some(now + seconds(50)));
    assert!(timer.refreshed(now + seconds(60), Refreshed::Gone, true));
    timer.settled(now, None);
    assert_eq!(timer.deadline(), None, "a far end without timers");
}

proptest! {
    /// Whatever is asked, the interval settled is one that both sides allow.
    #[test]
    fn what_is_settled_is_allowed(interval in 0..100_000_u64, shortest in 0..4_000_u64, supported: bool) {
        let now = crate::rsip::now();
        let mut timer = SessionTimer::default();
        let expires = SessionExpires { interval: seconds(interval), refresher: None };
        let asked = Asked { expires: Some(expires), shortest: Some(seconds(shortest)), supported };
        match timer.settle(now, asked) {
            Err(TooShort) => prop_assert!(interval < 90),
            Ok(settled) => {
                let settled = settled.expect("a timer").expires.interval;
                prop_assert!(settled >= SHORTEST && settled <= seconds(interval));
                prop_assert!(settled >= seconds(shortest).min(seconds(interval)));
                prop_assert!(timer.deadline() > Some(now));
            }
        }
    }
}
