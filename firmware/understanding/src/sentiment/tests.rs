//! Which feeling words and voice show together, and why.

use trunkside_call::{Emotion, SentimentLabel};

use super::*;

/// As measured of one voice saying the same words calmly.
const CALM: Prosody = Prosody {
    level_dbfs: -27.0,
    pitch_hz: Some(204.0),
    pitch_range_semitones: 2.6,
    syllables_per_s: 8.9,
    pause_share: 0.38,
};

/// And shouting them.
const SHOUTED: Prosody = Prosody {
    level_dbfs: -10.6,
    pitch_hz: Some(345.0),
    pitch_range_semitones: 3.0,
    syllables_per_s: 10.9,
    pause_share: 0.61,
};

#[test]
fn the_voice_decides_between_anger_and_dissatisfaction() {
    for (text, language) in [
        ("我要投诉你们太差劲了", Language::Zh),
        ("我要投诉我的包裹到现在还没收到太差劲了", Language::Zh),
        ("我要投诉", Language::Zh),
        ("我要投诉你哋真系好差", Language::Yue),
        ("i want to complain your service is terrible", Language::En),
    ] {
        let calm = mood_of(text, language, Some(&CALM));
        assert_eq!(calm.emotion, Emotion::Dissatisfied, "{text}: {calm:?}");
        assert_eq!(calm.sentiment.label, SentimentLabel::Negative, "{text}");
        let shouted = mood_of(text, language, Some(&SHOUTED));
        assert_eq!(shouted.emotion, Emotion::Angry, "{text}: {shouted:?}");
        assert!(shouted.emotion_score > 0.7, "{text}: {shouted:?}");
        assert!(
            shouted
                .reasons
                .iter()
                .any(|reason| reason.contains("louder"))
        );
    }
}

#[test]
fn how_loud_a_line_is_neither_raises_nor_lowers_anger() {
    // As loud as lines are set, and as quiet as they arrive.
    let lines = [-17.0, -21.0, -27.0, -33.0, -40.0, -48.0];
    let on = |level_dbfs: f32, voice: Prosody| Prosody {
        level_dbfs,
        ..voice
    };
    for (text, emotion) in [
        ("气死我了你们这帮骗子", Emotion::Angry),
        ("再不退款我就去消协", Emotion::Angry),
        ("我要投诉你们太差劲了", Emotion::Dissatisfied),
        ("我想查一下我的账户余额", Emotion::Neutral),
    ] {
        let moods = lines.map(|level| mood_of(text, Language::Zh, Some(&on(level, CALM))));
        for mood in &moods {
            assert_eq!(mood, &moods[0], "{text}");
            assert_eq!(mood.emotion, emotion, "{text}: {mood:?}");
        }
        // Whoever was heard before is judged by how they sounded on the same line.
        let felt = lines.map(|level| {
            let mut own = OwnVoice::default();
            own.hear(&on(level, CALM), std::time::Duration::from_secs(3));
            let raised = on((level + 16.4).min(-1.0), SHOUTED);
            [on(level, CALM), raised].map(|voice| {
                let feeling = feeling_beside(text, Language::Zh, Some(&voice), &own);
                feeling.mood.emotion
            })
        });
        for on_line in &felt {
            assert_eq!(on_line, &felt[2], "{text}");
        }
    }
    // Who begins to shout is angry, and goes on being so.
    let mut own = OwnVoice::default();
    for voice in [CALM, SHOUTED, SHOUTED, SHOUTED] {
        let feeling = feeling_beside("我要投诉", Language::Zh, Some(&voice), &own);
        let expected = if voice == CALM {
            Emotion::Dissatisfied
        } else {
            Emotion::Angry
        };
        assert_eq!(feeling.mood.emotion, expected, "{feeling:?}");
        own.hear(&voice, std::time::Duration::from_secs(4));
    }
}

