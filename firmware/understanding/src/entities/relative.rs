//! Dates in words that count from today: `后天`, `下下周三`, `the day after tomorrow`.

use trunkside_call::EntityKind;

use super::Found;
use crate::numbers::Folded;

/// Dates that need no number, longer ones first.
const RELATIVE: [&str; 70] = [
    "大后日",
    "大前日",
    "大后天",
    "大前天",
    "上上个月",
    "下下个月",
    "上上个星期",
    "下下个星期",
    "上上个礼拜",
    "下下个礼拜",
    "上上星期",
    "下下星期",
    "上上周",
    "下下周",
    "上个星期",
    "下个星期",
    "这个星期",
    "上个礼拜",
    "下个礼拜",
    "上个月",
    "下个月",
    "这个月",
    "上周末",
    "下周末",
    "上星期",
    "下星期",
    "这星期",
    "上礼拜",
    "下礼拜",
    "上周",
    "下周",
    "这周",
    "本周",
    "本月",
    "上月",
    "下月",
    "今天",
    "明天",
    "后天",
    "昨天",
    "前天",
    "今日",
    "听日",
    "琴日",
    "寻日",
    "后日",
    "前日",
    "周末",
    "今年",
    "去年",
    "明年",
    "the day after tomorrow",
    "day after tomorrow",
    "the day before yesterday",
    "day before yesterday",
    "the week after next",
    "week after next",
    "today",
    "tomorrow",
    "yesterday",
    "last week",
    "next week",
    "this week",
    "last month",
    "next month",
    "this month",
    "last year",
    "next year",
    "this weekend",
    "the weekend",
];

const WEEK_WORDS: [&str; 3] = ["星期", "礼拜", "周"];

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Whether a word is a day of the week.
pub(super) fn is_weekday(word: &str) -> bool {
    WEEKDAYS.contains(&word)
}

/// All of them in a text.
pub(super) fn find(text: &Folded) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        match relative_at(text, at) {
            Some(end) => {
                found.push(Found::new(EntityKind::Date, text.slice(at, end), at, end));
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

fn relative_at(text: &Folded, start: usize) -> Option<usize> {
    let first = text.at(start)?;
    if first.is_ascii_alphabetic() {
        return text
            .is_word_start(start)
            .then(|| english_relative(text, start))
            .flatten();
    }
    let prefix = match first {
        '上' | '下' if text.at(start + 1) == Some(first) => 2,
        '上' | '下' | '这' | '本' => 1,
        _ => 0,
    };
    let counted = prefix > 0 && text.at(start + prefix) == Some('个');
    let prefix = prefix + usize::from(counted);
    for word in WEEK_WORDS {
        let day = start + prefix + word.chars().count();
        if text.starts_with(start + prefix, word)
            && matches!(
                text.at(day),
                Some('一' | '二' | '三' | '四' | '五' | '六' | '日' | '天')
            )
        {
            return Some(day + 1);
        }
    }
    RELATIVE
        .iter()
        .find(|word| text.starts_with(start, word))
        .map(|word| start + word.chars().count())
        .filter(|end| !(text.at(end - 1) == Some('周') && is_cycle(text, *end)))
        .filter(|end| !(text.starts_with(start, "前日") && is_of_time(text, start, *end)))
}

/// Whether the 前日 here is that of 目前日均, 提前日期 or 生前日记.
fn is_of_time(text: &Folded, start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.at(at));
    before.is_some_and(|c| "目提之以先生年空日天期".contains(c))
        || text.at(end).is_some_and(|c| "期记均子常程后".contains(c))
}

/// Whether the 周 before this is that of 周期, 周转 or 周围.
fn is_cycle(text: &Folded, end: usize) -> bool {
    text.at(end).is_some_and(|c| "期转围边年密".contains(c))
}

fn english_relative(text: &Folded, start: usize) -> Option<usize> {
    if !matches!(
        text.at(start)?,
        'm' | 't' | 'w' | 'f' | 's' | 'l' | 'n' | 'y' | 'd'
    ) {
        return None;
    }
    let day = ["next ", "last ", "this "]
        .iter()
        .find(|word| text.starts_with(start, word))
        .map_or(start, |word| start + word.len());
    let words = WEEKDAYS.iter().map(|word| (day, *word));
    let relative = RELATIVE.iter().map(|word| (start, *word));
    words.chain(relative).find_map(|(at, word)| {
        let end = at + word.chars().count();
        let whole = !text.at(end).is_some_and(|c| c.is_ascii_alphabetic());
        (text.starts_with(at, word) && whole).then_some(end)
    })
}
