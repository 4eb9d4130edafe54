//! Lists of English words: which are names, which are not, and which are places.

use std::collections::HashSet;
use std::sync::LazyLock;

type Words = LazyLock<HashSet<&'static str>>;

fn words_of(lists: &[&'static str]) -> HashSet<&'static str> {
    lists
        .iter()
        .flat_map(|list| list.lines())
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .collect()
}

/// Whether a word is a first name.
pub(super) fn is_first_name(word: &str) -> bool {
    static NAMES: Words = LazyLock::new(|| {
        words_of(&[
            include_str!("../../../data/personal/first_names.txt"),
            include_str!("../../../data/personal/first_names_us.txt"),
        ])
    });
    NAMES.contains(word)
}

/// Whether a word is a family name, and nothing else that callers say.
pub(super) fn is_family_name(word: &str) -> bool {
    static NAMES: Words =
        LazyLock::new(|| words_of(&[include_str!("../../../data/personal/family_names_us.txt")]));
    NAMES.contains(word)
}

/// Whether callers use a word for other things than people.
pub(super) fn is_ordinary(word: &str) -> bool {
    const MORE: &str = "american british english chinese cantonese mandarin french german spanish \
        italian japanese korean russian indian mr mrs ms miss dr internet visa mastercard unionpay \
        alipay wechat paypal amazon apple google microsoft android iphone samsung huawei";
    static WORDS: Words = LazyLock::new(|| {
        words_of(&[
            include_str!("../../../data/personal/ordinary_words.txt"),
            MORE,
        ])
    });
    WORDS.contains(word)
}

/// Whether a word is in the dictionary, as it is or with a usual ending.
pub(in crate::personal) fn is_in_dictionary(word: &str) -> bool {
    const ENDINGS: [&str; 6] = ["s", "es", "ed", "d", "ing", "ly"];
    static WORDS: Words =
        LazyLock::new(|| words_of(&[include_str!("../../../data/personal/dictionary.txt")]));
    let known = |word: &str| WORDS.contains(word) || is_ordinary(word);
    known(word)
        || ENDINGS.iter().any(|ending| {
            let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= 3) else {
                return false;
            };
            let last = stem.chars().next_back();
            let single = last.and_then(|last| stem.strip_suffix(last));
            known(stem)
                || known(&format!("{stem}e"))
                || single.is_some_and(|single| last == single.chars().next_back() && known(single))
                || stem
                    .strip_suffix('i')
                    .is_some_and(|rest| known(&format!("{rest}y")))
        })
}

/// First names that are ordinary words too.
pub(super) fn is_also_a_word(word: &str) -> bool {
    const ALSO: &str = "mark will may grace amber ruby poppy holly daisy ivy jack frank bill rose \
        carol dawn virginia georgia guy eve max alexa siri cortana chase angel";
    static WORDS: Words = LazyLock::new(|| words_of(&[ALSO]));
    WORDS.contains(word)
}

/// Whether a word that was told as a name says other things as often.
pub(super) fn is_any_word(word: &str) -> bool {
    static WORDS: Words =
        LazyLock::new(|| words_of(&[include_str!("../../../data/personal/name_words.txt")]));
    WORDS.contains(word) || is_also_a_word(word) || is_in_dictionary(word)
}

/// Whether a word is, or ends, the name of a country, a state or a large city.
pub(super) fn is_place(word: &str) -> bool {
    static PLACES: Words =
        LazyLock::new(|| words_of(&[include_str!("../../../data/personal/places.txt")]));
    PLACES.contains(word)
}

/// Whether a word says that the words with capitals beside it name an organisation, or a street.
pub(super) fn is_of_no_person(word: &str) -> bool {
    const WORDS: &str = "ltd inc llc corp corporation incorporated company co group bank service \
        services research solutions university college school hospital association institute system \
        systems technology technologies international industry industries foundation agency office \
        department ministry council club society church press media news times weekly post insurance \
        holding holdings partners limited plc gmbh labs capital airlines hotel restaurant \
        street road avenue lane drive boulevard court close square way terrace crescent place parade \
        grove gardens hill row highway parkway alley plaza st rd ave ln dr blvd ct sq pl estate \
        mansion tower building house centre center park via calle rue weg strasse strada";
    static WORDS_SET: Words = LazyLock::new(|| words_of(&[WORDS]));
    WORDS_SET.contains(word)
}

/// Whether a word is a syllable of Cantonese or Mandarin names in Latin letters.
pub(super) fn is_chinese_syllable(word: &str) -> bool {
    static SYLLABLES: Words =
        LazyLock::new(|| words_of(&[include_str!("../../../data/personal/syllables.txt")]));
    SYLLABLES.contains(word)
}

/// Whether a word is a Chinese family name in Latin letters, of Hong Kong's or pinyin spelling.
pub(super) fn is_chinese_family_name(word: &str) -> bool {
    static NAMES: Words = LazyLock::new(|| {
        words_of(&[include_str!(
            "../../../data/personal/family_names_latin.txt"
        )])
    });
    NAMES.contains(word)
}
