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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_display_shows_the_value() {
        let number = Pii::new("13800138000");
        assert_eq!(format!("{number:?} {number}"), "Pii(…) …");
    }
}
