//! Linear classification of sparse features: training, weights, probabilities.
//!
//! One hyperplane a class against the rest, squared hinge loss with an L2 penalty, solved in the
//! dual by coordinate descent (Hsieh et al., ICML 2008). The margins become probabilities by a
//! softmax with one temperature, fitted on examples that training did not see (Guo et al., ICML
//! 2017).

mod calibrate;
mod head;
mod train;
mod vector;

pub(crate) use calibrate::{log_loss, softmax, temperature_of};
pub(crate) use head::Head;
pub(crate) use train::{Random, Settings, Start, train};
pub(crate) use vector::{Lexicon, Sparse};
