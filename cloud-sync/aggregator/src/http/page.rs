//! The pages for people: one self-contained document each, no script, light and dark.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use trunkside_call::DestinationKind;
use trunkside_record::{
    CallSummary, EndedBy, Named, RedactedText, TalkRecord, Times, Timestamp, Turn,
};

use super::reader::Reader;
use super::{App, Problem};
use crate::ingest::now;
use crate::store::{self, AlarmFilter, CallDetail, CallFilter, CallItem, Hour, Span, Totals};

mod alarms;
mod quality;

/// Calls on the front page.
const CALLS: u32 = 40;

/// Alarms among which those for the front page are chosen.
const ALARMS: u32 = 500;

/// Hours on the front page: two days.
const HOURS: u32 = 48;

/// Intents on the front page.
const INTENTS: usize = 8;

/// Height of the hourly chart in SVG units.
const CHART_HEIGHT: f64 = 120.0;

/// Where the most calls of an hour reach to, in SVG units from the top.
const CHART_TOP: f64 = 6.0;

/// Width of what says how many calls that is, in SVG units.
const CHART_SCALE: f64 = 26.0;

/// Width of one hour in SVG units.
const HOUR_WIDTH: f64 = 20.0;

/// Hours in the chart: the day up to the latest hour with calls.
const CHART_HOURS: usize = 24;

/// Every how many hours the chart tells the time.
const CHART_LABEL: usize = 6;

pub(super) async fn index(reader: Reader, State(app): State<App>) -> Result<Markup, Problem> {
    let scope = reader.scope();
    let totals = app.totals(scope.clone()).await?;
    let (page, hours, alarms) = app
        .read(move |store| {
            let filter = CallFilter::default();
            let page = store.calls(&scope, &filter, CALLS, None)?;
            let cells = store.cells(&scope, &filter, Span::Quarters(HOURS * 4))?;
            let standing = AlarmFilter {
                scope,
                standing: true,
                ..AlarmFilter::default()
            };
            let alarms = store.alarms(&standing, ALARMS, None)?;
            Ok((page, store::hours(&cells, None, HOURS), alarms))
        })
        .await?;
    let connected = app.counters.is_connected();
    Ok(document(
        "Trunkside",
        true,
        &html! {
            (header(totals, connected))
            @if !alarms.alarms.is_empty() { (alarms::card(alarms)) }
            @if page.calls.is_empty() {
                (nothing_yet())
            } @else {
                div.columns {
                    (hourly_card(&hours))
                    (intents_card(&hours))
                }
                (calls_card(&page.calls))
            }
        },
    ))
}

pub(super) async fn call(
    reader: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Markup, Problem> {
    let detail = super::api::detail(&app, &reader, id).await?;
    Ok(document("Call · Trunkside", false, &call_page(&detail)))
}

/// Shows a problem to people, who asked for a page, as a page.
pub(super) async fn problem(mut response: Response) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let body = html! {
            header { div.brand { span.mark {} h1 { a href="/" { "Trunkside" } } } }
            section.card.quiet {
                h2 { (problem.title()) }
                p { (problem.detail()) }
            }
        };
        let page = document(&format!("{} · Trunkside", problem.title()), false, &body);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        *response.body_mut() = Body::from(page.into_string());
    }
    response
}

fn document(title: &str, refresh: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if refresh { meta http-equiv="refresh" content="15"; }
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body { main { (body) } }
        }
    }
}

fn header(totals: Totals, connected: bool) -> Markup {
    html! {
        header {
            div.brand { span.mark {} h1 { "Trunkside" } }
            ul.totals {
                (total(totals.calls, "call", "calls"))
                (total(totals.devices, "box", "boxes"))
                @if totals.unread > 0 {
                    (total(totals.unread, "record for a newer version", "records for a newer version"))
                }
                @if totals.lost > 0 { (total(totals.lost, "record lost", "records lost")) }
                li.link.down[!connected] {
                    span.dot {}
                    @if connected { "receiving" } @else { "no broker" }
                }
            }
        }
    }
}

fn total(count: u64, one: &str, many: &str) -> Markup {
    html! { li { b { (count) } " " (if count == 1 { one } else { many }) } }
}

fn nothing_yet() -> Markup {
    html! {
        section.card.quiet {
            h2 { "No calls yet" }
            p { "They appear here a moment after a branch hangs up." }
        }
    }
}

