//! What an outbox keeps and says when it comes back to a disk that is not as it left it, when it
//! runs out of room, and what it costs the disk.

use std::sync::Arc;
use std::time::Duration;

use trunkside_record::{
    Ack, Alarm, Body, DeviceHealth, Gap, GapReason, Lane, RedactedText, Severity, Timestamp,
};
use trunkside_uplink::{Budget, Outbox, OutboxError, OutboxOptions, Problem, Stamp, Storage};
use trunkside_vault::KeyProvider;

#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
use disk::FaultyDisk;

#[path = "support/line.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod line;
use line::Line;
#[path = "support/queue.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod queue;
use queue::{
    START_S, alarm, contents, health, open, options, places, segments, stamp, store, transcript,
};

#[derive(Debug)]
struct Key(u8);

impl KeyProvider for Key {
    fn key(&self, _: bool) -> std::io::Result<[u8; 32]> {
        Ok([self.0; 32])
    }
}

fn sealed(key: u8) -> OutboxOptions {
    OutboxOptions {
        key: Some(Arc::new(Key(key))),
        ..options()
    }
}

#[test]
fn two_processes_cannot_share_an_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = Outbox::open(folder.path(), options()).unwrap();
    let error = Outbox::open(folder.path(), options())
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, OutboxError::Locked(_)));
    assert!(error.to_string().contains("stop that one first"), "{error}");
    drop(first);
    Outbox::open(folder.path(), options()).unwrap();
}

#[test]
fn a_real_folder_gives_back_what_it_got_and_frees_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, _) = Outbox::open(folder.path(), options()).unwrap();
    let receipts = store(&outbox, 30);
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts));
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = count();
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 25,
    });
    assert!(count() < before, "segments are deleted");
    drop(outbox);
    let (outbox, recovery) = Outbox::open(folder.path(), options()).unwrap();
    assert_eq!((recovery.records, recovery.problems), (5, vec![]));
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts[25..]));
}

#[test]
fn a_missing_segment_is_reported_and_the_rest_kept() {
    let disk = FaultyDisk::new(1);
    let (outbox, _) = open(&disk, options());
    let receipts = store(&outbox, 20);
    drop(outbox);
    let gone = segments(&disk).remove(1);
    disk.delete(&gone);
    let (outbox, _) = open(&disk, options());
    let found = contents(&outbox, Lane::Alarm);
    let gaps: Vec<_> = found.iter().filter_map(|item| item.err()).collect();
    let [(from, through, GapReason::Missing)] = gaps[..] else {
        panic!("{gaps:?}")
    };
    let kept = receipts
        .iter()
        .map(|receipt| (receipt.epoch, receipt.sequence));
    let kept: Vec<_> = kept
        .filter(|(_, place)| !(from..=through).contains(place))
        .collect();
    assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), kept);
    assert_eq!(outbox.status().lost(), through - from + 1);
}

#[test]
fn segments_under_each_others_names_are_told_apart() {
    let disk = FaultyDisk::new(2);
    let (outbox, _) = open(&disk, options());
    let receipts = store(&outbox, 20);
    drop(outbox);
    let names = segments(&disk);
    disk.swap(&names[0], &names[2]);
    let (outbox, problems) = open(&disk, options());
    assert!(
        problems
            .iter()
            .all(|problem| matches!(problem, Problem::Misnamed { .. }))
    );
    assert_eq!(problems.len(), 2);
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts));
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 20,
    });
    assert_eq!(segments(&disk).len(), 0, "{:?}", disk.names());
}

#[test]
fn another_key_reads_nothing_blocks_nothing_and_deletes_nothing() {
    let disk = FaultyDisk::new(3);
    let (outbox, _) = open(&disk, sealed(1));
    let receipts = store(&outbox, 10);
    drop(outbox);
    assert!(
        !disk.contains(b"the trunk does not answer"),
        "records lie sealed"
    );

    let (outbox, problems) = open(&disk, sealed(2));
    assert!(
        problems
            .iter()
            .any(|problem| matches!(problem, Problem::OtherKey { .. }))
    );
    assert_eq!(contents(&outbox, Lane::Alarm), []);
    assert_eq!(outbox.status().aside() as usize, segments(&disk).len());
    let named = outbox.take_lost();
    let is_named = |receipt: &trunkside_uplink::Receipt| {
        let stretch = named
            .iter()
            .filter(|stretch| stretch.epoch == receipt.epoch);
        let mut places = stretch.map(|stretch| stretch.from..=stretch.through);
        places.any(|places| places.contains(&receipt.sequence))
    };
    assert!(receipts.iter().all(is_named), "{named:?}");
    let later = store(&outbox, 2);
    assert_eq!(contents(&outbox, Lane::Alarm), places(&later));
    outbox.acked(Ack {
        epoch: later[0].epoch,
        sequence: 2,
    });
    drop(outbox);

    let (outbox, _) = open(&disk, sealed(1));
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts));
}

