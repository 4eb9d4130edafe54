//! Text as phrases and language models see it, whatever pieces it comes in.
//!
//! Letters are lower case; anything that is no letter, figure or apostrophe parts words. One blank
//! stands between words, none beside Chinese characters. So a phrase is the same letters however a
//! model's tokens cut it.

use crate::lexicon::is_han;

/// What parts words.
pub(crate) const BLANK: char = ' ';

/// Turns pieces of UTF-8 into letters, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Speller {
    has_begun: bool,
    after_han: bool,
    is_parted: bool,
    held: [u8; 4],
    held_bytes: u8,
}

impl Speller {
    /// Takes what a token writes. Bytes that are no text are passed over.
    pub(crate) fn write(&mut self, bytes: &[u8], mut give: impl FnMut(char)) {
        for &byte in bytes {
            let fits = usize::from(self.held_bytes) < self.held.len();
            if !fits || self.held_bytes == 0 || !is_continued(byte) {
                self.held_bytes = 0;
            }
            self.held[usize::from(self.held_bytes)] = byte;
            self.held_bytes += 1;
            let held = &self.held[..usize::from(self.held_bytes)];
            if let Some(c) = std::str::from_utf8(held)
                .ok()
                .and_then(|t| t.chars().next())
            {
                self.held_bytes = 0;
                c.to_lowercase().for_each(|c| self.letter(c, &mut give));
            }
        }
    }

    /// Parts words, as a token does that is no text.
    pub(crate) fn part(&mut self) {
        self.is_parted = true;
        self.held_bytes = 0;
    }

    /// Whether the last letter was a Chinese character.
    pub(crate) fn is_after_han(self) -> bool {
        self.after_han
    }

    fn letter(&mut self, c: char, give: &mut impl FnMut(char)) {
        if !is_letter(c) {
            self.is_parted = true;
            return;
        }
        let is_han = is_han(c);
        if self.is_parted && self.has_begun && !is_han && !self.after_han {
            give(BLANK);
        }
        *self = Self {
            has_begun: true,
            after_han: is_han,
            ..Self::default()
        };
        give(c);
    }
}

/// The letters of a text.
pub(crate) fn letters(text: &str) -> Vec<char> {
    let mut letters = Vec::new();
    Speller::default().write(text.as_bytes(), |letter| letters.push(letter));
    letters
}

/// Whether words part between two letters; nothing stands before the first.
pub(crate) fn parts(before: Option<char>, after: char) -> bool {
    after == BLANK || is_han(after) || before.is_none_or(|before| before == BLANK || is_han(before))
}

/// Whether a character is part of a word.
pub(crate) fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '\''
}

const fn is_continued(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelt(pieces: &[&[u8]]) -> String {
        let (mut speller, mut text) = (Speller::default(), String::new());
        for piece in pieces {
            speller.write(piece, |letter| text.push(letter));
        }
        text
    }

    #[test]
    fn pieces_of_any_cut_spell_the_same() {
        let whole = "查CARD fee，余额 b";
        let expected = "查card fee余额b";
        assert_eq!(letters(whole).into_iter().collect::<String>(), expected);
        let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
        assert_eq!(spelt(&bytes), expected);
        let tokens: [&[u8]; 6] = [
            "查".as_bytes(),
            b" card",
            b" fe",
            b"e",
            " 余额".as_bytes(),
            b" b",
        ];
        assert_eq!(spelt(&tokens), expected);
    }

    #[test]
    fn broken_bytes_are_passed_over() {
        assert_eq!(
            spelt(&[b"a", b"\xe5\xa5", b"b", b"\xbd", b"\xff\xe5\xa5\xbd"]),
            "ab好"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..20)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let text = spelt(&pieces);
            prop_assert!(!text.starts_with(BLANK) && !text.contains("  "));
        }
    }
}
