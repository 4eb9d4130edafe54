//! What would have to be different for a decision to turn out otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use trunkside_call::{Action, CallId, Emotion, Language};

use crate::engine::{Change, Engine, Fate, WhatIf};
use crate::explain::{emotion_zh, percent};
use crate::need::Need;
use crate::policy::Rule;
use crate::{CallProfile, Input, Policy};

/// One change of an input, and what would then have been decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// How large the change is, in thousandths: of a probability, of a mood's fall, or 1000 for another kind of
    /// mood, language, intent, tier, fact or agent.
    pub size_permille: u16,
    /// The change, in plain words.
    pub change: String,
    /// What would have been done with the call.
    pub action: Action,
}

/// Tries every change of a caller's own report that could matter, the smallest first.
pub(crate) fn smallest(engine: &Engine, now: Duration, input: &Input) -> Option<Flip> {
    let what_if = WhatIf::new(engine, now, input)?;
    let actual = what_if.fate(&Change::Nothing);
    let (policy, profile) = (engine.policy(), &what_if.profile);
    let mut changes = match input {
        Input::MoodChanged { .. } => of_mood(policy, profile),
        _ => of_profile(policy, profile),
    };
    changes.extend(of_agents(what_if.agents(), actual));
    first_that_turns(changes, actual, |change| what_if.fate(change)).map(|(size, change, fate)| {
        Flip {
            size_permille: size,
            change: words(policy, profile, &change),
            action: action(policy, fate, || what_if.service(&change)),
        }
    })
}

/// The same for what is decided about a call because of anything else: an agent who becomes free, a
/// wait that is over. Each change is played through. None where nothing is decided about it.
pub(crate) fn of_call(engine: &Engine, now: Duration, input: &Input, call: CallId) -> Option<Flip> {
    let profile = engine.profile_of(call)?;
    let actual = engine.played(now, &[input], call).decided?;
    let policy = engine.policy();
    let mut changes = of_profile(policy, profile);
    changes.extend(of_agents(engine.agents_free(), Some(actual)));
    let fate = |change: &Change| {
        let mut told = match change {
            Change::Nothing => return Some(actual),
            Change::Caller(profile) => vec![Input::CallReady {
                call,
                profile: profile.clone(),
            }],
            Change::Busy(agent) => vec![Input::AgentBusy {
                agent: policy.agents[*agent].id.clone(),
            }],
            Change::Ready(agent) => engine.becomes_ready(*agent, call),
        };
        // Who is not free after all does not become so.
        let stays = matches!((&told[..], input), ([Input::AgentBusy { agent }], Input::AgentAvailable { agent: other }) if agent == other);
        if !stays {
            told.push(input.clone());
        }
        let told: Vec<&Input> = told.iter().collect();
        let played = engine.played(now, &told, call);
        played.decided.or(played.waits_on)
    };
    let (size_permille, change, fate) = first_that_turns(changes, Some(actual), fate)?;
    let service = || {
        let need = Need::of(policy, profile, None);
        need.self_service.unwrap_or_default()
    };
    Some(Flip {
        size_permille,
        change: words(policy, profile, &change),
        action: action(policy, fate, service),
    })
}

/// The smallest of the changes that comes out otherwise.
fn first_that_turns(
    mut changes: Vec<(u16, Change)>,
    actual: Option<Fate>,
    fate: impl Fn(&Change) -> Option<Fate>,
) -> Option<(u16, Change, Fate)> {
    changes.sort_by_key(|(size, _)| *size);
    changes.into_iter().find_map(|(size, change)| {
        let fate = fate(&change)?;
        // A new position in the queue is no other decision.
        let same = match (actual, fate) {
            (Some(Fate::Wait { .. }), Fate::Wait { .. }) => true,
            (actual, fate) => actual == Some(fate),
        };
        (!same).then_some((size, change, fate))
    })
}

