//! Chinese names, in Mandarin and Cantonese talk.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::introduced::{Sure, begins_person, ends_with_introduction, introductions, linked};
use super::{addressed, hidden, spoken_of};
use crate::numbers::Folded;
use crate::personal::{ends_phrase, skip_hesitations};
use crate::redact::Hidden;

/// What does not follow an introduction as a name.
const NOT_NAMES: &str =
    "你您他她它们了过不没车人外的个啥什怎哪谁也就都有要想在是好吗吧呢一两这那唔冇咩乜点咗干佢";

/// With which words begin that are no family names, misheard ones neither.
const NO_FAMILY: &str = "越听话到左头时问题最更很再又才刚先后正全真太多少每各某几第非未将被把让使从由向于与及或而但却\
    如若因所以为当比较可会应该需能够做看说讲走跑吃喝睡买卖开关上下进出回起站坐住男女老大中新旧高低长短远近\
    快慢早晚冷热东西南北里外前内同佢噉";

/// After these the talk goes on: no given name holds them.
pub(super) const STOPS: &str =
    "我你您他她它们的了吗吧呢啊呀啦喇喎咯嘅是系喺想要请麻谢帮查打电号没不唔冇嗯呃额哦这那就给住需";

/// Pairs of characters with which the talk goes on, although a given name may hold the first.
const GOES_ON: [&str; 73] = [
    "本人", "就是", "手机", "身份", "证件", "现在", "今天", "昨天", "刚刚", "刚才", "转人", "地址",
    "生日", "出生", "来电", "来问", "有个", "有点", "有一", "有张", "对吧", "对吗", "对不", "好的",
    "好吧", "可以", "能不", "能帮", "先生", "女士", "小姐", "太太", "和我", "跟你", "同你", "卡号",
    "转账", "转帐", "转钱", "汇款", "汇钱", "打款", "打钱", "存钱", "还款", "还钱", "之前", "以前",
    "上次", "昨日", "今日", "头先", "打过", "说过", "讲过", "谈过", "问过", "联系", "沟通", "办过",
    "办理", "开户", "销户", "态度", "服务", "今年", "去年", "明年", "一起", "一共", "一直", "一样",
    "一家",
];

/// What only a person has: before it a single character is a given name, `张三的账户`.
const OWNED: [&str; 8] = [
    "的账",
    "的帐",
    "的卡",
    "的户",
    "的银行",
    "的名",
    "的电话",
    "的手机",
];

/// The family names: of one character and of two.
struct Surnames {
    short: HashSet<char>,
    long: Vec<&'static str>,
}

fn surnames() -> &'static Surnames {
    static SURNAMES: LazyLock<Surnames> = LazyLock::new(|| {
        let lines = include_str!("../../../data/personal/surnames.txt").lines();
        let (mut short, mut long) = (HashSet::new(), Vec::new());
        for line in lines.filter(|line| !line.starts_with('#')) {
            if line.contains(' ') {
                long.extend(line.split(' '));
            } else {
                short.extend(line.chars());
            }
        }
        Surnames { short, long }
    });
    &SURNAMES
}

pub(super) fn given(c: char) -> bool {
    static GIVEN: LazyLock<HashSet<char>> = LazyLock::new(|| {
        include_str!("../../../data/personal/given.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::chars)
            .collect()
    });
    GIVEN.contains(&c)
}

pub(super) fn is_word(text: &Folded, at: usize) -> bool {
    static ORDINARY: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        include_str!("../../../data/personal/surname_words.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_whitespace)
            .collect()
    });
    ORDINARY.contains(text.slice(at, at + 2).as_str()) && !addressed::is_title(text, at + 1)
}

pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// Length of the family name at a position, 0 if none stands there.
pub(super) fn surname_at(text: &Folded, at: usize) -> usize {
    let Some(first) = text.at(at) else { return 0 };
    if surnames()
        .long
        .iter()
        .any(|name| text.starts_with(at, name))
    {
        return 2;
    }
    usize::from(surnames().short.contains(&first))
}

