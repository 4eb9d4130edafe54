//! Every task of the box is started here, and stopped here in the order of the sentence.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trunkside_decision::Policy;
use trunkside_line::{Phones, RsipConfig, RsipUa, SipUa as _, Transport};
use trunkside_media::{MediaConfig, MediaPorts, VoiceThreads};
use trunkside_record::{PseudonymKey, Pseudonyms};
use trunkside_understanding::quality::QualityRules;

use crate::call::translate;
use crate::clock;
use crate::cloud::alarm::{self, AlarmWay, Part, SEE_LOG};
use crate::cloud::certificate;
use crate::cloud::device_key::{self, Unsaved};
use crate::cloud::outbox;
use crate::config::{
    BoardConfig, Config, CustomersConfig, LineConfig, PromptsConfig, QualityRulesFrom,
};
use crate::config_watch::ConfigWatch;
use crate::customers::{self, Customers};
use crate::hearing::{Hearing, Manner};
use crate::intent_lessons::Teacher;
use crate::model;
use crate::notice::Notice;
use crate::panel::{self, Pulses};
use crate::pipeline::{Pipeline, Stages};
use crate::policy::{self, Beginning, Known, Ready};
use crate::prompts::{self, Spoken};
use crate::quality;
use crate::recording::tapes::{self, Tapes};
use crate::redaction_policy::Privacy;
use crate::self_service::SelfServiceRecordings;
use crate::storage::breaks;
use crate::storage::owner_only;
use crate::storage::phones;
use crate::storage::recorder::{self, Recorder};
use tasks::{await_voice, expire, mend_key, report_health, send, sweep};

mod tasks;

/// Notices that a slow watcher may fall behind.
const NOTICES: usize = 1_024;

/// A box that takes calls.
pub struct Running {
    /// Where SIP is received.
    pub sip: SocketAddr,
    /// Where it is received over TCP and over TLS, if it is.
    pub connections: [Option<SocketAddr>; 2],
    /// What happens to the calls.
    pub notices: broadcast::Sender<Notice>,
    /// Cancelled when somebody at the box asks it to stop.
    pub stop_asked: CancellationToken,
    /// Cancelled when calls are taken no more, also by a fault.
    pub ended: CancellationToken,
    stop: CancellationToken,
    panel: JoinHandle<()>,
    pipeline: JoinHandle<(Hearing, Tapes, Recorder)>,
    voice_threads: Vec<std::thread::JoinHandle<()>>,
    uplink: Option<JoinHandle<u64>>,
    stop_uplink: CancellationToken,
    tasks: TaskTracker,
}

