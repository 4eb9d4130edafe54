//! Cases: what is personal, how it is said, and over how many turns.

use pinyin::ToPinyin;

use super::lists::{
    ACCOUNT, ADDRESS, BIRTH, CARD, CITIES, DISTRICTS, EMAIL, ENGLISH_FIRST, ENGLISH_KINDS,
    ENGLISH_LAST, ENGLISH_STREETS, GIVEN, HARMLESS, HK_DISTRICTS, IDENTITY, INNOCENT,
    LONG_SURNAMES, NAME, PHONE, PLATE, RARE_SURNAMES, STEMS, SURNAMES,
};
use super::numbers::{Manner, manner, tell};
use super::{Kind, Random, Said, Tongue, Turn, mentioned, spoken};

fn carriers(kind: Kind) -> &'static [&'static [&'static str]; 3] {
    match kind {
        Kind::Phone => &PHONE,
        Kind::Identity => &IDENTITY,
        Kind::Card => &CARD,
        Kind::Account => &ACCOUNT,
        Kind::Birth => &BIRTH,
        Kind::Plate => &PLATE,
        Kind::Email => &EMAIL,
        Kind::Name | Kind::Mention => &NAME,
        Kind::Address => &ADDRESS,
    }
}

/// A case of a kind: its turns, all of which the redactor hears.
pub fn case(kind: Kind, tongue: Tongue, random: &mut Random) -> Vec<Turn> {
    if kind == Kind::Mention {
        return mentioned::case(tongue, random);
    }
    if random.percent(15)
        && let Some(turns) = spoken::case(kind, tongue, random)
    {
        return turns;
    }
    let carrier = random.one(carriers(kind)[tongue as usize]);
    let (before, behind) = carrier.split_once('*').unwrap();
    let secret = secret(kind, tongue, random);
    if kind.is_number() && !before.is_empty() && random.percent(18) {
        return split(before, &secret, tongue, random);
    }
    let mut said = Said::default();
    hesitate(&mut said, tongue, random);
    said.say(before);
    hesitate(&mut said, tongue, random);
    render(&mut said, kind, &secret, tongue, random);
    said.say(behind);
    let mut turns = Vec::new();
    if kind.is_number() && random.percent(20) {
        turns = prefixes(&said, random);
    }
    turns.push(said.turn(true));
    turns
}

/// What looks personal and is not. The second value says whether any of it may be hidden.
pub fn negative(tongue: Tongue, random: &mut Random) -> (Turn, bool) {
    let mut said = Said::default();
    hesitate(&mut said, tongue, random);
    if random.percent(60) {
        said.say(random.one(INNOCENT[tongue as usize]));
        return (said.turn(true), false);
    }
    let carrier = random.one(HARMLESS[tongue as usize]);
    let (before, behind) = carrier.split_once('*').unwrap();
    said.say(before);
    let number = near_miss(random);
    let manner = manner(random);
    tell(&mut said, &number, manner, tongue, random);
    said.say(behind);
    (said.turn(true), true)
}

/// A number that resembles a personal one: a broken check digit, a mobile number one digit short or
/// long, a date in front.
fn near_miss(random: &mut Random) -> String {
    match random.below(5) {
        0 => {
            let mut number = identity(random);
            let last = if number.ends_with('1') { '2' } else { '1' };
            number.pop();
            number.push(last);
            number
        }
        1 => {
            let mut number = card(random);
            let last = number.pop().unwrap().to_digit(10).unwrap();
            number.push_str(&((last + 1) % 10).to_string());
            number
        }
        2 => format!("1{}", random.digits(9)),
        3 => format!(
            "20{:02}{:02}{:02}{}",
            random.between(20, 26),
            random.between(1, 12),
            random.between(1, 28),
            {
                let count = random.between(4, 8);
                random.digits(count)
            }
        ),
        _ => {
            let count = random.between(6, 9);
            random.digits(count)
        }
    }
}

pub fn hesitate(said: &mut Said, tongue: Tongue, random: &mut Random) {
    if !random.percent(12) {
        return;
    }
    said.say(match tongue {
        Tongue::English => random.one(&["uh ", "um ", "well ", "so "]),
        _ => random.one(&["嗯", "呃", "那个", "嗯，"]),
    });
}

