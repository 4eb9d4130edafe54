//! Chinese names, in Mandarin and Cantonese talk.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::hidden;
use crate::numbers::Folded;
use crate::personal::{ends_phrase, skip_hesitations};
use crate::redact::Hidden;

/// Words behind which a name stands whatever it looks like.
const CERTAIN: [&str; 55] = [
    "先生叫",
    "太太叫",
    "老公叫",
    "老婆叫",
    "儿子叫",
    "女儿叫",
    "妈妈叫",
    "爸爸叫",
    "朋友叫",
    "孩子叫",
    "同事叫",
    "佢叫",
    "经办人是",
    "我的名字叫做",
    "我的名字叫",
    "我的名字是",
    "我叫做",
    "我叫",
    "我名叫",
    "名字叫做",
    "名字叫",
    "名字是",
    "名字系",
    "我个名系",
    "我名系",
    "我嘅名系",
    "姓名叫",
    "姓名是",
    "姓名",
    "户名是",
    "户名叫",
    "户名",
    "收件人是",
    "收件人",
    "收货人是",
    "收货人",
    "寄件人是",
    "寄件人",
    "联系人是",
    "联系人",
    "机主是",
    "机主",
    "车主是",
    "车主",
    "持卡人是",
    "持卡人",
    "开户人是",
    "开户人",
    "投保人是",
    "投保人",
    "被保险人是",
    "被保险人",
    "申请人是",
    "申请人",
    "全名是",
];

/// Words behind which a name may stand: it must look like one.
const POSSIBLE: [&str; 43] = [
    "就写",
    "写",
    "登记的是",
    "搵",
    "揾",
    "我是",
    "我系",
    "这里是",
    "这边是",
    "本人是",
    "本人",
    "他叫",
    "她叫",
    "他是",
    "她是",
    "名叫",
    "就叫",
    "请找",
    "找一下",
    "找",
    "转给",
    "转账到",
    "转到",
    "汇到",
    "打到",
    "交给",
    "打给",
    "写给",
    "寄给",
    "卖给",
    "给",
    "跟",
    "和",
    "让",
    "请",
    "是",
    "系",
    "叫",
    "老公",
    "老婆",
    "儿子",
    "女儿",
    "朋友",
];

/// Words of a request behind which a clerk or customer may be named: only what has a name's form.
const CONCERNING: [&str; 12] = [
    "查一下",
    "查下",
    "查询",
    "查查",
    "投诉",
    "客服",
    "柜员",
    "店员",
    "专员",
    "坐席",
    "业务员",
    "快递员",
];

const TITLES: [&str; 24] = [
    "先生", "女士", "小姐", "太太", "师傅", "老师", "经理", "医生", "律师", "主任", "阿姨", "叔叔",
    "大哥", "大姐", "老板", "警官", "教授", "总", "生", "太", "同学", "女仕", "伯伯", "奶奶",
];

/// Titles of one character, which other words begin with too.
const SHORT_TITLES: [&str; 3] = ["总", "生", "太"];

/// What does not follow an introduction as a name.
const NOT_NAMES: &str =
    "你您他她它们了过不没车人外的个啥什怎哪谁也就都有要想在是好吗吧呢一两这那唔冇咩乜点";

/// After these the talk goes on: no given name holds them.
const STOPS: &str =
    "我你您他她它们的了吗吧呢啊呀啦喇喎咯嘅是系喺想要请麻谢帮查打电号没不唔冇嗯呃额哦这那就给住需";

