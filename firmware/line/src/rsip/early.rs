//! Before the answer and its ACK: progress, which must be acknowledged where the caller wants that (RFC 3262),
//! the answer, which waits for the acknowledgement, and requests of the far end, which the stack leaves
//! unanswered so early.

use std::time::{Duration, Instant};

use rsipstack::dialog::dialog::{
    TransactionCommand, TransactionCommandReceiver, TransactionHandle,
};
use rsipstack::sip::{Header, Method, StatusCode};
use rsipstack::transaction::transaction::Transaction;
use tracing::debug;

use super::{LegState, RsipUa, headers, now, sdp_header, states, target, transfer};
use crate::sip_ua::{LegEvent, LegId};

/// T1 and 64 T1 of RFC 3261: how soon a response is sent again, and when it is given up.
const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(32);

/// Provisional responses of one leg that must be acknowledged. Pure: told the time.
#[derive(Debug, Default)]
pub(super) struct Reliable {
    /// Whether the caller takes them.
    pub supported: bool,
    /// Whether it takes no others.
    pub required: bool,
    number: u32,
    pending: Option<Pending>,
    /// An answer that waits for an acknowledgement.
    answer: Option<Vec<u8>>,
    /// Whether a description of ours has been acknowledged: the offer of the INVITE has its answer, and there may be others.
    described: bool,
}

#[derive(Debug)]
struct Pending {
    sdp: Option<Vec<u8>>,
    at: Instant,
    wait: Duration,
    until: Instant,
}

/// What is due when the deadline has come.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    /// Send it again.
    Again(u32, Option<Vec<u8>>),
    /// It was never acknowledged.
    Lost,
}

impl Reliable {
    /// The number under which a response goes out; none where it needs no acknowledgement.
    fn send(&mut self, now: Instant, sdp: Option<&Vec<u8>>) -> Option<u32> {
        // What opens the ears must arrive; that a phone rings need not.
        if !(self.required || self.supported && sdp.is_some()) {
            return None;
        }
        self.number += 1;
        self.pending = Some(Pending {
            sdp: sdp.cloned(),
            at: now + FIRST,
            wait: FIRST,
            until: now + LAST,
        });
        Some(self.number)
    }

    /// Whether an acknowledgement names what waits for one.
    fn acknowledged(&mut self, number: u32) -> bool {
        let pending = self.pending.take_if(|_| number == self.number);
        self.described |= pending
            .as_ref()
            .is_some_and(|pending| pending.sdp.is_some());
        pending.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        Some(pending.at.min(pending.until))
    }

    fn due(&mut self, now: Instant) -> Option<Due> {
        let pending = self.pending.as_mut()?;
        if now >= pending.until {
            self.pending = None;
            return Some(Due::Lost);
        }
        if now < pending.at {
            return None;
        }
        pending.wait *= 2;
        pending.at = now + pending.wait;
        Some(Due::Again(self.number, pending.sdp.clone()))
    }
}

impl RsipUa {
    pub(super) fn progress(&mut self, leg: LegId, sdp: Option<Vec<u8>>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        // One at a time: that it rings matters less than what is already on its way.
        if entry.state != LegState::Offered || entry.reliable.pending.is_some() {
            return;
        }
        let number = entry.reliable.send(now(), sdp.as_ref());
        self.send_progress(leg, number, sdp);
    }

    fn send_progress(&self, leg: LegId, number: Option<u32>, sdp: Option<Vec<u8>>) {
        let Some(entry) = self.legs.get(&leg) else {
            return;
        };
        let mut headers: Vec<Header> = states::allow();
        if let Some(number) = number {
            headers.push(headers::other("Require", "100rel"));
            headers.push(headers::other("RSeq", &number.to_string()));
        }
        if sdp.is_some() {
            headers.extend(sdp_header());
        }
        if let Err(error) = entry.dialog.ringing(Some(headers), sdp) {
            debug!(%leg, %error, "progress could not be told");
        }
    }

    pub(super) fn answer(&mut self, leg: LegId, sdp: Vec<u8>) {
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        if entry.state != LegState::Offered || entry.dialog.state().is_terminated() {
            return;
        }
        if entry.reliable.pending.is_some() {
            // RFC 3262, section 3: not before what came first is acknowledged.
            entry.reliable.answer = Some(sdp);
            return;
        }
        entry.answer_in_ack = states::answered_in_ack(&entry.dialog.initial_request());
        entry.state = LegState::Answered;
        entry.description.clone_from(&sdp);
        let mut headers = headers::timer_settled(entry.settle());
        headers.extend(states::allow());
        headers.extend(sdp_header());
        if let Err(error) = entry.dialog.accept(Some(headers), Some(sdp)) {
            debug!(%leg, %error, "an answer could not be sent");
        }
    }

    /// PRACK: acknowledges a provisional response, or nothing that we know.
    pub(super) fn on_prack(&mut self, leg: LegId, transaction: Transaction) {
        let number = headers::text(&transaction.original, "RAck")
            .and_then(|rack| rack.split_whitespace().next()?.parse().ok());
        let Some(entry) = self.legs.get_mut(&leg) else {
            return;
        };
        let known = number.is_some_and(|number| entry.reliable.acknowledged(number));
        let status = match (known, transaction.original.body.is_empty()) {
            (false, _) => StatusCode::CallTransactionDoesNotExist,
            // Its offer would need an answer of its own.
            (true, false) => StatusCode::NotAcceptableHere,
            (true, true) => StatusCode::OK,
        };
        let answer = entry.reliable.answer.take_if(|_| known);
        self.reply(transaction, status, Vec::new());
        if let Some(sdp) = answer {
            self.answer(leg, sdp);
        }
    }

