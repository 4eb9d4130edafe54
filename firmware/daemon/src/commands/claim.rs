//! `trunkside claim`: the box joins a cloud with an operator's code.

use std::io::{self, Write};
use std::path::Path;

use anyhow::anyhow;
use toml::{Table, Value};
use trunkside_record::ClaimAnswer;
use trunkside_uplink::claim::{self, CA_FILE, CERTIFICATE_FILE, KEY_FILE};

use crate::cli::{ClaimArgs, Failure};

/// Writes key and certificates, and prints the settings that use them.
pub fn claim(args: &ClaimArgs) -> Result<(), Failure> {
    let answer = claim::claim(&args.cloud, &args.code, &args.out)
        .map_err(|error| Failure::Operation(error.into()))?;
    let folder = std::path::absolute(&args.out).unwrap_or_else(|_| args.out.clone());
    hand_over(&settings(&answer, &folder), &folder, io::stdout())
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

    #[test]
    fn settings_that_cannot_be_written_are_told_with_the_fault() {
        let answer: ClaimAnswer = serde_json::from_value(serde_json::json!({
            "tenant": "acme", "branch": "harbour", "device": "box1", "broker": "192.0.2.1:8883",
            "certificate": "", "ca": "", "proof": "",
        }))
        .unwrap();
        let folder = Path::new("/etc/trunkside/cloud");
        let settings = settings(&answer, folder);
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
