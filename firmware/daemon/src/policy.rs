//! The routing policy's file: read with the box's settings, watched, and kept version by version.

mod versions;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use trunkside_decision::{Policy, registered_user, sha256_hex};
use trunkside_line::Phones;
use trunkside_understanding::intents::{HiddenIntents, IntentModel};

use crate::call::translate;
use crate::cloud::alarm::{Part, SEE_LOG};
use crate::config::{self, Config, CustomersConfig, Problem, Severity};
use crate::config_watch::LOOK_EVERY;
use crate::customers;
use crate::self_service::SelfServiceRecordings;
use crate::storage::store::history;

pub use versions::{Version, Versions, replaced_by, restore};

/// What the alarm is of.
pub const POLICY: Part = Part {
    code: "policy",
    raised: "the routing policy that is asked for cannot be used",
    cleared: "the routing policy that is asked for is in force",
};

/// Reads a policy. None when it cannot be used; the problems say why, warnings included.
pub fn load(path: &Path) -> (Option<Policy>, Vec<Problem>) {
    let (policy, _, problems) = read(path);
    (policy, problems)
}

/// The same, with what its rules ask of callers that nobody tells, also where it cannot be used.
pub fn check(path: &Path, told: &Told) -> (Option<Policy>, Vec<Problem>) {
    let (policy, draft, mut problems) = read(path);
    problems.extend(draft.iter().flat_map(|draft| told.lacks(path, draft)));
    (policy, problems)
}

/// A policy that can be used, what could be read of one in any case, and what is wrong with it.
fn read(path: &Path) -> (Option<Policy>, Option<Policy>, Vec<Problem>) {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!(
                "cannot be read: {error}; create it, or name another (for a box: set `decision.policy`)"
            );
            return (None, None, vec![Problem::error(name, message)]);
        }
    };
    let parsed = Policy::parse(&name, &text);
    let phoneless = parsed.draft.check_contacts(&name);
    let found = parsed.problems.iter().chain(&phoneless);
    let problems: Vec<Problem> = found.map(problem).collect();
    let usable = problems
        .iter()
        .all(|problem| problem.severity == Severity::Warning);
    let policy = parsed.policy.filter(|_| usable);
    (policy, Some(parsed.draft), problems)
}

/// What can be told of callers.
#[derive(Clone, Debug, Default)]
pub struct Told {
    intents: Option<PathBuf>,
    /// None where it is not known which box will use the policy.
    customers: Option<CustomersConfig>,
    /// Whose phones register beside the agents'.
    supervisors: Vec<String>,
    /// How long phones ring.
    ring_timeout: Duration,
}

impl Told {
    /// By a box with that configuration.
    pub fn by(config: &Config) -> Self {
        Self {
            intents: config.intents.clone(),
            customers: Some(config.customers.clone()),
            supervisors: config.line.supervisors.clone(),
            ring_timeout: config.line.ring_timeout,
        }
    }

    /// What the rules of a policy, which lies at `place`, ask of callers that nobody tells, as warnings.
    pub fn lacks(&self, place: &Path, policy: &Policy) -> Vec<Problem> {
        let place = place.display().to_string();
        let own = self.intents.as_deref().map(IntentModel::load);
        let said = own
            .and_then(Result::ok)
            .unwrap_or_else(IntentModel::shipped);
        let said = || said.labels().iter().map(String::as_str);
        let customers = self.customers.as_ref();
        let hidden = customers.map(customers::hidden_intents);
        let hidden = hidden
            .and_then(Result::ok)
            .unwrap_or_else(HiddenIntents::shipped);
        let mut problems = policy.check_intents(&place, said().chain(hidden.intents()));
        if let Some(customers) = customers.filter(|customers| !customers.asks_somebody()) {
            let remembers =
                |fact: &str| !customers.history.is_zero() && history::tells(fact, said());
            problems.extend(policy.check_without_lookup(&place, remembers));
        }
        problems.extend(policy.check_ringing(&place, self.ring_timeout));
        let mut problems: Vec<Problem> = problems.iter().map(problem).collect();
        problems.extend(self.codes_of_supervisors(&place, policy));
        problems
    }

    /// Codes that call a supervisor's phone instead.
    fn codes_of_supervisors(&self, place: &str, policy: &Policy) -> Vec<Problem> {
        let phones: Vec<&str> = self
            .supervisors
            .iter()
            .filter_map(|contact| registered_user(contact))
            .collect();
        let taken = policy.code_numbers().filter(|code| phones.contains(code));
        let warning = |code: &str| {
            let message = format!(
                "the code `{code}` calls the phone of a supervisor (`line.supervisors`) and says nothing; take \
                 another"
            );
            Problem {
                severity: Severity::Warning,
                ..Problem::error(place.to_owned(), message)
            }
        };
        taken.map(warning).collect()
    }
}

