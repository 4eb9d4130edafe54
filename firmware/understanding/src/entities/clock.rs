//! Times of day: `15:30`.

use trunkside_call::EntityKind;

use super::group::Group;
use super::moment::{Hit, in_range, skip_blanks};
use super::quantity::is_figures;
use super::{Found, money, relative};
use crate::numbers::{Folded, Gap, gap_between};

/// A part of the day, by which an hour up to twelve is one of 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From midnight on: `am`, 凌晨.
    AfterMidnight,
    /// 早上, 上午; twelve is noon.
    Morning,
    /// 中午: from ten to about three.
    Midday,
    /// `pm`, 下午.
    Afternoon,
    /// 晚上: from dusk to the small hours.
    Evening,
    /// 夜里, `at night`: likewise, but nobody calls five or six in the afternoon so.
    Night,
}

impl Part {
    const fn hour(self, hour: u64) -> u64 {
        match (self, hour) {
            (Self::AfterMidnight | Self::Evening | Self::Night, 12) => 0,
            (Self::Midday, 1..=9)
            | (Self::Afternoon, 1..=11)
            | (Self::Evening, 5..=11)
            | (Self::Night, 7..=11) => hour + 12,
            _ => hour,
        }
    }
}

const CHINESE_PARTS: [(&str, Part); 26] = [
    ("早上", Part::Morning),
    ("上午", Part::Morning),
    ("早晨", Part::Morning),
    ("朝早", Part::Morning),
    ("清晨", Part::Morning),
    ("凌晨", Part::AfterMidnight),
    ("中午", Part::Midday),
    ("正午", Part::Midday),
    ("晏昼", Part::Midday),
    ("下午", Part::Afternoon),
    ("下昼", Part::Afternoon),
    ("傍晚", Part::Afternoon),
    ("晚上", Part::Evening),
    ("今晚", Part::Evening),
    ("昨晚", Part::Evening),
    ("明晚", Part::Evening),
    ("当晚", Part::Evening),
    ("听晚", Part::Evening),
    ("琴晚", Part::Evening),
    ("寻晚", Part::Evening),
    ("晚黑", Part::Evening),
    ("夜晚", Part::Evening),
    ("夜里", Part::Night),
    ("半夜", Part::Night),
    ("深夜", Part::Night),
    ("午夜", Part::Night),
];

const ENGLISH_PARTS: [(&str, Part); 10] = [
    ("a.m", Part::AfterMidnight),
    ("p.m", Part::Afternoon),
    ("am", Part::AfterMidnight),
    ("pm", Part::Afternoon),
    ("a m", Part::AfterMidnight),
    ("p m", Part::Afternoon),
    ("in the morning", Part::AfterMidnight),
    ("in the afternoon", Part::Afternoon),
    ("in the evening", Part::Evening),
    ("at night", Part::Night),
];

/// Words between the begin and the end of a span of time, or two times to choose from.
const BETWEEN: [&str; 11] = [
    "到", "至", "和", "跟", "或", "或者", "还是", "、", "-", "~", "—",
];

/// Reads the times of one text: a part of the day counts for the times that follow it too.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// The last time's part of the day, its hour of 24, and where it ended.
    last: Option<(Part, u64, usize)>,
}

impl Times {
    /// `下午三点半`, `十点一刻`, `15点30分`, `三点钟`, `差一刻九点`, the end of `下午三点到五点`.
    pub(super) fn chinese(&mut self, text: &Folded, groups: &[Group]) -> Hit {
        let short = short_of(text, groups);
        let hour_at = usize::from(short.is_some());
        let groups = &groups[hour_at..];
        let group = groups.first()?;
        let said = in_range(group, 0, 24)?;
        if !matches!(text.at(group.end), Some('点' | '时')) {
            return None;
        }
        let first = short.map_or(group.start, |(start, _)| start);
        let own = chinese_part(text, group.start).or_else(|| chinese_part(text, first));
        let start = own.map_or(first, |(_, at)| at.min(first));
        let (part, hour) = match own {
            Some((part, _)) => (Some(part), part.hour(said)),
            None => match self.follows(text, first) {
                Some((part, before)) => (Some(part), following(part, before, said)),
                None => (None, said),
            },
        };
        let sharp = first.checked_sub(2);
        let is_sharp = sharp.is_some_and(|at| text.starts_with(at, "踏正"));
        let start = sharp
            .filter(|_| is_sharp && start == first)
            .unwrap_or(start);
        let named = part.is_some() || short.is_some() || is_sharp;
        let (taken, minutes, end) = minutes(text, groups, said, named)?;
        self.last = part.map(|part| (part, hour, end));
        let before = short.map_or(0, |(_, minutes)| minutes);
        let value = of_day(hour, minutes - before);
        let time = Found::new(EntityKind::Time, value, start, end);
        Some((taken + hour_at, time))
    }