/// A box ran under another key for a while, and has its own back.
#[test]
fn what_the_cloud_has_of_another_keys_records_asks_for_no_key() {
    let under_another = |disk: &FaultyDisk| {
        let (outbox, _) = open(disk, sealed(2));
        let last = store(&outbox, 3).pop().unwrap();
        let ack = Ack {
            epoch: last.epoch,
            sequence: last.sequence,
        };
        (outbox, ack)
    };
    let aside = |disk: &FaultyDisk| {
        let (outbox, _) = open(disk, sealed(1));
        let aside = outbox.status().lanes[0].aside;
        (outbox, aside)
    };
    // It was stopped.
    let disk = FaultyDisk::new(31);
    let (outbox, ack) = under_another(&disk);
    outbox.acked(ack);
    drop(outbox);
    assert_eq!(segments(&disk), Vec::<String>::new());
    assert_eq!(aside(&disk).1, 0);

    // It was killed when the watermark was kept.
    let disk = FaultyDisk::new(32);
    let (outbox, ack) = under_another(&disk);
    outbox.acked(ack);
    outbox.append(stamp(START_S), &[health(0)]).unwrap();
    std::mem::forget(outbox);
    disk.power_cut();
    assert_eq!(aside(&disk).1, 0);

    // It was killed before: the cloud says it again.
    let disk = FaultyDisk::new(33);
    let (outbox, ack) = under_another(&disk);
    outbox.acked(ack);
    std::mem::forget(outbox);
    disk.power_cut();
    let (outbox, before) = aside(&disk);
    assert_eq!(before, 1);
    outbox.acked(ack);
    assert_eq!(outbox.status().aside(), 0);
    assert_eq!(segments(&disk), Vec::<String>::new());
}

#[test]
fn a_clock_that_goes_backwards_or_stands_still_starts_a_new_stream_every_time() {
    let disk = FaultyDisk::new(4);
    let mut epochs = Vec::new();
    for second in [START_S, 5, 5, 0, START_S] {
        let (outbox, _) = open(&disk, options());
        let receipts = outbox.append(stamp(second), &[alarm(0)]).unwrap();
        epochs.push(receipts[0].epoch);
        // What is acknowledged is gone and cannot be compared with: the state remembers.
        outbox.acked(Ack {
            epoch: receipts[0].epoch,
            sequence: 1,
        });
    }
    assert!(epochs.is_sorted_by(|one, other| one < other), "{epochs:?}");
}

#[test]
fn an_old_copy_of_the_disk_never_gives_a_place_to_another_record() {
    // The clock is right, or the same at every start: nothing has set it.
    for second in [START_S, 5] {
        for seed in 0..20 {
            let disk = FaultyDisk::new(500 + seed);
            let stream = |second| {
                let (outbox, _) = open(&disk, sealed(1));
                outbox.append(stamp(second), &[alarm(0)]).unwrap()[0].epoch
            };
            // A box that has seen a clock: streams of one that has not come behind it.
            let before = stream(START_S);
            let backup = segments(&disk);
            assert_eq!(backup.len(), 1);
            let lost_with_the_copy = stream(second);
            for name in disk
                .names()
                .into_iter()
                .filter(|name| !backup.contains(name))
            {
                disk.delete(&name);
            }
            let after = stream(second);
            assert_ne!(after, before, "{second} {seed}");
            assert_ne!(after, lost_with_the_copy, "{second} {seed}");
            assert_eq!(after & 3, before & 3, "the lane's bits");
        }
    }
}

