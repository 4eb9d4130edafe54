//! A model that writes text by itself heeds phrases, a grammar and an n-gram. Without hot words its
//! text is sherpa-onnx's; with them it has at least as much of them.
//!
//! `models/tests/contracts.py` made two models whose outputs are a script, whatever they hear, and
//! wrote down what sherpa-onnx makes of the transducer with hot words of several weights. sherpa-onnx
//! chooses paths before it counts hot words, this engine after, so other texts win.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::process::binary;
use serde_json::Value;

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data/contracts")
}

struct Box {
    folder: tempfile::TempDir,
}

impl Box {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary("trunkside"))
            .args(arguments)
            .arg("--models")
            .arg(self.folder.path().join("models"))
            .output()
            .unwrap()
    }

    fn add(&self, name: &str, files: &[&str], more: &[&str]) {
        let files = files
            .iter()
            .map(|file| contracts().join(name).join(file).display().to_string());
        let files: Vec<String> = files.collect();
        let mut arguments = vec!["models", "add", "--name", name];
        arguments.extend(files.iter().map(String::as_str));
        arguments.extend(more);
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", said(&output));
    }

    fn transcribe(&self, model: &str, options: &[&str]) -> Output {
        let wav = self.folder.path().join("bursts.wav").display().to_string();
        fs::write(&wav, bursts()).unwrap();
        let mut arguments = vec!["transcribe", "--json", "--model", model, &wav];
        arguments.extend(options);
        self.run(&arguments)
    }

    fn text(&self, model: &str, options: &[&str]) -> String {
        let output = self.transcribe(model, options);
        assert!(output.status.success(), "{}", said(&output));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        report["text"].as_str().unwrap().to_owned()
    }
}

