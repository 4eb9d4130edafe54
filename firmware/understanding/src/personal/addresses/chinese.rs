//! Chinese addresses: chains of places, roads, estates and numbered doors.

use super::hidden;
use crate::numbers::Folded;
use crate::personal::{skip_hesitations, skip_some_hesitations};
use crate::redact::Hidden;

/// Words behind which an address stands, longer ones first.
const INTRODUCTIONS: [&str; 54] = [
    "新地址是",
    "新地址",
    "新址是",
    "门牌号是",
    "门牌号",
    "门牌是",
    "门牌",
    "小区名叫",
    "小区叫",
    "小区是",
    "收货地址是",
    "收货地址",
    "家庭住址是",
    "家庭住址",
    "家庭地址是",
    "家庭地址",
    "邮寄地址是",
    "邮寄地址",
    "通讯地址是",
    "通讯地址",
    "单位地址是",
    "单位地址",
    "公司地址是",
    "公司地址",
    "注册地址是",
    "注册地址",
    "地址就是",
    "地址改成",
    "地址改到",
    "地址是",
    "地址系",
    "地址在",
    "地址",
    "住址是",
    "住址系",
    "住址",
    "我住在",
    "我家住",
    "我住喺",
    "我住",
    "住在",
    "住喺",
    "家在",
    "屋企喺",
    "屋企系",
    "送到",
    "寄到",
    "寄去",
    "寄往",
    "送去",
    "邮寄到",
    "发到",
    "搬到",
    "户籍在",
];

/// Marks that end the name of a place.
const PLACES: [&str; 14] = [
    "自治区",
    "特别行政区",
    "省",
    "市",
    "区",
    "县",
    "镇",
    "乡",
    "村",
    "州",
    "盟",
    "旗",
    "新区",
    "开发区",
];

/// Places whose quarters go without a mark.
const REGIONS: [&str; 6] = ["香港岛", "九龙", "新界", "香港", "港岛", "澳门"];

/// Marks that end the name of a road.
const ROADS: [&str; 11] = [
    "大道", "大街", "胡同", "路", "街", "道", "巷", "弄", "里", "径", "坊",
];

/// Marks that end the name of an estate or a building.
const ESTATES: [&str; 27] = [
    "小区", "花园", "家园", "公寓", "大厦", "广场", "新村", "社区", "山庄", "公馆", "别墅", "中心",
    "花苑", "名苑", "雅苑", "嘉苑", "苑", "邨", "屋苑", "大楼", "商厦", "阁", "台", "居", "轩",
    "城", "园",
];

/// Marks behind the number of a door, floor or building, longer ones first.
const DOORS: [&str; 24] = [
    "号楼", "号院", "单元", "号门", "号铺", "号房", "号", "栋", "幢", "座", "楼", "层", "室", "房",
    "弄", "巷", "村", "组", "期", "门", "铺", "户", "队", "街",
];

/// Characters that a place's name does not hold: the talk around it does.
const STOPS: &str = "我你您他她它们的了吗吧呢啊呀啦是在到住去寄于送给喺系就请麻谢帮想要把跟从说叫对不没有这那嗯呃能可什怎哪";

/// The longest name of a place or road.
const LONGEST_NAME: usize = 8;

/// The longest address.
const LONGEST: usize = 60;

/// What may stand between the parts of an address, when a part follows.
const MOST_PAUSE: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Place,
    Road,
    Estate,
    Door,
}

/// Parts that follow each other.
struct Chain {
    end: usize,
    places: usize,
    roads: usize,
    doors: usize,
    /// An estate by a mark that nothing else has: 太和邨.
    estate: bool,
}

impl Chain {
    /// Whether the form alone shows an address: a road or estate with a door, or doors in a row
    /// within a place.
    const fn is_sure(&self) -> bool {
        self.estate
            || (self.roads > 0 && (self.doors > 0 || self.places > 0))
            || (self.doors > 1)
            || (self.places > 1)
            || (self.places > 0 && self.doors > 0)
    }
}

/// The address that begins, or is introduced, at a position.
pub(super) fn address_at(text: &Folded, at: usize) -> Option<Hidden> {
    introduced(text, at)
        .or_else(|| lived_in(text, at))
        .or_else(|| by_landmark(text, at))
        .or_else(|| by_form(text, at))
}

/// Words by which somebody tells where they live, and the estate follows.
const LIVES: [&str; 4] = ["搬咗去", "搬左去", "搬去", "住"];

/// Marks of estates that end the name of little else.
const HOMES: [&str; 16] = [
    "花园", "家园", "公寓", "大厦", "新村", "山庄", "公馆", "别墅", "花苑", "名苑", "雅苑", "嘉苑",
    "屋苑", "苑", "轩", "邨",
];

