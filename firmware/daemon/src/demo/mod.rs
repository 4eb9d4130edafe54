//! `trunkside demo`: the whole job in one process, with real SIP, RTP, MQTT and HTTP on loopback.
//!
//! Simulated are only the people: three callers and two agents, whose recorded voices are played
//! through softphones. The box, the broker and the aggregator are the ones that ship.

mod records;
mod screen;
mod softphone;
mod speech;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::broadcast;
use trunkside_aggregator::{Aggregator, AggregatorConfig, BrokerChoice};
use trunkside_call::Language;
use trunkside_decision::Policy;
use trunkside_media::VoiceThreads;
use trunkside_models::Catalogue;

use crate::cli::DemoArgs;
use crate::config::{
    BoardConfig, CloudConfig, Config, CustomersConfig, Greeting, Identity, LineConfig,
    PrivacyConfig, PromptsConfig, QualityRulesFrom, RecognitionConfig, RecordingConfig,
    ShownNumber, USUAL_GATHER, USUAL_KEEP_MB,
};
use crate::notice::{Event, Notice};
use crate::policy::Beginning;
use crate::wiring;
use screen::Screen;
use softphone::{Agent, Caller};

/// How long the aggregator may take to have a call's record after its end.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);

/// How long after one caller the next one calls.
const BETWEEN_CALLS: Duration = Duration::from_secs(9);

const POLICY: &str = include_str!("../../../decision/policies/branch.toml");

/// Runs the demo.
pub async fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let mut screen = Screen::stdout();
    let folder = tempfile::tempdir().context("cannot make a folder for the demo's data")?;
    screen.say("Trunkside: one branch and its cloud, all on this machine.");
    screen.say("loading the speech model, starting the broker, the aggregator and the box …");

    let cloud = Aggregator::start(AggregatorConfig {
        listen: args.http,
        broker: BrokerChoice::Embedded { listen: loopback() },
        ..AggregatorConfig::embedded(folder.path().join("cloud"))
    })
    .await?;
    let broker = cloud
        .mqtt_addr
        .context("the embedded broker has no address")?;
    let (voice, _threads) = VoiceThreads::start()?;
    let agents = [
        Agent::start("li_na", speech::agent(Language::Zh), voice.clone()).await?,
        Agent::start("zhang_wei", speech::agent(Language::En), voice.clone()).await?,
    ];
    let phones = agents.each_ref().map(|agent| (agent.name, agent.sip));
    let config = config(folder.path(), broker);
    // A box that has none takes calls all the same, which would show nothing here.
    let models = Catalogue::find(config.recognition.models_dir.as_deref())?;
    models.model(&config.recognition.model)?;
    let beginning = Beginning {
        policy: policy(&config.policy, &phones)?,
        is_named: true,
        problems: Vec::new(),
    };
    let branch = wiring::start(config, beginning).await?;

    screen.head("Where to look");
    screen.say(&format!("  trunk (SIP)      sip:95588@{}", branch.sip));
    screen.say(&format!("  broker (MQTT)    {broker}"));
    screen.say(&format!("  cloud (web)      http://{}/", cloud.http_addr));
    screen.say(&format!(
        "  calls (JSON)     http://{}/api/v1/calls",
        cloud.http_addr
    ));

    let callers = speech::callers();
    screen.head("Three callers, each a little later than the one before");
    for (number, caller) in callers.iter().enumerate() {
        screen.say(&format!(
            "  call {}  {}: “{}”",
            number + 1,
            caller.who,
            caller.script
        ));
    }
    screen.say("");
    let count = callers.len();
    let mut notices = branch.notices.subscribe();
    follow(
        &mut screen,
        &mut notices,
        call_all(branch.sip, callers, &voice),
        count,
    )
    .await?;

    screen.head("What the cloud knows, as its HTTP interface tells it");
    let records = records::wait_for(cloud.http_addr, count, RECORD_DEADLINE).await?;
    for line in records::table(&records) {
        screen.say(&line);
    }
    if !args.once {
        screen.head(&format!("Serving http://{}/ until Ctrl-C", cloud.http_addr));
        tokio::signal::ctrl_c()
            .await
            .context("cannot wait for Ctrl-C")?;
    }
    branch.stop().await;
    cloud.shutdown().await;
    Ok(())
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Places all calls, one a little after the other, and ends when the last has hung up.
async fn call_all(
    trunk: SocketAddr,
    callers: Vec<speech::Part>,
    voice: &VoiceThreads,
) -> anyhow::Result<()> {
    let calls = callers.into_iter().zip(0..).map(async |(caller, number)| {
        tokio::time::sleep(BETWEEN_CALLS * number).await;
        Caller::call(trunk, caller, voice).await
    });
    futures_util::future::try_join_all(calls).await.map(drop)
}

