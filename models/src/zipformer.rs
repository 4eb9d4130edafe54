//! Streaming zipformers of sherpa-onnx: CTC networks and transducer encoders.
//!
//! Sources: sherpa-onnx, `online-zipformer2-ctc-model.cc`, `online-zipformer2-transducer-model.cc`
//! and `online-zipformer-transducer-model.cc`. Inputs: the features `x[1, T, bands]` and the state
//! (zipformer2: six tensors a layer, `embed_states` and `processed_lens`; zipformer: seven a
//! stack). Outputs: `log_probs` or `encoder_out`, and the state anew. A run sees `T` feature frames
//! and advances by `decode_chunk_len`.

use std::path::Path;

use tract_onnx::prelude::*;

use crate::Error;
use crate::acoustic::{FilterBank, Geometry, Input, Network, Session};
use crate::graph::{Graph, guarded};
use crate::stateful::{Flow, Stateful};

/// Feature frames that one output stands for, in every public export.
const SUBSAMPLING: usize = 4;
/// The most feature frames that one run may take; real files have 39 to 141.
const MAX_WINDOW: usize = 4_096;

/// Which of the architectures a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// `model_type=zipformer`.
    First,
    /// `model_type=zipformer2`.
    Second,
}

impl Generation {
    const fn name(self) -> &'static str {
        match self {
            Self::First => "zipformer",
            Self::Second => "zipformer2",
        }
    }

    /// The lists that say how large each stack is, one entry a stack.
    const fn lists(self) -> &'static [&'static str] {
        match self {
            Self::First => &[
                "encoder_dims",
                "attention_dims",
                "cnn_module_kernels",
                "left_context_len",
            ],
            Self::Second => &[
                "encoder_dims",
                "query_head_dims",
                "value_head_dims",
                "num_heads",
                "cnn_module_kernels",
                "left_context_len",
            ],
        }
    }
}

/// A network of this contract with its optimised plan.
pub(crate) struct Zipformer {
    network: Stateful,
    geometry: Geometry,
}

impl Zipformer {
    /// Reads, checks and optimises a file.
    pub(crate) fn load(file: &Path, generation: Generation) -> Result<Self, Error> {
        let graph = Graph::read(file)?;
        guarded(file, || Self::build(&graph, generation))
    }

    /// The same from a file that was read already.
    pub(crate) fn build(graph: &Graph, generation: Generation) -> Result<Self, String> {
        let metadata = &graph.metadata;
        let contract = generation.name();
        let found = metadata.text("model_type").unwrap_or("none");
        if found != contract {
            return Err(format!(
                "its metadata `model_type` is `{found}`, the contract's is `{contract}`; choose \
                 the contract it was exported for"
            ));
        }
        if metadata
            .text("feature")
            .is_some_and(|kind| kind == "whisper")
        {
            return Err("it takes Whisper features; export it for 80-band filter banks".to_owned());
        }
        let window = metadata.size("T", contract)?;
        let shift = metadata.size("decode_chunk_len", contract)?;
        if window > MAX_WINDOW || shift > window {
            return Err(format!(
                "metadata `T` must be at most {MAX_WINDOW} and `decode_chunk_len` at most `T`, got \
                 `{window}` and `{shift}`"
            ));
        }
        let bands = bands(graph)?;
        let network = Stateful::build(graph, (f32::datum_type(), vec![1, window, bands]))?;
        check_state(graph, generation, &network)?;
        let (outputs, width) = match network.output[..] {
            [1, outputs, width] if outputs > 0 && width > 1 => (outputs, width),
            _ => {
                return Err(format!(
                    "its first output has shape {:?}, the contract's is [1, outputs, values]; \
                     export it again",
                    network.output
                ));
            }
        };
        if outputs * SUBSAMPLING != shift {
            return Err(format!(
                "a run gives {outputs} outputs of {SUBSAMPLING} frames but advances by {shift} \
                 frames; correct the metadata `decode_chunk_len`"
            ));
        }
        let sample_rate_hz = metadata.size_or("sample_rate", 16_000)? as u32;
        Ok(Self {
            network,
            geometry: Geometry {
                sample_rate_hz,
                input: Input::Fbank,
                filters: FilterBank::Kaldi,
                bands,
                window,
                shift,
                outputs,
                output_ms: SUBSAMPLING as u64 * 10,
                width,
            },
        })
    }
}

impl Network for Zipformer {
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn general_because(&self) -> Option<&str> {
        self.network.general_because()
    }

    fn session(&self) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(ZipformerSession {
            flow: self.network.begin()?,
            found: Vec::new(),
        }))
    }
}

struct ZipformerSession {
    flow: Flow,
    found: Vec<f32>,
}

impl Session for ZipformerSession {
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error> {
        self.flow.run(window, &mut self.found)?;
        Ok(&self.found)
    }

    fn reset(&mut self) {
        self.flow.reset();
    }
}

/// Values of a feature frame: the last dimension of the first input.
fn bands(graph: &Graph) -> Result<usize, String> {
    let inputs = graph.inputs();
    let declared = inputs
        .first()
        .and_then(|x| x.shape.as_ref())
        .and_then(|shape| shape.get(2).copied().flatten());
    let bands = declared.unwrap_or(80);
    usize::try_from(bands)
        .ok()
        .filter(|bands| (1..=512).contains(bands))
        .ok_or_else(|| format!("its input declares {bands} feature bands; export it again"))
}

/// The state must be the one that the metadata describes.
fn check_state(graph: &Graph, generation: Generation, network: &Stateful) -> Result<(), String> {
    let metadata = &graph.metadata;
    let layers = metadata.sizes("num_encoder_layers", generation.name())?;
    let mut sizes = Vec::new();
    for &key in generation.lists() {
        let list = metadata.sizes(key, generation.name())?;
        if list.len() != layers.len() {
            return Err(format!(
                "its metadata `{key}` has {} entries, `num_encoder_layers` has {}; export it again",
                list.len(),
                layers.len()
            ));
        }
        sizes.push(list);
    }
    let total: usize = layers.iter().sum();
    let expected = match generation {
        Generation::First => 7 * layers.len(),
        Generation::Second => 6 * total + 2,
    };
    if network.states() != expected {
        return Err(format!(
            "it has {} state inputs, its metadata describes {expected}; export it again",
            network.states()
        ));
    }
    if generation == Generation::Second {
        let mut first_of_stack = 0;
        for (stack, &layers) in layers.iter().enumerate() {
            let context = sizes[5][stack];
            let keys = vec![context, 1, sizes[1][stack] * sizes[3][stack]];
            let found = network.state(6 * first_of_stack).unwrap_or_default();
            if found != keys {
                return Err(format!(
                    "its first state of stack {stack} has shape {found:?}, its metadata says \
                     {keys:?}; export it again"
                ));
            }
            first_of_stack += layers;
        }
    }
    Ok(())
}
