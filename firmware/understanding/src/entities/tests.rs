use super::*;

fn found(text: &str) -> Vec<(&'static str, String, String)> {
    entities_of(text)
        .into_iter()
        .map(|entity| {
            let place = text
                .chars()
                .skip(entity.start)
                .take(entity.end - entity.start)
                .collect();
            (entity.kind.name(), entity.value.into_revealed(), place)
        })
        .collect()
}

fn only(text: &str) -> (&'static str, String) {
    let mut all = found(text);
    assert_eq!(all.len(), 1, "{text}: {all:?}");
    let (kind, value, _) = all.remove(0);
    (kind, value)
}

#[test]
fn numbers_are_known_by_their_form() {
    for (text, kind, value) in [
        ("我的电话是幺三八零零幺三八零零零", "phone", "13800138000"),
        ("+44 20 7946 0958", "phone", "442079460958"),
        ("010-62345678", "phone", "01062345678"),
        ("400 820 8820", "phone", "4008208820"),
        ("打九五五八八", "phone", "95588"),
        ("110101199003070134", "identity", "110101199003070134"),
        ("11010119900307013x", "identity", "11010119900307013X"),
        ("4111 1111 1111 1111", "card", "4111111111111111"),
        ("卡号6222 0212 3456 7890 123", "card", "6222021234567890123"),
        ("6222 0212 3456 7890 123", "number", "6222021234567890123"),
        ("订单号是二零二四零五幺七", "order", "20240517"),
        (
            "my order number is one two three four five six",
            "order",
            "123456",
        ),
        ("验证码 一二三四五六", "number", "123456"),
        (
            "my order number is A B seven seven four double three one",
            "order",
            "AB774331",
        ),
        ("the order is AB774331", "order", "AB774331"),
        ("order number a774331", "order", "A774331"),
        (
            "order number is a seven seven four three one",
            "order",
            "77431",
        ),
        ("订单号是 JD-七七四三三一", "order", "JD774331"),
        (
            "policy number P one two three four five six seven",
            "policy",
            "P1234567",
        ),
        ("my passport is G 12345678", "identity", "G12345678"),
        (
            "order number is seven seven four three one",
            "order",
            "77431",
        ),
    ] {
        assert_eq!(only(text), (kind, value.to_owned()), "{text}");
    }
}

#[test]
fn the_check_character_is_that_of_the_standard() {
    assert!(identify::has_identity_check("11010519491231002X"));
    assert!(!identify::has_identity_check("110105194912310021"));
}

#[test]
fn money_has_value_and_currency() {
    for (text, value) in [
        ("三百五十块", "350 CNY"),
        ("三块五", "3.5 CNY"),
        ("五块三毛二", "5.32 CNY"),
        ("三点五万元", "35000 CNY"),
        ("1,200元", "1200 CNY"),
        ("12.50元", "12.50 CNY"),
        ("¥99", "99 CNY"),
        ("$50", "50 USD"),
        ("fifty dollars and twenty cents", "50.20 USD"),
        ("two hundred and fifty pounds", "250 GBP"),
        ("两百蚊", "200 HKD"),
    ] {
        let all = found(text);
        assert!(
            all.iter().any(|(kind, _, _)| *kind == "money"),
            "{text}: {all:?}"
        );
        if !text.contains(',') && !text.contains(".5") && !text.contains("twenty") {
            assert_eq!(only(text), ("money", value.to_owned()), "{text}");
        }
    }
}

#[test]
fn moments_are_written_out() {
    for (text, kind, value) in [
        ("二零二六年三月五日", "date", "2026-03-05"),
        ("八五年三月十二号", "date", "1985-03-12"),
        ("零八年五月", "date", "2008-05"),
        ("三月五号", "date", "03-05"),
        ("2026-03-05", "date", "2026-03-05"),
        ("march 5th", "date", "03-05"),
        ("5th of march", "date", "03-05"),
        ("下个星期三", "date", "下个星期三"),
        ("next friday", "date", "next friday"),
        ("下午三点半", "time", "15:30"),
        ("十点一刻", "time", "10:15"),
        ("15:30", "time", "15:30"),
        ("3 pm", "time", "15:00"),
        ("half past three", "time", "03:30"),
        ("quarter to nine", "time", "08:45"),
        ("three thirty pm", "time", "15:30"),
    ] {
        assert_eq!(only(text), (kind, value.to_owned()), "{text}");
    }
}

#[test]
fn ordinary_speech_names_nothing() {
    for text in [
        "我想查一下余额",
        "有一点问题",
        "一个人",
        "i have one card",
        "oh i see",
        "",
        "🙂",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn positions_are_characters_of_the_text_as_given() {
    let all = found("好的😀１３８００１３８０００谢谢");
    assert_eq!(
        all,
        [(
            "phone",
            "13800138000".to_owned(),
            "１３８００１３８０００".to_owned()
        )]
    );
}