fn hourly_card(hours: &[Hour]) -> Markup {
    html! {
        section.card.wide {
            h2 { "Calls by hour" span.faint { " UTC" } }
            (chart(hours))
            ul.legend {
                li.bridged { "bridged or self-served" }
                li.overflowed { "overflowed" }
                li.callback { "callback" }
                li.lost { "abandoned or failed" }
            }
            @if let Some(latest) = hours.first() { (latest_hour(latest)) }
        }
    }
}

fn latest_hour(hour: &Hour) -> Markup {
    html! {
        dl.facts {
            div { dt { "Latest hour, UTC" } dd { (clock(hour.hour)) } }
            div { dt { "Calls" } dd { (hour.calls) } }
            div { dt { "To decision" } dd { (optional_seconds(hour.mean_decision_s)) } }
            div { dt { "Angry" } dd { (percent(hour.angry_share)) } }
        }
    }
}

/// Stacked bars of the last day with calls, the latest hour at the right end.
fn chart(hours: &[Hour]) -> Markup {
    let Some(latest) = hours.first() else {
        return html! {};
    };
    let shown: Vec<(usize, &Hour)> = hours
        .iter()
        .map(|hour| {
            (
                (latest.hour.as_second() - hour.hour.as_second()) / 3_600,
                hour,
            )
        })
        .filter_map(|(ago, hour)| Some(((CHART_HOURS - 1).checked_sub(ago as usize)?, hour)))
        .collect();
    let most = shown.iter().map(|(_, hour)| hour.calls).max().unwrap_or(1) as f64;
    let width = CHART_HOURS as f64 * HOUR_WIDTH;
    let view = format!(
        "{} 0 {} {}",
        -CHART_SCALE,
        width + CHART_SCALE,
        CHART_HEIGHT + 18.0
    );
    html! {
        svg.chart viewBox=(view) role="img"
            aria-label="Calls in each hour by outcome" {
            line.base x1="0" x2=(width) y1=(CHART_HEIGHT) y2=(CHART_HEIGHT) {}
            line.base x1="0" x2=(width) y1=(CHART_TOP) y2=(CHART_TOP) {}
            text x="-4" y=(CHART_TOP + 3.0) { (most) }
            text x="-4" y=(CHART_HEIGHT + 3.0) { "0" }
            @for (slot, hour) in &shown { (bar(*slot, hour, most)) }
            @for slot in (CHART_LABEL - 1..CHART_HOURS).step_by(CHART_LABEL) {
                (slot_label(slot, latest.hour))
            }
        }
    }
}

fn bar(slot: usize, hour: &Hour, most: f64) -> Markup {
    let left = slot as f64 * HOUR_WIDTH;
    let height = |calls: u64| calls as f64 / most * (CHART_HEIGHT - CHART_TOP);
    let served = height(hour.bridged + hour.self_served);
    let (overflowed, callback) = (height(hour.overflowed), height(hour.callbacks));
    let (lost, other) = (height(hour.abandoned + hour.failed), height(hour.other));
    let part = |class: &str, below: f64, height: f64| {
        html! {
            @if height > 0.0 {
                rect class=(class) x=(left + 2.5) width=(HOUR_WIDTH - 5.0) rx="2.5"
                    y=(format!("{:.1}", CHART_HEIGHT - below - height))
                    height=(format!("{:.1}", (height - 1.0).max(1.0))) {}
            }
        }
    };
    html! {
        g {
            title {
                (day_and_clock(hour.hour)) " · " (hour.calls) " calls, "
                (percent(hour.angry_share)) " angry"
            }
            (part("bridged", 0.0, served))
            (part("overflowed", served, overflowed))
            (part("callback", served + overflowed, callback))
            (part("lost", served + overflowed + callback, lost))
            (part("other", served + overflowed + callback + lost, other))
        }
    }
}

fn slot_label(slot: usize, latest: Timestamp) -> Markup {
    let ago = Duration::from_secs((CHART_HOURS - 1 - slot) as u64 * 3_600);
    let right = (slot + 1) as f64 * HOUR_WIDTH - 2.5;
    html! {
        @if let Ok(hour) = latest.checked_sub(ago) {
            text x=(right) y=(CHART_HEIGHT + 13.0) { (clock(hour)) }
        }
    }
}

