//! A model that was exported for sherpa-onnx is added, heard with, verified and removed; and its
//! text is the one that sherpa-onnx gives for the same file.
//!
//! `models/tests/contracts.py` made the random-weight models and wrote down sherpa-onnx's texts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::process::{Process, binary, until};
use serde_json::Value;

fn tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn case(name: &str) -> (PathBuf, Value) {
    let folder = tree("models/tests/data/contracts").join(name);
    let case = fs::read_to_string(folder.join("case.json")).unwrap();
    (folder, serde_json::from_str(&case).unwrap())
}

fn trunkside(models: &Path, arguments: &[&str]) -> Output {
    Command::new(binary("trunkside"))
        .args(arguments)
        .arg("--models")
        .arg(models)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn add(models: &Path, name: &str) -> Output {
    let (folder, case) = case(name);
    let mut files: Vec<String> = case["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| folder.join(file.as_str().unwrap()).display().to_string())
        .collect();
    // Roles are found from what the files hold, so their order must not matter.
    files.insert(0, folder.join("tokens.txt").display().to_string());
    files.reverse();
    let mut arguments = vec![
        "models",
        "add",
        "--name",
        name,
        "--licence",
        "Apache-2.0",
        "--json",
    ];
    arguments.extend(files.iter().map(String::as_str));
    trunkside(models, &arguments)
}

fn speech() -> PathBuf {
    tree("models/tests/data/contracts/speech.wav")
}

/// The A-law recording twice, with three seconds of quiet between.
fn speech_with_gap(folder: &Path) -> PathBuf {
    let wav = fs::read(speech()).unwrap();
    let at = wav.windows(4).position(|four| four == b"data").unwrap() + 8;
    let (head, codes) = wav.split_at(at);
    let whole = [codes, &[0xd5; 24_000], codes].concat();
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let mut head = head.to_vec();
    head[4..8].copy_from_slice(&length(at - 8 + whole.len()));
    head[at - 4..].copy_from_slice(&length(whole.len()));
    let file = folder.join("gap.wav");
    fs::write(&file, [head, whole].concat()).unwrap();
    file
}

/// The text of a recording, and how many utterances the endpointer made of it.
fn heard(models: &Path, name: &str, wav: &Path, beam: &str) -> (String, usize) {
    let wav = wav.display().to_string();
    let arguments = [
        "transcribe",
        "--json",
        "--model",
        name,
        "--beam",
        beam,
        &wav,
    ];
    let output = trunkside(models, &arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let segments = report["segments"].as_array().unwrap().len();
    (report["text"].as_str().unwrap().to_owned(), segments)
}

#[test]
fn every_contract_is_added_and_gives_the_text_of_sherpa_onnx() {
    let models = tempfile::tempdir().unwrap();
    let given = tempfile::tempdir().unwrap();
    let with_gap = speech_with_gap(given.path());
    let mut compared_beams = 0;
    for name in [
        "zipformer2-ctc",
        "zipformer2-transducer",
        "zipformer-transducer",
        "t-one-ctc",
        "nemo-ctc",
    ] {
        let (_, case) = case(name);
        let output = add(models.path(), name);
        assert!(output.status.success(), "{}", said(&output));
        let added: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(added["contract"], case["contract"]);
        assert_eq!(added["licence"], "Apache-2.0");
        assert!(added["cpu_per_audio"].as_f64().unwrap() > 0.0);
        for (wav, expected) in [(&speech(), "greedy"), (&with_gap, "greedy_with_gap")] {
            let (text, _) = heard(models.path(), name, wav, "1");
            assert_eq!(text, case["text"][expected], "{name}, {expected}");
        }
        let (text, utterances) = heard(models.path(), name, &speech(), "4");
        // An endpoint drops all paths but the best, which the peer was not told to do.
        if let Some(beam) = case["text"]["beam"].as_str()
            && utterances == 1
        {
            assert_eq!(text, beam, "{name}, four paths");
            compared_beams += 1;
        }
    }
    assert!(
        compared_beams > 0,
        "no search along several paths was compared"
    );
    let verified = trunkside(models.path(), &["models", "verify", "t-one-ctc"]);
    assert!(verified.status.success(), "{}", said(&verified));
    let tokens = models.path().join("t-one-ctc/tokens.txt");
    fs::write(&tokens, "<blk> 0\na 1\n").unwrap();
    let damaged = trunkside(models.path(), &["models", "verify", "t-one-ctc"]);
    assert_eq!(damaged.status.code(), Some(1), "{}", said(&damaged));
    let removed = trunkside(models.path(), &["models", "remove", "t-one-ctc"]);
    assert!(removed.status.success(), "{}", said(&removed));
    let listed = trunkside(models.path(), &["models", "list"]);
    assert!(
        said(&listed).contains("zipformer2-ctc"),
        "{}",
        said(&listed)
    );
    assert!(!said(&listed).contains("t-one-ctc"), "{}", said(&listed));
}

/// Letters to change, leave out or put in to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], at + 1);
        for (to, theirs) in other.iter().enumerate() {
            let changed = before + usize::from(letter != *theirs);
            before = row[to + 1];
            row[to + 1] = changed.min(before + 1).min(row[to] + 1);
        }
    }
    row[other.len()]
}

#[test]
fn quantised_models_are_added_and_give_about_the_text_of_sherpa_onnx() {
    let models = tempfile::tempdir().unwrap();
    for name in [
        "zipformer2-ctc-int8",
        "zipformer2-transducer-int8",
        "nemo-ctc-int8",
    ] {
        let (_, case) = case(name);
        let output = add(models.path(), name);
        assert!(output.status.success(), "{}", said(&output));
        let (text, _) = heard(models.path(), name, &speech(), "1");
        let expected = case["text"]["greedy"].as_str().unwrap();
        // Where an activation lies between two of its 256 steps, the engines may take another one.
        let limit = expected.chars().count() / 4;
        assert!(
            distance(&text, expected) <= limit,
            "{name}: `{text}` against `{expected}`"
        );
    }
}

#[test]
fn what_is_no_model_is_refused_and_leaves_nothing() {
    let models = tempfile::tempdir().unwrap();
    let (folder, _) = case("zipformer2-ctc");
    let whole = fs::read(folder.join("model.onnx")).unwrap();
    let cut = models.path().join("cut.onnx");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let tokens = folder.join("tokens.txt").display().to_string();
    let cut = cut.display().to_string();
    for files in [vec![cut.as_str(), &tokens], vec![tokens.as_str()]] {
        let mut arguments = vec!["models", "add", "--name", "broken"];
        arguments.extend(files);
        let output = trunkside(models.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
    let left: Vec<_> = fs::read_dir(models.path()).unwrap().flatten().collect();
    assert_eq!(
        left.len(),
        1,
        "only the file that this test wrote: {left:?}"
    );
}

#[test]
fn a_model_gets_no_name_that_the_models_folder_has_a_file_of() {
    let models = tempfile::tempdir().unwrap();
    let (folder, _) = case("zipformer2-ctc");
    let files = ["model.onnx", "tokens.txt"].map(|file| folder.join(file).display().to_string());
    for name in ["trusted.toml", "catalogue.toml"] {
        let output = trunkside(
            models.path(),
            &["models", "add", "--name", name, &files[0], &files[1]],
        );
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        let said = said(&output);
        assert!(said.contains(name) && said.contains("rename it"), "{said}");
    }
    assert_eq!(fs::read_dir(models.path()).unwrap().count(), 0);
}

#[test]
fn an_import_that_is_stopped_leaves_nothing() {
    let models = tempfile::tempdir().unwrap();
    let given = tempfile::tempdir().unwrap();
    let (folder, _) = case("t-one-ctc");
    // Its n-gram goes on until this test lets go of it.
    let lm = given.path().join("lm.arpa");
    let made = Command::new("mkfifo").arg(&lm).status().unwrap();
    assert!(made.success());
    let endless = fs::File::options().read(true).write(true).open(&lm);
    let mut adding = Process::start(
        Command::new(binary("trunkside"))
            .args(["models", "add", "--name", "stopped", "--models"])
            .arg(models.path())
            .args(["model.onnx", "tokens.txt"].map(|file| folder.join(file)))
            .arg(&lm),
    );
    let copy = models.path().join(".stopped.new/lm.arpa");
    until("it copies the files", || copy.exists());
    adding.interrupt();
    adding.wait_for("the signal", |line| {
        line.starts_with("stopping").then_some(())
    });
    drop(endless.unwrap());
    let (status, said) = adding.finish();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was added"), "{said}");
    assert_eq!(fs::read_dir(models.path()).unwrap().count(), 0);
}

/// A model's bytes, the largest of its tensors full of what is no number.
fn without_numbers(mut model: Vec<u8>) -> Vec<u8> {
    // Field 9 of a tensor is its values: a tag, a length of seven bits a byte, and so many bytes.
    let length = |at: usize| {
        let digits = model.get(at + 1..at + 5)?;
        let count = 1 + digits.iter().take_while(|digit| **digit >= 0x80).count();
        let digits = digits.get(..count)?.iter().rev();
        let length = digits.fold(0usize, |sum, digit| (sum << 7) | usize::from(digit & 0x7f));
        let values = model.get(at + 1 + count..at + 1 + count + length)?;
        let are_weights = values.len().is_multiple_of(4)
            && values.chunks_exact(4).all(|four| {
                let value = f32::from_le_bytes(four.try_into().unwrap());
                value.is_finite() && value.abs() < 10.0 && (value == 0.0 || value.abs() > 1e-9)
            });
        are_weights.then_some((length, at + 1 + count))
    };
    let tags = (0..model.len()).filter(|&at| model[at] == 0x4a);
    let (length, from) = tags.filter_map(length).max().unwrap();
    for four in model[from..from + length].chunks_exact_mut(4) {
        four.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    model
}

#[test]
fn a_network_that_gives_no_numbers_is_refused() {
    for (name, deaf) in [
        ("zipformer2-ctc", "model.onnx"),
        ("zipformer2-transducer", "encoder.onnx"),
        ("zipformer2-transducer", "decoder.onnx"),
        ("zipformer2-transducer", "joiner.onnx"),
    ] {
        let models = tempfile::tempdir().unwrap();
        let given = tempfile::tempdir().unwrap();
        let (folder, case) = case(name);
        let model = given.path().join(deaf);
        let bytes = fs::read(folder.join(deaf)).unwrap();
        fs::write(&model, without_numbers(bytes)).unwrap();
        let files = case["files"].as_array().unwrap().iter();
        let files = files.map(|file| match file.as_str().unwrap() {
            file if file == deaf => model.clone(),
            file => folder.join(file),
        });
        let files = files.chain([folder.join("tokens.txt")]);
        let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
        let mut arguments = vec!["models", "add", "--name", "deaf"];
        arguments.extend(files.iter().map(String::as_str));
        let output = trunkside(models.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{deaf}: {}", said(&output));
        assert!(
            said(&output).contains("outputs that are no numbers"),
            "{deaf}: {}",
            said(&output)
        );
        assert_eq!(fs::read_dir(models.path()).unwrap().count(), 0);
    }
}
