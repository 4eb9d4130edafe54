//! `trunkside understand`: what utterances mean, one a line.

use std::borrow::Cow;
use std::io::{BufRead, Read, Write};

use anyhow::Context;
use trunkside_understanding::{Report, Understander};

use super::complain;
use super::intents::taught;
use crate::cli::{Failure, UnderstandArgs};

mod call;

/// The longest line that is understood whole, in bytes; of a longer one, its beginning.
const LONGEST_LINE: usize = 1 << 20;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// How much of a line was read.
enum Length {
    Whole,
    Cut,
}

/// Reads standard input to its end, or the turns of a call.
pub fn understand(args: &UnderstandArgs) -> Result<(), Failure> {
    let understander = match &args.lessons {
        Some(lessons) => Understander::with_intents(taught(lessons)?),
        None => Understander::shipped(),
    };
    if let Some(path) = &args.call {
        return call::understand_call(path, understander, args);
    }
    let mut output = std::io::stdout().lock();
    let mut input = std::io::stdin().lock();
    let mut lines = Lines::default();
    while let Some(text) = lines.next(&mut input)? {
        let understood = understander.understand_text(&text, None);
        let report = Report::from(&understood);
        let written = if args.json {
            let json = serde_json::to_string(&report).expect("a report is plain data");
            writeln!(output, "{json}")
        } else {
            write_readable(&mut output, &report)
        };
        if written.is_err() {
            return finished(written);
        }
    }
    Ok(())
}

/// What became of the output: who reads it may have seen enough.
fn finished(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error)
                .context("cannot write the result")
                .into())
        }
        _ => Ok(()),
    }
}

/// The lines of a text. Bytes that are no UTF-8 are replaced, never refused: a line from a damaged log should
/// still be understood as far as it goes. What is lost is told once.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    number: usize,
    any_cut: bool,
    any_replaced: bool,
}

impl Lines {
    /// The next line without its end; none at the end of the text.
    fn next(&mut self, input: &mut impl BufRead) -> anyhow::Result<Option<String>> {
        let Some(length) =
            next_line(input, &mut self.line).context("cannot read the utterances")?
        else {
            return Ok(None);
        };
        self.number += 1;
        let number = self.number;
        if matches!(length, Length::Cut) && !std::mem::replace(&mut self.any_cut, true) {
            complain(format_args!(
                "warning: line {number} has more than 1 MiB; only the beginning of such lines is understood"
            ));
        }
        let text = String::from_utf8_lossy(&self.line);
        if matches!(text, Cow::Owned(_)) && !std::mem::replace(&mut self.any_replaced, true) {
            complain(format_args!(
                "warning: line {number} is not UTF-8, and what is not is lost; convert such text, as with \
                 `iconv -f GB18030 -t UTF-8`"
            ));
        }
        let text = text.trim_end_matches('\r');
        // Windows begins its files with a byte order mark.
        let text = text
            .strip_prefix(BYTE_ORDER_MARK)
            .filter(|_| number == 1)
            .unwrap_or(text);
        Ok(Some(text.to_owned()))
    }
}

/// Reads the next line without its end; what is beyond the limit is read past. None at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<Length>> {
    line.clear();
    let mut length = Length::Whole;
    let read = input
        .by_ref()
        .take(LONGEST_LINE as u64)
        .read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read == LONGEST_LINE {
        if skip_line(input)? {
            length = Length::Cut;
        }
        while line.last().is_some_and(|byte| *byte & 0xc0 == 0x80) {
            line.pop();
        }
        if line.last().is_some_and(|byte| *byte >= 0xc0) {
            line.pop();
        }
    }
    Ok((read > 0).then_some(length))
}

/// Reads past the rest of a line; whether there was any.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<bool> {
    let mut any = false;
    loop {
        let held = input.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        any |= end.unwrap_or(held.len()) > 0;
        let (taken, done) = match end {
            Some(end) => (end + 1, true),
            None => (held.len(), held.is_empty()),
        };
        input.consume(taken);
        if done {
            return Ok(any);
        }
    }
}

fn write_readable(output: &mut impl Write, report: &Report) -> std::io::Result<()> {
    writeln!(output, "{}", report.text)?;
    writeln!(output, "  language   {}", report.language)?;
    writeln!(
        output,
        "  intent     {} ({:.2})",
        report.intent.name, report.intent.score
    )?;
    writeln!(
        output,
        "  sentiment  {} ({:+.2})",
        report.sentiment.label.name(),
        report.sentiment.score
    )?;
    writeln!(
        output,
        "  emotion    {} ({:.2})",
        report.emotion.label.name(),
        report.emotion.score
    )?;
    if report.emotion.abstains {
        writeln!(output, "             too little was shown to say")?;
    }
    for reason in &report.emotion.reasons {
        writeln!(output, "             {reason}")?;
    }
    for entity in &report.entities {
        writeln!(
            output,
            "  {:<10} {} (characters {}..{})",
            entity.kind.name(),
            entity.value,
            entity.start,
            entity.end
        )?;
    }
    writeln!(output, "  redacted   {}", report.redacted)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn labels_read_as_they_do_in_json() {
        let understood = Understander::shipped().understand_text("今天天气不错", None);
        let report = Report::from(&understood);
        let json = serde_json::to_value(&report).unwrap();
        let mut written = Vec::new();
        write_readable(&mut written, &report).unwrap();
        let written = String::from_utf8(written).unwrap();
        for kind in ["sentiment", "emotion"] {
            let line = format!("  {kind:<10} {} (", json[kind]["label"].as_str().unwrap());
            assert!(written.contains(&line), "{line}: {written}");
        }
    }

    fn lines(input: &[u8]) -> Vec<usize> {
        let mut input = Cursor::new(input);
        let mut line = Vec::new();
        let mut lengths = Vec::new();
        while next_line(&mut input, &mut line).unwrap().is_some() {
            lengths.push(line.len());
        }
        lengths
    }

    #[test]
    fn every_line_counts_and_long_ones_are_cut_between_characters() {
        assert_eq!(lines(b""), [0; 0]);
        assert_eq!(lines(b"\n\nab\n"), [0, 0, 2]);
        assert_eq!(lines(b"ab\ncd"), [2, 2]);
        let long = "一".repeat(LONGEST_LINE);
        let cut = LONGEST_LINE / 3 * 3;
        assert_eq!(lines(format!("{long}\nend\n").as_bytes()), [cut, 3]);
        assert_eq!(lines(long.as_bytes()), [cut]);
    }

    #[test]
    fn who_gives_a_longer_line_is_told() {
        let is_cut = |bytes: usize| {
            let mut input = Cursor::new([vec![b'a'; bytes], b"\nb".to_vec()].concat());
            let length = next_line(&mut input, &mut Vec::new()).unwrap();
            matches!(length, Some(Length::Cut))
        };
        assert!(is_cut(LONGEST_LINE + 1) && !is_cut(LONGEST_LINE) && !is_cut(3));
    }

    #[test]
    fn a_line_of_just_the_limit_ends_with_its_own_end() {
        let text = format!("{}\nb", "a".repeat(LONGEST_LINE - 1));
        assert_eq!(lines(text.as_bytes()), [LONGEST_LINE - 1, 1]);
        let text = format!("{}\nb", "a".repeat(LONGEST_LINE));
        assert_eq!(lines(text.as_bytes()), [LONGEST_LINE, 1]);
    }
}
