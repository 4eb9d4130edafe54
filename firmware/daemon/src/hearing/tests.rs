//! What hearing one call does when its model is lost, slow or broken.

use trunkside_call::FRAME_SAMPLES;
use uuid::Uuid;

use super::*;
use crate::config;
use crate::model::tests::tones_in_force;

/// A call that is heard with the small model of the tests, and who is told of it; there is no room
/// for what is told before that is read.
fn call(in_force: InForce, tape: Option<Tape>) -> (CallHearing, Unheard, mpsc::Receiver<Told>) {
    let folder = tempfile::tempdir().unwrap();
    let config = config::load(&folder.path().join("config.toml")).config;
    let manner = Manner {
        teacher: Teacher::new(folder.path().join("intents"), None),
        privacy: Privacy::open(config.privacy, folder.path()),
        quality: watch::Sender::new(None).subscribe(),
    };
    let model = in_force.model.clone().unwrap();
    let (heard, told) = mpsc::channel(1);
    let other = CallId::new(Uuid::from_u128(2));
    heard.try_send(Told::Finished(other)).unwrap();
    let shared = Arc::new(Shared {
        models: watch::Sender::new(in_force).subscribe(),
        manner,
        heard,
    });
    let (id, unheard) = (CallId::new(Uuid::from_u128(1)), Unheard::default());
    let masking = Masking::new(tape);
    let hearing = CallHearing::new(id, shared, model, masking, unheard.clone());
    (hearing, unheard, told)
}

/// Two units of the small model, 120 ms each, and a second of silence, over and over.
fn frame(number: u32) -> Frame {
    let hz = match number % 62 {
        0..6 => 500.0,
        6..12 => 1_100.0,
        _ => 0.0,
    };
    let sample = |n: usize| {
        let turn = std::f32::consts::TAU * hz * n as f32 / 8_000.0;
        (turn.sin() * 8_000.0) as i16
    };
    Frame {
        side: Side::Caller,
        start: FRAME_DURATION * number,
        samples: std::array::from_fn(|n| sample(number as usize * FRAME_SAMPLES + n)),
    }
}

#[test]
fn what_was_said_before_a_fault_is_told_and_then_the_end() {
    let (mut hearing, unheard, mut told) = call(tones_in_force(), None);
    let frames: Vec<Frame> = (0..60).map(frame).collect();
    hearing.hear(&frames, 1);
    assert_eq!(hearing.waiting.len(), 1);
    hearing.fail(3);
    let ending = std::thread::spawn(move || hearing.finish());
    assert!(matches!(told.blocking_recv(), Some(Told::Finished(_))));
    let Some(Told::Heard(heard)) = told.blocking_recv() else {
        panic!("an utterance was lost")
    };
    assert!(heard.utterance.is_final);
    assert!(matches!(told.blocking_recv(), Some(Told::Finished(call)) if call == heard.call));
    ending.join().unwrap();
    assert_eq!(unheard.frames(), 3);
}

#[test]
fn every_frame_of_a_side_that_is_heard_no_more_counts() {
    let mut in_force = tones_in_force();
    in_force.model.as_mut().unwrap().options.language = Some(trunkside_call::Language::Yue);
    let (mut hearing, unheard, _told) = call(in_force, None);
    let frames: Vec<Frame> = (0..5).map(frame).collect();
    hearing.hear(&frames, 1);
    assert_eq!(unheard.frames(), 5);
}

/// The tones of half a minute that a recording keeps without card numbers, where all of it is on the tape and
/// these frames were heard, in the end or before a fault.
fn tones_kept(heard: impl Iterator<Item = u32>, has_fault: bool) -> Vec<usize> {
    const TONES: u32 = 25;
    let recording = masking::tests::recorded(true, |tape| {
        let (mut hearing, _, _told) = call(tones_in_force(), Some(tape.clone()));
        for frame in (0..62 * TONES).map(frame) {
            tape.hear(&frame);
        }
        for number in heard {
            hearing.hear(&[frame(number)], 1);
        }
        if has_fault {
            hearing.fail(1);
        }
        hearing.hear_out();
    });
    let tones = recording.caller.chunks(62 * FRAME_SAMPLES).enumerate();
    let is_loud = |tone: &[i16]| {
        tone[FRAME_SAMPLES..2 * FRAME_SAMPLES]
            .iter()
            .any(|&s| s > 4_000)
    };
    tones
        .filter_map(|(n, tone)| is_loud(tone).then_some(n))
        .collect()
}

#[test]
fn a_recording_without_card_numbers_keeps_nothing_that_was_not_heard() {
    let all: Vec<usize> = (0..25).collect();
    assert_eq!(tones_kept(0..1_550, false), all);
    // For want of time.
    let but_two: Vec<usize> = (0..25).filter(|tone| ![5, 6].contains(tone)).collect();
    assert_eq!(tones_kept((0..300).chain(400..1_550), false), but_two);
    // The number may have begun before the fault at 20 seconds.
    assert_eq!(tones_kept(0..1_000, true), all[..9]);
}
