//! In mid-call: transfers (REFER with its NOTIFYs), offers of ours, and keys (INFO).

use std::time::Duration;

use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::sip::{Header, Request, StatusCode, Uri};
use tokio::sync::mpsc;
use tracing::debug;

use super::outside::is_tel;
use super::refresh::{Purpose, Refresh};
use super::{LegState, RsipUa, headers, now, sdp_header, sip_uri};
use crate::identity;
use crate::sip_ua::{AgentContact, LegEvent, LegId};

/// How long the acceptance of a transfer has to get out before its progress is told.
const AFTER_ACCEPTING: Duration = Duration::from_millis(200);

const TRYING: u16 = 100;

/// How long a key told by INFO is said to have been pressed.
const PRESSED_MS: u32 = 160;

impl RsipUa {
    pub(super) fn on_refer(&mut self, leg: LegId, request: &Request, handle: TransactionHandle) {
        let target = headers::text(request, "Refer-To").and_then(|to| referred(&to));
        let Some(to) = target.map(|(uri, replaces)| self.target_of(uri, replaces)) else {
            self.respond(handle, StatusCode::BadRequest, None, None);
            return;
        };
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let busy = entry.transfer.is_some() || entry.transfer_progress.is_some();
        if entry.state != LegState::Up || busy {
            self.respond(handle, StatusCode::RequestPending, None, None);
            return;
        }
        entry.transfer = Some(handle);
        entry.referred_by = headers::text(request, "Referred-By").and_then(|by| referrer(&by));
        self.tell(leg, LegEvent::TransferAsked { to });
    }

    /// Who has asked for the call that a leg is to be, as they name themselves (RFC 3892, section 2.2).
    pub(super) fn referred_by(&self, leg: LegId) -> Option<&str> {
        let legs = self.legs.range(leg.first()..);
        let mut of_call = legs.take_while(|(other, _)| other.first() == leg.first());
        of_call.find_map(|(_, entry)| {
            entry.transfer_progress.as_ref()?;
            entry.referred_by.as_deref()
        })
    }

    /// Whether a URI leads to the box: by an address of its own, or by a name that phones registered with.
    pub(super) fn leads_here(&self, uri: &Uri) -> bool {
        let named = |domain| self.own.is_named(uri, domain);
        self.own.is(uri) || self.registrar.domains(now()).any(named)
    }

    /// Who is to take over, in place of which call. Of a call between two phones through the box, each knows
    /// the box only as its far end: the other phone is meant.
    fn target_of(&self, uri: String, replaces: Option<String>) -> AgentContact {
        let beyond = replaces.as_deref().and_then(|named| self.beyond(named));
        let (contact, replaces) = match (beyond, replaces) {
            (Some((user, replaces)), _) => (AgentContact::Registered(user), replaces),
            (None, Some(replaces)) => (self.contact_of(uri), replaces),
            (None, None) => return self.contact_of(uri),
        };
        let contact = Box::new(contact);
        AgentContact::InPlaceOf { contact, replaces }
    }

    /// A phone that registers with us is meant by an address of ours, or a number that may be called.
    pub(super) fn contact_of(&self, uri: String) -> AgentContact {
        if let Some(number) = self.number_outside(&uri) {
            return number;
        }
        let parsed = sip_uri(&uri);
        let ours = parsed.filter(|uri| self.leads_here(uri));
        let user = ours.and_then(|_| identity::user_of(&uri).map(str::to_owned));
        user.map_or(AgentContact::Uri(uri), AgentContact::Registered)
    }

