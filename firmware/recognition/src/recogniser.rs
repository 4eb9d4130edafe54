//! The recogniser that all calls share: network, lexicon and language model.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::{FRAME_SAMPLES, Language, SAMPLE_RATE_HZ, Side};
use trunkside_models::acoustic::{Acoustic, Input};
use trunkside_models::{ModelEntry, Role};

use crate::decoder::{Search, Tuning, WordModel};
use crate::endpoint::Rules;
use crate::fbank::Filters;
use crate::fusion::Fusion;
use crate::grammar::{Basis, Grammar, Phrases};
use crate::lexicon::{Lexicon, Tokens, Trie, language_bit};
use crate::lm::Ngram;
use crate::text_lm::TextModel;
use crate::tokens::TokenTable;
use crate::{Error, Stream, StreamOptions};

/// The largest lexicon, language model or `tokens.txt` that is read.
const MAX_TEXT_BYTES: u64 = 256 << 20;

/// What a file that zstd compressed begins with (RFC 8878, section 3.1.1).
const ZSTD: [u8; 4] = zstd::zstd_safe::MAGICNUMBER.to_le_bytes();

/// A loaded model, shared by every stream; immutable.
///
/// A box that changes its model loads another one and begins new streams with it; streams that
/// still run keep theirs alive.
pub struct Recogniser {
    name: String,
    languages: Vec<Language>,
    pub(crate) acoustic: Acoustic,
    pub(crate) filters: Arc<Filters>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) tuning: Tuning,
    pub(crate) rules: Rules,
}

/// What a network's classes are.
pub(crate) enum Vocabulary {
    /// Units of pronunciation, under a lexicon and a language model.
    Words(Box<WordList>),
    /// Text.
    Tokens(Text),
}

/// The text that tokens write, and perhaps an n-gram of its words.
pub(crate) struct Text {
    table: Arc<TokenTable>,
    lm: Option<Arc<TextModel>>,
}

/// The words that units spell.
pub(crate) struct WordList {
    pub(crate) lexicon: Arc<Lexicon>,
    trie: Trie,
    lm: Ngram,
}

impl Recogniser {
    /// Loads the files of a model; takes about a second, once a process.
    pub fn load(model: &ModelEntry) -> Result<Self, Error> {
        let acoustic = Acoustic::load(model)?;
        let geometry = *acoustic.network.geometry();
        check_rate(model, geometry.sample_rate_hz)?;
        let vocabulary = if model.has(Role::Lexicon) {
            Vocabulary::Words(Box::new(WordList::read(model, &acoustic)?))
        } else {
            let file = model.path(Role::Tokens)?;
            let tokens = TokenTable::read(&file, &read(&file)?)?;
            check_classes(model, acoustic.classes(), tokens.classes())?;
            let lm = if model.has(Role::Lm) {
                let file = model.path(Role::Lm)?;
                Some(Arc::new(TextModel::read(&file, || lines(&file))?))
            } else {
                None
            };
            Vocabulary::Tokens(Text {
                table: Arc::new(tokens),
                lm,
            })
        };
        let bands = geometry.bands;
        Ok(Self {
            name: model.name.clone(),
            languages: languages(model)?,
            acoustic,
            filters: Arc::new(Filters::new(
                geometry.filters,
                bands,
                geometry.sample_rate_hz,
            )),
            vocabulary,
            tuning: Tuning::default(),
            rules: Rules::default(),
        })
    }

    /// The same with other weights and widths of the search.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// The same with the n-gram of an ARPA file, plain or compressed by zstd, in place of the model's own. Its words are the
    /// lexicon's, or those of the text that the model writes (see `models/README.md`).
    pub fn with_lm(mut self, file: &Path) -> Result<Self, Error> {
        match &mut self.vocabulary {
            Vocabulary::Words(words) => {
                words.lm = Ngram::read(file, lines(file)?, words.lexicon.as_ref())?;
                words.trie = words.lexicon.trie(&words.lm);
            }
            Vocabulary::Tokens(tokens) => {
                tokens.lm = Some(Arc::new(TextModel::read(file, || lines(file))?));
            }
        }
        Ok(self)
    }

