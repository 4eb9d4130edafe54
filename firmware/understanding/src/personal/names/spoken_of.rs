//! Chinese names that nothing introduces: who is spoken of, `王强的订单`, `李静没签字`, who is greeted, `李娜你好`,
//! and whose name is all that is said.
//!
//! Only family names and characters of given names that are known count, and beside them words that are
//! said of people: two or three characters alone are other words as often.

use super::addressed;
use super::chinese::{given, is_word, stops, surname_at};
use super::hidden;
use crate::numbers::Folded;
use crate::personal::{ends_phrase, skip_hesitations};
use crate::redact::Hidden;

/// What only people do, or have done to them, behind their name.
const DOES: &str = "说 讲 问我 问过 问了 欠我 欠了 欠钱 欠佢 骗我 骗了 骗走 答应 告诉 通知我 跟我 同我 给我 帮我 叫我 让我 教我 找我 找过 打我 \
    打给 打来 打电话 打过 打嚟 接电话 接的 不接 没接 没回 没有回 没来 没有来 没签 没有签 没给 没有给 没还 没有还 没打 没有打 没付 没收 没有收 没告 \
    没通知 没跟 没有跟 没帮 没同意 没到场 没上班 没转 没有转 没联系 没有联系 没有说 没说 不在 不肯 不给 不还 不理 不回 不同意 不承认 不签 \
    不来 借了 借过 借我 没去 没有去 改口 弄错 搞错 算错 看过 来看 修过 收了 转了 转我 转给 寄给 约我 约了 约好 介绍 推荐 负责 办的 处理的 签的 写的 填的 寄的 买的 开的 来过 来了 来找 走了 离职 辞职 \
    住院 去世 已经走 请假 休假 值班 态度 答复 回复 回我 承诺 保证 要求 承认 同意 拒绝 解释 拿走 拿了 取走 签收 签字 签名 冒充 冒用 \
    话我 话要 话佢 话会 话冇 话可以 冇覆 冇听 冇嚟 冇还 冇签 冇返 冇同 冇打 冇话 冇畀 唔听 唔覆 唔还 唔肯 唔畀 唔喺 唔认 唔理 呃我 呃咗 应承 \
    借咗 收咗 转咗 签咗 攞咗 走咗 放假 畀我 俾我 搵我 揾我 嗰 张单 张卡 张保单 个户口 部电话 电话打 电话系 电话号码 你好 您好 早晨 在吗 在不在";

/// What only people have: behind the possessive, `李娜的快递`.
const HAS: &str = "电话 手机 号码 订单 单 账 帐 卡 快递 包裹 保单 户 身份 名 钱 地址 贷款 信 邮件 邮箱 资料 信息 预约 挂号 病历 报告 合同 车 房 票 密码 \
    工资 退款 签名 老婆 老公 儿子 女儿 妈妈 爸爸 爱人 申请 理赔 会员 微信 意思 态度 服务 生日";

/// Behind these the talk turns to somebody who does something.
const THEN: &str = "昨天 今天 前天 昨晚 今早 上周 上次 上个月 刚才 刚刚 那天 当时 因为 由于 所以 但是 可是 后来 然后 结果 现在 去年 不过 如果 要是 除了 只有 \
    其实 明明 都怪 听说 就是 都是 原来 琴日 寻日 今日 头先 嗰日 跟住 点知 但系 如果 等 被 由 连 是 给 和 跟 同 与 喂";

/// Behind these stands whom somebody spoke to or of.
const WHOM: &str = "问过 问了 问咗 找过 找了 搵过 揾过 见过 见了 联系过 联系了 联络过 约了 约好了 打过给 打给过 认识 告诉了 告诉过 通知过 骂 投诉过 \
    催过 加过 上写的 上写着 写住 拜托了 拜托 委托 多得 麻烦了";

/// Whether a phrase begins here.
fn begins(text: &Folded, at: usize) -> bool {
    at == 0
        || text
            .at(at - 1)
            .is_some_and(|c| !c.is_alphanumeric() || "嗯呃啊额哦诶喂哎".contains(c))
}

fn stands_before(text: &Folded, at: usize, words: &str) -> bool {
    words.split_whitespace().any(|word| {
        at.checked_sub(word.chars().count())
            .is_some_and(|start| text.starts_with(start, word))
    })
}

fn stands(text: &Folded, at: usize, words: &str) -> bool {
    words
        .split_whitespace()
        .any(|word| text.starts_with(at, word))
}

/// When and how it is done: between a name and what is said of it.
const WHEN: &str = "昨天 前天 今天 昨晚 刚才 刚刚 上周 上个月 去年 琴日 寻日 今日 头先 一直 又 也 还 就 都 已经 从来 总是 老是 \
    后来 自己 现在 根本 突然 成日 仲";

/// The most of these in a row.
const MOST_WHEN: usize = 2;

/// Whether what is said here is said of a person before it.
pub(super) fn does(text: &Folded, mut at: usize) -> bool {
    for _ in 0..MOST_WHEN {
        let mut words = WHEN.split_whitespace();
        let Some(word) = words.find(|word| text.starts_with(at, word)) else {
            break;
        };
        at += word.chars().count();
    }
    stands(text, at, DOES) || matches!(text.at(at), Some('的' | '嘅')) && stands(text, at + 1, HAS)
}

