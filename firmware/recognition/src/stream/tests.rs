//! What is heard of tones that stand for words, when, and that no frames end a stream.

use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use trunkside_call::SAMPLE_RATE_HZ;
use trunkside_models::Catalogue;

use super::*;

/// The tiny model of `models/tests/tiny.py`, which hears each unit as a tone.
fn tones() -> Arc<Recogniser> {
    static TONES: OnceLock<Arc<Recogniser>> = OnceLock::new();
    let load = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tests/data");
        let catalogue = Catalogue::find(Some(&folder)).unwrap();
        Arc::new(Recogniser::load(catalogue.model("tones").unwrap()).unwrap())
    };
    Arc::clone(TONES.get_or_init(load))
}

/// Each unit 120 ms long; `-` is 120 ms and `=` one second of a quiet line.
fn play(units: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    let mut noise = 1u32;
    for unit in units.split(' ') {
        let (ms, hz) = match unit {
            "-" => (120, 0.0),
            "=" => (1_000, 0.0),
            _ => (120, tone_hz(unit)),
        };
        for n in 0..ms * 8 {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = ((noise >> 16) & 63) as f32 - 32.0;
            let turn = std::f32::consts::TAU * hz * n as f32 / SAMPLE_RATE_HZ as f32;
            samples.push((turn.sin() * 8_000.0 + hiss) as i16);
        }
    }
    samples
}

fn tone_hz(unit: &str) -> f32 {
    let units = ["b", "m", "a", "i", "AH", "IY", "S", "T"];
    let tones = [
        500.0, 800.0, 1_100.0, 1_500.0, 1_900.0, 2_300.0, 2_700.0, 3_100.0,
    ];
    tones[units.iter().position(|known| *known == unit).unwrap()]
}

fn frames(samples: &[i16]) -> Vec<Frame> {
    let frame = |(index, chunk): (usize, &[i16])| {
        let mut samples = [0; FRAME_SAMPLES];
        samples[..chunk.len()].copy_from_slice(chunk);
        Frame {
            side: Side::Caller,
            start: millis(20 * index as u64),
            samples,
        }
    };
    samples
        .chunks(FRAME_SAMPLES)
        .enumerate()
        .map(frame)
        .collect()
}

fn stream(options: StreamOptions) -> Stream {
    tones().stream(Side::Caller, options).unwrap()
}

/// Everything that frames bring forth, finished.
fn hear(frames: &[Frame], options: StreamOptions) -> Vec<Utterance> {
    heard_by(&mut stream(options), frames)
}

/// The same of a stream that is looked at afterwards.
fn heard_by(stream: &mut Stream, frames: &[Frame]) -> Vec<Utterance> {
    let mut heard = Vec::new();
    for frame in frames {
        stream.handle(frame).unwrap();
        heard.extend(std::iter::from_fn(|| stream.poll()));
    }
    stream.finish().unwrap();
    heard.extend(std::iter::from_fn(|| stream.poll()));
    heard
}

fn finals(units: &str, options: StreamOptions) -> Vec<Utterance> {
    let mut heard = hear(&frames(&play(units)), options);
    heard.retain(|utterance| utterance.is_final);
    heard
}

fn texts(utterances: &[Utterance]) -> Vec<&str> {
    utterances
        .iter()
        .map(|utterance| utterance.text.as_str())
        .collect()
}

