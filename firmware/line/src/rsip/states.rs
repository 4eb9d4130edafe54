//! What the stack says of its dialogs, as events of legs.

use rsipstack::dialog::dialog::{DialogState, TerminatedReason, TransactionHandle};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, Response, StatusCode};

use super::{LegState, RsipUa, headers, key_of, now, sdp_header, target};
use crate::gate::ALLOW;
use crate::session_timer::SHORTEST;
use crate::sip_ua::{EndCause, LegEvent, LegId};

impl RsipUa {
    pub(super) fn on_state(&mut self, state: DialogState) {
        let Some(&leg) = self.keys.get(&key_of(state.id())) else {
            // A leg that was given up: whoever it was will not wait for our answer for long.
            return;
        };
        match state {
            DialogState::Early(_, response) => {
                let entry = self.legs.get_mut(&leg);
                if let Some(entry) = entry.filter(|entry| entry.state == LegState::Dialling) {
                    entry.heard_by = None;
                    if let Some(dialled) = &mut entry.dialled {
                        dialled.rings();
                    }
                    self.tell(leg, LegEvent::Ringing { sdp: response.body });
                }
            }
            DialogState::Confirmed(_, response) => self.on_confirmed(leg, &response),
            DialogState::Updated(_, request, handle) => self.on_reoffer(leg, &request, handle),
            DialogState::Info(_, request, handle) => {
                let (digit, status) = super::transfer::told_by_info(&request);
                self.respond(handle, status, None, None);
                if let Some(digit) = digit {
                    self.tell(leg, LegEvent::Digit { digit });
                }
            }
            DialogState::Options(_, _, handle) => {
                self.respond(handle, StatusCode::OK, Some(abilities()), None);
            }
            DialogState::Refer(_, request, handle) => self.on_refer(leg, &request, handle),
            DialogState::Message(_, _, handle)
            | DialogState::Notify(_, _, handle)
            | DialogState::Publish(_, _, handle) => {
                self.respond(handle, StatusCode::MethodNotAllowed, Some(allow()), None);
            }
            DialogState::Terminated(_, reason) => self.on_terminated(leg, &reason),
            DialogState::Trying(_) => {
                if let Some(entry) = self.legs.get_mut(&leg) {
                    entry.heard_by = None;
                }
            }
            DialogState::Calling(_) | DialogState::WaitAck(_, _) => {}
        }
    }

