//! Words of letters, digits and the marks of addresses: mail and web addresses, account numbers
//! with letters, codes.

use crate::language::is_han;
use crate::numbers::Folded;
use crate::personal::names;
use crate::redact::Hidden;

/// What is said of a messenger and names nobody.
const PROGRAMS: [&str; 5] = ["wechat", "weixin", "iphone", "android", "windows"];

/// All such words.
pub(super) fn find(text: &Folded) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        let found = iban_at(text, at).or_else(|| token_at(text, at));
        at = match found {
            Some((end, label)) => {
                hidden.extend(label.map(|label| Hidden {
                    start: at,
                    end,
                    label,
                }));
                end
            }
            None => at + 1,
        };
    }
    hidden.extend(mail_beyond_ascii(text));
    hidden
}

/// Mail addresses with letters beyond ASCII, as [`token_at`] ends at those (RFC 6531).
fn mail_beyond_ascii(text: &Folded) -> impl Iterator<Item = Hidden> {
    let chars = text.chars();
    let is_part = |c: &char| c.is_alphanumeric() || ".-_+%".contains(*c);
    let ats = chars.iter().enumerate().filter(|(_, c)| **c == '@');
    ats.filter_map(move |(at, _)| {
        let (before, behind) = (&chars[..at], &chars[at + 1..]);
        // In Chinese no space parts the name from what announces it, or the domain from what follows.
        let han_name = before.last().is_some_and(|c| is_han(*c));
        let han_domain = behind.first().is_some_and(|c| is_han(*c));
        let goes_back =
            |c: &&char| is_part(c) && (han_name && !"是为系叫".contains(**c) || !is_han(**c));
        let goes_on = |c: &&char| is_part(c) && (han_domain || !is_han(**c));
        let start = at - before.iter().rev().take_while(goes_back).count();
        let end = at + 1 + behind.iter().take_while(goes_on).count();
        let address = &chars[start..end];
        let whole = start < at && end > at + 1 && address.iter().any(|c| c.is_alphabetic());
        (whole && !address.iter().all(char::is_ascii)).then_some(Hidden {
            start,
            end,
            label: "email",
        })
    })
}

/// `GB29 NWBK 6016 1331 9268 19`: country, check digits, groups of up to four (ISO 13616).
fn iban_at(text: &Folded, start: usize) -> Option<(usize, Option<&'static str>)> {
    let letter = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_alphabetic());
    let digit = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_digit());
    let begins = text.is_word_start(start) && letter(start) && letter(start + 1);
    if !begins || !digit(start + 2) || !digit(start + 3) {
        return None;
    }
    let (mut at, mut count) = (start + 4, 4);
    while count < 34 {
        let next = at + usize::from(text.at(at) == Some(' '));
        let run = (next..next + 4)
            .take_while(|at| text.at(*at).is_some_and(|c| c.is_ascii_alphanumeric()))
            .count();
        let group_ends = run == 4 || !letter(next);
        if run == 0 || !group_ends || (at == next && run < 4 && count > 4 && !digit(next)) {
            break;
        }
        at = next + run;
        count += run;
        if run < 4 {
            break;
        }
    }
    (count >= 15).then_some((at, Some("account")))
}

/// A word judged as a whole.
fn token_at(text: &Folded, start: usize) -> Option<(usize, Option<&'static str>)> {
    if !is_token_char(text.at(start)?) {
        return None;
    }
    let mut end = start;
    let (mut digits, mut letters, mut ats) = (0, 0, 0);
    while let Some(c) = text.at(end).filter(|c| is_token_char(*c)) {
        digits += usize::from(c.is_ascii_digit());
        letters += usize::from(c.is_ascii_alphabetic());
        ats += usize::from(c == '@');
        end += 1;
    }
    let label = if ats > 0 && letters > 0 {
        Some("email")
    } else if letters > 0 && digits >= 4 {
        Some("reference")
    } else if letters > 6 && (text.starts_with(start, "http") || text.starts_with(start, "www.")) {
        Some("link")
    } else if letters > 0 && letters + digits > 4 && is_messenger(text, start) {
        let word = text.slice(start, end);
        (!names::is_in_dictionary(&word) && !PROGRAMS.contains(&word.as_str())).then_some("account")
    } else {
        None
    };
    Some((end, label))
}

/// Whether what stands before a position announces the name by which somebody is found in a messenger.
fn is_messenger(text: &Folded, start: usize) -> bool {
    const CUES: [&str; 9] = [
        "微信号",
        "微信是",
        "微信系",
        "我微信",
        "微信",
        "qq号",
        "wechat id",
        "wechat is",
        "line id",
    ];
    const LINKS: [char; 7] = ['号', '是', '系', '为', '：', ':', ' '];
    let mut end = start;
    while end > 0 && LINKS.contains(&text.chars()[end - 1]) {
        end -= 1;
    }
    CUES.iter().any(|cue| {
        let cue_start = end.checked_sub(cue.trim_end_matches(LINKS).chars().count());
        cue_start.is_some_and(|at| text.starts_with(at, cue))
    })
}

const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+' | '%' | '/' | ':' | '=')
}
