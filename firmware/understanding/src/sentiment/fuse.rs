//! Words and voice together: sentiment, emotion and their reasons.

use trunkside_call::{Emotion, Mood, Sentiment, SentimentLabel};

use super::voice::Voice;
use super::words::Words;

/// Sentiment within this distance of 0 is neutral.
const NEUTRAL_WITHIN: f32 = 0.2;

/// Below this probability of the likeliest outcome, none is named with any right.
const ABSTAINS_BELOW: f32 = 0.4;

/// So near must the next one be for the likeliest to be a matter of chance.
const ABSTAINS_WITHIN: f32 = 0.05;

/// What a lean without a listed word counts for the feeling: by itself, only a sure one tells.
const LEARNT: f32 = 0.8;

/// Angry words that are mild one by one are anger where everything negative adds up to this.
const STRONG_TOGETHER: f32 = 3.0;

/// The odds of neutral against one feeling, where something speaks for or against one.
const NEUTRAL: f32 = 0.9;

/// What a request adds to them: it names faults and prices because they are what it is about.
const ASKS: f32 = 0.6;

/// The odds where neither a word nor the voice shows anything: likeliest still, and no more than a guess.
const NOTHING_SHOWN: f32 = 0.2;

/// The five outcomes with their probabilities, likeliest first.
pub type Outcomes = [(Emotion, f32); 5];

/// Whether an utterance shows too little to name a feeling: nothing was said, or two feelings stand
/// level.
pub(super) fn abstains(words: &Words, outcomes: &Outcomes) -> bool {
    let [(_, first), (_, second), ..] = *outcomes;
    !words.said_something || first < ABSTAINS_BELOW || first - second < ABSTAINS_WITHIN
}

/// The mood that words and voice show together, and what else it may be.
pub(super) fn fuse(words: &Words, voice: Option<&Voice>) -> (Mood, Outcomes) {
    let anger = sigmoid(anger_odds(words, voice));
    let others = shares([
        (
            Emotion::Dissatisfied,
            1.5 * words.heat().min(4.0) + LEARNT * (-words.learnt).clamp(0.0, 2.0) - 0.4,
        ),
        (Emotion::Anxious, 1.2 * words.anxious.min(4.0) - 0.4),
        (
            Emotion::Satisfied,
            1.2 * words.satisfied.min(4.0) + LEARNT * words.learnt.clamp(0.0, 2.0) - 0.4,
        ),
        (Emotion::Neutral, neutral_odds(words, voice)),
    ]);
    let [a, b, c, d] = others.map(|(emotion, share)| (emotion, share * (1.0 - anger)));
    let mut outcomes = [(Emotion::Angry, anger), a, b, c, d];
    outcomes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (emotion, emotion_score) = outcomes[0];
    let mood = Mood {
        sentiment: sentiment(words, anger),
        emotion,
        emotion_score,
        reasons: reasons(words, voice, emotion),
    };
    (mood, outcomes)
}

fn neutral_odds(words: &Words, voice: Option<&Voice>) -> f32 {
    match (words.asks, words.shows_something() || voice.is_some()) {
        (true, _) => NEUTRAL + ASKS,
        (false, true) => NEUTRAL,
        (false, false) => NOTHING_SHOWN,
    }
}

/// Log odds of anger. Something negative must be said; the voice then decides. Typed text has no
/// voice: only strong words make it angry. So they do in a voice of which it is not known yet how calm it is.
fn anger_odds(words: &Words, voice: Option<&Voice>) -> f32 {
    let heat = words.heat().min(4.5) - 0.5 * words.satisfied.min(3.0);
    let shouted = 0.5 * words.exclamations.min(3) as f32;
    let is_strong = words.has_strong_anger || words.angry > 0.0 && heat >= STRONG_TOGETHER;
    let by_words = -2.6 + if is_strong { 1.0 } else { -1.5 } + 0.8 * heat + shouted;
    let Some(voice) = voice else {
        return by_words;
    };
    let said = if heat >= 0.5 { 1.5 } else { 0.0 };
    let strong = if words.has_strong_anger { 0.4 } else { 0.0 };
    // A loud voice that says nothing bad is a loud voice.
    let heard = if heat >= 0.5 {
        1.3 * voice.raised
    } else {
        0.5 * voice.raised.min(3.0)
    };
    let fused = -3.6 + said + strong + 0.8 * heat.max(0.0) + heard;
    if voice.is_known {
        fused
    } else {
        fused.max(by_words)
    }
}

fn sentiment(words: &Words, anger: f32) -> Sentiment {
    let balance =
        words.satisfied - words.angry - words.dissatisfied - 0.3 * words.anxious + words.learnt;
    let score = (balance / 2.5).tanh();
    // Anger that the voice shows is negative whatever the words' balance.
    let score = if anger > 0.5 {
        score.min(-anger)
    } else {
        score
    };
    let label = if score > NEUTRAL_WITHIN {
        SentimentLabel::Positive
    } else if score < -NEUTRAL_WITHIN {
        SentimentLabel::Negative
    } else {
        SentimentLabel::Neutral
    };
    Sentiment { label, score }
}

/// Words of the lists first, weaker ones only where there is no strong one, then what was said as a whole, then
/// what the voice did. All are public or measured: nothing here quotes the caller. A feeling is never without.
fn reasons(words: &Words, voice: Option<&Voice>, emotion: Emotion) -> Vec<String> {
    let shown = if words.found.is_empty() && words.told.is_empty() {
        &words.weak
    } else {
        &words.found
    };
    let said = shown.iter().take(5).map(|word| format!("said `{word}`"));
    let told = words.told.iter().map(ToString::to_string);
    let heard = voice.iter().flat_map(|voice| voice.facts.iter().cloned());
    let mut reasons: Vec<String> = said.chain(told).chain(heard).collect();
    if reasons.is_empty() && emotion != Emotion::Neutral {
        reasons.push("the wording as a whole".to_owned());
    }
    reasons
}

fn sigmoid(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}

fn shares(odds: [(Emotion, f32); 4]) -> [(Emotion, f32); 4] {
    let total: f32 = odds.iter().map(|(_, odds)| odds.exp()).sum();
    odds.map(|(emotion, odds)| (emotion, odds.exp() / total))
}
