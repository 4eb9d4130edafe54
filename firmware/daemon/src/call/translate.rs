//! Words of one stage in the words of another. The stages do not know each other; this does.

use std::time::Duration;

use anyhow::Context;
use trunkside_call::{AgentId, Pii};
use trunkside_decision::{AgentProfile, OfferFailure, Policy, registered_user};
use trunkside_line::{
    AgentContact, AgentFailure, Input, KeyWay, MediaKey, RemoteMedia, ShownNumber, Suite,
    TrunkConfig, TrunkTimes,
};
use trunkside_media::{LegStats, MediaEvent, MediaStats, Protection, Remote, srtp};
use trunkside_record::{EndedBy, LegQuality, VoiceQuality};

use crate::config::{self, Greeting};
use crate::hearing::Unheard;

/// The people whom a policy's decisions may name; destinations are places.
pub fn named(policy: &Policy) -> impl Iterator<Item = AgentId> {
    policy.agents.iter().map(|agent| agent.id.clone())
}

/// The configured greeting as the line knows it.
pub const fn greeting(greeting: Greeting) -> trunkside_line::Greeting {
    match greeting {
        Greeting::Connected => trunkside_line::Greeting::Connected,
        Greeting::Early => trunkside_line::Greeting::Early,
    }
}

/// A far end of the line as media knows it.
pub fn remote(remote: RemoteMedia) -> Remote {
    Remote {
        address: remote.address,
        codec: remote.codec,
        telephone_event: remote.telephone_event,
        comfort_noise: remote.comfort_noise,
        control: remote.control,
        send: remote.send,
        receive: remote.receive,
        early: remote.early,
        protection: remote.protection.map(|keys| Protection {
            send: media_key(keys.send),
            receive: media_key(keys.receive),
        }),
    }
}

/// What media tells, as the line knows it.
pub const fn media_event(event: MediaEvent) -> Input {
    match event {
        MediaEvent::PromptDone(side) => Input::PromptDone(side),
        MediaEvent::Silent(side) => Input::Silent(side),
        MediaEvent::Key { side, key, way } => Input::Key {
            side,
            key,
            way: match way {
                trunkside_media::KeyWay::Event { relayed } => KeyWay::Event { relayed },
                trunkside_media::KeyWay::Tones => KeyWay::Tones,
            },
        },
    }
}

fn media_key(key: MediaKey) -> srtp::Key {
    srtp::Key {
        suite: match key.suite {
            Suite::Sha1Of80 => srtp::Suite::Sha1Of80,
            Suite::Sha1Of32 => srtp::Suite::Sha1Of32,
        },
        bytes: key.bytes,
        mki: srtp::Mki::new(key.mki.value, key.mki.bytes),
    }
}

/// A policy's contact as the line knows it: a SIP URI, or `registered:NAME` for a phone that
/// registers with the box.
pub fn contact(text: &str) -> AgentContact {
    match registered_user(text) {
        Some(name) => AgentContact::Registered(name.to_owned()),
        None => AgentContact::Uri(text.to_owned()),
    }
}

/// Whose phone is there, if it is one of the policy's agents': by the whole address, but for its parameters.
pub fn agent_at(policy: &Policy, at: &AgentContact) -> Option<AgentId> {
    if let AgentContact::InPlaceOf { contact, .. } = at {
        return agent_at(policy, contact);
    }
    let is_there = |agent: &&AgentProfile| {
        let phone = agent.contact.as_deref().map(contact);
        match (phone, at) {
            (Some(AgentContact::Uri(phone)), AgentContact::Uri(at)) => {
                address(&phone) == address(at)
            }
            (phone, at) => phone.as_ref() == Some(at),
        }
    };
    let agent = policy.agents.iter().find(is_there)?;
    Some(agent.id.clone())
}

/// User, host and port of a SIP URI.
fn address(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let at = rest.split([';', '?']).next().unwrap_or_default();
    at.strip_suffix(":5060").unwrap_or(at)
}

/// The user parts of all phones that register: agents', destinations' and supervisors'.
pub fn registered_users(policy: &Policy, supervisors: &[String]) -> Vec<String> {
    let agents = policy.agents.iter().map(|agent| &agent.contact);
    let places = policy.destinations.iter().map(|place| &place.contact);
    agents
        .chain(places)
        .filter_map(|contact| contact.as_deref())
        .chain(supervisors.iter().map(String::as_str))
        .filter_map(registered_user)
        .map(str::to_owned)
        .collect()
}

