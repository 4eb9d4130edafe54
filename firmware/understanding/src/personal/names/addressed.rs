//! Chinese names by what people are called: titles, kinship, nicknames.

use super::chinese::{STOPS, given, is_han, is_word, stops, surname_at};
use super::{hidden, spoken_of};
use crate::numbers::Folded;
use crate::personal::ends_phrase;
use crate::redact::Hidden;

const TITLES: [&str; 47] = [
    "sir", "miss", "先生", "女士", "小姐", "太太", "师傅", "老师", "经理", "医生", "律师", "主任",
    "阿姨", "叔叔", "大哥", "大姐", "老板", "警官", "教授", "同学", "女仕", "伯伯", "奶奶", "大夫",
    "护士", "科长", "店长", "行长", "院长", "校长", "队长", "处长", "局长", "部长", "书记", "会计",
    "教练", "博士", "司机", "总监", "大爷", "大妈", "婆婆", "伯母", "师奶", "医师", "姑娘",
];

/// Whether a title stands here, and no other word that begins so: 曾|经理, but 曾经|理解.
pub(super) fn is_title(text: &Folded, at: usize) -> bool {
    let goes_on = match text.slice(at, at + 2).as_str() {
        "先生" => "产活意成效病态存长育动前日",
        "经理" => "解财赔论智性顺",
        "大哥" | "大姐" | "女士" | "小姐" | "老师" | "主任" | "太太" | "老板" | "医生" | "律师"
        | "教授" | "警官" | "大夫" | "护士" | "阿姨" | "叔叔" => "",
        _ => return false,
    };
    !text.at(at + 2).is_some_and(|c| goes_on.contains(c))
}

/// Titles and words of kinship of one character behind a family name alone.
const KIN: &str = "姐哥叔伯姨嫂婶董";

/// Shorter still in meaning: other words begin with them too, and they need an end.
const SHORT: &str = "总生太工";

/// With which other words go on that begin as a title does: `总是`, `太贵`, `生日`.
const NO_TITLE: &str = "是额量行部共数结公之经算价计得会要不也没的体统裁理管监贵多少大小高低慢快差坏早晚久长远\
    难麻严旧新重轻厚薄满吵乱脏累忙黑热冷忽过离日意活产气病成效命存怕作资具本商厂程业人地单期龄钱夫艺序号";

/// Behind which somebody is spoken of or to.
const BEFORE: &str = "是找揾系叫跟和同问咪让听给畀请好位转约见等喂被帮谢与个的向对由咗嗯呃啊哦们事";

/// `王先生`, `陈小姐`, `李国强先生`, `张总`, `陈太`, `刘哥`.
pub(super) fn titled(text: &Folded, at: usize) -> Option<Hidden> {
    let surname = surname_at(text, at);
    if surname == 0 || is_word(text, at) {
        return None;
    }
    (0..=2).find_map(|own| {
        let end = at + surname + own;
        let title = TITLES.iter().any(|title| text.starts_with(end, title));
        let short = || own == 0 && has_short_title(text, at, end);
        let plain = (at + surname..end).any(|at| stops(text, at));
        ((title || short()) && !plain).then(|| hidden(at, end))
    })
}

/// Whether a title of one character stands behind a family name.
fn has_short_title(text: &Folded, start: usize, end: usize) -> bool {
    let Some(title) = text.at(end) else {
        return false;
    };
    let begins = start == 0 || text.at(start - 1).is_some_and(|c| !c.is_alphanumeric());
    let spoken_of = begins || text.at(start - 1).is_some_and(|c| BEFORE.contains(c));
    if KIN.contains(title) {
        // 马哥拉, 小姐: what stands on either side makes other words of it.
        return spoken_of && !text.at(end + 1).is_some_and(|c| "拉伦斯弟事".contains(c));
    }
    let goes_on = text.at(end + 1).is_some_and(|c| NO_TITLE.contains(c));
    SHORT.contains(title) && (ends_phrase(text, end + 1) || spoken_of && !goes_on)
}

/// `小李`, `老王`, `阿强`: where somebody is spoken of by them.
pub(super) fn nicknamed(text: &Folded, at: usize) -> Option<Hidden> {
    let end = nickname_end(text, at)?;
    let before = at.checked_sub(1).and_then(|at| text.at(at));
    let begins = before.is_none_or(|c| !c.is_alphanumeric() || BEFORE.contains(c))
        || text.at(at) == Some('阿');
    let serves_them = spoken_of::is_behind_role(text, at);
    let goes_on = "啊呀吧呢吗嘛哦喔的说让叫打在给帮跟和介告推那这他她同接办收我你";
    let ends = ends_phrase(text, end) || text.at(end).is_some_and(|c| goes_on.contains(c));
    let does = || ends || serves(text, end) || spoken_of::does(text, end);
    let known = text.at(at) == Some('阿') || serves_them || does();
    ((begins || serves_them) && known).then(|| hidden(at, end))
}

