//! Words behind which a Chinese name stands, and how surely.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::numbers::Folded;

/// How surely a name follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sure {
    /// Whatever it looks like.
    Certain,
    /// A person's part in a matter is named: whatever follows where it is said to be the name, otherwise
    /// what has a family name or stands alone.
    Role,
    /// It must look like a name.
    Possible,
    /// A relative: a family name and a given one, whatever follows.
    Kin,
    /// It must have the form of a name throughout: products and plain words follow as well.
    Weak,
}

/// What links a part in a matter with the name.
const LINKS: [&str; 14] = [
    "名字叫",
    "名字是",
    "的名字",
    "姓名是",
    "叫做",
    "名叫",
    "就是",
    "姓名",
    "叫",
    "是",
    "系",
    "为",
    "写",
    "填",
];

const CERTAIN: &str = "先生叫 太太叫 老公叫 老婆叫 儿子叫 女儿叫 妈妈叫 爸爸叫 朋友叫 孩子叫 同事叫 佢叫 我的名字叫做 我的名字叫 \
    我的名字是 我叫做 我叫 我名叫 名字叫做 名字叫 名字是 名字系 我个名系 我名系 我嘅名系 姓名叫 姓名是 全名是 全名叫 真名叫 本名叫 \
    英文名叫 英文名是 英文名系 中文名叫 中文名系 他名叫 她名叫";

const ROLES: &str = "姓名 户名 收件人 收货人 寄件人 发件人 联系人 联络人 机主 车主 户主 房主 业主 持卡人 开户人 投保人 被保险人 被保人 \
    申请人 经办人 收款人 付款人 汇款人 受益人 监护人 担保人 推荐人 介绍人 经手人 委托人 代理人 签收人 法定代表人 患者 病人 乘客 \
    乘机人 入住人 预订人 预约人 取件人 提货人 受款人 借款人 投诉人 当事人 抬头人";

const POSSIBLE: &str = "收件 寄件 发件 就写 写 登记的是 揾 我是 我系 这里是 这边是 本人是 本人 他叫 她叫 他是 她是 名叫 就叫 请找 找一下 找 转给 转账到 \
    转到 汇到 打到 交给 打给 写给 寄给 卖给 给 跟 和 让 请 是 系 叫 老公 老婆 儿子 女儿 朋友";

const KIN: &str = "我妈 我爸 我哥 我姐 我弟 我妹 我儿 妈妈 爸爸 母亲 父亲 爱人 丈夫 妻子 我先生 我太太 阿妈 阿爸 老爸 老妈 老豆 老母 \
    弟弟 妹妹 哥哥 姐姐 爷爷 奶奶 外公 外婆 姥姥 姥爷 孙子 孙女 外孙 外孙女 侄子 侄女 外甥 外甥女 表哥 表弟 表姐 表妹 堂哥 堂弟 媳妇 儿媳 \
    女婿 婆婆 公公 岳父 岳母 叔叔 阿姨 舅舅 姑姑 姑妈 姨妈 嫂子 姐夫 妹夫 老伴 孩子 闺女 儿子 女儿 老公 老婆 太太 未婚妻 未婚夫 男友 女友 \
    男朋友 女朋友 大舅 二舅 三舅 小舅 舅妈 大姨 二姨 小姨 姨父 姨夫 姑父 伯父 伯母 大伯 二叔 三叔 小叔 婶婶 堂姐 堂妹 表叔 干爹 干妈 亲家 姨丈 姑丈 舅父 \
    舅母 个仔 个女 我仔 我女 阿仔 阿女 个孙 细佬 细妹 大佬 家姐 家嫂 新抱 阿嫂";

