//! sherpa-onnx's streaming NeMo CTC contract over tract.
//!
//! Inputs, in this order (source: sherpa-onnx, `online-nemo-ctc-model.cc`): the features
//! `[1, bands, window]`, their length, and three caches; outputs: log probabilities
//! `[1, outputs, units + 1]`, their count, and the three caches anew. All caches start at zero. The
//! sizes stand in the file's metadata. A convolutional network keeps its past in `cache_last_time`.
//!
//! Features are NeMo's, as sherpa-onnx 2.0.1 computes them for this contract. Where the metadata states a `sample_rate`, which
//! no export of NeMo does and ours do, they are Kaldi's.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;

use crate::Error;
use crate::acoustic::{FilterBank, Geometry, Input, Network, Session};
use crate::convolutional::{Plan, Shared, Sizes};
use crate::graph::{Fixed, Graph, brief, guarded, output_shape};
use crate::guard::MAX_TENSOR_ELEMENTS;
use crate::stateful::{check_declared, next_state};

const CONTRACT: &str = "streaming NeMo CTC";
const INPUTS: usize = 5;
const DEFAULT_BANDS: usize = 80;
const DEFAULT_SAMPLE_RATE_HZ: usize = 16_000;
/// The most feature frames that one run may take; real files have 20 to 200.
const MAX_WINDOW: usize = 4_096;

/// A network of this contract with its optimised plan.
pub(crate) struct NemoCtc {
    geometry: Geometry,
    engine: Engine,
}

/// What runs the graph.
enum Engine {
    /// The steps of a convolutional network, for each number of [`CHUNKS`].
    Convolutional(Arc<[Plan]>),
    /// tract, for any other graph.
    Tract {
        plan: Arc<TypedSimplePlan>,
        zero_caches: [TValue; 3],
    },
}

/// Chunks that a convolutional network can hear in one run.
const CHUNKS: [usize; 3] = [1, 2, 4];

impl NemoCtc {
    /// Reads, checks and optimises a file; the work of about a second.
    pub(crate) fn load(file: &Path) -> Result<Self, Error> {
        let graph = Graph::read(file)?;
        guarded(file, || Self::build(&graph))
    }

    /// The same from a file that was read already.
    pub(crate) fn build(graph: &Graph) -> Result<Self, String> {
        let metadata = Metadata::read(graph)?;
        metadata.check_inputs(graph)?;
        if let Some(plans) = convolutional(graph.proto(), &metadata) {
            return Ok(Self {
                geometry: metadata.geometry(metadata.shift / metadata.subsampling),
                engine: Engine::Convolutional(plans.into()),
            });
        }
        let plan = graph.plan(&metadata.input_shapes())?;
        let outputs = check_outputs(&plan, &metadata)?;
        let [channel, time, length] = metadata.cache_shapes();
        let zero_caches = [
            zeros::<f32>(&channel)?.into_tvalue(),
            zeros::<f32>(&time)?.into_tvalue(),
            zeros::<i64>(&length)?.into_tvalue(),
        ];
        Ok(Self {
            geometry: metadata.geometry(outputs),
            engine: Engine::Tract { plan, zero_caches },
        })
    }
}

impl Network for NemoCtc {
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn chunks(&self) -> &[usize] {
        match &self.engine {
            Engine::Convolutional(plans) => &CHUNKS[..plans.len()],
            Engine::Tract { .. } => &CHUNKS[..1],
        }
    }

    fn general_because(&self) -> Option<&str> {
        match &self.engine {
            Engine::Convolutional(_) => None,
            Engine::Tract { .. } => Some("it is no purely convolutional network"),
        }
    }

    fn session(&self) -> Result<Box<dyn Session>, Error> {
        let (plan, zero_caches) = match &self.engine {
            Engine::Convolutional(plans) => {
                return Ok(Box::new(PlanSession {
                    plans: Arc::clone(plans),
                    geometry: self.geometry,
                    state: vec![0.0; plans[0].state_len()],
                    transposed: Vec::new(),
                    log_probabilities: Vec::new(),
                }));
            }
            Engine::Tract { plan, zero_caches } => (plan, zero_caches),
        };
        let state = plan.spawn().map_err(|error| Error::Run(brief(&error)))?;
        let length = tensor1(&[self.geometry.window as i64]).into_tvalue();
        Ok(Box::new(NemoSession {
            state,
            geometry: self.geometry,
            length,
            zero_caches: zero_caches.clone(),
            caches: zero_caches.clone(),
            transposed: Vec::new(),
            log_probabilities: Vec::new(),
        }))
    }
}

