//! `catalogue.toml`: which models there are, and how to know their files.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;
use crate::acoustic::Contract;
use crate::public::{PublicModel, TRUSTED_FILE};

const FILE_NAME: &str = "catalogue.toml";
const VARIABLE: &str = "TRUNKSIDE_MODELS";
const INSTALLED: &str = "/usr/share/trunkside/models";
/// Where root adds models.
const ADDED: &str = "/var/lib/trunkside/models";
/// The entry of an added model, in its folder.
pub(crate) const ADDED_FILE: &str = "model.toml";

/// What a file is to its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    pub(crate) const fn name(self) -> &'static str {
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// The name that commands and configuration use.
    pub name: String,
    /// Tags of the languages it knows; any may be meant where none is stated.
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
    /// Where it was downloaded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Shapes of its inputs and outputs, for people.
    #[serde(default)]
    pub shapes: BTreeMap<String, toml::Value>,
    /// Memory that its networks take once loaded, measured when it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// CPU seconds a second of audio on one core of this box, measured when it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_audio: Option<f64>,
    /// Its files.
    #[serde(rename = "file")]
    pub files: Vec<ModelFile>,
    /// The catalogue's folder, which paths are relative to.
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    is_added: bool,
}

#[derive(Serialize, Deserialize)]
struct CatalogueFile {
    #[serde(default, rename = "model")]
    models: Vec<ModelEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    public: Vec<PublicModel>,
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
    broken: Vec<BrokenModel>,
    public: Vec<PublicModel>,
    where_from: WhereFrom,
}

/// An added model whose entry cannot be read; the others do not suffer for it.
#[derive(Clone, Debug)]
pub struct BrokenModel {
    /// Its folder's name, which is the name that it was added by.
    pub name: String,
    folder: PathBuf,
    problem: String,
}

impl BrokenModel {
    /// What is wrong, and what mends it.
    pub fn error(&self) -> Error {
        Error::Catalogue {
            file: self.folder.join(ADDED_FILE),
            problem: format!(
                "{}; mend the file, or remove the model with `trunkside models remove {}` and add it again",
                self.problem, self.name
            ),
        }
    }
}

