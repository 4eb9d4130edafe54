//! What a caller says they do not want: `不是查余额是转账`, `please don't close my account`.
//!
//! Only what negates a wish counts. Where the negation is the matter itself (`没收到`, `打不开`, `it
//! didn't arrive`), nothing is denied.

use std::ops::Range;

use super::said::begins_with;
use crate::features::Token;

/// What denies the wish that follows, longer ones before shorter ones that begin alike.
const DENIES: [&str; 52] = [
    "不是要",
    "不是来",
    "不是想",
    "不是",
    "不用给我",
    "不用帮我",
    "不用",
    "不需要",
    "不必",
    "不要给我",
    "不要帮我",
    "不要",
    "不想",
    "别给我",
    "别帮我",
    "别",
    "没有要",
    "没要",
    "没说要",
    "没想",
    "唔系要",
    "唔系想",
    "唔系",
    "唔使帮我",
    "唔使",
    "唔需要",
    "唔想",
    "唔好帮我",
    "唔好",
    "dontwantto",
    "donotwantto",
    "dontwantmy",
    "dontwantthe",
    "dontwanta",
    "dontneedto",
    "donotneedto",
    "dontneed",
    "notcallingto",
    "notcallingabout",
    "notcallingfor",
    "nottryingto",
    "notlookingto",
    "notlookingfor",
    "notaskingto",
    "notaskingfor",
    "nothereto",
    "noneedto",
    "nota",
    "notthe",
    "notmy",
    "havent",
    "didnt",
];

/// Who does not want a thing denies it only where they say what they want instead.
const OF_THINGS: [&str; 3] = ["dontwantmy", "dontwantthe", "dontwanta"];
const WANTS: [&str; 4] = ["want", "need", "id", "like"];

/// Words that begin like one of these and deny nothing.
const OTHER_WORDS: [&str; 11] = [
    "唔好意思",
    "不用谢",
    "不用客气",
    "不用了",
    "唔使客气",
    "不要紧",
    "不是吗",
    "别人",
    "别的",
    "别处",
    "别名",
];

/// And what makes another word of `别`: `特别`.
const BEFORE_OTHER: [&str; 8] = ["特", "分", "级", "区", "个", "性", "类", "识"];

/// The same as an order, which begins an utterance or follows one of [`BEFORE_ORDERS`].
const FORBIDS: [&str; 2] = ["dont", "donot"];
const BEFORE_ORDERS: [&str; 6] = ["please", "but", "and", "so", "just", "no"];

/// Of these only a loss is denied: `i haven't received it` is the matter.
const OF_LOSSES: [&str; 2] = ["havent", "didnt"];
const LOSSES: [&str; 2] = ["lost", "lose"];

/// What has not been lost, which stands before it.
const NOT_LOST: [&str; 5] = ["没丢", "没有丢", "没弄丢", "没被骗", "冇唔见"];

/// Who no longer wants a thing gives it up, which is a wish: `不要这张卡了`.
const GIVES_UP: [&str; 4] = ["不要", "不想", "唔想", "唔好"];
const ANY_MORE: [&str; 4] = ["了", "喇", "anymore", "longer"];

/// Where something else begins.
#[rustfmt::skip]
const ENDS: [&str; 34] = [
    "是", "而", "我", "你", "要", "想", "但", "只", "就", "请", "帮", "系", "先", "搵", "找", "换", "给",
    "i", "im", "id", "ive", "but", "just", "its", "it", "instead", "can", "could", "rather", "only", "what",
    "and", "please", "thanks",
];
const ARTICLES: [&str; 4] = ["a", "an", "the", "my"];

/// Intents that are often told by what is not so.
const TOLD_BY_NEGATION: [&str; 14] = [
    "stop_marketing",
    "charge_dispute",
    "fee_inquiry",
    "fault_report",
    "card_problem",
    "delivery_chase",
    "missing_parcel",
    "transfer_problem",
    "account_locked",
    "suspicious_login",
    "damaged_goods",
    "public_issue",
    "loan_progress",
    "claim_progress",
];

/// Who does not want to talk to a machine wants somebody to talk to.
const AGENT_REQUEST: &str = "agent_request";
const MACHINES: [&str; 6] = ["机", "录", "音", "robot", "machine", "bot"];

/// A wish that is denied, in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial {
    /// With the words that deny it.
    pub whole: Range<usize>,
    /// The wish alone; of what has not been lost, all of it.
    pub wish: Range<usize>,
    /// Whether what is wanted instead is said.
    pub contrasts: bool,
    /// Whether nothing is named but what is not to be done: `i don't want to cancel`.
    pub is_bare: bool,
}

/// What takes back all that was said before it, and what a wish begins with behind it.
const RETRACTS: [&str; 26] = [
    "nowait",
    "nosorry",
    "sorryno",
    "actuallyno",
    "noactually",
    "waitno",
    "nonono",
    "scratchthat",
    "forgetthat",
    "nevermindthat",
    "strikethat",
    "sorryimean",
    "imeantosay",
    "哦不是",
    "哦不对",
    "噢不是",
    "噢不对",
    "啊不是",
    "啊不对",
    "呃不是",
    "诶不是",
    "不对不对",
    "说错了",
    "哦唔系",
    "啊唔系",
    "讲错咗",
];
const BEGINS_WISH: [&str; 40] = [
    "i", "id", "im", "ill", "can", "could", "please", "let", "just", "its", "actually", "what",
    "make", "change", "我", "要", "想", "帮", "改", "查", "系", "是", "应", "搵", "请", "先", "还",
    "换", "转", "办", "退", "给", "你", "麻", "唔", "揾", "问", "开", "取", "把",
];

