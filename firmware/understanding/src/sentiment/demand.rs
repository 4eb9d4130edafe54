//! Demands that no single word shows: an ultimatum, a way to the press or the law, a manager at once.

use trunkside_call::Language;

use super::words;

/// What a demand begins with that names what follows if it is not met.
const UNLESS: [&str; 10] = [
    "再不",
    "再唔",
    "再拖",
    "再这样",
    "再咁",
    "要不然",
    "否则",
    "or i",
    "or else",
    "otherwise i",
];

/// And what follows.
#[rustfmt::skip]
const OR_ELSE: [&str; 25] = [
    "投诉", "举报", "曝光", "起诉", "告你", "去告", "律师", "消协", "消费者协会", "银监会", "工商", "媒体",
    "消委会", "金管局", "传媒", "报警", "电视台", "报纸",
    "ombudsman", "lawyer", "solicitor", "sue", "court", "trading standards", "tribunal",
];

/// Who is gone to with a grievance only, and who with other matters too.
const WATCHDOGS: [&str; 10] = [
    "消协",
    "消费者协会",
    "银监会",
    "银保监",
    "消委会",
    "金管局",
    "申诉专员",
    "12315",
    "12345",
    "市长热线",
];
const PRESS: [&str; 6] = ["媒体", "记者", "传媒", "电视台", "报社", "报纸"];
/// And what is done to go there, at most [`BEFORE_IT`] characters before.
const GOING: [&str; 8] = ["去", "找", "打", "告到", "捅到", "投诉到", "反映到", "爆料"];
const GOING_TO_PRESS: [&str; 8] = [
    "找记", "找媒", "找传", "找报", "找电", "捅到", "告到", "爆料",
];
const BEFORE_IT: usize = 4;

/// The law and the press, in words that say that the caller turns to them.
#[rustfmt::skip]
const TO_LAW: [&str; 33] = [
    "带律师", "请律师", "请了律师", "找了律师", "叫律师", "我律师会", "我的律师会", "发律师函", "收律师函", "寄律师信",
    "法院见", "法庭见",
    "法庭上见", "法院上见", "消协见", "消委会见", "告到法院", "去法院告", "上法院告", "起诉你", "上电视吧", "上新闻吧",
    "上热搜吧", "等着上电视", "等着上新闻", "发到网上", "发到抖音", "发到微博", "放上网", "报纸爆料", "揾律师告",
    "搵律师告", "劳动仲裁见",
];

/// The same in English: who goes, what they do and to whom, in that order.
const I_WILL: [&str; 10] = [
    " i'm ",
    " im ",
    " i am ",
    " i'll ",
    " i will ",
    " i shall ",
    " we'll ",
    " we will ",
    " you'll ",
    " youll ",
];
#[rustfmt::skip]
const TURN_TO: [&str; 10] = [
    "going to", "go to", "take", "taking", "contact", "call", "report", "hear", "see you", "off to",
];
#[rustfmt::skip]
const THERE: [&str; 17] = [
    "the ombudsman", "an ombudsman", "to court", "in court", "my lawyer", "a lawyer", "my lawyers", "my solicitor",
    "a solicitor", "my attorney", "an attorney", "the press", "the papers", "the newspapers", "trading standards",
    "the regulator", "small claims",
];
const SUES: [&str; 6] = [
    "going to sue",
    "gonna sue",
    "will sue",
    "i'll sue",
    "ill sue",
    "legal action against",
];

/// Who is asked for, in words that brook no delay.
const CHIEFS: [&str; 8] = [
    "经理",
    "领导",
    "主管",
    "老板",
    "负责人",
    "店长",
    "上司",
    "阿头",
];
const AT_ONCE: [&str; 11] = [
    "马上",
    "立刻",
    "立即",
    "即刻",
    "现在就",
    "赶紧",
    "出来",
    "出嚟",
    "滚",
    "今天之内",
    "给我出",
];
const ENGLISH_CHIEFS: [&str; 5] = [
    "manager",
    "supervisor",
    "boss",
    "person in charge",
    "director",
];
const ENGLISH_AT_ONCE: [&str; 5] = [
    " now ",
    " right now ",
    "this minute",
    "immediately",
    "this instant",
];

/// Whether a folded text demands with a threat or without leave: `再不退钱我就去消协`, `get me your
/// manager now`.
pub(super) fn demands(text: &str, language: Language) -> bool {
    is_ultimatum(text) || turns_to_others(text, language) || wants_the_chief(text, language)
}

/// Whether a demand comes with what follows if it is not met.
fn is_ultimatum(text: &str) -> bool {
    let mut demands = UNLESS.iter().filter_map(|unless| text.split_once(unless));
    demands.any(|(_, after)| OR_ELSE.iter().any(|threat| after.contains(threat)))
}

/// Whether the caller turns to the law, the press or a watchdog.
fn turns_to_others(text: &str, language: Language) -> bool {
    if language != Language::En {
        let goes = |names: &[&str], going: &[&str]| {
            let mut named = names.iter().flat_map(|name| text.match_indices(name));
            named.any(|(at, name)| {
                let near = text[..at].chars().rev().take(BEFORE_IT);
                let begin = at - near.map(char::len_utf8).sum::<usize>();
                let near = &text[begin..at + name.len()];
                going.iter().any(|going| near.contains(going))
            })
        };
        return TO_LAW.iter().any(|law| text.contains(law))
            || goes(&WATCHDOGS, &GOING)
            || goes(&PRESS, &GOING_TO_PRESS);
    }
    let text = spaced(text);
    let goes = I_WILL.iter().any(|will| {
        text.match_indices(will).any(|(at, _)| {
            let after = text[at + will.len()..].trim_start();
            let after = after.strip_prefix("be ").unwrap_or(after);
            let turned = TURN_TO.iter().find_map(|turn| after.strip_prefix(turn));
            turned.is_some_and(|rest| {
                let near: String = rest.chars().take(NEAR_IT).collect();
                THERE.iter().any(|there| near.contains(there))
            })
        })
    });
    goes || SUES.iter().any(|sues| text.contains(sues))
}

/// How far behind `i am taking` the court may stand, in letters.
const NEAR_IT: usize = 24;

/// Whether a superior is wanted at once.
fn wants_the_chief(text: &str, language: Language) -> bool {
    if language == Language::En {
        let text = spaced(text);
        let mut asked = ["get me ", "put me ", "give me ", "i want ", "i demand "]
            .iter()
            .filter_map(|ask| text.split_once(ask));
        return asked.any(|(_, after)| {
            let chief = ENGLISH_CHIEFS.iter().find_map(|chief| after.find(chief));
            chief.is_some_and(|at| ENGLISH_AT_ONCE.iter().any(|now| after[at..].contains(now)))
        });
    }
    let mut called = ["叫", "让", "喊"]
        .iter()
        .filter_map(|call| text.split_once(call));
    called.any(|(_, after)| {
        let near: String = after.chars().take(12).collect();
        let chief = CHIEFS.iter().find_map(|chief| near.find(chief));
        chief.is_some_and(|at| {
            let yours = near[..at].contains('你');
            yours && AT_ONCE.iter().any(|now| near[at..].contains(now))
        })
    })
}

/// The words of an English text with one blank around each.
fn spaced(text: &str) -> String {
    format!(" {} ", words::english(text).join(" "))
}
