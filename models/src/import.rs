//! Taking in a model that somebody else exported.
//!
//! The files are read and checked where they are, their roles found from what they hold, then
//! copied beside the other models under a name that begins with a dot. Whoever asked tries the
//! staged model and then either keeps it, which renames the folder, or drops it, which removes it.
//! So a model that does not work never has a name. Its folder is locked meanwhile: what nobody holds
//! was left by a process that was killed or lost its power, and goes with the next import.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::acoustic::Contract;
use crate::catalogue::{self, ModelEntry, ModelFile, Role};
use crate::graph::Graph;
use crate::guard::MAX_MODEL_BYTES;

/// The largest `tokens.txt`.
const MAX_TOKENS_BYTES: u64 = 16 << 20;
/// The largest n-gram.
const MAX_LM_BYTES: u64 = 256 << 20;

/// Around the name of a model that is not kept yet, in its folder's name.
const STAGED_BEGIN: &str = ".";
const STAGED_END: &str = ".new";

/// What to take in.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// The ONNX files, `tokens.txt`, and perhaps an n-gram (`.arpa`, `.arpa.zst`), in any order.
    pub files: &'a [PathBuf],
    /// The name that commands will use.
    pub name: &'a str,
    /// Licence of the weights, as the giver states it.
    pub licence: &'a str,
    /// Tags of the languages it knows; none where that is not stated.
    pub languages: &'a [String],
    /// The models folder.
    pub folder: &'a Path,
}

/// A model that is copied and not yet kept.
#[derive(Debug)]
pub struct Staged {
    /// What the catalogue will say of it.
    pub entry: ModelEntry,
    /// Each copy, with the file that was given.
    copies: Vec<(PathBuf, PathBuf)>,
    folder: PathBuf,
    /// Held as long as this process is at it, however that ends; none where the file system has no locks.
    _lock: Option<File>,
    target: PathBuf,
    is_kept: bool,
}

/// What each file is for.
type Roles<'a> = Vec<(Role, &'a Path)>;

impl Import<'_> {
    /// Checks every file and copies them.
    pub fn stage(&self) -> Result<Staged, Error> {
        catalogue::check_name(self.name).map_err(|problem| self.refused(problem))?;
        let target = self.folder.join(self.name);
        if target.exists() {
            return Err(self.refused(format!(
                "`{}` exists; remove that model or choose another name",
                target.display()
            )));
        }
        let (contract, roles) = self.roles()?;
        remove_abandoned(self.folder);
        let folder = self
            .folder
            .join(format!("{STAGED_BEGIN}{}{STAGED_END}", self.name));
        fs::create_dir_all(&folder).map_err(|source| write_error(&folder, source))?;
        let lock = match locked(&folder) {
            Ok(lock) => Some(lock),
            Err(TryLockError::WouldBlock) => {
                return Err(self.refused(
                    "another command is just adding a model of that name; wait for its end"
                        .to_owned(),
                ));
            }
            Err(TryLockError::Error(_)) => None,
        };
        let mut staged = Staged {
            entry: ModelEntry::new(self.name, contract, &folder),
            copies: Vec::new(),
            folder,
            _lock: lock,
            target,
            is_kept: false,
        };
        self.licence.clone_into(&mut staged.entry.licence);
        staged.entry.languages = self.languages.to_vec();
        for (role, file) in roles {
            let copied = copy(file, role, &staged.folder)?;
            let copy = staged.folder.join(&copied.path);
            staged.copies.push((copy, file.to_owned()));
            staged.entry.files.push(copied);
        }
        Ok(staged)
    }

    /// The contract, and the file of each role.
    fn roles(&self) -> Result<(Contract, Roles<'_>), Error> {
        let mut roles = Roles::new();
        let mut contracts = Vec::new();
        for file in self.files {
            let role = match file.extension().and_then(|extension| extension.to_str()) {
                Some("txt") => Role::Tokens,
                Some("arpa" | "zst") => Role::Lm,
                _ => {
                    let (role, contract) = described(file, &Graph::read(file)?)?;
                    contracts.extend(contract);
                    role
                }
            };
            if roles.iter().any(|(taken, _)| *taken == role) {
                return Err(self.refused(format!(
                    "`{}` is a second file for the role `{}`; give one",
                    file.display(),
                    role.name()
                )));
            }
            roles.push((role, file));
        }
        let [contract] = contracts[..] else {
            return Err(self.refused(
                "the files must hold one acoustic network or one encoder; give its ONNX file"
                    .to_owned(),
            ));
        };
        let needed: &[Role] = if contract.is_transducer() {
            &[Role::Encoder, Role::Decoder, Role::Joiner, Role::Tokens]
        } else {
            &[Role::Acoustic, Role::Tokens]
        };
        for role in needed {
            if !roles.iter().any(|(found, _)| found == role) {
                return Err(self.refused(format!(
                    "no file for the role `{}` of the contract `{}`; give it too",
                    role.name(),
                    contract.name()
                )));
            }
        }
        let is_of_use = |role: &Role| needed.contains(role) || *role == Role::Lm;
        if let Some((role, file)) = roles.iter().find(|(role, _)| !is_of_use(role)) {
            return Err(self.refused(format!(
                "`{}` is a file for the role `{}`, which the contract `{}` does not have; leave \
                 it out",
                file.display(),
                role.name(),
                contract.name()
            )));
        }
        Ok((contract, roles))
    }

    fn refused(&self, problem: String) -> Error {
        Error::Import {
            name: self.name.to_owned(),
            problem,
        }
    }
}