#[test]
fn every_feeling_has_its_reasons() {
    let mut said: Vec<(String, Language)> = Vec::new();
    let lists = [
        (include_str!("../../data/intents/test/zh.tsv"), Language::Zh),
        (
            include_str!("../../data/intents/test/yue.tsv"),
            Language::Yue,
        ),
        (include_str!("../../data/intents/test/en.tsv"), Language::En),
        (include_str!("../../data/intents/kept/zh.tsv"), Language::Zh),
        (
            include_str!("../../data/intents/kept/yue.tsv"),
            Language::Yue,
        ),
        (include_str!("../../data/intents/kept/en.tsv"), Language::En),
    ];
    for (sentences, language) in lists {
        let sentences = crate::intents::parse_examples(sentences).unwrap();
        said.extend(sentences.into_iter().map(|said| (said.text, language)));
    }
    for (clauses, language) in [
        (
            include_str!("../../data/sentiment/felt.zh.txt"),
            Language::Zh,
        ),
        (
            include_str!("../../data/sentiment/felt.yue.txt"),
            Language::Yue,
        ),
        (include_str!("../../data/intents/zh/more.txt"), Language::Zh),
        (
            include_str!("../../data/intents/yue/more.txt"),
            Language::Yue,
        ),
        (include_str!("../../data/intents/en/more.txt"), Language::En),
    ] {
        let clauses = clauses.lines().filter(|line| !line.starts_with('#'));
        said.extend(clauses.map(|line| (line.to_owned(), language)));
    }
    let waits = ["等了一个小时都没人", "我都打了八遍了", "再不退款我就去消协"];
    said.extend(waits.map(|text| (text.to_owned(), Language::Zh)));
    for (text, language) in said {
        for voice in [None, Some(&CALM), Some(&SHOUTED)] {
            let mood = mood_of(&text, language, voice);
            assert!(
                mood.emotion == Emotion::Neutral || !mood.reasons.is_empty(),
                "{text}: {mood:?}"
            );
        }
    }
}

#[test]
fn plain_requests_are_neutral_in_either_voice() {
    for (text, language) in [
        ("你好我想查一下我的账户余额", Language::Zh),
        ("hello i want to check my balance", Language::En),
        ("我想查下我嘅结余", Language::Yue),
        ("我想查信用卡账单", Language::Zh),
        ("我想办一张会员卡", Language::Zh),
        ("请问怎么激活储蓄卡", Language::Zh),
        ("", Language::Zh),
    ] {
        for voice in [None, Some(&CALM), Some(&SHOUTED)] {
            let mood = mood_of(text, language, voice);
            assert_eq!(mood.emotion, Emotion::Neutral, "{text}: {mood:?}");
        }
    }
}

#[test]
fn typed_words_show_feeling_by_themselves() {
    for (text, language, emotion) in [
        ("气死我了你们这帮骗子", Language::Zh, Emotion::Angry),
        ("I am furious, you are liars!", Language::En, Emotion::Angry),
        ("我要投诉", Language::Zh, Emotion::Dissatisfied),
        ("我很着急怎么办啊", Language::Zh, Emotion::Anxious),
        (
            "i'm so worried what should i do",
            Language::En,
            Emotion::Anxious,
        ),
        ("非常满意谢谢你", Language::Zh, Emotion::Satisfied),
        (
            "the service was excellent",
            Language::En,
            Emotion::Satisfied,
        ),
        ("我不满意", Language::Zh, Emotion::Dissatisfied),
        ("not good at all", Language::En, Emotion::Dissatisfied),
    ] {
        let mood = mood_of(text, language, None);
        assert_eq!(mood.emotion, emotion, "{text}: {mood:?}");
    }
}

/// Intents whose callers complain of something whatever their words.
const COMPLAINING: [&str; 11] = [
    "complaint",
    "fault_report",
    "charge_dispute",
    "missing_parcel",
    "damaged_goods",
    "suspicious_login",
    "fraud_report",
    "public_issue",
    "transfer_problem",
    "card_problem",
    "delivery_chase",
];

