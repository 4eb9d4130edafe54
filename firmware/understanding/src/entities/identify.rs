//! What a run of digits is: by its own form, or by the words before it.

use trunkside_call::EntityKind;

use super::cue::{Cue, cue_before, is_cued};
use super::{Found, plain};
use crate::numbers::{Atom, Folded, Reading, Run, is_misheard, skip_pauses};

/// The longest number that is looked for within a longer run, in digits.
const LONGEST: usize = 24;

/// The numbers of a run that their own form shows: mobile, identity, card.
pub(super) fn certain(text: &Folded, run: &Run) -> Vec<Found> {
    if run.length < 4 {
        return Vec::new();
    }
    if let Some(found) = before_extension(text, run).or_else(|| whole(text, run)) {
        return vec![found];
    }
    let mut found = Vec::new();
    let chunks = chunks_of(run);
    let mut first = 0;
    while first < chunks.len() {
        let longest = longest_form(text, &chunks[first..]);
        if let Some((count, entity)) = longest {
            found.push(entity);
            first += count;
        } else {
            first += 1;
        }
    }
    found
}

/// What is left of a run: one number, by the cue before it or by its digits; or several.
pub(super) fn remaining(text: &Folded, run: &Run, free: &[&Atom]) -> Vec<Found> {
    let whole = free.len() == run.atoms.len();
    if !whole || run.said.len() < 3 || !run.is_strong() {
        return plain::numbers(text, free);
    }
    let counts = run
        .atoms
        .iter()
        .any(|atom| atom.reading == Reading::Cardinal);
    let (start, end) = digits_of(run);
    let one = |kind| vec![Found::new(kind, run.meant.clone(), start, end)];
    // 信用卡欠五千 tells no card's number, 尾号二十三四十五 does.
    let cue = cue_before(text, start)
        .filter(|cue| !counts || is_cued(text, start, *cue) && !is_linked(text, run));
    // 一点二三四五 are no bank's 12345.
    let decimal = || plain::one_decimal(text, &run.atoms);
    let is_line = is_public_line(&run.meant) && cue.is_none_or(|cue| cue == Cue::Phone);
    if is_line && (cue.is_some() || decimal().is_none()) {
        return one(EntityKind::Number);
    }
    let ending = cue.filter(|cue| is_longer(*cue) && is_ending(text, start) && run.meant.len() > 2);
    let kind = cue.and_then(|cue| fits_cue(cue, run.meant.len()));
    if let Some(kind) = kind.or(ending.map(Cue::kind)) {
        return one(kind);
    }
    if counts {
        return plain::numbers(text, free);
    }
    let (misheard, heard): (Vec<_>, Vec<_>) = free.iter().partition(|atom| is_misheard(text, atom));
    // 529 is five to nine, but 134580 may be one three for five ate zero.
    if run.said.len() - misheard.len() < 3 {
        return plain::numbers(text, &heard);
    }
    if is_hong_kong_line(text, run) {
        return one(EntityKind::Phone);
    }
    if is_span(text, run) {
        return plain::numbers(text, free);
    }
    match plain::one_decimal(text, &run.atoms) {
        Some(decimal) => vec![decimal],
        None => one(EntityKind::Number),
    }
}

/// Words between cardinals that part them: 一千到两千, `ten and fifteen`.
const LINKS: [&str; 16] = [
    "到", "和", "同", "加", "减", "有", "还", "转", "再", "点", "and", "then", "plus", "minus",
    "point", "after",
];

/// Whether words part a run's numbers.
fn is_linked(text: &Folded, run: &Run) -> bool {
    run.atoms.windows(2).any(|pair| {
        let between = text.slice(pair[0].end, pair[1].start);
        LINKS.iter().any(|link| between.contains(link))
    })
}

/// The most digits of a number that another one parts from to.
const SPAN: usize = 6;