/// The plans of a convolutional network; none when it is another network, or its outputs are not
/// those that the metadata promises (which tract's path then reports).
fn convolutional(proto: &ModelProto, metadata: &Metadata) -> Option<Vec<Plan>> {
    let graph = proto.graph.as_ref()?;
    if !metadata.shift.is_multiple_of(metadata.subsampling) {
        return None;
    }
    let [_, state, _] = metadata.cache_shapes();
    let mut shared = Shared::default();
    let mut plan = |chunks: usize| {
        let frames = metadata.window + (chunks - 1) * metadata.shift;
        let outputs = chunks * (metadata.shift / metadata.subsampling);
        let sizes = Sizes {
            features: [1, metadata.bands, frames],
            state: state.clone(),
            log_probabilities: [1, outputs, metadata.units + 1],
        };
        Plan::build(graph, &sizes, &mut shared)
    };
    let plans: Vec<Plan> = CHUNKS.into_iter().map_while(&mut plan).collect();
    (!plans.is_empty()).then_some(plans)
}

/// One stream of a convolutional network: the cache that holds its past.
struct PlanSession {
    plans: Arc<[Plan]>,
    geometry: Geometry,
    state: Vec<f32>,
    transposed: Vec<f32>,
    log_probabilities: Vec<f32>,
}

impl Session for PlanSession {
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error> {
        let frames = window.len() / self.geometry.bands;
        let chunks = (frames.saturating_sub(self.geometry.window)) / self.geometry.shift + 1;
        let plan = CHUNKS.iter().position(|&known| known == chunks);
        let Some(plan) = plan.and_then(|at| self.plans.get(at)) else {
            return Err(wrong_window(&self.geometry, window));
        };
        transpose(&self.geometry, chunks, window, &mut self.transposed)?;
        plan.run(
            &self.transposed,
            &mut self.state,
            &mut self.log_probabilities,
        );
        Ok(&self.log_probabilities)
    }

    fn reset(&mut self) {
        self.state.fill(0.0);
    }
}

/// One stream: the plan's scratch space and the three caches.
struct NemoSession {
    state: TypedSimpleState,
    geometry: Geometry,
    length: TValue,
    zero_caches: [TValue; 3],
    caches: [TValue; 3],
    transposed: Vec<f32>,
    log_probabilities: Vec<f32>,
}

impl Session for NemoSession {
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error> {
        transpose(&self.geometry, 1, window, &mut self.transposed)?;
        let failed = |error: TractError| Error::Run(brief(&error));
        let shape = [1, self.geometry.bands, self.geometry.window];
        let features = Tensor::from_shape(&shape, &self.transposed).map_err(failed)?;
        let [channel, time, channel_length] = &self.caches;
        let inputs = tvec!(
            features.into_tvalue(),
            self.length.clone(),
            channel.clone(),
            time.clone(),
            channel_length.clone()
        );
        let mut outputs = self.state.run(inputs).map_err(failed)?.into_iter();
        let (Some(log_probabilities), Some(_count), Some(channel), Some(time), Some(length)) = (
            outputs.next(),
            outputs.next(),
            outputs.next(),
            outputs.next(),
            outputs.next(),
        ) else {
            return Err(Error::Run(
                "it gave fewer outputs than its contract has".to_owned(),
            ));
        };
        let [first_channel, first_time, first_length] = &self.zero_caches;
        self.caches = [
            next_state(channel, first_channel)?,
            next_state(time, first_time)?,
            next_state(length, first_length)?,
        ];
        self.log_probabilities.clear();
        let view = log_probabilities
            .to_plain_array_view::<f32>()
            .map_err(failed)?;
        self.log_probabilities.extend(view.iter());
        Ok(&self.log_probabilities)
    }

    fn reset(&mut self) {
        self.caches = self.zero_caches.clone();
    }
}

/// Frame after frame becomes band after band.
fn transpose(
    geometry: &Geometry,
    chunks: usize,
    window: &[f32],
    transposed: &mut Vec<f32>,
) -> Result<(), Error> {
    let frames = geometry.window + (chunks - 1) * geometry.shift;
    if window.len() != geometry.bands * frames {
        return Err(wrong_window(geometry, window));
    }
    transposed.resize(window.len(), 0.0);
    for (index, frame) in window.chunks_exact(geometry.bands).enumerate() {
        for (band, &value) in frame.iter().enumerate() {
            transposed[band * frames + index] = value;
        }
    }
    Ok(())
}

fn wrong_window(geometry: &Geometry, window: &[f32]) -> Error {
    Error::Run(format!(
        "it takes {} frames of {} values, got {} values",
        geometry.window,
        geometry.bands,
        window.len()
    ))
}

/// The sizes that the file's metadata states.
struct Metadata {
    sample_rate_hz: u32,
    filters: FilterBank,
    bands: usize,
    window: usize,
    shift: usize,
    subsampling: usize,
    units: usize,
    channel: [usize; 3],
    time: [usize; 3],
}

