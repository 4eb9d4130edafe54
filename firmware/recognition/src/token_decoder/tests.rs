//! What tokens spell, greedily and in a beam, with phrases, an n-gram or a grammar above them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::decoder::Tuning;
use crate::grammar::{Basis, Grammar, Phrases};
use crate::lm::lines_of;
use crate::text_lm::TextModel;
use crate::tokens::TokenTable;

const TOKENS: [&str; 9] = [
    "<blk>", "▁card", "▁fee", "s", "查", "余", "额", "<unk>", "▁",
];
const ARPA: &str = "\\data\\\nngram 1=6\nngram 2=1\n\n\\1-grams:\n-1.0\t</s>\n-99\t<s>\n-3\t<unk>\n\
    -1\t余\t0\n-2\t额\n-0.5\tcard\n\n\\2-grams:\n-0.01\t余 额\n\n\\end\\\n";

fn table() -> Arc<TokenTable> {
    let lines = TOKENS.iter().enumerate();
    let text = lines.fold(String::new(), |text, (id, token)| {
        text + &format!("{token} {id}\n")
    });
    Arc::new(TokenTable::read(Path::new("tokens.txt"), &text).unwrap())
}

/// What is known beside the network, from the texts of files.
#[derive(Clone, Copy, Default)]
struct Known<'a> {
    grammar: Option<&'a str>,
    phrases: Option<&'a str>,
    lm: Option<&'a str>,
}

impl Known<'_> {
    fn fusion(self) -> Fusion {
        let table = table();
        let basis = Basis::Tokens(Arc::clone(&table));
        let grammar = |text| {
            Grammar::compile(&basis, "menu.txt", text, None)
                .unwrap()
                .graph
        };
        let phrases = |text| Phrases::compile(&basis, "hints.txt", text).unwrap().hints;
        let lm =
            |text| Arc::new(TextModel::read(Path::new("lm.arpa"), || Ok(lines_of(text))).unwrap());
        Fusion {
            lm: self.lm.map(lm),
            hints: self.phrases.map(phrases),
            graph: self.grammar.map(grammar),
            tuning: Tuning::default(),
            table,
        }
    }

    /// The text of outputs, none where a grammar rejects it, and the least confidence of its words.
    fn decoded(self, outputs: &[Vec<f32>], beam: usize) -> (String, f32) {
        let mut decoder = TokenDecoder::new(self.fusion(), None, beam).unwrap();
        for output in outputs {
            decoder.advance(output).unwrap();
        }
        decoder.end();
        let sure = decoder.best().iter().map(|word| word.confidence);
        let sure = sure.fold(1.0, f32::min);
        if self.grammar.is_some() && sure < Tuning::default().text_confidence {
            return (String::new(), sure);
        }
        (decoder.text(u32::MAX), sure)
    }
}

fn class(name: &str) -> usize {
    TOKENS.iter().position(|token| *token == name).unwrap_or(0)
}

/// Outputs as `token`, `-` for the blank, or `token:probability/other`, where the other has the rest.
fn outputs(script: &str) -> Vec<Vec<f32>> {
    let output = |step: &str| {
        let mut row = vec![1e-4f32; TOKENS.len()];
        let (first, rest) = step.split_once(':').unwrap_or((step, "0.99/-"));
        let (probability, other) = rest.split_once('/').unwrap();
        let probability: f32 = probability.parse().unwrap();
        row[class(other)] += 0.999 - probability;
        row[class(first)] += probability;
        row.into_iter().map(f32::ln).collect()
    };
    script.split(' ').map(output).collect()
}

#[test]
fn a_beam_of_clear_outputs_is_the_greedy_text() {
    let heard = outputs("- ▁card ▁card - s - 查 - 余 余 - 余 额 -");
    for beam in [1, 2, 8] {
        let (text, confidence) = Known::default().decoded(&heard, beam);
        assert_eq!(text, " cards查余余额", "{beam}");
        assert!(confidence > 0.95, "{beam}: {confidence}");
    }
}

#[test]
fn a_beam_adds_up_alignments() {
    // 余 is never the likeliest, but its three alignments are together.
    let heard = outputs("余:0.4/- 余:0.4/-");
    assert_eq!(Known::default().decoded(&heard, 1).0, "");
    assert_eq!(Known::default().decoded(&heard, 4).0, "余");
}

