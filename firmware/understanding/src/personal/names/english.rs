//! Names in English talk and in text written with capitals.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::known::{
    is_also_a_word, is_chinese_family_name, is_chinese_syllable, is_family_name, is_first_name,
    is_in_dictionary, is_of_no_person, is_ordinary, is_place,
};
use super::{hidden, related};
use crate::numbers::Folded;
use crate::redact::Hidden;

/// Words behind which a name stands, longer ones first.
const CERTAIN: [&str; 31] = [
    "policy holder is",
    "policyholder is",
    "account holder's name is",
    "account holder is",
    "cardholder is",
    "card holder is",
    "name on the card is",
    "name on the account is",
    "my full name is",
    "my first name is",
    "first name is",
    "surname's",
    "family name's",
    "maiden name's",
    "first name's",
    "my last name is",
    "last name is",
    "my surname is",
    "surname is",
    "family name is",
    "maiden name is",
    "my name is",
    "my name's",
    "name's",
    "the name is",
    "the name's",
    "name is",
    "i am called",
    "in the name of",
    "under the name of",
    "under the name",
];

/// Words behind which a name stands that is no word of the language.
const BARE: [&str; 31] = [
    "next of kin is",
    "emergency contact is",
    "last name",
    "first name",
    "full name",
    "middle name",
    "family name",
    "maiden name",
    "surname",
    "account holder",
    "card holder",
    "cardholder",
    "beneficiary",
    "beneficiary is",
    "on behalf of",
    "signed by",
    "delivered to",
    "payable to",
    "it's under",
    "its under",
    "it is under",
    "booking's under",
    "booking is under",
    "reservation's under",
    "reservation is under",
    "account is under",
    "account's under",
    "policy is under",
    "policy's under",
    "order is under",
    "order's under",
];

/// What stands behind words that may introduce a name.
#[derive(Clone, Copy)]
enum Behind {
    /// Who speaks, or who is greeted, among much else.
    Told,
    /// A person, whom what follows tells from other words.
    Asked,
    /// A person.
    Mentioned,
    /// Firms and things, too.
    Anything,
}

/// Words behind which a name may stand: its first word must be known as one, or be written with a
/// capital.
const POSSIBLE: [(&str, Behind); 27] = [
    ("through to", Behind::Asked),
    ("hello", Behind::Told),
    ("hi", Behind::Told),
    ("this is", Behind::Told),
    ("i'm", Behind::Told),
    ("i am", Behind::Told),
    ("im", Behind::Told),
    ("it's", Behind::Told),
    ("its", Behind::Told),
    ("it is", Behind::Told),
    ("speaking to", Behind::Asked),
    ("speaking with", Behind::Asked),
    ("speak to", Behind::Asked),
    ("speak with", Behind::Asked),
    ("talk to", Behind::Asked),
    ("talked to", Behind::Mentioned),
    ("spoke to", Behind::Mentioned),
    ("spoke with", Behind::Mentioned),
    ("call me", Behind::Told),
    ("called", Behind::Mentioned),
    ("calls me", Behind::Anything),
    ("named", Behind::Mentioned),
    ("ask for", Behind::Asked),
    ("for", Behind::Anything),
    ("from", Behind::Anything),
    ("by", Behind::Anything),
    ("with", Behind::Anything),
];

const TITLES: [&str; 12] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "mister",
    "missus",
    "dr",
    "doctor",
    "madam",
    "prof",
    "professor",
    "sir",
];

/// Words that do not belong to a name behind an introduction.
const NOT_NAMES: &str = "and i but the a an on not is are was were my your his her their our calling \
    from so please with it its in here there for to can could you of as or thanks thank that this \
    what who how when where which why speaking phoning ringing just really very also about because if \
    at by be been being have has had do does did will would should may might must am im ive id ill \
    he she we they me him them us no yes yeah ok okay well now then wrong right spelled spelt listed \
    misspelled different correct incorrect changed missing same already still only too and/or urgent \
    sorry happy ready sure afraid looking trying having going getting waiting hoping want need like \
    going new old account card number phone email address date birth born living live lives";

/// The words of a title that begin other words' phrases.
fn stop_words() -> &'static HashSet<&'static str> {
    static STOP: LazyLock<HashSet<&str>> = LazyLock::new(|| NOT_NAMES.split_whitespace().collect());
    &STOP
}

