//! The laboratory's report: one HTML page with its plots drawn in, to be opened anywhere.

use std::fmt::Write as _;

use super::scenario::Scenario;
use super::summary::{Interval, Measure, Summary};

const WIDTH: f64 = 460.0;
const BAR: f64 = 22.0;
const LEFT: f64 = 130.0;
const COLOURS: [&str; 8] = [
    "#1b6ca8", "#c8553d", "#4b8f29", "#8a5fbf", "#b8860b", "#2a9d8f", "#7a7a7a", "#d1495b",
];

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Trunkside: routing \
policies compared</title><style>body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem \
auto;padding:0 1rem;color:#222}table{border-collapse:collapse}td,th{padding:.2rem .7rem;\
text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
svg{margin:.5rem 1rem .5rem 0}text{font:12px system-ui,sans-serif;fill:#222}</style>";

/// The page. `name` is the scenario's, as the reader knows it.
pub fn report(name: &str, scenario: &Scenario, summaries: &[Summary]) -> String {
    let mut page = String::from(HEAD);
    let runs = summaries.first().map_or(0, |summary| summary.runs.len());
    let calls = summaries
        .first()
        .and_then(|summary| summary.runs.first())
        .map_or(0, |run| run.all.calls);
    let agents: usize = scenario.groups.iter().map(|group| group.agents).sum();
    let _ = write!(
        page,
        "<h1>Routing policies on {}</h1><p>{} classes of callers, {agents} agents, {:.1} hours of \
         which the first {:.1} do not count; {runs} replications with common random numbers, \
         {calls} calls in the first. Waits are over all calls, abandoned ones included; \
         ± is half a 95 % interval.</p>",
        escape(name),
        scenario.classes.len(),
        scenario.hours,
        scenario.warmup_hours,
    );
    table(&mut page, summaries);
    differences(&mut page, summaries);
    page.push_str("<h2>Side by side</h2>");
    for measure in Measure::ALL {
        bars(&mut page, measure, summaries);
    }
    page.push_str("<h2>How long callers wait</h2>");
    waits(&mut page, summaries);
    page.push_str("<h2>By class: the wait of which nine in ten stay below, in seconds</h2>");
    classes(&mut page, scenario, summaries);
    page.push_str("</html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn shown(interval: Interval) -> String {
    if interval.half.is_finite() {
        format!("{:.2} ± {:.2}", interval.mean, interval.half)
    } else {
        format!("{:.2}", interval.mean)
    }
}

fn header(page: &mut String, first: &str, names: impl Iterator<Item = String>) {
    let _ = write!(page, "<table><tr><th>{first}</th>");
    for name in names {
        let _ = write!(page, "<th>{}</th>", escape(&name));
    }
    page.push_str("</tr>");
}

fn table(page: &mut String, summaries: &[Summary]) {
    let titles = Measure::ALL
        .iter()
        .map(|measure| measure.title().to_owned());
    header(page, "policy", titles);
    for summary in summaries {
        let _ = write!(page, "<tr><td>{}</td>", escape(&summary.policy));
        for measure in Measure::ALL {
            let _ = write!(page, "<td>{}</td>", shown(summary.interval(measure)));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table>");
}

/// Everything against the first policy.
fn differences(page: &mut String, summaries: &[Summary]) {
    let Some((first, others)) = summaries.split_first() else {
        return;
    };
    if others.is_empty() {
        return;
    }
    let _ = write!(page, "<h2>Against {}</h2>", escape(&first.policy));
    let titles = Measure::ALL
        .iter()
        .map(|measure| measure.title().to_owned());
    header(page, "policy", titles);
    for other in others {
        let _ = write!(page, "<tr><td>{}</td>", escape(&other.policy));
        for measure in Measure::ALL {
            let _ = write!(page, "<td>{}</td>", shown(other.against(first, measure)));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table>");
}

fn svg(page: &mut String, width: f64, height: f64, label: &str) {
    let _ = write!(
        page,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{}\">",
        escape(label)
    );
}

/// One bar a policy with its interval.
fn bars(page: &mut String, measure: Measure, summaries: &[Summary]) {
    let height = 26.0 + BAR * summaries.len() as f64;
    svg(page, WIDTH, height, measure.title());
    let _ = write!(
        page,
        "<text x=\"0\" y=\"14\" font-weight=\"bold\">{}</text>",
        measure.title()
    );
    let intervals: Vec<Interval> = summaries
        .iter()
        .map(|summary| summary.interval(measure))
        .collect();
    let highest = intervals
        .iter()
        .map(|i| i.mean + if i.half.is_finite() { i.half } else { 0.0 })
        .fold(1e-9, f64::max);
    let scale = (WIDTH - LEFT - 60.0) / highest;
    for (index, (summary, interval)) in summaries.iter().zip(&intervals).enumerate() {
        let top = 22.0 + BAR * index as f64;
        let length = (interval.mean * scale).max(0.0);
        let _ = write!(
            page,
            "<text x=\"0\" y=\"{:.1}\">{}</text><rect x=\"{LEFT}\" y=\"{top:.1}\" \
             width=\"{length:.1}\" height=\"{:.1}\" fill=\"{}\"/><text x=\"{:.1}\" \
             y=\"{:.1}\">{:.1}</text>",
            top + 13.0,
            escape(&summary.policy),
            BAR - 6.0,
            COLOURS[index % COLOURS.len()],
            LEFT + length + 26.0,
            top + 13.0,
            interval.mean,
        );
        if interval.half.is_finite() {
            let middle = top + (BAR - 6.0) / 2.0;
            let _ = write!(
                page,
                "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" \
                 stroke=\"#000\" stroke-width=\"2\"/>",
                LEFT + length - interval.half * scale,
                LEFT + length + interval.half * scale,
            );
        }
    }
    page.push_str("</svg>");
}

/// Share of calls that waited no longer than so many seconds, the first replication of each policy.
fn waits(page: &mut String, summaries: &[Summary]) {
    let (width, height) = (2.0 * WIDTH, 260.0);
    svg(
        page,
        width,
        height + 30.0 + 16.0 * summaries.len() as f64,
        "waits",
    );
    let longest = summaries
        .iter()
        .filter_map(|summary| summary.runs.first()?.wait_percentiles_s.last().copied())
        .fold(1.0, f64::max);
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        let _ = write!(
            page,
            "<line x1=\"40\" x2=\"{width}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#ddd\"/><text \
             x=\"0\" y=\"{1:.1}\">{2:.0} %</text><text x=\"{3:.1}\" y=\"{4:.1}\">{5:.0} s</text>",
            height - share * (height - 10.0),
            height - share * (height - 10.0) + 4.0,
            share * 100.0,
            40.0 + share * (width - 80.0),
            height + 16.0,
            share * longest,
        );
    }
    for (index, summary) in summaries.iter().enumerate() {
        let Some(run) = summary.runs.first() else {
            continue;
        };
        let colour = COLOURS[index % COLOURS.len()];
        let mut points = String::new();
        for (percent, wait_s) in run.wait_percentiles_s.iter().enumerate() {
            let _ = write!(
                points,
                "{:.1},{:.1} ",
                40.0 + wait_s / longest * (width - 80.0),
                height - (percent + 1) as f64 / 100.0 * (height - 10.0)
            );
        }
        let y = height + 34.0 + 16.0 * index as f64;
        let _ = write!(
            page,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <rect x=\"40\" y=\"{:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"58\" \
             y=\"{y:.1}\">{}</text>",
            y - 11.0,
            escape(&summary.policy),
        );
    }
    page.push_str("</svg>");
}

fn classes(page: &mut String, scenario: &Scenario, summaries: &[Summary]) {
    header(page, "class", summaries.iter().map(|s| s.policy.clone()));
    for class in &scenario.classes {
        let _ = write!(page, "<tr><td>{}</td>", escape(&class.name));
        for summary in summaries {
            let _ = write!(page, "<td>{:.1}</td>", summary.class_p90_s(&class.name));
        }
        page.push_str("</tr>");
    }
    page.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::simulate;

    #[test]
    fn the_page_shows_every_policy_and_escapes_names() {
        let text = "run = { hours = 5 }\n[[class]]\nname = \"<b>\"\narrivals_per_hour = 60\n\
            service_mean_s = 60\npatience_mean_s = 60\n[[agent_group]]\nname = \"g\"\nagents = 1\n";
        let (scenario, _) = Scenario::parse("s", text);
        let scenario = scenario.expect("it is whole");
        let summaries: Vec<Summary> = ["fcfs", "trunkside"]
            .into_iter()
            .map(|policy| Summary {
                policy: policy.to_owned(),
                runs: (1..4)
                    .map(|seed| {
                        simulate(&scenario, &[policy], seed)
                            .expect("it is known")
                            .remove(0)
                    })
                    .collect(),
            })
            .collect();
        let page = report("s & t", &scenario, &summaries);
        assert!(page.contains("s &amp; t") && page.contains("&lt;b&gt;") && !page.contains("<b>"));
        assert!(page.matches("<svg").count() == 8 && page.matches("</svg>").count() == 8);
        assert!(page.contains("Against fcfs") && !page.contains("NaN"));
    }
}
