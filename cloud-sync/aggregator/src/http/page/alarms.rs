//! What somebody must mend, on the front page.

use maud::{Markup, html};

use super::{day_and_clock, words};
use crate::store::{AlarmItem, AlarmPage};

/// The alarms that stand.
pub(super) fn card(page: &AlarmPage) -> Markup {
    html! {
        section.card {
            h2 { "Alarms that stand" }
            div.scroll {
                table {
                    thead { tr {
                        th { "Since, UTC" } th { "Branch" } th { "Alarm" } th { "What happened" }
                    } }
                    tbody { @for alarm in &page.alarms { (row(alarm)) } }
                }
            }
            @if page.next.is_some() { p.faint { "There are more: /api/v1/alarms?standing=true has all." } }
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
            td { (alarm.text) }
        }
    }
}
