//! Quality inspection: what agents must say, must not say, and in which order.
//!
//! Rules are phrases in TOML, in any of the three languages. They are matched by characters and,
//! where they are long enough, by sound, so that a recogniser's homophones do not hide a phrase;
//! hesitations are skipped, and a phrase that is denied (`不保本`) does not count.
//! [`QualityCheck`] hears the turns of one call and says at any time which rules it kept.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use trunkside_call::Side;
//! use trunkside_understanding::quality::{QualityCheck, QualityRules};
//!
//! let mut check = QualityCheck::new(Arc::new(QualityRules::bank()));
//! check.hear(Side::Agent, "这个产品呃保本的", Duration::from_secs(30));
//! let broken = check.outcomes().into_iter().find(|outcome| outcome.rule == "guaranteed_return");
//! assert_eq!(broken.unwrap().hits[0].at, Duration::from_secs(30));
//! ```

mod check;
mod phrase;
mod rules;

pub use check::{QualityCheck, QualityMark, QualityOutcome};
pub use rules::{QualityKind, QualityRules};

#[cfg(test)]
mod said;
#[cfg(test)]
mod tests;
