//! Puts a choice into words: the reasons of a decision and its nearest alternative, in the language
//! that the policy names.

use std::collections::BTreeMap;
use std::time::Duration;

use trunkside_call::{
    Action, Alternative, CallbackCause, Decision, DestinationKind, Emotion, Language, Odds, Reason,
};

use crate::OfferFailure;
use crate::engine::agent::{Absence, Micros};
use crate::engine::call::GivenUp;
use crate::engine::{Act, Chance, Choice, Cost, Facts, Skipped};
use crate::input::micros;
use crate::need::{Misfit, Need, Requirement};
use crate::policy::Policy;

/// How many agents are named one by one when they were skipped for the same cause.
const NAMED: usize = 3;

pub(crate) fn decision(policy: &Policy, choice: &Choice, number: u64) -> Decision {
    let facts = choice.facts.as_deref();
    let mut reasons = facts
        .map(|facts| grounds(policy, facts))
        .unwrap_or_default();
    let mut alternative = None;
    let mut odds = None;
    let action = match choice.act {
        Act::Offer {
            agent,
            cost,
            ref chance,
        } => {
            odds = chance.as_ref().map(|chance| odds_of(policy, chance));
            if let Some(facts) = facts {
                let (mut settled, mut next) = preference(policy, facts, agent, cost);
                if chance.as_ref().is_some_and(|chance| chance.drawn) {
                    settled = reason("explored", by_chance(policy, agent));
                    if let Some(next) = &mut next {
                        next.because.clone_from(&settled.finding);
                    }
                }
                reasons.push(settled);
                alternative = next;
            }
            Action::Offer {
                agent: policy.agents[agent].id.clone(),
            }
        }
        Act::Wait { ahead } => {
            reasons.insert(0, waiting(policy, facts, ahead));
            if let Some(expected) = facts.and_then(|facts| facts.expected) {
                let median = seconds(policy, micros(expected.median));
                let ninety = seconds(policy, micros(expected.ninety_percent));
                let finding = if zh(policy) {
                    format!("半数此类来电还需等待至多 {median}，九成至多 {ninety}")
                } else {
                    format!(
                        "half of such callers wait {median} more at most, 90 % of them {ninety}"
                    )
                };
                reasons.insert(1, reason("expected_wait", finding));
            }
            Action::Wait { ahead }
        }
        Act::Send { to, cause } => {
            reasons.insert(0, called_back(policy, facts, cause));
            reasons.insert(1, sent(policy, to));
            policy.destinations[to].overflow()
        }
        Act::SelfService => {
            let service = facts.and_then(|facts| facts.kind.need.self_service.clone());
            let finding = if zh(policy) {
                "来电可由录音应答，仍需人工者保留其排队位置"
            } else {
                "a recording may be all the caller needs; who stays keeps their place"
            };
            reasons.insert(0, reason("self_service", finding));
            Action::SelfService {
                service: service.unwrap_or_default(),
            }
        }
        Act::HandOn { from, to, cost } => {
            reasons.insert(0, handed_on(policy, from));
            if let Some(facts) = facts {
                let (reason, next) = preference(policy, facts, to, cost);
                reasons.push(reason);
                alternative = next;
            }
            Action::Transfer {
                agent: policy.agents[to].id.clone(),
            }
        }
        Act::Callback { cause } => {
            reasons.insert(0, called_back(policy, facts, cause));
            Action::Callback { cause }
        }
    };
    if let Some(facts) = facts {
        reasons.extend(skipped(policy, facts, choice.at));
    }
    Decision {
        call: choice.call,
        number,
        at: Duration::from_micros(choice.at.unsigned_abs()),
        action,
        reasons,
        alternative,
        odds,
        policy: policy.sha256.clone(),
    }
}

fn odds_of(policy: &Policy, chance: &Chance) -> Odds {
    let among = chance.among.iter();
    Odds {
        millionths: chance.millionths,
        among: among
            .map(|index| policy.agents[*index].id.clone())
            .collect(),
    }
}

