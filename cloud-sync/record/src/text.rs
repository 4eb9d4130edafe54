//! Text that may leave the box.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digits::longest_run;

/// A run of this many digits is refused: the shortest numbers that name a person or an account.
const FORBIDDEN_RUN: u32 = 4;

/// The longest text, in bytes; a turn of a conversation is far shorter.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// What stands in place of text that could not be passed.
pub(crate) const WITHHELD: &str = "[withheld]";

/// Text that has passed the last gate: no run of four or more digits in any written or spoken form,
/// no mail address.
///
/// The gate fails closed when the redactor missed a number, and guards reading from JSON as well. It knows
/// no names, addresses, plates or dates: of those only the redactor keeps a text free, so what people said
/// is redacted before it comes here. What the box says itself (alarms, reasons, phrases of rules) comes
/// here as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct RedactedText(#[schemars(length(max = 16384))] String);

impl RedactedText {
    /// Passes the gate, or says why not.
    pub fn try_new(text: &str) -> Result<Self, TextRefused> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Passes the gate, or holds `[withheld]` in the text's place.
    pub fn or_withheld(text: &str) -> Self {
        Self::try_new(text).unwrap_or_else(|_| Self::withheld())
    }

    /// Stands for text that could not be passed.
    pub fn withheld() -> Self {
        Self(WITHHELD.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the text was withheld by [`or_withheld`](Self::or_withheld).
    pub fn is_withheld(&self) -> bool {
        self.0 == WITHHELD
    }
}

impl fmt::Display for RedactedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RedactedText {
    type Error = TextRefused;

    fn try_from(text: String) -> Result<Self, TextRefused> {
        check(&text)?;
        Ok(Self(text))
    }
}

impl From<RedactedText> for String {
    fn from(text: RedactedText) -> Self {
        text.0
    }
}

/// Why a text may not leave the box. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextRefused {
    /// It holds what could be a telephone, identity, card or account number.
    #[error("the text holds a run of four or more digits; redact it first")]
    Digits,
    /// It holds what could be a mail address.
    #[error("the text holds a mail address; redact it first")]
    Mail,
    /// It is longer than a turn can be.
    #[error("the text is longer than 16384 bytes; split it into turns")]
    TooLong,
}

fn check(text: &str) -> Result<(), TextRefused> {
    if text.len() > MAX_TEXT_BYTES {
        Err(TextRefused::TooLong)
    } else if longest_run(text, FORBIDDEN_RUN) >= FORBIDDEN_RUN {
        Err(TextRefused::Digits)
    } else if has_mail_address(text) {
        Err(TextRefused::Mail)
    } else {
        Ok(())
    }
}

/// Whether something stands at an `@`, or an address is spelt out: `li at example dot com`.
fn has_mail_address(text: &str) -> bool {
    let text: Cow<'_, str> = if text.contains('＠') {
        text.replace('＠', "@").into()
    } else {
        text.into()
    };
    let written = text.match_indices('@').any(|(at, _)| {
        let before = text[..at].trim_end().chars().next_back();
        let after = text[at + 1..].trim_start().chars().next();
        before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    });
    written || is_spelt_out(&text)
}

/// How many words may stand between `at` and `dot` in an address that is spelt out.
const MAX_HOST_WORDS: usize = 8;

