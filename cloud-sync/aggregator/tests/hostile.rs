//! Messages that no box sends: the aggregator counts them, says so in the log, and goes on.

use std::net::SocketAddr;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use trunkside_record::{Batch, Lane, Topic, VERSION, encode};

mod support;
use support::*;

/// Publishes messages, each to its topic, and waits until the broker took them.
async fn publish(broker: SocketAddr, messages: Vec<(String, Vec<u8>)>) {
    let mut options = MqttOptions::new("stranger", broker.ip().to_string(), broker.port());
    options.set_max_packet_size(1 << 22, 1 << 22);
    let (client, mut connection) = AsyncClient::new(options, messages.len() + 1);
    let mut untaken = messages.len();
    for (topic, payload) in messages {
        client
            .try_publish(topic, QoS::AtLeastOnce, false, payload)
            .unwrap();
    }
    let taken = async {
        while untaken > 0 {
            if let Event::Incoming(Packet::PubAck(_)) = connection.poll().await.unwrap() {
                untaken -= 1;
            }
        }
    };
    tokio::time::timeout(WITHIN, taken)
        .await
        .expect("the broker takes every message");
}

fn topic(device: &str, lane: Lane) -> String {
    Topic::Up(origin(device), lane).to_string()
}

fn batch(device: &str, records: &serde_json::Value) -> Batch<serde_json::Value> {
    let trunkside_record::Origin {
        tenant,
        branch,
        device,
    } = origin(device);
    let records = records.as_array().unwrap().clone();
    Batch {
        v: VERSION,
        tenant,
        branch,
        device,
        epoch: 4,
        records,
    }
}

fn alarm(sequence: u64, text: &str) -> serde_json::Value {
    serde_json::json!({
        "sequence": sequence, "at": "2026-11-21T08:00:00Z", "lane": "alarm", "from_tomorrow": 1,
        "body": { "kind": "alarm", "code": "x", "severity": "minor", "text": text, "colour": "red" }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_are_counted_and_harm_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(folder.path()).await;
    healthy(cloud.http_addr).await;
    let bomb = zstd::bulk::compress(&vec![b' '; 64 << 20], 19).unwrap();
    assert!(bomb.len() < 100_000);
    let up = topic("box1", Lane::Alarm);
    let good = encode(&batch(
        "box1",
        &serde_json::json!([alarm(1, "the trunk is down")]),
    ));
    let broken_zstd = [&[0x28, 0xb5, 0x2f, 0xfd][..], &[0xff; 40]].concat();
    let deep = "[".repeat(100_000).into_bytes();
    let messages = vec![
        (up.clone(), b"garbage".to_vec()),
        (up.clone(), Vec::new()),
        (up.clone(), bomb),
        (up.clone(), broken_zstd),
        (up.clone(), deep),
        (
            up.clone(),
            encode(&Batch {
                v: 99,
                ..batch("box1", &serde_json::json!([]))
            }),
        ),
        (
            up.clone(),
            encode(&batch("box1", &serde_json::json!([{ "no": "sequence" }]))),
        ),
        (
            up.clone(),
            encode(&batch(
                "box1",
                &serde_json::json!([alarm(2, "x"), alarm(1, "x")]),
            )),
        ),
        (topic("box2", Lane::Alarm), good.clone()),
        ("trunkside/v1/a/ /c/alarm".to_owned(), good.clone()),
        (up.clone(), good.clone()),
        (up, good),
    ];
    publish(cloud.mqtt_addr.unwrap(), messages).await;

    let http = cloud.http_addr;
    until(
        || metric(http, "trunkside_messages_total"),
        |count| *count == 12,
    )
    .await;
    until(
        || metric(http, "trunkside_records_total{result=\"stored\"}"),
        |count| *count == 1,
    )
    .await;
    until(
        || metric(http, "trunkside_records_total{result=\"duplicate\"}"),
        |count| *count == 1,
    )
    .await;
    let rejected = |reason: &str| {
        let name = format!("trunkside_messages_rejected_total{{reason=\"{reason}\"}}");
        async move { metric(http, &name).await }
    };
    assert_eq!(rejected("payload").await, 8);
    assert_eq!(rejected("origin").await, 1);
    assert_eq!(rejected("topic").await, 1);
    healthy(http).await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_with_digits_is_refused_and_the_rest_of_the_batch_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(folder.path()).await;
    healthy(cloud.http_addr).await;
    let records = serde_json::json!([
        alarm(1, "fine"),
        alarm(2, "call 13800138000"),
        alarm(3, "fine")
    ]);
    let payload = encode(&batch("box1", &records));
    publish(
        cloud.mqtt_addr.unwrap(),
        vec![(topic("box1", Lane::Alarm), payload)],
    )
    .await;
    let http = cloud.http_addr;
    until(
        || metric(http, "trunkside_records_total{result=\"refused\"}"),
        |count| *count == 1,
    )
    .await;
    assert_eq!(
        metric(http, "trunkside_records_total{result=\"stored\"}").await,
        2
    );
    cloud.shutdown().await;
    let database = std::fs::read(folder.path().join("trunkside-cloud.sqlite")).unwrap();
    assert!(!database.windows(11).any(|window| window == b"13800138000"));
}

/// A full disk, or a reader of the log that has gone: neither keeps anything from being stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_costs_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let (http, mqtt) = (free_address(), free_address());
    let _cloud = cloud_telling(http, mqtt, &folder.path().join("cloud"), "/dev/full");
    healthy(http).await;
    publish(mqtt, vec![(topic("box1", Lane::Metric), b"junk".to_vec())]).await;
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), mqtt);
    branch.store(0).await;
    branch.drained().await;
    branch.stop().await;
    assert_eq!(all_calls(http).await.len(), 1);
    assert_eq!(
        metric(
            http,
            "trunkside_messages_rejected_total{reason=\"payload\"}"
        )
        .await,
        1
    );
}