#[test]
fn words_are_heard_with_times_language_and_prosody() {
    let heard = finals("= b a - m a - = S IY - AH T =", StreamOptions::default());
    assert_eq!(texts(&heard), ["爸妈", "see at"]);
    let [first, second] = &heard[..] else {
        panic!()
    };
    assert_eq!((first.number, second.number), (0, 1));
    assert_eq!(
        (first.language, second.language),
        (Language::Zh, Language::En)
    );
    assert!(
        (millis(980)..=millis(1_060)).contains(&first.start),
        "{:?}",
        first.start
    );
    assert!(
        (millis(1_560)..=millis(1_800)).contains(&first.end),
        "{:?}",
        first.end
    );
    let word = &second.words[1];
    assert_eq!(word.text, "at");
    assert!(
        (millis(3_000)..=millis(3_200)).contains(&word.start),
        "{:?}",
        word.start
    );
    assert!(word.confidence > 0.8 && first.confidence > 0.8);
    assert!(
        (-20.0..-10.0).contains(&first.prosody.level_dbfs),
        "{:?}",
        first.prosody
    );
}

#[test]
fn the_network_rests_over_a_long_quiet_and_nothing_behind_it_is_lost() {
    let quiet = vec!["="; 30].join(" ");
    let samples = play(&format!(
        "= b a - m a {quiet} S IY - AH T {quiet} b a - m a ="
    ));
    let mut stream = stream(StreamOptions::default());
    let mut heard = heard_by(&mut stream, &frames(&samples));
    heard.retain(|utterance| utterance.is_final);
    assert_eq!(texts(&heard), ["爸妈", "see at", "爸妈"]);
    let starts = heard.iter().map(|utterance| utterance.start.as_millis());
    for (start, said) in starts.zip([1_000_u128, 31_600, 62_200]) {
        assert!(start.abs_diff(said) <= 60, "{start} for {said}");
    }
    assert!(heard.iter().map(|utterance| utterance.number).eq(0..3));
    // Some 64 s have come, of which a quarter must be heard: no more than 2.5 s around each utterance.
    let chunk = tones().acoustic.network.geometry().shift as u64 * 10;
    let ran = stream.runs() * chunk;
    assert!(ran < 17_000, "the network heard {ran} ms");
}

#[test]
fn partials_come_while_the_caller_speaks_and_keep_their_number() {
    let heard = hear(
        &frames(&play("= b a - m a - b i - m i - =")),
        StreamOptions::default(),
    );
    let (finals, partials): (Vec<_>, Vec<_>) = heard.into_iter().partition(|u| u.is_final);
    assert_eq!(finals.len(), 1);
    assert!(partials.len() >= 2, "{}", partials.len());
    assert!(
        partials
            .iter()
            .all(|partial| partial.number == 0 && !partial.text.is_empty())
    );
    assert!(
        partials
            .iter()
            .all(|partial| finals[0].text.starts_with(&partial.text))
    );
    assert!(partials[0].end < finals[0].end);
}

#[test]
fn an_utterance_ends_within_600_ms_of_the_voice() {
    let samples = play("= b a - m a = = =");
    let voice_end = millis(1_000 + 5 * 120);
    let mut stream = stream(StreamOptions::default());
    let ended = frames(&samples).iter().find_map(|frame| {
        stream.handle(frame).unwrap();
        std::iter::from_fn(|| stream.poll())
            .any(|u| u.is_final)
            .then(|| frame.end())
    });
    let delay = ended.unwrap() - voice_end;
    assert!(delay <= millis(600), "{delay:?}");
}

#[test]
fn a_number_is_not_cut_at_a_pause() {
    let heard = finals(
        "= m a - b a - - - - - - - b a - =",
        StreamOptions::default(),
    );
    assert_eq!(texts(&heard), ["妈八八"], "a pause of 0.8 s after a digit");
    let heard = finals(
        "= b a - m a - - - - - - - m a - =",
        StreamOptions::default(),
    );
    assert_eq!(
        texts(&heard),
        ["爸妈", "妈"],
        "the same pause after another word"
    );
}

#[test]
fn silence_and_noise_say_nothing() {
    assert!(finals("= = = =", StreamOptions::default()).is_empty());
    let mut state = 3u32;
    let noise: Vec<i16> = (0..40_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 20) as i16 - 2_048
        })
        .collect();
    let heard = hear(&frames(&noise), StreamOptions::default());
    assert!(
        heard.iter().all(|utterance| utterance.words.is_empty()),
        "{heard:?}"
    );
    assert!(hear(&frames(&[i16::MAX; 40_000]), StreamOptions::default()).is_empty());
}

