//! Which wishes are heard, why, what corrections teach, and which models and grammars are refused.

use trunkside_call::Intent;

use super::*;

fn examples() -> Vec<Example> {
    let text = "查余额\tbalance\n我想查一下余额\tbalance\n我的余额还有多少\tbalance\n卡里还有多少钱\tbalance\n\
                帮我看看余额\tbalance\ncheck my balance\tbalance\n我的卡丢了\tlost\n卡不见了\tlost\n\
                挂失银行卡\tlost\n我要挂失\tlost\ni lost my card\tlost\nmy card is gone\tlost\n";
    parse_examples(text).unwrap()
}

#[test]
fn a_trained_model_is_saved_loaded_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.tsv");
    let lines: Vec<String> = examples()
        .iter()
        .map(|example| format!("{}\t{}", example.text, example.label))
        .collect();
    std::fs::write(&data, lines.join("\r\n")).unwrap();
    let model = folder.path().join("model");
    assert_eq!(
        train_file(&data, &model).unwrap(),
        Training { intents: 2, n: 12 }
    );
    assert_eq!(
        evaluate(&model, &data).unwrap(),
        Evaluation {
            accuracy: 1.0,
            n: 12
        }
    );
    let loaded = IntentModel::load(&model).unwrap();
    assert_eq!(loaded, IntentModel::train(&examples()).unwrap());
    assert_eq!(loaded.classify("余额多少")[0].name, "balance");
    // The recogniser wrote another character of the same sound.
    assert_eq!(loaded.classify("我要挂是")[0].name, "lost");
}

#[test]
fn errors_name_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.tsv");
    let error = |bytes: &[u8]| {
        std::fs::write(&data, bytes).unwrap();
        train_file(&data, folder.path()).unwrap_err().to_string()
    };
    assert!(error(b"a\tx\nno tab here\n").ends_with("line 2: has no tab; write `text<TAB>label`"));
    assert!(error(b"a\tx\n\nb\t \n").contains("line 3: has no label"));
    assert!(error(b"a\tx\n\xff\xfe\ty\n").contains("line 2: is not UTF-8"));
    assert!(error(b"a\tx\nb\tx\n").contains("two intents"));
    assert!(
        IntentModel::load(&folder.path().join("none"))
            .unwrap_err()
            .to_string()
            .contains("cannot read")
    );
}

#[test]
fn a_broken_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = IntentModel::train(&examples()).unwrap();
    model.save(folder.path()).unwrap();
    let head = folder.path().join("intents.head");
    let bytes = std::fs::read(&head).unwrap();
    for cut in [0, 7, 8, 20, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&head, &bytes[..cut]).unwrap();
        assert!(
            IntentModel::load(folder.path()).is_err(),
            "cut to {cut} bytes"
        );
    }
    for at in (8..bytes.len()).step_by(bytes.len() / 40 + 1) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        std::fs::write(&head, &damaged).unwrap();
        if let Ok(model) = IntentModel::load(folder.path()) {
            let _ = model.classify("查余额 check my balance");
        }
    }
    let card = folder.path().join("intents.toml");
    std::fs::write(&card, "version = 99").unwrap();
    assert!(IntentModel::load(folder.path()).is_err());
}

#[test]
fn a_model_is_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let [card, head] = ["intents.toml", "intents.head"].map(|name| folder.path().join(name));
    let old = IntentModel::train(&examples()).unwrap();
    old.save(folder.path()).unwrap();
    let renamed = examples().into_iter().map(|example| Example {
        label: example.label.replace("lost", "aaa_lost"),
        ..example
    });
    let new = IntentModel::train(&renamed.collect::<Vec<_>>()).unwrap();
    // As where the disk is full: the weights cannot be written.
    let aside = folder.path().join("intents.head.new");
    std::fs::create_dir(&aside).unwrap();
    let failed = new.save(folder.path()).unwrap_err();
    assert!(failed.to_string().contains("intents.head`"), "{failed}");
    assert_eq!(IntentModel::load(folder.path()).unwrap(), old);
    std::fs::remove_dir(aside).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let of_old = std::fs::read(&head).unwrap();
    new.save(folder.path()).unwrap();
    assert_eq!(IntentModel::load(folder.path()).unwrap(), new);
    // As where the power fails between the two, or somebody copies one of them.
    std::fs::write(&head, of_old).unwrap();
    let mixed = IntentModel::load(folder.path()).unwrap_err();
    assert!(mixed.to_string().contains("belong together"), "{mixed}");
    // Models from before this was noted are read as they were.
    let text = std::fs::read_to_string(&card).unwrap();
    let unnoted = text.lines().filter(|line| !line.starts_with("head_sha256"));
    std::fs::write(&card, unnoted.collect::<Vec<_>>().join("\n")).unwrap();
    assert!(IntentModel::load(folder.path()).is_ok());
}

