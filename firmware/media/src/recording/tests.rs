//! What a recording holds, what the disk shows of it, and what damage, age and a full disk do to it.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkside_call::{CallId, Codec, FRAME_DURATION, FRAME_SAMPLES, Frame, Side};
use trunkside_vault::Sealer;
use uuid::Uuid;

use super::file::{MakeFile, RecordingFile, on_disk};
use super::writer::{RecordingOptions, RecordingWriter, Report};
use super::*;
use crate::g711;

/// A test fails after so long without a report.
const DEADLINE: Duration = Duration::from_secs(20);

const SECOND: usize = 50;

fn call(number: u128) -> CallId {
    CallId::new(Uuid::from_u128(number))
}

fn sealer() -> Sealer {
    Sealer::new(&[7; 32], SEALED_AS)
}

fn options(folder: &Path) -> RecordingOptions {
    RecordingOptions {
        folder: folder.to_owned(),
        sealer: sealer(),
        hold_back: None,
        retention: Retention {
            age: Duration::from_secs(3_600),
            bytes: 1 << 30,
        },
    }
}

struct Rig {
    writer: RecordingWriter,
    reports: Receiver<Report>,
}

fn start(options: RecordingOptions) -> Rig {
    start_on(options, Box::new(on_disk))
}

fn start_on(options: RecordingOptions, make: MakeFile) -> Rig {
    let (sender, reports) = channel();
    let report = Box::new(move |report| sender.send(report).expect("the test listens"));
    Rig {
        writer: RecordingWriter::start_on(options, make, report).expect("writable"),
        reports,
    }
}

impl Rig {
    fn report(&self) -> Report {
        self.reports.recv_timeout(DEADLINE).expect("a report")
    }

    fn ended(&self) -> (Duration, Option<String>) {
        loop {
            if let Report::Ended { kept, fault, .. } = self.report() {
                return (kept, fault);
            }
        }
    }
}

/// What a side says in its nth frame: another tone for each side, which its law keeps as it is.
fn frame(side: Side, n: usize) -> Frame {
    let period = if side == Side::Caller { 16 } else { 10 };
    let samples = std::array::from_fn(|t| {
        let place = (n * FRAME_SAMPLES + t) % period;
        g711::decode(
            Codec::Pcma,
            g711::encode(Codec::Pcma, place as i16 * 700 - 3_000),
        )
    });
    Frame {
        side,
        start: FRAME_DURATION * n as u32,
        samples,
    }
}

fn speech(side: Side, frames: std::ops::Range<usize>) -> Vec<i16> {
    frames.flat_map(|n| frame(side, n).samples).collect()
}

fn speak(tape: &Tape, frames: std::ops::Range<usize>) {
    for n in frames {
        tape.hear(&frame(Side::Caller, n));
        tape.hear(&frame(Side::Agent, n));
    }
}

fn record(folder: &Path, number: u128, frames: usize) {
    let rig = start(options(folder));
    let tape = rig.writer.tape(call(number));
    tape.begin(Codec::Pcma, 1_000);
    speak(&tape, 0..frames);
    tape.finish(9_000);
    assert_eq!(rig.ended(), (FRAME_DURATION * frames as u32, None));
    rig.writer.stop(9_000);
}

fn file(folder: &Path, number: u128) -> std::path::PathBuf {
    folder.join(format!("{}.rec", call(number)))
}

