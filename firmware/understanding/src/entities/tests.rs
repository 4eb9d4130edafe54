//! What is named in a sentence, with its value and its place in it, and what is not.

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
        ("打九五五八八", "number", "95588"),
        ("110101199003070134", "identity", "110101199003070134"),
        ("11010119900307013x", "identity", "11010119900307013X"),
        ("4111 1111 1111 1111", "card", "4111111111111111"),
        ("卡号6222 0212 3456 7890 123", "card", "6222021234567890123"),
        ("6222 0212 3456 7890 123", "number", "6222021234567890123"),
        ("订单号是二零二四零五幺七", "order", "20240517"),
        ("我電話係九孖八孖七孖六", "phone", "9887766"),
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
            "my order number is x y z seven seven eight eight",
            "order",
            "XYZ7788",
        ),
        ("订单号A B C一二三四五", "order", "ABC12345"),
        ("order number a b twenty two thirty", "order", "AB2230"),
        (
            "My IBAN is GB31YGJR46272857822446",
            "account",
            "GB31YGJR46272857822446",
        ),
        (
            "my order isn't seven seven four seven seven five",
            "order",
            "774775",
        ),
        ("订单号不是八八六六是八八六九", "order", "8869"),
        ("保单号一二三四五六七八", "policy", "12345678"),
        ("保单的单号一二三四五六七八", "order", "12345678"),
        ("工单号一二三四五六七八", "reference", "12345678"),
        ("投诉单号一二三四五六七八", "reference", "12345678"),
        ("受理单号一二三四五六七八", "reference", "12345678"),
        (
            "my id card is one two three four five six",
            "identity",
            "123456",
        ),
        ("账号是一三九零零一二三四五六", "account", "13900123456"),
        (
            "my account number is one three nine double oh one two three four five six",
            "account",
            "13900123456",
        ),
        (
            "我的账户有问题打回一三九零零一二三四五六",
            "phone",
            "13900123456",
        ),
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
fn words_beside_a_number_are_no_digits_of_it() {
    for (text, kind, value) in [
        ("打到公司幺三八零零幺三八零零零", "phone", "13800138000"),
        ("找王老师幺三八零零幺三八零零零", "phone", "13800138000"),
        ("幺三八零零幺三八零零零以后打这个", "phone", "13800138000"),
        ("打公司零幺零六二三四五六七八", "phone", "01062345678"),
        ("有效期零八二六", "number", "0826"),
        ("日期二零二六零三零五", "number", "20260305"),
        ("订单号二零二四零五幺七是什么", "order", "20240517"),
        // Only with them it is a number of a known form.
        ("幺三八零零幺三八零零林", "phone", "13800138000"),
        ("医三八零零幺三八零零零", "phone", "13800138000"),
    ] {
        let all = found(text);
        let number = all.iter().find(|found| found.0 != "name");
        let number = number.map(|found| (found.0, found.1.as_str()));
        assert_eq!(number, Some((kind, value)), "{text}: {all:?}");
    }
    assert_eq!(
        found("打到公司幺三八零零幺三八零零零"),
        [(
            "phone",
            "13800138000".to_owned(),
            "幺三八零零幺三八零零零".to_owned()
        )]
    );
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
        ("三点一二万元", "31200 CNY"),
        ("3.5 万元", "35000 CNY"),
        ("1,200元", "1200 CNY"),
        ("1，200元", "1200 CNY"),
        ("1,200.50元", "1200.5 CNY"),
        ("12,000.00元", "12000 CNY"),
        ("1,234,567元", "1234567 CNY"),
        ("1,200万元", "12000000 CNY"),
        ("¥1,200.50", "1200.5 CNY"),
        ("$1,200", "1200 USD"),
        ("US$1,200", "1200 USD"),
        ("HK$2,500.80", "2500.8 HKD"),
        ("$3.5 million", "3500000 USD"),
        ("5 million dollars", "5000000 USD"),
        ("12.50元", "12.5 CNY"),
        ("¥99", "99 CNY"),
        ("$50", "50 USD"),
        ("fifty dollars and twenty cents", "50.2 USD"),
        ("two hundred and fifty pounds", "250 GBP"),
        ("two point five million dollars", "2500000 USD"),
        ("two point two five million pounds", "2250000 GBP"),
        ("one point two thousand dollars", "1200 USD"),
        ("nine point nine nine dollars", "9.99 USD"),
        ("five and a half dollars", "5.5 USD"),
        ("two and a half million dollars", "2500000 USD"),
        ("half a million pounds", "500000 GBP"),
        ("两百蚊", "200 HKD"),
        ("五块半", "5.5 CNY"),
        ("十二块半", "12.5 CNY"),
        ("三蚊半", "3.5 HKD"),
        ("三点十二块", "3.12 CNY"),
        ("三点一二元", "3.12 CNY"),
        ("千五蚊", "1500 HKD"),
        ("万二蚊", "12000 HKD"),
        ("百五蚊", "150 HKD"),
        ("三百块港币", "300 HKD"),
        ("two pounds fifty", "2.5 GBP"),
        ("two pounds fifty for each", "2.5 GBP"),
        ("$1.5k", "1500 USD"),
        ("£20.5m", "20500000 GBP"),
        ("500k dollars", "500000 USD"),
        ("五毛钱", "0.5 CNY"),
        ("八分钱", "0.08 CNY"),
        ("五毫子", "0.5 HKD"),
        ("fifty p", "0.5 GBP"),
        ("20 cents", "0.2 USD"),
        ("USD 500", "500 USD"),
        ("RMB 300", "300 CNY"),
        ("hkd1,200.50", "1200.5 HKD"),
        ("港币五百", "500 HKD"),
        ("港币三千五百块", "3500 HKD"),
        ("USD 1.5k", "1500 USD"),
        ("人民币三百元", "300 CNY"),
    ] {
        assert_eq!(only(text), ("money", value.to_owned()), "{text}");
    }
    for (text, value) in [
        ("五块半年", "5 CNY"),
        ("付了1,200元，还有300元", "1200 CNY"),
        ("1,20元", "20 CNY"),
        // What follows is not the tenth of it.
        ("三千块一个月", "3000 CNY"),
        ("二十块一张", "20 CNY"),
        ("二十块三张", "20 CNY"),
        ("五块一斤", "5 CNY"),
        ("三块五一斤", "3.5 CNY"),
        ("一百块一天", "100 CNY"),
        ("十块一分钟", "10 CNY"),
        ("i paid two pounds twenty minutes ago", "2 GBP"),
        ("五百美元三百人民币", "500 USD"),
    ] {
        let all = found(text);
        let first = all.iter().find(|(kind, _, _)| *kind == "money");
        assert_eq!(first.map(|found| found.1.as_str()), Some(value), "{text}");
    }
}

