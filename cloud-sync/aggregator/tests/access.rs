//! Who may read: keys, roles, scopes, tokens, and the audit log of every transcript that is read.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use trunkside_aggregator::AggregatorConfig;
use trunkside_aggregator::config::OidcConfig;
use trunkside_record::Origin;

mod support;
use support::*;

/// A cloud with five calls of each of two tenants.
async fn two_tenants(folder: &Path, oidc: Option<OidcConfig>) -> trunkside_aggregator::Running {
    let cloud = start_with(AggregatorConfig {
        broker: trunkside_aggregator::BrokerChoice::Embedded { listen: loopback() },
        oidc,
        ..AggregatorConfig::embedded(folder.join("cloud"))
    })
    .await;
    for (tenant, numbers) in [("acme", 0..5), ("other", 5..10)] {
        let origin = Origin::new(tenant, "harbour", "box1").unwrap();
        let mut branch = Branch::start(&folder.join(tenant), origin, cloud.mqtt_addr.unwrap());
        for number in numbers {
            branch.store(number).await;
        }
        branch.drained().await;
        branch.stop().await;
    }
    cloud
}

/// Runs `trunkside-cloud` on the database; exit status and both outputs.
fn command(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
        .args(arguments)
        .arg("--data")
        .arg(folder.join("cloud"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn key(folder: &Path, role: &str, scope: &[&str]) -> String {
    let mut arguments = vec!["keys", "add", "--name", "test", "--role", role];
    arguments.extend(scope);
    let (status, key, error) = command(folder, &arguments);
    assert_eq!(status, 0, "{error}");
    key
}

async fn calls(http: SocketAddr, shown: &str, query: &str) -> (u16, usize) {
    let (status, body) = get_as(http, &format!("/api/v1/calls{query}"), Some(shown)).await;
    let page: serde_json::Value = serde_json::from_str(&body).unwrap();
    (status, page["calls"].as_array().map_or(0, Vec::len))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_closes_the_door_and_each_key_opens_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = two_tenants(folder.path(), None).await;
    let http = cloud.http_addr;
    assert_eq!(
        get(http, "/api/v1/calls").await.0,
        200,
        "open to this machine"
    );

    for name in ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"] {
        let (status, body) = get_with(http, "/api/v1/calls", name, "for=192.0.2.7").await;
        assert!(
            status == 401 && body.contains("proxy") && body.contains("keys add"),
            "{name}: {status} {body}"
        );
    }

    let analyst = key(folder.path(), "analyst", &["--tenant", "acme"]);
    let admin = key(folder.path(), "admin", &[]);
    for path in [
        "/",
        "/api/v1/calls",
        "/api/v1/devices",
        "/metrics",
        "/calls/x",
        "/api/v1/export/calls",
    ] {
        assert_eq!(get(http, path).await.0, 401, "{path}");
    }
    assert_eq!(get(http, "/healthz").await.0, 200);
    assert_eq!(get(http, "/api/openapi.json").await.0, 200);

    let bearer = |key: &str| format!("Bearer {key}");
    assert_eq!(calls(http, &bearer(&analyst), "").await, (200, 5));
    assert_eq!(calls(http, &bearer(&admin), "").await, (200, 10));
    assert_eq!(calls(http, &bearer(&analyst), "?tenant=other").await.0, 403);
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("anybody:{admin}"))
    );
    assert_eq!(calls(http, &basic, "").await, (200, 10));
    for wrong in [
        "Bearer",
        "Bearer x",
        "Basic !",
        "Digest x",
        "Bearer tsk_00000000_00000000000000000000000000000000",
    ] {
        assert_eq!(calls(http, wrong, "").await.0, 401, "{wrong}");
    }
    let (_, page) = get_as(http, "/", Some(&bearer(&analyst))).await;
    assert!(page.contains("<b>5</b> calls"), "{page}");
    for (path, role) in [("/metrics", "all tenants"), ("/api/v1/audit", "admin")] {
        let (status, body) = get_as(http, path, Some(&bearer(&analyst))).await;
        assert!(status == 403 && body.contains(role), "{status} {body}");
    }

    let typo = folder.path().join("typo");
    let (status, _, error) = command(&typo, &["keys", "list"]);
    assert!(status == 2 && error.contains("typo"), "{status}: {error}");
    assert!(!typo.exists(), "a mistyped folder is not made");
    std::fs::create_dir(&typo).unwrap();
    std::os::unix::fs::symlink("cloud", typo.join("cloud")).unwrap();
    let (status, _, error) = command(&typo, &["keys", "list"]);
    assert!(
        status == 1 && error.contains("sudo -u"),
        "what cannot be seen: {error}"
    );

    let (_, list, _) = command(folder.path(), &["keys", "list"]);
    assert!(
        list.contains("analyst\tacme") && !list.contains(&admin),
        "{list}"
    );
    assert_eq!(command(folder.path(), &["keys", "revoke", &analyst]).0, 0);
    assert_eq!(calls(http, &bearer(&analyst), "").await.0, 401);
    let (status, _, error) = command(folder.path(), &["keys", "revoke", &analyst]);
    assert!(status == 1 && error.contains("keys list"), "{error}");
    assert_eq!(
        command(
            folder.path(),
            &["keys", "add", "--name", "x", "--role", "king"]
        )
        .0,
        2
    );
    let nobody = ["keys", "add", "--name", "x", "--tenant", "a/b"];
    let (status, _, error) = command(folder.path(), &nobody);
    assert!(status == 2 && error.contains("`a/b`"), "{error}");
    cloud.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_stays_closed_when_the_last_key_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = embedded(&folder.path().join("cloud")).await;
    let http = cloud.http_addr;
    let only = key(folder.path(), "admin", &[]);
    assert_eq!(command(folder.path(), &["keys", "revoke", &only]).0, 0);
    let shown = format!("Bearer {only}");
    assert_eq!(calls(http, &shown, "").await.0, 401);
    assert_eq!(get(http, "/api/v1/calls").await.0, 401);
    let next = format!("Bearer {}", key(folder.path(), "admin", &[]));
    assert_eq!(calls(http, &next, "").await.0, 200);
    cloud.shutdown().await;
}