#[test]
fn requests_of_the_test_sentences_are_not_angry_and_seldom_anything_but_neutral() {
    let (mut plain, mut others) = (0, Vec::new());
    for (sentences, language) in [
        (include_str!("../../data/intents/test/zh.tsv"), Language::Zh),
        (
            include_str!("../../data/intents/test/yue.tsv"),
            Language::Yue,
        ),
        (include_str!("../../data/intents/test/en.tsv"), Language::En),
    ] {
        for said in crate::intents::parse_examples(sentences).unwrap() {
            let mood = mood_of(&said.text, language, None);
            if said.label != "complaint" {
                assert_ne!(mood.emotion, Emotion::Angry, "{}: {mood:?}", said.text);
            }
            if COMPLAINING.contains(&said.label.as_str()) {
                continue;
            }
            plain += 1;
            if mood.emotion != Emotion::Neutral {
                others.push(said.text);
            }
        }
    }
    assert!(
        others.len() * 20 <= plain,
        "{} of {plain}: {others:?}",
        others.len()
    );
}

#[test]
fn words_of_service_are_no_feelings() {
    for text in [
        "我妈的卡丢了",
        "这是我妈的手机号",
        "他妈妈的账户",
        "咱妈的医保卡在哪办",
        "积分能换什么东西",
        "要带什么东西",
        "垃圾清运费怎么交",
        "尾号315",
        "315块钱",
        "我有病假单要交",
        "我接到诈骗电话",
        "how do i report a scam",
        "信用卡怎么办理",
        "怎么办卡",
        "住院押金",
        "不好意思我想改一下地址",
        "麻烦转一下人工",
        "退款多久到",
        "对不起我说错了",
        "有什么优惠活动",
        "帮我升级套餐",
        "保单上的受益人是谁",
        "你们那边今天热不热",
        "这个软件好不好用",
        "where is my lost property",
        "good afternoon can you help me",
        "what kind of accounts do you have",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Neutral, "{text}: {mood:?}");
    }
    // Somebody who swears is not pleased; one such word alone is no rage.
    assert_eq!(
        mood_of("妈的", Language::Zh, None).emotion,
        Emotion::Dissatisfied
    );
    for text in [
        "你们就是骗子",
        "你有病吧",
        "这什么垃圾银行",
        "i am really angry",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Angry, "{text}: {mood:?}");
    }
}

#[test]
fn reasons_come_from_the_lists_and_never_quote_a_number() {
    let mood = mood_of("我的卡号六二二二你们太差劲了", Language::Zh, Some(&SHOUTED));
    assert!(
        mood.reasons.contains(&"said `太差劲`".to_owned()),
        "{mood:?}"
    );
    assert!(!format!("{mood:?}").contains("六二二"));
}

#[test]
fn facts_without_a_listed_word_show_a_feeling_too() {
    for (text, language, label) in [
        (
            "窗帘关不拢早上五点就亮了",
            Language::Zh,
            SentimentLabel::Negative,
        ),
        (
            "这台机器开着开着就自己关了",
            Language::Zh,
            SentimentLabel::Negative,
        ),
        (
            "如果能送个充电器就更好了",
            Language::Zh,
            SentimentLabel::Positive,
        ),
        (
            "总体来说还是很满意的，只是早餐有点简单，电梯有点慢",
            Language::Zh,
            SentimentLabel::Positive,
        ),
        ("部機用咗兩日就壞", Language::Yue, SentimentLabel::Negative),
        (
            "佢解釋得好清楚好有耐性",
            Language::Yue,
            SentimentLabel::Positive,
        ),
        ("周末你们几点关门", Language::Zh, SentimentLabel::Neutral),
        (
            "我想把地址改成公司的",
            Language::Zh,
            SentimentLabel::Neutral,
        ),
        ("聽日開唔開門", Language::Yue, SentimentLabel::Neutral),
    ] {
        let mood = mood_of(text, language, None);
        assert_eq!(mood.sentiment.label, label, "{text}: {mood:?}");
    }
    let mood = mood_of("这台机器开着开着就自己关了", Language::Zh, None);
    assert!(
        mood.reasons
            .iter()
            .any(|reason| reason.starts_with("said `")),
        "{mood:?}"
    );
}

