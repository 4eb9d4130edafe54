//! What identifies a person without being a plain number: e-mail and web addresses, licence
//! plates, codes of letters and digits.

use crate::numbers::Folded;
use crate::redact::Hidden;

/// The first characters of mainland licence plates.
const PLATE_PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Everything of these kinds in a text.
pub(crate) fn find(text: &Folded) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let mut at = 0;
    while at < text.chars().len() {
        at = match plate_at(text, at).or_else(|| token_at(text, at)) {
            Some((end, label)) => {
                if let Some(label) = label {
                    hidden.push(Hidden {
                        start: at,
                        end,
                        label,
                    });
                }
                end
            }
            None => at + 1,
        };
    }
    hidden
}

/// `粤B12345`, with or without a dot after the letter.
fn plate_at(text: &Folded, start: usize) -> Option<(usize, Option<&'static str>)> {
    if !PLATE_PROVINCES.contains(text.at(start)?) || !text.at(start + 1)?.is_ascii_alphabetic() {
        return None;
    }
    let mut at = start + 2;
    if matches!(text.at(at), Some('·' | '.' | ' ' | '-')) {
        at += 1;
    }
    let mut count = 0;
    while count < 6 && text.at(at).is_some_and(|c| c.is_ascii_alphanumeric()) {
        at += 1;
        count += 1;
    }
    (count >= 5).then_some((at, Some("plate")))
}

/// A word of ASCII letters, digits and the marks of addresses, judged as a whole.
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
    } else {
        None
    };
    Some((end, label))
}

const fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+' | '%' | '/' | ':' | '=')
}

#[cfg(test)]
mod tests {
    use crate::redact;

    #[test]
    fn addresses_plates_and_codes_are_hidden() {
        for (text, redacted) in [
            ("发到wang.wei88@example.com谢谢", "发到[email]谢谢"),
            ("车牌粤B12345", "车牌[plate]"),
            ("单号SF1234567890", "单号[reference]"),
            ("see https://example.com/a?b", "see [link]?b"),
            ("a-b c.d", "a-b c.d"),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }
}