    /// Weights and widths of the search.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        &self.name
    }

    /// The first thing for which a general graph runtime (tract) computes its network; none where
    /// steps of our own do, which costs less.
    pub fn general_because(&self) -> Option<&str> {
        self.acoustic.network.general_because()
    }

    /// Samples a second of the audio that its network was trained with.
    pub fn sample_rate_hz(&self) -> u32 {
        self.acoustic.network.geometry().sample_rate_hz
    }

    /// Values of one frame of its network's input.
    pub fn feature_dim(&self) -> usize {
        self.acoustic.network.geometry().bands
    }

    /// Whether a lexicon says what its network hears; else the network writes text by itself.
    pub fn has_lexicon(&self) -> bool {
        matches!(self.vocabulary, Vocabulary::Words(_))
    }

    /// The languages it hears; none where nobody has stated them.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Compiles a grammar: one phrase a line; blank lines and lines that begin with `#` say
    /// nothing. `file` is what messages call it.
    ///
    /// With a lexicon, Chinese phrases are cut into its words, down to single characters, so any
    /// phrase of characters that the model can read will do; English words must be in it. Without
    /// one, a phrase may have any letters that the model's tokens write. A phrase that has no reading in the only
    /// language that is listened for is refused.
    pub fn grammar(
        &self,
        file: &str,
        text: &str,
        language: Option<Language>,
    ) -> Result<Grammar, Error> {
        Grammar::compile(&self.vocabulary.basis(), file, text, language)
    }

    /// Compiles phrase hints: `text<TAB>weight` a line, the weight in natural log units for each
    /// Chinese character or English word (1 is a nudge, 5 is strong, below 0 hinders). `file` is
    /// what messages call it.
    pub fn phrases(&self, file: &str, text: &str) -> Result<Phrases, Error> {
        Phrases::compile(&self.vocabulary.basis(), file, text)
    }

    /// Whether the last of so many frames of a side, counted by their times, completes a chunk, so that a stream
    /// that hears it runs the network unless it rests. A scheduler need not wake a stream for the others.
    pub fn completes_chunk(&self, frames: u64) -> bool {
        let geometry = self.acoustic.network.geometry();
        let chunks = |frames: u64| {
            let features = match geometry.input {
                // Of the first frame, one is made (see `fbank`).
                Input::Fbank => (self.features_a_frame() * frames).saturating_sub(1),
                Input::Samples => self.features_a_frame() * frames,
            };
            let complete = features.checked_sub(geometry.window as u64)? / geometry.shift as u64;
            Some(complete)
        };
        chunks(frames) != frames.checked_sub(1).and_then(chunks)
    }

    /// How long one chunk of its network is.
    pub fn chunk(&self) -> Duration {
        let geometry = self.acoustic.network.geometry();
        let shift = geometry.shift as u64;
        match geometry.input {
            Input::Fbank => Duration::from_millis(10 * shift),
            Input::Samples => Duration::from_secs(shift) / geometry.sample_rate_hz,
        }
    }

    /// The most chunks that its network can hear in one run; 1 where waiting for more saves nothing.
    pub fn most_chunks(&self) -> usize {
        let possible = self.acoustic.network.chunks();
        possible.last().copied().unwrap_or(1)
    }

    /// Frames from the beginning of a chunk that begins with one to the next such chunk.
    pub(crate) fn frames_a_beat(&self) -> u64 {
        let shift = self.acoustic.network.geometry().shift as u64;
        let is_whole = |frames: &u64| (frames * self.features_a_frame()).is_multiple_of(shift);
        (1..shift).find(is_whole).unwrap_or(shift)
    }

    /// Rows of the network's input that one frame becomes.
    fn features_a_frame(&self) -> u64 {
        let geometry = self.acoustic.network.geometry();
        match geometry.input {
            Input::Fbank => 2,
            Input::Samples => {
                let samples = u64::from(geometry.sample_rate_hz / SAMPLE_RATE_HZ);
                FRAME_SAMPLES as u64 * samples / geometry.bands as u64
            }
        }
    }

    /// Begins to listen to one side of a call. Where nobody has stated the model's languages, any may be
    /// listened for: whoever asks for it knows the model.
    pub fn stream(self: &Arc<Self>, side: Side, options: StreamOptions) -> Result<Stream, Error> {
        if let Some(language) = options.language
            && !self.languages.is_empty()
            && !self.languages.contains(&language)
        {
            let known: Vec<String> = self
                .languages
                .iter()
                .map(|known| format!("`{known}`"))
                .collect();
            return Err(Error::Language {
                model: self.name.clone(),
                language,
                known: known.join(" or "),
            });
        }
        let basis = self.vocabulary.basis();
        let grammar = options.grammar.as_ref().map(|grammar| &grammar.basis);
        let phrases = options.phrases.as_ref().map(|phrases| &phrases.basis);
        if !grammar.into_iter().chain(phrases).all(|of| of.is(&basis)) {
            return Err(Error::Inconsistent {
                model: self.name.clone(),
                problem: "the grammar or phrases were compiled for another model; compile them \
                          again"
                    .to_owned(),
            });
        }
        Stream::new(Arc::clone(self), side, options)
    }

    /// What a stream of these options searches.
    pub(crate) fn search<'a>(
        &'a self,
        words: &'a WordList,
        options: &'a StreamOptions,
    ) -> Search<'a> {
        let (trie, model) = match options.grammar.as_deref() {
            Some(Grammar {
                graph,
                trie: Some(trie),
                ..
            }) => (trie.as_ref(), WordModel::Grammar(graph)),
            _ => (&words.trie, WordModel::Ngram(&words.lm)),
        };
        Search {
            lexicon: &words.lexicon,
            trie,
            model,
            phrases: options.phrases.as_deref(),
            languages: options.language.map_or(u8::MAX, language_bit),
            tuning: &self.tuning,
        }
    }
}

