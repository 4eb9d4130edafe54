//! Runs: digits that belong together although pauses, hesitations and corrections part them.

use pinyin::ToPinyin;

use super::gap::{CHINESE_PAUSES, Gap, gap_between, is_denied, pause_at, skip_pauses};
use super::{Atom, Folded, Reading, atoms_of, measures};

/// Atoms that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its atoms, in order; never empty.
    pub atoms: Vec<Atom>,
    /// All digits as said, corrections not applied, without what only may be digits at either end.
    pub said: String,
    /// The digits as meant: what a correction replaced is gone.
    pub meant: String,
    /// The digits that characters at its begin and its end sound like.
    pub beside: (String, String),
    /// How many digits it has at most, in whatever way a repetition is understood.
    pub length: usize,
}

impl Run {
    /// First character.
    pub(crate) fn start(&self) -> usize {
        self.atoms[0].start
    }

    /// One past the last character.
    pub(crate) fn end(&self) -> usize {
        self.atoms[self.atoms.len() - 1].end
    }

    /// Whether more than radio readings and `oh` is in it.
    pub(crate) fn is_strong(&self) -> bool {
        self.atoms.iter().any(|atom| {
            !matches!(
                atom.reading,
                Reading::Weak | Reading::Beside | Reading::Repeater(_)
            )
        })
    }

    /// What is meant with one or more of the characters beside it, nearest ones first.
    pub(crate) fn with_beside(&self) -> impl Iterator<Item = String> {
        let (before, after) = &self.beside;
        let ways = (0..=before.len())
            .flat_map(move |lead| (0..=after.len()).map(move |tail| (lead, tail)));
        ways.skip(1).map(move |(lead, tail)| {
            let (before, after) = (&before[before.len() - lead..], &after[..tail]);
            format!("{before}{}{after}", self.meant)
        })
    }
}

/// English words that sound like digits.
const SOUNDS_LIKE: [(&str, u8); 22] = [
    ("to", 2),
    ("too", 2),
    ("do", 2),
    ("for", 4),
    ("fore", 4),
    ("won", 1),
    ("wan", 1),
    ("ate", 8),
    ("hate", 8),
    ("tree", 3),
    ("free", 3),
    ("hive", 5),
    ("five's", 5),
    ("sex", 6),
    ("sicks", 6),
    ("fix", 6),
    ("heaven", 7),
    ("line", 9),
    ("mine", 9),
    ("nigh", 9),
    ("hero", 0),
    ("owe", 0),
];

/// All runs of a text, in order.
pub(crate) fn runs_of(text: &Folded) -> Vec<Run> {
    let atoms = with_homophones(text, atoms_of(text));
    let mut runs: Vec<Run> = Vec::new();
    let mut open: Option<RunBuilder> = None;
    for atom in atoms {
        let gap = open
            .as_ref()
            .filter(|run| !is_each(text, run, &atom) && !is_place_count(text, &atom))
            .and_then(|run| gap_between(text, run.end(), atom.start));
        if let (Some(run), Some(gap)) = (open.as_mut(), gap) {
            run.repeat_after_count(&text.chars()[run.end()..atom.start]);
            run.push(atom, gap);
        } else {
            let denied = is_denied(text, atom.start);
            let next = RunBuilder::new(atom, denied);
            runs.extend(open.replace(next).map(RunBuilder::build));
        }
    }
    runs.extend(open.map(RunBuilder::build));
    runs
}

/// Whether an atom counts what has the price before it: the 一 of 五百一张.
fn is_each(text: &Folded, run: &RunBuilder, atom: &Atom) -> bool {
    let last = &run.atoms[run.atoms.len() - 1];
    let is_price = last.reading == Reading::Cardinal && last.end == atom.start;
    let counts = || text.at(atom.start) == Some('一') && atom.end == atom.start + 1;
    // 一个 may go on with a digit.
    let goes_on = || {
        let behind = text.at(atom.end + 1);
        text.at(atom.end) == Some('个') && !behind.is_some_and(|c| "月人小星礼钟季半".contains(c))
    };
    is_price && counts() && measures(text, atom.end) && !goes_on()
}

