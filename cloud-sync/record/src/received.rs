//! Entries as a receiver finds them. What a newer version writes is kept, not understood.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_ignored::Path;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::text::WITHHELD;
use crate::{Batch, Body, Entry, Lane, Pseudonym, RedactedText};

/// The farthest from zero, and the nearest to it, that a number is kept: much more than a box can
/// measure, and few digits where a database prints it without an exponent.
const FARTHEST: f64 = 1e30;
const NEAREST: f64 = 1e-30;

/// Digits of the longest number that is kept as it was written; a double needs fewer.
const DIGITS: usize = 24;

/// An entry as a receiver finds it: one that cannot be read must not hold up its neighbours.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// Read, as far as this version can: a body that it cannot read is [`Body::Unknown`].
    Entry(Box<Entry>, Kept),
    /// Only its place could be read, or it holds what may not be kept.
    Refused {
        /// Its place.
        sequence: u64,
        /// What was wrong, without a word of the content.
        why: String,
    },
}

/// What stores keep of a body: JSON as it came, with what a newer version put in.
///
/// Strings in fields that this version does not know have passed the same gate as every text, or
/// read `[withheld]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// A transcript's turns, else the body without its kind; with it for [`Body::Unknown`].
    pub json: String,
    /// What a transcript holds beside call and turns.
    pub more: Option<String>,
}

impl Received {
    /// Its place in the stream.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Entry(entry, _) => entry.sequence,
            Self::Refused { sequence, .. } => *sequence,
        }
    }

    /// Serde quotes the offending value for some faults; the category never does.
    fn refused(sequence: u64, error: &serde_json::Error) -> Self {
        let why =
            format!("{:?} error at column {}", error.classify(), error.column()).to_lowercase();
        Self::Refused { sequence, why }
    }
}

/// As if it had come over the wire.
///
/// # Panics
/// Never: entries have a JSON form, and it is read by the types that wrote it.
impl From<Entry> for Received {
    fn from(entry: Entry) -> Self {
        let json = serde_json::to_string(&entry).expect("entries have a JSON form");
        serde_json::from_str(&json).expect("an entry's JSON has its place")
    }
}

/// An entry with its body unread.
#[derive(Deserialize)]
struct Envelope<'a> {
    sequence: u64,
    at: Timestamp,
    #[serde(default)]
    clock_trusted: bool,
    lane: Lane,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Reads a batch. Nearly always every entry in it has the form of one; where one has not, each is read
/// apart from the others.
pub(crate) fn batch(json: &str) -> serde_json::Result<Batch<Received>> {
    match serde_json::from_str::<Batch<Envelope<'_>>>(json) {
        Err(_) => serde_json::from_str(json),
        Ok(batch) => {
            let Batch {
                v,
                tenant,
                branch,
                device,
                epoch,
                records,
            } = batch;
            Ok(Batch {
                v,
                tenant,
                branch,
                device,
                epoch,
                records: records.into_iter().map(Received::from).collect(),
            })
        }
    }
}

impl From<Envelope<'_>> for Received {
    fn from(envelope: Envelope<'_>) -> Self {
        let Envelope {
            sequence,
            at,
            clock_trusted,
            lane,
            body,
        } = envelope;
        match body_of(body.get()) {
            Ok((body, kept)) => {
                let entry = Entry {
                    sequence,
                    at,
                    clock_trusted,
                    lane,
                    body,
                };
                Self::Entry(Box::new(entry), kept)
            }
            Err(error) => Self::refused(sequence, &error),
        }
    }
}

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Place {
            sequence: u64,
        }

        let raw = <&RawValue>::deserialize(deserializer)?;
        match serde_json::from_str::<Envelope<'_>>(raw.get()) {
            Ok(envelope) => Ok(envelope.into()),
            Err(error) => {
                let Place { sequence } =
                    serde_json::from_str(raw.get()).map_err(serde::de::Error::custom)?;
                Ok(Self::refused(sequence, &error))
            }
        }
    }
}

/// Reads what a store kept of a body that could not be read: by a newer version than the one that
/// kept it, perhaps.
pub fn read_again(json: &str) -> Option<(Body, Kept)> {
    body_of(json)
        .ok()
        .filter(|(body, _)| *body != Body::Unknown)
}

