//! Recordings of the branch's own that serve callers before an agent does:
//! `decision.recordings/{zh,yue,en}/NAME.wav`, where a rule says `self_service = "NAME"`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Reads what a policy names, with what is wrong with it: each name needs a recording in one language at
    /// least, and what is there must be good. What cannot be played is left out.
    pub fn load(folder: Option<&Path>, policy: &Policy, place: &Path) -> (Self, Vec<Problem>) {
        let place = place.display().to_string();
        let (mut recordings, mut problems) = (Self::default(), Vec::new());
        for name in named(policy) {
            if let Err(message) = recordings.read(folder, name) {
                problems.push(Problem::error(place.clone(), message));
            }
        }
        (recordings, problems)
    }

    /// Reads a recording in all languages that there are of it.
    fn read(&mut self, folder: Option<&Path>, name: &str) -> Result<(), String> {
        let Some(folder) = folder else {
            return Err(format!(
                "`self_service` names `{name}`, but the configuration has no \
                 `decision.recordings`; set it to the folder of the announcements"
            ));
        };
        let paths = Language::ALL.map(|language| (language, file(folder, language, name)));
        if !paths.iter().any(|(_, path)| path.exists()) {
            return Err(format!(
                "`self_service` names `{name}`, of which there is no announcement; put one at `{}`",
                paths[0].1.display()
            ));
        }
        let mut broken = Ok(());
        for (language, path) in paths.into_iter().filter(|(_, path)| path.exists()) {
            match wav::read(&path) {
                Ok(samples) => {
                    let prompt = Arc::new(Prompt::from_samples(&samples));
                    self.recorded.insert((name.to_owned(), language), prompt);
                }
                Err(error) => {
                    broken = Err(format!(
                        "cannot use the announcement `{}`: {error}; put a good one in its place",
                        path.display()
                    ));
                }
            }
        }
        broken
    }

    /// A recording in the caller's language, or else in Mandarin, Cantonese or English.
    pub fn get(&self, language: Language, name: &str) -> Option<Arc<Prompt>> {
        std::iter::once(language)
            .chain(Language::ALL)
            .find_map(|language| self.recorded.get(&(name.to_owned(), language)))
            .map(Arc::clone)
    }
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
            let problems = SelfServiceRecordings::load(folder, &policy, place).1;
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
        let load = || SelfServiceRecordings::load(Some(folder.path()), &policy, place).0;
        assert!(load().get(Language::Zh, "hours").is_some());
        assert!(load().get(Language::Zh, "else").is_none());
        // One that is broken costs no other.
        let broken = file(folder.path(), Language::Zh, "hours");
        std::fs::create_dir(folder.path().join("zh")).expect("writable");
        std::fs::write(&broken, b"nothing").expect("writable");
        assert!(said(Some(folder.path())).contains("zh/hours.wav"));
        assert!(load().get(Language::Zh, "hours").is_some());
    }
}
