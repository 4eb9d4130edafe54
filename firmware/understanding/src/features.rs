//! What the linear heads see of a text: hashed n-grams of characters, words and sounds.
//!
//! Chinese characters and Latin words are the tokens. Their n-grams carry the meaning; unordered
//! pairs carry it through other word orders; n-grams of toneless pinyin carry it through homophone
//! errors of the recogniser; n-grams of letters and stems carry English through inflection and
//! misspelling. Numbers become one token, hesitations none, traditional characters simplified.

use std::sync::LazyLock;

use pinyin::ToPinyin;

/// Buckets of the hash: a power of two.
pub(crate) const BUCKETS: usize = 1 << 20;

/// Characters beyond this are not looked at: no spoken turn is longer.
const LONGEST: usize = 2_000;

/// One n-gram of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feature {
    /// Its bucket, below [`BUCKETS`].
    pub bucket: u32,
    /// Which family it belongs to; each family is normalised by itself.
    pub view: View,
    /// The tokens it covers, exclusive at the end.
    pub tokens: (u16, u16),
}

/// The families of n-grams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Tokens: characters and words.
    Token,
    /// Sounds of Chinese characters.
    Sound,
    /// Letters of Latin words.
    Letter,
    /// Two tokens near each other, in any order.
    Pair,
}

impl View {
    /// The views of fixed length, and how much each counts against the others. The lengths are the
    /// best of a few tried on held-out parts of public training sets.
    pub(crate) const WITH_LENGTH: [(Self, f32); 3] =
        [(Self::Token, 1.0), (Self::Sound, 1.0), (Self::Letter, 1.4)];
}

/// The length of the view of pairs with many examples an intent; with few, it may be longer.
pub(crate) const PAIR_LENGTH: f32 = 0.7;

/// A character or word with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Folded text; `#` for any number.
    pub text: String,
    /// Toneless sound with merged finals, for a Chinese character.
    pub sound: Option<String>,
    /// First character in the text.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// How many tokens may lie between the two of a pair, and how many tokens begin one.
const PAIR_REACH: usize = 12;
const PAIRED: usize = 48;

/// From so many tokens on, sounds count beside the characters.
const SOUND_FROM: usize = 3;

/// The first and last character that the table of simplified characters covers.
const HAN: (char, char) = ('\u{4e00}', '\u{9fff}');

/// For each character of [`HAN`], the simplified or usual character for it (Open Chinese Convert,
/// Apache-2.0).
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut table: Vec<char> = (HAN.0..=HAN.1).collect();
    let mut chars = include_str!("../data/traditional.txt")
        .chars()
        .filter(|c| !c.is_whitespace());
    while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
        if let Some(entry) = table.get_mut((from as usize).wrapping_sub(HAN.0 as usize)) {
            *entry = to;
        }
    }
    table
});

/// Sounds that callers and recognisers hardly tell apart.
const MERGED_SOUNDS: [(&str, &str); 3] = [("zh", "z"), ("ch", "c"), ("sh", "s")];

/// Hesitations, which mean nothing.
const HESITATIONS: [&str; 13] = [
    "嗯", "呃", "啊", "哦", "呀", "um", "umm", "uh", "uhh", "er", "erm", "hmm", "mm",
];

/// The tokens of a text.
pub(crate) fn tokens_of(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut chars = text.chars().map(fold).enumerate().take(LONGEST).peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_numeric() {
            let mut end = start + 1;
            while let Some((at, _)) = chars.next_if(|(_, c)| c.is_numeric()) {
                end = at + 1;
            }
            tokens.push(Token {
                text: "#".to_owned(),
                sound: None,
                start,
                end,
            });
        } else if is_word_char(c) {
            let mut word = String::from(c);
            let mut end = start + 1;
            while let Some((at, c)) = chars.next_if(|(_, c)| is_word_char(*c) || *c == '\'') {
                end = at + 1;
                if c != '\'' {
                    word.push(c);
                }
            }
            tokens.push(Token {
                text: word,
                sound: None,
                start,
                end,
            });
        } else if c.is_alphanumeric() {
            tokens.push(Token {
                text: c.to_string(),
                sound: sound_of(c),
                start,
                end: start + 1,
            });
        }
    }
    tokens.retain(|token| !HESITATIONS.contains(&token.text.as_str()));
    tokens
}