impl Recogniser {
    /// What a stream of these options knows beside a network that writes text by itself.
    pub(crate) fn fusion(&self, text: &Text, options: &StreamOptions) -> Fusion {
        let grammar = options.grammar.as_ref();
        let phrases = options.phrases.as_ref();
        Fusion {
            table: Arc::clone(&text.table),
            lm: text.lm.clone(),
            hints: phrases.map(|phrases| Arc::clone(&phrases.hints)),
            graph: grammar.map(|grammar| Arc::clone(&grammar.graph)),
            tuning: self.tuning.clone(),
        }
    }
}

impl Vocabulary {
    /// What phrases are compiled for.
    fn basis(&self) -> Basis {
        match self {
            Self::Words(words) => Basis::Lexicon(Arc::clone(&words.lexicon)),
            Self::Tokens(text) => Basis::Tokens(Arc::clone(&text.table)),
        }
    }
}

/// Reads a text file of a model, as far as the limit.
fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    for line in lines(file)? {
        text += &line.map_err(|error| cannot_read(file, error))?;
    }
    Ok(text)
}

/// The lines of a text file of a model, each with its end; zstd may have compressed it. A file that
/// goes on beyond the limit ends with an error.
fn lines(file: &Path) -> Result<impl Iterator<Item = io::Result<String>> + use<>, Error> {
    let failed = |error| cannot_read(file, error);
    let mut opened = BufReader::new(File::open(file).map_err(failed)?);
    let is_compressed = opened.fill_buf().map_err(failed)?.starts_with(&ZSTD);
    let mut source: Box<dyn BufRead> = if is_compressed {
        let text = zstd::Decoder::with_buffer(opened).map_err(failed)?;
        Box::new(BufReader::new(text))
    } else {
        Box::new(opened)
    };
    let mut left = MAX_TEXT_BYTES + 1;
    Ok(std::iter::from_fn(move || {
        let mut line = String::new();
        match source.by_ref().take(left).read_line(&mut line) {
            Ok(0) => return None,
            Ok(bytes) => left -= bytes as u64,
            Err(error) => return Some(Err(error)),
        }
        let limit = format!("the file goes on beyond {MAX_TEXT_BYTES} bytes, the limit");
        let is_within = left > 0;
        Some(
            is_within
                .then_some(line)
                .ok_or_else(|| io::Error::other(limit)),
        )
    }))
}

fn cannot_read(file: &Path, source: io::Error) -> Error {
    let file = PathBuf::from(file);
    trunkside_models::Error::Read { file, source }.into()
}

fn languages(model: &ModelEntry) -> Result<Vec<Language>, Error> {
    let languages = model.languages.iter().map(|tag| tag.parse());
    languages
        .collect::<Result<_, String>>()
        .map_err(|problem| Error::Inconsistent {
            model: model.name.clone(),
            problem: format!("`languages` of the catalogue: {problem}"),
        })
}

impl WordList {
    fn read(model: &ModelEntry, acoustic: &Acoustic) -> Result<Self, Error> {
        let file = model.path(Role::Tokens)?;
        let tokens = Tokens::read(&file, &read(&file)?)?;
        check_classes(model, acoustic.classes(), tokens.classes())?;
        let file = model.path(Role::Lexicon)?;
        let lexicon = Arc::new(Lexicon::read(&file, &read(&file)?, &tokens)?);
        let file = model.path(Role::Lm)?;
        let lm = Ngram::read(&file, lines(&file)?, lexicon.as_ref())?;
        Ok(Self {
            trie: lexicon.trie(&lm),
            lexicon,
            lm,
        })
    }
}