impl Metadata {
    fn read(graph: &Graph) -> Result<Self, String> {
        let metadata = &graph.metadata;
        let size = |key: &str| metadata.size(key, CONTRACT);
        let dims = |name: &str| -> Result<[usize; 3], String> {
            Ok([
                size(&format!("{name}_dim1"))?,
                size(&format!("{name}_dim2"))?,
                size(&format!("{name}_dim3"))?,
            ])
        };
        let sizes = Self {
            sample_rate_hz: metadata.size_or("sample_rate", DEFAULT_SAMPLE_RATE_HZ)? as u32,
            filters: match metadata.text("sample_rate") {
                Some(_) => FilterBank::Kaldi,
                None => FilterBank::Nemo,
            },
            bands: metadata.size_or("feature_dim", DEFAULT_BANDS)?,
            window: size("window_size")?,
            shift: size("chunk_shift")?,
            subsampling: size("subsampling_factor")?,
            units: size("vocab_size")?,
            channel: dims("cache_last_channel")?,
            time: dims("cache_last_time")?,
        };
        sizes.check()?;
        Ok(sizes)
    }

    fn check(&self) -> Result<(), String> {
        if self.window > MAX_WINDOW {
            return Err(format!(
                "metadata `window_size` must be at most {MAX_WINDOW}, got `{}`",
                self.window
            ));
        }
        if self.shift > self.window {
            return Err(format!(
                "metadata `chunk_shift` must be at most `window_size` ({}), got `{}`",
                self.window, self.shift
            ));
        }
        for shape in self.cache_shapes() {
            let elements = shape
                .iter()
                .try_fold(1usize, |product, &dim| product.checked_mul(dim));
            if elements.is_none_or(|n| n > MAX_TENSOR_ELEMENTS) {
                return Err(format!(
                    "its metadata states a cache of shape {shape:?}; the limit is \
                     {MAX_TENSOR_ELEMENTS} values"
                ));
            }
        }
        Ok(())
    }

    fn geometry(&self, outputs: usize) -> Geometry {
        Geometry {
            sample_rate_hz: self.sample_rate_hz,
            input: Input::Fbank,
            filters: self.filters,
            bands: self.bands,
            window: self.window,
            shift: self.shift,
            outputs,
            output_ms: self.subsampling as u64 * 10,
            width: self.units + 1,
        }
    }

    fn cache_shapes(&self) -> [Vec<usize>; 3] {
        let with_batch = |dims: [usize; 3]| vec![1, dims[0], dims[1], dims[2]];
        [with_batch(self.channel), with_batch(self.time), vec![1]]
    }

    fn input_shapes(&self) -> [Fixed; INPUTS] {
        let [channel, time, length] = self.cache_shapes();
        [
            (f32::datum_type(), vec![1, self.bands, self.window]),
            (i64::datum_type(), vec![1]),
            (f32::datum_type(), channel),
            (f32::datum_type(), time),
            (i64::datum_type(), length),
        ]
    }

    /// What the graph declares must not contradict the metadata.
    fn check_inputs(&self, graph: &Graph) -> Result<(), String> {
        let (inputs, outputs) = (graph.inputs(), graph.outputs().len());
        if inputs.len() != INPUTS || outputs != INPUTS {
            return Err(format!(
                "the contract `nemo-streaming-ctc` has {INPUTS} inputs and {INPUTS} outputs, the \
                 file has {} and {outputs}; choose the contract it was exported for",
                inputs.len()
            ));
        }
        for (input, expected) in inputs.iter().zip(self.input_shapes()) {
            check_declared(input, &expected)?;
        }
        Ok(())
    }
}

/// Checks the outputs' shapes against the metadata and returns how many outputs a run gives.
fn check_outputs(plan: &TypedSimplePlan, metadata: &Metadata) -> Result<usize, String> {
    let shape = |index: usize| output_shape(plan, index).map(|(_, shape)| shape);
    let log_probabilities = shape(0)?;
    let classes = metadata.units + 1;
    let outputs = match log_probabilities[..] {
        [1, outputs, last] if last == classes && outputs > 0 => outputs,
        _ => {
            return Err(format!(
                "its log probabilities have shape {log_probabilities:?}, its metadata's \
                 `vocab_size` asks for [1, outputs, {classes}]; export it again"
            ));
        }
    };
    if outputs * metadata.subsampling != metadata.shift {
        return Err(format!(
            "a run gives {outputs} outputs of {} frames but advances by {} frames; correct the \
             metadata `chunk_shift` or `subsampling_factor`",
            metadata.subsampling, metadata.shift
        ));
    }
    for (index, expected) in metadata.cache_shapes().into_iter().enumerate() {
        let found = shape(index + 2)?;
        if found != expected {
            return Err(format!(
                "its cache output {index} has shape {found:?}, its input has {expected:?}; export \
                 it again"
            ));
        }
    }
    Ok(outputs)
}

fn zeros<T: Datum + Copy + tract_num_traits::Zero>(shape: &[usize]) -> Result<Tensor, String> {
    Tensor::zero::<T>(shape).map_err(|error| brief(&error))
}

#[cfg(test)]
mod attention;
#[cfg(test)]
mod tests;
