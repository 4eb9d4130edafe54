//! The sentences in English.

use trunkside_call::{AgentId, CallbackCause, DestinationKind};

use super::{Tongue, percent, seconds, signed};
use crate::CallProfile;
use crate::engine::agent::{Absence, Micros};
use crate::engine::call::GivenUp;
use crate::engine::{Cost, Skipped};
use crate::need::Misfit;
use crate::policy::Policy;

pub(super) struct English;

impl Tongue for English {
    fn units(&self) -> [&'static str; 3] {
        ["s", "min", "h"]
    }

    fn semicolon(&self) -> &'static str {
        "; "
    }

    fn by_chance(&self, name: &AgentId) -> String {
        format!("{name} was drawn by chance among those whom the policy allows, to learn from it")
    }

    fn expected_wait(&self, median: &str, ninety: &str) -> String {
        format!("half of such callers wait {median} more at most, 90 % of them {ninety}")
    }

    fn self_service(&self) -> &'static str {
        "a recording may be all the caller needs; who stays keeps their place"
    }

    fn no_rule(&self, heard: &CallProfile) -> String {
        match &heard.intent {
            Some(intent) => format!(
                "no rule applies to `{intent}` at {}, {} at {}",
                percent(heard.intent_permille),
                heard.emotion.name(),
                percent(heard.emotion_permille)
            ),
            None => "nothing was understood".to_owned(),
        }
    }

    fn hours_unknown(&self) -> &'static str {
        "the branch's clock was not told; taken as open"
    }

    fn senior(&self) -> &'static str {
        "a senior agent"
    }

    fn and(&self) -> &'static str {
        " and "
    }

    fn given_up(&self, what: &str, why: GivenUp, waited: &str) -> String {
        match why {
            GivenUp::Waited => format!("no longer insists on {what} after {waited}"),
            GivenUp::Nobody => {
                format!("no longer insists on {what} because nobody else signed in offers it")
            }
        }
    }

    fn passed_enough(&self, most: &str) -> String {
        format!(
            "calls of higher priority that came later have gone first for {most}, and may no more"
        )
    }

    fn only_candidate(&self, name: &AgentId, idle: &str) -> String {
        format!("{name} is the only free agent who fits, idle for {idle}")
    }

    fn preferred(
        &self,
        name: &AgentId,
        candidates: usize,
        because: &str,
        ahead: Option<&str>,
    ) -> String {
        let of = plural(candidates, "free agent who fits", "free agents who fit");
        let ahead = ahead.map_or_else(String::new, |by| format!("; ahead by {by} in all"));
        format!("{name} of {of}: {because}{ahead}")
    }

    fn matched_together(&self) -> &'static str {
        "calls and agents of this moment were matched together, and so all of them fare best"
    }

    fn policy_order(&self, name: &AgentId) -> String {
        format!("{name} stands first in the policy")
    }

    fn agent_priority(&self, own: u8, other: u8) -> String {
        format!("asked at priority {own}, not {other}")
    }

    fn occupancy_cap(&self, own: &str, cap: &str, other: &str) -> String {
        format!("{own} of the day on calls, within the cap of {cap}; {other} is over it")
    }

    fn consideration(&self, policy: &Policy, which: usize, cost: Cost, next: Cost) -> String {
        match which {
            0 => {
                let levels = plural(cost.shortfall as usize, "level", "levels");
                format!(
                    "{levels} short of the preferred skills, not {}",
                    next.shortfall
                )
            }
            1 => {
                let (own, other) = (percent(cost.scarcity), percent(next.scarcity));
                format!("spends less of what few can do ({own}, not {other})")
            }
            2 => {
                let (own, other) = (seconds(policy, cost.slower), seconds(policy, next.slower));
                format!("expected to need {own} more than the quickest, not {other}")
            }
            3 => {
                let (own, other) = (percent(cost.busy), percent(next.busy));
                format!("{own} of the day on calls, not {other}")
            }
            5 => "the caller spoke to them last time".to_owned(),
            6 => {
                let (own, other) = (signed(policy, cost.learned), signed(policy, next.learned));
                format!("such calls turned out better: weighed {own}, not {other}")
            }
            _ => {
                let (own, other) = (seconds(policy, cost.idle), seconds(policy, next.idle));
                format!("idle for {own}, not {other}")
            }
        }
    }

    fn ahead(&self, ahead: u32) -> String {
        plural(
            ahead as usize,
            "call stands before it",
            "calls stand before it",
        )
    }

    fn waiting(&self, held: bool, before: &str, waited: &str, limit: &str) -> String {
        let why = if held {
            "who is free and fits is kept from it for now"
        } else {
            "nobody who fits is free"
        };
        format!("{why}; {before}; has waited {waited} of at most {limit}")
    }

    fn group_overflow(&self, waited: &str) -> String {
        format!("waited {waited}, after which its group overflows")
    }

    fn called_back(&self, cause: CallbackCause, tried: usize, limit: &str) -> String {
        match cause {
            CallbackCause::Asked => {
                "asked to be called back, and keeps the place in the queue".to_owned()
            }
            CallbackCause::Closed => "the branch is closed and no rule takes the call".to_owned(),
            CallbackCause::WaitedTooLong => format!("waited the policy's limit of {limit}"),
            CallbackCause::NobodyAnswered if tried == 0 => {
                "nobody is signed in who could take it".to_owned()
            }
            CallbackCause::NobodyAnswered => format!(
                "nobody is left to try after {}",
                plural(tried, "offer", "offers")
            ),
        }
    }

    fn sent(&self, kind: DestinationKind, name: &str) -> String {
        match kind {
            DestinationKind::Branch => format!("goes on to the branch `{name}`"),
            DestinationKind::Voicemail => format!("goes on to the voicemail `{name}`"),
        }
    }

    fn handed_on(&self, name: &AgentId, limit: &str) -> String {
        format!("{name} is a novice and has talked for {limit}; somebody experienced takes over")
    }

    fn agents(&self, count: usize) -> String {
        format!("{count} agents")
    }

    fn skipped(&self, who: &str, why: &str) -> String {
        format!("{who}: {why}")
    }

    fn words(&self, policy: &Policy, why: Skipped, now: Micros) -> String {
        match why {
            Skipped::Absent(Absence::Away) => "signed out".to_owned(),
            Skipped::Absent(Absence::Occupied) => "busy with other work".to_owned(),
            Skipped::Absent(Absence::OnBreak(None)) => "on a break".to_owned(),
            Skipped::Absent(Absence::OnBreak(Some(kind))) => {
                format!("on a break ({})", policy.breaks[kind].reason)
            }
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
}

fn plural(count: usize, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {many}")
    }
}
