//! Room: budgets, a full disk, and what goes first.

use std::io;

use trunkside_record::{GapReason, Lane, Timestamp};
use trunkside_vault::frame::{HEADER_BYTES, UNTRUSTED};

use super::segment::SegmentId;
use super::state::{self, State};
use super::{Inner, Outbox};

/// The files that keep room for alarms on a full disk are named so, the others with their number.
const BALLAST: &str = "ballast";

/// What one of them keeps: room for an alarm's segment, and for the state beside it. They are given up
/// one by one, because what an alarm does not use others take at once.
const PIECE_BYTES: u64 = 8 * 1024;

/// A way to make room on a full disk.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// What the cloud has goes.
    Delivered,
    /// A piece of the ballast goes.
    Ballast,
    /// The oldest health reports go: how a box does is worth telling only as it is now.
    HealthReports,
}

/// All of them, that which costs least first. Each is gone once for a record: where the room does not
/// come to us, because others take it or a snapshot keeps it, nothing more goes for it.
pub(super) const WAYS: [Way; 3] = [Way::Delivered, Way::Ballast, Way::HealthReports];

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

    /// Makes room on a full disk for a record of `lane`; false when nothing went. No call and no alarm
    /// that lies here goes: what is refused waits in the memory of whoever brought it.
    pub(super) fn relieve(&self, inner: &mut Inner, lane: Lane, way: Way) -> bool {
        match (way, lane) {
            (Way::Delivered, _) => self.drop_delivered(inner),
            (Way::Ballast, Lane::Alarm) => self.spend_ballast(inner),
            (Way::HealthReports, Lane::Alarm | Lane::Fleet) => {
                self.give_up_oldest(inner, Lane::Fleet, GapReason::Budget)
            }
            _ => false,
        }
    }

    /// Gives back the room of all that the cloud has, also of segments that are being written.
    pub(super) fn drop_delivered(&self, inner: &mut Inner) -> bool {
        let mut done = Vec::new();
        for log in &mut inner.lanes {
            if log.is_delivered() {
                log.end_segment();
            }
            done.extend(log.covered());
        }
        self.delete(inner, &done);
        !done.is_empty()
    }

    /// Deletes segments that the ledgers hold no more, and keeps what those say instead.
    pub(super) fn delete(&self, inner: &mut Inner, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let kept = self.save_state(inner);
        for name in names {
            self.remove(name);
        }
        if !kept {
            // A disk that was full may have room now.
            self.save_state(inner);
        }
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
        self.delete(inner, &[name]);
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
            return false;
        }
        for log in &mut inner.lanes {
            log.is_reserved = log.epoch.is_some();
            log.saved_watermark = log.epoch.map_or(0, |epoch| log.ledger.watermark(epoch));
            log.saved_end = log.durable;
        }
        true
    }

    pub(super) fn state(inner: &mut Inner) -> State {
        let newest = inner.lanes.each_ref().map(|log| log.newest_epoch);
        let lanes = inner.lanes.iter().zip(newest).map(|(log, newest_epoch)| {
            let mut state = log.ledger.state();
            state.newest_epoch = newest_epoch;
            state
                .ends
                .extend(log.epoch.map(|epoch| (epoch, log.durable)));
            (log.lane(), state)
        });
        State::new(lanes)
    }

    /// Sets aside what the ballast lacks, as far as there is room for it.
    pub(super) fn restore_ballast(&self, inner: &mut Inner) {
        let whole = self.options.ballast_bytes.div_ceil(PIECE_BYTES);
        while inner.ballast_pieces < whole {
            let name = piece_name(inner.ballast_pieces);
            if let Err(error) = self.fill_piece(&name, inner.ballast_pieces) {
                tracing::debug!(%error, "no room for the ballast");
                self.remove_if_there(&name);
                return;
            }
            inner.ballast_pieces += 1;
        }
    }

    fn fill_piece(&self, name: &str, piece: u64) -> io::Result<()> {
        let before = piece * PIECE_BYTES;
        let most = (self.options.ballast_bytes - before).min(PIECE_BYTES);
        match self.storage.size(name) {
            Ok(bytes) if bytes >= most => return Ok(()),
            // A process that ended in its middle leaves one that keeps no room.
            Ok(_) => self.storage.remove(name)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = self.storage.create(name)?;
        // Not zeros: a file system may store those as nothing.
        file.append(&vec![0xa5; most as usize])?;
        file.sync()
    }

    fn spend_ballast(&self, inner: &mut Inner) -> bool {
        let Some(last) = inner.ballast_pieces.checked_sub(1) else {
            return false;
        };
        inner.ballast_pieces = last;
        self.storage.remove(&piece_name(last)).is_ok()
    }
}

fn piece_name(piece: u64) -> String {
    match piece {
        0 => BALLAST.to_owned(),
        piece => format!("{BALLAST}-{piece}"),
    }
}