/// The policy that the box begins with.
#[derive(Debug)]
pub struct Beginning {
    /// The policy.
    pub policy: Policy,
    /// Whether it is the one that the configuration names; else it is the last that was in force.
    pub is_named: bool,
    /// What is wrong with the one that the configuration names, warnings included.
    pub problems: Vec<Problem>,
}

impl Beginning {
    /// Takes the policy that the configuration names, or, as calls must be taken whatever became of its
    /// file, the newest that is kept of those that were in force. Without any the problems say why.
    pub fn find(config: &Config) -> Result<Self, Vec<Problem>> {
        let (named, mut problems) = load(&config.policy);
        let is_named = named.is_some();
        match named.or_else(|| Versions::of(&config.data_dir).newest()) {
            Some(policy) => {
                problems.extend(Told::by(config).lacks(&config.policy, &policy));
                Ok(Self {
                    policy,
                    is_named,
                    problems,
                })
            }
            None => Err(problems),
        }
    }
}

/// A policy with what it names, to come into force while the box runs.
#[derive(Debug)]
pub struct Ready {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The recordings that serve callers by it.
    pub self_service: SelfServiceRecordings,
    /// The phones that register by it.
    pub phones: Phones,
}

/// Where that lies which policies name.
#[derive(Clone, Debug)]
pub struct Named {
    recordings: Option<PathBuf>,
    agent_secrets: Option<PathBuf>,
    supervisors: Vec<String>,
    told: Told,
}

impl Named {
    /// As a configuration says.
    pub fn by(config: &Config) -> Self {
        Self {
            recordings: config.recordings.clone(),
            agent_secrets: config.line.agent_secrets.clone(),
            supervisors: config.line.supervisors.clone(),
            told: Told::by(config),
        }
    }

    /// The recordings that a policy names, and what is wrong with them.
    pub fn self_service(
        &self,
        place: &Path,
        policy: &Policy,
    ) -> (SelfServiceRecordings, Vec<Problem>) {
        SelfServiceRecordings::load(self.recordings.as_deref(), policy, place)
    }

    /// The phones that register by a policy, with their secrets.
    pub fn phones(&self, policy: &Policy) -> Phones {
        let users = translate::registered_users(policy, &self.supervisors);
        let folder = self.agent_secrets.as_deref();
        let (secrets, problems) = config::agent_secrets(folder, users.clone());
        for problem in problems {
            tracing::warn!(%problem, "a phone cannot register from elsewhere");
        }
        let codes = policy.code_numbers().map(str::to_owned).collect();
        Phones {
            users,
            secrets,
            codes,
        }
    }

    /// Makes a policy ready, or says what is missing.
    fn make_ready(&self, place: &Path, policy: Policy) -> Result<Ready, Vec<Problem>> {
        let (self_service, missing) = self.self_service(place, &policy);
        if !missing.is_empty() {
            return Err(missing);
        }
        Ok(Ready {
            phones: self.phones(&policy),
            self_service,
            policy: Arc::new(policy),
        })
    }
}

fn problem(found: &trunkside_decision::Problem) -> Problem {
    Problem {
        severity: found.severity,
        ..Problem::error(found.place(), found.fault())
    }
}

/// A file that was not there at so many looks, one after the other, is gone.
const GONE: u32 = 3;

/// What the watch of the policy's file begins with.
#[derive(Debug)]
pub struct Known {
    /// The SHA-256 of the policy in force; empty where it lacks something that it names.
    pub in_force: String,
    /// What has been told of the file.
    pub told: Vec<Problem>,
}

