//! What would have to be different for a decision to turn out otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use trunkside_call::{Action, CallId, Emotion, Language};

use crate::engine::{Act, Engine};
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

/// The changed input, how large the change is, and its words.
struct Change {
    size_permille: u16,
    input: Vec<Input>,
    words: String,
}

/// Tries every change that could matter, the smallest first, on a copy of the engine.
pub(crate) fn smallest(engine: &Engine, now: Duration, input: &Input) -> Option<Flip> {
    let (call, mut changes) = match input {
        Input::CallReady { call, profile } => (*call, of_profile(engine, *call, profile)),
        Input::MoodChanged {
            call,
            emotion,
            emotion_permille,
        } => {
            let changes = of_mood(engine, *emotion, *emotion_permille)
                .into_iter()
                .map(|(emotion, permille, size_permille, words)| Change {
                    size_permille,
                    input: vec![Input::MoodChanged {
                        call: *call,
                        emotion,
                        emotion_permille: permille,
                    }],
                    words,
                })
                .collect();
            (*call, changes)
        }
        _ => return None,
    };
    let actual = outcome(engine, now, std::slice::from_ref(input), call);
    changes.extend(of_agents(engine, input, actual.as_ref()));
    changes.sort_by_key(|change| change.size_permille);
    changes.into_iter().find_map(|change| {
        let action = outcome(engine, now, &change.input, call)?;
        // A new position in the queue is no other decision.
        let same = match (&actual, &action) {
            (Some(Action::Wait { .. }), Action::Wait { .. }) => true,
            (Some(actual), action) => actual == action,
            (None, _) => false,
        };
        (!same).then_some(Flip {
            size_permille: change.size_permille,
            change: change.words,
            action,
        })
    })
}

/// What becomes of the call when a copy of the engine is told this.
fn outcome(engine: &Engine, now: Duration, inputs: &[Input], call: CallId) -> Option<Action> {
    let mut copy = engine.silent();
    for input in inputs {
        copy.handle(now, input);
    }
    let mut last = None;
    while let Some(choice) = copy.poll() {
        if choice.call == call {
            last = Some(choice.act);
        }
    }
    Some(match last? {
        Act::Offer { agent, .. } => Action::Offer {
            agent: copy.policy().agents[agent].id.clone(),
        },
        Act::Wait { ahead } => Action::Wait { ahead },
        Act::Callback { cause } => Action::Callback { cause },
    })
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

fn of_profile(engine: &Engine, call: CallId, profile: &CallProfile) -> Vec<Change> {
    let ready = |profile: CallProfile| vec![Input::CallReady { call, profile }];
    let rules = &engine.policy().rules;
    let mut changes = Vec::new();
    for permille in across(
        rules.iter().map(|rule| rule.when.min_score_permille),
        profile.intent_permille,
    ) {
        changes.push(Change {
            size_permille: permille.abs_diff(profile.intent_permille),
            input: ready(CallProfile {
                intent_permille: permille,
                ..profile.clone()
            }),
            words: format!(
                "intent at {permille} of 1000, not {}",
                profile.intent_permille
            ),
        });
    }
    for (emotion, permille, size_permille, words) in
        of_mood(engine, profile.emotion, profile.emotion_permille)
    {
        let other = CallProfile {
            emotion,
            emotion_permille: permille,
            ..profile.clone()
        };
        changes.push(Change {
            size_permille,
            input: ready(other),
            words,
        });
    }
    let intents: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.when.intents).collect();
    for intent in intents
        .into_iter()
        .filter(|intent| profile.intent.as_ref() != Some(intent))
    {
        changes.push(Change {
            size_permille: 1000,
            input: ready(CallProfile {
                intent: Some(intent.clone()),
                ..profile.clone()
            }),
            words: format!("intent `{intent}`"),
        });
    }
    for language in [Language::Zh, Language::Yue, Language::En] {
        if profile.language != Some(language) {
            changes.push(Change {
                size_permille: 1000,
                input: ready(CallProfile {
                    language: Some(language),
                    ..profile.clone()
                }),
                words: format!("language `{language}`"),
            });
        }
    }
    changes
}

fn of_mood(engine: &Engine, emotion: Emotion, permille: u16) -> Vec<(Emotion, u16, u16, String)> {
    let rules = &engine.policy().rules;
    let mut changes = Vec::new();
    for other in across(
        rules.iter().map(|rule| rule.when.min_emotion_permille),
        permille,
    ) {
        let words = format!("{} at {other} of 1000, not {permille}", emotion.name());
        changes.push((emotion, other, other.abs_diff(permille), words));
    }
    let emotions: BTreeSet<Emotion> = rules
        .iter()
        .flat_map(|rule| rule.when.emotions.iter().copied())
        .chain([Emotion::Neutral])
        .collect();
    for other in emotions.into_iter().filter(|other| *other != emotion) {
        changes.push((
            other,
            permille.max(500),
            1000,
            format!("{}, not {}", other.name(), emotion.name()),
        ));
    }
    changes
}

/// The chosen agent gone; or, when nobody was chosen, each agent there who was not.
fn of_agents(engine: &Engine, input: &Input, actual: Option<&Action>) -> Vec<Change> {
    let policy = engine.policy();
    engine
        .free_agents()
        .zip(&policy.agents)
        .filter(|(free, agent)| match actual {
            Some(Action::Offer { agent: chosen }) => *chosen == agent.id,
            _ => !free,
        })
        .map(|(free, agent)| {
            let agent = agent.id.clone();
            let (words, first) = if free {
                (format!("{agent} not free"), Input::AgentBusy { agent })
            } else {
                (format!("{agent} free"), Input::AgentAvailable { agent })
            };
            Change {
                size_permille: 1000,
                input: vec![first, input.clone()],
                words,
            }
        })
        .collect()
}
