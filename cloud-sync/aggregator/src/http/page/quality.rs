//! Which quality rules a call kept, and where their phrases were said.

use maud::{Markup, html};
use trunkside_record::QualityHit;

use super::{optional_seconds, words};

/// The rules that the call was inspected by.
pub(super) fn card(rules: &[QualityHit]) -> Markup {
    html! {
        section.card {
            h2 { "Quality rules" }
            ul.rules { @for rule in rules { (row(rule)) } }
        }
    }
}

fn row(rule: &QualityHit) -> Markup {
    html! {
        li {
            span { (words(&rule.rule)) }
            @if rule.kept { b.kept { "kept" } } @else { b.broken { "broken" } }
            @for mark in &rule.hits {
                p.faint { (mark.text) }
                span.faint { (optional_seconds(Some(mark.at_s))) }
            }
        }
    }
}
