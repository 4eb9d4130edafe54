//! What a technician can get wrong: every fault is named together with its remedy, the exit status
//! is 2, and nothing panics.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::audio::recording;
use e2e::process::binary;

fn trunkside(arguments: &[&str]) -> Output {
    Command::new(binary("trunkside"))
        .args(arguments)
        .output()
        .expect("trunkside runs")
}

/// Runs a command that must be refused, and returns what it said.
fn refused(arguments: &[&str]) -> String {
    let output = trunkside(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("a file is written");
    path
}

#[test]
fn damaged_recordings_are_named_with_fault_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(recording("balance_zh.wav")).unwrap();
    let mut fast = whole.clone();
    // The sample rate stands at byte 24 of a WAV.
    fast[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
    let cases: [(&str, &[u8], &str); 4] = [
        ("empty.wav", b"", "empty"),
        ("text.wav", b"this is no recording at all", "not a WAV"),
        ("truncated.wav", &whole[..whole.len() / 2], "truncated"),
        ("fast.wav", &fast, "16000"),
    ];
    for (name, bytes, fault) in cases {
        let file = written(folder.path(), name, bytes);
        let said = refused(&["transcribe", "--json", path_text(&file)]);
        assert!(
            said.contains(name) && said.contains(fault),
            "{name}: {said}"
        );
    }
    let said = refused(&["transcribe", "/nonexistent.wav"]);
    assert!(said.contains("/nonexistent.wav"), "{said}");
}

#[test]
fn a_good_recording_is_still_transcribed_beside_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let bad = written(folder.path(), "bad.wav", b"RIFF");
    let good = recording("balance_zh.wav");
    let output = trunkside(&["transcribe", "--json", path_text(&bad), path_text(&good)]);
    assert_eq!(output.status.code(), Some(2));
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(
        line["text"].as_str().is_some_and(|text| !text.is_empty()),
        "{line}"
    );
}

#[test]
fn a_beam_is_refused_where_the_model_has_a_lexicon() {
    let file = recording("balance_zh.wav");
    let said = refused(&["transcribe", "--beam", "4", path_text(&file)]);
    assert!(
        said.contains("`--beam`") && said.contains("`zh-en-1` has one"),
        "{said}"
    );
}

#[test]
fn an_unknown_model_is_answered_with_those_at_hand() {
    let file = recording("balance_zh.wav");
    let said = refused(&["transcribe", "--model", "no-such-model", path_text(&file)]);
    assert!(
        said.contains("no-such-model") && said.contains("zh-en-1"),
        "{said}"
    );
}

#[test]
fn a_broken_model_file_is_found_by_verify_and_refused_by_transcribe() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&models.join("zh-en-1"), &folder.path().join("zh-en-1"));
    std::fs::copy(
        models.join("catalogue.toml"),
        folder.path().join("catalogue.toml"),
    )
    .unwrap();
    let network = folder.path().join("zh-en-1/model.onnx");
    let mut bytes = std::fs::read(&network).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&network, &bytes).unwrap();

    let run = |arguments: &[&str]| {
        Command::new(binary("trunkside"))
            .args(arguments)
            .env("TRUNKSIDE_MODELS", folder.path())
            .output()
            .expect("trunkside runs")
    };
    let verified = run(&["models", "verify"]);
    assert_eq!(verified.status.code(), Some(1));
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(
        said.contains("model.onnx") && said.contains("size"),
        "{said}"
    );

    let file = recording("balance_zh.wav");
    let transcribed = run(&["transcribe", path_text(&file)]);
    let said = String::from_utf8_lossy(&transcribed.stderr);
    assert_eq!(transcribed.status.code(), Some(2), "{said}");
    assert!(
        said.contains("model.onnx") && !said.contains("panicked"),
        "{said}"
    );
}