    /// The part of the day and the hour of a time right before this one.
    fn follows(&self, text: &Folded, start: usize) -> Option<(Part, u64)> {
        let (part, hour, end) = self.last.filter(|(_, _, end)| *end <= start)?;
        // None of the words is longer than this, and a blank may stand on either side.
        let spans = start - end <= 4 && BETWEEN.contains(&text.slice(end, start).trim());
        let corrects = || {
            matches!(
                gap_between(text, end, start),
                Some(Gap::Correction | Gap::Doubt | Gap::Contrast | Gap::Affirmation)
            )
        };
        (spans || corrects()).then_some((part, hour))
    }
}

/// The part of the day that ends here, and where it begins.
fn chinese_part(text: &Folded, end: usize) -> Option<(Part, usize)> {
    CHINESE_PARTS.iter().find_map(|(word, part)| {
        let at = end.checked_sub(word.chars().count())?;
        text.starts_with(at, word).then_some((*part, at))
    })
}

/// The minutes before an hour that stand before it: of `差一刻九点`, where it begins and 15.
fn short_of(text: &Folded, groups: &[Group]) -> Option<(usize, i64)> {
    let [group, hour, ..] = groups else {
        return None;
    };
    let start = group.start.checked_sub(1)?;
    let (minutes, end) = parts_of_hour(text, group).filter(|_| is_short(text, start))?;
    let hour_start = chinese_part(text, hour.start).map_or(hour.start, |(_, at)| at);
    (hour_start == end).then_some((start, minutes))
}

/// Whether the word for missing stands here.
fn is_short(text: &Folded, at: usize) -> bool {
    matches!(text.at(at), Some('差' | '欠'))
}

/// A number of quarters or minutes: how many minutes, and its end.
fn parts_of_hour(text: &Folded, group: &Group) -> Option<(i64, usize)> {
    match text.at(group.end) {
        Some('刻') => Some((in_range(group, 1, 3)? as i64 * 15, group.end + 1)),
        Some('分') => {
            let long = usize::from(text.at(group.end + 1) == Some('钟'));
            Some((in_range(group, 1, 59)? as i64, group.end + 1 + long))
        }
        _ => None,
    }
}

