//! What a catalogue lists, which files it takes for whole, and which entries are refused.

use std::fs;
use std::path::PathBuf;

use super::*;

fn shipped_for_tests() -> Catalogue {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    Catalogue::find(Some(&folder)).unwrap()
}

const ENTRY: &str = r#"
[[model]]
name = "tones"
languages = ["zh"]
licence = "Apache-2.0"
contract = "nemo-streaming-ctc"
sample_rate_hz = 8000
feature_dim = 64

[[model.file]]
role = "acoustic"
path = "model.onnx"
sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
bytes = 5
"#;

/// A folder with that one file of five bytes, and its catalogue.
fn folder(catalogue: &str, content: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), catalogue).unwrap();
    fs::write(folder.path().join("model.onnx"), content).unwrap();
    folder
}

fn problem(catalogue: &str) -> String {
    let folder = folder(catalogue, "hello");
    Catalogue::find(Some(folder.path()))
        .unwrap_err()
        .to_string()
}

#[test]
fn the_tests_own_catalogue_is_in_order() {
    let catalogue = shipped_for_tests();
    let model = catalogue.default_model().unwrap();
    assert_eq!(
        (model.name.as_str(), catalogue.where_from()),
        ("tones", WhereFrom::Explicit)
    );
    model.verify().unwrap();
    assert!(model.path(Role::Lm).unwrap().ends_with("tones/lm.arpa"));
}

#[test]
fn the_shipped_catalogue_lists_public_models_and_says_which_cannot_be_added() {
    let shipped = Catalogue::find(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap();
    let published = |what: &str| {
        let listed = shipped.public().iter().find(|m| m.url.contains(what));
        listed.unwrap_or_else(|| panic!("no `{what}` is listed"))
    };
    for (what, can_be_added) in [
        ("streaming-zipformer-small-ctc-zh-int8", true),
        ("streaming-zipformer-zh-14M", true),
        ("streaming-zipformer-en-20M", true),
        ("streaming-zipformer-bilingual-zh-en", true),
        ("streaming-zipformer-ctc-multi-zh-hans", true),
        ("streaming-paraformer-trilingual-zh-cantonese-en", false),
        ("telespeech-ctc-int8-zh", false),
    ] {
        let model = published(what);
        assert_eq!(model.unsupported.is_none(), can_be_added, "{what}");
        assert!(!model.languages.is_empty() && !model.licence.is_empty());
        assert!(model.bytes > 1_000_000 && model.url.starts_with("https://"));
    }
}

#[test]
fn an_unknown_model_lists_the_known_ones() {
    let error = shipped_for_tests().model("paraformer").unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown model `paraformer`; this box has `tones`"
    );
}

#[test]
fn a_folder_without_a_catalogue_says_where_it_looked() {
    let error = Catalogue::find(Some(Path::new("/nowhere")))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("looked in `/nowhere`") && error.contains("`recognition.models_dir`"),
        "{error}"
    );
}

#[test]
fn size_and_hash_are_both_checked() {
    let good = folder(ENTRY, "hello");
    Catalogue::find(Some(good.path()))
        .unwrap()
        .default_model()
        .unwrap()
        .verify()
        .unwrap();

    let short = folder(ENTRY, "hell");
    let error = Catalogue::find(Some(short.path()))
        .unwrap()
        .default_model()
        .unwrap()
        .verify()
        .unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("has size `4`, the catalogue expects `5`"),
        "{message}"
    );
    assert!(message.contains("model.onnx") && message.contains("install the model again"));

    let other = folder(ENTRY, "jello");
    let faults = Catalogue::find(Some(other.path()))
        .unwrap()
        .default_model()
        .unwrap()
        .faults();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].to_string().contains("has sha256 `"),
        "{}",
        faults[0]
    );
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder(ENTRY, "hello");
    fs::remove_file(folder.path().join("model.onnx")).unwrap();
    let catalogue = Catalogue::find(Some(folder.path())).unwrap();
    let error = catalogue
        .default_model()
        .unwrap()
        .verify()
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("cannot read `")
            && error.contains("model.onnx")
            && error.ends_with("; check the path"),
        "{error}"
    );
}

#[test]
fn a_role_without_a_file_is_named() {
    let folder = folder(ENTRY, "hello");
    let catalogue = Catalogue::find(Some(folder.path())).unwrap();
    let error = catalogue
        .default_model()
        .unwrap()
        .path(Role::Lexicon)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no file of role `lexicon`"), "{error}");
}

#[test]
fn bad_entries_name_key_value_and_remedy() {
    assert!(problem(&ENTRY.replace("tones", "a/b")).contains("`model.name` must be"));
    assert!(problem(&ENTRY.replace("2cf2", "XYZ!")).contains("`sha256` of `model.onnx`"));
    assert!(problem(&ENTRY.replace("\"model.onnx\"", "\"../secret\"")).contains("stay inside"));
    assert!(problem(&ENTRY.replace("nemo-streaming-ctc", "magic")).contains("unknown variant"));
    assert!(problem(&format!("{ENTRY}{ENTRY}")).contains("used twice"));
    assert!(problem("[[model]\n").contains("catalogue.toml"));
}

#[test]
fn an_empty_catalogue_says_so_with_the_remedy() {
    let folder = folder("", "hello");
    let catalogue = Catalogue::find(Some(folder.path())).unwrap();
    assert!(catalogue.models().is_empty());
    for asked in [catalogue.default_model(), catalogue.model("x")] {
        let error = asked.unwrap_err().to_string();
        assert!(
            error.contains("catalogue.toml` lists no model") && error.contains("models add"),
            "{error}"
        );
    }
}

#[test]
fn one_entry_that_cannot_be_read_takes_no_other_model_away_and_can_be_removed() {
    let folder = folder(ENTRY, "hello");
    let capitals = ENTRY
        .replace("2cf24dba", "2CF24DBA")
        .replace("tones", "loud");
    let bad = [
        ("loud", capitals.as_str(), "lower-case"),
        (
            "newer",
            "[[model]]\ncontract = \"of-next-year\"",
            "contract",
        ),
        ("torn", "", "lists no model"),
    ];
    for (name, entry, _) in bad {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(ADDED_FILE), entry).unwrap();
    }
    let find = || Catalogue::find(Some(folder.path())).unwrap();
    find().model("tones").unwrap().verify().unwrap();
    assert_eq!(find().broken().len(), bad.len());
    // A removal that was cut short left its folder.
    fs::create_dir(folder.path().join(".torn.gone")).unwrap();
    for (name, _, wrong) in bad {
        let told = find().model(name).unwrap_err().to_string();
        let remedy = format!("`trunkside models remove {name}`");
        assert!(told.contains(wrong) && told.contains(&remedy), "{told}");
        find().remove(name).unwrap();
        assert!(!folder.path().join(name).exists());
    }
    assert!(find().broken().is_empty());
    assert!(!folder.path().join(".torn.gone").exists());
}
