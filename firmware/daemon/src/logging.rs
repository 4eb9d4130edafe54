//! Where the log goes: standard error, at the level that `TRUNKSIDE_LOG` asks for.

use tracing_subscriber::EnvFilter;

/// Starts logging; `default` is the level when the variable is not set.
pub fn start(default: &str) {
    let quiet = trunkside_aggregator::QUIET;
    let filter = EnvFilter::try_from_env("TRUNKSIDE_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{default},rsipstack=error,{quiet}")));
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // A second start in one process (tests) keeps the first logger.
    let _ = tracing::subscriber::set_global_default(logger);
}
