//! HTTP: the interface for programs, the page for people. No HTTP type goes below this module.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::access::Guard;
use crate::counters::Counters;
use crate::gateway::Authority;
use crate::ingest::TurnedAway;
use crate::store::{Scope, Store, StoreError, Totals};

mod api;
mod claims;
mod counted;
mod document;
mod export;
mod figures;
mod page;
mod problem;
mod query;
mod reader;

pub(crate) use counted::Counted;
pub use document::openapi;
pub(crate) use export::AT_ONCE as EXPORTS;
use problem::{PROBLEM, Problem, QuestionProblems, ReaderProblems};

/// What requests are answered from.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) away: Arc<TurnedAway>,
    pub(crate) guard: Arc<Guard>,
    /// How boxes join; none when they cannot.
    pub(crate) admission: Option<Arc<Admission>>,
    /// Places for who reads the store.
    pub(crate) readers: Arc<Semaphore>,
    /// Places for exports.
    pub(crate) exports: Arc<Semaphore>,
    pub(crate) counted: Arc<Counted>,
}

/// How boxes join.
pub(crate) struct Admission {
    pub(crate) authority: Authority,
    /// Where they connect to then.
    pub(crate) connect_to: String,
}

/// Questions to the store at once. Others wait without a thread, of which ingest, keys and the listener
/// for boxes need theirs, and whoever leaves meanwhile is forgotten.
pub(crate) const READERS: usize = 4;

/// How long a question waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// The most that a request may bring.
const MOST_BYTES: usize = 16 * 1024;

impl App {
    /// Reads the store on a blocking thread, once it is this question's turn.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = Arc::clone(&self.readers).acquire_owned();
        let Ok(Ok(place)) = tokio::time::timeout(TURN_WITHIN, turn).await else {
            return Err(Problem::busy(
                "others are reading, and it takes long; try again in a minute",
            ));
        };
        let work = move |store: &dyn Store| {
            let _place = place;
            work(store)
        };
        self.ask(work).await
    }

    /// Asks the store on a blocking thread what waits for no reader: whether all is well, and who a box
    /// is.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&*store)).await;
        done.expect("reading the store does not panic")
            .map_err(|error| {
                tracing::error!(%error, "a request could not be answered");
                if error.is_cut_short() {
                    return Problem::busy(
                        "this takes too long to read; narrow it, as with `since` and `until`",
                    );
                }
                Problem::internal()
            })
    }

    /// What is stored in all.
    async fn totals(&self, scope: Scope) -> Result<Totals, Problem> {
        let of = scope.clone();
        let count = self.read(move |store| store.totals(&of));
        self.counted.or(&scope, count).await
    }
}

fn router(app: App) -> Router {
    let pages = Router::new()
        .route("/", get(page::index))
        .route("/calls/{id}", get(page::call))
        .layer(map_response(page::problem));
    pages
        .route("/api/v1/calls", get(api::calls))
        .route("/api/v1/calls/{id}", get(api::call))
        .route("/api/v1/transcripts", get(api::transcripts))
        .route("/api/v1/transcripts/{id}", get(api::transcript))
        .route("/api/v1/devices", get(api::devices))
        .route("/api/v1/alarms", get(api::alarms))
        .route("/api/v1/audit", get(api::audit))
        .route("/api/v1/claims", post(claims::claim))
        .route("/api/v1/metrics/hourly", get(figures::hourly))
        .route("/api/v1/metrics/intents", get(figures::intents))
        .route("/api/v1/metrics/moods", get(figures::moods))
        .route("/api/v1/export/calls", get(export::calls))
        .route("/api/v1/export/transcripts", get(export::transcripts))
        .route("/api/v1/export/quality", get(export::quality))
        .route("/api/openapi.json", get(document::document))
        .route("/healthz", get(figures::health))
        .route("/metrics", get(figures::metrics))
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(map_response(close))
        .with_state(app)
}

/// What is read here stays with who read it: not kept by a cache, not shown within another site's
/// page, not taken for anything but what it says it is.
async fn close(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, app: App, stop: CancellationToken) {
    let served = axum::serve(listener, router(app)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the web server ended");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;
    use crate::store::Sqlite;

    /// More of them than there are threads.
    const MANY: usize = 600;

    #[tokio::test(flavor = "multi_thread")]
    async fn readers_leave_threads_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(folder.path()).unwrap());
        let away = TurnedAway::ask_first(Arc::clone(&store)).unwrap();
        let app = App {
            guard: Arc::new(Guard::new(
                Arc::clone(&store),
                None,
                "127.0.0.1:0".parse().unwrap(),
            )),
            store,
            counters: Arc::default(),
            away: Arc::new(away),
            admission: None,
            readers: Arc::new(Semaphore::new(READERS)),
            exports: Arc::new(Semaphore::new(export::AT_ONCE)),
            counted: Arc::default(),
        };
        // Questions that take long, until they are let go.
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let mut asked = tokio::task::JoinSet::new();
        for _ in 0..MANY {
            let (app, over) = (app.clone(), Arc::clone(&over));
            asked.spawn(async move {
                let read = app.read(move |_| {
                    let (is_over, told) = &*over;
                    let waiting = is_over.lock().unwrap();
                    drop(told.wait_while(waiting, |is_over| !*is_over).unwrap());
                    Ok(())
                });
                read.await
            });
        }
        while app.readers.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let well = app.ask(|store| Ok(store.is_well()));
        let well = tokio::time::timeout(Duration::from_mins(1), well).await;
        *over.0.lock().unwrap() = true;
        over.1.notify_all();
        assert!(well.expect("it waits for no reader").unwrap());
        // They have their turns, or are told that others have them.
        let answers = asked.join_all().await;
        assert!(answers.iter().filter(|answer| answer.is_ok()).count() >= READERS);
        let mut busy = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(busy.all(|problem| problem.detail().contains("others")));
    }
}
