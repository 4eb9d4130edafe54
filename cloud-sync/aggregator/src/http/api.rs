//! The interface for programs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::query::{CallsQuery, HourlyQuery};
use super::{App, Problem};
use crate::store::{CallDetail, Hour, Page};

/// Which calls; every parameter is optional.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `query.rs` reads")]
struct CallsParameters {
    /// Of this tenant.
    tenant: Option<String>,
    /// Of this branch.
    branch: Option<String>,
    /// Of this device.
    device: Option<String>,
    /// With this intent.
    intent: Option<String>,
    /// Begun at this time (RFC 3339) or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Begun before this time (RFC 3339).
    #[param(format = DateTime)]
    until: Option<String>,
    /// Calls on a page.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// The `next` of an earlier answer.
    cursor: Option<String>,
}

/// Calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/calls",
    params(CallsParameters),
    responses(
        (status = 200, description = "Calls", body = Page),
        (status = 400, description = "A parameter is wrong", body = Problem)
    )
)]
pub(super) async fn calls(
    State(app): State<App>,
    query: CallsQuery,
) -> Result<Json<Page>, Problem> {
    let CallsQuery {
        filter,
        limit,
        cursor,
    } = query;
    app.read(move |store| store.calls(&filter, limit, cursor))
        .await
        .map(Json)
}

/// One call with what was said, redacted.
#[utoipa::path(
    get,
    path = "/api/v1/calls/{id}",
    params(("id" = String, Path, description = "The call's name")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        (status = 404, description = "No such call", body = Problem)
    )
)]
pub(super) async fn call(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<CallDetail>, Problem> {
    let found = app.read(move |store| store.call(&id)).await?;
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found("there is no call of this name"))
}

/// Which hours; every parameter is optional.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `query.rs` reads")]
struct HourlyParameters {
    /// Of this tenant.
    tenant: Option<String>,
    /// Of this branch.
    branch: Option<String>,
    /// Of this device.
    device: Option<String>,
    /// With this intent.
    intent: Option<String>,
    /// Calls begun at this time (RFC 3339) or later.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Calls begun before this time (RFC 3339).
    #[param(format = DateTime)]
    until: Option<String>,
    /// Hours with calls at most, the newest.
    #[param(minimum = 1, maximum = 8784, default = 168)]
    limit: Option<u32>,
}

/// What hours came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Hours {
    /// Hours with calls, newest first; in UTC.
    hours: Vec<Hour>,
}

/// What hours came to.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/hourly",
    params(HourlyParameters),
    responses(
        (status = 200, description = "Hours", body = Hours),
        (status = 400, description = "A parameter is wrong", body = Problem)
    )
)]
pub(super) async fn hourly(
    State(app): State<App>,
    HourlyQuery(filter): HourlyQuery,
) -> Result<Json<Hours>, Problem> {
    let hours = app.read(move |store| store.hourly(&filter)).await?;
    Ok(Json(Hours { hours }))
}

/// Whether the parts work.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `degraded`.
    status: &'static str,
    /// Whether the broker is connected.
    broker: bool,
    /// Whether the store answers.
    store: bool,
}

/// Whether the aggregator can take and answer.
#[utoipa::path(
    get,
    path = "/healthz",
    responses(
        (status = 200, description = "All is well", body = Health),
        (status = 503, description = "Something is not", body = Health)
    )
)]
pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let broker = app.counters.is_connected();
    let store = app.read(|store| Ok(store.is_well())).await.unwrap_or(false);
    let (code, status) = if broker && store {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "degraded")
    };
    (
        code,
        Json(Health {
            status,
            broker,
            store,
        }),
    )
}

/// Counts for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "Prometheus text", content_type = "text/plain"))
)]
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let totals = app.read(crate::store::Store::totals).await.ok();
    let text = app.counters.render(totals);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The OpenAPI document.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}
