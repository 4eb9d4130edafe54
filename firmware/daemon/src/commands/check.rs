//! `trunkside check`: every problem of a configuration, of what it names and of where it points.

use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use rustix::fs::{Access, access};
use trunkside_aggregator::explain;
use trunkside_models::Error as ModelError;
use trunkside_recognition::Error as RecognitionError;
use trunkside_understanding::intents::IntentModel;
use trunkside_vault::KeyGone;

use super::box_user::BoxUser;
use super::complain;
use crate::cli::{CheckArgs, Failure};
use crate::clock;
use crate::cloud::{certificate, outbox};
use crate::config::{self, BoardKind, Loaded, Problem, RecognitionConfig, RecordingMode, Severity};
use crate::key_files;
use crate::recording::tapes;
use crate::redaction_policy::Privacy;
use crate::self_service::SelfServiceRecordings;

/// Prints each problem on standard error; bad input (2) when the box would not
/// start, or not do all that is asked of it.
pub fn check(args: &CheckArgs) -> Result<(), Failure> {
    let loaded = config::load(&args.config.file);
    let mut problems = loaded.problems.clone();
    if loaded.was_read {
        problems.extend(of_the_policy(&loaded));
        problems.extend(of_the_rules(&loaded));
        problems.extend(crate::prompts::check(&loaded.config.prompts, |key| {
            loaded.place(key)
        }));
        problems.extend(crate::customers::check(&loaded.config.customers));
        problems.extend(of_the_intents(&loaded));
        problems.extend(of_the_surroundings(&loaded));
        problems.extend(of_the_front(&loaded));
        problems.extend(of_the_keys(&loaded));
        problems.extend(of_the_cloud(&loaded));
        problems.extend(of_the_certificate(&loaded));
        problems.extend(of_the_addresses(&loaded));
        problems.extend(of_the_trunks(&loaded));
        problems.extend(of_what_is_not_meant(&loaded));
    }
    for problem in &problems {
        complain(problem);
    }
    let refused = |severity| args.strict || severity == Severity::Error;
    if problems.iter().any(|problem| refused(problem.severity)) {
        return Err(Failure::Said(2));
    }
    say!("{}: the configuration is right", args.config.file.display());
    Ok(())
}

/// What is wrong with the policy, the announcements that it plays and the agents that it names.
fn of_the_policy(loaded: &Loaded) -> Vec<Problem> {
    let names_none = |problem: &Problem| problem.message.contains("`decision.policy`");
    if loaded.problems.iter().any(names_none) || loaded.may_hide("decision.policy") {
        return Vec::new();
    }
    let config = &loaded.config;
    let told = crate::policy::Told::by(config);
    let (policy, mut problems) = crate::policy::check(&config.policy, &told);
    if let Some(policy) = policy {
        let recordings = config.recordings.as_deref();
        problems.extend(SelfServiceRecordings::load(recordings, &policy, &config.policy).1);
        let users = crate::call::translate::registered_users(&policy, &config.line.supervisors);
        let folder = config.line.agent_secrets.as_deref();
        problems.extend(config::agent_secrets(folder, users).1);
    }
    problems
}

/// What is wrong with the branch's own intent model.
fn of_the_intents(loaded: &Loaded) -> Option<Problem> {
    let error = IntentModel::load(loaded.config.intents.as_deref()?).err()?;
    Some(Problem::error(loaded.place("intents.model"), error.to_string()).of_key("intents.model"))
}

/// What is wrong with the quality rules' file, unless it cannot be read, which has been told.
fn of_the_rules(loaded: &Loaded) -> Vec<Problem> {
    let names_none = |problem: &Problem| problem.message.contains("`quality.rules`");
    if loaded.problems.iter().any(names_none) {
        return Vec::new();
    }
    crate::quality::load(&loaded.config.quality).1
}

/// What keeps the box from the cloud, though it takes calls: files that are there and cannot be used.
fn of_the_cloud(loaded: &Loaded) -> Option<Problem> {
    let is_known = loaded.problems.iter().any(|problem| problem.is_of_cloud);
    let cloud = &loaded.config.cloud;
    let (key, message) = crate::cloud::fault(cloud).filter(|_| cloud.enabled && !is_known)?;
    Some(Problem::error(loaded.place(key), message).of_key(key))
}

/// A certificate for the cloud that ends soon, or has ended.
fn of_the_certificate(loaded: &Loaded) -> Option<Problem> {
    let cloud = &loaded.config.cloud;
    let due = certificate::due(cloud, clock::timestamp()).filter(|_| cloud.enabled)?;
    let problem = if due.is_over {
        Problem::error
    } else {
        Problem::warning
    };
    let key = "cloud.cert_file";
    Some(problem(loaded.place(key), due.message).of_key(key))
}

