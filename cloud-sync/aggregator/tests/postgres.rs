//! The aggregator on PostgreSQL: killed, restarted, without its database for a while.

use std::process::{Command, Stdio};

use trunkside_aggregator::AggregatorConfig;
use trunkside_aggregator::store::{PostgresOptions, StoreChoice};

mod support;
use support::cluster::Cluster;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn calls_survive_kills_of_the_aggregator_and_of_its_sessions() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = cluster.database();
    let (http, mqtt) = (free_address(), free_address());
    let spawn = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"));
        command.args(["run", "--database", &address, "--listen", &http.to_string()]);
        command.args(["--mqtt-listen", &mqtt.to_string()]);
        Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
    };
    let mut process = spawn();
    healthy(http).await;
    let mut branch = Branch::start(&folder.path().join("box"), origin("box1"), mqtt);
    for number in 0..120 {
        branch.store(number).await;
        if number % 40 == 25 {
            branch.reaches(|status| status.queue.records() < 60).await;
            if number < 40 {
                process.kill();
                process = spawn();
            } else {
                // What is in a transaction is rolled back and comes again.
                cluster.sql(
                    "postgres",
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE application_name = 'trunkside-cloud'",
                );
            }
        }
    }
    branch.drained().await;
    healthy(http).await;
    let calls = all_calls(http).await;
    assert_eq!(calls.len(), 120);
    assert_eq!(
        calls.iter().collect::<std::collections::HashSet<_>>().len(),
        120
    );
    assert_eq!(metric(http, "trunkside_records_lost").await, 0);
    let detail = get_json(http, &format!("/api/v1/calls/{}", calls[0])).await;
    assert_eq!(detail["transcript"][0]["text"], "我的卡丢了，号码是[card]");
    let hours = get_json(http, "/api/v1/metrics/hourly?tz=Asia/Shanghai").await;
    assert_eq!(hours["hours"][0]["calls"], 120);
    assert_eq!(hours["hours"][0]["local"], "2026-11-21T16:00:00+08:00");
    branch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().display();
    let config = AggregatorConfig {
        store: StoreChoice::Postgres(PostgresOptions {
            address: format!("host={missing} user=x dbname=y"),
            ..PostgresOptions::default()
        }),
        ..AggregatorConfig::embedded(folder.path())
    };
    let error = trunkside_aggregator::Aggregator::start(config)
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}
