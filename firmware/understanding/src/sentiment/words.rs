//! What the words show: sums of strengths for each feeling, with negation and degree.

use trunkside_call::Language;

use super::demand::demands;
use super::grievance::{had_to_repeat, waited_in_vain};
use super::learnt::Learnt;
use super::lexicon::{Entry, Lexicon, Sense};
use crate::features::fold;

/// Text beyond this many characters is not looked at.
const LONGEST: usize = 4_000;

/// A negation or degree reaches this many units (characters or words) ahead.
const REACH: usize = 4;

/// And what is supposed this many.
const SUPPOSED: usize = 8;

/// What a fault keeps of its weight that is only supposed: `如果卡丢了`.
const ONLY_SUPPOSED: f32 = 0.2;

/// Who has waited in vain or had to repeat it all is dissatisfied, whatever the words and however politely
/// they ask; who demands under a threat is angry.
const WAITED: f32 = 1.6;
const REPEATED: f32 = 2.2;
const THREATENED: f32 = 2.5;

/// What the words of an utterance show.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Words {
    pub angry: f32,
    pub dissatisfied: f32,
    pub anxious: f32,
    pub satisfied: f32,
    /// What n-grams show beyond the lists: good above 0, bad below.
    pub learnt: f32,
    /// Marks of exclamation, for typed text.
    pub exclamations: usize,
    /// Whether there is a letter, a character or a figure in it at all.
    pub said_something: bool,
    /// Whether something is asked for, as callers do whatever they feel.
    pub asks: bool,
    /// Whether the strongest anger was a strong word.
    pub has_strong_anger: bool,
    /// The words from the lists that counted, in order, each once.
    pub found: Vec<String>,
    /// Those of them that count little.
    pub weak: Vec<String>,
    /// What was said in more words than any list has, in plain words.
    pub told: Vec<&'static str>,
}

impl Words {
    /// Everything negative, with its weight for anger.
    pub(super) fn heat(&self) -> f32 {
        self.angry + 0.7 * self.dissatisfied
    }

    /// Whether any word or n-gram shows anything.
    pub(super) fn shows_something(&self) -> bool {
        let shown = [
            self.angry,
            self.dissatisfied,
            self.anxious,
            self.satisfied,
            self.learnt,
        ];
        shown.iter().any(|strength| *strength != 0.0) || !self.found.is_empty()
    }
}

/// Reads the words of a text by a language's lists, clause by clause.
pub(super) fn read(text: &str, language: Language) -> Words {
    let lexicon = Lexicon::of(language);
    let text: String = text.chars().take(LONGEST).map(fold).collect();
    let chars: Vec<char> = text.chars().collect();
    let asks_whether = || (0..chars.len()).any(|at| either_or(&chars[at..]).is_some());
    let mut words = Words {
        asks: holds(&text, lexicon.asks.iter().map(String::as_str))
            .next()
            .is_some()
            || asks_whether(),
        said_something: text.chars().any(char::is_alphanumeric),
        exclamations: text.chars().filter(|c| matches!(c, '!' | '！')).count(),
        ..Words::default()
    };
    let mut clauses = vec![Clause::default()];
    let mut sway = Sway::default();
    for Placed { at, position, unit } in units(&chars, lexicon) {
        let clause = clauses.last_mut().expect("there is a first clause");
        match unit {
            Unit::Term(_, entry) if entry.sense == Sense::Contrast => {
                clause.end = at;
                clauses.push(Clause {
                    turns: true,
                    start: at,
                    ..Clause::default()
                });
                sway = Sway::default();
            }
            Unit::Term(term, entry) => clause.add(&term, entry, position, &mut sway, &mut words),
            Unit::Break => {
                clause.end = at;
                clauses.push(Clause {
                    start: at + 1,
                    ..Clause::default()
                });
                sway = Sway::default();
            }
        }
    }
    if let Some(last) = clauses.last_mut() {
        last.end = chars.len();
    }
    for clause in &mut clauses {
        clause.read_whole(&chars, language, &mut words);
    }
    words.sum(&clauses);
    if waited_in_vain(&text, language) {
        words.dissatisfied += WAITED;
        words.told.push("waited in vain");
    }
    if had_to_repeat(&text, language) {
        words.dissatisfied += REPEATED;
        words.told.push("had to say or do it again and again");
    }
    if demands(&text, language) {
        words.angry += THREATENED;
        words.has_strong_anger = true;
        words.told.push("a demand with a threat");
    }
    words
}