/// The values of all numbers and amounts of a text.
fn values(text: &str) -> Vec<String> {
    let told = |kind: &str| matches!(kind, "number" | "money" | "phone" | "card");
    let all = found(text).into_iter();
    all.filter(|found| told(found.0))
        .map(|found| found.1)
        .collect()
}

#[test]
fn quantities_are_not_glued_together() {
    for (text, expected) in [
        ("一点五万", &["15000"][..]),
        ("两点三亿", &["230000000"]),
        ("两点五个亿", &["250000000"]),
        ("3.5万", &["35000"]),
        ("one point five million", &["1500000"]),
        ("1,500.50", &["1500.5"]),
        ("2.5", &["2.5"]),
        ("19.9六个", &["19.9"]),
        ("2.99一模一样", &["2.99"]),
        ("三点一四", &["3.14"]),
        ("给张三转五万", &["50000"]),
        ("给李四转三千", &["3000"]),
        ("王五有三千没还", &["3000"]),
        ("一千到两千", &["1000", "2000"]),
        ("十到十五天", &["10", "15"]),
        ("一百和两百", &["100", "200"]),
        ("欠一千二还五百", &["1200", "500"]),
        ("between ten and fifteen days", &["10", "15"]),
        ("六千八一个月", &["6800"]),
        ("一张卡有五百一张有三百", &["500", "300"]),
        ("信用卡欠五千", &["5000"]),
        ("三百不对四百", &["400"]),
        ("fifty not fifteen", &["50"]),
        // One number, said in two or more pieces.
        ("twenty twenty six", &["2026"]),
        ("five grand", &["5000"]),
        ("人民币三天到账", &[]),
        ("一分钱一分货", &[]),
        ("荣耀6P", &["6"]),
        ("five to nine", &[]),
        ("尾号二十三四十五", &["2345"]),
        ("三八嗯五一", &["3851"]),
        // A little, and an address of the network.
        ("早一点五个人来", &[]),
        ("一点一点来", &[]),
        ("192.168.1.1", &["19216811"]),
    ] {
        assert_eq!(values(text), expected, "{text}");
    }
}

