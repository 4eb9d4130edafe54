//! Measures the trainer on public sets, each trained on its own training part only:
//! `TRUNKSIDE_DATA=../shared/data cargo run -p trunkside-understanding --example measure_text -- SET…`
//! with `clinc150`, `banking77`, `multidogo`, `zh_bank`, `zh_seed`, `smp`, `shipped`, `calls`,
//! `anytime`, `speed`, `sentiment`. One JSON object a line. `shipped` measures the intents that ship on sentences that
//! were written apart from the grammars, and on the test parts of two public sets by their labels
//! in `data/intents/public.tsv`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trunkside_call::{Language, Prosody, SentimentLabel, Side, Utterance};
use trunkside_understanding::intents::{Example, IntentModel, OUT_OF_SCOPE, corpus, read_examples};
use trunkside_understanding::sentiment::mood_of;
use trunkside_understanding::{CallUnderstanding, Understander};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let data = std::env::var("TRUNKSIDE_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let text = PathBuf::from(data).join("text");
    for set in std::env::args().skip(1) {
        let results = match set.as_str() {
            "clinc150" => vec![clinc(&text)?],
            "banking77" => vec![banking(&text)?],
            "multidogo" => vec![multidogo(&text, "finance")?, multidogo(&text, "insurance")?],
            "zh_bank" => vec![zh_bank(&text)?],
            "zh_seed" => vec![zh_seed(&text)?],
            "smp" => vec![smp(&text)?],
            "shipped" => shipped(&text)?,
            "sentiment" => vec![hotels(&text)?, goods(&text)?, cantonese(&text)?],
            "calls" => calls()?,
            "anytime" => anytime("test")?,
            // What the course of a call's certainty is chosen on.
            "anytime_kept" => anytime("kept")?,
            "speed" => vec![speed()],
            other => return Err(format!("unknown set `{other}`").into()),
        };
        for result in results {
            #[expect(clippy::print_stdout, reason = "a command prints its result")]
            {
                println!("{result}");
            }
        }
    }
    Ok(())
}

fn train(examples: &[Example]) -> Outcome<IntentModel> {
    Ok(IntentModel::train(examples).ok_or("fewer than two intents")?)
}

fn example(text: &str, label: &str) -> Example {
    Example {
        text: text.to_owned(),
        label: label.to_owned(),
    }
}

/// In-scope accuracy with rejections counted as wrong, and recall of what is out of scope.
fn clinc(text: &Path) -> Outcome<Value> {
    let part = |name: &str| clinc_part(text, name);
    let model = train(&[part("train")?, part("oos_train")?].concat())?;
    Ok(json!({
        "set": "clinc150",
        "in_scope": model.evaluate(&part("test")?),
        "out_of_scope_recall": model.evaluate(&part("oos_test")?),
        "in_scope_calibration_error": calibration_error(&model, &part("test")?),
    }))
}

fn clinc_part(text: &Path, name: &str) -> Outcome<Vec<Example>> {
    let all: Value =
        serde_json::from_str(&fs::read_to_string(text.join("clinc150/data_full.json"))?)?;
    let lines = all[name].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(lines
        .iter()
        .filter_map(|line| Some(example(line[0].as_str()?, line[1].as_str()?)))
        .collect())
}

fn banking(data: &Path) -> Outcome<Value> {
    let model = train(&banking_part(data, "train.csv")?)?;
    let test = banking_part(data, "test.csv")?;
    Ok(json!({
        "set": "banking77",
        "test": model.evaluate(&test),
        "calibration_error": calibration_error(&model, &test),
    }))
}

fn banking_part(text: &Path, name: &str) -> Outcome<Vec<Example>> {
    let lines = fs::read_to_string(text.join("banking77").join(name))?;
    Ok(csv(&lines)
        .iter()
        .skip(1)
        .map(|row| example(&row[0], &row[1]))
        .collect())
}

fn multidogo(text: &Path, domain: &str) -> Outcome<Value> {
    let part = |name: &str| -> Outcome<Vec<Example>> {
        let lines = fs::read_to_string(text.join("multidogo").join(domain).join(name))?;
        let rows = lines
            .lines()
            .skip(1)
            .map(|line| line.split('\t').collect::<Vec<_>>());
        Ok(rows
            .filter(|row| row.len() >= 6 && !row[5].is_empty())
            .map(|row| example(row[3], row[5]))
            .collect())
    };
    let model = train(&part("train.tsv")?)?;
    Ok(json!({ "set": format!("multidogo {domain}"), "test": model.evaluate(&part("test.tsv")?) }))
}

