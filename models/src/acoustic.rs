//! Acoustic networks that turn windows of features into log probabilities of units.
//!
//! A [`Network`] is shared by all calls; each call has a [`Session`] that holds only its state.
//! Every streaming contract is one implementation of the two traits, chosen by [`Contract`].

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, nemo_ctc};

/// The file conventions that a network can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contract {
    /// sherpa-onnx's streaming NeMo CTC (`online-nemo-ctc-model.cc`).
    NemoStreamingCtc,
}

impl Contract {
    /// The name that the catalogue uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NemoStreamingCtc => "nemo-streaming-ctc",
        }
    }
}

/// The sizes of a streaming CTC network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Samples a second that its features are made of.
    pub sample_rate_hz: u32,
    /// Values of one feature frame.
    pub bands: usize,
    /// Feature frames that one run sees.
    pub window: usize,
    /// Feature frames from one window's start to the next one's.
    pub shift: usize,
    /// Feature frames that one output stands for.
    pub subsampling: usize,
    /// Outputs of one run.
    pub outputs: usize,
    /// Units, without the blank, which is the last output class.
    pub units: usize,
}

impl Geometry {
    /// Values of one output: the units and the blank.
    pub const fn classes(&self) -> usize {
        self.units + 1
    }
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

    /// A new stream, its state zero.
    fn session(&self) -> Result<Box<dyn Session>, Error>;
}

/// One stream's state in a network.
pub trait Session: Send {
    /// Runs one window, `window * bands` values, frame after frame; or `n` windows of chunks that
    /// follow each other, `(window + (n - 1) * shift) * bands` values, if the network's
    /// [`Network::chunks`] have `n`.
    ///
    /// Returns `n * outputs * classes` natural log probabilities, output after output.
    fn advance(&mut self, window: &[f32]) -> Result<&[f32], Error>;

    /// Forgets all that was heard.
    fn reset(&mut self);
}

/// Loads the network of a file in the given contract.
pub fn load(contract: Contract, file: &Path) -> Result<Arc<dyn Network>, Error> {
    match contract {
        Contract::NemoStreamingCtc => Ok(Arc::new(nemo_ctc::NemoCtc::load(file)?)),
    }
}