/// Whether a run is two numbers in figures, from one to a greater one: `3000到5000`, `100-200`. Figures that a
/// dash parts are a number of its own unless both are round.
fn is_span(text: &Folded, run: &Run) -> bool {
    let [from, to] = &run.atoms[..] else {
        return false;
    };
    let figures = |atom: &Atom| {
        let digits = &atom.digits;
        let plain = atom.reading == Reading::Figures && digits.len() <= SPAN;
        (plain && !digits.starts_with('0')).then(|| digits.parse::<u32>().ok())?
    };
    let (Some(low), Some(high)) = (figures(from), figures(to)) else {
        return false;
    };
    let round = low.is_multiple_of(10) && high.is_multiple_of(10);
    let parted = match text.slice(from.end, to.start).trim() {
        "到" | "至" => true,
        "-" | "~" | "～" | "—" | "–" => round,
        _ => false,
    };
    parted && low < high
}

/// The most letters that a number may begin with.
const LETTERS: usize = 6;

/// Whether numbers of this kind may begin with letters.
const fn takes_letters(kind: EntityKind) -> bool {
    matches!(
        kind,
        EntityKind::Account
            | EntityKind::Identity
            | EntityKind::Order
            | EntityKind::Policy
            | EntityKind::Reference
    )
}

/// Whether a number begins with letters.
pub(super) fn has_letters(found: &Found) -> bool {
    takes_letters(found.kind) && found.value.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// With the letters that orders, policies and the like begin with: `AB774331`, `a b 774331`.
pub(super) fn with_letters(text: &Folded, mut found: Found) -> Found {
    if let Some(start) = takes_letters(found.kind)
        .then(|| letters_before(text, found.start))
        .flatten()
    {
        let letters = text.chars()[start..found.start].iter();
        let letters = letters.filter(|c| c.is_ascii_alphabetic());
        let said: String = letters.map(char::to_ascii_uppercase).collect();
        found.value.insert_str(0, &said);
        found.start = start;
    }
    found
}

/// Where letters begin that belong to the number at `start`: joined to it, or spelled one by one.
fn letters_before(text: &Folded, start: usize) -> Option<usize> {
    let before = |at: usize| at.checked_sub(1).and_then(|at| text.at(at));
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
    // The t of isn't is no letter of a number.
    let is_apostrophe = |c: Option<char>| c == Some('\'');
    let gap = |at: usize| usize::from(matches!(before(at), Some(' ' | '-')));
    let joined = start - usize::from(before(start) == Some('-'));
    let mut first = joined;
    while is_letter(before(first)) {
        first -= 1;
    }
    if (2..=LETTERS).contains(&(joined - first)) && !is_apostrophe(before(first)) {
        return Some(first);
    }
    let (mut first, mut letters) = (start, 0);
    loop {
        let end = first - gap(first);
        let is_alone = is_letter(before(end))
            && !is_letter(before(end.saturating_sub(1)))
            && !is_apostrophe(before(end.saturating_sub(1)));
        if !is_alone || letters == LETTERS {
            break;
        }
        (first, letters) = (end - 1, letters + 1);
    }
    // The article, or oneself.
    let parted = gap(start) == 1 && before(start) == Some(' ');
    let is_word = letters == 1 && parted && matches!(text.at(first), Some('a' | 'i'));
    (letters > 0 && !is_word).then_some(first)
}

/// Where a run begins and ends without the characters beside it.
fn digits_of(run: &Run) -> (usize, usize) {
    let digits = || {
        run.atoms
            .iter()
            .filter(|atom| atom.reading != Reading::Beside)
    };
    let first = digits().next().map_or(run.start(), |atom| atom.start);
    (
        first,
        digits().next_back().map_or(run.end(), |atom| atom.end),
    )
}

/// Takes the whole run, corrections applied, then as it was said, then with what beside it sounds
/// like digits.
fn whole(text: &Folded, run: &Run) -> Option<Found> {
    let (start, end) = digits_of(run);
    for digits in [&run.meant, &run.said] {
        if digits.len() > LONGEST {
            continue;
        }
        if let Some(end) = check_letter_end(text, end).filter(|_| is_identity_body(digits)) {
            return Some(Found::new(
                EntityKind::Identity,
                format!("{digits}X"),
                start,
                end,
            ));
        }
        // What was taken back is a number only where its form shows it.
        let kind = by_form(text, start, digits);
        if let Some(kind) = kind.filter(|kind| *digits == run.meant || is_certain(*kind)) {
            return Some(Found::new(kind, digits.clone(), start, end));
        }
    }
    let cue = cue_before(text, start);
    let known = |digits: &String| by_form(text, start, digits).filter(|kind| is_certain(*kind));
    for digits in run.with_beside().filter(|digits| digits.len() <= LONGEST) {
        if let Some(kind) = known(&digits) {
            return Some(Found::new(kind, digits, run.start(), run.end()));
        }
    }
    let cue = cue.filter(|_| run.meant.len() >= 7 && !is_written_date(text, run))?;
    let kind = fits_cue(cue, run.meant.len())?;
    Some(Found::new(kind, run.meant.clone(), start, end))
}

/// `2026-03-05`, also behind a word such as 订单.
fn is_written_date(text: &Folded, run: &Run) -> bool {
    let [year, month, day] = &run.atoms[..] else {
        return false;
    };
    let mark = |before: &Atom, after: &Atom| {
        let one = after.start == before.end + 1;
        text.at(before.end)
            .filter(|c| one && matches!(c, '-' | '/' | '.'))
    };
    let in_range = |atom: &Atom, most: u32| {
        let value = atom.digits.parse().unwrap_or(0);
        atom.digits.len() <= 2 && (1..=most).contains(&value)
    };
    year.digits.len() == 4
        && (year.digits.starts_with("19") || year.digits.starts_with("20"))
        && in_range(month, 12)
        && in_range(day, 31)
        && mark(year, month).is_some()
        && mark(year, month) == mark(month, day)
}

/// A number with an extension behind it: what is dialled first, `零二幺六三四五六七八九转八零二`.
fn before_extension(text: &Folded, run: &Run) -> Option<Found> {
    if run.said != run.meant {
        return None;
    }
    let parts = |pair: &[Atom]| {
        let between = text.slice(pair[0].end, pair[1].start);
        ["转", "分机", "ext"]
            .iter()
            .any(|word| between.contains(word))
    };
    let count = run.atoms.windows(2).position(parts)? + 1;
    let main = &run.atoms[..count];
    let digits: String = main.iter().map(|atom| atom.digits.as_str()).collect();
    let start = main[0].start;
    let cued = || {
        cue_before(text, start)
            .filter(|cue| *cue == Cue::Phone && digits.len() >= 7)
            .map(Cue::kind)
    };
    let kind = by_form(text, start, &digits).or_else(cued)?;
    (kind == EntityKind::Phone).then(|| Found::new(kind, digits, start, main[count - 1].end))
}

/// Whether a number's form alone shows this kind.
const fn is_certain(kind: EntityKind) -> bool {
    matches!(
        kind,
        EntityKind::Phone | EntityKind::Identity | EntityKind::Card
    )
}

/// Atoms with nothing between them.
struct Chunk {
    start: usize,
    end: usize,
    digits: String,
}

fn chunks_of(run: &Run) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut beside = false;
    for atom in &run.atoms {
        // What only sounds like a digit may be left out.
        let parted = beside != (atom.reading == Reading::Beside);
        beside = atom.reading == Reading::Beside;
        match chunks.last_mut() {
            Some(chunk) if chunk.end == atom.start && !parted => {
                chunk.end = atom.end;
                chunk.digits.push_str(&atom.digits);
            }
            _ => chunks.push(Chunk {
                start: atom.start,
                end: atom.end,
                digits: atom.digits.clone(),
            }),
        }
    }
    chunks
}