/// Why somebody was chosen who is not the cheapest.
fn by_chance(policy: &Policy, agent: usize) -> String {
    let name = &policy.agents[agent].id;
    if zh(policy) {
        format!("为积累经验，在策略允许的坐席中随机选择 {name}")
    } else {
        format!("{name} was drawn by chance among those whom the policy allows, to learn from it")
    }
}

/// A worth that may be negative, in seconds.
fn signed(policy: &Policy, worth: i64) -> String {
    let sign = if worth < 0 { "-" } else { "" };
    format!("{sign}{}", seconds(policy, worth.abs()))
}

fn reason(rule: &str, finding: impl Into<String>) -> Reason {
    Reason {
        rule: rule.to_owned(),
        finding: finding.into(),
    }
}

/// Whether reasons are in Chinese.
fn zh(policy: &Policy) -> bool {
    policy.reasons_in == Language::Zh
}

/// A time, rounded down to three digits at most. Records leave the box only without longer runs of
/// digits, and a reason that is withheld explains nothing.
fn seconds(policy: &Policy, time: Micros) -> String {
    const S: Micros = 1_000_000;
    let zh = zh(policy);
    let (number, unit) = if time < 100 * S {
        let tenths = time / (S / 10);
        let number = format!("{}.{}", tenths / 10, (tenths % 10).abs());
        (number, if zh { "秒" } else { "s" })
    } else if time < 1000 * S {
        ((time / S).to_string(), if zh { "秒" } else { "s" })
    } else if time < 1000 * 60 * S {
        let minutes = time / (60 * S);
        (minutes.to_string(), if zh { "分钟" } else { "min" })
    } else {
        let hours = (time / (3600 * S)).min(999);
        (hours.to_string(), if zh { "小时" } else { "h" })
    };
    format!("{number} {unit}")
}

/// A thousandth's count in per cent, three digits at most, as [`seconds`].
pub(crate) fn percent(permille: impl Into<i64>) -> String {
    let permille = permille.into();
    if permille % 10 == 0 {
        format!("{} %", permille / 10)
    } else {
        format!("{}.{} %", permille / 10, permille % 10)
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}

/// The rules that applied and what was given up of them.
fn grounds(policy: &Policy, facts: &Facts) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = facts
        .kind
        .need
        .rules
        .iter()
        .map(|index| &policy.rules[*index])
        .map(|rule| reason(&rule.name, Need::asks(policy, rule)))
        .collect();
    if reasons.is_empty() {
        let heard = match &facts.profile.intent {
            Some(intent) if zh(policy) => format!(
                "没有规则适用：意图 `{intent}` 概率 {}，情绪 {} 概率 {}",
                percent(facts.profile.intent_permille),
                emotion_zh(facts.profile.emotion),
                percent(facts.profile.emotion_permille)
            ),
            None if zh(policy) => "没有听懂任何内容".to_owned(),
            Some(intent) => format!(
                "no rule applies to `{intent}` at {}, {} at {}",
                percent(facts.profile.intent_permille),
                facts.profile.emotion.name(),
                percent(facts.profile.emotion_permille)
            ),
            None => "nothing was understood".to_owned(),
        };
        reasons.push(reason("default_route", heard));
    }
    for requirement in Requirement::ALL {
        if let Some(why) = facts.given_up[requirement as usize] {
            reasons.push(given_up(policy, facts, requirement, why));
        }
    }
    if facts.open.is_none() {
        reasons.push(reason(
            "hours_unknown",
            if zh(policy) {
                "未获知网点时间，按营业处理"
            } else {
                "the branch's clock was not told; taken as open"
            },
        ));
    }
    reasons
}