#[test]
fn the_words_that_decided_are_named() {
    let model = IntentModel::train(&examples()).unwrap();
    let explanation = model.explain("嗯我想挂失");
    assert_eq!(explanation.intent.name, "lost");
    let most = explanation
        .words
        .iter()
        .max_by(|a, b| a.weight.total_cmp(&b.weight))
        .unwrap();
    assert!(["挂", "失"].contains(&most.text.as_str()), "{most:?}");
}

#[test]
fn grammars_expand_the_same_every_time() {
    let text = "# c\nask: [请](查|看|)<what>\nwhat: 余额\n    | 账单";
    let grammar = Grammar::parse(text, false).unwrap();
    let said = grammar.say("ask", 20);
    assert_eq!(said.len(), 12, "{said:?}");
    assert_eq!(said, grammar.say("ask", 20));
    let english = Grammar::parse("a: (give me|) the <b> [please] | x\nb: bill", true).unwrap();
    assert!(
        english
            .say("a", 9)
            .contains(&"give me the bill please".to_owned())
    );
    assert!(english.say("a", 9).contains(&"x".to_owned()));
}

#[test]
fn broken_grammars_are_refused_with_their_line() {
    let error = |text| Grammar::parse(text, false).unwrap_err().to_string();
    assert_eq!(error("a: <b>"), "line 1: no rule is named `b`");
    assert!(error("a b").contains("write `name:"));
    assert!(error("# c\n  | b").contains("line 2: an indented line"));
    assert!(error("b: x\na: (x").contains("line 2: a `(` is not closed"));
    assert!(error("a: x)").contains("closes nothing"));
    assert!(error(&format!("a: {}", "(".repeat(99))).contains("too deep"));
    // A rule that holds itself ends.
    let endless = Grammar::parse("a: x<a> | y", false).unwrap();
    assert!(!endless.say("a", 5).is_empty());
}

#[test]
fn every_intent_can_be_said_in_eighty_ways_in_every_language() {
    for (language, intent, count) in corpus::counts() {
        assert!(count >= 80, "{language} {intent}: {count}");
    }
}

#[test]
fn the_shipped_model_comes_from_the_shipped_corpus() {
    let corpus = corpus::shipped();
    let model = IntentModel::shipped();
    assert_eq!(
        model.card.corpus, corpus.digest,
        "run the example `train_shipped` again"
    );
    assert_eq!(model.labels().len(), corpus::TAXONOMY.len());
    for (kept, least) in [
        (include_str!("../../data/intents/kept/zh.tsv"), 0.8),
        (include_str!("../../data/intents/kept/yue.tsv"), 0.8),
        (include_str!("../../data/intents/kept/en.tsv"), 0.8),
    ] {
        let accuracy = model.evaluate(&parse_examples(kept).unwrap()).accuracy;
        assert!(accuracy >= least, "{accuracy}");
    }
}

fn corrected(lines: &str) -> Vec<Example> {
    parse_examples(lines).unwrap()
}