fn intents_card(hours: &[Hour]) -> Markup {
    let since = hours.last().map(|oldest| day_and_clock(oldest.hour));
    let mut counts: Vec<(String, u64)> = Vec::new();
    for count in hours.iter().flat_map(|hour| &hour.intents) {
        let name = count
            .intent
            .as_deref()
            .map_or_else(|| "nothing understood".to_owned(), words);
        match counts.iter_mut().find(|(found, _)| *found == name) {
            Some((_, calls)) => *calls += count.calls,
            None => counts.push((name, count.calls)),
        }
    }
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let most = counts.first().map_or(1, |(_, calls)| *calls);
    html! {
        section.card {
            h2 {
                "What callers want"
                @if let Some(since) = since { span.faint { " since " (since) " UTC" } }
            }
            ul.intents {
                @for (name, calls) in counts.iter().take(INTENTS) {
                    li {
                        span { (name) } b { (calls) }
                        meter min="0" max=(most) value=(calls) {}
                    }
                }
            }
        }
    }
}

fn calls_card(calls: &[CallItem]) -> Markup {
    html! {
        section.card {
            h2 { "Latest calls" }
            div.scroll {
                table {
                    thead { tr {
                        th { "Began, UTC" } th { "Branch" } th { "Wanted" } th { "Felt" }
                        th { "Outcome" } th.number { "Decided" } th.number { "Lasted" }
                    } }
                    tbody { @for call in calls { (call_row(call)) } }
                }
            }
        }
    }
}

fn call_row(item: &CallItem) -> Markup {
    let call = &item.summary;
    html! {
        tr {
            td { a href=(format!("/calls/{}", call.call)) { (day_and_clock(item.started_at)) } }
            td.place { (item.branch) span.faint { " " (item.device) } }
            td { (intent(call)) }
            td { (feeling(call)) }
            td { (outcome(call)) }
            td.number data-name="Decided" { (optional_seconds(call.times.decided_s)) }
            td.number data-name="Lasted" { (lasted(call)) }
        }
    }
}

fn intent(call: &CallSummary) -> Markup {
    html! {
        @match &call.intent {
            Some(intent) => {
                (words(&intent.name)) span.faint { " " (percent(f64::from(intent.score))) }
            }
            None if call.times.first_words_s.is_some() => { span.faint { "not understood" } }
            None => { span.faint { "nothing heard" } }
        }
    }
}

fn feeling(call: &CallSummary) -> Markup {
    html! {
        @match &call.mood {
            Some(mood) => { span.pill.(mood.emotion.name()) { (mood.emotion.name()) } }
            None => { span.faint { "unknown" } }
        }
    }
}

fn outcome(call: &CallSummary) -> Markup {
    html! {
        span.outcome.(call.outcome.name()) { (call.outcome.name()) }
        @if call.interrupted { " " span.outcome.failed { "cut off" } }
    }
}

fn call_page(detail: &CallDetail) -> Markup {
    let item = &detail.call;
    let call = &item.summary;
    html! {
        header {
            div.brand { span.mark {} h1 { a href="/" { "Trunkside" } } }
            ul.totals { li { (item.tenant) " · " (item.branch) " · " (item.device) } }
        }
        section.card {
            h2 { (intent(call)) " " (feeling(call)) " " (outcome(call)) }
            dl.facts {
                div { dt { "Began, UTC" } dd { (day_and_clock(item.started_at)) } }
                @if let Some(said) = item.said_started_at {
                    div { dt { "The box's clock said" } dd { (day_and_clock(said)) } }
                } @else if item.clock_trusted == Some(false) {
                    div { dt { "The box's clock" } dd { "had not been set" } }
                }
                @if let Some(before) = call.calls_back {
                    div { dt { "Calls back" } dd { a href=(format!("/calls/{before}")) { "the call before" } } }
                }
                @if let Some(language) = call.language { div { dt { "Language" } dd { (language.name()) } } }
                div { dt { "First words" } dd { (optional_seconds(call.times.first_words_s)) } }
                div { dt { "Decided" } dd { (optional_seconds(call.times.decided_s)) } }
                div { dt { "Bridged" } dd { (optional_seconds(call.times.bridged_s)) } }
                div { dt { "Ended" } dd { (ended(call)) } }
                @if let Some(agent) = &call.agent { div { dt { "Agent" } dd.code { (agent) } } }
                @if let Some((to, kind)) = call.overflow() { div { dt { (place(kind)) } dd { (to) } } }
            }
        }
        div.columns {
            (transcript_card(detail.transcript.as_deref().map(Vec::as_slice), call.interrupted))
            div.stack {
                @if let Some(decision) = &call.decision { (decision_card(decision)) }
                @if call.talks.len() > 1 { (talks_card(&call.talks)) }
                @if !call.mood_course.is_empty() || !call.escalations.is_empty() { (mood_card(call)) }
                @if !call.quality.is_empty() { (quality::card(&call.quality)) }
            }
        }
    }
}

