//! Times of day in more words than a number has: `九点一刻`, `差五分十点`, `九點三個字`.

use trunkside_call::EntityKind;

use super::{Form, Piece};
use crate::entities::entities_of;

/// Marks of such times.
const MARKS: [&str; 10] = ["刻", "差", "欠", "字", "搭", "踏正", "骨", "整", "过", "過"];

/// The times of a text that its numbers alone do not tell.
pub(super) fn on_the_dial(text: &str) -> Vec<Piece> {
    if !MARKS.iter().any(|mark| text.contains(mark)) {
        return Vec::new();
    }
    let chars: Vec<char> = text.chars().collect();
    let times = entities_of(text).into_iter();
    let times = times.filter(|found| found.kind == EntityKind::Time);
    let dials = times.filter_map(|found| {
        let said: String = chars[found.start..found.end].iter().collect();
        MARKS.iter().find(|mark| said.contains(**mark))?;
        Some(Piece {
            start: found.start,
            end: found.end,
            written: of_day(found.value.reveal(), &said)?,
        })
    });
    dials.collect()
}

/// How the time that begins here is written.
pub(super) fn at(dial: &[Piece], at: usize) -> Form {
    let time = dial.iter().find(|time| time.start == at)?;
    Some((time.end, time.written.clone()))
}

/// `15:15` as `3:15p.m.` where a part of the day was said, and as it is where none was.
fn of_day(value: &str, said: &str) -> Option<String> {
    let (hour, minutes) = value.split_once(':')?;
    let hour: u32 = hour.parse().ok()?;
    let names_part =
        said.starts_with(|c: char| "早上朝凌清中下傍晚今昨明听聽琴夜半深午晏当當寻尋".contains(c));
    if !names_part {
        return Some(format!("{hour}:{minutes}"));
    }
    let half = if hour < 12 { "a.m." } else { "p.m." };
    let on_clock = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    Some(format!("{on_clock}:{minutes}{half}"))
}
