//! Callers' numbers, however they are written.

use std::collections::BTreeSet;

/// What stands for a number that is withheld (RFC 3323, section 4.1.1.3, and what trunks write).
const WITHHELD: [&str; 5] = ["", "anonymous", "unavailable", "unknown", "restricted"];

/// Whether nothing tells who calls.
pub fn is_withheld(number: &str) -> bool {
    let number = number.trim();
    WITHHELD
        .iter()
        .any(|word| number.eq_ignore_ascii_case(word))
}

/// What ways of writing one number may have in common, by which it is looked up; those that do may yet
/// be [of others](is_the_same).
pub fn stems(number: &str) -> BTreeSet<String> {
    let dialled = Dialled::of(number);
    let code = country_digits(&dialled.digits).min(dialled.digits.len());
    let national = dialled.is_international.then(|| &dialled.digits[code..]);
    let mut stems = BTreeSet::new();
    for digits in [Some(dialled.digits.as_str()), national]
        .into_iter()
        .flatten()
    {
        stems.insert(digits.strip_prefix('0').unwrap_or(digits).to_owned());
    }
    if dialled.digits.is_empty() {
        // A name of the branch's own PBX.
        stems.insert(number.to_owned());
    }
    stems
}

/// Whether two ways of writing mean one number: spaces and signs do not matter, nor whether one of them
/// begins with the country's code (`+86`, `0086`).
pub fn is_the_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let [one, other] = [one, other].map(Dialled::of);
    if one.digits.is_empty() || other.digits.is_empty() {
        return false;
    }
    one.digits == other.digits
        || one.is_within_its_country(&other)
        || other.is_within_its_country(&one)
}

/// A number's digits, without what stands for the `+` of an international one.
struct Dialled {
    digits: String,
    is_international: bool,
}

impl Dialled {
    fn of(written: &str) -> Self {
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let has_plus = written.trim_start().starts_with('+');
        match digits.strip_prefix("00").filter(|_| !has_plus) {
            Some(rest) => Self {
                digits: rest.to_owned(),
                is_international: true,
            },
            None => Self {
                digits,
                is_international: has_plus,
            },
        }
    }

    /// Whether `other`, written without a country, is this number as its own country dials it: perhaps
    /// with a 0 in front.
    fn is_within_its_country(&self, other: &Self) -> bool {
        let within = self.digits.split_at_checked(country_digits(&self.digits));
        let (true, false, Some((_, within))) =
            (self.is_international, other.is_international, within)
        else {
            return false;
        };
        let plain = other.digits.strip_prefix('0').unwrap_or(&other.digits);
        !within.is_empty() && (within == other.digits || within == plain)
    }
}

/// How many digits an international number's country code has (ITU-T E.164, list of assigned codes).
fn country_digits(number: &str) -> usize {
    match number.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        assert!(is_the_same("13912345678", "139 1234 5678"));
        assert!(is_the_same("+8613912345678", "86-139-1234-5678"));
        for written in ["+86 139 1234 5678", "008613912345678", "013912345678"] {
            assert!(is_the_same("+8613912345678", written), "{written}");
        }
        assert!(is_the_same("13912345678", "+8613912345678"));
        assert!(is_the_same("0086 139 1234 5678", "13912345678"));
        assert!(is_the_same("01012345678", "+86 10 1234 5678"));
        assert!(is_the_same("85212345678", "+85212345678"));
        assert!(is_the_same("12345678", "+852 1234 5678"));
        // Neither part of a number, nor another country's.
        assert!(!is_the_same("12345678", "+86 10 1234 5678"));
        assert!(!is_the_same("+8613912345678", "+113912345678"));
        assert!(!is_the_same("0", "+86"));
        assert!(is_the_same("anonymous", "anonymous"));
        assert!(!is_the_same("13912345678", "1391234567"));
        assert!(!is_the_same("anonymous", "withheld"));
        assert!(!is_the_same("", "x"));
    }

    #[test]
    fn all_ways_of_writing_a_number_have_a_stem_in_common() {
        for (one, other) in [
            ("+86 138-0013-8000", "13800138000"),
            ("008613800138000", "13800138000"),
            ("+861085551234", "010 8555 1234"),
            ("+44 20 7946 0000", "02079460000"),
            ("85212345678", "+852 1234 5678"),
            ("desk", "desk"),
        ] {
            assert!(is_the_same(one, other), "{one} and {other}");
            assert!(!stems(one).is_disjoint(&stems(other)), "{one} and {other}");
        }
        assert!(stems("13800138000").is_disjoint(&stems("13800138001")));
    }

    #[test]
    fn a_number_that_is_withheld_is_known_by_the_word_for_it() {
        assert!(
            ["", " ", "anonymous", "Anonymous", "Unknown"]
                .into_iter()
                .all(is_withheld)
        );
        assert!(
            !["110", "desk", "+8613800138000"]
                .into_iter()
                .any(is_withheld)
        );
    }
}
