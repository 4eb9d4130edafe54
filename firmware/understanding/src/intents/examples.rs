//! Labelled lines.

use std::path::Path;

use super::read_text;
use crate::UnderstandingError;

/// One labelled utterance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What was said.
    pub text: String,
    /// Its intent.
    pub label: String,
}

/// Reads lines of `text<TAB>label` without a header; blank lines are passed over.
pub fn read_examples(path: &Path) -> Result<Vec<Example>, UnderstandingError> {
    parse_examples(&read_text(path)?)
        .map_err(|(line, problem)| UnderstandingError::line(path, line, problem))
}

/// In which line of a file, from 1, a text stands that [`read_examples`] read from it; of several the last.
pub fn line_of(path: &Path, text: &str) -> Option<usize> {
    let read = read_text(path).ok()?;
    let stands = |line: &str| {
        let line = line.trim_start_matches('\u{feff}');
        line.split_once('\t')
            .is_some_and(|(said, _)| said.trim() == text)
    };
    let lines: Vec<&str> = read.lines().collect();
    lines.iter().rposition(|line| stands(line)).map(|at| at + 1)
}

/// Parses lines of `text<TAB>label`; an error has the line, from 1, and what is wrong with it. A header,
/// or a column more, would be learnt as an intent.
pub fn parse_examples(text: &str) -> Result<Vec<Example>, (usize, String)> {
    let mut examples = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |what: &str| (index + 1, what.to_owned());
        let (text, label) = line
            .split_once('\t')
            .ok_or_else(|| wrong("has no tab; write `text<TAB>label`"))?;
        let (text, label) = (text.trim(), label.trim());
        if index == 0 && text.eq_ignore_ascii_case("text") && label.eq_ignore_ascii_case("label") {
            return Err(wrong(
                "is a header; remove it, every line is `text<TAB>label`",
            ));
        }
        if text.is_empty() {
            return Err(wrong(
                "has no text before the tab; write it, or remove the line",
            ));
        }
        if label.is_empty() {
            return Err(wrong("has no label behind the tab"));
        }
        if label.contains('\t') {
            return Err(wrong(
                "has a second tab; write `text<TAB>label` and nothing behind it",
            ));
        }
        examples.push(Example {
            text: text.to_owned(),
            label: label.to_owned(),
        });
    }
    Ok(examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_with_a_label_is_refused_with_its_line() {
        for (text, line, said) in [
            ("text\tlabel\n", 1, "is a header"),
            ("\u{feff}Text\tLabel\r\n", 1, "is a header"),
            ("a\tloan\n\tloan\n", 2, "no text"),
            ("a\tloan\n\nb\tloan\tbalance\n", 3, "a second tab"),
            ("a\tloan\nb\t\n", 2, "no label"),
            ("a loan\n", 1, "no tab"),
        ] {
            let (at, what) = parse_examples(text).unwrap_err();
            assert!(at == line && what.contains(said), "{text:?}: {at} {what}");
        }
        let good = parse_examples("a\tloan\ntext\tlabel\r\n").unwrap();
        assert_eq!(good.len(), 2, "only the first line can be a header");
    }
}