/// What a box would have to do without though its settings are right: a model that cannot be loaded, a
/// folder that cannot be written.
fn of_the_surroundings(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let mut problems = Vec::new();
    let mut report = |key: &str, message: String| {
        problems.push(Problem::error(loaded.place(key), message));
    };
    let without_phrases = RecognitionConfig {
        phrases: None,
        ..config.recognition.clone()
    };
    if let Err(error) = crate::model::load(&without_phrases) {
        let unknown = matches!(error.downcast_ref(), Some(ModelError::UnknownModel { .. }));
        let is_language = matches!(
            error.downcast_ref(),
            Some(RecognitionError::Language { .. })
        );
        let key = match config.recognition.models_dir {
            _ if is_language => "recognition.language",
            Some(_) if !unknown => "recognition.models_dir",
            _ => "recognition.model",
        };
        report(key, format!("`{key}`: {}", explain(&error)));
    } else if config
        .recognition
        .phrases
        .as_deref()
        .is_some_and(is_readable)
        && let Err(error) = crate::model::load(&config.recognition)
    {
        report("recognition.phrases", explain(&error));
    }
    let keys = [
        crate::cloud::device_key::fault(&config.data_dir),
        Privacy::fault(config.privacy, &config.data_dir),
    ];
    for fault in keys.into_iter().flatten() {
        report("box.data_dir", format!("a key in `box.data_dir`: {fault}"));
    }
    if let Err(error) = writable(&config.data_dir)
        && !loaded.may_hide("box.data_dir")
    {
        let message = format!(
            "`box.data_dir` names `{}`, which cannot be written: {error}; make it for the box's \
             user or change the key",
            config.data_dir.display()
        );
        // A technician may check what only the box's user may write.
        let problem = match error.kind() {
            ErrorKind::PermissionDenied => Problem::warning,
            _ => Problem::error,
        };
        problems.push(problem(loaded.place("box.data_dir"), message));
    }
    problems
}

/// What the box would have to do without at its front: a board that this binary cannot drive, a watchdog
/// that cannot be written.
fn of_the_front(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let mut problems = Vec::new();
    if config.board.kind == BoardKind::Raspberry && !cfg!(feature = "rppal") {
        let message = "`board.kind` is `raspberry`, but this binary was built without the feature \
                       `rppal`; build it with `scripts/arm build`, or take `simulated`";
        problems.push(Problem::error(loaded.place("board.kind"), message));
    }
    // Opening it would arm it.
    let user = BoxUser::of(&config.data_dir);
    if let Some(watchdog) = &config.board.watchdog
        && let Err(error) = user.may(watchdog, Access::WRITE_OK)
    {
        let message = format!(
            "`board.watchdog` names `{}`, which cannot be written: {error}; load its kernel module and let \
             the box's user write to it, or remove the key",
            watchdog.display()
        );
        let place = loaded.place("board.watchdog");
        let is_denied = error.kind() == ErrorKind::PermissionDenied;
        problems.push(if is_denied && !user.asks() {
            Problem::warning(place, message)
        } else {
            Problem::error(place, message)
        });
    }
    problems
}

/// Where a service must not write, whoever owns it (`ProtectSystem=` in the unit that ships).
const SYSTEM: [&str; 3] = ["/etc", "/usr", "/boot"];

/// Keys that are gone while something is sealed with them, or that the box's user may not read, or not make:
/// then nothing is recorded, or sent.
fn of_the_keys(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let user = BoxUser::of(&config.data_dir);
    let records = config.recording.mode != RecordingMode::Off;
    let keys = [
        (
            "box.outbox_key_file",
            config.outbox_key_file.as_deref(),
            trunkside_uplink::holds_sealed_records(&outbox::folder(&config.data_dir)),
        ),
        (
            "recording.key_file",
            config.recording.key_file.as_deref().filter(|_| records),
            tapes::holds_any(&tapes::folder(&config.data_dir)),
        ),
    ];
    let fault = |(key, path, is_used): (&str, Option<&Path>, bool)| {
        let path = path?;
        if is_used && !path.try_exists().unwrap_or(true) {
            let gone = std::io::Error::new(ErrorKind::NotFound, KeyGone);
            let message = key_files::unusable(key, path, &gone);
            return Some(Problem::error(loaded.place(key), message).of_key(key));
        }
        let name = path.display();
        let message = if path.try_exists().unwrap_or(true) {
            let error = user.may(path, Access::READ_OK).err()?;
            format!(
                "`{key}` names `{name}`, which cannot be read: {error}; give it to the box's user, and to \
                 nobody else"
            )
        } else {
            // One that is not there has been told.
            let folder = path.parent().filter(|folder| folder.is_dir())?;
            let is_kept = SYSTEM.iter().any(|kept| folder.starts_with(kept));
            if !is_kept && user.may(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
                return None;
            }
            format!(
                "`{key}` names `{name}`, which is not there, and the box's user may not write in its \
                 folder; {}",
                key_files::remedy(path)
            )
        };
        Some(Problem::warning(loaded.place(key), message).of_key(key))
    };
    keys.into_iter().filter_map(fault).collect()
}

