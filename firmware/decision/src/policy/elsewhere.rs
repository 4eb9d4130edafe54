//! Where calls go when nobody here takes them: another branch, or a voicemail box.

use trunkside_call::{Action, DestinationKind};

use super::Policy;
use super::group::circle;
use super::resolve::contact;
use crate::reader::Section;

/// A place beyond this branch that takes any number of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The name that groups, the queue and decisions use; no agent has it.
    pub name: String,
    /// What answers there.
    pub kind: DestinationKind,
    /// Where it is: a SIP URI.
    pub contact: Option<String>,
    /// Where calls go when it does not answer; a call back is promised when none.
    pub otherwise: Option<usize>,
}

impl Destination {
    /// A call's way there.
    pub fn overflow(&self) -> Action {
        Action::Overflow {
            to: self.name.clone(),
            kind: self.kind,
        }
    }
}

const KINDS: [(&str, DestinationKind); 2] = [
    ("branch", DestinationKind::Branch),
    ("voicemail", DestinationKind::Voicemail),
];

impl Policy {
    /// The destination of a name.
    pub fn destination(&self, name: &str) -> Option<usize> {
        let mut places = self.destinations.iter();
        places.position(|place| place.name == name)
    }
}

/// Reads every `[[destination]]`; faults are reported with key and line.
pub(super) fn destinations(tables: &[Section<'_>]) -> Vec<Destination> {
    let names: Vec<String> = tables
        .iter()
        .map(|section| {
            let found = section.required_text("name", "name the destination; groups quote it");
            found.map(|found| found.value).unwrap_or_default()
        })
        .collect();
    let mut places: Vec<Destination> = tables
        .iter()
        .zip(&names)
        .map(|(section, name)| {
            let kind = section.choice("kind", &KINDS);
            if kind.is_none() && !section.has("kind") {
                let message = "is missing; say `branch` or `voicemail`";
                section
                    .reader
                    .error(section.offset, &section.key("kind"), message);
            }
            Destination {
                name: name.clone(),
                kind: kind.unwrap_or(DestinationKind::Branch),
                contact: contact(section),
                otherwise: place(section, "otherwise", &names),
            }
        })
        .collect();
    break_cycles(&mut places, tables);
    for section in tables {
        section.close();
    }
    places
}

/// A destination that a key names, or `callback` for none.
pub(super) fn place(section: &Section<'_>, key: &'static str, names: &[String]) -> Option<usize> {
    let found = section.text(key)?;
    if found.value == "callback" {
        return None;
    }
    let place = names.iter().position(|name| *name == found.value);
    if place.is_none() {
        let message = if names.is_empty() {
            format!(
                "must be `callback`, got `{}`, and there is no `[[destination]]`; add one of this name",
                found.value
            )
        } else {
            format!(
                "must be `callback` or a destination ({}), got `{}`",
                names.join(", "),
                found.value
            )
        };
        section.reader.error(found.offset, &found.key, message);
    }
    place
}

fn break_cycles(places: &mut [Destination], tables: &[Section<'_>]) {
    for start in 0..places.len() {
        if let Some(way) = circle(start, |at| places[at].otherwise) {
            let names: Vec<&str> = way.iter().map(|at| places[*at].name.as_str()).collect();
            let section = &tables[start];
            let message = format!(
                "leads in a circle: {}; end it with `callback`",
                names.join(" -> ")
            );
            let key = section.key("otherwise");
            let offset = section.place("otherwise").unwrap_or(section.offset);
            section.reader.error(offset, &key, message);
            places[start].otherwise = None;
        }
    }
}