/// A configured trunk as the line knows it, with its password read.
pub fn trunk(trunk: &config::Trunk) -> anyhow::Result<TrunkConfig> {
    let login = match &trunk.login {
        None => None,
        Some((user, file)) => {
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the password in `{}`", file.display()))?;
            Some((user.clone(), Pii::new(password.trim().to_owned())))
        }
    };
    Ok(TrunkConfig {
        name: trunk.name.clone(),
        targets: trunk.targets.clone(),
        transport: trunk.transport,
        domain: trunk.domain.clone(),
        login,
        number: trunk.number.clone().map(Pii::new),
        sources: trunk.allow.clone(),
        times: TrunkTimes {
            register: trunk.register,
            expiry: trunk.expires,
            keep_alive: trunk.keep_alive,
            ..TrunkTimes::default()
        },
    })
}

/// What agents see of the caller's number, as the line knows it.
pub fn shown(shown: &config::ShownNumber) -> ShownNumber {
    match shown {
        config::ShownNumber::Full => ShownNumber::Full,
        config::ShownNumber::Masked => ShownNumber::Masked,
        config::ShownNumber::Virtual(number) => ShownNumber::Virtual(Pii::new(number.clone())),
    }
}

/// Why an offer failed, as the router knows it; none when the router withdrew it.
pub const fn failure(failure: AgentFailure) -> Option<OfferFailure> {
    match failure {
        AgentFailure::Busy => Some(OfferFailure::Busy),
        AgentFailure::NoAnswer => Some(OfferFailure::NoAnswer),
        AgentFailure::Declined => Some(OfferFailure::Declined),
        // A phone without a law of ours cannot be reached.
        AgentFailure::Unreachable | AgentFailure::Incompatible => Some(OfferFailure::Unreachable),
        AgentFailure::Withdrawn => None,
    }
}

/// Who ended the call, as the record knows it.
pub const fn ended_by(by: trunkside_line::EndedBy) -> EndedBy {
    match by {
        trunkside_line::EndedBy::Caller => EndedBy::Caller,
        trunkside_line::EndedBy::Agent => EndedBy::Agent,
        trunkside_line::EndedBy::Box | trunkside_line::EndedBy::Fault => EndedBy::Box,
    }
}

/// Media's and recognition's counters as the record knows them, each side apart; an agent who never
/// sent anything has none.
pub fn voice(stats: &MediaStats, unheard: &Unheard) -> VoiceQuality {
    VoiceQuality {
        caller: leg(stats.caller),
        agent: (stats.agent.received > 0).then(|| leg(stats.agent)),
        unheard_frames: stats.tap_dropped + unheard.frames(),
    }
}

fn leg(stats: LegStats) -> LegQuality {
    LegQuality {
        packets: stats.received,
        lost: stats.lost,
        late: stats.late,
        jitter_ms: milliseconds(stats.jitter),
        round_trip_ms: stats.round_trip.map(milliseconds),
        mos: stats.mos,
        far_lost: stats.far.map(|far| far.lost),
        far_jitter_ms: stats.far.map(|far| milliseconds(far.jitter)),
    }
}

const fn milliseconds(time: Duration) -> f32 {
    time.as_micros() as f32 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_known_by_the_whole_address_of_their_phone() {
        let text = "[[agent]]\nid = \"ann\"\ncontact = \"sip:ann@192.0.2.20:5070\"\n\
                    [[agent]]\nid = \"bob\"\ncontact = \"registered:2001\"\n";
        let policy = Policy::parse("p.toml", text).policy.expect("it is whole");
        let at = |at| agent_at(&policy, &at).map(|agent| agent.to_string());
        let uri = |uri: &str| AgentContact::Uri(uri.to_owned());
        let registered = || AgentContact::Registered("2001".to_owned());
        assert_eq!(at(registered()).as_deref(), Some("bob"));
        let replacing = AgentContact::InPlaceOf {
            contact: Box::new(registered()),
            replaces: "1;to-tag=2;from-tag=3".to_owned(),
        };
        assert_eq!(at(replacing).as_deref(), Some("bob"));
        let ann = uri("sip:ann@192.0.2.20:5070;transport=tcp");
        assert_eq!(at(ann).as_deref(), Some("ann"));
        for stranger in [
            "sip:2001@192.0.2.9",
            "sip:ann@192.0.2.9:5070",
            "tel:13800138000",
        ] {
            assert_eq!(at(uri(stranger)), None, "{stranger}");
        }
    }
}
