//! Settings gathered from files and environment, later layers over earlier ones.
//!
//! Every reader method names the key, checks the value, and on a fault notes a [`Problem`] and
//! goes on with the default, so that one run reports everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Display;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;
use toml::de::{DeTable, DeValue};
use trunkside_vault::KeyFile;

use super::problem::Problem;

/// What the environment's settings begin with; a double underscore parts section and key.
const ENVIRONMENT_PREFIX: &str = "TRUNKSIDE_";

/// One value and where it was set.
#[derive(Clone, Debug)]
struct Setting {
    value: Value,
    /// The same as the environment has it, where a name of digits is no number.
    written: Option<String>,
    place: String,
    /// The folder that relative paths start from.
    folder: PathBuf,
}

/// All layers merged, by `section.key`.
#[derive(Debug, Default)]
pub struct Layers {
    settings: BTreeMap<String, Setting>,
    asked: BTreeSet<String>,
    /// Keys whose value could not be used: what follows from them needs no second problem.
    faulty: BTreeSet<String>,
    first_file: String,
    problems: Vec<Problem>,
}

impl Layers {
    /// Adds a TOML file's text over what is there.
    pub fn add_file(&mut self, path: &Path, text: &str) {
        let name = path.display().to_string();
        if self.first_file.is_empty() {
            self.first_file.clone_from(&name);
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut section_twice = None;
        for error in errors {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            // A section that stands there twice is one mistake, whatever keys are in it.
            let section = section_of(text, line);
            if error.message() == DUPLICATE && section_twice == Some(section) {
                continue;
            }
            if line == section {
                section_twice = Some(section);
            }
            self.problems.push(Problem::error(
                format!("{name}:{line}"),
                format!(
                    "not valid TOML: {}; mend or remove the line",
                    error.message()
                ),
            ));
        }
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        for (section, entry) in table.get_ref() {
            let Some(keys) = entry.get_ref().as_table() else {
                let line = line_of(text, entry.span().start);
                self.problems.push(Problem::error(
                    format!("{name}:{line}"),
                    format!(
                        "`{}` stands outside a section; move it under one such as `[line]`",
                        section.get_ref()
                    ),
                ));
                continue;
            };
            for (key, value) in keys {
                let key_name = format!("{}.{}", section.get_ref(), key.get_ref());
                // `[trunk.NAME]`: one level more.
                if let Some(inner) = value.get_ref().as_table() {
                    for (key, value) in inner {
                        let line = line_of(text, key.span().start);
                        let key = format!("{key_name}.{}", key.get_ref());
                        self.set(key, value.get_ref(), format!("{name}:{line}"), &folder);
                    }
                    continue;
                }
                let line = line_of(text, key.span().start);
                self.set(key_name, value.get_ref(), format!("{name}:{line}"), &folder);
            }
        }
    }

    fn set(&mut self, key: String, value: &DeValue<'_>, place: String, folder: &Path) {
        let Some(value) = plain_value(value) else {
            let message = format!("`{key}` has no value that fits");
            self.problems.push(Problem::error(place, message));
            return;
        };
        let setting = Setting {
            value,
            written: None,
            place,
            folder: folder.to_owned(),
        };
        self.settings.insert(key, setting);
    }

    /// Adds variables such as `TRUNKSIDE_LINE__LISTEN` over what is there.
    pub fn add_environment(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) {
        for (name, text) in variables {
            // What others have set may be in any encoding.
            let name = name.to_string_lossy();
            let Some(path) = name
                .strip_prefix(ENVIRONMENT_PREFIX)
                .filter(|path| path.contains("__"))
            else {
                continue;
            };
            let Some(text) = text.to_str().map(str::to_owned) else {
                let message = "is not UTF-8; write it anew in a terminal that is, or remove it";
                self.problems
                    .push(Problem::error(format!("${name}"), message));
                continue;
            };
            let key = path.to_lowercase().replace("__", ".");
            let value = format!("value = {text}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.clone()));
            let setting = Setting {
                value,
                written: Some(text),
                place: format!("${name}"),
                folder: PathBuf::from("."),
            };
            self.settings.insert(key, setting);
        }
    }

    /// Notes a problem that a later check found.
    pub fn report(&mut self, key: &str, message: &str) {
        let place = self.place(key);
        self.problems
            .push(Problem::error(place, message).of_key(key));
    }

    /// Whether a key has a value that was read and could not be used.
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(key)
    }

    /// Where a key was set, or the first file when it is missing.
    pub fn place(&self, key: &str) -> String {
        self.settings
            .get(key)
            .map_or_else(|| self.first_file.clone(), |s| s.place.clone())
    }

    /// Where each key was set.
    pub fn places(&self) -> BTreeMap<String, String> {
        let places = self.settings.iter();
        places
            .map(|(key, setting)| (key.clone(), setting.place.clone()))
            .collect()
    }

    /// The keys that were asked for.
    #[cfg(test)]
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().map(String::as_str)
    }

