//! A network with attention over its cache, as the public exports of this contract are, which tract runs.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::tests::{changed, frames, golden, tones};
use super::*;

/// Values of an output within the network, classes, outputs of a run, and how many of them it looks back on.
const DIM: usize = 4;
const CLASSES: usize = 9;
const OUTPUTS: usize = 4;
const LEFT: usize = 6;
const REACH: usize = 9;

/// The same small numbers each time, from -0.2 to 0.2.
fn weights(count: usize, seed: usize) -> Vec<f32> {
    let value = |n: usize| ((n * 37 + seed * 13) % 41) as f32 - 20.0;
    (0..count).map(|n| value(n) * 0.01).collect()
}

fn real(name: &str, dims: &[usize], values: Vec<f32>) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.iter().map(|&dim| dim as i64).collect(),
        data_type: 1,
        float_data: values,
        ..TensorProto::default()
    }
}

fn whole(name: &str, dims: &[i64], value: i64) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: vec![value],
        ..TensorProto::default()
    }
}

/// `operator input … > output`, and an attribute.
fn node(text: &str, attribute: Option<(&str, &[i64])>) -> NodeProto {
    let (call, output) = text.split_once(" > ").unwrap();
    let mut words = call.split(' ').map(str::to_owned);
    let attribute = attribute.map(|(name, values)| {
        let is_one = name == "axis";
        AttributeProto {
            name: name.to_owned(),
            r#type: if is_one { 2 } else { 7 },
            i: values[0],
            ints: if is_one { Vec::new() } else { values.to_vec() },
            ..AttributeProto::default()
        }
    });
    NodeProto {
        op_type: words.next().unwrap(),
        input: words.collect(),
        output: vec![output.to_owned()],
        attribute: attribute.into_iter().collect(),
        ..NodeProto::default()
    }
}

/// Attention of every output over the cache and all outputs of the run. How much of the cache is filled is
/// known as it runs only, and computed from shapes, as exports do.
fn attend(graph: &mut GraphProto) {
    graph.initializer = vec![
        real("kernel", &[DIM, 64, REACH], weights(DIM * 64 * REACH, 1)),
        real("bias", &[DIM], weights(DIM, 2)),
        real("head", &[DIM, CLASSES], weights(DIM * CLASSES, 3)),
        real("far", &[], vec![-10_000.0]),
        real("nought", &[1], vec![0.0]),
        whole("zero", &[], 0),
        whole("one", &[], 1),
        whole("none", &[1], 0),
        whole("first", &[1], OUTPUTS as i64),
        whole("end", &[1], i64::MAX),
        whole("axis", &[1], 1),
    ];
    graph.node = vec![
        node(
            "Conv audio_signal kernel bias > heard",
            Some(("strides", &[4])),
        ),
        node("Transpose heard > x", Some(("perm", &[0, 2, 1]))),
        node(
            "Gather cache_last_channel zero > past",
            Some(("axis", &[1])),
        ),
        node("Concat past x > all", Some(("axis", &[1]))),
        node("Transpose all > turned", Some(("perm", &[0, 2, 1]))),
        node("MatMul x turned > scores", None),
        node("Shape all > all_shape", None),
        node("Gather all_shape one > reach", Some(("axis", &[0]))),
        node("Shape past > past_shape", None),
        node("Gather past_shape one > left", Some(("axis", &[0]))),
        node("Range zero reach one > places", None),
        node("Sub left cache_last_channel_len > begin", None),
        node("Less places begin > empty", None),
        node("Where empty far scores > masked", None),
        node("Softmax masked > shares", Some(("axis", &[-1]))),
        node("MatMul shares all > mixed", None),
        node("Add mixed x > sum", None),
        node("MatMul sum head > logits", None),
        node("LogSoftmax logits > logprobs", Some(("axis", &[-1]))),
        node("Slice all first end axis > kept", None),
        node("Unsqueeze kept axis > cache_last_channel_next", None),
        node("Add cache_last_time nought > cache_last_time_next", None),
        node("Shape x > x_shape", None),
        node("Gather x_shape one > more", Some(("axis", &[0]))),
        node("Add cache_last_channel_len more > grown", None),
        node("Min grown left > cache_last_channel_len_next", None),
        node("Mul length none > nothing", None),
        node("Add nothing first > encoded_lengths", None),
    ];
}

