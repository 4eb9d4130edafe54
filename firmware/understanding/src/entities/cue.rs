//! Words that say what kind of number follows.

use trunkside_call::EntityKind;

use crate::numbers::Folded;

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    Phone,
    Identity,
    Card,
    Reference,
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
            Self::Reference => EntityKind::Reference,
            Self::Secret => EntityKind::Number,
        }
    }
}

/// How far before a number its cue may stand, in characters.
const REACH: usize = 30;

/// Cue words, longer ones before those they contain.
const CUES: [(&str, Cue); 70] = [
    ("身份证", Cue::Identity),
    ("身分证", Cue::Identity),
    ("证件", Cue::Identity),
    ("护照", Cue::Identity),
    ("通行证", Cue::Identity),
    ("社保号", Cue::Identity),
    ("identity", Cue::Identity),
    ("id number", Cue::Identity),
    ("id card", Cue::Identity),
    ("passport", Cue::Identity),
    ("social security", Cue::Identity),
    ("national insurance", Cue::Identity),
    ("ssn", Cue::Identity),
    ("licence", Cue::Identity),
    ("license", Cue::Identity),
    ("验证码", Cue::Secret),
    ("校验码", Cue::Secret),
    ("密码", Cue::Secret),
    ("安全码", Cue::Secret),
    ("password", Cue::Secret),
    ("passcode", Cue::Secret),
    ("security code", Cue::Secret),
    ("verification code", Cue::Secret),
    ("pin", Cue::Secret),
    ("cvv", Cue::Secret),
    ("the code", Cue::Secret),
    ("银行卡", Cue::Card),
    ("信用卡", Cue::Card),
    ("储蓄卡", Cue::Card),
    ("借记卡", Cue::Card),
    ("卡号", Cue::Card),
    ("尾号", Cue::Card),
    ("咭号", Cue::Card),
    ("card", Cue::Card),
    ("ends in", Cue::Card),
    ("ending in", Cue::Card),
    ("last four", Cue::Card),
    ("订单", Cue::Reference),
    ("运单", Cue::Reference),
    ("快递单", Cue::Reference),
    ("单号", Cue::Reference),
    ("工单", Cue::Reference),
    ("保单", Cue::Reference),
    ("账号", Cue::Reference),
    ("帐号", Cue::Reference),
    ("账户", Cue::Reference),
    ("户口", Cue::Reference),
    ("编号", Cue::Reference),
    ("流水号", Cue::Reference),
    ("工号", Cue::Reference),
    ("客户号", Cue::Reference),
    ("户号", Cue::Reference),
    ("order", Cue::Reference),
    ("tracking", Cue::Reference),
    ("policy", Cue::Reference),
    ("account", Cue::Reference),
    ("reference", Cue::Reference),
    ("claim", Cue::Reference),
    ("case number", Cue::Reference),
    ("ticket", Cue::Reference),
    ("invoice", Cue::Reference),
    ("手机", Cue::Phone),
    ("电话", Cue::Phone),
    ("热线", Cue::Phone),
    ("座机", Cue::Phone),
    ("联系方式", Cue::Phone),
    ("phone", Cue::Phone),
    ("mobile", Cue::Phone),
    ("call me", Cue::Phone),
    ("reach me", Cue::Phone),
];

/// Words that make a date someone's birthday.
const BIRTH: [&str; 8] = [
    "生日",
    "出生",
    "生辰",
    "birthday",
    "birth",
    "born",
    "dob",
    "date of birth",
];

/// The nearest cue before a position: of two, the one that ends later.
pub(crate) fn cue_before(text: &Folded, position: usize) -> Option<Cue> {
    (position.saturating_sub(REACH)..position)
        .rev()
        .find_map(|start| cue_starting_at(text, start, position))
}

/// Whether a text ends with a cue and nothing but a few words such as `号码是` behind it.
pub(crate) fn cue_at_end(text: &Folded) -> Option<Cue> {
    let end = text.chars().len();
    (end.saturating_sub(16)..end)
        .rev()
        .find_map(|start| cue_starting_at(text, start, end))
}

/// Whether a date that begins here is someone's birthday.
pub(crate) fn is_birth_cue_before(text: &Folded, position: usize) -> bool {
    (position.saturating_sub(REACH)..position)
        .any(|start| BIRTH.iter().any(|word| text.starts_with(start, word)))
}

fn cue_starting_at(text: &Folded, start: usize, limit: usize) -> Option<Cue> {
    let first = text.at(start)?;
    if first.is_ascii_alphabetic() && !text.is_word_start(start) {
        return None;
    }
    CUES.iter()
        .find(|(word, _)| {
            text.starts_with(start, word) && {
                let end = start + word.chars().count();
                let whole = !first.is_ascii_alphabetic()
                    || !text
                        .at(end)
                        .is_some_and(|c| c.is_ascii_alphabetic() && c != 's');
                end <= limit && whole
            }
        })
        .map(|(_, cue)| *cue)
}
