//! Names that nothing introduces: people who are spoken of as the subject or the object of a sentence, staff by
//! a nickname, names beside their own spelling.

use super::cases::{family_name, hesitate, name};
use super::lists::{ENGLISH_FIRST, ENGLISH_LAST};
use super::{Random, Said, Tongue, Turn};

/// What stands before and behind a whole name: `*`.
const SPOKEN_OF: [&[&str]; 2] = [
    &[
        "*的订单到现在没发货",
        "*昨天来过电话",
        "*一直不回我消息",
        "上个月*帮我办的卡",
        "后来*又改口了",
        "*的快递放门口了",
        "*",
        "*你好",
        "是*让我打这个电话的",
        "那天接待我的*很不耐烦",
        "我和*一起去的",
        "钱是*转的",
        "因为*没去签字",
        "我问了*他也不知道",
        "合同上写的*",
        "*不在家",
        "*欠我三千块",
        "*跟我说可以退",
        "昨天*没来上班",
        "*的身份证丢了",
        "*拿走了我的卡",
        "我昨天见过*",
        "*不肯还钱",
        "去年*借过我的车",
        "*说他没收到",
    ],
    &[
        "*琴日打过嚟",
        "*话可以退",
        "*张单未到",
        "*冇签名",
        "我问过*",
        "系*叫我打嚟嘅",
        "*欠我钱",
        "*",
        "*嘅电话打唔通",
        "因为*唔喺度",
        "尋日*同我讲过",
        "*攞咗我张卡",
        "上个月*帮我开嘅户口",
        "张合约写住*",
    ],
];

/// The same of a nickname.
const NICKNAMES: [&[&str]; 2] = [
    &[
        "客服小*说可以退",
        "柜员小*弄错了",
        "师傅老*没来",
        "销售小*答应过的",
        "你们小*说的",
        "老*不承认",
        "小*一直不接电话",
        "维修的老*来看过",
    ],
    &["我搵阿*", "阿*话得嘅", "琴日阿*打过嚟"],
];

/// What stands before an English name that is spelt behind it.
const SPELT: [&str; 8] = [
    "it's *",
    "that's *",
    "booking for *",
    "it's under *",
    "the account's under *",
    "* is how it's listed",
    "make it out to *",
    "*",
];

/// A case in one language.
pub fn case(tongue: Tongue, random: &mut Random) -> Vec<Turn> {
    let mut said = Said::default();
    hesitate(&mut said, tongue, random);
    if tongue == Tongue::English {
        let last = random.one(&ENGLISH_LAST);
        let (before, behind) = random.one(&SPELT).split_once('*').unwrap();
        said.say(before);
        said.tell(last);
        said.say(random.one(&[" ", " that's ", " spelt ", " spelled "]));
        let letters: Vec<String> = last
            .chars()
            .map(|c| {
                if c == '\'' {
                    "apostrophe".to_owned()
                } else {
                    c.to_string()
                }
            })
            .collect();
        said.tell(&letters.join(" "));
        said.say(behind);
        return vec![said.turn(true)];
    }
    let carriers = if random.percent(25) {
        NICKNAMES
    } else {
        SPOKEN_OF
    };
    let is_nickname = carriers == NICKNAMES;
    let (before, behind) = random
        .one(carriers[tongue as usize])
        .split_once('*')
        .unwrap();
    said.say(before);
    if !is_nickname {
        name(&mut said, tongue, random);
    } else if tongue == Tongue::Cantonese && random.percent(50) {
        said.tell(random.one(&ENGLISH_FIRST));
    } else {
        said.tell(&family_name(random));
    }
    said.say(behind);
    vec![said.turn(true)]
}