/// `住美孚新邨`, `搬咗去太和邨`: where somebody lives, as far as an estate is named.
fn lived_in(text: &Folded, at: usize) -> Option<Hidden> {
    /// Other words that end so: 记住.
    const OTHER: &str = "记锁停卡拦留抓居入扣忍困堵稳顶保撑按握捉吓压挡搂贴戴闭接识对得";
    let lives = LIVES.iter().find(|word| text.starts_with(at, word))?;
    if at > 0 && text.at(at - 1).is_some_and(|c| OTHER.contains(c)) {
        return None;
    }
    let start = skip_hesitations(text, at + lives.chars().count());
    let start = start + usize::from(matches!(text.at(start), Some('在' | '喺' | '响')));
    let chain = chain_from(text, start).filter(|chain| chain.roads > 0)?;
    let home = |end: usize| {
        HOMES.iter().any(|mark| {
            end >= mark.chars().count() && text.starts_with(end - mark.chars().count(), mark)
        })
    };
    (chain.estate || home(chain.end)).then(|| hidden(start, chain.end))
}

/// Behind a place that everybody knows.
const LANDMARKS: [&str; 12] = [
    "旁边",
    "附近",
    "隔篱",
    "隔离",
    "对面",
    "后面",
    "侧边",
    "背后",
    "前面",
    "斜对面",
    "楼下",
    "路口",
];

/// `莘庄地铁站旁边水清路五十九弄`: an address, and the place by which it is found.
fn by_landmark(text: &Folded, at: usize) -> Option<Hidden> {
    if !begins_here(text, at) {
        return None;
    }
    let own = |at: &usize| {
        text.at(*at)
            .is_some_and(|c| ('\u{4e00}'..='\u{9fff}').contains(&c) && !STOPS.contains(c))
    };
    let most = (at..at + 12).take_while(own).count();
    (at + 2..at + most).find_map(|mark| {
        let word = LANDMARKS.iter().find(|word| text.starts_with(mark, word))?;
        let mut start = mark + word.chars().count();
        start += usize::from(text.at(start) == Some('的'));
        let chain = chain_from(text, start)?;
        (chain.roads > 0 && chain.is_sure()).then(|| hidden(at, chain.end))
    })
}

fn introduced(text: &Folded, at: usize) -> Option<Hidden> {
    let words = INTRODUCTIONS
        .iter()
        .find(|words| text.starts_with(at, words))?;
    let start = skip_hesitations(text, at + words.chars().count());
    told(text, start)
}

/// What stands where an address is expected: its parts, and what follows them up to where the
/// talk goes on.
fn told(text: &Folded, start: usize) -> Option<Hidden> {
    const NOT: &str =
        "错不没有在哪怎要变能多信更修我你您吗呢了的吧对是什写填可乜咩边点无给他她就都也已还";
    let chain = chain_from(text, start);
    let from = chain.as_ref().map_or(start, |chain| chain.end);
    let end = rest_of_phrase(text, from);
    if chain.is_some() {
        return Some(hidden(start, end));
    }
    let first = text.at(start)?;
    let numbered = text.chars()[start..end].iter().any(|c| is_number(*c));
    let long = end >= start + 4;
    // Homophones may stand for every mark: what is long enough and no other talk is hidden.
    (!NOT.contains(first)
        && first.is_alphabetic()
        && !first.is_ascii()
        && (long && numbered || end >= start + 6))
        .then(|| hidden(start, end))
}

/// Where the phrase that an address ends in ends itself.
fn rest_of_phrase(text: &Folded, from: usize) -> usize {
    let mut end = from;
    while end < from + 16
        && text.at(end).is_some_and(|c| {
            (c.is_alphanumeric() && (is_number(c) || !STOPS.contains(c))) || c == '-'
        })
        && ![
            "谢谢", "电话", "手机", "麻烦", "收件", "联系", "邮编", "名字", "快点", "尽快", "什么",
            "今天", "明天",
        ]
        .iter()
        .any(|word| text.starts_with(end, word))
    {
        end += 1;
    }
    end
}

/// A chain that is an address by its form; it begins where its first name begins.
fn by_form(text: &Folded, at: usize) -> Option<Hidden> {
    if !begins_here(text, at) || !text.at(at).is_some_and(char::is_alphanumeric) {
        return None;
    }
    let chain = chain_from(text, at)?;
    chain.is_sure().then(|| hidden(at, chain.end))
}

