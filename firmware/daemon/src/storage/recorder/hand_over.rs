//! From the recorder to the outbox: each record once, however often the disk refuses others of them.
//!
//! Calls that the call store holds are posted: they are sent at once, from memory, and go to the outbox's disk
//! only where the cloud has not confirmed them by the time that enough of them wait. Until the store notes
//! that the outbox or the cloud holds a call, a crash brings it again, under its name and with new places.

use std::collections::HashMap;

use trunkside_call::CallId;
use trunkside_record::{Body, CallSummary, Transcript};
use trunkside_uplink::{Appended, Outbox, OutboxError, Receipt, Stretch};

use super::{BATCH, Desk, OF_CALLS, RETRY, stamp};
use crate::storage::backlog::Held;
use crate::storage::store::{Export, HandedOver};

/// Records that the outbox has of calls that it has not wholly: each by its call and its place among
/// that one's, with where it lies; nowhere, if the outbox never takes it.
pub(super) type Parts = HashMap<(CallId, usize), Option<Receipt>>;

impl Desk {
    /// Gives the outbox every call that it may not have. Where it refuses one,
    /// the next time is after a while, and those come first for which the least room is enough.
    pub(super) fn hand_over(&mut self) -> anyhow::Result<()> {
        let Some(outbox) = self.outbox.borrow().clone() else {
            anyhow::bail!("it is not open yet");
        };
        let unstored = self.hand_over_unstored(&outbox);
        let stored = self.hand_over_stored(&outbox);
        let is_refusal = |error: &anyhow::Error| error.is::<OutboxError>();
        self.is_short = unstored.is_err() || stored.as_ref().is_err_and(is_refusal);
        if self.is_short {
            self.outbox_due = self.clock.now() + RETRY;
        } else if !self.pending {
            self.parts.clear();
        }
        unstored?;
        stored
    }

    /// What the call store refuses lies in no other place: it goes to the disk.
    fn hand_over_unstored(&mut self, outbox: &Outbox) -> Result<(), OutboxError> {
        loop {
            let mut unsent: Vec<&mut Held> = self.backlog.unsent().collect();
            if self.is_short {
                unsent.sort_by_key(|held| held.bytes());
            }
            unsent.truncate(BATCH);
            if unsent.is_empty() {
                return Ok(());
            }
            let calls = unsent.iter().filter_map(|held| held.records());
            let calls: Vec<(CallId, Vec<Body>)> = calls.collect();
            let sent = send(&mut self.parts, &calls, |bodies| {
                outbox.append_some(stamp(), bodies)
            });
            for (held, places) in unsent.into_iter().zip(take_whole(&mut self.parts, &calls)) {
                if let Some(places) = places {
                    held.mark_sent(places);
                }
            }
            sent?;
        }
    }

    fn hand_over_stored(&mut self, outbox: &Outbox) -> anyhow::Result<()> {
        self.lost.extend(outbox.take_lost());
        if self.store.is_none() {
            return Ok(());
        }
        self.bring_lost_again()?;
        let marked = self.mark_posted(outbox);
        let posted = self.post_stored(outbox);
        marked?;
        posted
    }

    fn bring_lost_again(&mut self) -> anyhow::Result<()> {
        let (Some(store), false) = (&mut self.store, self.lost.is_empty()) else {
            return Ok(());
        };
        let marked = store.hand_over_again(&self.lost)?;
        let lost = std::mem::take(&mut self.lost);
        let is_lost = |place: &Receipt| lost.iter().any(|stretch| holds(stretch, place));
        let before = self.posted.len();
        self.posted
            .retain(|(_, places)| !places.iter().any(is_lost));
        let calls = marked + before - self.posted.len();
        if calls > 0 {
            tracing::warn!(
                calls,
                "the outbox has lost records of calls; it gets them again"
            );
            self.pending = true;
        }
        Ok(())
    }

    /// Once enough calls wait, those that the cloud has not confirmed go to the disk, and the store notes of
    /// all of them that they need not be brought again.
    fn mark_posted(&mut self, outbox: &Outbox) -> anyhow::Result<()> {
        let (Some(store), true) = (&mut self.store, self.gathering.is_due(self.clock.now())) else {
            return Ok(());
        };
        let is_kept = |(_, places): &HandedOver| places.iter().all(|place| outbox.is_kept(place));
        let flushed = if self.posted.iter().all(is_kept) {
            Ok(())
        } else {
            outbox.flush(&OF_CALLS)
        };
        let (kept, loose): (Vec<_>, Vec<_>) = self.posted.iter().cloned().partition(is_kept);
        store.write(|writing| writing.mark_exported(&kept))?;
        self.posted = loose;
        if self.posted.is_empty() {
            self.gathering.end();
        }
        Ok(flushed?)
    }