/// Whether an atom counts places of a number, and is none of its digits: the 三 of 后三位.
pub(crate) fn is_place_count(text: &Folded, atom: &Atom) -> bool {
    let before = atom.start.checked_sub(1).and_then(|at| text.at(at));
    let counted = text.at(atom.end) == Some('位') || text.starts_with(atom.end, "个字");
    before.is_some_and(|c| "后前尾末".contains(c)) && counted && atom.end == atom.start + 1
}

/// Where pauses end that begin at a position, and among them up to so many words that sound like
/// digits.
pub(crate) fn skip_misheard(text: &Folded, start: usize) -> usize {
    let mut at = skip_pauses(text, start);
    for _ in 0..MOST_MISHEARD {
        let end = match text.at(at) {
            Some(c) if c.is_ascii_alphabetic() => text.word_end(at),
            _ => at + 1,
        };
        if homophone(text, at, end).is_none() {
            break;
        }
        at = skip_pauses(text, end);
    }
    at
}

/// Adds what a recogniser wrote instead of a digit: a character that sounds like one, or `to`,
/// `for` and the like, one or two of them directly between single spoken digits, and one at either
/// end of several.
fn with_homophones(text: &Folded, atoms: Vec<Atom>) -> Vec<Atom> {
    let mut complete: Vec<Atom> = Vec::with_capacity(atoms.len());
    for atom in atoms {
        if let Some(before) = complete.last()
            && spoken(before)
            && spoken(&atom)
            && let Some(between) = homophones(text, before.end, atom.start, most_between(&complete))
        {
            complete.extend(between);
        }
        complete.push(atom);
    }
    add_english_tails(text, add_at_ends(text, &complete))
}

/// How many misheard digits may stand between two digits: more behind a row of them.
fn most_between(before: &[Atom]) -> usize {
    let row = before.iter().rev().take(SURE_FROM);
    let digits: usize = row
        .take_while(|atom| spoken(atom))
        .map(|atom| atom.digits.len())
        .sum();
    if digits >= SURE_FROM {
        MOST_IN_ROW
    } else {
        MOST_MISHEARD
    }
}

/// Words that sound like digits and that a row of digits may be followed by for another reason.
const GOES_ON: [&str; 14] = [
    "to", "for", "do", "free", "line", "mine", "heaven", "hero", "fix", "hive", "wan", "too",
    "tree", "sex",
];

/// So many English digits in a row make words behind them digits that sound like them.
const ENGLISH_SURE_FROM: usize = 4;

/// Adds the English words behind a row of digits that sound like digits, up to where the phrase ends:
/// `oh seven seven oh ate to`. Where the talk goes on, only words that are said for little else.
fn add_english_tails(text: &Folded, atoms: Vec<Atom>) -> Vec<Atom> {
    let mut complete: Vec<Atom> = Vec::with_capacity(atoms.len());
    let mut atoms = atoms.into_iter().peekable();
    let mut row = 0;
    while let Some(atom) = atoms.next() {
        let adjoins = complete.last().is_some_and(|last| {
            text.chars()[last.end..atom.start]
                .iter()
                .all(|c| matches!(c, ' ' | '-'))
        });
        row = match (spoken(&atom), adjoins) {
            (false, _) => 0,
            (true, true) => row + atom.digits.len(),
            (true, false) => atom.digits.len(),
        };
        let (start, end) = (
            atom.end,
            atoms.peek().map_or(text.chars().len(), |next| next.start),
        );
        complete.push(atom);
        if row >= ENGLISH_SURE_FROM {
            complete.extend(english_tail(text, start, end));
        }
    }
    complete
}

