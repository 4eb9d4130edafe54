//! The recordings that are part of the program.

use trunkside_call::Language;

macro_rules! recording {
    ($language:literal, $name:literal) => {
        include_bytes!(concat!("../../prompts/", $language, "/", $name, ".wav")).as_slice()
    };
}

macro_rules! recordings {
    (all: $($all:literal)*; chinese: $($chinese:literal)*; english: $($english:literal)*;) => {
        /// The bytes of a recording, by its language and name.
        pub fn recording(language: Language, name: &str) -> Option<&'static [u8]> {
            Some(match (language, name) {
                $(
                    (Language::Zh, $all) => recording!("zh", $all),
                    (Language::Yue, $all) => recording!("yue", $all),
                    (Language::En, $all) => recording!("en", $all),
                )*
                $(
                    (Language::Zh, $chinese) => recording!("zh", $chinese),
                    (Language::Yue, $chinese) => recording!("yue", $chinese),
                )*
                $((Language::En, $english) => recording!("en", $english),)*
                _ => return None,
            })
        }
    };
}

recordings! {
    all:
        "greeting" "transfer" "queue" "apology" "recording_notice" "recording_consent" "not_recorded"
        "next" "one_ahead" "ahead-1" "ahead-2" "wait_short" "wait_one" "wait_about-1" "wait_about-2"
        "wait_between-1" "wait_between-2" "wait_between-3"
        "number_0" "number_1" "number_2" "number_3" "number_4" "number_5" "number_6" "number_7"
        "number_8" "number_9" "number_10" "number_100";
    chinese:
        "number_2_of";
    english:
        "number_11" "number_12" "number_13" "number_14" "number_15" "number_16" "number_17"
        "number_18" "number_19" "number_20" "number_30" "number_40" "number_50" "number_60"
        "number_70" "number_80" "number_90" "number_and";
}
