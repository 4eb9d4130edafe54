//! Settings gathered from files and environment, later layers over earlier ones.
//!
//! Every reader method names the key, checks the value, and on a fault notes a [`Problem`] and
//! goes on with the default, so that one run reports everything that is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeString, DeTable, DeValue};
use toml::{Spanned, Value};
use trunkside_call::without_userinfo;
use trunkside_record::{Name, host_and_port};
use trunkside_vault::KeyFile;

use super::problem::Problem;

/// What the environment's settings begin with; a double underscore parts section and key.
const ENVIRONMENT_PREFIX: &str = "TRUNKSIDE_";

/// What else begins so: read by commands of the box, the cloud's programs, tests and scripts.
const NO_SETTINGS: [&str; 10] = [
    "LOG",
    "MODELS",
    "DATA",
    "FAULT",
    "BIN",
    "TRAIN_DIR",
    "CLOUD_PASSWORD",
    "ARM_RUST",
    "ARM_CRATES",
    "ARM_TARGET_DIR",
];

/// What stands at a key.
#[derive(Clone, Debug)]
enum Found {
    /// What a key may have.
    Value(Value),
    /// A section: a known one, or what somebody wrote in a value's place.
    Section,
    /// What no key may have, as it is written.
    Unfit(String),
}

/// What stands at a key, and where it was set.
#[derive(Clone, Debug)]
struct Setting {
    found: Found,
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
    /// Variables that are named as ours, but as no setting, without what all begin with.
    strays: Vec<String>,
    /// Whether something could not be read that may have set any key.
    hides_keys: bool,
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
            let message = format!(
                "not valid TOML: {}; mend or remove the line",
                error.message()
            );
            self.hide(format!("{name}:{line}"), &message);
        }
        let source = Source {
            name: &name,
            text,
            folder: path.parent().unwrap_or(Path::new(".")),
        };
        for (section, entry) in table.get_ref() {
            let setting = source.setting(section, entry);
            let section = section.get_ref().as_ref();
            match entry.get_ref().as_table() {
                Some(keys) => {
                    self.settings.insert(section.to_owned(), setting);
                    self.add_section(&source, section, keys);
                }
                None => self.hide(setting.place, &no_section(section, entry.get_ref())),
            }
        }
    }

    /// Adds the keys of a section and those of the sections in it, such as `[trunk.NAME]`.
    fn add_section(&mut self, source: &Source<'_>, section: &str, keys: &DeTable<'_>) {
        for (key, value) in keys {
            let name = format!("{section}.{}", key.get_ref());
            if let Some(inner) = value.get_ref().as_table() {
                self.add_section(source, &name, inner);
            }
            self.settings.insert(name, source.setting(key, value));
        }
    }

    /// Notes a problem that may hide any key: what is missing may only be hidden, and is not told.
    fn hide(&mut self, place: String, message: &str) {
        self.hides_keys = true;
        self.problems
            .push(Problem::error(place, message).hiding_keys());
    }

    /// Some file cannot be read at all, which has been told.
    pub const fn lack_a_file(&mut self) {
        self.hides_keys = true;
    }

    /// Adds variables such as `TRUNKSIDE_LINE__LISTEN` over what is there.
    pub fn add_environment(&mut self, variables: impl Iterator<Item = (OsString, OsString)>) {
        for (name, text) in variables {
            // What others have set may be in any encoding.
            let name = name.to_string_lossy();
            let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            if !path.contains("__") {
                self.strays.push(path.to_owned());
                continue;
            }
            let Some(text) = text.to_str().map(str::to_owned) else {
                let message = "is not UTF-8; write it anew in a terminal that is, or remove it";
                self.hide(format!("${name}"), message);
                continue;
            };
            let key = path.to_lowercase().replace("__", ".");
            let value = format!("value = {text}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut table| table.remove("value"))
                .unwrap_or_else(|| Value::String(text.clone()));
            let setting = Setting {
                found: Found::Value(value),
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

    /// Notes a problem that a later check found and that only `check --strict` refuses.
    pub fn warn(&mut self, key: &str, message: &str) {
        let place = self.place(key);
        self.problems.push(Problem::warning(place, message));
    }

    /// The first key of a section that nobody has asked for so far; what is reported of it is all that is
    /// said of it.
    pub fn take_unknown(&mut self, section: &str) -> Option<String> {
        let is_unknown = |key: &&String| {
            let rest = key.strip_prefix(section);
            rest.is_some_and(|rest| rest.starts_with('.')) && !self.asked.contains(*key)
        };
        let key = self.settings.keys().find(is_unknown)?.clone();
        self.asked.insert(key.clone());
        Some(key)
    }

    /// Whether a key has a value that was read and could not be used.
    pub fn is_faulty(&self, key: &str) -> bool {
        self.faulty.contains(key)
    }

    /// Whether a key has the value that was meant, or the default where none was: nothing hides it.
    pub fn is_sure_of(&self, key: &str) -> bool {
        !self.hides_keys && !self.is_faulty(key)
    }

    /// Where a key was set, where its section begins when it is missing, or the first file.
    pub fn place(&self, key: &str) -> String {
        let section = || self.settings.get(key.rsplit_once('.')?.0);
        let setting = self.settings.get(key).or_else(section);
        setting.map_or_else(|| self.first_file.clone(), |s| s.place.clone())
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
            if self.is_known(key, setting) {
                continue;
            }
            let place = setting.place.clone();
            let is_section = matches!(setting.found, Found::Section);
            self.problems.push(if belongs_to_no_trunk(key, is_section) {
                let message = format!(
                    "`{key}` belongs to no trunk, and a box without trunks takes calls from every \
                     address; each has a section `[trunk.NAME]`, its name without dots: move it \
                     there, or remove it"
                );
                Problem::error(place, message)
            } else {
                let file = Some(format!("{key}_file")).filter(|file| self.asked.contains(file));
                let remedy = file.map_or_else(
                    || "remove it or mend its spelling".to_owned(),
                    |file| format!("write it into a file, and name that with `{file}`"),
                );
                Problem::warning(place, format!("`{key}` is not a known key; {remedy}"))
            });
        }
        let strays = self.strays.iter();
        let unread = strays.filter(|stray| !NO_SETTINGS.contains(&stray.as_str()));
        let unread: Vec<Problem> = unread.map(|stray| self.unread(stray)).collect();
        self.problems.extend(unread);
        self.problems
    }

    /// What is wrong with a variable that sets nothing, and how its key is written where it is clear which
    /// was meant.
    fn unread(&self, stray: &str) -> Problem {
        let path = stray.to_lowercase();
        let is_meant = |key: &&String| {
            let name = key.split_once('.').map(|(_, name)| name);
            name == Some(path.as_str()) || key.replace('.', "_") == path
        };
        let key = self.asked.iter().find(is_meant);
        let right = key.map_or_else(
            || "SECTION__KEY".to_owned(),
            |key| key.to_uppercase().replace('.', "__"),
        );
        let message = format!(
            "is not read; keys are written `{ENVIRONMENT_PREFIX}{right}`: rename it or remove it"
        );
        Problem::warning(format!("${ENVIRONMENT_PREFIX}{stray}"), message)
    }

    /// Whether somebody asked for a key, or it is told of with another.
    fn is_known(&self, key: &str, setting: &Setting) -> bool {
        let is_in = |key: &str, section: &str| {
            let rest = key.strip_prefix(section);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let has_keys = || {
            let asked = self.asked.iter();
            asked.chain(self.settings.keys()).any(|of| is_in(of, key))
        };
        self.asked.contains(key)
            || self.faulty.iter().any(|faulty| is_in(key, faulty))
            || matches!(setting.found, Found::Section) && has_keys()
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
        let found = match &setting.found {
            Found::Value(value) => read(value),
            Found::Section | Found::Unfit(_) => None,
        };
        let written = || read(&Value::String(setting.written.clone()?));
        if let Some(value) = found.or_else(written) {
            return value;
        }
        let problem = Problem::error(
            setting.place.clone(),
            format!(
                "`{key}` {rule}, got `{}`; change it or remove the key",
                without_userinfo(&setting.found.to_string())
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

    /// A number of the branch's that may be missing.
    pub fn telephone_number(&mut self, key: &str) -> Option<String> {
        let number = self.optional_text(key)?;
        let figures = number.strip_prefix('+').unwrap_or(&number);
        if !figures.is_empty() && figures.bytes().all(|figure| figure.is_ascii_digit()) {
            return Some(number);
        }
        let message = format!(
            "`{key}` must be a number that calls the branch, such as `95588` or `+861095588`, in figures only"
        );
        self.report(key, &message);
        self.faulty.insert(key.to_owned());
        None
    }

    /// A name of this box, by the cloud's own rule; required.
    pub fn topic_name(&mut self, key: &str) -> String {
        if !self.settings.contains_key(key) {
            self.asked.insert(key.to_owned());
            if self.is_sure_of(key) {
                self.problems.push(Problem::error(
                    self.first_file.clone(),
                    format!("`{key}` is missing; set it, for instance `{key} = \"name\"`"),
                ));
            }
            return String::new();
        }
        self.read(
            key,
            String::new(),
            &format!("must be {}", Name::RULE),
            |value| Some(Name::new(value.as_str()?).ok()?.into()),
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

    /// The names of sections such as `[trunk.NAME]`, empty ones too.
    pub fn names(&self, section: &str) -> BTreeSet<String> {
        let name = |(key, setting): (&String, &Setting)| {
            let rest = key.strip_prefix(section)?.strip_prefix('.')?;
            let name = match (rest.split_once('.'), &setting.found) {
                (Some((name, _)), _) => name,
                (None, Found::Section) => rest,
                (None, _) => return None,
            };
            Some(name.to_owned())
        };
        self.settings.iter().filter_map(name).collect()
    }

    /// A `host:port` pair; the host may be a name.
    pub fn host_port(&mut self, key: &str, default: (&str, u16)) -> (String, u16) {
        let default = (default.0.to_owned(), default.1);
        self.read(
            key,
            default,
            "must be a host and port such as `broker.example:1883`, and nothing before or behind them: \
             a name and a password stand in files (`cloud.username_file`, `cloud.password_file`)",
            |value| {
                let (host, port) = host_and_port(value.as_str()?)?;
                Some((host.to_owned(), port))
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
        if file.is_some() != another.is_some() && self.is_sure_of(missing) {
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
            self.faulty.insert(key.to_owned());
        }
        Some(path)
    }
}

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(Value::String(text)) | Self::Unfit(text) => f.write_str(text),
            Self::Value(other) => other.fmt(f),
            Self::Section => f.write_str("{…}"),
        }
    }
}

/// A file whose settings are added.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    folder: &'a Path,
}

impl Source<'_> {
    /// What stands at a key.
    fn setting(&self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Setting {
        let unfit = || {
            let written = self.text.get(value.span()).unwrap_or_default();
            Found::Unfit(written.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let found = match value.get_ref() {
            DeValue::Table(_) => Found::Section,
            other => plain_value(other).map_or_else(unfit, Found::Value),
        };
        Setting {
            found,
            written: None,
            place: format!("{}:{}", self.name, line_of(self.text, key.span().start)),
            folder: self.folder.to_owned(),
        }
    }
}

/// What is wrong with something that stands where sections do.
fn no_section(name: &str, value: &DeValue<'_>) -> String {
    let is_list = value
        .as_array()
        .is_some_and(|items| items.iter().any(|item| item.get_ref().is_table()));
    if resembles_trunk(name) {
        format!("`{name}` is no section; write one for each trunk, such as `[trunk.telecom]`")
    } else if is_list {
        format!("`[[{name}]]` is a list of sections; write one, `[{name}]`")
    } else {
        format!("`{name}` stands outside a section; move it under one such as `[line]`")
    }
}

/// Whether a key that nobody asked for was probably meant for a trunk.
fn belongs_to_no_trunk(key: &str, is_section: bool) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    let sections = &parts[..parts.len() - usize::from(!is_section)];
    if sections.first() == Some(&"trunk") {
        // What a newer box knows of a trunk that has a name keeps no older one from starting.
        return sections.len() != 2;
    }
    sections.iter().any(|section| resembles_trunk(section))
}

/// Whether a section's name is that of trunks, with more to it or with a slip.
fn resembles_trunk(name: &str) -> bool {
    const TRUNK: &str = "trunk";
    let name = name.to_lowercase();
    name.contains(TRUNK) || is_a_slip_off(name.trim_end_matches('s'), TRUNK)
}

/// Whether one letter is missing, too many or another, or two stand in the wrong order.
fn is_a_slip_off(written: &str, meant: &str) -> bool {
    let (written, meant) = (written.as_bytes(), meant.as_bytes());
    let same = written
        .iter()
        .zip(meant)
        .take_while(|(a, b)| a == b)
        .count();
    match (&written[same..], &meant[same..]) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        ([a, b, rest @ ..], [c, d, others @ ..]) => (a, b, rest) == (d, c, others),
        _ => false,
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
