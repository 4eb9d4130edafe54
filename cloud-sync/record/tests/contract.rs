//! The contract as others see it: schemas, a full record, neighbouring versions, hostile bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use trunkside_call::{
    Action, AgentId, Alternative, CallbackCause, Decision, DestinationKind, Emotion, EntityKind,
    Language, Mood, Reason, Sentiment, SentimentLabel, Side,
};
use trunkside_record::*;

/// Compares with a file beside the tests; writes it instead when `UPDATE_SNAPSHOTS` is set. The
/// order of fields does not count: it depends on what else is built.
fn assert_snapshot(path: &str, value: &impl serde::Serialize) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    let found: Value = serde_json::from_str(&text).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let expected: Value = serde_json::from_str(&expected).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs; a change that readers of version {VERSION} cannot take needs a new version, \
         any other is written with UPDATE_SNAPSHOTS=1:\n{text}",
        path.display()
    );
}

fn text(text: &str) -> RedactedText {
    RedactedText::try_new(text).unwrap()
}

fn call_id() -> trunkside_call::CallId {
    "01990000-0000-7000-8000-00000000abcd".parse().unwrap()
}

fn decision() -> Decision {
    Decision {
        odds: None,
        cost_us: Some(-81_000_000),
        inputs: "1f0a".into(),
        call: call_id(),
        number: 7,
        at: Duration::from_secs(4),
        action: Action::Offer {
            agent: AgentId::new("li.wei"),
        },
        reasons: vec![Reason {
            rule: "angry_to_senior".into(),
            finding: "anger is 0.9".into(),
        }],
        alternative: Some(Alternative {
            agent: AgentId::new("wang"),
            because: "not senior".into(),
            cost_us: Some(-20_000_000),
        }),
        policy: "5e88".into(),
    }
}

fn mood() -> Mood {
    Mood {
        sentiment: Sentiment {
            label: SentimentLabel::Negative,
            score: -0.75,
        },
        emotion: Emotion::Angry,
        emotion_score: 0.9,
        reasons: vec!["loud".into(), "said 13800138000".into()],
    }
}

fn summary() -> CallSummary {
    let names = Pseudonyms::new(PseudonymKey::new([1; 32]));
    let leg = LegQuality {
        packets: 900,
        lost: 2,
        late: 1,
        jitter_ms: 4.5,
        round_trip_ms: Some(31.25),
        mos: Some(4.25),
        far_lost: Some(3),
        far_jitter_ms: Some(2.5),
    };
    CallSummary {
        call: call_id(),
        started_at: "2026-11-21T08:00:00Z".parse().unwrap(),
        calls_back: Some("01990000-0000-7000-8000-00000000abcc".parse().unwrap()),
        language: Some(Language::Zh.into()),
        intent: Some(IntentScore {
            name: "lost_card".into(),
            score: 0.93,
        }),
        intents: vec![IntentScore {
            name: "lost_card".into(),
            score: 0.93,
        }],
        mood: Some(MoodRecord::from(&mood())),
        mood_course: vec![MoodPoint::new(Duration::from_millis(2_500), &mood())],
        triggers: vec![TriggerRecord {
            at_s: 1.5,
            word: text("投诉"),
        }],
        escalations: vec![EscalationRecord {
            at_s: 2.5,
            reasons: vec![RedactedText::or_withheld("said `投诉`")],
        }],
        decision: Some(DecisionRecord::new(&decision(), &names)),
        agent: Some(names.agent(&AgentId::new("wang"))),
        talks: vec![
            TalkRecord {
                agent: Some(names.agent(&AgentId::new("li.wei"))),
                from_s: 6.5,
                to_s: 23.5,
                by: TalkBy::Decision.into(),
            },
            TalkRecord {
                agent: Some(names.agent(&AgentId::new("wang"))),
                from_s: 23.5,
                to_s: 61.2,
                by: TalkBy::Transfer.into(),
            },
        ],
        outcome: Outcome::Bridged.into(),
        ended_by: EndedBy::Caller.into(),
        interrupted: false,
        times: Times {
            answered_s: Some(0.05),
            first_words_s: Some(1.2),
            decided_s: Some(4.0),
            bridged_s: Some(6.5),
            ended_s: Some(61.2),
            known_s: None,
        },
        entities: BTreeMap::from([(EntityKind::Card.into(), 1), (EntityKind::Phone.into(), 2)]),
        voice: VoiceQuality {
            caller: leg,
            agent: Some(leg),
            unheard_frames: 0,
        },
        quality: vec![QualityHit {
            rule: "greeting".into(),
            kept: true,
            hits: Vec::new(),
        }],
        redacted: Redacted,
    }
}

