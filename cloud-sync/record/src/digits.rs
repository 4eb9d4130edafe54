//! Finds runs of digits in any written or spoken form.
//!
//! This is the last gate before anything leaves the box, not the redactor: it knows nothing of
//! context, so it errs on the side of finding. It reads the text as a row of digits, separators
//! (which a number may hold: blanks, punctuation, fillers, `hundred`, 十) and everything else,
//! which ends a run.

/// English words for digits and small numbers, with how many digits they stand for.
const ENGLISH: &[(&str, u32)] = &[
    ("zero", 1),
    ("oh", 1),
    ("o", 1),
    ("nought", 1),
    ("naught", 1),
    ("nil", 1),
    ("one", 1),
    ("two", 1),
    ("three", 1),
    ("four", 1),
    ("five", 1),
    ("six", 1),
    ("seven", 1),
    ("eight", 1),
    ("nine", 1),
    ("niner", 1),
    ("ten", 2),
    ("eleven", 2),
    ("twelve", 2),
    ("thirteen", 2),
    ("fourteen", 2),
    ("fifteen", 2),
    ("sixteen", 2),
    ("seventeen", 2),
    ("eighteen", 2),
    ("nineteen", 2),
];

/// English tens: two digits, of which a following unit is the second.
const TENS: &[&str] = &[
    "twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// English words that repeat the next digit.
const REPEATS: &[(&str, u32)] = &[
    ("double", 2),
    ("triple", 3),
    ("treble", 3),
    ("quadruple", 4),
];

/// English words that a spoken number may hold.
const ENGLISH_SEPARATORS: &[&str] = &[
    "uh",
    "uhh",
    "um",
    "umm",
    "er",
    "erm",
    "err",
    "ah",
    "eh",
    "hm",
    "hmm",
    "mm",
    "mhm",
    "and",
    "then",
    "dash",
    "hyphen",
    "minus",
    "dot",
    "point",
    "space",
    "comma",
    "slash",
    "plus",
    "so",
    "okay",
    "ok",
    "yes",
    "yeah",
    "like",
    "well",
    "right",
    "please",
    "extension",
    "ext",
    "hundred",
    "thousand",
    "million",
    "area",
    "code",
    "number",
    "is",
    "it",
    "the",
    "a",
    "s",
];

/// Chinese characters for digits: spoken, written, military, financial, traditional.
const CHINESE: &str = "零〇一二三四五六七八九幺两兩拐洞勾壹贰叁肆伍陆柒捌玖貳參陸";

/// Chinese characters that a spoken number may hold beside magnitudes: fillers, pauses.
const CHINESE_SEPARATORS: &str =
    "呃嗯啊哦噢额唔喔呢吧嘛哎诶欸那这然后就是还有的再杠横点减加转到同埋系係";

/// Chinese characters that repeat the digit right behind them.
const CHINESE_REPEATS: &[(char, u32)] = &[('双', 2), ('雙', 2), ('俩', 2), ('孖', 2), ('仨', 3)];

/// Magnitudes: behind them a number is a cardinal.
const MAGNITUDES: &str = "十百千万亿拾佰仟萬億";

/// Characters before 么 in words such as 什么; elsewhere it is a spelling of 幺.
const BEFORE_ME: &str = "什怎那这多要甚";

/// How many digits the longest run in `text` has, counted until `enough`.
pub(crate) fn longest_run(text: &str, enough: u32) -> u32 {
    let mut run = Run::default();
    let mut word = String::new();
    let mut before = ' ';
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_alphabetic() {
            word.push(character.to_ascii_lowercase());
        } else {
            run.word(&std::mem::take(&mut word));
            if !run.repeats(character, before, characters.as_str()) {
                run.character(character, before);
            }
        }
        before = character;
        if run.longest >= enough {
            return run.longest;
        }
    }
    run.word(&word);
    run.longest
}

/// The run being read.
#[derive(Default)]
struct Run {
    length: u32,
    longest: u32,
    /// How often the next digit is said: `double`, `triple`.
    repeat: Option<u32>,
    /// The last number was an English ten, whose unit is not one digit more.
    after_tens: bool,
    /// The last digit's value, for the Chinese form 三个八.
    last_value: Option<u32>,
    /// How often the next Chinese digit is said.
    times: Option<u32>,
    /// A magnitude was said: digits beside it are those of a cardinal.
    cardinal: bool,
    /// Whether the last digit may say how often another follows: it stands for itself.
    may_count: bool,
}

