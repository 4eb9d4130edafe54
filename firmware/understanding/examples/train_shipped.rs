//! Trains the intent model that ships: `cargo run -p trunkside-understanding --example
//! train_shipped`. Reads the grammars in `data/intents`, writes `data/intents/shipped/`, prints
//! how it does on the kept set, which was written apart from the grammars, and what it mistakes
//! there.

use std::path::Path;

use trunkside_understanding::intents::{IntentModel, corpus, read_examples};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/intents");
    let corpus = corpus::shipped();
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

fn say(line: &serde_json::Value) {
    #[expect(clippy::print_stdout, reason = "a command prints its result")]
    {
        println!("{line}");
    }
}