/// A key is shown once.
#[test]
fn a_key_that_nobody_has_seen_is_not_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, nobody) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::File::create("/dev/full").unwrap();
    for output in [Stdio::from(nobody), full.into()] {
        let output = Command::new(env!("CARGO_BIN_EXE_trunkside-cloud"))
            .args(["keys", "add", "--name", "lost", "--data"])
            .arg(folder.path().join("cloud"))
            .stdout(output)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && error.contains("make another"),
            "{error}"
        );
    }
    for forged in ["x\n0000\tgrafana", ""] {
        let (status, _, error) = command(folder.path(), &["keys", "add", "--name", forged]);
        assert!(status == 2 && error.contains("--name"), "{error}");
    }
    let (_, list, _) = command(folder.path(), &["keys", "list"]);
    assert!(
        list.contains("lost") && !list.contains("in force"),
        "{list}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_transcript_that_is_read_is_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = two_tenants(folder.path(), None).await;
    let http = cloud.http_addr;
    let analyst = format!(
        "Bearer {}",
        key(folder.path(), "analyst", &["--tenant", "acme"])
    );
    let admin = format!("Bearer {}", key(folder.path(), "admin", &[]));
    let name = |number: u64| format!("01990000-0000-7000-8000-{number:012}");
    for path in [
        format!("/api/v1/calls/{}", name(1)),
        format!("/calls/{}", name(2)),
        format!("/api/v1/transcripts/{}", name(3)),
        "/api/v1/transcripts?limit=1".to_owned(),
        "/api/v1/export/transcripts".to_owned(),
    ] {
        assert_eq!(get_as(http, &path, Some(&analyst)).await.0, 200, "{path}");
    }
    // What shows no words leaves no note.
    for path in [
        format!("/api/v1/calls/{}", name(7)),
        "/api/v1/calls".to_owned(),
    ] {
        get_as(http, &path, Some(&analyst)).await;
    }
    let (_, body) = get_as(http, "/api/v1/audit?limit=4", Some(&admin)).await;
    let page: serde_json::Value = serde_json::from_str(&body).unwrap();
    let next = page["next"].as_i64().unwrap();
    let (_, body) = get_as(http, &format!("/api/v1/audit?cursor={next}"), Some(&admin)).await;
    let rest: serde_json::Value = serde_json::from_str(&body).unwrap();
    let entries = || {
        let pages = [&page, &rest].into_iter();
        pages.flat_map(|page| page["entries"].as_array().unwrap().iter())
    };
    let of = |action: &str| -> Vec<&str> {
        entries()
            .filter(|entry| entry["action"] == action)
            .map(|entry| entry["call"].as_str().unwrap())
            .collect()
    };
    assert_eq!(of("export").len(), 5, "{page} {rest}");
    assert_eq!(of("transcript"), [name(4), name(3), name(2), name(1)]);
    assert!(entries().all(|entry| {
        entry["subject"].as_str().unwrap().contains("(test)") && entry["tenant"] == "acme"
    }));
    cloud.shutdown().await;
}

