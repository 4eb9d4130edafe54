//! Where a number begins and ends in speech, and what it may stand for.

use super::*;

fn runs(text: &str) -> Vec<String> {
    runs_of(&Folded::new(text))
        .into_iter()
        .map(|run| run.meant)
        .collect()
}

#[test]
fn digits_are_read_in_every_reading() {
    for (text, digits) in [
        ("幺三八零零幺三八零零零", "13800138000"),
        ("幺三八洞洞拐勾两", "138007 92".replace(' ', "").as_str()),
        ("一三八 0013 8000", "13800138000"),
        ("１３８-0013-8000", "13800138000"),
        ("三个八双六两个零", "8886600"),
        ("3个8", "888"),
        ("九孖八孖七孖六", "9887766"),
        ("仨零三条六七條二", "0006662222222"),
        ("九孖八七三条六二", "98876662"),
        (
            "one three eight double oh one three eight triple zero",
            "13800138000",
        ),
        ("onethreeeight", "138"),
        ("twenty twenty six", "2026"),
        ("①②③④", "1234"),
        ("٠١٢٣", "0123"),
        ("壹贰叁肆", "1234"),
    ] {
        assert_eq!(runs(text), [digits], "{text}");
    }
}

#[test]
fn cardinals_have_their_value() {
    for (text, value) in [
        ("十五", "15"),
        ("三百五", "350"),
        ("三百零五", "305"),
        ("一万二千三百四十五", "12345"),
        ("两千零八", "2008"),
        ("三万五", "35000"),
        ("一亿两千万", "120000000"),
        ("3万", "30000"),
        ("廿三", "23"),
        ("千五蚊", "1500"),
        ("万二块", "12000"),
        ("百五蚊", "150"),
        ("three hundred and five", "305"),
        ("two thousand three hundred twenty one", "2321"),
        ("nineteen hundred", "1900"),
        ("one million", "1000000"),
    ] {
        assert_eq!(runs(text), [value], "{text}");
    }
}

#[test]
fn pauses_and_punctuation_do_not_part_a_number() {
    for text in [
        "幺三八，嗯，零零幺三，呃那个八零零零",
        "one three eight, uh, zero zero one three - um - eight zero zero zero",
        "1 3 8 / 0 0 1 3 (8 0 0 0)",
        "1\u{200b}3\u{200b}800\u{0}138000",
        "138🙂0013🙂8000",
    ] {
        assert_eq!(runs(text), ["13800138000"], "{text}");
    }
}

#[test]
fn a_correction_replaces_what_was_said() {
    assert_eq!(
        runs("幺三八零零幺三七，不对，幺三八零零零"),
        ["13800138000"]
    );
    assert_eq!(runs("one two three one, no, seven, not one"), ["1237"]);
    assert_eq!(runs("七四一不对四七一"), ["471"]);
}

#[test]
fn what_is_named_as_wrong_is_no_part_of_the_number() {
    for (text, digits) in [
        ("不是八八六六是八八六九", "8869"),
        ("尾数不是八八六六而是八八六九", "8869"),
        ("唔系八八六六系八八六九", "8869"),
        (
            "it's not one two three four it's one two three five",
            "1235",
        ),
        ("not one two three four but one two three five", "1235"),
        ("fifty not fifteen", "50"),
        ("八八六六不是八八六九", "8866"),
        ("系八八六六唔系八八六九", "8866"),
        ("八八六六，不是，八八六九", "8869"),
        ("八八六六不是六九", "8869"),
        ("一三八零零一三八零零四不是四是五", "13800138005"),
        ("是不是八八六六", "8866"),
        ("不是八八六六", "8866"),
    ] {
        assert_eq!(runs(text), [digits], "{text}");
    }
}

#[test]
fn one_before_a_measure_word_is_no_part_of_the_price() {
    for (text, values) in [
        ("六千八一个月", ["6800", "1"]),
        ("四千五一平", ["4500", "1"]),
        ("五百一张", ["500", "1"]),
    ] {
        assert_eq!(runs(text), values, "{text}");
    }
    assert_eq!(runs("五百一十张"), ["510"]);
}

#[test]
fn digits_that_a_recogniser_misheard_stay_in_the_run() {
    assert_eq!(runs("幺三八零林幺三爸零零零"), ["13800138000"]);
    assert_eq!(runs("one three for five ate zero"), ["134580"]);
}

#[test]
fn a_number_takes_nothing_of_its_neighbours() {
    assert_eq!(runs("二十三栋四零二"), ["23", "402"]);
    for row in ["二十三", "三百", "一二三", "3", "三个八", "twenty three"] {
        for gap in ["栋", "山", "是", "衣洞", "东三", ""] {
            let text = format!("{row}{gap}四零二{gap}{row}");
            let found = runs_of(&Folded::new(&text));
            let atoms: Vec<&Atom> = found.iter().flat_map(|run| &run.atoms).collect();
            let in_order = |pair: &[&Atom]| pair[0].end <= pair[1].start;
            assert!(atoms.windows(2).all(in_order), "{text}: {atoms:?}");
        }
    }
}

#[test]
fn ordinary_words_are_no_digits() {
    for text in [
        "打个勾",
        "拐弯",
        "什么",
        "怎么办",
        "oh my card",
        "someone often",
        "for you to",
    ] {
        let found = runs_of(&Folded::new(text));
        assert!(
            found.iter().all(|run| !run.is_strong()),
            "{text}: {found:?}"
        );
    }
    assert_eq!(runs("我有两张三块钱的"), ["2", "3"]);
    assert_eq!(runs("孖仔有三条裤一双鞋"), ["3", "1"]);
    assert_eq!(runs("三条六百块的裤"), ["3", "600"]);
}

#[test]
fn long_texts_take_little_time() {
    for piece in [
        "一", "十", "one ", "嗯", "1", "oh ", "a", "三个", "double ", "hundred ",
    ] {
        let text = piece.repeat(300_000);
        let _ = runs_of(&Folded::new(&text));
    }
}

#[test]
fn traditional_characters_are_read_as_simplified_ones() {
    let folded: String = Folded::new("電話號碼係兩萬，張國偉下個禮拜")
        .chars()
        .iter()
        .collect();
    assert_eq!(folded, "电话号码系两万,张国伟下个礼拜");
    assert_eq!(runs("參佰"), ["300"]);
}