/// Whether a word is a title, such as `mr`.
pub(super) fn is_title(word: &str) -> bool {
    TITLES.contains(&word)
}

/// The name that begins, or is introduced, at a word's begin.
pub(super) fn name_at(text: &Folded, at: usize, is_written: bool) -> Option<Hidden> {
    if let Some(after) = introduced(text, at, &CERTAIN) {
        return names_from(text, after, 3);
    }
    let told = || bare(text, at).or_else(|| related::of_oneself(text, at));
    if let Some(name) = told().or_else(|| related::relative(text, at)) {
        return Some(name);
    }
    let word = text.slice(at, text.word_end(at).min(at + 10));
    if TITLES.contains(&word.as_str()) {
        let after = at + word.len();
        return names_from(text, after + usize::from(text.at(after) == Some('.')), 2);
    }
    let possible = POSSIBLE
        .iter()
        .find_map(|&(words, behind)| introduced(text, at, &[words]).map(|after| (after, behind)));
    if let Some((after, behind)) = possible {
        let start = skip_leads(text, after);
        let first = text.slice(start, word_end(text, start).min(start + 20));
        let known = is_first_name(&first) && !is_also_a_word(&first) && !is_ordinary(&first);
        if known {
            return names_from(text, start, 2);
        }
        // Nobody speaks to a word that no language has.
        let spoken_to = matches!(behind, Behind::Asked | Behind::Mentioned);
        if spoken_to && first.len() > 2 && !is_in_dictionary(&first) && !is_place(&first) {
            return names_from(text, start, 2);
        }
        if matches!(behind, Behind::Told | Behind::Asked)
            && let Some(name) = by_what_follows(text, at, start)
        {
            return Some(name);
        }
    }
    spelled(text, at)
        .or_else(|| answering(text, at))
        .or_else(|| related::sought(text, at))
        .or_else(|| (!is_written).then(|| full_name(text, at)).flatten())
        .or_else(|| romanised(text, at))
}

/// First names with which a sentence goes on more often.
pub(super) const MODALS: [&str; 2] = ["will", "may"];

/// `last name okonkwo`, `signed by p hargreaves`: known as a name, or no other word.
fn bare(text: &Folded, at: usize) -> Option<Hidden> {
    let after = introduced(text, at, &BARE)?;
    let start = skip_leads(text, after);
    let named = |start: usize| {
        let word = text.slice(start, word_end(text, start).min(start + 20));
        let known = is_first_name(&word) || is_family_name(&word) || is_chinese_family_name(&word);
        word.len() > 2
            && !is_title(&word)
            && !word.contains("n't")
            && !is_common(&word)
            && (known || !is_in_dictionary(&word))
    };
    let end = word_end(text, start);
    // An initial, or a name that is also a word before one that is none.
    let next = skip_blanks(text, end);
    let also = is_also_a_word(&text.slice(start, end.min(start + 20)));
    (named(start) || (also || end == start + 1) && named(next))
        .then(|| names_from(text, start, 3))
        .flatten()
}

/// Behind `i am`, `this is` and `speak to`: one or two words that no language uses there, before an
/// end or a word that goes on.
fn by_what_follows(text: &Folded, at: usize, start: usize) -> Option<Hidden> {
    const CALLS: [&str; 7] = [
        "calling", "speaking", "here", "from", "phoning", "ringing", "again",
    ];
    let says_who = text.starts_with(at, "i") && !text.starts_with(at, "it");
    let name = names_from(text, start, 2)?;
    let words = text.slice(name.start, name.end);
    if words
        .split(' ')
        .any(|word| is_common(word) && !MODALS.contains(&word))
    {
        return None;
    }
    let next = skip_blanks(text, name.end);
    let after = text.slice(next, word_end(text, next).min(next + 10));
    let calls = CALLS.contains(&after.as_str());
    let ends = !text.at(next).is_some_and(char::is_alphanumeric);
    // As agents answer: `this is leena how can i help you`.
    let own = words
        .split(' ')
        .all(|word| is_chinese_family_name(word) && !is_ordinary(word));
    let offers = ["how can", "how may", "how could", "what can"]
        .iter()
        .any(|words| text.starts_with(next, words));
    let goes_on = after == "and" || after == "i" || after == "please";
    let asks = text.starts_with(at, "speak")
        || text.starts_with(at, "talk")
        || text.starts_with(at, "ask")
        || text.starts_with(at, "through")
        || text.starts_with(at, "call");
    (calls || offers || ((says_who || asks || own) && (ends || goes_on))).then_some(name)
}

