//! Words that say what kind of number, name or address follows.

use std::collections::HashMap;
use std::sync::LazyLock;

use trunkside_call::EntityKind;

use crate::numbers::{Folded, skip_pauses};

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    Phone,
    Identity,
    Card,
    Account,
    Order,
    Policy,
    Reference,
    Plate,
    /// A code or password: hidden whatever its length.
    Secret,
}

impl Cue {
    /// The kind of a number with this cue.
    pub(crate) const fn kind(self) -> EntityKind {
        match self {
            Self::Phone => EntityKind::Phone,
            Self::Identity => EntityKind::Identity,
            Self::Card => EntityKind::Card,
            Self::Account => EntityKind::Account,
            Self::Order => EntityKind::Order,
            Self::Policy => EntityKind::Policy,
            Self::Reference => EntityKind::Reference,
            Self::Plate => EntityKind::Plate,
            Self::Secret => EntityKind::Number,
        }
    }
}

/// How far before a number its cue may stand, in characters.
const REACH: usize = 30;

/// Cue words by kind, longer ones before those they contain; Chinese in simplified characters,
/// because texts are folded first.
const CUES: [(Cue, &[&str]); 9] = [
    (
        Cue::Identity,
        &[
            "身份证",
            "身分证",
            "证件",
            "护照",
            "通行证",
            "回乡证",
            "驾照",
            "驾驶证",
            "行驶证",
            "社保号",
            "hkid",
            "社保卡",
            "社会保险号",
            "居住证",
            "军官证",
            "identity",
            "id number",
            "id card",
            "my id",
            "passport",
            "social security",
            "my social",
            "your social",
            "national insurance",
            "ssn",
            "driving licence",
            "driver's license",
            "drivers license",
            "driver license",
            "licence number",
            "license number",
            "hong kong id",
            "id is",
            "nhs number",
            "n h s number",
            "medicare",
            "ni number",
            "tax number",
        ],
    ),
    (
        Cue::Secret,
        &[
            "验证码",
            "校验码",
            "动态码",
            "密码",
            "安全码",
            "password",
            "passcode",
            "security code",
            "verification code",
            "pin",
            "cvv",
            "cvc",
            "the code",
            "one time code",
        ],
    ),
    (
        Cue::Card,
        &[
            "银行卡",
            "信用卡",
            "储蓄卡",
            "借记卡",
            "提款卡",
            "卡号",
            "卡尾",
            "尾号",
            "咭号",
            "信用咭",
            "提款咭",
            "卡片",
            "long number",
            "card",
            "ends in",
            "ending in",
            "last four",
            "visa",
            "mastercard",
        ],
    ),
    (
        Cue::Plate,
        &[
            "车牌",
            "牌照",
            "车号",
            "number plate",
            "licence plate",
            "license plate",
            "plate",
            "registration number",
            "registration",
            "reg is",
            "架车",
            "车架号",
            "vehicle registration",
        ],
    ),
    (
        Cue::Order,
        &[
            "订单",
            "运单",
            "快递单",
            "快递号",
            "单号",
            "物流",
            "取件码",
            "包裹号",
            "order",
            "tracking",
            "parcel number",
            "shipment",
        ],
    ),
    (
        Cue::Policy,
        &[
            "保单号",
            "保单",
            "保险单号",
            "保险单",
            "保险合同",
            "合同号",
            "合约号",
            "policy",
            "contract number",
        ],
    ),
    (
        Cue::Account,
        &[
            "账号",
            "帐号",
            "账户",
            "帐户",
            "户口",
            "户号",
            "公积金号",
            "account",
            "iban",
            "sort code",
            "a c number",
        ],
    ),
    (
        Cue::Phone,
        &[
            "手机尾号",
            "电话尾号",
            "手机号尾号",
            "手机",
            "手提",
            "电话",
            "热线",
            "座机",
            "固话",
            "联系方式",
            "联系号码",
            "打给我",
            "打我",
            "拨打",
            "致电",
            "phone",
            "mobile",
            "telephone",
            "cell",
            "call me",
            "call us",
            "reach me",
            "reach you",
            "call you",
            "ring you",
            "text you",
            "contact number",
            "text me",
            "ring me",
            "whatsapp",
            "fax",
        ],
    ),
    (
        Cue::Reference,
        &[
            "工单号",
            "工单",
            "编号",
            "流水号",
            "工号",
            "员工号",
            "客户号",
            "会员号",
            "学号",
            "受理单号",
            "受理号",
            "案件号",
            "投诉单号",
            "投诉单",
            "reference",
            "claim",
            "case number",
            "ticket",
            "invoice",
            "member number",
            "customer number",
            "employee number",
            "booking ref",
            "booking number",
            "confirmation",
            "ref number",
        ],
    ),
];