/// The longest beginning of some chunks that has a known form, and how many chunks it takes.
fn longest_form(text: &Folded, chunks: &[Chunk]) -> Option<(usize, Found)> {
    let start = chunks[0].start;
    let mut digits = String::new();
    let mut best = None;
    for (index, chunk) in chunks.iter().enumerate() {
        if digits.len() + chunk.digits.len() > LONGEST {
            break;
        }
        digits.push_str(&chunk.digits);
        if let Some(end) = check_letter_end(text, chunk.end).filter(|_| is_identity_body(&digits)) {
            let value = format!("{digits}X");
            best = Some((
                index + 1,
                Found::new(EntityKind::Identity, value, start, end),
            ));
        } else if let Some(kind) = by_form(text, start, &digits).filter(|kind| is_certain(*kind)) {
            best = Some((
                index + 1,
                Found::new(kind, digits.clone(), start, chunk.end),
            ));
        }
    }
    best
}

/// Where the check letter X behind 17 digits ends, if one stands there.
fn check_letter_end(text: &Folded, end: usize) -> Option<usize> {
    let at = skip_pauses(text, end);
    let is_letter =
        text.at(at) == Some('x') && !text.at(at + 1).is_some_and(|c| c.is_ascii_alphanumeric());
    if is_letter {
        return Some(at + 1);
    }
    ["叉", "艾克斯", "爱克斯", "ex"]
        .iter()
        .find(|word| text.starts_with(at, word))
        .map(|word| at + word.chars().count())
}