#[test]
fn speech_without_a_known_word_is_an_utterance_without_words() {
    let heard = finals("= i S i AH i m i S i =", StreamOptions::default());
    assert_eq!(texts(&heard), [""]);
    assert!(heard[0].words.is_empty() && heard[0].confidence == 0.0);
    assert!(heard[0].prosody.level_dbfs > -20.0);
}

#[test]
fn a_grammar_hears_its_phrases_or_nothing() {
    let grammar = Arc::new(tones().grammar("menu.txt", "妈\nsee at\n", None).unwrap());
    let options = StreamOptions {
        grammar: Some(grammar),
        ..StreamOptions::default()
    };
    assert_eq!(texts(&finals("= m a =", options.clone())), ["妈"]);
    assert_eq!(
        texts(&finals("= S IY - AH T =", options.clone())),
        ["see at"]
    );
    let others = finals("= b i b i =", options);
    assert!(
        others.iter().all(|utterance| utterance.text.is_empty()),
        "{others:?}"
    );
}

#[test]
fn a_gap_in_the_frames_does_not_shift_times() {
    let whole = frames(&play("= b a - = m a - ="));
    let holes = |from: u64, to: u64| -> Vec<Frame> {
        let kept = |frame: &&Frame| !(millis(from)..millis(to)).contains(&frame.start);
        whole.iter().filter(kept).copied().collect()
    };
    let word_start = |heard: &[Utterance]| {
        heard
            .iter()
            .rfind(|u| u.is_final && !u.words.is_empty())
            .unwrap()
            .words[0]
            .start
    };
    let expected = word_start(&hear(&whole, StreamOptions::default()));
    for (from, to) in [(1_500, 1_540), (1_400, 2_200), (100, 2_000)] {
        let found = word_start(&hear(&holes(from, to), StreamOptions::default()));
        let off = millis_of(found.abs_diff(expected));
        assert!(off <= 40, "{off} ms off with a hole from {from} to {to}");
    }
}

#[test]
fn late_and_doubled_frames_are_ignored() {
    let whole = frames(&play("= b a - m a - ="));
    let doubled: Vec<Frame> = whole.iter().flat_map(|frame| [*frame, *frame]).collect();
    let expected = hear(&whole, StreamOptions::default());
    assert_eq!(hear(&doubled, StreamOptions::default()), expected);
}

#[test]
fn a_call_may_begin_late_and_go_on_after_finish() {
    let mut whole = frames(&play("= b a - ="));
    for frame in &mut whole {
        frame.start += Duration::from_secs(3_600);
    }
    let mut stream = stream(StreamOptions::default());
    for _ in 0..2 {
        for frame in &whole {
            stream.handle(frame).unwrap();
        }
        stream.finish().unwrap();
        let heard: Vec<Utterance> = std::iter::from_fn(|| stream.poll()).collect();
        let last = heard.last().unwrap();
        assert!(
            last.start >= Duration::from_secs(3_600) && last.text == "爸",
            "{last:?}"
        );
    }
}

#[test]
fn a_language_the_model_lacks_is_an_error() {
    let options = StreamOptions {
        language: Some(Language::Yue),
        ..StreamOptions::default()
    };
    let error = tones()
        .stream(Side::Agent, options)
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        error,
        "model `tones` does not know the language `yue`; choose one that it knows, `zh` or `en`, or \
         another model"
    );
}

#[test]
fn endless_speech_is_cut_after_twenty_seconds() {
    let units = "b a m a ".repeat(60);
    let heard = finals(units.trim_end(), StreamOptions::default());
    assert!(heard.len() >= 2);
    assert!(
        heard
            .iter()
            .all(|utterance| utterance.end - utterance.start <= millis(20_100))
    );
}