fn given_up(policy: &Policy, facts: &Facts, requirement: Requirement, why: GivenUp) -> Reason {
    let what = match requirement {
        Requirement::Senior if zh(policy) => "资深坐席".to_owned(),
        Requirement::Senior => "a senior agent".to_owned(),
        Requirement::Skills => {
            let skills: Vec<String> = facts
                .kind
                .need
                .required
                .iter()
                .map(|need| format!("`{}`", policy.skills[need.skill]))
                .collect();
            skills.join(if zh(policy) { "和" } else { " and " })
        }
        Requirement::Language => facts
            .kind
            .need
            .language
            .map_or("a language", |language| language.tag())
            .to_owned(),
    };
    let waited = seconds(policy, facts.waited);
    let finding = match (why, zh(policy)) {
        (GivenUp::Waited, true) => format!("等待 {waited} 后不再要求{what}"),
        (GivenUp::Nobody, true) => format!("在岗坐席无人具备，不再要求{what}"),
        (GivenUp::Waited, false) => format!("no longer insists on {what} after {waited}"),
        (GivenUp::Nobody, false) => {
            format!("no longer insists on {what} because nobody else signed in offers it")
        }
    };
    reason("relaxed", finding)
}

/// What settled the choice between the agent and the next best.
fn preference(
    policy: &Policy,
    facts: &Facts,
    agent: usize,
    cost: Cost,
) -> (Reason, Option<Alternative>) {
    let name = &policy.agents[agent].id;
    let Some((next, next_cost)) = facts.next else {
        let idle = seconds(policy, cost.idle);
        let finding = if zh(policy) {
            format!("{name} 是唯一空闲且合适的坐席，已空闲 {idle}")
        } else {
            format!("{name} is the only free agent who fits, idle for {idle}")
        };
        return (reason("only_candidate", finding), None);
    };
    let other = &policy.agents[next].id;
    let (rule, because) = settled_by(policy, (agent, cost), (next, next_cost));
    let finding = if zh(policy) {
        format!(
            "{} 位空闲且合适的坐席中选择 {name}：{because}",
            facts.candidates
        )
    } else {
        let of = plural(
            facts.candidates,
            "free agent who fits",
            "free agents who fit",
        );
        format!("{name} of {of}: {because}")
    };
    (
        reason(rule, finding),
        Some(Alternative {
            agent: other.clone(),
            because,
        }),
    )
}

/// The consideration that weighed most in favour of the chosen agent.
fn settled_by(
    policy: &Policy,
    (agent, cost): (usize, Cost),
    (other, next): (usize, Cost),
) -> (&'static str, String) {
    if (next.total, other) < (cost.total, agent) {
        let because = if zh(policy) {
            "同一时刻的来电与坐席统一匹配，如此分配总体最优"
        } else {
            "calls and agents of this moment were matched together, and so all of them fare best"
        };
        return ("matched_together", because.to_owned());
    }
    let steps = |cost: Cost| i64::from(cost.rank) + i64::from(cost.over_cap);
    if steps(cost) < steps(next) {
        return by_step(policy, cost, next);
    }
    let (own, others) = (weighed(policy, cost), weighed(policy, next));
    let (strongest, gain) = own
        .iter()
        .zip(others)
        .map(|(own, other)| other - own)
        .enumerate()
        .max_by_key(|(i, gain)| (*gain, usize::MAX - i))
        .expect("there are seven");
    if gain <= 0 {
        let name = &policy.agents[agent].id;
        let because = if zh(policy) {
            format!("{name} 在策略中排在前面")
        } else {
            format!("{name} stands first in the policy")
        };
        return ("policy_order", because);
    }
    if zh(policy) {
        consideration_zh(policy, strongest, cost, next)
    } else {
        consideration(policy, strongest, cost, next)
    }
}

/// A better priority, or a share of the day on calls below the cap.
fn by_step(policy: &Policy, cost: Cost, next: Cost) -> (&'static str, String) {
    if cost.rank < next.rank {
        let because = if zh(policy) {
            format!("优先级为 {}，而非 {}", cost.rank + 1, next.rank + 1)
        } else {
            format!("asked at priority {}, not {}", cost.rank + 1, next.rank + 1)
        };
        return ("agent_priority", because);
    }
    let cap = percent(policy.weights.occupancy_cap_permille);
    let (own, other) = (percent(cost.busy), percent(next.busy));
    let because = if zh(policy) {
        format!("当日通话占比 {own}，未超过策略上限 {cap}；次选 {other}，已超过")
    } else {
        format!("{own} of the day on calls, within the cap of {cap}; {other} is over it")
    };
    ("occupancy_cap", because)
}

