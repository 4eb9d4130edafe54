//! Grievances that no single word shows: a wait in vain, and what had to be done over and over.

use trunkside_call::Language;

use super::words;

/// What is said or done again only because it did not help, before a count or behind it: `打了八遍`,
/// `第三次打来`.
#[rustfmt::skip]
const TRIED: [&str; 24] = [
    "打", "说", "讲", "问", "催", "跑", "找你", "找过你", "找了你", "报修", "报了", "投诉", "反映", "解释", "联系", "修",
    "来电", "话", "搵你", "揾你", "搵咗你",
    "通知", "申诉", "来回",
];
/// And what goes wrong again.
const AGAIN_WRONG: [&str; 10] = [
    "坏", "断", "错", "丢", "漏", "扣", "退回", "烂", "唔见", "停",
];
/// What counts such doings.
const TIMES: [&str; 5] = ["遍", "次", "回", "趟", "轮"];
const THRICE: &str = "三四五六七八九十几多百345678";
/// What is counted instead where it follows: `打了三次钱`.
const COUNTED: [&str; 5] = ["钱", "款", "卡", "折", "包"];
/// How far the doing may stand from the count, in characters.
const NEAR: usize = 6;

/// The same in English.
#[rustfmt::skip]
const ENGLISH_TRIED: [&str; 30] = [
    "call", "called", "calling", "rang", "rung", "ring", "phoned", "phone", "ask", "asked", "told", "tell", "telling",
    "explain", "explained", "explaining", "said", "say", "saying", "email", "emailed", "wrote", "written", "complained",
    "chased", "reported", "contacted", "visited", "transferred", "repeat",
];
#[rustfmt::skip]
const ENGLISH_THRICE: [&str; 12] = [
    "three", "four", "five", "six", "seven", "eight", "nine", "ten", "dozen", "twenty", "hundred", "many",
];
#[rustfmt::skip]
const NTH: [&str; 12] = [
    "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "nth", "umpteenth", "hundredth", "3rd",
];

/// What measures a wait in Chinese, behind a numeral.
const UNITS: [&str; 11] = [
    "天", "日", "月", "周", "礼拜", "星期", "小时", "钟", "年", "晚", "上午",
];
const NUMERALS: &str = "一二两三四五六七八九十几多半成整0123456789";
const BETWEEN: [&str; 4] = ["个", "多", "几", "来"];
const WHOLE_DAYS: [&str; 6] = ["半天", "成日", "成朝", "成晚", "整天", "到而家"];

/// That nothing came of it, said after the wait.
const IN_VAIN: [&str; 22] = [
    "还没",
    "还不",
    "还在",
    "都没",
    "也没",
    "没人",
    "没动",
    "没信",
    "没消息",
    "没反应",
    "没见",
    "没回",
    "不发货",
    "钱呢",
    "人呢",
    "冇人",
    "仲未",
    "都未",
    "都冇",
    "仲系",
    "未收到",
    "未到",
];

/// Who has waited so long says it for a reason: `等了一个小时`, `排咗成朝队`.
const WAITED: [&str; 8] = [
    "等了", "等咗", "排了", "排咗", "等足", "等成", "听了", "候了",
];
const LONG: [&str; 9] = [
    "小时", "钟头", "个钟", "半天", "上午", "下午", "成朝", "成日", "礼拜",
];

/// What was promised, before the time that it was to take and the time that it took.
const PROMISED: [&str; 6] = ["说好", "讲好", "答应", "话好", "说的是", "承诺"];

/// Who has not done something for long does not wait.
const OWN_DOING: [&str; 9] = ["用", "登", "去", "住", "开", "存", "坐", "看", "激活"];

/// The same in English, as whole words.
const ENGLISH_UNITS: [&str; 11] = [
    "minutes", "hours", "days", "weeks", "months", "hour", "day", "week", "month", "ages",
    "morning",
];
const ENGLISH_NUMERALS: [&str; 23] = [
    "a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "twelve", "fifteen", "twenty", "thirty", "forty", "fifty", "several", "many", "all", "for",
    "few",
];
const ENGLISH_IN_VAIN: [&str; 15] = [
    "still no",
    "still not",
    "still haven't",
    "still hasn't",
    "still waiting",
    "still nothing",
    "nobody has",
    "nobody's",
    "no one has",
    "no one's",
    "and nothing",
    "been waiting",
    "on hold",
    "sat in all",
    "waited in all",
];