pub(super) fn stops(text: &Folded, at: usize) -> bool {
    text.at(at).is_none_or(|c| {
        !is_han(c)
            || STOPS.contains(c)
            || GOES_ON.iter().any(|word| text.starts_with(at, word))
            || PARTS.iter().any(|parts| text.starts_with(at, parts))
            || begins_person(text, at)
    })
}

/// The names that begin, or are introduced, at a position.
pub(super) fn name_at(text: &Folded, at: usize) -> Option<Hidden> {
    introductions(text, at)
        .find_map(|(sure, end)| introduced(text, sure, end))
        .or_else(|| family_only(text, at))
        .or_else(|| addressed::titled(text, at))
        .or_else(|| addressed::nicknamed(text, at))
        .or_else(|| addressed::serving(text, at))
        .or_else(|| denied(text, at))
        .or_else(|| alone(text, at))
        .or_else(|| spoken_of::spoken_of(text, at))
        .or_else(|| spoken_of::called_by_given(text, at))
        .or_else(|| in_parts(text, at))
}

/// The name behind an introduction that ends at a position.
fn introduced(text: &Folded, sure: Sure, end: usize) -> Option<Hidden> {
    match sure {
        Sure::Certain => certain(text, end),
        Sure::Role => {
            if asks_for_more(text, end) {
                return None;
            }
            let start = skip_hesitations(text, end);
            match linked(text, start) {
                Some(link) => certain(text, link),
                None => likely_name(text, start).filter(|name| !is_about_role(text, name.start)),
            }
        }
        Sure::Possible => {
            let start = skip_hesitations(text, end);
            looks_like_name(text, start)
                .or_else(|| transliterated(text, start))
                .or_else(|| addressed::nicknamed_behind(text, start))
                .or_else(|| addressed::told_by_end(text, start))
        }
        Sure::Kin => {
            let start = skip_hesitations(text, end);
            relative(text, start).or_else(|| of_form(text, start))
        }
        Sure::Weak => of_form(text, skip_hesitations(text, end)),
    }
}

/// What has a family name and characters of given names: products may have a name's form too,
/// `查一下金橘宝`.
fn of_form(text: &Folded, start: usize) -> Option<Hidden> {
    let name = looks_like_name(text, start).filter(|_| surname_at(text, start) > 0)?;
    let own = name.start + surname_at(text, name.start).max(1)..name.end;
    let of_names = |c| given(c) || is_counted(c);
    text.slice(own.start, own.end)
        .chars()
        .all(of_names)
        .then_some(name)
}

/// Behind a relative: `我妈徐桂兰今年七十了`, a family name and two characters of given ones.
fn relative(text: &Folded, start: usize) -> Option<Hidden> {
    let surname = surname_at(text, start);
    let end = start + surname + 2;
    let own = text.chars().get(start + surname..end)?;
    let named = surname > 0 && own.iter().all(|c| given(*c)) && !is_word(text, start);
    (named && !stops(text, end - 1) && !stops(text, end - 2)).then(|| hidden(start, end))
}

/// Characters by which names of other languages are written.
const SOUNDS: &str =
    "阿依古丽买提江艾热巴克尔木力迪努汗别吉布拉斯穆罕默德沙亚曼娜尼赛义米热依卡合孜帕扎苏";

/// Whether what was hidden as a name surely is a whole one, and no word that only stood in a name's place.
pub(super) fn is_whole(text: &Folded, start: usize, end: usize) -> bool {
    let all = |from: usize, is: fn(char) -> bool| text.chars()[from..end].iter().all(|c| is(*c));
    let surname = surname_at(text, start);
    if surname == 0 {
        let family = text.at(start).is_some_and(begins_rare_name);
        return end - start == 3 && family && all(start + 1, given)
            || end - start > 2 && all(start, |c| SOUNDS.contains(c));
    }
    let of_names = |c: &&char| given(**c) || is_counted(**c);
    let own = text.chars()[start + surname..end].iter();
    let known = own.clone().filter(of_names).count();
    let doubled = end - start > 2 && text.at(end - 1) == text.at(end - 2);
    !is_word(text, start) && (1..=2).contains(&own.len()) && (known > 0 || doubled)
}