/// What one clause shows.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing of the clause, and any may hold with any other"
)]
struct Clause {
    angry: f32,
    dissatisfied: f32,
    anxious: f32,
    satisfied: f32,
    /// It begins with a contrast: what came before counts less.
    turns: bool,
    /// It concedes: it counts less itself.
    concedes: bool,
    /// What is good in it was expected or wished for, not found.
    unreal: bool,
    /// Where something is supposed, which need not be so.
    supposed_at: Option<usize>,
    /// It says that nothing is bad.
    denies_all: bool,
    /// It says what is feared.
    fears: bool,
    /// It says that nothing ever is as it says, to its end.
    never: bool,
    /// It says that the caller has not the feeling which it names.
    denies_feeling: bool,
    /// It asks which one is good, and does not say that any is.
    chooses: bool,
    /// Where it stands in the text, in characters.
    start: usize,
    end: usize,
    /// How its n-grams lean.
    learnt: f32,
    /// What it is within the text.
    marks: Vec<Mark>,
}

/// What a clause is within a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// A verdict on the whole.
    Overall,
    /// It makes little of the fault that it names.
    Minor,
    /// It asks for little more.
    Nearly,
}

/// What stands before a contrast keeps this much of its weight, and what follows gains as much.
const BEFORE_CONTRAST: f32 = 0.6;

/// What a clause that concedes keeps of its weight.
const CONCEDED: f32 = 0.6;

/// The last word has more weight than those before.
const LAST: f32 = 1.25;

/// Of three clauses and more, the first tells what the others are about.
const FIRST: f32 = 1.4;

/// A verdict on the whole counts as much as two of its parts.
const OVERALL: f32 = 2.0;

/// What a small fault keeps of its weight.
const MINOR: f32 = 0.4;

/// Who lacks only a little is content.
const NEARLY: f32 = 0.6;

/// What no listed word shows is noted as a reason from here on.
const NOTABLE: f32 = 0.8;

/// What mockery counts at least.
const MOCKED: f32 = 2.2;

/// Who finds nothing bad is content.
const ALL_DENIED: f32 = 1.8;

/// Who praises and names a fault of this weight in one breath mocks.
const FAULT: f32 = 1.5;

impl Clause {
    /// Reads what the clause shows as a whole: how it leans, and which part of the text it is.
    fn read_whole(&mut self, chars: &[char], language: Language, words: &mut Words) {
        let chars = &chars[self.start.min(self.end)..self.end];
        let lexicon = Lexicon::of(language);
        let text: String = chars.iter().collect();
        let holds = |phrases: &[String]| phrases.iter().any(|phrase| text.contains(phrase));
        self.marks = [
            (Mark::Overall, &lexicon.overall),
            (Mark::Minor, &lexicon.minor),
            (Mark::Nearly, &lexicon.nearly),
        ]
        .into_iter()
        .filter_map(|(mark, phrases)| holds(phrases).then_some(mark))
        .collect();
        let begins = text.trim_start();
        let praises = lexicon
            .mocks
            .iter()
            .any(|praise| begins.starts_with(praise));
        let mocks = praises
            && (self.dissatisfied + self.angry >= FAULT
                || holds(&lexicon.delays)
                || waited_in_vain(&text, language));
        if mocks {
            self.dissatisfied += self.satisfied.max(MOCKED);
            self.satisfied = 0.0;
            words.tell("praise that mocks");
        }
        let Some(learnt) = Learnt::of(language).filter(|_| !mocks) else {
            return;
        };
        let lean = learnt.lean(chars);
        self.learnt = match lean.score {
            bad if bad < 0.0 && self.supposed_at.is_some() => bad * ONLY_SUPPOSED,
            bad if bad < 0.0 && (self.denies_all || self.denies_feeling) => 0.0,
            good if good > 0.0 && self.chooses => 0.0,
            // What is feared for is no praise, and what never is neither.
            good if good > 0.0 && (self.fears || self.never) => 0.0,
            score => score,
        };
        if let Some(gram) = lean.by.filter(|_| !self.shows_something()) {
            if lean.score.abs() >= NOTABLE {
                words.note(gram);
            } else {
                words.note_weak(gram);
            }
        }
    }

