//! One side of one call, from frames to utterances.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{FRAME_SAMPLES, Frame, Language, Side, Utterance, Word};
use trunkside_models::acoustic::{Input, Session};

use crate::decoder::{Decoder, Spoken};
use crate::endpoint::{Endpointer, Heard, Ms};
use crate::front::Front;
use crate::grammar::{Grammar, Phrases};
use crate::lexicon::Word as Entry;
use crate::prosody::{Meter, STEP_MS};
use crate::quiet::{Attention, Quiet};
use crate::recogniser::Vocabulary;
use crate::soundness::{NO_NUMBERS, fault};
use crate::token_decoder::TokenDecoder;
use crate::transcript::join_words;
use crate::{Error, Recogniser};

/// A gap in the frames up to this long is filled with silence; a longer one, or as long a step back,
/// ends the utterance, and the network begins anew behind it.
const LONGEST_FILL_MS: Ms = 1_000;
/// Silence that the network hears first where a recording begins within a word: words were always
/// preceded by some when it was trained.
const LEAD_MS: Ms = 320;
/// A first frame above this level is within a word.
const LOUD_START_DB: f32 = -50.0;
/// Silence that makes the network give its outputs for the last samples.
const FLUSH_MS: Ms = 480;
/// The same for networks that write text by themselves, as sherpa-onnx's examples have it.
const TOKENS_FLUSH_MS: Ms = 660;
/// The silence before and after that a network of samples was trained with.
const SAMPLES_LEAD_MS: Ms = 300;
const SAMPLES_FLUSH_MS: Ms = 360;
/// Frames may jitter by this much against their count.
const JITTER_MS: Ms = 10;
/// An output stands for the features around its middle, this far behind its first one.
const OUTPUT_DELAY_MS: Ms = 20;
/// A word is shown in a partial once it ended this many outputs ago: it hardly changes then.
const SETTLED_OUTPUTS: u32 = 4;
/// While nobody speaks, the search begins anew this often.
const IDLE_OUTPUTS: u32 = 50;
/// Speech of fewer units that no word explains is a noise, and no utterance.
const FEWEST_UNITS: u32 = 3;

/// What a stream listens for.
#[derive(Clone, Default)]
pub struct StreamOptions {
    /// Only words of this language; all of the model's languages when none.
    pub language: Option<Language>,
    /// Only these phrases, or nothing.
    pub grammar: Option<Arc<Grammar>>,
    /// Phrases to hear more readily.
    pub phrases: Option<Arc<Phrases>>,
    /// Paths that the search of a model without a lexicon follows: 1 is the greedy search, 0 is 8
    /// where phrases, a grammar or an n-gram need them, else 1.
    pub token_beam: usize,
}

/// Hears one side of one call.
pub struct Stream {
    recogniser: Arc<Recogniser>,
    options: StreamOptions,
    side: Side,
    session: Box<dyn Session>,
    front: Front,
    /// Feature frames that no window has passed yet.
    features: Vec<f32>,
    decoder: Decoding,
    endpointer: Endpointer,
    meter: Meter,
    /// None where the network never rests.
    quiet: Option<Quiet>,
    heard: Heard,
    /// When the first frame began. Wherever the network begins anew, its chunks begin whole beats after that, so
    /// that [`Recogniser::completes_chunk`] knows where they end.
    first: Duration,
    /// Frames of a beat: of a chunk, where it is that of whole frames.
    beat: u64,
    /// The time of the first sample since the network began anew.
    base: Option<Duration>,
    /// Silence that the network heard before it.
    lead: Ms,
    /// Samples since then.
    samples: u64,
    /// Outputs of the network since then.
    outputs: u64,
    /// Times that the network has run.
    runs: u64,
    /// What was wrong with outputs of the network.
    fault: Option<&'static str>,
    /// Chunks that the network waits for before it runs.
    hop: usize,
    /// The output that the present utterance's search began with.
    search_began: u64,
    number: u32,
    shown: String,
    ready: VecDeque<Utterance>,
    /// Of each final utterance of tokens: whether it goes on with the word before it.
    goes_on: VecDeque<bool>,
    joined: bool,
}

