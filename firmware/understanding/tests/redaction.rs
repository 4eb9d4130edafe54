//! Redaction of generated speech: a small part of what `examples/measure_redaction.rs` measures.

mod score;
mod speech;

use score::measure;
use speech::Kind;

#[test]
fn what_is_personal_is_hidden_and_what_is_not_stays() {
    let report = measure(6_000, 20_261);
    let told = report.to_json();
    // The aim of 0.999 is judged on 100,000: here one miss more or less would decide.
    assert!(report.of(Kind::is_number).share() >= 0.997, "{told}");
    assert!(
        report.of(|kind| kind == Kind::Name).share() >= 0.95,
        "{told}"
    );
    // Far below the aim, which RESULTS.md tells; this holds what is reached.
    assert!(
        report.of(|kind| kind == Kind::Mention).share() >= 0.7,
        "{told}"
    );
    assert!(
        report.of(|kind| kind == Kind::Address).share() >= 0.95,
        "{told}"
    );
    assert!(report.false_alarm_share() <= 0.05, "{told}");
}

#[test]
fn the_same_seed_makes_the_same_speech() {
    assert_eq!(measure(200, 5).to_json(), measure(200, 5).to_json());
}