/// What the network should give, and its cache.
struct Expected {
    cache: Vec<[f32; DIM]>,
    filled: usize,
}

impl Expected {
    /// One run over features, band after band.
    fn advance(&mut self, features: &[f32]) -> Vec<f32> {
        let (kernel, bias) = (weights(DIM * 64 * REACH, 1), weights(DIM, 2));
        let x = (0..OUTPUTS).map(|output| {
            std::array::from_fn(|of| {
                let heard = (0..64 * REACH).map(|at| {
                    let (band, offset) = (at / REACH, at % REACH);
                    kernel[of * 64 * REACH + at] * features[band * 21 + 4 * output + offset]
                });
                bias[of] + heard.sum::<f32>()
            })
        });
        let x: Vec<[f32; DIM]> = x.collect();
        let all: Vec<[f32; DIM]> = self.cache.iter().chain(&x).copied().collect();
        let seen = &all[LEFT - self.filled..];
        let found = x.iter().flat_map(|query| {
            let dot = |key: &[f32; DIM]| -> f32 { query.iter().zip(key).map(|(a, b)| a * b).sum() };
            let most = seen.iter().map(dot).fold(f32::MIN, f32::max);
            let shares: Vec<f32> = seen.iter().map(|key| (dot(key) - most).exp()).collect();
            let total: f32 = shares.iter().sum();
            let mixed: [f32; DIM] = std::array::from_fn(|of| {
                let parts = seen.iter().zip(&shares).map(|(key, share)| key[of] * share);
                query[of] + parts.sum::<f32>() / total
            });
            log_softmax(&mixed)
        });
        let found = found.collect();
        self.cache = all[OUTPUTS..].to_vec();
        self.filled = (self.filled + OUTPUTS).min(LEFT);
        found
    }
}

fn log_softmax(mixed: &[f32; DIM]) -> Vec<f32> {
    let head = weights(DIM * CLASSES, 3);
    let logit = |class: usize| -> f32 {
        let parts = mixed.iter().enumerate();
        parts
            .map(|(of, value)| value * head[of * CLASSES + class])
            .sum()
    };
    let logits: Vec<f32> = (0..CLASSES).map(logit).collect();
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    logits.iter().map(|logit| logit - most - sum.ln()).collect()
}

#[test]
fn attention_over_the_cache_is_computed_over_twenty_chunks_of_state() {
    use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
    use tract_onnx::pb::type_proto::Value;

    let bytes = changed(|model| {
        let graph = model.graph.as_mut().unwrap();
        attend(graph);
        for cache in [&mut graph.input[2], &mut graph.output[2]] {
            let kind = cache.r#type.as_mut().unwrap().value.as_mut().unwrap();
            let Value::TensorType(tensor) = kind;
            let dims = &mut tensor.shape.as_mut().unwrap().dim;
            dims[2].value = Some(Dim::DimValue(LEFT as i64));
            dims[3].value = Some(Dim::DimValue(DIM as i64));
        }
        for entry in &mut model.metadata_props {
            match entry.key.as_str() {
                "cache_last_channel_dim2" => entry.value = LEFT.to_string(),
                "cache_last_channel_dim3" => entry.value = DIM.to_string(),
                _ => {}
            }
        }
    });
    let network = NemoCtc::build(&Graph::decode(&bytes).unwrap()).unwrap();
    assert!(network.general_because().is_some());
    let geometry = *tones().geometry();
    let mut session = network.session().unwrap();
    for _ in 0..2 {
        let mut expected = Expected {
            cache: vec![[0.0; DIM]; LEFT],
            filled: 0,
        };
        for (features, _) in golden() {
            let found = session.advance(&frames(&features, &geometry)).unwrap();
            let expected = expected.advance(&features);
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{found} against {expected}"
                );
            }
        }
        session.reset();
    }
}