    fn is(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// Good less bad.
    fn balance(&self) -> f32 {
        self.satisfied - self.angry - self.dissatisfied - 0.3 * self.anxious + self.learnt
    }
}

impl Words {
    fn sum(&mut self, clauses: &[Clause]) {
        let mut weights: Vec<f32> = vec![1.0; clauses.len()];
        let last_turn = clauses.iter().rposition(|clause| clause.turns);
        let last = clauses.iter().rposition(Clause::shows_something);
        for (index, clause) in clauses.iter().enumerate() {
            if let Some(turn) = last_turn {
                weights[index] *= if index < turn {
                    BEFORE_CONTRAST
                } else {
                    2.0 - BEFORE_CONTRAST
                };
            }
            if clause.concedes {
                weights[index] *= CONCEDED;
            }
            if Some(index) == last && index > 0 {
                weights[index] *= LAST;
            }
            if index == 0 && clauses.len() > 2 {
                weights[index] *= FIRST;
            }
            if clause.is(Mark::Overall) {
                weights[index] *= OVERALL;
            }
            if clause.is(Mark::Minor) && clause.balance() < 0.0 {
                // The contrast that brings a small fault in does not make it greater.
                weights[index] *= if clause.turns {
                    MINOR / (2.0 - BEFORE_CONTRAST)
                } else {
                    MINOR
                };
            }
        }
        for (clause, weight) in clauses.iter().zip(weights) {
            if clause.is(Mark::Nearly) {
                let good = clause.balance().max(0.0);
                self.learnt += weight * (0.5 * good + NEARLY);
                continue;
            }
            self.learnt += weight * clause.learnt;
            self.angry += weight * clause.angry;
            self.dissatisfied += weight * clause.dissatisfied;
            self.anxious += weight * clause.anxious;
            self.satisfied += weight * clause.satisfied;
        }
    }
}

/// The trigger words that a text holds and does not deny, each once.
pub fn triggers(text: &str, language: Language) -> Vec<&'static str> {
    let text: String = text.chars().map(fold).collect();
    let triggers = Lexicon::of(language).triggers();
    let mut found: Vec<&str> = Vec::new();
    for said in holds(&text, triggers.iter().map(|(said, _)| said.as_str())) {
        let shown = triggers.iter().find(|(trigger, _)| trigger == said);
        let shown = shown.map_or(said, |(_, shown)| shown.as_str());
        if !found.contains(&shown) && !is_denied(&text, said) {
            found.push(shown);
        }
    }
    found
}

/// Whether a word of the lists says that the caller will complain.
fn threatens(term: &str) -> bool {
    ["投诉", "举报", "complain", "complaint"].contains(&term)
}

