//! Grammars and phrase hints: none panics, and a message stays short.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trunkside_models::Catalogue;
use trunkside_recognition::Recogniser;

/// The tiny model of the tests.
static TONES: LazyLock<Recogniser> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data");
    let catalogue = Catalogue::find(Some(&folder)).expect("the tests' catalogue");
    Recogniser::load(catalogue.model("tones").expect("the tests' model")).expect("it loads")
});

fuzz_target!(|text: &str| {
    for error in [
        TONES.grammar("menu.txt", text, None).err(),
        TONES.phrases("hints.txt", text).err(),
    ] {
        assert!(error.is_none_or(|error| error.to_string().len() < 1_000));
    }
});