/// `leena speaking`, as people answer a telephone: a word of no ordinary talk before it.
fn answering(text: &Folded, at: usize) -> Option<Hidden> {
    let end = word_end(text, at);
    let word = text.slice(at, end.min(at + 20));
    let next = skip_blanks(text, end);
    let speaks = next > end && text.slice(next, word_end(text, next).min(next + 9)) == "speaking";
    let plain = word.contains('\'') || is_common(&word) || is_ordinary(&word);
    (speaks && end > at + 1 && !plain).then(|| hidden(at, end))
}

/// Words that follow `i am` or `this is` in ordinary talk, by themselves or by their ending.
pub(super) fn is_common(word: &str) -> bool {
    const WORDS: &str = "happy sad angry upset worried tired sick ill old young new late early back home out \
        in up down off on over under away alone free busy full empty able unable sure certain afraid \
        good bad fine great well better best worse worst right wrong true false real fake big small \
        long short high low hard easy fast slow hot cold dead alive stuck lost broke done over broken \
        a an the one two customer member student owner tenant teacher nurse doctor driver manager \
        person human agent operator someone somebody anyone anybody everyone nobody support sales \
        billing accounts service representative supervisor boss management staff department reception \
        head him her them you me us both another other whoever mum mom dad wife husband mother father \
        son daughter friend british english chinese polite absurd nonsense rubbish crap hell enough \
        important different difficult impossible possible terrible horrible awful number amount bill \
        order card account payment app website phone time day week month year today tomorrow monday \
        tuesday wednesday thursday friday saturday sunday available aware glad grateful keen mad \
        furious livid serious nervous anxious curious disappointed honest pregnant retired single \
        divorced blind deaf disabled overseas abroad downstairs upstairs outside inside online offline";
    const ENDINGS: [&str; 16] = [
        "ing", "ed", "ful", "able", "ible", "ous", "ive", "less", "tion", "ment", "ness", "ally",
        "ly", "ish", "est", "ated",
    ];
    static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
    stop_words().contains(word)
        || COMMON.contains(word)
        || (word.len() > 5 && ENDINGS.iter().any(|ending| word.ends_with(ending)))
}

/// Where the words of an introduction end, if one begins here.
pub(super) fn introduced(text: &Folded, at: usize, introductions: &[&str]) -> Option<usize> {
    introductions
        .iter()
        .map(|words| (words, at + words.len()))
        .find(|(words, end)| {
            text.starts_with(at, words) && !text.at(*end).is_some_and(|c| c.is_ascii_alphabetic())
        })
        .map(|(_, end)| end)
}

/// A known first name, with the family name behind it where one follows.
fn full_name(text: &Folded, at: usize) -> Option<Hidden> {
    let end = word_end(text, at);
    let first = text.slice(at, end.min(at + 20));
    let first = first.strip_suffix("'s").unwrap_or(&first).to_owned();
    let other = is_also_a_word(&first) || is_ordinary(&first) || is_place(&first);
    // A street is left to the addresses.
    if !is_first_name(&first) || other || is_of_no_person(&first) {
        return None;
    }
    let next = skip_blanks(text, end);
    let next_end = word_end(text, next);
    let surname = text.slice(next, next_end.min(next + 20));
    let follows = next_end > next + 2
        && !text.slice(at, end).ends_with("'s")
        && next > end
        && !stop_words().contains(surname.as_str())
        && !AFTER.split(' ').any(|after| after == surname)
        && !is_common(&surname);
    Some(hidden(at, if follows { next_end } else { end }))
}