/// Words by which callers name their own feeling, which they deny from afar: `我也不是说生气`.
const FEELINGS: [&str; 26] = [
    "生气",
    "发火",
    "恼火",
    "愤怒",
    "着急",
    "担心",
    "难过",
    "伤心",
    "不满",
    "不满意",
    "失望",
    "焦虑",
    "害怕",
    "紧张",
    "嬲",
    "激气",
    "唔开心",
    "唔满意",
    "好嬲",
    "惊",
    "angry",
    "upset",
    "worried",
    "disappointed",
    "unhappy",
    "annoyed",
];

/// From this strength on an anxious word tells fear, and not only haste.
const FEAR: f32 = 2.0;

/// What is good and feared for: `担心资金安全`.
const FEARED_FOR: [&str; 7] = ["安全", "稳定", "保障", "稳妥", "可靠", "稳阵", "safe"];

/// What denies a word that follows at once or after a [`FILLERS`].
const DENIALS: [&str; 18] = [
    "不是", "不想", "不用", "不要", "不会", "没有", "没想", "没", "唔系", "唔想", "唔使", "冇",
    "not ", "don't ", "never ", "didn't ", "nothing ", "no ",
];

/// What may stand between a denial and the word.
const FILLERS: [&str; 26] = [
    "什么", "啥", "乜", "咩", "嘢", "好", "可", "任何", "来", "要", "想", "去", "为了", "打算",
    "在", "嚟", "want ", "to ", "going ", "calling ", "here ", "trying ", "looking ", "a ", "the ",
    "mean ",
];

/// Whether a word that a folded text holds is denied wherever it stands.
fn is_denied(text: &str, word: &str) -> bool {
    text.match_indices(word).all(|(at, _)| {
        let mut before = &text[..at];
        while let Some(shorter) = FILLERS
            .iter()
            .find_map(|filler| before.strip_suffix(filler))
        {
            before = shorter;
        }
        DENIALS.iter().any(|denial| before.ends_with(denial))
    })
}

/// Which phrases a folded text holds; Latin ones as whole words.
fn holds<'a>(text: &str, phrases: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let spaced = format!(
        " {} ",
        text.replace(|c: char| !c.is_ascii_alphanumeric(), " ")
    );
    let text = text.to_owned();
    phrases.filter(move |phrase| {
        if phrase.is_ascii() {
            spaced.contains(&format!(" {phrase} "))
        } else {
            text.contains(phrase)
        }
    })
}

/// The words of an English text, `don't` one of them.
pub(super) fn english(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect()
}

/// What stands before a word and bends it.
#[derive(Default)]
struct Sway {
    negated_at: Option<usize>,
    /// What is negated is whatever might be bad.
    denies_all: bool,
    degree: Option<(usize, f32)>,
}

impl Clause {
    fn shows_something(&self) -> bool {
        self.angry + self.dissatisfied + self.anxious + self.satisfied > 0.0
    }

    fn add(
        &mut self,
        term: &str,
        entry: Entry,
        position: usize,
        sway: &mut Sway,
        words: &mut Words,
    ) {
        if matches!(
            entry.sense,
            Sense::Angry | Sense::Dissatisfied | Sense::Anxious | Sense::Satisfied
        ) {
            self.feel(term, entry, position, sway, words);
        } else {
            self.lead(term, entry, position, sway, words);
        }
    }

