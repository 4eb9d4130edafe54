//! Which numbers of a call are one, and what corrections make of them.

use Side::{Agent, Caller};

use super::*;

/// What a call named, as `kind value`, after these turns.
fn named(turns: &[(Side, &str)]) -> Vec<String> {
    let mut call = CallEntities::default();
    for (side, text) in turns {
        call.hear(*side, text);
    }
    // Where something was said is in the words that were.
    for entity in call.found() {
        for place in &entity.places {
            let length = turns[place.turn].1.chars().count();
            assert!(place.start < place.end && place.end <= length, "{entity:?}");
            assert_eq!(turns[place.turn].0, Caller);
        }
    }
    let found = call.found().iter();
    found
        .map(|entity| format!("{} {}", entity.kind.name(), entity.value.reveal()))
        .collect()
}

#[test]
fn a_number_told_over_turns_is_one() {
    for (turns, expected) in [
        (
            &[
                (Caller, "my order number is eight eight one"),
                (Caller, "two four"),
                (Caller, "no, seven not four"),
            ][..],
            "order 88127",
        ),
        (
            &[
                (Agent, "what is your order number"),
                (Caller, "eight eight one"),
                (Agent, "okay"),
                (Caller, "um two four"),
            ],
            "order 88124",
        ),
        (
            &[
                (Caller, "我的订单号是八八一"),
                (Agent, "嗯"),
                (Caller, "二四"),
                (Caller, "不对是七不是四"),
            ],
            "order 88127",
        ),
        (
            &[
                (Caller, "我张订单系八八一"),
                (Caller, "跟住系二四"),
                (Caller, "唔系，系七唔系四"),
            ],
            "order 88127",
        ),
        (
            &[
                (Caller, "我手机号是"),
                (Caller, "幺三八零零"),
                (Caller, "幺三八"),
                (Caller, "零零零"),
            ],
            "phone 13800138000",
        ),
        (
            &[
                (Agent, "您的手机号是多少"),
                (Caller, "一三八零零一三八"),
                (Agent, "好的"),
                (Caller, "零零零"),
            ],
            "phone 13800138000",
        ),
    ] {
        assert_eq!(named(turns), [expected], "{turns:?}");
    }
}

#[test]
fn a_later_turn_puts_a_number_right() {
    for (told, later, expected) in [
        (
            "我的订单号是八八一二四",
            "最后一位是七不是四",
            "order 88127",
        ),
        (
            "我的订单号是八八一二四",
            "哦错了，最后一位是七",
            "order 88127",
        ),
        ("我的订单号是八八一二四", "不对，第三位是五", "order 88524"),
        (
            "我的订单号是八八一二四",
            "说错了应该是八八一二七",
            "order 88127",
        ),
        ("我的订单号是八八一二四", "不是一是五", "order 88524"),
        ("我张订单号码系八八一二四", "唔系四系七", "order 88127"),
        (
            "我张订单号码系八八一二四",
            "讲错咗，尾嗰个字系七",
            "order 88127",
        ),
        (
            "我张订单号码系八八一二四",
            "唔啱，应该系八八一二七",
            "order 88127",
        ),
        (
            "my order number is eight eight one two four",
            "sorry the last digit is seven",
            "order 88127",
        ),
        (
            "my order number is eight eight one two four",
            "it should be seven not four",
            "order 88127",
        ),
        (
            "my order number is eight eight one two four",
            "no the third digit is five",
            "order 88524",
        ),
        (
            "my order number is eight eight one two four",
            "not one but five",
            "order 88524",
        ),
        (
            "my order number is eight eight one two four",
            "actually it's eight eight one two seven",
            "order 88127",
        ),
    ] {
        let turns = [(Caller, told), (Agent, "好的请稍等"), (Caller, later)];
        assert_eq!(named(&turns), [expected], "{later}");
        // Also when they spoke of other things in between.
        let turns = [
            (Caller, told),
            (Agent, "请问您想办理什么业务"),
            (Caller, "我想问一下什么时候送到"),
            (Agent, "我帮您看一下"),
            (Caller, later),
        ];
        let found = named(&turns);
        assert!(found.contains(&expected.to_owned()), "{later}: {found:?}");
    }
}

