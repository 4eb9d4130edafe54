//! Boxes that were turned away (`trunkside-cloud boxes revoke`). A broker that runs elsewhere may let
//! them in for as long as nobody tells it; what they send then is not taken and not confirmed, so that
//! the boxes keep it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkside_record::Origin;

use crate::running::blocking;
use crate::store::{Store, StoreError};

/// How often the store is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// Those that the store knows of.
pub(crate) struct TurnedAway {
    store: Arc<dyn Store>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    boxes: BTreeSet<Origin>,
    /// Of these: boxes that have sent something since.
    sending: BTreeSet<Origin>,
}

impl TurnedAway {
    /// Asks the store for the first time; blocks.
    pub(crate) fn ask_first(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let away = Self {
            store,
            known: RwLock::default(),
        };
        away.ask()?;
        Ok(away)
    }

    fn ask(&self) -> Result<(), StoreError> {
        let boxes: BTreeSet<Origin> = self.store.turned_away()?.into_iter().collect();
        let mut known = self.write();
        known.sending.retain(|origin| boxes.contains(origin));
        known.boxes = boxes;
        Ok(())
    }

    /// Asks again and again until `stop`; while the store does not answer, what is known stays.
    pub(crate) async fn keep_asking(self: Arc<Self>, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(ASK_EVERY))
            .await
            .is_some()
        {
            let away = Arc::clone(&self);
            if let Err(error) = blocking(move || away.ask()).await {
                tracing::debug!(%error, "nobody can tell which boxes were turned away meanwhile");
            }
        }
    }

    /// Whether this box was; the first time that it sends nevertheless is told.
    pub(crate) fn has(&self, origin: &Origin) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if !known.boxes.contains(origin) {
            return false;
        }
        let is_told = known.sending.contains(origin);
        drop(known);
        if !is_told && self.write().sending.insert(origin.clone()) {
            tracing::warn!(
                %origin,
                "a revoked box still sends: nothing of it is taken, and it keeps what it has; give the \
                 broker new files (`trunkside-cloud boxes rules`) to keep it out"
            );
        }
        true
    }

    /// How many boxes send although they were turned away.
    pub(crate) fn sending(&self) -> usize {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.sending.len()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