fn action(policy: &Policy, fate: Fate, service: impl Fn() -> String) -> Action {
    match fate {
        Fate::Offer(agent) => Action::Offer {
            agent: policy.agents[agent].id.clone(),
        },
        Fate::Send(to) => policy.destinations[to].overflow(),
        Fate::SelfService => Action::SelfService { service: service() },
        Fate::Wait { ahead } => Action::Wait { ahead },
        Fate::Callback(cause) => Action::Callback { cause },
    }
}

fn words(policy: &Policy, actual: &CallProfile, change: &Change) -> String {
    let name = |agent: usize| &policy.agents[agent].id;
    let zh = policy.reasons_in == Language::Zh;
    match change {
        Change::Nothing => String::new(),
        Change::Busy(agent) if zh => format!("若 {} 不空闲", name(*agent)),
        Change::Ready(agent) if zh => format!("若 {} 空闲", name(*agent)),
        Change::Busy(agent) => format!("{} not free", name(*agent)),
        Change::Ready(agent) => format!("{} free", name(*agent)),
        Change::Caller(other) => caller_words(zh, actual, other),
    }
}

/// What the caller is, or that it is not known.
fn kind_words(zh: bool, (kind, zh_kind): (&str, &str), value: Option<&str>) -> String {
    match (value, zh) {
        (Some(value), true) => format!("若{zh_kind}为 `{value}`"),
        (Some(value), false) => format!("{kind} `{value}`"),
        (None, true) => format!("若{zh_kind}未知"),
        (None, false) => format!("{kind} unknown"),
    }
}

fn caller_words(zh: bool, actual: &CallProfile, other: &CallProfile) -> String {
    if other.hidden_intent != actual.hidden_intent {
        let hidden = other.hidden_intent.as_deref();
        kind_words(zh, ("hidden intent", "隐含意图"), hidden)
    } else if other.intent != actual.intent {
        kind_words(zh, ("intent", "意图"), other.intent.as_deref())
    } else if other.intent_permille != actual.intent_permille {
        let (new, old) = (
            percent(other.intent_permille),
            percent(actual.intent_permille),
        );
        if zh {
            format!("若意图概率为 {new}，而非 {old}")
        } else {
            format!("intent at {new}, not {old}")
        }
    } else if other.emotion != actual.emotion {
        let (new, old) = (other.emotion, actual.emotion);
        if zh {
            format!("若情绪为{}，而非{}", emotion_zh(new), emotion_zh(old))
        } else {
            format!("{}, not {}", new.name(), old.name())
        }
    } else if other.emotion_permille != actual.emotion_permille {
        let (new, old) = (
            percent(other.emotion_permille),
            percent(actual.emotion_permille),
        );
        if zh {
            format!("若{}概率为 {new}，而非 {old}", emotion_zh(other.emotion))
        } else {
            let name = other.emotion.name();
            format!("{name} at {new}, not {old}")
        }
    } else if other.mood_fell_permille != actual.mood_fell_permille {
        let (new, old) = (
            percent(other.mood_fell_permille),
            percent(actual.mood_fell_permille),
        );
        if zh {
            format!("若情绪下降 {new}，而非 {old}")
        } else {
            format!("mood fallen by {new}, not {old}")
        }
    } else if other.tier != actual.tier {
        kind_words(zh, ("tier", "客户等级"), other.tier.as_deref())
    } else if let Some(fact) = other.facts.symmetric_difference(&actual.facts).next() {
        let is_new = other.facts.contains(fact);
        match (zh, is_new) {
            (true, true) => format!("若已知客户“{fact}”"),
            (true, false) => format!("若不知客户“{fact}”"),
            (false, true) => format!("known as {fact}"),
            (false, false) => format!("not known as {fact}"),
        }
    } else {
        let language = other.language.map(Language::tag);
        kind_words(zh, ("language", "语言"), language)
    }
}

/// Scores just on the other side of a threshold.
fn across(thresholds: impl Iterator<Item = u16>, actual: u16) -> BTreeSet<u16> {
    thresholds
        .filter(|threshold| *threshold > 0)
        .map(|threshold| {
            if actual >= threshold {
                threshold - 1
            } else {
                threshold
            }
        })
        .collect()
}

