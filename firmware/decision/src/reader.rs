//! Reads TOML key by key, so that every fault is found and has a line.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::{Problem, Severity};

/// Collects problems of one file.
pub(crate) struct Reader<'a> {
    file: &'a str,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
    errors: Cell<usize>,
    /// Lines that are not TOML.
    broken: RefCell<BTreeSet<usize>>,
}

impl<'a> Reader<'a> {
    pub fn new(file: &'a str, text: &str) -> Self {
        let lines = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, byte)| *byte == b'\n')
                    .map(|(i, _)| i + 1),
            )
            .collect();
        Self {
            file,
            lines,
            problems: RefCell::default(),
            errors: Cell::new(0),
            broken: RefCell::default(),
        }
    }

    /// Reads a whole file. A broken line is reported once, however much stumbles over it, and the
    /// rest is read all the same.
    pub fn document<'t>(&self, text: &'t str) -> Spanned<DeTable<'t>> {
        let (document, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            let offset = fault.span().map_or(0, |span| span.start);
            if self.broken.borrow_mut().insert(self.line(offset)) {
                let message = format!("is not valid TOML: {}", fault.message());
                self.error(offset, "", message);
            }
        }
        document
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).max(1)
    }

    pub fn report(&self, severity: Severity, offset: usize, key: &str, message: String) {
        if severity == Severity::Error {
            self.errors.set(self.errors.get() + 1);
        }
        self.problems.borrow_mut().push(Problem {
            severity,
            file: self.file.to_owned(),
            line: self.line(offset),
            key: key.to_owned(),
            message,
        });
    }

    pub fn error(&self, offset: usize, key: &str, message: impl Into<String>) {
        self.report(Severity::Error, offset, key, message.into());
    }

    pub fn warning(&self, offset: usize, key: &str, message: impl Into<String>) {
        self.report(Severity::Warning, offset, key, message.into());
    }

    pub fn has_errors(&self) -> bool {
        self.errors.get() > 0
    }

    /// Everything reported, by line; a key that was read twice is reported once, and what a broken line comes to
    /// besides is not what its writer meant.
    pub fn finish(self) -> Vec<Problem> {
        let broken = self.broken.into_inner();
        let mut problems = self.problems.into_inner();
        problems.retain(|it| it.severity == Severity::Error || !broken.contains(&it.line));
        problems.sort_by(|a, b| (a.line, &a.key, &a.message).cmp(&(b.line, &b.key, &b.message)));
        problems.dedup();
        problems
    }
}

/// A value with its key and place.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub value: T,
    pub key: String,
    pub offset: usize,
}