/// By its form, unless the words before it say that it is something else: a wrong check digit is a
/// slip of tongue or recogniser behind the right words, and another kind of number elsewhere.
fn by_form(text: &Folded, start: usize, digits: &str) -> Option<EntityKind> {
    let cue = (digits.len() >= 10)
        .then(|| cue_before(text, start))
        .flatten();
    if let Some(cue) = cue.filter(|cue| matches!(cue, Cue::Order | Cue::Policy | Cue::Reference)) {
        return Some(cue.kind());
    }
    let plausible = |kind: Cue, checked: bool| checked || cue == Some(kind);
    // An account may have eleven digits and begin as a mobile number does.
    let is_account = cue == Some(Cue::Account) && is_cued(text, start, Cue::Account);
    if is_phone(text, start, digits) && !is_account {
        Some(EntityKind::Phone)
    } else if is_identity(digits) && plausible(Cue::Identity, has_identity_check(digits)) {
        Some(EntityKind::Identity)
    } else if is_card(digits)
        && plausible(Cue::Card, luhn(digits) || is_union_pay(text, start, digits))
    {
        Some(EntityKind::Card)
    } else {
        None
    }
}

/// Mobile and fixed numbers of mainland China with or without the country code, 400 and 800
/// numbers, and anything international behind a plus.
fn is_phone(text: &Folded, start: usize, digits: &str) -> bool {
    let length = digits.len();
    let plus = start > 0 && matches!(text.at(start - 1), Some('+'));
    if plus && (8..=15).contains(&length) {
        return true;
    }
    let national = ["0086", "86"]
        .iter()
        .find_map(|code| digits.strip_prefix(code).filter(|rest| rest.len() == 11))
        .unwrap_or(digits);
    let bytes = national.as_bytes();
    let mobile = national.len() == 11 && bytes[0] == b'1' && bytes[1] >= b'3';
    let fixed = (10..=12).contains(&national.len())
        && bytes[0] == b'0'
        && bytes[1] != b'0'
        && (national.len() == 11 || matches!(bytes[1], b'3'..=b'9'));
    let service = length == 10 && (digits.starts_with("400") || digits.starts_with("800"));
    mobile || fixed || service
}

/// Short numbers that everyone knows: nobody's own.
fn is_public_line(digits: &str) -> bool {
    matches!(
        digits,
        "10000" | "10010" | "10086" | "110" | "120" | "119" | "122" | "911" | "999" | "1823"
    ) || (digits.len() == 5 && (digits.starts_with("95") || digits.starts_with("123")))
        || (digits.len() == 6 && digits.starts_with("95"))
}

