//! What would have to be different for a decision to turn out otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use trunkside_call::{Action, Emotion, Language};

use crate::engine::{Change, Engine, Fate, WhatIf};
use crate::explain::{emotion_zh, percent};
use crate::{CallProfile, Input};

/// One change of an input, and what would then have been decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// How large the change is, in thousandths: of a probability, or 1000 for another kind of
    /// mood, language, intent or agent.
    pub size_permille: u16,
    /// The change, in plain words.
    pub change: String,
    /// What would have been done with the call.
    pub action: Action,
}

/// Tries every change that could matter, the smallest first.
pub(crate) fn smallest(engine: &Engine, now: Duration, input: &Input) -> Option<Flip> {
    let what_if = WhatIf::new(engine, now, input)?;
    let actual = what_if.fate(&Change::Nothing);
    let mut changes = match input {
        Input::MoodChanged { .. } => of_mood(&what_if),
        _ => of_profile(&what_if),
    };
    changes.extend(of_agents(&what_if, actual));
    changes.sort_by_key(|(size, _)| *size);
    changes.into_iter().find_map(|(size_permille, change)| {
        let fate = what_if.fate(&change)?;
        // A new position in the queue is no other decision.
        let same = match (actual, fate) {
            (Some(Fate::Wait { .. }), Fate::Wait { .. }) => true,
            (actual, fate) => actual == Some(fate),
        };
        (!same).then(|| Flip {
            size_permille,
            change: words(&what_if, &change),
            action: action(&what_if, &change, fate),
        })
    })
}

fn action(what_if: &WhatIf<'_>, change: &Change, fate: Fate) -> Action {
    match fate {
        Fate::Offer(agent) => Action::Offer {
            agent: what_if.policy().agents[agent].id.clone(),
        },
        Fate::Send(to) => what_if.policy().destinations[to].overflow(),
        Fate::SelfService => Action::SelfService {
            service: what_if.service(change),
        },
        Fate::Wait { ahead } => Action::Wait { ahead },
        Fate::Callback(cause) => Action::Callback { cause },
    }
}

fn words(what_if: &WhatIf<'_>, change: &Change) -> String {
    let policy = what_if.policy();
    let name = |agent: usize| &policy.agents[agent].id;
    let zh = policy.reasons_in == Language::Zh;
    match change {
        Change::Nothing => String::new(),
        Change::Busy(agent) if zh => format!("若 {} 不空闲", name(*agent)),
        Change::Ready(agent) if zh => format!("若 {} 空闲", name(*agent)),
        Change::Busy(agent) => format!("{} not free", name(*agent)),
        Change::Ready(agent) => format!("{} free", name(*agent)),
        Change::Caller(other) => caller_words(zh, &what_if.profile, other),
    }
}

fn caller_words(zh: bool, actual: &CallProfile, other: &CallProfile) -> String {
    if other.intent != actual.intent {
        let intent = other.intent.as_deref().unwrap_or("none");
        let word = if zh { "若意图为" } else { "intent" };
        format!("{word} `{intent}`")
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
    } else {
        let word = if zh { "若语言为" } else { "language" };
        let language = other.language.map_or("none", Language::tag);
        format!("{word} `{language}`")
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

fn of_profile(what_if: &WhatIf<'_>) -> Vec<(u16, Change)> {
    let profile = &what_if.profile;
    let rules = &what_if.policy().rules;
    let mut changes = of_mood(what_if);
    let scores = rules.iter().map(|rule| rule.when.min_score_permille);
    for permille in across(scores, profile.intent_permille) {
        let other = CallProfile {
            intent_permille: permille,
            ..profile.clone()
        };
        let size = permille.abs_diff(profile.intent_permille);
        changes.push((size, Change::Caller(other)));
    }
    let intents: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.when.intents).collect();
    for intent in intents {
        if profile.intent.as_ref() != Some(intent) {
            let other = CallProfile {
                intent: Some(intent.clone()),
                ..profile.clone()
            };
            changes.push((1000, Change::Caller(other)));
        }
    }
    for language in [Language::Zh, Language::Yue, Language::En] {
        if profile.language != Some(language) {
            let other = CallProfile {
                language: Some(language),
                ..profile.clone()
            };
            changes.push((1000, Change::Caller(other)));
        }
    }
    changes
}

fn of_mood(what_if: &WhatIf<'_>) -> Vec<(u16, Change)> {
    let profile = &what_if.profile;
    let rules = &what_if.policy().rules;
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
fn of_agents(what_if: &WhatIf<'_>, actual: Option<Fate>) -> Vec<(u16, Change)> {
    if let Some(Fate::Offer(agent)) = actual {
        return vec![(1000, Change::Busy(agent))];
    }
    what_if
        .agents()
        .filter(|(_, free)| !free)
        .map(|(agent, _)| (1000, Change::Ready(agent)))
        .collect()
}

#[cfg(test)]
mod tests;