    /// Told again by the stack after every request within the dialog.
    fn on_confirmed(&mut self, leg: LegId, response: &Response) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        match entry.state {
            LegState::Dialling => {
                entry.state = LegState::Up;
                entry.follow(target::contact(response));
                entry.takes_update = headers::lists(response, "Allow", "UPDATE");
                let expires = headers::session_expires(response);
                entry.timer.settled(now(), expires);
                let sdp = response.body.clone();
                self.tell(leg, LegEvent::Answered { sdp });
            }
            LegState::Answered => {
                entry.state = LegState::Up;
                let sdp = answer_in_ack(entry);
                let hasty = entry.hasty.take();
                self.tell(leg, LegEvent::Acknowledged { sdp });
                if let Some(transaction) = hasty {
                    self.on_request_in_dialog(transaction);
                }
            }
            LegState::Up => {
                let sdp = answer_in_ack(entry);
                if !sdp.is_empty() {
                    self.tell(leg, LegEvent::Acknowledged { sdp });
                }
            }
            LegState::Offered => {}
        }
    }

    fn on_reoffer(&mut self, leg: LegId, request: &Request, handle: TransactionHandle) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let asked = headers::timer_asked(request);
        let is_update = request.method == Method::Update;
        let refresh = is_update && request.body.is_empty();
        // An offer of ours is under way, or one of theirs still waits (RFC 3261, section 14.2).
        let glare = entry.refreshing || entry.reoffer.is_some() || entry.state != LegState::Up;
        // Ours in a 2xx is, until its ACK; who sends another INVITE has sent that.
        let glare = glare || is_update && entry.answer_in_ack.is_some();
        if glare && !refresh {
            self.respond(handle, StatusCode::RequestPending, None, None);
            return;
        }
        // What is refused changes nothing.
        let mut timer = entry.timer;
        let Ok(settled) = timer.settle(now(), asked) else {
            let shortest = headers::other("Min-SE", &SHORTEST.as_secs().to_string());
            let status = StatusCode::SessionIntervalTooSmall;
            self.respond(handle, status, Some(vec![shortest]), None);
            return;
        };
        let moved = target::contact(request);
        if refresh {
            entry.timer = timer;
            entry.follow(moved);
            let headers = headers::timer_settled(settled);
            self.respond(handle, StatusCode::OK, Some(headers), None);
            return;
        }
        entry.asked = asked;
        entry.reoffer = Some(handle);
        entry.moved = moved;
        entry.answer_in_ack = answered_in_ack(request);
        let sdp = request.body.clone();
        self.tell(leg, LegEvent::Reoffered { sdp });
    }

    pub(super) fn answer_reoffer(&mut self, leg: LegId, status: StatusCode, sdp: Option<Vec<u8>>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let Some(handle) = entry.reoffer.take() else {
            return;
        };
        let moved = entry.moved.take();
        let mut headers = Vec::new();
        if let Some(sdp) = &sdp {
            entry.follow(moved);
            entry.description.clone_from(sdp);
            if entry.state == LegState::Up {
                headers = headers::timer_settled(entry.settle());
            }
            headers.extend(sdp_header());
        } else {
            entry.answer_in_ack = None;
        }
        self.respond(handle, status, Some(headers), sdp);
    }

    fn on_terminated(&mut self, leg: LegId, reason: &TerminatedReason) {
        if let Some(entry) = self.legs.get_mut(&leg)
            && entry.state == LegState::Dialling
        {
            // The final response follows, and says more.
            entry.gave_up = Some(status_of(reason));
            return;
        }
        let Some(entry) = self.remove(leg) else {
            return;
        };
        self.dialogs.remove_dialog(&entry.dialog.id());
        // Who refuses our proof has not hung up; no other request of ours reaches it either.
        let silent = matches!(
            reason,
            TerminatedReason::Timeout | TerminatedReason::ProxyAuthRequired
        );
        let what = match entry.state {
            LegState::Offered => LegEvent::Cancelled,
            // Our answer crossed the caller's CANCEL, and lost.
            LegState::Answered if matches!(reason, TerminatedReason::UacCancel) => {
                LegEvent::Cancelled
            }
            LegState::Dialling => return,
            LegState::Answered | LegState::Up if silent => LegEvent::Ended {
                cause: EndCause::Silent,
            },
            LegState::Answered | LegState::Up => LegEvent::Ended {
                cause: EndCause::Bye,
            },
        };
        self.tell(leg, what);
    }
}

/// The answer to our offer, once the ACK that has it is there; the stack tells of none in particular.
fn answer_in_ack(leg: &mut super::Leg) -> Vec<u8> {
    let Some(invite) = leg.answer_in_ack else {
        return Vec::new();
    };
    let ack = leg.dialog.last_remote_ack();
    let Some(ack) = ack.filter(|ack| number(ack) == Some(invite)) else {
        return Vec::new();
    };
    leg.answer_in_ack = None;
    ack.body
}

/// The number of an INVITE that wants an offer.
pub(super) fn answered_in_ack(invite: &Request) -> Option<u32> {
    number(invite).filter(|_| invite.body.is_empty())
}

fn number(request: &Request) -> Option<u32> {
    request.cseq_header().ok()?.seq().ok()
}

pub(super) fn allow() -> Vec<Header> {
    vec![Header::Allow(ALLOW.into())]
}

/// What an OPTIONS is answered with.
pub(super) fn abilities() -> Vec<Header> {
    let mut headers = allow();
    headers.push(Header::Accept("application/sdp".into()));
    headers
}

fn status_of(reason: &TerminatedReason) -> u16 {
    match reason {
        TerminatedReason::Timeout => 408,
        TerminatedReason::UacCancel | TerminatedReason::UacBye | TerminatedReason::UasBye => 487,
        TerminatedReason::UacBusy | TerminatedReason::UasBusy => 486,
        TerminatedReason::UasDecline => 603,
        TerminatedReason::ProxyAuthRequired => 407,
        TerminatedReason::ProxyError(status)
        | TerminatedReason::UacOther(status)
        | TerminatedReason::UasOther(status) => status.code(),
    }
}
