//! A caller with A-law and telephone events, an agent with µ-law and neither events nor INFO: each hears the other, and
//! the key that the caller presses comes to the agent as the tones of that key, once.

use std::f64::consts::TAU;
use std::time::Duration;

use e2e::audio::{HEARD, best_correlation, recording};
use e2e::branch::{Branch, Phone};
use e2e::process::{has_peer, until};
use e2e::sipp::succeed;
use e2e::voice::{Voice, samples_of};

/// 20 ms.
const BLOCK: usize = 160;

/// Of each block, whether nearly all its power is in these two tones.
fn holds_tones(heard: &[i16], pair: [f64; 2]) -> Vec<bool> {
    let holds = |block: &[i16]| {
        let energy: f64 = block.iter().map(|s| f64::from(*s).powi(2)).sum();
        let power = |hertz: f64| {
            let turn = TAU * hertz / 8_000.0;
            let (mut real, mut imaginary) = (0.0, 0.0);
            for (n, sample) in (0_u32..).zip(block) {
                let phase = turn * f64::from(n);
                real += f64::from(*sample) * phase.cos();
                imaginary += f64::from(*sample) * phase.sin();
            }
            (real * real + imaginary * imaginary) * 2.0 / block.len() as f64
        };
        energy > 1e8 && pair.iter().map(|hertz| power(*hertz)).sum::<f64>() > 0.8 * energy
    };
    heard.chunks_exact(BLOCK).map(holds).collect()
}

#[test]
fn unlike_phones_understand_each_other() {
    if !has_peer("sipp") {
        return;
    }
    let (caller_says, agent_says) = (recording("phone_zh.wav"), recording("lostcard_en.wav"));
    let phone = Phone::new(Voice::saying(&agent_says, Duration::from_millis(300)).in_ulaw());
    let caller = Voice::saying(&caller_says, Duration::from_secs(11));
    let agents = vec![phone.agent("li_na", false)];
    let mut branch = Branch::start_with(agents, |settings| settings.listen_timeout_s = 2);
    let answering = phone.run("agent_answers_in_ulaw");
    let carrier = branch.carrier("carrier_hangs_up", &caller).pause_ms(24_000);
    let carrier = carrier.start();
    caller.wait_until_said();
    phone.voice.wait_until_said();
    caller.press(5);
    let presses = || {
        let blocks = holds_tones(&phone.voice.heard(), [770.0, 1_336.0]);
        let begins = |pair: &&[bool]| !pair[0] && pair[1];
        (
            blocks.windows(2).filter(begins).count(),
            blocks.iter().filter(|holds| **holds).count(),
        )
    };
    until("the agent hears the key", || presses().1 >= 5);
    succeed(carrier);
    succeed(answering);
    let (times, blocks) = presses();
    assert_eq!(times, 1, "the key is pressed once");
    assert!((5..=9).contains(&blocks), "{blocks} blocks of 20 ms");
    let heard = best_correlation(&samples_of(&agent_says), &caller.heard());
    assert!(heard > HEARD, "the caller heard the agent at {heard:.2}");
    let heard = best_correlation(&samples_of(&caller_says), &phone.voice.heard());
    assert!(heard > HEARD, "the agent heard the caller at {heard:.2}");
    assert_eq!(branch.record()["outcome"], "bridged");
}