#[test]
fn an_ngram_or_a_lexicon_that_cannot_be_used_is_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let file = recording("balance_zh.wav");
    let malformed = written(folder.path(), "lm.arpa", b"\\data\\\nngram 1=x\n");
    let nothing = folder.path().join("nothing.arpa");
    let cases = [
        (nothing.as_path(), "nothing.arpa", "check the path"),
        (folder.path(), "Is a directory", "name a file"),
        (&malformed, "lm.arpa`, line 2", "mend the line, or bring"),
    ];
    for (lm, fault, remedy) in cases {
        let said = refused(&["transcribe", "--lm", path_text(lm), path_text(&file)]);
        assert!(said.contains(fault) && said.contains(remedy), "{said}");
    }

    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data");
    let copy = folder.path().join("models");
    copy_folder(&models.join("tones"), &copy.join("tones"));
    std::fs::copy(models.join("catalogue.toml"), copy.join("catalogue.toml")).unwrap();
    written(&copy, "tones/lexicon.tsv", "妈 m a\n".as_bytes());
    let models = [
        "transcribe",
        "--model",
        "tones",
        "--models",
        path_text(&copy),
    ];
    let said = refused(&[&models[..], &[path_text(&file)]].concat());
    assert!(
        said.contains("lexicon.tsv`, line 1") && said.contains("mend the line, or bring"),
        "{said}"
    );
}

#[test]
fn a_catalogue_without_models_is_named() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "catalogue.toml", b"");
    let models = path_text(folder.path());
    let file = recording("balance_zh.wav");
    let said = refused(&["transcribe", "--models", models, path_text(&file)]);
    let told = "catalogue.toml` lists no model, and none was added; install";
    assert!(said.contains(told), "{said}");
    for (command, status) in [("list", 0), ("verify", 1)] {
        let output = trunkside(&["models", command, "--models", models]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(told), "{command}: {said}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(
        folder.path(),
        "config.toml",
        concat!(
            "[box]\ntenant = \"a/b\"\nbranch = \"north\"\n",
            "[line]\nlisten = \"somewhere\"\nadvertise = \"127.0.0.1\"\nring_timeout_s = 1\n",
            "rtp_ports = \"9\"\n[decision]\npolicy = \"missing.toml\"\n",
        )
        .as_bytes(),
    );
    for command in ["check", "run"] {
        let said = refused(&[command, "--config", path_text(&config)]);
        for key in [
            "box.tenant",
            "box.device",
            "line.listen",
            "line.ring_timeout_s",
            "line.rtp_ports",
        ] {
            assert!(
                said.contains(key),
                "{command} does not tell of `{key}`:\n{said}"
            );
        }
        assert!(said.contains("config.toml:5"), "the line is told:\n{said}");
        assert!(said.contains("missing.toml"), "{said}");
    }
}

#[test]
fn a_policy_without_a_way_to_its_agent_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(
        folder.path(),
        "config.toml",
        concat!(
            "[box]\ntenant = \"a\"\nbranch = \"b\"\ndevice = \"c\"\n[line]\nlisten = ",
            "\"127.0.0.1:0\"\n[decision]\npolicy = \"policy.toml\"\n",
        )
        .as_bytes(),
    );
    written(folder.path(), "policy.toml", b"[[agent]]\nid = \"li_na\"\n");
    let said = refused(&["check", "--config", path_text(&config)]);
    assert!(
        said.contains("policy.toml") && said.contains("contact"),
        "{said}"
    );
}

#[test]
fn an_unknown_key_warns_and_only_a_strict_check_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = written(
        folder.path(),
        "config.toml",
        concat!(
            "[box]\ntenant = \"a\"\nbranch = \"b\"\ndevice = \"c\"\ncolour = \"red\"\n",
            "[line]\nlisten = \"127.0.0.1:0\"\n[decision]\npolicy = \"policy.toml\"\n",
        )
        .as_bytes(),
    );
    written(
        folder.path(),
        "policy.toml",
        b"[[agent]]\nid = \"li_na\"\ncontact = \"sip:li_na@127.0.0.1:5071\"\n",
    );
    let lenient = trunkside(&["check", "--config", path_text(&config)]);
    let said = String::from_utf8_lossy(&lenient.stderr);
    assert_eq!(lenient.status.code(), Some(0), "{said}");
    assert!(said.contains("box.colour"), "{said}");
    refused(&["check", "--strict", "--config", path_text(&config)]);
}