/// What each consideration but steps of priority weighs, as it counts in the total.
fn weighed(policy: &Policy, cost: Cost) -> [i64; 7] {
    let weights = &policy.weights;
    [
        i64::from(cost.shortfall) * micros(weights.preferred),
        cost.scarcity * micros(weights.scarcity) / 1000,
        cost.slower / 1000 * weights.slower_permille,
        cost.busy * micros(weights.busy) / 1000,
        -cost.idle.min(micros(weights.idle_cap)),
        -i64::from(cost.last) * micros(weights.sticky),
        cost.learned,
    ]
}

fn consideration(policy: &Policy, which: usize, cost: Cost, next: Cost) -> (&'static str, String) {
    match which {
        0 => {
            let levels = plural(cost.shortfall as usize, "level", "levels");
            let because = format!(
                "{levels} short of the preferred skills, not {}",
                next.shortfall
            );
            ("preferred_skills", because)
        }
        1 => {
            let (own, other) = (percent(cost.scarcity), percent(next.scarcity));
            let because = format!("spends less of what few can do ({own}, not {other})");
            ("scarcity", because)
        }
        2 => {
            let (own, other) = (seconds(policy, cost.slower), seconds(policy, next.slower));
            let because = format!("expected to need {own} more than the quickest, not {other}");
            ("pace", because)
        }
        3 => {
            let (own, other) = (percent(cost.busy), percent(next.busy));
            let because = format!("{own} of the day on calls, not {other}");
            ("occupancy", because)
        }
        5 => (
            "same_agent",
            "the caller spoke to them last time".to_owned(),
        ),
        6 => {
            let (own, other) = (signed(policy, cost.learned), signed(policy, next.learned));
            let because = format!("such calls turned out better: weighed {own}, not {other}");
            ("learned", because)
        }
        _ => {
            let (own, other) = (seconds(policy, cost.idle), seconds(policy, next.idle));
            ("longest_idle", format!("idle for {own}, not {other}"))
        }
    }
}

fn consideration_zh(
    policy: &Policy,
    which: usize,
    cost: Cost,
    next: Cost,
) -> (&'static str, String) {
    match which {
        0 => {
            let because = format!(
                "离期望技能差 {} 级，次选差 {} 级",
                cost.shortfall, next.shortfall
            );
            ("preferred_skills", because)
        }
        1 => {
            let because = format!(
                "较少占用稀缺技能（{}，次选 {}）",
                percent(cost.scarcity),
                percent(next.scarcity)
            );
            ("scarcity", because)
        }
        2 => {
            let (own, other) = (seconds(policy, cost.slower), seconds(policy, next.slower));
            (
                "pace",
                format!("预计比最快的坐席多用 {own}，次选多用 {other}"),
            )
        }
        3 => {
            let (own, other) = (percent(cost.busy), percent(next.busy));
            let because = format!("当日通话占比 {own}，次选 {other}");
            ("occupancy", because)
        }
        5 => ("same_agent", "来电者上次由其接待".to_owned()),
        6 => {
            let (own, other) = (signed(policy, cost.learned), signed(policy, next.learned));
            let because = format!("此类来电以往结果较好：折合 {own}，次选 {other}");
            ("learned", because)
        }
        _ => {
            let (own, other) = (seconds(policy, cost.idle), seconds(policy, next.idle));
            ("longest_idle", format!("已空闲 {own}，次选 {other}"))
        }
    }
}

pub(crate) const fn emotion_zh(emotion: Emotion) -> &'static str {
    match emotion {
        Emotion::Angry => "愤怒",
        Emotion::Anxious => "焦急",
        Emotion::Dissatisfied => "不满",
        Emotion::Neutral => "平静",
        Emotion::Satisfied => "满意",
    }
}