/// The words from here on that sound like digits and are meant so.
fn english_tail(text: &Folded, start: usize, limit: usize) -> Vec<Atom> {
    let mut tail: Vec<Atom> = Vec::new();
    let mut at = start;
    loop {
        while text.at(at) == Some(' ') {
            at += 1;
        }
        let end = text.word_end(at);
        let heard = (end > at && end <= limit && tail.len() < MOST_IN_ROW)
            .then(|| homophone(text, at, end))
            .flatten();
        let Some(heard) = heard else { break };
        tail.push(heard);
        at = end;
    }
    let ends = !text.at(at).is_some_and(|c| c.is_ascii_alphanumeric());
    let is_sure = |atom: &Atom| !GOES_ON.contains(&text.slice(atom.start, atom.end).as_str());
    if !ends {
        let sure = tail.iter().rposition(is_sure).map_or(0, |last| last + 1);
        tail.truncate(sure);
    }
    tail
}

fn spoken(atom: &Atom) -> bool {
    matches!(
        atom.reading,
        Reading::Digit | Reading::Repeat | Reading::Weak
    )
}

/// So many spoken digits in a row make a character beside them that sounds like one a digit too.
const SURE_FROM: usize = 3;

/// How many misheard digits are looked for at either end.
const MOST_AT_END: usize = 2;

fn add_at_ends(text: &Folded, atoms: &[Atom]) -> Vec<Atom> {
    let mut complete: Vec<Atom> = Vec::with_capacity(atoms.len());
    let adjoins = |before: &Atom, after: &Atom| spoken(before) && before.end == after.start;
    let mut rows = atoms.chunk_by(adjoins).peekable();
    while let Some(row) = rows.next() {
        let sure = row.len() >= SURE_FROM && row.iter().all(spoken);
        let (start, end) = (row[0].start, row[row.len() - 1].end);
        // What belongs to another number stays with it.
        let taken = complete.last().map_or(0, |last| last.end);
        let next = rows.peek().map_or(text.chars().len(), |next| next[0].start);
        // The digits of a date, a time or an amount are all there.
        let sure = sure
            && !text
                .at(end)
                .is_some_and(|c| "年月日号点块元岁分".contains(c));
        if sure && taken < start {
            let lead = (taken..start).rev().take(MOST_AT_END);
            let mut lead: Vec<Atom> = lead.map_while(|at| beside(text, at)).collect();
            lead.reverse();
            complete.extend(lead);
        }
        complete.extend_from_slice(row);
        if sure {
            complete.extend(chinese_tail(text, end, next));
        }
    }
    complete
}

/// The characters behind a row of digits that sound like digits: some, and more where the phrase ends
/// with them, also behind a blank.
fn chinese_tail(text: &Folded, start: usize, limit: usize) -> Vec<Atom> {
    let mut tail = Vec::new();
    let mut at = start;
    while at < limit && tail.len() < MOST_IN_ROW {
        let next = at + usize::from(text.at(at) == Some(' '));
        let Some(atom) = beside(text, next).filter(|atom| atom.end <= limit) else {
            break;
        };
        tail.push(atom);
        at = next + 1;
    }
    if text.at(at).is_some_and(char::is_alphanumeric) {
        tail.truncate(MOST_AT_END);
        let parted = tail
            .iter()
            .zip(start..)
            .position(|(atom, at)| atom.start != at);
        tail.truncate(parted.unwrap_or(MOST_AT_END));
    }
    tail
}

/// Whether an atom is a word that only sounds like a digit: no radio reading, and not `oh`.
pub(crate) fn is_misheard(text: &Folded, atom: &Atom) -> bool {
    let is_digit = |c: char| "洞么拐勾o".contains(c);
    atom.reading == Reading::Weak
        && text.slice(atom.start, atom.end) != "oh"
        && !text.at(atom.start).is_some_and(is_digit)
}

/// The character here, if it sounds like a digit.
fn beside(text: &Folded, at: usize) -> Option<Atom> {
    if pause_at(text, at, text.chars().len()).is_some() || is_in_word(text, at) {
        return None;
    }
    homophone(text, at, at + 1).map(|atom| Atom {
        reading: Reading::Beside,
        ..atom
    })
}

/// Words that stand beside numbers and hold a character which sounds like a digit.
const WORDS_BESIDE: [&str; 22] = [
    "公室", "议室", "教室", "科室", "效期", "到期", "日期", "分期", "星期", "学期", "周期", "老师",
    "律师", "同事", "城市", "超市", "电视", "手势", "时候", "时间", "其他", "其实",
];

