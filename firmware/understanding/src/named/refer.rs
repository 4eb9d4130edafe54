//! What a turn says of a number told before: which digits are wrong, and which are right.

use trunkside_call::{Entity, EntityKind};

use crate::entities::{ORDINALS, entities_of};
use crate::numbers::{Atom, Folded, Reading, atoms_of, measures};

/// A longer turn tells more than a correction, in characters.
const LONGEST: usize = 60;

/// The most digits that are put right so.
const MOST_DIGITS: usize = 6;

/// What is told of something else may be as long and yet be digits put right.
const SHORT: usize = 3;

/// Words with which a speaker takes something back.
const TAKES_BACK: [&str; 22] = [
    "错",
    "不对",
    "唔对",
    "唔啱",
    "更正",
    "应该",
    "不是",
    "唔系",
    "改成",
    "改为",
    "wrong",
    "mistake",
    "sorry",
    "should be",
    "should have",
    "not",
    "no ",
    "no,",
    "actually",
    "correction",
    "i meant",
    "rather",
];

/// The last digits of a number.
const LAST: [&str; 24] = [
    "最后",
    "最尾",
    "末尾",
    "末位",
    "尾数",
    "尾号",
    "后一位",
    "后两位",
    "后三位",
    "后四位",
    "尾嗰",
    "尾一",
    "尾两",
    "尾三",
    "尾四",
    "last digit",
    "last number",
    "last one",
    "last two",
    "last three",
    "last four",
    "final digit",
    "ends in",
    "ending in",
];

/// So many digits of a number have a name by their order.
const COUNTED: usize = 10;

/// Words that part what is right from what is wrong behind it.
const NOT: [&str; 6] = ["而不是", "不是", "唔系", "唔是", "not", "rather than"];

/// Words that part what is wrong from what is right behind it.
const BUT: [&str; 10] = [
    "而是",
    "应该是",
    "应该系",
    "是",
    "系",
    "but it's",
    "it's",
    "it is",
    "but",
    "its",
];

/// A correction of some digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    what: What,
    right: String,
    /// Whether it takes something back by its own words; otherwise it does only right behind the number.
    pub is_certain: bool,
    /// Where its right digits stand in the turn.
    pub start: usize,
    pub end: usize,
}

/// Which digits are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// These, the last such.
    Digits(String),
    /// As many at the end.
    Last,
    /// Those from this one on.
    From(usize),
}

impl Correction {
    /// A number put right; none where it has no such digits.
    pub(super) fn applied(&self, value: &str) -> Option<String> {
        let at = match &self.what {
            What::Digits(wrong) => value.rfind(wrong.as_str())?,
            What::Last => value.len().checked_sub(self.right.len())?,
            What::From(at) => *at,
        };
        let length = match &self.what {
            What::Digits(wrong) => wrong.len(),
            What::Last | What::From(_) => self.right.len(),
        };
        let (before, rest) = (value.get(..at)?, value.get(at + length..)?);
        (length < value.len()).then(|| [before, &self.right, rest].concat())
    }
}

/// Whether a turn takes something back.
pub(super) fn is_correction(text: &Folded) -> bool {
    let said = text.slice(0, text.chars().len());
    TAKES_BACK.iter().any(|word| said.contains(word))
}

/// The correction that a turn is; none where it tells a number of its own, or something else in numbers.
pub(super) fn correction(text: &Folded) -> Option<Correction> {
    let length = text.chars().len();
    if length > LONGEST {
        return None;
    }
    let said = text.slice(0, length);
    let names_more = |entity: &Entity| match entity.kind {
        EntityKind::Money | EntityKind::Date | EntityKind::Time => true,
        EntityKind::Product | EntityKind::Fault => false,
        EntityKind::Number => entity.value.reveal().len() > MOST_DIGITS,
        _ => entity.value.reveal().len() > SHORT,
    };
    if entities_of(&said).iter().any(names_more) {
        return None;
    }
    let groups = groups(text);
    pair(text, &groups).or_else(|| placed(text, &groups))
}

