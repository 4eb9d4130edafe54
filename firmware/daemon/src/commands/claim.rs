//! `trunkside claim`: the box joins a cloud with an operator's code.

use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use toml::{Table, Value};
use trunkside_record::ClaimAnswer;
use trunkside_uplink::claim::{self, CA_FILE, CERTIFICATE_FILE, KEY_FILE};

use crate::cli::{ClaimArgs, Failure};
use crate::config;

/// Writes key and certificates, and prints the settings that use them.
pub fn claim(args: &ClaimArgs) -> Result<(), Failure> {
    let folder = std::path::absolute(&args.out).unwrap_or_else(|_| args.out.clone());
    let check = |answer: &ClaimAnswer| check(&settings(answer, &folder));
    let answer = claim::claim(&args.cloud, &args.code, &args.out, check)
        .map_err(|error| Failure::Operation(error.into()))?;
    hand_over(&settings(&answer, &folder), &folder, io::stdout())
}

/// Whether the box would start with these settings: by then the code is used up, but what was there is not
/// replaced yet.
fn check(settings: &Table) -> Result<(), String> {
    match config::faults_of_claim(&settings.to_string()).first() {
        None => Ok(()),
        Some(problem) => Err(problem.message.clone()),
    }
}

/// Prints the settings. They are told once, so that who cannot have them so has them with the fault.
fn hand_over(settings: &Table, folder: &Path, mut output: impl Write) -> Result<(), Failure> {
    let settings = settings.to_string();
    let settings = settings.trim_end();
    writeln!(output, "{settings}").map_err(|error| {
        anyhow!(
            "cannot write the settings: {error}. The box has joined all the same: the code is spent, and key              and certificates are in `{}`. Put this into the box's configuration:\n\n{settings}",
            folder.display()
        )
        .into()
    })
}

fn settings(answer: &ClaimAnswer, folder: &Path) -> Table {
    let file = |name: &str| Value::from(folder.join(name).to_string_lossy().into_owned());
    let table = |pairs: Vec<(&str, Value)>| -> Value {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Value::Table(pairs.collect())
    };
    let origin = &answer.origin;
    let name = |name: &trunkside_record::Name| Value::from(name.as_str());
    let mut settings = Table::new();
    settings.insert(
        "box".to_owned(),
        table(vec![
            ("tenant", name(&origin.tenant)),
            ("branch", name(&origin.branch)),
            ("device", name(&origin.device)),
        ]),
    );
    settings.insert(
        "cloud".to_owned(),
        table(vec![
            ("broker", answer.broker.as_str().into()),
            ("ca_file", file(CA_FILE)),
            ("cert_file", file(CERTIFICATE_FILE)),
            ("key_file", file(KEY_FILE)),
        ]),
    );
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(branch: &str, broker: &str) -> ClaimAnswer {
        serde_json::from_value(serde_json::json!({
            "tenant": "acme", "branch": branch, "device": "box1", "broker": broker,
            "certificate": "", "ca": "", "proof": "",
        }))
        .unwrap()
    }

    /// A box that cannot be started with what a claim brought would take no call after its next start.
    #[test]
    fn whatever_names_a_claim_may_bring_the_box_starts_with_them() {
        let folder = Path::new("/etc/trunkside/cloud");
        let checked = |branch, broker| check(&settings(&answer(branch, broker), folder));
        for branch in [
            "harbour",
            "海口一号店",
            "north 2",
            "a\"b\\'c",
            "7",
            "true",
            "x.y_z",
        ] {
            assert_eq!(
                checked(branch, "cloud.example.net:8883"),
                Ok(()),
                "{branch}"
            );
        }
        for broker in ["", "h", "mqtts://h:1", "::1:8883", "u:p@h:1"] {
            let told = checked("harbour", broker).unwrap_err();
            assert!(told.contains("`cloud.broker` must be a host"), "{told}");
        }
    }

    #[test]
    fn settings_that_cannot_be_written_are_told_with_the_fault() {
        let folder = Path::new("/etc/trunkside/cloud");
        let settings = settings(&answer("harbour", "192.0.2.1:8883"), folder);
        let mut no_room: [u8; 20] = [0; 20];
        let failed = hand_over(&settings, folder, &mut no_room[..]).unwrap_err();
        assert_eq!(failed.status(), 1);
        let Failure::Operation(error) = failed else {
            panic!("the code was right");
        };
        let told = error.to_string();
        for part in ["is spent", "/etc/trunkside/cloud/", "[cloud]"] {
            assert!(told.contains(part), "{told}");
        }
        let mut written = Vec::new();
        hand_over(&settings, folder, &mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text.parse::<Table>().unwrap(), settings);
    }
}
