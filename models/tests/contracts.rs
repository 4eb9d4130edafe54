//! Every contract gives what onnxruntime gives, over 20 chunks of streaming state.
//!
//! `contracts.py` made the random-weight models and the expected values. The graphs are as exported:
//! batch open, shapes computed as they run, a `Range` that counts down.

use std::fs;
use std::path::{Path, PathBuf};

use trunkside_models::acoustic::{self, Contract, FilterBank, Input, Joint, Network};

const CHUNKS: usize = 20;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/contracts")
        .join(name)
}

/// The features that `contracts.py` made: from -12 to 0.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state >> 8) / f64::from(1 << 24) * 12.0 - 12.0) as f32
    };
    (0..count).map(|_| next()).collect()
}

fn golden(name: &str) -> Vec<f32> {
    let bytes = fs::read(folder(name).join("golden.f32")).unwrap();
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

/// All outputs of 20 windows.
fn stream(network: &dyn Network) -> Vec<f32> {
    let geometry = network.geometry();
    let values = noise(((CHUNKS - 1) * geometry.shift + geometry.window) * geometry.bands);
    let values: Vec<f32> = match geometry.input {
        Input::Fbank => values,
        Input::Samples => values.iter().map(|v| v / 12.0 * 2.0 + 1.0).collect(),
    };
    let mut session = network.session().unwrap();
    let mut found = Vec::new();
    for chunk in 0..CHUNKS {
        let start = chunk * geometry.shift * geometry.bands;
        let window = &values[start..start + geometry.window * geometry.bands];
        found.extend_from_slice(session.advance(window).unwrap());
    }
    found
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, f32::max);
    assert!(worst < tolerance, "differs by up to {worst}");
}

/// For weights of 8 bits: both engines round activations to 8 bits; where a value lies on an edge they differ by a
/// step, which random weights make large.
fn assert_near_on_average(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let mean = differences.sum::<f32>() / found.len() as f32;
    assert!(mean < tolerance, "differs by {mean} on average");
}

fn ctc_equals(name: &str, contract: Contract, file: &str, tolerance: f32) {
    let network = acoustic::load(contract, &folder(name).join(file)).unwrap();
    // A GRU and half precision, and attention where steps are for convolutions only.
    let is_general = matches!(contract, Contract::TOneCtc | Contract::NemoStreamingCtc);
    assert_eq!(network.general_because().is_some(), is_general);
    assert_near(&stream(network.as_ref()), &golden(name), tolerance);
}

#[test]
fn zipformer2_ctc_equals_onnxruntime() {
    ctc_equals(
        "zipformer2-ctc",
        Contract::Zipformer2Ctc,
        "model.onnx",
        1e-4,
    );
}

#[test]
fn quantised_zipformer2_ctc_is_near_onnxruntime() {
    let name = "zipformer2-ctc-int8";
    let file = folder(name).join("model.int8.onnx");
    let network = acoustic::load(Contract::Zipformer2Ctc, &file).unwrap();
    assert_eq!(network.general_because(), None);
    assert_near_on_average(&stream(network.as_ref()), &golden(name), 0.05);
}

#[test]
fn nemo_ctc_with_attention_equals_onnxruntime() {
    ctc_equals("nemo-ctc", Contract::NemoStreamingCtc, "model.onnx", 1e-4);
    let file = folder("nemo-ctc").join("model.onnx");
    let network = acoustic::load(Contract::NemoStreamingCtc, &file).unwrap();
    assert_eq!(network.geometry().filters, FilterBank::Nemo);
}

#[test]
fn quantised_nemo_ctc_is_near_onnxruntime() {
    // Unsigned weights, and convolutions of 8 bits, as the public files have them.
    let name = "nemo-ctc-int8";
    let file = folder(name).join("model.int8.onnx");
    let network = acoustic::load(Contract::NemoStreamingCtc, &file).unwrap();
    assert_near_on_average(&stream(network.as_ref()), &golden(name), 0.05);
}

#[test]
fn t_one_equals_onnxruntime() {
    // The state is half precision: where it rounds differently, a step is 5e-4 of a value.
    ctc_equals("t-one-ctc", Contract::TOneCtc, "model.onnx", 5e-3);
}

/// The encoder's outputs, then the joiner's along the contexts of `contracts.py`; files end as given.
fn transduce(name: &str, contract: Contract, end: &str) -> Vec<f32> {
    let file = |part: &str| folder(name).join(format!("{part}{end}"));
    let encoder = acoustic::load(contract, &file("encoder")).unwrap();
    assert_eq!(encoder.general_because(), None);
    let width = encoder.geometry().width;
    let joint = Joint::load(&file("decoder"), &file("joiner"), width).unwrap();
    let mut found = stream(encoder.as_ref());
    let frames: Vec<Vec<f32>> = found.chunks_exact(width).map(<[f32]>::to_vec).collect();
    let mut session = joint.session().unwrap();
    let mut logits = Vec::new();
    let vocabulary = joint.vocabulary() as i64;
    for (t, frame) in frames.iter().enumerate() {
        let t = t as i64;
        let context = [t % vocabulary - i64::from(t == 0), 3 * t % vocabulary];
        let prediction = session.predict(&context).unwrap();
        session.join(frame, &prediction, &mut logits).unwrap();
        found.extend_from_slice(&logits);
    }
    found
}

#[test]
fn zipformer2_transducer_equals_onnxruntime() {
    let name = "zipformer2-transducer";
    let found = transduce(name, Contract::Zipformer2Transducer, ".onnx");
    assert_near(&found, &golden(name), 1e-4);
}

#[test]
fn zipformer_transducer_equals_onnxruntime() {
    let name = "zipformer-transducer";
    let found = transduce(name, Contract::ZipformerTransducer, ".onnx");
    assert_near(&found, &golden(name), 1e-4);
}

#[test]
fn quantised_zipformer2_transducer_is_near_onnxruntime() {
    let name = "zipformer2-transducer-int8";
    let found = transduce(name, Contract::Zipformer2Transducer, ".int8.onnx");
    assert_near_on_average(&found, &golden(name), 0.05);
}

#[test]
fn a_file_of_another_contract_is_refused_with_the_reason() {
    let file = folder("zipformer-transducer").join("encoder.onnx");
    let refusal = |contract| acoustic::load(contract, &file).err().unwrap().to_string();
    let as_second = refusal(Contract::Zipformer2Ctc);
    assert!(
        as_second.contains("`model_type` is `zipformer`"),
        "{as_second}"
    );
    let as_t_one = refusal(Contract::TOneCtc);
    assert!(as_t_one.contains("lacks `frame_length_ms`"), "{as_t_one}");
    let as_nemo = refusal(Contract::NemoStreamingCtc);
    assert!(as_nemo.contains("lacks `"), "{as_nemo}");
}

#[test]
fn parts_of_two_exports_are_refused() {
    let folder = folder("zipformer2-transducer");
    let refused = Joint::load(
        &folder.join("decoder.onnx"),
        &folder.join("joiner.onnx"),
        17,
    );
    let message = refused.err().unwrap().to_string();
    assert!(message.contains("joiner.onnx"), "{message}");
}
