//! Mail addresses that are spelt out: `li dot wei at example dot com`, `张三艾特幺六三点com`.

use crate::numbers::{Atom, Folded};
use crate::personal::{names, skip_hesitations};
use crate::redact::Hidden;

/// What is said for `@`.
const ATS: [&str; 8] = [
    "艾特",
    "爱特",
    "圈a",
    "小老鼠",
    "at",
    "@",
    "at sign",
    "圈 a",
];

/// What is said for a dot.
const DOTS: [&str; 4] = ["点", "dot", ".", "小数点"];

/// What ends the host, as written and as a recogniser hears it.
const ENDS: [&str; 22] = [
    "com",
    "net",
    "org",
    "cn",
    "hk",
    "edu",
    "gov",
    "io",
    "uk",
    "co",
    "me",
    "tw",
    "info",
    "康姆",
    "康母",
    "抗姆",
    "com.cn",
    "c o m",
    "c n",
    "嗯额特",
    "西恩",
    "科姆",
];

/// Hosts so well known that nobody says their end.
const PROVIDERS: [&str; 18] = [
    "gmail",
    "googlemail",
    "hotmail",
    "outlook",
    "yahoo",
    "icloud",
    "foxmail",
    "protonmail",
    "aol",
    "btinternet",
    "qq",
    "q q",
    "163",
    "126",
    "幺六三",
    "一六三",
    "新浪",
    "网易",
];

/// How many characters a host may have.
const LONGEST_HOST: usize = 40;

/// How many characters the name before the `@` may have.
const LONGEST_NAME: usize = 48;

/// All spelt-out mail addresses.
pub(super) fn find(text: &Folded, numbers: &[Atom]) -> Vec<Hidden> {
    let mut found = Vec::new();
    found.extend(announced(text));
    for at in 0..text.chars().len() {
        let Some(sign_end) = word_at(text, at, &ATS) else {
            continue;
        };
        let Some(end) = host_end(text, sign_end).or_else(|| known_host(text, at, sign_end)) else {
            continue;
        };
        let is_number = |index: usize| {
            numbers
                .get(numbers.partition_point(|atom| atom.end <= index))
                .is_some_and(|atom| atom.start <= index)
        };
        found.push(Hidden {
            start: name_start(text, at, &is_number),
            end,
            label: "email",
        });
    }
    found
}

/// Words that announce a mail address.
const CUES: [&str; 10] = [
    "邮箱",
    "电邮",
    "邮件地址",
    "电子邮件",
    "伊妹儿",
    "email address",
    "e-mail address",
    "email",
    "e-mail",
    "mail me at",
];

/// Where a well-known host behind a sign ends, its dot unheard: with `com` behind it, in a name
/// with a dot, or near a word that announces mail.
fn known_host(text: &Folded, sign: usize, sign_end: usize) -> Option<usize> {
    let host = word_at(text, skip_blanks(text, sign_end), &PROVIDERS)?;
    if let Some(end) = word_at(text, skip_blanks(text, host), &ENDS) {
        return Some(end);
    }
    let mut before = sign.saturating_sub(LONGEST_NAME)..sign;
    let latin = text.at(sign).is_some_and(|c| c.is_ascii_alphabetic());
    let told = !latin
        || before
            .any(|at| word_at(text, at, &CUES).is_some() || word_at(text, at, &["dot"]).is_some());
    told.then_some(host)
}

/// Behind words that announce a mail address, everything up to its end, however the sign was
/// heard.
fn announced(text: &Folded) -> Vec<Hidden> {
    const LINKS: [&str; 10] = [
        "地址", "是", "系", "为", "就", "is", "to", "at", "me", "it's",
    ];
    let mut found = Vec::new();
    for at in 0..text.chars().len() {
        let Some(mut start) = word_at(text, at, &CUES) else {
            continue;
        };
        if text.starts_with(start, "'s ") {
            start += 2;
        }
        loop {
            start = skip_hesitations(text, start);
            match word_at(text, start, &LINKS) {
                Some(end) => start = end,
                None => break,
            }
        }
        let told = host_end(text, start).or_else(|| {
            (start..start + LONGEST_NAME)
                .find_map(|at| known_host(text, at, word_at(text, at, &ATS)?))
        });
        let ends = told.filter(|end| *end > start + 5);
        found.extend(ends.map(|end| Hidden {
            start,
            end,
            label: "email",
        }));
    }
    found
}