/// Whether an address may begin here: 我家 is none of its names.
fn begins_here(text: &Folded, at: usize) -> bool {
    let home = |at: usize| {
        text.at(at) == Some('家')
            && at > 0
            && text.at(at - 1).is_some_and(|c| "我你您他她们".contains(c))
    };
    !home(at)
        && (at == 0
            || home(at - 1)
            || text.at(at - 1).is_some_and(|c| {
                !c.is_alphanumeric() || STOPS.contains(c) || "来派为成和个".contains(c)
            }))
}

fn chain_from(text: &Folded, start: usize) -> Option<Chain> {
    let mut chain = Chain {
        end: start,
        places: 0,
        roads: 0,
        doors: 0,
        estate: false,
    };
    let mut at = start;
    while at < start + LONGEST {
        let within = chain.end == at && chain.places + chain.roads > 0;
        let next_part = part_at(text, at)
            .or_else(|| within.then(|| estate_mark(text, at)).flatten())
            .or_else(|| {
                (within && chain.roads > 0)
                    .then(|| building(text, at))
                    .flatten()
            })
            .or_else(|| room_behind(text, at).filter(|_| chain.doors > 0));
        let Some((end, part)) = next_part else {
            let next = skip_some_hesitations(text, at, MOST_PAUSE);
            if next == at || next > at + MOST_PAUSE || part_at(text, next).is_none() {
                break;
            }
            at = next;
            continue;
        };
        match part {
            Part::Place => chain.places += 1,
            Part::Road | Part::Estate => chain.roads += 1,
            Part::Door => chain.doors += 1,
        }
        chain.estate |= part == Part::Estate && is_estate(text, end);
        at = end;
        chain.end = end;
    }
    (chain.end > start).then_some(chain)
}

fn part_at(text: &Folded, at: usize) -> Option<(usize, Part)> {
    door_at(text, at)
        .or_else(|| region_at(text, at))
        .or_else(|| name_at(text, at))
}

/// A further mark behind a name that one ended: `屯门市|广场`, `丽城|花园`.
fn estate_mark(text: &Folded, at: usize) -> Option<(usize, Part)> {
    let mark = ESTATES
        .iter()
        .filter(|mark| mark.chars().count() > 1)
        .find(|mark| text.starts_with(at, mark))?;
    Some((at + mark.chars().count(), Part::Estate))
}

/// Whether an estate ends here as nothing else does; 屋邨 are all of them.
fn is_estate(text: &Folded, end: usize) -> bool {
    text.at(end - 1) == Some('邨')
        && !text
            .at(end - 2)
            .is_some_and(|c| "屋个条呢嗰间成全整公".contains(c))
}

/// A building by its name behind its estate: `善明邨|善耀楼`, where the number of a floor or an end follows.
fn building(text: &Folded, at: usize) -> Option<(usize, Part)> {
    let own = |at: &usize| {
        text.at(*at).is_some_and(|c| {
            ('\u{4e00}'..='\u{9fff}').contains(&c)
                && !STOPS.contains(c)
                && !is_number(c)
                && c != '楼'
        })
    };
    let length = (at..at + 4).take_while(own).count();
    let end = at + length + 1;
    let behind = text.at(end);
    let ends = behind
        .is_none_or(|c| !c.is_alphanumeric() || is_number(c) || STOPS.contains(c) || c == '第');
    (length > 0 && text.at(end - 1) == Some('楼') && ends).then_some((end, Part::Estate))
}

/// The room behind a building or staircase: `三栋七零二`, `二单元503`, `十楼B`.
fn room_behind(text: &Folded, at: usize) -> Option<(usize, Part)> {
    const BUILDINGS: [&str; 7] = ["栋", "幢", "座", "单元", "号楼", "号院", "楼"];
    let behind = BUILDINGS.iter().any(|mark| {
        at.checked_sub(mark.chars().count())
            .is_some_and(|at| text.starts_with(at, mark))
    });
    let letter = |at: usize| text.at(at).is_some_and(|c| c.is_ascii_alphanumeric());
    if behind && text.at(at).is_some_and(|c| c.is_ascii_alphabetic()) && !letter(at + 1) {
        return Some((at + 1, Part::Door));
    }
    let digits = |at: usize| {
        text.at(at)
            .is_some_and(|c| c.is_ascii_digit() || "零〇一二三四五六七八九幺两洞拐".contains(c))
    };
    let length = (at..at + 5).take_while(|at| digits(*at)).count();
    let counts = text
        .at(at + length)
        .is_some_and(|c| is_number(c) || "块元个万年月日点分秒次天人".contains(c));
    (behind && (3..=4).contains(&length) && !counts).then_some((at + length, Part::Door))
}