/// The body, with what is kept of it.
fn body_of(raw: &str) -> serde_json::Result<(Body, Kept)> {
    let kind = kind(raw)?;
    let read = match &*kind {
        "call" => read(raw).map(|(call, kept)| (Body::Call(Box::new(call)), kept.into())),
        "transcript" => read(raw)
            .and_then(|(transcript, kept)| Ok((Body::Transcript(transcript), kept.parts()?))),
        "alarm" => read(raw).map(|(alarm, kept)| (Body::Alarm(alarm), kept.into())),
        "health" => read(raw).map(|(health, kept)| (Body::Health(health), kept.into())),
        "gap" => read(raw).map(|(gap, kept)| (Body::Gap(gap), kept.into())),
        _ => return unread(raw),
    };
    // A known kind in a form that is not known. What the gate refuses stays refused.
    read.or_else(|error| match unread(raw) {
        Ok((body, kept)) if is_fit(&kind, raw, &kept) => Ok((body, kept)),
        _ => Err(error),
    })
}

/// What names a body's form, once.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// The body's kind: it stands first, as boxes write it, or somewhere.
fn kind(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    match first_kind(raw) {
        Some((kind, _)) => Ok(kind.into()),
        None => serde_json::from_str(raw).map(|Kind { kind }| kind),
    }
}

/// A kind that stands first, and what follows it.
fn first_kind(raw: &str) -> Option<(&str, &str)> {
    let (kind, rest) = raw.strip_prefix(r#"{"kind":""#)?.split_once('"')?;
    (!kind.contains('\\')).then_some((kind, rest))
}

/// A body as JSON, and where it holds what this version does not know.
struct Whole {
    json: String,
    unknown: Vec<Vec<Step>>,
}

impl From<Whole> for Kept {
    fn from(Whole { json, .. }: Whole) -> Self {
        Self { json, more: None }
    }
}

impl Whole {
    /// A transcript's turns, and what stands beside them.
    fn parts(self) -> serde_json::Result<Kept> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(borrow)]
            turns: &'a RawValue,
        }

        let Parts { turns } = serde_json::from_str(&self.json)?;
        let has_more = self.unknown.iter().any(|path| path.len() == 1);
        let more = if has_more {
            let mut more: Map<String, Value> = serde_json::from_str(&self.json)?;
            more.retain(|name, _| !["call", "turns"].contains(&name.as_str()));
            Some(Value::Object(more).to_string())
        } else {
            None
        };
        Ok(Kept {
            json: turns.get().to_owned(),
            more,
        })
    }
}

/// A step into JSON.
enum Step {
    Field(String),
    Item(usize),
}

fn steps(path: &Path<'_>) -> Vec<Step> {
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Map { parent, key } => (parent, Some(Step::Field(key.clone()))),
        Path::Seq { parent, index } => (parent, Some(Step::Item(*index))),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => (parent, None),
    };
    let mut steps = steps(parent);
    steps.extend(step);
    steps
}

/// The typed body, and its JSON without the kind. Fields that are not known have passed the gate, and
/// whoever reads the JSON again finds numbers in it that every reader takes.
fn read<T: DeserializeOwned>(raw: &str) -> serde_json::Result<(T, Whole)> {
    let (mut unknown, mut kinds) = (Vec::new(), 0);
    let mut json = serde_json::Deserializer::from_str(raw);
    let value = serde_ignored::deserialize(&mut json, |path| {
        let is_kind = matches!(&path, Path::Map { parent: Path::Root, key } if key == "kind");
        if is_kind {
            kinds += 1;
        } else {
            unknown.push(steps(&path));
        }
    })?;
    json.end()?;
    if kinds > 1 {
        return Err(serde::de::Error::duplicate_field("kind"));
    }
    let json = match without_kind(raw) {
        Some(json) if unknown.is_empty() && !has_odd_number(raw) => json,
        _ => {
            let mut whole: Map<String, Value> = serde_json::from_str(raw)?;
            whole.remove("kind");
            let mut whole = Value::Object(whole);
            for path in &unknown {
                guard_at(&mut whole, path);
            }
            bound(&mut whole);
            whole.to_string()
        }
    };
    Ok((value, Whole { json, unknown }))
}