/// Watches the policy's file: each new text that is usable goes to the pipeline with what it names, one
/// that is not is logged and changes nothing. What is missing of what it names may come later. `trouble`
/// says whether the policy in force is the file's. Ends when nobody listens any more or at `stop`.
pub async fn watch(
    path: PathBuf,
    named: Named,
    Known { in_force, mut told }: Known,
    (policies, trouble): (mpsc::Sender<Ready>, watch::Sender<Option<String>>),
    stop: CancellationToken,
) {
    let mut missed = 0_u32;
    let (mut known, mut in_force) = (in_force.clone(), in_force);
    let is_over = || trouble.send_if_modified(|trouble| trouble.take().is_some());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let file = path.clone();
        let (seen, named) = (known.clone(), named.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let text = std::fs::read_to_string(&file)?;
            let found = sha256_hex(&text);
            let is_new = found != seen;
            let made = is_new.then(|| {
                let (policy, mut problems) = load(&file);
                if let Some(policy) = &policy {
                    problems.extend(named.told.lacks(&file, policy));
                }
                let ready = policy.map(|policy| named.make_ready(&file, policy));
                (ready, problems)
            });
            Ok(Some((found, made)))
        });
        let looked: std::io::Result<_> = looked.await.unwrap_or(Ok(None));
        match &looked {
            Ok(_) => missed = 0,
            Err(error) => {
                missed += 1;
                // A file that is being replaced is there again in a moment.
                if missed == GONE {
                    tracing::error!(
                        file = %path.display(), %error,
                        "the policy's file cannot be read; the policy in force stays"
                    );
                    trouble.send_replace(Some(SEE_LOG.to_owned()));
                }
            }
        }
        let Ok(Some((found, made))) = looked else {
            continue;
        };
        let Some((ready, mut problems)) = made else {
            if found == in_force {
                is_over();
            }
            continue;
        };
        let (ready, lacks) = match ready {
            Some(Err(missing)) => {
                problems.extend(missing);
                (None, true)
            }
            ready => (ready.and_then(Result::ok), false),
        };
        if lacks && told == problems {
            continue;
        }
        for problem in &problems {
            tracing::warn!(%problem, "the new policy has a problem");
        }
        if !lacks {
            known.clone_from(&found);
        }
        told = problems;
        let Some(ready) = ready else {
            tracing::error!(
                file = %path.display(),
                "the new policy cannot be used; the one before stays in force"
            );
            trouble.send_replace(Some(SEE_LOG.to_owned()));
            continue;
        };
        in_force = found;
        is_over();
        if policies.send(ready).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use trunkside_call::Language;
    use trunkside_media::wav;

    use super::*;

    #[test]
    fn a_policy_comes_into_force_with_what_it_names_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["secrets", "zh"] {
            std::fs::create_dir(at(name)).expect("writable");
        }
        std::fs::write(at("secrets/ann"), "geheim").expect("writable");
        let text = "[[agent]]\nid = \"ann\"\ncontact = \"registered:ann\"\n[[rule]]\nname = \"hours\"\n\
                    when = { intent = \"opening_hours\" }\nthen = { self_service = \"hours\" }\n";
        let policy = || Policy::parse("p.toml", text).policy.expect("it is whole");
        let named = Named {
            recordings: Some(folder.path().to_owned()),
            agent_secrets: Some(at("secrets")),
            supervisors: vec!["registered:li".to_owned()],
            told: Told::default(),
        };
        let ready = || named.make_ready(Path::new("p.toml"), policy());
        let missing = ready().expect_err("there is no such recording");
        assert!(missing[0].message.contains("zh/hours.wav"), "{missing:?}");
        std::fs::write(at("zh/hours.wav"), "nothing").expect("writable");
        let broken = ready().expect_err("it is broken");
        assert!(broken[0].message.contains("put a good one"), "{broken:?}");
        let samples = [1_000; 800];
        wav::write(&at("zh/hours.wav"), &samples, wav::Encoding::Pcm16).expect("writable");
        let ready = ready().expect("nothing is missing");
        assert!(ready.self_service.get(Language::Zh, "hours").is_some());
        assert_eq!(ready.phones.users, ["ann", "li"]);
        assert_eq!(ready.phones.secrets.len(), 1);
    }

    #[test]
    fn what_nobody_tells_is_told_beside_errors_and_an_agent_without_a_phone_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let rule = "[[rule]]\nname = \"r\"\nwhen = { intent = \"flying_saucer\" }\nthen = { priority = 11 }\n";
        let file = written(folder.path(), &format!("{ANN}{rule}"));
        let told = |file: &Path| -> Vec<String> {
            let (policy, problems) = check(file, &Told::default());
            assert!(policy.is_none(), "it is wrong");
            problems.iter().map(ToString::to_string).collect()
        };
        let said = told(&file);
        assert!(
            said.iter()
                .any(|told| told.contains("policy.toml:7: error:")),
            "{said:?}"
        );
        let unheard = said.iter().any(|told| {
            told.contains("policy.toml:6: warning:") && told.contains("`flying_saucer`")
        });
        assert!(unheard, "{said:?}");
        // Neither another's longer name nor a comment is the agent.
        let bobby =
            "# id = \"bob\"\n[[agent]]\nid = \"bobby\"\ncontact = \"sip:bobby@192.0.2.20\"\n";
        let file = written(folder.path(), &format!("{bobby}[[agent]]\nid = \"bob\"\n"));
        let said = told(&file);
        let bob =
            |told: &String| told.contains("policy.toml:6: error: `agent.bob.contact` is missing");
        assert!(said.iter().any(bob), "{said:?}");
        let file = written(folder.path(), "[[agent]]\nid = \"bob\"\npriority = 0\n");
        let said = told(&file);
        assert!(
            said.iter()
                .any(|told| told.contains("`agent.bob.contact` is missing")),
            "{said:?}"
        );
        let file = written(folder.path(), "[[agent]]\nid = \"bob\"\ncontact = 7\n");
        assert_eq!(told(&file).len(), 1, "once is enough");
    }

    #[test]
    fn an_offer_that_ends_while_the_phone_rings_is_told() {
        let text =
            "[[agent]]\nid = \"ann\"\ncontact = \"registered:ann\"\n[queue]\noffer_limit_s = 60\n";
        let policy = Policy::parse("p.toml", text).policy.expect("it is whole");
        let told = |ring_s| {
            let told = Told {
                ring_timeout: Duration::from_secs(ring_s),
                ..Told::default()
            };
            let problems = told.lacks(Path::new("p.toml"), &policy);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(59), Vec::<String>::new());
        let said = told(60);
        assert_eq!(said.len(), 1, "{said:?}");
        let expected = "p.toml:5: warning: `queue.offer_limit_s` of 60 s ends offers while the phone rings still";
        assert!(said[0].starts_with(expected), "{said:?}");
    }

    #[test]
    fn a_code_that_calls_a_supervisor_is_told() {
        let text = "[[agent]]\nid = \"ann\"\ncontact = \"registered:ann\"\n\
                    [[break]]\nreason = \"lunch\"\ncode = \"11\"\n[codes]\nback = \"12\"\n";
        let policy = Policy::parse("p.toml", text).policy.expect("it is whole");
        let told = Told {
            supervisors: vec!["registered:11".to_owned()],
            ..Told::default()
        };
        let problems = told.lacks(Path::new("p.toml"), &policy);
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("the code `11` calls the phone of a supervisor"),
            "{said:?}"
        );
        assert_eq!(problems[0].severity, Severity::Warning);
        assert_eq!(Told::default().lacks(Path::new("p.toml"), &policy), []);
    }

    const ANN: &str = "[[agent]]\nid = \"ann\"\ncontact = \"sip:ann@192.0.2.20\"\n";

    fn written(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("policy.toml");
        std::fs::write(&path, text).expect("writable");
        path
    }

    /// What a box with that folder for its data, and the policy in it, begins with.
    fn begun(folder: &Path) -> Result<Beginning, Vec<Problem>> {
        let path = folder.join("config.toml");
        let text = "[box]\ndata_dir = \".\"\n[decision]\npolicy = \"policy.toml\"\n";
        std::fs::write(&path, text).expect("writable");
        Beginning::find(&config::load(&path).config)
    }

    #[test]
    fn a_box_whose_policy_is_broken_begins_with_the_last_one_that_can_be_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = written(folder.path(), "name = 1");
        assert!(!begun(folder.path()).expect_err("there is none").is_empty());
        let versions = Versions::of(folder.path());
        let kept = |text| Policy::parse("p.toml", text).policy.expect("it is whole");
        versions.keep(&kept(ANN)).expect("it is kept");
        // Of a newer box, say: one that has to reach its agents otherwise.
        let newer = kept("name = \"newer\"\n[[agent]]\nid = \"ann\"\n");
        versions.keep(&newer).expect("it is kept");
        for is_there in [true, false] {
            if !is_there {
                std::fs::remove_file(&file).expect("it is there");
            }
            let beginning = begun(folder.path()).expect("one is kept");
            assert_eq!(beginning.policy.text, ANN);
            assert!(!beginning.is_named && !beginning.problems.is_empty());
        }
        let text = format!("name = \"mended\"\n{ANN}");
        written(folder.path(), &text);
        let beginning = begun(folder.path()).expect("it is mended");
        assert_eq!((beginning.policy.text, beginning.is_named), (text, true));
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_with_the_policy_s_file_is_over_when_it_is_in_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let in_force = Policy::parse("p.toml", ANN).policy.expect("it is whole");
        let file = written(folder.path(), "name = 1");
        let named = Named {
            recordings: None,
            agent_secrets: None,
            supervisors: Vec::new(),
            told: Told::default(),
        };
        let known = Known {
            in_force: in_force.sha256,
            told: Vec::new(),
        };
        let (sender, mut policies) = mpsc::channel(1);
        let (teller, mut trouble) = watch::channel(Some(SEE_LOG.to_owned()));
        let stop = CancellationToken::new();
        let watching = watch(file, named, known, (sender, teller), stop.clone());
        let mending = async {
            tokio::time::sleep(LOOK_EVERY * 10).await;
            assert!(trouble.borrow().is_some(), "it is broken all the time");
            written(folder.path(), &format!("name = \"mended\"\n{ANN}"));
            let ready = policies.recv().await.expect("it is watched");
            assert_eq!(ready.policy.name, "mended");
            assert!(trouble.borrow().is_none());
            written(folder.path(), "name = 2");
            trouble.wait_for(Option::is_some).await.expect("it is told");
            stop.cancel();
        };
        tokio::join!(watching, mending);
    }
}
