//! The understanding in use, renewed when a supervisor's corrections are.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tracing::{info, warn};
use trunkside_understanding::Understander;
use trunkside_understanding::intents::Lessons;

/// Gives every new call the newest understanding. Learning takes seconds on a small board, so it
/// happens on a thread of its own, and calls go on with what there is until it is done.
pub struct Teacher {
    lessons: Lessons,
    /// The version that is in use or being learnt.
    version: Arc<AtomicU32>,
    understander: Arc<Mutex<Arc<Understander>>>,
}

impl Teacher {
    /// With the lessons in a folder, which need not be there. Lessons that cannot be learnt are
    /// reported, and the newest before them that can serve, at last what ships.
    pub fn new(folder: PathBuf) -> Self {
        let teacher = Self {
            lessons: Lessons::new(folder),
            version: Arc::new(AtomicU32::new(0)),
            understander: Arc::new(Mutex::new(Arc::new(Understander::shipped()))),
        };
        teacher.renew();
        teacher
    }

    /// The understanding for a call that begins.
    pub fn understander(&self) -> Arc<Understander> {
        self.renew();
        Arc::clone(
            &self
                .understander
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Begins to learn where another version is in force than the one in use.
    fn renew(&self) {
        let version = match self.lessons.current() {
            Ok(version) => version,
            Err(error) => {
                warn!(%error, "the lessons in force cannot be read");
                return;
            }
        };
        if self.version.swap(version, Ordering::AcqRel) == version {
            return;
        }
        let (lessons, understander) = (self.lessons.clone(), Arc::clone(&self.understander));
        let wanted = Arc::clone(&self.version);
        let learning = thread::Builder::new().name("lessons".to_owned());
        let started = learning.spawn(move || match lessons.model() {
            Ok(taught) => {
                let new = Arc::new(Understander::with_intents(taught.model));
                let mut current = understander.lock().unwrap_or_else(PoisonError::into_inner);
                // Another version may have been put in force while this one was learnt.
                if wanted.load(Ordering::Acquire) == version {
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
        let teacher = Teacher::new(folder.path().join("intents"));
        let says = || {
            let understood = teacher.understander().understand_text("查一下金橘宝", None);
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
}