/// The answer to a request for a mail address, or the rest of one: up to its end, or the whole turn
/// where a sign, a dot, a host, or letters beside Chinese tell that it is one.
pub(super) fn answer(text: &Folded) -> Option<Hidden> {
    const LEADS: [&str; 18] = [
        "it's", "its", "it", "is", "yes", "yeah", "ok", "okay", "sure", "so", "好的", "好", "对",
        "是的", "是", "我的", "邮箱", "系",
    ];
    const THANKS: [&str; 6] = ["thank", "thanks", "please", "谢谢", "唔该", "麻烦"];
    let mut start = skip_hesitations(text, 0);
    while let Some(end) = word_at(text, start, &LEADS) {
        start = skip_hesitations(text, end);
    }
    let length = text.chars().len();
    let thanks = (start..length).find(|at| word_at(text, *at, &THANKS).is_some());
    let mut end = thanks.unwrap_or(length);
    while end > start && !text.chars()[end - 1].is_alphanumeric() {
        end -= 1;
    }
    let dotted = |at: usize| {
        word_at(text, at, &DOTS)
            .is_some_and(|dot| word_at(text, skip_blanks(text, dot), &ENDS).is_some())
    };
    let tells = |at: usize| {
        dotted(at)
            || word_at(text, at, &PROVIDERS).is_some()
            || word_at(text, at, &["dot", "艾特", "爱特", "圈a", "小老鼠", "@"]).is_some()
    };
    let chinese = |c: &char| c.is_alphabetic() && !c.is_ascii();
    let said = text.chars().get(start..end)?;
    // `zhang san 八八`: letters where the talk is Chinese but for its digits.
    let spelt = said.iter().any(char::is_ascii_alphabetic)
        && said
            .iter()
            .filter(|c| chinese(c))
            .all(|c| is_digit_word(*c))
        && (said.iter().any(chinese) || said.iter().any(char::is_ascii_digit));
    // A name to begin with: `wang`.
    let name = || {
        let words: String = said.iter().collect();
        words.is_ascii()
            && words.split(' ').count() <= 2
            && !words.split(' ').any(names::is_in_dictionary)
    };
    (start < end && ((start..end).any(tells) || spelt || name())).then_some(Hidden {
        start,
        end,
        label: "email",
    })
}

fn is_digit_word(c: char) -> bool {
    "零〇一二三四五六七八九幺两洞拐点杠".contains(c)
}

/// Whether a text ends by asking for, or telling, a mail address.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    let end = text.chars().len();
    (end.saturating_sub(LONGEST_NAME)..end).any(|at| word_at(text, at, &CUES).is_some())
}

/// Where one of some words ends that stands here as a whole.
fn word_at(text: &Folded, at: usize, words: &[&str]) -> Option<usize> {
    let first = text.at(at)?;
    if first.is_ascii_alphabetic() && !text.is_word_start(at) {
        return None;
    }
    words
        .iter()
        .filter(|word| text.starts_with(at, word))
        .map(|word| (word, at + word.chars().count()))
        .filter(|(word, end)| {
            !word.ends_with(|c: char| c.is_ascii_alphabetic())
                || !text.at(*end).is_some_and(|c| c.is_ascii_alphabetic())
        })
        .map(|(_, end)| end)
        .max()
}

/// Where the host ends: at the last dot's end word within reach.
fn host_end(text: &Folded, start: usize) -> Option<usize> {
    let mut end = None;
    let mut at = start;
    while at < start + LONGEST_HOST && at < text.chars().len() {
        if let Some(dot) = word_at(text, at, &DOTS) {
            let next = skip_blanks(text, dot);
            if let Some(last) = word_at(text, next, &ENDS) {
                end = Some(last);
                at = last;
                continue;
            }
        }
        let goes_on = text
            .at(at)
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '.' | '_'));
        if !goes_on {
            break;
        }
        at += 1;
    }
    end
}

fn skip_blanks(text: &Folded, mut at: usize) -> usize {
    while text.at(at) == Some(' ') {
        at += 1;
    }
    at
}

/// Where the name before the sign begins: back over letters, numbers and dots, to a word that is
/// no part of a name.
fn name_start(text: &Folded, sign: usize, is_number: &dyn Fn(usize) -> bool) -> usize {
    const NOT: [&str; 26] = [
        "is", "it's", "its", "to", "email", "e-mail", "mail", "address", "me", "on", "use", "the",
        "my", "write", "send", "contact", "reach", "and", "or", "of", "um", "uh", "by", "as",
        "with", "it",
    ];
    const HAN_STOPS: &str = "是到系为发给我的箱件址叫：";
    let mut start = sign;
    while start > 0 && sign - start < LONGEST_NAME {
        let before = text.chars()[start - 1];
        if before == ' ' || matches!(before, '.' | '_' | '-' | '+') {
            start -= 1;
            continue;
        }
        if before.is_ascii_alphabetic() {
            let mut word_start = start - 1;
            while word_start > 0 && text.chars()[word_start - 1].is_ascii_alphabetic() {
                word_start -= 1;
            }
            let shortened = word_start > 0 && text.chars()[word_start - 1] == '\'';
            if shortened || NOT.contains(&text.slice(word_start, start).as_str()) {
                break;
            }
            start = word_start;
        } else if before.is_ascii_digit()
            || is_number(start - 1)
            || before.is_alphabetic() && !HAN_STOPS.contains(before)
        {
            start -= 1;
        } else {
            break;
        }
    }
    while start < sign && text.chars()[start] == ' ' {
        start += 1;
    }
    start
}
