//! Streams of models that write text, above a network whose outputs are given.

use std::fs;
use std::path::Path;

use trunkside_models::acoustic::{Geometry, Network};
use trunkside_models::{Catalogue, Error as ModelError, Role};

use super::*;

/// Milliseconds of one output.
const OUTPUT_MS: u64 = 40;
/// The classes of the small model of the tests, whose network another one stands for; the last is the blank.
const CLASSES: usize = 9;

/// Gives these outputs whatever it hears, and then the blank.
struct Script(Geometry, Arc<Vec<Vec<f32>>>);

struct Reading {
    script: Arc<Vec<Vec<f32>>>,
    at: usize,
    output: Vec<f32>,
}

impl Network for Script {
    fn geometry(&self) -> &Geometry {
        &self.0
    }

    fn general_because(&self) -> Option<&str> {
        None
    }

    fn session(&self) -> Result<Box<dyn Session>, ModelError> {
        Ok(Box::new(Reading {
            script: Arc::clone(&self.1),
            at: 0,
            output: Vec::new(),
        }))
    }
}

impl Session for Reading {
    fn advance(&mut self, _: &[f32]) -> Result<&[f32], ModelError> {
        let given = self.script.get(self.at).cloned();
        self.output = given.unwrap_or_else(|| output(&[(CLASSES - 1, 1.0)]));
        self.at += 1;
        Ok(&self.output)
    }

    fn reset(&mut self) {
        self.at = 0;
    }
}

/// An output in which classes have these probabilities, and others hardly any.
fn output(probabilities: &[(usize, f32)]) -> Vec<f32> {
    let mut row = vec![1e-6f32; CLASSES];
    for &(class, probability) in probabilities {
        row[class] = probability;
    }
    row.into_iter().map(f32::ln).collect()
}

/// A model with these tokens, numbered from 0, that hears these outputs.
fn recogniser(tokens: &[&str], outputs: Vec<Vec<f32>>) -> Arc<Recogniser> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.txt");
    let unused = (tokens.len()..CLASSES - 1).map(|id| format!("<unused-{id}>"));
    let symbols = tokens.iter().map(ToString::to_string).chain(unused);
    let lines = symbols.chain(["<blk>".to_owned()]).zip(0..);
    let lines = lines.map(|(symbol, id): (String, usize)| format!("{symbol} {id}\n"));
    fs::write(&file, lines.collect::<String>()).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tests/data");
    let catalogue = Catalogue::find(Some(&models)).unwrap();
    let mut model = catalogue.model("tones").unwrap().clone();
    model
        .files
        .retain(|file| [Role::Acoustic, Role::Tokens].contains(&file.role));
    let written = model
        .files
        .iter_mut()
        .find(|file| file.role == Role::Tokens);
    written.unwrap().path = file;
    let mut recogniser = Recogniser::load(&model).unwrap();
    let geometry = Geometry {
        window: 4,
        shift: 4,
        outputs: 1,
        output_ms: OUTPUT_MS,
        ..*recogniser.acoustic.network.geometry()
    };
    recogniser.acoustic.network = Arc::new(Script(geometry, Arc::new(outputs)));
    Arc::new(recogniser)
}

/// The final utterances of a silent line, of which the network makes what its script has.
fn finals(recogniser: &Arc<Recogniser>, options: StreamOptions) -> Vec<Utterance> {
    let mut stream = recogniser.stream(Side::Caller, options).unwrap();
    for number in 0..400 {
        let frame = Frame {
            side: Side::Caller,
            start: millis(20 * number),
            samples: [0; FRAME_SAMPLES],
        };
        stream.handle(&frame).unwrap();
    }
    stream.finish().unwrap();
    let utterances = std::iter::from_fn(|| stream.poll());
    utterances.filter(|utterance| utterance.is_final).collect()
}

fn texts(utterances: &[Utterance]) -> Vec<&str> {
    let texts = utterances.iter().map(|utterance| utterance.text.as_str());
    texts.collect()
}

fn beam(token_beam: usize) -> StreamOptions {
    StreamOptions {
        token_beam,
        ..StreamOptions::default()
    }
}

