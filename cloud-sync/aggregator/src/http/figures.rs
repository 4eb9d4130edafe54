//! Figures for programs and for those who look after the service.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::api::CallFilterParameters;
use super::query::{FilterQuery, HourlyQuery};
use super::reader::Reader;
use super::{App, PROBLEM, Problem, QuestionProblems, ReaderProblems};
use crate::store::{self, Cell, Hour, IntentFigures, MoodHour, Span};

/// How hours are cut; every parameter is optional.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `query.rs` reads")]
struct HourParameters {
    /// Hours with calls at most, the newest.
    #[param(minimum = 1, maximum = 8784, default = 168)]
    limit: Option<u32>,
}

/// What hours came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Hours {
    /// Hours with calls, newest first.
    hours: Vec<Hour>,
}

/// What hours came to.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/hourly",
    params(CallFilterParameters, HourParameters),
    responses(
        (status = 200, description = "Hours", body = Hours),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn hourly(
    reader: Reader,
    State(app): State<App>,
    query: HourlyQuery,
) -> Result<Json<Hours>, Problem> {
    let cells = quarters(&app, &reader, &query).await?;
    let hours = store::hours(&cells, query.zone.as_ref(), query.limit);
    Ok(Json(Hours { hours }))
}

/// How callers felt.
#[derive(Serialize, ToSchema)]
pub(super) struct Moods {
    /// Hours with calls, newest first.
    hours: Vec<MoodHour>,
}

/// How callers felt, by the hour.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/moods",
    params(CallFilterParameters, HourParameters),
    responses(
        (status = 200, description = "Hours", body = Moods),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn moods(
    reader: Reader,
    State(app): State<App>,
    query: HourlyQuery,
) -> Result<Json<Moods>, Problem> {
    let cells = quarters(&app, &reader, &query).await?;
    let hours = store::moods(&cells, query.zone.as_ref(), query.limit);
    Ok(Json(Moods { hours }))
}

async fn quarters(app: &App, reader: &Reader, query: &HourlyQuery) -> Result<Vec<Cell>, Problem> {
    reader.check(&query.filter)?;
    let (scope, filter) = (reader.scope(), query.filter.clone());
    // An hour has at most four quarters with calls.
    let span = Span::Quarters(query.limit * 4);
    app.read(move |store| store.cells(&scope, &filter, span))
        .await
}

/// What callers want.
#[derive(Serialize, ToSchema)]
pub(super) struct Intents {
    /// The commonest first.
    intents: Vec<IntentFigures>,
}

/// What the calls with each intent came to.
#[utoipa::path(
    get,
    path = "/api/v1/metrics/intents",
    params(CallFilterParameters),
    responses(
        (status = 200, description = "Intents", body = Intents),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn intents(
    reader: Reader,
    State(app): State<App>,
    FilterQuery(filter): FilterQuery,
) -> Result<Json<Intents>, Problem> {
    reader.check(&filter)?;
    let scope = reader.scope();
    let cells = app
        .read(move |store| store.cells(&scope, &filter, Span::Whole))
        .await?;
    let intents = store::intents(&cells);
    Ok(Json(Intents { intents }))
}

/// Whether the parts work.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `degraded`.
    status: &'static str,
    /// Whether the broker is connected.
    broker: bool,
    /// Whether the store answers, and has stored what came last.
    store: bool,
    /// Boxes that were revoked and send nevertheless, as the broker still lets them in. Nothing of
    /// them is taken, and they keep it.
    revoked_boxes: usize,
    /// Why what came last could not be stored, or waits to be for half a minute (the boxes keep it), or
    /// why the broker's connections do not last; absent when all is well with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Whether the aggregator can take and answer; needs no key.
#[utoipa::path(
    get,
    path = "/healthz",
    responses(
        (status = 200, description = "All is well", body = Health),
        (status = 503, description = "Something is not", body = Health)
    ),
    security(())
)]
pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<Health>) {
    let broker = app.counters.is_connected();
    let answers = app.ask(|store| Ok(store.is_well())).await.unwrap_or(false);
    let (unstored, rival) = (app.counters.unstored(), app.counters.rival());
    let store = answers && unstored.is_none();
    let (code, status) = if broker && store && rival.is_none() {
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
            revoked_boxes: app.away.sending(),
            reason: unstored.or_else(|| rival.map(ToOwned::to_owned)),
        }),
    )
}

/// Counts for Prometheus; they are of all tenants.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "Prometheus text", content_type = "text/plain"),
        (status = 403, description = "The key is not for all tenants", body = Problem, content_type = PROBLEM),
        ReaderProblems
    )
)]
pub(super) async fn metrics(reader: Reader, State(app): State<App>) -> Result<Response, Problem> {
    reader.needs_everything()?;
    let totals = app.totals(reader.scope()).await.ok();
    let text = app.counters.render(totals);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
