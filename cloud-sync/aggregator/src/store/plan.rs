//! From messages to rows: what a transaction has to write. Pure, and the same for every store.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use trunkside_call::CallId;
use trunkside_record::{
    Ack, Batch, Body, CallSummary, Entry, Gap, GapReason, Kept, Lane, Named, Origin, Received,
    Timestamp,
};

use super::intake::{Intake, Verdict};
use super::query::LONGEST_INTENT;

/// A decision that took longer than a day is a clock's mistake.
const LONGEST_S: f64 = 86_400.0;

/// What a box's clock that nothing has set yet may say beside a time that is known: a little later,
/// and earlier by as long as records wait on a box.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);
const BEHIND: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A batch and where it came from; topic and content agree.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whose records they are.
    pub origin: Origin,
    /// Their lane.
    pub lane: Lane,
    /// The records.
    pub batch: Batch<Received>,
}

impl Message {
    /// Bytes that it takes in memory, about: each record as it is read, and as it is kept.
    pub(crate) fn size(&self) -> usize {
        let size = |received: &Received| match received {
            Received::Refused { why, .. } => why.len(),
            Received::Entry(entry, kept) => {
                let body = match &entry.body {
                    Body::Call(call) => size_of_val(&**call),
                    _ => 0,
                };
                let json = kept.json.len() + kept.more.as_ref().map_or(0, String::len);
                size_of_val(&**entry) + body + 2 * json
            }
        };
        let records = &self.batch.records;
        size_of_val(&records[..]) + records.iter().map(size).sum::<usize>()
    }
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The watermark of every stream that was touched, to be told to its box.
    pub acks: Vec<(Origin, Ack)>,
    /// Records that are new.
    pub stored: u64,
    /// Of these: records that only a newer version can read.
    pub unread: u64,
    /// Records that were there already.
    pub duplicates: u64,
    /// Records that could not be read and are marked as lost.
    pub refused: u64,
    /// Records that will never come, refused ones included.
    pub lost: u64,
    /// The same by box.
    pub losses: Vec<Loss>,
}

/// Records of one box that will never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The box.
    pub origin: Origin,
    /// How many.
    pub lost: u64,
    /// Why the first of them, without a word of the content.
    pub why: String,
}

impl Committed {
    /// Adds what a later commit did.
    pub fn add(&mut self, later: Self) {
        let Self {
            acks,
            stored,
            unread,
            duplicates,
            refused,
            lost,
            losses,
        } = later;
        for (origin, ack) in acks {
            let is_same = |(of, old): &&mut (Origin, Ack)| *of == origin && old.epoch == ack.epoch;
            match self.acks.iter_mut().find(is_same) {
                Some((_, old)) => old.sequence = old.sequence.max(ack.sequence),
                None => self.acks.push((origin, ack)),
            }
        }
        self.stored += stored;
        self.unread += unread;
        self.duplicates += duplicates;
        self.refused += refused;
        self.lost += lost;
        for loss in losses {
            self.lose(loss);
        }
    }

    fn lose(&mut self, loss: Loss) {
        let same = self.losses.iter_mut().find(|of| of.origin == loss.origin);
        match same {
            Some(known) => known.lost += loss.lost,
            None if loss.lost > 0 => self.losses.push(loss),
            None => {}
        }
    }
}

/// What names a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamKey<'a> {
    pub(super) origin: &'a Origin,
    pub(super) epoch: u64,
}

/// A stream as the store has it.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) key: StreamKey<'a>,
    /// Its row.
    pub(super) id: i64,
    pub(super) intake: Intake,
}

/// The streams of messages with their lanes, in an order that is the same for everybody, so that
/// two writers lock them in the same order.
pub(super) fn keys(messages: &[Message]) -> BTreeMap<StreamKey<'_>, Lane> {
    messages
        .iter()
        .map(|message| (key(message), message.lane))
        .collect()
}