/// About every sixteenth question is held out, and measured as written and with one character in five
/// replaced by another of the same sound.
fn zh_bank(text: &Path) -> Outcome<Value> {
    let lines = fs::read_to_string(text.join("zh_bank_intent/train.txt"))?;
    let all: Vec<Example> = lines
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once('\t'))
        .map(|(text, label)| example(text.trim(), label.trim()))
        .collect();
    let is_held = |index: usize| index.wrapping_mul(2_654_435_761) >> 7 & 0xf == 3;
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for (index, example) in all.into_iter().enumerate() {
        if is_held(index) {
            held.push(example);
        } else {
            kept.push(example);
        }
    }
    let model = train(&kept)?;
    let misheard: Vec<Example> = held
        .iter()
        .enumerate()
        .map(|(index, example)| Example {
            text: mishear(&example.text, index),
            ..example.clone()
        })
        .collect();
    Ok(json!({
        "set": "zh_bank",
        "intents": model.labels().len(),
        "test": model.evaluate(&held),
        "homophones_20_percent": model.evaluate(&misheard),
    }))
}

/// One seed question each, tried on all other questions of the set.
fn zh_seed(text: &Path) -> Outcome<Value> {
    let lines = |name: &str| -> Outcome<Vec<Example>> {
        let lines = fs::read_to_string(text.join("zh_bank_intent").join(name))?;
        let pairs = lines
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once('\t'));
        Ok(pairs
            .map(|(text, label)| example(text.trim(), label.trim()))
            .collect())
    };
    let mut seeds = lines("origin_quest_label.txt")?;
    let mut known = BTreeSet::new();
    seeds.retain(|seed| known.insert(seed.label.clone()));
    let texts: BTreeSet<&str> = seeds.iter().map(|seed| seed.text.as_str()).collect();
    let mut others = lines("train.txt")?;
    others.retain(|other| known.contains(&other.label) && !texts.contains(other.text.as_str()));
    let model = train(&seeds)?;
    Ok(
        json!({ "set": "zh_seed", "intents": model.labels().len(), "test": model.evaluate(&others) }),
    )
}

/// Domains of spoken commands; about every fifth is held out.
fn smp(text: &Path) -> Outcome<Value> {
    let path = text.join("smp_cais/SMP/source/2019train.json");
    let all: Vec<Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let is_held = |index: usize| (index.wrapping_mul(2_654_435_761) >> 7).is_multiple_of(5);
    let (mut kept, mut held) = (Vec::new(), Vec::new());
    for (index, line) in all.iter().enumerate() {
        let text = line["text"].as_str().unwrap_or("");
        let example = example(text, line["domain"].as_str().unwrap_or(""));
        if is_held(index) {
            held.push(example);
        } else {
            kept.push(example);
        }
    }
    let model = train(&kept)?;
    Ok(json!({ "set": "smp", "intents": model.labels().len(), "test": model.evaluate(&held) }))
}

/// The intents that ship, on what shaped neither grammars nor weights.
fn shipped(data: &Path) -> Outcome<Vec<Value>> {
    let model = IntentModel::shipped();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/intents");
    let mut results = Vec::new();
    let mut all = Vec::new();
    for language in ["zh", "yue", "en"] {
        let test = read_examples(&own.join("test").join(format!("{language}.tsv")))?;
        results.push(json!({
            "set": format!("shipped {language}"),
            "test": model.evaluate(&test),
        }));
        all.extend(test);
    }
    let misheard: Vec<Example> = all
        .iter()
        .enumerate()
        .map(|(index, said)| Example {
            text: mishear(&said.text, index),
            ..said.clone()
        })
        .collect();
    results.push(json!({
        "set": "shipped",
        "test": model.evaluate(&all),
        "homophones_20_percent": model.evaluate(&misheard),
        "calibration_error": calibration_error(&model, &all),
    }));
    for (name, test) in public_tests(data)? {
        results.push(json!({
            "set": format!("shipped on {name}"),
            "test": model.evaluate(&test),
            "calibration_error": calibration_error(&model, &test),
        }));
    }
    Ok(results)
}