    /// Takes in a word that tells how those behind it are meant.
    fn lead(
        &mut self,
        term: &str,
        entry: Entry,
        position: usize,
        sway: &mut Sway,
        words: &mut Words,
    ) {
        match entry.sense {
            Sense::Negation if self.never => {
                // `没有一次不满意`
                self.never = false;
            }
            Sense::Negation => {
                // Two negations are none.
                sway.negated_at = match sway.negated_at {
                    Some(before) if position - before <= 2 => None,
                    _ => Some(position),
                };
            }
            Sense::Never => {
                self.never = true;
            }
            Sense::Nothing => {
                sway.negated_at = Some(position);
                sway.denies_all = true;
                self.denies_all = true;
            }
            Sense::Strong => {
                sway.degree = Some((position, 1.3));
            }
            Sense::Weak => {
                sway.degree = Some((position, 0.7));
            }
            Sense::Concession => {
                self.concedes = true;
            }
            Sense::Unreal => {
                self.unreal = true;
            }
            Sense::Suppose => {
                self.unreal = true;
                self.supposed_at = Some(position);
                // The fright is over: `吓死我了还以为被骗了`.
                self.anxious *= ONLY_SUPPOSED;
            }
            Sense::Which => {
                self.chooses = true;
            }
            Sense::Wish => {
                self.unreal = true;
                self.dissatisfied += 0.5 * entry.strength;
                words.note_weak(term);
            }
            Sense::Rhetorical => {
                self.dissatisfied += entry.strength;
                words.note(term);
            }
            Sense::Contrast
            | Sense::Neutral
            | Sense::Angry
            | Sense::Dissatisfied
            | Sense::Anxious
            | Sense::Satisfied => {}
        }
    }

    /// Takes in a word that shows a feeling.
    fn feel(
        &mut self,
        term: &str,
        entry: Entry,
        position: usize,
        sway: &mut Sway,
        words: &mut Words,
    ) {
        let near = |at: usize| position - at <= REACH;
        let degree = sway
            .degree
            .filter(|(at, _)| near(*at))
            .map_or(1.0, |(_, factor)| factor);
        let supposed = self.supposed_at.is_some_and(|at| position - at <= SUPPOSED)
            && matches!(entry.sense, Sense::Dissatisfied | Sense::Anxious)
            && !threatens(term);
        let strength = entry.strength * degree * if supposed { ONLY_SUPPOSED } else { 1.0 };
        // A good word is denied from afar (不是很满意) and so is one that threatens (不是来投诉的), a bad one
        // only directly (没收到太差劲).
        let denied = self.never
            || sway.negated_at.is_some_and(|at| match entry.sense {
                Sense::Satisfied => near(at),
                _ if sway.denies_all => near(at),
                _ if threatens(term) || FEELINGS.contains(&term) => near(at),
                _ => position - at <= 2,
            });
        if denied && entry.sense != Sense::Satisfied && FEELINGS.contains(&term) {
            self.denies_feeling = true;
        }
        match (entry.sense, denied) {
            // Not good is bad; not bad is only a little good.
            (Sense::Satisfied, _) if self.chooses => return,
            (Sense::Satisfied, false) if self.fears && FEARED_FOR.contains(&term) => return,
            // `没什么好投诉`: nothing worth it.
            (Sense::Satisfied, true) if sway.denies_all && entry.strength < 1.0 => return,
            (Sense::Satisfied, true) => self.dissatisfied += strength * 0.9,
            (Sense::Angry | Sense::Dissatisfied, true) if sway.denies_all => {
                self.satisfied += ALL_DENIED;
            }
            (Sense::Satisfied, false) if self.unreal => self.dissatisfied += strength * 0.3,
            (Sense::Satisfied, false) => self.satisfied += strength,
            (Sense::Angry | Sense::Dissatisfied, true)
                if threatens(term) || FEELINGS.contains(&term) =>
            {
                return;
            }
            (Sense::Angry | Sense::Dissatisfied, true) => self.satisfied += strength * 0.3,
            (Sense::Angry, false) => {
                self.angry += strength;
                words.has_strong_anger |= entry.strength >= 2.5;
            }
            (Sense::Dissatisfied, false) => self.dissatisfied += strength,
            (Sense::Anxious, false) => {
                self.anxious += strength;
                self.fears |= entry.strength >= FEAR;
            }
            _ => {}
        }
        *sway = Sway::default();
        if entry.strength >= 1.0 {
            words.note(term);
        } else {
            words.note_weak(term);
        }
    }
}

impl Words {
    /// Keeps a word that counted, each once.
    fn note(&mut self, term: &str) {
        if !self.found.iter().any(|found| found == term) {
            self.found.push(term.to_owned());
        }
    }