    pub(super) fn accept_transfer(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some(handle) = entry.transfer.take() else {
            return;
        };
        let (progress, mut told) = mpsc::unbounded_channel();
        entry.transfer_progress = Some(progress);
        let dialog = entry.dialog.clone();
        self.job(async move {
            // Fails only when the transaction has timed out.
            let _ = handle.respond(StatusCode::Accepted, None, None).await;
            // The stack sends the 202 from another task and does not say when; a NOTIFY of ours
            // would overtake it (RFC 3515, section 2.4.4 wants it after).
            tokio::time::sleep(AFTER_ACCEPTING).await;
            let mut status = Some(TRYING);
            while let Some(code) = status {
                let state = if code < 200 {
                    "active;expires=60"
                } else {
                    "terminated;reason=noresource"
                };
                let (headers, body) = told_by(code, state);
                if let Err(error) = dialog.notify(Some(headers), Some(body)).await {
                    debug!(%leg, %error, "the progress of a transfer could not be told");
                }
                if code >= 200 {
                    return;
                }
                status = told.recv().await;
            }
        });
    }

    pub(super) fn reject_transfer(&mut self, leg: LegId, status: u16) {
        let handle = self
            .legs
            .get_mut(&leg)
            .and_then(|entry| entry.transfer.take());
        if let Some(handle) = handle {
            self.respond(handle, StatusCode::from(status), None, None);
        }
    }

    pub(super) fn tell_transfer(&mut self, leg: LegId, status: u16) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if let Some(progress) = &entry.transfer_progress {
            // The far end may have ended the subscription.
            let _ = progress.send(status);
        }
        if status >= 200 {
            entry.transfer_progress = None;
        }
    }

    pub(super) fn reoffer(&mut self, leg: LegId, sdp: Vec<u8>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.refreshing || !entry.takes_offers() {
            let status = StatusCode::RequestPending.code();
            self.tell(leg, LegEvent::ReofferFailed { status });
            return;
        }
        entry.refreshing = true;
        let dialog = entry.dialog.clone();
        let mut more = headers::timer_asking(entry.timer.ask());
        more.extend(sdp_header());
        let refreshes = self.refresh_sender.clone();
        self.job(async move {
            let response = dialog.reinvite(Some(more), Some(sdp.clone())).await;
            let response = response.unwrap_or_else(|error| {
                debug!(%leg, %error, "an offer could not be sent");
                None
            });
            // The user agent may be gone by now.
            let _ = refreshes.send(Refresh {
                leg,
                purpose: Purpose::Offer(sdp),
                response,
            });
        });
    }

    pub(super) fn send_digit(&self, leg: LegId, digit: char) {
        let Some(entry) = self
            .legs
            .get(&leg)
            .filter(|entry| entry.state == LegState::Up)
        else {
            return;
        };
        let dialog = entry.dialog.clone();
        let body = format!("Signal={digit}\r\nDuration={PRESSED_MS}\r\n").into_bytes();
        let kind = vec![headers::other("Content-Type", "application/dtmf-relay")];
        self.job(async move {
            if let Err(error) = dialog.info(Some(kind), Some(body)).await {
                debug!(%leg, %error, "a key could not be told");
            }
        });
    }
}

/// The headers and the body of a NOTIFY of a transfer's progress (RFC 3515, section 2.4.5). The stack's own
/// has no reason phrase of a standard's.
fn told_by(code: u16, state: &str) -> (Vec<Header>, Vec<u8>) {
    let headers = vec![
        Header::Event("refer".into()),
        Header::SubscriptionState(state.into()),
        Header::ContentType("message/sipfrag".into()),
    ];
    let line = format!("SIP/2.0 {}\r\n", StatusCode::from(code));
    (headers, line.into_bytes())
}

/// The key that an INFO tells of, and what the INFO is answered with.
pub(super) fn told_by_info(request: &Request) -> (Option<char>, StatusCode) {
    let digit = digit_of(request);
    let status = if digit.is_some() || request.body.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UnsupportedMediaType
    };
    (digit, status)
}

/// The key that an INFO tells of (`application/dtmf-relay` or `application/dtmf`).
fn digit_of(request: &Request) -> Option<char> {
    let kind = headers::text(request, "Content-Type")?.to_ascii_lowercase();
    let body = std::str::from_utf8(&request.body).ok()?;
    let text = match kind.split(';').next()?.trim() {
        "application/dtmf" => body.trim(),
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("Signal")
                .then(|| value.trim())
        })?,
        _ => return None,
    };
    let mut characters = text.chars();
    let digit = characters.next()?.to_ascii_uppercase();
    let alone = characters.next().is_none();
    (alone && "0123456789*#ABCD".contains(digit)).then_some(digit)
}

