//! Records that are sent from memory: what they cost the disk, and what a crash makes of them.

use trunkside_record::{Ack, Body, GapReason, Lane};
use trunkside_uplink::{Outbox, OutboxError, Problem, Receipt, Stretch};

#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod disk;
#[path = "support/queue.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod queue;
use disk::FaultyDisk;
use queue::{START_S, contents, open, options, places, segments, stamp, transcript};

fn post(outbox: &Outbox, numbers: std::ops::Range<u64>) -> Vec<Receipt> {
    let bodies: Vec<Body> = numbers.map(transcript).collect();
    let posted = outbox.post_each(bodies.iter().map(|body| (stamp(START_S), body)));
    assert!(posted.fault.is_none(), "{:?}", posted.fault);
    posted.places.into_iter().flatten().collect()
}

fn ack(outbox: &Outbox, of: &Receipt) {
    outbox.acked(Ack {
        epoch: of.epoch,
        sequence: of.sequence,
    });
}

#[test]
fn what_the_cloud_has_in_time_never_reaches_the_disk() {
    let disk = FaultyDisk::new(1);
    let (outbox, _) = open(&disk, options());
    let posted = post(&outbox, 0..3);
    assert_eq!(contents(&outbox, Lane::Transcript), places(&posted));
    assert_eq!(outbox.status().records(), 3);
    assert!(posted.iter().all(|place| !outbox.is_kept(place)));
    ack(&outbox, &posted[1]);
    assert_eq!(outbox.status().records(), 1);
    assert!(outbox.is_kept(&posted[1]) && !outbox.is_kept(&posted[2]));
    ack(&outbox, &posted[2]);
    outbox.flush(&Lane::ALL).unwrap();
    assert_eq!(segments(&disk), Vec::<String>::new());
    // What follows is kept, and the next start misses nothing before it.
    let later = post(&outbox, 3..5);
    outbox.flush(&Lane::ALL).unwrap();
    assert!(later.iter().all(|place| outbox.is_kept(place)));
    std::mem::forget(outbox);
    disk.power_cut();
    let (outbox, problems) = open(&disk, options());
    assert_eq!((problems, outbox.take_lost()), (vec![], vec![]));
    assert_eq!(contents(&outbox, Lane::Transcript), places(&later));
    // A place that was sent is nobody else's.
    let again = post(&outbox, 0..1);
    assert!(again[0].epoch > posted[0].epoch, "{again:?} {posted:?}");
}

#[test]
fn a_crash_forgets_what_was_only_sent_and_a_flush_keeps_it() {
    for flushes in [false, true] {
        let disk = FaultyDisk::new(2);
        let (outbox, _) = open(&disk, options());
        let stored = outbox.append(stamp(START_S), &[transcript(0)]).unwrap();
        let posted = post(&outbox, 1..3);
        let all = [stored.clone(), posted].concat();
        assert_eq!(contents(&outbox, Lane::Transcript), places(&all));
        if flushes {
            outbox.flush(&Lane::ALL).unwrap();
        }
        assert_eq!(outbox.is_kept(&all[2]), flushes);
        std::mem::forget(outbox);
        disk.power_cut();
        let (outbox, problems) = open(&disk, options());
        let kept = if flushes { &all } else { &stored };
        assert_eq!(
            (contents(&outbox, Lane::Transcript), problems),
            (places(kept), Vec::new())
        );
        assert_eq!(outbox.take_lost(), []);
    }
}

/// What was confirmed from memory is not missed, and what lay in a file that is gone is brought again.
#[test]
fn after_a_kill_only_what_lay_in_a_missing_file_is_named() {
    let disk = FaultyDisk::new(6);
    let (outbox, _) = open(&disk, options());
    let confirmed = post(&outbox, 0..3);
    ack(&outbox, &confirmed[2]);
    let kept = post(&outbox, 3..6);
    outbox.flush(&Lane::ALL).unwrap();
    std::mem::forget(outbox);
    disk.power_cut();
    for name in segments(&disk) {
        disk.delete(&name);
    }
    let (outbox, problems) = open(&disk, options());
    assert!(
        matches!(problems[..], [Problem::Missing { from: 4, .. }]),
        "{problems:?}"
    );
    let lost = Stretch {
        epoch: kept[0].epoch,
        from: 4,
        through: u64::MAX,
    };
    assert_eq!(outbox.take_lost(), [lost]);
}

#[test]
fn what_a_restored_cloud_has_forgotten_of_it_is_missed() {
    let disk = FaultyDisk::new(3);
    let (outbox, _) = open(&disk, options());
    let posted = post(&outbox, 0..6);
    let epoch = posted[0].epoch;
    ack(&outbox, &posted[3]);
    outbox.forgotten(Ack { epoch, sequence: 1 });
    let missing = Err((2, 4, GapReason::Missing));
    let waiting = [vec![missing], places(&posted[4..])].concat();
    assert_eq!(contents(&outbox, Lane::Transcript), waiting);
    let lost = Stretch {
        epoch,
        from: 2,
        through: 4,
    };
    assert_eq!(outbox.take_lost(), [lost]);
    outbox.flush(&Lane::ALL).unwrap();
    assert_eq!(contents(&outbox, Lane::Transcript), waiting);
}

/// A later start could draw the same number, and give other records the places of those that were sent.
#[test]
fn nothing_is_sent_before_the_streams_number_is_on_the_disk() {
    let disk = FaultyDisk::new(4);
    let (outbox, _) = open(&disk, options());
    disk.stop_after(0);
    let body = transcript(0);
    let posted = outbox.post_each([(stamp(START_S), &body)].into_iter());
    assert!(
        matches!(posted.fault, Some(OutboxError::NotReserved)),
        "{posted:?}"
    );
    assert_eq!(outbox.status().records(), 0);
    disk.restart();
    assert_eq!(post(&outbox, 0..1)[0].sequence, 1);
}

#[test]
fn what_neither_the_disk_nor_the_cloud_takes_is_bounded() {
    let disk = FaultyDisk::new(5);
    let (outbox, _) = open(&disk, options());
    let first = post(&outbox, 0..1);
    disk.stop_after(0);
    let bodies: Vec<Body> = (1..20_000).map(transcript).collect();
    let posted = outbox.post_each(bodies.iter().map(|body| (stamp(START_S), body)));
    assert!(
        matches!(posted.fault, Some(OutboxError::Storage { .. })),
        "{:?}",
        posted.fault
    );
    let held = 1 + posted.places.len();
    assert!(held > 1_000 && held < 10_000, "{held}");
    assert_eq!(outbox.status().records(), held as u64);
    // The cloud takes it, though the disk does not.
    ack(&outbox, posted.places[held - 2].as_ref().unwrap());
    assert!(outbox.is_kept(&first[0]));
    assert_eq!(post(&outbox, 0..1)[0].sequence, held as u64 + 1);
    disk.restart();
    outbox.flush(&Lane::ALL).unwrap();
    assert_eq!(contents(&outbox, Lane::Transcript).len(), 1);
}