fn place(kind: Named<DestinationKind>) -> &'static str {
    match kind.known() {
        Some(DestinationKind::Branch) => "Other branch",
        Some(DestinationKind::Voicemail) => "Voicemail",
        None => "Elsewhere",
    }
}

/// When, and by whom; a call in whose middle the box stopped nobody has ended.
fn ended(call: &CallSummary) -> Markup {
    html! {
        (lasted(call))
        @if call.interrupted { ", until the box stopped" } @else { " by " (ended_by(&call.ended_by)) }
    }
}

/// How long; of a call that was cut off, how long at least.
fn lasted(call: &CallSummary) -> String {
    let Times {
        ended_s, known_s, ..
    } = call.times;
    if !call.interrupted {
        return optional_seconds(ended_s);
    }
    // Older boxes say their last moment as the end.
    let known = known_s.or(ended_s).filter(|known| *known > 0.0);
    known.map_or_else(
        || optional_seconds(None),
        |known| format!("over {}", optional_seconds(Some(known))),
    )
}

fn transcript_card(transcript: Option<&[Turn]>, interrupted: bool) -> Markup {
    html! {
        section.card.wide {
            h2 { "What was said" }
            @match transcript {
                None if interrupted => {}
                None => { p.faint { "The transcript has not come." } }
                Some([]) => { p.faint { "Nothing was said." } }
                Some(turns) => {
                    ol.turns {
                        @for turn in turns {
                            li.caller[turn.side == trunkside_call::Side::Caller] {
                                p { (turn.text) }
                                span.faint { (optional_seconds(Some(turn.start_s))) }
                            }
                        }
                    }
                }
            }
            @if interrupted {
                p.faint { "The box stopped during this call; what was said last is not known." }
            }
        }
    }
}

fn decision_card(decision: &trunkside_record::DecisionRecord) -> Markup {
    html! {
        section.card {
            h2 { "Why" }
            ul.reasons {
                @for reason in &decision.reasons {
                    li { b { (words(&reason.rule)) } span { (reason.finding) } }
                }
                @if let Some(other) = &decision.alternative {
                    li.faint {
                        b { "next best" } span.code { (other.agent) }
                        span { "the other was preferred: " (other.because) }
                    }
                }
            }
        }
    }
}

fn talks_card(talks: &[TalkRecord]) -> Markup {
    html! {
        section.card {
            h2 { "Who talked with the caller" }
            ul.reasons {
                @for talk in talks {
                    li {
                        @match &talk.agent {
                            Some(agent) => { b.code { (agent) } }
                            None => { b { "somebody else" } }
                        }
                        span {
                            (optional_seconds(Some(talk.from_s))) " to "
                            (optional_seconds(Some(talk.to_s))) ", by " (words(talk.by.name()))
                        }
                    }
                }
            }
        }
    }
}

fn mood_card(call: &CallSummary) -> Markup {
    html! {
        section.card {
            h2 { "How it went" }
            ol.course {
                @for point in &call.mood_course {
                    li {
                        span.faint { (optional_seconds(Some(point.at_s))) }
                        span.pill.(point.emotion.name()) { (point.emotion.name()) }
                    }
                }
            }
            ul.reasons.told {
                @for told in &call.escalations {
                    li {
                        b { "people of the branch told, " (optional_seconds(Some(told.at_s))) " after the call came" }
                        (because(&told.reasons))
                    }
                }
                @if let Some(mood) = call.mood.as_ref().filter(|mood| !mood.reasons.is_empty()) {
                    li { b { (mood.emotion.name()) " at the end" } (because(&mood.reasons)) }
                }
            }
        }
    }
}