/// Settings that the box runs with, and that nobody can mean.
fn of_what_is_not_meant(loaded: &Loaded) -> Vec<Problem> {
    let config = &loaded.config;
    let mut problems = Vec::new();
    let mut report = |key: &str, message: String| {
        problems.push(Problem::error(loaded.place(key), message));
    };
    let folders = [
        (
            "line.agent_secrets",
            config.line.agent_secrets.as_deref(),
            "phones cannot register from elsewhere",
        ),
        (
            "decision.recordings",
            config.recordings.as_deref(),
            "no announcement can be played",
        ),
        (
            "prompts.recordings",
            config.prompts.recordings.as_deref(),
            "what ships is said",
        ),
    ];
    for (key, folder, so) in folders {
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let message = format!(
                "`{key}` names `{}`, which is no folder, so {so}; make it or change the key",
                folder.display()
            );
            report(key, message);
        }
    }
    let (listen, ports) = (config.line.listen, &config.line.rtp_ports);
    if ports.contains(&listen.port()) {
        let message = format!(
            "`line.rtp_ports` is `{}-{}`, in which lies the port of `line.listen`, `{listen}`: SIP and \
             voice need ports of their own; change one of the two",
            ports.start(),
            ports.end()
        );
        report("line.rtp_ports", message);
    }
    let board = &config.board;
    if board.lamp_pin == board.button_pin {
        let message = format!(
            "`board.button_pin` is {}, as is `board.lamp_pin`; give lamp and button a pin each",
            board.button_pin
        );
        report("board.button_pin", message);
    }
    problems
}

/// Addresses that SIP or voice cannot be received at; somebody may check on another machine than the box's.
fn of_the_addresses(loaded: &Loaded) -> Vec<Problem> {
    let line = &loaded.config.line;
    let any = "one that the box has, or to `0.0.0.0` or `[::]` for all of them";
    let own = "one of the box's own, as voice is received there: without it every call is refused";
    let advertise = Some(line.advertise).filter(|address| *address != line.listen.ip());
    let sip = [
        ("line.listen", Some(line.listen)),
        ("line.listen_tcp", line.transports.tcp),
        ("line.listen_tls", line.transports.tls),
    ];
    let sip = sip.map(|(key, address)| (key, address.map(|address| address.ip()), any));
    let addresses = sip.into_iter().chain([("line.advertise", advertise, own)]);
    let problem = |(key, address, remedy): (&str, Option<IpAddr>, &str)| {
        let address = address?;
        let error = UdpSocket::bind((address, 0)).err()?;
        let message = format!(
            "`{key}` names `{address}`, and this machine does not have that address: {error}; set it to \
             {remedy}"
        );
        let is_elsewhere = error.kind() == ErrorKind::AddrNotAvailable;
        is_elsewhere.then(|| Problem::warning(loaded.place(key), message))
    };
    addresses.filter_map(problem).collect()
}

/// Nobody configured who may call; a section that is meant as a trunk has been told.
fn of_the_trunks(loaded: &Loaded) -> Option<Problem> {
    let is_told = |problem: &Problem| problem.message.contains("[trunk.");
    if !loaded.config.line.takes_calls_from_everywhere()
        || loaded.may_hide("trunk")
        || loaded.problems.iter().any(is_told)
    {
        return None;
    }
    let message = "no `[trunk.NAME]` says who may call: calls are taken from every address; add one with \
                   `targets` or `allow`";
    Some(Problem::warning(loaded.place("line.listen"), message))
}

/// Whether a file opens; where it does not, that has been told.
fn is_readable(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}

