//! Gaps: what may stand between two digits of one number, and what it says of them.

use super::Folded;

/// Words that part digits without ending the number: hesitations, spoken punctuation, links.
pub(super) const CHINESE_PAUSES: [&str; 115] = [
    "中间是",
    "中间系",
    "对吗",
    "是吗",
    "好吗",
    "对不对",
    "啱唔啱",
    "好不好",
    "得唔得",
    "您记一下",
    "记一下",
    "最后是",
    "最后系",
    "对的",
    "好的",
    "没错",
    "冇错",
    "括弧入面",
    "括号入面",
    "括号里面",
    "括弧里面",
    "括住",
    "入面",
    "里面",
    "对",
    "啱",
    "说错了",
    "讲错了",
    "讲错咗",
    "讲错",
    "弄错了",
    "更正",
    "接下来是",
    "后面还有",
    "再后面",
    "接下来",
    "跟住系",
    "跟住",
    "即系",
    "稍等",
    "让我看看",
    "我看看",
    "我看一下",
    "等我睇睇",
    "你记一下",
    "重新说",
    "然后呢",
    "应该是",
    "而是",
    "唔系",
    "唔是",
    "等一下",
    "括弧",
    "括号",
    "你等等",
    "那个",
    "这个",
    "就是",
    "然后",
    "横杠",
    "短杠",
    "空格",
    "后面",
    "接着",
    "再来",
    "不对",
    "不是",
    "错了",
    "说错",
    "等等",
    "嗯",
    "呃",
    "啊",
    "哦",
    "噢",
    "额",
    "唔",
    "吖",
    "呢",
    "哎",
    "诶",
    "欸",
    "吧",
    "嘛",
    "呀",
    "喔",
    "唉",
    "哈",
    "杠",
    "横",
    "点",
    "是",
    "再",
    "不",
    "有",
    "和",
    "那",
    "这",
    "然",
    "后",
    "就",
    "还",
    "的",
    "减",
    "加",
    "转",
    "到",
    "同",
    "埋",
    "系",
    "个",
    "十",
    "百",
    "千",
    "万",
];

/// Their English counterparts.
const ENGLISH_PAUSES: [&str; 75] = [
    "let",
    "me",
    "see",
    "hang",
    "on",
    "hold",
    "next",
    "after",
    "got",
    "oops",
    "rather",
    "um",
    "umm",
    "uh",
    "uhh",
    "er",
    "erm",
    "err",
    "ah",
    "hm",
    "hmm",
    "mm",
    "mhm",
    "eh",
    "well",
    "like",
    "and",
    "then",
    "dash",
    "hyphen",
    "minus",
    "plus",
    "space",
    "dot",
    "point",
    "comma",
    "slash",
    "bracket",
    "brackets",
    "no",
    "not",
    "but",
    "sorry",
    "wait",
    "actually",
    "i",
    "mean",
    "its",
    "it",
    "s",
    "is",
    "so",
    "okay",
    "ok",
    "yes",
    "yeah",
    "right",
    "please",
    "extension",
    "ext",
    "hundred",
    "thousand",
    "million",
    "area",
    "code",
    "number",
    "the",
    "a",
    "double",
    "triple",
    "treble",
    "quadruple",
    "make",
    "that",
    "be",
];

/// Of the pauses, those after which digits replace the ones before.
const CORRECTIONS: [&str; 16] = [
    "说错了",
    "讲错了",
    "讲错咗",
    "讲错",
    "弄错了",
    "更正",
    "不对",
    "错了",
    "说错",
    "应该是",
    "不",
    "no",
    "sorry",
    "wait",
    "actually",
    "mean",
];

/// Those that take back what stands before them, or name what follows as wrong.
const DOUBTS: [&str; 3] = ["不是", "唔系", "唔是"];

/// Those whose digits are the wrong ones: `fifty not fifteen`.
const DENIALS: [&str; 1] = ["not"];