/// The test parts of BANKING77 and CLINC150 with the labels that are one of the intents that ship.
fn public_tests(text: &Path) -> Outcome<Vec<(String, Vec<Example>)>> {
    let intents: BTreeMap<(&str, &str), &str> = corpus::PUBLIC
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some(((fields.next()?, fields.next()?), fields.next()?))
        })
        .collect();
    let mut tests = Vec::new();
    for (name, examples) in [
        ("banking77", banking_part(text, "test.csv")?),
        ("clinc150", clinc_part(text, "test")?),
    ] {
        let labelled = examples.iter().filter_map(|found| {
            let intent = intents.get(&(name, found.label.as_str()))?;
            Some(example(&found.text, intent))
        });
        let (none, some): (Vec<_>, Vec<_>) =
            labelled.partition(|example| example.label == OUT_OF_SCOPE);
        tests.push((name.to_owned(), some));
        if !none.is_empty() {
            tests.push((format!("{name}, out of scope"), none));
        }
    }
    Ok(tests)
}

/// Intents and feelings of what callers might say, by language; of several wishes the first must be one,
/// and all must be among those heard.
fn calls() -> Outcome<Vec<Value>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/intents/test/calls.tsv");
    let understander = Understander::shipped();
    // By language: lines, right first, all wishes heard, right feeling; and for each feeling lines and
    // right ones.
    let mut counts: BTreeMap<String, [u32; 4]> = BTreeMap::new();
    let mut feelings: BTreeMap<String, [u32; 2]> = BTreeMap::new();
    let lines = fs::read_to_string(own)?;
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let [language, intents, feeling, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("`{line}` is not language, intents, feeling, words").into());
        };
        let understood = understander.understand_text(text, None);
        let wishes: Vec<&str> = intents.split('+').collect();
        let heard = |wish: &&str| understood.intents.iter().any(|heard| heard.name == **wish);
        let felt = serde_json::to_value(understood.mood.emotion)? == feeling;
        let count = counts.entry(language.to_owned()).or_default();
        let first = wishes.contains(&understood.intent.name.as_str());
        let outcomes = [true, first, first && wishes.iter().all(heard), felt];
        for (count, outcome) in count.iter_mut().zip(outcomes) {
            *count += u32::from(outcome);
        }
        let count = feelings.entry(feeling.to_owned()).or_default();
        count[0] += 1;
        count[1] += u32::from(felt);
    }
    Ok(vec![json!({
        "set": "calls",
        "n_first_all_feeling": counts,
        "n_right_by_feeling": feelings,
    })])
}

/// What callers say before their wish, by language; every second caller says one of them.
const OPENINGS: [(&str, [&str; 4]); 3] = [
    (
        "zh",
        [
            "喂你好",
            "你好我想问一下",
            "是这样的啊",
            "不好意思打扰一下那个",
        ],
    ),
    ("yue", ["喂你好", "唔该我想问下", "系咁嘅", "唔好意思呀"]),
    (
        "en",
        [
            "hello",
            "hi good morning",
            "yeah hi i was just wondering",
            "um okay so",
        ],
    ),
];

/// Syllables a second of a Chinese caller and words a second of an English one.
const SYLLABLES_A_SECOND: f64 = 4.5;
const WORDS_A_SECOND: f64 = 2.6;

/// Silence that ends a turn.
const TURN_ENDS_S: f64 = 0.6;

/// Calls simulated from the test sentences: the words arrive at the pace of speech, each gives a
/// partial utterance, and the call is routed when it is sure, at the end of the turn otherwise.
fn anytime(part: &str) -> Outcome<Vec<Value>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data/intents")
        .join(part);
    let understander = Arc::new(Understander::shipped());
    let (mut results, mut everywhere) = (Vec::new(), Vec::new());
    for (language, openings) in OPENINGS {
        let sentences = read_examples(&own.join(format!("{language}.tsv")))?;
        let mut calls = Vec::new();
        for (index, sentence) in sentences.iter().enumerate() {
            let opening = openings.get(index % 8).copied().unwrap_or("");
            calls.push(routed(&understander, opening, sentence, language));
        }
        results.push(summary(language, &calls));
        everywhere.extend(calls);
    }
    results.push(summary("all", &everywhere));
    Ok(results)
}

/// When one call was routed, how surely, and whether it was right.
struct Routed {
    seconds: f64,
    score: f32,
    right: bool,
}

