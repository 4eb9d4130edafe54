//! English names by whom they are told of: oneself, relatives, and who is asked for.

use super::english::{
    MODALS, introduced, is_common, names_from, skip_blanks, skip_leads, word_end,
};
use super::hidden;
use super::known::{
    is_also_a_word, is_chinese_family_name, is_family_name, is_first_name, is_in_dictionary,
    is_ordinary, is_place,
};
use crate::numbers::Folded;
use crate::redact::Hidden;

/// `my names hope brown`, the apostrophe unheard: up to two words that end what is said of the name.
pub(super) fn of_oneself(text: &Folded, at: usize) -> Option<Hidden> {
    const NO_NAMES: [&str; 8] = [
        "dont", "don't", "doesnt", "isnt", "arent", "wasnt", "match", "gone",
    ];
    let after = introduced(text, at, &["my names", "his names", "her names"])?;
    let name = names_from(text, after, 2)?;
    let words = text.slice(name.start, name.end);
    let plain = |word: &str| NO_NAMES.contains(&word) || is_common(word) && !is_also_a_word(word);
    let next = skip_blanks(text, name.end);
    let behind = text.slice(next, word_end(text, next).min(next + 10));
    let ends = behind.is_empty()
        || ["and", "i", "im", "i'm", "calling", "from"].contains(&behind.as_str());
    (ends && !words.split(' ').any(plain)).then_some(name)
}

/// Who is spoken of by a name of their own: `my son jack`.
const KIN: &str = "son daughter wife husband mum mom mam mother dad father brother sister partner fiance fiancee \
    boyfriend girlfriend grandson granddaughter grandma grandad nephew niece uncle aunt auntie cousin friend mate boss \
    manager colleague neighbour neighbor landlord carer flatmate housemate lodger tenant solicitor";

/// What says that a name follows.
const CALLED: [&str; 4] = [" is called ", "'s called ", " is named ", " named "];

/// What may stand before one: `my wife called yesterday` tells none.
const MAYBE_CALLED: [&str; 3] = ["s called ", " called ", " "];

/// `my son jack`, `my daughter is called hope`: whatever follows the latter, and behind the former a word
/// that is a first name or no other word.
pub(super) fn relative(text: &Folded, at: usize) -> Option<Hidden> {
    let kin = introduced(text, at, &["my", "our", "his", "her"])
        .filter(|end| text.at(*end) == Some(' '))?
        + 1;
    let kin_end = text.word_end(kin);
    let word = text.slice(kin, kin_end.min(kin + 14));
    let is_kin = |word: &str| KIN.split_whitespace().any(|kin| kin == word);
    // `my sons called jack`: an apostrophe that nobody hears.
    let end = if is_kin(&word) {
        kin_end
    } else if word.strip_suffix('s').is_some_and(is_kin) {
        kin_end - 1
    } else {
        return None;
    };
    let behind = |words: &[&str]| {
        let word = words.iter().find(|word| text.starts_with(end, word));
        word.map(|word| skip_leads(text, end + word.len()))
    };
    if let Some(start) = behind(&CALLED) {
        return names_from(text, start, 2);
    }
    let start = behind(&MAYBE_CALLED)?;
    let first_end = word_end(text, start);
    let first = text.slice(start, first_end.min(start + 20));
    let next = skip_blanks(text, first_end);
    let second = text.slice(next, word_end(text, next).min(next + 20));
    let of_family = second.len() > 2
        && !is_common(&second)
        && !is_ordinary(&second)
        && (is_family_name(&second)
            || is_chinese_family_name(&second)
            || !is_in_dictionary(&second));
    let verb = MODALS.contains(&first.as_str()) && !of_family;
    let named = is_first_name(&first) && !is_ordinary(&first)
        || is_also_a_word(&first) && !verb
        || first.len() > 2
            && !first.contains('\'')
            && !is_in_dictionary(&first)
            && !is_place(&first);
    let whole = if of_family {
        word_end(text, next)
    } else {
        first_end
    };
    (named && !is_common(&first)).then(|| hidden(start, whole))
}

/// `is jack there`: a first name, also one that is another word.
pub(super) fn sought(text: &Folded, at: usize) -> Option<Hidden> {
    const BEHIND: [&str; 5] = ["there", "in", "available", "around", "free"];
    let start = introduced(text, at, &["is"]).map(|end| skip_blanks(text, end))?;
    let end = word_end(text, start);
    let word = text.slice(start, end.min(start + 20));
    let next = skip_blanks(text, end);
    let next_end = word_end(text, next);
    let behind = text.slice(next, next_end.min(next + 10));
    // `is bill in the post`
    let at_end = skip_blanks(text, next_end);
    let ends =
        !text.at(at_end).is_some_and(char::is_alphanumeric) || text.starts_with(at_end, "please");
    let named = is_also_a_word(&word) || is_first_name(&word) && !is_ordinary(&word);
    (named && ends && BEHIND.contains(&behind.as_str())).then(|| hidden(start, end))
}