/// Words that make a date someone's birthday.
const BIRTH: [&str; 12] = [
    "生日",
    "出生",
    "生辰",
    "几号生",
    "系生",
    "生于",
    "birthday",
    "birth",
    "born",
    "dob",
    "d.o.b",
    "d o b",
];

/// Behind a date, the words that make it one.
const BIRTH_AFTER: [&str; 8] = [
    "出生",
    "生人",
    "生的",
    "出世",
    "生日",
    "is my birthday",
    "is my date of birth",
    "is when i was born",
];

/// The nearest cue before a position: of two, the one that ends later.
pub(crate) fn cue_before(text: &Folded, position: usize) -> Option<Cue> {
    place_before(text, position).map(|(cue, _)| cue)
}

/// Whether nothing but words such as 号码是 stands between this cue and a position.
pub(crate) fn is_cued(text: &Folded, position: usize, cue: Cue) -> bool {
    let Some((_, end)) = place_before(text, position).filter(|(near, _)| *near == cue) else {
        return false;
    };
    let mut at = end;
    while at < position {
        let next = match text.at(at) {
            Some('号' | '码' | '数' | '为' | '系') => at + 1,
            // A letter of the number itself.
            Some(c) if c.is_ascii_alphabetic() && text.word_end(at) == at + 1 => at + 1,
            _ => skip_pauses(text, at),
        };
        if next == at {
            return false;
        }
        at = next;
    }
    true
}

/// Words that tell how a number ends: that of a card, unless they stand behind what another one is called.
const ENDINGS: [&str; 4] = ["ends in", "ending in", "last four", "尾号"];

/// What may stand between such words and those before them.
const LINKS_TO_ENDING: [&str; 7] = ["", " ", " number ", " is ", " number is ", "'s ", "的"];

/// The cue of the number whose end is told by the words at a position: `social security number ends in`.
fn cue_of_whole(text: &Folded, start: usize) -> Option<Cue> {
    if !ENDINGS.iter().any(|word| text.starts_with(start, word)) {
        return None;
    }
    (start.saturating_sub(REACH)..start).find_map(|at| {
        let (cue, end) = cue_starting_at(text, at, start)?;
        LINKS_TO_ENDING
            .contains(&text.slice(end, start).as_str())
            .then_some(cue)
    })
}

/// The nearest cue, and where it ends; of cues that overlap, the longest: 保单号, and not 单号.
fn place_before(text: &Folded, position: usize) -> Option<(Cue, usize)> {
    let reach = position.saturating_sub(REACH)..position;
    let cues = reach.rev().filter_map(|start| {
        let (cue, end) = cue_starting_at(text, start, position)?;
        Some((start, end, cue))
    });
    let mut nearest: Option<(usize, usize, Cue)> = None;
    for (start, end, cue) in cues {
        let longer = |(from, to, _): (usize, usize, Cue)| end > from && end - start > to - from;
        if nearest.is_none_or(longer) {
            nearest = Some((start, end, cue));
        }
    }
    nearest.map(|(start, end, cue)| (cue_of_whole(text, start).unwrap_or(cue), end))
}

