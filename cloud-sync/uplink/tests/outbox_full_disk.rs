//! What a full disk costs: nothing that waits for the cloud, and no room for what the cloud has.

use trunkside_record::{Ack, Body, DeviceHealth, Lane};
use trunkside_uplink::{Outbox, OutboxError, OutboxOptions, Receipt, Storage};

#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
use disk::FaultyDisk;

#[path = "support/queue.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod queue;
use queue::{START_S, alarm, contents, health, open, options, places, stamp, transcript};

/// Three pieces of ballast.
fn with_ballast() -> OutboxOptions {
    OutboxOptions {
        ballast_bytes: 20_000,
        ..options()
    }
}

fn append(outbox: &Outbox, body: Body) -> Result<Receipt, OutboxError> {
    let receipts = outbox.append(stamp(START_S), &[body])?;
    Ok(receipts[0])
}

/// Stores so many transcripts.
fn transcripts(outbox: &Outbox, count: u64) -> Vec<Receipt> {
    let stored = (1..=count).map(|number| append(outbox, transcript(number)).unwrap());
    stored.collect()
}

fn ack(outbox: &Outbox, last: &Receipt) {
    let Receipt {
        epoch, sequence, ..
    } = *last;
    outbox.acked(Ack { epoch, sequence });
}

fn pieces(disk: &FaultyDisk) -> usize {
    let names = disk.names();
    let pieces = names.iter().filter(|name| name.starts_with("ballast"));
    pieces.count()
}

#[test]
fn no_alarm_costs_an_unsent_call_however_often_the_disk_fills_up() {
    let disk = FaultyDisk::new(1);
    let (outbox, _) = open(&disk, with_ballast());
    let calls = transcripts(&outbox, 60);
    // Others fill the disk, and take what each alarm frees and does not need.
    for number in 0..50 {
        disk.set_capacity(disk.used());
        let _ = append(&outbox, alarm(number));
    }
    assert_eq!(pieces(&disk), 0);
    // Nor where nothing that is freed comes to us.
    disk.set_capacity(disk.used() / 2);
    assert!(append(&outbox, alarm(50)).is_err());
    assert_eq!(outbox.status().lost(), 0);
    assert_eq!(contents(&outbox, Lane::Transcript), places(&calls));
    disk.set_capacity(usize::MAX);
    append(&outbox, alarm(50)).unwrap();
}

#[test]
fn an_alarm_for_which_nothing_makes_room_costs_one_segment_of_health_reports() {
    let disk = FaultyDisk::new(2);
    let (outbox, _) = open(&disk, options());
    for number in 0..100 {
        append(&outbox, health(number)).unwrap();
    }
    disk.set_capacity(1_000);
    assert!(append(&outbox, alarm(0)).is_err());
    let lost = outbox.status().lost();
    assert!((1..10).contains(&lost), "{lost}");
}

#[test]
fn an_alarm_uses_a_piece_of_the_ballast_which_comes_back_without_the_cloud() {
    let disk = FaultyDisk::new(3);
    let (outbox, _) = open(&disk, with_ballast());
    assert_eq!(pieces(&disk), 3);
    disk.set_capacity(disk.used());
    append(&outbox, alarm(0)).unwrap();
    assert_eq!(pieces(&disk), 2, "others do not get what one does not need");
    disk.set_capacity(disk.used());
    outbox.keep_room();
    assert_eq!(pieces(&disk), 2, "there is no room");
    disk.set_capacity(usize::MAX);
    outbox.keep_room();
    let bytes = ["ballast", "ballast-1", "ballast-2"].map(|name| disk.size(name).unwrap());
    assert_eq!(bytes.iter().sum::<u64>(), 20_000);
}

#[test]
fn what_the_cloud_has_keeps_no_room_from_what_it_has_not() {
    let disk = FaultyDisk::new(4);
    let (outbox, _) = open(&disk, with_ballast());
    ack(&outbox, transcripts(&outbox, 5).last().unwrap());
    disk.set_capacity(disk.used());
    // Each goes, and its room serves the next.
    for number in 6..=100 {
        let stored = append(&outbox, transcript(number)).unwrap();
        ack(&outbox, &stored);
    }
    // Another lane's room is as good, and goes before the ballast does.
    append(&outbox, alarm(0)).unwrap();
    assert_eq!(pieces(&disk), 3);
    assert_eq!(outbox.status().lost(), 0);
}

#[test]
fn a_record_that_is_too_large_for_the_room_takes_none_of_it() {
    let disk = FaultyDisk::new(5);
    let (outbox, _) = open(&disk, options());
    let first = append(&outbox, transcript(1)).unwrap();
    let used = disk.used();
    disk.set_capacity(used + 600);
    let large = DeviceHealth {
        software: "x".repeat(5_000),
        ..DeviceHealth::default()
    };
    let refused = append(&outbox, large.into());
    assert!(matches!(refused, Err(OutboxError::Storage { .. })));
    let second = append(&outbox, transcript(2)).unwrap();
    assert_eq!(
        contents(&outbox, Lane::Transcript),
        places(&[first, second])
    );
}

#[test]
fn whoever_brings_records_learns_which_of_them_are_stored() {
    let disk = FaultyDisk::new(7);
    let (outbox, _) = open(&disk, options());
    disk.set_capacity(3_000);
    let bodies = [0, 1].map(|first| (first..40).step_by(2).map(transcript).collect::<Vec<_>>());
    let [some, rest] = bodies.map(|bodies| outbox.append_some(stamp(START_S), &bodies));
    assert!(matches!(some.fault, Some(OutboxError::Storage { .. })));
    let stored: Vec<_> = some
        .places
        .into_iter()
        .chain(rest.places)
        .flatten()
        .collect();
    assert!((5..20).contains(&stored.len()), "{stored:?}");
    assert_eq!(contents(&outbox, Lane::Transcript), places(&stored));
}

#[test]
fn what_was_delivered_on_a_full_disk_is_not_said_to_be_missing() {
    for kept in [false, true] {
        let disk = FaultyDisk::new(6);
        let (outbox, _) = open(&disk, options());
        let delivered = transcripts(&outbox, 5);
        disk.set_capacity(disk.used());
        assert!(append(&outbox, transcript(6)).is_err());
        if kept {
            disk.set_capacity(usize::MAX);
        }
        ack(&outbox, &delivered[4]);
        let sixth = append(&outbox, transcript(6)).unwrap();
        std::mem::forget(outbox);
        disk.restart();
        let (outbox, problems) = open(&disk, options());
        assert_eq!(problems, []);
        assert_eq!(contents(&outbox, Lane::Transcript), places(&[sixth]));
    }
}
