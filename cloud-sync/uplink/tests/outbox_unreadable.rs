//! A disk that does not give back what lies on it, for a while or for good: what comes back is sent,
//! what does not is told as a gap, and neither holds up the rest.

use std::ops::Range;
use std::time::Duration;

use trunkside_record::{Ack, GapReason, Lane};
use trunkside_uplink::{OutboxOptions, Problem, Receipt, Storage as _, Stretch};

#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
#[path = "support/line.rs"]
mod line;
#[path = "support/queue.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod queue;
use disk::FaultyDisk;
use line::Line;
use queue::{START_S, alarm, contents, health, open, options, places, segments, stamp, store};

const HEADER: Range<u64> = 0..64;
const RECORDS: Range<u64> = 64..u64::MAX;
const ALL: Range<u64> = 0..u64::MAX;

const MINUTE: Duration = Duration::from_mins(1);

/// A stream of twenty alarms in several segments, of an outbox that was closed.
fn stream(disk: &FaultyDisk) -> (Vec<Receipt>, Vec<String>) {
    let (outbox, _) = open(disk, options());
    let receipts = store(&outbox, 20);
    drop(outbox);
    let names = segments(disk);
    assert!(names.len() > 2, "{names:?}");
    (receipts, names)
}

fn first_of(name: &str) -> u64 {
    let first = name.strip_suffix(".segment").unwrap();
    u64::from_str_radix(first.rsplit('-').next().unwrap(), 16).unwrap()
}

/// The box and its cloud after another start, with a disk that gives everything back again.
fn healed(mut line: Line, disk: &FaultyDisk) -> Line {
    let cloud = std::mem::take(&mut line.cloud);
    drop(line);
    disk.heal();
    let mut line = Line::new(open(disk, options()).0);
    line.cloud = cloud;
    line.run(MINUTE);
    line
}

#[test]
fn what_cannot_be_read_at_the_start_is_sent_once_it_can() {
    let spoilt = |which: usize, bytes: &Range<u64>| {
        let disk = FaultyDisk::new(20);
        let (receipts, names) = stream(&disk);
        let name = &names[which.min(names.len() - 1)];
        disk.spoil(name, bytes.clone());
        let (outbox, problems) = open(&disk, options());
        let unreadable = |problem: &Problem| matches!(problem, Problem::Unreadable { .. });
        assert!(problems.iter().all(unreadable), "{problems:?}");
        assert_eq!(segments(&disk), names, "nothing is deleted");
        (disk, outbox, receipts, names)
    };
    for which in [0, 1, usize::MAX] {
        for bytes in [HEADER, RECORDS, ALL] {
            let (disk, outbox, receipts, names) = spoilt(which, &bytes);
            disk.heal();
            let found = contents(&outbox, Lane::Alarm);
            assert_eq!(found, places(&receipts), "{which} {bytes:?} {names:?}");

            // The same while what lies before it is sent and acknowledged, and another start.
            let (disk, outbox, receipts, names) = spoilt(which, &bytes);
            let mut line = Line::new(outbox);
            line.run(MINUTE);
            let line = healed(line, &disk);
            let (there, missing) = line.places(receipts[0].epoch, GapReason::Missing);
            assert_eq!(
                (there.len(), missing),
                (20, vec![]),
                "{which} {bytes:?} {names:?}"
            );
            assert_eq!(line.outbox.status().records(), 0);
        }
    }
}

#[test]
fn a_segment_that_the_disk_never_gives_back_is_told_as_a_gap_and_holds_up_nothing() {
    for starts in [false, true] {
        let disk = FaultyDisk::new(21);
        let (outbox, _) = open(&disk, options());
        let receipts = store(&outbox, 20);
        let names = segments(&disk);
        let outbox = if starts {
            drop(outbox);
            disk.spoil(&names[1], ALL);
            open(&disk, options()).0
        } else {
            disk.spoil(&names[1], ALL);
            outbox
        };
        let mut line = Line::new(outbox);
        line.run(10 * MINUTE);
        let (there, corrupt) = line.places(receipts[0].epoch, GapReason::Corrupt);
        let lost: Vec<u64> = (first_of(&names[1])..first_of(&names[2])).collect();
        assert_eq!(corrupt, lost);
        assert_eq!(there.len() + corrupt.len(), 20);
        assert_eq!(line.outbox.status().records(), 0);
        assert_eq!(line.outbox.status().lost(), lost.len() as u64);
        assert!(!segments(&disk).contains(&names[1]));
    }
}