/// Firms, places and relatives that are written so.
const NO_PEOPLE: [&str; 8] = [
    "阿里", "阿迪", "阿拉", "巴西", "苏丹", "阿尔", "尼尔", "苏宁",
];

/// `阿依古丽`: three characters or more by which names of other languages are written.
fn transliterated(text: &Folded, start: usize) -> Option<Hidden> {
    let sounds = |at: &usize| text.at(*at).is_some_and(|c| SOUNDS.contains(c));
    let length = (start..start + LONGEST_SOUNDS).take_while(sounds).count();
    let known = NO_PEOPLE.iter().any(|word| text.starts_with(start, word));
    let end = start + length;
    (length > 2 && !known).then(|| hidden(start, with_fathers_name(text, end)))
}

/// The longest part of a name that is written by its sounds.
const LONGEST_SOUNDS: usize = 8;

/// Where a name ends that a dot parts: `迪丽热巴·迪力木拉提`.
fn with_fathers_name(text: &Folded, end: usize) -> usize {
    if !matches!(text.at(end), Some('·' | '•' | '・')) {
        return end;
    }
    let own = |at: &usize| !stops(text, *at);
    end + 1 + (end + 1..end + 1 + LONGEST_SOUNDS).take_while(own).count()
}

/// The name that is taken back before another one: `不是张磊是章磊`.
fn denied(text: &Folded, at: usize) -> Option<Hidden> {
    const DENIALS: [&str; 5] = ["不是", "唔系", "唔是", "不叫", "唔叫"];
    const LINKS: [&str; 6] = ["我叫", "我是", "而是", "是", "叫", "系"];
    let denial = DENIALS.iter().find(|word| text.starts_with(at, word))?;
    let start = skip_hesitations(text, at + denial.chars().count());
    let surname = surname_at(text, start);
    if surname == 0 || is_word(text, start) {
        return None;
    }
    (1..=2)
        .map(|own| start + surname + own)
        .take_while(|end| !stops(text, end - 1))
        .find(|end| {
            let next = skip_hesitations(text, *end);
            let link = LINKS.iter().find(|word| text.starts_with(next, word));
            link.is_some_and(|link| {
                let other = skip_hesitations(text, next + link.chars().count());
                text.at(other) == text.at(start)
                    || looks_like_name(text, other)
                        .is_some_and(|name| surname_at(text, name.start) > 0)
            })
        })
        .map(|end| hidden(start, end))
}

/// Whether not a name follows somebody's part in a matter, but what there is of it or is done with it:
/// `收款人信息`, `用户名如何修改`.
fn is_about_role(text: &Folded, at: usize) -> bool {
    const WORDS: [&str; 32] = [
        "信息", "资料", "转账", "转帐", "交易", "记录", "操作", "如何", "怎", "咋", "修改", "变更",
        "更改", "更换", "忘", "错误", "章", "账", "帐", "手机", "电话", "服务", "身份", "签",
        "流程", "可", "需", "应", "必", "职业", "干什", "刷卡",
    ];
    WORDS.iter().any(|word| text.starts_with(at, word))
}

/// `我叫王伟`: up to the usual length, or to where the talk goes on.
fn certain(text: &Folded, end: usize) -> Option<Hidden> {
    if asks_for_more(text, end) {
        return None;
    }
    let start = skip_hesitations(text, end);
    transliterated(text, start)
        .or_else(|| certain_name(text, start))
        .map(|name| hidden(name.start, with_fathers_name(text, name.end)))
}