#[test]
fn rates_are_no_times_and_prices_no_emergency_numbers() {
    for (text, value) in [
        ("利率四点二五", "4.25"),
        ("年化三点零五", "3.05"),
        ("汇率七点二三", "7.23"),
        ("百分之四点三五", "4.35%"),
        ("千分之三", "3‰"),
        ("4.5 percent", "4.5%"),
        ("twenty percent", "20%"),
        ("5%", "5%"),
        ("一共一百二", "120"),
        ("一百一十", "110"),
        ("花了一百一十九", "119"),
        ("九百九十九", "999"),
    ] {
        assert_eq!(only(text), ("number", value.to_owned()), "{text}");
    }
    assert_eq!(values("百分之三十到四十"), ["30%", "40%"]);
    for (text, kind, value) in [
        ("打幺二零", "number", "120"),
        ("nine one one", "number", "911"),
        ("四点二十", "time", "04:20"),
        ("四点二五分", "time", "04:25"),
        ("下午四点二五", "time", "16:25"),
        ("八点零五", "time", "08:05"),
        ("8点25", "time", "08:25"),
    ] {
        assert_eq!(only(text), (kind, value.to_owned()), "{text}");
    }
    let tomorrow = found("明天八点三五开门");
    assert_eq!(tomorrow[1].1, "08:35", "{tomorrow:?}");
}

#[test]
fn of_numbers_that_are_only_about_right_none_is_told() {
    for text in [
        "十几万块",
        "一百来万",
        "一百几十蚊",
        "两千多块",
        "八百几蚊",
        "三四百块",
        "十七八个",
        "a couple of hundred dollars",
        "a few hundred dollars",
    ] {
        assert_eq!(values(text), [""; 0], "{text}");
    }
}