/// The same before another wish, with its first words.
const BEFORE_ANOTHER: [&str; 8] = [
    "不是我要",
    "不是我想",
    "不对我要",
    "不对我想",
    "唔系我要",
    "唔系我想",
    "唔系我系",
    "唔啱我想",
];
const ANOTHER: usize = 2;

/// Where what counts begins behind the last words that take back what was said before: `i want a refund no wait
/// i want to exchange it`.
pub(super) fn retracted(tokens: &[Token]) -> Option<usize> {
    (2..tokens.len()).rev().find_map(|at| {
        // `我要取消订单不是我要查余额`: hesitations are no tokens.
        if let Some(length) = length_of(&BEFORE_ANOTHER, &tokens[at..]) {
            return Some(at + length - ANOTHER);
        }
        let start = at + length_of(&RETRACTS, &tokens[at..])?;
        let next = tokens.get(start)?.text.as_str();
        BEGINS_WISH.contains(&next).then_some(start)
    })
}

/// A wish of so many words names nothing but what is done.
const BARE: usize = 2;

/// What denies that something is to be done, whatever it would be done to.
const OF_DEEDS: [&str; 10] = [
    "dontwantto",
    "donotwantto",
    "dontneedto",
    "donotneedto",
    "notcallingto",
    "nottryingto",
    "notlookingto",
    "notaskingto",
    "nothereto",
    "noneedto",
];

/// The denied wishes of an utterance, first to last; `breaks` says whether punctuation stands before a
/// token.
pub(super) fn denials(tokens: &[Token], breaks: impl Fn(usize) -> bool) -> Vec<Denial> {
    let mut found: Vec<Denial> = Vec::new();
    for at in 0..tokens.len() {
        if found.last().is_some_and(|denial| at < denial.whole.end) {
            continue;
        }
        found.extend(denial_at(tokens, at, &breaks));
    }
    found
}

/// Whether an intent may be denied in these words.
pub(super) fn may_be_denied(intent: &str, wish: &[Token]) -> bool {
    let of_machines = || {
        wish.iter()
            .any(|token| MACHINES.contains(&token.text.as_str()))
    };
    !TOLD_BY_NEGATION.contains(&intent) && (intent != AGENT_REQUEST || !of_machines())
}

fn denial_at(tokens: &[Token], at: usize, breaks: &impl Fn(usize) -> bool) -> Option<Denial> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    if let Some(length) = length_of(&NOT_LOST, &tokens[at..]) {
        let start = (0..=at).rev().find(|index| breaks(*index)).unwrap_or(0);
        return (start < at).then_some(Denial {
            whole: start..at + length,
            wish: start..at + length,
            contrasts: false,
            is_bare: false,
        });
    }
    // `是不是`, `要不要`: a question.
    let asks = at > 0 && text(at - 1) == text(at + 1);
    let is_other = text(at) == "别" && at > 0 && BEFORE_OTHER.contains(&text(at - 1));
    if asks || is_other || length_of(&OTHER_WORDS, &tokens[at..]).is_some() {
        return None;
    }
    let orders = at == 0 || breaks(at) || BEFORE_ORDERS.contains(&text(at - 1));
    let begins = |phrases: &[&'static str]| {
        let mut matching = phrases
            .iter()
            .filter(|phrase| begins_with(&tokens[at..], phrase));
        matching.next().copied()
    };
    let by = begins(&DENIES).or_else(|| begins(&FORBIDS).filter(|_| orders))?;
    let start = at + length_of(&[by], &tokens[at..])?;
    if OF_LOSSES.contains(&by) && !LOSSES.contains(&text(start)) {
        return None;
    }
    let wants = |token: &Token| WANTS.contains(&token.text.as_str());
    if OF_THINGS.contains(&by) && !tokens[start..].iter().any(wants) {
        return None;
    }
    let names = by.starts_with("not");
    let ends = |index: &usize| {
        let word = text(*index);
        breaks(*index) || ENDS.contains(&word) || names && ARTICLES.contains(&word)
    };
    let end = (start..tokens.len()).find(ends).unwrap_or(tokens.len());
    let gives_up = GIVES_UP.iter().any(|phrase| by.starts_with(phrase)) || by.contains("want");
    if gives_up
        && tokens[start..end]
            .iter()
            .any(|token| ANY_MORE.contains(&token.text.as_str()))
    {
        return None;
    }
    (start < end).then_some(Denial {
        whole: at..end,
        wish: start..end,
        contrasts: OF_THINGS.contains(&by),
        is_bare: OF_DEEDS.contains(&by) && end - start <= BARE,
    })
}

/// How many tokens the first of the phrases takes that the tokens begin with.
fn length_of(phrases: &[&str], tokens: &[Token]) -> Option<usize> {
    let phrase = phrases.iter().find(|phrase| begins_with(tokens, phrase))?;
    let mut letters = phrase.len();
    let taken = tokens.iter().take_while(|token| {
        let more = letters > 0;
        letters = letters.saturating_sub(token.text.len());
        more
    });
    Some(taken.count())
}
