//! Alarms that stand, and all that came.

use super::*;

/// An alarm of a box, raised or cleared.
fn told(sequence: u64, code: &str, cleared: bool) -> Received {
    let body = serde_json::json!({
        "kind": "alarm", "code": code, "severity": "minor", "cleared": cleared,
        "text": "the trunk is down", "remedy": "a newer box knows it", "at": "never"
    });
    raw(sequence, Lane::Alarm, &body)
}

fn codes(page: &AlarmPage) -> Vec<(String, bool)> {
    let alarms = page.alarms.iter();
    alarms
        .map(|item| (item.alarm.code.clone(), item.alarm.cleared))
        .collect()
}

pub(super) fn alarms_stand_until_they_are_cleared(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let long = "x".repeat(5_000);
    let of = |tenant: &str, records| message_from(&origin(tenant, "harbour"), Lane::Alarm, records);
    let first = vec![
        told(1, "trunk", false),
        told(2, "disk", false),
        told(3, "trunk", true),
        told(4, "trunk", false),
        told(5, &long, false),
    ];
    store
        .commit(
            &[of("acme", first), of("other", vec![told(1, "disk", false)])],
            NOW,
        )
        .unwrap();
    let acme = Scope {
        tenant: Some("acme".to_owned()),
        branch: None,
    };
    let asked = |scope: &Scope, device: Option<&str>, standing, limit, after| {
        let filter = AlarmFilter {
            scope: scope.clone(),
            device: device.map(ToOwned::to_owned),
            standing,
        };
        store.alarms(&filter, limit, after).unwrap()
    };
    let standing = |scope: &Scope| codes(&asked(scope, None, true, 9, None));
    let raised = |code: &str| (code.to_owned(), false);
    assert_eq!(standing(&acme), [raised("trunk"), raised("disk")]);
    assert_eq!(standing(&Scope::ALL).len(), 3);
    assert_eq!(
        asked(&acme, Some("box2"), true, 9, None),
        AlarmPage::default()
    );

    // What comes late is no later for that; what a box tells after its next start is.
    let mut cleared = of("acme", vec![told(7, "disk", true)]);
    store.commit(&[cleared.clone()], NOW).unwrap();
    store
        .commit(&[of("acme", vec![told(6, "disk", false)])], NOW)
        .unwrap();
    assert_eq!(standing(&acme), [raised("trunk")]);
    cleared.batch.epoch += 100;
    cleared.batch.records = vec![told(1, "trunk", true), told(2, "disk", false)];
    store.commit(&[cleared], NOW).unwrap();
    assert_eq!(standing(&acme), [raised("disk")]);

    // All that came, page by page.
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = asked(&acme, Some("box1"), false, 2, after);
        all.extend(codes(&page));
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(all.len(), 9);
    assert_eq!(all[0], raised("disk"));
    let whole = asked(&acme, None, true, 1, None);
    let json = serde_json::to_value(&whole.alarms[0]).unwrap();
    assert_eq!(json["at"], "2026-11-21T08:12:00Z");
    assert_eq!(json["remedy"], "a newer box knows it");
    assert_eq!(json["clock_trusted"], true);
    assert_eq!(json["text"], "the trunk is down");

    let later = "2026-12-01T00:00:00Z".parse().unwrap();
    let today = jiff::civil::date(2026, 12, 2);
    store.maintain(today, Some(later)).unwrap();
    assert!(standing(&Scope::ALL).is_empty(), "what is too old goes");
}