fn every_body() -> Vec<Body> {
    let turn = Turn {
        side: Side::Caller.into(),
        start_s: 1.2,
        end_s: 3.4,
        text: text("号码是[card]"),
    };
    let alarm_text = text("the trunk does not answer; check the cable");
    vec![
        summary().into(),
        Transcript {
            call: call_id(),
            turns: vec![turn],
        }
        .into(),
        Alarm {
            code: "trunk_down".into(),
            severity: Severity::Major.into(),
            cleared: false,
            text: alarm_text,
        }
        .into(),
        DeviceHealth {
            software: "0.1.0".into(),
            uptime_s: 60,
            certificate_ends_at: Some("2031-11-21T00:00:00Z".parse().unwrap()),
            ..DeviceHealth::default()
        }
        .into(),
        Body::Gap(Gap {
            through: 9,
            reason: GapReason::Budget.into(),
        }),
    ]
}

fn often(times: usize) -> Vec<Body> {
    std::iter::repeat_with(every_body)
        .take(times)
        .flatten()
        .collect()
}

fn batch(bodies: Vec<Body>) -> Batch {
    let Origin {
        tenant,
        branch,
        device,
    } = Origin::new("acme", "harbour", "box1").unwrap();
    let entries = bodies.into_iter().zip(1..).map(|(body, sequence)| Entry {
        sequence,
        at: "2026-11-21T08:01:02.003Z".parse().unwrap(),
        clock_trusted: true,
        lane: body.lane().unwrap_or(Lane::Metric),
        body,
    });
    Batch {
        v: VERSION,
        tenant,
        branch,
        device,
        epoch: 1_882_452,
        records: entries.collect(),
    }
}

fn entries(message: &[u8]) -> Vec<Entry> {
    let read = decode(message)
        .unwrap()
        .records
        .into_iter()
        .map(|received| match received {
            Received::Entry(entry, _) => *entry,
            Received::Refused { sequence, why } => panic!("{sequence}: {why}"),
        });
    read.collect()
}

#[test]
fn the_schemas_are_those_that_others_rely_on() {
    assert_snapshot("schema/batch.json", &schema::batch());
    assert_snapshot("schema/ack.json", &schema::ack());
    assert_snapshot("schema/asyncapi.json", &schema::asyncapi());
}

/// What version 1 promised when it was first released must stay: every property with its type,
/// every name of an enumeration; and nothing may become required that a first sender leaves out.
#[test]
fn the_first_release_of_this_version_is_still_understood() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/batch-v1-first.json");
    let first: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let now = serde_json::to_value(schema::batch()).unwrap();
    let mut broken = Vec::new();
    compare("", &first, &now, &mut broken);
    assert!(broken.is_empty(), "a new version is needed: {broken:#?}");

    let mut renamed = now.clone();
    renamed["properties"]["stream"] = renamed["properties"]["epoch"].take();
    compare("", &first, &renamed, &mut broken);
    assert!(!broken.is_empty(), "a renamed field must be noticed");
}

