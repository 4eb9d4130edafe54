//! Grievances that no single word shows: a wait in vain, and an ultimatum.

use trunkside_call::Language;

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

/// Who has not done something for long does not wait.
const OWN_DOING: [&str; 9] = ["用", "登", "去", "住", "开", "存", "坐", "看", "激活"];

/// The same in English, as whole words.
const ENGLISH_UNITS: [&str; 10] = [
    "hours", "days", "weeks", "months", "hour", "day", "week", "month", "ages", "morning",
];
const ENGLISH_NUMERALS: [&str; 20] = [
    "a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "twelve", "fifteen", "twenty", "several", "many", "all", "for", "few",
];
const ENGLISH_IN_VAIN: [&str; 14] = [
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
    "sat in all",
    "waited in all",
];

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
const OR_ELSE: [&str; 21] = [
    "投诉",
    "举报",
    "曝光",
    "起诉",
    "告你",
    "去告",
    "律师",
    "消协",
    "消费者协会",
    "银监会",
    "工商",
    "媒体",
    "消委会",
    "金管局",
    "传媒",
    "报警",
    "ombudsman",
    "lawyer",
    "sue",
    "court",
    "trading standards",
];

/// Whether somebody has waited for nothing: `都半个月了还没退`, `ten weeks and nobody's paid out`.
pub(super) fn waited_in_vain(text: &str, language: Language) -> bool {
    if language == Language::En {
        return waited_in_english(text);
    }
    waits(text).any(|after| {
        IN_VAIN.iter().any(|vain| {
            after
                .split_once(vain)
                .is_some_and(|(_, doing)| !OWN_DOING.iter().any(|own| doing.starts_with(own)))
        })
    })
}

/// Whether a demand comes with a threat: `再不退钱我就去消协`.
pub(super) fn is_ultimatum(text: &str) -> bool {
    let mut demands = UNLESS.iter().filter_map(|unless| text.split_once(unless));
    demands.any(|(_, after)| OR_ELSE.iter().any(|threat| after.contains(threat)))
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
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .collect();
    let spans = words.windows(2).any(|pair| {
        let counts = ENGLISH_NUMERALS.contains(&pair[0]) || pair[0].parse::<u32>().is_ok();
        counts && ENGLISH_UNITS.contains(&pair[1])
    });
    spans || words.contains(&"since")
}
