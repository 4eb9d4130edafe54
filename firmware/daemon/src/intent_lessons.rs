//! The understanding in use, renewed when a supervisor's corrections are.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::{error, info, warn};
use trunkside_decision::log;
use trunkside_understanding::Understander;
use trunkside_understanding::intents::{IntentModel, Lessons};

use crate::config_watch::{Stamped, stamped};

/// A version of the lessons, and its file as it was when it was looked at.
type Lesson = (u32, Option<Stamped>);

/// The understanding of a call, and the intents that it knows as the decision log names them.
#[derive(Clone)]
pub struct Taught {
    /// Understands what is said.
    pub understander: Arc<Understander>,
    /// Its intents: `shipped`, `shipped+N` with the corrections of version N, or `own`.
    pub intents: log::Model,
}

impl Taught {
    fn new(name: String, intents: IntentModel) -> Self {
        let sha256 = intents.sha256();
        Self {
            understander: Arc::new(Understander::with_intents(intents)),
            intents: log::Model { name, sha256 },
        }
    }

    fn shipped() -> Self {
        Self::new(SHIPPED.to_owned(), IntentModel::shipped())
    }
}

/// The name of the intents that ship.
const SHIPPED: &str = "shipped";

/// Gives every new call the newest understanding. Learning takes seconds on a small board, so it
/// happens on a thread of its own, and calls go on with what there is until it is done.
pub struct Teacher {
    /// None where the branch has an intent model of its own, which corrections are not for.
    lessons: Option<Lessons>,
    /// What is in use or being learnt.
    lesson: Arc<Mutex<Lesson>>,
    taught: Arc<Mutex<Taught>>,
}

impl Teacher {
    /// With the lessons in a folder, which need not be there. Lessons that cannot be learnt are
    /// reported, and the newest before them that can serve, at last what ships. With a model of the
    /// branch's own it alone counts; where it cannot be read, what ships does.
    pub fn new(folder: PathBuf, model: Option<&Path>) -> Self {
        let own = model.map(IntentModel::load);
        let lessons = own.is_none().then(|| Lessons::new(folder));
        let taught = match own {
            Some(Ok(own)) => Taught::new("own".to_owned(), own),
            Some(Err(error)) => {
                error!(%error, "the branch's own intents cannot be told; those that ship are");
                Taught::shipped()
            }
            None => Taught::shipped(),
        };
        let teacher = Self {
            lessons,
            lesson: Arc::default(),
            taught: Arc::new(Mutex::new(taught)),
        };
        teacher.renew();
        teacher
    }

    /// The understanding for a call that begins.
    pub fn taught(&self) -> Taught {
        self.renew();
        let taught = self.taught.lock();
        taught.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to learn where another version is in force than the one in use, or its file is another.
    fn renew(&self) {
        let Some(lessons) = &self.lessons else {
            return;
        };
        let version = match lessons.current() {
            Ok(version) => version,
            Err(error) => {
                warn!(%error, "the lessons in force cannot be read");
                return;
            }
        };
        let lesson = (version, stamped(lessons.file(version)));
        let known = {
            let mut in_use = self.lesson.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *in_use, lesson.clone())
        };
        if known == lesson {
            return;
        }
        let (lessons, in_use) = (lessons.clone(), Arc::clone(&self.taught));
        let wanted = Arc::clone(&self.lesson);
        let learning = thread::Builder::new().name("lessons".to_owned());
        let started = learning.spawn(move || match lessons.model() {
            Ok(taught) => {
                let name = match taught.version {
                    0 => SHIPPED.to_owned(),
                    version => format!("{SHIPPED}+{version}"),
                };
                let new = Taught::new(name, taught.model);
                let mut current = in_use.lock().unwrap_or_else(PoisonError::into_inner);
                // Another version may have been put in force while this one was learnt.
                if *wanted.lock().unwrap_or_else(PoisonError::into_inner) == lesson {
                    *current = new;
                    let version = taught.version;
                    info!(version, "corrections of intents are in force");
                }
                if let Some(error) = taught.problem {
                    warn!(%error, version, "corrections cannot be learnt; those before them are");
                }
            }
            Err(error) => warn!(%error, version, "corrections cannot be learnt"),
        });
        if let Err(error) = started {
            warn!(%error, "no thread to learn corrections");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use trunkside_understanding::intents::Example;

    use super::*;

    #[test]
    fn a_correction_is_in_force_without_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let teacher = Teacher::new(folder.path().join("intents"), None);
        let says = || {
            let understood = teacher
                .taught()
                .understander
                .understand_text("查一下金橘宝", None);
            understood.intent.name
        };
        assert_ne!(says(), "wealth_products");
        let lessons = Lessons::new(folder.path().join("intents"));
        let said = [
            "金橘宝到期没有",
            "看下金橘宝",
            "我的金橘宝",
            "金橘宝怎么样",
            "买金橘宝",
        ];
        let corrections = said.map(|text| Example {
            text: text.to_owned(),
            label: "wealth_products".to_owned(),
        });
        lessons.correct(&corrections).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
        let now = Instant::now;
        let deadline = now() + Duration::from_mins(3);
        while says() != "wealth_products" {
            assert!(now() < deadline, "the correction is not in force");
            thread::park_timeout(Duration::from_millis(20));
        }
        lessons.rollback(None).unwrap();
        while says() == "wealth_products" {
            assert!(now() < deadline, "the rollback is not in force");
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    #[test]
    fn corrections_that_were_mended_are_learnt_without_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let lessons = Lessons::new(folder.path());
        std::fs::write(lessons.file(1), "查一下金橘宝").unwrap();
        std::fs::write(folder.path().join("current"), "1\n").unwrap();
        let teacher = Teacher::new(folder.path().to_owned(), None);
        let says = || {
            let understood = teacher
                .taught()
                .understander
                .understand_text("查一下金橘宝", None);
            understood.intent.name
        };
        assert_ne!(says(), "wealth_products");
        let said = [
            "金橘宝到期没有",
            "看下金橘宝",
            "查一下金橘宝",
            "金橘宝怎么样",
            "买金橘宝",
        ];
        let lines = said.map(|text| format!("{text}\twealth_products\n"));
        std::fs::write(lessons.file(1), lines.concat()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test waits with a deadline")]
        let now = Instant::now;
        let deadline = now() + Duration::from_mins(3);
        while says() != "wealth_products" {
            assert!(now() < deadline, "what was mended is not in force");
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_model_of_the_branch_s_own_alone_counts_and_a_broken_one_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data.tsv");
        let lines: Vec<String> = (0..40)
            .map(|n| format!("book a table number {n}\ttable\nwhere is parcel {n}\tparcel\n"))
            .collect();
        std::fs::write(&data, lines.concat()).unwrap();
        let model = folder.path().join("model");
        trunkside_understanding::intents::train_file(&data, &model).unwrap();
        let says = |model: &Path| {
            let teacher = Teacher::new(folder.path().join("intents"), Some(model));
            let understood = teacher
                .taught()
                .understander
                .understand_text("book a table", None);
            understood.intent.name
        };
        assert_eq!(says(&model), "table");
        assert_ne!(says(folder.path()), "table");
    }
}