/// Whether a request goes on: `姓名和联系电话`.
fn asks_for_more(text: &Folded, at: usize) -> bool {
    const THINGS: [&str; 24] = [
        "联系", "电话", "手机", "身份", "证件", "地址", "住址", "卡号", "银行", "账号", "帐号",
        "账户", "户口", "号码", "邮箱", "电邮", "出生", "生日", "年龄", "性别", "密码", "尾号",
        "单号", "订单",
    ];
    let links = [
        "以及", "还有", "和", "跟", "与", "及", "同", "、", "，", ",",
    ];
    let after = |words: &[&str], at: usize| {
        words
            .iter()
            .find(|word| text.starts_with(at, word))
            .map(|word| at + word.chars().count())
    };
    let Some(next) = after(&links, at) else {
        return false;
    };
    let next = after(&["您的", "你的", "您嘅", "你嘅", "您", "你"], next).unwrap_or(next);
    after(&THINGS, next).is_some()
}

fn certain_name(text: &Folded, start: usize) -> Option<Hidden> {
    let first = text.at(start).filter(|c| is_han(*c))?;
    let surname = surname_at(text, start);
    if surname == 0 && NOT_NAMES.contains(first) {
        return None;
    }
    let longest = start + if surname == 1 { 3 } else { 4 };
    let mut end = start + surname.max(1);
    while end < longest && !stops(text, end) {
        end += 1;
    }
    // A family name by itself is no answer to `我叫`, but what stopped it may be a name's part.
    let lone = end == start + 1 && text.at(end).is_some_and(|c| is_han(c) && c != '的');
    if lone && surname == 0 {
        return None;
    }
    Some(hidden(
        start,
        end + usize::from(lone && surname == 1 && ends_phrase(text, end + 1)),
    ))
}

/// What stands where a name is expected, if it has a family name or is all that is said.
fn likely_name(text: &Folded, start: usize) -> Option<Hidden> {
    certain_name(text, start).filter(|name| {
        surname_at(text, name.start) > 0 && !is_word(text, name.start)
            || name.end > name.start + 1 && ends_phrase(text, name.end)
    })
}

/// A family name, then characters of given names, then an end.
fn looks_like_name(text: &Folded, start: usize) -> Option<Hidden> {
    let surname = surname_at(text, start);
    if is_word(text, start) {
        return None;
    }
    if surname == 0 {
        return rare_name(text, start);
    }
    let from = start + surname;
    let longest = (from..from + 2).take_while(|at| !stops(text, *at)).count();
    (1..=longest)
        .rev()
        .map(|length| from + length)
        .find(|end| is_given(text, from, *end))
        .map(|end| hidden(start, end))
}

/// What is doubled when it is done for a while.
const DONE_BRIEFLY: &str = "说看想谈聊问试讲听用做走等帮查算找见写读吃喝坐玩量谢刚常慢天";

/// Whom everybody knows by them: `转给李四五千`.
const PLACEHOLDERS: [&str; 6] = ["张三", "李四", "王五", "赵六", "钱七", "孙八"];

/// Whether a given name stands here: its characters are those of such names, and behind it the talk
/// goes on, or an amount follows: `转给王建国五百块`.
fn is_given(text: &Folded, from: usize, end: usize) -> bool {
    let stopped = stops(text, end);
    let ends = stopped || behind(text, end) || text.at(end).is_some_and(is_counted);
    match text.chars()[from..end] {
        [only] => {
            let paid = text
                .at(end)
                .is_some_and(|c| "转打汇发还借欠给说的".contains(c));
            let placeholder = || {
                let stands = |name: &&str| text.starts_with(end - 2, name);
                from + 1 == end && end > 1 && PLACEHOLDERS.iter().any(stands)
            };
            (given(only) || is_counted(only) && (paid || placeholder())) && ends
                || ends_phrase(text, end)
                || text.at(end).is_some_and(|c| "想要我".contains(c))
                || OWNED.iter().any(|owned| text.starts_with(end, owned))
        }
        [first, second] => {
            // 范冰冰, 钱多多, but not 跟牛说说.
            let doubled = first == second && !DONE_BRIEFLY.contains(first);
            let of_names = |c| usize::from(given(c) || doubled);
            let own = of_names(first) + of_names(second);
            let talks = behind(text, end - 1) && !given(second);
            let done = text
                .at(end)
                .is_some_and(|c| "转打汇寄还接让开叫说".contains(c));
            let amount = is_counted(second) && (!given(second) || !ends_phrase(text, end));
            own == 2 && ends && !amount || own == 1 && (stopped || done) && !talks && !amount
        }
        _ => false,
    }
}