#[test]
fn triggers_are_whole_words() {
    assert_eq!(triggers("我要找律师投诉", Language::Zh), ["投诉", "律师"]);
    assert_eq!(triggers("I'll sue, pursue!", Language::En), ["sue"]);
    // The hotline's figures could not be told from those of a number that is nobody's business.
    for said in ["我打12315", "我打幺二三幺五", "我打一二三一五12315"] {
        assert_eq!(triggers(said, Language::Zh), ["消费者投诉热线"], "{said}");
    }
    assert!(triggers("卡号412315", Language::Zh).is_empty());
}

#[test]
fn praise_beside_a_fault_mocks() {
    for text in [
        "wonderful you've lost it again",
        "fantastic service three weeks and nothing",
        "oh great another hour on hold",
        "真行啊你们一个月了还没修好",
        "你们这速度可真快啊三天了还在本市",
        "你哋真系快呀一个礼拜都未出货",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Dissatisfied, "{text}: {mood:?}");
        assert_eq!(mood.sentiment.label, SentimentLabel::Negative, "{text}");
    }
    for text in [
        "great thank you so much",
        "wonderful service",
        "真厉害谢谢你",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_ne!(mood.sentiment.label, SentimentLabel::Negative, "{text}");
    }
}

#[test]
fn a_wait_in_vain_and_an_ultimatum_show_without_a_listed_word() {
    for (text, emotion) in [
        ("退的钱三天了还没到", Emotion::Dissatisfied),
        ("材料交上去一个多月了钱呢", Emotion::Dissatisfied),
        ("交咗文件两个月都未批", Emotion::Dissatisfied),
        (
            "it's been ten weeks and nobody's paid out",
            Emotion::Dissatisfied,
        ),
        ("再不退款我就去消协", Emotion::Angry),
        ("再唔退钱我就去消委会", Emotion::Angry),
        ("pay me back or i'm going to the ombudsman", Emotion::Angry),
        // Neither waits.
        ("我一月十号还的款", Emotion::Neutral),
        ("转账两天能到吗", Emotion::Neutral),
        ("三年都没用过的卡怎么激活", Emotion::Neutral),
        ("can i have it in two weeks", Emotion::Neutral),
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, emotion, "{text}: {mood:?}");
    }
}

#[test]
fn what_is_only_supposed_looked_for_or_denied_is_no_feeling() {
    for text in [
        "如果卡被盗刷了怎么处理",
        "万一被骗了要找谁",
        "吓死我以为畀人呃咗",
        "我没有生气就是想问问",
        "边间餐厅好食",
        "推荐一家好吃的餐厅有没有",
        "大年初三上不上班",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Neutral, "{text}: {mood:?}");
    }
}

#[test]
fn fear_is_heard_in_what_callers_cry_out() {
    for text in [
        "完了完了我把钱转错了",
        "弊喇我个银包唔见咗",
        "oh no i sent it to the wrong person",
        "求求你那是救命钱",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Anxious, "{text}: {mood:?}");
    }
}

#[test]
fn who_denies_a_complaint_does_not_complain() {
    for (text, language) in [
        ("我不是来投诉的", Language::Zh),
        ("我没有要投诉", Language::Zh),
        ("i don't want to complain", Language::En),
        ("i'm not calling to complain", Language::En),
    ] {
        assert!(triggers(text, language).is_empty(), "{text}");
        let mood = mood_of(text, language, None);
        assert_eq!(mood.emotion, Emotion::Neutral, "{text}: {mood:?}");
    }
    assert_eq!(
        triggers("我不是来投诉的但是再这样就投诉", Language::Zh),
        ["投诉"]
    );
    assert_eq!(triggers("不给我解决我就投诉", Language::Zh), ["投诉"]);
    let lawyer = mood_of("我是律师想开个对公账户", Language::Zh, None);
    assert_eq!(lawyer.emotion, Emotion::Neutral, "{lawyer:?}");
}

