//! What identifies a person without being a plain number: names, postal addresses, e-mail and web
//! addresses, licence plates, codes of letters and digits.

mod addresses;
mod names;

use crate::numbers::Folded;
use crate::redact::Hidden;

/// The first characters of mainland licence plates.
const PLATE_PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Everything of these kinds in a text.
pub(crate) fn find(text: &Folded) -> Vec<Hidden> {
    let mut hidden = Vec::new();
    let mut at = 0;
    for at in 0..text.chars().len() {
        hidden.extend(names::name_at(text, at));
        hidden.extend(addresses::address_at(text, at));
    }
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

/// Whether nothing that could belong to the same word stands here.
fn ends_phrase(text: &Folded, at: usize) -> bool {
    text.at(at).is_none_or(|c| !c.is_alphanumeric())
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
    fn names_are_hidden_behind_introductions_and_before_titles() {
        for (text, redacted) in [
            ("我叫王伟", "我叫[name]"),
            ("你好我叫欧阳小雪，我要挂失", "你好我叫[name]，我要挂失"),
            ("我叫李国强我要投诉", "我叫[name]我要投诉"),
            ("我是陈志强", "我是[name]"),
            ("我姓王", "我姓[name]"),
            ("是张先生吗", "是[name]先生吗"),
            ("收件人刘洋", "收件人[name]"),
            (
                "my name is John O'Neil and i lost my card",
                "my name is [name] and i lost my card",
            ),
            ("this is mister taylor", "this is mister [name]"),
            ("it is spelled w a n g", "it is spelled [name]"),
            ("我是要查余额", "我是要查余额"),
            ("我是黄金会员", "我是黄金会员"),
            ("i am a member", "i am a member"),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }

    #[test]
    fn postal_addresses_are_hidden() {
        for (text, redacted) in [
            ("我住在广州市天河区体育西路", "我住在[address]"),
            ("送到人民路88号三栋谢谢", "送到[address]谢谢"),
            ("就在中山路一百二十号那边", "就在[address]那边"),
            ("i live at 221 baker street", "i live at [address]"),
            ("it is 12 high street thanks", "it is [address] thanks"),
            ("地址在哪里", "地址在哪里"),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }

    #[test]
    fn addresses_plates_and_codes_are_hidden() {
        for (text, redacted) in [
            ("发到wang.wei88@example.com谢谢", "发到[email]谢谢"),
            ("车牌粤B12345", "车牌[plate]"),
            ("单号SF1234567890", "单号[reference]"),
            ("see https://example.com/a?b", "see [link]?b"),
            ("e.g. all-in", "e.g. all-in"),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }
}