/// The features of some tokens.
pub(crate) fn features_of(tokens: &[Token]) -> Vec<Feature> {
    let mut features = Vec::with_capacity(tokens.len() * 12);
    token_grams(tokens, &mut features);
    stem_grams(tokens, &mut features);
    // Of a word alone too many others sound alike: `谁` is not `税`, nor `嘘` `续`.
    if tokens.len() >= SOUND_FROM {
        sound_grams(tokens, &mut features);
    }
    letter_grams(tokens, &mut features);
    pairs(tokens, &mut features);
    features
}

pub(crate) fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '’' => '\'',
        c if (HAN.0..=HAN.1).contains(&c) => SIMPLIFIED[c as usize - HAN.0 as usize],
        c => c,
    }
    .to_ascii_lowercase()
}

/// Letters of scripts that write words apart.
const fn is_word_char(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}')
}

/// How a Chinese character sounds, its tone left out.
pub(crate) fn sound_of(c: char) -> Option<String> {
    c.to_pinyin().map(|pinyin| merged(pinyin.plain()))
}

fn merged(sound: &str) -> String {
    let (begin, rest) = MERGED_SOUNDS
        .iter()
        .find_map(|(long, short)| sound.strip_prefix(long).map(|rest| (*short, rest)))
        .unwrap_or(("", sound));
    let rest = rest
        .strip_suffix('g')
        .filter(|rest| rest.ends_with('n'))
        .unwrap_or(rest);
    format!("{begin}{rest}")
}

fn token_grams(tokens: &[Token], features: &mut Vec<Feature>) {
    let text = |index: usize| tokens[index].text.as_str();
    let mut push = |hash: Hash, from: usize, to: usize| {
        features.push(Feature {
            bucket: hash.bucket(),
            view: View::Token,
            tokens: span(from, to),
        });
    };
    for at in 0..tokens.len() {
        push(Hash::new(b'1').add(text(at)), at, at + 1);
        if at + 1 < tokens.len() {
            push(Hash::new(b'2').add(text(at)).add(text(at + 1)), at, at + 2);
        }
        if at + 2 < tokens.len() {
            push(
                Hash::new(b'3')
                    .add(text(at))
                    .add(text(at + 1))
                    .add(text(at + 2)),
                at,
                at + 3,
            );
            push(Hash::new(b's').add(text(at)).add(text(at + 2)), at, at + 3);
        }
    }
    if let Some(last) = tokens.len().checked_sub(1) {
        push(Hash::new(b'^').add(text(0)), 0, 1);
        push(Hash::new(b'$').add(text(last)), last, last + 1);
    }
}

fn sound_grams(tokens: &[Token], features: &mut Vec<Feature>) {
    let sound = |index: usize| tokens.get(index).and_then(|token| token.sound.as_deref());
    for at in 0..tokens.len() {
        let Some(first) = sound(at) else { continue };
        let mut hash = Hash::new(b'p').add(first);
        let mut push = |hash: &Hash, to: usize| {
            let tokens = span(at, to);
            features.push(Feature {
                bucket: hash.bucket(),
                view: View::Sound,
                tokens,
            });
        };
        push(&hash, at + 1);
        for next in at + 1..at + 4 {
            let Some(more) = sound(next) else { break };
            hash = hash.add(more);
            push(&hash, next + 1);
        }
    }
}

