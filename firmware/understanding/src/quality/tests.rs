//! What a rule set finds in a call, with its time, and which mistakes of a rule set are named.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trunkside_call::Side;

use super::*;

fn rules(text: &str) -> QualityRules {
    QualityRules::parse(Path::new("rules.toml"), text).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    QualityRules::parse(Path::new("rules.toml"), text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// The outcome of one rule after some turns.
fn outcome(rules: QualityRules, turns: &[(Side, &str)], name: &str) -> Option<QualityOutcome> {
    let mut check = QualityCheck::new(Arc::new(rules));
    for (second, (side, text)) in turns.iter().enumerate() {
        check.hear(*side, text, Duration::from_secs(10 * second as u64));
    }
    check
        .outcomes()
        .into_iter()
        .find(|outcome| outcome.rule == name)
}

use Side::{Agent, Caller};

#[test]
fn both_rule_sets_that_ship_are_whole() {
    for (shipped, enough) in [(QualityRules::bank(), 12), (QualityRules::shop(), 12)] {
        assert!(shipped.names().count() >= enough);
    }
}

#[test]
fn banned_phrases_are_found_with_their_time_through_homophones_and_fillers() {
    for text in [
        "这个产品保本的",
        "這個產品保本",
        "这个呃保嗯本",
        "这个宝本的",
        "it is guaranteed",
        "你放心稳赚不赔",
        "呢个实赚嘅",
    ] {
        let turns = [(Agent, "您好"), (Agent, text)];
        let found = outcome(QualityRules::bank(), &turns, "guaranteed_return").unwrap();
        assert!(!found.kept, "{text}");
        assert_eq!(found.hits[0].at, Duration::from_secs(10), "{text}");
    }
    for text in [
        "这个产品不保本",
        "it is not guaranteed",
        "本来就这样",
        "保证金",
    ] {
        let found = outcome(QualityRules::bank(), &[(Agent, text)], "guaranteed_return").unwrap();
        assert!(found.kept, "{text}: {found:?}");
    }
    let by_caller = outcome(
        QualityRules::bank(),
        &[(Caller, "保本吗"), (Agent, "您好")],
        "guaranteed_return",
    );
    assert!(by_caller.unwrap().kept);
}

#[test]
fn required_scripts_must_come_in_time() {
    let greeting = |turns: &[(Side, &str)]| outcome(QualityRules::bank(), turns, "greeting");
    assert!(greeting(&[(Agent, "喂您好请讲")]).unwrap().kept);
    assert!(!greeting(&[(Agent, "讲")]).unwrap().kept);
    assert!(
        !greeting(&[
            (Agent, "讲"),
            (Caller, "余额"),
            (Agent, "等一下"),
            (Agent, "您好")
        ])
        .unwrap()
        .kept
    );
    // Nobody is judged who has not spoken.
    assert_eq!(greeting(&[(Caller, "你好")]), None);
    assert!(!greeting(&[(Agent, "给您造成不便了")]).unwrap().kept);
    assert!(!greeting(&[(Agent, "你好像打错了")]).unwrap().kept);
    assert!(greeting(&[(Agent, "早晨呀")]).unwrap().kept);
    let to_shop = |text| {
        outcome(QualityRules::shop(), &[(Agent, text)], "greeting")
            .unwrap()
            .kept
    };
    assert!(to_shop("亲在的呢"));
    assert!(!to_shop("要本人亲自签收"));
    let notice = |text| {
        outcome(QualityRules::bank(), &[(Agent, text)], "recording_notice")
            .unwrap()
            .kept
    };
    assert!(notice("为了服务质量本次通话会被录音"));
    assert!(!notice("本次通话不会被录音"));
    assert!(!notice("this call is not being recorded"));
}

#[test]
fn a_step_is_due_when_its_matter_comes_up_and_before_it_is_settled() {
    let check = |turns: &[(Side, &str)]| outcome(QualityRules::bank(), turns, "identity_check");
    let asked = (Caller, "帮我查一下余额");
    assert_eq!(check(&[(Agent, "您好"), (Caller, "几点开门")]), None);
    assert!(!check(&[(Agent, "您好"), asked]).unwrap().kept);
    assert!(
        check(&[(Agent, "您好"), asked, (Agent, "先核对一下您的身份")])
            .unwrap()
            .kept
    );
    let late = [
        (Agent, "您好"),
        asked,
        (Agent, "您的余额是五百"),
        (Agent, "核对一下您的身份"),
    ];
    assert!(!check(&late).unwrap().kept);
    assert_eq!(
        check(&[(Agent, "I will transfer you to the loans desk")]),
        None
    );
    let risk = |text| {
        outcome(
            QualityRules::bank(),
            &[(Caller, "想买基金"), (Agent, text)],
            "risk_notice",
        )
        .unwrap()
        .kept
    };
    assert!(risk("这个产品有风险的"));
    assert!(risk("并不是没有风险"));
    assert!(!risk("这个产品没有风险的"));
    assert!(!risk("there is no risk at all"));
    let english = [
        (Agent, "hello"),
        (Caller, "I want my balance"),
        (Agent, "can you confirm your name"),
    ];
    assert!(check(&english).unwrap().kept);
}

#[test]
fn perfunctory_answers_are_counted() {
    let answers = |count: usize| {
        let turns = vec![(Agent, "我不知道"); count];
        outcome(QualityRules::shop(), &turns, "perfunctory")
            .unwrap()
            .kept
    };
    assert!(answers(2));
    assert!(!answers(3));
}

#[test]
fn homophones_can_be_turned_off() {
    let text =
        "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"保本\"]\nby_sound = false\n";
    assert!(outcome(rules(text), &[(Agent, "宝本")], "a").unwrap().kept);
    assert!(!outcome(rules(text), &[(Agent, "保本")], "a").unwrap().kept);
}

#[test]
fn two_syllables_are_heard_in_their_tone_and_three_in_any() {
    let text = "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"保本\", \"没风险\"]\nexact = [\"黐线\"]";
    let kept = |said| outcome(rules(text), &[(Agent, said)], "a").unwrap().kept;
    assert!(!kept("宝本"));
    assert!(kept("报本"));
    assert!(!kept("煤封线"));
    assert!(!kept("黐线"));
    assert!(kept("吃线"));
}

#[test]
fn a_denial_stands_right_before_the_phrase() {
    let text = "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"保本\", \"保息\", \"guaranteed\"]\n\
                unless = [\"不\", \"没有\", \"not\", \"no\"]\nexcept = [\"确保本\"]";
    let kept = |said| outcome(rules(text), &[(Agent, said)], "a").unwrap().kept;
    for denied in [
        "不保本",
        "不呃是保本",
        "不能保证保本",
        "不保本保息",
        "没有一个保本",
        "请确保本人到场",
        "it is not fully guaranteed",
    ] {
        assert!(kept(denied), "{denied}");
    }
    for said in [
        "不错保本",
        "没有问题保本",
        "不会的保本",
        "不，保本",
        "不保本才怪保息",
        "no it is guaranteed",
        "确保本人保本",
    ] {
        assert!(!kept(said), "{said}");
    }
}

#[test]
fn a_phrase_can_be_a_whole_clause() {
    let text = "[[rule]]\nname = \"a\"\nkind = \"rude\"\nphrases = [\"^滚$\", \"^whatever\"]";
    let kept = |said| outcome(rules(text), &[(Agent, said)], "a").unwrap().kept;
    for said in [
        "滚",
        "嗯滚啊",
        "好了，滚。",
        "Whatever!",
        "no, whatever you say",
    ] {
        assert!(!kept(said), "{said}");
    }
    for said in ["滚动理财", "翻滚", "do whatever"] {
        assert!(kept(said), "{said}");
    }
}

#[test]
fn a_short_phrase_inside_a_longer_word_is_none() {
    for rules in [QualityRules::bank(), QualityRules::shop()] {
        let kept = |said: &str, name: &str| {
            let outcome = outcome(rules.clone(), &[(Agent, said)], name);
            outcome.unwrap().kept
        };
        for said in [
            "好的再见",
            "再见您慢走",
            "祝您生活愉快再见",
            "拜拜",
            "多谢来电拜拜",
            "还有其他可以帮到您的吗",
            "还有别的事吗",
            "is there anything else i can do for you",
            "thank you goodbye",
        ] {
            assert!(kept(said, "closing"), "{said}");
        }
        for said in [
            "下次再见面的时候带上证件",
            "到时候再见到他请转告",
            "您就不用再见一次客户经理了",
            "没再见过这笔钱",
            "这个小区还在建设",
            "还有其他颜色吗",
            "还有别的卡吗",
            "say goodbye to long queues",
            "did you buy anything else that day",
        ] {
            assert!(!kept(said, "closing"), "{said}");
        }
        for said in ["您好", "喂你好请讲", "早晨呀", "早上好"] {
            assert!(kept(said, "greeting"), "{said}");
        }
        for said in [
            "这也是为你好",
            "合同已经拟好了",
            "早上好像有人打过",
            "晚上好几个客户等着",
            "听日早晨八点",
        ] {
            assert!(!kept(said, "greeting"), "{said}");
        }
    }
}

#[test]
fn phrases_that_share_words_are_one_hit() {
    let hits = |text: &str, said: &str| -> Vec<String> {
        let outcome = outcome(rules(text), &[(Agent, said)], "a").unwrap();
        outcome.hits.into_iter().map(|hit| hit.text).collect()
    };
    let text = "[[rule]]\nname = \"a\"\nkind = \"banned\"\n\
                phrases = [\"保本\", \"稳赚\", \"稳赚不赔\", \"保本*收益\", \"guaranteed\", \"guaranteed return\"]";
    assert_eq!(hits(text, "稳赚不赔的"), ["稳赚不赔"]);
    assert_eq!(hits(text, "稳赚不赔，稳赚"), ["稳赚不赔", "稳赚"]);
    assert_eq!(hits(text, "保本又有收益"), ["保本*收益"]);
    assert_eq!(hits(text, "保本稳赚"), ["保本", "稳赚"]);
    assert_eq!(hits(text, "a guaranteed return"), ["guaranteed return"]);
    // An answer that helps nobody counts once, whatever phrases name it.
    let answers = [(Agent, "我也没办法"), (Agent, "我也没办法")];
    let twice = outcome(QualityRules::bank(), &answers, "perfunctory").unwrap();
    assert!(twice.kept && twice.hits.len() == 2, "{twice:?}");
}

#[test]
fn a_phrase_may_run_over_two_turns_of_a_speaker() {
    let broken = |turns: &[(Side, &str)]| {
        let outcome = outcome(QualityRules::bank(), turns, "guaranteed_return").unwrap();
        let hits = outcome.hits.into_iter();
        hits.map(|hit| (hit.at.as_secs(), hit.text))
            .collect::<Vec<_>>()
    };
    let one = |at: u64, text: &str| vec![(at, text.to_owned())];
    let first = (Agent, "您好");
    let begins = (Agent, "这款产品稳赚");
    assert_eq!(
        broken(&[first, (Agent, "这款产品是只赚"), (Agent, "不赔的")]),
        one(10, "只赚不赔")
    );
    // Whoever listens may agree.
    assert_eq!(
        broken(&[(Agent, "我们是保"), (Caller, "嗯"), (Agent, "本的")]),
        one(0, "保本")
    );
    assert_eq!(
        broken(&[(Agent, "this is a guaranteed"), (Agent, "return")]),
        one(0, "guaranteed")
    );
    // What was counted in the first turn is not again.
    assert_eq!(broken(&[first, begins, (Agent, "不赔")]), one(10, "稳赚"));
    // The other side's words part two turns, and so does an end within a gap.
    for turns in [
        [
            (Agent, "这款产品是只赚"),
            (Caller, "手续费多少"),
            (Agent, "不赔付"),
        ],
        [
            (Agent, "我们保证三天回复"),
            (Agent, "收益情况另行通知"),
            (Agent, "好"),
        ],
        [(Agent, "这款产品不是"), (Agent, "保本的"), (Agent, "好")],
    ] {
        assert_eq!(broken(&turns), [], "{turns:?}");
    }
    // A short answer denies nothing of the next turn.
    assert_eq!(broken(&[(Agent, "不"), (Agent, "保本的")]), one(10, "保本"));
    let closing = [(Agent, "感谢您的"), (Agent, "来电")];
    assert!(
        outcome(QualityRules::bank(), &closing, "closing")
            .unwrap()
            .kept
    );
}

#[test]
fn problems_name_key_line_and_remedy() {
    for (text, expected) in [
        ("", "line 1: there must be 1 to 500 `[[rule]]`, not 0"),
        (
            "[[rule]]\nname = \"a\"\nkind = \"odd\"\nphrases = [\"x\"]",
            "line 3: `kind` must be one of banned",
        ),
        (
            "[[rule]]\nname = \"A b\"\nkind = \"banned\"\nphrases = [\"x\"]",
            "line 2: `name` must be 1 to 64",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = []",
            "line 4: `phrases` must hold 1 to 200",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\n\"x\",\n\"…\"]",
            "line 6: `phrases` holds `…`",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"step\"\nphrases = [\"x\"]",
            "line 1: `a` is a step without `when`",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"x\"]\nwithin_s = 0",
            "line 5: `within_s` must be from 1",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"x\"]\nside = \"both\"",
            "line 5: `side` must be agent or caller",
        ),
        (
            "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrase = [\"x\"]",
            "line 4: unknown field `phrase`",
        ),
        ("[[rule]\n", "line 1: "),
    ] {
        let told = problems(text);
        assert!(
            told[0].contains("`rules.toml`, ") && told[0].contains(expected),
            "{text}: {told:?}"
        );
    }
    let two = "[[rule]]\nname = \"a\"\nkind = \"x\"\nphrases = []\n";
    assert_eq!(problems(two).len(), 2);
    let same = "[[rule]]\nname = \"a\"\nkind = \"banned\"\nphrases = [\"x\"]\n".repeat(2);
    assert!(problems(&same)[0].contains("line 6: `name` `a` is taken"));
}