/// `chan tai man`, `siu-ming wong`: a Chinese family name in Latin letters before or behind one or two
/// syllables of given names, most of them words that callers do not use otherwise.
fn romanised(text: &Folded, at: usize) -> Option<Hidden> {
    let mut parts: Vec<(usize, String)> = Vec::new();
    let mut start = at;
    while parts.len() < 3 {
        let mut end = start;
        while text.at(end).is_some_and(|c| c.is_ascii_alphabetic()) {
            end += 1;
        }
        if end < start + 2 || end > start + 8 {
            break;
        }
        parts.push((end, text.slice(start, end)));
        if !matches!(text.at(end), Some(' ' | '-')) {
            break;
        }
        start = end + 1;
    }
    (2..=parts.len()).rev().find_map(|length| {
        let words: Vec<&str> = parts[..length]
            .iter()
            .map(|(_, word)| word.as_str())
            .collect();
        let syllables = |words: &[&str]| words.iter().all(|word| is_chinese_syllable(word));
        let (first, last) = (words[0], words[length - 1]);
        // `two hundred to li wei`
        let leads = first == "to" && at > 1 && text.at(at - 2).is_some_and(char::is_alphanumeric);
        if leads {
            return None;
        }
        let named = is_chinese_family_name(first) && syllables(&words[1..])
            || is_chinese_family_name(last) && syllables(&words[..length - 1]);
        let strange = words.iter().filter(|word| !is_ordinary(word)).count();
        (named && strange >= 2).then(|| hidden(at, parts[length - 1].0))
    })
}

/// Skips words with which a speaker gains time.
pub(super) fn skip_leads(text: &Folded, from: usize) -> usize {
    const LEADS: [&str; 10] = [
        "uh", "um", "er", "erm", "ah", "hmm", "uhh", "so", "well", "like",
    ];
    let mut at = from;
    loop {
        let start = skip_blanks(text, at);
        let end = word_end(text, start);
        if end == start || !LEADS.contains(&text.slice(start, end.min(start + 6)).as_str()) {
            return start;
        }
        at = end + usize::from(text.at(end) == Some(','));
    }
}

pub(super) fn skip_blanks(text: &Folded, mut at: usize) -> usize {
    while text.at(at) == Some(' ') {
        at += 1;
    }
    at
}

/// The end of a word of any alphabet, with an apostrophe or hyphen inside.
pub(super) fn word_end(text: &Folded, start: usize) -> usize {
    let letter = |at: usize| {
        text.at(at)
            .is_some_and(|c| c.is_alphabetic() && !('\u{2e80}'..='\u{d7ff}').contains(&c))
    };
    let mut end = start;
    while letter(end)
        || (end > start && matches!(text.at(end), Some('\'' | '-')) && letter(end + 1))
    {
        end += 1;
    }
    end
}

/// Up to so many words that may be names, hesitations skipped.
pub(super) fn names_from(text: &Folded, from: usize, most: usize) -> Option<Hidden> {
    const FILLERS: [&str; 8] = ["uh", "um", "er", "erm", "ah", "hmm", "uhh", "umm"];
    let mut at = skip_leads(text, from);
    let mut span: Option<(usize, usize)> = None;
    let mut taken = 0;
    let mut particle = false;
    while taken <= most {
        while text
            .at(at)
            .is_some_and(|c| matches!(c, ' ' | ',' | ':' | '"'))
        {
            at += 1;
        }
        let end = word_end(text, at);
        let word = text.slice(at, end.min(at + 24));
        if FILLERS.contains(&word.as_str()) {
            at = end;
            continue;
        }
        let short = word.strip_suffix("'s").unwrap_or(&word);
        if taken == 0 && MODALS.contains(&short) && is_name_here(text, end) {
            (span, at, taken) = (Some((at, end)), end, 1);
            continue;
        }
        let most = most + usize::from(particle);
        if end == at
            || taken >= most
            || stop_words().contains(short)
            || taken > 0 && AFTER.split(' ').any(|after| after == short)
        {
            break;
        }
        particle |= PARTICLES.contains(&short) && taken < most;
        span = Some((span.map_or(at, |(start, _)| start), end));
        at = end;
        taken += 1;
        if text.at(at).is_some_and(|c| c == ',') {
            break;
        }
    }
    let (start, end) = span?;
    Some(with_spelling(text, start, end))
}

/// Whether a first name that is also a verb is one where a name is expected: it ends what is said, or a
/// family name follows.
fn is_name_here(text: &Folded, end: usize) -> bool {
    let next = skip_blanks(text, end);
    let word = text.slice(next, word_end(text, next).min(next + 20));
    let spelt = word.len() == 1 && word != "i";
    let says = ["from", "calling", "here", "speaking", "and"].contains(&word.as_str());
    word.is_empty() || spelt || says || !stop_words().contains(word.as_str())
}

