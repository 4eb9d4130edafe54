//! What the supervisor is told (`Type=notify` and `WatchdogSec=` of systemd); where none listens,
//! nothing happens.

use sd_notify::NotifyState;

/// Calls are taken from now on.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The pipeline moves.
pub fn alive() {
    tell(NotifyState::Watchdog);
}

/// Calls are being ended in good order.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!(%error, "the supervisor cannot be told");
    }
}
