//! T-one, the 8 kHz telephony model, in sherpa-onnx's contract.
//!
//! Source: sherpa-onnx, `online-t-one-ctc-model.cc`. Inputs: whole-number samples `[1, samples, 1]`
//! and one vector of half-precision state; outputs: log probabilities and the state anew. Features
//! are computed within the network. The metadata `frame_length_ms` is the length of a run's audio.

use std::path::Path;

use tract_onnx::prelude::*;

use crate::Error;
use crate::acoustic::{FilterBank, Geometry, Input, Network, Session};
use crate::graph::{Graph, guarded};
use crate::stateful::{Flow, Stateful};

const CONTRACT: &str = "T-one";
/// The most milliseconds of one run; the public model takes 300.
const MAX_FRAME_MS: usize = 10_000;
/// Full scale of the samples that the network takes.
const FULL_SCALE: f32 = 32_767.0;

/// A network of this contract with its optimised plan.
pub(crate) struct TOne {
    network: Stateful,
    geometry: Geometry,
}

impl TOne {
    /// Reads, checks and optimises a file.
    pub(crate) fn load(file: &Path) -> Result<Self, Error> {
        let graph = Graph::read(file)?;
        guarded(file, || Self::build(&graph))
    }

    /// The same from a file that was read already.
    pub(crate) fn build(graph: &Graph) -> Result<Self, String> {
        let metadata = &graph.metadata;
        let frame_ms = metadata.size("frame_length_ms", CONTRACT)?;
        let state_dim = metadata.size("state_dim", CONTRACT)?;
        let sample_rate_hz = metadata.size("sample_rate", CONTRACT)?;
        if frame_ms > MAX_FRAME_MS || !(4_000..=48_000).contains(&sample_rate_hz) {
            return Err(format!(
                "metadata `frame_length_ms` must be at most {MAX_FRAME_MS} and `sample_rate` from \
                 4000 to 48000, got `{frame_ms}` and `{sample_rate_hz}`"
            ));
        }
        let samples = frame_ms * sample_rate_hz / 1_000;
        let network = Stateful::build(graph, (i32::datum_type(), vec![1, samples, 1]))?;
        if network.state(0) != Some(&[1, state_dim]) || network.states() != 1 {
            return Err(format!(
                "its state has shape {:?}, its metadata `state_dim` says [1, {state_dim}]; export \
                 it again",
                network.state(0).unwrap_or_default()
            ));
        }
        let (outputs, width) = match network.output[..] {
            [1, outputs, width] if outputs > 0 && width > 1 => (outputs, width),
            _ => {
                return Err(format!(
                    "its first output has shape {:?}, the contract's is [1, outputs, classes]; \
                     export it again",
                    network.output
                ));
            }
        };
        if !frame_ms.is_multiple_of(outputs) {
            return Err(format!(
                "a run of {frame_ms} ms gives {outputs} outputs, which is no whole number of \
                 milliseconds each; correct the metadata `frame_length_ms`"
            ));
        }
        Ok(Self {
            network,
            geometry: Geometry {
                sample_rate_hz: sample_rate_hz as u32,
                input: Input::Samples,
                filters: FilterBank::Kaldi,
                bands: 1,
                window: samples,
                shift: samples,
                outputs,
                output_ms: (frame_ms / outputs) as u64,
                width,
            },
        })
    }
}

impl Network for TOne {
    fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    fn general_because(&self) -> Option<&str> {
        self.network.general_because()
    }

    fn session(&self) -> Result<Box<dyn Session>, Error> {
        Ok(Box::new(TOneSession {
            flow: self.network.begin()?,
            whole: Vec::with_capacity(self.geometry.window),
            found: Vec::new(),
        }))
    }
}

struct TOneSession {
    flow: Flow,
    whole: Vec<f32>,
    found: Vec<f32>,
}

impl Session for TOneSession {
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error> {
        self.whole.clear();
        self.whole.extend(
            window
                .iter()
                .map(|&sample| (sample.clamp(-1.0, 1.0) * FULL_SCALE).trunc()),
        );
        self.flow.run(&self.whole, &mut self.found)?;
        Ok(&self.found)
    }

    fn reset(&mut self) {
        self.flow.reset();
    }
}
