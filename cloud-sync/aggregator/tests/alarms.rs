//! Alarms from the box that raises and clears them, over the broker, to whoever may ask: the same on every store.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::slice::from_ref;

use serde_json::Value;
use trunkside_aggregator::store::{PostgresOptions, StoreChoice};
use trunkside_aggregator::{AggregatorConfig, BrokerChoice};
use trunkside_record::{Alarm, Origin, RedactedText, Severity};

mod support;
use support::cluster::Cluster;
use support::*;

/// A branch whose box says of its trunk how it stands, and waits until the cloud knows.
struct Line {
    branch: Branch,
    told: u64,
}

impl Line {
    fn new(folder: &Path, tenant: &str, branch: &str, mqtt: SocketAddr) -> Self {
        let origin = Origin::new(tenant, branch, "box1").unwrap();
        let folder = folder.join(format!("{tenant}-{branch}"));
        Self {
            branch: Branch::start(&folder, origin, mqtt),
            told: 0,
        }
    }

    async fn tell(&mut self, cleared: bool) {
        let text = if cleared {
            "the trunk is back"
        } else {
            "the trunk does not answer; see its cable"
        };
        let alarm = Alarm {
            code: "trunk_down".to_owned(),
            severity: Severity::Major.into(),
            cleared,
            text: RedactedText::try_new(text).unwrap(),
        };
        self.told += 1;
        let stored = self
            .branch
            .outbox
            .store(stamp(self.told), vec![alarm.into()]);
        stored.await.unwrap();
        self.branch.drained().await;
    }
}

/// Somebody with a key.
struct Asker {
    http: SocketAddr,
    shown: String,
}

impl Asker {
    /// Makes the key in the database at `place`.
    fn new(http: SocketAddr, place: &[&str], role: &str, scope: &[&str]) -> Self {
        let made = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
            .args(["keys", "add", "--name", "test", "--role", role])
            .args(scope)
            .args(place)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "{error}");
        let key = String::from_utf8(made.stdout).unwrap();
        Self {
            http,
            shown: format!("Bearer {}", key.trim()),
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        get_as(self.http, path, Some(&self.shown)).await
    }

    async fn page(&self, query: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/alarms{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Tenant, branch and whether it is cleared, of each alarm, newest first.
    async fn alarms(&self, query: &str) -> Vec<(String, String, bool)> {
        let page = self.page(query).await;
        let text = |alarm: &Value, field: &str| alarm[field].as_str().unwrap().to_owned();
        let alarms = page["alarms"].as_array().unwrap().iter();
        alarms
            .map(|alarm| {
                let cleared = alarm["cleared"].as_bool().unwrap();
                (text(alarm, "tenant"), text(alarm, "branch"), cleared)
            })
            .collect()
    }
}

fn alarm(tenant: &str, branch: &str, cleared: bool) -> (String, String, bool) {
    (tenant.to_owned(), branch.to_owned(), cleared)
}

/// `place` names the store on the command line.
async fn alarms_are_told_to_whom_they_concern(folder: &Path, store: StoreChoice, place: &[&str]) {
    let cloud = start_with(AggregatorConfig {
        broker: BrokerChoice::Embedded { listen: loopback() },
        store,
        ..AggregatorConfig::embedded(folder.join("cloud"))
    })
    .await;
    let (http, mqtt) = (cloud.http_addr, cloud.mqtt_addr.unwrap());
    let mut harbour = Line::new(folder, "acme", "harbour", mqtt);
    let mut airport = Line::new(folder, "acme", "airport", mqtt);
    let mut other = Line::new(folder, "other", "harbour", mqtt);
    harbour.tell(false).await;
    airport.tell(false).await;
    other.tell(false).await;

    let acme = Asker::new(http, place, "analyst", &["--tenant", "acme"]);
    let at_harbour = ["--tenant", "acme", "--branch", "harbour"];
    let at_harbour = Asker::new(http, place, "operator", &at_harbour);
    let others = Asker::new(http, place, "operator", &["--tenant", "other"]);
    let admin = Asker::new(http, place, "admin", &[]);

    let [raised, beside, elsewhere] = [
        alarm("acme", "harbour", false),
        alarm("acme", "airport", false),
        alarm("other", "harbour", false),
    ];
    let standing = "?standing=true";
    let sorted = |mut alarms: Vec<_>| {
        alarms.sort_unstable();
        alarms
    };
    let of_acme = [beside.clone(), raised.clone()];
    assert_eq!(sorted(acme.alarms(standing).await), of_acme);
    assert_eq!(at_harbour.alarms(standing).await, from_ref(&raised));
    assert_eq!(others.alarms(standing).await, from_ref(&elsewhere));
    assert_eq!(admin.alarms(standing).await.len(), 3);
    let of_other = admin.alarms("?standing=true&tenant=other").await;
    assert_eq!(of_other, [elsewhere]);
    let whole = &at_harbour.page(standing).await["alarms"][0];
    assert_eq!(whole["code"], "trunk_down");
    assert_eq!(whole["severity"], "major");
    assert_eq!(whole["text"], "the trunk does not answer; see its cable");
    assert_eq!(whole["at"], "2026-11-21T08:00:10Z");

    // Nobody learns of others, and nobody without a key of anybody.
    for (asker, query) in [
        (&acme, "?tenant=other"),
        (&others, "?tenant=acme&standing=true"),
        (&at_harbour, "?branch=airport"),
    ] {
        let (status, body) = asker.get(&format!("/api/v1/alarms{query}")).await;
        assert_eq!(status, 403, "{query}: {body}");
    }
    assert_eq!(get(http, "/api/v1/alarms").await.0, 401);
    let (status, body) = acme.get("/api/v1/alarms?standing=perhaps").await;
    assert!(status == 400 && body.contains("`standing`"), "{body}");

    let (_, page) = at_harbour.get("/").await;
    assert!(
        page.contains("trunk down") && page.contains("see its cable"),
        "{page}"
    );
    assert!(!page.contains("airport"), "{page}");

    harbour.tell(true).await;
    assert_eq!(acme.alarms(standing).await, [beside]);
    assert_eq!(at_harbour.alarms(standing).await, []);
    let cleared = alarm("acme", "harbour", true);
    let both = [cleared.clone(), raised.clone()];
    assert_eq!(at_harbour.alarms("").await, both);
    let first = at_harbour.page("?limit=1").await;
    let next = format!("?limit=1&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(at_harbour.alarms("?limit=1").await, [cleared]);
    assert_eq!(at_harbour.alarms(&next).await, from_ref(&raised));
    let (_, page) = at_harbour.get("/").await;
    assert!(!page.contains("trunk down"), "{page}");

    harbour.tell(false).await;
    assert_eq!(at_harbour.alarms(standing).await, [raised]);
    for line in [harbour, airport, other] {
        line.branch.stop().await;
    }
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("cloud");
    let place = ["--data", data.to_str().unwrap()];
    let store = StoreChoice::Sqlite(data.clone());
    alarms_are_told_to_whom_they_concern(folder.path(), store, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = cluster.database();
    let place = ["--database", &address];
    let store = StoreChoice::Postgres(PostgresOptions {
        address: address.clone(),
        ..PostgresOptions::default()
    });
    alarms_are_told_to_whom_they_concern(folder.path(), store, &place).await;
}