fn because(reasons: &[RedactedText]) -> Markup {
    html! { @for reason in reasons { span { (reason) } } }
}

fn ended_by(who: &Named<EndedBy>) -> String {
    format!("the {}", words(who.name()))
}

/// A contract's name as words: `lost_card` is `lost card`.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M").to_string()
}

/// With the year when it is another than this one.
fn day_and_clock(time: Timestamp) -> String {
    let year = |time: Timestamp| time.to_zoned(TimeZone::UTC).year();
    let format = if year(time) == year(now()) {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y %H:%M"
    };
    time.strftime(format).to_string()
}

fn optional_seconds(seconds: Option<f64>) -> String {
    match seconds {
        None => "–".to_owned(),
        Some(seconds) if seconds < 60.0 => format!("{seconds:.1} s"),
        Some(seconds) => format!("{}:{:02} min", seconds as u64 / 60, seconds as u64 % 60),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Whole;

    fn page(interrupted: bool) -> String {
        page_of(&serde_json::json!({ "interrupted": interrupted }))
    }

    /// The page of a call of which there is more to tell.
    fn page_of(more: &serde_json::Value) -> String {
        let mut summary = serde_json::json!({
            "call": "01990000-0000-7000-8000-000000000001", "started_at": "2026-11-21T08:00:00Z",
            "outcome": "failed", "ended_by": "box", "times": { "ended_s": 22.0 }, "redacted": true
        });
        for (field, value) in more.as_object().unwrap() {
            summary[field] = value.clone();
        }
        let call = CallItem {
            tenant: "acme".to_owned(),
            branch: "harbour".to_owned(),
            device: "box1".to_owned(),
            started_at: "2026-11-21T08:00:00Z".parse().unwrap(),
            said_started_at: None,
            clock_trusted: Some(true),
            summary: Whole::read(&summary.to_string()).unwrap(),
        };
        let detail = CallDetail {
            call,
            transcript: None,
            transcript_more: None,
        };
        call_page(&detail).into_string()
    }

    #[test]
    fn a_call_that_was_cut_off_waits_for_no_transcript() {
        let cut_off = page(true);
        assert!(
            cut_off.contains("over 22.0 s, until the box stopped"),
            "{cut_off}"
        );
        assert!(cut_off.contains(">cut off<"), "{cut_off}");
        assert!(cut_off.contains("The box stopped during this call"));
        assert!(!cut_off.contains("has not come") && !cut_off.contains("by the box"));
        let on_its_way = page(false);
        assert!(on_its_way.contains("has not come") && on_its_way.contains("22.0 s by the box"));
        assert!(!on_its_way.contains("cut off"));
    }

    #[test]
    fn a_page_tells_who_talked_what_was_promised_whom_an_anger_was_told_and_which_rules_were_kept()
    {
        let before = "01990000-0000-7000-8000-000000000000";
        let talk = |agent: &str, from_s: f64, to_s: f64, by: &str| serde_json::json!({ "agent": agent, "from_s": from_s, "to_s": to_s, "by": by });
        let told = page_of(&serde_json::json!({
            "calls_back": before,
            "talks": [
                talk("abcdefghijklmnop", 6.5, 23.5, "decision"),
                talk("ponmlkjihgfedcba", 23.5, 31.0, "transfer")
            ],
            "escalations": [{ "at_s": 7.0, "reasons": ["said `投诉`"] }],
            "quality": [
                { "rule": "recording_notice", "kept": true, "hits": [{ "at_s": 8.0, "text": "本次通话会录音" }] },
                { "rule": "promised_return", "kept": false }
            ],
            "times": { "first_words_s": 1.5, "ended_s": 31.0 }
        }));
        for part in [
            &format!("href=\"/calls/{before}\""),
            "ponmlkjihgfedcba</b><span>23.5 s to 31.0 s, by transfer",
            "7.0 s after the call came",
            "said `投诉`",
            "not understood",
            "<span>recording notice</span><b class=\"kept\">kept</b>",
            "本次通话会录音</p><span class=\"faint\">8.0 s</span>",
            "<span>promised return</span><b class=\"broken\">broken</b></li>",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!page(false).contains("Who talked") && !page(false).contains("Quality rules"));
    }
}