/// Whether the talk goes on here: with what is done by, to or with somebody.
fn behind(text: &Folded, at: usize) -> bool {
    const CHARS: &str = "转接收推个畀让说讲话叫打汇寄发交取存报领跟和同也都再又就才应已过从把被将或及与等做还只吗在佢先后上下听见拿送退换签录买卖拒承收欠借有会可能要去办开";
    text.at(at).is_some_and(|c| CHARS.contains(c))
}

const fn is_counted(c: char) -> bool {
    matches!(
        c,
        '一' | '二'
            | '三'
            | '四'
            | '五'
            | '六'
            | '七'
            | '八'
            | '九'
            | '十'
            | '百'
            | '千'
            | '万'
            | '两'
            | '几'
    )
}

/// Whether a character may be a family name, although the list lacks it.
fn begins_rare_name(c: char) -> bool {
    is_han(c) && !STOPS.contains(c) && !NOT_NAMES.contains(c) && !NO_FAMILY.contains(c)
}

/// Three characters whose last two are those of given names, and then an end: a family name that
/// is not on the list.
fn rare_name(text: &Folded, start: usize) -> Option<Hidden> {
    let name = text.chars().get(start..start + 3)?;
    let end = start + 3;
    let family = begins_rare_name(name[0]);
    let whole = ends_phrase(text, end) || STOPS.contains(text.at(end)?);
    (family && given(name[1]) && given(name[2]) && whole).then(|| hidden(start, end))
}

/// Behind a name: whether somebody is there to speak to.
const SOUGHT: [&str; 12] = [
    "在吗",
    "在不在",
    "在么",
    "在没在",
    "在家吗",
    "他在",
    "她在",
    "佢在",
    "喺度",
    "喺唔喺",
    "佢喺",
    "有冇喺",
];

/// A whole phrase that is a name of three characters: `陈志强，`, `嗯陈志强`, `您好我林晓东`; of two where
/// what follows tells that it is one: `张伟收`, `王伟在吗`.
fn alone(text: &Folded, at: usize) -> Option<Hidden> {
    let opens = |at: usize| {
        at == 0
            || text
                .at(at - 1)
                .is_some_and(|c| !c.is_alphanumeric() || "嗯呃啊额哦诶喂".contains(c))
            || ["您好", "你好", "早晨"]
                .iter()
                .any(|word| at > 1 && text.starts_with(at - 2, word))
    };
    let oneself = at > 0 && text.at(at - 1) == Some('我') && opens(at - 1);
    let begins = oneself || opens(at);
    let surname = surname_at(text, at);
    if !begins || surname == 0 || is_word(text, at) {
        return None;
    }
    let own = |length: usize| {
        let end = at + surname + length;
        let name = text.chars().get(at + surname..end)?;
        let labelled = text.at(end) == Some('收') && ends_phrase(text, end + 1)
            || text.starts_with(end, "本人")
            || SOUGHT.iter().any(|word| text.starts_with(end, word));
        let says = oneself && (stops(text, end) || behind(text, end));
        let labelled = labelled || oneself && at > 1 && ends_phrase(text, end);
        let whole = length == 2 && (ends_phrase(text, end) || says) || labelled;
        (name.iter().all(|c| given(*c)) && whole).then(|| hidden(at, end))
    };
    own(2).or_else(|| own(1))
}

/// `我姓王`, `免贵姓陈，耳东陈`.
fn family_only(text: &Folded, at: usize) -> Option<Hidden> {
    if text.at(at) != Some('姓') || text.at(at.wrapping_sub(1)) == Some('老') {
        return None;
    }
    let start = skip_hesitations(text, at + 1);
    let surname = surname_at(text, start);
    let other = text
        .at(start)
        .is_some_and(|c| is_han(c) && !"名什啥氏乜咩的".contains(c));
    let length = if surname > 0 {
        surname
    } else {
        usize::from(other)
    };
    (length > 0).then(|| hidden(start, start + length))
}

