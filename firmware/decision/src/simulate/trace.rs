//! Calls as they came on a real day, instead of drawn ones.
//!
//! Two forms are read. *Columns*: lines of `arrival_s,class,service_s,patience_s` under a header
//! that names them, comma or tab between; an empty service or patience is drawn from the class.
//! *Anonymous bank*: the 17 tab-separated fields of the Technion's "anonymous bank" call-by-call
//! data (Mandelbaum, Sakov and Zeltyn 2000); a class is the call's type, `_priority` added for
//! customers of priority 2 where the scenario has such a class.

use super::dispatch::Micros;
use super::scenario::Class;

/// One call of a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TraceCall {
    pub at: Micros,
    pub class: usize,
    /// Seconds at an agent of speed 1; drawn from the class when unknown.
    pub service_s: Option<f64>,
    pub patience: Patience,
}

/// What a trace tells of a caller's patience.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Patience {
    /// They hung up after so many seconds.
    Known(f64),
    /// They were answered after so many seconds, or nothing is known (0).
    Beyond(f64),
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceFormat {
    /// A header and columns.
    Columns,
    /// The anonymous bank's fields.
    AnonymousBank,
}

/// A line of a trace that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the trace: {fault}")]
pub struct TraceFault {
    /// From 1.
    pub line: usize,
    /// What is wrong and what mends it.
    pub fault: String,
}

pub(super) fn parse(
    text: &str,
    format: TraceFormat,
    classes: &[Class],
) -> Result<Vec<TraceCall>, TraceFault> {
    let mut calls = match format {
        TraceFormat::Columns => columns(text, classes)?,
        TraceFormat::AnonymousBank => bank(text, classes)?,
    };
    if calls.is_empty() {
        return Err(fault(1, "it holds no calls of the scenario's classes"));
    }
    calls.sort_by_key(|call| call.at);
    Ok(calls)
}

fn fault(line: usize, fault: impl Into<String>) -> TraceFault {
    let fault = fault.into();
    TraceFault { line, fault }
}

fn split(line: &str) -> Vec<&str> {
    let separator = if line.contains('\t') { '\t' } else { ',' };
    line.split(separator).map(str::trim).collect()
}

fn columns(text: &str, classes: &[Class]) -> Result<Vec<TraceCall>, TraceFault> {
    let mut lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let (_, header) = lines.next().ok_or_else(|| fault(1, "it is empty"))?;
    let names = split(header);
    let find = |name: &str| names.iter().position(|found| *found == name);
    let (Some(arrival), Some(class)) = (find("arrival_s"), find("class")) else {
        return Err(fault(
            1,
            "the header must name `arrival_s` and `class`, and may name `service_s` and `patience_s`",
        ));
    };
    let (service, patience) = (find("service_s"), find("patience_s"));
    let mut calls = Vec::new();
    for (index, line) in lines {
        let fields = split(line);
        let number = |column: Option<usize>, name: &str| {
            let text = column.and_then(|column| fields.get(column)).copied();
            match text {
                None | Some("") => Ok(None),
                Some(text) => match text.parse::<f64>() {
                    Ok(number) if number.is_finite() && (0.0..1e9).contains(&number) => {
                        Ok(Some(number))
                    }
                    _ => Err(fault(
                        index + 1,
                        format!("`{name}` must be a number of seconds from 0, got `{text}`"),
                    )),
                },
            }
        };
        let at = number(Some(arrival), "arrival_s")?
            .ok_or_else(|| fault(index + 1, "`arrival_s` is missing"))?;
        let name = fields.get(class).copied().unwrap_or_default();
        let class = classes.iter().position(|known| known.name == name);
        let class = class.ok_or_else(|| {
            fault(
                index + 1,
                format!("the scenario has no class `{name}`; add a `[[class]]` of that name"),
            )
        })?;
        calls.push(TraceCall {
            at: (at * 1e6) as Micros,
            class,
            service_s: number(service, "service_s")?,
            patience: number(patience, "patience_s")?
                .map_or(Patience::Beyond(0.0), Patience::Known),
        });
    }
    Ok(calls)
}