/// Pairs of characters with which the talk goes on, although a given name may hold the first.
const GOES_ON: [&str; 65] = [
    "本人", "就是", "手机", "身份", "证件", "现在", "今天", "昨天", "刚刚", "刚才", "转人", "地址",
    "生日", "出生", "来电", "来问", "有个", "有点", "有一", "有张", "对吧", "对吗", "对不", "好的",
    "好吧", "可以", "能不", "能帮", "先生", "女士", "小姐", "太太", "和我", "跟你", "同你", "卡号",
    "转账", "转帐", "转钱", "汇款", "汇钱", "打款", "打钱", "存钱", "还款", "还钱", "之前", "以前",
    "上次", "昨日", "今日", "头先", "打过", "说过", "讲过", "谈过", "问过", "联系", "沟通", "办过",
    "办理", "开户", "销户", "态度", "服务",
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

/// Ordinary words that begin with a family name.
const WORDS: &str = "黄金 黄色 黄牌 高级 高中 高兴 高考 高铁 高新 高端 高手 白金 白领 白色 白天 白条 马上 马路 马达 方便 方案 方面 方式 方法 \
    安全 安装 安排 安徽 安心 安卓 江苏 江西 江浙 钱包 钱款 金额 金卡 金融 金牌 金华 时间 时候 何时 何必 于是 温州 温馨 温度 \
    石油 石家 毛病 毛利 毛衣 孔雀 严重 严格 文件 文字 文化 文员 花钱 向您 向你 任何 任务 熊猫 陆续 许多 许可 汪汪 易购 游戏 \
    游客 夏天 夏季 胡说 胡乱 祝你 祝您 祝福 单位 单独 单身 单号 计划 项目 路上 路由 路费 程序 程度 管理 管家 古代 强烈 都是 都有 \
    经常 经理 房子 房东 房贷 房产 习惯 司机 叶子 雷同 龙卡 史上 陶瓷 贺卡 顾客 顾问 武汉 武器 戴着 向上 汤圆 余额 余款 \
    成都 成功 万一 万元 万科 连接 平时 平台 平安 水费 明天 明白 周一 周二 周三 周四 周五 周六 周日 周末 周围 周期 周年 常常 常州 \
    宁波 宁夏 甘肃 单元 应该 应急 简单 简直 简历 解决 解释 解冻 解除 关于 关系 关闭 关注 左右 左边 童装 童话 季度 全部 全家 蓝色 \
    蓝牙 盛大 辛苦 尚未 池塘 解约 阮囊 毕业 毕竟 席位 席卷 桂林 桂花 巫婆 卓越 牛奶 牛肉 康复 谢谢 施工 安静 乔迁 倪虹 齐全 \
    齐了 杜绝 苏州 苏宁 苏打 丁香 任意 卢比 沈阳 钟头 钟点 姜汤 陆军 范围 金属 石头 贾宝 付款 付费 付钱 傅里 方向 孟加 秦皇 江湖 \
    董事 梁山 宋体 唐朝 唐人 韩国 冯唐 曹操 彭博 曾经 肖像 田地 潘多 袁大 蔡司 蒋介 于今 郑州 郑重 罗马 高度 高峰 高速 高价 高额 林业 \
    林木 何况 郭德 胡同 朱红 马桶 孙子 徐州 吴江 赵家 杨树 陈旧 陈列 刘海 张贴 张开 张数 李子 王者 王牌 万达 章程 鲁莽 葛根 欧洲 欧元 \
    柯达 尤其 麦当 霍乱 纪念 纪律 舒服 舒适 屈服 祁连 裴多 柏林 臧否 柴油 翁婿 单据 单子 单程 项链 游泳 甘心 蒙古 穆斯 管道 管子 殷勤 骆驼 凌晨";

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

fn given(c: char) -> bool {
    static GIVEN: LazyLock<HashSet<char>> = LazyLock::new(|| {
        include_str!("../../../data/personal/given.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::chars)
            .collect()
    });
    GIVEN.contains(&c)
}

fn is_word(text: &Folded, at: usize) -> bool {
    static ORDINARY: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
    ORDINARY.contains(text.slice(at, at + 2).as_str())
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// Length of the family name at a position, 0 if none stands there.
fn surname_at(text: &Folded, at: usize) -> usize {
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

fn stops(text: &Folded, at: usize) -> bool {
    text.at(at).is_none_or(|c| {
        !is_han(c) || STOPS.contains(c) || GOES_ON.iter().any(|word| text.starts_with(at, word))
    })
}

/// The names that begin, or are introduced, at a position.
pub(super) fn name_at(text: &Folded, at: usize) -> Option<Hidden> {
    certain(text, at)
        .or_else(|| family_only(text, at))
        .or_else(|| titled(text, at))
        .or_else(|| possible(text, at))
        .or_else(|| concerned(text, at))
        .or_else(|| serving(text, at))
        .or_else(|| alone(text, at))
}

/// `我叫王伟`, `收件人是欧阳雪`: up to the usual length, or to where the talk goes on.
fn certain(text: &Folded, at: usize) -> Option<Hidden> {
    let word = CERTAIN.iter().find(|word| text.starts_with(at, word))?;
    let end = at + word.chars().count();
    if asks_for_more(text, end) {
        return None;
    }
    certain_name(text, skip_hesitations(text, end))
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

/// `我是王伟`: a family name, then characters of given names, then an end.
fn possible(text: &Folded, at: usize) -> Option<Hidden> {
    let word = POSSIBLE.iter().find(|word| text.starts_with(at, word))?;
    let start = skip_hesitations(text, at + word.chars().count());
    looks_like_name(text, start)
        .or_else(|| told_by_end(text, start))
        .or_else(|| {
            let end = familiar(text, start)?;
            (ends_phrase(text, end) || serves(text, end)).then(|| hidden(start, end))
        })
}

/// `我要投诉客服李娜`, `查一下王建国的账户`.
fn concerned(text: &Folded, at: usize) -> Option<Hidden> {
    let word = CONCERNING.iter().find(|word| text.starts_with(at, word))?;
    let name = looks_like_name(text, at + word.chars().count())?;
    // Products have a name's form too: `查一下金橘宝`.
    let own = name.start + surname_at(text, name.start).max(1)..name.end;
    text.slice(own.start, own.end)
        .chars()
        .all(given)
        .then_some(name)
}

/// Where `小李` or `老王` ends.
fn familiar(text: &Folded, at: usize) -> Option<usize> {
    let addressed = text.at(at).is_some_and(|c| "小老阿".contains(c));
    (addressed && surname_at(text, at + 1) == 1).then_some(at + 2)
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

/// `工号八号李娜为您服务`, `小李为您服务`: who says so is named before it.
fn serving(text: &Folded, at: usize) -> Option<Hidden> {
    if let Some(end) = familiar(text, at).filter(|end| serves(text, *end)) {
        return Some(hidden(at, end));
    }
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
fn told_by_end(text: &Folded, start: usize) -> Option<Hidden> {
    const ENDS: [&str; 6] = ["先生", "女士", "小姐", "太太", "师傅", "本人"];
    let own = |at: usize| text.at(at).is_some_and(|c| is_han(c) && !STOPS.contains(c));
    (1..=4)
        .take_while(|length| own(start + length - 1))
        .map(|length| start + length)
        .find(|end| ENDS.iter().any(|word| text.starts_with(*end, word)))
        .filter(|_| !is_word(text, start) && !"这那哪老一位".contains(text.chars()[start]))
        .map(|end| hidden(start, end))
}

fn looks_like_name(text: &Folded, start: usize) -> Option<Hidden> {
    let surname = surname_at(text, start);
    if is_word(text, start) {
        return None;
    }
    if surname == 0 {
        return rare_name(text, start);
    }
    let mut end = start + surname;
    while end < start + surname + 2 && !stops(text, end) {
        end += 1;
    }
    let own = &text.chars()[start + surname..end];
    let plausible = match own {
        [] => false,
        [only] => {
            given(*only)
                || ends_phrase(text, end)
                || text.at(end).is_some_and(|c| "想要我".contains(c))
                || OWNED.iter().any(|owned| text.starts_with(end, owned))
        }
        [first, second] => given(*first) || given(*second),
        _ => true,
    };
    // Of an amount: `转给王建国五百块`.
    (plausible && (stops(text, end) || is_counting(text, end))).then(|| hidden(start, end))
}

fn is_counting(text: &Folded, at: usize) -> bool {
    let counts = |c| "一二三四五六七八九十百千万两几".contains(c);
    text.at(at).is_some_and(counts)
}

/// Three characters whose last two are those of given names, and then an end: a family name that
/// is not on the list.
fn rare_name(text: &Folded, start: usize) -> Option<Hidden> {
    let name = text.chars().get(start..start + 3)?;
    let end = start + 3;
    let family = is_han(name[0]) && !STOPS.contains(name[0]) && !NOT_NAMES.contains(name[0]);
    let whole = ends_phrase(text, end) || STOPS.contains(text.at(end)?);
    (family && given(name[1]) && given(name[2]) && whole).then(|| hidden(start, end))
}

/// A whole phrase that is a name of three characters: `陈志强，`.
fn alone(text: &Folded, at: usize) -> Option<Hidden> {
    let begins = at == 0 || text.at(at - 1).is_some_and(|c| !c.is_alphanumeric());
    let surname = surname_at(text, at);
    if !begins || surname == 0 || is_word(text, at) {
        return None;
    }
    let end = at + surname + 2;
    let own = text.chars().get(at + surname..end)?;
    (own.iter().all(|c| given(*c)) && ends_phrase(text, end)).then(|| hidden(at, end))
}

/// `王先生`, `陈小姐`, `李国强先生`.
fn titled(text: &Folded, at: usize) -> Option<Hidden> {
    let surname = surname_at(text, at);
    if surname == 0 {
        return None;
    }
    (0..=2).find_map(|own| {
        let end = at + surname + own;
        let title = TITLES.iter().find(|title| text.starts_with(end, title))?;
        if SHORT_TITLES.contains(title) && (own > 0 || !ends_phrase(text, end + 1)) {
            return None;
        }
        let plain = own > 0 && (at + surname..end).any(|at| stops(text, at));
        let ordinary = own == 0 && is_word(text, at);
        (!plain && !ordinary).then(|| hidden(at, end))
    })
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
    let next = skip_hesitations(text, family.end);
    if ORDINARY.iter().any(|word| text.starts_with(next, word)) {
        return None;
    }
    let link = LINKS.iter().find(|word| text.starts_with(next, word))?;
    let start = skip_hesitations(text, next + link.chars().count());
    if text.at(start) == text.at(family.start) {
        return certain_name(text, start);
    }
    let own = |at: usize| !stops(text, at) && !is_counting(text, at) && text.at(at) != Some('字');
    if !own(start) || NOT_NAMES.contains(text.at(start)?) {
        return None;
    }
    Some(hidden(start, start + if own(start + 1) { 2 } else { 1 }))
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
    const REPLIES: [&str; 44] = [
        "稍等", "等一", "等等", "等下", "等我", "好的", "可以", "没有", "没问", "知道", "为什",
        "什么", "不知", "不用", "不要", "不是", "是的", "对的", "喂", "你好", "您好", "谢谢",
        "怎么", "干嘛", "干什", "听不", "听得", "再说", "刚才", "刚刚", "马上", "麻烦", "冇问",
        "点解", "做咩", "边个", "唔该", "唔知", "挂失", "请问", "请等", "这个", "那个", "哪个",
    ];
    let start = skip_hesitations(text, 0);
    if REPLIES.iter().any(|word| text.starts_with(start, word)) {
        return None;
    }
    let start = ["我叫", "我是", "叫", "是", "姓"]
        .iter()
        .find(|word| text.starts_with(start, word))
        .map_or(start, |word| start + word.chars().count());
    certain_name(text, start).filter(|name| {
        surname_at(text, name.start) > 0 && !is_word(text, name.start)
            || ends_phrase(text, name.end)
    })
}

/// Whether a turn tells a name that looks like one.
pub(super) fn is_told(text: &Folded) -> bool {
    answer(text).is_some_and(|name| looks_like_name(text, name.start).is_some())
}

/// Family names by their parts, `弓长张`, and characters by a word that holds them, `伟大的伟`:
/// only beside a name.
pub(super) fn explained(text: &Folded, names: &[Hidden]) -> Vec<Hidden> {
    const PARTS: [&str; 16] = [
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
    ];
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
    const ASKED: [&str; 16] = [
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
    ];
    let end = text.chars().len();
    (end.saturating_sub(16)..end).any(|at| {
        let ends_with = |word: &str| {
            text.starts_with(at, word) && skip_hesitations(text, at + word.chars().count()) >= end
        };
        let asks_more = || {
            ["姓名", "名字"]
                .iter()
                .any(|word| text.starts_with(at, word) && asks_for_more(text, at + 2))
        };
        CERTAIN.iter().any(|word| ends_with(word))
            || asks_more()
            || ["和姓名", "跟姓名", "同姓名", "和名字"]
                .iter()
                .any(|word| text.starts_with(at, word))
            || ASKED.iter().any(|word| text.starts_with(at, word))
    })
}