impl Catalogue {
    /// The catalogue of the first folder that has one: the explicit one, `TRUNKSIDE_MODELS`,
    /// `./models`, `models` beside the executable, `/usr/share/trunkside/models`, and the tree
    /// that this was built from. A folder that was named is the only one tried.
    ///
    /// Models that were added follow: those of a named folder, else those of the user and of the
    /// box (see [`Catalogue::folder_to_add`]). A named folder may hold added models alone; the
    /// usual places then have the others.
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
            Some(folder) => {
                let added: Vec<PathBuf> = user_folder()
                    .into_iter()
                    .chain([PathBuf::from(ADDED)])
                    .collect();
                Ok(Self::open(folder, WhereFrom::Search)?.with_added(&added))
            }
            None => Err(Error::NoCatalogue {
                looked_in: candidates,
                where_from: WhereFrom::Search,
            }),
        }
    }

    fn named(folder: &Path, where_from: WhereFrom) -> Result<Self, Error> {
        if folder.join(FILE_NAME).is_file() {
            return Ok(Self::open(folder, where_from)?.with_added(&[folder.to_owned()]));
        }
        if !added_in(folder).is_empty() {
            let usual = usual_places();
            let found = usual.iter().find(|place| place.join(FILE_NAME).is_file());
            let base = match found {
                Some(place) => Self::open(place, where_from)?,
                None => Self {
                    folder: folder.to_owned(),
                    models: Vec::new(),
                    broken: Vec::new(),
                    public: Vec::new(),
                    where_from,
                },
            };
            return Ok(base.with_added(&[folder.to_owned()]));
        }
        Err(Error::NoCatalogue {
            looked_in: vec![folder.to_owned()],
            where_from,
        })
    }

    fn open(folder: &Path, where_from: WhereFrom) -> Result<Self, Error> {
        let file = folder.join(FILE_NAME);
        let text = fs::read_to_string(&file).map_err(|source| Error::Read {
            file: file.clone(),
            source,
        })?;
        let CatalogueFile { mut models, public } =
            parse(&text).map_err(|problem| Error::Catalogue { file, problem })?;
        for model in &mut models {
            folder.clone_into(&mut model.folder);
        }
        Ok(Self {
            folder: folder.to_owned(),
            models,
            broken: Vec::new(),
            public,
            where_from,
        })
    }

    /// Appends the models that were added in these folders.
    fn with_added(mut self, folders: &[PathBuf]) -> Self {
        for folder in folders.iter().flat_map(|folder| added_in(folder)) {
            match added(&folder) {
                Ok(models) => {
                    for model in models {
                        if !self.models.iter().any(|known| known.name == model.name) {
                            self.models.push(model);
                        }
                    }
                }
                Err(problem) => self.broken.push(BrokenModel {
                    name: folder
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    folder,
                    problem,
                }),
            }
        }
        self
    }

    /// Where models are added: the named folder, the one of `TRUNKSIDE_MODELS`,
    /// `/var/lib/trunkside/models` where this user may write there, else
    /// `$XDG_DATA_HOME/trunkside/models` (`~/.local/share/…`).
    pub fn folder_to_add(explicit: Option<&Path>) -> PathBuf {
        if let Some(folder) = explicit {
            return folder.to_owned();
        }
        if let Some(folder) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            return PathBuf::from(folder);
        }
        if fs::create_dir_all(ADDED).is_ok()
            && fs::metadata(ADDED).is_ok_and(|folder| !folder.permissions().readonly())
        {
            return PathBuf::from(ADDED);
        }
        user_folder().unwrap_or_else(|| PathBuf::from(ADDED))
    }

    /// Removes a model that was added, with its files, also one whose entry cannot be read. One that is
    /// being removed is not there any more, whatever stops the removal.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let broken = self.broken.iter().find(|broken| broken.name == name);
        let folder = match (self.model(name), broken) {
            (Ok(model), _) if !model.is_added => {
                return Err(Error::NotAdded {
                    name: name.to_owned(),
                });
            }
            (Ok(model), _) => &model.folder,
            (Err(_), Some(broken)) => &broken.folder,
            (Err(error), None) => return Err(error),
        };
        let goes = folder.with_file_name(format!(".{name}.gone"));
        let left = fs::remove_dir_all(&goes);
        left.or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
        .and_then(|()| fs::rename(folder, &goes))
        .and_then(|()| fs::remove_dir_all(&goes))
        .map_err(|source| Error::Write {
            file: folder.clone(),
            source,
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

    /// Added models that cannot be used, as their entries cannot be read.
    pub fn broken(&self) -> &[BrokenModel] {
        &self.broken
    }

    /// Models that others publish, which can be downloaded.
    pub fn public(&self) -> &[PublicModel] {
        &self.public
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Result<&ModelEntry, Error> {
        if let Some(model) = self.models.iter().find(|model| model.name == name) {
            return Ok(model);
        }
        if let Some(broken) = self.broken.iter().find(|broken| broken.name == name) {
            return Err(broken.error());
        }
        self.default_model()?;
        Err(Error::UnknownModel {
            name: name.to_owned(),
            known: self.models.iter().map(|model| model.name.clone()).collect(),
        })
    }

    /// The first model, which is used where none is named.
    pub fn default_model(&self) -> Result<&ModelEntry, Error> {
        self.models.first().ok_or_else(|| Error::NoModel {
            catalogue: self.folder.join(FILE_NAME),
        })
    }
}

impl ModelEntry {
    /// A model without files in a folder of its own.
    pub(crate) fn new(name: &str, contract: Contract, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            languages: Vec::new(),
            licence: String::new(),
            contract,
            sample_rate_hz: 0,
            feature_dim: 0,
            data: Vec::new(),
            source: None,
            shapes: BTreeMap::new(),
            memory_bytes: None,
            cpu_per_audio: None,
            files: Vec::new(),
            folder: folder.to_owned(),
            is_added: true,
        }
    }

    /// Whether `models add` brought it.
    pub fn is_added(&self) -> bool {
        self.is_added
    }

    /// The file that describes it: one that was added has its own.
    fn listed_in(&self) -> PathBuf {
        let name = if self.is_added { ADDED_FILE } else { FILE_NAME };
        self.folder.join(name)
    }

    /// Whether it has a file of that role.
    pub fn has(&self, role: Role) -> bool {
        self.files.iter().any(|file| file.role == role)
    }

    /// Where the file of a role lies.
    pub fn path(&self, role: Role) -> Result<PathBuf, Error> {
        let file = self.files.iter().find(|file| file.role == role);
        file.map(|file| self.folder.join(&file.path))
            .ok_or_else(|| Error::Catalogue {
                file: self.listed_in(),
                problem: format!(
                    "model `{}` has no file of role `{}`; add a `[[model.file]]` for it",
                    self.name,
                    role.name()
                ),
            })
    }

    /// What tells it from any other model: the SHA-256 of its files as they are now, by role, each as a line
    /// `ROLE SHA256`, in the catalogue's order.
    pub fn made_of(&self) -> Result<String, Error> {
        let line = |listed: &ModelFile| {
            let file = self.folder.join(&listed.path);
            let found = sha256(&file).map_err(|source| Error::Read { file, source })?;
            Ok(format!("{} {found}\n", listed.role.name()))
        };
        self.files.iter().map(line).collect()
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
                listed_in: self.listed_in(),
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
                listed_in: self.listed_in(),
                what: "sha256",
                expected: expected.sha256.clone(),
                found,
            });
        }
        Ok(())
    }
}

