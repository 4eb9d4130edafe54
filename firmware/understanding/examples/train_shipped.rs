//! Trains the intent model that ships: `cargo run -p trunkside-understanding --example
//! train_shipped`. Reads `data/intents/*.txt`, writes `data/intents/shipped/`, prints how it does
//! on the kept set that was written apart from the grammars.

use std::path::Path;

use trunkside_understanding::intents::{IntentModel, corpus, read_examples};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/intents");
    let corpus = corpus::shipped();
    let model = IntentModel::train_shipped(&corpus.examples, &corpus.digest)
        .ok_or("the corpus names fewer than two intents")?;
    model.save(&data.join("shipped"))?;
    let kept = read_examples(&data.join("kept.tsv"))?;
    let report = serde_json::json!({
        "examples": corpus.examples.len(),
        "intents": model.labels().len(),
        "kept": model.evaluate(&kept),
    });
    #[expect(clippy::print_stdout, reason = "a command prints its result")]
    {
        println!("{report}");
        for example in &kept {
            let first = &model.classify(&example.text)[0];
            if first.name != example.label {
                println!(
                    "{}\t{}\t{} {:.2}",
                    example.text, example.label, first.name, first.score
                );
            }
        }
    }
    Ok(())
}
