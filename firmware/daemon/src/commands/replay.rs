//! `trunkside replay`: logged decisions, decided again.

use anyhow::Context;
use trunkside_call::{Action, Decision};
use trunkside_decision::{
    Difference, Turn,
    log::{Model, Models},
};

use crate::cli::{Failure, ReplayArgs};

/// How many skipped lines are named.
const NAMED: usize = 20;

/// Reports every decision that comes out differently; the operation fails (1) when one does.
pub fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    let report = trunkside_decision::replay_file(&args.log, args.flip)
        .with_context(|| format!("`{}` cannot be replayed", args.log.display()))
        .map_err(Failure::Input)?;
    if report.inputs == 0 && report.differences.is_empty() {
        return Err(Failure::Input(anyhow::anyhow!(
            "`{}` holds no decisions that can be made again; give `decisions.jsonl` of a box that has taken \
             calls",
            args.log.display()
        )));
    }
    if let Some(call) = args.flip.filter(|_| report.turns.is_empty()) {
        return Err(Failure::Input(anyhow::anyhow!(
            "`{}` holds no decision about the call {call}; `trunkside calls list` has the calls' numbers",
            args.log.display()
        )));
    }
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
        for models in &report.models {
            say!("callers were {}", heard_with(models));
        }
        if report.lost_lines > 0 {
            say!(
                "{} lines are torn or missing and were skipped ({}); {} decisions behind them came out \
                 differently, which may be why",
                report.lost_lines,
                named(&report.lost_at),
                report.unsure
            );
        }
        for difference in &report.differences {
            say!("{}", told(difference));
        }
        for turn in &report.turns {
            say!("{}", turned(turn));
        }
    }
    if report.differences.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}

/// A decision with its reasons and costs, and what would have turned it.
fn turned(turn: &Turn) -> String {
    let Turn {
        line,
        decision,
        models,
        flip,
    } = turn;
    let cost = |cost_us: Option<i64>| {
        let cost = cost_us.map(|cost| format!(", at a cost of {:.1} s", cost as f64 / 1e6));
        cost.unwrap_or_default()
    };
    let mut lines = vec![format!(
        "line {line}: {}{}",
        action(&decision.action),
        cost(decision.cost_us)
    )];
    let reasons = decision.reasons.iter();
    lines.extend(reasons.map(|reason| format!("  {}: {}", reason.rule, reason.finding)));
    if let Some(next) = &decision.alternative {
        lines.push(format!(
            "  next best: `{}`{}",
            next.agent,
            cost(next.cost_us)
        ));
    }
    if *models != Models::default() {
        lines.push(format!("  {}", heard_with(models)));
    }
    lines.push(match flip {
        Some(flip) => format!("  {}: then {}", flip.change, action(&flip.action)),
        None => "  no single change that is tried would have turned it".to_owned(),
    });
    lines.join("\n")
}

/// Which models turned voice into what the router was told.
pub(super) fn heard_with(models: &Models) -> String {
    let named = |model: &Option<Model>| match model {
        Some(Model { name, sha256 }) => format!("`{name}` (sha256 {sha256})"),
        None => "none".to_owned(),
    };
    format!(
        "heard with the speech model {}, understood with the intents {}",
        named(&models.speech),
        named(&models.intents)
    )
}

/// The places of what was skipped.
fn named(lines: &[usize]) -> String {
    let first = lines.iter().take(NAMED).map(ToString::to_string);
    let first = first.collect::<Vec<_>>().join(", ");
    match lines.len().saturating_sub(NAMED) {
        0 => format!("at {first}"),
        more => format!("at {first} and {more} more places"),
    }
}

/// A difference with the call, what was done and by which rule.
fn told(difference: &Difference) -> String {
    let (logged, replayed) = (difference.logged.as_ref(), difference.replayed.as_ref());
    let call = logged
        .or(replayed)
        .map(|decision| decision.call.to_string());
    let (logged, replayed) = (done(logged), done(replayed));
    let beside = if logged == replayed {
        "; they differ in time, reasons or odds, which --json shows"
    } else {
        ""
    };
    format!(
        "line {}: call {}: the log has {logged}, the replay {replayed}{beside}",
        difference.line,
        call.unwrap_or_default()
    )
}

