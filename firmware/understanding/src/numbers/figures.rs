//! Written figures, in ASCII and in the other forms that Unicode has for them.

use super::{Atom, Folded, Reading};

/// First characters of the ten decimal digits in scripts and styles other than ASCII.
const ZEROES: [u32; 12] = [
    0x0660,  // Arabic-Indic
    0x06f0,  // extended Arabic-Indic
    0x0966,  // Devanagari
    0x09e6,  // Bengali
    0x0e50,  // Thai
    0x17e0,  // Khmer
    0x1810,  // Mongolian
    0x1d7ce, // mathematical bold
    0x1d7d8, // mathematical double-struck
    0x1d7e2, // mathematical sans-serif
    0x1d7ec, // mathematical sans-serif bold
    0x1d7f6, // mathematical monospace
];

/// The value of a decimal digit in any script, where it is not ASCII.
pub(super) fn decimal(c: char) -> Option<u32> {
    let code = c as u32;
    if let Some(zero) = ZEROES
        .iter()
        .find(|&&zero| (zero..zero + 10).contains(&code))
    {
        return Some(code - zero);
    }
    match c {
        '⁰' | '₀' | '⓪' | '⓿' => Some(0),
        '¹' => Some(1),
        '²' => Some(2),
        '³' => Some(3),
        '⁴'..='⁹' => Some(code - 0x2070),
        '₁'..='₉' => Some(code - 0x2080),
        '①'..='⑨' => Some(code - 0x2460 + 1),
        '⑴'..='⑼' => Some(code - 0x2474 + 1),
        '⒈'..='⒐' => Some(code - 0x2488 + 1),
        '❶'..='❾' => Some(code - 0x2776 + 1),
        '➀'..='➈' => Some(code - 0x2780 + 1),
        '➊'..='➒' => Some(code - 0x278a + 1),
        'Ⅰ'..='Ⅸ' => Some(code - 0x2160 + 1),
        'ⅰ'..='ⅸ' => Some(code - 0x2170 + 1),
        '㈠'..='㈨' => Some(code - 0x3220 + 1),
        '㊀'..='㊈' => Some(code - 0x3280 + 1),
        _ => None,
    }
}

/// The figures that begin here: a row of ASCII digits, or one other numeric character, whose value
/// is then unknown and written as zeroes.
pub(super) fn atom_at(text: &Folded, start: usize) -> Option<Atom> {
    let first = text.at(start)?;
    if !first.is_ascii_digit() {
        return (first.is_numeric())
            .then(|| Atom::new(start, start + 1, "0".to_owned(), Reading::Figures));
    }
    let mut end = start;
    while text.at(end).is_some_and(|c| c.is_ascii_digit()) {
        end += 1;
    }
    Some(Atom::new(
        start,
        end,
        text.slice(start, end),
        Reading::Figures,
    ))
}
