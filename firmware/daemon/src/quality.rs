//! Loads the rules that calls are inspected by.

use std::sync::Arc;

use trunkside_call::{Language, PromptKey};
use trunkside_media::Texts;
use trunkside_understanding::UnderstandingError;
use trunkside_understanding::quality::QualityRules;

use crate::config::{Problem, QualityRulesFrom};

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
