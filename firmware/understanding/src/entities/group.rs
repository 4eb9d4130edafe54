//! Groups: atoms that one number of a date or an amount is made of.

use crate::numbers::{Atom, Folded, Reading, measures};

/// One number without any gap in it, or English digit words with blanks between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub start: usize,
    pub end: usize,
    pub digits: String,
    /// Whether it is one cardinal.
    pub cardinal: bool,
    /// Whether a repetition is in it: `双六`.
    pub repeated: bool,
    /// Whether more than what only may be a digit is in it.
    pub strong: bool,
}

impl Group {
    /// Its value, where it fits.
    pub(super) fn value(&self) -> Option<u64> {
        self.digits.parse().ok()
    }
}

/// All groups of some atoms, in order. Weak atoms stand for digits only beside others.
pub(super) fn groups_of<'a>(
    text: &Folded,
    atoms: impl IntoIterator<Item = &'a Atom>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut last: Option<&Atom> = None;
    let atoms = atoms.into_iter();
    for atom in atoms.filter(|atom| atom.reading != Reading::Beside) {
        let joins = last.is_some_and(|last| joined(text, last, atom));
        match groups.last_mut() {
            Some(group) if joins && group.digits.len() < 32 => {
                group.end = atom.end;
                group.digits.push_str(&atom.digits);
                group.repeated |= atom.reading == Reading::Repeat;
                group.strong |= atom.reading != Reading::Weak;
            }
            _ => groups.push(Group {
                start: atom.start,
                end: atom.end,
                digits: atom.digits.clone(),
                cardinal: atom.reading == Reading::Cardinal,
                repeated: atom.reading == Reading::Repeat,
                strong: atom.reading != Reading::Weak,
            }),
        }
        last = Some(atom);
    }
    groups
}

fn joined(text: &Folded, before: &Atom, after: &Atom) -> bool {
    let single = |atom: &Atom| atom.reading != Reading::Cardinal;
    // 三块五一斤 costs 3.5, and not 3.51.
    let of_money =
        before.start > 0 && matches!(text.at(before.start - 1), Some('块' | '元' | '蚊'));
    let counts = of_money && text.at(after.start) == Some('一') && measures(text, after.end);
    if counts || !single(before) || !single(after) {
        return false;
    }
    let spoken = |atom: &Atom| atom.reading != Reading::Figures;
    if before.end == after.start {
        // 19.9六个 are six for 19.9.
        return spoken(before) && spoken(after);
    }
    spoken(before)
        && spoken(after)
        && after.start - before.end <= 2
        && text.chars()[before.end..after.start]
            .iter()
            .all(|c| matches!(c, ' ' | '-'))
}