/// The folders of the models that were added in a folder, by name.
fn added_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|folder| folder.join(ADDED_FILE).is_file())
        .collect();
    folders.sort();
    folders
}

/// What the entry in an added model's folder lists, or what is wrong with it.
fn added(folder: &Path) -> Result<Vec<ModelEntry>, String> {
    let text = fs::read_to_string(folder.join(ADDED_FILE)).map_err(|error| error.to_string())?;
    let mut models = parse(&text)?.models;
    if models.is_empty() {
        return Err("it lists no model".to_owned());
    }
    for model in &mut models {
        folder.clone_into(&mut model.folder);
        model.is_added = true;
    }
    Ok(models)
}

fn user_folder() -> Option<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/share")));
    data.map(|data| data.join("trunkside/models"))
}

/// The text of an added model's entry.
pub(crate) fn write(model: &ModelEntry) -> Result<String, Error> {
    let file = CatalogueFile {
        models: vec![model.clone()],
        public: Vec::new(),
    };
    toml::to_string(&file).map_err(|error| Error::Catalogue {
        file: model.folder.join(ADDED_FILE),
        problem: error.to_string(),
    })
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
fn parse(text: &str) -> Result<CatalogueFile, String> {
    let file: CatalogueFile =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    for (index, model) in file.models.iter().enumerate() {
        check_entry(model)?;
        if file.models[..index]
            .iter()
            .any(|earlier| earlier.name == model.name)
        {
            return Err(format!(
                "`model.name` `{}` is used twice; rename one",
                model.name
            ));
        }
    }
    for public in &file.public {
        public.check()?;
    }
    Ok(file)
}

/// The rule for names.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty()
        || name.starts_with('.')
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(format!(
            "`model.name` must be letters, digits, `-`, `_` and `.`, got `{name}`; rename it"
        ));
    }
    if [FILE_NAME, TRUSTED_FILE].contains(&name) {
        return Err(format!(
            "`model.name` must not be that of a file of the models folder, got `{name}`; rename it"
        ));
    }
    Ok(())
}

fn check_entry(model: &ModelEntry) -> Result<(), String> {
    let name = &model.name;
    check_name(name)?;
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

pub(crate) fn sha256(file: &Path) -> std::io::Result<String> {
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
