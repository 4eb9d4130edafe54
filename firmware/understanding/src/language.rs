//! Which language a text is in: Mandarin, Cantonese or English.

use trunkside_call::Language;

use crate::features::fold;

/// Characters that written Cantonese uses and Mandarin hardly ever does, simplified.
const CANTONESE: &str = "唔喺嘅咗冇啲嚟乜佢嗰哋咁冧瞓啱攞谂睇嘢噉嗌嘥咩喎啫㗎揸揾啩曱揿啖掟黐";

/// Words with what makes another word of them.
struct Cue {
    words: &'static [&'static str],
    /// Characters behind which they are none.
    not_behind: &'static str,
    /// Characters before which they are none.
    not_before: &'static str,
}

impl Cue {
    const fn new(
        not_behind: &'static str,
        words: &'static [&'static str],
        not_before: &'static str,
    ) -> Self {
        Self {
            words,
            not_behind,
            not_before,
        }
    }

    fn shows(&self, text: &str, word: &str) -> bool {
        text.match_indices(word).any(|(start, word)| {
            let (before, after) = (&text[..start], &text[start + word.len()..]);
            !before.ends_with(|c| self.not_behind.contains(c))
                && !after.starts_with(|c| self.not_before.contains(c))
        })
    }
}

/// What makes a point, an hour or `a bit` of 点, which Cantonese has for `how`.
const POINT: &str =
    "几一二三四五六七八九十百两半有早快晚差整多少网地重焦热观要优缺特景站据节起终零钟到准正些";

/// What makes a side of 边, which Cantonese has for `which`.
const SIDE: &str = "这那哪一两左右旁周身海外里上下前后东西南北路手江河湖";

/// Words that show Cantonese by themselves; so few Mandarin words have the same characters that
/// they can be named.
const CANTONESE_WORDS: &[Cue] = &[
    Cue::new(
        "",
        &[
            "几多",
            "几时",
            "几耐",
            "几钱",
            "听朝",
            "听晚",
            "琴日",
            "琴晚",
            "寻日",
            "而家",
            "下昼",
            "上昼",
            "晏昼",
            "屋企",
            "同埋",
            "落雨",
            "钟意",
            "细路",
            "细佬",
            "整好未",
            "倾吓",
            "倾偈",
            "得闲",
            "好嘈",
            "嘈到",
            "老豆",
            "阿嫲",
            "搞掂",
            "碌卡",
            "出粮",
            "工作天",
            "呢度",
            "真系",
            "扑街",
            "仆街",
            "冚家",
            "收皮",
            "食屎",
            "痴线",
            "戆居",
            "顶你个肺",
            "屌你",
            "系咪",
            "梗系",
            "即系",
            "净系",
            "应该系",
        ],
        "",
    ),
    Cue::new(
        POINT,
        &[
            "点解",
            "点样",
            "点算",
            "点计",
            "点搞",
            "点收费",
            "点赔",
            "点知",
        ],
        "释决除冻约开算划本品式是",
    ),
    Cue::new(
        SIDE,
        &["边度", "边个", "边间", "边样", "边只", "边位"],
        "假过",
    ),
    Cue::new(
        "伯昆杜管范",
        &[
            "仲有",
            "仲要",
            "仲未",
            "仲系",
            "仲可以",
            "仲会",
            "仲得",
            "仲送",
            "仲想",
        ],
        "",
    ),
    Cue::new(
        "",
        &[
            "都系", "就系", "又系", "我系", "你系", "话系", "号系", "先系", "定系",
        ],
        "统列好上着紧得",
    ),
    // 地址系沙田, and not 电话系统.
    Cue::new(
        "",
        &[
            "号码系",
            "地址系",
            "密码系",
            "车牌系",
            "电话系",
            "电邮系",
            "名系",
            "姓系",
            "账号系",
            "单号系",
            "生日系",
            "住址系",
            "尾数系",
            "编号系",
        ],
        "统列数别主好",
    ),
    Cue::new("联关", &["系边", "系几"], ""),
    Cue::new(
        "",
        &[
            "十蚊", "百蚊", "千蚊", "万蚊", "个蚊", "多蚊", "几蚊", "两蚊", "二蚊", "三蚊", "四蚊",
            "五蚊", "六蚊", "七蚊", "八蚊", "九蚊",
        ],
        "子",
    ),
    Cue::new("", &["听日"], "本语文常子"),
    Cue::new("", &["朝早", "先至"], "期少"),
    Cue::new("前里外后上下", &["头先"], ""),
    Cue::new("认常知见", &["识得"], ""),
    Cue::new("多", &["少少"], ""),
    // 畀 and 俾; the others are names.
    Cue::new("斯", &["畀"], "斯"),
];

