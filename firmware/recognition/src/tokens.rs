//! The tokens of models that write text by themselves: pieces of words, characters or bytes.
//!
//! Source: sherpa-onnx, `symbol-table.cc`. A line of `tokens.txt` is `symbol id`; a line with an id
//! alone is the blank between words. `▁` at a token's beginning is such a blank too. Some models
//! write bytes: as `<0xNN>`, or each as one printable character (byte-level BPE).

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::Error;
use crate::error::{brief, mendable};
use crate::spelling::{Speller, is_letter};

/// The most tokens of a file.
const MAX_TOKENS: usize = 1 << 20;
/// Names of the CTC blank, in the order in which they are looked for.
const BLANKS: [&str; 3] = ["<blk>", "<eps>", "<blank>"];
/// Characters that byte-level BPE passes over, because they fall apart when normalised.
const UNSTABLE: [u32; 6] = [0x132, 0x133, 0x13f, 0x140, 0x149, 0x17f];
const WORD_BEGIN: char = '▁';

/// What each class of a network writes, for networks that write text by themselves.
///
/// [`Recogniser::load`](crate::Recogniser::load) reads it beside the network; by itself it says
/// whether a `tokens.txt` can be used.
pub struct TokenTable {
    texts: Vec<Vec<u8>>,
    /// Whether it stands for itself and writes no letters, as `<unk>` does.
    is_mark: Vec<bool>,
    pub(crate) blank: usize,
    pub(crate) unknown: Option<usize>,
}

impl TokenTable {
    /// Reads the text of a `tokens.txt`; `file` is what messages call it.
    pub fn read(file: &Path, text: &str) -> Result<Self, Error> {
        let failed = |line: usize, problem: String| Error::File {
            file: file.to_owned(),
            line,
            problem: mendable(&problem),
        };
        let mut symbols: HashMap<usize, &str> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let (symbol, id) = line.rsplit_once([' ', '\t']).unwrap_or((" ", line));
            let id: usize = id
                .parse()
                .ok()
                .filter(|&id| id < MAX_TOKENS)
                .ok_or_else(|| {
                    failed(
                        index + 1,
                        format!(
                            "it must be `symbol id` with an id below {MAX_TOKENS}, got `{}`",
                            brief(line)
                        ),
                    )
                })?;
            let symbol = if symbol == " " { symbol } else { symbol.trim() };
            if symbols.insert(id, symbol).is_some() {
                return Err(failed(index + 1, format!("the id {id} is there twice")));
            }
        }
        let last = text.lines().count().max(1);
        let ordered: Option<Vec<&str>> = (0..symbols.len())
            .map(|id| symbols.get(&id).copied())
            .collect();
        let Some(ordered) = ordered.filter(|ordered| ordered.len() > 1) else {
            return Err(failed(
                last,
                "its ids must count up from 0 without a gap".to_owned(),
            ));
        };
        let find = |name: &str| ordered.iter().position(|symbol| *symbol == name);
        let blank = BLANKS
            .iter()
            .find_map(|name| find(name))
            .ok_or_else(|| failed(last, format!("it must have one of the blanks {BLANKS:?}")))?;
        let is_byte_level = is_byte_level(&ordered);
        Ok(Self {
            texts: ordered
                .iter()
                .map(|symbol| bytes(symbol, is_byte_level))
                .collect(),
            is_mark: ordered.iter().map(|symbol| is_mark(symbol)).collect(),
            blank,
            unknown: find("<unk>"),
        })
    }

    /// Tokens, the blank included; at least two.
    pub fn classes(&self) -> usize {
        self.texts.len()
    }

    /// What a token writes.
    pub(crate) fn bytes(&self, token: usize) -> &[u8] {
        self.texts.get(token).map_or(&[], Vec::as_slice)
    }

    /// Spells a token's letters.
    pub(crate) fn spell(&self, token: usize, speller: &mut Speller, give: impl FnMut(char)) {
        if self.is_mark.get(token).copied().unwrap_or(true) {
            speller.part();
        } else {
            speller.write(self.bytes(token), give);
        }
    }

    /// Whether a token is a blank between words or a part of a character.
    pub(crate) fn is_part(&self, token: usize) -> bool {
        let text = self.bytes(token);
        let is_blank = text.iter().all(u8::is_ascii_whitespace);
        !self.is_mark[token] && !text.is_empty() && (is_blank || std::str::from_utf8(text).is_err())
    }

    /// The text of tokens as the model writes it, blanks at its beginning included.
    pub(crate) fn text(&self, tokens: impl Iterator<Item = usize>) -> String {
        let bytes: Vec<u8> = tokens
            .flat_map(|token| self.bytes(token))
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The tokens' letters, to find out which texts they can write.
pub(crate) struct Writing {
    tokens: HashSet<Vec<u8>>,
    longest: usize,
}

impl Writing {
    pub(crate) fn of(table: &TokenTable) -> Self {
        let texts = table.texts.iter().zip(&table.is_mark);
        let written = texts.filter(|(text, is_mark)| !text.is_empty() && !**is_mark);
        let tokens: HashSet<Vec<u8>> = written
            .map(|(text, _)| match std::str::from_utf8(text) {
                Ok(text) => text
                    .trim_matches(|c| !is_letter(c))
                    .to_lowercase()
                    .into_bytes(),
                Err(_) => text.clone(),
            })
            .collect();
        let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
        Self { tokens, longest }
    }

    /// Whether some tokens side by side write a word.
    pub(crate) fn can_write(&self, word: &str) -> bool {
        let bytes = word.as_bytes();
        let mut reached = vec![false; bytes.len() + 1];
        reached[0] = true;
        for from in 0..bytes.len() {
            if reached[from] {
                for until in from + 1..=bytes.len().min(from + self.longest) {
                    reached[until] |= self.tokens.contains(&bytes[from..until]);
                }
            }
        }
        reached[bytes.len()]
    }
}

/// Whether a symbol in angle brackets stands for no byte.
fn is_mark(symbol: &str) -> bool {
    symbol.starts_with('<') && symbol.ends_with('>') && byte_named(symbol).is_none()
}

/// The byte that `<0xNN>` names.
fn byte_named(symbol: &str) -> Option<u8> {
    let digits = symbol.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

/// Whether every symbol is written in the characters that stand for bytes, and one above Latin-1's
/// supplement is there.
fn is_byte_level(symbols: &[&str]) -> bool {
    let mut highest = 0;
    for symbol in symbols {
        for c in symbol.chars().filter(|&c| c != WORD_BEGIN && c != '⁇') {
            if byte_of(c).is_none() {
                return false;
            }
            highest = highest.max(u32::from(c));
        }
    }
    highest >= 0x180
}

/// The byte that a character stands for in byte-level BPE.
fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        32..=126 => Some(code as u8),
        0x100..=0x11f => Some((code - 0x100) as u8),
        0x120..=0x1a6 if !UNSTABLE.contains(&code) => {
            let skipped = UNSTABLE.iter().filter(|&&each| each < code).count() as u32;
            Some((127 + code - 0x120 - skipped) as u8)
        }
        _ => None,
    }
}

