//! What the linear heads see of a text: hashed n-grams of characters, words and sounds.
//!
//! Chinese characters and Latin words are the tokens. Their n-grams carry the meaning; n-grams of
//! toneless pinyin carry it through homophone errors of the recogniser; n-grams of letters carry
//! English through inflection and misspelling. Numbers become one token, hesitations none.

use pinyin::ToPinyin;

/// Buckets of the hash: a power of two.
pub(crate) const BUCKETS: usize = 1 << 18;

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
}

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
            let sound = c.to_pinyin().map(|pinyin| merged(pinyin.plain()));
            tokens.push(Token {
                text: c.to_string(),
                sound,
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
    sound_grams(tokens, &mut features);
    letter_grams(tokens, &mut features);
    features
}

fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '’' => '\'',
        c => c,
    }
    .to_ascii_lowercase()
}

/// Letters of scripts that write words apart.
const fn is_word_char(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}')
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
    fn homophones_share_their_sound_features() {
        let sounds = |text| -> Vec<u32> {
            features_of(&tokens_of(text))
                .into_iter()
                .filter(|feature| feature.view == View::Sound)
                .map(|feature| feature.bucket)
                .collect()
        };
        assert_eq!(sounds("余额"), sounds("鱼鹅"));
        assert_eq!(sounds("账单"), sounds("脏蛋"));
    }
}
