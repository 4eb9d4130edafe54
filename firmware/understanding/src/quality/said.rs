//! What agents say, as a compliance officer would judge it: with fillers, and as a recogniser hears it.

use std::sync::Arc;
use std::time::Duration;

use trunkside_call::Side;

use super::{QualityCheck, QualityRules};

/// The rules that nothing in a turn may break.
const FORBIDDING: [&str; 12] = [
    "guaranteed_return",
    "asks_for_secret",
    "promise_beyond_power",
    "shifting_blame",
    "private_dealing",
    "tied_sale",
    "complaint_pressure",
    "rudeness",
    "return_rights",
    "superlatives",
    "review_pressure",
    "off_platform",
];

/// Sentences of a bank's agents with the rule that they break.
const GUILTY_AT_A_BANK: &[(&str, &str)] = &[
    ("这款产品不错保本", "guaranteed_return"),
    ("没有问题保本", "guaranteed_return"),
    ("不会亏的保证收益", "guaranteed_return"),
    ("不骗你稳赚", "guaranteed_return"),
    ("不，保本的", "guaranteed_return"),
    ("您不用担心呃保本的", "guaranteed_return"),
    ("不光保本利息还高", "guaranteed_return"),
    ("没有不保本的您放心买", "guaranteed_return"),
    ("我们这个保证您的年化有五个点", "guaranteed_return"),
    ("跟存款一样的没有任何风险", "guaranteed_return"),
    ("这个宝本的您放心", "guaranteed_return"),
    ("問賺不陪我自己也買了", "guaranteed_return"),
    ("收益这块肯定是有保证的", "guaranteed_return"),
    ("亏不了的亏了我赔您", "guaranteed_return"),
    ("亏了我私人赔给您", "guaranteed_return"),
    ("呢只基金唔会蚀㗎", "guaranteed_return"),
    ("你信我啦包你有钱赚", "guaranteed_return"),
    ("no problem it is guaranteed", "guaranteed_return"),
    ("don't worry um it's risk free", "guaranteed_return"),
    ("we guarantee at least five percent", "guaranteed_return"),
    ("you won't lose a penny", "guaranteed_return"),
    ("你别急验证码是多少", "asks_for_secret"),
    ("您先把短信里那个验证码念给我", "asks_for_secret"),
    ("告诉我一下您的交易密码", "asks_for_secret"),
    ("不要紧的您密码多少", "asks_for_secret"),
    ("你读返个验证码我听", "asks_for_secret"),
    ("话我知你个提款卡密码", "asks_for_secret"),
    ("just uh give me the code we sent you", "asks_for_secret"),
    ("what's your pin then", "asks_for_secret"),
    ("您把手机上收到的六位数字告诉我", "asks_for_secret"),
    ("卡密码您跟我说一下", "asks_for_secret"),
    ("tell me the one time passcode", "asks_for_secret"),
    ("您这种情况肯定能过", "promise_beyond_power"),
    ("我跟上面打个招呼就批了", "promise_beyond_power"),
    ("材料不全也没关系包通过的", "promise_beyond_power"),
    ("我有内部渠道一定能批", "promise_beyond_power"),
    ("百分之百给您批下来", "promise_beyond_power"),
    ("你份申请实批啦", "promise_beyond_power"),
    ("you will definitely be approved", "promise_beyond_power"),
    ("这是您自己的问题", "shifting_blame"),
    ("都话唔关我事咯", "shifting_blame"),
    ("that's not my problem sir", "shifting_blame"),
    ("您把钱转到我个人的账户就行", "private_dealing"),
    ("加我微信我给您便宜点", "private_dealing"),
    ("买了这个保险才能批贷款", "tied_sale"),
    ("唔买保险唔批㗎", "tied_sale"),
    ("你投诉也没用", "complaint_pressure"),
    ("滚", "rudeness"),
    ("你给我滚", "rudeness"),
    ("神经病啊你", "rudeness"),
    ("有病吧", "rudeness"),
    ("你黐线㗎", "rudeness"),
    ("whatever", "rudeness"),
    ("随便你", "rudeness"),
    ("are you deaf or what", "rudeness"),
];

