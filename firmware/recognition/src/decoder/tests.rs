//! What the search hears in outputs that are written by hand, over a small tree of words.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::grammar::{Basis, Grammar, Phrases};
use crate::lexicon::{Lexicon, Tokens};
use crate::lm::{Ngram, lines_of};

const UNITS: [&str; 8] = ["b", "m", "a", "i", "AH", "IY", "S", "T"];
const ARPA: &str = "\\data\\\nngram 1=10\nngram 2=1\n\n\\1-grams:\n-1.0\t</s>\n-99\t<s>\t-0.3\n\
    -4.0\t<unk>\n-1.2\t爸\t-0.3\n-1.0\t八\t-0.3\n-1.4\t比\n-1.2\t妈\n-1.2\tat\n-1.2\tsee\n\
    -1.4\ttea\n\n\\2-grams:\n-0.1\t<s> 爸\n\n\\end\\\n";
const WORDS: &str = "爸\tb a\n八\tb a\n比\tb i\n妈\tm a\nat\tAH T\nsee\tS IY\ntea\tT IY\n";

struct World {
    lexicon: Arc<Lexicon>,
    lm: Ngram,
    trie: Trie,
    tuning: Tuning,
}

impl World {
    fn new() -> Self {
        Self::with(ARPA)
    }

    fn with(arpa: &str) -> Self {
        let numbered = UNITS.iter().chain(&["<blk>"]).enumerate();
        let tokens = numbered.fold(String::new(), |lines, (id, unit)| {
            lines + &format!("{unit} {id}\n")
        });
        let tokens = Tokens::read(Path::new("t"), &tokens).unwrap();
        let lexicon = Arc::new(Lexicon::read(Path::new("l"), WORDS, &tokens).unwrap());
        let lm = Ngram::read(Path::new("a"), lines_of(arpa), lexicon.as_ref()).unwrap();
        let trie = lexicon.trie(&lm);
        Self {
            lexicon,
            lm,
            trie,
            tuning: Tuning::default(),
        }
    }

    fn basis(&self) -> Basis {
        Basis::Lexicon(Arc::clone(&self.lexicon))
    }

    fn search(&self) -> Search<'_> {
        Search {
            lexicon: &self.lexicon,
            trie: &self.trie,
            model: WordModel::Ngram(&self.lm),
            phrases: None,
            languages: u8::MAX,
            tuning: &self.tuning,
        }
    }

    fn texts(&self, spoken: &[Spoken]) -> Vec<&str> {
        let text = |spoken: &Spoken| {
            spoken.word.map_or("…", |word| {
                self.lexicon.words[word as usize].text.as_str()
            })
        };
        spoken.iter().map(text).collect()
    }
}

/// Outputs in which the named unit (`-`: the blank) has nearly all of the probability.
fn outputs(units: &str) -> Vec<Vec<f32>> {
    let class = |name: &str| {
        UNITS
            .iter()
            .position(|unit| *unit == name)
            .unwrap_or(UNITS.len())
    };
    let output = |name: &str| {
        let mut output = vec![(0.005f32 / UNITS.len() as f32).ln(); UNITS.len() + 1];
        output[class(name)] = 0.995f32.ln();
        output
    };
    units.split(' ').map(output).collect()
}

fn decoded(search: &Search<'_>, units: &str) -> Vec<Spoken> {
    let mut decoder = Decoder::new();
    for output in outputs(units) {
        decoder.advance(search, &output);
    }
    decoder.last(search)
}

#[test]
fn words_come_with_times_and_confidence() {
    let world = World::new();
    let spoken = decoded(&world.search(), "- - m m a - - - S - IY IY -");
    assert_eq!(world.texts(&spoken), ["妈", "see"]);
    let times: Vec<_> = spoken.iter().map(|word| (word.start, word.end)).collect();
    assert_eq!(times, [(2, 5), (8, 11)]);
    assert!(spoken.iter().all(|word| word.confidence > 0.99));
}

#[test]
fn the_language_model_chooses_among_homophones() {
    let world = World::new();
    assert_eq!(
        world.texts(&decoded(&world.search(), "- b a -")),
        ["爸"],
        "`<s> 爸` is frequent"
    );
    let spoken = decoded(&world.search(), "- m a - b a -");
    assert_eq!(
        world.texts(&spoken),
        ["妈", "八"],
        "八 is the more frequent alone"
    );
}

#[test]
fn a_repeated_unit_needs_a_blank_between() {
    let world = World::new();
    assert_eq!(world.texts(&decoded(&world.search(), "AH T T IY")), ["at"]);
    assert_eq!(
        world.texts(&decoded(&world.search(), "AH T - T IY")),
        ["at", "tea"]
    );
}

#[test]
fn a_word_heard_unclearly_is_less_sure() {
    let world = World::new();
    let search = world.search();
    let mut heard = outputs("- m a -");
    heard[2][2] = -3.0; // `a`, which `IY` outdoes
    heard[2][5] = -0.1;
    let mut decoder = Decoder::new();
    for output in &heard {
        decoder.advance(&search, output);
    }
    let spoken = decoder.last(&search);
    assert_eq!(world.texts(&spoken), ["妈"]);
    assert!(
        (0.1..0.6).contains(&spoken[0].confidence),
        "{}",
        spoken[0].confidence
    );
}

