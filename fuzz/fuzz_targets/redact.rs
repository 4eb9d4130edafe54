//! Whatever is said over whichever turns, what is redacted passes the record's own gate, at every
//! level: `cargo +nightly fuzz run redact`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkside_call::Side;
use trunkside_record::RedactedText;
use trunkside_understanding::{RedactionKey, RedactionPolicy, Redactor};

fuzz_target!(|text: &str| {
    for policy in [
        RedactionPolicy::Mask,
        RedactionPolicy::Pseudonym(RedactionKey::new([7; 32])),
        RedactionPolicy::Drop,
    ] {
        let mut redactor = Redactor::new(policy);
        for (turn, said) in text.split('\n').enumerate() {
            let side = if turn % 2 == 0 { Side::Caller } else { Side::Agent };
            let redacted = redactor.redact(side, said, turn % 3 != 0);
            if redacted.len() < 16_000 {
                assert!(RedactedText::try_new(&redacted).is_ok(), "{said} became {redacted}");
            }
        }
    }
});