/// Whether a character is a part of such a word.
fn is_in_word(text: &Folded, at: usize) -> bool {
    let stands = |at: usize| WORDS_BESIDE.iter().any(|word| text.starts_with(at, word));
    stands(at) || at > 0 && stands(at - 1)
}

/// How many misheard digits may follow each other.
const MOST_MISHEARD: usize = 3;

/// How many may behind a row of digits.
const MOST_IN_ROW: usize = 6;

/// The homophones that fill a gap, pauses between them; none where something else is in it, or
/// pauses alone.
fn homophones(text: &Folded, start: usize, end: usize, most: usize) -> Option<Vec<Atom>> {
    let mut heard = Vec::new();
    let mut at = start;
    while at < end {
        let word = if text.at(at)?.is_ascii_alphabetic() {
            text.word_end(at)
        } else {
            at + 1
        };
        if let Some((next, _)) = pause_at(text, at, end) {
            at = next;
        } else {
            heard.push(homophone(text, at, word.min(end))?);
            at = word;
        }
    }
    (!heard.is_empty() && heard.len() <= most).then_some(heard)
}

fn homophone(text: &Folded, start: usize, end: usize) -> Option<Atom> {
    let between = text.slice(start, end);
    let word = between.trim();
    let digit = SOUNDS_LIKE
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, digit)| *digit)
        .or_else(|| sounds_like_digit(word))?;
    let lead = between.chars().take_while(|c| c.is_whitespace()).count();
    let length = word.chars().count();
    Some(Atom::new(
        start + lead,
        start + lead + length,
        digit.to_string(),
        Reading::Weak,
    ))
}

/// The digit that one Chinese character sounds like, tone aside.
fn sounds_like_digit(word: &str) -> Option<u8> {
    let mut chars = word.chars();
    let (first, None) = (chars.next()?, chars.next()) else {
        return None;
    };
    // A building is counted, and no recogniser hears one in a number.
    if first == '栋' || CHINESE_PAUSES.contains(&word) {
        return None;
    }
    Some(match first.to_pinyin()?.plain() {
        "ling" | "lin" | "dong" => 0,
        "yi" | "yao" => 1,
        "er" | "e" | "liang" => 2,
        "san" | "shan" => 3,
        "si" | "shi" => 4,
        "wu" => 5,
        "liu" => 6,
        "qi" | "guai" => 7,
        "ba" => 8,
        "jiu" | "gou" => 9,
        _ => return None,
    })
}

/// A number of so many digits may be told to its end.
const WHOLE: usize = 11;

/// How many of the digits before a correction stay. A restated block differs from what it replaces
/// in one digit, or in two neighbours that changed places, and may go on beyond it; otherwise as
/// many digits go as come.
fn kept(before: &str, correction: &str) -> usize {
    let (before, correction) = (before.as_bytes(), correction.as_bytes());
    let longest = before.len().min(correction.len()).min(20);
    let restates = |length: usize| {
        let tail = &before[before.len() - length..];
        let mut differing = (0..length).filter(|&at| tail[at] != correction[at]);
        match (differing.next(), differing.next(), differing.next()) {
            (Some(_), None, _) => true,
            (Some(a), Some(b), None) => {
                b == a + 1 && (tail[a], tail[b]) == (correction[b], correction[a])
            }
            _ => false,
        }
    };
    // Of a number that was told to its end two digits are too few to know where what replaces it begins.
    let shortest = if before.len() < WHOLE { 2 } else { 3 };
    let replaced = (shortest..=longest).rev().find(|&length| restates(length));
    before.len() - replaced.unwrap_or(before.len().min(correction.len()))
}

/// Grows a run and keeps what was meant apart from what was said.
struct RunBuilder {
    atoms: Vec<Atom>,
    /// Digits as said.
    said: String,
    /// Digits as meant, by groups that a correction can replace as a whole.
    meant: String,
    /// Digits since the last correction, that is, the replacement while it grows.
    replacement: Option<Replacement>,
    /// Whether the digits so far were named as wrong before they were said.
    denied: bool,
    length: usize,
    /// How often the next atom counts.
    times: usize,
    /// The largest digit of the last atom that has any.
    largest: usize,
    /// What the characters beside its begin sound like, and those since its last digit.
    beside: (String, String),
}

