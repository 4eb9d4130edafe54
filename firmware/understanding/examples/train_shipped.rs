//! Trains the intent model that ships: `TRUNKSIDE_DATA=../shared/data cargo run -p
//! trunkside-understanding --example train_shipped`. Reads the grammars in `data/intents` and the
//! training parts of BANKING77 (CC BY 4.0, `PolyAI`) and CLINC150 (CC BY 3.0, Larson et al.) whose
//! labels `data/intents/public.tsv` maps; writes `data/intents/shipped/`, prints how it does on the
//! kept set, which was written apart from the grammars, and what it mistakes there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trunkside_understanding::intents::{Example, IntentModel, OUT_OF_SCOPE, corpus, read_examples};

/// Lines of one public label at most, so that no intent is mostly one set's.
const A_LABEL: usize = 100;

/// The same for a label that is out of scope, of which there are many.
const A_LABEL_OUT_OF_SCOPE: usize = 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/intents");
    let mut corpus = corpus::shipped();
    corpus.examples.extend(public_examples()?);
    let model = IntentModel::train_shipped(&corpus.examples, &corpus.digest)
        .ok_or("the corpus names fewer than two intents")?;
    model.save(&data.join("shipped"))?;
    say(&serde_json::json!({
        "examples": corpus.examples.len(),
        "intents": model.labels().len(),
    }));
    for language in ["zh", "yue", "en"] {
        let kept = read_examples(&data.join("kept").join(format!("{language}.tsv")))?;
        say(&serde_json::json!({ "language": language, "kept": model.evaluate(&kept) }));
        for example in &kept {
            let first = &model.classify(&example.text)[0];
            if first.name != example.label {
                let heard = format!("{} {:.2}", first.name, first.score);
                say(&serde_json::json!([example.text, example.label, heard]));
            }
        }
    }
    Ok(())
}

/// What the public training parts hold of the taxonomy.
fn public_examples() -> Result<Vec<Example>, Box<dyn std::error::Error>> {
    let data = std::env::var("TRUNKSIDE_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let text = PathBuf::from(data).join("text");
    let intents: BTreeMap<(&str, &str), &str> = corpus::PUBLIC
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some(((fields.next()?, fields.next()?), fields.next()?))
        })
        .collect();
    let clinc = fs::read_to_string(text.join("clinc150/data_full.json"))?;
    let clinc: serde_json::Value = serde_json::from_str(&clinc)?;
    let parts = ["train", "oos_train"].map(|part| clinc[part].as_array());
    let mut lines: Vec<(&str, String, String)> = Vec::new();
    for line in parts.into_iter().flatten().flatten() {
        let field = |index: usize| line[index].as_str().unwrap_or("").to_owned();
        lines.push(("clinc150", field(0), field(1)));
    }
    let banking = fs::read_to_string(text.join("banking77/train.csv"))?;
    for line in banking.lines().skip(1) {
        // Lines that go on in the next one are left out.
        if let Some((text, label)) = line.rsplit_once(',') {
            lines.push((
                "banking77",
                text.trim_matches('"').to_owned(),
                label.to_owned(),
            ));
        }
    }
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut examples = Vec::new();
    for (set, text, label) in lines {
        let Some(intent) = intents.get(&(set, label.as_str())).copied() else {
            continue;
        };
        let count = counts.entry((set, label.clone())).or_default();
        *count += 1;
        let most = if intent == OUT_OF_SCOPE {
            A_LABEL_OUT_OF_SCOPE
        } else {
            A_LABEL
        };
        if *count <= most {
            examples.push(Example {
                text,
                label: intent.to_owned(),
            });
        }
    }
    Ok(examples)
}

fn say(line: &serde_json::Value) {
    #[expect(clippy::print_stdout, reason = "a command prints its result")]
    {
        println!("{line}");
    }
}
