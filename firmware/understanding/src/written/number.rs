//! One number: digits in a row, a cardinal, a decimal, or two neighbours for about.

/// The value of a digit character.
pub(super) const fn digit(c: char) -> Option<u64> {
    Some(match c {
        '零' | '〇' | '洞' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '拐' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '勾' | '玖' => 9,
        _ => return None,
    })
}

/// The multiplier that stands here; 千 is none in 千克 and its like.
fn unit_here(chars: &[char], at: usize) -> Option<u64> {
    let of_measure = chars
        .get(at + 1)
        .is_some_and(|next| chars[at] == '千' && "克米瓦帕字赫卡焦伏".contains(*next));
    small_unit(*chars.get(at)?).filter(|_| !of_measure)
}

const fn small_unit(c: char) -> Option<u64> {
    Some(match c {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1_000,
        _ => return None,
    })
}

/// Units that stay, larger ones first.
const LARGE: [(char, u64); 3] = [
    ('兆', 1_000_000_000_000),
    ('亿', 100_000_000),
    ('万', 10_000),
];

/// From this many 万 on the unit stays.
const KEPT_WAN: u64 = 100;

/// A number and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub end: usize,
    pub text: String,
    /// Its value, where it is a whole number of one piece.
    pub value: Option<u64>,
}

impl Number {
    /// The number that begins here.
    pub(super) fn at(chars: &[char], at: usize) -> Option<Self> {
        let first = chars.get(at)?;
        if digit(*first).is_none() && *first != '十' {
            return None;
        }
        about(chars, at)
            .or_else(|| row(chars, at))
            .or_else(|| cardinal(chars, at))
            .map(|whole| with_decimals(chars, whole))
    }
}

fn plain(end: usize, value: u64) -> Number {
    Number {
        end,
        text: value.to_string(),
        value: Some(value),
    }
}

fn with_decimals(chars: &[char], whole: Number) -> Number {
    if chars.get(whole.end) != Some(&'点') || !whole.text.bytes().all(|c| c.is_ascii_digit()) {
        return whole;
    }
    let places: String = chars[whole.end + 1..]
        .iter()
        .map_while(|c| digit(*c).filter(|_| *c != '两'))
        .map(|digit| digit.to_string())
        .collect();
    if places.is_empty() {
        return whole;
    }
    let end = whole.end + 1 + places.len();
    let mut number = Number {
        end,
        text: format!("{}.{places}", whole.text),
        value: None,
    };
    // 一二七点零点零点幺 is an address of the network.
    if chars.get(end) == Some(&'点') {
        let rest = with_decimals(
            chars,
            Number {
                text: places,
                ..number.clone()
            },
        );
        if rest.end > end {
            number = Number {
                end: rest.end,
                text: format!("{}.{}", whole.text, rest.text),
                value: None,
            };
        }
    } else if let Some(unit) = chars.get(end).filter(|c| matches!(c, '万' | '亿')) {
        number.text.push(*unit);
        number.end += 1;
    }
    number
}

/// Digits in a row without any unit. 两 at their end is a weight.
fn row(chars: &[char], at: usize) -> Option<Number> {
    let mut end = at;
    while chars.get(end).is_some_and(|c| digit(*c).is_some()) {
        end += 1;
    }
    if end > at + 1 && chars[end - 1] == '两' {
        end -= 1;
    }
    let has_unit = unit_here(chars, end).is_some()
        || chars
            .get(end)
            .is_some_and(|c| LARGE.iter().any(|(unit, _)| unit == c));
    if has_unit || end == at {
        return None;
    }
    let text: String = chars[at..end]
        .iter()
        .filter_map(|c| digit(*c))
        .map(|digit| digit.to_string())
        .collect();
    let value = text.parse().ok();
    Some(Number { end, text, value })
}

/// Below ten thousand: end and value.
fn section(chars: &[char], at: usize) -> Option<(usize, u64)> {
    let (mut end, mut value, mut last, mut zero) = (at, 0, 10_000, false);
    while let Some(c) = chars.get(end).copied() {
        if c == '十' && last > 10 && (end == at || zero) {
            (value, last, zero, end) = (value + 10, 10, false, end + 1);
            continue;
        }
        let Some(digit) = digit(c) else { break };
        let unit = unit_here(chars, end + 1);
        match unit {
            _ if digit == 0 && value > 0 && !zero => {
                let goes_on = chars
                    .get(end + 1)
                    .is_some_and(|c| *c == '十' || self::digit(*c).is_some_and(|next| next > 0));
                if !goes_on {
                    break;
                }
                (zero, end) = (true, end + 1);
            }
            Some(unit) if unit < last && digit > 0 => {
                (value, last, zero, end) = (value + digit * unit, unit, false, end + 2);
            }
            _ if digit > 0 && last == 10_000 && end == at => return Some((end + 1, digit)),
            None if digit > 0 && last < 10_000 && last > 1 => {
                let tail = if zero { digit } else { digit * (last / 10) };
                (value, last, end) = (value + tail, 1, end + 1);
            }
            _ => break,
        }
    }
    (value > 0).then_some((end, value))
}

