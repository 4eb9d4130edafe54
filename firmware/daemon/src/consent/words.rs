//! What callers say of being recorded, in three languages.

/// What stands before the word for recording when somebody does not want it.
const AGAINST: [&str; 15] = [
    "不要",
    "不想",
    "不同意",
    "不能",
    "不许",
    "不准",
    "不可以",
    "不用",
    "别",
    "唔好",
    "唔要",
    "唔同意",
    "停止",
    "关掉",
    "咪",
];

/// So many characters may stand between the two.
const BETWEEN: usize = 4;

const AGAINST_IN_ENGLISH: [&str; 7] = ["don't", "dont", "not", "no", "stop", "never", "without"];

const YES: [&str; 12] = [
    "同意",
    "可以",
    "好",
    "好的",
    "行",
    "是",
    "是的",
    "对",
    "没问题",
    "得",
    "冇问题",
    "同意录音",
];

const NO: [&str; 9] = [
    "不同意",
    "不可以",
    "不行",
    "不要",
    "不用",
    "不好",
    "唔同意",
    "唔得",
    "唔好",
];

const YES_IN_ENGLISH: [&str; 7] = ["yes", "yeah", "ok", "okay", "sure", "agree", "fine"];

const NO_IN_ENGLISH: [&str; 6] = ["no", "nope", "not", "don't", "dont", "decline"];

/// What may stand beside a yes or a no.
const BESIDE: [&str; 11] = [
    "i", "do", "please", "thank", "thanks", "you", "of", "course", "that's", "is", "it",
];

/// Whether somebody says that they do not want to be recorded.
pub fn refuses(text: &str) -> bool {
    refuses_in_chinese(text) || refuses_in_english(text)
}

fn refuses_in_chinese(text: &str) -> bool {
    let letters: Vec<char> = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    letters
        .iter()
        .enumerate()
        .filter(|(_, letter)| **letter == '录')
        .any(|(at, _)| {
            let before: String = letters[at.saturating_sub(BETWEEN + 3)..at].iter().collect();
            AGAINST.iter().any(|against| {
                let rest = before.rsplit_once(against).map(|(_, rest)| rest);
                rest.is_some_and(|rest| rest.chars().count() <= BETWEEN)
            })
        })
}

fn refuses_in_english(text: &str) -> bool {
    let words = words(text);
    let recording = words.iter().position(|word| word.starts_with("record"));
    recording.is_some_and(|at| {
        let before = &words[at.saturating_sub(BETWEEN)..at];
        before
            .iter()
            .any(|word| AGAINST_IN_ENGLISH.contains(&word.as_str()))
    })
}

/// A yes or a no and nothing else; whatever says more is none.
pub fn answer(text: &str) -> Option<bool> {
    if refuses(text) {
        return Some(false);
    }
    let filler = |letter: &char| !"我呃嗯啊吧呀了哦，。！ ".contains(*letter);
    let plain: String = text.chars().filter(filler).collect();
    if NO.contains(&plain.as_str()) {
        return Some(false);
    }
    if YES.contains(&plain.as_str()) {
        return Some(true);
    }
    answer_in_english(&words(text))
}

fn answer_in_english(words: &[String]) -> Option<bool> {
    let of = |list: &[&str], word: &String| list.contains(&word.as_str());
    let all = words
        .iter()
        .all(|word| of(&BESIDE, word) || of(&YES_IN_ENGLISH, word) || of(&NO_IN_ENGLISH, word));
    if words.is_empty() || !all {
        return None;
    }
    if words.iter().any(|word| of(&NO_IN_ENGLISH, word)) {
        return Some(false);
    }
    let agrees = words.iter().any(|word| of(&YES_IN_ENGLISH, word));
    agrees.then_some(true)
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_known_in_three_languages() {
        for text in [
            "请不要录音",
            "别给我录音",
            "我不同意你们录音",
            "唔好录音",
            "停止录音",
            "please do not record this call",
            "stop recording",
            "i don't want to be recorded",
        ] {
            assert!(refuses(text), "{text}");
        }
    }

    #[test]
    fn what_only_speaks_of_recordings_refuses_nothing() {
        for text in [
            "你们有没有录音",
            "通话将被录音",
            "我要查录音",
            "不知道你们昨天那个电话录音还在吗",
            "is this call recorded",
            "i lost the record of my order",
            "我不要这张卡",
            "no",
        ] {
            assert!(!refuses(text), "{text}");
        }
    }

    #[test]
    fn an_answer_is_a_yes_or_a_no_and_nothing_else() {
        for (text, wanted) in [
            ("同意", Some(true)),
            ("我同意", Some(true)),
            ("好的", Some(true)),
            ("yes i agree", Some(true)),
            ("okay that's fine", Some(true)),
            ("不同意", Some(false)),
            ("我不同意录音", Some(false)),
            ("no thank you", Some(false)),
            ("i do not agree", Some(false)),
            ("可以查一下余额吗", None),
            ("i lost my card", None),
            ("please", None),
            ("", None),
        ] {
            assert_eq!(answer(text), wanted, "{text}");
        }
    }
}