#[test]
fn a_cloud_restored_from_a_backup_stops_nothing() {
    let disk = FaultyDisk::new(14);
    let mut line = Line::new(open(&disk, options()).0);
    let receipts = store(&line.outbox, 20);
    let epoch = receipts[0].epoch;
    line.run(Duration::from_mins(1));
    assert_eq!(line.outbox.status().records(), 0);
    // The backup is from before the sixth.
    let stream = line.cloud.get_mut(&epoch).unwrap();
    stream.retain(|sequence, _| *sequence <= 5);
    store(&line.outbox, 3);
    line.run(Duration::from_mins(1));
    let (there, missing) = line.places(epoch, GapReason::Missing);
    assert_eq!(line.outbox.status().records(), 0);
    // What the box had deleted is told to be gone; what it still had is there again.
    let still_here: Vec<u64> = (*missing.last().unwrap() + 1..=23).collect();
    assert_eq!(missing[0], 6);
    assert!(still_here.len() >= 3);
    assert_eq!(there, [(1..=5).collect(), still_here].concat());
    // The backup of another day knows nothing of this stream.
    line.cloud.clear();
    store(&line.outbox, 3);
    line.run(Duration::from_mins(1));
    let (there, missing) = line.places(epoch, GapReason::Missing);
    assert_eq!((there.len() + missing.len(), missing[0]), (26, 1));
    assert_eq!(line.outbox.status().records(), 0);
}

#[test]
fn what_the_cloud_has_forgotten_outlives_a_kill_and_a_watermark_as_high_as_ours_is_none() {
    let disk = FaultyDisk::new(15);
    let (outbox, _) = open(&disk, options());
    let epoch = store(&outbox, 20)[0].epoch;
    let ack = |sequence| Ack { epoch, sequence };
    outbox.acked(ack(15));
    outbox.forgotten(ack(15));
    outbox.forgotten(ack(17));
    assert_eq!(outbox.status().records(), 5);
    outbox.forgotten(ack(5));
    let found = contents(&outbox, Lane::Alarm);
    let Err((6, through, GapReason::Missing)) = found[0] else {
        panic!("{found:?}")
    };
    let rest: Vec<queue::Item> = (through + 1..=20).map(|place| Ok((epoch, place))).collect();
    assert_eq!(found[1..], rest);
    std::mem::forget(outbox);
    disk.restart();
    let (outbox, problems) = open(&disk, options());
    assert_eq!(problems, []);
    assert_eq!(contents(&outbox, Lane::Alarm), found);
}

#[test]
fn a_watermark_that_a_full_disk_did_not_take_is_kept_once_there_is_room() {
    let disk = FaultyDisk::new(16);
    let (outbox, _) = open(&disk, options());
    let receipts = store(&outbox, 30);
    disk.set_capacity(disk.used());
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 25,
    });
    assert_eq!(outbox.status().records(), 5);
    std::mem::forget(outbox);
    let (outbox, _) = open(&disk, options());
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts[25..]));
}

#[test]
fn a_lane_keeps_to_its_budget_and_says_what_it_gave_up() {
    let disk = FaultyDisk::new(6);
    let budget = Budget {
        bytes: 10_000,
        age: Duration::MAX,
    };
    let (outbox, _) = open(
        &disk,
        OutboxOptions {
            alarm: budget,
            ..options()
        },
    );
    let receipts = store(&outbox, 100);
    let status = outbox.status();
    assert!(status.lanes[0].bytes <= 10_000, "{status:?}");
    let found = contents(&outbox, Lane::Alarm);
    let Err((1, through, GapReason::Budget)) = found[0] else {
        panic!("{:?}", found[0])
    };
    assert_eq!(status.lost(), through);
    assert_eq!(found[1..], places(&receipts[through as usize..]));
    // The reason survives a restart.
    drop(outbox);
    let (outbox, problems) = open(
        &disk,
        OutboxOptions {
            alarm: budget,
            ..options()
        },
    );
    assert_eq!(problems, []);
    assert_eq!(contents(&outbox, Lane::Alarm), found);
}

#[test]
fn the_lanes_share_what_all_may_keep_as_they_usually_do() {
    let bytes = |options: &OutboxOptions| {
        let OutboxOptions {
            alarm,
            metric,
            fleet,
            transcript,
            ..
        } = options;
        [alarm, metric, fleet, transcript].map(|budget| budget.bytes)
    };
    assert_eq!(
        bytes(&OutboxOptions::within(104)),
        bytes(&OutboxOptions::default())
    );
    let quarter = bytes(&OutboxOptions::within(26));
    assert_eq!(quarter, [1 << 20, 8 << 20, 1 << 20, 16 << 20]);
}