fn routed(
    understander: &Arc<Understander>,
    opening: &str,
    sentence: &Example,
    language: &str,
) -> Routed {
    let english = language == "en";
    let spoken = if english {
        format!("{opening} {}", sentence.text)
    } else {
        format!("{opening}{}", sentence.text)
    };
    let words: Vec<String> = if english {
        spoken
            .split_whitespace()
            .map(|word| format!("{word} "))
            .collect()
    } else {
        spoken.chars().map(String::from).collect()
    };
    let pace = if english {
        WORDS_A_SECOND
    } else {
        SYLLABLES_A_SECOND
    };
    let mut call = CallUnderstanding::new(Arc::clone(understander));
    let mut seconds = 0.0;
    for heard in 1..=words.len() + 1 {
        let is_final = heard > words.len();
        let text = words[..heard.min(words.len())].concat();
        seconds = if is_final {
            words.len() as f64 / pace + TURN_ENDS_S
        } else {
            heard as f64 / pace
        };
        call.hear(&partial(text.trim(), language, seconds, is_final));
        if call.is_sure() {
            break;
        }
    }
    let intent = call.intent().expect("something was heard");
    Routed {
        seconds,
        score: intent.score,
        right: intent.name == sentence.label,
    }
}

fn partial(text: &str, language: &str, seconds: f64, is_final: bool) -> Utterance {
    Utterance {
        side: Side::Caller,
        number: 0,
        start: Duration::ZERO,
        end: Duration::from_secs_f64(seconds),
        text: text.to_owned(),
        language: match language {
            "en" => Language::En,
            "yue" => Language::Yue,
            _ => Language::Zh,
        },
        confidence: 0.9,
        words: Vec::new(),
        prosody: Prosody::default(),
        is_final,
    }
}

fn summary(language: &str, calls: &[Routed]) -> Value {
    let right = calls.iter().filter(|call| call.right).count();
    let mut seconds: Vec<f64> = calls.iter().map(|call| call.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    // Calls, their certainty and how many were right, by tenths of certainty.
    let mut bins = [(0_u32, 0.0_f64, 0.0_f64); 10];
    for call in calls {
        let bin = &mut bins[((call.score * 10.0) as usize).min(9)];
        bin.0 += 1;
        bin.1 += f64::from(call.score);
        bin.2 += f64::from(u8::from(call.right));
    }
    let error: f64 = bins.iter().map(|bin| (bin.1 - bin.2).abs()).sum();
    json!({
        "set": format!("anytime {language}"),
        "accuracy": right as f64 / calls.len() as f64,
        "n": calls.len(),
        "median_s": seconds[seconds.len() / 2],
        "p90_s": seconds[seconds.len() * 9 / 10],
        "tenths": bins,
        "calibration_error": error / calls.len() as f64,
    })
}

/// Expected calibration error over ten bins of the likeliest intent's probability.
fn calibration_error(model: &IntentModel, examples: &[Example]) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64); 10];
    for example in examples {
        let first = model.classify(&example.text).swap_remove(0);
        let bin = &mut bins[((first.score * 10.0) as usize).min(9)];
        bin.0 += f64::from(first.score);
        bin.1 += f64::from(u8::from(first.name == example.label));
    }
    let error: f64 = bins.iter().map(|(said, right)| (said - right).abs()).sum();
    error / examples.len() as f64
}

/// Replaces one Chinese character in five by the next one in Unicode with the same sound.
fn mishear(text: &str, seed: usize) -> String {
    use pinyin::ToPinyin;
    text.chars()
        .enumerate()
        .map(|(index, c)| {
            let drawn = (seed * 31 + index).wrapping_mul(2_654_435_761) >> 8;
            let Some(sound) = c.to_pinyin().filter(|_| drawn.is_multiple_of(5)) else {
                return c;
            };
            ('\u{4e00}'..'\u{9fa5}')
                .cycle()
                .skip(drawn % 20_000)
                .take(20_900)
                .find(|other| {
                    *other != c
                        && other
                            .to_pinyin()
                            .is_some_and(|p| p.plain() == sound.plain())
                })
                .unwrap_or(c)
        })
        .collect()
}

/// Sign of the sentiment of hotel reviews; the lists were not made from them.
fn hotels(text: &Path) -> Outcome<Value> {
    let lines = fs::read_to_string(text.join("chnsenticorp_htl/ChnSentiCorp_htl_all.csv"))?;
    let rows = csv(&lines);
    let reviews = rows.iter().filter(|row| row.len() == 2);
    Ok(signs(
        "chnsenticorp",
        reviews.map(|row| (row[0].as_str(), row[1].as_str())),
    ))
}