/// The body without its kind, where that stands first.
fn without_kind(raw: &str) -> Option<String> {
    let (_, rest) = first_kind(raw)?;
    let rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
    let fields = rest.strip_prefix(',').unwrap_or(rest);
    let mut json = String::with_capacity(fields.len() + 1);
    json.push('{');
    json.push_str(fields);
    Some(json)
}

/// A body that this version cannot read, with every text in it through the gate.
fn unread(raw: &str) -> serde_json::Result<(Body, Kept)> {
    // Of two kinds only the last would be kept, and another decided what the body is.
    let Kind { .. } = serde_json::from_str(raw)?;
    let mut whole: Value = serde_json::from_str(raw)?;
    if whole.get("redacted").is_some_and(|word| *word != true) {
        return Err(serde::de::Error::custom("the record is not redacted"));
    }
    guard(&mut whole);
    bound(&mut whole);
    let kept = Kept {
        json: whole.to_string(),
        more: None,
    };
    Ok((Body::Unknown, kept))
}

/// Whether a body of a known kind, in a form that is not known, may be kept: the box that sent it has
/// a gate for it, so that nothing in it should have had to be withheld.
fn is_fit(kind: &str, raw: &str, kept: &Kept) -> bool {
    let count = |text: &str| text.matches(WITHHELD).count();
    let is_redacted = kind != "call" || kept.json.contains("\"redacted\":true");
    is_redacted && count(raw) == count(&kept.json)
}

/// Puts what stands at `path` through the gate, its own name included.
fn guard_at(whole: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let parent = parents.iter().try_fold(whole, |at, step| match step {
        Step::Field(name) => at.get_mut(name),
        Step::Item(place) => at.get_mut(place),
    });
    match (parent, last) {
        (Some(Value::Object(fields)), Step::Field(name)) => {
            if let Some(mut field) = fields.remove(name) {
                guard(&mut field);
                fields.insert(passed(name).to_owned(), field);
            }
        }
        (Some(Value::Array(items)), Step::Item(place)) => {
            if let Some(item) = items.get_mut(*place) {
                guard(item);
            }
        }
        _ => {}
    }
}

/// Withholds what may not be kept: text that would not leave a box either.
fn guard(value: &mut Value) {
    match value {
        Value::String(text) => {
            if passed(text) == WITHHELD {
                WITHHELD.clone_into(text);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(guard),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (name, mut field) in old {
                guard(&mut field);
                fields.insert(passed(&name).to_owned(), field);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a number has an exponent or very many digits, so that others may read it otherwise: as one
/// that is out of range, or as thousands of digits.
fn has_odd_number(json: &str) -> bool {
    let (mut in_text, mut is_escaped, mut digits) = (false, false, 0);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_text,
            b'"' => {
                in_text = !in_text;
                digits = 0;
            }
            _ if in_text => {}
            b'0'..=b'9' | b'.' => {
                digits += 1;
                if digits > DIGITS {
                    return true;
                }
            }
            b'e' | b'E' if digits > 0 => return true,
            _ => digits = 0,
        }
    }
    false
}

/// Brings numbers that nothing measures to where every reader takes them: the wrong figure costs no
/// record.
fn bound(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let size = number.as_f64().unwrap_or_default();
            let bounded = match size.abs() {
                far if far > FARTHEST => FARTHEST.copysign(size),
                near if near < NEAREST => 0.0,
                _ => return,
            };
            if number.is_f64() {
                *value = bounded.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Object(fields) => fields.values_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The text, or that it is withheld. Times, names of calls, pseudonyms and hashes have digits in a row
/// and name nobody.
fn passed(text: &str) -> &str {
    let is_time = text.len() <= 35 && text.ends_with('Z') && text.parse::<Timestamp>().is_ok();
    let is_call = || text.len() == 36 && Uuid::try_parse(text).is_ok();
    let is_hash = || text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_time || is_call() || is_hash() || Pseudonym::is_one(text) {
        return text;
    }
    if RedactedText::try_new(text).is_ok() {
        text
    } else {
        WITHHELD
    }
}
