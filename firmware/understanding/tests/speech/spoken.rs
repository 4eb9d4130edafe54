//! Cases as callers tell them in passing: people by title or nickname, documents spelt with their letters,
//! plates and addresses over several turns.

use super::cases::{cardinal, family_name};
use super::lists::{CITIES, GIVEN, STEMS};
use super::{Kind, Random, Said, Tongue, Turn};

/// What stands before and behind a family name that a title follows: `*` is the name.
const TITLED: [&[&str]; 2] = [
    &[
        "*总在吗",
        "帮我找一下*经理",
        "我是*太上次打过电话",
        "*哥说可以办",
        "是*女士吗",
        "*大夫给开的",
        "跟*工说一声",
        "我们*董让我问问",
    ],
    &["*太喺度吗", "揾*生", "*小姐唔该", "系咪*太呀", "*生你好呀"],
];

/// The same of a nickname.
const NICKNAMED: [&[&str]; 2] = [
    &["*在不在", "*叫我打的", "找*听电话", "给*转五百块"],
    &["我同事*打过嚟", "转五百蚊畀*", "我系*", "*话可以㗎"],
];

/// A case said in passing, where its kind has one in this language.
pub fn case(kind: Kind, tongue: Tongue, random: &mut Random) -> Option<Vec<Turn>> {
    match (kind, tongue) {
        (Kind::Name, Tongue::Mandarin | Tongue::Cantonese) => Some(called(tongue, random)),
        (Kind::Identity, Tongue::Cantonese | Tongue::English) => Some(spelt(tongue, random)),
        (Kind::Plate, Tongue::Mandarin) => Some(plate(random)),
        (Kind::Address, Tongue::Mandarin) => Some(address(random)),
        _ => None,
    }
}

fn called(tongue: Tongue, random: &mut Random) -> Vec<Turn> {
    let (carriers, name) = if random.percent(60) {
        (TITLED, family_name(random))
    } else {
        (NICKNAMED, format!("阿{}", random.char_of(GIVEN)))
    };
    let carrier = random.one(carriers[tongue as usize]);
    let (before, behind) = carrier.split_once('*').unwrap();
    let mut said = Said::default();
    said.say(before);
    said.tell(&name);
    said.say(behind);
    vec![said.turn(true)]
}

/// A Hong Kong identity card, or a British national insurance number.
fn spelt(tongue: Tongue, random: &mut Random) -> Vec<Turn> {
    let mut said = Said::default();
    let digits = random.digits(6);
    let letter = random.char_of("ABCDEFGHJKLMNPRSTVYZ");
    if tongue == Tongue::English {
        said.say(random.one(&["my national insurance number is ", "national insurance "]));
        let first = random.char_of("BCEGHJKLMNPRST");
        let spoken: Vec<&str> = digits.chars().map(english).collect();
        let last = random.char_of("ABCD");
        let number = format!("{first} {letter} {} {last}", spoken.join(" "));
        for piece in number.to_lowercase().split(' ') {
            said.space(tongue);
            said.tell(piece);
        }
        return vec![said.turn(true)];
    }
    said.say(random.one(&["我身份证系", "身份证号码", "我张身份证"]));
    let check = random.char_of("0123456789A");
    said.tell(&letter.to_string());
    if random.percent(40) {
        said.tell(&digits);
        said.say("(");
        said.tell(&check.to_string());
        said.say(")");
    } else {
        for digit in digits.chars() {
            said.tell(chinese(digit));
        }
        said.say(random.one(&["括弧", "括号", "，括弧"]));
        let check_said = if check == 'A' { "A" } else { chinese(check) };
        said.tell(check_said);
    }
    vec![said.turn(true)]
}

fn chinese(digit: char) -> &'static str {
    const WORDS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    WORDS[digit.to_digit(10).unwrap() as usize]
}

fn english(digit: char) -> &'static str {
    const WORDS: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    WORDS[digit.to_digit(10).unwrap() as usize]
}

/// An agent's turn.
fn asked(text: &str) -> Turn {
    let mut said = Said::default();
    said.say(text);
    Turn {
        by_caller: false,
        ..said.turn(true)
    }
}

/// A caller's turn that tells nothing else.
fn told(text: &str) -> Turn {
    let mut said = Said::default();
    said.tell(text);
    said.turn(true)
}

fn plate(random: &mut Random) -> Vec<Turn> {
    let city = format!(
        "{}{}",
        random.char_of("京沪渝苏浙鄂桂粤川琼"),
        random.char_of("ABCDEFGH")
    );
    let body = format!(
        "{}{}{}",
        random.digits(2),
        random.char_of("KLQTUW"),
        random.digits(2)
    );
    vec![asked("请问车牌号"), told(&city), asked("嗯"), told(&body)]
}

fn address(random: &mut Random) -> Vec<Turn> {
    let road = format!(
        "{}{}",
        random.one(&STEMS),
        random.one(&["路", "街", "大道"])
    );
    let number = format!("{}号", cardinal(random.between(1, 200).min(99)));
    let room: String = random.digits(3).chars().map(chinese).collect();
    let door = format!("{}栋{room}", cardinal(random.between(1, 30)));
    vec![
        asked("改到哪里"),
        told(random.one(&CITIES)),
        told(&road),
        asked("多少号"),
        told(&number),
        told(&door),
    ]
}