/// A name that its company tells: what is said of it, and that it opens a phrase or that the words before it
/// turn to somebody.
pub(super) fn spoken_of(text: &Folded, at: usize) -> Option<Hidden> {
    let surname = surname_at(text, at);
    let of_word = at > 0 && text.starts_with(at - 1, "过程");
    if surname == 0 || of_word || is_word(text, at) {
        return None;
    }
    [2, 1].into_iter().find_map(|own| {
        let end = at + surname + own;
        let name = text.chars().get(at + surname..end)?;
        let of_names = match name {
            ['大', last] => given(*last) && *last != '家',
            _ => name.iter().all(|c| given(*c)),
        };
        let whole = of_names && !(at + surname..end).any(|at| stops(text, at));
        let opens = || begins(text, at) || greets(text, at) || stands_before(text, at, THEN);
        let whom = || stands_before(text, at, WHOM) && (stops(text, end) || ends_phrase(text, end));
        let told = whole && (does(text, end) && opens() || whom() || is_all(text, at, end));
        told.then(|| hidden(at, end))
    })
}

/// Whether a greeting stands before a position.
fn greets(text: &Folded, at: usize) -> bool {
    stands_before(text, at, "你好 您好 早晨")
}

/// Whether nothing but a greeting stands beside a name.
fn is_all(text: &Folded, start: usize, end: usize) -> bool {
    let first = skip_hesitations(text, 0);
    let greeting = ["你好", "您好", "喂"]
        .iter()
        .find(|word| text.starts_with(first, word));
    let first = greeting.map_or(first, |word| {
        skip_hesitations(text, first + word.chars().count())
    });
    first == start && skip_hesitations(text, end) >= text.chars().len()
}

/// Words behind which whoever is called `小张` or `老王` serves.
const SERVES: &str = "客服 柜员 店员 专员 坐席 业务员 快递员 营业员 接线员 话务员 送货员 配送员 外卖员 收银员 理赔员 维修 安装 装修 维修的 安装的 装修的 销售 中介 小哥 骑手 司机 师傅 \
    经理 主管 店长 领导 老板 房东 邻居 同事 同学 室友 护士 医生 保安 管家 顾问 助理 前台 保姆 阿姨 教练 老师";

/// Whether a nickname stands behind what somebody is: `柜员小王`, `理财经理小赵`.
pub(super) fn is_behind_role(text: &Folded, at: usize) -> bool {
    stands_before(text, at, SERVES)
}

/// `叫我小芳就行`, `我是建国`: given names alone, of those who say how they are called.
pub(super) fn called_by_given(text: &Folded, at: usize) -> Option<Hidden> {
    const CALLED: [&str; 6] = ["称呼我", "喊我", "叫我", "嗌我", "我是", "我系"];
    /// What callers are, and where they are from.
    const OTHER: &str = "学生 先生 新人 山东 广东 华东 中国 美国 英国 法国 德国 泰国 韩国 房东 股东 海外 山西 广西 江西 金卡 新卡 一心 一直 \
        一家 一定 一年 一月 三星 安全 天天 明天 春天 冬天 秋天 长春 长安 安庆 永安 天才 中文 英文 文明 正在 正好 可可 可以 会同 来电 来信 \
        家长 会长 家人 友人 好友 朋友 本人 言行 良民 良好 长江 友好 天和 天河 泉州 会员 胜利 成长 正义 和平 光明 清明 爱国 爱心 大同 发达 \
        发财 有才 有心 有意 高兴 全家 全国 全新 坚持 坚信 如实 如此 依然 依旧 安心 安康 健康 幸福 平安 平民 农民 民工 员工 女生 新生 \
        医生 书生 考生 实习 永远 长期 初中 高中 国中 中学 大学 小学 正宗 正常 正规 信贵 建信 兴业 光大 中信 华为 远程 东方 西方 南方 \
        北方 天津 上海 海南 河南 河北 湖南 湖北 云南 贵州 广州 杭州 苏州 台州 宁波 青岛 威海 珠海 金华 永康 义乌 中山 佛山 东莞 \
        清远 梅州 德清 临海 安徽 浙江 福建 江苏 兰州 成都 重庆 金山 宝山 香港 新来 先来 后来 专来 明明 会来 想来 来来 小心 一起 \
        星期 一样 有点 有时 一般 家里 家中 山上";
    let word = CALLED.iter().find(|word| text.starts_with(at, word))?;
    let start = skip_hesitations(text, at + word.chars().count());
    if let Some(name) = addressed::nicknamed_behind(text, start) {
        return Some(name);
    }
    let end = start + 2;
    let own = text.slice(start, end);
    let named = own.chars().count() == 2
        && own.chars().all(given)
        && own.chars().any(|c| OFTEN.contains(c))
        && !OTHER.split_whitespace().any(|other| other == own);
    let ends = ends_phrase(text, end)
        || text.at(end).is_some_and(|c| "啊呀吧呢哦喔".contains(c))
        || stands(text, end, "就行 就好 就可以 就得");
    (named && ends).then(|| hidden(start, end))
}

/// Characters that hardly any other word of two begins or ends with.
const OFTEN: &str = "伟芳娜敏静丽强磊军勇艳杰娟涛超秀霞刚桂英玉兰红建辉健宁佳欣怡俊浩宇轩涵梓雨泽博雅诗梦琪嘉豪志鹏凯翔鑫雪梅莉萍玲燕琴凤珍贞芬荣莺媛瑞\
    婷娇婉娴瑾颖瑶婵雁蓓丹蓉君蕊薇菁岚筠菲莹莲萌翠耀聪铭锋锐锦雄雯霖青靖韬馨骏魁斌栋坤振晓晨旭松彬淑丽慧惠彪柱芝洁坚娥仙";