/// Lists what `now` takes away from `first` or newly demands.
fn compare(place: &str, first: &Value, now: &Value, broken: &mut Vec<String>) {
    match (first, now) {
        (Value::Object(first), Value::Object(now)) => {
            for (key, value) in first {
                let place = format!("{place}/{key}");
                match now.get(key) {
                    _ if key == "description" || key == "required" => {}
                    Some(now) => compare(&place, value, now, broken),
                    None => broken.push(format!("{place} is gone")),
                }
            }
            let names = |schema: &serde_json::Map<String, Value>| -> Vec<Value> {
                schema
                    .get("required")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default()
            };
            let known = names(first);
            let more = names(now).into_iter().filter(|name| !known.contains(name));
            broken.extend(more.map(|name| format!("{place} now demands {name}")));
        }
        // Alternatives and enumerations may grow; their order is of no meaning.
        (Value::Array(first), Value::Array(now)) => {
            for (index, value) in first.iter().enumerate() {
                let kept = now.iter().any(|now| {
                    let mut differences = Vec::new();
                    compare(place, value, now, &mut differences);
                    differences.is_empty()
                });
                if !kept {
                    broken.push(format!("{place}/{index} is gone"));
                }
            }
        }
        (first, now) if first == now => {}
        _ => broken.push(format!("{place} has changed")),
    }
}

#[test]
fn a_full_record_looks_as_documented() {
    assert_snapshot("schema/example.json", &batch(every_body()));
}

#[test]
fn what_was_written_is_read_large_or_small() {
    for bodies in [vec![every_body().swap_remove(2)], every_body(), often(20)] {
        let batch = batch(bodies);
        let message = encode(&batch);
        assert_eq!(entries(&message), batch.records);
    }
    let large = encode(&batch(often(20)));
    assert!(
        large.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]),
        "a large batch is compressed"
    );
    assert!(large.len() < 4_000, "{} bytes", large.len());
    let ack = Ack {
        epoch: 5,
        sequence: 6,
    };
    assert_eq!(decode_ack(&encode_ack(ack)).unwrap(), ack);
}

#[test]
fn nothing_personal_is_in_a_record() {
    let json = serde_json::to_string(&batch(every_body())).unwrap();
    for secret in ["li.wei", "wang", "13800138000"] {
        assert!(!json.contains(secret), "{secret} in {json}");
    }
    assert!(json.contains("[withheld]"), "{json}");
}

/// What the first version wrote, and what a later one may write.
#[test]
fn neighbouring_versions_are_read() {
    let message =
        br#"{"v":1,"tenant":"a","branch":"b","device":"c","epoch":4,"new":true,"records":[
        {"sequence":1,"at":"2026-11-21T08:00:00Z","lane":"metric","body":{"kind":"call",
         "call":"01990000-0000-7000-8000-00000000abcd","started_at":"2026-11-21T08:00:00Z",
         "outcome":"bridged","ended_by":"box","times":{"ended_s":1.0},"redacted":true}},
        {"sequence":2,"at":"2026-11-21T08:00:00Z","lane":"metric","later":1,
         "body":{"kind":"hologram","depth":3}},
        {"sequence":3,"at":"2026-11-21T08:00:00Z","lane":"alarm",
         "body":{"kind":"gap","through":4,"reason":"meteor"}}]}"#;
    let read = entries(message);
    assert!(matches!(&read[0].body, Body::Call(call) if call.mood.is_none()));
    assert!(matches!(&read[0].body, Body::Call(call) if call.times.ended_s == Some(1.0)));
    assert_eq!(read[1].body, Body::Unknown);
    let Body::Gap(gap) = read[2].body else {
        panic!("{:?}", read[2])
    };
    assert_eq!((gap.through, gap.reason.name()), (4, "meteor"));
}

/// A message with these bodies, as JSON.
fn message(bodies: &[Value]) -> Vec<u8> {
    let entry = |(body, sequence): (&Value, u64)| {
        let at = "2026-11-21T08:01:02Z";
        serde_json::json!({ "sequence": sequence, "at": at, "lane": "metric", "body": body })
    };
    let records: Vec<Value> = bodies.iter().zip(1..).map(entry).collect();
    let batch = serde_json::json!({
        "v": 1, "tenant": "a", "branch": "b", "device": "c", "epoch": 4, "records": records
    });
    serde_json::to_vec(&batch).unwrap()
}

fn received(body: &Value) -> Received {
    decode(&message(std::slice::from_ref(body)))
        .unwrap()
        .records
        .remove(0)
}