/// What searches the network's outputs.
enum Decoding {
    Words(Decoder),
    Tokens(Box<TokenDecoder>),
}

impl Decoding {
    fn outputs(&self) -> u32 {
        match self {
            Self::Words(decoder) => decoder.outputs(),
            Self::Tokens(decoder) => decoder.outputs(),
        }
    }

    fn free_units(&self) -> u32 {
        match self {
            Self::Words(decoder) => decoder.free_units(),
            Self::Tokens(decoder) => decoder.tokens(),
        }
    }

    fn best(&self) -> Vec<Spoken> {
        match self {
            Self::Words(decoder) => decoder.best(),
            Self::Tokens(decoder) => decoder.best().to_vec(),
        }
    }
}

impl Stream {
    pub(crate) fn new(
        recogniser: Arc<Recogniser>,
        side: Side,
        options: StreamOptions,
    ) -> Result<Self, Error> {
        let acoustic = &recogniser.acoustic;
        let session = acoustic.network.session()?;
        let front = Front::new(acoustic.network.geometry(), &recogniser.filters);
        let decoder = match &recogniser.vocabulary {
            Vocabulary::Words(_) => Decoding::Words(Decoder::new()),
            Vocabulary::Tokens(text) => Decoding::Tokens(Box::new(TokenDecoder::new(
                recogniser.fusion(text, &options),
                acoustic.joint.as_deref(),
                options.token_beam,
            )?)),
        };
        let beat = recogniser.frames_a_beat();
        // What a network that writes text by itself writes must not depend on what is quiet.
        let quiet = matches!(decoder, Decoding::Words(_))
            .then(|| Quiet::with_spare(beat.saturating_sub(1) as usize));
        Ok(Self {
            recogniser,
            options,
            side,
            session,
            front,
            features: Vec::new(),
            decoder,
            endpointer: Endpointer::new(),
            meter: Meter::new(),
            quiet,
            heard: Heard::Nothing,
            first: Duration::ZERO,
            beat,
            base: None,
            lead: 0,
            samples: 0,
            outputs: 0,
            runs: 0,
            fault: None,
            hop: 1,
            search_began: 0,
            number: 0,
            shown: String::new(),
            ready: VecDeque::new(),
            goes_on: VecDeque::new(),
            joined: false,
        })
    }

    /// Takes the next 20 ms of this side.
    ///
    /// Frames may be missing: times follow [`Frame::start`]. A frame that lies before what was
    /// already heard is ignored. An error ends this stream, and no other.
    pub fn handle(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.base.is_none() {
            self.first = frame.start;
            self.restart(frame.start);
        }
        let base = self.base.unwrap_or(frame.start);
        let due = base + millis(self.now());
        let early = millis_of(due.saturating_sub(frame.start));
        let missing = millis_of(frame.start.saturating_sub(due));
        if early.max(missing) > LONGEST_FILL_MS {
            self.finish()?;
            self.restart(frame.start);
        } else if early > JITTER_MS {
            return Ok(());
        } else {
            for _ in 0..(missing + JITTER_MS) / STEP_MS {
                self.hear(&[0; FRAME_SAMPLES])?;
            }
        }
        self.hear(&frame.samples)
    }

    /// Ends the stream: what is being said becomes a final utterance.
    ///
    /// Frames may follow all the same; they begin anew.
    pub fn finish(&mut self) -> Result<(), Error> {
        if self.base.is_none() {
            return Ok(());
        }
        let end = self.now();
        let hop = std::mem::replace(&mut self.hop, 1);
        for _ in 0..self.flush_ms() / STEP_MS {
            self.hear(&[0; FRAME_SAMPLES])?;
        }
        if self.endpointer.began().is_some() {
            self.end_utterance(end);
        }
        self.hop = hop;
        self.base = None;
        Ok(())
    }