/// 係 in traditional characters, which Mandarin has in few words.
const TRADITIONAL: Cue = Cue::new("關关聯联干體体", &["係"], "數数");

/// Words that show it where two of them stand.
const CANTONESE_IN_COMPANY: &[Cue] = &[
    Cue::new(
        "",
        &[
            "嘞", "靓", "掂", "哩", "噶", "廿", "即刻", "一齐", "户口", "短讯", "落单", "日日",
            "晚晚", "按金", "阿妈", "阿爸", "阿伯", "阿婆", "阿爷", "阿仔", "今次", "好似", "返工",
            "人仔", "搬屋", "新屋", "我张", "我件", "我份", "我条", "个仔", "个名", "个网", "呢个",
            "呢张", "呢间", "呢条", "呢件", "呢部", "呢套", "成条", "成件", "成间", "成身", "加多",
            "去边", "计错", "得返", "多谢", "塞车", "整烂", "宽频",
        ],
        "",
    ),
    Cue::new("暴防日晾洗", &["晒"], "太单图被衣干秋黑伤得过成着娃照辣了"),
    Cue::new("猫麦妈咪", &["咪"], "咪头"),
    Cue::new("", &["黎"], "明"),
    Cue::new("", &["成日", "今朝"], "期志鲜代有"),
    Cue::new("进写加投放", &["入面"], "板试部"),
    Cue::new("", &["好耐"], "心用"),
    Cue::new(
        "关联体派星维谱水语根母直旁嫡血山院科本中英世干套菜法阳河理文物学程化铃带",
        &["系"],
        "统列数主鞋上紧领着安好里友院花铃得",
    ),
    Cue::new(
        "",
        &["我部", "我架", "我单", "我个", "我间"],
        "门队分子构位独人头性接",
    ),
    Cue::new("", &["个女", "信用额"], "儿孩人的生性度"),
    Cue::new("", &["呢只"], "能有要是好会"),
    Cue::new("完生变当看做合组分写说形造达改换弄", &["成个"], ""),
    Cue::new("更变调交", &["换过"], "来的"),
    Cue::new("往", &["返"], "回现还利航程点修校乡上"),
    Cue::new("填活掩", &["埋"], "怨伏没头"),
    Cue::new(POINT, &["点转", "点做", "点补", "点填"], ""),
    Cue::new("超通经不", &["过数"], "额量字据次十百千万目"),
];

/// The language of a text; Mandarin where nothing shows another.
///
/// Han characters decide against Latin letters by number, a Latin word counting as one character.
/// The cues come from Cantonese grammar and from reading what they missed; `RESULTS.md` says how
/// many sentences they tell apart.
pub fn language_of(text: &str) -> Language {
    let mut han = 0_usize;
    let mut words = 0_usize;
    let mut in_word = false;
    for c in text.chars() {
        let letter = c.is_ascii_alphabetic();
        words += usize::from(letter && !in_word);
        in_word = letter || (in_word && c == '\'');
        han += usize::from(is_han(c));
    }
    let seems_english = words > han;
    if seems_english && han < 2 {
        return Language::En;
    }
    let folded: String = text.chars().map(fold).collect();
    if is_surely_cantonese(text, &folded) {
        // A mail address of many words makes no English of 我嘅email係.
        Language::Yue
    } else if seems_english {
        Language::En
    } else if shown(CANTONESE_IN_COMPANY, &folded).nth(1).is_some() {
        Language::Yue
    } else {
        Language::Zh
    }
}