/// `我姓王名建国`, `免贵姓张单名一个伟字`: what of a name is told apart from its family name.
pub(super) fn given_apart(text: &Folded, at: usize) -> Option<Hidden> {
    const LINKS: [&str; 15] = [
        "单名一个",
        "单名是",
        "单名",
        "名字叫做",
        "名字叫",
        "名字是",
        "名叫",
        "名字",
        "个名叫",
        "个名系",
        "名是",
        "名系",
        "叫做",
        "叫",
        "名",
    ];
    const ORDINARY: [&str; 5] = ["名下", "名额", "名单", "名义", "名片"];
    let family = family_only(text, at)?;
    let mut next = skip_hesitations(text, family.end);
    if PARTS.iter().any(|parts| text.starts_with(next, parts)) {
        next = skip_hesitations(text, next + 3);
    }
    if ORDINARY.iter().any(|word| text.starts_with(next, word)) {
        return None;
    }
    let Some(link) = LINKS.iter().find(|word| text.starts_with(next, word)) else {
        return said_whole(text, &family);
    };
    let start = skip_hesitations(text, next + link.chars().count());
    if text.at(start) == text.at(family.start) {
        return certain_name(text, start);
    }
    let own = |at: usize| {
        !stops(text, at) && !text.at(at).is_some_and(is_counted) && text.at(at) != Some('字')
    };
    if !own(start) || NOT_NAMES.contains(text.at(start)?) {
        return None;
    }
    Some(hidden(start, start + if own(start + 1) { 2 } else { 1 }))
}

/// So near to its family name a whole name is told.
const SAID_WITHIN: usize = 24;

/// `姓翟墨翟的翟叫翟晓川`, `姓周周志明`: the whole name behind a family name that was told and explained.
fn said_whole(text: &Folded, family: &Hidden) -> Option<Hidden> {
    let name = text.slice(family.start, family.end);
    let own = |at: usize| text.at(at).is_some_and(|c| given(c) && !stops(text, at));
    (family.end..text.chars().len().min(family.end + SAID_WITHIN))
        .filter(|at| text.starts_with(*at, &name))
        .find(|at| {
            let behind = at + family.end - family.start;
            let called = text.at(at - 1) == Some('叫') && !stops(text, behind);
            called || own(behind) && own(behind + 1)
        })
        .and_then(|at| certain_name(text, at))
}

/// The name behind one that is taken back: `陈志强不对陈自强`.
pub(super) fn corrected(text: &Folded, end: usize) -> Option<Hidden> {
    const LINKS: [&str; 2] = ["是", "系"];
    const CORRECTIONS: [&str; 12] = [
        "说错了",
        "讲错了",
        "讲错咗",
        "弄错了",
        "不对",
        "不是",
        "错了",
        "唔系",
        "唔啱",
        "更正",
        "应该是",
        "应该叫",
    ];
    let skip = |words: &[&str], mut at: usize| {
        while let Some(word) = words.iter().find(|word| text.starts_with(at, word)) {
            at = skip_hesitations(text, at + word.chars().count());
        }
        at
    };
    let first = skip_hesitations(text, end);
    let at = skip(&CORRECTIONS, first);
    if at == first {
        return None;
    }
    let at = skip(&LINKS, at);
    let called = ["我叫", "叫"]
        .iter()
        .find(|word| text.starts_with(at, word));
    looks_like_name(text, at + called.map_or(0, |word| word.chars().count()))
}

/// The answer to a question for the name, or the rest of an introduction that a pause cut off.
pub(super) fn answer(text: &Folded) -> Option<Hidden> {
    const REPLIES: [&str; 56] = [
        "找", "转", "自己", "客服", "人工", "办", "查", "开", "我", "房东", "老婆", "老公", "稍等",
        "等一", "等等", "等下", "等我", "好的", "可以", "没有", "没问", "知道", "为什", "什么",
        "不知", "不用", "不要", "不是", "是的", "对的", "喂", "你好", "您好", "谢谢", "怎么",
        "干嘛", "干什", "听不", "听得", "再说", "刚才", "刚刚", "马上", "麻烦", "冇问", "点解",
        "做咩", "边个", "唔该", "唔知", "挂失", "请问", "请等", "这个", "那个", "哪个",
    ];
    let start = skip_hesitations(text, 0);
    if REPLIES.iter().any(|word| text.starts_with(start, word)) {
        return None;
    }
    let start = ["我叫", "我是", "叫", "是", "姓"]
        .iter()
        .find(|word| text.starts_with(start, word))
        .map_or(start, |word| start + word.chars().count());
    likely_name(text, start)
}