/// A configuration that is right, with settings of its own, and the policy beside it.
fn configuration(folder: &Path, settings: &str) -> PathBuf {
    let policy = "[[agent]]\nid = \"li_na\"\ncontact = \"sip:li_na@127.0.0.1:5071\"\n";
    written(folder, "policy.toml", policy.as_bytes());
    let text = format!(
        "[box]\ntenant = \"a\"\nbranch = \"b\"\ndevice = \"c\"\n\
         [line]\nlisten = \"127.0.0.1:0\"\n[decision]\npolicy = \"policy.toml\"\n{settings}"
    );
    written(folder, "config.toml", text.as_bytes())
}

#[test]
fn what_would_keep_a_box_from_starting_is_told_by_check() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "phrases.tsv", b"no weight\n");
    written(folder.path(), "file", b"");
    let file = folder.path().join("file/data");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data");
    let cantonese = format!(
        "[recognition]\nlanguage = \"yue\"\nmodel = \"tones\"\nmodels_dir = \"{}\"\n",
        models.display()
    );
    for (settings, fault, line) in [
        (&*cantonese, "`recognition.language`", 10),
        ("[recognition]\nmodel = \"nope\"\n", "zh-en-1", 10),
        ("[recognition]\nmodels_dir = \"nowhere\"\n", "nowhere", 10),
        (
            "[recognition]\nphrases = \"phrases.tsv\"\n",
            "phrases.tsv",
            10,
        ),
        ("[board]\nwatchdog = \"/dev/nope\"\n", "/dev/nope", 10),
    ] {
        let config = configuration(folder.path(), settings);
        let said = refused(&["check", "--config", path_text(&config)]);
        let place = format!("config.toml:{line}: error");
        assert!(
            said.contains(fault) && said.contains(&place),
            "{settings}: {said}"
        );
    }
    let config = configuration(folder.path(), "");
    let output = Command::new(binary("trunkside"))
        .args(["check", "--config", path_text(&config)])
        .env("TRUNKSIDE_BOX__DATA_DIR", &file)
        .env("TRUNKSIDE_BOX__TENANT", "123")
        .output()
        .expect("trunkside runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("$TRUNKSIDE_BOX__DATA_DIR: error"), "{said}");
    assert!(
        !said.contains("box.tenant"),
        "a name of digits is a name: {said}"
    );
    assert!(!file.exists(), "a check leaves nothing behind");
}

#[test]
fn an_unreadable_drop_in_hides_no_other_problem() {
    let folder = tempfile::tempdir().unwrap();
    let config = configuration(folder.path(), "[board]\nwatchdog = \"/dev/nope\"\n");
    std::fs::create_dir_all(folder.path().join("conf.d/10.toml")).unwrap();
    let said = refused(&["check", "--config", path_text(&config)]);
    assert!(
        said.contains("conf.d/10.toml") && said.contains("/dev/nope"),
        "{said}"
    );
    let missing = folder.path().join("missing.toml");
    let said = refused(&["check", "--config", path_text(&missing)]);
    assert!(!said.contains("policy.toml"), "only the cause: {said}");
}

#[test]
fn lines_that_no_telephone_would_carry_are_understood_without_harm() {
    let mut child = Command::new(binary("trunkside"))
        .args(["understand", "--json"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("trunkside runs");
    let mut input = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        input.write_all(b"\n\xFF\xFE\xFD\n").unwrap();
        input.write_all("😀😀\n\u{0}\u{7}\n".as_bytes()).unwrap();
        input.write_all(&vec![b'7'; 1 << 20]).unwrap();
    });
    let output = child.wait_with_output().expect("trunkside ends");
    writer.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let reports: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("a JSON object a line"))
        .collect();
    assert_eq!(reports.len(), 5);
    assert!(!reports[4]["redacted"].as_str().unwrap().contains("7777"));
}