/// Whether a cue stands in a text, also given in folded characters, that shows Cantonese by itself.
fn is_surely_cantonese(text: &str, folded: &str) -> bool {
    folded.contains(|c| CANTONESE.contains(c))
        || shown(CANTONESE_WORDS, folded).next().is_some()
        || TRADITIONAL.shows(text, "係")
}

/// The cues' words that stand in a text, each once however often it does.
fn shown<'a>(cues: &'a [Cue], text: &'a str) -> impl Iterator<Item = &'a str> {
    cues.iter()
        .flat_map(move |cue| cue.words.iter().filter(move |word| cue.shows(text, word)))
        .copied()
}

/// Whether a character is a Chinese one.
pub(crate) const fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intents::parse_examples;

    #[test]
    fn the_three_languages_are_told_apart() {
        for (text, language) in [
            ("我想查一下余额", Language::Zh),
            ("我要check一下my账单", Language::Zh),
            ("我想查下我嘅結餘", Language::Yue),
            ("唔该帮我转人工", Language::Yue),
            ("点解扣咗我钱", Language::Yue),
            ("i lost my card", Language::En),
            ("OK", Language::En),
            ("I'd like to ask 王先生", Language::En),
            ("", Language::Zh),
            ("🙂🙂", Language::Zh),
            ("12345", Language::Zh),
        ] {
            assert_eq!(language_of(text), language, "{text}");
        }
    }

    #[test]
    fn mandarin_with_characters_of_cantonese_in_it_stays_mandarin() {
        for text in [
            "这个月那个账单有几个问题",
            "三个包裹只收到两个还有一个没到",
            "我想问一下那个积分那个怎么用啊那个",
            "系统显示的联系方式跟系统里的关系不对",
            "請問你們幾點可以解釋一下這幾點",
            "沒關係我幾點都可以",
            "有点解决不了",
            "你们那边个人贷款怎么办",
            "我们想去周边度假",
            "我想听日本的新闻",
            "好嘞谢谢",
            "我在网上晒单返现没有收到",
            "网点收费标准是多少",
            "多多少少有一点",
            "超过数额就办不了",
            "这没關係的",
            "地址系统打不开",
        ] {
            assert_eq!(language_of(text), Language::Zh, "{text}");
        }
    }

    #[test]
    fn cantonese_shows_in_words_that_have_common_characters() {
        for text in [
            "部电视几钱",
            "報失之後幾耐有新卡",
            "去日本用漫游点收费",
            "帮我增值一百蚊",
            "屋企爆水管",
            "朝早几点开始办公",
            "我部手机整好未",
            "我同個女買保險仲要乜",
            "張卡係我嘅",
            "我个户口取消",
            "保單號碼係A B",
            "地址系元朗新元朗中心",
            "我嘅電郵係 wong siu ming at example dot com",
        ] {
            assert_eq!(language_of(text), Language::Yue, "{text}");
        }
    }

    #[test]
    fn what_callers_say_is_heard_in_its_language() {
        for (language, lines, least) in [
            (
                Language::Zh,
                include_str!("../data/intents/test/zh.tsv"),
                1.0,
            ),
            (
                Language::Zh,
                include_str!("../data/intents/kept/zh.tsv"),
                1.0,
            ),
            (
                Language::Yue,
                include_str!("../data/intents/test/yue.tsv"),
                0.9,
            ),
            (
                Language::Yue,
                include_str!("../data/intents/kept/yue.tsv"),
                0.87,
            ),
            (
                Language::En,
                include_str!("../data/intents/test/en.tsv"),
                1.0,
            ),
            (
                Language::En,
                include_str!("../data/intents/kept/en.tsv"),
                1.0,
            ),
        ] {
            let lines = parse_examples(lines).unwrap();
            let right = lines
                .iter()
                .filter(|line| language_of(&line.text) == language);
            let share = right.count() as f64 / lines.len() as f64;
            assert!(share >= least, "{language:?}: {share}");
        }
    }
}
