//! What could not be had at the start, and is tried again until somebody has mended it.

use tokio_util::sync::CancellationToken;

use crate::storage::recorder::RETRY;

/// Tries until it works; none where the box stops before. An attempt gives the reason why it did not
/// work, or nothing where there is none to tell; `tell` hears of each reason that is not the one before,
/// the first of which is `why`. The last one comes back, too.
pub async fn until_mended<T: Send + 'static>(
    mut why: Option<String>,
    attempt: impl Fn() -> Result<Option<T>, String> + Clone + Send + 'static,
    tell: impl Fn(&str),
    stop: &CancellationToken,
) -> Option<(T, Option<String>)> {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stop.cancelled() => return None,
        }
        match tokio::task::spawn_blocking(attempt.clone()).await {
            Ok(Ok(Some(found))) => return Some((found, why)),
            Ok(Ok(None)) => {}
            Ok(Err(now)) => {
                if why.as_ref() != Some(&now) {
                    tell(&now);
                    why = Some(now);
                }
            }
            Err(error) => tracing::error!(%error, "an attempt to mend something ended by a fault"),
        }
    }
}