/// The body of one record, and what is kept of it.
fn kept(body: &Value) -> (Body, Value) {
    match received(body) {
        Received::Entry(entry, kept) => (entry.body, serde_json::from_str(&kept.json).unwrap()),
        Received::Refused { why, .. } => panic!("{why}"),
    }
}

/// Every name of every enumeration in a call, its words and an alarm may be one that only a newer
/// version knows.
#[test]
fn names_of_a_newer_version_survive() {
    let batch = serde_json::to_value(batch(every_body())).unwrap();
    let body = |place: usize| batch["records"][place]["body"].clone();
    let (mut call, mut words, mut alarm) = (body(0), body(1), body(2));
    call["outcome"] = "hologram".into();
    call["ended_by"] = "supervisor".into();
    call["language"] = "de".into();
    call["mood"]["emotion"] = "bored".into();
    call["mood_course"][0]["emotion"] = "bored".into();
    call["entities"]["passport"] = 3.into();
    words["turns"][0]["side"] = "supervisor".into();
    alarm["severity"] = "indeterminate".into();
    for action in [
        serde_json::json!({ "do": "overflow", "to": "mars", "kind": "outpost" }),
        serde_json::json!({ "do": "callback", "cause": "storm" }),
        serde_json::json!({ "do": "beam", "agent": "x", "target": { "deck": [1, 2] } }),
    ] {
        call["decision"]["action"] = action;
        let (read, mut json) = kept(&call);
        let Body::Call(summary) = read else {
            panic!("{read:?}")
        };
        assert_eq!(summary.outcome.name(), "hologram");
        assert_eq!(summary.entities.len(), 3);
        json["kind"] = "call".into();
        assert_eq!(json, call);
        // And back, as a box that went back to an older version sends it.
        let again = serde_json::to_value(&summary).unwrap();
        assert_eq!(again["ended_by"], "supervisor");
    }
    let (read, json) = kept(&words);
    assert!(matches!(read, Body::Transcript(_)));
    assert_eq!(json, words["turns"]);
    let (read, _) = kept(&alarm);
    assert!(matches!(read, Body::Alarm(alarm) if alarm.severity.name() == "indeterminate"));
}

#[test]
fn fields_of_a_newer_version_are_kept_at_every_depth() {
    let mut call = serde_json::to_value(summary()).unwrap();
    call["kind"] = "call".into();
    call["colour"] = "red".into();
    call["voice"]["caller"]["codec"] = "opus".into();
    call["decision"]["action"]["skill"] = serde_json::json!({ "level": 2.5 });
    call["mood_course"][0]["words"] = serde_json::json!([{ "share": 0.5 }]);
    let (_, mut json) = kept(&call);
    json["kind"] = "call".into();
    assert_eq!(json, call);

    let turn = serde_json::json!({
        "side": "caller", "start_s": 0.5, "end_s": 1.0, "text": "hello", "loud": true
    });
    let words = serde_json::json!({
        "kind": "transcript", "call": call["call"], "turns": [turn], "summary": "a greeting"
    });
    let Received::Entry(_, kept) = received(&words) else {
        panic!("it is read")
    };
    assert_eq!(
        serde_json::from_str::<Value>(&kept.json).unwrap(),
        words["turns"]
    );
    assert_eq!(kept.more.unwrap(), r#"{"summary":"a greeting"}"#);
}

/// The gate stands before what is not understood, too.
#[test]
fn what_is_kept_unread_names_nobody() {
    let mut call = serde_json::to_value(summary()).unwrap();
    call["kind"] = "call".into();
    call["note"] = serde_json::json!(["fine", "ring 13800138000", { "li@example.com": 1 }]);
    let (_, json) = kept(&call);
    let withheld = serde_json::json!(["fine", "[withheld]", { "[withheld]": 1 }]);
    assert_eq!(json["note"], withheld);
    assert_eq!(json["agent"], call["agent"]);

    let hologram = serde_json::json!({
        "kind": "hologram", "call": call["call"], "at": "2026-11-21T08:01:02.003Z",
        "agent": call["agent"], "policy": "5e".repeat(32), "text": "ring 13800138000"
    });
    let (read, json) = kept(&hologram);
    assert_eq!(read, Body::Unknown);
    let mut expected = hologram.clone();
    expected["text"] = "[withheld]".into();
    assert_eq!(json, expected);

    let mut unsaid = hologram;
    unsaid["redacted"] = false.into();
    assert!(matches!(received(&unsaid), Received::Refused { .. }));
    for outcome in ["13800138000", "li wei"] {
        let mut named = serde_json::to_value(summary()).unwrap();
        named["kind"] = "call".into();
        named["outcome"] = outcome.into();
        if let Received::Entry(entry, kept) = received(&named) {
            assert_eq!(entry.body, Body::Unknown, "{}", kept.json);
            assert!(!kept.json.contains("1380"), "{}", kept.json);
        }
    }
}

/// What is kept of one record whose body is this JSON; none when it is refused.
fn kept_of(body: &str) -> Option<String> {
    let message = format!(
        r#"{{"v":1,"tenant":"a","branch":"b","device":"c","epoch":4,"records":[
            {{"sequence":1,"at":"2026-11-21T08:01:02Z","lane":"metric","body":{body}}}]}}"#
    );
    match decode(message.as_bytes()).unwrap().records.remove(0) {
        Received::Entry(_, kept) => Some(kept.json),
        Received::Refused { .. } => None,
    }
}

