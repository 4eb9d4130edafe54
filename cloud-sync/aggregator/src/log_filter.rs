//! What is logged: the cloud's program and the box ask for it by the same variable.

use std::env::VarError;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// What asks for levels.
const VARIABLE: &str = "TRUNKSIDE_LOG";

/// What keeps the embedded broker and the clients of brokers quiet.
const QUIET: &str = "rumqttd=off,rumqttc=warn,async_nats=warn";

/// A word that would silence the whole log, because it means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "${VARIABLE}: `{word}` {why}; write error, warn, info, debug or trace, or such a level for a module \
     as in `info,trunkside_line=debug`"
)]
pub struct LogFilterError {
    word: String,
    why: &'static str,
}

/// What `TRUNKSIDE_LOG` asks for; `default` is the level of what it does not speak of.
pub fn log_filter(default: &str) -> Result<EnvFilter, LogFilterError> {
    match std::env::var(VARIABLE) {
        Ok(wanted) => log_filter_of(default, &wanted),
        Err(VarError::NotPresent) => log_filter_of(default, ""),
        Err(VarError::NotUnicode(_)) => Err(refused("it", "is not UTF-8")),
    }
}

/// What is asked for, over the default.
///
/// # Panics
/// Never: what keeps others quiet is well formed.
pub fn log_filter_of(default: &str, wanted: &str) -> Result<EnvFilter, LogFilterError> {
    let mut filter = EnvFilter::new(default);
    for word in wanted.split(',').map(str::trim) {
        if word.is_empty() {
            continue;
        }
        if !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err() {
            return Err(refused(word, "is no level"));
        }
        let directive: Directive = word
            .parse()
            .map_err(|_| refused(word, "cannot be understood"))?;
        filter = filter.add_directive(directive);
    }
    for quiet in QUIET.split(',') {
        filter = filter.add_directive(quiet.parse().expect("it is well formed"));
    }
    Ok(filter)
}

fn refused(word: &str, why: &'static str) -> LogFilterError {
    LogFilterError {
        word: word.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused_by_name() {
        for wrong in [
            "inof",
            "info,trunkside_line",
            "info,rsipstack=loud",
            "=",
            "[",
        ] {
            let said = log_filter_of("info", wrong).unwrap_err().to_string();
            assert!(
                said.contains("$TRUNKSIDE_LOG") && said.contains("info,"),
                "{said}"
            );
        }
        let filter = log_filter_of("info", " debug, trunkside_line=trace,").unwrap();
        assert!(filter.to_string().contains("rumqttd=off"), "{filter}");
    }
}
