//! Recordings of the branch's own that serve callers before an agent does:
//! `decision.recordings/{zh,yue,en}/NAME.wav`, where a rule says `self_service = "NAME"`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use trunkside_call::Language;
use trunkside_decision::Policy;
use trunkside_media::{Prompt, wav};

use crate::config::Problem;

/// What the policy's rules name, read when the box starts.
#[derive(Clone, Debug, Default)]
pub struct SelfServiceRecordings {
    recorded: BTreeMap<(String, Language), Arc<Prompt>>,
}

impl SelfServiceRecordings {
    /// Reads what a policy names. A language may be missing; a file that is there must be good.
    pub fn load(folder: Option<&Path>, policy: &Policy) -> anyhow::Result<Self> {
        let mut recorded = BTreeMap::new();
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        for name in named(policy) {
            for language in Language::ALL {
                let path = file(folder, language, name);
                if path.exists() {
                    let samples = wav::read(&path).with_context(|| {
                        format!("cannot use the recording `{}`", path.display())
                    })?;
                    let prompt = Arc::new(Prompt::from_samples(&samples));
                    recorded.insert((name.to_owned(), language), prompt);
                }
            }
        }
        Ok(Self { recorded })
    }

    /// A recording in the caller's language, or else in Mandarin, Cantonese or English.
    pub fn get(&self, language: Language, name: &str) -> Option<Arc<Prompt>> {
        std::iter::once(language)
            .chain(Language::ALL)
            .find_map(|language| self.recorded.get(&(name.to_owned(), language)))
            .map(Arc::clone)
    }
}

/// Recordings that a policy names and nobody made.
pub fn check(folder: Option<&Path>, policy: &Policy, place: &Path) -> Vec<Problem> {
    let place = place.display().to_string();
    named(policy)
        .into_iter()
        .filter_map(|name| {
            let message = match folder {
                None => format!(
                    "`self_service` names `{name}`, but the configuration has no \
                     `decision.recordings`; set it to the folder of the recordings"
                ),
                Some(folder) => {
                    let found = Language::ALL.map(|language| file(folder, language, name));
                    if found.iter().any(|path| path.exists()) {
                        return None;
                    }
                    format!(
                        "`self_service` names `{name}`, of which there is no recording; put one at \
                         `{}`",
                        found[0].display()
                    )
                }
            };
            Some(Problem::error(place.clone(), message))
        })
        .collect()
}

fn named(policy: &Policy) -> BTreeSet<&str> {
    let rules = policy.rules.iter().map(|rule| &rule.then);
    rules
        .chain([&policy.default])
        .filter_map(|route| route.self_service.as_deref())
        .collect()
}

fn file(folder: &Path, language: Language, name: &str) -> PathBuf {
    folder.join(language.tag()).join(name).with_extension("wav")
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "[[agent]]\nid = \"ann\"\n[[rule]]\nname = \"hours\"\n\
        when = { intent = \"opening_hours\" }\nthen = { self_service = \"hours\" }\n";

    #[test]
    fn a_recording_is_found_in_the_caller_s_language_or_another_and_a_missing_one_is_named() {
        let policy = Policy::parse("p.toml", POLICY).policy.expect("it is whole");
        let folder = tempfile::tempdir().expect("writable");
        let place = Path::new("p.toml");
        let said = |folder: Option<&Path>| {
            let problems = check(folder, &policy, place);
            problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        assert!(said(None).contains("no `decision.recordings`"));
        assert!(said(Some(folder.path())).contains("zh/hours.wav"));
        std::fs::create_dir(folder.path().join("en")).expect("writable");
        let path = file(folder.path(), Language::En, "hours");
        wav::write(&path, &[1_000; 800], wav::Encoding::Pcm16).expect("writable");
        assert_eq!(said(Some(folder.path())), "");
        let recordings =
            SelfServiceRecordings::load(Some(folder.path()), &policy).expect("it is good");
        assert!(recordings.get(Language::Zh, "hours").is_some());
        assert!(recordings.get(Language::Zh, "else").is_none());
        std::fs::write(&path, b"nothing").expect("writable");
        let error =
            SelfServiceRecordings::load(Some(folder.path()), &policy).expect_err("it is broken");
        assert!(error.to_string().contains("en/hours.wav"));
    }
}
