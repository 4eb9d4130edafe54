//! What the voice shows: how raised it is against how its speaker usually sounds.
//!
//! The level at which a voice arrives is that of its line and handset as much as its own. Until the speaker has
//! been heard on that line it tells something only together with the pitch: who shouts does so higher, a loud
//! line does not.

use std::time::Duration;

use trunkside_call::Prosody;

/// No line is set so loud that an ordinary voice arrives with this active level: the peaks of speech lie
/// some 16 dB above it (ITU-T P.56) and would be clipped.
const LOUDEST_LINE_DBFS: f32 = -16.0;

/// Active level of ordinary telephone speech (ITU-T P.56 practice is -26 dBov; handsets vary).
const ORDINARY_LEVEL_DBFS: f32 = -24.0;

/// Within so many semitones of [`HIGH_PITCH_HZ`] a voice is as high as many are.
const USUAL_SEMITONES: f32 = 2.0;

/// So many dB louder is a voice that is raised by a semitone, at most.
const DB_A_SEMITONE: f32 = 1.5;

/// Speech this quiet is not heard well enough to judge.
const TOO_QUIET_DBFS: f32 = -60.0;

/// Of a speaker of whom nothing was heard: pitch above this is that of a raised voice, or of a high one.
const HIGH_PITCH_HZ: f32 = 200.0;

const ORDINARY_RANGE_SEMITONES: f32 = 5.0;
const ORDINARY_SYLLABLES_PER_S: f32 = 5.0;

/// So much louder than usual is a voice that is raised: it says little of how the speaker usually sounds.
const RAISED_DB: f32 = 6.0;

/// What such an utterance counts for how they do.
const RAISED_COUNTS: f32 = 0.25;

/// However long an utterance is, it counts as no more seconds.
const MOST_S: f32 = 10.0;

/// How a speaker sounds on their line, by what was heard of them so far.
///
/// ```
/// use std::time::Duration;
/// use trunkside_call::{Emotion, Language, Prosody};
/// use trunkside_understanding::sentiment::{OwnVoice, feeling_beside};
///
/// let calm = Prosody { level_dbfs: -36.0, pitch_hz: Some(190.0), ..Prosody::default() };
/// let raised = Prosody { level_dbfs: -24.0, pitch_hz: Some(290.0), ..calm };
/// let mut own = OwnVoice::default();
/// own.hear(&calm, Duration::from_secs(3));
/// let says = |voice| feeling_beside("我要投诉你们太差劲了", Language::Zh, Some(voice), &own);
/// assert_eq!(says(&calm).mood.emotion, Emotion::Dissatisfied);
/// assert_eq!(says(&raised).mood.emotion, Emotion::Angry);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OwnVoice {
    level_dbfs: Mean,
    /// In semitones above [`HIGH_PITCH_HZ`].
    pitch: Mean,
}

/// A weighted mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    sum: f32,
    weight: f32,
}

impl Mean {
    fn add(&mut self, value: f32, weight: f32) {
        if value.is_finite() {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    /// None of nothing.
    fn value(self) -> Option<f32> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

impl OwnVoice {
    /// Hears how an ended utterance of the speaker sounded, and how long it was.
    pub fn hear(&mut self, prosody: &Prosody, lasts: Duration) {
        if !is_measured(prosody) {
            return;
        }
        let is_raised = self
            .louder(prosody)
            .is_some_and(|louder| louder > RAISED_DB);
        let counts = if is_raised { RAISED_COUNTS } else { 1.0 };
        let weight = counts * lasts.as_secs_f32().clamp(0.1, MOST_S);
        self.level_dbfs.add(prosody.level_dbfs, weight);
        if let Some(pitch) = prosody.pitch_hz {
            self.pitch.add(semitones(pitch), weight);
        }
    }

    /// By how many dB a voice is louder than its own; none before it was heard.
    fn louder(&self, prosody: &Prosody) -> Option<f32> {
        let own = self.level_dbfs.value()?;
        Some(prosody.level_dbfs - own)
    }
}

fn is_measured(prosody: &Prosody) -> bool {
    prosody.level_dbfs < 0.0 && prosody.level_dbfs > TOO_QUIET_DBFS
}

/// By how many dB a voice that is so much higher than ordinary is louder than ordinary, as far as that is its
/// own doing. None is less than ordinary: it may be on a quiet line.
fn louder_than_ordinary(level_dbfs: f32, higher: f32) -> f32 {
    let believable = DB_A_SEMITONE * (higher - USUAL_SEMITONES).max(0.0);
    (level_dbfs - ORDINARY_LEVEL_DBFS).clamp(0.0, believable)
}

fn semitones(pitch_hz: f32) -> f32 {
    12.0 * (pitch_hz / HIGH_PITCH_HZ).log2()
}

/// What the voice shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Voice {
    /// Log odds of a raised voice; 0 is undecided.
    pub raised: f32,
    /// Whether the speaker's own level is known, so that a calm voice can be told from a quiet line.
    pub is_known: bool,
    /// The facts behind it, in plain words.
    pub facts: Vec<String>,
}

/// Reads an utterance's prosody beside how its speaker usually sounds; none where nothing was heard.
pub(super) fn read(prosody: &Prosody, own: &OwnVoice) -> Option<Voice> {
    if !is_measured(prosody) {
        return None;
    }
    let known = |value: f32| if value.is_finite() { value } else { 0.0 };
    let beyond_any_line = prosody.level_dbfs - LOUDEST_LINE_DBFS;
    let than_before = own.louder(prosody);
    let own_pitch = own.pitch.value();
    let pitch = prosody.pitch_hz.map_or(0.0, semitones);
    let higher = known(pitch - own_pitch.unwrap_or(0.0));
    let louder = than_before.unwrap_or_else(|| louder_than_ordinary(prosody.level_dbfs, higher));
    let louder = louder.max(beyond_any_line);
    let wider = known(prosody.pitch_range_semitones) - ORDINARY_RANGE_SEMITONES;
    let faster = known(prosody.syllables_per_s) - ORDINARY_SYLLABLES_PER_S;
    // A logistic model, set by hand: level and pitch far before pace, as acted anger does at the
    // telephone. A head trained on `emotion-zh-tw` with these five measures does not carry over
    // from one speaker to the other (see RESULTS.md), so it does not stand here.
    let raised = -1.2
        + 1.6 * (louder / 5.0).clamp(-2.0, 3.0)
        + 0.5 * (higher / 4.0).clamp(0.0, 2.0)
        + 0.2 * (wider / 3.0).clamp(-1.0, 2.0)
        + 0.3 * (faster / 2.0).clamp(-1.0, 1.5);
    let mut facts = Vec::new();
    match than_before {
        Some(louder) if louder > RAISED_DB => {
            facts.push(format!("voice {louder:.0} dB louder than before"));
        }
        None if louder > RAISED_DB && louder > beyond_any_line => {
            facts.push(format!("voice {louder:.0} dB louder than ordinary"));
        }
        _ if beyond_any_line > 0.0 => facts.push("voice louder than any line is set".to_owned()),
        _ => {}
    }
    if higher > 5.0 {
        facts.push(match own_pitch {
            Some(_) => format!("voice {higher:.0} semitones higher than before"),
            None => format!("voice {higher:.0} semitones above an ordinary high voice"),
        });
    }
    if wider > 4.0 {
        facts.push("lively pitch".to_owned());
    }
    Some(Voice {
        raised,
        is_known: than_before.is_some(),
        facts,
    })
}
