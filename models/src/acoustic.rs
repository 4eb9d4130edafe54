//! Acoustic networks that turn windows of features into log probabilities of units.
//!
//! A [`Network`] is shared by all calls; each call has a [`Session`] that holds only its state.
//! Every streaming contract is one implementation of the two traits, chosen by [`Contract`].

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::nemo_ctc::NemoCtc;
use crate::t_one::TOne;
use crate::zipformer::{Generation, Zipformer};
use crate::{Error, ModelEntry, Role};

pub use crate::transducer::{Joint, JointSession, Prediction};

/// The file conventions that a network can follow, all of sherpa-onnx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contract {
    /// Streaming NeMo CTC (`online-nemo-ctc-model.cc`).
    NemoStreamingCtc,
    /// Zipformer2 CTC (`online-zipformer2-ctc-model.cc`).
    Zipformer2Ctc,
    /// Zipformer transducer (`online-zipformer-transducer-model.cc`).
    ZipformerTransducer,
    /// Zipformer2 transducer (`online-zipformer2-transducer-model.cc`).
    Zipformer2Transducer,
    /// T-one CTC (`online-t-one-ctc-model.cc`).
    TOneCtc,
}

impl Contract {
    /// The name that the catalogue uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NemoStreamingCtc => "nemo-streaming-ctc",
            Self::Zipformer2Ctc => "zipformer2-ctc",
            Self::ZipformerTransducer => "zipformer-transducer",
            Self::Zipformer2Transducer => "zipformer2-transducer",
            Self::TOneCtc => "t-one-ctc",
        }
    }

    /// Whether encoder, decoder and joiner are files of their own.
    pub const fn is_transducer(self) -> bool {
        matches!(self, Self::ZipformerTransducer | Self::Zipformer2Transducer)
    }
}

/// What a window of a network holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Log mel filter banks, a frame every 10 ms.
    Fbank,
    /// Samples from -1 to 1.
    Samples,
}

/// How log mel filter banks are computed; each contract was trained on one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterBank {
    /// As Kaldi does, from 20 Hz to 400 Hz below half the sample rate.
    Kaldi,
    /// As NeMo does, with librosa's filters from 0 Hz to half the sample rate.
    Nemo,
}

/// The sizes of a streaming network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Samples a second of the audio that it takes.
    pub sample_rate_hz: u32,
    /// What a window holds.
    pub input: Input,
    /// How its filter banks are computed, if a window holds such.
    pub filters: FilterBank,
    /// Values of one frame: of a feature frame, or 1 where a frame is a sample.
    pub bands: usize,
    /// Frames that one run sees.
    pub window: usize,
    /// Frames from one window's start to the next one's.
    pub shift: usize,
    /// Outputs of one run.
    pub outputs: usize,
    /// Milliseconds that one output stands for.
    pub output_ms: u64,
    /// Values of one output: the log probabilities of all classes, or what an encoder gives.
    pub width: usize,
}

/// A loaded network with its optimised plan, shared by all calls.
pub trait Network: Send + Sync {
    /// Its sizes.
    fn geometry(&self) -> &Geometry;

    /// How many chunks one run may hear, ascending, the first being 1. A run of several costs less
    /// than as many runs of one, and gives the same.
    fn chunks(&self) -> &[usize] {
        &[1]
    }

    /// The first thing for which a general graph runtime (tract) computes the network; none where
    /// steps of our own do, which costs less.
    fn general_because(&self) -> Option<&str>;

    /// A new stream, its state zero.
    fn session(&self) -> Result<Box<dyn Session>, Error>;
}

/// One stream's state in a network.
pub trait Session: Send {
    /// Runs one window, `window * bands` values, frame after frame; or `n` windows of chunks that
    /// follow each other, `(window + (n - 1) * shift) * bands` values, if the network's
    /// [`Network::chunks`] have `n`.
    ///
    /// Returns `n * outputs * width` values, output after output: natural log probabilities of a
    /// CTC network, activations of an encoder.
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error>;

    /// Forgets all that was heard.
    fn reset(&mut self);
}

/// A model's networks.
#[derive(Clone)]
pub struct Acoustic {
    /// The CTC network, or a transducer's encoder.
    pub network: Arc<dyn Network>,
    /// Decoder and joiner of a transducer.
    pub joint: Option<Arc<Joint>>,
}

impl Acoustic {
    /// Loads the networks of a model; the work of about a second a network.
    pub fn load(model: &ModelEntry) -> Result<Self, Error> {
        if !model.contract.is_transducer() {
            return Ok(Self {
                network: load(model.contract, &model.path(Role::Acoustic)?)?,
                joint: None,
            });
        }
        let network = load(model.contract, &model.path(Role::Encoder)?)?;
        let width = network.geometry().width;
        let (decoder, joiner) = (model.path(Role::Decoder)?, model.path(Role::Joiner)?);
        let joint = Joint::load(&decoder, &joiner, width)?;
        Ok(Self {
            network,
            joint: Some(Arc::new(joint)),
        })
    }

    /// Classes that the model tells apart, the blank included.
    pub fn classes(&self) -> usize {
        let joint = self.joint.as_ref();
        joint.map_or(self.network.geometry().width, |joint| joint.vocabulary())
    }
}

/// Loads the network of a file in the given contract; of a transducer, its encoder.
pub fn load(contract: Contract, file: &Path) -> Result<Arc<dyn Network>, Error> {
    Ok(match contract {
        Contract::NemoStreamingCtc => Arc::new(NemoCtc::load(file)?),
        Contract::Zipformer2Ctc | Contract::Zipformer2Transducer => {
            Arc::new(Zipformer::load(file, Generation::Second)?)
        }
        Contract::ZipformerTransducer => Arc::new(Zipformer::load(file, Generation::First)?),
        Contract::TOneCtc => Arc::new(TOne::load(file)?),
    })
}
