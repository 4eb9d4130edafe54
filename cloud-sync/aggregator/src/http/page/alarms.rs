//! What somebody must mend, on the front page.

use std::cmp::Reverse;

use maud::{Markup, html};
use trunkside_record::Severity;

use super::{day_and_clock, words};
use crate::store::{AlarmItem, AlarmPage};

/// Alarms that are shown.
const SHOWN: usize = 10;

/// The alarms that stand, the worst first and of these the newest.
pub(super) fn card(mut page: AlarmPage) -> Markup {
    // What a newer box calls by another name may be the worst of all.
    let severity = |item: &AlarmItem| item.alarm.severity.known().unwrap_or(Severity::Critical);
    page.alarms.sort_by_key(|item| Reverse(severity(item)));
    let more = page.alarms.len().saturating_sub(SHOWN);
    html! {
        section.card {
            h2 { "Alarms that stand" }
            div.scroll {
                table.alarms {
                    thead { tr {
                        th { "Since, UTC" } th { "Branch" } th { "Alarm" } th { "What happened" }
                    } }
                    tbody { @for alarm in page.alarms.iter().take(SHOWN) { (row(alarm)) } }
                }
            }
            @if more > 0 {
                p.faint.more {
                    @if page.next.is_some() { "More than " (more) } @else { (more) }
                    " others: " a href="/api/v1/alarms?standing=true" { "/api/v1/alarms?standing=true" }
                    " has all."
                }
            }
        }
    }
}

fn row(item: &AlarmItem) -> Markup {
    let alarm = &item.alarm;
    html! {
        tr {
            td { (day_and_clock(item.at)) }
            td.place { (item.branch) span.faint { " " (item.device) } }
            td { span.pill.(alarm.severity.name()) { (alarm.severity.name()) } " " (words(&alarm.code)) }
            td.text { (alarm.text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Whole;

    fn alarm(code: &str, severity: &str) -> AlarmItem {
        let alarm = serde_json::json!({ "code": code, "severity": severity, "text": "see to it" });
        AlarmItem {
            tenant: "acme".to_owned(),
            branch: "harbour".to_owned(),
            device: "box1".to_owned(),
            at: "2026-11-21T08:00:00Z".parse().unwrap(),
            clock_trusted: true,
            alarm: Whole::read(&alarm.to_string()).unwrap(),
        }
    }

    #[test]
    fn the_worst_come_first_and_none_is_concealed_by_many_that_are_newer() {
        let mut alarms: Vec<_> = (0..12).map(|_| alarm("clock", "warning")).collect();
        alarms.extend([alarm("voice", "major"), alarm("trunk", "critical")]);
        alarms.push(alarm("meteor", "catastrophic"));
        let page = card(AlarmPage { alarms, next: None }).into_string();
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
        assert!(at("trunk") < at("meteor") && at("meteor") < at("voice"));
        assert!(at("voice") < at("clock"));
        assert_eq!(page.matches("see to it").count(), SHOWN);
        assert!(page.contains("5 others"), "{page}");
    }
}
