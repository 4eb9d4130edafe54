//! The network gives what ONNX Runtime gave, and damaged or hostile files are refused.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tract_onnx::pb::ModelProto;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/tones")
}

pub(super) fn tones() -> NemoCtc {
    NemoCtc::load(&folder().join("model.onnx")).unwrap()
}

/// A file's bytes, loaded as a model that must be refused; returns the message.
fn refusal(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let error = NemoCtc::load(file.path())
        .err()
        .expect("a broken model is refused");
    let message = error.to_string();
    assert!(
        message.contains(&*file.path().to_string_lossy()),
        "{message}"
    );
    message
}

/// The tiny model after a change to its decoded form.
pub(super) fn changed(change: impl FnOnce(&mut ModelProto)) -> Vec<u8> {
    let bytes = fs::read(folder().join("model.onnx")).unwrap();
    let mut proto = tract_onnx::onnx()
        .proto_model_for_read(&mut &*bytes)
        .unwrap();
    change(&mut proto);
    encode(&proto)
}

fn encode(proto: &ModelProto) -> Vec<u8> {
    use prost::Message;
    proto.encode_to_vec()
}

pub(super) fn golden() -> Vec<(Vec<f32>, Vec<f32>)> {
    let text = fs::read_to_string(folder().join("golden.txt")).unwrap();
    let rows: Vec<Vec<f32>> = text
        .lines()
        .map(|line| {
            line.split(' ')
                .map(|value| value.parse().unwrap())
                .collect()
        })
        .collect();
    rows.chunks(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

/// Band after band becomes frame after frame.
pub(super) fn frames(features: &[f32], geometry: &Geometry) -> Vec<f32> {
    let at = |frame: usize, band: usize| features[band * geometry.window + frame];
    (0..geometry.window)
        .flat_map(|frame| (0..geometry.bands).map(move |band| (frame, band)))
        .map(|(frame, band)| at(frame, band))
        .collect()
}

#[test]
fn equals_onnxruntime_over_twenty_chunks_of_state() {
    let network = tones();
    let mut session = network.session().unwrap();
    for (features, expected) in golden() {
        let found = session
            .advance(&frames(&features, network.geometry()))
            .unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{found} against {expected}"
            );
        }
    }
}

#[test]
fn streams_do_not_share_state_and_reset_forgets() {
    let network = tones();
    let (features, _) = &golden()[0];
    let window = frames(features, network.geometry());
    let mut first = network.session().unwrap();
    let fresh = first.advance(&window).unwrap().to_vec();
    let continued = first.advance(&window).unwrap().to_vec();
    assert_ne!(fresh, continued, "the past matters");
    assert_eq!(network.session().unwrap().advance(&window).unwrap(), fresh);
    first.reset();
    assert_eq!(first.advance(&window).unwrap(), fresh);
}

#[test]
fn geometry_comes_from_the_metadata() {
    let expected = Geometry {
        sample_rate_hz: 8_000,
        input: Input::Fbank,
        filters: FilterBank::Kaldi,
        bands: 64,
        window: 21,
        shift: 16,
        outputs: 4,
        output_ms: 40,
        width: 9,
    };
    assert_eq!(*tones().geometry(), expected);
}

#[test]
fn a_window_of_another_size_is_an_error() {
    let network = tones();
    let error = network.session().unwrap().advance(&[0.0; 7]).unwrap_err();
    assert!(
        error.to_string().contains("21 frames of 64 values, got 7"),
        "{error}"
    );
}

#[test]
fn not_a_number_passes_through_without_a_panic() {
    let network = tones();
    let mut session = network.session().unwrap();
    session.advance(&[f32::NAN; 21 * 64]).unwrap();
}

#[test]
fn a_missing_file_is_named() {
    let error = NemoCtc::load(Path::new("/nowhere/model.onnx"))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .starts_with("cannot read `/nowhere/model.onnx`"),
        "{error}"
    );
}

#[test]
fn missing_metadata_is_named() {
    let bytes = changed(|model| {
        model
            .metadata_props
            .retain(|entry| entry.key != "chunk_shift");
    });
    assert!(refusal(&bytes).contains("lacks `chunk_shift`"));
}

