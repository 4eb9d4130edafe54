//! The sentences in Chinese.

use trunkside_call::{AgentId, CallbackCause, DestinationKind, Emotion, Language};

use super::{Tongue, percent, seconds, signed};
use crate::engine::agent::{Absence, Micros};
use crate::engine::call::GivenUp;
use crate::engine::{Cost, Skipped};
use crate::need::Misfit;
use crate::policy::Policy;
use crate::{CallProfile, OfferFailure};

pub(super) struct Chinese;

impl Tongue for Chinese {
    fn units(&self) -> [&'static str; 3] {
        ["秒", "分钟", "小时"]
    }

    fn semicolon(&self) -> &'static str {
        "；"
    }

    fn by_chance(&self, name: &AgentId) -> String {
        format!("为积累经验，在策略允许的坐席中随机选择 {name}")
    }

    fn expected_wait(&self, median: &str, ninety: &str) -> String {
        format!("半数此类来电还需等待至多 {median}，九成至多 {ninety}")
    }

    fn self_service(&self) -> &'static str {
        "来电可由录音应答，仍需人工者保留其排队位置"
    }

    fn no_rule(&self, heard: &CallProfile) -> String {
        match &heard.intent {
            Some(intent) => format!(
                "没有规则适用：意图 `{intent}` 概率 {}，情绪 {} 概率 {}",
                percent(heard.intent_permille),
                emotion(heard.emotion),
                percent(heard.emotion_permille)
            ),
            None => "没有听懂任何内容".to_owned(),
        }
    }

    fn hours_unknown(&self) -> &'static str {
        "未获知网点时间，按营业处理"
    }

    fn senior(&self) -> &'static str {
        "资深坐席"
    }

    fn and(&self) -> &'static str {
        "和"
    }

    fn given_up(&self, what: &str, why: GivenUp, waited: &str) -> String {
        match why {
            GivenUp::Waited => format!("等待 {waited} 后不再要求{what}"),
            GivenUp::Nobody => format!("在岗坐席无人具备，不再要求{what}"),
        }
    }

    fn passed_enough(&self, most: &str) -> String {
        format!("后到的高优先级来电插队已满 {most}，不再让其先接")
    }

    fn only_candidate(&self, name: &AgentId, idle: &str) -> String {
        format!("{name} 是唯一空闲且合适的坐席，已空闲 {idle}")
    }

    fn preferred(
        &self,
        name: &AgentId,
        candidates: usize,
        because: &str,
        ahead: Option<&str>,
    ) -> String {
        let ahead = ahead.map_or_else(String::new, |by| format!("；合计领先 {by}"));
        format!("{candidates} 位空闲且合适的坐席中选择 {name}：{because}{ahead}")
    }

    fn matched_together(&self) -> &'static str {
        "同一时刻的来电与坐席统一匹配，如此分配总体最优"
    }

    fn policy_order(&self, name: &AgentId) -> String {
        format!("{name} 在策略中排在前面")
    }

    fn agent_priority(&self, own: u8, other: u8) -> String {
        format!("优先级为 {own}，而非 {other}")
    }

    fn occupancy_cap(&self, own: &str, cap: &str, other: &str) -> String {
        format!("当日通话占比 {own}，未超过策略上限 {cap}；次选 {other}，已超过")
    }

    fn consideration(&self, policy: &Policy, which: usize, cost: Cost, next: Cost) -> String {
        match which {
            0 => format!(
                "离期望技能差 {} 级，次选差 {} 级",
                cost.shortfall, next.shortfall
            ),
            1 => format!(
                "较少占用稀缺技能（{}，次选 {}）",
                percent(cost.scarcity),
                percent(next.scarcity)
            ),
            2 => {
                let (own, other) = (seconds(policy, cost.slower), seconds(policy, next.slower));
                format!("预计比最快的坐席多用 {own}，次选多用 {other}")
            }
            3 => {
                let (own, other) = (percent(cost.busy), percent(next.busy));
                format!("当日通话占比 {own}，次选 {other}")
            }
            5 => "来电者上次由其接待".to_owned(),
            6 => {
                let (own, other) = (signed(policy, cost.learned), signed(policy, next.learned));
                format!("此类来电以往结果较好：折合 {own}，次选 {other}")
            }
            _ => {
                let (own, other) = (seconds(policy, cost.idle), seconds(policy, next.idle));
                format!("已空闲 {own}，次选 {other}")
            }
        }
    }

    fn ahead(&self, ahead: u32) -> String {
        format!("前面有 {ahead} 个来电")
    }

    fn waiting(&self, held: bool, before: &str, waited: &str, limit: &str) -> String {
        let why = if held {
            "空闲且合适的坐席暂不接此来电"
        } else {
            "暂无合适的空闲坐席"
        };
        format!("{why}；{before}；已等待 {waited}，上限 {limit}")
    }

    fn group_overflow(&self, waited: &str) -> String {
        format!("等待 {waited} 后，所在组溢出")
    }

    fn called_back(&self, cause: CallbackCause, tried: usize, limit: &str) -> String {
        match cause {
            CallbackCause::Asked => "客户要求回电，并保留排队位置".to_owned(),
            CallbackCause::Closed => "网点已下班，且没有规则受理该来电".to_owned(),
            CallbackCause::WaitedTooLong => format!("等待已达策略上限 {limit}"),
            CallbackCause::NobodyAnswered if tried == 0 => "没有在岗坐席可以接听".to_owned(),
            CallbackCause::NobodyAnswered => format!("呼叫 {tried} 次后已无坐席可试"),
        }
    }

    fn sent(&self, kind: DestinationKind, name: &str) -> String {
        match kind {
            DestinationKind::Branch => format!("转往其他网点 `{name}`"),
            DestinationKind::Voicemail => format!("转往语音信箱 `{name}`"),
        }
    }

    fn handed_on(&self, name: &AgentId, limit: &str) -> String {
        format!("新人坐席 {name} 通话已超过 {limit}，转给有经验的坐席")
    }

    fn agents(&self, count: usize) -> String {
        format!("{count} 位坐席")
    }

    fn skipped(&self, who: &str, why: &str) -> String {
        format!("{who}：{why}")
    }

    fn words(&self, policy: &Policy, why: Skipped, now: Micros) -> String {
        let words = match why {
            Skipped::Absent(Absence::Away) => "未签入",
            Skipped::Absent(Absence::Occupied) => "忙于其他工作",
            Skipped::Absent(Absence::OnBreak(None)) => "小休中",
            Skipped::Absent(Absence::OnBreak(Some(kind))) => {
                return format!("小休中（{}）", policy.breaks[kind].reason);
            }
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
            Skipped::Unfit(Misfit::Language(spoken)) => {
                return format!("不会{}", language(spoken));
            }
            Skipped::Held(until) => {
                return format!("空闲，但 {} 内暂不接此来电", seconds(policy, until - now));
            }
        };
        words.to_owned()
    }
}

pub(crate) const fn emotion(emotion: Emotion) -> &'static str {
    match emotion {
        Emotion::Angry => "愤怒",
        Emotion::Anxious => "焦急",
        Emotion::Dissatisfied => "不满",
        Emotion::Neutral => "平静",
        Emotion::Satisfied => "满意",
    }
}

const fn language(language: Language) -> &'static str {
    match language {
        Language::Zh => "普通话",
        Language::Yue => "粤语",
        Language::En => "英语",
    }
}