#[test]
fn other_machines_are_not_served_before_there_is_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "run",
        "--listen",
        "0.0.0.0:0",
        "--mqtt-listen",
        "127.0.0.1:0",
    ];
    let (status, _, error) = command(folder.path(), &arguments);
    assert_eq!(status, 2);
    assert!(
        error.contains("0.0.0.0:0") && error.contains("keys add"),
        "{error}"
    );
}

/// An issuer with one key.
struct Issuer {
    pair: rcgen::KeyPair,
    name: &'static str,
}

impl Issuer {
    fn new(name: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { pair, name }
    }

    fn jwk(&self) -> serde_json::Value {
        let point = self.pair.public_key_raw();
        let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.name,
            "x": part(&point[1..33]), "y": part(&point[33..65])
        })
    }

    fn token(&self, change: &serde_json::Value) -> String {
        let mut claims = json!({
            "iss": "https://id.example.net", "aud": "trunkside", "sub": "li@example.net",
            "exp": 4_102_444_800_u64, "trunkside_role": ["visitor", "analyst"],
            "trunkside_tenant": "acme"
        });
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.name.to_owned());
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        format!(
            "Bearer {}",
            jsonwebtoken::encode(&header, &claims, &key).unwrap()
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_issuer_open_what_their_claims_say() {
    let folder = tempfile::tempdir().unwrap();
    let jwks = folder.path().join("jwks.json");
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    std::fs::write(&jwks, json!({ "keys": [first.jwk()] }).to_string()).unwrap();
    let oidc = OidcConfig {
        issuer: "https://id.example.net".into(),
        audience: "trunkside".into(),
        jwks: jwks.display().to_string(),
        role_claim: "trunkside_role".into(),
        tenant_claim: "trunkside_tenant".into(),
    };
    let cloud = two_tenants(folder.path(), Some(oidc)).await;
    let http = cloud.http_addr;
    assert_eq!(
        get(http, "/api/v1/calls").await.0,
        401,
        "an issuer closes the door too"
    );
    assert_eq!(calls(http, &first.token(&json!({})), "").await, (200, 5));
    assert_eq!(
        calls(http, &first.token(&json!({ "trunkside_tenant": "*" })), "").await,
        (200, 10)
    );
    for (change, fault) in [
        (json!({ "exp": 1 }), "its time is over"),
        (
            json!({ "nbf": 4_102_444_000_u64 }),
            "see whether the clocks",
        ),
        (json!({ "aud": "somebody else" }), "`oidc.audience`"),
        (
            json!({ "iss": "https://evil.example.net" }),
            "`oidc.issuer`",
        ),
        (json!({ "trunkside_tenant": null }), "trunkside_tenant"),
        (json!({ "trunkside_tenant": 7 }), "trunkside_tenant"),
        (json!({ "trunkside_role": "king" }), "trunkside_role"),
        (json!({ "sub": null }), "sub"),
    ] {
        let (status, body) = get_as(http, "/api/v1/calls", Some(&first.token(&change))).await;
        assert!(
            status == 401 && body.contains(fault),
            "{change}: {status} {body}"
        );
    }
    // Signed by somebody else under the issuer's key name.
    let forger = Issuer::new("first");
    assert_eq!(calls(http, &forger.token(&json!({})), "").await.0, 401);
    // Not signed, or with what everybody knows.
    let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = part(json!({ "sub": "x", "trunkside_role": "admin", "trunkside_tenant": "*" }));
    let unsigned = format!("Bearer {}.{claims}.", part(json!({ "alg": "none" })));
    for unreadable in [&unsigned, "Bearer a.b.c", "Bearer eyJ9.e30.x"] {
        let (status, body) = get_as(http, "/api/v1/calls", Some(unreadable)).await;
        assert_eq!(status, 401);
        assert!(
            body.contains("send it whole, signed with RS256") && !body.contains("error"),
            "{unreadable}: {body}"
        );
    }
    let shared = format!(
        "Bearer {}.{claims}.AAAA",
        part(json!({ "alg": "HS256", "kid": "first" }))
    );
    assert_eq!(calls(http, &shared, "").await.0, 401);

    assert_eq!(calls(http, &second.token(&json!({})), "").await.0, 401);
    std::fs::write(&jwks, json!({ "keys": [second.jwk()] }).to_string()).unwrap();
    assert_eq!(
        calls(http, &second.token(&json!({})), "").await.0,
        200,
        "the issuer's new key"
    );
    assert_eq!(
        calls(http, &first.token(&json!({})), "").await.0,
        401,
        "its old one"
    );
    cloud.shutdown().await;
}