/// Whether a text ends with a cue and nothing but a few words such as `号码是` behind it.
pub(crate) fn cue_at_end(text: &Folded) -> Option<Cue> {
    let end = text.chars().len();
    (end.saturating_sub(20)..end)
        .rev()
        .find_map(|start| cue_starting_at(text, start, end))
        .map(|(cue, _)| cue)
}

/// Whether a date that stands here is someone's birthday.
pub(crate) fn is_birthday(text: &Folded, start: usize, end: usize) -> bool {
    let before = (start.saturating_sub(REACH)..start)
        .any(|at| BIRTH.iter().any(|word| text.starts_with(at, word)));
    let after =
        || (end..end + 4).any(|at| BIRTH_AFTER.iter().any(|word| text.starts_with(at, word)));
    before || after() || is_born_behind(text, end) || is_year_of_person(text, start, end)
}

/// Whether 生 stands behind a date, and not as the begin of another word: `八六年三月生`.
fn is_born_behind(text: &Folded, end: usize) -> bool {
    let ends = |at: usize| {
        text.at(at)
            .is_none_or(|c| !c.is_alphanumeric() || "的嘅人㗎啊呀哦喔，".contains(c))
    };
    text.at(end) == Some('生') && ends(end + 1)
}

/// `我八五年的`, `我爸是四二年的`: somebody's year, and nothing behind that it is the year of.
fn is_year_of_person(text: &Folded, start: usize, end: usize) -> bool {
    const PEOPLE: [&str; 32] = [
        "我", "他", "她", "佢", "本人", "爸", "妈", "爷", "奶", "哥", "姐", "弟", "妹", "儿子",
        "女儿", "老公", "老婆", "先生", "太太", "爱人", "孩子", "老伴", "仔", "女", "豆", "母",
        "公", "婆", "佬", "父", "们", "哋",
    ];
    let is_year = end > 0 && text.at(end - 1) == Some('年');
    let link = usize::from(start > 0 && matches!(text.at(start - 1), Some('是' | '系')));
    let before = start - link;
    let person = PEOPLE.iter().any(|word| {
        before
            .checked_sub(word.chars().count())
            .is_some_and(|at| text.starts_with(at, word))
    });
    let ends = text
        .at(end + 1)
        .is_none_or(|c| !c.is_alphanumeric() || "属今现啊呀了吧哦喔㗎嘛，我他她佢".contains(c));
    let told = matches!(text.at(end), Some('的' | '嘅')) && ends
        || text.at(end).is_some_and(|c| "属肖腊冬闰".contains(c));
    is_year && person && told
}

/// Whether a text ends by speaking of a birthday.
pub(crate) fn is_birth_at_end(text: &Folded) -> bool {
    let end = text.chars().len();
    is_birthday(text, end, end)
}

/// The cue that begins here, and where it ends.
fn cue_starting_at(text: &Folded, start: usize, limit: usize) -> Option<(Cue, usize)> {
    let first = text.at(start)?;
    if first.is_ascii_alphabetic() && !text.is_word_start(start) {
        return None;
    }
    let stands = |word: &str| {
        text.starts_with(start, word) && {
            let end = start + word.chars().count();
            let whole = !first.is_ascii_alphabetic()
                || !text
                    .at(end)
                    .is_some_and(|c| c.is_ascii_alphabetic() && c != 's');
            end <= limit && whole
        }
    };
    let mut cues = by_first().get(&first)?.iter();
    cues.find(|(word, _)| stands(word))
        .map(|(word, cue)| (*cue, start + word.chars().count()))
}

/// The cues' words by what they begin with, in their order.
fn by_first() -> &'static HashMap<char, Vec<(&'static str, Cue)>> {
    static BY_FIRST: LazyLock<HashMap<char, Vec<(&'static str, Cue)>>> = LazyLock::new(|| {
        let mut found: HashMap<char, Vec<_>> = HashMap::new();
        for (cue, words) in CUES {
            for word in words {
                let first = word.chars().next().expect("no cue is empty");
                found.entry(first).or_default().push((*word, cue));
            }
        }
        found
    });
    &BY_FIRST
}
