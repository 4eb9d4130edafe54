use std::sync::Arc;

use trunkside_call::{CallId, Codec, FRAME_SAMPLES, Language, Prosody, Utterance};
use trunkside_media::recording::{
    Archive, Recording, RecordingOptions, RecordingWriter, Retention, SEALED_AS,
};
use trunkside_understanding::{CallUnderstanding, Understander};
use trunkside_vault::Sealer;
use uuid::Uuid;

use super::*;

const SECOND: usize = 8_000;

const LOUD: i16 = 8_000;

fn utterance((side, text): (Side, &str), start: Duration) -> Utterance {
    Utterance {
        side,
        number: 0,
        start,
        end: start + Duration::from_secs(1),
        text: text.to_owned(),
        language: Language::Zh,
        confidence: 0.9,
        words: Vec::new(),
        prosody: Prosody::default(),
        is_final: true,
    }
}

/// The recording that is left of what is told to its tape.
pub fn recorded(mask_cards: bool, tell: impl FnOnce(&Tape)) -> Recording {
    let folder = tempfile::tempdir().unwrap();
    let sealer = || Sealer::new(&[7; 32], SEALED_AS);
    let options = RecordingOptions {
        folder: folder.path().to_owned(),
        sealer: sealer(),
        hold_back: mask_cards.then_some(Duration::from_secs(3_600)),
        retention: Retention {
            age: Duration::from_secs(3_600),
            bytes: 1 << 30,
        },
    };
    let writer = RecordingWriter::start(options, Box::new(|_| {})).unwrap();
    let call = CallId::new(Uuid::from_u128(1));
    let tape = writer.tape(call);
    tape.begin(Codec::Pcma, 1);
    tell(&tape);
    tape.finish(2);
    writer.stop(3);
    Archive::new(folder.path())
        .read(call, &sealer(), false)
        .unwrap()
}

/// A recording in which both sides are loud all the time, and every turn takes a second of two.
fn recorded_turns(turns: &[(Side, &str)], mask_cards: bool) -> Recording {
    recorded(mask_cards, |tape| {
        let mut masking = Masking::new(Some(tape.clone()));
        for n in 0..turns.len() as u32 * 100 {
            for side in [Side::Caller, Side::Agent] {
                let frame = Frame {
                    side,
                    start: FRAME_DURATION * n,
                    samples: [LOUD; FRAME_SAMPLES],
                };
                tape.hear(&frame);
                masking.heard(&frame);
            }
        }
        let understander = Arc::new(Understander::shipped());
        let mut understanding = CallUnderstanding::new(understander);
        for (index, turn) in turns.iter().enumerate() {
            understanding.hear(&utterance(*turn, Duration::from_secs(2 * index as u64)));
            for spoken in understanding.secrets() {
                masking.secret(spoken);
            }
        }
        for side in [Side::Caller, Side::Agent] {
            masking.finish(side);
        }
    })
}

/// The turns that cannot be heard in the recording.
fn silenced(turns: &[(Side, &str)], mask_cards: bool) -> Vec<usize> {
    let recording = recorded_turns(turns, mask_cards);
    let is_silent = |index: &usize| {
        let said = match turns[*index].0 {
            Side::Caller => &recording.caller,
            Side::Agent => &recording.agent,
        };
        let middle = 2 * index * SECOND + SECOND / 2;
        said[middle].abs() < LOUD / 2
    };
    (0..turns.len()).filter(is_silent).collect()
}

#[test]
fn a_card_that_is_told_over_several_turns_is_not_kept() {
    use Side::{Agent, Caller};
    let unannounced = [
        (Caller, "我想查一下余额"),
        (Caller, "四幺幺幺"),
        (Agent, "嗯"),
        (Caller, "幺幺幺幺"),
        (Agent, "幺幺幺幺"),
        (Caller, "幺幺幺幺"),
        (Agent, "好的"),
        (Caller, "幺幺幺幺，就这些"),
        (Agent, "请问还有什么可以帮您"),
    ];
    assert_eq!(silenced(&unannounced, true), [1, 3, 4, 5, 7]);
    assert!(silenced(&unannounced, false).is_empty());
    let announced = [
        (Agent, "请说一下您的卡号"),
        (Caller, "六二二二零二"),
        (Agent, "嗯"),
        (Caller, "幺二三四"),
        (Agent, "请问您的预留手机号"),
        (Caller, "我想转人工"),
    ];
    assert_eq!(silenced(&announced, true), [1, 3]);
    let english = [
        (Caller, "my card number is"),
        (Caller, "four one one one"),
        (Agent, "yes"),
        (Caller, "double one double one"),
    ];
    assert_eq!(silenced(&english, true), [1, 3]);
}

#[test]
fn a_code_is_not_kept_and_other_numbers_are() {
    use Side::{Agent, Caller};
    let code = [
        (Agent, "卡背面的安全码是多少"),
        (Caller, "三二一"),
        (Caller, "我的密码是八零八六"),
        (Agent, "what is the cvv"),
        (Caller, "seven seven two"),
    ];
    assert_eq!(silenced(&code, true), [1, 2, 4]);
    let others = [
        (Agent, "您的手机号码是多少"),
        (Caller, "幺三八零零幺"),
        (Agent, "嗯"),
        (Caller, "三八零零零"),
        (Agent, "订单号呢"),
        (Caller, "订单号是七七四三三一"),
    ];
    assert!(silenced(&others, true).is_empty());
}