fn key(message: &Message) -> StreamKey<'_> {
    StreamKey {
        origin: &message.origin,
        epoch: message.batch.epoch,
    }
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) origin: &'a Origin,
    pub(super) stream: i64,
    pub(super) sequence: u64,
}

#[derive(Debug)]
pub(super) struct CallRow<'a> {
    pub(super) place: Place<'a>,
    pub(super) call: CallId,
    /// When the call began; when it was recorded or came, where the box's clock was plainly wrong.
    pub(super) started_at: Timestamp,
    /// Whether it may have stood at another time when it came before.
    pub(super) moved: bool,
    pub(super) clock_trusted: bool,
    /// Whether its box stopped before its end: then it replaces none that is whole.
    pub(super) interrupted: bool,
    pub(super) language: Option<&'a str>,
    pub(super) intent: Option<&'a str>,
    pub(super) emotion: Option<&'a str>,
    pub(super) sentiment: Option<f64>,
    pub(super) outcome: &'a str,
    pub(super) decided_s: Option<f64>,
    pub(super) summary: &'a str,
}

#[derive(Debug)]
pub(super) struct TranscriptRow<'a> {
    pub(super) place: Place<'a>,
    pub(super) call: CallId,
    /// When the call's name says that it began; when it was recorded or came, where the box's clock was
    /// plainly wrong.
    pub(super) named_at: Timestamp,
    /// Whether it may have stood at another time when it came before.
    pub(super) moved: bool,
    /// How many turns it has: it replaces none that has more.
    pub(super) turn_count: usize,
    pub(super) turns: &'a str,
    /// What a newer version put beside them.
    pub(super) more: Option<&'a str>,
}

#[derive(Debug)]
pub(super) struct ReportRow<'a> {
    pub(super) place: Place<'a>,
    pub(super) kind: &'static str,
    pub(super) at: Timestamp,
    pub(super) clock_trusted: bool,
    pub(super) body: &'a str,
}

/// An alarm, for those that stand.
#[derive(Debug)]
pub(super) struct AlarmRow<'a> {
    pub(super) place: Place<'a>,
    pub(super) code: &'a str,
    pub(super) cleared: bool,
    pub(super) at: Timestamp,
    pub(super) clock_trusted: bool,
    pub(super) body: &'a str,
}

/// A record that this version cannot read.
#[derive(Debug)]
pub(super) struct UnreadRow<'a> {
    pub(super) place: Place<'a>,
    pub(super) at: Timestamp,
    pub(super) clock_trusted: bool,
    pub(super) body: &'a str,
}

#[derive(Debug)]
pub(super) struct GapRow<'a> {
    /// The sequence is the first that is missing.
    pub(super) place: Place<'a>,
    pub(super) through: u64,
    pub(super) lost: u64,
    pub(super) reason: Named<GapReason>,
}

/// What a transaction has to write.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// The last of each call.
    pub(super) calls: Vec<CallRow<'a>>,
    /// The last of each call.
    pub(super) transcripts: Vec<TranscriptRow<'a>>,
    pub(super) reports: Vec<ReportRow<'a>>,
    /// The last of each code of a box.
    pub(super) alarms: Vec<AlarmRow<'a>>,
    pub(super) unread: Vec<UnreadRow<'a>>,
    pub(super) gaps: Vec<GapRow<'a>>,
    pub(super) committed: Committed,
}

/// Works out what is new, and moves the streams' watermarks. `streams` holds the stream of every
/// message; `now` is when they came.
pub(super) fn plan<'a>(
    messages: &'a [Message],
    streams: &mut [Stream<'a>],
    now: Timestamp,
) -> Plan<'a> {
    let mut plan = Plan::default();
    let places: BTreeMap<StreamKey<'_>, usize> = streams
        .iter()
        .enumerate()
        .map(|(place, stream)| (stream.key, place))
        .collect();
    for message in messages {
        let Some(place) = places.get(&key(message)) else {
            continue;
        };
        let stream = &mut streams[*place];
        for received in &message.batch.records {
            plan.take(stream, message.lane, received, now);
        }
    }
    plan.settle();
    plan.committed.acks = streams
        .iter()
        .map(|stream| {
            let ack = Ack {
                epoch: stream.key.epoch,
                sequence: stream.intake.watermark(),
            };
            (stream.key.origin.clone(), ack)
        })
        .collect();
    plan
}