/// What nobody put into one word: doings over and over, waits, ways to the law, relief, mockery, fear.
#[test]
fn what_no_single_word_says_is_felt_too() {
    for (emotion, texts) in [
        (
            Emotion::Dissatisfied,
            &[
                "我都催了你们七八遍了",
                "第四次打来了还是老样子",
                "麻烦您告诉我一下为什么这个要我说六遍",
                "唔好意思我想知点解同一样嘢要我讲五次",
                "等了一个小时",
                "说好三天现在都一个礼拜了",
                "i've rung you five times already",
                "with respect this is the sixth time i've had to explain it",
                "真是太好了又让我白跑一趟",
                "你哋真系叻扣钱就快手",
                "thanks for losing my luggage",
                "没有想象中那么好",
                "that didnt solve anything",
            ][..],
        ),
        (
            Emotion::Angry,
            &[
                "我明天就带律师过去",
                "我这就去银保监投诉你们",
                "信唔信我去消委会同埋报纸爆料",
                "im going to the ombudsman",
                "youll be hearing from my solicitor",
                "get me your manager now",
                "叫你经理即刻出嚟",
                "我再说最后一遍把钱给我退回来",
            ],
        ),
        (
            Emotion::Satisfied,
            &[
                "没啥不满意的",
                "冇乜好投诉",
                "一点都不麻烦五分钟搞定",
                "cant fault it",
                "not bad at all",
                "nothing to complain about",
            ],
        ),
        (
            Emotion::Anxious,
            &[
                "怎么办啊钱会不会都没了",
                "手一直在抖不知道怎么办",
                "赶唔切喇听日就截止",
                "what am i going to do all my money might be gone",
                "the deadline is tomorrow will it be there in time",
            ],
        ),
        (
            Emotion::Neutral,
            &[
                "我转账转了三次都可以免费吗",
                "给他打了三次钱",
                "法院让我打一份流水",
                "我是电视台的想开个户",
                "让你们经理给我回个电话",
                "my solicitor needs a statement for the house",
                "i'm going to court next week so i can't come in",
                "what is the number for complaints",
                "没什么事就是问问",
                "等两个小时可以吗",
            ],
        ),
    ] {
        for text in texts {
            let mood = mood_of(text, crate::language_of(text), None);
            assert_eq!(mood.emotion, emotion, "{text}: {mood:?}");
        }
    }
}

#[test]
fn what_shows_nothing_is_a_guess() {
    for (text, language, abstains) in [
        ("卡号是六二二二", Language::Zh, true),
        ("it's a savings account", Language::En, true),
        ("can i open a savings account", Language::En, false),
        ("我要投诉", Language::Zh, false),
    ] {
        let feeling = feeling_of(text, language, None);
        assert_eq!(feeling.abstains, abstains, "{text}: {feeling:?}");
        // A voice that was heard and is not raised shows something.
        assert!(!feeling_of(text, language, Some(&CALM)).abstains, "{text}");
    }
}

#[test]
fn a_trigger_is_named_once_and_not_where_it_is_denied() {
    assert_eq!(
        triggers("我要去消委會投訴", Language::Yue),
        ["投诉", "消委会"]
    );
    assert!(triggers("冇乜好投訴", Language::Yue).is_empty());
    assert!(triggers("没啥不满意的", Language::Zh).is_empty());
}