/// Digits told in a row.
struct Group {
    digits: String,
    start: usize,
    end: usize,
}

/// The rows of digits of a turn, none of which counts anything or is the number of a place.
fn groups(text: &Folded) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for atom in atoms_of(text) {
        let adjoins = groups.last().is_some_and(|last| {
            let between = text.slice(last.end, atom.start);
            between.chars().all(|c| matches!(c, ' ' | '-'))
        });
        match groups.last_mut() {
            Some(group) if adjoins => {
                group.end = atom.end;
                group.digits.push_str(&atom.digits);
            }
            _ if is_told(text, &atom) => groups.push(Group {
                start: atom.start,
                end: atom.end,
                digits: atom.digits,
            }),
            _ => {}
        }
    }
    groups
}

/// Whether digits are meant: not the 三 of 第三位, nor that of 后三位 or 三个字.
fn is_told(text: &Folded, atom: &Atom) -> bool {
    let before = atom.start.checked_sub(1).and_then(|at| text.at(at));
    let counts = matches!(text.at(atom.end), Some('位' | '个')) || measures(text, atom.end);
    let spoken = atom.reading != Reading::Cardinal && !atom.digits.is_empty();
    spoken && !counts && before != Some('第')
}

/// `seven not four`, `not four but seven`, `是七不是四`, `不是四是七`.
fn pair(text: &Folded, groups: &[Group]) -> Option<Correction> {
    let [first, second] = groups else {
        return None;
    };
    let between = text.slice(first.end, second.start);
    let between = between.trim_matches(|c: char| !c.is_alphanumeric());
    let denied = NOT.contains(&between);
    let before = text.slice(first.start.saturating_sub(5), first.start);
    let before = before.trim_end();
    let is_denied = NOT.iter().any(|not| before.ends_with(not));
    let (right, wrong) = match (denied, is_denied) {
        (true, false) => (first, second),
        (false, true) if BUT.contains(&between) => (second, first),
        _ => return None,
    };
    let fits = right.digits.len() == wrong.digits.len() && right.digits.len() <= MOST_DIGITS;
    fits.then(|| Correction {
        what: What::Digits(wrong.digits.clone()),
        right: right.digits.clone(),
        is_certain: true,
        start: right.start,
        end: right.end,
    })
}

/// `the last digit is seven`, `第三位是二`, `最后两位是二七`.
fn placed(text: &Folded, groups: &[Group]) -> Option<Correction> {
    let [right] = groups else {
        return None;
    };
    let before = text.slice(0, right.start);
    let what = if let Some(at) = ordinal(&before) {
        What::From(at)
    } else if LAST.iter().any(|word| before.contains(word)) {
        What::Last
    } else {
        return None;
    };
    (right.digits.len() <= MOST_DIGITS).then(|| Correction {
        what,
        right: right.digits.clone(),
        is_certain: is_correction(text),
        start: right.start,
        end: right.end,
    })
}

/// Which digit is named before the right one, from 0: `第三位是`, `the third digit is`.
fn ordinal(before: &str) -> Option<usize> {
    if let Some((lead, after)) = before.split_once('第') {
        let mut after = after.chars();
        let number = "一二三四五六七八九".chars();
        let place = after.next()?;
        let at = number.into_iter().position(|c| c == place)?;
        let is_digit = after.next().is_some_and(|c| "位个".contains(c));
        return (is_digit && !lead.ends_with("倒数")).then_some(at);
    }
    let at = ORDINALS[..COUNTED].iter().position(|(word, _)| {
        let digit = ["digit", "number", "one", "figure"];
        digit
            .iter()
            .any(|digit| before.contains(&format!("{word} {digit}")))
    })?;
    (!before.contains("to last") && !before.contains("from the end")).then_some(at)
}