/// Shows what happens until the callers have hung up and the box has closed so many calls.
async fn follow(
    screen: &mut Screen<std::io::Stdout>,
    notices: &mut broadcast::Receiver<Notice>,
    calls: impl Future<Output = anyhow::Result<()>>,
    count: usize,
) -> anyhow::Result<()> {
    let mut calls = std::pin::pin!(calls);
    let (mut hung_up, mut ended) = (false, 0);
    while !(hung_up && ended == count) {
        tokio::select! {
            result = &mut calls, if !hung_up => {
                result?;
                hung_up = true;
            }
            notice = notices.recv() => match notice {
                Ok(notice) => {
                    ended += usize::from(matches!(notice.event, Event::Ended { .. }));
                    screen.show(&notice);
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    screen.say(&format!("({missed} events went by unseen)"));
                }
                Err(broadcast::error::RecvError::Closed) => {
                    anyhow::bail!("the box stopped in the middle of a call");
                }
            },
        }
    }
    Ok(())
}

fn config(folder: &Path, broker: SocketAddr) -> Config {
    Config {
        file: None,
        identity: Identity {
            tenant: "demo".into(),
            branch: "high-street".into(),
            device: "box-1".into(),
        },
        data_dir: folder.join("box"),
        outbox_key_file: None,
        line: LineConfig {
            transports: crate::config::Transports::default(),
            listen: loopback(),
            advertise: Ipv4Addr::LOCALHOST.into(),
            rtp_ports: 20_000..=29_999,
            greeting: Greeting::Connected,
            language: Language::Zh,
            ring_timeout: Duration::from_secs(5),
            listen_timeout: Duration::from_secs(10),
            agent_secrets: None,
            supervisors: Vec::new(),
            callback_to: None,
            callback_number: None,
            callback_key: '1',
            transfer_to: None,
            // Its agents' phones have no display; the screen shows it.
            tell_agents: false,
            shown: ShownNumber::default(),
            trunks: Vec::new(),
            dns_servers: Vec::new(),
            realm: trunkside_line::REALM.to_owned(),
        },
        prompts: PromptsConfig::default(),
        recognition: RecognitionConfig {
            model: "zh-en-1".into(),
            models_dir: None,
            language: None,
            workers: 1,
            phrases: None,
        },
        policy: folder.join("branch.toml"),
        recordings: None,
        cloud: CloudConfig {
            enabled: true,
            broker: (broker.ip().to_string(), broker.port()),
            login: None,
            ca_file: None,
            certificate: None,
            catch_up_kbit_s: None,
            keep_mb: USUAL_KEEP_MB,
            gather: USUAL_GATHER,
        },
        board: BoardConfig::default(),
        privacy: PrivacyConfig::default(),
        intents: None,
        customers: CustomersConfig::default(),
        quality: QualityRulesFrom::Bank,
        recording: RecordingConfig::default(),
    }
}

/// The shipped example policy with the softphones for its agents' contacts, in a file of the demo's own: the
/// box looks at it while it runs.
fn policy(file: &Path, phones: &[(&str, SocketAddr)]) -> anyhow::Result<Policy> {
    let unusable = "the shipped policy is not usable";
    let shipped = Policy::parse("branch.toml", POLICY).policy;
    let mut text = POLICY.to_owned();
    for agent in shipped.context(unusable)?.agents {
        let phone = phones.iter().find(|(name, _)| *name == agent.id.as_str());
        if let (Some(contact), Some((name, sip))) = (agent.contact, phone) {
            text = text.replace(&contact, &format!("sip:{name}@{sip}"));
        }
    }
    std::fs::write(file, text).context("cannot write the demo's policy")?;
    crate::policy::load(file).0.context(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_force_is_the_file_that_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), loopback());
        let phones = [("li_na", loopback()), ("zhang_wei", loopback())];
        let policy = policy(&config.policy, &phones).unwrap();
        let text = std::fs::read_to_string(&config.policy).unwrap();
        assert_eq!(policy.sha256, trunkside_decision::sha256_hex(&text));
        let contacts = policy.agents.iter().map(|agent| agent.contact.as_deref());
        let expected = ["sip:li_na@127.0.0.1:0", "sip:zhang_wei@127.0.0.1:0"];
        assert!(contacts.eq(expected.map(Some)));
    }
}
