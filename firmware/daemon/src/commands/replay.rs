//! `trunkside replay`: logged decisions, decided again.

use crate::cli::{Failure, ReplayArgs};

/// Reports every decision that comes out differently; the operation fails (1) when one does.
pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let report = trunkside_decision::replay_file(&args.log).map_err(Failure::input)?;
    if args.json {
        let line = serde_json::to_string(&report).expect("a report is plain data");
        say!("{line}");
    } else {
        say!(
            "{} inputs replayed, {} decisions made, {} differ; digest {}",
            report.inputs,
            report.decisions,
            report.differences.len(),
            report.digest
        );
        if report.lost_lines > 0 {
            say!(
                "{} lines are torn or missing and were skipped; {} decisions behind them came out \
                 differently, which may be why",
                report.lost_lines,
                report.unsure
            );
        }
        for difference in &report.differences {
            say!("line {}: the log and the replay differ", difference.line);
        }
    }
    if report.differences.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}
