//! Whatever is wrong with the way to the cloud, the branch's telephones work, and `check` tells what
//! somebody must mend.

use std::path::Path;
use std::process::Command;

use e2e::branch::Phone;
use e2e::daemon::{BoxSettings, Home};
use e2e::process::{binary, has_peer};
use e2e::sipp::{Sipp, succeed};
use e2e::tls::Certificate;
use e2e::voice::Voice;

/// What `check` says of a configuration that it refuses.
fn refused(config: &Path) -> String {
    let output = Command::new(binary("trunkside"))
        .args(["check", "--config"])
        .arg(config)
        .output()
        .expect("trunkside runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[test]
fn a_certificate_that_cannot_be_used_costs_no_call() {
    if !has_peer("sipp") {
        return;
    }
    let (own, other) = (Certificate::new(), Certificate::new());
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let missing = folder.path().join("missing.pem");
    let (own_file, own_key, other_key) = (own.file(), own.key(), other.key());
    let cases = [
        // Each file in turn is empty, another one's, or not there at all: half a claim.
        ([&own_file, &empty, &own_key], "cloud.cert_file"),
        ([&own_file, &own_file, &other_key], "cloud.key_file"),
        ([&empty, &own_file, &own_key], "cloud.ca_file"),
        ([&own_file, &own_file, &missing], "cloud.key_file"),
    ];
    for ([ca, cert, key], faulty) in cases {
        let broker = "127.0.0.1:1".parse().unwrap();
        let phone = Phone::new(Voice::silent());
        let home = Home::new(&BoxSettings {
            more: format!(
                "[cloud]\nca_file = \"{}\"\ncert_file = \"{}\"\nkey_file = \"{}\"\n",
                ca.display(),
                cert.display(),
                key.display()
            ),
            ..BoxSettings::new(broker, vec![phone.agent("li_na", false)])
        });
        let said = refused(&home.config());
        assert!(said.contains(&format!("`{faulty}`")), "{said}");
        assert!(!said.contains("is right"), "{said}");

        let mut running = home.start();
        running.process.find("the reason", |line| {
            let told = line.contains("cloud cannot be reached") && line.contains(faulty);
            told.then_some(())
        });
        let caller = Voice::silent();
        let carrier = Sipp::carrier("carrier_hangs_up", running.sip, caller.port());
        succeed(carrier.pause_ms(500).start());
    }
}