/// One statement may touch a row once: of rows with the same key the last stays, unless it gives way to
/// one before it.
fn keep_last<R, K: Ord>(
    rows: &mut Vec<R>,
    key: impl Fn(&R) -> K,
    gives_way: impl Fn(&R, &R) -> bool,
) {
    let mut last = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let kept = last.entry(key(row)).or_insert(place);
        if !gives_way(row, &rows[*kept]) {
            *kept = place;
        }
    }
    if last.len() == rows.len() {
        return;
    }
    let keep: std::collections::BTreeSet<usize> = last.into_values().collect();
    let mut place = 0;
    rows.retain(|_| {
        place += 1;
        keep.contains(&(place - 1))
    });
}

impl<'a> Plan<'a> {
    fn take(
        &mut self,
        stream: &mut Stream<'a>,
        lane: Lane,
        received: &'a Received,
        now: Timestamp,
    ) {
        match received {
            Received::Entry(entry, kept) => match &entry.body {
                Body::Gap(gap) => {
                    let why = format!("the box gave it up: {}", gap.reason.name());
                    self.give_up(stream, entry.sequence, *gap, &why);
                }
                body if entry.lane != lane || body.lane().is_some_and(|of| of != lane) => {
                    self.refuse(
                        stream,
                        entry.sequence,
                        "it came in another lane than its own",
                    );
                }
                _ => self.take_entry(stream, entry, kept, now),
            },
            Received::Refused { sequence, why } => self.refuse(stream, *sequence, why),
        }
    }

    /// An entry that cannot be kept must not hold up the watermark for ever.
    fn refuse(&mut self, stream: &mut Stream<'a>, sequence: u64, why: &str) {
        let lost = self.committed.lost;
        let gap = Gap {
            through: sequence,
            reason: GapReason::Refused.into(),
        };
        self.give_up(stream, sequence, gap, why);
        self.committed.refused += self.committed.lost - lost;
    }

    fn give_up(&mut self, stream: &mut Stream<'a>, first: u64, gap: Gap, why: &str) {
        let Some(missing) = stream.intake.give_up(first, gap.through) else {
            self.committed.duplicates += 1;
            return;
        };
        self.committed.lost += missing.lost;
        self.committed.lose(Loss {
            origin: stream.key.origin.clone(),
            lost: missing.lost,
            why: why.to_owned(),
        });
        // Refused one by one, a whole batch is one row.
        if let Some(last) = self.gaps.last_mut()
            && (last.place.stream, last.through + 1, last.reason)
                == (stream.id, missing.first, gap.reason)
        {
            last.through = missing.through;
            last.lost += missing.lost;
            return;
        }
        self.gaps.push(GapRow {
            place: place(stream, missing.first),
            through: missing.through,
            lost: missing.lost,
            reason: gap.reason,
        });
    }

    fn take_entry(
        &mut self,
        stream: &mut Stream<'a>,
        entry: &'a Entry,
        kept: &'a Kept,
        now: Timestamp,
    ) {
        if !is_storable(kept) {
            return self.refuse(stream, entry.sequence, "it holds the character U+0000");
        }
        match stream.intake.claim(entry.sequence) {
            Verdict::New => {}
            Verdict::Known => {
                self.committed.duplicates += 1;
                return;
            }
            Verdict::Later => return,
        }
        self.committed.stored += 1;
        self.keep(place(stream, entry.sequence), entry, kept, now);
    }