#[test]
fn each_side_is_read_as_it_spoke_and_the_disk_shows_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), 1, 3 * SECOND + 7);
    let archive = Archive::new(folder.path());
    let recording = archive.read(call(1), &sealer(), false).unwrap();
    assert_eq!(recording.caller, speech(Side::Caller, 0..157));
    assert_eq!(recording.agent, speech(Side::Agent, 0..157));
    assert_eq!((recording.started_ms, recording.torn_bytes), (1_000, 0));
    assert_eq!(recording.ending, Some(Ending::default()));
    let entry = archive.list().unwrap()[0];
    assert_eq!((entry.call, entry.state), (call(1), State::Ended));
    assert_eq!(entry.length, Some(FRAME_DURATION * 157));
    let bytes = std::fs::read(file(folder.path(), 1)).unwrap();
    let codes = g711::encode_all(Codec::Pcma, &speech(Side::Caller, 0..1));
    assert!(!bytes.windows(64).any(|window| window == &codes[..64]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(file(folder.path(), 1))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn what_one_side_did_not_say_is_silence_in_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start(options(folder.path()));
    let tape = rig.writer.tape(call(1));
    tape.hear(&frame(Side::Caller, 0)); // Before it begins.
    tape.begin(Codec::Pcmu, 5);
    speak(&tape, 10..12);
    tape.hear(&frame(Side::Agent, 20));
    tape.finish(9);
    rig.ended();
    let recording = Archive::new(folder.path())
        .read(call(1), &sealer(), false)
        .unwrap();
    assert_eq!(recording.caller.len(), 2 * FRAME_SAMPLES);
    assert_eq!(recording.agent.len(), 11 * FRAME_SAMPLES);
    let gap = &recording.agent[2 * FRAME_SAMPLES..10 * FRAME_SAMPLES];
    assert!(gap.iter().all(|&sample| sample == 0));
    assert!(
        recording.agent[10 * FRAME_SAMPLES..]
            .iter()
            .any(|&sample| sample != 0)
    );
    rig.writer.stop(10);
}

#[test]
fn the_wrong_key_and_a_flipped_bit_are_named_and_the_rest_can_be_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), 1, 3 * SECOND);
    let archive = Archive::new(folder.path());
    let read = |sealer: &Sealer| {
        archive
            .read(call(1), sealer, false)
            .unwrap_err()
            .to_string()
    };
    let wrong = read(&Sealer::new(&[8; 32], SEALED_AS));
    assert!(wrong.contains(".rec` is sealed with the key `"), "{wrong}");

    let path = file(folder.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    // Six chunks of voice; the second lies behind the first's 24 + 16 + 8,000 + 16 bytes.
    let chunk = 8_056;
    for (at, damaged) in [
        (64 + chunk + 500, 2),
        (64 + chunk + 1, 2),
        (whole.len() - 3, 7),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&path, &bytes).unwrap();
        let said = read(&sealer());
        assert!(
            said.contains(&format!(".rec`: chunk {damaged} is damaged")),
            "{said}"
        );
        let rest = archive.read(call(1), &sealer(), true).unwrap();
        assert_eq!(rest.damaged, [damaged]);
        // A list does not look so far, and says so; who asks for it is told without a key.
        let listed = archive.list().unwrap()[0];
        assert_eq!(listed.state, State::Ended);
        assert_eq!(archive.check(&listed).unwrap(), State::Damaged);
    }
    std::fs::write(&path, &whole).unwrap();
    let listed = archive.list().unwrap()[0];
    assert_eq!(archive.check(&listed).unwrap(), State::Whole);
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let torn = archive.list().unwrap()[0];
    assert_eq!(archive.check(&torn).unwrap(), State::Cut);
    let mut bytes = whole;
    bytes[40] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let said = read(&sealer());
    assert!(
        said.contains(".rec` is no recording, or its header is damaged"),
        "{said}"
    );
    assert_eq!(archive.list().unwrap()[0].state, State::Damaged);
}

#[test]
fn a_torn_end_is_told_from_damage_wherever_it_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), 1, 2 * SECOND);
    let path = file(folder.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let archive = Archive::new(folder.path());
    for cut in (64..whole.len()).step_by(997) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let recording = archive.read(call(1), &sealer(), false).unwrap();
        let chunks = (cut - 64) / 8_056;
        assert_eq!(recording.torn_bytes, (cut - 64) % 8_056, "cut at {cut}");
        assert_eq!(
            recording.caller.len() + recording.agent.len(),
            chunks * 8_000
        );
        assert_eq!(recording.ending, None);
        assert_eq!(archive.list().unwrap()[0].state, State::Cut);
    }
}