/// One table; keys that nobody asks for are reported when it is [closed](Section::close).
pub(crate) struct Section<'a> {
    pub reader: &'a Reader<'a>,
    pub path: String,
    pub offset: usize,
    table: Option<&'a DeTable<'a>>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    pub fn root(reader: &'a Reader<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(reader, String::new(), 0, Some(table))
    }

    fn new(
        reader: &'a Reader<'a>,
        path: String,
        offset: usize,
        table: Option<&'a DeTable<'a>>,
    ) -> Self {
        Self {
            reader,
            path,
            offset,
            table,
            asked: RefCell::default(),
        }
    }

    /// The full name of a key in this table.
    pub fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// Whether the table stands in the file.
    pub const fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Whether the key stands in the table, well or ill.
    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Where a key's value begins, well or ill.
    pub fn place(&self, key: &'static str) -> Option<usize> {
        self.value(key).map(|value| value.span().start)
    }

    fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        self.table?
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, rule: &str) {
        let found = match value.get_ref() {
            DeValue::String(text) => format!("`{text}`"),
            DeValue::Integer(number) => format!("`{number}`"),
            DeValue::Float(number) => format!("`{number}`"),
            DeValue::Boolean(switch) => format!("`{switch}`"),
            other => format!("a value of type {}", other.type_str()),
        };
        let remedy = if is_quoted(value.get_ref()) && !rule.contains("text") {
            "; remove the quotation marks"
        } else {
            ""
        };
        let message = format!("must be {rule}, got {found}{remedy}");
        self.reader
            .error(value.span().start, &self.key(key), message);
    }

    fn read<T>(
        &self,
        key: &'static str,
        rule: &str,
        convert: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Found<T>> {
        let value = self.value(key)?;
        let converted = convert(value.get_ref());
        if converted.is_none() {
            self.wrong(key, value, rule);
        }
        let (key, offset) = (self.key(key), value.span().start);
        converted.map(|value| Found { value, key, offset })
    }

    /// A text that is not empty.
    pub fn text(&self, key: &'static str) -> Option<Found<String>> {
        self.read(
            key,
            "a text that is not empty in quotation marks",
            |value| {
                value
                    .as_str()
                    .filter(|text| !text.trim().is_empty())
                    .map(str::to_owned)
            },
        )
    }

    /// A text that every agent, rule and so on must have.
    pub fn required_text(&self, key: &'static str, why: &str) -> Option<Found<String>> {
        if self.value(key).is_none() {
            let message = format!("is missing; {why}");
            self.reader.error(self.offset, &self.key(key), message);
            return None;
        }
        self.text(key)
    }

    /// A text or a whole number, as text: for names that may be numbers.
    pub fn label(&self, key: &'static str) -> Option<String> {
        self.read(key, "a text or a whole number", |value| match value {
            DeValue::Integer(number) => Some(number.to_string()),
            _ => value
                .as_str()
                .filter(|text| !text.trim().is_empty())
                .map(str::to_owned),
        })
        .map(|found| found.value)
    }

    pub fn switch(&self, key: &'static str, default: bool) -> bool {
        self.read(key, "`true` or `false`", DeValue::as_bool)
            .map_or(default, |found| found.value)
    }

    pub fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let rule = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &rule, |value| {
            integer(value).filter(|number| range.contains(number))
        })
        .map(|found| found.value)
    }

    /// A number of seconds.
    pub fn seconds(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<Duration> {
        let rule = format!(
            "a whole number of seconds from {} to {}",
            range.start(),
            range.end()
        );
        self.read(key, &rule, |value| {
            integer(value).filter(|number| range.contains(number))
        })
        .map(|found| Duration::from_secs(found.value.unsigned_abs()))
    }

    /// A number within a range; whole numbers are taken too.
    pub fn number(&self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let rule = if range.end().is_infinite() {
            format!("a number of at least {}", range.start())
        } else {
            format!("a number from {} to {}", range.start(), range.end())
        };
        self.read(key, &rule, |value| {
            number(value).filter(|number| range.contains(number))
        })
        .map(|found| found.value)
    }

    /// A probability from 0 to 1, in thousandths.
    pub fn permille(&self, key: &'static str) -> Option<u16> {
        self.number(key, 0.0..=1.0)
            .map(|score| (score * 1000.0).round() as u16)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<String> = choices
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect();
        self.read(key, &words.join(" or "), |value| {
            let text = value.as_str()?;
            choices
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, choice)| *choice)
        })
        .map(|found| found.value)
    }

    /// A list's elements; a single value is a list of one, and a missing one of none.
    fn elements(&self, key: &'static str) -> &[Spanned<DeValue<'a>>] {
        match self.value(key) {
            Some(value) => match value.get_ref() {
                DeValue::Array(array) => array_slice(array),
                _ => std::slice::from_ref(value),
            },
            None => &[],
        }
    }

    /// Whether a key is there and holds a list of nothing.
    pub fn is_empty_list(&self, key: &'static str) -> bool {
        self.value(key).is_some() && self.elements(key).is_empty()
    }

    /// How many elements a list has, bad ones too.
    pub fn count(&self, key: &'static str) -> usize {
        self.elements(key).len()
    }

    /// One text or a list of texts; each bad element is reported.
    pub fn texts(&self, key: &'static str) -> Vec<Found<String>> {
        let mut found = Vec::new();
        for element in self.elements(key) {
            match element.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => found.push(Found {
                    value: text.to_owned(),
                    key: self.key(key),
                    offset: element.span().start,
                }),
                _ => self.wrong(key, element, "a text or a list of texts"),
            }
        }
        found
    }

    /// A list of words out of a few; unknown ones are reported.
    pub fn choices<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Vec<T> {
        let mut values = Vec::new();
        for found in self.texts(key) {
            if let Some((_, value)) = choices.iter().find(|(word, _)| *word == found.value) {
                values.push(*value);
            } else {
                let words: Vec<String> = choices
                    .iter()
                    .map(|(word, _)| format!("`{word}`"))
                    .collect();
                let message = format!("must be of {}, got `{}`", words.join(", "), found.value);
                self.reader.error(found.offset, &found.key, message);
            }
        }
        values
    }

    /// A list of numbers within a range; a single number is a list of one.
    pub fn numbers(&self, key: &'static str, range: RangeInclusive<f64>) -> Vec<f64> {
        let mut numbers = Vec::new();
        for element in self.elements(key) {
            let number = number(element.get_ref()).filter(|number| range.contains(number));
            if number.is_none() {
                let rule = format!("a number from {} to {}", range.start(), range.end());
                self.wrong(key, element, &rule);
            }
            numbers.extend(number);
        }
        numbers
    }

    /// A table; an absent one reads as empty.
    pub fn table(&self, key: &'static str) -> Section<'a> {
        let value = self.value(key);
        let table = value.and_then(|value| {
            let table = value.get_ref().as_table();
            if table.is_none() {
                self.wrong(key, value, "a table");
            }
            table
        });
        let offset = value.map_or(self.offset, |value| value.span().start);
        Section::new(self.reader, self.key(key), offset, table)
    }

    /// The tables of an array such as `[[rule]]`, each named by its position.
    pub fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong(
                key,
                value,
                &format!("a list of tables, each begun by `[[{key}]]`"),
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, element) in array.iter().enumerate() {
            if let Some(table) = element.get_ref().as_table() {
                let path = format!("{}[{}]", self.key(key), index + 1);
                sections.push(Section::new(
                    self.reader,
                    path,
                    element.span().start,
                    Some(table),
                ));
            } else {
                self.wrong(key, element, &format!("a table begun by `[[{key}]]`"));
            }
        }
        sections
    }

    /// Every key of a table whose keys are the user's own, whatever stands there.
    pub fn names(&self) -> Vec<String> {
        let names = self.table.into_iter().flat_map(|table| table.keys());
        names.map(|name| name.get_ref().to_string()).collect()
    }

    /// The same, each with its place.
    pub fn entries(&self) -> Vec<Found<String>> {
        let names = self.table.into_iter().flat_map(|table| table.keys());
        let found = names.map(|name| Found {
            value: name.get_ref().to_string(),
            key: self.key(name.get_ref()),
            offset: name.span().start,
        });
        found.collect()
    }

    /// Every key of a table whose keys are the user's own, with whole numbers.
    pub fn integer_entries(&self, range: RangeInclusive<i64>) -> Vec<Found<(String, i64)>> {
        let mut entries = Vec::new();
        let Some(table) = self.table else {
            return entries;
        };
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            let number = integer(value.get_ref()).filter(|number| range.contains(number));
            if number.is_none() {
                let rule = format!("a whole number from {} to {}", range.start(), range.end());
                self.wrong(key, value, &rule);
            }
            entries.extend(number.map(|number| Found {
                value: (key.to_owned(), number),
                key: self.key(key),
                offset: name.span().start,
            }));
        }
        entries
    }

    /// Every key of a table whose keys are the user's own, with numbers.
    pub fn number_entries(&self, range: RangeInclusive<f64>) -> Vec<Found<(String, f64)>> {
        let mut entries = Vec::new();
        let Some(table) = self.table else {
            return entries;
        };
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            let number = number(value.get_ref()).filter(|number| range.contains(number));
            if number.is_none() {
                let rule = format!("a number from {} to {}", range.start(), range.end());
                self.wrong(key, value, &rule);
            }
            entries.extend(number.map(|number| Found {
                value: (key.to_owned(), number),
                key: self.key(key),
                offset: name.span().start,
            }));
        }
        entries
    }

    /// Every key of a table whose keys are the user's own, with texts.
    pub fn text_entries(&self) -> Vec<Found<(String, String)>> {
        let mut entries = Vec::new();
        let Some(table) = self.table else {
            return entries;
        };
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            match value.get_ref().as_str() {
                Some(text) => entries.push(Found {
                    value: (key.to_owned(), text.to_owned()),
                    key: self.key(key),
                    offset: name.span().start,
                }),
                None => self.wrong(key, value, "a text in quotation marks"),
            }
        }
        entries
    }

    /// Warns of keys that nobody asked for.
    pub fn close(&self) {
        let Some(table) = self.table else { return };
        let asked = self.asked.borrow();
        for (name, _) in table {
            let key = name.get_ref().as_ref();
            if asked.contains(key) {
                continue;
            }
            let known: Vec<String> = asked.iter().map(|key| format!("`{key}`")).collect();
            let message = format!(
                "is unknown and changes nothing; known here: {}",
                known.join(", ")
            );
            self.reader
                .warning(name.span().start, &self.key(key), message);
        }
    }
}

fn array_slice<'a, 'i>(array: &'a DeArray<'i>) -> &'a [Spanned<DeValue<'i>>] {
    array
}

/// Whether a number or a switch stands in quotation marks.
fn is_quoted(value: &DeValue<'_>) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok())
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float
            .as_str()
            .parse()
            .ok()
            .filter(|number: &f64| !number.is_nan()),
        _ => integer(value).map(|number| number as f64),
    }
}