#[test]
fn of_a_segment_that_can_be_read_in_part_only_that_part_is_sent() {
    let disk = FaultyDisk::new(22);
    let large = OutboxOptions {
        segment_bytes: 30_000,
        ..options()
    };
    let (outbox, _) = open(&disk, large);
    let receipts = store(&outbox, 100);
    let name = segments(&disk).remove(0);
    disk.spoil(&name, 9_000..9_001);
    let mut line = Line::new(outbox);
    line.run(10 * MINUTE);
    let (there, corrupt) = line.places(receipts[0].epoch, GapReason::Corrupt);
    assert_eq!(there.len() + corrupt.len(), 100);
    // A piece has 4 KiB, and what reaches into it is lost as well.
    assert!((8..20).contains(&corrupt.len()), "{corrupt:?}");
    assert_eq!(line.outbox.status().records(), 0);
}

#[test]
fn a_lane_that_cannot_be_read_leaves_the_others_and_the_connection_alone() {
    let disk = FaultyDisk::new(23);
    let (outbox, _) = open(&disk, options());
    for number in 0..20 {
        outbox.append(stamp(START_S), &[health(number)]).unwrap();
    }
    disk.spoil(&segments(&disk)[0], ALL);
    let mut line = Line::new(outbox);
    for round in 1..=10 {
        let receipts = line.outbox.append(stamp(START_S), &[alarm(round)]).unwrap();
        line.run(Duration::from_secs(10));
        let (there, _) = line.places(receipts[0].epoch, GapReason::Corrupt);
        assert_eq!(there.len(), round);
    }
    assert_eq!(line.connections, 1);
    let waiting = line.outbox.status().records();
    assert_eq!(waiting, 20, "it is tried for minutes");
}

#[test]
fn a_disk_that_is_away_as_a_whole_costs_nothing_once_it_is_back() {
    let disk = FaultyDisk::new(24);
    let (receipts, _) = stream(&disk);
    let mut line = Line::new(open(&disk, options()).0);
    disk.stop_after(0);
    line.run(30 * MINUTE);
    assert_eq!(line.outbox.status().records(), 20);
    disk.restart();
    line.run(MINUTE);
    let (there, _) = line.places(receipts[0].epoch, GapReason::Corrupt);
    assert_eq!(there.len(), 20);
}

#[test]
fn a_last_segment_that_the_disk_never_gives_back_waits_for_another_start() {
    let disk = FaultyDisk::new(25);
    let (receipts, names) = stream(&disk);
    let last = names.last().unwrap();
    disk.spoil(last, ALL);
    let mut line = Line::new(open(&disk, options()).0);
    let more = store(&line.outbox, 3);
    line.run(10 * MINUTE);
    let (there, _) = line.places(receipts[0].epoch, GapReason::Missing);
    assert_eq!(there.len() as u64, first_of(last) - 1);
    let (there, _) = line.places(more[0].epoch, GapReason::Missing);
    assert_eq!(there.len(), 3, "newer records do not wait for it");
    assert!(segments(&disk).contains(last));
    let line = healed(line, &disk);
    let (there, missing) = line.places(receipts[0].epoch, GapReason::Missing);
    assert_eq!((there.len(), missing), (20, vec![]));
}