/// Where `小李`, `老王` or `阿强` ends.
pub(super) fn nickname_end(text: &Folded, at: usize) -> Option<usize> {
    /// What else begins so: relatives, brands, places, medicine.
    const OTHER: &str = "阿里 阿胶 阿拉 阿婆 阿公 阿爸 阿妈 阿哥 阿姐 阿爷 阿嫲 阿嫂 阿伯 阿叔 阿妹 阿弟 阿仔 阿女 阿根 阿迪 阿莫 阿司 \
        阿富 阿尔 阿联 阿波 阿斯 阿玛 阿姨 阿娘 阿奶 阿克 阿坝 阿勒 阿森 阿凡 阿道 阿贝 阿曼 阿诗 阿童 阿甘 阿卡 阿布 阿奇 阿美 阿维 阿托 阿西 \
        阿片 阿塞 阿巴 阿特 阿尼 阿門 阿门 老金 老钱 老白 老高 老石 老方 老路 老单 老史 老常 老时 老任 老项 老计 老席 老安 老应 老向 老明 老管 老龙 老牛 \
        老文 老付 老费 老简 老古 老连 小金 小钱 小白 小高 小石 小方 小路 小单 小时 小任 小项 小计 小席 小安 小应 小明 小管 小程 小段 小童 小康 小龙 小牛 \
        小黄 小熊 小花 小米 小单 小水 小简 小额 小江 小林 小车 小连 小费 小游 小雷 小蓝 小毛 小贺 小包";
    let first = text.at(at)?;
    let second = text.at(at + 1)?;
    if first == '阿' && second.is_ascii_alphabetic() {
        let end = text.word_end(at + 1);
        let title = ["sir", "miss"].contains(&text.slice(at + 1, end).as_str());
        return (end > at + 2 && !title).then_some(end);
    }
    let named = match first {
        '阿' => {
            let called = || {
                let ends = ends_phrase(text, at + 2);
                ends || text
                    .at(at + 2)
                    .is_some_and(|c| "打话叫说讲转在喺嘅的".contains(c))
            };
            given(second) || surname_at(text, at + 1) > 0 || is_han(second) && called()
        }
        '小' | '老' => surname_at(text, at + 1) == 1 && !is_word(text, at + 1),
        _ => return None,
    };
    let word = text.slice(at, at + 2);
    let named = named && !OTHER.split_whitespace().any(|other| other == word);
    // `阿张少华`, as Cantonese speakers name people, and `阿玲玲`.
    let own = |at: usize| text.at(at).is_some_and(|c| given(c) && !stops(text, at));
    let rest = match first {
        '阿' if surname_at(text, at + 1) > 0 => (at + 2..at + 4).take_while(|at| own(*at)).count(),
        '阿' => usize::from(text.at(at + 2) == Some(second)),
        _ => 0,
    };
    named.then_some(at + 2 + rest)
}

/// `我是小丽啊`: behind words that introduce somebody any character of given names may follow 小.
pub(super) fn nicknamed_behind(text: &Folded, start: usize) -> Option<Hidden> {
    /// What callers are, and what they ask for.
    const OTHER: &str = "小白 小学 小区 小米 小本 小户 小时 小微 小店 小费 小心 小天 小金 小车 小程 小型 小额 小文 小美 小宝 小女 小新 小高 小青";
    let own = text
        .at(start + 1)
        .filter(|c| given(*c) || surname_at(text, start + 1) == 1)?;
    let end = start
        + if text.at(start + 2) == Some(own) {
            3
        } else {
            2
        };
    let word = text.slice(start, start + 2);
    let named = text.at(start) == Some('小') && !OTHER.split(' ').any(|other| other == word);
    let ends = ends_phrase(text, end)
        || text
            .at(end)
            .is_some_and(|c| "啊呀吧呢吗嘛哦喔我想就上昨今刚来打".contains(c));
    (named && ends).then(|| hidden(start, end))
}

/// Whether an agent's greeting goes on here.
fn serves(text: &Folded, at: usize) -> bool {
    const WORDS: [&str; 6] = [
        "为您服务",
        "为你服务",
        "为您办理",
        "很高兴",
        "竭诚",
        "请问有",
    ];
    WORDS.iter().any(|word| text.starts_with(at, word))
}

/// `工号八号李娜为您服务`: who says so is named before it.
pub(super) fn serving(text: &Folded, at: usize) -> Option<Hidden> {
    let surname = surname_at(text, at);
    if surname == 0 || is_word(text, at) {
        return None;
    }
    (1..=2).find_map(|own| {
        let end = at + surname + own;
        let named = text
            .chars()
            .get(at + surname..end)?
            .iter()
            .all(|c| given(*c));
        (named && serves(text, end)).then(|| hidden(at, end))
    })
}

/// `找荆先生`, `我就是逄丹本人`: whatever family name stands there, what follows tells.
pub(super) fn told_by_end(text: &Folded, start: usize) -> Option<Hidden> {
    const ENDS: [&str; 6] = ["先生", "女士", "小姐", "太太", "师傅", "本人"];
    let own = |at: usize| {
        text.at(at)
            .is_some_and(|c| c.is_alphabetic() && !c.is_ascii() && !STOPS.contains(c))
    };
    let end = (1..=4)
        .take_while(|length| own(start + length - 1))
        .map(|length| start + length)
        .find(|end| ENDS.iter().any(|word| text.starts_with(*end, word)))?;
    // `写张小姐`: a family name that is known stands nearer.
    let known = (start + 1..end).any(|at| titled(text, at).is_some());
    let ordinary = is_word(text, start) || "这那哪老一位网银行手客".contains(text.chars()[start]);
    (!known && !ordinary).then(|| hidden(start, end))
}