/// Sample rates whose resampling and features are exact.
fn check_rate(model: &ModelEntry, sample_rate_hz: u32) -> Result<(), Error> {
    if [8_000, 16_000].contains(&sample_rate_hz) {
        return Ok(());
    }
    Err(Error::Inconsistent {
        model: model.name.clone(),
        problem: format!(
            "it was trained at {sample_rate_hz} samples a second; use a model for 8000 or 16000"
        ),
    })
}

fn check_classes(model: &ModelEntry, classes: usize, tokens: usize) -> Result<(), Error> {
    if classes == tokens {
        return Ok(());
    }
    Err(Error::Inconsistent {
        model: model.name.clone(),
        problem: format!(
            "its network has {classes} classes, its `tokens.txt` lists {tokens}; install the files \
             of one version"
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use trunkside_models::Catalogue;

    use super::*;
    use crate::lm::Words;

    /// A copy of the tiny model with one file changed, loaded.
    fn load_changed<B: AsRef<[u8]>>(
        file: &str,
        change: impl Fn(&str) -> B,
    ) -> Result<Recogniser, Error> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tests/data");
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("tones")).unwrap();
        for name in [
            "catalogue.toml",
            "tones/model.onnx",
            "tones/tokens.txt",
            "tones/lexicon.tsv",
            "tones/lm.arpa",
        ] {
            fs::copy(source.join(name), copy.path().join(name)).unwrap();
        }
        let text = fs::read_to_string(source.join(file)).unwrap();
        fs::write(copy.path().join(file), change(&text)).unwrap();
        let catalogue = Catalogue::find(Some(copy.path())).unwrap();
        Recogniser::load(catalogue.default_model().unwrap())
    }

    fn problem<B: AsRef<[u8]>>(file: &str, change: impl Fn(&str) -> B) -> String {
        load_changed(file, change).err().unwrap().to_string()
    }

    #[test]
    fn an_unchanged_model_loads() {
        let recogniser = load_changed("tones/tokens.txt", str::to_owned).unwrap();
        assert_eq!(recogniser.model_name(), "tones");
        assert_eq!(recogniser.languages(), [Language::Zh, Language::En]);
    }

    #[test]
    fn files_that_do_not_fit_are_named() {
        let fewer = problem("tones/tokens.txt", |text| {
            text.replace("T 7\n<blk> 8", "<blk> 7")
        });
        assert!(
            fewer.contains("has 9 classes, its `tokens.txt` lists 8"),
            "{fewer}"
        );
        let lexicon = problem("tones/lexicon.tsv", |text| text.replace("b i", "b ong"));
        assert!(lexicon.contains("lexicon.tsv`, line 3"), "{lexicon}");
        let lm = problem("tones/lm.arpa", |text| text.replace("-1.4", "much"));
        assert!(lm.contains("lm.arpa`, line"), "{lm}");
        let language = problem("catalogue.toml", |text| text.replace("\"zh\"", "\"tlh\""));
        assert!(language.contains("unknown language `tlh`"), "{language}");
    }

    #[test]
    fn a_language_model_may_be_compressed() {
        let compressed = |text: &str| zstd::encode_all(text.as_bytes(), 19).unwrap();
        let lm = |recogniser: Recogniser| match recogniser.vocabulary {
            Vocabulary::Words(words) => {
                let word = words.lexicon.id("妈").unwrap();
                words.lm.score(words.lm.start(), word)
            }
            Vocabulary::Tokens(_) => panic!("it has a lexicon"),
        };
        let plain = load_changed("tones/lm.arpa", str::to_owned).unwrap();
        let same = load_changed("tones/lm.arpa", compressed).unwrap();
        assert_eq!(lm(plain), lm(same));
        let damaged = problem("tones/lm.arpa", |text| {
            let mut bytes = compressed(text);
            bytes.truncate(bytes.len() - 5);
            bytes
        });
        assert!(damaged.contains("tones/lm.arpa"), "{damaged}");
        let wrong = problem("tones/lm.arpa", |text| {
            compressed(&text.replace("-1.4", "much"))
        });
        assert!(wrong.contains("lm.arpa`, line"), "{wrong}");
    }

    #[test]
    fn a_grammar_of_another_model_is_refused() {
        let first = Arc::new(load_changed("tones/tokens.txt", str::to_owned).unwrap());
        let second = Arc::new(load_changed("tones/tokens.txt", str::to_owned).unwrap());
        let grammar = Some(Arc::new(first.grammar("menu.txt", "妈", None).unwrap()));
        let options = StreamOptions {
            grammar,
            ..StreamOptions::default()
        };
        assert!(first.stream(Side::Caller, options.clone()).is_ok());
        let error = second
            .stream(Side::Caller, options)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("compiled for another model"), "{error}");
    }
}