/// That nobody is free for the call, or that who is free is kept from it for now.
fn waiting(policy: &Policy, facts: Option<&Facts>, ahead: u32) -> Reason {
    let before = if zh(policy) {
        format!("前面有 {ahead} 个来电")
    } else {
        plural(
            ahead as usize,
            "call stands before it",
            "calls stand before it",
        )
    };
    let Some(facts) = facts else {
        return reason("all_busy", before);
    };
    let mut skipped = facts.skipped.iter();
    let held = skipped.any(|(_, why)| matches!(why, Skipped::Held(_)));
    let rule = if held { "held_back" } else { "all_busy" };
    let waited = seconds(policy, facts.waited);
    let limit = seconds(policy, micros(policy.queue.max_wait));
    if zh(policy) {
        let why = if held {
            "空闲且合适的坐席暂不接此来电"
        } else {
            "暂无合适的空闲坐席"
        };
        let finding = format!("{why}；{before}；已等待 {waited}，上限 {limit}");
        return reason(rule, finding);
    }
    let why = if held {
        "who is free and fits is kept from it for now"
    } else {
        "nobody who fits is free"
    };
    let finding = format!("{why}; {before}; has waited {waited} of at most {limit}");
    reason(rule, finding)
}

fn called_back(policy: &Policy, facts: Option<&Facts>, cause: CallbackCause) -> Reason {
    let tried = facts.map_or(0, |facts| facts.attempts.len());
    if cause == CallbackCause::WaitedTooLong
        && let Some(facts) = facts.filter(|facts| facts.waited < micros(policy.queue.max_wait))
    {
        let waited = seconds(policy, facts.waited);
        let finding = if zh(policy) {
            format!("等待 {waited} 后，所在组溢出")
        } else {
            format!("waited {waited}, after which its group overflows")
        };
        return reason("group_overflow", finding);
    }
    let limit = seconds(policy, micros(policy.queue.max_wait));
    if zh(policy) {
        return match cause {
            CallbackCause::Asked => reason("keeps_place", "客户要求回电，并保留排队位置"),
            CallbackCause::Closed => reason("closed", "网点已下班，且没有规则受理该来电"),
            CallbackCause::WaitedTooLong => reason("max_wait", format!("等待已达策略上限 {limit}")),
            CallbackCause::NobodyAnswered if tried == 0 => {
                reason("nobody_left", "没有在岗坐席可以接听")
            }
            CallbackCause::NobodyAnswered => {
                reason("nobody_left", format!("呼叫 {tried} 次后已无坐席可试"))
            }
        };
    }
    match cause {
        CallbackCause::Closed => {
            reason("closed", "the branch is closed and no rule takes the call")
        }
        CallbackCause::Asked => reason(
            "keeps_place",
            "asked to be called back, and keeps the place in the queue",
        ),
        CallbackCause::WaitedTooLong => {
            reason("max_wait", format!("waited the policy's limit of {limit}"))
        }
        CallbackCause::NobodyAnswered => {
            let finding = if tried == 0 {
                "nobody is signed in who could take it".to_owned()
            } else {
                format!(
                    "nobody is left to try after {}",
                    plural(tried, "offer", "offers")
                )
            };
            reason("nobody_left", finding)
        }
    }
}

/// Where a call goes that leaves the branch.
fn sent(policy: &Policy, to: usize) -> Reason {
    let place = &policy.destinations[to];
    let name = &place.name;
    let finding = match (place.kind, zh(policy)) {
        (DestinationKind::Branch, true) => format!("转往其他网点 `{name}`"),
        (DestinationKind::Voicemail, true) => format!("转往语音信箱 `{name}`"),
        (DestinationKind::Branch, false) => format!("goes on to the branch `{name}`"),
        (DestinationKind::Voicemail, false) => format!("goes on to the voicemail `{name}`"),
    };
    reason("overflow", finding)
}

/// Why a novice's call goes on.
fn handed_on(policy: &Policy, novice: usize) -> Reason {
    let name = &policy.agents[novice].id;
    let limit = seconds(policy, micros(policy.queue.novice_limit));
    let finding = if zh(policy) {
        format!("新人坐席 {name} 通话已超过 {limit}，转给有经验的坐席")
    } else {
        format!("{name} is a novice and has talked for {limit}; somebody experienced takes over")
    };
    reason("novice", finding)
}

