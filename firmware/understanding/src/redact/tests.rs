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
    ]);
    prop::collection::vec((digit, gap), 0..24).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(digit, gap)| [digit, gap])
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
    fn any_text_is_redacted_without_panic(text in any::<String>()) {
        prop_assert!(is_clean(&redact(&text)));
    }
}
