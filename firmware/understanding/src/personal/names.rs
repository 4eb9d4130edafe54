//! Names of people: behind the words that introduce them, and before titles.

use super::ends_phrase;
use crate::numbers::Folded;
use crate::redact::Hidden;

/// The hundred or so commonest surnames, and those of two characters.
const SURNAMES: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓韩冯曹彭曾肖田董潘袁蔡蒋余于杜叶程\
                        魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付傅方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾\
                        龚邵万覃武钱戴严莫孔向汤温康施文牛樊葛邢安齐乔庞颜倪庄聂章鲁岳翟申耿焦欧詹陳張劉黃趙吳孫馬\
                        鄭許鄧馮蕭葉蘇呂盧鍾譚陸範賈鄒賀龔萬錢嚴莊魯";
const LONG_SURNAMES: [&str; 6] = ["欧阳", "上官", "司马", "诸葛", "司徒", "欧陽"];

/// Words behind which a name stands; after the doubtful ones it must end the phrase.
const INTRODUCTIONS: [(&str, bool); 14] = [
    ("我叫做", true),
    ("我叫", true),
    ("名字叫", true),
    ("名字是", true),
    ("姓名是", true),
    ("姓名", true),
    ("户名是", true),
    ("户名", true),
    ("收件人是", true),
    ("收件人", true),
    ("联系人是", true),
    ("联系人", true),
    ("我名系", true),
    ("我是", false),
];

const TITLES: [&str; 8] = ["先生", "女士", "小姐", "太太", "师傅", "老师", "经理", "生"];

const ENGLISH_INTRODUCTIONS: [&str; 6] = [
    "my name is",
    "my name's",
    "the name is",
    "name is",
    "i am called",
    "account holder is",
];

const ENGLISH_TITLES: [&str; 9] = [
    "mr", "mrs", "ms", "miss", "mister", "missus", "dr", "doctor", "madam",
];

/// Words that do not belong to a name behind an introduction.
const NOT_NAMES: [&str; 26] = [
    "and", "i", "but", "the", "a", "on", "not", "is", "my", "calling", "from", "so", "please",
    "with", "it", "in", "here", "for", "to", "can", "you", "of", "as", "or", "thanks", "that",
];

/// The names that begin at a position, as one stretch to hide.
pub(super) fn name_at(text: &Folded, at: usize) -> Option<Hidden> {
    let first = text.at(at)?;
    if first.is_ascii_alphabetic() {
        return text.is_word_start(at).then(|| english(text, at)).flatten();
    }
    introduced(text, at)
        .or_else(|| titled(text, at))
        .or_else(|| surname_only(text, at))
}

const fn hidden(start: usize, end: usize) -> Hidden {
    Hidden {
        start,
        end,
        label: "name",
    }
}

/// `我叫王伟`, `收件人是欧阳雪`.
fn introduced(text: &Folded, at: usize) -> Option<Hidden> {
    let (word, certain) = INTRODUCTIONS
        .iter()
        .find(|(word, _)| text.starts_with(at, word))?;
    let start = at + word.chars().count();
    let surname = surname_at(text, start);
    if surname == 0 && !certain {
        return None;
    }
    let shortest = surname.max(1) + 1;
    let longest = surname.max(1) + 2;
    let end = (shortest..=longest)
        .rev()
        .map(|length| start + length)
        .find(|end| {
            *end <= text.chars().len()
                && text.chars()[start..*end].iter().all(|c| c.is_alphabetic())
                && ends_phrase(text, *end)
        });
    match end {
        Some(end) => Some(hidden(start, end)),
        // The name goes on into other words: its usual length is hidden.
        None if *certain && surname > 0 => {
            Some(hidden(start, (start + surname + 2).min(text.chars().len())))
        }
        None => None,
    }
}

/// `王先生`, `陈小姐`, `李国强先生`.
fn titled(text: &Folded, at: usize) -> Option<Hidden> {
    let surname = surname_at(text, at);
    if surname == 0 {
        return None;
    }
    (0..=2).find_map(|given| {
        let end = at + surname + given;
        TITLES
            .iter()
            .filter(|title| given == 0 || **title != "生")
            .any(|title| {
                text.starts_with(end, title) && (*title != "生" || ends_phrase(text, end + 1))
            })
            .then(|| hidden(at, end))
    })
}

/// `我姓王`, `免贵姓陈`.
fn surname_only(text: &Folded, at: usize) -> Option<Hidden> {
    if text.at(at) != Some('姓') {
        return None;
    }
    let surname = surname_at(text, at + 1);
    (surname > 0).then(|| hidden(at + 1, at + 1 + surname))
}

/// Length of the surname at a position, 0 if none stands there.
fn surname_at(text: &Folded, at: usize) -> usize {
    if LONG_SURNAMES
        .iter()
        .any(|surname| text.starts_with(at, surname))
    {
        return 2;
    }
    usize::from(text.at(at).is_some_and(|c| SURNAMES.contains(c)))
}

/// `my name is john smith`, `mister taylor`, and a name spelled letter by letter.
fn english(text: &Folded, at: usize) -> Option<Hidden> {
    let introduction = ENGLISH_INTRODUCTIONS.iter().find(|words| {
        text.starts_with(at, words)
            && !text
                .at(at + words.len())
                .is_some_and(|c| c.is_ascii_alphabetic())
    });
    if let Some(words) = introduction {
        return names_from(text, at + words.len(), 3);
    }
    let word = text.slice(at, text.word_end(at).min(at + 8));
    if ENGLISH_TITLES.contains(&word.as_str()) {
        let after = at + word.len();
        return names_from(text, after + usize::from(text.at(after) == Some('.')), 2);
    }
    spelled(text, at)
}

/// Up to so many words that may be names.
fn names_from(text: &Folded, from: usize, most: usize) -> Option<Hidden> {
    let mut at = from;
    let mut span: Option<(usize, usize)> = None;
    for _ in 0..most {
        while text.at(at) == Some(' ') {
            at += 1;
        }
        let end = text.word_end(at);
        let word = text.slice(at, end.min(at + 20));
        if end == at || NOT_NAMES.contains(&word.as_str()) {
            break;
        }
        span = Some((span.map_or(at, |(start, _)| start), end));
        at = end;
        if text.at(at).is_some_and(|c| c == '\'' || c == '-') {
            at += 1;
        }
    }
    span.map(|(start, end)| hidden(start, end))
}

/// Three or more single letters in a row, `w a n g` or `w-a-n-g`.
fn spelled(text: &Folded, at: usize) -> Option<Hidden> {
    let single = |at: usize| {
        text.at(at).is_some_and(|c| c.is_ascii_alphabetic()) && text.word_end(at) == at + 1
    };
    let (mut end, mut count) = (at, 0);
    while single(end) {
        count += 1;
        end += 1;
        if matches!(text.at(end), Some(' ' | '-' | '.')) && single(end + 1) {
            end += 1;
        } else {
            break;
        }
    }
    (count >= 3).then(|| hidden(at, end))
}