/// A number over two or three turns, the other side agreeing in between.
fn split(before: &str, number: &str, tongue: Tongue, random: &mut Random) -> Vec<Turn> {
    let chars: Vec<char> = number.chars().collect();
    let size = random.between(3, 4).max(chars.len().div_ceil(4));
    let mut turns = Vec::new();
    let alone = random.percent(50);
    if alone {
        let mut said = Said::default();
        said.say(before);
        turns.push(said.turn(true));
    }
    for (index, chunk) in chars.chunks(size).enumerate() {
        let mut said = Said::default();
        if index == 0 && !alone {
            said.say(before);
        }
        let chunk: String = chunk.iter().collect();
        let manner = if random.percent(80) {
            Manner::Spoken
        } else {
            Manner::Written
        };
        tell(&mut said, &chunk, manner, tongue, random);
        turns.push(said.turn(true));
        let mut agreed = Said::default();
        agreed.say(match tongue {
            Tongue::English => random.one(&["mm hmm", "okay", "yes"]),
            _ => random.one(&["嗯", "好的", "对"]),
        });
        turns.push(Turn {
            by_caller: false,
            ..agreed.turn(true)
        });
    }
    turns
}

/// Hypotheses on the way: beginnings of the text, cut anywhere but within a word.
fn prefixes(said: &Said, random: &mut Random) -> Vec<Turn> {
    let chars: Vec<char> = said.text.chars().collect();
    (0..3)
        .map(|_| random.between(1, chars.len().max(1)))
        .map(|end| {
            let inside = |at: usize| {
                at < chars.len()
                    && chars[at - 1].is_ascii_alphanumeric()
                    && chars[at].is_ascii_alphanumeric()
            };
            let end = (end..=chars.len())
                .find(|end| !inside(*end))
                .unwrap_or(chars.len());
            let out: Vec<(usize, usize)> = said
                .secrets
                .iter()
                .filter(|(_, stop)| end >= *stop)
                .copied()
                .collect();
            // The first digit alone tells nothing.
            let secrets = if out.len() > 1 { out } else { Vec::new() };
            Turn {
                by_caller: true,
                is_final: false,
                text: chars[..end.min(chars.len())].iter().collect(),
                secrets,
            }
        })
        .collect()
}

fn secret(kind: Kind, tongue: Tongue, random: &mut Random) -> String {
    match kind {
        Kind::Phone => phone(tongue, random),
        Kind::Identity => identity(random),
        Kind::Card => card(random),
        Kind::Account => {
            let count = random.between(8, 16);
            random.digits(count)
        }
        _ => String::new(),
    }
}

fn phone(tongue: Tongue, random: &mut Random) -> String {
    match tongue {
        Tongue::Mandarin if random.percent(12) => format!(
            "0{}{}",
            random.one(&["10", "20", "755", "571"]),
            random.digits(8)
        ),
        Tongue::Mandarin => format!(
            "1{}{}",
            random.one(&["3", "5", "7", "8", "9"]),
            random.digits(9)
        ),
        Tongue::Cantonese => format!("{}{}", random.one(&["5", "6", "9", "2"]), random.digits(7)),
        Tongue::English => format!(
            "{}{}",
            random.one(&["07", "020", "1", "6"]),
            random.digits(8)
        ),
    }
}

/// GB 11643 with its check character.
fn identity(random: &mut Random) -> String {
    const WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let region = random.one(&[
        "110105", "440106", "310115", "430104", "510107", "330106", "420103",
    ]);
    let number = format!(
        "{region}{}{:02}{:02}{}",
        random.between(1940, 2008),
        random.between(1, 12),
        random.between(1, 28),
        random.digits(3)
    );
    let sum: usize = number
        .bytes()
        .zip(WEIGHTS)
        .map(|(c, weight)| usize::from(c - b'0') * weight)
        .sum();
    let check = "10X98765432".chars().nth(sum % 11).unwrap();
    format!("{number}{check}")
}

/// Luhn's check digit behind an issuer's first digits.
fn card(random: &mut Random) -> String {
    let (issuer, length) = *[("6222", 19), ("4", 16), ("53", 16), ("6217", 16)]
        .get(random.below(4))
        .unwrap();
    let number = format!("{issuer}{}", random.digits(length - 1 - issuer.len()));
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, c)| {
            let digit = u32::from(c - b'0');
            match (place % 2, digit) {
                (0, 9) => 9,
                (0, digit) => digit * 2 % 9,
                (_, digit) => digit,
            }
        })
        .sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

fn render(said: &mut Said, kind: Kind, secret: &str, tongue: Tongue, random: &mut Random) {
    said.space(tongue);
    match kind {
        Kind::Birth => birth(said, tongue, random),
        Kind::Plate => plate(said, tongue, random),
        Kind::Email => email(said, tongue, random),
        Kind::Name => name(said, tongue, random),
        Kind::Address => address(said, tongue, random),
        _ => {
            let manner = manner(random);
            tell(said, secret, manner, tongue, random);
        }
    }
}

