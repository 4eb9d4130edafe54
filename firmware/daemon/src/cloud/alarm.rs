//! What somebody must mend, as alarms for the cloud: one when it begins and one when it is over. They
//! wait like all records, and tell afterwards what the box went without.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trunkside_record::{Alarm, RedactedText, Severity};
use trunkside_uplink::Outbox;

use crate::cloud::outbox;
use crate::storage::recorder::{Post, RETRY};

pub use raised::RaisedAlarms;

mod raised;

/// Trouble whose reason has words of the branch's in it, which stay on the box.
pub const SEE_LOG: &str = "the box's log says what to mend";

/// The way of alarms to the cloud.
#[derive(Clone, Debug)]
pub struct AlarmWay {
    /// The outbox, once it is open.
    pub outbox: Post,
    /// What stands.
    pub raised: Arc<RaisedAlarms>,
    /// Cancelled when no more go.
    pub stop: CancellationToken,
}

impl AlarmWay {
    /// Into an outbox, with what stands noted in a data folder.
    pub fn new(folder: &Path, outbox: Post, stop: CancellationToken) -> Self {
        let raised = Arc::new(RaisedAlarms::open(folder));
        Self {
            outbox,
            raised,
            stop,
        }
    }

    /// Into an outbox that is open, or never will be.
    #[cfg(test)]
    pub fn into(outbox: Option<Arc<Outbox>>, folder: &Path) -> Self {
        let outbox = watch::Sender::new(outbox).subscribe();
        Self::new(folder, outbox, CancellationToken::new())
    }
}

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

    /// Leaves an alarm when there is trouble, and when it is over. What the disk refuses is tried again
    /// while it still tells how things stand.
    pub async fn watch(self, way: AlarmWay, mut trouble: watch::Receiver<Option<String>>) {
        let Some(outbox) = outbox::opened(way.outbox, &way.stop).await else {
            return;
        };
        let (mut is_raised, mut refused, mut is_settled) = (false, false, false);
        loop {
            let what = trouble.borrow_and_update().clone();
            let alarm = || Some(self.alarm(what.as_deref()));
            let is_told = what.is_some() == is_raised
                || store((&way.raised, &outbox), alarm(), refused).await;
            if is_told {
                is_raised = what.is_some();
            }
            refused = !is_told;
            if is_settled && !refused {
                return;
            }
            tokio::select! {
                changed = trouble.changed(), if !is_settled => is_settled = changed.is_err(),
                () = tokio::time::sleep(RETRY), if refused => {}
                () = way.stop.cancelled() => return,
            }
        }
    }
}

/// Stores an alarm, however long the disk refuses it, or where there is none the ends of what the last
/// run raised.
pub async fn keep(way: AlarmWay, alarm: Option<Alarm>) {
    let Some(outbox) = outbox::opened(way.outbox, &way.stop).await else {
        return;
    };
    let mut was_refused = false;
    while !store((&way.raised, &outbox), alarm.clone(), was_refused).await {
        was_refused = true;
        tokio::select! {
            () = tokio::time::sleep(RETRY) => {}
            () = way.stop.cancelled() => return,
        }
    }
}

/// Whether the outbox takes an alarm; the log tells the first time that it does not.
async fn store(
    (raised, outbox): (&Arc<RaisedAlarms>, &Arc<Outbox>),
    alarm: Option<Alarm>,
    was_refused: bool,
) -> bool {
    let (raised, outbox) = (Arc::clone(raised), Arc::clone(outbox));
    let told = tokio::task::spawn_blocking(move || raised.tell(&outbox, alarm)).await;
    let told = told.expect("the outbox does not panic");
    if let Err(error) = &told
        && !was_refused
    {
        tracing::warn!(%error, "an alarm cannot be kept yet; trying again");
    }
    told.is_ok()
}

#[cfg(test)]
mod tests;