impl Staged {
    /// What is said of its copies, said of the files that were given: the copies go when it is dropped.
    pub fn of_given(&self, message: &str) -> String {
        let name = |path: &Path| format!("`{}`", path.display());
        let copies = self.copies.iter();
        copies.fold(message.to_owned(), |message, (copy, given)| {
            message.replace(&name(copy), &name(given))
        })
    }

    /// Gives the model its name, once all of it is on the disk: a power cut leaves a whole model or none.
    pub fn keep(mut self) -> Result<PathBuf, Error> {
        let file = self.folder.join(catalogue::ADDED_FILE);
        let text = catalogue::write(&self.entry)?;
        fs::write(&file, text).map_err(|source| write_error(&file, source))?;
        let copies = self.copies.iter().map(|(copy, _)| copy.as_path());
        for path in copies.chain([file.as_path(), self.folder.as_path()]) {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(|source| write_error(path, source))?;
        }
        fs::rename(&self.folder, &self.target)
            .map_err(|source| write_error(&self.target, source))?;
        self.is_kept = true;
        Ok(self.target.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed goes with the next import.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Locks a folder for this process.
fn locked(folder: &Path) -> Result<File, TryLockError> {
    let folder = File::open(folder).map_err(TryLockError::Error)?;
    folder.try_lock()?;
    Ok(folder)
}

/// Removes what imports left that were ended before they could clear up, and that no other process is at.
fn remove_abandoned(models: &Path) {
    let Ok(entries) = fs::read_dir(models) else {
        return;
    };
    let is_staged = |name: &str| name.starts_with(STAGED_BEGIN) && name.ends_with(STAGED_END);
    let staged = entries
        .flatten()
        .filter(|entry| is_staged(&entry.file_name().to_string_lossy()));
    for folder in staged.map(|entry| entry.path()) {
        if let Ok(_lock) = locked(&folder) {
            // What cannot be removed takes room and does no other harm.
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// What the bytes of an ONNX file are to a model, and their contract where they decide that, once
/// they have passed every check that needs no optimising; `file` is what messages call them.
pub fn inspect(file: &Path, bytes: &[u8]) -> Result<(Role, Option<Contract>), Error> {
    described(file, &Graph::of(file, bytes)?)
}

fn described(file: &Path, graph: &Graph) -> Result<(Role, Option<Contract>), Error> {
    role_of(graph).ok_or_else(|| Error::Unusable {
        file: file.to_owned(),
        problem: "neither its metadata nor its inputs are of a known contract (streaming NeMo \
                  CTC, zipformer2 CTC, zipformer or zipformer2 transducer, T-one); export it for \
                  sherpa-onnx"
            .to_owned(),
    })
}

/// A file's role, and its contract where the file decides that.
fn role_of(graph: &Graph) -> Option<(Role, Option<Contract>)> {
    let metadata = &graph.metadata;
    let (inputs, outputs) = (graph.inputs(), graph.outputs());
    let gives = |name: &str| outputs.first().is_some_and(|output| output.name == name);
    if metadata.text("context_size").is_some() && inputs.len() == 1 {
        return Some((Role::Decoder, None));
    }
    if inputs.len() == 2 && outputs.len() == 1 {
        return Some((Role::Joiner, None));
    }
    if metadata.text("frame_length_ms").is_some() {
        return Some((Role::Acoustic, Some(Contract::TOneCtc)));
    }
    if metadata.text("window_size").is_some() {
        return Some((Role::Acoustic, Some(Contract::NemoStreamingCtc)));
    }
    match metadata.text("model_type") {
        Some("zipformer") => Some((Role::Encoder, Some(Contract::ZipformerTransducer))),
        Some("zipformer2") if gives("encoder_out") => {
            Some((Role::Encoder, Some(Contract::Zipformer2Transducer)))
        }
        Some("zipformer2") => Some((Role::Acoustic, Some(Contract::Zipformer2Ctc))),
        _ => None,
    }
}

fn copy(file: &Path, role: Role, folder: &Path) -> Result<ModelFile, Error> {
    let read_error = |source| Error::Read {
        file: file.to_owned(),
        source,
    };
    let limit = match role {
        Role::Tokens => MAX_TOKENS_BYTES,
        Role::Lm => MAX_LM_BYTES,
        _ => MAX_MODEL_BYTES,
    };
    let path = PathBuf::from(match role {
        Role::Tokens => "tokens.txt".to_owned(),
        Role::Lm if file.extension().is_some_and(|end| end == "zst") => "lm.arpa.zst".to_owned(),
        Role::Lm => "lm.arpa".to_owned(),
        other => format!("{}.onnx", other.name()),
    });
    let copied = folder.join(&path);
    if file.is_dir() {
        return Err(read_error(io::ErrorKind::IsADirectory.into()));
    }
    let mut original = File::open(file).map_err(read_error)?.take(limit + 1);
    let mut copy = File::create(&copied).map_err(|source| write_error(&copied, source))?;
    let bytes =
        io::copy(&mut original, &mut copy).map_err(|source| write_error(&copied, source))?;
    if bytes > limit {
        return Err(Error::Unusable {
            file: file.to_owned(),
            problem: format!("it has more bytes than the limit is, {limit}"),
        });
    }
    let sha256 = catalogue::sha256(&copied).map_err(read_error)?;
    Ok(ModelFile {
        role,
        path,
        sha256,
        bytes,
    })
}

fn write_error(file: &Path, source: std::io::Error) -> Error {
    Error::Write {
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    fn data(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/contracts")
            .join(name)
    }

    fn stage(folder: &Path, name: &str, files: &[PathBuf]) -> Result<Staged, String> {
        let import = Import {
            files,
            name,
            licence: "none stated",
            languages: &["zh".to_owned()],
            folder,
        };
        import.stage().map_err(|error| error.to_string())
    }

    #[test]
    fn files_in_any_order_become_a_model_that_the_catalogue_lists() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["joiner.onnx", "tokens.txt", "encoder.onnx", "decoder.onnx"]
            .map(|name| data("zipformer2-transducer").join(name));
        let staged = stage(folder.path(), "branch", &files).unwrap();
        assert_eq!(staged.entry.contract, Contract::Zipformer2Transducer);
        let copy = staged.entry.path(Role::Tokens).unwrap();
        assert_eq!(
            staged.of_given(&format!("`{}`, line 3: twice", copy.display())),
            format!("`{}`, line 3: twice", files[1].display())
        );
        staged.keep().unwrap();
        let catalogue = Catalogue::find(Some(folder.path())).unwrap();
        let model = catalogue.model("branch").unwrap();
        assert!(model.is_added());
        model.verify().unwrap();
        fs::write(model.path(Role::Tokens).unwrap(), "").unwrap();
        let fault = model.verify().unwrap_err().to_string();
        assert!(
            fault.contains("branch/model.toml` if the change is meant"),
            "{fault}"
        );
        let again = stage(folder.path(), "branch", &files).unwrap_err();
        assert!(again.contains("choose another name"), "{again}");
        catalogue.remove("branch").unwrap();
        assert!(!folder.path().join("branch").exists());
    }

    #[test]
    fn a_model_that_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["model.onnx", "tokens.txt"].map(|name| data("t-one-ctc").join(name));
        drop(stage(folder.path(), "one", &files).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_import_left_goes_and_what_others_are_at_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["model.onnx", "tokens.txt"].map(|name| data("t-one-ctc").join(name));
        let left = folder.path().join(".dead.new");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("acoustic.onnx"), "half a mod").unwrap();
        let first = stage(folder.path(), "first", &files).unwrap();
        assert!(!left.exists());
        let second = stage(folder.path(), "second", &files).unwrap();
        let again = stage(folder.path(), "first", &files).unwrap_err();
        assert!(again.contains("another command"), "{again}");
        first.keep().unwrap();
        second.keep().unwrap();
        let catalogue = Catalogue::find(Some(folder.path())).unwrap();
        for name in ["first", "second"] {
            catalogue.model(name).unwrap().verify().unwrap();
        }
    }

    #[test]
    fn missing_and_foreign_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |files: &[PathBuf]| stage(folder.path(), "m", files).unwrap_err();
        let encoder = data("zipformer-transducer").join("encoder.onnx");
        let tokens = data("zipformer-transducer").join("tokens.txt");
        let missing = refusal(&[encoder.clone(), tokens.clone()]);
        assert!(
            missing.contains("no file for the role `decoder`"),
            "{missing}"
        );
        assert!(refusal(std::slice::from_ref(&tokens)).contains("one acoustic network"));
        assert!(refusal(&[tokens.clone(), tokens]).contains("second file"));
        let junk = folder.path().join("junk.onnx");
        fs::write(&junk, b"\x08\x07junk").unwrap();
        assert!(refusal(&[junk]).contains("not a usable model"));
        let texts = folder.path().join("tokens.txt");
        fs::create_dir(&texts).unwrap();
        let a_folder = refusal(&[data("t-one-ctc").join("model.onnx"), texts]);
        assert!(
            a_folder.starts_with("cannot read") && a_folder.ends_with("; name a file"),
            "{a_folder}"
        );
        let name = stage(folder.path(), "../up", &[encoder]).unwrap_err();
        assert!(name.contains("must be letters"), "{name}");
    }
}
