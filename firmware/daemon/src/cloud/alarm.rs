//! What somebody must mend, as alarms for the cloud: one when it begins and one when it is over. They
//! wait like all records, and tell afterwards what the box went without.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Alarm, RedactedText, Severity};
use trunkside_uplink::Outbox;

use crate::storage::recorder;

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

    /// Leaves an alarm when there is trouble, and when it is over, until `stop`.
    pub async fn watch(
        self,
        outbox: Arc<Outbox>,
        mut trouble: watch::Receiver<Option<String>>,
        stop: CancellationToken,
    ) {
        let mut raised = false;
        loop {
            let what = trouble.borrow_and_update().clone();
            if what.is_some() != raised {
                let alarm = self.alarm(what.as_deref());
                match outbox.store(recorder::stamp(), vec![alarm.into()]).await {
                    Ok(_) => raised = what.is_some(),
                    Err(error) => tracing::warn!(%error, "an alarm cannot be kept"),
                }
            }
            tokio::select! {
                changed = trouble.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }
}