/// Starts everything, the ends of the sentence first, so that nothing a stage puts out is lost.
#[expect(clippy::too_many_lines, reason = "the order of the start is one list")]
pub async fn start(config: Config, beginning: Beginning) -> anyhow::Result<Running> {
    let folder = &config.data_dir;
    data_folder(folder);
    let tasks = TaskTracker::new();

    let place = outbox::Place::new(&config);
    let opening = outbox::open(&place)?;
    let outbox = opening.0.subscribe();
    let [stop, stop_uplink] = [(); 2].map(|()| CancellationToken::new());
    let way = AlarmWay::new(folder, outbox.clone(), stop_uplink.clone());
    tasks.spawn(outbox::retry(place, opening, way.clone()));
    tasks.spawn(alarm::keep(way.clone(), None));
    tasks.spawn(expire(outbox.clone(), stop_uplink.clone()));
    tasks.spawn(clock::watch(stop_uplink.clone()));
    let (notices, _) = broadcast::channel(NOTICES);
    let (in_force, unusable) = model::at_start(&config.recognition);
    let (models, _) = watch::channel(in_force);
    let unusable = tell_of(model::MODEL, unusable, &way, &tasks);
    let (names, unsaved, keys) = pseudonyms(folder, &way, &tasks);
    let (pulses, (found, places)) = (Pulses::default(), mpsc::channel(1));
    let times = (config.privacy.keep, config.cloud.gather);
    let pulse = pulses.recorder.clone();
    let recorder = Recorder::start(folder, times, unsaved, (way.clone(), found), pulse)?;
    let report = || recorder.of_recordings(config.recording.mode.name());
    let (tapes, opening) = tapes::open(&config.recording, folder, report());
    let quality = quality_rules(config.quality.clone(), &way, &tasks);
    let (hearing, heard) = Hearing::start(
        config.recognition.workers,
        models.subscribe(),
        Manner {
            teacher: Teacher::new(folder.join("intents"), config.intents.as_deref()),
            privacy: Privacy::open(config.privacy, folder),
            quality: quality.clone(),
        },
    )?;
    if config.cloud.enabled {
        let parts = (recorder.standing(), tapes.clone(), hearing.figures());
        let (ends, ends_at) = watch::channel(certificate::ends_at(&config.cloud));
        tasks.spawn(certificate::watch(config.clone(), ends, way.clone()));
        let (watched, seen) = (notices.subscribe(), (models.subscribe(), ends_at));
        let kept = (outbox.clone(), folder.clone(), config.cloud.gather);
        tasks.spawn(report_health(
            kept,
            parts,
            watched,
            seen,
            stop_uplink.clone(),
        ));
    }

    let (voice, voice_threads) = VoiceThreads::start()?;
    let ports = media_ports(&config.line, &way, &tasks);
    let files = policy::Named::by(&config);
    let phones = files.phones(&beginning.policy);
    let ua = line(&config, phones, &recorder, (&stop, &tasks)).await?;
    let sip = ua.local_addr();
    let connections = [Transport::Tcp, Transport::Tls].map(|transport| ua.listens(transport));

    let (swept, retention) = (tapes::folder(folder), config.recording.retention);
    tasks.spawn(sweep(swept, retention, report(), stop.clone()));
    if let Some(opening) = opening {
        tasks.spawn(tapes::retry(opening, tapes.clone(), stop.clone()));
    }
    // From here on nothing ends the start: a box that fails, such as a second one on the same port, must
    // not come into the cloud in place of the one that runs.
    let uplink = spawn_uplink(&config, &way, &tasks);
    let place = (config.policy, files);
    let (policy, self_service, policies) = watched_policy(place, beginning, &stop, &way, &tasks);
    let changes = ConfigWatch::begin(config.file, stop.clone(), &tasks);
    let models = (models, unusable);
    tasks.spawn(model::watch(changes.clone(), models, stop.clone()));
    let spoken = spoken(changes, config.prompts, folder, &stop, &tasks);
    let stages = Stages {
        ua,
        voice,
        ports,
        spoken,
        lessons: recorder::lessons(folder),
        breaks: breaks::read(folder),
        places,
        self_service,
        hearing,
        heard,
        policy: Arc::new(policy),
        policies,
        recorder,
        names,
        keys,
        customers: looked_up(&config.customers, folder, &way, &tasks),
        quality,
        recording: config.recording,
        tapes,
        notices: notices.clone(),
        tasks: tasks.clone(),
        pulse: pulses.pipeline.clone(),
    };
    let (panel, stop_asked) = front(&config.board, pulses, &stop, way, &tasks);
    let (pipeline, ended) = watched(Pipeline::new(config.line, stages).run(stop.clone()));
    Ok(Running {
        sip,
        connections,
        notices,
        stop_asked,
        ended,
        stop,
        panel,
        pipeline,
        voice_threads,
        uplink,
        stop_uplink,
        tasks,
    })
}

/// The line's SIP end at work: it knows the phones that the last run knew, and what it knows is kept for
/// the next.
async fn line(
    config: &Config,
    phones: Phones,
    recorder: &Recorder,
    (stop, tasks): (&CancellationToken, &TaskTracker),
) -> anyhow::Result<RsipUa> {
    let mut sip_config = sip_config(&config.line, phones)?;
    sip_config.registered = phones::read(&config.data_dir);
    let (ua, ua_task) = RsipUa::bind(sip_config).await?;
    tasks.spawn(ua_task);
    let keeping = phones::keep(ua.registrations(), recorder.of_phones(), stop.clone());
    tasks.spawn(keeping);
    Ok(ua)
}

/// Leaves alarms of a part's trouble, which is as it is told from now on.
fn tell_of(
    part: Part,
    trouble: Option<String>,
    way: &AlarmWay,
    tasks: &TaskTracker,
) -> watch::Sender<Option<String>> {
    let (teller, trouble) = watch::channel(trouble);
    tasks.spawn(part.watch(way.clone(), trouble));
    teller
}

/// The rules that calls are inspected by; where they cannot be had, they come later.
fn quality_rules(
    from: QualityRulesFrom,
    way: &AlarmWay,
    tasks: &TaskTracker,
) -> watch::Receiver<Option<Arc<QualityRules>>> {
    let (found, problems) = quality::load(&from);
    let (sender, rules) = watch::channel(found);
    if !problems.is_empty() {
        let trouble = tell_of(quality::RULES, None, way, tasks);
        let stop = way.stop.clone();
        tasks.spawn(quality::retry(from, problems, sender, trouble, stop));
    }
    rules
}

