//! Who may come in: keys, what they did, claims and certificates.

use super::*;

pub(super) fn keys_work_until_they_are_revoked(fresh: &dyn Fn() -> Fresh) {
    let Fresh { store, reopen, .. } = fresh();
    assert!(!store.has_keys().unwrap());
    assert!(!store.ever_had_keys().unwrap());
    let key = KeyRecord {
        id: "k1".into(),
        name: "grafana".into(),
        hash: "00".into(),
        role: Role::Operator,
        scope: Scope {
            tenant: Some("acme".into()),
            branch: None,
        },
        created_at: NOW,
        revoked_at: None,
    };
    store.add_key(&key).unwrap();
    assert!(store.add_key(&key).is_err(), "a name is taken once");
    let again = reopen().unwrap();
    assert_eq!(again.key("k1").unwrap(), Some(key.clone()));
    assert_eq!(again.key("k2").unwrap(), None);
    assert!(store.revoke_key("k1", NOW).unwrap());
    assert!(!store.revoke_key("k1", NOW).unwrap());
    assert_eq!(again.key("k1").unwrap(), None);
    assert!(!again.has_keys().unwrap());
    assert!(again.ever_had_keys().unwrap());
    assert_eq!(again.keys().unwrap()[0].revoked_at, Some(NOW));
}

pub(super) fn the_audit_log_keeps_its_order_and_scope(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let note = |tenant: &str, call: &str| Audit {
        at: NOW,
        subject: "key k1".into(),
        action: "transcript".into(),
        tenant: tenant.into(),
        branch: "harbour".into(),
        call: call.into(),
    };
    store.audit(&[]).unwrap();
    store
        .audit(&[note("acme", "1"), note("other", "2"), note("acme", "3")])
        .unwrap();
    let read = |scope: &Scope, before| -> Vec<(i64, String)> {
        let notes = store.audits(scope, 2, before).unwrap();
        notes
            .into_iter()
            .map(|(id, note)| (id, note.call))
            .collect()
    };
    let first = read(&Scope::ALL, None);
    assert_eq!((first[0].1.as_str(), first[1].1.as_str()), ("3", "2"));
    assert_eq!(read(&Scope::ALL, Some(first[1].0))[0].1, "1");
    let acme = Scope {
        tenant: Some("acme".into()),
        branch: None,
    };
    assert_eq!(
        read(&acme, None)
            .iter()
            .map(|(_, call)| call.as_str())
            .collect::<Vec<_>>(),
        ["3", "1"]
    );
}

pub(super) fn notes_and_claims_go_once_they_are_over(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let at = |second| Timestamp::from_second(second).unwrap();
    let note = |number: i64| Audit {
        at: at(number),
        subject: "key k1".into(),
        action: "export".into(),
        tenant: "acme".into(),
        branch: "harbour".into(),
        call: number.to_string(),
    };
    // More than go at once.
    let notes: Vec<Audit> = (0..2_600).map(note).collect();
    store.audit(&notes).unwrap();
    let left = || -> Vec<String> {
        let notes = store.audits(&Scope::ALL, 9, None).unwrap();
        notes.into_iter().map(|(_, note)| note.call).collect()
    };
    assert_eq!(store.forget_access(at(1), None).unwrap(), 0);
    assert_eq!(left().len(), 9);
    assert_eq!(store.forget_access(at(1), Some(at(2_597))).unwrap(), 2_597);
    assert_eq!(left(), ["2599", "2598", "2597"]);

    for (id, device) in [("c1", "box1"), ("c2", "box2")] {
        assert!(store.add_claim(&claim(id, device)).unwrap());
    }
    assert!(store.use_claim("c2", "2a", at(1)).unwrap());
    store.forget_access(at(99), None).unwrap();
    assert!(store.claim("c1", at(1)).unwrap().is_some(), "it waits");
    store.forget_access(at(100), None).unwrap();
    assert_eq!(store.claim("c1", at(1)).unwrap(), None);
    let two = Origin::new("acme", "harbour", "box2").unwrap();
    assert!(!store.is_revoked(&two, "2a").unwrap());
    assert_eq!(store.certificates().unwrap().len(), 1, "its box stays in");
}

pub(super) fn a_claim_is_used_once_and_in_time(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let at = |second| Timestamp::from_second(second).unwrap();
    let claim = claim("c1", "box1");
    assert!(store.add_claim(&claim).unwrap());
    let second = Claim {
        id: "c2".into(),
        ..claim.clone()
    };
    assert!(store.add_claim(&second).unwrap());
    assert_eq!(
        store.claim("c1", at(1)).unwrap(),
        None,
        "the later one replaces it"
    );
    assert_eq!(store.claim("c2", at(1)).unwrap(), Some(second));
    assert_eq!(store.claim("c2", at(100)).unwrap(), None);
    assert!(!store.use_claim("c2", "1a", at(100)).unwrap());
    assert!(store.use_claim("c2", "1a", at(1)).unwrap());
    assert!(!store.use_claim("c2", "1b", at(1)).unwrap());
    assert_eq!(store.claim("c2", at(1)).unwrap(), None);
}

/// A claim that ends a hundred seconds after the epoch.
pub(super) fn claim(id: &str, device: &str) -> Claim {
    Claim {
        id: id.into(),
        proof_key: "ff".into(),
        tenant: "acme".into(),
        branch: "harbour".into(),
        device: device.into(),
        expires_at: Timestamp::from_second(100).unwrap(),
    }
}

pub(super) fn a_claim_leaves_that_of_another_box_with_its_id_alone(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let kept = |id: &str| store.claim(id, NOW).unwrap().map(|claim| claim.device);
    for (id, device) in [("c1", "box1"), ("c2", "box2")] {
        assert!(store.add_claim(&claim(id, device)).unwrap());
    }
    assert!(!store.add_claim(&claim("c1", "box2")).unwrap());
    assert_eq!(kept("c1").as_deref(), Some("box1"));
    assert_eq!(kept("c2").as_deref(), Some("box2"), "it waits still");
    // The same box may draw its own again.
    assert!(store.add_claim(&claim("c2", "box2")).unwrap());
}

pub(super) fn a_revoked_boxs_certificates_end_and_a_later_one_serves(fresh: &dyn Fn() -> Fresh) {
    let fresh = fresh();
    let store = &*fresh.store;
    let at = |second| Timestamp::from_second(second).unwrap();
    let join = |device: &str, serial: &str| {
        assert!(store.add_claim(&claim(serial, device)).unwrap());
        store.use_claim(serial, serial, at(1)).unwrap()
    };
    let [one, two] = ["box1", "box2"].map(|device| Origin::new("acme", "harbour", device).unwrap());
    assert!(join("box1", "1a") && join("box2", "2a"));
    let before = store.revocations().unwrap();
    assert!(!store.is_revoked(&one, "1a").unwrap());
    assert!(!store.is_revoked(&one, "older").unwrap());

    assert!(store.revoke_box(&one, at(1)).unwrap() > 0);
    let stranger = Origin::new("acme", "harbour", "box9").unwrap();
    assert_eq!(store.revoke_box(&stranger, at(1)).unwrap(), 0);
    assert!(store.revocations().unwrap() > before);
    assert!(store.is_revoked(&one, "1a").unwrap());
    assert!(store.is_revoked(&one, "older").unwrap());
    assert!(!store.is_revoked(&two, "2a").unwrap());

    assert!(join("box1", "1b"));
    assert!(!store.is_revoked(&one, "1b").unwrap());
    assert!(store.is_revoked(&one, "1a").unwrap());
}
