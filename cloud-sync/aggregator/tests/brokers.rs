//! Boxes behind a broker that runs elsewhere: what `trunkside-cloud boxes rules` writes keeps a revoked
//! box out of a real Mosquitto and a real nats-server, and until it does the cloud takes nothing of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use trunkside_aggregator::config::{BoxesConfig, LoginFiles};
use trunkside_aggregator::{AggregatorConfig, BrokerChoice, Running};
use trunkside_uplink::claim::{CA_FILE, CERTIFICATE_FILE, KEY_FILE, claim};
use trunkside_uplink::{Broker, State, TlsFiles, UplinkConfig};

mod support;
use support::*;

/// What the cloud's own connection shows to NATS.
const PASSWORD: &str = "a_password_of_the_cloud";

/// A name as people give it where Chinese is written; every broker carries it.
const NAMED: &str = "海口一号店";

/// A cloud with its folder, and a broker beside it.
struct Site {
    folder: tempfile::TempDir,
    kind: &'static str,
    tls: SocketAddr,
    broker: Option<Process>,
}

impl Site {
    fn new(kind: &'static str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
            kind,
            tls: free_address(),
            broker: None,
        };
        let config = format!(
            "data = '{}'\n[boxes]\nconnect_to = 'localhost:{}'\npki = '{}'\n",
            site.path("cloud").display(),
            site.tls.port(),
            site.path("pki").display()
        );
        std::fs::write(site.path("cloud.toml"), config).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn cloud(&self, broker: BrokerChoice) -> Running {
        start_with(AggregatorConfig {
            broker,
            boxes: Some(BoxesConfig {
                connect_to: format!("localhost:{}", self.tls.port()),
                listen: None,
                pki: self.path("pki"),
            }),
            ..AggregatorConfig::embedded(self.path("cloud"))
        })
        .await
    }