#[test]
fn five_corrections_teach_what_the_branch_calls_things() {
    // A product name that the corpus cannot know.
    let lesson = corrected(
        "我想问问那个金橘宝\twealth_products\n金橘宝到期了没有\twealth_products\n\
         帮我看下金橘宝\twealth_products\n我买的金橘宝怎么样了\twealth_products\n\
         金橘宝还能买吗\twealth_products\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path().join("lessons"));
    let (version, learnt) = lessons.correct(&lesson).unwrap();
    assert_eq!((version.number, version.corrections), (1, 5));
    assert!((learnt.corrected.accuracy - 1.0).abs() < 1e-9);
    let asked = "麻烦查一下金橘宝吧";
    assert_ne!(
        IntentModel::shipped().classify(asked)[0].name,
        "wealth_products"
    );
    assert_eq!(learnt.model.classify(asked)[0].name, "wealth_products");
    assert!(learnt.kept.accuracy >= IntentModel::shipped().evaluate(&kept_set()).accuracy);
    // What is on the disk gives the same model.
    assert_eq!(lessons.model().unwrap().model, learnt.model);
    // A branch may have a wish of its own.
    let own = "蓝卡年审\tblue_card_review\n办蓝卡年审\tblue_card_review\n\
               我来做蓝卡年审\tblue_card_review\n";
    let (version, learnt) = lessons.correct(&corrected(own)).unwrap();
    assert_eq!((version.number, version.corrections), (2, 8));
    assert_eq!(
        learnt.model.classify("问下蓝卡年审")[0].name,
        "blue_card_review"
    );
    assert_eq!(lessons.rollback(None).unwrap().number, 1);
    assert!(
        !lessons
            .model()
            .unwrap()
            .model
            .labels()
            .contains(&"blue_card_review".to_owned())
    );
    assert_eq!(lessons.rollback(Some(0)).unwrap().corrections, 0);
    assert_eq!(lessons.model().unwrap().model, IntentModel::shipped());
    assert_eq!(lessons.versions().unwrap().len(), 3);
    assert!(
        lessons
            .rollback(Some(9))
            .unwrap_err()
            .to_string()
            .contains("no version 9")
    );
}

#[test]
fn lessons_that_would_spoil_the_model_are_refused() {
    let spoilt: Vec<Example> = kept_set()
        .into_iter()
        .step_by(2)
        .map(|example| Example {
            text: example.text,
            label: "roaming".to_owned(),
        })
        .collect();
    assert!(learn(&spoilt).is_err());
}

#[test]
fn a_lesson_that_contradicts_what_ships_is_refused_with_what_would_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path().join("lessons"));
    for lesson in [
        [
            "查账单",
            "我要查一下账单",
            "帮我看看这个月账单",
            "账单多少钱",
            "信用卡账单怎么查",
        ],
        [
            "帮我查下话费账单明细",
            "把上个月的账单发我邮箱",
            "账单日是哪天",
            "这期账单什么时候出",
            "我的账单怎么还没来",
        ],
        [
            "查下账单",
            "张单几钱",
            "我想睇账单",
            "今个月张单",
            "账单寄咗未",
        ],
        [
            "bill",
            "my bill",
            "i want to check my bill",
            "how much is my bill",
            "where is my bill",
        ],
    ] {
        let lesson = lesson.join("\tlost_card\n") + "\tlost_card\n";
        let Err(told) = lessons.correct(&corrected(&lesson)) else {
            panic!("{lesson} was learnt");
        };
        let told = told.to_string();
        for part in [
            "to `lost_card` contradicts what ships",
            "`bill_inquiry`",
            "lost",
            "leave it out",
        ] {
            assert!(told.contains(part), "{lesson}: {told}");
        }
    }
    let twice = corrected("办蓝卡\tcard_application\n办蓝卡\tlost_card\n");
    let told = lessons.correct(&twice).unwrap_err().to_string();
    assert!(
        told.contains("names `card_application` and then `lost_card`"),
        "{told}"
    );
    assert!(!folder.path().join("lessons").exists());
    // The branch's own words for what ships are no contradiction.
    let own = "小白条怎么还\trepayment\n小白条几号还\trepayment\n小白条能提前还吗\trepayment\n";
    let (_, learnt) = lessons.correct(&corrected(own)).unwrap();
    assert!((learnt.corrected.accuracy - 1.0).abs() < 1e-9);
    let (shipped, kept) = (IntentModel::shipped(), kept_set());
    for label in shipped.labels() {
        let of_label: Vec<Example> = kept
            .iter()
            .filter(|said| said.label == *label)
            .cloned()
            .collect();
        let (before, now) = (
            shipped.evaluate(&of_label),
            learnt.model.evaluate(&of_label),
        );
        assert!(now.accuracy >= before.accuracy, "{label}");
    }
    // A version of before is told with its file and line.
    let path = lessons.file(1);
    std::fs::write(&path, "小白条怎么还\trepayment\n查账单\tlost_card\n").unwrap();
    let problem = lessons.model().unwrap().problem.unwrap().to_string();
    assert!(
        problem.contains("0001.tsv`, line 2") && problem.contains("rollback"),
        "{problem}"
    );
}