/// Minutes from an hour of 24, as a time of day.
fn of_day(hour: u64, minutes: i64) -> String {
    let minutes = (hour as i64 * 60 + minutes).rem_euclid(24 * 60);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// The hour of a time that follows one of a part of the day: `上午十点到两点` ends after noon.
fn following(part: Part, before: u64, said: u64) -> u64 {
    let hour = part.hour(said);
    let by_day = matches!(part, Part::Morning | Part::Midday | Part::Afternoon);
    if by_day && hour < before && hour < 12 {
        hour + 12
    } else {
        hour
    }
}

/// The minutes from an hour behind its 点, less than none for 八点差五分: groups taken, minutes, end.
fn minutes(
    text: &Folded,
    groups: &[Group],
    hour: u64,
    has_part: bool,
) -> Option<(usize, i64, usize)> {
    let group = &groups[0];
    let behind = group.end + 1;
    if is_short(text, behind)
        && let Some(next) = groups.get(1).filter(|next| next.start == behind + 1)
        && let Some((minutes, end)) = parts_of_hour(text, next)
    {
        return Some((2, -minutes, end));
    }
    match text.at(behind) {
        Some('半') => return Some((1, 30, behind + 1)),
        Some('钟' | '整' | '正') => return Some((1, 0, behind + 1)),
        _ => {}
    }
    if text.starts_with(behind, "踏正") || text.starts_with(behind, "搭正") {
        return Some((1, 0, behind + 2));
    }
    if let Some((minutes, end)) = fives(text, groups.get(1), behind) {
        return Some((2, minutes, end));
    }
    let Some(next) = groups.get(1).filter(|next| next.start == behind) else {
        // 一点 is also "a little", and 两点 "two points".
        return (has_part || hour >= 3).then_some((1, 0, behind));
    };
    if text.at(next.end) == Some('刻') {
        return Some((2, in_range(next, 1, 3)? as i64 * 15, next.end + 1));
    }
    let minute = in_range(next, 0, 59).filter(|_| next.digits.len() <= 2)?;
    let minutes_named = text.at(next.end) == Some('分');
    // 三点五 and 三点一四 are decimals unless something else says that it is a time, and 三点十二块
    // an amount; 八点零五 is a time unless it is a rate.
    let is_said = !next.cardinal && !is_figures(text, next.start, next.end);
    let of_a_day = group.start > 0
        && text
            .at(group.start - 1)
            .is_some_and(|c| "天日号".contains(c));
    let is_decimal = (minute < 10 || is_said && !of_a_day) && !next.digits.starts_with('0')
        || next.digits.len() == 1
        || is_rate(text, group.start)
        || money::unit_at(text, next.end).is_some();
    if is_decimal && !minutes_named && !has_part {
        return None;
    }
    let end = next.end + usize::from(minutes_named);
    // 朝早九点三, as Cantonese speakers count by the dial: three past nine is 九点零三.
    let on_dial = !minutes_named && next.digits.len() == 1 && is_said && minute > 0;
    let minute = if on_dial { minute * 5 } else { minute };
    Some((2, minute as i64, end))
}

/// Minutes as Cantonese speakers count them, by the figures of the dial, `三点三个字` and `八点搭六`, and by
/// quarters, `九点三个骨`; and
/// those behind a word, `三点过五分`.
fn fives(text: &Folded, group: Option<&Group>, behind: usize) -> Option<(i64, usize)> {
    let group = group?;
    let dial = || in_range(group, 1, 11).map(|figure| figure as i64 * 5);
    if group.start == behind && text.starts_with(group.end, "个字") {
        return Some((dial()?, group.end + 2));
    }
    if group.start == behind && text.starts_with(group.end, "个骨") {
        return Some((in_range(group, 1, 3)? as i64 * 15, group.end + 2));
    }
    if group.start != behind + 1 {
        return None;
    }
    match text.at(behind)? {
        '搭' => Some((dial()?, group.end)),
        '过' => parts_of_hour(text, group),
        _ => None,
    }
}

/// Whether the words before a number speak of a rate: 年化收益三点零五.
fn is_rate(text: &Folded, start: usize) -> bool {
    const RATES: [&str; 8] = ["率", "年化", "收益", "分之", "涨", "跌", "利息", "升"];
    let before = text.slice(start.saturating_sub(6), start);
    RATES.iter().any(|word| before.contains(word))
}

/// A time as English words tell it, before what stands behind is read.
struct Told {
    taken: usize,
    hour: u64,
    /// Minutes from the hour; before it where it is less than nothing.
    minutes: i64,
    start: usize,
    end: usize,
    /// Whether it can be nothing else than a time.
    named: bool,
}

/// `15:30`, `3:30 pm`, `3 pm`, `three o'clock`, `half past three`, `five past nine`,
/// `three thirty pm`, `three oh five pm`.
pub(super) fn english(text: &Folded, groups: &[Group]) -> Hit {
    let mut told = from_the_hour(text, groups)
        .or_else(|| run_together(text, &groups[0]))
        .or_else(|| hour_and_minutes(text, groups))?;
    let clock = skip_blanks(text, told.end);
    for word in ["o'clock", "oclock", "o clock"] {
        if text.starts_with(clock, word) {
            (told.end, told.named) = (clock + word.len(), true);
        }
    }
    // First the hour is one of 24: `quarter to one pm` is a quarter before 13.
    if let Some((part_end, part)) = part_of_day(text, told.end) {
        (told.end, told.named) = (part_end, true);
        told.hour = part.hour(told.hour);
    } else if let Some(part) = part_before(text, told.start).filter(|_| told.hour <= 12) {
        told.named = true;
        told.hour = part.hour(told.hour);
    }
    if !told.named {
        return None;
    }
    let value = of_day(told.hour, told.minutes);
    let time = Found::new(EntityKind::Time, value, told.start, told.end);
    Some((told.taken, time))
}

/// Parts of an hour before it, with a blank behind.
const PARTS_OF_AN_HOUR: [(&str, i64); 8] = [
    ("half past ", 30),
    ("half after ", 30),
    ("quarter past ", 15),
    ("quarter after ", 15),
    ("quarter to ", -15),
    ("quarter till ", -15),
    ("quarter of ", -15),
    ("quarter before ", -15),
];

/// As the British say it: `half six` is half past six.
const HALF: &str = "half ";

/// `half past three`, `half six`, `five past nine`, `ten minutes to nine`, `ten to nine`.
fn from_the_hour(text: &Folded, groups: &[Group]) -> Option<Told> {
    let first = &groups[0];
    if let Some(start) = first.start.checked_sub(HALF.len())
        && text.starts_with(start, HALF)
        && text.is_word_start(start)
        && is_said(text, first)
    {
        return Some(Told {
            taken: 1,
            hour: in_range(first, 1, 12)?,
            minutes: 30,
            start,
            end: first.end,
            named: is_at(text, start) || is_half_past(text, first),
        });
    }
    let part = PARTS_OF_AN_HOUR.iter().find_map(|(word, minutes)| {
        let start = first.start.checked_sub(word.len())?;
        text.starts_with(start, word).then_some((start, *minutes))
    });
    if let Some((start, minutes)) = part {
        return Some(Told {
            taken: 1,
            hour: in_range(first, 0, 24)?,
            minutes,
            start,
            end: first.end,
            named: true,
        });
    }
    let next = groups.get(1)?;
    let minutes = in_range(first, 1, 59)? as i64;
    let minutes = match text.slice(first.end, next.start).trim() {
        "past" | "minutes past" | "minutes after" => minutes,
        "minutes to" | "minutes before" => -minutes,
        // 10 to 12 is a span, and ten to twelve one from ten on.
        "to" | "till" if minutes % 5 == 0 && is_said(text, first) && !is_from(text, first) => {
            -minutes
        }
        _ => return None,
    };
    Some(Told {
        taken: 2,
        hour: in_range(next, 1, 12)?,
        minutes,
        start: first.start,
        end: next.end,
        named: true,
    })
}

/// Whether `half ten` is a time by what stands behind it, and half of nothing: `half one half the other`.
fn is_half_past(text: &Folded, hour: &Group) -> bool {
    const OF_WHAT: &str = "percent per thousand hundred million billion grand dozen pounds dollars euros quid \
        pence cents off of price way the a full and or half inch inches mile miles years days";
    let at = skip_blanks(text, hour.end);
    let next = text.slice(at, text.word_end(at));
    let is_one = hour.value() == Some(1);
    !is_one && !OF_WHAT.split_whitespace().any(|word| word == next)
}

fn is_said(text: &Folded, group: &Group) -> bool {
    text.at(group.start)
        .is_some_and(|c| c.is_ascii_alphabetic())
}

/// Whether the words before something say that it is a time.
fn is_at(text: &Folded, start: usize) -> bool {
    ["at ", "by ", "until ", "till "].iter().any(|word| {
        start
            .checked_sub(word.len())
            .is_some_and(|at| text.is_word_start(at) && text.starts_with(at, word))
    })
}

fn is_from(text: &Folded, group: &Group) -> bool {
    ["from ", "between "].iter().any(|word| {
        group
            .start
            .checked_sub(word.len())
            .is_some_and(|at| text.starts_with(at, word))
    })
}

/// One row of digits that `am` or `pm` makes a time: `330 pm`, `three oh five pm`, and
/// `five to nine pm`, whose `to` was taken for a digit.
fn run_together(text: &Folded, group: &Group) -> Option<Told> {
    let minutes_to = text.starts_with(group.start, "five to ");
    let at = skip_blanks(text, group.end);
    let is_short = part_of_day(text, group.end).is_some_and(|(end, _)| end <= at + 3);
    let named = minutes_to && is_at(text, group.start);
    if group.cardinal || !(is_short || named) || !matches!(group.digits.len(), 3 | 4) {
        return None;
    }
    let (hour, minutes) = group.digits.split_at(group.digits.len() - 2);
    let told = |hour: &str, minutes: i64| {
        let hour = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
        Some(Told {
            taken: 1,
            hour,
            minutes,
            start: group.start,
            end: group.end,
            named,
        })
    };
    if minutes_to {
        return told(&minutes[1..], -5).filter(|_| group.digits.len() == 3);
    }
    let is_row = !is_said(text, group) || minutes.starts_with('0');
    let minutes = minutes.parse().ok().filter(|minutes| *minutes < 60)?;
    told(hour, minutes).filter(|_| is_row)
}

/// An hour, with the minutes that a colon or a part of the day makes such.
fn hour_and_minutes(text: &Folded, groups: &[Group]) -> Option<Told> {
    let group = &groups[0];
    let alone = Told {
        taken: 1,
        hour: in_range(group, 0, 24)?,
        minutes: 0,
        start: group.start,
        end: group.end,
        named: false,
    };
    let with_minutes = groups.get(1).and_then(|next| {
        let two = next.digits.len() == 2;
        let followed =
            || part_of_day(text, next.end).is_some() || part_before(text, group.start).is_some();
        let told = || is_at(text, group.start) && money::unit_at(text, next.end).is_none();
        let named = match text.slice(group.end, next.start).as_str() {
            ":" => two && next.cardinal == group.cardinal,
            "." => two && followed(),
            " " => (next.cardinal || two && next.digits.starts_with('0')) && (followed() || told()),
            _ => false,
        };
        let minutes = in_range(next, 0, 59).filter(|_| named)?;
        Some((next.end, minutes as i64))
    });
    match with_minutes {
        Some((end, minutes)) => Some(Told {
            taken: 2,
            minutes,
            end,
            named: true,
            ..alone
        }),
        None => Some(alone),
    }
}

/// Where the words for a part of the day behind a time end, and which it is. Those that name the day
/// too are left to it: `nine thirty tomorrow morning`.
fn part_of_day(text: &Folded, end: usize) -> Option<(usize, Part)> {
    let at = skip_blanks(text, end);
    let own = ENGLISH_PARTS.iter().find_map(|(word, part)| {
        let word_end = at + word.len();
        let whole = !text.at(word_end).is_some_and(|c| c.is_ascii_alphanumeric());
        (text.starts_with(at, word) && whole).then_some((word_end, *part))
    });
    own.or_else(|| part_of_a_day(text, at).map(|part| (end, part)))
}

/// Words for a part of the day behind those for a day.
const PARTS_OF_A_DAY: [(&str, Part); 5] = [
    ("morning", Part::AfterMidnight),
    ("afternoon", Part::Afternoon),
    ("evening", Part::Evening),
    ("tonight", Part::Night),
    ("night", Part::Night),
];

/// The part of the day of `this evening`, `tomorrow morning`, `on next friday afternoon`, `tonight`.
fn part_of_a_day(text: &Folded, start: usize) -> Option<Part> {
    let mut at = start;
    for words in 0..4 {
        let end = text.word_end(at);
        let word = text.slice(at, end.min(at + 10));
        let part = PARTS_OF_A_DAY.iter().find(|(name, _)| *name == word);
        if let Some((name, part)) = part.filter(|(name, _)| words > 0 || *name == "tonight") {
            return (end - at == name.len()).then_some(*part);
        }
        let is_day = matches!(
            word.as_str(),
            "on" | "this" | "next" | "last" | "tomorrow" | "yesterday"
        ) || relative::is_weekday(&word);
        if !is_day {
            return None;
        }
        at = skip_blanks(text, end);
    }
    None
}

/// The part of the day that words before a time name: `tomorrow morning at nine thirty`.
fn part_before(text: &Folded, start: usize) -> Option<Part> {
    let end = [" at ", " around ", " by "].iter().find_map(|word| {
        let at = start.checked_sub(word.len())?;
        text.starts_with(at, word).then_some(at)
    })?;
    PARTS_OF_A_DAY.iter().find_map(|(name, part)| {
        let at = end.checked_sub(name.len())?;
        (text.starts_with(at, name) && text.is_word_start(at)).then_some(*part)
    })
}