    /// Ends the reading: everything wrong, keys that nobody asked for included.
    pub fn finish(mut self) -> Vec<Problem> {
        for (key, setting) in &self.settings {
            if !self.asked.contains(key) {
                self.problems.push(Problem::warning(
                    setting.place.clone(),
                    format!("`{key}` is not a known key; remove it or mend its spelling"),
                ));
            }
        }
        self.problems
    }

    /// A key's value where it passes `read`, else the default; a value that does not is noted
    /// together with the rule.
    fn read<T>(
        &mut self,
        key: &str,
        default: T,
        rule: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> T {
        self.asked.insert(key.to_owned());
        let Some(setting) = self.settings.get(key) else {
            return default;
        };
        let written = || read(&Value::String(setting.written.clone()?));
        if let Some(value) = read(&setting.value).or_else(written) {
            return value;
        }
        let problem = Problem::error(
            setting.place.clone(),
            format!(
                "`{key}` {rule}, got `{}`; change it or remove the key",
                shown(&setting.value)
            ),
        )
        .of_key(key);
        self.problems.push(problem);
        self.faulty.insert(key.to_owned());
        default
    }

    /// A text that may be missing.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        self.read(key, None, "must be a text in quotes", |value| {
            value.as_str().map(|text| Some(text.to_owned()))
        })
    }

    /// A name that can stand in an MQTT topic; required.
    pub fn topic_name(&mut self, key: &str) -> String {
        if !self.settings.contains_key(key) {
            self.asked.insert(key.to_owned());
            self.problems.push(Problem::error(
                self.first_file.clone(),
                format!("`{key}` is missing; set it, for instance `{key} = \"name\"`"),
            ));
            return String::new();
        }
        self.read(
            key,
            String::new(),
            "must be a name of 1 to 64 letters, digits, `-`, `_` or `.`",
            |value| {
                value
                    .as_str()
                    .filter(|name| is_topic_name(name))
                    .map(str::to_owned)
            },
        )
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        let words: Vec<String> = choices
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect();
        let rule = format!("must be one of {}", words.join(", "));
        self.read(key, default, &rule, |value| {
            let text = value.as_str()?;
            choices
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, choice)| *choice)
        })
    }

    /// A socket address.
    pub fn address(&mut self, key: &str, default: SocketAddr) -> SocketAddr {
        self.read(
            key,
            default,
            "must be an address and port such as `0.0.0.0:5060`",
            |value| value.as_str()?.parse().ok(),
        )
    }

    /// A key's file that may be missing: it is made at first use, so only its folder has to be there.
    pub fn key_file(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        let fault = match std::fs::metadata(&path) {
            Ok(file) if file.len() == KeyFile::BYTES => return Some(path),
            Ok(file) => format!(
                "has {} bytes instead of {}; put the right file back, or name one that does not \
                 exist yet",
                file.len(),
                KeyFile::BYTES
            ),
            Err(_) if path.parent().is_some_and(Path::is_dir) => return Some(path),
            Err(_) => "cannot be made there; create its folder or change the key".to_owned(),
        };
        let message = format!("`{key}` names `{}`, which {fault}", path.display());
        self.report(key, &message);
        Some(path)
    }

    /// A value that may be missing and must parse.
    pub fn optional<T: std::str::FromStr>(&mut self, key: &str, rule: &str) -> Option<T> {
        self.read(key, None, rule, |value| {
            value.as_str()?.parse().ok().map(Some)
        })
    }

    /// A list of values that must all parse; empty when it is missing.
    pub fn list<T: std::str::FromStr>(&mut self, key: &str, rule: &str) -> Vec<T> {
        self.read(key, Vec::new(), rule, |value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str()?.parse().ok()).collect()
        })
    }

    /// The names of sections such as `[trunk.NAME]`.
    pub fn names(&self, section: &str) -> BTreeSet<String> {
        let name = |key: &String| {
            let rest = key.strip_prefix(section)?.strip_prefix('.')?;
            Some(rest.split_once('.')?.0.to_owned())
        };
        self.settings.keys().filter_map(name).collect()
    }

    /// A `host:port` pair; the host may be a name.
    pub fn host_port(&mut self, key: &str, default: (&str, u16)) -> (String, u16) {
        let default = (default.0.to_owned(), default.1);
        self.read(
            key,
            default,
            "must be a host and port such as `broker.example:1883`, and nothing before or behind them",
            |value| {
                let (host, port) = value.as_str()?.rsplit_once(':')?;
                let port = port.parse().ok().filter(|port| *port != 0)?;
                is_host(host).then(|| (host.to_owned(), port))
            },
        )
    }

    /// A whole number inside bounds.
    pub fn integer(&mut self, key: &str, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        let rule = format!(
            "must be a whole number from {} to {}",
            bounds.start(),
            bounds.end()
        );
        self.read(key, default, &rule, |value| {
            let number = u64::try_from(value.as_integer()?).ok()?;
            bounds.contains(&number).then_some(number)
        })
    }

    /// A number of seconds inside bounds.
    pub fn seconds(&mut self, key: &str, default: u64, bounds: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.integer(key, default, bounds))
    }

    /// Yes or no.
    pub fn switch(&mut self, key: &str, default: bool) -> bool {
        self.read(key, default, "must be `true` or `false`", Value::as_bool)
    }

    /// A range of UDP ports, `first-last`, with room for at least one call's two legs.
    pub fn ports(&mut self, key: &str, default: RangeInclusive<u16>) -> RangeInclusive<u16> {
        let rule = "must be a range of ports such as `10000-10999`, at least 4 wide, from 1024 up";
        self.read(key, default, rule, |value| {
            let (first, last) = value.as_str()?.split_once('-')?;
            let (first, last) = (first.trim().parse::<u16>().ok()?, last.trim().parse().ok()?);
            (first >= 1024 && last >= first.checked_add(3)?).then_some(first..=last)
        })
    }

    /// A path, relative to the file that names it.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let folder = self.settings.get(key).map(|setting| setting.folder.clone());
        self.optional_text(key)
            .map(|text| folder.unwrap_or_default().join(text))
    }

    /// Two files of which one is nothing without the other.
    pub fn both_files(&mut self, one: &str, other: &str) -> Option<(PathBuf, PathBuf)> {
        let (file, another) = (self.readable_file(one), self.readable_file(other));
        let (set, missing) = if file.is_some() {
            (one, other)
        } else {
            (other, one)
        };
        if file.is_some() != another.is_some() {
            let message = format!("`{set}` needs `{missing}`; set both or neither");
            self.report(set, &message);
        }
        file.zip(another)
    }

    /// A path to a file that must be readable, for policies and secrets.
    pub fn readable_file(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        if let Err(error) = std::fs::File::open(&path) {
            let message = format!(
                "`{key}` names `{}`, which cannot be read: {error}; create it or change the key",
                path.display()
            );
            self.report(key, &message);
        }
        Some(path)
    }
}

/// Whether this can be a host's name or address; an IPv6 address stands in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']');
        return inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    (1..=253).contains(&host.len())
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_topic_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn shown(value: &Value) -> impl Display + '_ {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What the parser says of a key or a section that stands there twice.
const DUPLICATE: &str = "duplicate key";

/// The line (from 1) at which the section of a line begins; 0 before the first.
fn section_of(text: &str, line: usize) -> usize {
    let lines = text.lines().take(line).enumerate();
    let headers = lines.filter(|(_, text)| text.trim_start().starts_with('['));
    headers.last().map_or(0, |(index, _)| index + 1)
}

/// The line (from 1) that a byte offset lies in.
fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

fn plain_value(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| plain_value(item.get_ref()))
                .collect::<Option<_>>()?,
        ),
        DeValue::Table(_) => return None,
    })
}