/// What lies behind the last good record of a stream is told as any other damage, whoever asks for it may
/// bring it again, and another start tells the same.
#[test]
fn damage_at_a_streams_end_is_told_and_named() {
    let large = || OutboxOptions {
        segment_bytes: 100_000,
        ..options()
    };
    let told = |damage: &dyn Fn(&FaultyDisk, &str), reason, kept: usize| {
        let disk = FaultyDisk::new(30);
        let (outbox, _) = open(&disk, large());
        let receipts = store(&outbox, 4);
        drop(outbox);
        damage(&disk, &segments(&disk)[0]);
        let (from, epoch) = (kept as u64 + 1, receipts[0].epoch);
        let mut expected = places(&receipts[..kept]);
        expected.push(Err((from, 4, reason)));
        for is_new in [true, false] {
            let (outbox, problems) = open(&disk, large());
            let is_missing = |problem: &Problem| match problem {
                Problem::Missing {
                    from: first,
                    through,
                    ..
                } => (*first, *through) == (from, 4),
                _ => false,
            };
            assert_eq!(problems.iter().any(is_missing), is_new, "{problems:?}");
            let lane = outbox.status().lanes[0];
            assert_eq!(lane.records, kept as u64);
            assert_eq!(contents(&outbox, Lane::Alarm), expected);
            let named = outbox.take_lost();
            assert!(
                named.iter().any(|stretch| {
                    (stretch.epoch, stretch.from) == (epoch, from) && stretch.through >= 4
                }),
                "{named:?}"
            );
            assert_eq!(outbox.take_lost(), []);
        }
    };
    let size = |disk: &FaultyDisk, name: &str| disk.size(name).unwrap() as usize;
    let cut = |disk: &FaultyDisk, name: &str| disk.truncate(name, size(disk, name) - 20);
    told(&cut, GapReason::Corrupt, 3);
    let one_left = |disk: &FaultyDisk, name: &str| disk.truncate(name, size(disk, name) / 2 - 90);
    told(&one_left, GapReason::Corrupt, 1);
}

#[test]
fn a_stream_whose_last_file_is_gone_is_told_too() {
    let disk = FaultyDisk::new(31);
    let (outbox, _) = open(&disk, options());
    let receipts = store(&outbox, 3);
    drop(outbox);
    for name in segments(&disk) {
        disk.delete(&name);
    }
    let (outbox, problems) = open(&disk, options());
    assert!(matches!(
        problems[..],
        [Problem::Missing {
            from: 1,
            through: 3,
            ..
        }]
    ));
    assert_eq!(outbox.status().lost(), 3);
    assert_eq!(
        contents(&outbox, Lane::Alarm),
        [Err((1, 3, GapReason::Missing))]
    );
    // Once the cloud has been told, there is nothing more to tell.
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 3,
    });
    drop(outbox);
    let (outbox, problems) = open(&disk, options());
    assert_eq!((contents(&outbox, Lane::Alarm), problems), (vec![], vec![]));
}

/// How far a stream reached is noted with the first flush of each of its segments, so that a kill leaves a
/// trace of them all.
#[test]
fn a_file_missing_at_the_end_of_a_stream_that_a_kill_ended_is_told_and_named() {
    for count in [3, 20] {
        for lane in [Lane::Alarm, Lane::Fleet] {
            let disk = FaultyDisk::new(32);
            let (outbox, _) = open(&disk, options());
            let stored = (0..count).map(|number| {
                let body = match lane {
                    Lane::Alarm => alarm(number),
                    _ => health(number as u64),
                };
                outbox.append(stamp(START_S), &[body]).unwrap().remove(0)
            });
            let receipts: Vec<Receipt> = stored.collect();
            std::mem::forget(outbox);
            disk.power_cut();
            let (outbox, problems) = open(&disk, options());
            assert_eq!((problems, outbox.take_lost()), (vec![], vec![]));
            std::mem::forget(outbox);

            let gone = segments(&disk).pop().unwrap();
            let (epoch, first) = (receipts[0].epoch, first_of(&gone));
            disk.delete(&gone);
            let (outbox, problems) = open(&disk, options());
            let [Problem::Missing { from, through, .. }] = problems[..] else {
                panic!("{problems:?}")
            };
            assert_eq!(from, first);
            let mut expected = places(&receipts[..first as usize - 1]);
            expected.push(Err((first, through, GapReason::Missing)));
            assert_eq!(contents(&outbox, lane), expected);
            assert_eq!(outbox.status().lost(), through - first + 1);
            let behind = Stretch {
                epoch,
                from: first,
                through: u64::MAX,
            };
            assert!(outbox.take_lost().contains(&behind));
        }
    }
}
