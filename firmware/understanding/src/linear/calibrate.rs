//! From margins to probabilities.

/// Probabilities of margins sharpened by an inverse temperature.
pub(crate) fn softmax(margins: &[f32], sharpness: f32) -> Vec<f32> {
    let largest = margins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = margins
        .iter()
        .map(|margin| ((margin - largest) * sharpness).exp())
        .collect();
    let total: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

/// The mean negative log likelihood of held-out labels.
pub(crate) fn log_loss(held_out: &[(Vec<f32>, usize)], sharpness: f32) -> f64 {
    let total: f64 = held_out
        .iter()
        .map(|(margins, label)| -f64::from(softmax(margins, sharpness)[*label].max(1e-9)).ln())
        .sum();
    total / held_out.len().max(1) as f64
}

/// The inverse temperature with the least negative log likelihood on held-out margins and labels,
/// searched from 0.25 to 500 in steps of eight percent.
pub(crate) fn temperature_of(held_out: &[(Vec<f32>, usize)]) -> f32 {
    let candidates = (0..100).map(|step| 0.25 * 1.08_f32.powi(step));
    candidates
        .map(|sharpness| (log_loss(held_out, sharpness), sharpness))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1.0, |(_, sharpness)| sharpness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_that_are_often_wrong_are_softened() {
        let right = (vec![1.0, 0.0], 0);
        let wrong = (vec![1.0, 0.0], 1);
        let sure = temperature_of(&[vec![right.clone(); 99], vec![wrong.clone(); 1]].concat());
        let unsure = temperature_of(&[vec![right; 60], vec![wrong; 40]].concat());
        assert!((softmax(&[1.0, 0.0], sure)[0] - 0.99).abs() < 0.01);
        assert!((softmax(&[1.0, 0.0], unsure)[0] - 0.60).abs() < 0.02);
    }
}