    /// A record in its place becomes a row; `now` is when it came.
    pub(super) fn keep(
        &mut self,
        place: Place<'a>,
        entry: &'a Entry,
        kept: &'a Kept,
        now: Timestamp,
    ) {
        let recorded_at = if entry.clock_trusted {
            storable(entry.at)
        } else {
            likely(storable(entry.at), now)
        };
        // A call began before its record was written, and the clock may have been set in between.
        let began = |said: Timestamp| {
            let reference = if entry.clock_trusted { entry.at } else { now };
            let at = likely(said, reference);
            (at, at != said || !entry.clock_trusted)
        };
        let mut report = |kind| {
            self.reports.push(ReportRow {
                place,
                kind,
                at: recorded_at,
                clock_trusted: entry.clock_trusted,
                body: &kept.json,
            });
        };
        match &entry.body {
            Body::Call(call) => {
                let mut row = call_row(place, call, &kept.json);
                (row.started_at, row.moved) = began(row.started_at);
                row.clock_trusted = entry.clock_trusted;
                self.calls.push(row);
            }
            Body::Transcript(transcript) => {
                let (named_at, moved) = began(named_at(transcript.call));
                self.transcripts.push(TranscriptRow {
                    place,
                    call: transcript.call,
                    named_at,
                    moved,
                    turn_count: transcript.turns.len(),
                    turns: &kept.json,
                    more: kept.more.as_deref(),
                });
            }
            Body::Alarm(alarm) => {
                report("alarm");
                if alarm.code.len() <= LONGEST_INTENT {
                    self.alarms.push(AlarmRow {
                        place,
                        code: &alarm.code,
                        cleared: alarm.cleared,
                        at: recorded_at,
                        clock_trusted: entry.clock_trusted,
                        body: &kept.json,
                    });
                }
            }
            Body::Health(_) => report("health"),
            Body::Gap(_) => {}
            Body::Unknown => {
                self.committed.unread += 1;
                self.unread.push(UnreadRow {
                    place,
                    at: storable(entry.at),
                    clock_trusted: entry.clock_trusted,
                    body: &kept.json,
                });
            }
        }
    }

    /// The rows are complete.
    pub(super) fn settle(&mut self) {
        // A box that stopped may tell less of a call than it had told before.
        keep_last(
            &mut self.calls,
            |row| (row.place.origin, row.call),
            |row, before| row.interrupted && !before.interrupted,
        );
        keep_last(
            &mut self.transcripts,
            |row| (row.place.origin, row.call),
            |row, before| row.turn_count < before.turn_count,
        );
        let told = |row: &AlarmRow<'_>| (row.place.stream, row.place.sequence);
        keep_last(
            &mut self.alarms,
            |row| (row.place.origin, row.code),
            |row, before| told(row) < told(before),
        );
    }
}

/// PostgreSQL has no place for the character U+0000, in text as in `jsonb`.
fn is_storable(kept: &Kept) -> bool {
    !has_nul(&kept.json) && !kept.more.as_deref().is_some_and(has_nul)
}

/// Whether JSON holds the character: escaped, and not what looks so behind a backslash of the text.
fn has_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find("\\u0000") {
        let backslashes = rest[..at]
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        if backslashes % 2 == 0 {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn place<'a>(stream: &Stream<'a>, sequence: u64) -> Place<'a> {
    Place {
        origin: stream.key.origin,
        stream: stream.id,
        sequence,
    }
}

fn call_row<'a>(place: Place<'a>, call: &'a CallSummary, summary: &'a str) -> CallRow<'a> {
    let seconds = |value: f64| (0.0..=LONGEST_S).contains(&value);
    CallRow {
        place,
        call: call.call,
        started_at: storable(call.started_at),
        moved: false,
        clock_trusted: true,
        interrupted: call.interrupted,
        language: call.language.as_ref().map(Named::name),
        intent: call
            .intent
            .as_ref()
            .map(|intent| intent.name.as_str())
            .filter(|name| name.len() <= LONGEST_INTENT),
        emotion: call.mood.as_ref().map(|mood| mood.emotion.name()),
        sentiment: call
            .mood
            .as_ref()
            .map(|mood| f64::from(mood.sentiment))
            .filter(|sentiment| (-1.0..=1.0).contains(sentiment)),
        outcome: call.outcome.name(),
        decided_s: call.times.decided_s.filter(|value| seconds(*value)),
        summary,
    }
}

