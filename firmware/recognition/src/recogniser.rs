//! The recogniser that all calls share: network, lexicon and language model.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkside_call::{Language, SAMPLE_RATE_HZ, Side};
use trunkside_models::acoustic::{self, Network};
use trunkside_models::{ModelEntry, Role};

use crate::decoder::{Search, Tuning, WordModel};
use crate::endpoint::Rules;
use crate::fbank::Filters;
use crate::grammar::{Grammar, Phrases};
use crate::lexicon::{Lexicon, Tokens, Trie, language_bit};
use crate::lm::Ngram;
use crate::{Error, Stream, StreamOptions};

/// A loaded model, shared by every stream; immutable.
///
/// A box that changes its model loads another one and begins new streams with it; streams that
/// still run keep theirs alive.
pub struct Recogniser {
    name: String,
    languages: Vec<Language>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) lexicon: Arc<Lexicon>,
    trie: Trie,
    lm: Ngram,
    pub(crate) tuning: Tuning,
    pub(crate) rules: Rules,
}

impl Recogniser {
    /// Loads the files of a model; takes about a second, once a process.
    pub fn load(model: &ModelEntry) -> Result<Self, Error> {
        let network = acoustic::load(model.contract, &model.path(Role::Acoustic)?)?;
        let tokens = model.path(Role::Tokens)?;
        let tokens = Tokens::read(&tokens, &read(&tokens)?)?;
        check(model, network.as_ref(), &tokens)?;
        let file = model.path(Role::Lexicon)?;
        let lexicon = Arc::new(Lexicon::read(&file, &read(&file)?, &tokens)?);
        let file = model.path(Role::Lm)?;
        let lm = Ngram::read(&file, &read(&file)?, &lexicon)?;
        let bands = network.geometry().bands;
        Ok(Self {
            name: model.name.clone(),
            languages: languages(model)?,
            network,
            filters: Arc::new(Filters::new(bands)),
            trie: lexicon.trie(&lm),
            lexicon,
            lm,
            tuning: Tuning::default(),
            rules: Rules::default(),
        })
    }

    /// The same with other weights and widths of the search.
    #[must_use]
    pub fn with_tuning(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        &self.name
    }

    /// The languages it hears.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Compiles a grammar: one phrase a line; blank lines and lines that begin with `#` say
    /// nothing. `file` is what messages call it.
    ///
    /// Chinese phrases are cut into the lexicon's words, down to single characters, so any phrase
    /// of characters that the model can read will do; English words must be in the lexicon.
    pub fn grammar(&self, file: &str, text: &str) -> Result<Grammar, Error> {
        Grammar::compile(&self.lexicon, file, text)
    }

    /// Compiles phrase hints: `text<TAB>weight` a line, the weight in natural log units for each
    /// Chinese character or English word (1 is a nudge, 5 is strong, below 0 hinders). `file` is
    /// what messages call it.
    pub fn phrases(&self, file: &str, text: &str) -> Result<Phrases, Error> {
        Phrases::compile(&self.lexicon, file, text)
    }

    /// Begins to listen to one side of a call.
    pub fn stream(self: &Arc<Self>, side: Side, options: StreamOptions) -> Result<Stream, Error> {
        if let Some(language) = options.language
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
                known: known.join(", "),
            });
        }
        let grammar = options.grammar.as_ref().map(|grammar| &grammar.lexicon);
        let phrases = options.phrases.as_ref().map(|phrases| &phrases.lexicon);
        if grammar
            .into_iter()
            .chain(phrases)
            .any(|lexicon| !Arc::ptr_eq(lexicon, &self.lexicon))
        {
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
    pub(crate) fn search<'a>(&'a self, options: &'a StreamOptions) -> Search<'a> {
        let (trie, model) = match &options.grammar {
            Some(grammar) => (grammar.trie.as_ref(), WordModel::Grammar(&grammar.graph)),
            None => (&self.trie, WordModel::Ngram(&self.lm)),
        };
        Search {
            lexicon: &self.lexicon,
            trie,
            model,
            phrases: options.phrases.as_deref(),
            languages: options.language.map_or(u8::MAX, language_bit),
            tuning: &self.tuning,
        }
    }
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|source| {
        trunkside_models::Error::Read {
            file: PathBuf::from(file),
            source,
        }
        .into()
    })
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

fn check(model: &ModelEntry, network: &dyn Network, tokens: &Tokens) -> Result<(), Error> {
    let geometry = network.geometry();
    let failed = |problem: String| {
        Err(Error::Inconsistent {
            model: model.name.clone(),
            problem,
        })
    };
    if geometry.sample_rate_hz != SAMPLE_RATE_HZ {
        return failed(format!(
            "it was trained at {} samples a second, the telephone has {SAMPLE_RATE_HZ}; use a \
             model for telephone speech",
            geometry.sample_rate_hz
        ));
    }
    if geometry.width != tokens.classes() {
        return failed(format!(
            "its network has {} classes, its `tokens.txt` lists {}; install the files of one \
             version",
            geometry.width,
            tokens.classes()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use trunkside_models::Catalogue;

    use super::*;

    /// A copy of the tiny model with one file changed, loaded.
    fn load_changed(file: &str, change: impl Fn(&str) -> String) -> Result<Recogniser, Error> {
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

    fn problem(file: &str, change: impl Fn(&str) -> String) -> String {
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
    fn a_grammar_of_another_model_is_refused() {
        let first = Arc::new(load_changed("tones/tokens.txt", str::to_owned).unwrap());
        let second = Arc::new(load_changed("tones/tokens.txt", str::to_owned).unwrap());
        let grammar = Some(Arc::new(first.grammar("menu.txt", "妈").unwrap()));
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