    /// The next utterance: a partial one when its text changed, or the final one.
    ///
    /// A final utterance without words means that somebody spoke and nothing was recognised; one
    /// number may have no partials. Only the latest partial waits to be polled.
    pub fn poll(&mut self) -> Option<Utterance> {
        let utterance = self.ready.pop_front()?;
        if utterance.is_final {
            self.joined = self.goes_on.pop_front().unwrap_or(false);
        }
        Some(utterance)
    }

    /// Whether the final utterance that [`poll`](Self::poll) gave last goes on with the word that
    /// the one before it ended with: a pause was taken for an end.
    pub fn goes_on(&self) -> bool {
        self.joined
    }

    /// Lets the network wait for so many chunks and hear them in one run, as far as it can: that
    /// costs less, and words come later. What is heard is the same; an utterance may end later.
    pub fn set_hop(&mut self, chunks: usize) {
        let possible = self.recogniser.acoustic.network.chunks().iter();
        self.hop = possible
            .copied()
            .filter(|&n| n <= chunks)
            .max()
            .unwrap_or(1);
    }

    /// Times that the network has run: what a stream costs, all but a little.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Whether the network's outputs so far were what they should be. What is no number is taken for silence, so a
    /// network that gives nothing else hears nothing and never fails.
    pub fn check_sound(&self) -> Result<(), Error> {
        let joint = match &self.decoder {
            Decoding::Tokens(decoder) if decoder.is_unsound() => Some(NO_NUMBERS),
            Decoding::Tokens(_) | Decoding::Words(_) => None,
        };
        let Some(fault) = self.fault.or(joint) else {
            return Ok(());
        };
        Err(Error::Inconsistent {
            model: self.recogniser.model_name().to_owned(),
            problem: format!("its network gives outputs that are {fault}; export it again"),
        })
    }

    fn now(&self) -> Ms {
        self.samples * STEP_MS / FRAME_SAMPLES as u64
    }

    fn restart(&mut self, at: Duration) {
        self.base = Some(at);
        self.samples = 0;
        self.outputs = 0;
        self.session.reset();
        if let Decoding::Tokens(decoder) = &mut self.decoder {
            decoder.reset();
        }
        self.front.reset();
        self.features.clear();
        self.begin_search();
        self.endpointer = Endpointer::new();
        self.meter.reset();
        if let Some(quiet) = &mut self.quiet {
            quiet.take_kept();
        }
        self.lead = self.behind_beat(at) * STEP_MS;
    }

    /// Frames from the last beginning of a beat to the frame that begins at `at`.
    fn behind_beat(&self, at: Duration) -> u64 {
        millis_of(at.saturating_sub(self.first)) / STEP_MS % self.beat
    }

    fn hear(&mut self, samples: &[i16; FRAME_SAMPLES]) -> Result<(), Error> {
        let level_db = self.meter.push(samples);
        self.endpointer.level(self.now(), STEP_MS, level_db);
        let (now, idle_until) = (self.now(), self.endpointer.idle_until());
        let attention = self.quiet.as_mut().map_or(Attention::Hears, |quiet| {
            quiet.attention(now, level_db, samples, idle_until)
        });
        match attention {
            Attention::Hears => {}
            Attention::Rests => {
                self.samples += FRAME_SAMPLES as u64;
                return Ok(());
            }
            Attention::Wakes => return self.wake(),
        }
        if self.samples == 0 {
            self.lead += self.lead_ms(level_db);
            for _ in 0..self.lead / STEP_MS {
                self.front.push(&[0; FRAME_SAMPLES], &mut self.features);
            }
        }
        self.front.push(samples, &mut self.features);
        self.samples += FRAME_SAMPLES as u64;
        let mut advanced = false;
        while let Some(chunks) = self.chunks_at_hand() {
            self.advance(chunks)?;
            advanced = true;
        }
        if self.endpointer.began().is_none() {
            self.stay_idle();
        } else if self
            .endpointer
            .is_over(&self.recogniser.rules, self.now(), self.heard)
        {
            self.end_utterance(self.now());
        } else if advanced {
            self.show();
        }
        Ok(())
    }