fn cardinal(chars: &[char], at: usize) -> Option<Number> {
    let (mut end, mut value) = section(chars, at)?;
    let (mut text, mut sum, mut whole, mut last) = (String::new(), 0, 0, u64::MAX);
    loop {
        let unit = LARGE
            .iter()
            .find(|(unit, scale)| chars.get(end) == Some(unit) && *scale < last);
        let Some((unit, scale)) = unit else {
            // 三万五 goes on in thousands.
            let single =
                value < 10 && last != u64::MAX && chars[end - 2] != '零' && chars[end - 2] != '百';
            value *= if single && value > 0 { last / 10 } else { 1 };
            break;
        };
        whole += value * scale;
        last = *scale;
        end += 1;
        if *scale > 10_000 || value >= KEPT_WAN {
            text.push_str(&value.to_string());
            text.push(*unit);
        } else {
            sum += value * scale;
        }
        let next = end + usize::from(chars.get(end) == Some(&'零'));
        let Some((section_end, rest)) = section(chars, next) else {
            value = 0;
            break;
        };
        (end, value) = (section_end, rest);
    }
    sum += value;
    if sum > 0 || text.is_empty() {
        text.push_str(&sum.to_string());
    }
    Some(Number {
        end,
        text,
        value: Some(whole + value),
    })
}

/// Two neighbours for about: `三五百` is `300~500`, `四十五六万` is `45-6万`, `一万六七` is
/// `16000-7000`.
fn about(chars: &[char], at: usize) -> Option<Number> {
    let neighbours = |at: usize| -> Option<(u64, u64)> {
        let (a, b) = (digit(*chars.get(at)?)?, digit(*chars.get(at + 1)?)?);
        let near = (b == a + 1 && a > 0) || (a, b) == (3, 5);
        let alone = chars.get(at + 2).is_none_or(|c| digit(*c).is_none());
        (near && alone).then_some((a, b))
    };
    let large = |end: usize| chars.get(end).filter(|c| matches!(c, '万' | '亿')).copied();
    let finish = |mut end: usize, mut text: String| {
        if let Some(unit) = large(end) {
            text.push(unit);
            end += 1;
        }
        Some(Number {
            end,
            text,
            value: None,
        })
    };
    if let Some((a, b)) = neighbours(at) {
        let unit = unit_here(chars, at + 2);
        let scale = unit.unwrap_or(1);
        let end = at + 2 + usize::from(unit.is_some());
        let followed = unit.is_some() || large(end).is_some() || super::units::measures(chars, end);
        return followed
            .then(|| finish(end, format!("{}~{}", a * scale, b * scale)))
            .flatten();
    }
    // A cardinal that ends in two neighbours: the last unit before them gives their scale.
    let mut unit_at = at;
    while chars
        .get(unit_at)
        .is_some_and(|c| digit(*c).is_some() || small_unit(*c).is_some() || *c == '万')
    {
        let scale = match chars[unit_at] {
            '万' => Some(10_000),
            c => small_unit(c),
        };
        if let Some(scale) = scale
            && let Some((a, b)) = neighbours(unit_at + 1)
        {
            let head = cardinal(chars.get(..=unit_at)?, at)?;
            let after = unit_here(chars, unit_at + 3);
            if head.end != unit_at + 1 || after.is_some_and(|unit| unit >= scale) {
                return None;
            }
            let scale = after.unwrap_or(scale / 10);
            let end = unit_at + 3 + usize::from(after.is_some());
            return finish(end, format!("{}-{}", head.value? + a * scale, b * scale));
        }
        unit_at += 1;
    }
    None
}

/// A number of a day, a month or an hour: a cardinal or digits, within bounds.
pub(super) fn bounded(chars: &[char], at: usize, low: u64, high: u64) -> Option<(usize, u64)> {
    let mut end = at;
    while chars
        .get(end)
        .is_some_and(|c| digit(*c).is_some() || *c == '十')
    {
        end += 1;
    }
    let number = cardinal(chars.get(..end)?, at)
        .filter(|number| number.end == end)
        .or_else(|| row(chars.get(..end)?, at))?;
    let value = number.value.filter(|value| (low..=high).contains(value))?;
    Some((number.end, value)).filter(|(found, _)| *found == end)
}

/// Digits in a row as a year: `二零零八`, `八五`, or a cardinal `两千零五`.
pub(super) fn year(chars: &[char], at: usize) -> Option<(usize, String, bool)> {
    let by_digits = row(chars, at).filter(|row| (2..=4).contains(&row.text.len()));
    if let Some(row) = by_digits {
        return Some((row.end, row.text, true));
    }
    let number = cardinal(chars, at)?;
    let value = number
        .value
        .filter(|value| (1_000..3_000).contains(value))?;
    let whole = plain(number.end, value);
    Some((whole.end, whole.text, false))
}
