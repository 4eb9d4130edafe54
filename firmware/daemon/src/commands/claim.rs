//! `trunkside claim`: the box joins a cloud with an operator's code.

use std::path::Path;

use toml::{Table, Value};
use trunkside_record::ClaimAnswer;
use trunkside_uplink::claim::{self, CA_FILE, CERTIFICATE_FILE, KEY_FILE};

use crate::cli::{ClaimArgs, Failure};

/// Writes key and certificates, and prints the settings that use them.
pub fn claim(args: &ClaimArgs) -> Result<(), Failure> {
    let answer = claim::claim(&args.cloud, &args.code, &args.out)
        .map_err(|error| Failure::Operation(error.into()))?;
    let folder = std::path::absolute(&args.out).unwrap_or_else(|_| args.out.clone());
    say!("{}", settings(&answer, &folder).to_string().trim_end());
    Ok(())
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