/// Those that say what is right once something was named as wrong.
const AFFIRMATIONS: [&str; 8] = ["而是", "是", "系", "its", "it", "is", "but", "rather"];

/// Words before a number that name it as wrong.
const DENIED_BEFORE: [&str; 6] = ["不是", "唔系", "唔是", "not", "isn't", "wasn't"];

/// What stands between two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing that ends a number.
    Pause,
    /// Nothing either, unless what stands before was named as wrong: this is right.
    Affirmation,
    /// What follows replaces what stands before.
    Correction,
    /// As a correction, or as a denial behind one or before an affirmation.
    Doubt,
    /// As a doubt, with nothing beside it: `三点不是四点` names what follows as wrong, where that can stand
    /// for all of what is before.
    Contrast,
    /// What follows is named as wrong.
    Denial,
}

impl Gap {
    /// With what stands behind it: words that only may say what is right say so behind no other.
    const fn with(self, next: Self) -> Self {
        match (self, next) {
            (_, Self::Pause)
            | (Self::Correction | Self::Doubt | Self::Contrast | Self::Denial, Self::Affirmation) => {
                self
            }
            (_, next) => next,
        }
    }
}

/// Whether the words before a number name it as wrong: `不是八八六六`. 是不是 only asks.
pub(crate) fn is_denied(text: &Folded, start: usize) -> bool {
    let mut end = start;
    while end > 0 && !text.chars()[end - 1].is_alphanumeric() {
        end -= 1;
    }
    DENIED_BEFORE.iter().any(|word| {
        end.checked_sub(word.chars().count()).is_some_and(|at| {
            let asks = at > 0 && text.at(at - 1) == Some('是');
            text.starts_with(at, word) && !asks && (!word.is_ascii() || text.is_word_start(at))
        })
    })
}

/// The kind of gap between two positions, or none where something else than a pause stands there.
pub(crate) fn gap_between(text: &Folded, start: usize, end: usize) -> Option<Gap> {
    let mut at = start;
    let mut gap = Gap::Pause;
    while at < end {
        let (next, kind) = pause_at(text, at, end)?;
        gap = gap.with(kind);
        at = next;
    }
    let said = text.slice(start, end);
    let said = said.trim_start_matches(|c: char| !c.is_alphanumeric());
    Some(if DOUBTS.contains(&said) {
        Gap::Contrast
    } else {
        gap
    })
}

/// Where the pauses that begin at a position end.
pub(crate) fn skip_pauses(text: &Folded, start: usize) -> usize {
    let end = text.chars().len();
    let mut at = start;
    while at < end {
        let Some((next, _)) = pause_at(text, at, end) else {
            break;
        };
        at = next;
    }
    at
}

pub(super) fn pause_at(text: &Folded, at: usize, end: usize) -> Option<(usize, Gap)> {
    let c = text.at(at)?;
    if !c.is_alphanumeric() {
        return Some((at + 1, Gap::Pause));
    }
    let (word, next) = if c.is_ascii_alphabetic() {
        let next = text.word_end(at);
        if next - at > 9 || !text.is_word_start(at) {
            return None;
        }
        let word = text.slice(at, next);
        (*ENGLISH_PAUSES.iter().find(|pause| **pause == word)?, next)
    } else {
        let word = *CHINESE_PAUSES
            .iter()
            .find(|pause| text.starts_with(at, pause))?;
        (word, at + word.chars().count())
    };
    let kinds = [
        (&DENIALS[..], Gap::Denial),
        (&DOUBTS, Gap::Doubt),
        (&CORRECTIONS, Gap::Correction),
        (&AFFIRMATIONS, Gap::Affirmation),
    ];
    let kind = kinds.into_iter().find(|(words, _)| words.contains(&word));
    let gap = kind.map_or(Gap::Pause, |(_, gap)| gap);
    (next <= end).then_some((next, gap))
}
