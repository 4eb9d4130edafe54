//! How a number is said or written.

use super::{Random, Said, Tongue};

const HOMOPHONES: [&str; 10] = [
    "林灵", "衣医", "而儿", "山伞", "寺事", "无午", "流刘", "期妻", "爸巴", "酒久",
];
const ENGLISH: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];
const MISHEARD: [(u8, &[&str]); 6] = [
    (1, &["won"]),
    (2, &["to", "too"]),
    (3, &["free", "tree"]),
    (4, &["for"]),
    (8, &["ate"]),
    (9, &["line"]),
];

/// How the digits are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Spoken,
    Written,
    FullWidth,
    Grouped,
}

pub fn manner(random: &mut Random) -> Manner {
    match random.below(10) {
        0..=6 => Manner::Spoken,
        7 => Manner::Written,
        8 => Manner::FullWidth,
        _ => Manner::Grouped,
    }
}

/// Says a number; every digit word is a secret.
pub fn tell(said: &mut Said, number: &str, manner: Manner, tongue: Tongue, random: &mut Random) {
    if manner != Manner::Spoken {
        return write(said, number, manner, random);
    }
    let chars: Vec<char> = number.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        if at > 0 {
            pause(said, tongue, random);
        }
        said.space(tongue);
        let same = chars[at..].iter().take_while(|c| **c == chars[at]).count();
        if same >= 2 && random.percent(25) && chars[at].is_ascii_digit() {
            let times = same.min(3);
            repeat(said, chars[at], times, tongue, random);
            at += times;
            continue;
        }
        if at > 1 && chars[at].is_ascii_digit() && random.percent(2) {
            correct(said, chars[at], tongue, random);
        }
        digit(said, chars[at], tongue, random);
        at += 1;
    }
}

fn write(said: &mut Said, number: &str, manner: Manner, random: &mut Random) {
    let wide = |c: char| char::from_u32(c as u32 + 0xfee0).unwrap_or(c);
    match manner {
        Manner::FullWidth => said.tell(&number.chars().map(wide).collect::<String>()),
        Manner::Grouped => {
            let gap = random.one(&[" ", "-", " - ", "."]);
            let size = random.between(3, 4);
            let chars: Vec<char> = number.chars().collect();
            for (index, group) in chars.chunks(size).enumerate() {
                if index > 0 {
                    said.say(gap);
                }
                said.tell(&group.iter().collect::<String>());
            }
        }
        Manner::Written | Manner::Spoken => said.tell(number),
    }
}

fn digit(said: &mut Said, c: char, tongue: Tongue, random: &mut Random) {
    let Some(value) = c.to_digit(10) else {
        let letter = match tongue {
            Tongue::English => c.to_ascii_lowercase().to_string(),
            _ if random.percent(30) => "叉".to_owned(),
            _ => c.to_ascii_lowercase().to_string(),
        };
        return said.tell(&letter);
    };
    let value = value as usize;
    if tongue == Tongue::English {
        if random.percent(2)
            && let Some((_, words)) = MISHEARD
                .iter()
                .find(|(digit, _)| usize::from(*digit) == value)
        {
            // No longer a digit: nothing to hide, but nothing that may part the rest.
            return said.say(random.one(words));
        }
        let word = if value == 0 && random.percent(50) {
            "oh"
        } else {
            ENGLISH[value]
        };
        return said.tell(word);
    }
    if random.percent(3) {
        let c = random.char_of(HOMOPHONES[value]);
        return said.say(&c.to_string());
    }
    let forms = match value {
        0 => "零零零零〇洞",
        1 => "一幺幺",
        2 => "二二二两",
        7 => "七七七七拐",
        9 => "九九九九九勾",
        other => {
            return said.tell(
                &"三四五六八"
                    .chars()
                    .nth([0, 0, 0, 0, 1, 2, 3, 0, 4][other])
                    .unwrap()
                    .to_string(),
            );
        }
    };
    let c = random.char_of(forms);
    said.tell(&c.to_string());
}

fn repeat(said: &mut Said, c: char, times: usize, tongue: Tongue, random: &mut Random) {
    let value = c.to_digit(10).unwrap_or(0) as usize;
    let text = match (tongue, times) {
        (Tongue::English, 2) => format!("double {}", ENGLISH[value]),
        (Tongue::English, _) => format!("triple {}", ENGLISH[value]),
        (Tongue::Cantonese, 2) if random.percent(50) => format!("孖{}", chinese(value)),
        (Tongue::Cantonese, _) if times > 2 && random.percent(30) => {
            format!("三条{}", chinese(value))
        }
        (_, 2) if random.percent(30) => format!("双{}", chinese(value)),
        (_, 2) => format!("两个{}", chinese(value)),
        _ if random.percent(15) => format!("仨{}", chinese(value)),
        _ => format!("三个{}", chinese(value)),
    };
    said.tell(&text);
}

fn chinese(value: usize) -> char {
    "零一二三四五六七八九".chars().nth(value).unwrap()
}

/// A wrong digit, taken back.
fn correct(said: &mut Said, right: char, tongue: Tongue, random: &mut Random) {
    let wrong = (right.to_digit(10).unwrap_or(0) as usize + random.between(1, 9)) % 10;
    if tongue == Tongue::English {
        said.tell(ENGLISH[wrong]);
        said.say(random.one(&[" no ", " sorry ", " no wait ", ", i mean "]));
    } else {
        said.tell(&chinese(wrong).to_string());
        said.say(random.one(&["不对", "不是", "，不对，", "错了", "说错了"]));
    }
}

fn pause(said: &mut Said, tongue: Tongue, random: &mut Random) {
    if !random.percent(7) {
        return;
    }
    match tongue {
        Tongue::English => said.say(random.one(&[" uh", " um", ",", " and", " dash", " then"])),
        Tongue::Mandarin => said.say(random.one(&["嗯", "呃", "，", "那个", "。", "然后", "……"])),
        Tongue::Cantonese => said.say(random.one(&["嗯", "呃", "，", "即系", "跟住", "吖", "。"])),
    }
}
