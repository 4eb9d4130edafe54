//! Streaming equals batch, however samples and chunks come.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use trunkside_models::{Catalogue, Import};

use super::*;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// The samples of an A-law file (ITU-T G.711).
fn recording(path: &str) -> Vec<i16> {
    let bytes = fs::read(models().join(path)).unwrap();
    let at = bytes.windows(4).position(|four| four == b"data").unwrap();
    let sample = |byte: &u8| {
        let code = byte ^ 0x55;
        let (exponent, mantissa) = ((code >> 4) & 7, i16::from(code & 15));
        let size = match exponent {
            0 => (mantissa << 4) + 8,
            _ => ((mantissa << 4) + 0x108) << (exponent - 1),
        };
        if code & 0x80 == 0 { -size } else { size }
    };
    bytes[at + 8..].iter().map(sample).collect()
}

/// The model that ships, and a recording for it.
fn shipped() -> &'static (Arc<Recogniser>, Vec<i16>) {
    static SHIPPED: OnceLock<(Arc<Recogniser>, Vec<i16>)> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let catalogue = Catalogue::find(Some(&models())).unwrap();
        let recogniser = Recogniser::load(catalogue.default_model().unwrap()).unwrap();
        let samples = recording("../tests/audio/balance_zh.wav");
        (Arc::new(recogniser), samples)
    })
}

/// A random-weight zipformer2 that was imported, and a recording for it.
fn imported() -> &'static (Arc<Recogniser>, Vec<i16>) {
    static IMPORTED: OnceLock<(Arc<Recogniser>, Vec<i16>)> = OnceLock::new();
    IMPORTED.get_or_init(|| {
        let contract = models().join("tests/data/contracts/zipformer2-ctc");
        let folder = tempfile::tempdir().unwrap();
        let staged = Import {
            files: &["model.onnx", "tokens.txt"].map(|file| contract.join(file)),
            name: "imported",
            licence: "none",
            languages: &[],
            folder: folder.path(),
        }
        .stage()
        .unwrap();
        let recogniser = Recogniser::load(&staged.entry).unwrap();
        let samples = recording("tests/data/contracts/speech.wav");
        (Arc::new(recogniser), samples)
    })
}

/// All outputs of the network when samples come in pieces of these sizes, over and over, and each
/// run may hear so many chunks, over and over.
fn outputs(
    (recogniser, samples): &(Arc<Recogniser>, Vec<i16>),
    pieces: &[usize],
    chunks: &[usize],
) -> Vec<f32> {
    let network = &recogniser.acoustic.network;
    let geometry = *network.geometry();
    let mut front = Front::new(&geometry, &recogniser.filters);
    let mut session = network.session().unwrap();
    let (mut features, mut found) = (Vec::new(), Vec::new());
    let (mut pieces, mut chunks) = (pieces.iter().cycle(), chunks.iter().cycle());
    let mut rest = &samples[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*pieces.next().unwrap()).min(rest.len()));
        rest = after;
        front.push(piece, &mut features);
        loop {
            let frames = features.len() / geometry.bands;
            let Some(more) = frames.checked_sub(geometry.window) else {
                break;
            };
            let most = (more / geometry.shift + 1).min(*chunks.next().unwrap());
            let count = *network.chunks().iter().rfind(|&&n| n <= most).unwrap();
            let window = (geometry.window + (count - 1) * geometry.shift) * geometry.bands;
            found.extend_from_slice(session.advance(&features[..window]).unwrap());
            features.drain(..count * geometry.shift * geometry.bands);
        }
    }
    found
}

/// The words of samples when the stream may wait for so many chunks, changing at every frame, and how often the
/// network ran.
fn words(recogniser: &Arc<Recogniser>, samples: &[i16], hops: &[usize]) -> (Vec<Word>, u64) {
    let options = StreamOptions::default();
    let mut stream = recogniser.stream(Side::Caller, options).unwrap();
    let mut hops = hops.iter().cycle();
    for (number, chunk) in (0..).zip(samples.chunks(FRAME_SAMPLES)) {
        let mut frame = Frame {
            side: Side::Caller,
            start: millis(20 * number),
            samples: [0; FRAME_SAMPLES],
        };
        frame.samples[..chunk.len()].copy_from_slice(chunk);
        stream.set_hop(*hops.next().unwrap());
        stream.handle(&frame).unwrap();
    }
    stream.finish().unwrap();
    let utterances = std::iter::from_fn(|| stream.poll());
    let words = utterances.filter(|u| u.is_final).flat_map(|u| u.words);
    (words.collect(), stream.runs())
}

fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let off = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    let worst = off.fold(0.0, f32::max);
    assert!(worst < 1e-4, "differs by {worst}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn the_networks_outputs_do_not_depend_on_how_samples_come(
        pieces in prop::collection::vec(1usize..4_000, 1..12),
        chunks in prop::collection::vec(1usize..6, 1..8),
    ) {
        for model in [shipped(), imported()] {
            let whole = outputs(model, &[usize::MAX], &[1]);
            assert_near(&outputs(model, &pieces, &chunks), &whole);
        }
    }

    /// Over the quiet between, a network with a lexicon rests, and no other does.
    #[test]
    fn words_do_not_depend_on_hops(
        hops in prop::collection::vec(1usize..6, 1..40),
        quiet_frames in 240usize..280,
    ) {
        for (recogniser, samples) in [shipped(), imported()] {
            let quiet = vec![0; quiet_frames * FRAME_SAMPLES];
            let twice = [&samples[..], &quiet, samples].concat();
            let (expected, runs) = words(recogniser, &twice, &[1]);
            let audio = Duration::from_millis(twice.len() as u64 / 8);
            let all = audio.div_duration_f64(recogniser.chunk()) as u64;
            prop_assert!(!expected.is_empty());
            prop_assert_eq!(runs < all, recogniser.has_lexicon(), "{} runs of {}", runs, all);
            let (found, _) = words(recogniser, &twice, &hops);
            let plain = |words: &[Word]| -> Vec<_> {
                words.iter().map(|word| (word.text.clone(), word.start, word.end)).collect()
            };
            prop_assert_eq!(plain(&found), plain(&expected));
        }
    }
}
