//! Files that are damaged or made to do harm are refused by name: no panic, no runaway memory.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use trunkside_models::acoustic::Acoustic;
use trunkside_models::{Error, Import, ModelEntry};

/// Of each contract: its folder and its ONNX files.
const CONTRACTS: [(&str, &[&str]); 8] = [
    ("zipformer2-ctc", &["model.onnx"]),
    ("zipformer2-ctc-int8", &["model.int8.onnx"]),
    ("t-one-ctc", &["model.onnx"]),
    (
        "zipformer-transducer",
        &["encoder.onnx", "decoder.onnx", "joiner.onnx"],
    ),
    (
        "zipformer2-transducer",
        &["encoder.onnx", "decoder.onnx", "joiner.onnx"],
    ),
    (
        "zipformer2-transducer-int8",
        &["encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx"],
    ),
    ("nemo-ctc", &["model.onnx"]),
    ("nemo-ctc-int8", &["model.int8.onnx"]),
];
/// What the test's process may take at most: far above what these models need, far below what a
/// file of a hundred kilobytes could ask for.
const MOST_MEMORY_MB: u64 = 1_500;

fn source(contract: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/contracts")
        .join(contract)
}

/// Takes the files in and loads them, as `trunkside models add` does.
fn load(files: &[PathBuf]) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let import = Import {
        files,
        name: "hostile",
        licence: "none",
        languages: &[],
        folder: folder.path(),
    };
    let staged = import.stage()?;
    let entry: &ModelEntry = &staged.entry;
    let acoustic = Acoustic::load(entry)?;
    let mut session = acoustic.network.session()?;
    let geometry = *acoustic.network.geometry();
    for value in [0.0, f32::NAN, f32::MAX] {
        let _ = session.advance(&vec![value; geometry.window * geometry.bands]);
    }
    Ok(())
}

/// The most memory that this process ever had, where the system tells.
fn most_memory_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}

/// The files of a contract, one of them changed.
fn changed(
    contract: usize,
    file: usize,
    folder: &Path,
    change: impl FnOnce(&mut Vec<u8>),
) -> Vec<PathBuf> {
    let (name, onnx) = CONTRACTS[contract];
    let chosen = onnx[file % onnx.len()];
    let mut bytes = fs::read(source(name).join(chosen)).unwrap();
    change(&mut bytes);
    fs::write(folder.join(chosen), bytes).unwrap();
    let others = onnx.iter().filter(|other| **other != chosen);
    let others = others
        .chain(&["tokens.txt"])
        .map(|other| source(name).join(other));
    others.chain([folder.join(chosen)]).collect()
}

#[test]
fn the_unchanged_files_load() {
    for contract in 0..CONTRACTS.len() {
        let folder = tempfile::tempdir().unwrap();
        load(&changed(contract, 0, folder.path(), |_| ())).unwrap();
    }
}

#[test]
fn files_without_end_are_not_read_to_their_end() {
    let endless = PathBuf::from("/dev/zero");
    let error = load(std::slice::from_ref(&endless))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/dev/zero"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens.txt");
    std::os::unix::fs::symlink(&endless, &tokens).unwrap();
    let error = load(&[source("t-one-ctc").join("model.onnx"), tokens]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the limit is"), "{error}");
    let memory = most_memory_mb();
    assert!(memory < MOST_MEMORY_MB, "{memory} MB");
}

/// Few where all tests run; `PROPTEST_CASES` for a long search.
fn cases() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    /// Whatever bytes change, wherever a file is cut and whatever is doubled in it, it loads or is
    /// refused by an error that says what to do about which file.
    #[test]
    fn damaged_files_of_every_contract_are_refused(
        contract in 0..CONTRACTS.len(),
        file in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        doubled in prop::option::of((any::<prop::sample::Index>(), 1usize..5_000)),
        kept in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let files = changed(contract, file, folder.path(), |bytes| {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            if let Some((from, length)) = &doubled {
                let from = from.index(bytes.len());
                let part = bytes[from..(from + length).min(bytes.len())].to_vec();
                bytes.splice(from..from, part);
            }
            if let Some(kept) = &kept {
                bytes.truncate(kept.index(bytes.len()));
            }
        });
        if let Err(error) = load(&files) {
            prop_assert!(error.to_string().len() < 1_000, "{error}");
        }
        let memory = most_memory_mb();
        prop_assert!(memory < MOST_MEMORY_MB, "{memory} MB");
    }
}
