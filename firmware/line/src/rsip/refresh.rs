//! Session timers on the wire: refreshes, questions whether somebody is there, and the end of calls whose far
//! end is gone.

use std::time::Duration;

use rsipstack::sip::{Method, Response, StatusCodeKind};
use rsipstack::transaction::key::TransactionRole;
use tracing::{debug, info};

use super::{RsipUa, headers, now, sdp_header, target};
use crate::session_timer::{Due, Refreshed, SHORTEST};
use crate::sip_ua::{EndCause, LegEvent, LegId};

/// A request of ours in mid-call that is over.
pub(super) struct Refresh {
    pub leg: LegId,
    pub purpose: Purpose,
    pub response: Option<Response>,
}

/// What a request of ours in mid-call was for.
pub(super) enum Purpose {
    /// To keep the session up.
    Refresh,
    /// To offer this description.
    Offer(Vec<u8>),
    /// To know whether the far end is there.
    Probe,
}

impl RsipUa {
    pub(super) fn tick_timers(&mut self) {
        let now = now();
        let due: Vec<(LegId, Due)> = self
            .legs
            .iter_mut()
            .filter_map(|(&leg, entry)| Some((leg, entry.timer.due(now)?)))
            .collect();
        for (leg, due) in due {
            match due {
                Due::Refresh => self.refresh(leg),
                Due::Expired => self.expire(leg),
            }
        }
    }

    /// By UPDATE where the far end takes it, else by a re-INVITE that changes nothing.
    fn refresh(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if !entry.takes_offers() {
            // An offer of theirs is under way, which refreshes as well.
            entry.timer.refreshed(now(), Refreshed::Crossed, true);
            return;
        }
        entry.refreshing = true;
        let dialog = entry.dialog.clone();
        let mut headers = headers::timer_asking(entry.timer.ask());
        let description = (!entry.takes_update).then(|| entry.description.clone());
        let refreshes = self.refresh_sender.clone();
        self.job(async move {
            let response = match description {
                None => dialog.update(Some(headers), None).await,
                Some(description) => {
                    headers.extend(sdp_header());
                    dialog.reinvite(Some(headers), Some(description)).await
                }
            };
            let response = response.unwrap_or_else(|error| {
                debug!(%leg, %error, "a session refresh could not be sent");
                None
            });
            // The user agent may be gone by now.
            let _ = refreshes.send(Refresh {
                leg,
                purpose: Purpose::Refresh,
                response,
            });
        });
    }

    /// Asks a far end whether it is there. It needs no session timers for that, and nothing of the call changes.
    pub(super) fn probe(&self, leg: LegId) {
        let Some(entry) = self.legs.get(&leg).filter(|entry| entry.takes_offers()) else {
            return;
        };
        let dialog = entry.dialog.clone();
        let probes = self.refresh_sender.clone();
        self.job(async move {
            let response = match dialog.request(Method::Options, None, None).await {
                Ok(Some(response)) => Some(response),
                // An offer has come meanwhile, or the end.
                Ok(None) => return,
                Err(error) => {
                    debug!(%leg, %error, "a far end could not be asked whether it is there");
                    None
                }
            };
            // The user agent may be gone by now.
            let _ = probes.send(Refresh {
                leg,
                purpose: Purpose::Probe,
                response,
            });
        });
    }

    /// A request of ours in mid-call has its response.
    pub(super) fn on_refreshed(&mut self, refresh: Refresh) {
        let Refresh {
            leg,
            purpose,
            response,
        } = refresh;
        let response = response.as_ref();
        let offered = match purpose {
            Purpose::Refresh => None,
            Purpose::Offer(sdp) => Some(sdp),
            Purpose::Probe => {
                if outcome_of(response) == Refreshed::Gone && self.legs.contains_key(&leg) {
                    self.expire(leg);
                }
                return;
            }
        };
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        entry.refreshing = false;
        let own_call_id = entry.dialog.role() == TransactionRole::Client;
        let outcome = outcome_of(response);
        let gone = entry.timer.refreshed(now(), outcome, own_call_id);
        let accepted = matches!(outcome, Refreshed::Accepted { .. });
        if accepted {
            entry.follow(response.and_then(target::contact));
        }
        match response.filter(|response| accepted && !response.body.is_empty()) {
            Some(response) => {
                if let Some(offered) = offered {
                    entry.description = offered;
                }
                let sdp = response.body.clone();
                self.tell(leg, LegEvent::Reanswered { sdp });
            }
            None if offered.is_some() => {
                let status = response.map_or(408, |response| response.status_code.code());
                self.tell(leg, LegEvent::ReofferFailed { status });
            }
            None => {}
        }
        if gone {
            self.expire(leg);
        }
    }

    /// Ends a leg whose far end does not keep its session up.
    fn expire(&mut self, leg: LegId) {
        info!(%leg, "a far end is silent: its session is over");
        self.hang_up(leg);
        let cause = EndCause::Silent;
        self.tell(leg, LegEvent::Ended { cause });
    }
}

fn outcome_of(response: Option<&Response>) -> Refreshed {
    let Some(response) = response else {
        return Refreshed::Gone;
    };
    if response.status_code.kind() == StatusCodeKind::Successful {
        let expires = headers::session_expires(response);
        return Refreshed::Accepted { expires };
    }
    match response.status_code.code() {
        408 | 481 => Refreshed::Gone,
        422 => Refreshed::TooShort {
            shortest: headers::seconds(response, "Min-SE").unwrap_or(SHORTEST),
        },
        491 => Refreshed::Crossed,
        _ => Refreshed::Refused,
    }
}

/// A refusal that names a longer interval, for an INVITE of ours.
pub(super) fn wants_longer(response: &Response) -> Option<Duration> {
    (response.status_code.code() == 422)
        .then(|| headers::seconds(response, "Min-SE"))
        .flatten()
}