    /// Begins anew with the end of a long quiet and the first sound behind it.
    fn wake(&mut self) -> Result<(), Error> {
        let mut kept = self
            .quiet
            .as_mut()
            .map(Quiet::take_kept)
            .unwrap_or_default();
        let base = self.base.unwrap_or_default();
        let ms = |frames: usize| frames as Ms * STEP_MS;
        let began = (self.now() + STEP_MS).saturating_sub(ms(kept.len()));
        let spare = match self.behind_beat(base + millis(began)) {
            0 => 0,
            behind => (self.beat - behind) as usize,
        };
        let spare = spare.min(kept.len().saturating_sub(1));
        kept.drain(..spare);
        self.restart(base + millis(began + ms(spare)));
        for frame in &kept {
            self.hear(frame)?;
        }
        Ok(())
    }

    /// Silence that the network hears before the first frame.
    fn lead_ms(&self, level_db: f32) -> Ms {
        let input = self.recogniser.acoustic.network.geometry().input;
        match &self.decoder {
            Decoding::Words(_) if level_db > LOUD_START_DB => LEAD_MS,
            Decoding::Tokens(_) if input == Input::Samples => SAMPLES_LEAD_MS,
            _ => 0,
        }
    }

    /// Silence that the network hears after the last frame.
    fn flush_ms(&self) -> Ms {
        let geometry = self.recogniser.acoustic.network.geometry();
        match (&self.decoder, geometry.input) {
            (Decoding::Words(_), _) => FLUSH_MS,
            (Decoding::Tokens(_), Input::Samples) => SAMPLES_FLUSH_MS,
            // A window longer than that must be filled all the same.
            (Decoding::Tokens(_), Input::Fbank) => TOKENS_FLUSH_MS.max(geometry.window as Ms * 10),
        }
    }

    /// What [`Spoken::word`] counts in.
    fn entries(&self) -> &[Entry] {
        match (&self.decoder, &self.recogniser.vocabulary) {
            (Decoding::Tokens(decoder), _) => &decoder.words,
            (Decoding::Words(_), Vocabulary::Words(words)) => &words.lexicon.words,
            (Decoding::Words(_), Vocabulary::Tokens(_)) => &[],
        }
    }

    /// Chunks that the network should hear now; none when it waits for more.
    fn chunks_at_hand(&self) -> Option<usize> {
        let geometry = self.recogniser.acoustic.network.geometry();
        let frames = self.features.len() / geometry.bands;
        let complete = frames.checked_sub(geometry.window)? / geometry.shift + 1;
        let possible = self.recogniser.acoustic.network.chunks().iter();
        let chunks = possible.copied().filter(|&n| n <= complete).max()?;
        (complete >= self.hop).then_some(chunks)
    }

    /// One run of the network and the search through its outputs.
    fn advance(&mut self, chunks: usize) -> Result<(), Error> {
        self.runs += 1;
        let geometry = *self.recogniser.acoustic.network.geometry();
        let window = (geometry.window + (chunks - 1) * geometry.shift) * geometry.bands;
        let outputs = self.session.advance(&self.features[..window])?;
        let recogniser = &self.recogniser;
        let step = geometry.output_ms;
        let time = |output: u64| output_ms(output, step, self.lead);
        let is_encoder = recogniser.acoustic.joint.is_some();
        self.fault = self
            .fault
            .or_else(|| fault(outputs, geometry.width, is_encoder));
        for output in outputs.chunks_exact(geometry.width) {
            let is_unit = match (&mut self.decoder, &recogniser.vocabulary) {
                (Decoding::Words(decoder), Vocabulary::Words(words)) => {
                    decoder.advance(&recogniser.search(words, &self.options), output)
                }
                (Decoding::Tokens(decoder), _) => decoder.advance(output)?,
                (Decoding::Words(_), Vocabulary::Tokens(_)) => false,
            };
            let (from, until) = (time(self.outputs), time(self.outputs + 1));
            self.endpointer.output(from, until, is_unit);
            self.outputs += 1;
        }
        let passed = chunks * geometry.shift * geometry.bands;
        self.features.drain(..passed);
        self.heard = self.last_heard();
        Ok(())
    }

