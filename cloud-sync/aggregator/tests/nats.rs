//! Boxes speak MQTT to a NATS cluster of three, three aggregators pull from it into one
//! PostgreSQL; any of them may die.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use trunkside_aggregator::store::{Postgres, PostgresOptions, Scope, Store};

mod support;
use support::cluster::Cluster;
use support::*;

const PROGRAM: &str = "/usr/sbin/nats-server";

/// One server of the cluster.
struct Node {
    client: SocketAddr,
    mqtt: SocketAddr,
    config: PathBuf,
    process: Process,
}

impl Node {
    fn spawn(config: &Path) -> Process {
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(config);
        Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    fn start_again(&mut self) {
        self.process = Self::spawn(&self.config);
    }
}

/// None, said aloud, when it is not installed.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn three_nodes(folder: &Path) -> Option<Vec<Node>> {
    if !Path::new(PROGRAM).exists() {
        eprintln!("SKIPPED: nats-server is not installed");
        return None;
    }
    let addresses = [(); 9].map(|()| free_address());
    let routes: Vec<String> = addresses[..3]
        .iter()
        .map(|at| format!("\"nats://{at}\""))
        .collect();
    let node = |number: usize| {
        let (route, client, mqtt) = (
            addresses[number],
            addresses[number + 3],
            addresses[number + 6],
        );
        let config = folder.join(format!("nats{number}.conf"));
        let store = folder.join(format!("nats{number}"));
        let text = format!(
            "server_name: n{number}\nlisten: \"{client}\"\nmqtt {{ listen: \"{mqtt}\" }}\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: test, listen: \"{route}\", routes: [{}] }}\n",
            store.display(),
            routes.join(", ")
        );
        std::fs::write(&config, text).unwrap();
        let process = Node::spawn(&config);
        Node {
            client,
            mqtt,
            config,
            process,
        }
    };
    Some((0..3).map(node).collect())
}

/// What a load balancer does: each connection goes to a server that answers, not always the same.
async fn front(nodes: Vec<SocketAddr>) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test wires its own tasks")]
    tokio::spawn(async move {
        let mut links = tokio::task::JoinSet::new();
        let mut turn = 0;
        while let Ok((mut near, _)) = listener.accept().await {
            turn += 1;
            let order: Vec<SocketAddr> = (0..3).map(|at| nodes[(turn + at) % 3]).collect();
            links.spawn(async move {
                for node in order {
                    if let Ok(mut far) = TcpStream::connect(node).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                        return;
                    }
                }
            });
        }
    });
    address
}

fn worker(servers: &str, database: &str, http: SocketAddr) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"));
    command.args(["run", "--broker", servers, "--database", database]);
    command.args(["--listen", &http.to_string()]);
    Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

#[tokio::test(flavor = "multi_thread")]
async fn any_worker_and_any_node_may_die() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut nodes) = three_nodes(folder.path()) else {
        return;
    };
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let address = cluster.database();
    let servers: Vec<String> = nodes.iter().map(|node| node.client.to_string()).collect();
    let servers = format!("nats://{}", servers.join(","));
    let https = [(); 3].map(|()| free_address());
    let mut workers: Vec<Process> = https
        .iter()
        .map(|http| worker(&servers, &address, *http))
        .collect();
    for http in https {
        healthy(http).await;
    }
    let mqtt = front(nodes.iter().map(|node| node.mqtt).collect()).await;
    let mut branches: Vec<Branch> = (0..4)
        .map(|number| {
            let name = format!("box{number}");
            Branch::start(&folder.path().join(&name), origin(&name), mqtt)
        })
        .collect();
    for number in 0..200_u64 {
        let branch = &mut branches[number as usize % 4];
        branch.store(number).await;
        match number {
            40 => workers[0].kill(),
            80 => nodes[0].process.kill(),
            120 => {
                nodes[0].start_again();
                workers[0] = worker(&servers, &address, https[0]);
                workers[1].kill();
            }
            // With one node away already, two would be too many: the first is back by then.
            160 => {
                branch.reaches(|status| status.queue.records() < 20).await;
                nodes[1].process.kill();
            }
            _ => {}
        }
    }
    for branch in &mut branches {
        branch.drained().await;
    }
    let store = Arc::new(
        tokio::task::spawn_blocking(move || {
            Postgres::open(&PostgresOptions {
                address,
                ..PostgresOptions::default()
            })
            .unwrap()
        })
        .await
        .unwrap(),
    );
    let totals = {
        let store = Arc::clone(&store);
        tokio::task::spawn_blocking(move || store.totals(&Scope::ALL).unwrap())
            .await
            .unwrap()
    };
    assert_eq!((totals.calls, totals.lost), (200, 0));
    let calls = all_calls(https[2]).await;
    assert_eq!(
        calls.iter().collect::<std::collections::HashSet<_>>().len(),
        200
    );
    // Every place in every stream was taken once: 200 calls and 200 transcripts.
    let places = cluster.sql("t0", "SELECT sum(watermark) FROM trunkside.stream");
    assert_eq!(places, "400");
    for branch in branches {
        tokio::time::timeout(Duration::from_secs(30), branch.stop())
            .await
            .unwrap();
    }
}