#[test]
fn refusing_destroys_what_was_kept_and_the_file_cannot_be_opened_by_any_copy_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start(options(folder.path()));
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    speak(&tape, 0..3 * SECOND);
    let other = rig.writer.tape(call(2));
    other.begin(Codec::Pcma, 5);
    // A second name for the same bytes: what the disk keeps when only the name goes.
    assert!(matches!(rig.report(), Report::Began { .. }));
    assert!(matches!(rig.report(), Report::Began { .. }));
    let path = file(folder.path(), 1);
    let bytes_left = folder.path().join("left");
    std::fs::hard_link(&path, &bytes_left).unwrap();
    tape.discard(Deletion::Refused);
    let gone = Report::Deleted {
        call: call(1),
        why: Deletion::Refused,
    };
    assert_eq!(rig.report(), gone);
    assert!(!path.exists());
    std::fs::rename(&bytes_left, &path).unwrap();
    let error = Archive::new(folder.path())
        .read(call(1), &sealer(), true)
        .unwrap_err();
    assert!(matches!(error, ArchiveError::Header { .. }), "{error}");
    // The other call's goes on, and what is said after a refusal is not kept.
    tape.hear(&frame(Side::Caller, 0));
    let busy = Archive::new(folder.path()).delete(call(2)).unwrap_err();
    assert!(matches!(busy, ArchiveError::Busy { .. }), "{busy}");
    rig.writer.stop(10);
}

#[test]
fn recordings_go_by_age_and_by_room_and_those_that_run_stay() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        record(folder.path(), number, SECOND);
    }
    let archive = Archive::new(folder.path());
    let bytes = archive.list().unwrap()[0].bytes;
    let retention = |seconds, bytes| Retention {
        age: Duration::from_secs(seconds),
        bytes,
    };
    // They began at 1,000 ms.
    let (gone, _) = archive.enforce(retention(60, u64::MAX), Some(60_000));
    assert_eq!(gone, []);
    let (gone, _) = archive.enforce(retention(60, 2 * bytes), Some(60_000));
    assert_eq!(gone, [(call(1), Deletion::Room)]);
    let (gone, _) = archive.enforce(retention(60, 2 * bytes), None);
    assert_eq!(gone, []);
    let rig = start(options(folder.path()));
    let tape = rig.writer.tape(call(9));
    tape.begin(Codec::Pcma, 1_000);
    assert!(matches!(rig.report(), Report::Began { .. }));
    let (gone, _) = archive.enforce(retention(60, u64::MAX), Some(62_000));
    assert_eq!(gone, [(call(2), Deletion::Age), (call(3), Deletion::Age)]);
    let left = archive.list().unwrap();
    assert_eq!((left.len(), left[0].state), (1, State::Running));
    rig.writer.stop(10);
}

#[test]
fn one_whose_header_is_damaged_is_as_old_as_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), 1);
    std::fs::write(&path, b"").unwrap();
    let written = std::time::UNIX_EPOCH + Duration::from_secs(1);
    let open = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    open.set_modified(written).unwrap();
    let archive = Archive::new(folder.path());
    let retention = Retention {
        age: Duration::from_secs(60),
        bytes: u64::MAX,
    };
    let enforce = |now_ms| archive.enforce(retention, now_ms).0;
    assert_eq!(enforce(Some(60_000)), []);
    assert_eq!(enforce(Some(62_000)), [(call(1), Deletion::Age)]);
    assert!(!path.exists());
}