#[test]
fn a_broken_folder_of_lessons_says_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path());
    std::fs::write(folder.path().join("current"), "seven").unwrap();
    let error = lessons.model().unwrap_err().to_string();
    assert!(error.contains("rollback --to 0"), "{error}");
    std::fs::write(folder.path().join("current"), "7").unwrap();
    let taught = lessons.model().unwrap();
    let problem = taught.problem.unwrap().to_string();
    assert!(problem.contains("0007.tsv`: cannot be read"), "{problem}");
    assert_eq!((taught.version, taught.model), (0, IntentModel::shipped()));
    lessons.rollback(Some(0)).unwrap();
    assert!(lessons.model().unwrap().problem.is_none());

    let nowhere = Lessons::new(folder.path().join("nowhere"));
    for error in [nowhere.rollback(None).err(), nowhere.versions().err()] {
        let error = error.expect("it is mistyped").to_string();
        assert!(error.contains("no folder of lessons"), "{error}");
    }
}

#[test]
fn every_wish_of_an_utterance_is_heard() {
    let model = IntentModel::shipped();
    for (text, wishes) in [
        (
            "check my balance and cancel my order and change my address",
            &["balance_inquiry", "cancel_order", "update_details"][..],
        ),
        (
            "帮我查余额再把手机套餐改了",
            &["balance_inquiry", "plan_change"],
        ),
        (
            "我想查余额然后转账给我妈再挂失一张卡",
            &["balance_inquiry", "transfer_money", "lost_card"],
        ),
        ("先查账单然后投诉快递", &["bill_inquiry", "complaint"]),
        (
            "my internet is down and my bill is wrong",
            &["fault_report", "bill_inquiry"],
        ),
        ("帮我转个账", &["transfer_money"]),
        (
            "我要查账单改地址开发票",
            &["bill_inquiry", "update_details", "invoice_request"],
        ),
        ("办卡开户", &["card_application", "open_account"]),
        (
            "i've lost my card and while i'm on i need to change my address too",
            &["lost_card", "update_details"],
        ),
        (
            "i want to check my balance and then send fifty quid to my brother",
            &["balance_inquiry", "transfer_money"],
        ),
    ] {
        let heard = model.classify(text);
        assert_ne!(heard[0].name, OUT_OF_SCOPE, "{text}: {heard:?}");
        for wish in wishes {
            assert!(
                heard.iter().any(|intent| intent.name == *wish),
                "{text}: {wish} is not in {heard:?}"
            );
        }
    }
    for (text, wishes) in [
        ("我卡丢了密码也忘了", ["lost_card", "password_reset"]),
        (
            "ive lost my card and ive forgotten my password as well",
            ["lost_card", "password_reset"],
        ),
        (
            "i need a refund and the driver broke my lamp too",
            ["refund", "damaged_goods"],
        ),
        (
            "存款利息多少理财又有哪些",
            ["interest_rate", "wealth_products"],
        ),
        (
            "两件事一个是医保报销一个是公积金提取",
            ["medical_insurance", "housing_fund"],
        ),
        ("唔见咗张卡仲唔记得埋密码", ["lost_card", "password_reset"]),
    ] {
        let heard = model.classify(text);
        for wish in wishes {
            let sure = |intent: &Intent| intent.name == wish && intent.score > 0.6;
            assert!(heard.iter().any(sure), "{text}: {wish} is not in {heard:?}");
        }
    }
    // A story goes on with these words too, and a matter may still or again be open.
    for text in [
        "i made a transfer and was charged a fee",
        "转账怎么还没到账",
        "我的快递又丢了",
        "笔过数点解仲未到",
    ] {
        let heard = model.classify(text);
        let sure = heard.iter().filter(|intent| intent.score > 0.6);
        assert_eq!(sure.count(), 1, "{text}: {heard:?}");
    }
    // One wish of two verbs is one.
    assert_eq!(model.classify("取钱换零钱").len(), 1);
    // What shall not be done again is no other wish.
    assert_eq!(
        model.classify("别再给我打推销电话")[0].name,
        "stop_marketing"
    );
}

