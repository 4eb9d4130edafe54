//! Records travel from an outbox to the HTTP interface, once each, whatever breaks on the way.

use std::collections::HashSet;

use trunkside_uplink::State;

mod support;
use support::*;

fn assert_each_once(calls: &[String], expected: usize) {
    assert_eq!(calls.len(), expected);
    assert_eq!(calls.iter().collect::<HashSet<_>>().len(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_can_be_read_after_it_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(&folder.path().join("cloud")).await;
    let mut branch = Branch::start(
        &folder.path().join("box"),
        origin("box1"),
        cloud.mqtt_addr.unwrap(),
    );
    for number in 0..30 {
        branch.store(number).await;
    }
    branch.drained().await;
    branch.reaches(|status| status.state == State::Live).await;

    let calls = all_calls(cloud.http_addr).await;
    assert_each_once(&calls, 30);
    let detail = get_json(cloud.http_addr, &format!("/api/v1/calls/{}", calls[0])).await;
    assert_eq!(detail["branch"], "harbour");
    assert_eq!(detail["intent"]["name"], "loan");
    assert_eq!(detail["transcript"][0]["text"], "我的卡丢了，号码是[card]");
    let hours = get_json(cloud.http_addr, "/api/v1/metrics/hourly").await;
    assert_eq!(hours["hours"][0]["calls"], 30);
    assert_eq!(hours["hours"][0]["mean_decision_s"], 2.0);
    assert_eq!(branch.stop().await, 0);
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_serves_as_well_and_may_restart() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut broker) = Mosquitto::start(folder.path()).await else {
        return;
    };
    let address = broker.address;
    let cloud = start(&folder.path().join("cloud"), external(address)).await;
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), address);
    for number in 0..20 {
        branch.store(number).await;
    }
    branch.drained().await;

    broker.kill();
    for number in 20..40 {
        branch.store(number).await;
    }
    broker.start_again();
    branch.drained().await;
    assert_each_once(&all_calls(cloud.http_addr).await, 40);
    branch.stop().await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_made_while_the_line_is_cut_arrive_after() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(&folder.path().join("cloud")).await;
    let wire = Wire::to(cloud.mqtt_addr.unwrap()).await;
    wire.cut();
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), wire.address);
    for number in 0..25 {
        branch.store(number).await;
    }
    assert_eq!(branch.outbox.status().records(), 50);
    wire.mend();
    for number in 25..50 {
        branch.store(number).await;
        if number == 35 {
            wire.cut();
            branch
                .reaches(|status| status.state == State::Offline)
                .await;
            wire.mend();
        }
    }
    branch.drained().await;
    assert_each_once(&all_calls(cloud.http_addr).await, 50);
    branch.stop().await;
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_killed_again_and_again_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (http, mqtt) = (free_address(), free_address());
    let data = folder.path().join("cloud");
    let mut process = cloud(http, mqtt, &data);
    healthy(http).await;
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), mqtt);
    for number in 0..200 {
        branch.store(number).await;
        if number % 50 == 25 {
            // Some of it is on its way, some stored, some acknowledged.
            branch.reaches(|status| status.queue.records() < 60).await;
            process.kill();
            process = cloud(http, mqtt, &data);
        }
    }
    branch.drained().await;
    healthy(http).await;
    assert_each_once(&all_calls(http).await, 200);
    assert_eq!(metric(http, "trunkside_records_lost").await, 0);
    branch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_restored_from_a_backup_gets_again_what_its_boxes_still_have() {
    let folder = tempfile::tempdir().unwrap();
    let (http, mqtt) = (free_address(), free_address());
    let (data, backup) = (folder.path().join("cloud"), folder.path().join("backup"));
    let mut process = cloud(http, mqtt, &data);
    healthy(http).await;
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), mqtt);
    for number in 0..20 {
        branch.store(number).await;
    }
    branch.drained().await;
    process.kill();
    std::fs::create_dir(&backup).unwrap();
    for file in std::fs::read_dir(&data).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), backup.join(file.file_name())).unwrap();
    }
    process = cloud(http, mqtt, &data);
    for number in 20..40 {
        branch.store(number).await;
    }
    branch.drained().await;
    process.kill();
    process = cloud(http, mqtt, &backup);
    for number in 40..45 {
        branch.store(number).await;
    }
    branch.drained().await;
    healthy(http).await;
    assert_each_once(&all_calls(http).await, 45);
    assert_eq!(metric(http, "trunkside_records_lost").await, 0);
    branch.stop().await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_restarts_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(&folder.path().join("cloud")).await;
    let mqtt = cloud.mqtt_addr.unwrap();
    let wire = Wire::to(mqtt).await;
    for start in [0, 40, 80] {
        let branch = Branch::start(&folder.path().join("box"), origin("box1"), wire.address);
        for number in start..start + 40 {
            branch.store(number).await;
            if number == start + 20 {
                wire.cut();
            }
        }
        branch.kill().await;
        wire.mend();
    }
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), wire.address);
    branch.drained().await;
    assert_each_once(&all_calls(cloud.http_addr).await, 120);
    branch.stop().await;
    cloud.shutdown().await;
}