#[test]
fn a_card_number_is_silent_in_what_reaches_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.hold_back = Some(Duration::from_secs(20));
    let rig = start(options);
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    speak(&tape, 0..5 * SECOND);
    tape.mask(Side::Caller, Duration::from_secs(2), Duration::from_secs(3));
    speak(&tape, 5 * SECOND..6 * SECOND);
    for side in [Side::Caller, Side::Agent] {
        tape.clear(side, Duration::ZERO, Duration::from_secs(6));
    }
    tape.finish(9);
    rig.ended();
    rig.writer.stop(10);
    let recording = Archive::new(folder.path())
        .read(call(1), &sealer(), false)
        .unwrap();
    let second = |n: usize| n * 8_000;
    let silence = g711::decode(Codec::Pcma, g711::silence(Codec::Pcma));
    let masked = second(2) - 1_600..second(3) + 1_600;
    assert!(
        recording.caller[masked.clone()]
            .iter()
            .all(|&sample| sample == silence)
    );
    assert_eq!(
        recording.caller[masked.end],
        speech(Side::Caller, 0..300)[masked.end]
    );
    assert_eq!(recording.agent, speech(Side::Agent, 0..300));
    assert_eq!(
        recording.ending.unwrap().masked_samples,
        masked.len() as u64
    );
}

#[test]
fn what_is_not_clear_is_silent_in_what_reaches_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.hold_back = Some(Duration::from_secs(2));
    let rig = start(options);
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    let seconds = |from, to| (Duration::from_secs(from), Duration::from_secs(to));
    let clear = |side, (from, to)| tape.clear(side, from, to);
    speak(&tape, 0..SECOND);
    clear(Side::Caller, seconds(0, 1));
    speak(&tape, SECOND..5 * SECOND);
    // Too late for the third second, which the disk has.
    clear(Side::Caller, seconds(3, 4));
    speak(&tape, 5 * SECOND..10 * SECOND);
    clear(Side::Caller, seconds(9, 10));
    tape.finish(9);
    rig.ended();
    rig.writer.stop(10);
    let recording = Archive::new(folder.path())
        .read(call(1), &sealer(), false)
        .unwrap();
    let audible = |samples: &[i16]| -> Vec<usize> {
        let silence = g711::decode(Codec::Pcma, g711::silence(Codec::Pcma));
        let seconds = samples.chunks(8_000).enumerate();
        let is_audible = |second: &[i16]| second.iter().any(|&sample| sample != silence);
        seconds
            .filter_map(|(n, second)| is_audible(second).then_some(n))
            .collect()
    };
    assert_eq!(audible(&recording.caller), [0, 3, 9]);
    assert!(audible(&recording.agent).is_empty());
    assert_eq!(recording.ending.unwrap().masked_samples, 17 * 8_000);
}

/// A disk with room for so many bytes, which tears what does not fit.
struct Full {
    file: Box<dyn RecordingFile>,
    room: Arc<Mutex<usize>>,
}

impl RecordingFile for Full {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut room = self.room.lock().unwrap();
        let fits = bytes.len().min(*room);
        *room -= fits;
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

/// Makes files on a disk with room for so many bytes.
fn with_room_for(bytes: usize) -> MakeFile {
    let room = Arc::new(Mutex::new(bytes));
    Box::new(move |path| {
        let (file, room) = (on_disk(path)?, Arc::clone(&room));
        Ok(Box::new(Full { file, room }))
    })
}

#[test]
fn a_full_disk_ends_the_recording_with_a_word_and_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start_on(options(folder.path()), with_room_for(20_000));
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    speak(&tape, 0..4 * SECOND);
    let (kept, fault) = rig.ended();
    assert!(fault.unwrap().contains("storage"));
    assert_eq!(kept, Duration::from_secs(1), "what was heard is more");
    tape.finish(9); // It has ended already: nothing more is told of it.
    let recording = Archive::new(folder.path())
        .read(call(1), &sealer(), false)
        .unwrap();
    assert_eq!(recording.caller, speech(Side::Caller, 0..SECOND));
    assert_eq!((recording.ending, recording.torn_bytes), (None, 0));
    // Who refuses now has it destroyed all the same, once.
    tape.discard(Deletion::Refused);
    let gone = Report::Deleted {
        call: call(1),
        why: Deletion::Refused,
    };
    assert_eq!(rig.report(), gone);
    assert!(!file(folder.path(), 1).exists());
    tape.discard(Deletion::Refused);
    rig.writer.stop(10);
    assert_eq!(
        rig.reports.try_recv(),
        Err(std::sync::mpsc::TryRecvError::Disconnected)
    );
}

