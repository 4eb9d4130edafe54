//! Keys that one side presses, told to the other in a way that it understands, each once.
//!
//! What is told in one way may be told again in another: by events and by INFO, by INFO and by tones in the voice. The
//! telling that comes later is known by its key, and from then on the poorer of the two ways says nothing new.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use trunkside_call::Side;

use super::reoffer::opposite;
use super::{CallEvent, CallFlow, LegCommand, MediaCommand};

/// Two ways of telling one press are not further apart.
const SAME: Duration = Duration::from_secs(2);

/// What a side is sent as tones comes back as an echo within this time.
const ECHO: Duration = Duration::from_secs(1);

/// The presses that are remembered at most; no finger presses more in that time.
const MOST: usize = 32;

/// How a side tells of a key; the later ones are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyWay {
    /// By tones in its voice, which the other side hears too.
    Tones,
    /// By INFO.
    Info,
    /// By telephone events (RFC 4733).
    Event {
        /// Whether media sends them on to the other side.
        relayed: bool,
    },
}

impl KeyWay {
    const fn rank(self) -> u8 {
        match self {
            Self::Tones => 1,
            Self::Info => 2,
            Self::Event { .. } => 4,
        }
    }
}

/// What is known of a side's keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Whether it takes telephone events.
    pub(super) takes_events: bool,
    /// Whether it has told of a key by INFO.
    tells_by_info: bool,
    /// What it has told of last, oldest first.
    told: VecDeque<Told>,
    /// The best way that only repeats what a better one says; 0 where none does.
    repeating: u8,
    /// The key that it was sent last.
    sent: Option<(char, Instant)>,
}

#[derive(Debug)]
struct Told {
    key: char,
    at: Instant,
    /// The ranks of the ways that it was told by, added up.
    ways: u8,
}

impl Keys {
    /// Another far end is on that side.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes a key; whether it is news.
    fn take(&mut self, now: Instant, key: char, way: KeyWay) -> bool {
        let rank = way.rank();
        self.tells_by_info |= way == KeyWay::Info;
        let is_echo = way == KeyWay::Tones
            && self
                .sent
                .is_some_and(|(sent, at)| sent == key && now < at + ECHO);
        if is_echo || rank <= self.repeating {
            return false;
        }
        self.told.retain(|told| now < told.at + SAME);
        let same = |told: &&mut Told| told.key == key && told.ways & rank == 0;
        if let Some(told) = self.told.iter_mut().find(same) {
            // The poorer one of the two.
            let other = 1 << told.ways.ilog2();
            self.repeating = self.repeating.max(rank.min(other));
            told.ways |= rank;
            return false;
        }
        if self.told.len() >= MOST {
            self.told.pop_front();
        }
        let (at, ways) = (now, rank);
        self.told.push_back(Told { key, at, ways });
        true
    }
}

impl CallFlow {
    /// A side has told of a key.
    pub(super) fn on_key(&mut self, now: Instant, side: Side, key: char, way: KeyWay) {
        let keys = self.keys(side);
        let is_news = keys.is_some_and(|keys| keys.take(now, key, way));
        if self.ended || !is_news {
            return;
        }
        self.call(CallEvent::Pressed { side, key });
        let is_relayed = way == KeyWay::Event { relayed: true };
        if self.is_bridged() && !is_relayed {
            self.pass_key(now, opposite(side), key, way);
        }
    }

    fn pass_key(&mut self, now: Instant, side: Side, key: char, way: KeyWay) {
        let (Some(leg), Some(keys)) = (self.leg(side), self.keys(side)) else {
            return;
        };
        keys.sent = Some((key, now));
        let is_heard = way == KeyWay::Tones;
        if !keys.takes_events && keys.tells_by_info {
            self.sip(leg, LegCommand::Digit { digit: key });
            if is_heard {
                self.media(MediaCommand::Hush { side });
            }
        } else if keys.takes_events || !is_heard {
            self.media(MediaCommand::Press { side, key });
        }
    }

    /// What is known of a side's keys.
    pub(super) fn keys(&mut self, side: Side) -> Option<&mut Keys> {
        match (side, &mut self.agent) {
            (Side::Caller, _) => Some(&mut self.caller.keys),
            (Side::Agent, Some(agent)) => Some(&mut agent.keys),
            (Side::Agent, None) => None,
        }
    }
}