    /// A request of the far end before its answer, or before its ACK of ours. Gives back what the stack takes.
    pub(super) fn on_early_request(
        &mut self,
        leg: LegId,
        transaction: Transaction,
    ) -> Option<Transaction> {
        let state = self.legs.get(&leg)?.state;
        let request = &transaction.original;
        match request.method {
            Method::Ack => return Some(transaction),
            Method::Bye if state == LegState::Answered => return Some(transaction),
            Method::Bye if state == LegState::Offered => self.on_early_bye(leg, transaction),
            Method::Info => {
                let (digit, status) = transfer::told_by_info(request);
                self.reply(transaction, status, Vec::new());
                if let Some(digit) = digit {
                    self.tell(leg, LegEvent::Digit { digit });
                }
            }
            Method::Options => self.reply(transaction, StatusCode::OK, states::abilities()),
            Method::Update if request.body.is_empty() => {
                self.reply(transaction, StatusCode::OK, states::allow());
            }
            Method::Invite | Method::Update => self.on_early_offer(leg, transaction),
            Method::Refer => self.reply(transaction, StatusCode::RequestPending, Vec::new()),
            // Nobody whom we have called and who has not answered may hang up (RFC 3261, section 15).
            Method::Bye => {
                let status = StatusCode::CallTransactionDoesNotExist;
                self.reply(transaction, status, Vec::new());
            }
            _ => self.reply(transaction, StatusCode::MethodNotAllowed, states::allow()),
        }
        None
    }

    /// An offer before the answer must wait (RFC 3261, section 14.2), but for an UPDATE once the first offer has its
    /// answer in an acknowledged response (RFC 3311, section 5.2). One before the ACK is kept until that has come: the
    /// ACK may be lost, or be overtaken.
    fn on_early_offer(&mut self, leg: LegId, transaction: Transaction) {
        let is_update = transaction.original.method == Method::Update;
        match self.legs.get_mut(&leg) {
            Some(entry) if entry.state == LegState::Answered && entry.hasty.is_none() => {
                entry.hasty = Some(transaction);
            }
            Some(entry)
                if entry.state == LegState::Offered
                    && is_update
                    && entry.reliable.described
                    && entry.reoffer.is_none() =>
            {
                entry.moved = target::contact(&transaction.original);
                let sdp = transaction.original.body.clone();
                let (handle, commands) = TransactionHandle::new();
                entry.reoffer = Some(handle);
                self.job(respond_as_told(transaction, commands));
                self.tell(leg, LegEvent::Reoffered { sdp });
            }
            _ => {
                let later = vec![headers::other("Retry-After", "2")];
                self.reply(transaction, StatusCode::ServerInternalError, later);
            }
        }
    }

    /// A caller hangs up before the answer: the INVITE needs its own (RFC 3261, section 15.1.2), which the stack
    /// forgets.
    fn on_early_bye(&mut self, leg: LegId, transaction: Transaction) {
        self.reply(transaction, StatusCode::OK, Vec::new());
        self.reject(leg, StatusCode::RequestTerminated.code());
        self.tell(leg, LegEvent::Cancelled);
    }

    pub(super) fn tick_early(&mut self) {
        let now = now();
        let due: Vec<(LegId, Due)> = self
            .legs
            .iter_mut()
            .filter_map(|(&leg, entry)| Some((leg, entry.reliable.due(now)?)))
            .collect();
        for (leg, due) in due {
            match due {
                Due::Again(number, sdp) => self.send_progress(leg, Some(number), sdp),
                Due::Lost => {
                    debug!(%leg, "a provisional response was never acknowledged");
                    self.reject(leg, StatusCode::ServerTimeOut.code());
                    self.tell(leg, LegEvent::Cancelled);
                }
            }
        }
    }
}

/// The stack does so itself once the dialog is confirmed.
async fn respond_as_told(mut transaction: Transaction, mut commands: TransactionCommandReceiver) {
    if let Some(TransactionCommand::Respond {
        status,
        headers,
        body,
    }) = commands.recv().await
    {
        let replied = transaction.reply_with(status, headers.unwrap_or_default(), body);
        if let Err(error) = replied.await {
            debug!(%error, "a reply could not be sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_sent_again_until_it_is_acknowledged_or_lost() {
        let mut now = crate::rsip::now();
        let mut reliable = Reliable {
            supported: true,
            ..Reliable::default()
        };
        assert_eq!(
            reliable.send(now, None),
            None,
            "that it rings need not arrive"
        );
        let sdp = b"v=0".to_vec();
        assert_eq!(reliable.send(now, Some(&sdp)), Some(1));
        assert_eq!(reliable.deadline(), Some(now + FIRST));
        now += FIRST;
        assert_eq!(reliable.due(now), Some(Due::Again(1, Some(sdp.clone()))));
        assert_eq!(reliable.deadline(), Some(now + 2 * FIRST));
        assert!(!reliable.acknowledged(2), "another one");
        assert!(!reliable.described);
        assert!(reliable.acknowledged(1) && reliable.described);
        assert!(!reliable.acknowledged(1), "once");
        assert_eq!(reliable.deadline(), None);
        assert_eq!(reliable.send(now, Some(&sdp)), Some(2));
        assert_eq!(reliable.due(now + LAST), Some(Due::Lost));
    }
}