/// Who was not considered, grouped by why.
fn skipped(policy: &Policy, facts: &Facts, now: Micros) -> Option<Reason> {
    let mut groups: BTreeMap<Skipped, Vec<usize>> = BTreeMap::new();
    for (agent, why) in &facts.skipped {
        groups.entry(*why).or_default().push(*agent);
    }
    let parts: Vec<String> = groups
        .iter()
        .map(|(why, agents)| {
            let who = if agents.len() <= NAMED {
                let names: Vec<&str> = agents
                    .iter()
                    .map(|index| policy.agents[*index].id.as_str())
                    .collect();
                names.join(", ")
            } else if zh(policy) {
                format!("{} 位坐席", agents.len())
            } else {
                format!("{} agents", agents.len())
            };
            if zh(policy) {
                format!("{who}：{}", words_zh(policy, *why, now))
            } else {
                format!("{who}: {}", words(policy, *why, now))
            }
        })
        .collect();
    (!parts.is_empty()).then(|| reason("skipped", parts.join(if zh(policy) { "；" } else { "; " })))
}

fn words(policy: &Policy, why: Skipped, now: Micros) -> String {
    match why {
        Skipped::Absent(Absence::Away) => "signed out".to_owned(),
        Skipped::Absent(Absence::Occupied) => "busy with other work".to_owned(),
        Skipped::Absent(Absence::Ringing) => "rung for another call".to_owned(),
        Skipped::Absent(Absence::OnCall) => "on a call".to_owned(),
        Skipped::Absent(Absence::WrapUp) => "writing up a call".to_owned(),
        Skipped::Absent(Absence::Resting) => "left alone after a failed offer".to_owned(),
        Skipped::Absent(Absence::Tried(cause)) => format!("{} for this call", cause.words()),
        Skipped::Unfit(Misfit::NotSenior) => "not senior".to_owned(),
        Skipped::Unfit(Misfit::Group) => "of another group".to_owned(),
        Skipped::Unfit(Misfit::Skill(skill)) => format!("lacks `{}`", policy.skills[skill]),
        Skipped::Unfit(Misfit::Language(language)) => format!("speaks no {language}"),
        Skipped::Held(until) => {
            format!(
                "kept from this call for {} more",
                seconds(policy, until - now)
            )
        }
    }
}

fn words_zh(policy: &Policy, why: Skipped, now: Micros) -> String {
    let words = match why {
        Skipped::Absent(Absence::Away) => "未签入",
        Skipped::Absent(Absence::Occupied) => "忙于其他工作",
        Skipped::Absent(Absence::Ringing) => "正在为另一来电振铃",
        Skipped::Absent(Absence::OnCall) => "通话中",
        Skipped::Absent(Absence::WrapUp) => "话后处理中",
        Skipped::Absent(Absence::Resting) => "呼叫失败后暂不打扰",
        Skipped::Absent(Absence::Tried(cause)) => match cause {
            OfferFailure::Busy => "对此来电占线",
            OfferFailure::NoAnswer => "对此来电未接听",
            OfferFailure::Declined => "拒接此来电",
            OfferFailure::Unreachable => "呼叫不通",
            OfferFailure::Vanished => "呼叫后再无消息",
        },
        Skipped::Unfit(Misfit::NotSenior) => "不是资深坐席",
        Skipped::Unfit(Misfit::Group) => "属于其他组",
        Skipped::Unfit(Misfit::Skill(skill)) => {
            return format!("不具备 `{}`", policy.skills[skill]);
        }
        Skipped::Unfit(Misfit::Language(language)) => {
            return format!("不会{}", language_zh(language));
        }
        Skipped::Held(until) => {
            return format!("空闲，但 {} 内暂不接此来电", seconds(policy, until - now));
        }
    };
    words.to_owned()
}

const fn language_zh(language: Language) -> &'static str {
    match language {
        Language::Zh => "普通话",
        Language::Yue => "粤语",
        Language::En => "英语",
    }
}