#[test]
fn no_voice_and_broken_measures_are_harmless() {
    for level in [0.0, -90.0, f32::NAN, f32::NEG_INFINITY] {
        let voice = Prosody {
            level_dbfs: level,
            pitch_hz: Some(f32::NAN),
            ..Prosody::default()
        };
        assert!(
            mood_of("我要投诉", Language::Zh, Some(&voice))
                .emotion_score
                .is_finite()
        );
    }
    let nan = Prosody {
        pitch_range_semitones: f32::NAN,
        ..SHOUTED
    };
    assert!(
        mood_of("我要投诉", Language::Zh, Some(&nan))
            .emotion_score
            .is_finite()
    );
}

#[test]
fn five_outcomes_add_up_and_silence_or_a_draw_abstains() {
    for (text, abstains) in [
        ("", true),
        ("😀😀", true),
        ("？！", true),
        ("我想查余额", false),
        ("气死我了你们这帮骗子", false),
    ] {
        let feeling = feeling_of(text, Language::Zh, None);
        let sum: f32 = feeling.outcomes.iter().map(|(_, share)| share).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{text}: {feeling:?}");
        assert!(feeling.outcomes.is_sorted_by(|a, b| a.1 >= b.1), "{text}");
        assert_eq!(feeling.abstains, abstains, "{text}: {feeling:?}");
        assert_eq!(feeling.mood, mood_of(text, Language::Zh, None));
    }
    let words = words::read("说了", Language::Zh);
    let level = |first, second| {
        let rest = (1.0 - first - second) / 3.0;
        [
            (Emotion::Satisfied, first),
            (Emotion::Dissatisfied, second),
            (Emotion::Angry, rest),
            (Emotion::Anxious, rest),
            (Emotion::Neutral, rest),
        ]
    };
    assert!(fuse::abstains(&words, &level(0.46, 0.44)));
    assert!(fuse::abstains(&words, &level(0.35, 0.2)));
    assert!(!fuse::abstains(&words, &level(0.6, 0.3)));
}

#[test]
fn what_never_is_so_is_denied_to_the_end_of_its_clause() {
    for (text, language) in [
        ("没有一回让我们顺心满意的", Language::Zh),
        ("从来没有哪个人热心帮过我", Language::Zh),
        ("没一个人认真负责", Language::Zh),
        ("一次都没准时送到", Language::Zh),
        ("冇一次令我滿意", Language::Yue),
        ("it never worked", Language::En),
    ] {
        let mood = mood_of(text, language, None);
        assert!(mood.sentiment.score <= 0.0, "{text}: {mood:?}");
        assert_ne!(mood.emotion, Emotion::Satisfied, "{text}");
    }
    let content = mood_of("没有一次不满意", Language::Zh, None);
    assert!(content.sentiment.score >= 0.0, "{content:?}");
}

#[test]
fn a_feeling_that_is_denied_is_none() {
    for (text, language) in [
        ("我真的不生气", Language::Zh),
        ("我没有不满", Language::Zh),
        ("我也不伤心", Language::Zh),
        ("我都唔嬲", Language::Yue),
    ] {
        let mood = mood_of(text, language, None);
        assert!(mood.sentiment.score > -0.2, "{text}: {mood:?}");
        assert_ne!(mood.emotion, Emotion::Dissatisfied, "{text}");
    }
}

#[test]
fn what_is_feared_for_is_no_praise() {
    for text in [
        "我担心这笔钱的安全",
        "很害怕账户不够安全",
        "我担心资金不稳定",
    ] {
        let mood = mood_of(text, Language::Zh, None);
        assert!(mood.sentiment.score <= 0.0, "{text}: {mood:?}");
    }
}

#[test]
fn insults_are_felt_in_whichever_language_they_are() {
    for text in [
        "收皮啦你",
        "成班仆街",
        "痴线㗎",
        "你妈的到底办不办",
        "你他妈快点",
        "you're an asshole",
    ] {
        let mood = mood_of(text, crate::language_of(text), None);
        assert_eq!(mood.emotion, Emotion::Angry, "{text}: {mood:?}");
    }
    let mood = mood_of("妈妈的账户", Language::Zh, None);
    assert_eq!(mood.emotion, Emotion::Neutral, "{mood:?}");
}
