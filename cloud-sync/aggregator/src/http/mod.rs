//! HTTP: the interface for programs, the page for people. No HTTP type goes below this module.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use crate::counters::Counters;
use crate::store::{Store, StoreError};

mod api;
mod page;
mod problem;
mod query;

use problem::Problem;

/// What requests are answered from.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Arc<Store>,
    pub(crate) counters: Arc<Counters>,
}

impl App {
    /// Reads the store on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.expect("reading the store does not panic")
            .map_err(|error| {
                tracing::error!(%error, "a request could not be answered");
                Problem::internal()
            })
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Trunkside cloud",
        description = "What branches' calls come to: anonymised records of many boxes.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(api::calls, api::call, api::hourly, api::health, api::metrics)
)]
struct Document;

/// The interface's OpenAPI document, also served at `/api/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/calls/{id}", get(page::call))
        .route("/api/v1/calls", get(api::calls))
        .route("/api/v1/calls/{id}", get(api::call))
        .route("/api/v1/metrics/hourly", get(api::hourly))
        .route("/api/openapi.json", get(api::document))
        .route("/healthz", get(api::health))
        .route("/metrics", get(api::metrics))
        .fallback(|| async { Problem::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async { Problem::method() })
        .with_state(app)
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, app: App, stop: CancellationToken) {
    let served = axum::serve(listener, router(app)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the web server ended");
    }
}
