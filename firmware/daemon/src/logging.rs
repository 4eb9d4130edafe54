//! Where the log goes: standard error, at the level that `TRUNKSIDE_LOG` asks for.

use tracing_subscriber::EnvFilter;

/// Always added, whatever is asked for: the SIP stack prints whole messages, numbers included.
const DISCREET: &str = "rsipstack=off";

/// Starts logging; `default` is the level when the variable is not set.
pub fn start(default: &str) {
    let wanted = std::env::var("TRUNKSIDE_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::new(format!(
        "{wanted},{DISCREET},{}",
        trunkside_aggregator::QUIET
    ));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // A second start in one process (tests) keeps the first logger.
    let _ = tracing::subscriber::set_global_default(logger);
}
