//! `trunkside understand --call`: what the turns of one call mean, one a line.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde::Serialize;
use trunkside_call::{Emotion, Intent, Prosody, Sentiment, Side, Utterance};
use trunkside_understanding::quality::{QualityMark, QualityOutcome};
use trunkside_understanding::{
    CallUnderstanding, RedactionKey, RedactionPolicy, Report, Understander, language_of,
};

use super::{Lines, finished, write_readable};
use crate::cli::{Failure, UnderstandArgs};
use crate::config::{QualityRulesFrom, RedactionLevel};
use crate::quality;

/// How long a turn is taken to last: a text has no times, and some quality rules ask for them.
const TURN: Duration = Duration::from_secs(5);

/// Those whose names at the begin of a line say whose turn it is.
const SPEAKERS: [Side; 2] = [Side::Caller, Side::Agent];

/// A turn as it is printed.
#[derive(Serialize)]
struct TurnReport {
    turn: usize,
    side: Side,
    #[serde(flatten)]
    report: Report,
}

/// The call as it stands after its last turn.
#[derive(Serialize)]
struct CallReport {
    turns: usize,
    intent: Option<Intent>,
    intents: Vec<Intent>,
    sentiment: Sentiment,
    emotion: Emotion,
    quality: Vec<RuleReport>,
}

/// What became of a quality rule.
#[derive(Serialize)]
struct RuleReport {
    rule: String,
    kept: bool,
    hits: Vec<HitReport>,
}

/// A phrase of a rule, and the turn that holds it.
#[derive(Serialize)]
struct HitReport {
    turn: usize,
    phrase: String,
}

/// Reads the turns of one call, and says of each what it means beside those before it, and then what the call
/// came to.
pub fn understand_call(
    path: &Path,
    understander: Understander,
    args: &UnderstandArgs,
) -> Result<(), Failure> {
    let mut input: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let file = std::fs::File::open(path)
            .with_context(|| format!("cannot read `{}`", path.display()))
            .map_err(Failure::input)?;
        Box::new(BufReader::new(file))
    };
    let mut call = CallUnderstanding::new(Arc::new(understander))
        .with_redaction(redaction(args.redaction)?)
        .with_quality(rules(args)?);
    let output = std::io::stdout().lock();
    finished(hear(&mut input, &mut call, args.json, output)?)
}

/// What the whole input says of itself; the outer error is one of reading.
fn hear(
    input: &mut impl BufRead,
    call: &mut CallUnderstanding,
    json: bool,
    mut output: impl Write,
) -> anyhow::Result<std::io::Result<()>> {
    let mut lines = Lines::default();
    let mut turns = 0;
    while let Some(line) = lines.next(input)? {
        let (side, text) = turn(&line);
        if text.is_empty() {
            continue;
        }
        let understood = call.hear(&utterance(turns, side, text));
        turns += 1;
        let report = Report::from(&understood);
        let written = if json {
            let turn = TurnReport {
                turn: turns,
                side,
                report,
            };
            let json = serde_json::to_string(&turn).expect("a report is plain data");
            writeln!(output, "{json}")
        } else {
            write!(output, "{turns} {}: ", side.name())
                .and_then(|()| write_readable(&mut output, &report))
        };
        if written.is_err() {
            return Ok(written);
        }
    }
    let report = CallReport::new(turns, call);
    Ok(if json {
        let json = serde_json::to_string(&report).expect("a report is plain data");
        writeln!(output, "{json}")
    } else {
        report.write(&mut output)
    })
}

/// Whose turn a line is, and what was said in it: the caller's where nothing says so.
fn turn(line: &str) -> (Side, &str) {
    let said = SPEAKERS.into_iter().find_map(|side| {
        let speaker = side.name();
        let rest = line.trim_start();
        let named = rest.get(..speaker.len())?.eq_ignore_ascii_case(speaker);
        let said = rest[speaker.len()..].trim_start();
        let said = said.strip_prefix([':', '：'])?;
        named.then_some((side, said))
    });
    let (side, said) = said.unwrap_or((Side::Caller, line));
    (side, said.trim())
}

fn utterance(number: usize, side: Side, text: &str) -> Utterance {
    let count = u32::try_from(number).unwrap_or(u32::MAX);
    Utterance {
        side,
        number: count,
        start: TURN.saturating_mul(count),
        end: TURN.saturating_mul(count.saturating_add(1)),
        text: text.to_owned(),
        language: language_of(text),
        confidence: 1.0,
        words: Vec::new(),
        // Nothing was heard.
        prosody: Prosody::default(),
        is_final: true,
    }
}

/// The number of the turn in which a phrase was said.
fn turn_of(mark: &QualityMark) -> usize {
    let turns = mark.at.as_secs() / TURN.as_secs();
    usize::try_from(turns).unwrap_or(usize::MAX) + 1
}