#[test]
fn a_later_turn_puts_a_moment_or_a_sum_right() {
    for (told, later, expected) in [
        ("我想约下午三点过来", "不是三点是四点", "time 16:00"),
        ("我想约下午三点过来", "不是三点，是四点", "time 16:00"),
        ("我想约下午三点过来", "不，四点", "time 16:00"),
        ("我想约下午三点过来", "哦不对应该是四点", "time 16:00"),
        ("我想约下午三点过来", "是四点不是三点", "time 16:00"),
        ("我想约下午三点过来", "四点不是三点", "time 16:00"),
        ("我想约下午三点过来", "三点不是四点", "time 15:00"),
        ("我想约下午三点过来", "不是四点", "time 15:00"),
        ("我想约周三", "不是周三是周四", "date 周四"),
        ("退我三百块", "不是三百块是四百块", "money 400 CNY"),
        ("我想约下昼三点", "唔系三点系四点", "time 16:00"),
        ("我想约下昼三点", "系四点唔系三点", "time 16:00"),
        ("我想约下昼三点", "唔系四点", "time 15:00"),
        ("can i come at three pm", "no, four pm", "time 16:00"),
        (
            "can i come at three pm",
            "sorry four pm not three pm",
            "time 16:00",
        ),
        (
            "can i come at three pm",
            "not three pm but four pm",
            "time 16:00",
        ),
        (
            "can i come at three pm",
            "three pm not four pm",
            "time 15:00",
        ),
        ("can i come at three pm", "not four pm", "time 15:00"),
    ] {
        let turns = [(Caller, told), (Agent, "好的请稍等"), (Caller, later)];
        assert_eq!(named(&turns), [expected], "{told}: {later}");
    }
    // Who puts it right twice means the last, and what is only said to be wrong is told no more.
    let turns = [
        (Caller, "下午三点"),
        (Caller, "不，四点"),
        (Caller, "不，五点"),
    ];
    assert_eq!(named(&turns), ["time 17:00"]);
    let turns = [(Caller, "我想约下午三点"), (Caller, "不是三点")];
    assert_eq!(named(&turns), [""; 0]);
    // One more is one more.
    let turns = [(Caller, "周三有空"), (Caller, "周四也有空")];
    assert_eq!(named(&turns), ["date 周三", "date 周四"]);
}

#[test]
fn two_numbers_stay_two() {
    for (turns, expected) in [
        (
            &[
                (Caller, "我的手机号是一三八零零一三八零零零"),
                (Agent, "订单号呢"),
                (Caller, "八八一二四"),
            ][..],
            &["phone 13800138000", "order 88124"][..],
        ),
        (
            &[
                (Caller, "我的手机号是一三八零零一三八零零零"),
                (Caller, "八八一二四"),
            ],
            &["phone 13800138000", "number 88124"],
        ),
        (
            &[
                (Caller, "my order number is eight eight one two four"),
                (Agent, "and your phone number"),
                (
                    Caller,
                    "oh seven seven double oh nine hundred one two three",
                ),
            ],
            &["order 88124", "phone 07700900123"],
        ),
        (
            &[(Caller, "我的订单号是八八一二四"), (Caller, "三天能到吗")],
            &["order 88124"],
        ),
        (
            &[
                (Caller, "我的订单号是八八一二四"),
                (Caller, "是下午三点不是四点"),
            ],
            &["order 88124", "time 15:00"],
        ),
        (
            &[
                (Caller, "我的订单号是八八一二四"),
                (Caller, "我要两张不是三张"),
            ],
            &["order 88124"],
        ),
    ] {
        assert_eq!(named(turns), expected, "{turns:?}");
    }
}

#[test]
fn a_number_that_is_said_again_is_the_same() {
    let turns = [
        (Caller, "我的订单号是八八一二四"),
        (Agent, "八八一二四对吗"),
        (Caller, "对订单号八八一二四"),
    ];
    assert_eq!(named(&turns), ["order 88124"]);
    let mut call = CallEntities::default();
    for (side, text) in turns {
        call.hear(side, text);
    }
    let turns: Vec<usize> = call.found()[0]
        .places
        .iter()
        .map(|place| place.turn)
        .collect();
    assert_eq!(turns, [0, 2]);
}

#[test]
fn odd_turns_are_heard_without_panic() {
    let pieces = [
        "",
        "，",
        "一",
        "不是四是七",
        "七不是四",
        "第九位是二",
        "最后一位是七",
        "no",
        "not four",
        "🙂三",
        "八八一二四",
        "我的订单号是",
        "the tenth digit is one",
        "\u{0}",
    ];
    for first in pieces {
        for second in pieces {
            for third in pieces {
                named(&[
                    (Caller, first),
                    (Agent, second),
                    (Caller, third),
                    (Caller, second),
                ]);
            }
        }
    }
}
