use trunkside_record::Lane;
use trunkside_uplink::OutboxOptions;

use super::*;
use crate::storage::tight_disk::TightDisk;

const PART: Part = Part {
    code: "lamp",
    raised: "the lamp is dark",
    cleared: "the lamp shines again",
};

/// Whether each alarm that waits clears one.
fn cleared(outbox: &Outbox) -> Vec<bool> {
    let (mut found, mut after) = (Vec::new(), None);
    while let Some(pending) = outbox.pending(Lane::Alarm, after, 1 << 20).unwrap() {
        after = Some((pending.epoch, pending.through));
        for record in &pending.records {
            let record: serde_json::Value = serde_json::from_str(record.get()).unwrap();
            found.push(record["body"]["cleared"].as_bool().unwrap());
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_the_disk_refuses_is_left_once_there_is_room() {
    let without_ballast = OutboxOptions {
        ballast_bytes: 0,
        ..OutboxOptions::default()
    };
    let (outbox, disk) = TightDisk::outbox(without_ballast);
    let (told, trouble) = watch::channel(None);
    let folder = tempfile::tempdir().unwrap();
    let way = AlarmWay::into(Some(Arc::clone(&outbox)), folder.path());
    let watching = PART.watch(way, trouble);
    let telling = async {
        let mut stored = outbox.changes();
        disk.leave(0);
        told.send_replace(Some("it is broken".to_owned()));
        tokio::time::sleep(RETRY * 3).await;
        assert!(cleared(&outbox).is_empty());
        disk.leave(10_000);
        stored.changed().await.unwrap();
        disk.leave(0);
        told.send_replace(None);
        tokio::time::sleep(RETRY * 3).await;
        assert_eq!(cleared(&outbox), [false]);
        // Whoever had the trouble may be gone.
        drop(told);
        tokio::time::sleep(RETRY * 3).await;
        disk.leave(10_000);
    };
    tokio::join!(watching, telling);
    assert_eq!(cleared(&outbox), [false, true]);
}