fn redaction(level: RedactionLevel) -> Result<RedactionPolicy, Failure> {
    Ok(match level {
        RedactionLevel::Mask => RedactionPolicy::Mask,
        RedactionLevel::Drop => RedactionPolicy::Drop,
        RedactionLevel::Pseudonym => {
            let key = trunkside_vault::random_key().map_err(anyhow::Error::new)?;
            RedactionPolicy::Pseudonym(RedactionKey::new(key))
        }
    })
}

type Rules = Arc<trunkside_understanding::quality::QualityRules>;

fn rules(args: &UnderstandArgs) -> Result<Option<Rules>, Failure> {
    let from = match &args.quality {
        None => return Ok(None),
        Some(path) if path.as_os_str() == "bank" => QualityRulesFrom::Bank,
        Some(path) if path.as_os_str() == "shop" => QualityRulesFrom::Shop,
        Some(path) => QualityRulesFrom::File(path.clone()),
    };
    let (rules, problems) = quality::load(&from);
    if problems.is_empty() {
        return Ok(rules);
    }
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Failure::input(anyhow!(told.join("\n"))))
}

impl CallReport {
    fn new(turns: usize, call: &CallUnderstanding) -> Self {
        let mood = call.mood();
        Self {
            turns,
            intent: call.intent().cloned(),
            intents: call.intents().to_vec(),
            sentiment: mood.sentiment,
            emotion: mood.emotion,
            quality: call.quality().into_iter().map(RuleReport::from).collect(),
        }
    }

    fn write(&self, output: &mut impl Write) -> std::io::Result<()> {
        writeln!(output, "the call, after {} turns", self.turns)?;
        if let Some(intent) = &self.intent {
            writeln!(output, "  intent     {} ({:.2})", intent.name, intent.score)?;
        }
        let Sentiment { label, score } = self.sentiment;
        writeln!(output, "  sentiment  {} ({score:+.2})", label.name())?;
        writeln!(output, "  emotion    {}", self.emotion.name())?;
        for rule in &self.quality {
            let kept = if rule.kept { "kept" } else { "broken" };
            writeln!(output, "  rule       {} {kept}", rule.rule)?;
            for hit in &rule.hits {
                writeln!(output, "             turn {}: {}", hit.turn, hit.phrase)?;
            }
        }
        Ok(())
    }
}

impl From<QualityOutcome> for RuleReport {
    fn from(outcome: QualityOutcome) -> Self {
        let hits = outcome.hits.into_iter();
        Self {
            rule: outcome.rule,
            kept: outcome.kept,
            hits: hits
                .map(|mark| HitReport {
                    turn: turn_of(&mark),
                    phrase: mark.text,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use trunkside_understanding::quality::QualityRules;

    use super::*;

    fn told(text: &str, policy: RedactionPolicy) -> Vec<Value> {
        let mut call = CallUnderstanding::new(Arc::new(Understander::shipped()))
            .with_redaction(policy)
            .with_quality(Some(Arc::new(QualityRules::bank())));
        let mut written = Vec::new();
        hear(&mut text.as_bytes(), &mut call, true, &mut written)
            .unwrap()
            .unwrap();
        let lines = String::from_utf8(written).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_number_that_is_told_over_turns_is_hidden_in_each() {
        let told = told(
            "我的电话是一三八\nAgent： 嗯您继续\ncaller: 零零一三八零零零\n\nagent: 这个产品是保本的\n",
            RedactionPolicy::Mask,
        );
        let redacted: Vec<&Value> = told[..4].iter().map(|turn| &turn["redacted"]).collect();
        let text = serde_json::to_string(&redacted).unwrap();
        assert!(!text.contains('三') && !text.contains('零'), "{text}");
        assert_eq!(told[1]["side"], "agent");
        assert_eq!(told[2]["turn"], 3);
        let call = &told[4];
        assert_eq!(call["turns"], 4);
        let rules = call["quality"].as_array().unwrap();
        let broken = rules
            .iter()
            .find(|rule| rule["rule"] == "guaranteed_return")
            .unwrap();
        assert_eq!(broken["kept"], false);
        assert_eq!(broken["hits"][0]["turn"], 4);
    }

    #[test]
    fn what_is_hidden_is_replaced_as_was_asked_for() {
        let said = "我电话是13800138000\nagent: 13800138000对吗\n";
        let key = RedactionKey::new([7; 32]);
        let told_with = |policy| {
            let told = told(said, policy);
            [&told[0], &told[1]].map(|turn| turn["redacted"].as_str().unwrap().to_owned())
        };
        let [first, second] = told_with(RedactionPolicy::Pseudonym(key));
        let (_, pseudonym) = first.split_once("[phone:").unwrap();
        assert!(second.contains(pseudonym), "{first} {second}");
        let [first, _] = told_with(RedactionPolicy::Drop);
        assert_eq!(first, "我电话是[dropped]");
    }
}
