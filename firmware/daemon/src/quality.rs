//! Loads the rules that calls are inspected by.

use std::sync::Arc;

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
