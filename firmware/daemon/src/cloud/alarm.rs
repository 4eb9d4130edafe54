//! What somebody must mend, as alarms for the cloud: one when it begins and one when it is over. They
//! wait like all records, and tell afterwards what the box went without.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Alarm, RedactedText, Severity};
use trunkside_uplink::Outbox;

use crate::storage::recorder::{self, RETRY};

/// Trouble whose reason has words of the branch's in it, which stay on the box.
pub const SEE_LOG: &str = "the box's log says what to mend";

/// A part of the box that somebody may have to mend.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The alarm's code.
    pub code: &'static str,
    /// What the box goes without; why stands behind it.
    pub raised: &'static str,
    /// What it has again.
    pub cleared: &'static str,
}

impl Part {
    /// The alarm; none of a reason clears it.
    pub fn alarm(&self, trouble: Option<&str>) -> Alarm {
        let text = match trouble {
            None => RedactedText::or_withheld(self.cleared),
            // A path may hold digits that must not leave the box.
            Some(why) => {
                RedactedText::try_new(&format!("{}: {why}", self.raised)).unwrap_or_else(|_| {
                    let text = format!("{}; {SEE_LOG}", self.raised);
                    RedactedText::or_withheld(&text)
                })
            }
        };
        Alarm {
            code: self.code.to_owned(),
            severity: Severity::Minor.into(),
            cleared: trouble.is_none(),
            text,
        }
    }

    /// Leaves an alarm when there is trouble, and when it is over, until `stop`. What the disk refuses
    /// is tried again while it still tells how things stand.
    pub async fn watch(
        self,
        outbox: Arc<Outbox>,
        mut trouble: watch::Receiver<Option<String>>,
        stop: CancellationToken,
    ) {
        let (mut raised, mut refused, mut is_settled) = (false, false, false);
        loop {
            let what = trouble.borrow_and_update().clone();
            let is_told = what.is_some() == raised
                || store(&outbox, self.alarm(what.as_deref()), refused).await;
            if is_told {
                raised = what.is_some();
            }
            refused = !is_told;
            if is_settled && !refused {
                return;
            }
            tokio::select! {
                changed = trouble.changed(), if !is_settled => is_settled = changed.is_err(),
                () = tokio::time::sleep(RETRY), if refused => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Stores an alarm, however long the disk refuses it, until `stop`.
pub async fn keep(outbox: &Arc<Outbox>, alarm: Alarm, stop: &CancellationToken) {
    let mut was_refused = false;
    while !store(outbox, alarm.clone(), was_refused).await {
        was_refused = true;
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Whether the outbox takes an alarm; the log tells the first time that it does not.
async fn store(outbox: &Arc<Outbox>, alarm: Alarm, was_refused: bool) -> bool {
    let stored = outbox.store(recorder::stamp(), vec![alarm.into()]).await;
    if let Err(error) = &stored
        && !was_refused
    {
        tracing::warn!(%error, "an alarm cannot be kept yet; trying again");
    }
    stored.is_ok()
}

#[cfg(test)]
mod tests;