/// Whether a folder can be written, or made; nothing is left behind.
fn writable(folder: &Path) -> std::io::Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    if folder.exists() {
        return Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?);
    }
    let missing = folder
        .ancestors()
        .take_while(|ancestor| !ancestor.exists() && !ancestor.as_os_str().is_empty())
        .last()
        .unwrap_or(folder);
    std::fs::create_dir(missing)?;
    std::fs::remove_dir(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_is_told_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let told = |settings: &str| {
            std::fs::write(&path, format!("[line]\n{settings}\n")).unwrap();
            of_the_addresses(&config::load(&path))
        };
        // Nobody has it.
        let elsewhere = "192.0.2.77";
        for (key, port) in [
            ("listen", ":5060"),
            ("listen_tcp", ":5060"),
            ("listen_tls", ":5061"),
            ("advertise", ""),
        ] {
            let problems = told(&format!("{key} = '{elsewhere}{port}'"));
            assert_eq!(problems.len(), 1, "{problems:?}");
            let said = problems[0].to_string();
            let wanted = format!("config.toml:2: warning: `line.{key}` names `{elsewhere}`");
            assert!(said.contains(&wanted), "{said}");
        }
        let both = format!("listen = '{elsewhere}:5060'\nadvertise = '{elsewhere}'");
        assert_eq!(told(&both).len(), 1, "the same is told once");
        assert_eq!(told("listen = '127.0.0.1:5060'"), []);
        assert_eq!(told("listen = '0.0.0.0:5060'\nadvertise = '127.0.0.1'"), []);
    }

    #[test]
    fn a_box_that_takes_calls_from_everywhere_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let told = |settings: &str| {
            std::fs::write(&path, settings).unwrap();
            of_the_trunks(&config::load(&path)).map(|problem| problem.to_string())
        };
        let said = told("[line]\nlisten = '0.0.0.0:5060'\n").expect("a warning");
        assert!(
            said.contains("config.toml:2: warning: no `[trunk.NAME]`"),
            "{said}"
        );
        assert!(told("").is_some(), "as by default");
        let beside = "[line]\nlisten = '127.0.0.1:5060'\n";
        assert_eq!(told(beside), None, "nobody else reaches it");
        assert!(told(&format!("{beside}listen_tcp = '[::]:5060'\n")).is_some());
        let trunk = "[trunk.telecom]\nallow = ['192.0.2.0/24']\n";
        assert_eq!(told(trunk), None);
        let misspelt = trunk.replace("trunk", "trnuk");
        assert_eq!(told(&misspelt), None, "that has been told");
        assert_eq!(told("[line\n"), None, "it may stand in what cannot be read");
    }

    #[test]
    fn what_a_fault_of_syntax_may_hide_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let text = "[box\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[recording]\nmode = 'notice'\n\
                    [trunk.x]\nusername = 'u'\n[cloud]\ncert_file = 'config.toml'\n";
        std::fs::write(&path, text).unwrap();
        let loaded = config::load(&path);
        let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains(":1: error: not valid TOML"), "{told:?}");
        assert_eq!(of_the_policy(&loaded), []);
        std::fs::write(&path, text.replace("[box\n", "[box]\n")).unwrap();
        let loaded = config::load(&path);
        assert!(loaded.problems.len() > 4, "{:?}", loaded.problems);
        assert!(!of_the_policy(&loaded).is_empty());
    }

    #[test]
    fn a_file_that_is_not_there_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let text = "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n\
                    tls_ca_file = 'no.pem'\ntls_cert_file = 'none.pem'\ntls_key_file = 'config.toml'\n";
        std::fs::write(&path, text).unwrap();
        let problems = config::load(&path).problems;
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(
            told[0].contains("none.pem") && told[1].contains("no.pem"),
            "{told:?}"
        );
    }

    #[test]
    fn a_key_that_the_box_cannot_make_is_told_beforehand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let told = |settings: &str| {
            std::fs::write(&path, format!("{settings}\n[box]\ndata_dir = '.'\n")).unwrap();
            of_the_keys(&config::load(&path))
        };
        let in_etc = "key_file = '/etc/no-such.key'";
        let problems = told(&format!("[recording]\nmode = 'notice'\n{in_etc}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        let said = problems[0].to_string();
        assert!(
            said.contains("config.toml:3: warning: `recording.key_file`")
                && said.contains("/dev/stdin /etc/no-such.key`"),
            "{said}"
        );
        assert_eq!(
            told(&format!("[recording]\n{in_etc}")),
            [],
            "it is not needed"
        );
        let beside = "[recording]\nmode = 'notice'\nkey_file = 'recording.key'";
        assert_eq!(told(beside), [], "it is made at first use");
        let recordings = folder.path().join("recordings");
        std::fs::create_dir(&recordings).unwrap();
        std::fs::write(recordings.join("one"), "sealed").unwrap();
        let said: Vec<String> = told(beside).iter().map(ToString::to_string).collect();
        assert!(
            matches!(&said[..], [said] if said.contains("error: `recording.key_file`")
                && said.contains("put it back")),
            "{said:?}"
        );
    }
}
