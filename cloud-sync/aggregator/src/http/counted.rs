//! What is stored in all, counted seldom where counting takes long.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Problem;
use crate::store::{Scope, Totals};

/// Counting that takes at least so long is not done again soon.
const LONG: Duration = Duration::from_millis(100);

/// How long its answer is good for.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// The answers that took long, by whose rows they count.
#[derive(Default)]
pub(crate) struct Counted(Mutex<BTreeMap<Scope, (Instant, Totals)>>);

impl Counted {
    /// The answer of `count`, or one that is good still. Only one counts at a time: others find its answer.
    pub(super) async fn or(
        &self,
        scope: &Scope,
        count: impl Future<Output = Result<Totals, Problem>>,
    ) -> Result<Totals, Problem> {
        let mut answers = self.0.lock().await;
        let asked = now();
        answers.retain(|_, (at, _)| asked - *at < GOOD_FOR);
        if let Some((_, totals)) = answers.get(scope) {
            return Ok(*totals);
        }
        let totals = count.await?;
        let answered = now();
        if answered - asked >= LONG {
            answers.insert(scope.clone(), (answered, totals));
        }
        Ok(totals)
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_counted_once_a_minute() {
        let counted = Counted::default();
        let take = async |scope: &Scope, calls: u64, ms: u64| {
            let count = async {
                tokio::time::advance(Duration::from_millis(ms)).await;
                let totals = Totals {
                    calls,
                    ..Totals::default()
                };
                Ok(totals)
            };
            counted.or(scope, count).await.unwrap().calls
        };
        let everybody = Scope::ALL;
        let acme = Scope {
            tenant: Some("acme".to_owned()),
            ..Scope::ALL
        };
        assert_eq!(take(&everybody, 1, 5).await, 1);
        assert_eq!(take(&everybody, 2, 400).await, 2);
        assert_eq!(take(&everybody, 3, 400).await, 2);
        assert_eq!(take(&acme, 4, 400).await, 4);
        tokio::time::advance(GOOD_FOR).await;
        assert_eq!(take(&everybody, 5, 400).await, 5);
    }
}
