//! What callers say of being recorded, in three languages.

mod chinese;
mod english;

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
    chinese::refuses(text) || english::refuses(&words(text))
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
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What people say to a branch is not about being recorded.
    #[test]
    fn no_wish_of_a_caller_is_taken_for_a_refusal() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../understanding/data/intents");
        let mut lines = 0;
        for file in [
            "kept/zh.tsv",
            "kept/yue.tsv",
            "kept/en.tsv",
            "test/zh.tsv",
            "test/yue.tsv",
            "test/en.tsv",
            "test/calls.tsv",
            "public.tsv",
        ] {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            for field in text.split(['\t', '\n']) {
                assert!(!refuses(field), "{field}");
                lines += 1;
            }
        }
        assert!(lines > 1000, "{lines}");
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
