//! Rules that are met one by one, but together ask for somebody who is nobody.

use std::collections::BTreeSet;

use trunkside_call::{Emotion, Language};

use super::Policy;
use super::group::Chain;
use super::resolve::{EMOTIONS, LANGUAGES};
use crate::CallProfile;
use crate::need::Need;
use crate::reader::Section;

/// Something that a rule names of a caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trait {
    Emotion(Emotion),
    Tier(String),
    Fact(String),
    Language(Language),
    Intent(String),
}

impl Trait {
    /// The key of a rule's `when`.
    const fn key(&self) -> &'static str {
        match self {
            Self::Emotion(_) => "emotion",
            Self::Tier(_) => "tier",
            Self::Fact(_) => "facts",
            Self::Language(_) => "language",
            Self::Intent(_) => "intent",
        }
    }

    fn give(&self, caller: &mut CallProfile) {
        match self {
            Self::Emotion(emotion) => caller.emotion = *emotion,
            Self::Tier(tier) => caller.tier = Some(tier.clone()),
            Self::Fact(fact) => {
                caller.facts.insert(fact.clone());
            }
            Self::Language(language) => caller.language = Some(*language),
            Self::Intent(intent) => caller.intent = Some(intent.clone()),
        }
    }

    /// The word for it, before or behind `callers`.
    fn words(&self) -> (String, String) {
        let behind = match self {
            Self::Emotion(emotion) => return (format!("{} ", emotion.name()), String::new()),
            Self::Tier(tier) => format!(" of tier `{tier}`"),
            Self::Fact(fact) => format!(" known as `{fact}`"),
            Self::Language(language) => format!(" who speak `{language}`"),
            Self::Intent(intent) => format!(" about `{intent}`"),
        };
        (String::new(), behind)
    }
}

/// What a rule's `when` names, each with its place.
fn traits(when: &Section<'_>) -> Vec<(Trait, usize)> {
    let mut traits = Vec::new();
    for found in when.texts("intent") {
        traits.push((Trait::Intent(found.value), found.offset));
    }
    for found in when.texts("emotion") {
        let emotion = EMOTIONS.iter().find(|(word, _)| *word == found.value);
        traits.extend(emotion.map(|(_, emotion)| (Trait::Emotion(*emotion), found.offset)));
    }
    for found in when.texts("tier") {
        traits.push((Trait::Tier(found.value), found.offset));
    }
    for found in when.texts("facts") {
        traits.push((Trait::Fact(found.value), found.offset));
    }
    for found in when.texts("language") {
        let language = LANGUAGES.iter().find(|(word, _)| *word == found.value);
        traits.extend(language.map(|(_, language)| (Trait::Language(*language), found.offset)));
    }
    traits
}

