//! What must survive a restart beside the segments: watermarks, and what was given up and why.
//!
//! Losing it loses no record: more is sent again, and a gap's reason is no longer known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkside_record::{GapReason, Lane};

/// The file's name.
pub(super) const NAME: &str = "state";

/// All lanes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    lanes: BTreeMap<Lane, LaneState>,
}

/// One lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LaneState {
    /// The last sequence of every stream that the cloud has stored.
    pub(super) watermarks: BTreeMap<u64, u64>,
    /// The last sequence of every stream that was on the disk when this was kept: what damage at a
    /// stream's end has cost shows only by it.
    pub(super) ends: BTreeMap<u64, u64>,
    /// Stretches that were given up and are not yet known to the cloud.
    pub(super) gone: Vec<Gone>,
    /// The newest stream there ever was.
    pub(super) newest_epoch: u64,
}

/// A stretch that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) epoch: u64,
    pub(super) from: u64,
    pub(super) through: u64,
    pub(super) reason: GapReason,
}

impl State {
    pub(super) fn new(lanes: impl Iterator<Item = (Lane, LaneState)>) -> Self {
        Self {
            lanes: lanes.collect(),
        }
    }

    /// Takes one lane's part out.
    pub(super) fn take(&mut self, lane: Lane) -> LaneState {
        let mut state = self.lanes.remove(&lane).unwrap_or_default();
        state
            .gone
            .retain(|gone| 0 < gone.from && gone.from <= gone.through);
        state
    }

    /// The file's content: a CRC-32 in hexadecimal, a line end, JSON.
    pub(super) fn write(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("numbers and names have a JSON form");
        format!("{:08x}\n{json}", crc32fast::hash(json.as_bytes())).into_bytes()
    }

    /// Reads the file's content; none when it is damaged.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let (crc, json) = content.split_at_checked(9)?;
        let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.trim_end(), 16).ok()?;
        (crc32fast::hash(json) == crc)
            .then(|| serde_json::from_slice(json).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let gone = Gone {
            epoch: 4,
            from: 1,
            through: 9,
            reason: GapReason::Budget,
        };
        let lane = LaneState {
            watermarks: BTreeMap::from([(4, 11)]),
            ends: BTreeMap::from([(4, 12)]),
            gone: vec![gone],
            newest_epoch: 4,
        };
        let state = State::new([(Lane::Metric, lane)].into_iter());
        let good = state.write();
        assert_eq!(State::read(&good), Some(state.clone()));
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = State::read(&bytes);
            assert!(read.is_none() || read == Some(state.clone()), "bit {bit}");
        }
        assert_eq!(State::read(b""), None);
    }
}