    fn last_heard(&self) -> Heard {
        let said = self.decoder.best();
        let digits = |spoken: &Spoken| -> Option<usize> {
            let digits = self.entries()[spoken.word? as usize].digits;
            (digits > 0).then_some(digits)
        };
        match said.last() {
            None => Heard::Nothing,
            // A menu's digit is an answer, not the beginning of a number.
            Some(_) if self.options.grammar.is_some() => Heard::Words,
            Some(_) => match said.iter().rev().map_while(digits).sum() {
                0 => Heard::Words,
                count => Heard::Digits(count),
            },
        }
    }

    /// Lets the search forget silence.
    fn stay_idle(&mut self) {
        if self.decoder.outputs() >= IDLE_OUTPUTS {
            self.begin_search();
        }
    }

    fn begin_search(&mut self) {
        match &mut self.decoder {
            Decoding::Words(decoder) => decoder.reset(),
            Decoding::Tokens(decoder) => decoder.next_utterance(),
        }
        self.heard = Heard::Nothing;
        self.search_began = self.outputs;
        self.shown.clear();
    }

    /// Makes a partial utterance ready if there are new words to show.
    fn show(&mut self) {
        let settled = self.decoder.outputs().saturating_sub(SETTLED_OUTPUTS);
        let mut spoken = self.decoder.best();
        spoken.retain(|spoken| spoken.end <= settled);
        let words = self.entries();
        let texts = spoken
            .iter()
            .filter_map(|spoken| Some(&*words[spoken.word? as usize].text));
        let text = join_words(texts);
        if text.is_empty() || text == self.shown {
            return;
        }
        self.shown = text;
        self.ready.retain(|waiting| waiting.is_final);
        self.ready
            .push_back(self.utterance(&spoken, self.now(), false));
    }

    fn end_utterance(&mut self, now: Ms) {
        let spoken = match (&mut self.decoder, &self.recogniser.vocabulary) {
            (Decoding::Words(decoder), Vocabulary::Words(words)) => {
                decoder.last(&self.recogniser.search(words, &self.options))
            }
            (Decoding::Tokens(decoder), _) => {
                decoder.end();
                decoder.best().to_vec()
            }
            (Decoding::Words(_), Vocabulary::Tokens(_)) => Vec::new(),
        };
        let mut utterance = self.utterance(&spoken, now, true);
        let wanted = self.recogniser.tuning.text_confidence;
        let is_text = matches!(self.decoder, Decoding::Tokens(_));
        if is_text && self.options.grammar.is_some() && heard_well(&spoken) < wanted {
            utterance.words.clear();
            utterance.text.clear();
            utterance.confidence = 0.0;
        }
        let was_shown = !self.shown.is_empty();
        let is_speech = self.decoder.free_units() >= FEWEST_UNITS;
        if !utterance.words.is_empty() || was_shown || is_speech {
            self.ready.retain(|waiting| waiting.is_final);
            self.ready.push_back(utterance);
            if let Decoding::Tokens(decoder) = &self.decoder {
                self.goes_on.push_back(decoder.goes_on());
            }
            self.number += 1;
        }
        self.begin_search();
        self.endpointer.next_utterance();
    }

    fn utterance(&self, spoken: &[Spoken], now: Ms, is_final: bool) -> Utterance {
        let words: Vec<Word> = spoken
            .iter()
            .filter_map(|spoken| self.word(spoken))
            .collect();
        let start = self.endpointer.began().unwrap_or(now);
        // A network with long windows may be told of speech that its outputs have not reached yet.
        let now = now.max(start);
        let end = if is_final {
            self.endpointer.ended().clamp(start, now)
        } else {
            now
        };
        let base = self.base.unwrap_or_default();
        Utterance {
            side: self.side,
            number: self.number,
            start: base + millis(start),
            end: base + millis(end),
            text: self.text(&words, spoken),
            language: self.language(spoken),
            confidence: self.confidence(spoken),
            prosody: self.meter.summary(start, end),
            words,
            is_final,
        }
    }