/// Whether somebody has waited for nothing: `都半个月了还没退`, `ten weeks and nobody's paid out`.
pub(super) fn waited_in_vain(text: &str, language: Language) -> bool {
    if language == Language::En {
        return waited_in_english(text);
    }
    let promised = PROMISED.iter().find_map(|promise| text.split_once(promise));
    if promised.is_some_and(|(_, after)| waits(after).count() > 1) {
        return true;
    }
    let waited = WAITED.iter().flat_map(|waited| text.match_indices(waited));
    let mut waited = waited.map(|(at, waited)| &text[at + waited.len()..]);
    if waited.any(|after| {
        LONG.iter()
            .any(|long| after.chars().take(4).collect::<String>().contains(long))
            && !after.contains('就')
    }) {
        return true;
    }
    waits(text).any(|after| {
        IN_VAIN.iter().any(|vain| {
            after
                .split_once(vain)
                .is_some_and(|(_, doing)| !OWN_DOING.iter().any(|own| doing.starts_with(own)))
        })
    })
}

/// Whether somebody had to say or do the same three times or more: `我都打了八遍了`, `this is the sixth time
/// i've explained`.
pub(super) fn had_to_repeat(text: &str, language: Language) -> bool {
    if language == Language::En {
        return repeated_in_english(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| chars[from..to.min(chars.len())].iter().collect::<String>();
    (0..chars.len()).any(|at| {
        if !THRICE.contains(chars[at]) {
            return false;
        }
        // `八十遍`, `十几次`, `几百遍`: counted from its first numeral on.
        let numerals = chars[at..].iter().take_while(|c| THRICE.contains(**c));
        let unit = at + numerals.count();
        let rest = part(unit, unit + 3);
        let rest = rest.strip_prefix('个').unwrap_or(&rest);
        let counted = TIMES.iter().find_map(|times| rest.strip_prefix(times));
        let counts =
            counted.is_some_and(|after| !COUNTED.iter().any(|what| after.starts_with(what)));
        if !counts || at > 0 && THRICE.contains(chars[at - 1]) {
            return false;
        }
        let before = part(at.saturating_sub(NEAR), at);
        if before.ends_with('第') {
            let after = part(unit + 1, unit + 1 + NEAR);
            return TRIED
                .iter()
                .chain(&AGAIN_WRONG)
                .any(|doing| after.contains(doing));
        }
        // Done already, or that it has to be: `打三次` alone may be a rule.
        let done = ["了", "咗", "过", "要我", "我要", "紧", "成"];
        let is_done = done.iter().any(|mark| before.contains(mark));
        is_done && TRIED.iter().any(|doing| before.contains(doing))
    })
}

fn repeated_in_english(text: &str) -> bool {
    let words = words::english(text);
    let tried = || words.iter().any(|word| ENGLISH_TRIED.contains(word));
    let counted = words.windows(2).any(|pair| match pair {
        [count, "times"] => {
            let many = count.parse::<u32>().is_ok_and(|count| count > 2);
            many || ENGLISH_THRICE.contains(count)
        }
        [count, "time"] => NTH.contains(count),
        _ => false,
    });
    counted && tried()
}

/// What follows each length of time in a folded Chinese text.
fn waits(text: &str) -> impl Iterator<Item = &str> {
    let ends = text.char_indices().filter_map(|(at, c)| {
        let here = &text[at..];
        if let Some(whole) = WHOLE_DAYS.iter().find(|whole| here.starts_with(**whole)) {
            return Some(at + whole.len());
        }
        let mut rest = here.strip_prefix(c).filter(|_| NUMERALS.contains(c))?;
        while let Some(shorter) = BETWEEN.iter().find_map(|word| rest.strip_prefix(word)) {
            rest = shorter;
        }
        let unit = UNITS.iter().find(|unit| rest.starts_with(**unit))?;
        // `一月` is January, `一个月` a month.
        let is_date = *unit == "月" && !here[..here.len() - rest.len()].contains('个');
        (!is_date).then(|| text.len() - rest.len() + unit.len())
    });
    ends.map(|end| &text[end..])
}

fn waited_in_english(text: &str) -> bool {
    if !ENGLISH_IN_VAIN.iter().any(|vain| text.contains(vain)) {
        return false;
    }
    let words = words::english(text);
    let spans = words.windows(2).any(|pair| {
        let counts = ENGLISH_NUMERALS.contains(&pair[0]) || pair[0].parse::<u32>().is_ok();
        counts && ENGLISH_UNITS.contains(&pair[1])
    });
    spans || words.contains(&"since")
}
