//! What callers say of being recorded, in three languages.

/// What stands before the word for recording when somebody does not want it.
const AGAINST: [&str; 20] = [
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
    "唔想",
    "不愿意",
    "不希望",
    "不接受",
    "停止",
    "关掉",
    "删",
    "咪",
];

/// And what stands after it.
const ENDING: [&str; 5] = ["关", "停", "删", "取消", "熄"];

/// Who cannot hear or find a recording, or wants one, speaks of another.
const OTHERS: &str = "听查找调拿取";

/// So many characters may stand between the two.
const BETWEEN: usize = 4;

/// Somewhere before the word, as in `I don't want this call to be recorded`.
const AGAINST_IN_ENGLISH: [&str; 9] = [
    "don't", "dont", "not", "stop", "never", "without", "off", "delete", "erase",
];

/// So many words may stand between the two.
const BETWEEN_IN_ENGLISH: usize = 6;

/// What was recorded is meant by these, and not a record of something.
const RECORDING: [&str; 3] = ["record", "recorded", "recording"];

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

const YES_IN_ENGLISH: [&str; 8] = [
    "yes", "yeah", "ok", "okay", "sure", "agree", "consent", "fine",
];

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
    let recording = (0..letters.len()).filter(|&at| letters[at] == '录');
    recording
        .map(|at| letters.split_at(at))
        .any(|(before, after)| stands_before(before) || stands_after(after))
}

fn stands_before(letters: &[char]) -> bool {
    let near: String = letters[letters.len().saturating_sub(BETWEEN + 3)..]
        .iter()
        .collect();
    AGAINST.iter().any(|against| {
        let rest = near.rsplit_once(against).map(|(_, rest)| rest);
        rest.is_some_and(|rest| {
            rest.chars().count() <= BETWEEN && !rest.contains(|letter| OTHERS.contains(letter))
        })
    })
}

fn stands_after(letters: &[char]) -> bool {
    let near: String = letters.iter().take(BETWEEN).collect();
    ENDING.iter().any(|ending| near.contains(ending))
}

fn refuses_in_english(text: &str) -> bool {
    let words = words(text);
    let of = |at: usize| words.get(at).map(String::as_str);
    let mut recording = (0..words.len()).filter(|&at| {
        let is_a_record = of(at + 1) == Some("of");
        RECORDING.contains(&words[at].as_str()) && !is_a_record
    });
    recording.any(|at| {
        let before = &words[at.saturating_sub(BETWEEN_IN_ENGLISH)..at];
        let against = |word: &String| AGAINST_IN_ENGLISH.contains(&word.as_str());
        let none = at > 0 && of(at - 1) == Some("no");
        none || of(at + 1) == Some("off") || before.iter().any(against)
    })
}

/// Whether somebody says that they do not agree, and nothing else.
pub fn disagrees(text: &str) -> bool {
    let mut agreeing = ["同意", "agree", "consent"].iter();
    answer(text) == Some(false) && agreeing.any(|word| text.contains(word))
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
            "i don't want this call to be recorded",
            "no recording please",
            "please turn the recording off",
            "我不希望被录音",
            "把录音关掉",
            "请把录音删了",
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
            "no i lost the record of my order",
            "do you not have a record of that",
            "为什么我不能听录音",
            "录音我还没听",
            "我不要这张卡",
            "no",
        ] {
            assert!(!refuses(text), "{text}");
        }
    }

    #[test]
    fn who_does_not_agree_says_nothing_else() {
        for text in ["我不同意", "唔同意", "i do not consent"] {
            assert!(disagrees(text), "{text}");
        }
        for text in ["不行", "no", "我不同意这个方案", "我同意", ""] {
            assert!(!disagrees(text), "{text}");
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
