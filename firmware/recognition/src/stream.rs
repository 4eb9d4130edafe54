//! One side of one call, from frames to utterances.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{FRAME_SAMPLES, Frame, Language, Side, Utterance, Word};
use trunkside_models::acoustic::Session;

use crate::decoder::{Decoder, Spoken};
use crate::endpoint::{Endpointer, Heard, Ms};
use crate::fbank::Fbank;
use crate::grammar::{Grammar, Phrases};
use crate::prosody::{Meter, STEP_MS};
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
}

/// Hears one side of one call.
pub struct Stream {
    recogniser: Arc<Recogniser>,
    options: StreamOptions,
    side: Side,
    session: Box<dyn Session>,
    fbank: Fbank,
    /// Feature frames that no window has passed yet.
    features: Vec<f32>,
    decoder: Decoder,
    endpointer: Endpointer,
    meter: Meter,
    heard: Heard,
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
    /// The output that the present utterance's search began with.
    search_began: u64,
    number: u32,
    shown: String,
    ready: VecDeque<Utterance>,
}

impl Stream {
    pub(crate) fn new(
        recogniser: Arc<Recogniser>,
        side: Side,
        options: StreamOptions,
    ) -> Result<Self, Error> {
        let session = recogniser.network.session()?;
        let fbank = Fbank::new(Arc::clone(&recogniser.filters));
        Ok(Self {
            recogniser,
            options,
            side,
            session,
            fbank,
            features: Vec::new(),
            decoder: Decoder::new(),
            endpointer: Endpointer::new(),
            meter: Meter::new(),
            heard: Heard::Nothing,
            base: None,
            lead: 0,
            samples: 0,
            outputs: 0,
            runs: 0,
            search_began: 0,
            number: 0,
            shown: String::new(),
            ready: VecDeque::new(),
        })
    }

    /// Takes the next 20 ms of this side.
    ///
    /// Frames may be missing: times follow [`Frame::start`]. A frame that lies before what was
    /// already heard is ignored. An error ends this stream, and no other.
    pub fn handle(&mut self, frame: &Frame) -> Result<(), Error> {
        if self.base.is_none() {
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
        for _ in 0..FLUSH_MS / STEP_MS {
            self.hear(&[0; FRAME_SAMPLES])?;
        }
        if self.endpointer.began().is_some() {
            self.end_utterance(end);
        }
        self.base = None;
        Ok(())
    }

    /// The next utterance: a partial one when its text changed, or the final one.
    ///
    /// A final utterance without words means that somebody spoke and nothing was recognised; one
    /// number may have no partials. Only the latest partial waits to be polled.
    pub fn poll(&mut self) -> Option<Utterance> {
        self.ready.pop_front()
    }

    /// Times that the network has run: what a stream costs, all but a little.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    fn now(&self) -> Ms {
        self.samples * STEP_MS / FRAME_SAMPLES as u64
    }

    fn restart(&mut self, at: Duration) {
        self.base = Some(at);
        self.samples = 0;
        self.outputs = 0;
        self.session.reset();
        self.fbank.reset();
        self.features.clear();
        self.begin_search();
        self.endpointer = Endpointer::new();
        self.meter.reset();
        self.lead = 0;
    }

    fn hear(&mut self, samples: &[i16; FRAME_SAMPLES]) -> Result<(), Error> {
        let level_db = self.meter.push(samples);
        self.endpointer.level(self.now(), STEP_MS, level_db);
        if self.samples == 0 && level_db > LOUD_START_DB {
            self.lead = LEAD_MS;
            for _ in 0..LEAD_MS / STEP_MS {
                self.fbank.push(&[0; FRAME_SAMPLES], &mut self.features);
            }
        }
        self.fbank.push(samples, &mut self.features);
        self.samples += FRAME_SAMPLES as u64;
        let geometry = *self.recogniser.network.geometry();
        let (window, shift) = (
            geometry.window * geometry.bands,
            geometry.shift * geometry.bands,
        );
        let mut advanced = false;
        while self.features.len() >= window {
            self.advance(window, geometry.width)?;
            self.features.drain(..shift);
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

    /// One run of the network and the search through its outputs.
    fn advance(&mut self, window: usize, classes: usize) -> Result<(), Error> {
        self.runs += 1;
        let outputs = self.session.advance(&self.features[..window])?;
        let search = self.recogniser.search(&self.options);
        let step = self.recogniser.network.geometry().output_ms;
        let time = |output: u64| output_ms(output, step, self.lead);
        for output in outputs.chunks_exact(classes) {
            let is_unit = self.decoder.advance(&search, output);
            let (from, until) = (time(self.outputs), time(self.outputs + 1));
            self.endpointer.output(from, until, is_unit);
            self.outputs += 1;
        }
        self.heard = self.last_heard();
        Ok(())
    }

    fn last_heard(&self) -> Heard {
        let is_digit = |word: u32| self.recogniser.lexicon.words[word as usize].is_digit;
        match self.decoder.best().last() {
            None => Heard::Nothing,
            // A menu's digit is an answer, not the beginning of a number.
            Some(_) if self.options.grammar.is_some() => Heard::Words,
            Some(Spoken {
                word: Some(word), ..
            }) if is_digit(*word) => Heard::Digits,
            Some(_) => Heard::Words,
        }
    }

    /// Lets the search forget silence.
    fn stay_idle(&mut self) {
        if self.decoder.outputs() >= IDLE_OUTPUTS {
            self.begin_search();
        }
    }

    fn begin_search(&mut self) {
        self.decoder.reset();
        self.heard = Heard::Nothing;
        self.search_began = self.outputs;
        self.shown.clear();
    }

    /// Makes a partial utterance ready if there are new words to show.
    fn show(&mut self) {
        let settled = self.decoder.outputs().saturating_sub(SETTLED_OUTPUTS);
        let mut spoken = self.decoder.best();
        spoken.retain(|spoken| spoken.end <= settled);
        let words = &self.recogniser.lexicon.words;
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
        let search = self.recogniser.search(&self.options);
        let spoken = self.decoder.last(&search);
        let mut utterance = self.utterance(&spoken, now, true);
        let wanted = self.recogniser.tuning.grammar_confidence;
        if self.options.grammar.is_some() && utterance.confidence < wanted {
            utterance.words.clear();
            utterance.text.clear();
            utterance.confidence = 0.0;
        }
        let was_shown = !self.shown.is_empty();
        let is_speech = self.decoder.free_units() >= FEWEST_UNITS;
        if !utterance.words.is_empty() || was_shown || is_speech {
            self.ready.retain(|waiting| waiting.is_final);
            self.ready.push_back(utterance);
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
            text: join_words(words.iter().map(|word| word.text.as_str())),
            language: self.language(spoken),
            confidence: confidence(spoken),
            prosody: self.meter.summary(start, end),
            words,
            is_final,
        }
    }

    fn word(&self, spoken: &Spoken) -> Option<Word> {
        let entry = &self.recogniser.lexicon.words[spoken.word? as usize];
        let step = self.recogniser.network.geometry().output_ms;
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
            confidence: spoken.confidence,
        })
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
                    spoken.word.is_some_and(|word| {
                        self.recogniser.lexicon.words[word as usize].language == language
                    })
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

/// The geometric mean of the words' confidence over their units.
fn confidence(spoken: &[Spoken]) -> f32 {
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
mod tests;
