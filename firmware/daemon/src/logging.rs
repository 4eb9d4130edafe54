//! Where the log goes: standard error, at the level that `TRUNKSIDE_LOG` asks for.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt};
use trunkside_aggregator::log_filter;

use crate::cli::Failure;

/// Never logged, whatever is asked for: the SIP stack prints whole messages, numbers included.
const INDISCREET: &str = "rsipstack";

/// Starts logging; `default` is the level of what the variable does not speak of.
pub fn start(default: &str) -> Result<(), Failure> {
    let filter = log_filter(default).map_err(Failure::input)?;
    let logger = logger(filter, std::io::stderr);
    // A second start in one process (tests) keeps the first logger.
    let _ = tracing::subscriber::set_global_default(logger);
    Ok(())
}

fn logger<W>(filter: EnvFilter, writer: W) -> impl tracing::Subscriber
where
    W: for<'w> fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    // A filter of its own: within one, what is asked for more exactly would lift it.
    let discreet = Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_target(INDISCREET, LevelFilter::OFF);
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    Registry::default()
        .with(discreet)
        .with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use trunkside_aggregator::log_filter_of;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged of a day when this is asked for.
    fn logged(wanted: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let filter = log_filter_of("info", wanted).expect("it is well formed");
        tracing::subscriber::with_default(logger(filter, move || writer.clone()), || {
            let call = tracing::info_span!("call");
            let _in_a_call = call.enter();
            tracing::info!("ready");
            tracing::debug!(target: "trunkside_line", "a packet");
            tracing::error!(target: "rsipstack", "13812345678");
            tracing::trace!(target: "rsipstack::transport", "13812345678");
        });
        let written = written.0.lock().unwrap();
        String::from_utf8_lossy(&written).into_owned()
    }

    #[test]
    fn nothing_that_is_asked_for_silences_the_rest() {
        for wanted in ["", " ", ",", "info", "trunkside_line=debug", "INFO"] {
            let logged = logged(wanted);
            assert!(logged.contains("ready"), "{wanted}: {logged}");
            assert_eq!(
                logged.contains("a packet"),
                wanted.contains("line"),
                "{wanted}"
            );
        }
        assert_eq!(logged("off"), "");
    }

    #[test]
    fn no_level_lifts_what_keeps_numbers_out_of_the_log() {
        for wanted in [
            "trace",
            "rsipstack=trace",
            "info,rsipstack::transport=trace",
            "[call]=trace",
            "rsipstack::transport[call]=trace",
        ] {
            assert!(!logged(wanted).contains("138"), "{wanted}");
        }
    }
}