fn is_spelt_out(text: &str) -> bool {
    let text = text
        .to_lowercase()
        .replace("艾特", " at ")
        .replace('点', " dot ");
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    let ends = [
        "com", "net", "org", "cn", "hk", "co", "edu", "gov", "io", "uk", "mail",
    ];
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| **word == "at")
        .any(|(at, _)| {
            let host = &words[at + 1..words.len().min(at + 2 + MAX_HOST_WORDS)];
            host.windows(2)
                .any(|pair| pair[0] == "dot" && ends.contains(&pair[1]))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> bool {
        RedactedText::try_new(text).is_err()
    }

    #[test]
    fn digits_are_found_however_they_are_written_or_said() {
        for text in [
            "call 13800138000",
            "1 3 8 0",
            "１３８００",
            "1-3-8-0",
            "1, 3 … 8 (0)",
            "١٢٣٤",
            "①②③④",
            "一三八零零",
            "幺三八，零零",
            "电话是一三八呃零零零",
            "拐洞两勾",
            "么三八零",
            "三个八两个六",
            "三个八一",
            "九孖八七",
            "我電話係九孖八孖七孖六",
            "双八双六",
            "仨零幺",
            "七三条六",
            "三條八五",
            "3条8六",
            "一万二千三百四十五",
            "壹贰叁肆",
            "13八〇",
            "one three eight oh",
            "One. Three. Eight. Zero.",
            "one-three-eight-zero",
            "double three double four",
            "triple nine one",
            "one three, um, eight and then, uh, nought",
            "onethreeeightzero",
            "thirteen eighty",
            "nineteen eighty four",
            "twenty twenty six",
            "one 3 八 oh",
            "1\u{200b}3\u{200b}8\u{200b}0",
            "the year 2026",
        ] {
            assert_eq!(
                RedactedText::try_new(text),
                Err(TextRefused::Digits),
                "{text}"
            );
        }
    }

    #[test]
    fn ordinary_talk_passes() {
        for text in [
            "",
            "我要办两张卡",
            "什么时候可以过来，要么三点半",
            "我的电话是[phone]，尾号三八",
            "一个人三个八折",
            "一双鞋三条裤子",
            "孖仔三岁两条六百块的裤",
            "十三条六二",
            "廿三条六二",
            "三百零二条八七",
            "i lost my card [card] on the twenty third",
            "one moment, for two people at three",
            "twenty one people and thirty two cards",
            "somebody at the branch said two or three days",
            "@ the branch",
            "oh oh no",
        ] {
            assert!(!refused(text), "{text}: {:?}", RedactedText::try_new(text));
        }
    }

    #[test]
    fn mail_addresses_are_found() {
        for text in [
            "write to li@example.com",
            "li ＠ example",
            "li at example dot com",
            "李艾特example点com",
            "li dot wei at mail dot example dot co dot uk",
        ] {
            assert_eq!(
                RedactedText::try_new(text),
                Err(TextRefused::Mail),
                "{text}"
            );
        }
    }

    #[test]
    fn json_passes_the_same_gate() {
        assert!(serde_json::from_str::<RedactedText>("\"hello\"").is_ok());
        let error = serde_json::from_str::<RedactedText>("\"1380013\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("four or more digits") && !error.contains("1380013"),
            "{error}"
        );
    }

    #[test]
    fn what_is_refused_is_withheld() {
        assert!(RedactedText::or_withheld("one two three four").is_withheld());
        assert_eq!(RedactedText::or_withheld("good day").as_str(), "good day");
    }

    fn form(digit: u32) -> impl Strategy<Value = String> {
        let digit = digit as usize;
        let english = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ];
        prop_oneof![
            Just(digit.to_string()),
            Just(
                char::from_u32('０' as u32 + digit as u32)
                    .unwrap()
                    .to_string()
            ),
            Just(
                "零一二三四五六七八九"
                    .chars()
                    .nth(digit)
                    .unwrap()
                    .to_string()
            ),
            Just(format!(" {} ", english[digit])),
            Just(format!(" {} ", english[digit].to_uppercase())),
        ]
    }

    proptest! {
        #[test]
        fn a_run_is_found_in_any_mixture_of_forms_and_separators(
            digits in prop::collection::vec((0_u32..10).prop_flat_map(form), 4..12),
            separator in prop::sample::select(vec!["", " ", "-", "，", " um, ", "呃", ". ", "…", "\n"]),
            before in "[a-z ]{0,12}",
            after in "[a-z ]{0,12}",
        ) {
            let text = format!("{before} {} {after}", digits.join(separator));
            prop_assert!(refused(&text), "{}", text);
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in any::<String>()) {
            let _ = RedactedText::try_new(&text);
        }
    }
}