fn birth(said: &mut Said, tongue: Tongue, random: &mut Random) {
    let (year, month, day) = (
        random.between(1940, 2008),
        random.between(1, 12),
        random.between(1, 28),
    );
    if random.percent(25) {
        return said.tell(&format!("{year}-{month:02}-{day:02}"));
    }
    if tongue == Tongue::English {
        const MONTHS: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let date = if random.percent(50) {
            format!(
                "{} {} {}",
                MONTHS[month - 1],
                words(day),
                english_year(year)
            )
        } else {
            format!(
                "the {} of {} {}",
                ordinal(day),
                MONTHS[month - 1],
                english_year(year)
            )
        };
        return said.tell(&date);
    }
    let digits: String = year
        .to_string()
        .chars()
        .map(|c| {
            "零一二三四五六七八九"
                .chars()
                .nth(c.to_digit(10).unwrap() as usize)
                .unwrap()
        })
        .collect();
    let digits = if random.percent(30) {
        digits.chars().skip(2).collect()
    } else {
        digits
    };
    let mark = if random.percent(50) { "日" } else { "号" };
    said.tell(&format!(
        "{digits}年{}月{}{mark}",
        cardinal(month),
        cardinal(day)
    ));
}

pub fn cardinal(value: usize) -> String {
    let digit = |value: usize| "零一二三四五六七八九".chars().nth(value).unwrap();
    match value {
        0..=9 => digit(value).to_string(),
        10..=19 => format!(
            "十{}",
            if value > 10 {
                digit(value - 10).to_string()
            } else {
                String::new()
            }
        ),
        _ => format!(
            "{}十{}",
            digit(value / 10),
            if value.is_multiple_of(10) {
                String::new()
            } else {
                digit(value % 10).to_string()
            }
        ),
    }
}