/// What a clock that nobody vouches for says, or the time that is known if that cannot be: a box
/// without a battery wakes in 1970, and what it records then is neither old nor in the future.
fn likely(at: Timestamp, known: Timestamp) -> Timestamp {
    let age = known.duration_since(at);
    if age < -AHEAD || age > BEHIND {
        storable(known)
    } else {
        at
    }
}

/// A time that every database can keep: from the year 1 on, to the millisecond.
pub(super) fn storable(at: Timestamp) -> Timestamp {
    const YEAR_ONE_MS: i64 = -62_135_596_800_000;
    // Parts of the very last second are beyond what a count of milliseconds may be.
    let last_ms = Timestamp::MAX.as_second() * 1_000;
    let ms = at.as_millisecond().clamp(YEAR_ONE_MS, last_ms);
    Timestamp::from_millisecond(ms).expect("the limits lie in the calendar")
}

/// When the call began, as its version 7 UUID says (RFC 9562, section 5.7); 1970 for others.
fn named_at(call: CallId) -> Timestamp {
    call.uuid()
        .get_timestamp()
        .and_then(|at| Timestamp::from_second(at.to_unix().0.cast_signed()).ok())
        .map_or(Timestamp::UNIX_EPOCH, storable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_real_nul_is_refused() {
        let refused = |text: &str| has_nul(&serde_json::to_string(text).unwrap());
        assert!(refused("a\0b") && refused("a\\\0b"));
        assert!(!refused("a\\u0000b") && !refused("plain"));
    }

    #[test]
    fn a_run_of_refused_records_is_one_gap() {
        let origin = Origin::new("acme", "harbour", "box1").unwrap();
        let refused = |sequence| Received::Refused {
            sequence,
            why: "data error".to_owned(),
        };
        let message = Message {
            origin: origin.clone(),
            lane: Lane::Alarm,
            batch: Batch {
                v: trunkside_record::VERSION,
                tenant: origin.tenant.clone(),
                branch: origin.branch.clone(),
                device: origin.device.clone(),
                epoch: 4,
                records: [1, 2, 3, 5, 6].map(refused).to_vec(),
            },
        };
        let messages = [message];
        let streams = keys(&messages).into_keys().map(|key| Stream {
            key,
            id: 7,
            intake: Intake::default(),
        });
        let plan = plan(
            &messages,
            &mut streams.collect::<Vec<_>>(),
            Timestamp::UNIX_EPOCH,
        );
        let gaps = plan.gaps.iter();
        let gaps: Vec<_> = gaps
            .map(|gap| (gap.place.sequence, gap.through, gap.lost))
            .collect();
        assert_eq!(gaps, [(1, 3, 3), (5, 6, 2)]);
        assert_eq!((plan.committed.refused, plan.committed.lost), (5, 5));
        let of_another = Loss {
            origin: Origin::new("acme", "harbour", "box2").unwrap(),
            lost: 1,
            why: "it is too old".to_owned(),
        };
        let mut committed = plan.committed;
        let later = Committed {
            losses: vec![of_another.clone(), committed.losses[0].clone()],
            ..Committed::default()
        };
        committed.add(later);
        let why = "data error".to_owned();
        let lost = 10;
        let first = Loss { origin, lost, why };
        assert_eq!(committed.losses, [first, of_another]);
    }

    #[test]
    fn a_call_tells_when_it_began() {
        let call: CallId = "01990000-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(named_at(call).to_string()[..7], *"2025-08");
        let other: CallId = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        assert_eq!(named_at(other), Timestamp::UNIX_EPOCH);
    }
}
