//! `catalogue.toml`: which models there are, and how to know their files.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::acoustic::Contract;

const FILE_NAME: &str = "catalogue.toml";
const VARIABLE: &str = "TRUNKSIDE_MODELS";
const INSTALLED: &str = "/usr/share/trunkside/models";

/// What a file is to its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The acoustic network, where one file holds it.
    Acoustic,
    /// A transducer's encoder.
    Encoder,
    /// A transducer's decoder.
    Decoder,
    /// A transducer's joiner.
    Joiner,
    /// Symbol and id of every unit, `tokens.txt`.
    Tokens,
    /// Words and their units.
    Lexicon,
    /// The n-gram language model in ARPA format.
    Lm,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Acoustic => "acoustic",
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Joiner => "joiner",
            Self::Tokens => "tokens",
            Self::Lexicon => "lexicon",
            Self::Lm => "lm",
        }
    }
}

/// One file of a model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// What it is to the model.
    pub role: Role,
    /// Where it lies, relative to the catalogue.
    pub path: PathBuf,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// One model of the catalogue.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelEntry {
    /// The name that commands and configuration use.
    pub name: String,
    /// Tags of the languages it knows.
    pub languages: Vec<String>,
    /// Licence of the weights (SPDX).
    pub licence: String,
    /// The convention its acoustic network follows.
    pub contract: Contract,
    /// Samples a second of the audio it takes.
    pub sample_rate_hz: u32,
    /// Values of one feature frame.
    pub feature_dim: usize,
    /// The data that shaped it.
    #[serde(default)]
    pub data: Vec<String>,
    /// Shapes of its inputs and outputs, for people.
    #[serde(default)]
    pub shapes: BTreeMap<String, toml::Value>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
    /// The catalogue's folder, which paths are relative to.
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Deserialize)]
struct CatalogueFile {
    #[serde(default, rename = "model")]
    models: Vec<ModelEntry>,
}

/// How a models folder was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhereFrom {
    /// The caller named it.
    Explicit,
    /// `TRUNKSIDE_MODELS` names it.
    Environment,
    /// One of the usual places.
    Search,
}

/// The models of one folder.
#[derive(Clone, Debug)]
pub struct Catalogue {
    folder: PathBuf,
    models: Vec<ModelEntry>,
    where_from: WhereFrom,
}

impl Catalogue {
    /// The catalogue of the first folder that has one: the explicit one, `TRUNKSIDE_MODELS`,
    /// `./models`, `models` beside the executable, `/usr/share/trunkside/models`, and the tree
    /// that this was built from. A folder that was named is the only one tried.
    pub fn find(explicit: Option<&Path>) -> Result<Self, Error> {
        if let Some(folder) = explicit {
            return Self::named(folder, WhereFrom::Explicit);
        }
        if let Some(folder) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            return Self::named(Path::new(&folder), WhereFrom::Environment);
        }
        let candidates = usual_places();
        match candidates
            .iter()
            .find(|folder| folder.join(FILE_NAME).is_file())
        {
            Some(folder) => Self::open(folder, WhereFrom::Search),
            None => Err(Error::NoCatalogue {
                looked_in: candidates,
            }),
        }
    }

    fn named(folder: &Path, where_from: WhereFrom) -> Result<Self, Error> {
        if folder.join(FILE_NAME).is_file() {
            return Self::open(folder, where_from);
        }
        Err(Error::NoCatalogue {
            looked_in: vec![folder.to_owned()],
        })
    }

    fn open(folder: &Path, where_from: WhereFrom) -> Result<Self, Error> {
        let file = folder.join(FILE_NAME);
        let text = fs::read_to_string(&file).map_err(|source| Error::Read {
            file: file.clone(),
            source,
        })?;
        let mut models = parse(&text).map_err(|problem| Error::Catalogue { file, problem })?;
        for model in &mut models {
            folder.clone_into(&mut model.folder);
        }
        Ok(Self {
            folder: folder.to_owned(),
            models,
            where_from,
        })
    }

    /// The folder that holds the catalogue.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How that folder was found.
    pub fn where_from(&self) -> WhereFrom {
        self.where_from
    }

    /// All models, in the catalogue's order; the first is the default.
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Result<&ModelEntry, Error> {
        self.models
            .iter()
            .find(|model| model.name == name)
            .ok_or_else(|| Error::UnknownModel {
                name: name.to_owned(),
                known: self.models.iter().map(|model| model.name.clone()).collect(),
            })
    }

    /// The first model, which is used where none is named.
    pub fn default_model(&self) -> Result<&ModelEntry, Error> {
        self.models.first().ok_or_else(|| Error::Catalogue {
            file: self.folder.join(FILE_NAME),
            problem: "it lists no model; add a `[[model]]`".to_owned(),
        })
    }
}

