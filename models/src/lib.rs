//! The model catalogue and the inference session over tract.
//!
//! Place in the sentence: beneath *recognition* and *understanding*, which ask it for a network by
//! name and feed that network. It knows files, hashes, tensors and state; nothing of speech.
//!
//! Invariant: a model file is input from outside. Whatever its bytes are, loading ends in a session
//! or in an [`Error`] that names the file and the remedy, never in a panic or in runaway memory
//! (limits: [`MAX_MODEL_BYTES`], [`MAX_TENSOR_ELEMENTS`]).
//!
//! ```no_run
//! use trunkside_models::{Catalogue, Role, acoustic};
//!
//! # fn main() -> Result<(), trunkside_models::Error> {
//! let catalogue = Catalogue::find(None)?;
//! let model = catalogue.model("zh-en-1")?;
//! model.verify()?;
//! let network = acoustic::load(model.contract, &model.path(Role::Acoustic)?)?;
//! let mut session = network.session()?;
//! let window = vec![0.0; network.geometry().window * network.geometry().bands];
//! let log_probabilities = session.advance(&window)?; // [outputs][units + blank]
//! # Ok(()) }
//! ```

pub mod acoustic;
mod arithmetic;
mod catalogue;
mod convolutional;
mod error;
mod fold;
mod graph;
mod guard;
mod import;
mod nemo_ctc;
mod nodes;
mod public;
mod scratch;
mod stateful;
mod steps;
mod t_one;
mod transducer;
mod wire;
mod zipformer;

pub use catalogue::{BrokenModel, Catalogue, ModelEntry, ModelFile, Role, WhereFrom};
pub use error::Error;
pub use guard::{MAX_MODEL_BYTES, MAX_NODES, MAX_TENSOR_ELEMENTS};
pub use import::{Import, Staged, inspect};
pub use public::{PublicFile, PublicModel, Trust};