/// Words of which none ends a name that they stand in.
const PARTICLES: [&str; 12] = [
    "al", "el", "bin", "binti", "van", "von", "der", "de", "da", "del", "la", "st",
];

/// Words with which the talk goes on behind a name.
const AFTER: &str = "told said says asked called yesterday today tomorrow earlier later again before after last next who whose \
    about regarding one two three four five six seven eight nine ten twenty thirty forty fifty hundred reference order \
    signed opened sent got gave came helped promised never always first once twice owes owed owe hung hangs needs needed \
    wants wanted keeps kept takes took makes made gets gives goes went comes left works lives sends pays paid lost \
    knows thinks uses used put did was has had from is will would can could should";

/// Takes in letters that spell the name out behind it.
fn with_spelling(text: &Folded, start: usize, end: usize) -> Hidden {
    let mut at = end;
    for _ in 0..3 {
        let next = at
            + text.chars()[at.min(text.chars().len())..]
                .iter()
                .take_while(|c| matches!(c, ' ' | ','))
                .count();
        let word = word_end(text, next);
        if let Some(letters) = spelled(text, next) {
            return hidden(start, letters.end);
        }
        let says = ["that's", "thats", "spelled", "spelt", "that", "is", "it's"];
        if !says.contains(&text.slice(next, word.min(next + 10)).as_str()) {
            break;
        }
        at = word;
    }
    hidden(start, end)
}

/// So many letters are looked at together: longer rows are hidden from each of their letters on.
const MOST_LETTERS: usize = 40;

/// Signs within names, as they are spelt: `o apostrophe n e i l l`.
const SPELT_SIGNS: [&str; 3] = ["apostrophe ", "hyphen ", "dash "];

/// Three or more single letters in a row, `w a n g` or `w-a-n-g`, also with `double` and the signs of names.
fn spelled(text: &Folded, at: usize) -> Option<Hidden> {
    let single = |at: usize| {
        text.at(at).is_some_and(|c| c.is_ascii_alphabetic()) && text.word_end(at) == at + 1
    };
    let (mut end, mut count) = (at, 0);
    while single(end) && count < MOST_LETTERS {
        count += 1;
        end += 1;
        let gap = usize::from(matches!(text.at(end), Some(' ' | '-' | '.')));
        let word = ["double "].iter().chain(&SPELT_SIGNS);
        let mut behind = word
            .filter(|word| text.starts_with(end + gap, word))
            .map(|word| end + gap + word.len());
        if single(end + gap) && gap > 0 {
            end += gap;
        } else if let Some(next) = behind.next().filter(|next| single(*next)) {
            end = next;
        } else {
            break;
        }
    }
    (count >= 3).then(|| hidden(at, end))
}

/// The word that letters spell out behind it: `it's under patel p a t e l`.
pub(super) fn before_its_spelling(text: &Folded, at: usize) -> Option<Hidden> {
    const SAYS: [&str; 7] = ["that's", "thats", "spelled", "spelt", "is", "it's", "as"];
    let blank = |at: usize| matches!(text.at(at), Some(' ' | ',' | '.' | '-'));
    let mut start = at;
    for _ in 0..3 {
        let mut end = start;
        while end > 0 && blank(end - 1) {
            end -= 1;
        }
        start = end;
        while start > 0
            && text
                .at(start - 1)
                .is_some_and(|c| c.is_alphabetic() || "'-".contains(c))
            && end - start < MOST_LETTERS
        {
            start -= 1;
        }
        let word = text.slice(start, end);
        if !SAYS.contains(&word.as_str()) {
            let letters = |c: &char| c.is_alphabetic();
            let word: String = word.chars().filter(letters).collect();
            let is_spelt =
                word.len() > 2 && spelled(text, at).is_some_and(|row| spells(text, &row, &word));
            return is_spelt.then(|| hidden(start, end));
        }
    }
    None
}

/// Whether a row of letters begins with those of a word.
fn spells(text: &Folded, row: &Hidden, word: &str) -> bool {
    let row = text.slice(row.start, row.end);
    let mut letters = String::new();
    let mut times = 1;
    for piece in row.split([' ', '-', '.']) {
        if piece == "double" {
            times = 2;
        } else if piece.len() == 1 {
            letters.push_str(&piece.repeat(times));
            times = 1;
        }
    }
    letters.starts_with(word)
}