/// Who looks callers up.
fn looked_up(
    config: &CustomersConfig,
    folder: &Path,
    way: &AlarmWay,
    tasks: &TaskTracker,
) -> Customers {
    for problem in customers::check(config) {
        tracing::error!(%problem, "not all customers can be looked up");
    }
    let trouble = tell_of(customers::CUSTOMERS, None, way, tasks);
    Customers::new(config, folder, trouble, tasks.clone())
}

/// The policy that the box begins with, what can be played of the recordings that it names, and the
/// policies that come into force later.
fn watched_policy(
    (file, files): (PathBuf, policy::Named),
    beginning: Beginning,
    stop: &CancellationToken,
    way: &AlarmWay,
    tasks: &TaskTracker,
) -> (Policy, SelfServiceRecordings, mpsc::Receiver<Ready>) {
    let Beginning {
        policy,
        is_named,
        problems: mut known,
    } = beginning;
    if !is_named {
        tracing::error!(
            file = %file.display(), name = %policy.name, sha256 = %policy.sha256,
            "the policy cannot be used; calls are routed by the last one that was in force"
        );
    }
    let (self_service, missing) = files.self_service(&file, &policy);
    for problem in &missing {
        tracing::error!(%problem, "the callers whom a recording would serve are routed");
    }
    let is_whole = missing.is_empty();
    if is_named {
        known.extend(missing);
    }
    let known = Known {
        in_force: if is_whole {
            policy.sha256.clone()
        } else {
            String::new()
        },
        told: known,
    };
    let trouble = (!is_named || !is_whole).then(|| SEE_LOG.to_owned());
    let trouble = tell_of(policy::POLICY, trouble, way, tasks);
    // When full, the watcher waits: the file is looked at again.
    let (sender, policies) = mpsc::channel(1);
    tasks.spawn(policy::watch(
        file,
        files,
        known,
        (sender, trouble),
        stop.clone(),
    ));
    (policy, self_service, policies)
}

/// The front of the box at work, with what is cancelled when somebody holds its button.
#[expect(
    clippy::disallowed_methods,
    reason = "tasks are spawned in this file and nowhere else"
)]
fn front(
    config: &BoardConfig,
    pulses: Pulses,
    stop: &CancellationToken,
    way: AlarmWay,
    tasks: &TaskTracker,
) -> (JoinHandle<()>, CancellationToken) {
    let asked = CancellationToken::new();
    let (work, trouble) = panel::open(config, pulses, stop.clone(), asked.clone());
    tasks.spawn(panel::FRONT.watch(way, trouble));
    (tokio::spawn(work), asked)
}

/// Begins a task, with what is cancelled when it has ended, also by a fault.
#[expect(
    clippy::disallowed_methods,
    reason = "tasks are spawned in this file and nowhere else"
)]
fn watched<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> (JoinHandle<T>, CancellationToken) {
    let ended = CancellationToken::new();
    let at_end = ended.clone().drop_guard();
    let task = tokio::spawn(async move {
        let _at_end = at_end;
        task.await
    });
    (task, ended)
}

/// What the box says, which a task keeps as the configuration asks.
fn spoken(
    changes: ConfigWatch,
    config: PromptsConfig,
    folder: &Path,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> watch::Receiver<Spoken> {
    let (said, spoken) = watch::channel(prompts::at_start(&config, folder));
    let stop = stop.clone();
    tasks.spawn(prompts::watch(
        changes,
        config,
        folder.to_owned(),
        said,
        stop,
    ));
    spoken
}

/// Makes the data folder. One that cannot be made now is made later, with what lies in it.
fn data_folder(folder: &Path) {
    if let Err(error) = owner_only::folder(folder) {
        tracing::error!(
            folder = %folder.display(), %error,
            "the data folder cannot be made: calls are taken, what is known of them waits in memory; make \
             it for the box's user, or change `box.data_dir`"
        );
        return;
    }
    owner_only::close(folder);
}

/// Where voice is received, which the box may not have yet.
fn media_ports(line: &LineConfig, way: &AlarmWay, tasks: &TaskTracker) -> MediaPorts {
    tasks.spawn(await_voice(line.advertise, way.clone()));
    MediaPorts::new(&MediaConfig {
        address: line.advertise,
        ports: line.rtp_ports.clone(),
        ..MediaConfig::default()
    })
}

/// Pseudonyms for agents; where their key cannot be had, it comes later.
fn pseudonyms(
    folder: &Path,
    way: &AlarmWay,
    tasks: &TaskTracker,
) -> (Pseudonyms, Option<Unsaved>, mpsc::Receiver<PseudonymKey>) {
    let (found, keys) = mpsc::channel(1);
    match device_key::load(folder) {
        Ok((key, unsaved)) => {
            let unsaved = unsaved.map(|unsaved| unsaved.telling(found));
            (Pseudonyms::new(key), unsaved, keys)
        }
        Err(error) => {
            let trouble = (folder.to_owned(), error.to_string());
            tasks.spawn(mend_key(trouble, found, way.clone()));
            (Pseudonyms::withheld(), None, keys)
        }
    }
}

/// Sends to the cloud, where that is asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "tasks are spawned in this file and nowhere else"
)]
fn spawn_uplink(config: &Config, way: &AlarmWay, tasks: &TaskTracker) -> Option<JoinHandle<u64>> {
    let sending = || send(config.clone(), way.clone(), tasks.clone());
    config.cloud.enabled.then(|| tokio::spawn(sending()))
}

