//! The shipped network gives the log probabilities that onnxruntime gave for the golden case.
//!
//! `golden/make.py` made the expected values, and makes them again whenever the weights change.

use std::fs;
use std::path::{Path, PathBuf};

use trunkside_models::{Catalogue, Role, acoustic};

const TOLERANCE: f32 = 1e-4;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn values(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn shipped_network_equals_onnxruntime() {
    let Ok(case) = fs::read_to_string(here("golden/case.json")) else {
        eprintln!("SKIPPED: models/golden/case.json is absent; run models/golden/make.py");
        return;
    };
    let case: serde_json::Value = serde_json::from_str(&case).unwrap();
    let catalogue = Catalogue::find(Some(&here(""))).unwrap();
    let model = catalogue.model(case["model"].as_str().unwrap()).unwrap();
    model.verify().unwrap();
    let network = acoustic::load(model.contract, &model.path(Role::Acoustic).unwrap()).unwrap();
    let geometry = *network.geometry();
    let features = values(&here("golden").join(case["features"].as_str().unwrap()));
    let expected = values(&here("golden").join(case["logprobs"].as_str().unwrap()));

    let mut session = network.session().unwrap();
    let mut found = Vec::new();
    let window = geometry.window * geometry.bands;
    let mut start = 0;
    while start + window <= features.len() {
        found.extend_from_slice(session.advance(&features[start..start + window]).unwrap());
        start += geometry.shift * geometry.bands;
    }

    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(
        worst < TOLERANCE,
        "log probabilities differ by up to {worst}"
    );
}