#[test]
fn a_number_is_not_cut_at_a_pause_however_it_is_written() {
    let pause = |ms: u64| vec![output(&[(CLASSES - 1, 1.0)]); (ms / OUTPUT_MS) as usize];
    for (first, second, whole) in [
        ("▁five", "▁six", "five six"),
        ("▁FIVE", "▁SIX", "FIVE SIX"),
        ("▁Five,", "▁six.", "Five, six."),
        ("▁5", "▁6", "5 6"),
        ("▁555", "▁0123", "555 0123"),
        ("五", "六", "五六"),
    ] {
        let said = [0, 1].map(|token| vec![output(&[(token, 1.0)])]);
        let [one, other] = said;
        let script = [pause(200), one, pause(800), other].concat();
        let recogniser = recogniser(&[first, second], script);
        assert_eq!(texts(&finals(&recogniser, beam(1))), [whole]);
    }
}

#[test]
fn no_token_is_lost_whose_prefix_sounds_on() {
    let said = [
        [0.02, 0.02, 0.96],
        [0.30, 0.01, 0.69],
        [0.32, 0.01, 0.67],
        [0.06, 0.91, 0.03],
        [0.36, 0.01, 0.63],
        [0.01, 0.01, 0.98],
        [0.01, 0.01, 0.98],
    ];
    let row = |[one, other, blank]: [f32; 3]| output(&[(0, one), (1, other), (8, blank)]);
    let recogniser = recogniser(&["▁one", "▁two"], said.map(row).to_vec());
    let heard = finals(&recogniser, beam(8));
    assert_eq!(texts(&heard), ["one two"]);
    let [one, two] = &heard[0].words[..] else {
        panic!("{heard:?}")
    };
    assert!(one.end <= two.start, "{one:?} {two:?}");
}

#[test]
fn a_word_that_is_never_the_likeliest_class_is_heard() {
    let weak = |probability: f32, count: usize| {
        let silence = vec![output(&[(CLASSES - 1, 1.0)]); 5];
        let blank = 1.0 - probability;
        let weak = vec![output(&[(0, probability), (CLASSES - 1, blank)]); count];
        recogniser(&["▁card"], [silence, weak].concat())
    };
    let added_up = weak(0.4, 2);
    assert_eq!(texts(&finals(&added_up, beam(8))), ["card"]);
    assert!(finals(&added_up, beam(1)).is_empty(), "the greedy search");
    let faint = weak(0.1, 1);
    assert!(finals(&faint, beam(8)).is_empty());
    let hinted = StreamOptions {
        phrases: Some(Arc::new(faint.phrases("hints.tsv", "card\t5").unwrap())),
        ..StreamOptions::default()
    };
    assert_eq!(texts(&finals(&faint, hinted)), ["card"]);
    let unclear = weak(0.3, 1);
    let menu = StreamOptions {
        grammar: Some(Arc::new(unclear.grammar("menu.txt", "card", None).unwrap())),
        ..StreamOptions::default()
    };
    assert_eq!(texts(&finals(&unclear, menu)), ["card"]);
}

#[test]
fn a_network_that_gives_no_log_probabilities_is_told() {
    let shifted: Vec<f32> = output(&[(CLASSES - 1, 1.0)])
        .iter()
        .map(|value| value + 50.0)
        .collect();
    for (row, problem) in [
        (vec![f32::NAN; CLASSES], Some("no numbers")),
        (vec![f32::NEG_INFINITY; CLASSES], Some("no numbers")),
        (vec![f32::INFINITY; CLASSES], Some("no numbers")),
        (vec![0.0; CLASSES], Some("no log probabilities")),
        (shifted, Some("no log probabilities")),
        (output(&[(0, 0.6), (CLASSES - 1, 0.4)]), None),
        (
            [vec![f32::NEG_INFINITY; CLASSES - 1], vec![0.0]].concat(),
            None,
        ),
    ] {
        let silence = output(&[(CLASSES - 1, 1.0)]);
        let recogniser = recogniser(&["▁one"], vec![silence, row]);
        let mut stream = recogniser
            .stream(Side::Caller, StreamOptions::default())
            .unwrap();
        for number in 0..50 {
            let frame = Frame {
                side: Side::Caller,
                start: millis(20 * number),
                samples: [0; FRAME_SAMPLES],
            };
            stream.handle(&frame).unwrap();
        }
        let found = stream.check_sound().err().map(|error| error.to_string());
        match (&found, problem) {
            (None, None) => {}
            (Some(found), Some(problem)) => assert!(found.contains(problem), "{found}"),
            _ => panic!("{found:?} instead of {problem:?}"),
        }
    }
}
