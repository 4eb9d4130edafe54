//! What is hidden over words, turns and interruptions; of any text, no run of four digits survives.

use proptest::prelude::*;
use trunkside_call::Side;

use super::*;

#[test]
fn numbers_are_hidden_by_kind() {
    for (text, redacted) in [
        ("我的电话是幺三八零零幺三八零零零", "我的电话是[phone]"),
        (
            "call me on 138-0013-8000 please",
            "call me on [phone] please",
        ),
        ("身份证110101199003070134", "身份证[identity]"),
        (
            "身份证一一零一零一一九九零零三零七零一三叉",
            "身份证[identity]",
        ),
        ("卡号六二二二零二一二三四五六七八九零一二三", "卡号[card]"),
        ("尾号八八八八", "尾号[card]"),
        ("尾号四个八", "尾号[card]"),
        ("订单一二三四五六", "订单[order]"),
        ("转一万二千块", "转[money]"),
        ("十二点三十五分来", "[time]来"),
        ("生日是三月五号", "生日是[date]"),
        ("三月五号来", "三月五号来"),
        ("我买了三个", "我买了三个"),
        ("查一下两张卡", "查一下两张卡"),
        ("one two three four", "[number]"),
        ("1,2,3,4", "[number]"),
        ("２３４５６", "[number]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn partials_hide_a_number_that_is_still_growing() {
    let mut redactor = Redactor::default();
    assert_eq!(
        redactor.redact(Side::Caller, "我的电话是幺三", false),
        "我的电话是[number]"
    );
    assert_eq!(redactor.redact(Side::Caller, "我想查一", false), "我想查一");
}

#[test]
fn a_number_goes_on_over_turns_and_interruptions() {
    let mut redactor = Redactor::default();
    assert_eq!(
        redactor.redact(Side::Caller, "我的手机是幺三八", true),
        "我的手机是[number]"
    );
    assert_eq!(redactor.redact(Side::Agent, "嗯", true), "嗯");
    assert_eq!(redactor.redact(Side::Caller, "零零", true), "[number]");
    assert_eq!(
        redactor.redact(Side::Caller, "好的，幺三", true),
        "好的，[number]"
    );
    assert_eq!(
        redactor.redact(Side::Caller, "谢谢你三次", true),
        "谢谢你三次"
    );
    assert_eq!(
        redactor.redact(Side::Agent, "请说一下您的卡号", true),
        "请说一下您的卡号"
    );
    assert_eq!(redactor.redact(Side::Caller, "六二二", true), "[card]");
}

/// Redacts the turns of one call: `A` begins an agent's turn, `C` a caller's.
fn call(turns: &[&str]) -> Vec<String> {
    let mut redactor = Redactor::default();
    turns
        .iter()
        .map(|turn| match turn.split_at(2) {
            ("A ", text) => redactor.redact(Side::Agent, text, true),
            (_, text) => redactor.redact(Side::Caller, text, true),
        })
        .collect()
}

#[test]
fn words_between_its_groups_leave_nothing_of_a_number() {
    for text in [
        "我号码是一三八好零零一好三八零好零零",
        "电话是幺三八对零零一对三八零对零零零对",
        "号码是九八七明唔明六五四得唔得三二",
        "电话系六一二啱唔啱三四五啱唔啱七八",
        "幺三八没错吧零零对不对幺三八",
        "it's four one five sure five five five sure one two one sure two",
        "seven oh two correct three three fine one one perfect nine",
        "it's four one five you know five five five whatever one two one two",
    ] {
        let left = redact(text);
        let digits = runs_of(&Folded::new(&left));
        assert!(digits.is_empty(), "{text} became {left}");
    }
}

#[test]
fn a_number_read_back_in_groups_is_hidden() {
    assert_eq!(
        call(&[
            "A 您的电话是幺三八对吧",
            "C 对",
            "A 零零幺对吧",
            "C 嗯对的",
            "A 三八对吗"
        ]),
        [
            "您的电话是[number]对吧",
            "对",
            "[number]对吧",
            "嗯对的",
            "[number]对吗"
        ]
    );
}

#[test]
fn counts_beside_each_other_stay() {
    for text in [
        "我等了三五天打了两三次电话说了四五遍",
        "一对一服务好不好",
        "密码一直错改一下要三个月吗",
        "密码错了两三次",
        "i tried two or three times sure",
        "i bought two sure and three okay",
        "it'll go back on the original card within five to seven days",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn security_codes_and_endings_of_three_digits_are_hidden_anywhere() {
    for (text, redacted) in [
        ("我的安全码是三二一没错吧", "我的安全码是[number]没错吧"),
        ("cvv是三二一对吗", "cvv是[number]对吗"),
        (
            "the cvv is three two one can you try again",
            "the cvv is [number] can you try again",
        ),
        (
            "my pin is one two three can you reset it",
            "my pin is [number] can you reset it",
        ),
        ("密码是三个八帮我改一下", "密码是[number]帮我改一下"),
        ("密码是一二帮我改一下", "密码是[number]帮我改一下"),
        ("身份证后四位是一二三X", "身份证后四位是[identity]"),
        (
            "the last four of my id is one two three x",
            "the last four of my id is [identity]",
        ),
        ("尾号是三二一的那张卡", "尾号是[number]的那张卡"),
        (
            "the verification code i got is 493 and it fails",
            "the verification code i got is [number] and it fails",
        ),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn what_was_asked_for_is_hidden_wherever_it_stands_in_the_answer() {
    for (asked, told, redacted) in [
        (
            "A what is the security code on the back",
            "C well i think three two one maybe",
            "well i think [number] maybe",
        ),
        (
            "A 请说一下卡背面的安全码",
            "C 我看一下是三二一好像",
            "我看一下是[number]好像",
        ),
        (
            "A 身份证后四位是多少",
            "C 我没记错的话五五六X谢谢你",
            "我没记错的话[identity]谢谢你",
        ),
    ] {
        assert_eq!(call(&[asked, told])[1], redacted, "{told}");
    }
}

/// Pieces that numbers are made of, and things that come between.
fn pieces() -> impl Strategy<Value = String> {
    let digit = prop::sample::select(vec![
        "0",
        "1",
        "7",
        "９",
        "零",
        "幺",
        "两",
        "三",
        "八",
        "九",
        "洞",
        "拐",
        "十",
        "百",
        "千",
        "万",
        "one",
        "two",
        "seven",
        "oh",
        "double three",
        "triple nine",
        "三个八",
        "双六",
        "孖六",
        "仨七",
        "三条八",
        "两條",
        "twenty",
        "hundred",
        "①",
        "壹",
        "廿",
        "thousand",
        "四百",
        "fifteen",
        "二十三",
        "四零二",
    ]);
    let gap = prop::sample::select(vec![
        "",
        " ",
        "-",
        "，",
        "嗯",
        "uh ",
        "那个",
        " and ",
        "。",
        "不对",
        " no ",
        "\u{200b}",
        "🙂",
        "我的电话是",
        "块",
        "点",
        "月",
        "号",
        "年",
        "个",
        "card ",
        "x",
        "元",
        ":",
        "/",
        "和",
        " to ",
        "身份证",
        "对吧",
        "明唔明",
        "好",
        "栋",
        "山",
        " sure ",
        " correct ",
    ]);
    prop::collection::vec((digit, gap), 0..24).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(digit, gap)| [digit, gap])
            .collect()
    })
}

/// A number dictated in groups of up to three, words of agreement between them.
fn dictated() -> impl Strategy<Value = String> {
    let digit = prop::sample::select(vec!["零", "幺", "二", "三", "四", "五", "六", "八", "九"]);
    let group = prop::collection::vec(digit, 1..4).prop_map(|digits| digits.concat());
    let agreed = prop::sample::select(vec![
        "对",
        "对吧",
        "对吗",
        "好",
        "好的",
        "没错吧",
        "是吧",
        "啱唔啱",
        "明唔明",
        "得唔得",
        " sure ",
        " correct ",
        "嗯对",
        "可以吗",
    ]);
    prop::collection::vec((group, agreed), 4..8).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(group, agreed)| [group, agreed.to_owned()])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_run_of_four_digits_survives(text in pieces()) {
        let redacted = redact(&text);
        prop_assert!(is_clean(&redacted), "{text} became {redacted}");
        prop_assert_ne!(redacted, WITHHELD, "{} is withheld as a whole", text);
    }

    #[test]
    fn no_digit_survives_between_words_of_agreement(text in dictated()) {
        let redacted = redact(&text);
        prop_assert!(runs_of(&Folded::new(&redacted)).is_empty(), "{text} became {redacted}");
    }

    #[test]
    fn any_text_is_redacted_without_panic(text in any::<String>()) {
        prop_assert!(is_clean(&redact(&text)));
    }
}

#[test]
fn misheard_digits_and_words_for_brackets_leave_nothing_of_a_number() {
    for (text, redacted) in [
        ("号码是一三八 酒酒 巴巴 二三四五", "号码是[phone]"),
        ("号码是一三八酒酒巴巴", "号码是[number]"),
        ("我的卡号是六二二二灵灵灵", "我的卡号是[card]"),
        ("身份證C六六八八九九 括住零", "身份證[identity]"),
        ("身份證C六六八八九九括弧入面零", "身份證[identity]"),
        (
            "my number is oh seven seven double oh nine hundred won too three",
            "my number is [phone]",
        ),
        (
            "my number is oh seven seven oh nine ate to",
            "my number is [number]",
        ),
        (
            "my pin is four five six seven to unlock",
            "my pin is [number] to unlock",
        ),
        ("有效期零八二七后三位七三幺", "有效期[number]后三位[number]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn a_year_that_somebody_was_born_in_is_hidden() {
    for (text, redacted) in [
        ("我八六年三月生", "我[date]生"),
        ("我属虎的八六年三月生", "我属虎的[date]生"),
        ("我八五年的", "我[date]的"),
        ("我爸是四二年的", "我爸是[date]的"),
        ("我係八八年嘅", "我係[date]嘅"),
        ("我五三年属蛇", "我[date]属蛇"),
        ("born sixty three", "born [date]"),
        (
            "he was born twenty weeks early",
            "he was born twenty weeks early",
        ),
        ("i was born in may sixty one", "i was born in [date]"),
        ("born may the second sixty one", "born [date]"),
        ("i was born in sixty one", "i was born in [date]"),
        ("我一八年的账单", "我一八年的账单"),
        ("我二零年的时候", "我二零年的时候"),
        ("八六年三月生效", "八六年三月生效"),
        ("这张卡是一五年的", "这张卡是一五年的"),
        ("i was born in march", "i was born in march"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn three_digits_that_belong_to_nobody_stay() {
    for text in [
        "会议室是三零五",
        "版本是二点一点四",
        "利率是三点八五",
        "我排在A零三五",
        "排到B零二八",
        "打幺幺零报警了",
        "幺二零来了没",
        "打九九九報警",
        "room two oh one",
        "queue number b oh two eight",
        "a boeing seven three seven",
        "call nine nine nine",
    ] {
        assert_eq!(redact(text), text);
    }
    for (text, redacted) in [
        ("我身份证是幺幺零", "我身份证是[number]"),
        ("幺三八", "[number]"),
        ("我住三零五", "我住[number]"),
        // Longer ones never leave the box, but are nobody's telephone.
        ("九五五八八是你们的电话吧", "[number]是你们的电话吧"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn an_open_number_goes_on_whatever_words_stand_around_its_groups() {
    for turns in [
        &[
            "A could i take your card number",
            "C it says five five",
            "A lovely",
            "C followed by six nine",
            "A bear with me i need a pen",
            "C and the bit after that reads two two i think",
        ][..],
        &[
            "A 麻烦核对一下账号",
            "C 这边写的是四二",
            "A 您慢点说我拿支笔",
            "C 我翻到背面哈上头印着三七",
            "C 末尾那里是饿九",
        ],
        &[
            "C 幺三八",
            "C 那接下来呢就轮到七六",
            "A 七六",
            "C 然之后等我睇下先九五",
        ],
        &[
            "A what number can i reach you on",
            "C my husband's is four one",
        ],
    ] {
        for (turn, redacted) in turns.iter().zip(call(turns)) {
            let left = runs_of(&Folded::new(&redacted));
            assert!(
                left.iter().all(|run| run.length < 2),
                "{turn} became {redacted}"
            );
        }
    }
}

#[test]
fn what_is_counted_while_a_number_is_open_stays() {
    let asked = "A could i take your number 请报一下卡号";
    for told in [
        "C 我打了两三次电话",
        "C 我等到八九点",
        "C 我问下五一放假吗",
        "C 乱七八糟的",
        "C i waited two three days",
        "C i tried two or three times",
    ] {
        assert_eq!(call(&[asked, told])[1], told[2..]);
    }
    // What was asked for long ago is open no more.
    let talk = [
        "A 您的卡号是多少",
        "C 没带在身上",
        "A 那您改天再来",
        "C 行",
        "A 再会啊先生",
        "C 路上小心点",
        "A 谢谢您的理解",
        "C 我再说一句",
        "A 您请说吧没事",
        "C 我家住十楼",
        "C 三四吧大概这么多",
    ];
    assert_eq!(call(&talk)[10], "三四吧大概这么多");
}

#[test]
fn a_birth_date_is_told_over_turns() {
    for (turns, redacted) in [
        (
            &[
                "A what's your date of birth",
                "C third of",
                "C february",
                "C eighty eight",
            ][..],
            &[
                "what's your date of birth",
                "[date] of",
                "[date]",
                "[number]",
            ][..],
        ),
        (
            &["A 您的出生日期是", "C 腊月", "C 初八"],
            &["您的出生日期是", "[date]", "[date]"],
        ),
        (
            &[
                "A when were you born",
                "C i may have told you",
                "C the first time i called",
            ],
            &[
                "when were you born",
                "i may have told you",
                "the first time i called",
            ],
        ),
        (&["C 我生日是八八年三月初五"], &["我生日是[date]"]),
        (&["C 三月初五来"], &["三月初五来"]),
    ] {
        assert_eq!(call(turns), redacted, "{turns:?}");
    }
}

#[test]
fn long_runs_of_one_thing_take_no_time_out_of_proportion() {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for part in [" ", ",", "-", "嗯", "uh ", "a b ", "我姓王", "。"] {
            let text = format!("x{}", part.repeat(60_000));
            crate::entities_of(&text);
            redact(&text);
        }
        done.send(()).unwrap();
    });
    // Linear in some seconds; quadratic in as many hours.
    let waited = ended.recv_timeout(std::time::Duration::from_secs(90));
    waited.expect("every text is read within the deadline");
}

#[test]
fn a_bracket_is_closed_with_the_number_that_opened_it() {
    assert_eq!(redact("身分證C345678(9)喎"), "身分證[identity]喎");
}

#[test]
fn words_of_one_letter_behind_a_number_stay() {
    for (text, redacted) in [
        (
            "in two thousand and twenty two i moved",
            "in [number] i moved",
        ),
        ("five thousand six hundred a month", "[number] a month"),
        ("it is 4477120 b thanks", "it is [number] thanks"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn noughts_that_are_written_as_letters_are_hidden_with_their_number() {
    assert_eq!(redact("电话一3七00一3七ooo"), "电话[phone]");
    assert_eq!(redact("ooo nice"), "ooo nice");
}