    fn boxes(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
            .arg("boxes")
            .args(arguments)
            .arg("--config")
            .arg(self.path("cloud.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn about(&self, command: &str, device: &str) -> String {
        let names = [
            "--tenant", "acme", "--branch", "harbour", "--device", device,
        ];
        self.boxes(&[&[command], &names[..]].concat())
    }

    /// What the broker needs before it can start: a claim makes the database.
    fn begin(&self) {
        self.about("claim", "box0");
        self.rules();
    }

    /// Writes the files, and has the broker read them.
    fn rules(&self) {
        let rules = self.path("rules");
        let out = rules.to_str().unwrap();
        self.boxes(&["rules", "--for", self.kind, "--out", out]);
        if let Some(broker) = &self.broker {
            broker.signal("HUP");
        }
    }

    async fn start_broker(&mut self, command: &mut Command) {
        self.broker = Some(Process::start(
            command.stdout(Stdio::null()).stderr(Stdio::null()),
        ));
        until(
            || async { TcpStream::connect(self.tls).await.is_ok() },
            |connected| *connected,
        )
        .await;
    }

    /// A box with a certificate of its own, at `folder`.
    async fn join(&self, http: SocketAddr, device: &str, folder: &str) -> TlsFiles {
        let code = self.about("claim", device).trim().parse().unwrap();
        let own = self.path(folder);
        let (address, keys) = (format!("http://{http}/"), own.clone());
        tokio::task::spawn_blocking(move || claim(&address, &code, &keys, |_| Ok(())))
            .await
            .unwrap()
            .unwrap();
        self.rules();
        TlsFiles {
            ca_file: own.join(CA_FILE),
            identity: Some((own.join(CERTIFICATE_FILE), own.join(KEY_FILE))),
        }
    }

    fn connect(&self, device: &str, tls: &TlsFiles) -> Branch {
        let broker = Broker::new("localhost", self.tls.port());
        let config = UplinkConfig {
            tls: Some(tls.clone()),
            ..UplinkConfig::new(origin(device), broker)
        };
        Branch::start_with(&self.path(&format!("outbox-{device}")), config)
    }

    /// A box that connects as the aggregator does not get its session, nor ends it.
    async fn a_box_takes_nobodys_name(&self, cloud: &Running) {
        let http = cloud.http_addr;
        healthy(http).await;
        let own = self.join(http, "box3", "box3").await;
        let (certificate, key) = own.identity.unwrap();
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let tls = rumqttc::TlsConfiguration::Simple {
            ca: read(own.ca_file),
            alpn: None,
            client_auth: Some((read(certificate), read(key))),
        };
        let port = self.tls.port();
        let mut options = rumqttc::MqttOptions::new("trunkside-aggregator", "localhost", port);
        options.set_clean_session(false);
        options.set_transport(rumqttc::Transport::Tls(tls));
        let (_client, mut connection) = rumqttc::AsyncClient::new(options, 1);
        let greeted = async {
            loop {
                let event = connection.poll().await.unwrap();
                if let rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(greeting)) = event {
                    return greeting;
                }
            }
        };
        let greeting = tokio::time::timeout(WITHIN, greeted).await.unwrap();
        assert!(!greeting.session_present, "it is somebody else's");
        assert_eq!(get_json(http, "/healthz").await["broker"], true);
    }

    /// Two boxes; one is revoked, is kept out, loses nothing, and comes back.
    async fn a_box_is_revoked_and_comes_back(&self, cloud: Running) {
        let http = cloud.http_addr;
        healthy(http).await;
        let stolen = self.join(http, NAMED, "box1").await;
        let other = self.join(http, "box2", "box2").await;
        let mut one = self.connect(NAMED, &stolen);
        let mut two = self.connect("box2", &other);
        for (branch, number) in [(&mut one, 0), (&mut two, 1)] {
            branch.store(number).await;
            branch.drained().await;
        }

        // The broker knows nothing of it yet: what comes is not taken, and stays on the box.
        self.about("revoke", NAMED);
        let turned_away = || get_json(http, "/healthz");
        let mut number = 2;
        until(
            || {
                number += 1;
                let (one, number) = (&one, number);
                async move {
                    one.store(number).await;
                    turned_away().await["revoked_boxes"].as_u64()
                }
            },
            |count| *count == Some(1),
        )
        .await;
        assert!(
            metric(
                http,
                "trunkside_messages_rejected_total{reason=\"revoked\"}"
            )
            .await
                > 0
        );
        assert_eq!(turned_away().await["status"], "ok");
        assert!(one.outbox.status().records() > 0);

        // Now it does. A new connection with the old certificate is refused.
        self.rules();
        one.kill().await;
        let mut one = self.connect(NAMED, &stolen);
        one.reaches(|status| status.state == State::Offline).await;
        // What was on its way before it was revoked is stored by now.
        let taken = all_calls(http).await.len();
        two.store(1_000).await;
        two.drained().await;
        assert_eq!(all_calls(http).await.len(), taken + 1);
        one.kill().await;

        let fresh = self.join(http, NAMED, "again").await;
        let mut one = self.connect(NAMED, &fresh);
        one.drained().await;
        // Every call of both: those before and after, none lost and none twice.
        let calls = all_calls(http).await;
        assert_eq!(calls.len(), 1 + (number as usize - 2) + 2);
        assert_eq!(get_json(http, "/healthz").await["revoked_boxes"], 0);
        assert_eq!(metric(http, "trunkside_records_lost").await, 0);

        // The stolen certificate does not come back with the box.
        one.kill().await;
        let mut thief = self.connect(NAMED, &stolen);
        thief.reaches(|status| status.state == State::Offline).await;
        for branch in [thief, two] {
            branch.kill().await;
        }
        cloud.shutdown().await;
    }
}

#[test]
fn what_a_broker_cannot_be_told_is_a_mistake_of_input() {
    let site = Site::new("nats");
    let status_and_error = |config: &Path, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
            .arg("boxes")
            .args(arguments)
            .arg("--config")
            .arg(config)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    let (with, bare) = (site.path("cloud.toml"), site.path("bare.toml"));
    let blank = [
        "claim",
        "--tenant",
        "acme",
        "--branch",
        "harbour east",
        "--device",
        "box1",
    ];
    assert_eq!(status_and_error(&with, &blank).0, Some(0));

    let rules = site.path("rules");
    let rules = ["rules", "--for", "nats", "--out", rules.to_str().unwrap()];
    let data = format!("data = '{}'\n", site.path("cloud").display());
    std::fs::write(&bare, &data).unwrap();
    let (status, error) = status_and_error(&bare, &rules);
    assert!(
        status == Some(2) && error.contains("`boxes.connect_to`"),
        "{status:?} {error}"
    );

    // A code of a cloud that admits nobody would be refused, later and elsewhere.
    let nowhere = site.path("nowhere");
    std::fs::write(&bare, format!("data = '{}'\n", nowhere.display())).unwrap();
    let (status, error) = status_and_error(&bare, &blank);
    assert!(
        status == Some(2) && error.contains("`boxes.connect_to`"),
        "{status:?} {error}"
    );
    assert!(!nowhere.exists(), "nothing is made");

    let nats = "broker = 'nats://127.0.0.1:4222'";
    let boxes = "[boxes]\nconnect_to = 'localhost:8883'";
    std::fs::write(&bare, format!("{nats}\n{data}{boxes}\n")).unwrap();
    let (status, error) = status_and_error(&bare, &blank);
    assert!(
        status == Some(2) && error.contains("`acme/harbour east/box1`"),
        "{status:?} {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
async fn mosquitto_keeps_a_revoked_box_out() {
    let program = Path::new("/usr/sbin/mosquitto");
    if !program.exists() {
        eprintln!("SKIPPED: mosquitto is not installed");
        return;
    }
    let mut site = Site::new("mosquitto");
    site.begin();
    let near = free_address();
    let rules = site.path("rules");
    let config = format!(
        "per_listener_settings true\nlistener {} 127.0.0.1\nallow_anonymous true\n\
         listener {} 127.0.0.1\ncafile {rules}/ca.pem\ncertfile {rules}/broker.pem\n\
         keyfile {rules}/broker.key\ncrlfile {rules}/revoked.crl\nrequire_certificate true\n\
         use_identity_as_username true\nuse_username_as_clientid true\n\
         acl_file {rules}/boxes.acl\n",
        near.port(),
        site.tls.port(),
        rules = rules.display()
    );
    readable(site.folder.path());
    let file = site.path("mosquitto.conf");
    std::fs::write(&file, config).unwrap();
    site.start_broker(Command::new(program).arg("-c").arg(&file))
        .await;
    let cloud = site.cloud(external(near)).await;
    site.a_box_takes_nobodys_name(&cloud).await;
    site.a_box_is_revoked_and_comes_back(cloud).await;
}

/// One packet of MQTT, without its kind and length.
async fn packet(wire: &mut TcpStream) -> Vec<u8> {
    let mut length = 0;
    wire.read_u8().await.unwrap();
    for place in 0..4 {
        let byte = usize::from(wire.read_u8().await.unwrap());
        length |= (byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    wire.read_exact(&mut body).await.unwrap();
    body
}

/// An access list may leave the aggregator out: it does not wait for what never comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_refuses_the_subscription_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TcpListener::bind(loopback()).await.unwrap();
    let cloud = start(folder.path(), external(broker.local_addr().unwrap())).await;
    let mut wires = Vec::new();
    for _ in 0..2 {
        let next = tokio::time::timeout(WITHIN, broker.accept()).await;
        let (mut wire, _) = next.expect("it tries again").unwrap();
        packet(&mut wire).await;
        wire.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        let asked = packet(&mut wire).await;
        let answer = [0x90, 6, asked[0], asked[1], 1, 0x80, 1, 1];
        wire.write_all(&answer).await.unwrap();
        wires.push(wire);
    }
    let (status, health) = get(cloud.http_addr, "/healthz").await;
    assert!(
        status == 503 && health.contains("\"broker\":false"),
        "{health}"
    );
    cloud.shutdown().await;
}

/// A standby, or the old one while a new one starts: Mosquitto lets only one of a name in.
#[tokio::test(flavor = "multi_thread")]
async fn two_aggregators_at_one_mosquitto_are_told_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let Some(broker) = Mosquitto::start(folder.path()).await else {
        return;
    };
    let one = start(&folder.path().join("one"), external(broker.address)).await;
    healthy(one.http_addr).await;
    let other = start(&folder.path().join("other"), external(broker.address)).await;
    for cloud in [&one, &other] {
        let health = || get(cloud.http_addr, "/healthz");
        let (status, told) = until(health, |(_, told)| told.contains("another aggregator")).await;
        assert_eq!(status, 503, "{told}");
    }
    one.shutdown().await;
    other.shutdown().await;
}

/// Mosquitto gives up root before it reads its files again.
fn readable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(folder, 0o755);
    open(&folder.join("rules/broker.key"), 0o644);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
async fn nats_keeps_a_revoked_box_out() {
    let program = Path::new("/usr/sbin/nats-server");
    if !program.exists() {
        eprintln!("SKIPPED: nats-server is not installed");
        return;
    }
    let mut site = Site::new("nats");
    site.begin();
    let near = free_address();
    let config = format!(
        "server_name: n1\nlisten: \"{near}\"\njetstream {{ store_dir: \"{}\" }}\n\
         mqtt {{ listen: \"{}\", tls {{ cert_file: \"{rules}/broker.pem\", \
         key_file: \"{rules}/broker.key\", ca_file: \"{rules}/ca.pem\", verify_and_map: true }} }}\n\
         accounts {{ TRUNKSIDE {{ jetstream: enabled, include \"rules/boxes.conf\" }} }}\n",
        site.path("jetstream").display(),
        site.tls,
        rules = site.path("rules").display()
    );
    let file = site.path("nats.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(&file)
        .env("TRUNKSIDE_CLOUD_PASSWORD", PASSWORD);
    site.start_broker(&mut command).await;
    for (name, text) in [("username", "trunkside-cloud"), ("password", PASSWORD)] {
        std::fs::write(site.path(name), text).unwrap();
    }
    let cloud = site
        .cloud(BrokerChoice::Nats {
            servers: vec![near.to_string()],
            login: Some(LoginFiles {
                username_file: site.path("username"),
                password_file: site.path("password"),
            }),
        })
        .await;
    site.a_box_is_revoked_and_comes_back(cloud).await;
}