/// A second kind would pass unread, by the types and by the gate.
#[test]
fn a_body_has_one_kind() {
    for second in ["1e999", "\"13800138000\"", r#""\ud800""#, &"[".repeat(500)] {
        let close = "]".repeat(if second.starts_with('[') { 500 } else { 0 });
        for body in [
            format!(r#"{{"kind":"health","kind":{second}{close},"calls":1}}"#),
            format!(r#"{{"calls":1,"kind":"health","kind":{second}{close}}}"#),
            format!(r#"{{"kind":"health","calls":1,"k\u0069nd":{second}{close}}}"#),
            format!(r#"{{"kind":"hologram","depth":1,"kind":{second}{close}}}"#),
        ] {
            assert_eq!(kept_of(&body), None, "{}", &body[..40]);
        }
    }
}

/// What is kept is read again, by other programs too, and as briefly as it came.
#[test]
fn numbers_are_kept_as_everybody_reads_them() {
    let far = format!("1{}", "0".repeat(300));
    let near = format!("0.{}1", "0".repeat(16_000));
    for (number, expected) in [
        ("1e-16000", 0.0),
        ("1e-400", 0.0),
        ("-5e-324", 0.0),
        ("1e-31", 0.0),
        (&near, 0.0),
        ("0", 0.0),
        ("1e-7", 1e-7),
        ("1.5e2", 150.0),
        ("1e31", 1e30),
        ("-1e300", -1e30),
        (&far, 1e30),
    ] {
        // Also where nobody reads it yet.
        for (before, after) in [
            (r#""kind":"health","wear":"#, ""),
            (r#""kind":"health","later":["#, "]"),
            (r#""kind":"hologram","depth":["#, "]"),
        ] {
            let kept = kept_of(&format!("{{{before}{number}{after}}}")).unwrap();
            assert!(kept.len() < 60, "{kept}");
            let json: Value = serde_json::from_str(&kept).unwrap();
            let place = [
                json.get("wear"),
                json.pointer("/later/0"),
                json.pointer("/depth/0"),
            ];
            let found = place.into_iter().flatten().next().unwrap();
            assert_eq!(found.as_f64(), Some(expected), "{kept}");
        }
    }
    // An exponent in a text is none, and blanks are no fault.
    let kept = kept_of("{\"kind\":\"health\" \n, \"model\":\"1e9 \\\" 2e9\", \"calls\":1}");
    let kept: Value = serde_json::from_str(&kept.unwrap()).unwrap();
    assert_eq!(
        kept,
        serde_json::json!({ "model": "1e9 \" 2e9", "calls": 1 })
    );
}

/// A known kind in a form that is not known: kept whole, and read again once it can be.
#[test]
fn a_form_of_a_newer_version_waits() {
    let mut call = serde_json::to_value(summary()).unwrap();
    call["kind"] = "call".into();
    let mut later = call.clone();
    later["times"] = serde_json::json!([["answered", 0.5], ["ended", 9]]);
    let (read, json) = kept(&later);
    assert_eq!((read, &json), (Body::Unknown, &later));
    assert_eq!(read_again(&json.to_string()), None);
    let (read, kept) = read_again(&call.to_string()).unwrap();
    assert_eq!(read, Body::from(summary()));
    assert!(!kept.json.contains("\"kind\":"));
}

#[test]
fn an_entry_that_cannot_be_kept_does_not_spoil_its_neighbours() {
    let mut json = serde_json::to_value(batch(every_body())).unwrap();
    json["records"][1]["body"]["turns"][0]["text"] = "一三八零零一三八".into();
    json["records"][0]["body"]["redacted"] = false.into();
    let read = decode(&serde_json::to_vec(&json).unwrap()).unwrap();
    for received in &read.records[..2] {
        let Received::Refused { why, .. } = received else {
            panic!("{received:?}")
        };
        assert!(!why.contains('一'), "{why}");
    }
    assert!(
        read.records[2..]
            .iter()
            .all(|received| matches!(received, Received::Entry(..)))
    );
}

#[test]
fn hostile_messages_are_refused_in_bounded_memory() {
    let bomb = |level| zstd::bulk::compress(&vec![b' '; 64 << 20], level).unwrap();
    let cases: [(&str, Vec<u8>); 7] = [
        ("larger than 4194304", bomb(3)),
        // Its header asks for a window of more than the limit.
        ("not valid zstd", bomb(19)),
        ("larger than 1048576", vec![b' '; MAX_PAYLOAD_BYTES + 1]),
        (
            "not valid zstd",
            [&[0x28, 0xb5, 0x2f, 0xfd][..], &[7; 30]].concat(),
        ),
        ("not a batch", b"{}".to_vec()),
        ("not a batch", "[".repeat(100_000).into_bytes()),
        (
            "version `2`",
            serde_json::to_vec(&Batch {
                v: 2,
                ..batch(vec![])
            })
            .unwrap(),
        ),
    ];
    for (expected, message) in cases {
        let error = decode(&message).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut backwards = batch(every_body());
    backwards.records.reverse();
    assert!(matches!(
        decode(&encode(&backwards)),
        Err(PayloadError::Numbers)
    ));
}

#[test]
fn a_callback_keeps_its_cause() {
    let action = Action::Callback {
        cause: CallbackCause::Closed,
    };
    let record = ActionRecord::new(&action, &Pseudonyms::new(PseudonymKey::new([1; 32])));
    assert_eq!(
        serde_json::to_string(&record).unwrap(),
        r#"{"do":"callback","cause":"closed"}"#
    );
}

#[test]
fn a_place_beyond_the_branch_is_no_agent() {
    let names = Pseudonyms::new(PseudonymKey::new([1; 32]));
    let overflow = |to: &str| Action::Overflow {
        to: to.to_owned(),
        kind: DestinationKind::Voicemail,
    };
    let record = ActionRecord::new(&overflow("messages"), &names);
    let json = r#"{"do":"overflow","to":"messages","kind":"voicemail"}"#;
    assert_eq!(serde_json::to_string(&record).unwrap(), json);
    assert_eq!(serde_json::from_str::<ActionRecord>(json).unwrap(), record);
    let number = ActionRecord::new(&overflow("13800138000"), &names);
    assert!(!serde_json::to_string(&number).unwrap().contains("138"));
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&message);
        let _ = decode_ack(&message);
        let compressed = zstd::bulk::compress(&message, 1).unwrap();
        let _ = decode(&compressed);
    }

    #[test]
    fn a_damaged_message_is_judged_without_a_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        large in any::<bool>(),
    ) {
        let mut message = encode(&batch(if large { every_body() } else { vec![] }));
        let at = at.index(message.len());
        message[at] = byte;
        let _ = decode(&message);
    }
}
