//! What the outputs of a network must be.
//!
//! What is no number is taken for silence, so a network that gives nothing else hears nothing and never fails.

/// What is wrong with a network that cannot be heard.
pub(crate) const NO_NUMBERS: &str = "no numbers";
/// What is wrong with a CTC network whose last layer is missing.
const NO_PROBABILITIES: &str = "no log probabilities";
/// The probabilities of all classes add up to 1, but for this much.
const SUM_TOLERANCE: f32 = 0.1;

/// What is wrong with the outputs of one run, so many values each: log probabilities, but of a transducer's
/// encoder whatever its joiner takes.
pub(crate) fn fault(outputs: &[f32], width: usize, is_encoder: bool) -> Option<&'static str> {
    if is_encoder {
        let all = outputs.iter().all(|value| value.is_finite());
        return (!all).then_some(NO_NUMBERS);
    }
    if !outputs.chunks_exact(width).all(are_numbers) {
        return Some(NO_NUMBERS);
    }
    // One output speaks for all: who leaves the last layer away does so throughout.
    let last = outputs.chunks_exact(width).next_back()?;
    let sum: f32 = last.iter().map(|value| value.exp()).sum();
    let is_near = (1.0 - SUM_TOLERANCE..1.0 + SUM_TOLERANCE).contains(&sum);
    (!is_near).then_some(NO_PROBABILITIES)
}

/// Whether values can be compared: those of an impossible class may be minus infinity.
pub(crate) fn are_numbers(values: &[f32]) -> bool {
    let is_odd = |value: &f32| value.is_nan() || *value == f32::INFINITY;
    !values.iter().any(is_odd) && values.iter().any(|value| value.is_finite())
}