#[test]
fn a_word_alone_is_no_wish_by_its_sound() {
    let model = IntentModel::shipped();
    for text in [
        "谁",
        "谁啊",
        "哪位",
        "睡",
        "水",
        "碎",
        "嘘",
        "许",
        "袋子",
        "带子",
        "戴",
        "單",
        "报",
        "动",
        "推",
        "树",
        "邊位",
        "邊個呀",
        "地铁",
        "机场",
        "bag",
        "frozen",
    ] {
        let heard = model.classify(text);
        assert_eq!(heard[0].name, OUT_OF_SCOPE, "{text}: {heard:?}");
        let others = heard.iter().skip(1);
        assert!(
            others.map(|intent| intent.score).all(|score| score < 0.6),
            "{text}: {heard:?}"
        );
    }
    for (text, wish) in [
        ("投诉", "complaint"),
        ("我要投诉", "complaint"),
        ("账单", "bill_inquiry"),
        ("余额", "balance_inquiry"),
        ("挂失", "lost_card"),
        ("人工", "agent_request"),
        ("退款", "refund"),
        ("报税", "tax_inquiry"),
        ("续保", "renewal"),
        ("贷款", "loan_application"),
        ("refund", "refund"),
    ] {
        let heard = &model.classify(text)[0];
        assert!(
            heard.name == wish && heard.score > 0.75,
            "{text}: {heard:?}"
        );
    }
}

#[test]
fn what_a_service_costs_is_not_the_service() {
    let model = IntentModel::shipped();
    for (text, wish) in [
        ("转账要不要手续费", "fee_inquiry"),
        ("汇款到香港你们收多少", "fee_inquiry"),
        ("过数去第二间银行使唔使畀钱", "fee_inquiry"),
        ("what does a transfer cost", "fee_inquiry"),
        ("帮我转账给我妈", "transfer_money"),
        ("我想斷約", "cancel_service"),
        ("想约个时间过去", "appointment"),
        ("收不到验证码", "password_reset"),
        ("想办个信用卡额度大一点的", "card_application"),
    ] {
        let heard = &model.classify(text)[0];
        assert_eq!(heard.name, wish, "{text}: {heard:?}");
    }
}

#[test]
fn a_denied_wish_is_none_and_a_matter_told_by_negation_stays_one() {
    let model = IntentModel::shipped();
    for (text, wish) in [
        ("please don't close my account", OUT_OF_SCOPE),
        ("别给我取消订单", OUT_OF_SCOPE),
        ("不用转人工", OUT_OF_SCOPE),
        ("i haven't lost my card", OUT_OF_SCOPE),
        ("我不是要销户", OUT_OF_SCOPE),
        ("i'm not calling to complain", OUT_OF_SCOPE),
        ("不需要开发票", OUT_OF_SCOPE),
        ("我的卡没丢", OUT_OF_SCOPE),
        ("不是查余额是转账", "transfer_money"),
        ("not a refund an exchange", "return_goods"),
        ("唔系要cut户口系想改地址", "update_details"),
        (
            "no i don't want my balance i want to make a transfer",
            "transfer_money",
        ),
        ("我要转账不是查余额", "transfer_money"),
        ("手机号不用了怎么注销", "cancel_service"),
        ("我没收到快递", "missing_parcel"),
        ("钱没到账", "transfer_problem"),
        ("手机打不开网", "fault_report"),
        ("my parcel didn't arrive", "delivery_chase"),
        ("i didn't make this payment", "charge_dispute"),
        ("我不要这张卡了帮我销户", "close_account"),
        ("不想跟机器人说话", "agent_request"),
        ("是不是要销户", "close_account"),
        ("唔好意思呀一百英镑换几多", "exchange_rate"),
    ] {
        let heard = model.classify(text);
        assert_eq!(heard[0].name, wish, "{text}: {heard:?}");
        assert!(
            heard[1..]
                .iter()
                .all(|intent| intent.score <= heard[0].score),
            "{heard:?}"
        );
    }
}

#[test]
fn a_sum_is_heard_alike_by_calls_explanations_and_measurements() {
    let model = IntentModel::shipped();
    let understander = crate::Understander::shipped();
    for text in [
        "我要转三万五给我妈",
        "给张三转五万",
        "转三千到我老婆卡上",
        "i want to transfer two thousand five hundred to mark",
    ] {
        let heard = understander.understand_text(text, None).intent;
        assert_eq!(heard.name, "transfer_money", "{text}: {heard:?}");
        assert_eq!(model.explain(text).intent, heard, "{text}");
        let example = Example {
            text: text.to_owned(),
            label: heard.name,
        };
        assert!(model.evaluate(&[example]).accuracy > 0.99, "{text}");
    }
    // The words are named by where they stand in the text as given, the sum as one.
    let explanation = model.explain("我要转三万五给我妈");
    let sum = explanation.words.iter().find(|word| word.text == "#");
    assert_eq!(sum.map(|word| (word.start, word.end)), Some((3, 6)));
}

