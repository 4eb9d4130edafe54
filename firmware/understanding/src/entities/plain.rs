//! Numbers that are nothing but numbers: each quantity for itself, never the digits of two.

use trunkside_call::EntityKind;

use super::Found;
use super::group::{Group, groups_of};
use super::quantity::{Quantity, is_figures, quantity};
use crate::numbers::{Atom, Folded, Reading};

/// From this many on, digits in a row that are said one by one are a number.
const DIGITS_FROM: usize = 3;

/// The numbers among the atoms that nothing else is made of.
pub(super) fn numbers(text: &Folded, atoms: &[&Atom]) -> Vec<Found> {
    let atoms = atoms
        .iter()
        .filter(|atom| !matches!(atom.reading, Reading::Repeater(_)));
    let groups = groups_of(text, atoms.copied());
    let mut found = Vec::new();
    let mut index = 0;
    while index < groups.len() {
        let rest = &groups[index..];
        let (taken, number) = decimal(text, rest)
            .or_else(|| pairs(text, rest))
            .map_or_else(
                || (1, alone(text, &rest[0])),
                |(taken, number)| (taken, Some(number)),
            );
        found.extend(number);
        index += taken;
    }
    found
}

/// The decimal that the atoms make, with nothing behind it but single digits: `三点一四`, `1,500.50`,
/// that of `2.99一模一样`.
pub(super) fn one_decimal(text: &Folded, atoms: &[Atom]) -> Option<Found> {
    let groups = groups_of(text, atoms);
    let (taken, found) = decimal(text, &groups)?;
    let rest = &groups[taken..];
    rest.iter()
        .all(|group| alone(text, group).is_none())
        .then_some(found)
}

/// A number with a point, or with words that scale it.
fn decimal(text: &Folded, groups: &[Group]) -> Option<(usize, Found)> {
    let first = groups.first()?;
    let Quantity {
        taken,
        value,
        start,
        end,
    } = quantity(text, groups)?;
    let is_plain = taken == 1 && end == first.end && start == first.start;
    // 192.168.1.1 is none, nor are the two of 一点一点.
    let goes_on = matches!(text.at(end), Some('.' | '点'))
        && groups.get(taken).is_some_and(|next| next.start == end + 1);
    if is_plain || goes_on || is_little(text, first, end) {
        return None;
    }
    Some((taken, Found::new(EntityKind::Number, value, start, end)))
}

/// Whether 一点 is a little, or 两点 an hour: what follows counts something, as in 早一点五个人.
fn is_little(text: &Folded, first: &Group, end: usize) -> bool {
    if first.digits.len() > 1 || !matches!(text.at(first.end), Some('点')) {
        return false;
    }
    let counts = match text.at(end) {
        Some('个') => !text.at(end + 1).is_some_and(|c| "百点亿小月".contains(c)),
        Some('点') => true,
        Some(c) => "位名张条件只点".contains(c),
        None => false,
    };
    let single = end == first.end + 2;
    let is_one = matches!(text.at(first.start), Some('一'));
    let ends = text
        .at(end)
        .is_none_or(|c| !c.is_alphanumeric() || "倍万亿米度公千毫克折级吨平小个元块".contains(c));
    single && (counts || is_one && !ends)
}

/// Cardinals below a hundred in one breath, as English has them: `twenty twenty six`, `six eighty`.
fn pairs(text: &Folded, groups: &[Group]) -> Option<(usize, Found)> {
    let is_short = |group: &Group| {
        let said = text
            .at(group.start)
            .is_some_and(|c| c.is_ascii_alphabetic());
        said && (1..=2).contains(&group.digits.len())
    };
    let joins = |pair: &[Group]| {
        let between = text.slice(pair[0].end, pair[1].start);
        is_short(&pair[1]) && !between.is_empty() && between.chars().all(|c| matches!(c, ' ' | '-'))
    };
    let first = groups.first().filter(|first| is_short(first))?;
    let taken = 1 + groups.windows(2).take_while(|pair| joins(pair)).count();
    if taken == 1 || groups[..taken].iter().all(|group| !group.cardinal) {
        return None;
    }
    let value = groups[..taken]
        .iter()
        .map(|group| group.digits.as_str())
        .collect();
    let end = groups[taken - 1].end;
    Some((
        taken,
        Found::new(EntityKind::Number, value, first.start, end),
    ))
}

/// One group that is a number by itself: a single digit word is none, 一 least of all.
fn alone(text: &Folded, group: &Group) -> Option<Found> {
    let told = group.cardinal || group.repeated || is_figures(text, group.start, group.end);
    let number = || {
        let digits = group.digits.clone();
        Found::new(EntityKind::Number, digits, group.start, group.end)
    };
    (told || group.strong && group.digits.len() >= DIGITS_FROM).then(number)
}