/// The address of a `Refer-To`, and the call that it is to replace.
fn referred(value: &str) -> Option<(String, Option<String>)> {
    let inner = match value.split_once('<') {
        Some((_, rest)) => rest.split_once('>')?.0,
        None => value.split(';').next()?.trim(),
    };
    let (uri, more) = inner.split_once('?').unwrap_or((inner, ""));
    if !is_tel(uri) {
        sip_uri(uri)?;
    }
    let replaces = more.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.eq_ignore_ascii_case("Replaces")
            .then(|| decoded(value))
    });
    // What cannot be read, or would break our own message, must not be passed on.
    let safe = |text: &String| !text.is_empty() && !text.contains(|c: char| c.is_control());
    match replaces {
        None => Some((uri.to_owned(), None)),
        Some(replaces) => {
            let replaces = replaces.filter(safe)?;
            Some((uri.to_owned(), Some(replaces)))
        }
    }
}

/// The address of a `Referred-By`, without parameters: they name a proof that is not passed on.
fn referrer(value: &str) -> Option<String> {
    identity::user_of(value)?;
    let end = match value.rfind('>') {
        Some(bracket) => bracket + 1,
        None => value.find(';').unwrap_or(value.len()),
    };
    Some(value[..end].to_owned())
}

/// Undoes percent encoding.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refer_to_is_read_with_and_without_a_call_to_replace() {
        let blind = referred("\"Wang\" <sip:wang@192.0.2.7>;method=INVITE");
        assert_eq!(blind, Some(("sip:wang@192.0.2.7".to_owned(), None)));
        assert_eq!(
            referred("sip:wang@192.0.2.7;x=y").map(|r| r.0).as_deref(),
            Some("sip:wang@192.0.2.7")
        );
        let attended =
            referred("<sip:wang@192.0.2.7?Replaces=12%40x%3Bto-tag%3Da%3Bfrom-tag%3Db&X=1>");
        let (_, replaces) = attended.expect("a target");
        assert_eq!(replaces.as_deref(), Some("12@x;to-tag=a;from-tag=b"));
        for bad in [
            "",
            "<sip:x",
            "<http://x>",
            "<sip:a@b?Replaces=%0d%0aVia:x>",
            "<sip:a@b?Replaces=%zz>",
        ] {
            assert_eq!(referred(bad), None, "{bad}");
        }
    }

    #[test]
    fn who_refers_is_an_address() {
        let named = "\"Li; Na\" <sip:li_na@192.0.2.7;user=phone>";
        for value in [named.to_owned(), format!("{named};cid=\"2@x\"")] {
            assert_eq!(referrer(&value).as_deref(), Some(named));
        }
        let bare = referrer("sip:li_na@192.0.2.7;cid=\"2@x\"");
        assert_eq!(bare.as_deref(), Some("sip:li_na@192.0.2.7"));
        for bad in ["", "Li Na", "<http://x>"] {
            assert_eq!(referrer(bad), None, "{bad}");
        }
    }

    #[test]
    fn keys_are_read_in_both_forms() {
        let key = |kind: &str, body: &str| {
            let text = format!(
                "INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 2 INFO\r\nContent-Type: {kind}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            digit_of(&Request::try_from(text.as_str()).expect("well formed"))
        };
        assert_eq!(
            key("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
            Some('5')
        );
        assert_eq!(
            key("application/dtmf-relay", "Duration=1\r\nsignal = #\r\n"),
            Some('#')
        );
        assert_eq!(key("application/dtmf", "d"), Some('D'));
        assert_eq!(key("application/dtmf", "55"), None);
        assert_eq!(key("text/plain", "5"), None);
    }
}
