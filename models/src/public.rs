//! Models that others publish: where their files are, and which files were trusted first.
//!
//! `catalogue.toml` lists them as `[[public]]`; nothing of them is shipped. Most publishers give no
//! checksum, so the files that come first are trusted, as SSH trusts a host's first key: their
//! SHA-256 is written down in `trusted.toml` beside the added models, and whatever comes from the
//! same address later must be the same.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::catalogue::{check_name, sha256};

/// What was trusted first, in the models folder.
pub(crate) const TRUSTED_FILE: &str = "trusted.toml";

/// A model that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicModel {
    /// The name that it is added by.
    pub name: String,
    /// Tags of the languages it knows.
    pub languages: Vec<String>,
    /// Licence of the weights, as the publisher states it.
    pub licence: String,
    /// The address that its files' names are joined to.
    pub url: String,
    /// About how large all files are together.
    pub bytes: u64,
    /// Why this engine cannot hear with it, where that is so: then it is listed and never downloaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// Its files.
    pub files: Vec<PublicFile>,
}

/// One file of such a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicFile {
    /// Its name there, and on the box.
    pub name: String,
    /// Its SHA-256, where the publisher states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl PublicModel {
    /// The address of a file.
    pub fn address(&self, file: &PublicFile) -> String {
        format!("{}/{}", self.url.trim_end_matches('/'), file.name)
    }

    /// What is wrong with the entry, if anything, and what would mend it.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        let name = &self.name;
        if !self.url.starts_with("https://") && !self.url.starts_with("http://") {
            return Err(format!(
                "`url` of `{name}` must begin with `https://` or `http://`, got `{}`",
                self.url
            ));
        }
        if self.files.is_empty() {
            return Err(format!("`files` of `{name}` must name a file"));
        }
        for file in &self.files {
            // A name becomes a file of the box.
            check_name(&file.name).map_err(|_| {
                format!(
                    "`files.name` of `{name}` must be letters, digits, `-`, `_` and `.`, got `{}`",
                    file.name
                )
            })?;
        }
        Ok(())
    }
}

/// The files that were trusted first.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
    known: Vec<Trusted>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trusted {
    url: String,
    sha256: String,
}

#[derive(Default, Serialize, Deserialize)]
struct TrustFile {
    #[serde(default, rename = "file")]
    files: Vec<Trusted>,
}

impl Trust {
    /// Reads what was trusted so far; nothing where nothing was.
    pub fn read(models: &Path) -> Result<Self, Error> {
        let file = models.join(TRUSTED_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(Error::Read { file, source }),
        };
        match toml::from_str::<TrustFile>(&text) {
            Ok(TrustFile { files: known }) => Ok(Self { file, known }),
            Err(error) => Err(Error::Catalogue {
                file,
                problem: error.to_string().trim_end().to_owned(),
            }),
        }
    }

    /// The SHA-256 that a file of this address must have, if any is known.
    pub fn expected<'a>(&'a self, url: &str, public: &'a PublicFile) -> Option<&'a str> {
        let known = self.known.iter().find(|known| known.url == url);
        public
            .sha256
            .as_deref()
            .or(known.map(|known| known.sha256.as_str()))
    }

    /// Checks a file that came from an address. The first one is noted, and trusted once it has shown to be
    /// of use: [`keep`](Self::keep).
    pub fn check(&mut self, url: &str, public: &PublicFile, file: &Path) -> Result<(), Error> {
        let found = sha256(file).map_err(|source| Error::Read {
            file: file.to_owned(),
            source,
        })?;
        match self.expected(url, public) {
            Some(expected) if expected == found => Ok(()),
            Some(expected) => Err(Error::Distrusted {
                url: url.to_owned(),
                expected: expected.to_owned(),
                found,
                trusted: self.file.clone(),
            }),
            None => {
                self.known.push(Trusted {
                    url: url.to_owned(),
                    sha256: found,
                });
                Ok(())
            }
        }
    }

    /// Writes down what was noted.
    pub fn keep(&self) -> Result<(), Error> {
        let known = TrustFile {
            files: self.known.clone(),
        };
        let text = toml::to_string(&known).map_err(|error| Error::Catalogue {
            file: self.file.clone(),
            problem: error.to_string(),
        })?;
        // No model has a name that begins with a dot.
        let fresh = self.file.with_file_name(format!(".{TRUSTED_FILE}.new"));
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, &self.file))
            .map_err(|source| Error::Write {
                file: self.file.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1/m/tokens.txt";

    fn public(sha256: Option<&str>) -> PublicFile {
        PublicFile {
            name: "tokens.txt".to_owned(),
            sha256: sha256.map(str::to_owned),
        }
    }

    #[test]
    fn the_first_file_is_trusted_and_another_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.txt");
        let check = |text: &str| {
            fs::write(&file, text).unwrap();
            let mut trust = Trust::read(folder.path()).unwrap();
            trust.check(URL, &public(None), &file).map(|()| trust)
        };
        // What was no model after all is not trusted.
        check("<html>sign in</html>").unwrap();
        check("a 0\n").unwrap().keep().unwrap();
        check("a 0\n").unwrap();
        let message = check("b 0\n").unwrap_err().to_string();
        assert!(
            message.contains(URL) && message.contains("trusted.toml"),
            "{message}"
        );
        check("a 0\n").unwrap();
    }

    #[test]
    fn a_stated_checksum_is_kept_to_the_first_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.txt");
        fs::write(&file, "a 0\n").unwrap();
        let mut trust = Trust::read(folder.path()).unwrap();
        let stated = public(Some(&"0".repeat(64)));
        assert!(trust.check(URL, &stated, &file).is_err());
        let stated = public(Some(&sha256(&file).unwrap()));
        trust.check(URL, &stated, &file).unwrap();
    }

    #[test]
    fn a_bad_entry_is_named() {
        let model = PublicModel {
            name: "m".to_owned(),
            languages: vec!["zh".to_owned()],
            licence: "Apache-2.0".to_owned(),
            url: "https://models.example/m/".to_owned(),
            bytes: 1,
            unsupported: None,
            files: vec![public(None)],
        };
        model.check().unwrap();
        assert_eq!(
            model.address(&model.files[0]),
            "https://models.example/m/tokens.txt"
        );
        let problem = |change: fn(&mut PublicModel)| {
            let mut changed = model.clone();
            change(&mut changed);
            changed.check().unwrap_err()
        };
        assert!(problem(|m| m.url = "ftp://x".to_owned()).contains("`url` of `m`"));
        assert!(problem(|m| m.files.clear()).contains("must name a file"));
        let outside = problem(|m| m.files[0].name = "../up".to_owned());
        assert!(outside.contains("`files.name` of `m`"), "{outside}");
    }
}