impl Run {
    fn add(&mut self, digits: u32) {
        let repeat = self.repeat.take().unwrap_or(1);
        let more = self
            .times
            .take()
            .map_or(digits * repeat, |times| times.saturating_sub(1));
        self.length += more;
        self.longest = self.longest.max(self.length);
        self.after_tens = false;
        self.last_value = None;
    }

    fn end(&mut self) {
        *self = Self {
            longest: self.longest,
            ..Self::default()
        };
    }

    /// Takes a character that repeats the digit right behind it: `孖八`, `三条八`.
    fn repeats(&mut self, character: char, before: char, after: &str) -> bool {
        let mut after = after.chars();
        let stands = after
            .next()
            .is_some_and(|c| c.is_ascii_digit() || CHINESE.contains(c))
            && after
                .next()
                .is_none_or(|c| !c.is_numeric() && !MAGNITUDES.contains(c));
        let repeat = CHINESE_REPEATS.iter().find(|(c, _)| *c == character);
        if let Some((_, times)) = repeat.filter(|_| stands) {
            self.repeat = Some(*times);
            return true;
        }
        let times = value(before).filter(|times| *times > 1);
        let counted = stands && self.may_count && matches!(character, '条' | '條');
        if counted && times.is_some() {
            self.times = times;
            return true;
        }
        false
    }

    fn character(&mut self, character: char, before: char) {
        let me = character == '么' && !BEFORE_ME.contains(before);
        if character.is_numeric() || CHINESE.contains(character) || me {
            let repeated = self.repeat.is_some() || self.times.is_some();
            self.add(1);
            self.last_value = value(character);
            let goes_on = character.is_numeric() && before.is_numeric();
            self.may_count = !repeated && !goes_on && !self.cardinal && !"廿卅".contains(before);
        } else if character == '个' && self.last_value.is_some() {
            self.times = self.last_value.take();
        } else if MAGNITUDES.contains(character) {
            self.after_tens = false;
            self.cardinal = true;
        } else if !character.is_alphabetic() || CHINESE_SEPARATORS.contains(character) {
            self.after_tens &= character == ' ' || character == '-';
        } else {
            self.end();
        }
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        if let Some((_, digits)) = ENGLISH.iter().find(|(name, _)| *name == word) {
            if std::mem::take(&mut self.after_tens) && *digits == 1 {
                return;
            }
            self.add(*digits);
        } else if TENS.contains(&word) {
            self.add(2);
            self.after_tens = true;
        } else if let Some((_, repeat)) = REPEATS.iter().find(|(name, _)| *name == word) {
            self.repeat = Some(*repeat);
        } else if ENGLISH_SEPARATORS.contains(&word) {
            self.after_tens = false;
        } else if let Some(digits) = run_together(word) {
            self.add(digits);
        } else {
            self.end();
        }
    }
}

/// How many digits a word has that is made of digit words only, such as `onethreeeight`.
fn run_together(word: &str) -> Option<u32> {
    let mut best: Vec<Option<u32>> = vec![None; word.len() + 1];
    best[0] = Some(0);
    for start in 0..word.len() {
        let Some(before) = best[start] else { continue };
        for (name, digits) in ENGLISH.iter().filter(|(name, _)| name.len() > 2) {
            if word[start..].starts_with(name) {
                let end = start + name.len();
                best[end] = best[end].max(Some(before + digits));
            }
        }
    }
    best[word.len()].filter(|_| word.len() <= MAX_RUN_TOGETHER_BYTES)
}

/// Longer words are not searched: no row of digit words needs more to be found out elsewhere.
const MAX_RUN_TOGETHER_BYTES: usize = 256;

/// The value of a digit that can say how often another follows.
fn value(character: char) -> Option<u32> {
    if character == '两' || character == '兩' {
        return Some(2);
    }
    character.to_digit(10).or_else(|| {
        "零一二三四五六七八九"
            .chars()
            .position(|digit| digit == character)
            .map(|at| at as u32)
    })
}
