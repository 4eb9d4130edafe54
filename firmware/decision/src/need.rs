//! What one call asks of an agent: the policy's rules applied to what is known of the caller.

use std::time::Duration;

use trunkside_call::Language;

use crate::policy::{Condition, Policy, Relax, Route, Rule, SkillNeed};
use crate::{AgentProfile, CallProfile};

/// What a call needs, all matching rules together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Indices of the rules that apply, in the policy's order.
    pub rules: Vec<usize>,
    /// Every required skill once, at the highest level that any rule asks for.
    pub required: Vec<SkillNeed>,
    /// Likewise for skills that are only liked.
    pub preferred: Vec<SkillNeed>,
    pub senior: bool,
    /// The first that a rule gives.
    pub group: Option<usize>,
    /// The highest of the rules.
    pub priority: u8,
    pub even_when_closed: bool,
    /// The first that a rule gives.
    pub handle_time: Option<Duration>,
    /// Likewise, how long such callers are patient.
    pub patience: Option<Duration>,
    /// Likewise, the recording that serves the caller first.
    pub self_service: Option<String>,
    pub language: Option<Language>,
    /// For each requirement the first rule that says when to give it up.
    pub relax: Relax,
}

/// Which of its requirements a call still insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insist {
    pub senior: bool,
    pub skills: bool,
    pub language: bool,
}

/// A requirement that can be given up, in the order in which that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Requirement {
    Senior,
    Skills,
    Language,
}

impl Requirement {
    pub const ALL: [Self; 3] = [Self::Senior, Self::Skills, Self::Language];
}

impl Insist {
    /// The bit of an agent whom no group or overflow gives the call to.
    pub const GROUP: u8 = 8;

    pub const fn nothing() -> Self {
        Self {
            senior: false,
            skills: false,
            language: false,
        }
    }

    pub const fn set(&mut self, requirement: Requirement) {
        match requirement {
            Requirement::Senior => self.senior = true,
            Requirement::Skills => self.skills = true,
            Requirement::Language => self.language = true,
        }
    }

    /// A bit for each requirement that is insisted on, and one for the group, which always is.
    pub const fn bits(self) -> u8 {
        self.senior as u8 | (self.skills as u8) << 1 | (self.language as u8) << 2 | Self::GROUP
    }

    pub const fn holds(self, requirement: Requirement) -> bool {
        match requirement {
            Requirement::Senior => self.senior,
            Requirement::Skills => self.skills,
            Requirement::Language => self.language,
        }
    }

    pub const fn drop(&mut self, requirement: Requirement) {
        match requirement {
            Requirement::Senior => self.senior = false,
            Requirement::Skills => self.skills = false,
            Requirement::Language => self.language = false,
        }
    }
}

/// Why an agent may not take a call, whatever they are doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Misfit {
    NotSenior,
    /// Of another group.
    Group,
    /// Index of the skill, or its level, that is missing.
    Skill(usize),
    Language(Language),
}

