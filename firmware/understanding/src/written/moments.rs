//! Dates and times of day.

use super::number::{bounded, year};
use super::{Form, word_end};

/// `二零零八年八月八日` is `2008/08/08`, `八月八日` is `08/08`, `二零零八年` is `2008年`.
pub(super) fn date(chars: &[char], at: usize) -> Form {
    let named = year(chars, at).filter(|(end, _, _)| chars.get(*end) == Some(&'年'));
    let (start, year) = match &named {
        Some((end, text, by_digits)) => (end + 1, Some((text, *by_digits))),
        None => (at, None),
    };
    let month = bounded(chars, start, 1, 12).filter(|(end, _)| chars.get(*end) == Some(&'月'));
    let day = month.and_then(|(end, _)| {
        bounded(chars, end + 1, 1, 31)
            .filter(|(end, _)| matches!(chars.get(*end), Some('日' | '号')))
    });
    let (end, text) = match (month, day) {
        (Some((_, month)), Some((end, day))) => (end + 1, format!("{month:02}/{day:02}")),
        (Some((end, month)), None) if year.is_some() => (end + 1, format!("{month:02}")),
        _ => {
            let (year, by_digits) = year?;
            let long = year.len() > 2 || !by_digits;
            return long.then(|| (start, format!("{year}年")));
        }
    };
    match year {
        // A year by its value stays apart: 两千零五年八月五号.
        Some((year, false)) => Some((end, format!("{year}年{text}"))),
        Some((year, true)) => Some((end, format!("{year}/{text}"))),
        None => Some((end, text)),
    }
}

/// `上午八点半` is `8:30a.m.`, `十三点十分三十六秒` is `13:10:36`.
pub(super) fn time(chars: &[char], at: usize) -> Form {
    const MORNING: [&str; 6] = ["上午", "早上", "凌晨", "早晨", "清晨", "今早"];
    const AFTERNOON: [&str; 5] = ["下午", "晚上", "傍晚", "今晚", "中午"];
    let morning = word_end(chars, at, &MORNING);
    let half = match (morning, word_end(chars, at, &AFTERNOON)) {
        (Some(_), _) => "a.m.",
        (None, Some(_)) => "p.m.",
        (None, None) => "",
    };
    let start = morning
        .or_else(|| word_end(chars, at, &AFTERNOON))
        .unwrap_or(at);
    let (hour_end, hour) = bounded(chars, start, 0, 24)?;
    if chars.get(hour_end) != Some(&'点') {
        return None;
    }
    let behind = hour_end + 1;
    let (end, minute) = if chars.get(behind) == Some(&'半') {
        (behind + 1, 30)
    } else {
        let (end, minute) = bounded(chars, behind, 0, 59)?;
        let named = chars.get(end) == Some(&'分');
        // 八点五 is a decimal, 一点零二 a time only in the morning, 八点三十 always one.
        let ten = named && chars[behind] == '十';
        let two_places =
            ten || end - behind > 1 && (chars[behind] != '零' || !half.is_empty() || named);
        let by_digits = chars[behind..end].iter().all(|c| *c != '十') && !named && half.is_empty();
        if !two_places || by_digits {
            return None;
        }
        (end + usize::from(named), minute)
    };
    let second = bounded(chars, end, 0, 59).filter(|(end, _)| chars.get(*end) == Some(&'秒'));
    let hour = if hour == 0 {
        "00".to_owned()
    } else {
        hour.to_string()
    };
    Some(match second {
        Some((second_end, second)) => (
            second_end + 1,
            format!("{hour}:{minute:02}:{second:02}{half}"),
        ),
        None => (end, format!("{hour}:{minute:02}{half}")),
    })
}