const UNDER_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = [
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

fn words(value: usize) -> String {
    match value {
        0..20 => UNDER_TWENTY[value].to_owned(),
        _ if value.is_multiple_of(10) => TENS[value / 10].to_owned(),
        _ => format!("{} {}", TENS[value / 10], UNDER_TWENTY[value % 10]),
    }
}

fn ordinal(value: usize) -> String {
    match value {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        5 => "fifth".to_owned(),
        12 => "twelfth".to_owned(),
        20 => "twentieth".to_owned(),
        21..=28 => format!("twenty {}", ordinal(value - 20)),
        8 => "eighth".to_owned(),
        9 => "ninth".to_owned(),
        _ => format!("{}th", words(value)),
    }
}

fn english_year(year: usize) -> String {
    match year {
        2000 => "two thousand".to_owned(),
        2001..2010 => format!("two thousand and {}", words(year - 2000)),
        _ => format!("nineteen {}", words(year - 1900)),
    }
}

fn plate(said: &mut Said, tongue: Tongue, random: &mut Random) {
    let count = random.between(3, 4);
    let digits = random.digits(count);
    let letter = random.char_of("ABCDEFGHJKLMNPQRSTUVWXY");
    if tongue == Tongue::English {
        let text = format!("{letter} {} {digits}", random.char_of("BDFGKLMTVW")).to_lowercase();
        return said.tell(&text);
    }
    let province = random.char_of("京津沪渝冀豫云辽黑湘皖鲁苏浙赣鄂桂甘晋蒙陕吉闽贵粤青川宁琼");
    let digits = format!("{digits}{}", random.digits(5 - count));
    let spoken = random.percent(60);
    let body: String = digits
        .chars()
        .map(|c| {
            if spoken {
                "零幺二三四五六七八九"
                    .chars()
                    .nth(c.to_digit(10).unwrap() as usize)
                    .unwrap()
            } else {
                c
            }
        })
        .collect();
    let letter = if spoken {
        letter.to_ascii_lowercase()
    } else {
        letter
    };
    said.tell(&format!("{province}{letter}{body}"));
}

fn email(said: &mut Said, tongue: Tongue, random: &mut Random) {
    let user = format!(
        "{}{}",
        random.one(&["wang", "lily", "j", "chen", "kit", "amy"]),
        random.one(&["", "wei", "smith", "hk"])
    );
    let host = random.one(&["example", "gmail", "qq", "outlook", "mail"]);
    let number = random.digits(2);
    if random.percent(35) {
        return said.tell(&format!("{user}{number}@{host}.com"));
    }
    let spoken: String = number
        .chars()
        .map(|c| c.to_digit(10).unwrap() as usize)
        .map(|digit| {
            if tongue == Tongue::English {
                format!(" {}", UNDER_TWENTY[digit])
            } else {
                "零一二三四五六七八九"
                    .chars()
                    .nth(digit)
                    .unwrap()
                    .to_string()
            }
        })
        .collect();
    let text = match tongue {
        Tongue::English => format!(
            "{user}{spoken} at {host} dot {}",
            random.one(&["com", "co dot uk", "net"])
        ),
        _ => format!(
            "{user}{spoken}{}{host}点{}",
            random.one(&["艾特", " at ", "圈a "]),
            random.one(&["com", "康姆", "cn"])
        ),
    };
    said.tell(&text);
}

pub fn name(said: &mut Said, tongue: Tongue, random: &mut Random) {
    if tongue == Tongue::English {
        let full = format!(
            "{} {}",
            random.one(&ENGLISH_FIRST),
            random.one(&ENGLISH_LAST)
        );
        return said.tell(if random.percent(25) {
            full.split(' ').next().unwrap()
        } else {
            &full
        });
    }
    let family = family_name(random);
    let count = if random.percent(25) { 1 } else { 2 };
    let own: String = (0..count)
        .map(|_| {
            let c = random.char_of(GIVEN);
            if random.percent(6) {
                misheard(c, random)
            } else {
                c
            }
        })
        .collect();
    said.tell(&format!("{family}{own}"));
}

pub fn family_name(random: &mut Random) -> String {
    match random.below(20) {
        0 => random.one(&LONG_SURNAMES).to_owned(),
        1 | 2 => random.char_of(RARE_SURNAMES).to_string(),
        _ => random.char_of(SURNAMES).to_string(),
    }
}

/// Another character of the same sound.
fn misheard(c: char, random: &mut Random) -> char {
    let Some(sound) = c.to_pinyin() else { return c };
    let first = random.below(6_000) as u32;
    (0..6_000_u32)
        .filter_map(|step| char::from_u32(0x4e00 + (first + step) % 6_000))
        .find(|other| {
            other
                .to_pinyin()
                .is_some_and(|pinyin| pinyin.plain() == sound.plain())
        })
        .unwrap_or(c)
}

fn address(said: &mut Said, tongue: Tongue, random: &mut Random) {
    if tongue == Tongue::English {
        let street = format!(
            "{} {}",
            random.one(&ENGLISH_STREETS),
            random.one(&ENGLISH_KINDS)
        );
        let house = random.between(1, 99);
        let number = if random.percent(60) {
            words(house)
        } else {
            house.to_string()
        };
        let flat = match random.below(4) {
            0 => format!("flat {} ", words(random.between(1, 30))),
            1 => format!("flat {} ", random.char_of("abcdef")),
            _ => String::new(),
        };
        return said.tell(&format!("{flat}{number} {street}"));
    }
    let digits = |value: usize, random: &mut Random| {
        if random.percent(60) {
            cardinal(value)
        } else {
            value.to_string()
        }
    };
    let place = match tongue {
        Tongue::Cantonese => random.one(&HK_DISTRICTS).to_owned(),
        _ => match random.below(3) {
            0 => String::new(),
            1 => random.one(&DISTRICTS).to_owned(),
            _ => format!("{}{}", random.one(&CITIES), random.one(&DISTRICTS)),
        },
    };
    let road = format!(
        "{}{}",
        random.one(&STEMS),
        random.one(&["路", "街", "大道", "巷"])
    );
    let number = format!("{}号", digits(random.between(1, 99), random));
    let estate = format!(
        "{}{}",
        random.one(&STEMS),
        random.one(&["小区", "花园", "大厦", "公寓", "苑"])
    );
    let door = match random.below(3) {
        0 => format!(
            "{}栋{}单元{}室",
            digits(random.between(1, 20), random),
            digits(random.between(1, 6), random),
            random.between(101, 999)
        ),
        1 => format!(
            "{}楼{}室",
            digits(random.between(1, 40), random),
            random.char_of("ABCDE")
        ),
        _ => String::new(),
    };
    let gap = if random.percent(8) { "，" } else { "" };
    said.tell(&match random.below(3) {
        0 => format!("{place}{gap}{road}{number}"),
        1 => format!("{place}{road}{number}{gap}{estate}{door}"),
        _ => format!(
            "{place}{estate}{}{door}",
            if door.is_empty() { "三栋" } else { "" }
        ),
    });
}