#[test]
fn ten_minutes_without_a_pause_are_heard_in_bounded_memory() {
    let minute = frames(&play("b a m a ".repeat(125).trim_end()));
    let mut stream = stream(StreamOptions::default());
    let (mut words, mut longest) = (0, Duration::ZERO);
    for number in 0..10u32 {
        for frame in &minute {
            let start = frame.start + millis(60_000) * number;
            stream.handle(&Frame { start, ..*frame }).unwrap();
            let finals = std::iter::from_fn(|| stream.poll()).filter(|u| u.is_final);
            for utterance in finals {
                words += utterance.text.chars().count();
                longest = longest.max(utterance.end - utterance.start);
            }
        }
        let frames = stream.features.len() / tones().feature_dim();
        assert!(frames < 100, "{frames} feature frames wait");
    }
    assert!(longest <= millis(20_100), "{longest:?}");
    assert!(words > 2_000, "{words} words of 2500, a character each");
}

#[test]
fn a_thousand_calls_of_a_second_are_each_heard() {
    let second = frames(&play("- b a - m a - -"));
    for _ in 0..1_000 {
        let mut stream = stream(StreamOptions::default());
        for frame in &second {
            stream.handle(frame).unwrap();
        }
        stream.finish().unwrap();
        let last = std::iter::from_fn(|| stream.poll()).last();
        assert_eq!(
            last.map(|utterance| utterance.text).as_deref(),
            Some("爸妈")
        );
    }
}

/// What comes of a line that is far too loud, or not speech at all.
#[test]
fn clipped_voices_and_square_waves_are_survived() {
    let mut clipped = play("= b a - m a - = S IY - AH T =");
    for sample in &mut clipped {
        *sample = sample.saturating_mul(64);
    }
    let heard = hear(&frames(&clipped), StreamOptions::default());
    assert!(heard.iter().any(|utterance| utterance.is_final));
    let square: Vec<i16> = (0..80_000)
        .map(|n| if n / 4 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    for utterance in hear(&frames(&square), StreamOptions::default()) {
        assert!(utterance.prosody.level_dbfs.is_finite() && utterance.confidence.is_finite());
    }
}

#[test]
fn streams_of_one_recogniser_do_not_disturb_each_other() {
    let one = frames(&play("= b a - m a - ="));
    let other = frames(&play("= S IY - T IY ="));
    let mut first = stream(StreamOptions::default());
    let mut second = stream(StreamOptions::default());
    for (one, other) in one.iter().zip(&other) {
        first.handle(one).unwrap();
        second.handle(other).unwrap();
    }
    first.finish().unwrap();
    second.finish().unwrap();
    let last = |stream: &mut Stream| {
        std::iter::from_fn(|| stream.poll())
            .last()
            .map(|utterance| utterance.text)
    };
    assert_eq!(last(&mut first).as_deref(), Some("爸妈"));
    assert_eq!(last(&mut second).as_deref(), Some("see tea"));
}

/// The words and the runs that a recogniser needs for some frames in hops of so many chunks.
fn in_hops(recogniser: &Arc<Recogniser>, frames: &[Frame], hop: usize) -> (Vec<Word>, u64) {
    let options = StreamOptions::default();
    let mut stream = recogniser.stream(Side::Caller, options).unwrap();
    stream.set_hop(hop);
    for frame in frames {
        stream.handle(frame).unwrap();
    }
    stream.finish().unwrap();
    let utterances = std::iter::from_fn(|| stream.poll());
    let words = utterances.filter(|u| u.is_final).flat_map(|u| u.words);
    (words.collect(), stream.runs())
}

#[test]
fn longer_hops_hear_the_same_in_fewer_runs() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let catalogue = Catalogue::find(Some(&shipped)).unwrap();
    let model = catalogue.default_model().unwrap();
    let recogniser = Arc::new(Recogniser::load(model).unwrap());
    let whole = frames(&play("= b a - m a - b i - = = S IY - AH T ="));
    let (expected, runs) = in_hops(&recogniser, &whole, 1);
    for hop in [2, 4] {
        let (words, fewer) = in_hops(&recogniser, &whole, hop);
        assert_eq!(words, expected, "hops of {hop}");
        assert!(
            fewer as usize <= runs as usize / hop + 4,
            "{fewer} runs instead of {runs}"
        );
    }
    assert_eq!(
        in_hops(&recogniser, &whole, 3),
        in_hops(&recogniser, &whole, 2)
    );
}

