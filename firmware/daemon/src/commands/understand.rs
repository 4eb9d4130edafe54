//! `trunkside understand`: what utterances mean, one a line.

use std::io::{BufRead, Write};

use anyhow::Context;
use trunkside_understanding::{Report, Understander};

use crate::cli::{Failure, UnderstandArgs};

/// Reads standard input to its end. Bytes that are no UTF-8 are replaced, never refused: a line
/// from a damaged log should still be understood as far as it goes.
pub fn understand(args: &UnderstandArgs) -> Result<(), Failure> {
    let understander = Understander::shipped();
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.context("cannot read standard input")?;
        let text = String::from_utf8_lossy(&line);
        let understood = understander.understand_text(text.trim_end_matches('\r'), None);
        let report = Report::from(&understood);
        let written = if args.json {
            let json = serde_json::to_string(&report).expect("a report is plain data");
            writeln!(output, "{json}")
        } else {
            write_readable(&mut output, &report)
        };
        if let Err(error) = written {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return Ok(());
            }
            return Err(anyhow::Error::new(error)
                .context("cannot write the result")
                .into());
        }
    }
    Ok(())
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
        "  sentiment  {:?} ({:+.2})",
        report.sentiment.label, report.sentiment.score
    )?;
    writeln!(
        output,
        "  emotion    {} ({:.2})",
        report.emotion.label.name(),
        report.emotion.score
    )?;
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
