//! The plan gives what tract gives, whatever the processor, and leaves other graphs to it.

use std::fs;
use std::path::PathBuf;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use super::*;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> ModelProto {
    let bytes = fs::read(file(name)).unwrap();
    tract_onnx::onnx()
        .proto_model_for_read(&mut &*bytes)
        .unwrap()
}

fn metadata(proto: &ModelProto, key: &str) -> usize {
    let entry = proto.metadata_props.iter().find(|entry| entry.key == key);
    entry.unwrap().value.parse().unwrap()
}

/// The sizes of so many chunks of a model of the streaming NeMo CTC contract.
fn sizes(proto: &ModelProto, chunks: usize) -> Sizes {
    let size = |key| metadata(proto, key);
    let shift = size("chunk_shift");
    Sizes {
        features: [
            1,
            size("feature_dim"),
            size("window_size") + (chunks - 1) * shift,
        ],
        state: vec![
            1,
            size("cache_last_time_dim1"),
            size("cache_last_time_dim2"),
            size("cache_last_time_dim3"),
        ],
        log_probabilities: [
            1,
            chunks * shift / size("subsampling_factor"),
            size("vocab_size") + 1,
        ],
    }
}

fn plan(proto: &ModelProto, chunks: usize) -> Option<Plan> {
    let graph = proto.graph.as_ref().unwrap();
    Plan::build(graph, &sizes(proto, chunks), &mut Shared::default())
}

/// Values between -8 and 4, as log mel energies have; band after band, a frame at `start` first.
fn features(bands: usize, frames: usize, start: usize) -> Vec<f32> {
    let value = |band: usize, frame: usize| {
        let mixed = (band as u32 + 1).wrapping_mul(2_654_435_761)
            ^ (frame as u32).wrapping_mul(0x9E37_79B9);
        (mixed >> 8) as f32 / (1 << 24) as f32 * 12.0 - 8.0
    };
    let all = (0..bands).flat_map(|band| (0..frames).map(move |frame| (band, frame)));
    all.map(|(band, frame)| value(band, start + frame))
        .collect()
}

/// tract's outputs for ten chunks, its state carried on.
fn tract_outputs(proto: &ModelProto, sizes: &Sizes) -> Vec<Vec<f32>> {
    let onnx = tract_onnx::onnx().with_ignore_value_info(true);
    let mut model = onnx.parse(proto, None).unwrap().model;
    let shapes: [(DatumType, Vec<usize>); 5] = [
        (f32::datum_type(), sizes.features.to_vec()),
        (i64::datum_type(), vec![1]),
        (f32::datum_type(), vec![1, 1, 1, 1]),
        (f32::datum_type(), sizes.state.clone()),
        (i64::datum_type(), vec![1]),
    ];
    for (index, (kind, shape)) in shapes.iter().enumerate() {
        model
            .set_input_fact(index, InferenceFact::dt_shape(*kind, shape))
            .unwrap();
    }
    let plan = model.into_optimized().unwrap().into_runnable().unwrap();
    let zero = |index: usize| {
        Tensor::zero_dt(shapes[index].0, &shapes[index].1)
            .unwrap()
            .into_tvalue()
    };
    let mut state = plan.spawn().unwrap();
    let mut cache = zero(3);
    let shift = metadata(proto, "chunk_shift");
    (0..10)
        .map(|chunk| {
            let [_, bands, frames] = sizes.features;
            let heard = features(bands, frames, chunk * shift);
            let heard = Tensor::from_shape(&sizes.features, &heard)
                .unwrap()
                .into_tvalue();
            let inputs = tvec!(heard, zero(1), zero(2), cache.clone(), zero(4));
            let outputs = state.run(inputs).unwrap();
            cache = outputs[3].clone();
            outputs[0]
                .to_plain_array_view::<f32>()
                .unwrap()
                .iter()
                .copied()
                .collect()
        })
        .collect()
}

/// The plan's outputs for so many chunks, heard so many at a time.
fn plan_outputs(proto: &ModelProto, chunks: usize, at_a_time: usize) -> Vec<f32> {
    let sizes = sizes(proto, at_a_time);
    let plan = plan(proto, at_a_time).expect("the graph has only known operators");
    let mut state = vec![0.0; plan.state_len()];
    let (mut found, mut all) = (Vec::new(), Vec::new());
    let shift = metadata(proto, "chunk_shift");
    for chunk in (0..chunks).step_by(at_a_time) {
        let [_, bands, frames] = sizes.features;
        plan.run(
            &features(bands, frames, chunk * shift),
            &mut state,
            &mut found,
        );
        all.extend_from_slice(&found);
    }
    all
}

const SHIPPED: &str = "zh-en-1/model.onnx";

#[test]
fn the_shipped_network_gives_what_tract_gives() {
    let proto = read(SHIPPED);
    let expected = tract_outputs(&proto, &sizes(&proto, 1)).concat();
    let found = plan_outputs(&proto, 10, 1);
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(&expected);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "log probabilities differ by up to {worst}");
}

#[test]
fn several_chunks_at_a_time_give_the_same_bits() {
    let proto = read(SHIPPED);
    let one = plan_outputs(&proto, 8, 1);
    assert_eq!(plan_outputs(&proto, 8, 2), one);
    assert_eq!(plan_outputs(&proto, 8, 4), one);
}

#[test]
fn processors_without_fused_instructions_hear_the_same() {
    let proto = read(SHIPPED);
    let plan = plan(&proto, 1).unwrap();
    let [_, bands, frames] = sizes(&proto, 1).features;
    let mut with = vec![0.0; plan.scratch];
    with[plan.features.clone()].copy_from_slice(&features(bands, frames, 0));
    let mut without = with.clone();
    dispatch(&plan.steps, &mut with);
    execute::<false>(&plan.steps, &mut without);
    let of = |scratch: &[f32]| scratch[plan.log_probabilities.clone()].to_vec();
    let pairs = of(&with).into_iter().zip(of(&without));
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 2e-5, "{worst}");
}

#[test]
fn scratch_places_are_used_again() {
    let plan = plan(&read(SHIPPED), 1).unwrap();
    let written: usize = plan.steps.iter().map(|step| step.to.len()).sum();
    assert!(
        plan.scratch * 3 < written,
        "{} of {written} values",
        plan.scratch
    );
}

#[test]
fn a_graph_with_another_operator_is_left_to_tract() {
    let mut proto = read(SHIPPED);
    let nodes = &mut proto.graph.as_mut().unwrap().node;
    let sigmoid = nodes
        .iter_mut()
        .find(|node| node.op_type == "Sigmoid")
        .unwrap();
    "Erf".clone_into(&mut sigmoid.op_type);
    assert!(plan(&proto, 1).is_none());
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let proto = read(SHIPPED);
    let graph = proto.graph.as_ref().unwrap();
    let refused = |change: fn(&mut Sizes)| {
        let mut sizes = sizes(&proto, 1);
        change(&mut sizes);
        Plan::build(graph, &sizes, &mut Shared::default()).is_none()
    };
    assert!(refused(|sizes| sizes.features[2] = 1));
    assert!(refused(|sizes| sizes.features[1] += 1));
    assert!(refused(|sizes| sizes.features[2] = usize::MAX));
    assert!(refused(|sizes| sizes.state[3] += 1));
    assert!(refused(|sizes| sizes.log_probabilities[1] += 1));
    assert!(refused(|sizes| sizes.log_probabilities[2] = 7));
}
