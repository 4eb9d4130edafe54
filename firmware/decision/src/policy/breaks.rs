//! Breaks, and the short codes that agents call from their own phones to say that they are away or back.

use std::time::Duration;

use super::{Policy, registered_user};
use crate::reader::{Found, Section};

/// How long a break lasts at most where the policy does not say.
pub(crate) const USUAL_BREAK: Duration = Duration::from_hours(1);

/// A kind of break that agents take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// What it is for, such as `lunch`: the log and reasons say it.
    pub reason: String,
    /// What an agent calls as it begins.
    pub code: String,
    /// When it is over although the agent has not come back by a code.
    pub most: Duration,
}

/// What agents call but for breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codes {
    /// Ends a break.
    pub back: Option<String>,
    /// Ends the time for notes after a call.
    pub wrap_up_over: Option<String>,
}

/// What an agent says by calling a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A break begins.
    Away(&'a Break),
    /// It is over.
    Back,
    /// The notes after a call are written.
    WrapUpOver,
}

impl Policy {
    /// What an agent says who calls `code` from their phone.
    pub fn said_by(&self, code: &str) -> Option<Said<'_>> {
        let is = |other: &Option<String>| other.as_deref() == Some(code);
        if is(&self.codes.back) {
            Some(Said::Back)
        } else if is(&self.codes.wrap_up_over) {
            Some(Said::WrapUpOver)
        } else {
            let kind = self.breaks.iter().find(|kind| kind.code == code)?;
            Some(Said::Away(kind))
        }
    }

    /// Everything that agents may call to say something.
    pub fn code_numbers(&self) -> impl Iterator<Item = &str> {
        let codes = [&self.codes.back, &self.codes.wrap_up_over];
        let codes = codes.into_iter().flatten().map(String::as_str);
        codes.chain(self.breaks.iter().map(|kind| kind.code.as_str()))
    }
}

/// Reads every `[[break]]`.
pub(super) fn breaks(tables: &[Section<'_>]) -> Vec<Break> {
    let read = |section: &Section<'_>| {
        let reason = section.required_text("reason", "say what the break is for, such as `lunch`");
        let why = "give the number that agents call as it begins, such as `*11`";
        let code = section.required_text("code", why);
        let kind = Break {
            reason: reason.map(|found| found.value).unwrap_or_default(),
            code: code.map(|found| found.value).unwrap_or_default(),
            most: section.seconds("max_s", 60..=86_400).unwrap_or(USUAL_BREAK),
        };
        section.close();
        kind
    };
    tables.iter().map(read).collect()
}

/// Reads `[codes]`.
pub(super) fn codes(section: &Section<'_>) -> Codes {
    let text = |key| section.text(key).map(|found| found.value);
    let codes = Codes {
        back: text("back"),
        wrap_up_over: text("wrap_up_over"),
    };
    section.close();
    codes
}

/// Codes that cannot be keyed in, stand for two things, or call somebody; and breaks without a way back.
pub(super) fn check(policy: &Policy, tables: &[Section<'_>], codes: &Section<'_>) {
    let mut given: Vec<Found<String>> = ["back", "wrap_up_over"]
        .into_iter()
        .filter_map(|key| codes.text(key))
        .collect();
    given.extend(tables.iter().filter_map(|section| section.text("code")));
    for (number, code) in given.iter().enumerate() {
        if let Some(problem) = fault(policy, &given[..number], &code.value) {
            codes.reader.error(code.offset, &code.key, problem);
        }
    }
    let Some(first) = given.first() else { return };
    if !policy.agents.iter().any(|agent| agent.phone().is_some()) {
        let message = "can be called by nobody: no agent's `contact` is a phone that registers with the box; \
                       give one `registered:NAME`, or remove the codes";
        codes.reader.warning(first.offset, &first.key, message);
    }
    match (tables.first(), codes.has("back")) {
        (Some(section), false) => {
            let message = "is missing: agents come back only when the break's `max_s` is over; give the number \
                           that ends a break, such as `*12`";
            codes.reader.warning(section.offset, "codes.back", message);
        }
        (None, true) => {
            let offset = codes.text("back").map_or(codes.offset, |code| code.offset);
            let message = "has no effect: there is no `[[break]]` to come back from; add one or remove the code";
            codes.reader.warning(offset, "codes.back", message);
        }
        _ => {}
    }
}

/// What is wrong with a code, of which these others stand before it.
fn fault(policy: &Policy, others: &[Found<String>], code: &str) -> Option<String> {
    let is_short = (2..=12).contains(&code.len());
    if !is_short || !code.chars().all(|key| key.is_ascii_digit() || key == '*') {
        return Some(format!(
            "must be 2 to 12 digits and `*`, such as `*11`, got `{code}`"
        ));
    }
    if let Some(other) = others.iter().find(|other| other.value == code) {
        let key = &other.key;
        return Some(format!("`{code}` is what `{key}` has, too; take another"));
    }
    let called = |contact: &Option<String>| contact.as_deref().and_then(user) == Some(code);
    let mut agents = policy.agents.iter();
    let agent = agents.find(|agent| agent.id.as_str() == code || called(&agent.contact));
    let mut places = policy.destinations.iter();
    let place = places.find(|place| place.name == code || called(&place.contact));
    let whose = match (agent, place) {
        (Some(agent), _) => format!("agent `{}`", agent.id),
        (None, Some(place)) => format!("destination `{}`", place.name),
        (None, None) => return None,
    };
    Some(format!(
        "`{code}` is the name or number of the {whose}; take another"
    ))
}

/// The name or number in a contact.
fn user(contact: &str) -> Option<&str> {
    registered_user(contact).or_else(|| {
        let (_, place) = contact.split_once(':')?;
        place.split_once('@').map(|(user, _)| user)
    })
}