fn bytes(symbol: &str, is_byte_level: bool) -> Vec<u8> {
    if let Some(byte) = byte_named(symbol) {
        return vec![byte];
    }
    if is_byte_level && !(symbol.starts_with('<') && symbol.ends_with('>')) {
        return symbol
            .chars()
            .filter_map(|c| {
                if c == WORD_BEGIN || c == '⁇' {
                    Some(b' ')
                } else {
                    byte_of(c)
                }
            })
            .collect();
    }
    match symbol.strip_prefix(WORD_BEGIN) {
        Some(rest) => format!(" {rest}").into_bytes(),
        None => symbol.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(text: &str) -> Result<TokenTable, String> {
        TokenTable::read(Path::new("tokens.txt"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn pieces_characters_and_bytes_become_text() {
        let pieces = table("<blk> 0\n<unk> 1\n▁card 2\ns 3\n您 4\n<0xE5> 5\n<0xA5> 6\n<0xBD> 7\n");
        let pieces = pieces.unwrap();
        assert_eq!((pieces.blank, pieces.unknown), (0, Some(1)));
        assert_eq!(pieces.text([2, 3, 4].into_iter()), " cards您");
        assert_eq!(pieces.text([5, 6, 7].into_iter()), "好");
        let letters = table("а 0\n 1\n<blk> 2\n").unwrap();
        assert_eq!(letters.text([0, 1, 0].into_iter()), "а а");
        assert_eq!(letters.blank, 2);
    }

    #[test]
    fn byte_level_pieces_become_text() {
        // 好 is E5 A5 BD: ƌ, Ŗ... by the table of 256 characters.
        let symbol: String = "好"
            .bytes()
            .map(|byte| {
                (0x100..=0x1a6)
                    .filter_map(char::from_u32)
                    .find(|&c| byte_of(c) == Some(byte))
                    .unwrap()
            })
            .collect();
        let table = table(&format!("<blk> 0\n▁{symbol} 1\nƦ 2\n")).unwrap();
        assert_eq!(table.text([1].into_iter()), " 好");
        assert_eq!(byte_of('Ʀ'), Some(255));
        assert_eq!(byte_of('Ġ'), Some(127));
    }

    #[test]
    fn what_the_tokens_can_write_is_known() {
        let table =
            table("<blk> 0\n<unk> 1\n▁CAR 2\nD 3\n您 4\n<0xE5> 5\n<0xA5> 6\n<0xBD> 7\n▁ 8\n");
        let writing = Writing::of(&table.unwrap());
        assert!(
            ["card", "您", "好", "car"]
                .into_iter()
                .all(|word| writing.can_write(word))
        );
        assert!(
            !["care", "余", "unk"]
                .into_iter()
                .any(|word| writing.can_write(word))
        );
    }

    #[test]
    fn a_bad_file_names_its_line() {
        let problem = |text| table(text).err().unwrap();
        assert!(problem("<blk> 0\na b c\n").contains("line 2: it must be `symbol id`"));
        assert!(problem("<blk> 0\na 0\n").contains("line 2: the id 0 is there twice"));
        assert!(problem("<blk> 0\na 2\n").contains("without a gap"));
        assert!(problem("a 0\nb 1\n").contains("one of the blanks"));
        assert!(problem("a 99999999\n").contains("id below"));
        assert!(problem("").contains("line 1"));
        let long = problem(&format!("<blk> 0\n{} x\n", "a".repeat(1 << 20)));
        assert!(long.len() < 500, "a message repeats the beginning only");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = table(&text);
        }

        /// Whatever the symbols are, a table that is read writes some text for every token.
        #[test]
        fn no_symbols_panic(symbols in prop::collection::vec("\\PC{0,6}|<0x[0-9A-Fa-f]{0,3}>|▁\\PC?", 1..40)) {
            let lines = symbols.iter().enumerate();
            let lines: Vec<String> = lines.map(|(id, symbol)| format!("{symbol} {id}")).collect();
            let text = lines.join("\n");
            if let Ok(table) = table(&format!("{text}\n<blk> {}\n", symbols.len())) {
                let _ = table.text(0..=table.classes());
            }
        }
    }
}
