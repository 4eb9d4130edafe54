//! Boxes that are newer than the cloud, and older: nothing of either is lost to it.

use std::path::Path;
use std::process::Command;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use trunkside_record::{Batch, Lane, Topic, VERSION, decode_ack, encode};

mod support;
use support::*;

/// Sends records as a box does and waits until their watermark is back.
async fn send(broker: std::net::SocketAddr, device: &str, lane: Lane, bodies: &[Value]) {
    let trunkside_record::Origin {
        tenant,
        branch,
        device,
    } = origin(device);
    let record = |(body, sequence): (&Value, u64)| {
        json!({
            "sequence": sequence, "at": "2026-11-21T08:00:00Z", "clock_trusted": true, "lane": lane,
            "body": body, "seal": "x"
        })
    };
    let batch = Batch {
        v: VERSION,
        tenant,
        branch,
        device: device.clone(),
        epoch: 4 + lane as u64,
        records: bodies.iter().zip(1..).map(record).collect(),
    };
    let mut options = MqttOptions::new(device.as_str(), broker.ip().to_string(), broker.port());
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = AsyncClient::new(options, 8);
    let of = origin(device.as_str());
    let (ack, up) = (
        Topic::Ack(of.clone()).to_string(),
        Topic::Up(of, lane).to_string(),
    );
    client.try_subscribe(ack, QoS::AtLeastOnce).unwrap();
    client
        .try_publish(up, QoS::AtLeastOnce, false, encode(&batch))
        .unwrap();
    let answered = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = connection.poll().await.unwrap() {
                let sequence = decode_ack(&publish.payload).unwrap().sequence;
                assert_eq!(sequence, bodies.len() as u64);
                return;
            }
        }
    };
    tokio::time::timeout(WITHIN, answered)
        .await
        .expect("a watermark comes");
}

fn call(number: u64) -> Value {
    json!({
        "kind": "call", "call": format!("01990000-0000-7000-8000-{number:012}"),
        "started_at": "2026-11-21T08:10:00Z", "outcome": "bridged", "ended_by": "caller",
        "times": { "ended_s": 30.0 }, "redacted": true
    })
}

fn exported(folder: &Path) -> String {
    let file = folder.join("calls.csv");
    let done = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
        .args(["export", "calls", "--format", "csv", "--data"])
        .arg(folder)
        .arg("--to")
        .arg(&file)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_cloud_keeps_what_a_newer_box_sends() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(folder.path()).await;
    let (http, mqtt) = (cloud.http_addr, cloud.mqtt_addr.unwrap());
    healthy(http).await;
    let mut newer = call(1);
    newer["outcome"] = "hologram".into();
    newer["ended_by"] = "supervisor".into();
    newer["language"] = "de".into();
    newer["mood"] = json!({ "emotion": "bored", "emotion_score": 0.5, "sentiment": 0.0 });
    newer["decision"] = json!({ "number": 1, "action": { "do": "beam", "deck": 7 }, "policy": "" });
    newer["colour"] = "red".into();
    let mut other_form = call(2);
    other_form["times"] = "a while".into();
    let hologram = json!({ "kind": "hologram", "depth": 3 });
    send(mqtt, "box1", Lane::Metric, &[newer, other_form, hologram]).await;

    let page = get_json(http, "/api/v1/calls").await;
    let shown = &page["calls"][0];
    assert_eq!(page["calls"].as_array().unwrap().len(), 1);
    for (name, value) in [
        ("outcome", json!("hologram")),
        ("ended_by", json!("supervisor")),
        ("language", json!("de")),
        ("colour", json!("red")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(
        shown["decision"]["action"],
        json!({ "do": "beam", "deck": 7 })
    );
    let hours = get_json(http, "/api/v1/metrics/hourly").await;
    assert_eq!(
        (&hours["hours"][0]["other"], &hours["hours"][0]["failed"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        metric(http, "trunkside_records_total{result=\"unread\"}").await,
        2
    );
    assert_eq!(metric(http, "trunkside_records_unread").await, 2);
    assert_eq!(metric(http, "trunkside_records_lost").await, 0);
    let devices = get_json(http, "/api/v1/devices").await;
    assert_eq!(devices["devices"][0]["unread"], 2);
    let (status, front) = get(http, "/").await;
    assert_eq!(status, 200);
    assert!(
        front.contains("records for a newer version") && front.contains("hologram"),
        "{front}"
    );
    let (_, one) = get(http, "/calls/01990000-0000-7000-8000-000000000001").await;
    assert!(one.contains("by the supervisor"), "{one}");
    cloud.shutdown().await;
    let csv = exported(folder.path());
    assert!(
        csv.contains("hologram") && csv.contains("supervisor") && csv.contains("bored"),
        "{csv}"
    );

    // A newer version starts on the same database. It stands for itself here: what waits is made to look
    // like something that it can read.
    let database =
        rusqlite::Connection::open(folder.path().join("trunkside-cloud.sqlite")).unwrap();
    database
        .execute(
            "UPDATE unread SET reader = 'older', body = ?1 WHERE body LIKE '%a while%'",
            [call(2).to_string()],
        )
        .unwrap();
    drop(database);
    let cloud = embedded(folder.path()).await;
    assert_eq!(all_calls(cloud.http_addr).await.len(), 2);
    assert_eq!(metric(cloud.http_addr, "trunkside_records_unread").await, 1);
    cloud.shutdown().await;
}

/// The least that the first version of the contract had to send.
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_cloud_reads_an_older_box() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(folder.path()).await;
    healthy(cloud.http_addr).await;
    send(cloud.mqtt_addr.unwrap(), "box1", Lane::Metric, &[call(1)]).await;
    let shown = &get_json(cloud.http_addr, "/api/v1/calls").await["calls"][0];
    assert_eq!(shown["outcome"], "bridged");
    // What it left out has its default.
    assert_eq!(shown["voice"]["unheard_frames"], 0);
    assert!(shown.get("kind").is_none(), "{shown}");
    cloud.shutdown().await;
}