/// Tells of rules that meet in some caller whom nobody could take: for everything that a rule names, alone and
/// with everything of another kind.
pub(super) fn together(policy: &Policy, tables: &[Section<'_>]) {
    let of_rules: Vec<(Section<'_>, Vec<(Trait, usize)>)> = tables
        .iter()
        .map(|section| {
            let when = section.table("when");
            let traits = traits(&when);
            (when, traits)
        })
        .collect();
    let named = of_rules.iter().flat_map(|(_, traits)| traits);
    let all: BTreeSet<&Trait> = named.map(|(named, _)| named).collect();
    let mut told = BTreeSet::new();
    for (when, traits) in &of_rules {
        for (first, offset) in traits {
            let others = all.iter().filter(|other| other.key() != first.key());
            let others = std::iter::once(None).chain(others.map(|other| Some(*other)));
            for second in others {
                let mut both: Vec<&Trait> = second.into_iter().chain([first]).collect();
                both.sort_unstable();
                if let Some(rules) = meet_in_vain(policy, &both, &mut told) {
                    let words: Vec<(String, String)> = both.iter().map(|it| it.words()).collect();
                    let before: String = words.iter().map(|(before, _)| before.as_str()).collect();
                    let behind: String = words.iter().map(|(_, behind)| behind.as_str()).collect();
                    let message = format!(
                        "lets the rules {rules} meet in {before}callers{behind}, and no agent meets all of \
                         them; such calls would give up a requirement at once"
                    );
                    when.reader
                        .warning(*offset, &when.key(first.key()), message);
                }
            }
        }
    }
}

/// The names of the rules that meet in such a caller, where each has somebody and all together nobody; once for
/// each set of rules.
fn meet_in_vain(
    policy: &Policy,
    traits: &[&Trait],
    told: &mut BTreeSet<Vec<usize>>,
) -> Option<String> {
    let mut caller = CallProfile {
        intent_permille: 1000,
        emotion_permille: 1000,
        ..CallProfile::unknown()
    };
    for of_caller in traits {
        of_caller.give(&mut caller);
    }
    let served = |need: &Need| {
        let opens = Chain::of(policy, need.group).opens;
        let mut gets = policy.agents.iter().zip(opens);
        gets.any(|(agent, opens)| opens.is_some() && need.misfit(agent, need.insist()).is_none())
    };
    // That nobody meets a rule by itself is told of that rule.
    let mut rules = Need::matching(policy, &caller, Some(true));
    rules.retain(|rule| served(&Need::from_rules(policy, &[*rule], None)));
    let need = Need::from_rules(policy, &rules, caller.language);
    // That nobody speaks a language is told of the rule that names it.
    let spoken = |language| {
        policy
            .agents
            .iter()
            .any(|agent| agent.languages.contains(&language))
    };
    let unheard = need.language.is_some_and(|language| !spoken(language));
    if served(&need) || unheard || need.rules.len() < 2 || !told.insert(need.rules.clone()) {
        return None;
    }
    let names = need
        .rules
        .iter()
        .map(|rule| format!("`{}`", policy.rules[*rule].name));
    Some(names.collect::<Vec<_>>().join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESK: &str = r#"
[[agent]]
id = "ann"
languages = ["zh"]
skills = { general = 4, banking = 3 }
[[agent]]
id = "bob"
skills = { general = 2, delivery = 4 }
"#;

    fn told(rules: &str) -> Vec<String> {
        let parsed = Policy::parse("p.toml", &format!("{DESK}{rules}"));
        parsed.problems.iter().map(ToString::to_string).collect()
    }

    fn rule(name: &str, when: &str, then: &str) -> String {
        format!(
            "[[rule]]\nname = \"{name}\"\nwhen = {{ {when} }}\nthen = {{ skills_required = {{ {then} }} }}\n"
        )
    }

    #[test]
    fn whatever_rules_name_of_callers_they_are_seen_together() {
        let delivery = rule("del", "intent = \"delivery_chase\"", "delivery = 3");
        for (when, key, words) in [
            ("tier = \"gold\"", "tier", "callers of tier `gold` about"),
            (
                "facts = \"owner\"",
                "facts",
                "callers known as `owner` about",
            ),
            ("emotion = \"angry\"", "emotion", "angry callers about"),
        ] {
            let found = told(&format!("{}{delivery}", rule("first", when, "banking = 3")));
            assert_eq!(found.len(), 1, "{found:#?}");
            let expected = format!(
                "p.toml:11: `rule.first.when.{key}` lets the rules `first` and `del` meet in {words} \
                 `delivery_chase`, and no agent"
            );
            assert!(found[0].starts_with(&expected), "{found:#?}");
            // One of them alone has somebody.
            assert_eq!(
                told(&rule("first", when, "banking = 3")),
                Vec::<String>::new()
            );
        }
        let cantonese = rule("yue", "language = \"yue\"", "general = 1");
        let refund = rule("bank", "intent = \"refund\"", "banking = 3");
        let found = told(&format!("{cantonese}{refund}"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].contains("meet in callers who speak `yue` about `refund`"),
            "{found:#?}"
        );
        let gold = rule("gold", "tier = \"gold\"", "banking = 1");
        let angry = rule("angry", "emotion = \"angry\"", "delivery = 1");
        let found = told(&format!("{gold}{angry}"));
        assert!(
            found.len() == 1 && found[0].contains("meet in angry callers of tier `gold`, and"),
            "{found:#?}"
        );
    }
}
