//! Numbers as people say them, word by word, so that they can be put together from recordings.

use trunkside_call::Language;

/// One word of a number, by the name of its recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word(&'static str);

/// What a number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It counts something: `两位`.
    Count,
    /// It is a place in an order: `第二位`.
    Order,
}

/// The largest number that is said.
pub const LARGEST: u32 = 999;

const UNITS: [Word; 21] = [
    Word("0"),
    Word("1"),
    Word("2"),
    Word("3"),
    Word("4"),
    Word("5"),
    Word("6"),
    Word("7"),
    Word("8"),
    Word("9"),
    Word("10"),
    Word("11"),
    Word("12"),
    Word("13"),
    Word("14"),
    Word("15"),
    Word("16"),
    Word("17"),
    Word("18"),
    Word("19"),
    Word("20"),
];

/// From thirty on.
const TENS: [Word; 7] = [
    Word("30"),
    Word("40"),
    Word("50"),
    Word("60"),
    Word("70"),
    Word("80"),
    Word("90"),
];

const TEN: Word = Word("10");
const HUNDRED: Word = Word("100");
const AND: Word = Word("and");
/// Two of something, in Chinese.
const TWO_OF: Word = Word("2_of");

impl Word {
    /// The name of its recording, behind `number_`.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Every word that numbers of a language are made of.
    pub fn all(language: Language) -> Vec<Self> {
        match language {
            Language::En => [&UNITS[..], &TENS, &[HUNDRED, AND]].concat(),
            Language::Zh | Language::Yue => [&UNITS[..=10], &[HUNDRED, TWO_OF]].concat(),
        }
    }
}

/// A number up to [`LARGEST`] in the words of a language.
///
/// # Panics
/// When it is larger.
pub fn words(language: Language, number: u32, form: Form) -> Vec<Word> {
    assert!(number <= LARGEST, "{number} is not said");
    match language {
        Language::En => english(number),
        Language::Zh | Language::Yue => chinese(language, number, form),
    }
}

const fn unit(number: u32) -> Word {
    UNITS[number as usize]
}

/// `一百零五`, `十二`, `二十`; and `两` for two of something, in Mandarin for two hundred, too.
fn chinese(language: Language, number: u32, form: Form) -> Vec<Word> {
    let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
    let mut words = Vec::new();
    if hundreds > 0 {
        let is_pair = hundreds == 2 && language == Language::Zh && form == Form::Count;
        words.extend([if is_pair { TWO_OF } else { unit(hundreds) }, HUNDRED]);
    }
    if tens > 1 || hundreds > 0 && (tens == 1 || ones > 0) {
        words.push(unit(tens));
    }
    if tens > 0 {
        words.push(TEN);
    }
    if number == 2 && form == Form::Count {
        words.push(TWO_OF);
    } else if ones > 0 || number == 0 {
        words.push(unit(ones));
    }
    words
}

/// `one hundred and five`, `twenty-one`.
fn english(number: u32) -> Vec<Word> {
    let (hundreds, rest) = (number / 100, number % 100);
    let mut words = Vec::new();
    if hundreds > 0 {
        words.extend([unit(hundreds), HUNDRED]);
        if rest == 0 {
            return words;
        }
        words.push(AND);
    }
    match (rest / 10, rest % 10) {
        (0 | 1, _) | (2, 0) => words.push(unit(rest)),
        (tens, ones) => {
            words.push(if tens == 2 {
                unit(20)
            } else {
                TENS[tens as usize - 3]
            });
            if ones > 0 {
                words.push(unit(ones));
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::texts::Texts;
    use super::*;

    fn said(language: Language, number: u32, form: Form) -> String {
        let texts = Texts::shipped();
        let words = words(language, number, form);
        let words: Vec<&str> = words
            .iter()
            .map(|word| texts.word(language, *word))
            .collect();
        words.join(if language == Language::En { " " } else { "" })
    }

    #[test]
    fn chinese_numbers_have_their_zeros_tens_and_pairs() {
        for (number, zh, yue) in [
            (0, "零", "零"),
            (1, "一", "一"),
            (2, "两", "两"),
            (10, "十", "十"),
            (12, "十二", "十二"),
            (20, "二十", "二十"),
            (22, "二十二", "二十二"),
            (100, "一百", "一百"),
            (102, "一百零二", "一百零二"),
            (105, "一百零五", "一百零五"),
            (110, "一百一十", "一百一十"),
            (112, "一百一十二", "一百一十二"),
            (200, "两百", "二百"),
            (222, "两百二十二", "二百二十二"),
            (999, "九百九十九", "九百九十九"),
        ] {
            assert_eq!(said(Language::Zh, number, Form::Count), zh);
            assert_eq!(said(Language::Yue, number, Form::Count), yue);
        }
        assert_eq!(said(Language::Zh, 2, Form::Order), "二", "第二位");
        assert_eq!(said(Language::Zh, 200, Form::Order), "二百");
    }

    #[test]
    fn english_numbers_have_their_and() {
        for (number, en) in [
            (0, "zero"),
            (2, "two"),
            (12, "twelve"),
            (20, "twenty"),
            (21, "twenty one"),
            (30, "thirty"),
            (99, "ninety nine"),
            (100, "one hundred"),
            (105, "one hundred and five"),
            (120, "one hundred and twenty"),
            (999, "nine hundred and ninety nine"),
        ] {
            assert_eq!(said(Language::En, number, Form::Count), en);
        }
    }

    #[test]
    fn every_number_is_made_of_words_that_are_listed() {
        for language in Language::ALL {
            let all = Word::all(language);
            for number in 0..=LARGEST {
                for form in [Form::Count, Form::Order] {
                    let words = words(language, number, form);
                    assert!(!words.is_empty());
                    assert!(words.iter().all(|word| all.contains(word)), "{number}");
                }
            }
        }
    }
}