#[test]
fn what_is_too_old_goes_only_when_the_clock_can_be_trusted() {
    let disk = FaultyDisk::new(7);
    let budget = Budget {
        bytes: 1 << 20,
        age: Duration::from_hours(1),
    };
    let (outbox, _) = open(
        &disk,
        OutboxOptions {
            alarm: budget,
            ..options()
        },
    );
    for number in 0..10 {
        let unsure = Stamp {
            clock_trusted: false,
            ..stamp(5)
        };
        outbox.append(unsure, &[alarm(number)]).unwrap();
    }
    outbox.expire(Timestamp::from_second(START_S).unwrap());
    assert_eq!(outbox.status().records(), 10);
    drop(outbox);

    let disk = FaultyDisk::new(8);
    let (outbox, _) = open(
        &disk,
        OutboxOptions {
            alarm: budget,
            ..options()
        },
    );
    for minute in 0..120 {
        outbox
            .append(stamp(START_S + minute * 60), &[alarm(0)])
            .unwrap();
    }
    outbox.expire(Timestamp::from_second(START_S + 7_200).unwrap());
    let left = outbox.status().records();
    assert!((60..70).contains(&left), "{left} of the last 60 are left");
    assert!(matches!(
        contents(&outbox, Lane::Alarm)[0],
        Err((1, _, GapReason::Age))
    ));
}

#[test]
fn on_a_full_disk_the_least_urgent_goes_and_alarms_are_stored() {
    let disk = FaultyDisk::new(9);
    disk.set_capacity(40_000);
    let options = OutboxOptions {
        ballast_bytes: 4_000,
        ..options()
    };
    let (outbox, _) = open(&disk, options);
    for number in 0..200 {
        // A full lane makes room by itself: nothing fails while it has something to give.
        outbox.append(stamp(START_S), &[health(number)]).unwrap();
    }
    let receipts = store(&outbox, 40);
    let alarms = contents(&outbox, Lane::Alarm);
    assert_eq!(
        alarms,
        places(&receipts),
        "alarms push out what is less urgent"
    );
    assert!(outbox.status().lanes[2].lost > 0);

    // Filled by others to the last byte: the ballast is for alarms.
    let disk = FaultyDisk::new(10);
    let (outbox, _) = open(
        &disk,
        OutboxOptions {
            ballast_bytes: 4_000,
            ..queue::options()
        },
    );
    disk.set_capacity(4_000);
    assert!(outbox.append(stamp(START_S), &[health(0)]).is_err());
    assert!(outbox.append(stamp(START_S), &[alarm(0)]).is_ok());
    // Room again: everything goes on, and nothing was mixed up.
    disk.set_capacity(usize::MAX);
    outbox.append(stamp(START_S), &[health(1)]).unwrap();
    assert_eq!(contents(&outbox, Lane::Alarm).len(), 1);
    assert_eq!(contents(&outbox, Lane::Fleet).len(), 1);
}

#[test]
fn the_ballast_goes_before_an_alarm_does() {
    let disk = FaultyDisk::new(17);
    let with_ballast = OutboxOptions {
        ballast_bytes: 4_000,
        ..queue::options()
    };
    let (outbox, _) = open(&disk, with_ballast);
    let receipts = store(&outbox, 20);
    disk.set_capacity(disk.used());
    let more = store(&outbox, 5);
    assert_eq!(outbox.status().lost(), 0);
    assert!(!disk.names().contains(&"ballast".to_owned()));
    let all: Vec<_> = receipts.into_iter().chain(more).collect();
    assert_eq!(contents(&outbox, Lane::Alarm), places(&all));
}

#[test]
fn a_ballast_that_keeps_no_room_is_filled_again() {
    let disk = FaultyDisk::new(18);
    let with_ballast = OutboxOptions {
        ballast_bytes: 4_000,
        ..queue::options()
    };
    drop(open(&disk, with_ballast.clone()));
    disk.truncate("ballast", 0);
    drop(open(&disk, with_ballast));
    assert_eq!(disk.size("ballast").unwrap(), 4_000);
}

#[test]
fn on_a_full_disk_no_call_goes_for_another_nor_for_an_alarm_that_the_ballast_has_room_for() {
    let disk = FaultyDisk::new(19);
    let with_ballast = OutboxOptions {
        ballast_bytes: 4_000,
        ..queue::options()
    };
    let (outbox, _) = open(&disk, with_ballast);
    let stored = outbox.append(stamp(START_S), &[transcript(1)]).unwrap();
    disk.set_capacity(disk.used());
    let refused = outbox.append(stamp(START_S), &[transcript(2)]);
    assert!(matches!(refused, Err(OutboxError::Storage { .. })));
    outbox.append(stamp(START_S), &[alarm(0)]).unwrap();
    assert_eq!(contents(&outbox, Lane::Transcript), places(&stored));
    assert_eq!(outbox.status().lost(), 0);
    // Whoever kept the refused one brings it again.
    disk.set_capacity(usize::MAX);
    let later = outbox.append(stamp(START_S), &[transcript(2)]).unwrap();
    let all: Vec<_> = stored.into_iter().chain(later).collect();
    assert_eq!(contents(&outbox, Lane::Transcript), places(&all));
}