/// The answer to a question for the name: one to three words and nothing else.
pub(super) fn answer(text: &Folded) -> Option<Hidden> {
    const LEADS: [&str; 14] = [
        "yes", "yeah", "sure", "ok", "okay", "it's", "its", "it", "is", "that's", "um", "uh", "so",
        "well",
    ];
    const REPLIES: [&str; 20] = [
        "hold", "hang", "one", "just", "let", "give", "pardon", "excuse", "hello", "hi", "hey",
        "never", "nothing", "bear", "sec", "second", "moment", "hmm", "mm", "mhm",
    ];
    let mut start = 0;
    loop {
        while text.at(start).is_some_and(|c| matches!(c, ' ' | ',')) {
            start += 1;
        }
        let end = word_end(text, start);
        if end == start || !LEADS.contains(&text.slice(start, end.min(start + 8)).as_str()) {
            break;
        }
        start = end;
    }
    let first = text.slice(start, word_end(text, start).min(start + 10));
    if REPLIES.contains(&first.as_str()) {
        return None;
    }
    names_from(text, start, 3)
}

/// Whether a turn that answers a request tells a name: one that is known, or a word that is no other.
pub(super) fn is_told(text: &Folded) -> bool {
    answer(text).is_some_and(|name| {
        text.slice(name.start, name.end).split(' ').any(|word| {
            is_first_name(word)
                || is_family_name(word)
                || is_chinese_family_name(word)
                || !is_in_dictionary(word)
        })
    })
}

/// Whether a turn that answers a request tells one word of a name, and nothing else.
pub(super) fn is_begun(text: &Folded) -> bool {
    is_told(text)
        && answer(text).is_some_and(|name| {
            !text.slice(name.start, name.end).contains(' ')
                && !text.chars()[name.end..].iter().any(|c| c.is_alphanumeric())
        })
}

/// The rest of a name whose first word the turn before told: one word or two that are names or no
/// other words, and nothing else.
pub(super) fn rest(text: &Folded) -> Option<Hidden> {
    let name = answer(text)?;
    let ends = !text.chars()[name.end..].iter().any(|c| c.is_alphanumeric());
    let words = text.slice(name.start, name.end);
    let named = |word: &str| {
        let known = is_family_name(word) || is_first_name(word) || is_chinese_family_name(word);
        known || !is_in_dictionary(word)
    };
    (ends && words.split(' ').count() <= 2 && words.split(' ').all(named)).then_some(name)
}

/// The name behind one that is taken back: `rajesh sorry rakesh`.
pub(super) fn corrected(text: &Folded, end: usize) -> Option<Hidden> {
    const CORRECTIONS: [&str; 10] = [
        "sorry",
        "no",
        "not",
        "wait",
        "oops",
        "i mean",
        "rather",
        "actually",
        "correction",
        "make that",
    ];
    const LINKS: [&str; 4] = ["that's", "it's", "its", "it is"];
    let skip = |mut at: usize| {
        while text.at(at).is_some_and(|c| matches!(c, ' ' | ',')) {
            at += 1;
        }
        at
    };
    let mut at = skip(end);
    let first = at;
    while let Some(after) = introduced(text, at, &CORRECTIONS) {
        at = skip(after);
    }
    if at > first {
        at = introduced(text, at, &LINKS).map_or(at, skip);
    }
    let word = text.slice(at, word_end(text, at).min(at + 20));
    let named = is_first_name(&word) || is_family_name(&word) || !is_in_dictionary(&word);
    let plain = word.len() < 3 || is_common(&word) || is_also_a_word(&word);
    (at > first && named && !plain)
        .then(|| names_from(text, at, 2))
        .flatten()
}

/// Whether a text ends with an introduction or asks for a name.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    const ASKED: [&str; 11] = [
        "maiden name",
        "who do i make it out to",
        "name and",
        "your name",
        "your full name",
        "your last name",
        "your surname",
        "your first name",
        "the name on the account",
        "who am i speaking",
        "may i have your name",
    ];
    let end = text.chars().len();
    (end.saturating_sub(40)..end).any(|at| {
        text.chars()[at].is_ascii_alphabetic() && text.is_word_start(at) && {
            introduced(text, at, &CERTAIN)
                .is_some_and(|after| text.chars()[after..].iter().all(|c| !c.is_alphanumeric()))
                || ASKED.iter().any(|words| text.starts_with(at, words))
        }
    })
}