/// What a decision does, and the rule that weighed most.
fn done(decision: Option<&Decision>) -> String {
    let Some(decision) = decision else {
        return "nothing".to_owned();
    };
    let action = action(&decision.action);
    match decision.reasons.first() {
        Some(reason) => format!("{action} (rule `{}`)", reason.rule),
        None => action,
    }
}

fn action(action: &Action) -> String {
    match action {
        Action::Offer { agent } => format!("ring `{agent}`"),
        Action::Overflow { to, .. } => format!("ring `{to}` beyond the branch"),
        Action::Wait { ahead } => format!("wait behind {ahead}"),
        Action::SelfService { service } => format!("play `{service}`"),
        Action::Transfer { agent } => format!("transfer to `{agent}`"),
        Action::Callback { .. } => "promise a call back".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trunkside_call::{AgentId, Alternative, CallId, Reason};
    use trunkside_decision::Flip;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_difference_names_call_actions_and_rules() {
        let decision = |agent: &str| Decision {
            call: CallId::new(Uuid::from_u128(7)),
            number: 1,
            at: Duration::ZERO,
            action: Action::Offer {
                agent: AgentId::new(agent),
            },
            reasons: vec![Reason {
                rule: "loan".to_owned(),
                finding: String::new(),
            }],
            alternative: None,
            cost_us: None,
            odds: None,
            policy: String::new(),
            inputs: String::new(),
        };
        let differ = |logged, replayed| {
            told(&Difference {
                line: 5,
                logged,
                replayed,
            })
        };
        let said = differ(Some(decision("li_na")), Some(decision("zhang_wei")));
        let call = "00000000-0000-0000-0000-000000000007";
        assert_eq!(
            said,
            format!(
                "line 5: call {call}: the log has ring `li_na` (rule `loan`), the replay ring \
                 `zhang_wei` (rule `loan`)"
            )
        );
        let said = differ(None, Some(decision("li_na")));
        assert!(
            said.contains("the log has nothing, the replay ring `li_na`"),
            "{said}"
        );
        let same = differ(Some(decision("li_na")), Some(decision("li_na")));
        assert!(same.contains("--json shows"), "{same}");
    }

    #[test]
    fn a_decision_is_told_with_its_costs_and_what_would_have_turned_it() {
        let decision = Decision {
            call: CallId::new(Uuid::from_u128(7)),
            number: 1,
            at: Duration::ZERO,
            action: Action::Offer {
                agent: AgentId::new("li_na"),
            },
            reasons: Vec::new(),
            alternative: Some(Alternative {
                agent: AgentId::new("bob"),
                because: String::new(),
                cost_us: Some(-2_000_000),
            }),
            cost_us: Some(-42_000_000),
            odds: None,
            policy: String::new(),
            inputs: String::new(),
        };
        let flip = Flip {
            size_permille: 301,
            change: "angry at 49.9 %, not 80 %".to_owned(),
            action: Action::Wait { ahead: 2 },
        };
        let mut turn = Turn {
            line: 9,
            decision,
            models: Models::default(),
            flip: Some(flip),
        };
        assert_eq!(
            turned(&turn),
            "line 9: ring `li_na`, at a cost of -42.0 s\n  next best: `bob`, at a cost of -2.0 s\n  \
             angry at 49.9 %, not 80 %: then wait behind 2"
        );
        turn.models.intents = Some(Model {
            name: "shipped".to_owned(),
            sha256: "ab".repeat(32),
        });
        let said = turned(&turn);
        let models = format!(
            "\n  heard with the speech model none, understood with the intents `shipped` (sha256 {})\n",
            "ab".repeat(32)
        );
        assert!(said.contains(&models), "{said}");
        turn.flip = None;
        assert!(turned(&turn).ends_with("no single change that is tried would have turned it"));
    }

    #[test]
    fn a_log_without_decisions_is_no_log_to_replay() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("decisions.jsonl");
        std::fs::write(&log, "").unwrap();
        let failed = replay(&ReplayArgs {
            log,
            flip: None,
            json: true,
        })
        .unwrap_err();
        assert_eq!(failed.status(), 2);
    }

    #[test]
    fn skipped_lines_are_named_as_long_as_they_are_few() {
        assert_eq!(named(&[3, 8]), "at 3, 8");
        let many: Vec<usize> = (1..=22).collect();
        assert!(named(&many).ends_with("19, 20 and 2 more places"));
    }
}