fn letter_grams(tokens: &[Token], features: &mut Vec<Feature>) {
    for (at, token) in tokens.iter().enumerate() {
        if !token.text.starts_with(is_word_char) || token.text.len() > 40 {
            continue;
        }
        let padded: Vec<char> = format!("<{}>", token.text).chars().collect();
        for length in 3..=5 {
            for window in padded.windows(length) {
                let mut hash = Hash::new(b'c');
                for c in window {
                    hash = hash.add_char(*c);
                }
                let tokens = span(at, at + 1);
                features.push(Feature {
                    bucket: hash.bucket(),
                    view: View::Letter,
                    tokens,
                });
            }
        }
    }
}

/// English words without their inflection, alone and two by two.
fn stem_grams(tokens: &[Token], features: &mut Vec<Feature>) {
    let stem = |at: usize| tokens.get(at).map(|token| stem_of(&token.text));
    for (at, token) in tokens.iter().enumerate() {
        if !token.text.starts_with(is_word_char) {
            continue;
        }
        let one = Hash::new(b't').add(stem_of(&token.text));
        let mut push = |hash: &Hash, to: usize| {
            features.push(Feature {
                bucket: hash.bucket(),
                view: View::Token,
                tokens: span(at, to),
            });
        };
        push(&one, at + 1);
        if let Some(next) = stem(at + 1) {
            push(&one.add(next), at + 2);
        }
    }
}

fn stem_of(word: &str) -> &str {
    const ENDINGS: [&str; 8] = ["ings", "ing", "edly", "ed", "ies", "es", "s", "ly"];
    ENDINGS
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|rest| rest.len() >= 3))
        .unwrap_or(word)
}

fn pairs(tokens: &[Token], features: &mut Vec<Feature>) {
    for (at, first) in tokens.iter().enumerate().take(PAIRED) {
        let others = tokens.iter().enumerate().skip(at + 1).take(PAIR_REACH);
        for (other, second) in others {
            let (low, high) = if first.text <= second.text {
                (first, second)
            } else {
                (second, first)
            };
            features.push(Feature {
                bucket: Hash::new(b'u').add(&low.text).add(&high.text).bucket(),
                view: View::Pair,
                tokens: span(at, other + 1),
            });
        }
    }
}

const fn span(from: usize, to: usize) -> (u16, u16) {
    (from as u16, to as u16)
}

/// FNV-1a, 64 bit, folded to a bucket: stable across platforms and versions.
#[derive(Clone)]
struct Hash(u64);

impl Hash {
    const fn new(family: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).byte(family)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0100_0000_01b3))
    }

    fn add(self, text: &str) -> Self {
        text.bytes().fold(self.byte(b' '), Self::byte)
    }

    fn add_char(self, c: char) -> Self {
        (c as u32).to_le_bytes().into_iter().fold(self, Self::byte)
    }

    const fn bucket(&self) -> u32 {
        ((self.0 ^ (self.0 >> 29)) as usize % BUCKETS) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_hesitations_say_nothing_of_their_own() {
        let texts = |text| {
            tokens_of(text)
                .into_iter()
                .map(|token| token.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts("嗯，我的Card号是１2３"),
            ["我", "的", "card", "号", "是", "#"]
        );
        assert_eq!(
            texts("um I'd like 2 of them"),
            ["id", "like", "#", "of", "them"]
        );
        assert!(texts("🙂\u{0}\n").is_empty());
    }

    #[test]
    fn traditional_characters_count_as_simplified_ones() {
        let buckets = |text| {
            let features = features_of(&tokens_of(text));
            features.iter().map(|f| f.bucket).collect::<Vec<_>>()
        };
        assert_eq!(buckets("我想查戶口結餘"), buckets("我想查户口结余"));
    }

    #[test]
    fn homophones_share_their_sound_features() {
        let sounds = |text| -> Vec<u32> {
            features_of(&tokens_of(text))
                .into_iter()
                .filter(|feature| feature.view == View::Sound)
                .map(|feature| feature.bucket)
                .collect()
        };
        assert_eq!(sounds("查余额"), sounds("茶鱼鹅"));
        assert_eq!(sounds("我账单"), sounds("窝脏蛋"));
        assert!(sounds("税").is_empty() && sounds("续保").is_empty());
    }
}