#[test]
fn words_have_times_in_a_beam_too() {
    let mut decoder = TokenDecoder::new(Known::default().fusion(), None, 4).unwrap();
    for output in outputs("- - ▁card:0.2/- ▁card ▁card - s - - 查 - -") {
        decoder.advance(&output).unwrap();
    }
    decoder.end();
    let times: Vec<_> = decoder
        .best()
        .iter()
        .map(|word| (word.start, word.end))
        .collect();
    assert_eq!(times, [(3, 7), (9, 10)]);
    assert_eq!(decoder.words[0].text, "cards");
}

#[test]
fn phrases_turn_a_close_decision_and_no_clear_one() {
    let close = outputs("- 查:0.6/余 - 额 -");
    let hinted = |phrases| Known {
        phrases: Some(phrases),
        ..Known::default()
    };
    assert_eq!(Known::default().decoded(&close, 8).0, "查额");
    assert_eq!(hinted("余额\t1").decoded(&close, 8).0, "余额");
    assert_eq!(hinted("查额\t1\n余额\t0.5").decoded(&close, 8).0, "查额");
    assert_eq!(
        hinted("余额查\t3").decoded(&close, 8).0,
        "查额",
        "half a phrase brings nothing"
    );
    assert_eq!(
        hinted("余额\t1").decoded(&outputs("- 查 - 额 -"), 8).0,
        "查额"
    );
    assert_eq!(
        hinted("余额\t20").decoded(&outputs("- - - -"), 8).0,
        "",
        "silence stays silence"
    );
    assert_eq!(
        hinted("额\t-2").decoded(&outputs("额:0.7/余"), 8).0,
        "余",
        "hindered"
    );
}

#[test]
fn an_ngram_turns_a_close_decision() {
    let close = outputs("- 余 - 查:0.55/额 -");
    let with = Known {
        lm: Some(ARPA),
        ..Known::default()
    };
    assert_eq!(Known::default().decoded(&close, 8).0, "余查");
    assert_eq!(with.decoded(&close, 8).0, "余额");
    assert_eq!(
        with.decoded(&outputs("- 余 - 查 -"), 8).0,
        "余查",
        "what is clear stays"
    );
}

#[test]
fn a_grammar_hears_its_phrases_or_nothing() {
    let menu = Known {
        grammar: Some("查余额\ncard fee\n余额\n"),
        ..Known::default()
    };
    let text = |script: &str| menu.decoded(&outputs(script), 0).0;
    assert_eq!(text("- 查 - 余 额 -"), "查余额");
    assert_eq!(text("▁card - ▁fee"), " card fee");
    assert_eq!(text("查:0.4/s 余 额:0.3/s"), "查余额", "the nearest phrase");
    assert_eq!(text("- ▁card - s - s - ▁card -"), "", "something else");
    assert_eq!(text("- 查 - 余 - -"), "", "half a phrase");
    assert_eq!(text("- - - -"), "");
    assert_eq!(
        text("s - s - s - 余 额 - s - s"),
        "余额",
        "among other speech"
    );
    assert_eq!(text("余 额 - 查 余 额"), "余额查余额", "two of them");
    let (_, clear) = menu.decoded(&outputs("- 查 - 余 额 -"), 0);
    let (_, unclear) = menu.decoded(&outputs("查:0.1/s 余 额:0.1/s"), 0);
    assert!(clear > 0.95 && unclear < 0.5 * clear, "{clear} {unclear}");
}

#[test]
fn words_of_a_grammar_do_not_begin_within_others() {
    let menu = Known {
        grammar: Some("s\n"),
        ..Known::default()
    };
    assert_eq!(menu.decoded(&outputs("▁ s"), 0).0, " s");
    assert_eq!(menu.decoded(&outputs("▁card s - ▁fee s"), 0).0, "");
}

#[test]
fn outputs_that_are_no_numbers_count_as_silence() {
    let mut heard = outputs("余 额 - 查 -");
    heard[1].fill(f32::NAN);
    heard[2][3] = f32::INFINITY;
    heard[0][3] = f32::NEG_INFINITY;
    for beam in [1, 8] {
        assert_eq!(Known::default().decoded(&heard, beam).0, "余查");
    }
}

#[test]
fn a_token_that_sounds_on_over_the_cut_of_an_utterance_is_heard_once() {
    for beam in [1, 8] {
        let mut decoder = TokenDecoder::new(Known::default().fusion(), None, beam).unwrap();
        let mut texts = Vec::new();
        for script in ["- 查 余", "余 余 - 额 -"] {
            for output in outputs(script) {
                decoder.advance(&output).unwrap();
            }
            decoder.end();
            texts.push(decoder.text(u32::MAX));
            decoder.next_utterance();
        }
        assert_eq!(texts, ["查余", "额"], "{beam}");
    }
}

