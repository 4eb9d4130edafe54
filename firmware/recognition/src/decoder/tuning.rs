//! The search's figures: weights, widths, and what makes confidence a probability.

/// Weights and widths of the search; scores are natural log units.
///
/// The defaults were chosen on development speech of the training sets (see `models/RESULTS.md`).
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// Hypotheses kept.
    pub width: usize,
    /// A hypothesis this much worse than the best is dropped.
    pub depth: f32,
    /// Under an n-gram, a hypothesis whose word ends now and that is this much worse than the best such one is
    /// dropped: each would go on into every word.
    pub word_depth: f32,
    /// A unit this much less likely than the likeliest is not followed.
    pub unit_depth: f32,
    /// Units followed at most.
    pub units: usize,
    /// Weight of the n-gram's likelihoods.
    pub lm_weight: f32,
    /// Reward for a word, against the model's bias to few long ones.
    pub word_reward: f32,
    /// Price of beginning to pass over speech.
    pub filler_price: f32,
    /// Price of each unit passed over.
    pub filler_unit_price: f32,
    /// In a grammar, a hypothesis this much worse than the best is dropped.
    pub grammar_depth: f32,
    /// Price of each unit passed over in a grammar.
    pub grammar_filler_unit_price: f32,
    /// An output is speech when its blank is less likely than this (ln P).
    pub speech: f32,
    /// Price of a second phrase of a grammar within one utterance.
    pub again_price: f32,
    /// How steeply confidence falls with the distance from the likeliest units.
    pub steepness: f32,
    /// In grammar mode, words are rejected that are so much less likely than what was heard, a unit.
    pub grammar_gap: f32,
    /// Makes confidence a probability: see [`Calibration`].
    pub calibration: Calibration,
    /// The same in grammar mode.
    pub grammar_calibration: Calibration,
    /// Weight of an n-gram above a network that writes text by itself.
    pub text_lm_weight: f32,
    /// Reward for a word of such text where there is an n-gram.
    pub text_word_reward: f32,
    /// Reward for a phrase of a grammar in such text, against the network's bias to hear nothing.
    pub text_phrase_reward: f32,
    /// Such text is rejected by a grammar when it is heard with less confidence.
    pub text_confidence: f32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            width: 1000,
            depth: 14.0,
            word_depth: 3.5,
            unit_depth: 7.0,
            units: 20,
            lm_weight: 0.8,
            word_reward: 1.0,
            filler_price: 6.0,
            filler_unit_price: 2.5,
            grammar_depth: 25.0,
            grammar_filler_unit_price: 1.5,
            speech: -0.36,
            again_price: 4.0,
            steepness: 0.7,
            grammar_gap: 3.0,
            calibration: Calibration {
                certain: 2.702,
                gap: -0.993,
                units: 1.575,
                likelihood: 0.328,
            },
            grammar_calibration: Calibration {
                certain: 2.922,
                gap: -0.558,
                units: 0.045,
                likelihood: 0.0,
            },
            text_lm_weight: 0.3,
            text_word_reward: 0.5,
            text_phrase_reward: 3.5,
            text_confidence: 0.16,
        }
    }
}

/// How likely a word is right, by how well it was heard: `1 / (1 + exp(-z))` where
/// `z = certain + gap * g + units * ln(n) + likelihood * l`; `g` is how much less likely its units are
/// than the likeliest ones, in natural log units a unit, `n` how many units it has, and `l` the ln P
/// that the n-gram gives it after the words before (J. Platt: Probabilistic outputs for support vector
/// machines, 1999). Fit on development speech by `models/bench/calibrate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What a word without a gap and of one unit has.
    pub certain: f32,
    /// For each natural log unit of the gap; below 0.
    pub gap: f32,
    /// For each natural logarithm of units.
    pub units: f32,
    /// For each natural log unit of the n-gram's likelihood.
    pub likelihood: f32,
}

impl Calibration {
    /// The probability that a word is right.
    pub(crate) fn probability(&self, gap: f32, units: u32, likelihood: f32) -> f32 {
        let units = (units.max(1) as f32).ln();
        let z = self.certain + self.gap * gap + self.units * units + self.likelihood * likelihood;
        1.0 / (1.0 + (-z).exp())
    }
}