#[test]
fn dates_extensions_and_corrections_are_no_part_of_a_number() {
    for (text, expected) in [
        ("订单2026-03-05那天下的", &[("date", "2026-03-05")][..]),
        (
            "座机零二幺六三四五六七八九转八零二",
            &[("phone", "02163456789"), ("number", "802")],
        ),
        (
            "订单号一二三四五六说错了是一二三四六五",
            &[("order", "123465")],
        ),
        ("是周三不是周二", &[("date", "周三")]),
        ("不是周三是周二", &[("date", "周二")]),
        ("扣了我三毛二", &[("money", "0.32 CNY")]),
        ("三蚊八毫", &[("money", "3.8 HKD")]),
        ("十二點三個字", &[("time", "12:15")]),
        ("八點搭六", &[("time", "08:30")]),
        ("三点过五分", &[("time", "03:05")]),
        ("下個禮拜三", &[("date", "下个礼拜三")]),
    ] {
        let all = found(text);
        let told: Vec<(&str, &str)> = all
            .iter()
            .map(|found| (found.0, found.1.as_str()))
            .collect();
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn what_is_taken_back_is_not_told() {
    for (text, expected) in [
        ("不是明天是后天", &["后天"][..]),
        ("tuesday no sorry wednesday", &["wednesday"]),
        ("下午三点哦不是四点", &["16:00"]),
        ("下午三点，不是，四点", &["16:00"]),
        ("下午三点，不，四点", &["16:00"]),
        ("下午三点不是四点", &["15:00"]),
        ("我想约下午三点，不是四点", &["15:00"]),
        ("是下午三点不是四点", &["15:00"]),
        ("不是下午三点是四点", &["16:00"]),
        ("不是下午三点而是四点", &["16:00"]),
        ("周三不是周二", &["周三"]),
        ("三百块不是四百块", &["300 CNY"]),
        ("下昼三点唔系四点", &["15:00"]),
        ("系下昼三点唔系四点", &["15:00"]),
        ("唔系下昼三点系四点", &["16:00"]),
        ("下昼三点，唔系，四点", &["16:00"]),
        ("three pm no four pm", &["16:00"]),
        ("three pm, no, four pm", &["16:00"]),
        ("three pm not four pm", &["15:00"]),
        ("it's three pm not four pm", &["15:00"]),
        ("not three pm but four pm", &["16:00"]),
        ("it's not three pm it's four pm", &["16:00"]),
        ("三百块不对四百块", &["400 CNY"]),
        ("fifty dollars not fifteen dollars", &["50 USD"]),
        ("明天或者后天", &["明天", "后天"]),
    ] {
        let told: Vec<String> = found(text).into_iter().map(|found| found.1).collect();
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn moments_are_written_out() {
    for (text, kind, value) in [
        ("二零二六年三月五日", "date", "2026-03-05"),
        ("八五年三月十二号", "date", "1985-03-12"),
        ("零八年五月", "date", "2008-05"),
        ("九一年五月", "date", "1991-05"),
        ("二零零一年三月五日", "date", "2001-03-05"),
        ("三月五号", "date", "03-05"),
        ("2026-03-05", "date", "2026-03-05"),
        ("march 5th", "date", "03-05"),
        ("5th of march", "date", "03-05"),
        ("下个星期三", "date", "下个星期三"),
        ("next friday", "date", "next friday"),
        ("下下周三", "date", "下下周三"),
        ("上上周五", "date", "上上周五"),
        ("下下个星期天", "date", "下下个星期天"),
        ("下下个月", "date", "下下个月"),
        ("下周", "date", "下周"),
        ("the day after tomorrow", "date", "the day after tomorrow"),
        (
            "the day before yesterday",
            "date",
            "the day before yesterday",
        ),
        ("the twenty first", "date", "21"),
        ("on the 3rd", "date", "03"),
        ("on the first please", "date", "01"),
        ("13/3/2026", "date", "2026-03-13"),
        ("3/13/2026", "date", "2026-03-13"),
        ("05/11/2025", "date", "05/11/2025"),
        ("三月十五", "date", "03-15"),
        ("农历八月十五", "date", "08-15 lunar"),
        ("正月十五", "date", "01-15 lunar"),
        ("大年初三", "date", "01-03 lunar"),
        ("大年三十", "date", "12-30 lunar"),
        ("腊月廿三", "date", "12-23 lunar"),
        ("五月初五", "date", "05-05 lunar"),
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
fn hours_count_from_noon_or_midnight_as_the_words_beside_them_say() {
    for (text, value) in [
        ("晚上十二点", "00:00"),
        ("今晚十二点", "00:00"),
        ("夜晚十二点", "00:00"),
        ("半夜十二点半", "00:30"),
        ("凌晨十二点", "00:00"),
        ("中午十二点", "12:00"),
        ("下午十二点半", "12:30"),
        ("中午一点", "13:00"),
        ("夜里十一点", "23:00"),
        ("昨晚十一点", "23:00"),
        ("听晚八点", "20:00"),
        ("聽晚八點半", "20:30"),
        ("夜里三点", "03:00"),
        ("今晚两点", "02:00"),
        ("晚上七点零五分", "19:05"),
        ("quarter to one pm", "12:45"),
        ("a quarter to one am", "00:45"),
        ("quarter past twelve am", "00:15"),
        ("five past nine pm", "21:05"),
        ("twenty five past nine pm", "21:25"),
        ("ten past three", "03:10"),
        ("ten to three", "02:50"),
        ("twenty five to nine", "08:35"),
        ("five to nine pm", "20:55"),
        ("five minutes to nine", "08:55"),
        ("three oh five pm", "15:05"),
        ("ten oh five am", "10:05"),
        ("3.30 pm", "15:30"),
        ("330 pm", "15:30"),
        ("eleven at night", "23:00"),
        ("差一刻九点", "08:45"),
        ("八点差五分", "07:55"),
        ("差十分钟下午三点", "14:50"),
        ("下午差五分三点", "14:55"),
        ("零点差五分", "23:55"),
        ("half past six this evening", "18:30"),
        ("half six in the evening", "18:30"),
        ("at half six", "06:30"),
        ("at five to nine", "08:55"),
        ("at nine thirty", "09:30"),
        ("twelve at night", "00:00"),
    ] {
        assert_eq!(only(text), ("time", value.to_owned()), "{text}");
    }
}

#[test]
fn a_day_and_its_part_beside_a_time_are_both_told() {
    for (text, expected) in [
        ("nine thirty tomorrow morning", ["09:30", "tomorrow"]),
        (
            "three thirty on next friday afternoon",
            ["15:30", "next friday"],
        ),
        ("tomorrow evening at half past six", ["tomorrow", "18:30"]),
        ("这个月二十五", ["这个月", "25"]),
    ] {
        let told: Vec<String> = found(text).into_iter().map(|found| found.1).collect();
        assert_eq!(told, expected, "{text}");
    }
    for text in [
        "the twenty first century",
        "the third time",
        "这个月二十个",
        "下个月三十块",
        "下周期",
    ] {
        assert!(
            found(text)
                .iter()
                .all(|found| found.1 != "21" && found.0 != "date"
                    || ["这个月", "下个月"].contains(&found.1.as_str())),
            "{text}: {:?}",
            found(text)
        );
    }
}

#[test]
fn the_part_of_the_day_counts_for_the_end_of_a_span() {
    for (text, from, to) in [
        ("下午三点到五点", "15:00", "17:00"),
        ("下午三点半至五点一刻", "15:30", "17:15"),
        ("晚上八点到十二点", "20:00", "00:00"),
        ("上午十点到两点", "10:00", "14:00"),
        ("早上九点到下午五点", "09:00", "17:00"),
        ("下午两点或者四点", "14:00", "16:00"),
        ("三点半到五点半", "03:30", "05:30"),
    ] {
        let values: Vec<String> = found(text).into_iter().map(|found| found.1).collect();
        assert_eq!(values, [from, to], "{text}");
    }
}

#[test]
fn digits_beside_the_word_to_are_no_time() {
    for text in ["five to nine", "seven to three", "one past the gate"] {
        assert!(found(text).iter().all(|found| found.0 != "time"), "{text}");
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

#[test]
fn telephone_numbers_keep_every_digit_however_they_are_told() {
    for (text, kind, value) in [
        (
            "my phone is oh eight hundred one two three four five six",
            "phone",
            "0800123456",
        ),
        (
            "my number is oh seven seven oh oh nine hundred one two three",
            "phone",
            "07700900123",
        ),
        (
            "my number is oh seven nine hundred four five six seven eight nine",
            "phone",
            "07900456789",
        ),
        ("nine hundred one people", "number", "901"),
        ("two hundred one dollars", "money", "201 USD"),
        (
            "电话幺三八 对 零零幺三 嗯嗯 八零零零",
            "phone",
            "13800138000",
        ),
        (
            "我手机号幺三五 七八九零 幺二三四不对不对最后是四三二幺",
            "phone",
            "13578904321",
        ),
        ("手机尾号三三二幺", "phone", "3321"),
        ("打六六八八 三個零 一搵我", "phone", "66880001"),
        ("我手提五四 三三 雙二 一零", "phone", "54332210"),
        ("加八五二六零一二三四五六", "phone", "85260123456"),
        (
            "phone number o seven seven o o nine o o one two three",
            "phone",
            "07700900123",
        ),
        (
            "一张卡六二一七 零零 三三 二零 零零 幺二三四 五六七",
            "card",
            "6217003320001234567",
        ),
        ("HKID K123456(7)", "identity", "K1234567"),
        ("my reg is a b one two c d e", "plate", "AB12CDE"),
        ("一千零廿蚊", "money", "1020 HKD"),
        ("朝早九點三", "time", "09:15"),
        ("十二個半", "number", "12.5"),
        ("open until noon", "time", "12:00"),
        ("at midnight", "time", "00:00"),
        ("我三五年的", "date", "1935"),
    ] {
        assert_eq!(only(text), (kind, value.to_owned()), "{text}");
    }
}

#[test]
fn idioms_name_nothing() {
    for text in [
        "一五一十告诉你",
        "心里七上八下的",
        "三心二意",
        "五花八门",
        "十全十美",
        "万一丢了",
        "一般来说",
        "乱七八糟",
        "三番五次",
        "七七八八",
        "九牛一毛",
        "千方百计",
        "不管三七二十一",
        "十有八九",
        "十五十六噉",
        "三言两语",
        "五湖四海",
        "四通八达",
        "on cloud nine",
        "in two minds",
    ] {
        let found = entities_of(text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn quarters_and_dials_are_times_of_day() {
    for (text, value) in [
        ("九点一刻", "09:15"),
        ("差五分十点", "09:55"),
        ("九點三個字", "09:15"),
        ("九点踏正", "09:00"),
        ("踏正九点", "09:00"),
        ("一点踏正", "01:00"),
        ("九点三个骨", "09:45"),
        ("quarter past nine", "09:15"),
        ("quarter of nine", "08:45"),
        ("half ten", "10:30"),
        ("half ten tomorrow", "10:30"),
    ] {
        let found = entities_of(text);
        let times: Vec<&str> = found
            .iter()
            .filter(|entity| entity.kind == EntityKind::Time)
            .map(|entity| entity.value.reveal().as_str())
            .collect();
        assert_eq!(times, [value], "{text}");
    }
    for text in [
        "half ten percent",
        "half one half the other",
        "half two hundred",
    ] {
        let found = entities_of(text);
        let is_time = |entity: &trunkside_call::Entity| entity.kind == EntityKind::Time;
        assert!(!found.iter().any(is_time), "{text}: {found:?}");
    }
}

#[test]
fn figures_from_one_to_another_are_two_numbers() {
    for (text, values) in [
        ("从2000到6000", &["2000", "6000"][..]),
        ("300-500", &["300", "500"]),
        ("40至60", &["40", "60"]),
        ("6281-7394", &["62817394"]),
        ("60到40", &["6040"]),
    ] {
        let found = entities_of(text);
        let found: Vec<&str> = found
            .iter()
            .map(|one| one.value.reveal().as_str())
            .collect();
        assert_eq!(found, values, "{text}");
    }
}

#[test]
fn decimals_dimes_roman_figures_and_days_of_cantonese_are_read() {
    for (text, value) in [
        ("2.718281", "2.718281"),
        ("二点七一八二八", "2.71828"),
        ("two point seven one eight two eight", "2.71828"),
        ("0.54321", "0.54321"),
        ("六蚊二", "6.2 HKD"),
        ("Ⅱ Ⅳ Ⅵ", "246"),
        ("前日打過嚟", "前日"),
    ] {
        let found = entities_of(text);
        let found: Vec<&str> = found
            .iter()
            .map(|one| one.value.reveal().as_str())
            .collect();
        assert_eq!(found, [value], "{text}");
    }
    assert!(entities_of("目前日均").is_empty());
}

#[test]
fn the_end_of_a_number_is_of_the_kind_that_is_called_before_it() {
    for (text, kind) in [
        ("my social security number ends in 4821", "identity"),
        ("身份证尾号四八二一", "identity"),
        ("my card ending in 4821", "card"),
        ("银行卡尾号四八二一", "card"),
        ("it ends in 4821", "card"),
    ] {
        let found = entities_of(text);
        assert_eq!(found.last().unwrap().kind.name(), kind, "{text}: {found:?}");
    }
}