#[test]
fn corrections_that_could_not_be_read_back_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path().join("lessons"));
    for (text, label, expected) in [
        ("你好吗", "", "of `你好吗` has no intent"),
        ("你好吗", " \n", "has no intent"),
        (" ", "lost_card", "has no text"),
        (
            "卡丢了\n你好",
            "lost_card",
            "`卡丢了\\n你好` has a tab, a line break",
        ),
        ("卡丢了\tx", "lost_card", "has a tab"),
        ("卡丢了", "lost\tcard", "has a tab"),
        ("\u{feff}卡丢了", "lost_card", "or the like"),
    ] {
        let (text, label) = (text.to_owned(), label.to_owned());
        let told = lessons.correct(&[Example { text, label }]).unwrap_err();
        assert!(told.to_string().contains(expected), "{told}");
    }
    assert!(!folder.path().join("lessons").exists());
}

#[test]
fn a_mistyped_intent_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path().join("lessons"));
    let told = lessons.refuse_new_intents(&corrected("卡丢了\tlost_crad\n"));
    let told = told.unwrap_err().to_string();
    assert!(
        told.contains("`lost_crad`, which is no intent yet"),
        "{told}"
    );
    assert!(told.contains("nearest is `lost_card`"), "{told}");
    assert!(told.contains("`--new-intent`"), "{told}");
    let own = corrected("办蓝卡年审\tblue_card_review\n");
    assert!(lessons.refuse_new_intents(&own).is_err());
    lessons.correct(&own).unwrap();
    // Once founded, it is known.
    lessons.refuse_new_intents(&own).unwrap();
    lessons
        .refuse_new_intents(&corrected("卡丢了\tlost_card\n"))
        .unwrap();
}

#[test]
fn a_version_that_cannot_be_read_leaves_those_before_it_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let lessons = Lessons::new(folder.path());
    let (_, learnt) = lessons
        .correct(&corrected("办蓝卡年审\tblue_card_review\n"))
        .unwrap();
    for number in [2, 3] {
        let path = folder.path().join(format!("000{number}.tsv"));
        std::fs::write(path, "你好吗\t\n").unwrap();
    }
    std::fs::write(folder.path().join("current"), "3\n").unwrap();
    let taught = lessons.model().unwrap();
    assert_eq!((taught.version, taught.model), (1, learnt.model));
    let problem = taught.problem.unwrap().to_string();
    for told in [problem, lessons.correct(&[]).unwrap_err().to_string()] {
        assert!(told.contains("0003.tsv`, line 1: has no label"), "{told}");
        assert!(told.contains("`intents rollback`"), "{told}");
    }
    let versions = lessons.versions().unwrap();
    let broken = versions.iter().map(|version| version.problem.is_some());
    assert_eq!(broken.collect::<Vec<_>>(), [false, false, true, true]);
    assert!(lessons.rollback(Some(2)).is_err());
    assert_eq!(lessons.current().unwrap(), 3);
    assert_eq!(lessons.rollback(None).unwrap().number, 1);
}

#[test]
fn who_takes_a_wish_back_does_not_have_it() {
    let model = IntentModel::shipped();
    for (text, intent) in [
        (
            "i want to block my card no wait i want to check my balance",
            "balance_inquiry",
        ),
        ("我要挂失信用卡啊不是我要查余额", "balance_inquiry"),
        (
            "i'm not calling to cancel i want to renew my insurance",
            "renewal",
        ),
    ] {
        let intents = model.classify(text);
        assert_eq!(intents[0].name, intent, "{text}: {intents:?}");
        assert!(
            !intents.iter().any(|other| other.name.contains("cancel")),
            "{intents:?}"
        );
    }
    // What does not take anything back leaves it.
    let intents = model.classify("我要取消订单哦不要取消错了");
    assert_eq!(intents[0].name, "cancel_order", "{intents:?}");
}

#[test]
fn disputed_bills_and_replacements_are_no_cancelled_orders() {
    let model = IntentModel::shipped();
    for (text, intents) in [
        ("呢张单唔啱数", &["charge_dispute"][..]),
        ("张账单唔系我嘅", &["charge_dispute"]),
        ("份月结单我睇唔明", &["bill_inquiry", "charge_dispute"]),
        ("i'd like a replacement", &["return_goods"]),
        ("could you send me a replacement", &["return_goods"]),
        ("取消张单", &["cancel_order"]),
    ] {
        let first = &model.classify(text)[0];
        assert!(intents.contains(&first.name.as_str()), "{text}: {first:?}");
    }
}