/// Every row of tokens with the sum of its alignments' likelihoods, by trying all alignments.
fn all_rows(outputs: &[Vec<f32>]) -> HashMap<Vec<usize>, f32> {
    let classes = outputs[0].len();
    let mut rows = HashMap::new();
    for mut number in 0..classes.pow(outputs.len() as u32) {
        let (mut row, mut last, mut score) = (Vec::new(), 0, 0.0);
        for output in outputs {
            let class = number % classes;
            number /= classes;
            score += output[class];
            if class != 0 && class != last {
                row.push(class);
            }
            last = class;
        }
        let sum = rows.entry(row).or_insert(f32::NEG_INFINITY);
        *sum = log_add(*sum, score);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A beam that is wide enough finds what trying everything finds, whatever is known beside it.
    #[test]
    fn a_wide_beam_finds_the_best_of_all(
        values in prop::collection::vec(prop::collection::vec(-4.0f32..0.0, 7), 4),
        known in 0usize..4,
    ) {
        let outputs: Vec<Vec<f32>> = values.iter().map(|row| {
            let mut row = row.clone();
            row.extend([-30.0, -30.0]);
            let sum = row.iter().copied().fold(f32::NEG_INFINITY, log_add);
            row.iter().map(|value| value - sum).collect()
        }).collect();
        let known = [
            Known::default(),
            Known { phrases: Some("余额\t1.5\ncard fee\t-1\n查\t0.5"), ..Known::default() },
            Known { lm: Some(ARPA), ..Known::default() },
            Known { lm: Some(ARPA), phrases: Some("额额\t2"), ..Known::default() },
        ][known];
        let fusion = known.fusion();
        let score = |row: &[usize]| {
            let start = (0.0, fusion.start());
            let (sum, state) = row.iter().fold(start, |(sum, state), &token| {
                let (score, state) = fusion.token(&state, token).unwrap();
                (sum + score, state)
            });
            sum + fusion.end(&state).unwrap()
        };
        let rows = all_rows(&outputs);
        let best = rows.iter().map(|(row, heard)| heard + score(row)).fold(f32::MIN, f32::max);
        let mut ctc = Ctc::new(4_096, 0, &fusion);
        for (at, output) in outputs.iter().enumerate() {
            ctc.advance(&fusion, output, at as u32);
        }
        let found: Vec<usize> = ctc.best(&fusion, true).iter().map(|h| h.token).collect();
        let reached = rows[&found] + score(&found);
        prop_assert!(reached > best - 1e-3, "{:?} {} {}", found, reached, best);
    }

    /// A token sounds after those before it, whatever became of the paths that it shares them with.
    #[test]
    fn times_of_a_path_go_up(
        values in prop::collection::vec(prop::collection::vec(-6.0f32..0.0, 9), 1..24),
        beam in 2usize..9,
        is_hinted in any::<bool>(),
    ) {
        let known = Known { phrases: is_hinted.then_some("余额\t3\n查\t2"), ..Known::default() };
        let mut decoder = TokenDecoder::new(known.fusion(), None, beam).unwrap();
        for output in &values {
            decoder.advance(output).unwrap();
            let times: Vec<u32> = decoder.found.iter().map(|heard| heard.output).collect();
            prop_assert!(times.is_sorted_by(|a, b| a < b), "{:?}", times);
        }
    }

    /// Whatever the outputs are, only phrases of the grammar come out.
    #[test]
    fn a_grammar_gives_nothing_else(
        values in prop::collection::vec(prop::collection::vec(-9.0f32..0.0, 9), 1..12),
    ) {
        let menu = Known { grammar: Some("查余\n额\ncards\n"), ..Known::default() };
        let (text, confidence) = menu.decoded(&values, 0);
        let mut rest = crate::spelling::letters(&text).into_iter().collect::<String>();
        while !rest.is_empty() {
            let next = ["查余", "额", "cards"].iter().find_map(|phrase| rest.strip_prefix(phrase));
            prop_assert!(next.is_some(), "{}", text);
            rest = next.unwrap().trim_start().to_owned();
        }
        prop_assert!((0.0..=1.0).contains(&confidence));
    }
}