#[test]
fn speech_outside_the_vocabulary_is_passed_over() {
    let world = World::new();
    let spoken = decoded(
        &world.search(),
        "- i - i - AH - i - m - i - S - AH - i - AH -",
    );
    assert_eq!(world.texts(&spoken), ["…"]);
    let spoken = decoded(
        &world.search(),
        "m a - - i - i - AH - i - i - S - AH - - - S IY -",
    );
    assert_eq!(world.texts(&spoken), ["妈", "…", "see"]);
}

#[test]
fn a_language_can_be_left_out() {
    let world = World::new();
    let only = |language| Search {
        languages: language_bit(language),
        ..world.search()
    };
    let english = only(trunkside_call::Language::En);
    let spoken = decoded(&english, "- S IY - m a -");
    assert!(!world.texts(&spoken).contains(&"妈"));
    assert_eq!(world.texts(&spoken)[0], "see");
    let chinese = only(trunkside_call::Language::Zh);
    assert!(
        !world
            .texts(&decoded(&chinese, "- S IY - m a -"))
            .contains(&"see")
    );
}

#[test]
fn a_grammar_hears_its_phrases_or_nothing() {
    let world = World::new();
    let grammar = Grammar::compile(&world.basis(), "g", "妈八\nsee\n", None).unwrap();
    let search = Search {
        trie: grammar.trie.as_deref().unwrap(),
        model: WordModel::Grammar(&grammar.graph),
        ..world.search()
    };
    let heard = |units: &str| -> Vec<&str> {
        let spoken = decoded(&search, units);
        world
            .texts(&spoken)
            .into_iter()
            .filter(|text| *text != "…")
            .collect()
    };
    assert_eq!(heard("- m a - b a -"), ["妈", "八"]);
    assert_eq!(heard("S - IY"), ["see"]);
    assert!(heard("- m a -").is_empty(), "half a phrase");
    assert!(
        heard("- T - i - AH - T - i - AH -").is_empty(),
        "something else"
    );
    assert!(
        heard("- T i S IY AH T -").is_empty(),
        "a piece of something longer"
    );
    assert!(heard("- - - -").is_empty(), "silence");
}

#[test]
fn a_phrase_is_weighed_against_what_was_heard_and_not_against_silence() {
    let world = World::new();
    let grammar = Grammar::compile(&world.basis(), "g", "see\n", None).unwrap();
    let search = Search {
        trie: grammar.trie.as_deref().unwrap(),
        model: WordModel::Grammar(&grammar.graph),
        ..world.search()
    };
    let heard = |how_likely: f32| {
        let mut decoder = Decoder::new();
        for (mut output, unit) in outputs("- - - -").into_iter().zip([8, 6, 5, 8]) {
            output[unit] = how_likely.ln().max(output[unit]);
            decoder.advance(&search, &output);
        }
        world.texts(&decoder.last(&search)).len()
    };
    assert_eq!((heard(0.08), heard(0.03)), (1, 0));
}

#[test]
fn a_hint_turns_a_close_decision() {
    let world = World::new();
    let hints = Phrases::compile(&world.basis(), "h", "比\t4\n").unwrap();
    let search = Search {
        phrases: Some(&hints),
        ..world.search()
    };
    let mut heard = outputs("- b a -");
    heard[2][3] = heard[2][2] - 1.0; // `i`, nearly as likely as `a`
    let with = |search: &Search<'_>| {
        let mut decoder = Decoder::new();
        for output in &heard {
            decoder.advance(search, output);
        }
        world.texts(&decoder.last(search)).join("")
    };
    assert_eq!(
        (with(&world.search()).as_str(), with(&search).as_str()),
        ("爸", "比")
    );
}

#[test]
fn outputs_that_are_no_numbers_count_as_silence() {
    let world = World::new();
    let search = world.search();
    let mut decoder = Decoder::new();
    let mut heard = outputs("m a - - -");
    heard[3].fill(f32::NAN);
    heard[4][2] = f32::INFINITY;
    for output in &heard {
        decoder.advance(&search, output);
    }
    assert_eq!(world.texts(&decoder.last(&search)), ["妈"]);
    assert!(
        decoder
            .beam
            .iter()
            .all(|hypothesis| hypothesis.score.is_finite())
    );
}

#[test]
fn the_beam_and_the_paths_stay_small() {
    let world = World::new();
    let search = world.search();
    let mut decoder = Decoder::new();
    for output in outputs("b a i m S T AH IY ".repeat(60).trim_end()) {
        decoder.advance(&search, &output);
        assert!(decoder.beam.len() <= world.tuning.width);
    }
    assert!(decoder.paths.len() < 480 * world.tuning.width);
    decoder.reset();
    assert!(decoder.best().is_empty() && decoder.outputs() == 0);
}

#[test]
fn unlikely_words_are_left_where_a_likely_one_ends() {
    // Both words have successors, so that what follows can tell them apart.
    let arpa = ARPA.replace("ngram 2=1", "ngram 2=3");
    let arpa = arpa.replace("<s> 爸\n", "<s> 爸\n-0.5\t爸 妈\n-0.5\t八 妈\n");
    let mut world = World::with(&arpa);
    let mut ends = |depth| {
        world.tuning.word_depth = depth;
        let search = world.search();
        let mut decoder = Decoder::new();
        for output in outputs("b a") {
            decoder.advance(&search, &output);
        }
        let at_root = decoder.beam.iter().filter(|one| one.node == Trie::ROOT);
        at_root.filter(|one| one.last != NOTHING).count()
    };
    let all = ends(f32::INFINITY);
    let likely = ends(0.1);
    assert!((1..all).contains(&likely), "{likely} of {all}");
}