    fn text(&self, words: &[Word], spoken: &[Spoken]) -> String {
        match &self.decoder {
            Decoding::Words(_) => join_words(words.iter().map(|word| word.text.as_str())),
            Decoding::Tokens(decoder) => {
                let until = spoken.last().map_or(0, |last| last.end);
                decoder.text(until).trim().to_owned()
            }
        }
    }

    fn word(&self, spoken: &Spoken) -> Option<Word> {
        let entry = &self.entries()[spoken.word? as usize];
        let step = self.recogniser.acoustic.network.geometry().output_ms;
        let base = self.base.unwrap_or_default();
        let time = |output: u32| {
            base + millis(output_ms(
                self.search_began + u64::from(output),
                step,
                self.lead,
            ))
        };
        Some(Word {
            text: entry.text.clone(),
            start: time(spoken.start),
            end: time(spoken.end),
            confidence: self.probability(spoken),
        })
    }

    /// The probability that a word is right. Of text that a network writes by itself it is how well
    /// it was heard: there is no development speech for models of other people.
    fn probability(&self, spoken: &Spoken) -> f32 {
        let tuning = &self.recogniser.tuning;
        if matches!(self.decoder, Decoding::Tokens(_)) {
            return spoken.confidence;
        }
        let calibration = if self.options.grammar.is_some() {
            &tuning.grammar_calibration
        } else {
            &tuning.calibration
        };
        let gap = -spoken.confidence.max(f32::MIN_POSITIVE).ln() / tuning.steepness;
        calibration.probability(gap, spoken.units, spoken.likelihood)
    }

    /// The share of the words, each as long as its units, that is expected to be right.
    fn confidence(&self, spoken: &[Spoken]) -> f32 {
        let words = spoken.iter().filter(|spoken| spoken.word.is_some());
        let (sum, units) = words.fold((0.0, 0), |(sum, units), word| {
            (
                sum + self.probability(word) * word.units as f32,
                units + word.units,
            )
        });
        if units == 0 { 0.0 } else { sum / units as f32 }
    }

    /// The language of most units, or the only one that is listened for.
    fn language(&self, spoken: &[Spoken]) -> Language {
        let only = self
            .options
            .language
            .or_else(|| match self.recogniser.languages() {
                [only] => Some(*only),
                _ => None,
            });
        only.unwrap_or_else(|| {
            let units_of = |language: Language| -> u64 {
                let said = spoken.iter().filter(|spoken| {
                    spoken
                        .word
                        .is_some_and(|word| self.entries()[word as usize].language == language)
                });
                said.map(|spoken| u64::from(spoken.units)).sum()
            };
            // The last of equals wins.
            let all = [Language::En, Language::Yue, Language::Zh];
            all.into_iter()
                .max_by_key(|&language| units_of(language))
                .unwrap_or(Language::Zh)
        })
    }
}

/// How well words were heard: the geometric mean over their units.
fn heard_well(spoken: &[Spoken]) -> f32 {
    let words = spoken.iter().filter(|spoken| spoken.word.is_some());
    let (logs, units) = words.fold((0.0, 0), |(logs, units), word| {
        (
            logs + word.confidence.ln() * word.units as f32,
            units + word.units,
        )
    });
    if units == 0 {
        0.0
    } else {
        (logs / units as f32).exp()
    }
}

/// When an output begins, from the first sample.
const fn output_ms(output: u64, step: Ms, lead: Ms) -> Ms {
    (output * step + OUTPUT_DELAY_MS).saturating_sub(lead)
}

const fn millis(ms: Ms) -> Duration {
    Duration::from_millis(ms)
}

fn millis_of(duration: Duration) -> Ms {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod chunking;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tokens;
