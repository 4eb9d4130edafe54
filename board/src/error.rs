//! Errors, by what the caller should do about them.

/// A fault of the hardware or of its driver.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// It may work the next time: count it and go on.
    #[error("{what} failed: {cause}")]
    Retry {
        /// What was done, to what.
        what: String,
        /// The driver's word.
        cause: String,
    },
    /// The device is gone or confused: close it and open it again.
    #[error("{what} is lost: {cause}; it must be opened again")]
    Rebuild {
        /// Which device.
        what: String,
        /// The driver's word.
        cause: String,
    },
    /// It can never work on this machine as it is set up: say so and do without.
    #[error("cannot open {what}: {cause}; {remedy}")]
    GiveUp {
        /// Which device.
        what: String,
        /// The driver's word.
        cause: String,
        /// What mends it.
        remedy: String,
    },
}

impl BoardError {
    /// A pin that could not be read or set this time.
    pub(crate) fn pin(what: &str, cause: &impl std::fmt::Debug) -> Self {
        Self::Retry {
            what: what.to_owned(),
            cause: format!("{cause:?}"),
        }
    }
}
