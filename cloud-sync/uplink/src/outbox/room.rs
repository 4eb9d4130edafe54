//! Room: budgets, a full disk, and what goes first.

use std::io;

use trunkside_record::{GapReason, Lane, Timestamp};
use trunkside_vault::frame::{HEADER_BYTES, UNTRUSTED};

use super::segment::SegmentId;
use super::state::{self, State};
use super::{Inner, Outbox};

/// The file that keeps room for alarms on a full disk.
const BALLAST: &str = "ballast";

impl Outbox {
    /// Keeps a lane within its budget: when `more` bytes do not fit, the oldest segments go.
    pub(super) fn make_room(&self, inner: &mut Inner, lane: Lane, more: u64) {
        let budget = self.options.budget(lane).bytes;
        while inner.lane(lane).ledger.bytes() + more + HEADER_BYTES as u64 > budget {
            if !self.give_up_oldest(inner, lane, GapReason::Budget) {
                return;
            }
        }
    }

    /// Makes room on a full disk for a record of `lane`; false when nothing may go for it. Alarms get
    /// the ballast, then what is less urgent. How a box does is worth telling only as it is now. Calls
    /// wait in the memory of whoever records them, which costs none of those that lie here.
    pub(super) fn relieve(&self, inner: &mut Inner, lane: Lane) -> bool {
        let victims: &[Lane] = match lane {
            Lane::Alarm if self.spend_ballast(inner) => return true,
            Lane::Alarm => &[Lane::Transcript, Lane::Fleet, Lane::Metric, Lane::Alarm],
            Lane::Fleet => &[Lane::Fleet],
            Lane::Metric | Lane::Transcript => &[],
        };
        let mut gone = victims.iter();
        gone.any(|victim| self.give_up_oldest(inner, *victim, GapReason::Budget))
    }

    /// Gives up a lane's oldest segment. The one being written is ended to become the oldest,
    /// unless it is empty.
    fn give_up_oldest(&self, inner: &mut Inner, lane: Lane, reason: GapReason) -> bool {
        if inner.lane(lane).ledger.oldest().is_none() {
            let log = inner.lane(lane);
            if log.durable == 0 || log.writer.as_ref().is_none_or(|writer| writer.settled == 0) {
                return false;
            }
            let wear = log.finish_segment();
            inner.wear.written += wear;
        }
        let Some((id, _)) = inner.lane(lane).ledger.oldest() else {
            return false;
        };
        self.give_up(inner, id, reason);
        true
    }

    /// Deletes a segment and leaves a gap in its place.
    pub(super) fn give_up(&self, inner: &mut Inner, id: SegmentId, reason: GapReason) {
        let log = inner.lane(id.lane);
        let before = log.ledger.lost;
        log.ledger.give_up(id, reason);
        let records = log.ledger.lost - before;
        log.reader.take_if(|reader| reader.id == id);
        let name = log.name(id);
        if records > 0 {
            tracing::warn!(lane = %id.lane, records, ?reason, "records were given up");
        }
        let kept = self.save_state(inner);
        self.remove(&name);
        if !kept {
            self.save_state(inner);
        }
    }

    pub(super) fn give_up_expired(&self, inner: &mut Inner, now: Timestamp) {
        for lane in Lane::ALL {
            let age = i64::try_from(self.options.budget(lane).age.as_millis()).unwrap_or(i64::MAX);
            let limit = now.as_millisecond().saturating_sub(age);
            while let Some((id, data)) = inner.lane(lane).ledger.oldest() {
                if data.last_ms == UNTRUSTED || data.last_ms >= limit {
                    break;
                }
                self.give_up(inner, id, GapReason::Age);
            }
        }
    }

    /// Keeps watermarks and gaps. Failing costs no record, only sending some of them again.
    pub(super) fn save_state(&self, inner: &mut Inner) -> bool {
        let state = Self::state(inner).write();
        let saved = self.storage.replace(state::NAME, &state);
        inner.wear.written += (state.len() as u64).next_multiple_of(4096);
        if let Err(error) = &saved {
            tracing::debug!(%error, "cannot keep the outbox's state");
        }
        saved.is_ok()
    }

    pub(super) fn state(inner: &mut Inner) -> State {
        let newest = inner.lanes.each_ref().map(|log| log.newest_epoch);
        let lanes = inner.lanes.iter().zip(newest).map(|(log, newest_epoch)| {
            (
                log.lane(),
                super::state::LaneState {
                    newest_epoch,
                    ..log.ledger.state()
                },
            )
        });
        State::new(lanes)
    }

    /// Sets the ballast aside, when there is room for it.
    pub(super) fn restore_ballast(&self, inner: &mut Inner) {
        if inner.ballast || self.options.ballast_bytes == 0 {
            return;
        }
        inner.ballast = match self.fill_ballast() {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "no room for the ballast");
                if let Err(error) = self.storage.remove(BALLAST) {
                    tracing::debug!(%error, "cannot delete the unfinished ballast");
                }
                false
            }
        };
    }

    fn fill_ballast(&self) -> io::Result<()> {
        match self.storage.size(BALLAST) {
            Ok(bytes) if bytes >= self.options.ballast_bytes => return Ok(()),
            // A process that ended in its middle leaves one that keeps no room.
            Ok(_) => self.storage.remove(BALLAST)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = self.storage.create(BALLAST)?;
        // Not zeros: a file system may store those as nothing.
        file.append(&vec![0xa5; self.options.ballast_bytes as usize])?;
        file.sync()
    }

    fn spend_ballast(&self, inner: &mut Inner) -> bool {
        std::mem::take(&mut inner.ballast) && self.storage.remove(BALLAST).is_ok()
    }
}