    /// The same of one that counts little.
    fn note_weak(&mut self, term: &str) {
        if !self.weak.iter().any(|found| found == term) {
            self.weak.push(term.to_owned());
        }
    }

    /// Keeps what was said as a whole, each once.
    fn tell(&mut self, told: &'static str) {
        if !self.told.contains(&told) {
            self.told.push(told);
        }
    }
}

/// A term of the lists, or a break that ends the reach of negation.
enum Unit {
    Term(String, Entry),
    Break,
}

/// A unit with where it begins in the text, and its position in characters (Chinese) or words (Latin).
struct Placed {
    at: usize,
    position: usize,
    unit: Unit,
}

/// The terms of a text, the longest match first.
fn units(chars: &[char], lexicon: &Lexicon) -> Vec<Placed> {
    let mut units = Vec::new();
    let (mut at, mut position) = (0, 0);
    while at < chars.len() {
        let c = chars[at];
        if is_letter(c) {
            let (taken, unit) = latin(chars, at, lexicon);
            units.extend(unit.map(|unit| Placed { at, position, unit }));
            at += taken;
            position += 1;
        } else if c.is_alphanumeric() {
            let (taken, unit) = han(chars, at, lexicon);
            units.extend(unit.map(|unit| Placed { at, position, unit }));
            at += taken;
            position += taken;
        } else {
            if matches!(
                c,
                '，' | '。' | ',' | '.' | '！' | '!' | '？' | '?' | '；' | ';' | '…' | '\n'
            ) {
                let unit = Unit::Break;
                units.push(Placed { at, position, unit });
            }
            at += 1;
        }
    }
    units
}

const fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '\'' || c == '’'
}

fn han(chars: &[char], at: usize, lexicon: &Lexicon) -> (usize, Option<Unit>) {
    let longest = lexicon.longest.min(chars.len() - at).min(8);
    let found = (1..=longest).rev().find_map(|length| {
        let term: String = chars[at..at + length].iter().collect();
        let entry = lexicon.get(&term)?;
        Some((length, Unit::Term(term, entry)))
    });
    match (found, either_or(&chars[at..])) {
        (Some((length, unit)), None) => (length, Some(unit)),
        (Some((length, unit)), Some(asked)) if length > asked => (length, Some(unit)),
        (_, Some(asked)) => (asked, None),
        (None, None) => (1, None),
    }
}

/// How long a question of the kind `好不好`, `安不安全` or `方便不方便` is, where the characters begin
/// with one: it says neither.
fn either_or(chars: &[char]) -> Option<usize> {
    const NOT: [char; 4] = ['不', '没', '唔', '冇'];
    let asks = |length: usize| {
        chars.len() > 2 * length
            && NOT.contains(&chars[length])
            && chars[..length] == chars[length + 1..=2 * length]
    };
    (1..=2)
        .find(|length| asks(*length))
        .map(|length| 2 * length + 1)
}

/// Up to four words that make a term.
fn latin(chars: &[char], at: usize, lexicon: &Lexicon) -> (usize, Option<Unit>) {
    let mut ends = Vec::new();
    let mut end = at;
    for _ in 0..4 {
        while end < chars.len() && is_letter(chars[end]) {
            end += 1;
        }
        ends.push(end);
        if end + 1 >= chars.len() || chars[end] != ' ' || !is_letter(chars[end + 1]) {
            break;
        }
        end += 1;
    }
    for end in ends.iter().rev() {
        let term: String = chars[at..*end]
            .iter()
            .map(|c| if *c == '’' { '\'' } else { *c })
            .collect();
        let stem = || (*end == ends[0]).then(|| lexicon.get_stem(&term)).flatten();
        if let Some(entry) = lexicon.get(&term).or_else(stem) {
            return (end - at, Some(Unit::Term(term, entry)));
        }
    }
    (ends[0] - at, None)
}