impl ModelEntry {
    /// Where the file of a role lies.
    pub fn path(&self, role: Role) -> Result<PathBuf, Error> {
        let file = self.files.iter().find(|file| file.role == role);
        file.map(|file| self.folder.join(&file.path))
            .ok_or_else(|| Error::Catalogue {
                file: self.folder.join(FILE_NAME),
                problem: format!(
                    "model `{}` has no file of role `{}`; add a `[[model.file]]` for it",
                    self.name,
                    role.name()
                ),
            })
    }

    /// Checks size and SHA-256 of every file; the first that differs is the error.
    pub fn verify(&self) -> Result<(), Error> {
        match self.faults().into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Checks size and SHA-256 of every file, and returns whatever is wrong.
    pub fn faults(&self) -> Vec<Error> {
        self.files
            .iter()
            .filter_map(|file| self.check(file).err())
            .collect()
    }

    fn check(&self, expected: &ModelFile) -> Result<(), Error> {
        let file = self.folder.join(&expected.path);
        let found = fs::metadata(&file)
            .map_err(|source| Error::Read {
                file: file.clone(),
                source,
            })?
            .len();
        if found != expected.bytes {
            return Err(Error::Mismatch {
                file,
                what: "size",
                expected: expected.bytes.to_string(),
                found: found.to_string(),
            });
        }
        let found = sha256(&file).map_err(|source| Error::Read {
            file: file.clone(),
            source,
        })?;
        if found != expected.sha256 {
            return Err(Error::Mismatch {
                file,
                what: "sha256",
                expected: expected.sha256.clone(),
                found,
            });
        }
        Ok(())
    }
}

fn usual_places() -> Vec<PathBuf> {
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| exe.parent().map(|dir| dir.join("models")));
    let mut places = vec![PathBuf::from("models")];
    places.extend(beside);
    places.push(PathBuf::from(INSTALLED));
    places.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    places
}

/// Reads and checks the text of a catalogue; the message has key, rule, value and remedy.
fn parse(text: &str) -> Result<Vec<ModelEntry>, String> {
    let CatalogueFile { models } =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    for (index, model) in models.iter().enumerate() {
        check_entry(model)?;
        if models[..index]
            .iter()
            .any(|earlier| earlier.name == model.name)
        {
            return Err(format!(
                "`model.name` `{}` is used twice; rename one",
                model.name
            ));
        }
    }
    Ok(models)
}

fn check_entry(model: &ModelEntry) -> Result<(), String> {
    let name = &model.name;
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(format!(
            "`model.name` must be letters, digits, `-`, `_` and `.`, got `{name}`; rename it"
        ));
    }
    for (index, file) in model.files.iter().enumerate() {
        let path = file.path.display();
        let stays_inside = file.path.components().all(|part| {
            matches!(
                part,
                std::path::Component::Normal(_) | std::path::Component::CurDir
            )
        });
        if !stays_inside {
            return Err(format!(
                "`path` of model `{name}` must stay inside the models folder, got `{path}`"
            ));
        }
        let hexadecimal = file
            .sha256
            .chars()
            .all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if file.sha256.len() != 64 || !hexadecimal {
            return Err(format!(
                "`sha256` of `{path}` must be 64 lower-case hexadecimal digits, got `{}`; \
                 run `sha256sum` on the file",
                file.sha256
            ));
        }
        if model.files[..index]
            .iter()
            .any(|earlier| earlier.role == file.role)
        {
            return Err(format!(
                "model `{name}` has two files of role `{}`; remove one",
                file.role.name()
            ));
        }
    }
    Ok(())
}

fn sha256(file: &Path) -> std::io::Result<String> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        hash.update(&block[..read]);
    }
    Ok(hash
        .finalize()
        .iter()
        .fold(String::new(), |hexadecimal, byte| {
            hexadecimal + &format!("{byte:02x}")
        }))
}

#[cfg(test)]
mod tests;
