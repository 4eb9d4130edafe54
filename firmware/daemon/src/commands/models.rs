//! `trunkside models`: what the catalogue lists, and whether the files are those.

use serde_json::json;
use trunkside_models::{Catalogue, ModelEntry};
use trunkside_recognition::Recogniser;

use crate::cli::{Failure, ModelsCommand};

/// Lists or verifies.
pub fn models(command: ModelsCommand) -> Result<(), Failure> {
    let catalogue = Catalogue::find(None).map_err(Failure::input)?;
    match command {
        ModelsCommand::List { json } => list(&catalogue, json),
        ModelsCommand::Verify { name } => return verify(&catalogue, name.as_deref()),
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command's output")]
fn list(catalogue: &Catalogue, as_json: bool) {
    for model in catalogue.models() {
        let bytes: u64 = model.files.iter().map(|file| file.bytes).sum();
        if as_json {
            let line = json!({
                "name": model.name,
                "languages": model.languages,
                "licence": model.licence,
                "bytes": bytes,
            });
            println!("{line}");
        } else {
            println!(
                "{:<24} {:<10} {:<16} {:.1} MB",
                model.name,
                model.languages.join("+"),
                model.licence,
                bytes as f64 / 1e6
            );
        }
    }
}

/// Reports every fault of every model asked for; the operation fails (1) when there is one.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command's output"
)]
fn verify(catalogue: &Catalogue, name: Option<&str>) -> Result<(), Failure> {
    let chosen: Vec<&ModelEntry> = match name {
        Some(name) => vec![catalogue.model(name).map_err(Failure::input)?],
        None => catalogue.models().iter().collect(),
    };
    let mut any_fault = false;
    for model in chosen {
        let mut faults: Vec<String> = model.faults().iter().map(ToString::to_string).collect();
        if faults.is_empty() {
            faults.extend(Recogniser::load(model).err().map(|error| error.to_string()));
        }
        for fault in &faults {
            eprintln!("{}: {fault}", model.name);
        }
        if faults.is_empty() {
            println!(
                "{}: {} files are right, and it loads",
                model.name,
                model.files.len()
            );
        }
        any_fault |= !faults.is_empty();
    }
    if any_fault {
        Err(Failure::Said(1))
    } else {
        Ok(())
    }
}
