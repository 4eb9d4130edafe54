//! Headers that the stack leaves to its user, read from its messages and written for them.

use std::time::Duration;

use rsipstack::sip::Header;
use rsipstack::sip::prelude::HasHeaders;

use crate::session_timer::{Asked, SessionExpires, Settled};

/// A header that is a number of seconds.
pub fn seconds(message: &impl HasHeaders, name: &str) -> Option<Duration> {
    let value = text(message, name)?;
    let number = value.split(';').next()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(number.into()))
}

/// A header's value, by its full or short name.
pub fn text(message: &impl HasHeaders, name: &str) -> Option<String> {
    values(message, name).next()
}

/// All values of a header, by its full or short name.
pub fn values(message: &impl HasHeaders, name: &str) -> impl Iterator<Item = String> {
    let short = match name {
        "Session-Expires" => "x",
        "Supported" => "k",
        "Refer-To" => "r",
        "Referred-By" => "b",
        _ => "",
    };
    message.headers().iter().filter_map(move |header| {
        let line = header.to_string();
        let (have, value) = line.split_once(':')?;
        let have = have.trim();
        let fits = have.eq_ignore_ascii_case(name) || have.eq_ignore_ascii_case(short);
        fits.then(|| value.trim().to_owned())
    })
}

/// The parts of one header line that lists addresses; commas within angle brackets or quotes part
/// nothing.
pub fn listed(line: &str) -> impl Iterator<Item = &str> {
    let (mut is_inside, mut is_quoted, mut is_escaped) = (false, false, false);
    let parts = line.split(move |letter: char| {
        let escaped = std::mem::take(&mut is_escaped);
        match letter {
            _ if escaped => {}
            '\\' if is_quoted => is_escaped = true,
            '"' if !is_inside => is_quoted = !is_quoted,
            '<' if !is_quoted => is_inside = true,
            '>' if !is_quoted => is_inside = false,
            _ => {}
        }
        letter == ',' && !is_inside && !is_quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

/// Whether a list such as `Supported` or `Allow` names a token.
pub fn lists(message: &impl HasHeaders, name: &str, token: &str) -> bool {
    values(message, name).any(|value| {
        value
            .split(',')
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    })
}

/// What a request says of session timers.
pub fn timer_asked(request: &impl HasHeaders) -> Asked {
    Asked {
        expires: session_expires(request),
        shortest: seconds(request, "Min-SE"),
        supported: lists(request, "Supported", "timer") || lists(request, "Require", "timer"),
    }
}

/// The `Session-Expires` of a message.
pub fn session_expires(message: &impl HasHeaders) -> Option<SessionExpires> {
    SessionExpires::parse(&text(message, "Session-Expires")?)
}

/// What our request says of session timers.
pub fn timer_asking(asked: Asked) -> Vec<Header> {
    let mut headers = vec![other("Supported", "timer, replaces")];
    if let Some(expires) = asked.expires {
        headers.push(other("Session-Expires", &expires.written()));
    }
    if let Some(shortest) = asked.shortest {
        headers.push(other("Min-SE", &shortest.as_secs().to_string()));
    }
    headers
}

/// What our 2xx says of session timers.
pub fn timer_settled(settled: Option<Settled>) -> Vec<Header> {
    let mut headers = vec![other("Supported", "timer, replaces")];
    if let Some(settled) = settled {
        headers.push(other("Session-Expires", &settled.expires.written()));
        if settled.require {
            headers.push(other("Require", "timer"));
        }
    }
    headers
}

/// A header by its name.
pub fn other(name: &str, value: &str) -> Header {
    Header::Other(name.to_owned(), value.to_owned())
}
