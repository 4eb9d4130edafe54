//! Which addresses, plates and codes are hidden, and which words stay.

use trunkside_call::Side;

use super::{Folded, Opening, addresses};
use crate::redact;
use crate::redact::Redactor;

#[test]
fn names_are_hidden_behind_introductions_and_before_titles() {
    for (text, redacted) in [
        ("我叫王伟", "我叫[name]"),
        ("你好我叫欧阳小雪，我要挂失", "你好我叫[name]，我要挂失"),
        ("我叫李国强我要投诉", "我叫[name]我要投诉"),
        ("我叫嗯李国强", "我叫嗯[name]"),
        ("我是陈志强", "我是[name]"),
        ("我係陳志強，想查結餘", "我係[name]，想查結餘"),
        ("我姓王", "我姓[name]"),
        ("免贵姓张弓长张", "免贵姓[name][name]"),
        ("我叫李伟伟大的伟", "我叫[name]"),
        ("是张先生吗", "是[name]先生吗"),
        ("收件人刘洋", "收件人[name]"),
        ("转账到张三的账户", "转账到[name]的账户"),
        (
            "my name is John O'Neil and i lost my card",
            "my name is [name] and i lost my card",
        ),
        ("您好我是小李很高兴为您服务", "您好我是[name]很高兴为您服务"),
        ("工号八号李娜为您服务", "工号八号[name]为您服务"),
        (
            "小王为您服务请问有什么可以帮您",
            "[name]为您服务请问有什么可以帮您",
        ),
        ("我是老张", "我是[name]"),
        (
            "good morning this is leena how can i help you today",
            "good morning this is [name] how can i help you today",
        ),
        (
            "leena speaking how may i help",
            "[name] speaking how may i help",
        ),
        ("this is mister taylor", "this is mister [name]"),
        ("this is sarah connor calling", "this is [name] calling"),
        ("it is spelled w a n g", "it is spelled [name]"),
        (
            "Could you ask for Ludmila Horák?",
            "Could you ask for [name]?",
        ),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn ordinary_words_are_no_names() {
    for text in [
        "我是要查余额",
        "我是黄金会员",
        "我是老客户",
        "我是小学老师",
        "高兴为您服务",
        "it's weird how long this takes",
        "generally speaking it works",
        "is there anyone english speaking",
        "我叫你们经理来",
        "我是江苏的",
        "马上帮我办",
        "高级会员有什么好处",
        "帮我转到高级客服",
        "钱转到余额宝",
        "我姓什么你不知道吗",
        "i am a member",
        "this is urgent",
        "it's for my mother",
        "may i ask for a refund",
        "it will be fine",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn postal_addresses_are_hidden() {
    for (text, redacted) in [
        ("我住在广州市天河区体育西路", "我住在[address]"),
        ("送到人民路88号三栋谢谢", "送到[address]谢谢"),
        ("就在中山路一百二十号那边", "就在[address]那边"),
        ("地址是幸福小区，嗯，三号楼二单元五零二", "地址是[address]"),
        ("深圳市南山区科技园南路十八号", "[address]"),
        ("i live at 221 baker street", "i live at [address]"),
        ("it is 12 high street thanks", "it is [address] thanks"),
        (
            "my address is flat four twenty one mill lane",
            "my address is [address]",
        ),
        ("it's sw1a 1aa", "it's [address]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn ordinary_words_are_no_addresses() {
    for text in [
        "地址在哪里",
        "地址写错了",
        "快递送到了没有",
        "在路上了",
        "三号来",
        "我要去市区",
        "my address is wrong",
        "i live in a flat",
        "one way or another",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn mail_plates_and_codes_are_hidden() {
    for (text, redacted) in [
        ("发到wang.wei88@example.com谢谢", "发到[email]谢谢"),
        ("邮箱是张三艾特幺六三点com", "邮箱是[email]"),
        ("it's li dot wei at example dot com", "it's [email]"),
        ("车牌粤B12345", "车牌[plate]"),
        ("我的车牌是鄂a七l六二u", "我的车牌是[plate]"),
        ("my plate is l k five two w x y", "my plate is [plate]"),
        ("代码SF1234567890", "代码[reference]"),
        ("iban GB29 NWBK 6016 1331 9268 19 ok", "iban [account] ok"),
        ("see https://example.com/a?b", "see [link]?b"),
        ("e.g. all-in", "e.g. all-in"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

/// What of a text is hidden as an address, as written.
fn addresses(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    addresses::find(&Folded::new(text), &chars, Opening::default())
        .iter()
        .map(|piece| chars[piece.start..piece.end].iter().collect())
        .collect()
}

#[test]
fn written_addresses_of_many_countries_are_hidden_whole() {
    for (text, address) in [
        (
            "Please ship it to 12 Lindenweg 48, Bremen today",
            "12 Lindenweg 48, Bremen",
        ),
        ("He moved: Rue Gambetta 17, Lille", "Rue Gambetta 17, Lille"),
        (
            "Anna Berg\n7 Kastanienallee 9\nApt. 12\nPotsdam\nGermany 14467",
            "7 Kastanienallee 9\nApt. 12\nPotsdam\nGermany 14467",
        ),
        (
            "meet at 31 via garibaldi 8 apt. 4, torino, italy 10122 please",
            "31 via garibaldi 8 apt. 4, torino, italy 10122",
        ),
        (
            "Write to PSC 1234, Box 56\nAPO AE 09128",
            "PSC 1234, Box 56\nAPO AE 09128",
        ),
        (
            "It goes to P.O. Box 77, Springfield",
            "P.O. Box 77, Springfield",
        ),
        ("my zip code is 90210", "90210"),
    ] {
        let found = addresses(text);
        assert!(found.contains(&address.to_owned()), "{text}: {found:?}");
    }
}

#[test]
fn figures_beside_ordinary_words_are_no_addresses() {
    for text in [
        "We sold 12 Monday tickets at 5 pm",
        "I need 2 return labels and 3 boxes",
        "my order has 4 items from week 12",
        "please call me in 20 minutes about 2 accounts",
        "are 29 months old should u change them",
        "the Top 5 Musicians Of The 70s",
        "I work for 48 Factoring Inc",
    ] {
        assert_eq!(addresses(text), Vec::<String>::new(), "{text}");
    }
}

/// Redacts what a caller says, turn by turn, after an agent's request.
fn answers(asked: &str, told: &[&str]) -> Vec<String> {
    let mut redactor = Redactor::default();
    redactor.redact(Side::Agent, asked, true);
    told.iter()
        .map(|turn| redactor.redact(Side::Caller, turn, true))
        .collect()
}

#[test]
fn mail_addresses_are_hidden_without_a_dot_and_over_turns() {
    for (text, redacted) in [
        ("it's j dot smith at gmail com", "it's [email]"),
        ("my email's j smith at gmail", "my email's [email]"),
        ("我的邮箱是wang wei艾特qq", "我的邮箱是[email]"),
        ("i can't log in at home", "i can't log in at home"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
    assert_eq!(
        answers(
            "and your email address",
            &["it's john dot smith at gmail", "dot com"]
        ),
        ["it's [email]", "[email]"]
    );
    assert_eq!(
        answers(
            "请问您的邮箱",
            &["稍等", "zhang san 八八", "艾特 qq 点 com"]
        ),
        ["稍等", "[email]", "[email]"]
    );
}

#[test]
fn spelt_postcodes_are_hidden() {
    for (text, redacted) in [
        (
            "my postcode is s w one a one a a",
            "my postcode is [address]",
        ),
        ("it's m one four b t thanks", "it's [address] thanks"),
        ("i have a one year plan", "i have a one year plan"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
    assert_eq!(
        answers("what's your postcode", &["s w one a", "one a a"]),
        ["[address]", "[address]"]
    );
}

#[test]
fn spelt_codes_are_hidden_with_every_letter() {
    for (text, redacted) in [
        ("我身份證A一二三四五六括弧七", "我身份證[identity]"),
        ("身份證係Z六八三三六五 括弧 A", "身份證係[identity]"),
        ("我張身份證頭四個字A一二三", "我張身份證頭四個字[identity]"),
        ("顺丰S F一零二三四五六七八九幺二", "顺丰[reference]"),
        ("booking ref x k seven q p two", "booking ref [reference]"),
        (
            "national insurance q q one two three four five six c",
            "national insurance [identity]",
        ),
        (
            "number plate kilo november five four foxtrot",
            "number plate [plate]",
        ),
        ("registration YK19 ABC", "registration [plate]"),
        ("it's alpha bravo one two three four", "it's [reference]"),
        ("it's seven one eight five five five", "it's [number]"),
        ("微信号wxid_abc123", "微信号[account]"),
        ("微信号是zhangwei_88", "微信号是[account]"),
        ("我的邮箱是张三@例子.中国", "我的邮箱是[email]"),
        ("my mail is müller@beispiel.de", "my mail is [email]"),
        ("write to josé.garcía@correo.es", "write to [email]"),
        ("护照号E12345678", "护照号[identity]"),
        (
            "我的身份证号是11010519491231002X",
            "我的身份证号是[identity]",
        ),
        (
            "since 12 April 2023 nobody called me and I called on 15 June 2024",
            "since [date] nobody called me and I called on [date]",
        ),
        ("It was on the 3rd of May", "It was on the 3rd of May"),
        ("I saw May on Friday", "I saw [name] on Friday"),
        ("我微信是zhangsan88", "我微信是[account]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
    for text in [
        "i have a 5 g phone",
        "between march 1st and 5th",
        "from 2pm to 7pm",
        "m and s or b and q",
        "微信支付可以吗",
        "微信wechat打不开",
    ] {
        assert_eq!(redact(text), text);
    }
    assert_eq!(
        answers("身份證號碼吖唔該", &["A一二三", "四五六", "括弧七"]),
        ["[identity]", "[identity]", "括弧[identity]"]
    );
    assert_eq!(answers("请问您的邮箱", &["wang"]), ["[email]"]);
}

#[test]
fn rooms_and_marks_upon_marks_belong_to_an_address() {
    for (text, redacted) in [
        ("三栋七零二敲门", "[address]敲门"),
        ("二单元五零三", "[address]"),
        ("门牌号十八号三零一", "门牌号[address]"),
        ("中環皇后大道中九十九號", "[address]"),
        ("荃灣麗城花園三期五座十樓B", "[address]"),
        ("三楼有人吗", "三楼有人吗"),
        ("五号楼一百块一天", "五号楼一百块一天"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn what_was_asked_for_goes_on_over_turns() {
    for (asked, told, redacted) in [
        (
            "改到哪",
            &["知春路", "甲四十八号"][..],
            &["[address]", "[address]"][..],
        ),
        ("多少号", &["一百二十号"], &["[address]"]),
        ("车牌号", &["粤B", "六八U八八"], &["[plate]", "[plate]"]),
        ("订单号多少", &["A B", "七七四三"], &["[order]", "[order]"]),
        (
            "date of birth please",
            &["twelfth of march", "eighty eight"],
            &["[date]", "[number]"],
        ),
        ("your mother's maiden name", &["fitzgerald"], &["[name]"]),
        (
            "the last four of your social",
            &["six seven", "eight nine"],
            &["[identity]", "[identity]"],
        ),
        (
            "请说身份证后四位",
            &["三四五", "X"],
            &["[identity]", "[identity]"],
        ),
        ("转给谁", &["张小花"], &["[name]"]),
        (
            "您的手机号",
            &["幺三八零", "等一下啊"],
            &["[phone]", "等一下啊"],
        ),
    ] {
        assert_eq!(answers(asked, told), redacted, "{asked}");
    }
}

#[test]
fn estates_landmarks_and_streets_without_a_number_are_addresses() {
    for (text, redacted) in [
        ("將軍澳坑口善明邨善耀樓二三零五室", "[address]"),
        ("住深水埗元州邨元禧樓十五樓", "住[address]"),
        ("屯門置樂花園第八座二十樓", "[address]"),
        ("搬咗去大埔太和邨", "搬咗去[address]"),
        ("住美孚新邨", "住[address]"),
        ("住葵芳邨葵明樓", "住[address]"),
        ("我在莘庄地铁站旁边水清路五十九弄", "我在[address]"),
        ("人民路二十一号门口", "[address]门口"),
        ("我家龙泽苑西区四号楼三门", "我家[address]"),
        ("im at sixty six the high street", "im at [address]"),
        (
            "were at the old rectory church lane little snoring",
            "were at [address]",
        ),
        ("we live in rose cottage mill lane", "we live in [address]"),
        ("its mill lane", "its [address]"),
        ("i live at the old vicarage", "i live at [address]"),
        ("postcode is m1 4bt", "postcode is [address]"),
        ("postcode sw1a1aa", "postcode [address]"),
        ("its a ford k n fifty two m p x", "its a ford [plate]"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}

#[test]
fn where_people_stay_and_ways_without_a_name_are_no_addresses() {
    for text in [
        "記住眼鏡落街",
        "識咗住咗十年嘅鄰居",
        "风灾之后成个邨都停电",
        "搬咗去第二度",
        "谁住谁知道",
        "海市蜃楼是光",
        "i drive in the fast lane",
        "you were at the end of the road",
        "two the right way",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn plates_are_hidden_with_the_point_that_is_read_out() {
    for (text, redacted) in [
        ("京A点幺二三F五", "[plate]"),
        ("粤B点八八K零七刮了我的车", "[plate]刮了我的车"),
        ("车牌号京A杠一二三四五", "车牌号[plate]"),
        ("云计算点一下", "云计算点一下"),
    ] {
        assert_eq!(redact(text), redacted, "{text}");
    }
}