fn of_profile(policy: &Policy, profile: &CallProfile) -> Vec<(u16, Change)> {
    let rules = &policy.rules;
    let mut changes = of_mood(policy, profile);
    let scores = rules.iter().map(|rule| rule.when.min_score_permille);
    for permille in across(scores, profile.intent_permille) {
        let other = CallProfile {
            intent_permille: permille,
            ..profile.clone()
        };
        let size = permille.abs_diff(profile.intent_permille);
        changes.push((size, Change::Caller(other)));
    }
    let of = |named: fn(&Rule) -> &[String], actual: &Option<String>| {
        let named: BTreeSet<&String> = rules.iter().flat_map(named).collect();
        let others = named.into_iter().cloned().map(Some).chain([None]);
        let others = others.filter(|other| other != actual);
        others.collect::<Vec<Option<String>>>()
    };
    let intents = of(|rule| &rule.when.intents, &profile.intent);
    let intents = intents.into_iter().map(|intent| CallProfile {
        intent,
        ..profile.clone()
    });
    let tiers = of(|rule| &rule.when.tiers, &profile.tier);
    let tiers = tiers.into_iter().map(|tier| CallProfile {
        tier,
        ..profile.clone()
    });
    let facts: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.when.facts).collect();
    let facts = facts.into_iter().map(|fact| {
        let mut other = profile.clone();
        if !other.facts.remove(fact) {
            other.facts.insert(fact.clone());
        }
        other
    });
    let said = profile.hidden_intent.is_some().then(|| CallProfile {
        hidden_intent: None,
        ..profile.clone()
    });
    let languages = [Language::Zh, Language::Yue, Language::En];
    let languages = languages.into_iter().map(Some).chain([None]);
    let languages = languages
        .filter(|language| *language != profile.language)
        .map(|language| CallProfile {
            language,
            ..profile.clone()
        });
    let others = intents
        .chain(said)
        .chain(tiers)
        .chain(facts)
        .chain(languages);
    changes.extend(others.map(|other| (1000, Change::Caller(other))));
    changes
}

fn of_mood(policy: &Policy, profile: &CallProfile) -> Vec<(u16, Change)> {
    let rules = &policy.rules;
    let with = |emotion: Emotion, emotion_permille: u16| {
        Change::Caller(CallProfile {
            emotion,
            emotion_permille,
            ..profile.clone()
        })
    };
    let permille = profile.emotion_permille;
    let scores = rules.iter().map(|rule| rule.when.min_emotion_permille);
    let mut changes: Vec<(u16, Change)> = across(scores, permille)
        .into_iter()
        .map(|other| (other.abs_diff(permille), with(profile.emotion, other)))
        .collect();
    let falls = rules.iter().map(|rule| rule.when.mood_fell_permille);
    let fell = profile.mood_fell_permille;
    changes.extend(across(falls, fell).into_iter().map(|other| {
        let profile = CallProfile {
            mood_fell_permille: other,
            ..profile.clone()
        };
        (other.abs_diff(fell), Change::Caller(profile))
    }));
    let emotions: BTreeSet<Emotion> = rules
        .iter()
        .flat_map(|rule| rule.when.emotions.iter().copied())
        .chain([Emotion::Neutral])
        .collect();
    for other in emotions {
        if other != profile.emotion {
            changes.push((1000, with(other, permille.max(500))));
        }
    }
    changes
}

/// The chosen agent gone; or, when nobody was chosen, each agent there who was not.
fn of_agents(
    agents: impl Iterator<Item = (usize, bool)>,
    actual: Option<Fate>,
) -> Vec<(u16, Change)> {
    if let Some(Fate::Offer(agent)) = actual {
        return vec![(1000, Change::Busy(agent))];
    }
    agents
        .filter(|(_, free)| !free)
        .map(|(agent, _)| (1000, Change::Ready(agent)))
        .collect()
}

#[cfg(test)]
mod tests;
