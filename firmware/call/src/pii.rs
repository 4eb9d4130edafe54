//! A wrapper that keeps personal data out of logs.

use std::fmt;

/// Something that could identify a person: a number, a name, an address, what was said.
///
/// It prints as `Pii(…)`, is not serialisable, and must be [revealed](Self::reveal) by name, so
/// that every place that looks inside can be found by searching for that word.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Looks inside.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pii(…)")
    }
}

impl<T> fmt::Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// An address without the name and the password that stand before its `@`, for messages that quote it:
/// `mqtt://user:secret@host:1883` is `mqtt://…@host:1883`.
pub fn without_userinfo(address: &str) -> String {
    let Some((before, behind)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    // A password may have the same signs: only what can be nothing else is taken for a scheme.
    let scheme = before
        .split_once("://")
        .map(|(scheme, _)| scheme)
        .filter(|scheme| {
            scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '+')
        });
    scheme.map_or_else(
        || format!("…@{behind}"),
        |scheme| format!("{scheme}://…@{behind}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_quoted_without_its_password() {
        for (address, quoted) in [
            ("mqtt://u:hunter2@h:1883", "mqtt://…@h:1883"),
            ("u:hunter2@h:1883", "…@h:1883"),
            ("s3://key:sec/r@et@bucket/a.csv", "s3://…@bucket/a.csv"),
            ("u:a://b@h", "…@h"),
            ("[\"sip:u:hunter2@h\", \"sip:v:hunter3@i\"]", "…@i\"]"),
            ("mqtt://h:1883", "mqtt://h:1883"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(address), quoted);
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_the_value() {
        let number = Pii::new("13800138000");
        assert_eq!(format!("{number:?} {number}"), "Pii(…) …");
    }
}
