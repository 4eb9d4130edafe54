//! Mandarin and Cantonese numbers: digits in all readings, repeats, cardinals.

use super::{Atom, Folded, Reading};

/// The largest number of characters a cardinal may take; beyond it, digits are read one by one.
const LONGEST: usize = 40;

/// What one digit character stands for, with the telephone readings 幺 and 两.
pub(super) const fn digit(c: char) -> Option<u8> {
    Some(match c {
        '零' | '〇' | '○' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    })
}

/// Radio readings that are ordinary words elsewhere.
const fn weak_digit(c: char) -> Option<u8> {
    Some(match c {
        '洞' => 0,
        '么' => 1,
        '拐' => 7,
        '勾' => 9,
        _ => return None,
    })
}

const fn multiplier(c: char) -> Option<u64> {
    Some(match c {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1_000,
        '万' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}

const fn tens(c: char) -> Option<u64> {
    match c {
        '廿' => Some(20),
        '卅' => Some(30),
        _ => None,
    }
}

/// The Chinese number that begins here.
pub(super) fn atom_at(text: &Folded, start: usize) -> Option<Atom> {
    repeat(text, start)
        .or_else(|| cardinal(text, start))
        .or_else(|| without_one(text, start))
        .or_else(|| single(text, start))
}

fn single(text: &Folded, start: usize) -> Option<Atom> {
    let c = text.at(start)?;
    let (value, reading) = match digit(c) {
        Some(value) => (value, Reading::Digit),
        None if c == '么' && is_suffix(text, start) => return None,
        None => (weak_digit(c)?, Reading::Weak),
    };
    Some(Atom::new(start, start + 1, value.to_string(), reading))
}

/// 么 is printed for 幺, but a suffix in 什么 and its like.
fn is_suffix(text: &Folded, at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| text.at(before))
        .is_some_and(|before| "什怎那这多要甚".contains(before))
}

/// `三个八`, `三条八`, `两个零`, `双八`, `孖八`, `3个8`.
fn repeat(text: &Folded, start: usize) -> Option<Atom> {
    let first = text.at(start)?;
    let (times, at) = match first {
        '双' | '俩' | '孖' => (2, start + 1),
        '仨' => (3, start + 1),
        _ => {
            let times = plain_digit(first).filter(|times| *times >= 2)?;
            if !matches!(text.at(start + 1)?, '个' | '条') {
                return None;
            }
            (times, start + 2)
        }
    };
    let repeated = text
        .at(at)
        .and_then(|c| plain_digit(c).or_else(|| weak_digit(c)))?;
    let after = text.at(at + 1);
    if after.is_some_and(|c| multiplier(c).is_some() || c.is_ascii_digit()) {
        return None;
    }
    let digits = repeated.to_string().repeat(usize::from(times));
    Some(Atom::new(start, at + 1, digits, Reading::Repeat))
}

fn plain_digit(c: char) -> Option<u8> {
    digit(c)
        .filter(|_| c != '么')
        .or_else(|| c.to_digit(10).map(|value| value as u8))
}

/// Whether a word stands here by which things are counted or time and space are measured.
pub(crate) fn measures(text: &Folded, at: usize) -> bool {
    const CHARS: &str = "个月天年平斤次晚人位件条套本台辆瓶只支节课堂份期盒包箱袋家户栋米吨升两磅\
        周季股笔度趟单站顿碗杯桶张间日";
    const WORDS: [&str; 7] = ["小时", "分钟", "公里", "公斤", "星期", "礼拜", "钟头"];
    text.at(at).is_some_and(|c| CHARS.contains(c))
        || WORDS.iter().any(|word| text.starts_with(at, word))
}

/// The Cantonese 千五蚊, 万二蚊: a multiplier without its one, and a digit of the next place.
fn without_one(text: &Folded, start: usize) -> Option<Atom> {
    let multiplier = multiplier(text.at(start)?).filter(|multiplier| *multiplier >= 100)?;
    let digit = text
        .at(start + 1)
        .and_then(plain_digit)
        .filter(|digit| *digit > 0)?;
    let of_money = matches!(text.at(start + 2), Some('蚊' | '块' | '元'));
    let goes_on = start > 0
        && text.at(start - 1).is_some_and(|c| {
            plain_digit(c).is_some()
                || self::multiplier(c).is_some()
                || "几数好多上成半".contains(c)
        });
    let value = multiplier + u64::from(digit) * multiplier / 10;
    (of_money && !goes_on)
        .then(|| Atom::new(start, start + 2, value.to_string(), Reading::Cardinal))
}

/// `十五`, `三百五`, `一万零二十`, `3千`, `12万`.
fn cardinal(text: &Folded, start: usize) -> Option<Atom> {
    let mut reader = CardinalReader::default();
    let mut at = start;
    while at < start + LONGEST {
        let Some(next) = reader.step(text, at) else {
            break;
        };
        at = next;
    }
    let value = reader.value()?;
    Some(Atom::new(start, at, value.to_string(), Reading::Cardinal))
}

/// Reads a cardinal from left to right; multipliers fall within a section of 万 or 亿.
#[derive(Default)]
struct CardinalReader {
    total: u64,
    section: u64,
    pending: Option<u64>,
    /// The last multiplier; none before the first.
    last: Option<u64>,
    zero: bool,
}

impl CardinalReader {
    /// Takes what stands at a position; gives the next position, or none where the number ends.
    fn step(&mut self, text: &Folded, at: usize) -> Option<usize> {
        let c = text.at(at)?;
        if let Some(multiplier) = multiplier(c) {
            return self.multiply(multiplier).then_some(at + 1);
        }
        if let Some(tens) = tens(c) {
            if self.pending.is_some() || self.last.is_some_and(|last| last <= 10) {
                return None;
            }
            self.section += tens;
            self.last = Some(10);
            return Some(at + 1);
        }
        let (value, end) = numeral(text, at)?;
        if self.pending.is_some() {
            return None;
        }
        let followed = text.at(end).is_some_and(|c| multiplier(c).is_some());
        if value == 0 {
            let goes_on = self.last.is_some()
                && !self.zero
                && text
                    .at(end)
                    .is_some_and(|c| plain_digit(c).is_some_and(|d| d > 0) || "十廿卅".contains(c));
            self.zero = true;
            return goes_on.then_some(end);
        }
        // Without a multiplier before or after it, it is a digit of its own.
        if self.last.is_none() && !followed {
            return None;
        }
        // 一百二三四五 goes on digit by digit: only one may follow the last multiplier.
        if !followed && end - at > 1 {
            return None;
        }
        // 五百一张 are five hundred for each.
        let each = c == '一' && !self.zero && self.last.is_some_and(|last| last > 10);
        if each && !followed && measures(text, end) {
            return None;
        }
        self.pending = Some(value);
        Some(end)
    }

    fn multiply(&mut self, multiplier: u64) -> bool {
        if multiplier >= 10_000 {
            let section = self.section + self.pending.unwrap_or(0);
            let lower = self.total == 0 || self.total.is_multiple_of(multiplier * 10);
            let Some(scaled) = section.checked_mul(multiplier) else {
                return false;
            };
            if section == 0 || !lower {
                return false;
            }
            self.total = self.total.saturating_add(scaled);
            self.section = 0;
        } else {
            let falls = self.last.is_none_or(|last| multiplier < last);
            if !falls || (multiplier > 10 && self.pending.is_none()) {
                return false;
            }
            let Some(scaled) = self.pending.unwrap_or(1).checked_mul(multiplier) else {
                return false;
            };
            self.section = self.section.saturating_add(scaled);
        }
        self.pending = None;
        self.zero = false;
        self.last = Some(multiplier);
        true
    }

    fn value(&self) -> Option<u64> {
        let last = self.last?;
        let tail = match self.pending {
            // 三百五 is 350, 三百零五 is 305.
            Some(digit) if last > 10 && !self.zero => digit * (last / 10),
            Some(digit) => digit,
            None => 0,
        };
        Some(self.total.saturating_add(self.section).saturating_add(tail))
    }
}

/// One digit character, or a row of up to eight figures.
fn numeral(text: &Folded, at: usize) -> Option<(u64, usize)> {
    let c = text.at(at)?;
    if let Some(value) = digit(c).filter(|_| c != '幺') {
        return Some((u64::from(value), at + 1));
    }
    let mut end = at;
    while end < at + 8 && text.at(end).is_some_and(|c| c.is_ascii_digit()) {
        end += 1;
    }
    text.slice(at, end).parse().ok().map(|value| (value, end))
}