/// Whoever was answered had more patience than the wait; the service of those who hung up is drawn.
fn bank(text: &str, classes: &[Class]) -> Result<Vec<TraceCall>, TraceFault> {
    let mut calls = Vec::new();
    let mut first_day = None;
    for (index, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [
            _,
            _,
            _,
            priority,
            kind,
            date,
            _,
            exit,
            _,
            _,
            _,
            waited,
            outcome,
            _,
            _,
            served,
            ..,
        ] = fields[..]
        else {
            return Err(fault(index + 1, "it has fewer than the 17 fields expected"));
        };
        let priority_class = format!("{kind}_priority");
        let class = classes
            .iter()
            .position(|class| priority == "2" && class.name == priority_class)
            .or_else(|| classes.iter().position(|class| class.name == kind));
        let (Some(class), true) = (class, outcome != "PHANTOM") else {
            continue;
        };
        let bad = |what: &str| fault(index + 1, format!("`{what}` cannot be read"));
        let date = format!("19{date}")
            .parse::<jiff::civil::Date>()
            .map_err(|_| bad("date"))?;
        let first = *first_day.get_or_insert(date);
        let day = (date - first).get_days();
        let second = clock(exit).ok_or_else(|| bad("vru_exit"))?;
        let waited: f64 = waited.parse().map_err(|_| bad("q_time"))?;
        let served: f64 = served.parse().map_err(|_| bad("ser_time"))?;
        let answered = outcome == "AGENT";
        calls.push(TraceCall {
            at: (i64::from(day) * 86_400 + second) * 1_000_000,
            class,
            service_s: answered.then_some(served),
            patience: if answered {
                Patience::Beyond(waited)
            } else {
                Patience::Known(waited)
            },
        });
    }
    Ok(calls)
}

/// Seconds of `7:02:47`.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    ((0..48).contains(&hour) && minute < 60 && second < 61)
        .then_some(hour * 3600 + minute * 60 + second)
}

/// Means that a class may leave to its trace: service, its variation, and patience by the estimate
/// that censored waits allow (all waiting over all hang-ups).
pub(super) fn fill(classes: &mut [Class], calls: &[TraceCall]) {
    for (index, class) in classes.iter_mut().enumerate() {
        let of_class = || calls.iter().filter(|call| call.class == index);
        let times: Vec<f64> = of_class().filter_map(|call| call.service_s).collect();
        if class.service_mean_s <= 0.0 {
            let n = times.len().max(1) as f64;
            let mean = times.iter().sum::<f64>() / n;
            let variance = times.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n;
            class.service_mean_s = if mean > 0.0 { mean } else { 180.0 };
            class.service_cv = variance.sqrt() / class.service_mean_s;
        }
        if class.patience_mean_s.is_none() {
            let (mut waited, mut hung_up) = (0.0, 0.0);
            for call in of_class() {
                match call.patience {
                    Patience::Known(s) => {
                        waited += s;
                        hung_up += 1.0;
                    }
                    Patience::Beyond(s) => waited += s,
                }
            }
            class.patience_mean_s = (hung_up > 0.0 && waited > 0.0).then(|| waited / hung_up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    const TWO: &str = "run = { hours = 1 }\n[[class]]\nname = \"a\"\nservice_mean_s = 60\n\
        arrivals_per_hour = 0\n[[class]]\nname = \"PS\"\nservice_mean_s = 60\n\
        arrivals_per_hour = 0\n[[agent_group]]\nname = \"g\"\nagents = 1\n";

    fn classes() -> Vec<Class> {
        Scenario::parse("s", TWO).0.expect("it is whole").classes
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let text = "class\tpatience_s\tarrival_s\na\t30\t12.5\nPS\t\t3\n";
        let calls = parse(text, TraceFormat::Columns, &classes()).expect("it is whole");
        assert_eq!(calls[0].class, 1);
        assert_eq!(calls[0].patience, Patience::Beyond(0.0));
        assert_eq!(calls[1].at, 12_500_000);
        assert_eq!(calls[1].patience, Patience::Known(30.0));
        assert_eq!(calls[1].service_s, None);
    }

    #[test]
    fn faults_name_the_line_and_the_remedy() {
        let said = |text: &str| {
            parse(text, TraceFormat::Columns, &classes())
                .expect_err("it is faulty")
                .to_string()
        };
        assert!(said("a,b\n").contains("`arrival_s`"));
        assert!(said("arrival_s,class\n1,b\n").starts_with("line 2 of the trace: the scenario"));
        assert!(said("arrival_s,class\n-1,a\n").contains("number of seconds"));
        assert!(said("arrival_s,class\n").contains("no calls"));
    }

    #[test]
    fn the_bank_tells_who_hung_up_and_when() {
        let text = "header\n\
            A\t1\t0\t0\tPS\t990201\t7:02:47\t7:02:56\t9\t0:00:00\t0:00:00\t0\tAGENT\t7:02:55\t7:05:41\t166\tDORIT\r\n\
            A\t2\t0\t2\tPS\t990202\t8:09:16\t8:09:22\t6\t8:09:22\t8:09:27\t5\tHANG\t0:00:00\t0:00:00\t0\tNO_SERVER\r\n";
        let calls = parse(text, TraceFormat::AnonymousBank, &classes()).expect("it is whole");
        assert_eq!(calls[0].service_s, Some(166.0));
        assert_eq!(calls[0].patience, Patience::Beyond(0.0));
        assert_eq!(calls[1].patience, Patience::Known(5.0));
        assert_eq!(calls[1].at, (86_400 + 8 * 3600 + 9 * 60 + 22) * 1_000_000);
    }
}