/// Whether a turn tells a name that looks like one.
pub(super) fn is_told(text: &Folded) -> bool {
    answer(text).is_some_and(|name| looks_like_name(text, name.start).is_some())
}

/// Family names by their parts.
const PARTS: [&str; 27] = [
    "弓长张",
    "木子李",
    "耳东陈",
    "双木林",
    "口天吴",
    "草头黄",
    "古月胡",
    "言午许",
    "立早章",
    "文刀刘",
    "双口吕",
    "走肖赵",
    "禾呈程",
    "女子好",
    "人可何",
    "三横王",
    "木易杨",
    "双人徐",
    "二马冯",
    "子小孙",
    "言射谢",
    "关耳郑",
    "草肃萧",
    "雨田雷",
    "羊女姜",
    "干勾于",
    "西早覃",
];

/// Of these what is said for other things as well.
const OTHER_PARTS: [&str; 1] = ["女子好"];

/// `弓长张`, `我的弓长张 张伟`: nobody says so of anything but a name, which may follow.
fn in_parts(text: &Folded, at: usize) -> Option<Hidden> {
    let parts = PARTS.iter().find(|parts| text.starts_with(at, parts))?;
    if OTHER_PARTS.contains(parts) {
        return None;
    }
    let end = at + 3;
    let name = looks_like_name(text, skip_hesitations(text, end));
    let same = name.filter(|name| text.at(name.start) == text.at(end - 1));
    Some(hidden(at, same.map_or(end, |name| name.end)))
}

/// Family names by their parts, `弓长张`, and characters by a word that holds them, `伟大的伟`:
/// only beside a name.
pub(super) fn explained(text: &Folded, names: &[Hidden]) -> Vec<Hidden> {
    if names.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for at in 0..text.chars().len() {
        if PARTS.iter().any(|parts| text.starts_with(at, parts)) {
            found.push(hidden(at, at + 3));
        }
        let chars = &text.chars()[at..];
        if let [first, second, '的' | '嘅', last, rest @ ..] = chars
            && (first == last || second == last)
            && is_han(*last)
            && rest.first().is_none_or(|next| *next != '的')
        {
            found.push(hidden(at, at + 4));
        }
    }
    found
}

/// Whether a text ends with an introduction.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    const ASKED: [&str; 30] = [
        "姓什么",
        "姓乜",
        "姓啥",
        "全名",
        "贵姓",
        "怎么称呼",
        "点称呼",
        "叫什么名字",
        "叫什么",
        "叫咩名",
        "您的姓名",
        "您的名字",
        "你的名字",
        "你嘅名",
        "持卡人姓名",
        "姓咩",
        "转给谁",
        "汇给谁",
        "打给谁",
        "寄给谁",
        "收款人是谁",
        "找谁",
        "找哪位",
        "揾边位",
        "揾边个",
        "畀边个",
        "您是哪位",
        "你是哪位",
        "边位呀",
        "英文名呢",
    ];
    let end = text.chars().len();
    (end.saturating_sub(16)..end).any(|at| {
        let asks_more = || {
            ["姓名", "名字"]
                .iter()
                .any(|word| text.starts_with(at, word) && asks_for_more(text, at + 2))
        };
        ends_with_introduction(text, at, |from| skip_hesitations(text, from) >= end)
            || asks_more()
            || ["和姓名", "跟姓名", "同姓名", "和名字"]
                .iter()
                .any(|word| text.starts_with(at, word))
            || ASKED.iter().any(|word| text.starts_with(at, word))
    })
}