/// Whether eight digits that nothing announces are a telephone number of Hong Kong: one of a mobile phone in
/// Cantonese talk, or any behind the country code.
fn is_hong_kong_line(text: &Folded, run: &Run) -> bool {
    let code = ["00852", "852"]
        .iter()
        .find_map(|code| run.meant.strip_prefix(code));
    let digits = code.unwrap_or(&run.meant);
    let begins = |with: &[char]| digits.len() == 8 && digits.starts_with(with);
    let mobile = || {
        let cantonese = |c: &char| "嘅喺嘢咗唔揾嚟俾畀哋㗎冇啲啱孖蚊喇啦".contains(*c);
        begins(&['5', '6', '9']) && text.chars().iter().any(cantonese)
    };
    code.is_some() && begins(&['2', '3', '5', '6', '9']) || code.is_none() && mobile()
}

/// Whether numbers of this kind are longer than what is told of their end.
const fn is_longer(cue: Cue) -> bool {
    matches!(cue, Cue::Phone | Cue::Identity)
}

/// Whether only the end of a number is told: 手机尾号, 电话尾四个字.
fn is_ending(text: &Folded, start: usize) -> bool {
    let before = text.slice(start.saturating_sub(10), start);
    [
        "尾",
        "后四位",
        "后三位",
        "last four",
        "ends in",
        "ending in",
    ]
    .iter()
    .any(|word| before.contains(word))
}

/// 18 digits with a region and a date in their place.
fn is_identity(digits: &str) -> bool {
    digits.len() == 18 && is_identity_body(&digits[..17])
}

/// The first 17 digits of a GB 11643 number: region, date of birth, sequence.
fn is_identity_body(digits: &str) -> bool {
    if digits.len() != 17 || !matches!(digits.as_bytes()[0], b'1'..=b'8') {
        return false;
    }
    let number = |from: usize, to: usize| digits[from..to].parse::<u32>().unwrap_or(0);
    (1880..=2099).contains(&number(6, 10))
        && (1..=12).contains(&number(10, 12))
        && (1..=31).contains(&number(12, 14))
}

/// Whether an 18 character identity number has the check character of GB 11643 (MOD 11-2).
pub(crate) fn has_identity_check(number: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = number
        .chars()
        .zip(WEIGHTS)
        .map(|(c, weight)| c.to_digit(10).unwrap_or(0) * weight)
        .sum();
    number.chars().nth(17) == "10X98765432".chars().nth((sum % 11) as usize)
}

/// 13 to 19 digits that begin as those of an issuer do.
fn is_card(digits: &str) -> bool {
    (13..=19).contains(&digits.len()) && matches!(digits.as_bytes()[0], b'2'..=b'9')
}

/// Whether digits behind the word for a card begin as those of most mainland cards do: `一张卡六二一七…`.
fn is_union_pay(text: &Folded, start: usize, digits: &str) -> bool {
    let named = || text.slice(start.saturating_sub(6), start).contains('卡');
    digits.len() >= 16 && digits.starts_with("62") && named()
}

/// Luhn's check (ISO/IEC 7812-1, annex B).
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            match (place % 2, digit) {
                (1, 9) => 9,
                (1, digit) => digit * 2 % 9,
                (_, digit) => digit,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The kind a cue gives, where the number's length is plausible for it.
pub(crate) fn fits_cue(cue: Cue, length: usize) -> Option<EntityKind> {
    let plausible = match cue {
        Cue::Phone => (5..=15).contains(&length),
        Cue::Identity => (6..=20).contains(&length),
        Cue::Card => (4..=20).contains(&length),
        Cue::Account | Cue::Order | Cue::Policy | Cue::Reference => (4..=24).contains(&length),
        Cue::Plate => (3..=8).contains(&length),
        Cue::Secret => (3..=12).contains(&length),
    };
    plausible.then(|| cue.kind())
}
