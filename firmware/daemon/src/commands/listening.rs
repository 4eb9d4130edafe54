//! What commands that recognise have in common: the model, and what it is told beforehand.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use trunkside_models::{Catalogue, ModelEntry};
use trunkside_recognition::{Recogniser, StreamOptions, Tuning};

use crate::cli::{Failure, ListeningArgs};

/// The largest grammar or phrases file.
const MAX_PHRASES_BYTES: u64 = 16 << 20;

/// Loads the model and what its streams are to heed.
pub(super) fn prepare(args: &ListeningArgs) -> Result<(Arc<Recogniser>, StreamOptions), Failure> {
    let catalogue = Catalogue::find(args.models.as_deref()).map_err(Failure::input)?;
    let model = catalogue.model(&args.model).map_err(Failure::input)?;
    let recogniser = Arc::new(recogniser(args, model).map_err(Failure::input)?);
    let options = options(args, &recogniser)?;
    Ok((recogniser, options))
}

/// Loads the model, with the n-gram and the weight that are asked for.
fn recogniser(
    args: &ListeningArgs,
    model: &ModelEntry,
) -> Result<Recogniser, trunkside_recognition::Error> {
    let mut recogniser = Recogniser::load(model)?;
    if let Some(weight) = args.lm_weight {
        let tuning = Tuning {
            lm_weight: weight,
            text_lm_weight: weight,
            ..recogniser.tuning().clone()
        };
        recogniser = recogniser.with_tuning(tuning);
    }
    match &args.lm {
        Some(file) => recogniser.with_lm(file),
        None => Ok(recogniser),
    }
}

/// Reads a grammar or phrases file.
fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(MAX_PHRASES_BYTES + 1).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{}`; give a text file", path.display()))
        .map_err(Failure::Input)?;
    if read as u64 > MAX_PHRASES_BYTES {
        return Err(Failure::Input(anyhow!(
            "`{}` has more than {MAX_PHRASES_BYTES} bytes; remove phrases",
            path.display()
        )));
    }
    Ok(text)
}

fn options(args: &ListeningArgs, recogniser: &Recogniser) -> Result<StreamOptions, Failure> {
    if args.beam.is_some() && recogniser.has_lexicon() {
        return Err(Failure::Input(anyhow!(
            "`--beam` is for models without a lexicon, and `{}` has one; leave it away",
            recogniser.model_name()
        )));
    }
    let mut options = StreamOptions {
        language: args.language.0,
        token_beam: usize::from(args.beam.unwrap_or(0)),
        ..StreamOptions::default()
    };
    if let Some(path) = &args.grammar {
        let name = path.display().to_string();
        let grammar = recogniser
            .grammar(&name, &read(path)?, options.language)
            .map_err(Failure::input)?;
        options.grammar = Some(Arc::new(grammar));
    }
    if let Some(path) = &args.phrases {
        let name = path.display().to_string();
        let phrases = recogniser
            .phrases(&name, &read(path)?)
            .map_err(Failure::input)?;
        options.phrases = Some(Arc::new(phrases));
    }
    Ok(options)
}