    fn post_stored(&mut self, outbox: &Outbox) -> anyhow::Result<()> {
        while self.pending {
            if self.posted.len() >= BATCH {
                self.mark_posted(outbox)?;
            }
            let Some(store) = &mut self.store else { break };
            let mut exports = store.unexported(BATCH + self.posted.len(), self.is_short)?;
            exports.retain(|export| self.posted.iter().all(|(call, _)| *call != export.call));
            exports.truncate(BATCH);
            if exports.is_empty() {
                self.pending = false;
                break;
            }
            let calls = exports.iter().map(|export| (export.call, bodies(export)));
            let calls: Vec<(CallId, Vec<Body>)> = calls.collect();
            let sent = send(&mut self.parts, &calls, |bodies| {
                outbox.post_each(bodies.iter().map(|body| (stamp(), body)))
            });
            let whole = calls.iter().zip(take_whole(&mut self.parts, &calls));
            let whole = whole.filter_map(|((call, _), places)| Some((*call, places?)));
            let before = self.posted.len();
            self.posted.extend(whole);
            let posted = self.posted.len() - before;
            self.gathering.add(self.clock.now(), posted);
            sent?;
        }
        Ok(())
    }

    /// Leaves the alarms that wait.
    pub(super) fn tell_alarms(&mut self, outbox: &Outbox) -> Result<(), OutboxError> {
        if let Some(alarm) = self.faults.untold() {
            self.raised.tell(outbox, Some(alarm))?;
            self.faults.told();
        }
        while let Some(alarm) = self.alarms.front().cloned() {
            outbox.append(stamp(), &[alarm.into()])?;
            self.alarms.pop_front();
        }
        Ok(())
    }
}

/// Whether a record lay there.
fn holds(stretch: &Stretch, place: &Receipt) -> bool {
    stretch.epoch == place.epoch && (stretch.from..=stretch.through).contains(&place.sequence)
}

/// Gives the outbox what it lacks of the calls' records, and notes what it has then. One that is too large
/// for it stays on the box; the others must not wait behind it.
fn send(
    parts: &mut Parts,
    calls: &[(CallId, Vec<Body>)],
    give: impl Fn(&[Body]) -> Appended,
) -> Result<(), OutboxError> {
    let all = calls.iter().flat_map(|(call, bodies)| {
        let bodies = bodies.iter().enumerate();
        bodies.map(move |(place, body)| ((*call, place), body.clone()))
    });
    let (lacking, bodies): (Vec<_>, Vec<Body>) =
        all.filter(|(part, _)| !parts.contains_key(part)).unzip();
    let mut begin = 0;
    while begin < bodies.len() {
        let Appended { places, fault } = give(&bodies[begin..]);
        let behind = begin + places.len();
        let tried = lacking[begin..].iter().zip(places);
        parts.extend(tried.filter_map(|(part, place)| Some((*part, Some(place?)))));
        match fault {
            None => break,
            Some(error @ OutboxError::Unfit(_)) => {
                tracing::error!(%error, "a record stays on the box");
                parts.extend(lacking.get(behind).map(|part| (*part, None)));
                begin = behind + 1;
            }
            Some(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where the outbox has those of the calls that it has wholly; their parts are forgotten.
fn take_whole(parts: &mut Parts, calls: &[(CallId, Vec<Body>)]) -> Vec<Option<Vec<Receipt>>> {
    let whole = calls.iter().map(|(call, bodies)| {
        let records = (0..bodies.len()).map(|place| (*call, place));
        let is_whole = records.clone().all(|part| parts.contains_key(&part));
        is_whole.then(|| {
            let places = records.filter_map(|part| parts.remove(&part).flatten());
            places.collect()
        })
    });
    whole.collect()
}

/// A stored call's records. What is damaged cannot be sent, and must not keep others from it.
fn bodies(export: &Export) -> Vec<Body> {
    let damaged = |error: &serde_json::Error| {
        tracing::error!(call = %export.call, %error, "a stored record is damaged; it stays on the box");
    };
    let summary = serde_json::from_str::<CallSummary>(&export.summary).inspect_err(damaged);
    let Ok(summary) = summary else {
        return Vec::new();
    };
    let mut bodies = vec![Body::from(summary)];
    if let Some(transcript) = &export.transcript {
        let transcript = serde_json::from_str::<Transcript>(transcript).inspect_err(damaged);
        bodies.extend(transcript.map(Body::from));
    }
    bodies
}

#[cfg(test)]
mod tests;
