//! The link over an outbox on a broken disk, with a broker and a cloud that answer at once, on a
//! clock moved by hand.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use trunkside_record::{Ack, GapReason, Lane};
use trunkside_uplink::link::{Input, Link, Output};
use trunkside_uplink::{Outbox, Pending, Tuning};

/// A record is there, or the reason why it is not.
pub type Place = Result<(), GapReason>;

/// An outbox on its way to the cloud.
pub struct Line {
    pub outbox: Outbox,
    /// What the cloud has of every stream.
    pub cloud: BTreeMap<u64, BTreeMap<u64, Place>>,
    /// How often a connection was made.
    pub connections: u32,
    link: Link,
    now: Instant,
}

impl Line {
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant serves as the beginning"
    )]
    pub fn new(outbox: Outbox) -> Self {
        let now = Instant::now();
        Self {
            outbox,
            cloud: BTreeMap::new(),
            connections: 0,
            link: Link::new(now, Tuning::default(), 7),
            now,
        }
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.link.handle(self.now, Input::Stored);
        loop {
            while let Some(output) = self.link.poll() {
                self.perform(output);
            }
            let Some(next) = self.link.deadline().filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.link.handle(self.now, Input::Tick);
        }
        self.now = end;
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect => {
                self.connections += 1;
                self.link.handle(self.now, Input::Connected);
            }
            Output::Subscribe => self.link.handle(self.now, Input::Subscribed),
            Output::Send { lane, after, most } => self.send(lane, after, most),
            Output::Regressed(ack) => self.outbox.forgotten(ack),
            Output::Disconnect | Output::Finished => {}
        }
    }

    fn send(&mut self, lane: Lane, after: Option<(u64, u64)>, most: usize) {
        let pending = match self.outbox.pending(lane, after, most) {
            Ok(Some(pending)) => pending,
            Ok(None) => return self.link.handle(self.now, Input::Empty(lane)),
            Err(_) => return self.link.handle(self.now, Input::Unread(lane)),
        };
        let (epoch, through) = (pending.epoch, pending.through);
        let bytes = pending.bytes;
        let sent = Input::Sent {
            lane,
            epoch,
            through,
            bytes,
        };
        self.link.handle(self.now, sent);
        self.link.handle(self.now, Input::Taken);
        let ack = self.store(&pending);
        self.outbox.acked(ack);
        self.link.handle(self.now, Input::Ack(ack));
    }

    /// As the aggregator does: what a place holds, it keeps.
    fn store(&mut self, pending: &Pending) -> Ack {
        let epoch = pending.epoch;
        let stream = self.cloud.entry(epoch).or_default();
        for record in &pending.records {
            let json: serde_json::Value = serde_json::from_str(record.get()).unwrap();
            let first = json["sequence"].as_u64().unwrap();
            let (through, place) = match json["body"]["kind"].as_str() {
                Some("gap") => {
                    let reason = serde_json::from_value(json["body"]["reason"].clone()).unwrap();
                    (json["body"]["through"].as_u64().unwrap(), Err(reason))
                }
                _ => (first, Ok(())),
            };
            for sequence in first..=through {
                stream.entry(sequence).or_insert(place);
            }
        }
        let sequence = (1..).take_while(|sequence| stream.contains_key(sequence));
        Ack {
            epoch,
            sequence: sequence.count() as u64,
        }
    }

    /// The places of a stream that hold a record, and those that hold a gap for `reason`.
    pub fn places(&self, epoch: u64, reason: GapReason) -> (Vec<u64>, Vec<u64>) {
        let stream = self.cloud.get(&epoch).into_iter().flatten();
        let of = |wanted: Place| -> Vec<u64> {
            let fitting = stream.clone().filter(move |(_, place)| **place == wanted);
            fitting.map(|(sequence, _)| *sequence).collect()
        };
        (of(Ok(())), of(Err(reason)))
    }
}