/// Somebody who speaks without a pause, as long as the recording that sherpa-onnx heard.
fn bursts() -> Vec<u8> {
    const SAMPLES: u32 = 17_595;
    let mut wav = Vec::new();
    let mut put = |bytes: &[u8]| wav.extend_from_slice(bytes);
    put(b"RIFF");
    put(&(36 + 2 * SAMPLES).to_le_bytes());
    put(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    put(&8_000u32.to_le_bytes());
    put(&16_000u32.to_le_bytes());
    put(b"\x02\0\x10\0data");
    put(&(2 * SAMPLES).to_le_bytes());
    let mut noise = 1u32;
    for at in 0..SAMPLES {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let loud = if at % 1_600 < 1_280 {
            (noise >> 17) as i16 - 16_384
        } else {
            0
        };
        put(&loud.to_le_bytes());
    }
    wav
}

/// What the hot words of a text weigh together, none of them within another.
fn weight(text: &str, weights: &serde_json::Map<String, Value>) -> f64 {
    let (mut sum, mut rest) = (0.0, text);
    while let Some(first) = rest.chars().next() {
        let hot = weights
            .iter()
            .find(|(word, _)| rest.starts_with(word.as_str()));
        let length = hot.map_or(first.len_utf8(), |(word, weight)| {
            sum += weight.as_f64().unwrap() * word.chars().count() as f64;
            word.len()
        });
        rest = &rest[length..];
    }
    sum
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Positions in which two texts of the same length differ, or the difference of their lengths.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let differing = one.iter().zip(&other).filter(|(a, b)| a != b).count();
    differing + one.len().abs_diff(other.len())
}

#[test]
fn a_transducer_hears_what_sherpa_onnx_hears_and_no_fewer_hot_words() {
    let the_box = Box::new();
    the_box.add(
        "script-transducer",
        &["encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"],
        &[],
    );
    let cases = contracts().join("script-transducer/hotwords.json");
    let cases: Vec<Value> = serde_json::from_str(&fs::read_to_string(cases).unwrap()).unwrap();
    let mut texts = Vec::new();
    for case in &cases {
        let weights = case["weights"].as_object().unwrap();
        let lines = weights
            .iter()
            .map(|(word, weight)| format!("{word}\t{weight}\n"));
        let phrases = the_box.file("hot.tsv", &lines.collect::<String>());
        let paths = case["paths"].to_string();
        let text = the_box.text(
            "script-transducer",
            &["--beam", &paths, "--phrases", &phrases],
        );
        let theirs = case["text"].as_str().unwrap();
        let (ours, wanted) = (weight(&text, weights), weight(theirs, weights));
        assert!(ours >= wanted, "{case}: {text} has {ours} of {wanted}");
        assert!(wanted > 0.0 || text == theirs, "{case}: {text}");
        texts.push(text);
    }
    texts.dedup();
    assert!(texts.len() > 3, "weights change the text: {texts:?}");
}

#[test]
fn a_ctc_model_heeds_phrases_a_grammar_and_an_ngram() {
    let the_box = Box::new();
    let arpa = "\\data\\\nngram 1=5\nngram 2=1\n\n\\1-grams:\n-1\t</s>\n-99\t<s>\n-2\t<unk>\n\
                -0.3\t余\n-3\t额\n\n\\2-grams:\n-0.01\t余 额\n\n\\end\\\n";
    let arpa = the_box.file("lm.arpa", arpa);
    the_box.add("script-ctc", &["model.onnx", "tokens.txt"], &[]);
    let case = fs::read_to_string(contracts().join("script-ctc/case.json")).unwrap();
    let case: Value = serde_json::from_str(&case).unwrap();
    let greedy = the_box.text("script-ctc", &[]);
    assert_eq!(greedy, case["text"]["greedy"].as_str().unwrap());
    let count = |text: &str, phrase: &str| text.matches(phrase).count();

    let phrases = the_box.file("hot.tsv", "余额\t3\n");
    let hinted = the_box.text("script-ctc", &["--phrases", &phrases]);
    assert!(
        count(&hinted, "余额") > count(&greedy, "余额"),
        "{greedy} {hinted}"
    );

    let modelled = the_box.text("script-ctc", &["--lm", &arpa, "--lm-weight", "1"]);
    assert!(
        count(&modelled, "余额") > count(&greedy, "余额"),
        "{greedy} {modelled}"
    );
    let ignored = the_box.text(
        "script-ctc",
        &["--lm", &arpa, "--lm-weight", "0", "--beam", "1"],
    );
    assert!(distance(&ignored, &greedy) < 4, "{greedy} {ignored}");

    let menu = the_box.file("menu.txt", &greedy);
    let whole = the_box.text("script-ctc", &["--grammar", &menu]);
    assert_eq!(whole, greedy, "the only phrase");
    let menu = the_box.file("menu.txt", "the card\nbing\n");
    assert_eq!(
        the_box.text("script-ctc", &["--grammar", &menu]),
        "",
        "rejected"
    );
}

#[test]
fn an_ngram_comes_with_the_model_or_is_refused_with_its_line() {
    let the_box = Box::new();
    let arpa = "\\data\\\nngram 1=3\n\n\\1-grams:\n-1\t</s>\n-99\t<s>\n-0.3\t余\n\n\\end\\\n";
    let good = the_box.file("good.arpa", arpa);
    the_box.add("script-ctc", &["model.onnx", "tokens.txt"], &[&good]);
    assert!(
        the_box
            .folder
            .path()
            .join("models/script-ctc/lm.arpa")
            .is_file()
    );
    let verified = the_box.run(&["models", "verify", "script-ctc"]);
    assert!(
        said(&verified).contains("3 files are right"),
        "{}",
        said(&verified)
    );

    let words = the_box.file("words.arpa", &arpa.replace("余", "余额"));
    let refused = the_box.transcribe("script-ctc", &["--lm", &words]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("words.arpa`, line 7: `余额`"),
        "{}",
        said(&refused)
    );
    let phrases = the_box.file("hot.tsv", "余额\t1\n转人工\t1\n");
    let refused = the_box.transcribe("script-ctc", &["--phrases", &phrases]);
    assert_eq!(refused.status.code(), Some(2));
    let text = said(&refused);
    assert!(
        text.contains("hot.tsv`, line 2: no tokens of the model write `转`"),
        "{text}"
    );
}