const WEAK: &str = "查一下 查下 查询 查查 查 投诉 表扬 客服 柜员 店员 专员 坐席 业务员 快递员 营业员 接线员 话务员 送货员 配送员 司机 师傅 \
    理赔员 收银员 保安 护士 医生 教练 房东 租客 邻居 领导 老板 主管 店长 经理 代表 法人 你们的 你们 你哋嘅 你哋个 你哋 那个 嗰个 这个 一个叫 有个叫 \
    有个 姓名 转 转接 畀 转畀 过数畀 交畀 畀返 同事 同学 学生 员工 客户 病人 顾客 名字 室友 替 帮 问 问下 问问 告诉 话畀 通知 联系 见 同 你是 您是 是不是 \
    系咪 系唔系 而家系 多谢 谢谢 感谢 认识 请问 通过 找的 揾紧 喂";

/// The introductions by the character that they begin with, the surest and of those the longest first.
fn by_first() -> &'static HashMap<char, Vec<(&'static str, Sure)>> {
    static WORDS: LazyLock<HashMap<char, Vec<(&'static str, Sure)>>> = LazyLock::new(|| {
        let mut found: HashMap<char, Vec<_>> = HashMap::new();
        for (words, sure) in [
            (CERTAIN, Sure::Certain),
            (ROLES, Sure::Role),
            (POSSIBLE, Sure::Possible),
            (KIN, Sure::Kin),
            (WEAK, Sure::Weak),
        ] {
            for word in words.split_whitespace() {
                let first = word.chars().next().expect("no introduction is empty");
                found.entry(first).or_default().push((word, sure));
            }
        }
        for words in found.values_mut() {
            words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
            words.sort_by_key(|(_, sure)| *sure as u8);
        }
        found
    });
    &WORDS
}

/// The introductions that stand at a position, surest first: how sure, and where they end.
pub(super) fn introductions(
    text: &Folded,
    at: usize,
) -> impl Iterator<Item = (Sure, usize)> + use<'_> {
    let words = text.at(at).and_then(|first| by_first().get(&first));
    words
        .into_iter()
        .flatten()
        .filter(move |(word, _)| {
            text.starts_with(at, word) && !belongs_before(text, at, word) && !is_children(text, at)
        })
        .map(move |(word, sure)| (*sure, at + word.chars().count()))
}

/// Whether 儿童 or a Mrs 孙 is spoken of, and no daughter: 妇女|儿童, 孙|女士.
fn is_children(text: &Folded, at: usize) -> bool {
    text.starts_with(at, "女儿童") || text.starts_with(at, "孙女士")
}

/// Whether another person is spoken of from here on: 女儿, 担保人, 受益人.
pub(super) fn begins_person(text: &Folded, at: usize) -> bool {
    let words = text.at(at).and_then(|first| by_first().get(&first));
    words
        .into_iter()
        .flatten()
        .filter(|(_, sure)| matches!(sure, Sure::Kin | Sure::Role))
        .any(|(word, _)| text.starts_with(at, word) && !is_children(text, at))
}

/// Whether a word is the end of another one: `用户名`, `联系`.
fn belongs_before(text: &Folded, at: usize, word: &str) -> bool {
    let before = at.checked_sub(1).and_then(|at| text.at(at));
    let ends = match word {
        "户名" | "户主" => "用商客",
        "系" => "联关体派院没越",
        "是" => "不可但还要于总只若",
        "和" => "平共饱温",
        "给" => "供自",
        "写" => "填书手大小",
        "法人" => "非",
        "同" => "合相共不等如雷随连陪协赞",
        "转" => "好周运",
        "见" => "意看听再常罕",
        _ => return false,
    };
    before.is_some_and(|c| ends.contains(c))
}

/// Where the link behind a part in a matter ends: `收款人是`, `联系人写`.
pub(super) fn linked(text: &Folded, at: usize) -> Option<usize> {
    LINKS
        .iter()
        .find(|link| text.starts_with(at, link))
        .map(|link| at + link.chars().count())
}

/// Whether a text ends with an introduction, pauses aside.
pub(super) fn ends_with_introduction(
    text: &Folded,
    at: usize,
    is_end: impl Fn(usize) -> bool,
) -> bool {
    introductions(text, at).any(|(sure, end)| match sure {
        Sure::Certain => is_end(end),
        Sure::Role => is_end(end) || linked(text, end).is_some_and(&is_end),
        Sure::Possible | Sure::Kin | Sure::Weak => false,
    })
}
