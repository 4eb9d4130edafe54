//! `tokens.txt` of others: none panics, and a message stays short.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use trunkside_recognition::TokenTable;

fuzz_target!(|text: &str| {
    match TokenTable::read(Path::new("tokens.txt"), text) {
        Ok(table) => assert!(table.classes() > 1),
        Err(error) => assert!(error.to_string().len() < 1_000),
    }
});