#[test]
fn a_network_that_hears_one_chunk_at_a_time_does_so_in_any_hop() {
    let whole = frames(&play("= b a - m a - b i - = = S IY - AH T ="));
    let expected = in_hops(&tones(), &whole, 1);
    assert!(!expected.0.is_empty());
    assert_eq!(in_hops(&tones(), &whole, 4), expected);
}

/// Of each frame, whether the network ran, and whether that was known from the frame's time.
fn runs(frames: &[Frame]) -> Vec<(bool, bool)> {
    let mut stream = stream(StreamOptions::default());
    let ran = frames.iter().map(|frame| {
        let runs = stream.runs();
        stream.handle(frame).unwrap();
        let number = millis_of(frame.start) / 20 + 1;
        (stream.runs() > runs, tones().completes_chunk(number))
    });
    ran.collect()
}

#[test]
fn frames_that_complete_a_chunk_are_known_beforehand() {
    for (number, (ran, known)) in runs(&frames(&play("= = b a ="))).iter().enumerate() {
        assert_eq!(ran, known, "frame {number}");
    }
}

#[test]
fn frames_that_complete_a_chunk_are_known_behind_a_rest_too() {
    for more in 0..8 {
        let mut samples = play("= = b a = = =");
        samples.extend(&play("=")[..more * FRAME_SAMPLES]);
        let wakes = samples.len() / FRAME_SAMPLES;
        samples.extend(play("b a - m a = ="));
        let runs = runs(&frames(&samples));
        let rested = runs[..wakes].iter().rev().take_while(|(ran, _)| !ran);
        assert!(rested.count() > 25, "it rested before frame {wakes}");
        assert!(runs[wakes].0, "frame {wakes} wakes it");
        for (number, (ran, known)) in runs.iter().enumerate().skip(wakes + 1) {
            assert_eq!(
                ran, known,
                "frame {number} behind one that woke it, {wakes}"
            );
        }
    }
}

#[test]
fn frames_that_complete_a_chunk_are_known_behind_a_gap_too() {
    let whole = frames(&play("= = b a = = = b a - m a = ="));
    for more in 0..8 {
        let hole = 120..210 + more;
        let left = [&whole[..hole.start], &whole[hole.end..]].concat();
        let runs = runs(&left);
        // The first window behind it is filled anew.
        for (number, (ran, known)) in runs.iter().enumerate().skip(hole.start + 12) {
            assert_eq!(
                ran,
                known,
                "frame {number} where {} are missing",
                hole.len()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the samples and the times of frames are, the stream stays sound.
    #[test]
    fn any_frames_are_survived(
        steps in prop::collection::vec((0u64..2_500, any::<i16>(), any::<i16>()), 1..40)
    ) {
        let mut stream = stream(StreamOptions::default());
        let mut start = 0;
        for (step, even, odd) in steps {
            start += step;
            let mut samples = [even; FRAME_SAMPLES];
            samples.iter_mut().skip(1).step_by(2).for_each(|sample| *sample = odd);
            stream.handle(&Frame { side: Side::Agent, start: millis(start), samples }).unwrap();
            for utterance in std::iter::from_fn(|| stream.poll()) {
                prop_assert!(utterance.start <= utterance.end);
            }
        }
        stream.finish().unwrap();
    }
}