/// Who may call and register, and which trunks are registered with.
fn sip_config(line: &LineConfig, phones: Phones) -> anyhow::Result<RsipConfig> {
    let mut sip_config = RsipConfig::new(line.listen, line.advertise);
    sip_config.listen_tcp = line.transports.tcp;
    sip_config.listen_tls = line.transports.tls;
    sip_config.identity = line.transports.identity()?;
    sip_config.trust = line.transports.trust()?;
    sip_config.srtp = line.transports.srtp;
    sip_config.phones = phones;
    sip_config.realm.clone_from(&line.realm);
    for trunk in &line.trunks {
        sip_config.trunks.push(translate::trunk(trunk)?);
    }
    if line.takes_calls_from_everywhere() {
        tracing::warn!("no trunk is configured: calls are taken from every address");
    }
    sip_config.outside.clone_from(&line.transfer_to);
    sip_config.dns_servers.clone_from(&line.dns_servers);
    sip_config.shown = translate::shown(&line.shown);
    Ok(sip_config)
}

impl Running {
    /// Stops in the order of the sentence: calls end, what was heard is recorded, what is recorded
    /// is sent as far as the deadline allows. What was not sent stays on disk.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Ok((hearing, tapes, recorder)) = self.pipeline.await {
            let voice_threads = self.voice_threads;
            let flushed = tokio::task::spawn_blocking(move || {
                for thread in voice_threads {
                    if thread.join().is_err() {
                        tracing::error!("a thread that carries voice ended by a fault");
                    }
                }
                hearing.stop();
                tapes.stop(clock::timestamp().as_millisecond());
                recorder.stop();
            });
            if flushed.await.is_err() {
                tracing::error!("recognition or the recorder did not stop in order");
            }
        }
        if self.panel.await.is_err() {
            tracing::error!("the front panel ended by a fault");
        }
        self.stop_uplink.cancel();
        if let Some(uplink) = self.uplink
            && let Ok(left) = uplink.await
            && left > 0
        {
            tracing::warn!(left, "records wait in the outbox for the next start");
        }
        self.tasks.close();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::config;

    #[tokio::test]
    async fn a_pipeline_that_ends_by_a_fault_is_noticed() {
        let (task, ended) = watched(async { panic!("a fault of this test") });
        ended.cancelled().await;
        let fault: Result<(), _> = task.await;
        assert!(fault.is_err_and(|fault| fault.is_panic()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_box_whose_port_is_taken_does_not_connect_to_the_cloud() {
        let folder = tempfile::tempdir().unwrap();
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let broker = TcpListener::bind("127.0.0.1:0").unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/tests/data");
        let path = folder.path().join("config.toml");
        let text = format!(
            "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\ndata_dir = 'data'\n\
             [line]\nlisten = '{}'\n[cloud]\nbroker = '{}'\n\
             [recognition]\nmodel = 'tones'\nmodels_dir = '{}'\n",
            taken.local_addr().unwrap(),
            broker.local_addr().unwrap(),
            models.display()
        );
        std::fs::write(&path, text).unwrap();
        let policy = "[[agent]]\nid = 'a'\ncontact = 'sip:a@127.0.0.1:9'\n";
        let policy = Policy::parse("policy.toml", policy).policy.unwrap();
        let beginning = Beginning {
            policy,
            is_named: true,
            problems: Vec::new(),
        };
        let failed = start(config::load(&path).config, beginning).await.err();
        let why = failed.expect("the port is taken").to_string();
        assert!(why.contains("cannot listen for SIP"), "{why}");
        broker.set_nonblocking(true).unwrap();
        assert!(broker.accept().is_err(), "the box went to the cloud");
    }
}