#[test]
fn metadata_that_is_no_number_is_quoted() {
    let bytes = changed(|model| {
        for entry in model
            .metadata_props
            .iter_mut()
            .filter(|entry| entry.key == "vocab_size")
        {
            entry.value = "many".to_owned();
        }
    });
    assert!(refusal(&bytes).contains("`vocab_size` must be a whole number above 0, got `many`"));
}

#[test]
fn metadata_that_contradicts_the_graph_is_refused() {
    let set = |key: &'static str, value: &'static str| {
        changed(move |model| {
            for entry in model
                .metadata_props
                .iter_mut()
                .filter(|entry| entry.key == key)
            {
                entry.value = value.to_owned();
            }
        })
    };
    assert!(refusal(&set("window_size", "25")).contains("input `audio_signal` has shape"));
    assert!(refusal(&set("vocab_size", "9")).contains("log probabilities have shape"));
    assert!(refusal(&set("chunk_shift", "12")).contains("correct the metadata"));
    assert!(refusal(&set("cache_last_time_dim3", "3")).contains("input `cache_last_time`"));
    assert!(refusal(&set("cache_last_time_dim2", "99999999999")).contains("whole number"));
}

#[test]
fn an_unsupported_operator_is_named_with_its_node() {
    let bytes = changed(|model| {
        model.graph.as_mut().unwrap().node[0].op_type = "Teleport".to_owned();
    });
    assert!(refusal(&bytes).contains("node `hear` is the unsupported operator `Teleport`"));
}

#[test]
fn an_output_that_nothing_makes_is_refused() {
    let bytes = changed(|model| {
        model.graph.as_mut().unwrap().output[0].name = "elsewhere".to_owned();
    });
    assert!(refusal(&bytes).contains("no node makes the output `elsewhere`"));
}

#[test]
fn a_tensor_larger_than_its_bytes_is_refused() {
    let bytes = changed(|model| {
        model.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 20, 1 << 20, 1 << 20];
    });
    assert!(refusal(&bytes).contains("tensor `kernel` has shape"));
    let bytes = changed(|model| model.graph.as_mut().unwrap().initializer[0].dims[0] += 1);
    assert!(refusal(&bytes).contains("does not hold that many values"));
}

#[test]
fn data_outside_the_file_is_refused() {
    let bytes = changed(|model| {
        model.graph.as_mut().unwrap().initializer[0].data_location = Some(1);
    });
    assert!(refusal(&bytes).contains("lies in another file"));
}

#[test]
fn a_computed_size_is_refused_before_it_is_computed() {
    let bytes = changed(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.node[9].op_type = "ConstantOfShape".to_owned();
        graph.node[9].input.truncate(1);
    });
    let message = refusal(&bytes);
    assert!(message.contains("has no fixed shape"), "{message}");
}

#[test]
fn constants_are_measured_before_they_are_made() {
    // Alone too large, or many that are too large together.
    for (side, copies) in [(1 << 20, 1), (1 << 12, 6)] {
        let bytes = changed(|model| {
            let graph = model.graph.as_mut().unwrap();
            let mut shape = graph.initializer[2].clone();
            shape.name = "bomb".to_owned();
            shape.dims = vec![2];
            shape.int64_data.clear();
            shape.raw_data = [i64::from(side).to_le_bytes(); 2].concat();
            shape.data_type = 7;
            shape.float_data.clear();
            graph.initializer.push(shape);
            for copy in 0..copies {
                let mut node = graph.node[9].clone();
                node.op_type = "ConstantOfShape".to_owned();
                node.input = vec!["bomb".to_owned()];
                node.output = vec![format!("boom{copy}")];
                graph.node.push(node);
            }
        });
        let message = refusal(&bytes);
        assert!(message.contains("constant"), "{message}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = fs::read(folder().join("model.onnx")).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        refusal(&bytes[..length]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Changed bytes load or are refused; they never unwind or exhaust memory.
    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut bytes = fs::read(folder().join("model.onnx")).unwrap();
        for (at, value) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        if let Ok(network) = NemoCtc::load(file.path()) {
            let window = vec![0.0; network.geometry().window * network.geometry().bands];
            let _ = network.session().unwrap().advance(&window);
        }
    }
}