struct Replacement {
    before: String,
    digits: String,
    /// Whether its digits are named as wrong.
    denied: bool,
    /// Whether they are if what is right follows.
    doubted: bool,
    /// Whether they are if they stand for all digits before.
    contrasts: bool,
}

impl RunBuilder {
    fn new(atom: Atom, denied: bool) -> Self {
        let mut run = Self {
            atoms: Vec::new(),
            said: String::new(),
            meant: String::new(),
            replacement: None,
            denied,
            length: 0,
            times: 1,
            largest: 0,
            beside: (String::new(), String::new()),
        };
        run.push(atom, Gap::Pause);
        run
    }

    /// In `三个…八` the count stands before a pause: what follows counts that often, or less.
    fn repeat_after_count(&mut self, gap: &[char]) {
        if gap.contains(&'个') {
            self.times = self.times.max(self.largest);
        }
    }

    fn end(&self) -> usize {
        self.atoms.last().map_or(0, |atom| atom.end)
    }

    fn push(&mut self, atom: Atom, gap: Gap) {
        if let Reading::Repeater(times) = atom.reading {
            self.times = self.times.max(usize::from(times));
        } else {
            self.length += atom.digits.len() * self.times;
            self.times = 1;
        }
        if let Some(digit) = atom.digits.bytes().max() {
            self.largest = usize::from(digit - b'0');
        }
        let digits = if atom.reading == Reading::Beside {
            self.beside.1.push_str(&atom.digits);
            String::new()
        } else if self
            .atoms
            .iter()
            .all(|atom| atom.reading == Reading::Beside)
        {
            self.beside.0 = std::mem::take(&mut self.beside.1);
            atom.digits.clone()
        } else {
            // Digits follow: what stands between them is one too.
            std::mem::take(&mut self.beside.1) + &atom.digits
        };
        match gap {
            Gap::Pause => {}
            Gap::Affirmation => self.affirm(),
            Gap::Correction | Gap::Doubt | Gap::Contrast | Gap::Denial => {
                let is_doubt = matches!(gap, Gap::Doubt | Gap::Contrast);
                let was_corrected = self.replacement.is_some();
                self.settle();
                self.replacement = Some(Replacement {
                    before: self.meant.clone(),
                    digits: String::new(),
                    denied: gap == Gap::Denial || is_doubt && was_corrected,
                    doubted: gap != Gap::Correction,
                    contrasts: gap == Gap::Contrast,
                });
            }
        }
        match &mut self.replacement {
            Some(replacement) => replacement.digits.push_str(&digits),
            None => self.meant.push_str(&digits),
        }
        self.said.push_str(&digits);
        self.atoms.push(atom);
    }

    /// What follows is right, not what was named as wrong.
    fn affirm(&mut self) {
        if let Some(wrong) = self.replacement.as_mut().filter(|wrong| wrong.doubted) {
            wrong.digits.clear();
            (wrong.denied, wrong.doubted, wrong.contrasts) = (false, false, false);
        } else if std::mem::take(&mut self.denied) && self.replacement.is_none() {
            self.meant.clear();
        }
    }

    /// Applies the open correction from where it agrees best with what was said.
    fn settle(&mut self) {
        let Some(replacement) = self.replacement.take() else {
            return;
        };
        let is_whole = replacement.digits.len() == replacement.before.len();
        if replacement.denied || replacement.contrasts && is_whole {
            self.meant = replacement.before;
            return;
        }
        let keep = kept(&replacement.before, &replacement.digits);
        self.meant = replacement.before[..keep].to_owned();
        self.meant.push_str(&replacement.digits);
    }

    fn build(mut self) -> Run {
        self.settle();
        if self.meant.is_empty() {
            self.meant.clone_from(&self.said);
        }
        Run {
            atoms: self.atoms,
            said: self.said,
            meant: self.meant,
            beside: self.beside,
            length: self.length,
        }
    }
}