/// The same of what buyers say of ten kinds of goods; needs `unzip`.
fn goods(text: &Path) -> Outcome<Value> {
    let archive = text.join("online_shopping_10_cats/online_shopping_10_cats.zip");
    let unpacked = Command::new("unzip").arg("-p").arg(&archive).output()?;
    if !unpacked.status.success() {
        return Err(format!("`unzip -p {}` failed", archive.display()).into());
    }
    let rows = csv(std::str::from_utf8(&unpacked.stdout)?);
    let reviews = rows.iter().filter(|row| row.len() == 3);
    Ok(signs(
        "online_shopping_10_cats",
        reviews.map(|row| (row[1].as_str(), row[2].as_str())),
    ))
}

/// How often the sign of the sentiment is that of a review, `1` for good ones and `0` for bad ones.
fn signs<'a>(set: &str, reviews: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let (mut right, mut counts) = ([0_u32; 2], [0_u32; 2]);
    for (label, review) in reviews.filter(|(label, _)| ["0", "1"].contains(label)) {
        let positive = label == "1";
        let judged = mood_of(review, Language::Zh, None).sentiment.score >= 0.0;
        right[usize::from(positive)] += u32::from(judged == positive);
        counts[usize::from(positive)] += 1;
    }
    let n = f64::from(counts[0] + counts[1]);
    let accuracy = f64::from(right[0] + right[1]) / n;
    let recall = |class: usize| f64::from(right[class]) / f64::from(counts[class]);
    json!({
        "set": set,
        "accuracy": accuracy,
        "half_of_95": half_of_95(accuracy, n),
        "negative_recall": recall(0),
        "positive_recall": recall(1),
        "n": n,
    })
}

/// Half of the 95 % interval of a share, by the normal distribution.
fn half_of_95(share: f64, n: f64) -> f64 {
    1.96 * (share * (1.0 - share) / n).sqrt()
}

fn cantonese(text: &Path) -> Outcome<Value> {
    let all: Vec<Value> = serde_json::from_str(&fs::read_to_string(
        text.join("yue_sentiment/training_data.json"),
    )?)?;
    let names = ["negative", "neutral", "positive"];
    // True classes by row, judged ones by column.
    let mut table = [[0_u32; 3]; 3];
    for post in &all {
        let judged = mood_of(post["text"].as_str().unwrap_or(""), Language::Yue, None);
        let column = match judged.sentiment.label {
            SentimentLabel::Negative => 0,
            SentimentLabel::Neutral => 1,
            SentimentLabel::Positive => 2,
        };
        let label = post["sentiment"].as_str().unwrap_or("");
        if let Some(row) = names.iter().position(|name| *name == label) {
            table[row][column] += 1;
        }
    }
    let n = f64::from(table.iter().flatten().sum::<u32>());
    let accuracy = f64::from((0..3).map(|class| table[class][class]).sum::<u32>()) / n;
    Ok(json!({
        "set": "yue_sentiment",
        "accuracy": accuracy,
        "half_of_95": half_of_95(accuracy, n),
        "classes": names,
        "table": table,
        "n": n,
    }))
}

/// Microseconds for everything about one utterance, and to load what ships.
fn speed() -> Value {
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    let now = Instant::now;
    let start = now();
    let understander = Understander::shipped();
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let texts = [
        "你好，我想查一下我的账户余额，我的电话是幺三八零零幺三八零零零",
        "我要投诉，我的包裹到现在还没收到，太差劲了",
        "hello, I lost my bank card and I need to block it",
    ];
    let rounds = 2_000;
    let time = |work: &dyn Fn(&str)| {
        let start = now();
        for _ in 0..rounds {
            for text in texts {
                work(text);
            }
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds) / texts.len() as f64
    };
    let whole = time(&|text| drop(understander.understand_text(text, None)));
    let intent = time(&|text| drop(understander.intents().classify(text)));
    json!({ "set": "speed", "load_ms": load_ms, "understand_us": whole, "classify_us": intent })
}

/// Rows of comma-separated values with quotes (RFC 4180).
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap_or('"')),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field).trim_end_matches('\r').to_owned());
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}