const INNOCENT_AT_A_BANK: &[&str] = &[
    "此项业务需要本人办理",
    "您是转账还是取款",
    "需要先报批",
    "给您造成不便非常抱歉",
    "滚动理财每七天一期",
    "whatever you need we are here",
    "这个产品不保本",
    "这款呃不是保本的",
    "我们不能保证收益",
    "本产品不保本不保息",
    "本产品不承诺保本保息",
    "没有人能保证一定赚",
    "不敢说是稳赚",
    "非保本浮动收益",
    "我们银行从来没有保本的说法",
    "保本是不可能的",
    "您要先了解有没有风险",
    "您还没有风险测评请先做一下",
    "请确保本人到场",
    "请带上您的医保本",
    "需要先交保证金",
    "银行不会亏待老客户",
    "收益我们保证不了",
    "您的建议我一定转达",
    "长期饱受疫情影响的商户可以申请",
    "理财产品不再保本",
    "收益是不是保证的要看合同",
    "您问的保证收益的产品我们没有",
    "保本型产品去年就停售了",
    "您想要保本的还是浮动的",
    "这个审批肯定通过不了",
    "谁也不能保证您一定赚",
    "呢只产品唔系保本㗎",
    "冇人可以保证有钱赚",
    "it is not guaranteed",
    "no investment is risk free",
    "you will receive a one time passcode in a minute",
    "our staff won't ask you for the one time passcode",
    "there is no such thing as a guaranteed return",
    "we cannot promise you a guaranteed return",
    "i'm not saying it is guaranteed",
    "the returns aren't fully guaranteed or risk free",
    "we guarantee a reply within two days",
    "you won't lose your points",
    "我们不会问您的密码是多少",
    "请不要告诉别人您的验证码是多少",
    "告诉我您是不是忘记密码了",
    "告诉我您是要修改密码还是销户",
    "密码报错几次了",
    "您的密码是几位数的",
    "我哋唔会问你密码系几多",
    "do not tell me your password",
    "we will never ask what is your pin",
    "我不能保证一定能批",
    "我们保证三天内审批完",
    "身份核实是通过电话进行的",
    "我唔敢话一定批到",
    "i can't guarantee the approval",
    "这不能说不归我们管",
    "麻烦您转到我们银行的账户",
    "不要加我微信转账都是骗子",
    "贷款不要求您买保险才批",
    "他有糖尿病神经病变",
    "这个操作是傻瓜式的",
    "随便您什么时候来都可以",
    "总不能让您白吃亏",
    "that was stupid of me sorry",
    "您有病历的话带上",
    "this is a number for the fund desk",
    "请把页面滚到最下面",
];

const GUILTY_AT_A_SHOP: &[(&str, &str)] = &[
    ("拆了包装就不退了", "return_rights"),
    ("特价商品一概不退的", "return_rights"),
    ("不好意思啊概不退换", "return_rights"),
    ("拆咗盒就唔退㗎喇", "return_rights"),
    ("sorry all sales are final", "return_rights"),
    ("这个全网最低了", "superlatives"),
    ("不是吹的能根治", "superlatives"),
    ("我哋全港最平", "superlatives"),
    ("it is the best in the world", "superlatives"),
    ("给个五星好评返您五块", "review_pressure"),
    ("麻烦您把差评删了", "review_pressure"),
    ("写好评就送你张券", "review_pressure"),
    (
        "leave five stars and we refund ten percent",
        "review_pressure",
    ),
    ("您加我微信转账便宜十块", "off_platform"),
    ("直接转给我就可以了", "off_platform"),
    ("just transfer it to me instead", "off_platform"),
    ("您把验证码发给我", "asks_for_secret"),
    ("这个不关我们的事您找快递去", "shifting_blame"),
    ("你自己整烂㗎嘛", "shifting_blame"),
    ("you should ask the courier", "shifting_blame"),
    ("嫌贵啊买不起就别买", "rudeness"),
    ("爱退不退", "rudeness"),
    ("收声啦你", "rudeness"),
    ("take it or leave it", "rudeness"),
];

const INNOCENT_AT_A_SHOP: &[&str] = &[
    "此项活动今天截止",
    "拆封七天内都可以退",
    "我们没有不退不换的规定",
    "吊牌剪了就不给退了",
    "这个不能根治的",
    "我们不是全网最低",
    "这不敢说是最好的产品",
    "国家及地方都有规定",
    "这是全国第一批上市的",
    "会员积分永久有效",
    "不给好评也没关系",
    "我们不会删您的差评",
    "给好评不会返现的",
    "请不要加微信转账谨防私下转账",
    "千万别线下付款",
    "我帮您找厂家",
    "您的滚筒洗衣机到了",
    "很多人是自己弄不好的",
    "whatever size you like",
    "please never transfer to my account or any other account",
    "we will not ask you to remove your review",
    "it is not the best in the world but it is good",
    "could you give me the order number",
    "唔系全港最平但系好抵",
    "我哋唔会叫你过数畀我",
    "收声音的麦克风有货",
    "取件码告诉我一下",
];

fn broken(rules: QualityRules, text: &str) -> Vec<String> {
    let mut check = QualityCheck::new(Arc::new(rules));
    check.hear(Side::Agent, text, Duration::ZERO);
    let outcomes = check.outcomes().into_iter();
    outcomes
        .filter(|outcome| !outcome.kept && FORBIDDING.contains(&outcome.rule.as_str()))
        .map(|outcome| outcome.rule)
        .collect()
}

#[test]
fn what_agents_must_not_say_is_found_and_what_they_may_say_is_not() {
    let mut wrong = Vec::new();
    for (rules, guilty, innocent) in [
        (QualityRules::bank(), GUILTY_AT_A_BANK, INNOCENT_AT_A_BANK),
        (QualityRules::shop(), GUILTY_AT_A_SHOP, INNOCENT_AT_A_SHOP),
    ] {
        for (text, rule) in guilty {
            let broken = broken(rules.clone(), text);
            if !broken.iter().any(|broken| broken == rule) {
                wrong.push(format!("{text}: not {rule}, but {broken:?}"));
            }
        }
        for text in innocent {
            let broken = broken(rules.clone(), text);
            if !broken.is_empty() {
                wrong.push(format!("{text}: {broken:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