/// `九龙旺角`: a region, and up to four characters of its quarter where no road follows at once.
fn region_at(text: &Folded, at: usize) -> Option<(usize, Part)> {
    let region = REGIONS.iter().find(|region| text.starts_with(at, region))?;
    let mut end = at + region.chars().count();
    let of_name = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c) && !STOPS.contains(c);
    if name_at(text, end).is_none() {
        let limit = end + 4;
        while end < limit && text.at(end).is_some_and(of_name) {
            end += 1;
        }
    }
    Some((end, Part::Place))
}

/// `88号`, `三栋`, `A座`, `一二零三室`, `B2`.
fn door_at(text: &Folded, at: usize) -> Option<(usize, Part)> {
    // `第八座`
    let at = at + usize::from(text.at(at) == Some('第'));
    let mut end = at;
    let of_number =
        |c: char| is_number(c) || c.is_ascii_alphabetic() || "-之甲乙丙丁东西南北".contains(c);
    while end < at + 12 && text.at(end).is_some_and(of_number) {
        end += 1;
    }
    let said = &text.chars()[at..end];
    if !said
        .iter()
        .any(|c| is_number(*c) || c.is_ascii_alphabetic())
    {
        return None;
    }
    if let Some(mark) = DOORS.iter().find(|mark| text.starts_with(end, mark)) {
        // `二十一号|门口`
        let door = mark.ends_with('门') && text.starts_with(end + mark.chars().count(), "口");
        let mark_end = end + mark.chars().count() - usize::from(door && mark.chars().count() > 1);
        // 三号 is a day too, 一层 a layer, 三期 an instalment: alone they are no address, see is_sure.
        return Some((mark_end, Part::Door));
    }
    None
}

/// A name of up to eight characters and its mark: the first mark that fits.
fn name_at(text: &Folded, at: usize) -> Option<(usize, Part)> {
    for length in 1..=LONGEST_NAME {
        let end = at + length;
        let last = text.at(end - 1)?;
        if !('\u{4e00}'..='\u{9fff}').contains(&last) || STOPS.contains(last) {
            return None;
        }
        let mark = |marks: &[&str]| {
            marks
                .iter()
                .find(|mark| text.starts_with(end, mark))
                .map(|mark| end + mark.chars().count())
        };
        let with = |part| move |end| (end, part);
        let found = mark(&ROADS)
            .map(with(Part::Road))
            .or_else(|| mark(&PLACES).map(with(Part::Place)))
            .or_else(|| {
                (length > 1)
                    .then(|| mark(&ESTATES).map(with(Part::Estate)))
                    .flatten()
            });
        // 上海市, not 上海市区: the longer name wins where a mark follows a mark.
        if let Some((mark_end, part)) = found {
            // 元州|邨
            if part == Part::Place && matches!(text.at(mark_end), Some('邨' | '苑')) {
                return Some((mark_end + 1, Part::Estate));
            }
            let doubled = ["路", "街", "道", "区", "县"]
                .iter()
                .find(|mark| length == 1 && text.starts_with(mark_end, mark));
            // 皇后大道中, where a number follows.
            let side = part == Part::Road
                && text.at(mark_end).is_some_and(|c| "东南西北中".contains(c))
                && text.at(mark_end + 1).is_some_and(is_number);
            return Some((mark_end + usize::from(doubled.is_some() || side), part));
        }
    }
    None
}

fn is_number(c: char) -> bool {
    c.is_ascii_digit() || "零〇一二三四五六七八九十百千幺两洞拐".contains(c)
}

/// Whether a turn tells a part of an address.
pub(super) fn is_told(text: &Folded) -> bool {
    chain_from(text, skip_hesitations(text, 0)).is_some()
}

/// The answer to a question for the address.
pub(super) fn answer(text: &Folded) -> Option<Hidden> {
    let start = skip_hesitations(text, 0);
    chain_from(text, start).map(|chain| hidden(start, rest_of_phrase(text, chain.end)))
}

/// Whether a text ends with an introduction or asks for an address.
pub(super) fn is_announced_at_end(text: &Folded) -> bool {
    const ASKED: [&str; 20] = [
        "住在哪",
        "住哪",
        "住边",
        "寄到哪",
        "送到哪",
        "改到哪",
        "寄去边",
        "送去边",
        "多少号",
        "几零几",
        "几栋",
        "几单元",
        "哪个小区",
        "哪条路",
        "什么路",
        "哪个区",
        "地址呢",
        "边条街",
        "边栋",
        "几多号楼",
    ];
    let end = text.chars().len();
    (end.saturating_sub(14)..end).any(|at| {
        INTRODUCTIONS
            .iter()
            .take(38)
            .any(|words| text.starts_with(at, words))
            || ASKED.iter().any(|words| text.starts_with(at, words))
    })
}
