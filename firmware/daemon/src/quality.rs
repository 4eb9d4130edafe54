//! Loads the rules that calls are inspected by.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_call::{Language, PromptKey};
use trunkside_media::Texts;
use trunkside_understanding::UnderstandingError;
use trunkside_understanding::quality::QualityRules;

use crate::cloud::alarm::{Part, SEE_LOG};
use crate::config::{Problem, QualityRulesFrom};
use crate::retry::until_mended;

/// What the alarm is of.
pub const RULES: Part = Part {
    code: "quality_rules",
    raised: "calls are not inspected by the branch's quality rules",
    cleared: "calls are inspected by the branch's quality rules again",
};

/// The rules, and everything that is wrong with their file.
pub fn load(from: &QualityRulesFrom) -> (Option<Arc<QualityRules>>, Vec<Problem>) {
    let rules = match from {
        QualityRulesFrom::Nowhere => return (None, Vec::new()),
        QualityRulesFrom::Bank => Ok(QualityRules::bank()),
        QualityRulesFrom::Shop => Ok(QualityRules::shop()),
        QualityRulesFrom::File(path) => QualityRules::read(path),
    };
    match rules {
        Ok(rules) => (Some(Arc::new(rules)), Vec::new()),
        Err(errors) => (None, errors.iter().map(problem).collect()),
    }
}

/// Loads the rules later, where [`load`] could not for these problems. Until then calls are not inspected;
/// `trouble` says so.
pub async fn retry(
    from: QualityRulesFrom,
    problems: Vec<Problem>,
    rules: watch::Sender<Option<Arc<QualityRules>>>,
    trouble: watch::Sender<Option<String>>,
    stop: CancellationToken,
) {
    let tell = |error: &str| {
        tracing::error!(
            error,
            "calls are not inspected by the quality rules until this is mended; trying again"
        );
        trouble.send_replace(Some(SEE_LOG.to_owned()));
    };
    let why = said(&problems);
    tell(&why);
    let attempt = move || match load(&from) {
        (Some(rules), _) => Ok(Some(rules)),
        (None, problems) => Err(said(&problems)),
    };
    if let Some((found, _)) = until_mended(Some(why), attempt, tell, &stop).await {
        tracing::info!("the quality rules are there: new calls are inspected by them");
        rules.send_replace(Some(found));
        trouble.send_replace(None);
    }
}

fn said(problems: &[Problem]) -> String {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    problems.join("; ")
}

/// The rules that a prompt of the box keeps in the agent's place: whoever was told by it that the call is
/// recorded need not be told again.
pub fn met_by_prompt(
    rules: &QualityRules,
    texts: &Texts,
    language: Language,
    prompt: PromptKey,
) -> Vec<String> {
    // A greeting of the box is not the agent's, and `not recorded` has the words of a notice in it.
    if !matches!(
        prompt,
        PromptKey::RecordingNotice | PromptKey::RecordingConsent
    ) {
        return Vec::new();
    }
    let met = rules.met_by(texts.get(language, prompt).whole());
    met.map(str::to_owned).collect()
}

fn problem(error: &UnderstandingError) -> Problem {
    match error {
        UnderstandingError::Line {
            path,
            line,
            problem,
        } => Problem::error(format!("{}:{line}", path.display()), problem.clone()),
        other => Problem::error("quality.rules", other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boxs_own_notice_keeps_the_rule_that_asks_for_one() {
        let (rules, texts) = (QualityRules::bank(), Texts::shipped());
        for language in [Language::Zh, Language::Yue, Language::En] {
            let met = |prompt| met_by_prompt(&rules, &texts, language, prompt);
            assert_eq!(met(PromptKey::RecordingNotice), ["recording_notice"]);
            assert!(met(PromptKey::NotRecorded).is_empty());
            assert!(met(PromptKey::Greeting).is_empty());
        }
    }
}