#[test]
fn a_disk_without_room_for_a_header_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start_on(options(folder.path()), with_room_for(10));
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    let (kept, fault) = rig.ended();
    assert!(fault.unwrap().contains("storage"));
    assert_eq!(kept, Duration::ZERO);
    assert!(!file(folder.path(), 1).exists());
    // What is not there need not be destroyed.
    tape.discard(Deletion::Refused);
    assert!(matches!(rig.report(), Report::Deleted { .. }));
    rig.writer.stop(10);
}

#[test]
fn what_cannot_be_destroyed_at_once_is_destroyed_as_soon_as_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let rig = start_on(options(folder.path()), with_room_for(20_000));
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    speak(&tape, 0..4 * SECOND);
    rig.ended();
    // Somebody who lists the folder holds the file for a moment.
    let held = std::fs::File::open(file(folder.path(), 1)).unwrap();
    held.lock_shared().unwrap();
    tape.discard(Deletion::Refused);
    let other = rig.writer.tape(call(2));
    other.begin(Codec::Pcma, 5);
    assert!(matches!(rig.report(), Report::Ended { .. }), "no room");
    assert!(file(folder.path(), 1).exists());
    held.unlock().unwrap();
    let gone = Report::Deleted {
        call: call(1),
        why: Deletion::Refused,
    };
    assert_eq!(rig.report(), gone);
    assert!(!file(folder.path(), 1).exists());
    rig.writer.stop(10);
}

#[test]
fn the_longest_recording_ends_in_good_order_with_all_that_was_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.hold_back = Some(Duration::from_secs(20));
    let rig = start(options);
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 1_000);
    let longest = LONGEST.as_secs() as usize * SECOND;
    speak(&tape, 0..SECOND);
    // One more than there is room for, and voice after it.
    speak(&tape, longest - 10 * SECOND..longest + SECOND);
    let ended = std::iter::repeat_with(|| rig.report())
        .find(|report| matches!(report, Report::Ended { .. }));
    let wanted = Report::Ended {
        call: call(1),
        at_ms: Some(1_000 + LONGEST.as_millis() as i64),
        kept: LONGEST,
        dropped_frames: 0,
        fault: None,
    };
    assert_eq!(ended, Some(wanted));
    tape.finish(9); // It has ended already.
    rig.writer.stop(10);
    assert!(rig.reports.try_recv().is_err());
    let entry = Archive::new(folder.path()).list().unwrap()[0];
    assert_eq!((entry.state, entry.length), (State::Ended, Some(LONGEST)));
    // Eleven seconds of both sides.
    assert!(entry.bytes > 11 * 2 * 8_000, "{}", entry.bytes);
}

#[test]
fn voice_never_waits_for_a_disk_that_hangs_and_what_is_dropped_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let make: MakeFile = Box::new(move |path| {
        // The disk hangs until the test has spoken.
        gate.lock().unwrap().recv().expect("the test lets it go on");
        on_disk(path)
    });
    let rig = start_on(options(folder.path()), make);
    let tape = rig.writer.tape(call(1));
    tape.begin(Codec::Pcma, 5);
    let spoken = super::tape::QUEUE + 500;
    for n in 0..spoken {
        tape.hear(&frame(Side::Caller, n));
    }
    go.send(()).unwrap();
    tape.finish(9);
    let Report::Began { .. } = rig.report() else {
        panic!("it begins when the disk goes on");
    };
    let Report::Ended { dropped_frames, .. } = rig.report() else {
        panic!("it ends");
    };
    assert_eq!(dropped_frames, 500);
    let recording = Archive::new(folder.path())
        .read(call(1), &sealer(), false)
        .unwrap();
    assert_eq!(recording.ending.unwrap().dropped_frames, 500);
    rig.writer.stop(10);
}

#[test]
fn a_call_without_a_recording_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path().join("none"));
    assert!(archive.list().unwrap().is_empty());
    let error = archive
        .read(call(1), &sealer(), false)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no recording of call `00000000-"), "{error}");
    assert!(error.contains("trunkside recordings list"), "{error}");
}
