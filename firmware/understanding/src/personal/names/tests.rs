use crate::redact;
use crate::redact::{RedactionPolicy, Redactor};
use trunkside_call::Side;

#[test]
fn names_written_with_capitals_need_no_introduction() {
    for (text, redacted) in [
        (
            "Please add Krisztina Halvorsen to my account",
            "Please add [name] to my account",
        ),
        (
            "Ottilie van der Meer wants a refund",
            "[name] wants a refund",
        ),
        (
            "I spoke to Dr. J. Okafor Jr. yesterday",
            "I spoke to [name]. yesterday",
        ),
        ("Thanks, Tamsin", "Thanks, [name]"),
        (
            "Chan Tai Man called about the order",
            "[name] called about the order",
        ),
        ("我的朋友Peter Wong要退款", "我的朋友[name]要退款"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn capitals_of_other_things_stay() {
    for text in [
        "Don't close my Gold Card on Monday",
        "I'm moving to Norway in April",
        "We'll ask the British Museum",
        "Harrington Holdings Ltd sent the invoice",
        "the Wellington office is closed",
        "Waiting for the courier",
        "It is my card, Will I be able to use it",
        "My Huawei phone from Amazon is broken",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn chinese_names_in_latin_letters_are_names_in_speech() {
    for (text, redacted) in [
        ("i told chan siu ming about it", "i told [name] about it"),
        ("put wong ka-yan on the list", "put [name] on the list"),
        ("ask zhang weiwei about it", "ask [name] about it"),
        ("so long man to see you", "so long man to see you"),
        ("i ran to the bank", "i ran to the bank"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn the_strictest_level_hides_every_capital_that_may_be_a_name() {
    let mut strict = Redactor::new(RedactionPolicy::Drop);
    let mut redact = |text: &str| strict.redact(Side::Caller, text, true);
    assert_eq!(redact("the Vandermolen file"), "the [dropped] file");
    assert_eq!(
        redact("a parcel from Zoetermeer"),
        "a parcel from [dropped]"
    );
    assert_eq!(redact("my Gold Card from China"), "my Gold Card from China");
}