/// A file system of a megabyte in memory, mounted as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, said aloud, where the tests may not mount.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: a small file system cannot be mounted; run as root on Linux");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount")
            .arg(self.0.path())
            .status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_real_full_disk_keeps_the_alarms_and_recovers() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let options = OutboxOptions {
        segment_bytes: 64 * 1024,
        ..OutboxOptions::default()
    };
    let (outbox, _) = Outbox::open(disk.0.path(), options.clone()).unwrap();
    for number in 0..5_000 {
        outbox.append(stamp(START_S), &[health(number)]).unwrap();
    }
    let receipts = store(&outbox, 1_000);
    assert_eq!(contents(&outbox, Lane::Alarm), places(&receipts));
    assert!(outbox.status().lanes[2].lost > 1_000, "{outbox:?}");

    // Others fill the rest to the last byte; the box goes on and can be opened again.
    let filler = disk.0.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[7; 512]).is_ok() {}
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 1_000,
    });
    let more = store(&outbox, 100);
    drop(outbox);
    let (outbox, _) = Outbox::open(disk.0.path(), options).unwrap();
    assert_eq!(contents(&outbox, Lane::Alarm), places(&more));
    drop((outbox, file));
}

#[test]
fn records_beyond_a_message_are_refused() {
    let (outbox, _) = open(&FaultyDisk::new(11), options());
    let software = "x".repeat(300_000);
    let body = DeviceHealth {
        software,
        ..DeviceHealth::default()
    }
    .into();
    assert!(matches!(
        outbox.append(stamp(0), &[body]),
        Err(OutboxError::Unfit(_))
    ));
    let gap = Body::Gap(Gap {
        through: 1,
        reason: GapReason::Budget.into(),
    });
    assert!(matches!(
        outbox.append(stamp(0), &[gap]),
        Err(OutboxError::Unfit(_))
    ));
    assert_eq!(outbox.status().records(), 0);
}

#[test]
fn a_watermark_beyond_what_was_stored_is_not_believed() {
    let (outbox, _) = open(&FaultyDisk::new(12), options());
    let receipts = store(&outbox, 3);
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 9,
    });
    outbox.acked(Ack {
        epoch: 1,
        sequence: 3,
    });
    assert_eq!(outbox.status().records(), 3);
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 2,
    });
    outbox.acked(Ack {
        epoch: receipts[0].epoch,
        sequence: 1,
    });
    assert_eq!(outbox.status().records(), 1);
}

/// Records of a kilobyte, twenty to a flush. What a branch's load comes to depends on who brings the records.
#[test]
fn records_that_share_a_flush_cost_little_more_than_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let options = OutboxOptions {
        ballast_bytes: 0,
        ..OutboxOptions::default()
    };
    let (outbox, _) = Outbox::open(folder.path(), options).unwrap();
    let text = RedactedText::try_new(&"the trunk does not answer ".repeat(30)).unwrap();
    for _ in 0..100 {
        let alarm = Alarm {
            code: "x".into(),
            severity: Severity::Minor.into(),
            cleared: false,
            text: text.clone(),
        };
        let bodies: Vec<Body> = std::iter::repeat_n(alarm.into(), 20).collect();
        let receipts = outbox.append(stamp(START_S), &bodies).unwrap();
        let last = receipts.last().unwrap();
        outbox.acked(Ack {
            epoch: last.epoch,
            sequence: last.sequence,
        });
    }
    let wear = outbox.status().wear;
    let ratio = wear.ratio().unwrap();
    assert!(ratio <= 1.5, "{ratio:.2}: {wear:?}");
}

#[test]
fn many_at_once_share_flushes() {
    let disk = FaultyDisk::new(13);
    let (outbox, _) = open(
        &disk,
        OutboxOptions {
            linger: Duration::from_millis(5),
            ..options()
        },
    );
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let outbox = &outbox;
            scope.spawn(move || {
                for number in 0..25 {
                    outbox
                        .append(stamp(START_S), &[alarm(thread * 100 + number)])
                        .unwrap();
                }
            });
        }
    });
    let found = contents(&outbox, Lane::Alarm);
    let sequences: Vec<u64> = found.iter().map(|item| item.unwrap().1).collect();
    assert_eq!(sequences, (1..=200).collect::<Vec<_>>());
}