impl Need {
    /// Which rules apply. `open` is whether the branch is open, when that is known.
    pub fn matching(policy: &Policy, caller: &CallProfile, open: Option<bool>) -> Vec<usize> {
        let hidden = caller.hidden_intent.as_ref();
        let acts_on = |intent: &&String| {
            let mut rules = policy.rules.iter();
            rules.any(|rule| rule.when.intents.contains(intent))
        };
        let intent = hidden.filter(acts_on).or(caller.intent.as_ref());
        policy
            .rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| applies(&rule.when, (caller, intent), open))
            .map(|(index, _)| index)
            .collect()
    }

    /// Applies the rules to a caller.
    pub fn of(policy: &Policy, caller: &CallProfile, open: Option<bool>) -> Self {
        let rules = Self::matching(policy, caller, open);
        Self::from_rules(policy, &rules, caller.language)
    }

    /// Joins what the rules ask for.
    pub fn from_rules(policy: &Policy, rules: &[usize], language: Option<Language>) -> Self {
        let mut need = Self {
            language,
            rules: rules.to_vec(),
            ..Self::default()
        };
        for rule in rules {
            need.add(&policy.rules[*rule].then);
        }
        if need.rules.is_empty() {
            need.add(&policy.default);
        } else {
            need.relax = need.relax.or(policy.default.relax);
        }
        let required = std::mem::take(&mut need.required);
        need.preferred.retain(|liked| {
            !required
                .iter()
                .any(|must| must.skill == liked.skill && must.level >= liked.level)
        });
        need.required = required;
        need
    }

    fn add(&mut self, route: &Route) {
        merge(&mut self.required, &route.skills_required);
        merge(&mut self.preferred, &route.skills_preferred);
        self.senior |= route.senior;
        self.group = self.group.or(route.group);
        self.priority = self.priority.max(route.priority);
        self.even_when_closed |= route.even_when_closed;
        self.handle_time = self.handle_time.or(route.handle_time);
        self.patience = self.patience.or(route.patience);
        self.self_service = self
            .self_service
            .take()
            .or_else(|| route.self_service.clone());
        self.relax = self.relax.or(route.relax);
    }

    /// What it insists on before any wait.
    pub const fn insist(&self) -> Insist {
        Insist {
            senior: self.senior,
            skills: !self.required.is_empty(),
            language: self.language.is_some(),
        }
    }

    /// After which wait a requirement is given up.
    pub const fn relaxes(&self, requirement: Requirement) -> Option<Duration> {
        match requirement {
            Requirement::Senior => self.relax.senior_after,
            Requirement::Skills => self.relax.skills_after,
            Requirement::Language => self.relax.language_after,
        }
    }

    /// What keeps an agent from taking the call, if anything.
    pub fn misfit(&self, agent: &AgentProfile, insist: Insist) -> Option<Misfit> {
        if insist.senior && !agent.senior {
            return Some(Misfit::NotSenior);
        }
        if insist.skills {
            let lacking = self
                .required
                .iter()
                .find(|need| agent.skills[need.skill] < need.level);
            if let Some(need) = lacking {
                return Some(Misfit::Skill(need.skill));
            }
        }
        match self.language {
            Some(language) if insist.language && !agent.languages.contains(&language) => {
                Some(Misfit::Language(language))
            }
            _ => None,
        }
    }

    /// By how many levels an agent falls short of the skills that are liked, and of required
    /// ones that the call no longer insists on.
    pub fn shortfall(&self, agent: &AgentProfile, insist: Insist) -> u32 {
        let given_up = if insist.skills {
            &[][..]
        } else {
            &self.required
        };
        self.preferred
            .iter()
            .chain(given_up)
            .map(|need| u32::from(need.level.saturating_sub(agent.skills[need.skill])))
            .sum()
    }

    /// Whether the call has a use for a skill.
    pub fn uses(&self, skill: usize) -> bool {
        self.required
            .iter()
            .chain(&self.preferred)
            .any(|need| need.skill == skill)
    }

    /// In plain words, what a rule adds.
    pub fn asks(policy: &Policy, rule: &Rule) -> String {
        let then = &rule.then;
        let zh = policy.reasons_in == Language::Zh;
        let name = |need: &SkillNeed| (policy.skills[need.skill].clone(), need.level);
        let mut asks = Vec::new();
        if let Some(group) = then.group {
            let name = &policy.groups[group].name;
            asks.push(if zh {
                format!("`{name}` 组")
            } else {
                format!("the group `{name}`")
            });
        }
        if then.senior {
            asks.push(if zh { "资深坐席" } else { "a senior agent" }.to_owned());
        }
        for (skill, level) in then.skills_required.iter().map(name) {
            asks.push(if zh {
                format!("`{skill}` {level} 级")
            } else {
                format!("`{skill}` at level {level}")
            });
        }
        for (skill, level) in then.skills_preferred.iter().map(name) {
            asks.push(if zh {
                format!("最好 `{skill}` {level} 级")
            } else {
                format!("preferably `{skill}` at level {level}")
            });
        }
        if then.priority > 0 {
            let word = if zh { "优先级" } else { "priority" };
            asks.push(format!("{word} {}", then.priority));
        }
        if let Some(service) = &then.self_service {
            asks.push(if zh {
                format!("先由自助服务 `{service}` 应答")
            } else {
                format!("the self-service `{service}` first")
            });
        }
        if then.even_when_closed {
            let always = if zh {
                "下班后也要人工接听"
            } else {
                "an agent even when the branch is closed"
            };
            asks.push(always.to_owned());
        }
        match (asks.is_empty(), zh) {
            (true, true) => "没有额外要求".to_owned(),
            (true, false) => "asks for nothing more".to_owned(),
            (false, true) => format!("要求{}", asks.join("、")),
            (false, false) => format!("asks for {}", asks.join(", ")),
        }
    }
}

impl Relax {
    /// The other's times where this one has none.
    fn or(self, other: Self) -> Self {
        Self {
            senior_after: self.senior_after.or(other.senior_after),
            skills_after: self.skills_after.or(other.skills_after),
            language_after: self.language_after.or(other.language_after),
        }
    }
}

fn merge(needs: &mut Vec<SkillNeed>, more: &[SkillNeed]) {
    for need in more {
        match needs.iter_mut().find(|known| known.skill == need.skill) {
            Some(known) => known.level = known.level.max(need.level),
            None => needs.push(*need),
        }
    }
}

/// Whether a rule applies to a caller with that intent.
fn applies(
    when: &Condition,
    (caller, intent): (&CallProfile, Option<&String>),
    open: Option<bool>,
) -> bool {
    let intent = when.intents.is_empty()
        || (caller.intent_permille >= when.min_score_permille
            && intent.is_some_and(|intent| when.intents.contains(intent)));
    let emotion = when.emotions.is_empty()
        || (caller.emotion_permille >= when.min_emotion_permille
            && when.emotions.contains(&caller.emotion));
    let language = when.languages.is_empty()
        || caller
            .language
            .is_some_and(|language| when.languages.contains(&language));
    let tier = when.tiers.is_empty()
        || caller
            .tier
            .as_ref()
            .is_some_and(|tier| when.tiers.contains(tier));
    let facts = when.facts.is_empty() || when.facts.iter().any(|fact| caller.facts.contains(fact));
    let falls = caller.mood_fell_permille >= when.mood_fell_permille;
    // Before the shell has told the time the branch counts as open: calls must not be turned away.
    let hours = when
        .open
        .is_none_or(|wanted| open.unwrap_or(true) == wanted);
    intent && emotion && falls && language && tier && facts && hours
}
