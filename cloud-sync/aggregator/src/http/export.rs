//! Exports over HTTP: the file comes as it is written.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;

use super::api::CallFilterParameters;
use super::query::ExportQuery;
use super::reader::Reader;
use super::{App, Problem, QuestionProblems, ReaderProblems};
use crate::export::{Export, Pieces, Table};
use crate::ingest::now;

/// Pieces that wait for a slow reader.
const WAITING: usize = 8;

/// How long a reader may take nothing: an export holds a thread, and one of few places.
const TAKEN_WITHIN: Duration = Duration::from_mins(1);

/// Exports at once: ingest, keys and the listener for boxes need threads and the store too.
pub(crate) const AT_ONCE: usize = 4;

/// Calls as a file, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/export/calls",
    params(
        CallFilterParameters,
        ("format" = Option<String>, Query, description = "`csv` (the default) or `parquet`")
    ),
    responses(
        (status = 200, description = "One row a call", content(("text/csv"), ("application/vnd.apache.parquet"))),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn calls(
    reader: Reader,
    State(app): State<App>,
    query: ExportQuery,
) -> Result<Response, Problem> {
    respond(&app, &reader, Table::Calls, query)
}

/// What was said, redacted, as a file; every call in it goes into the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/export/transcripts",
    params(
        CallFilterParameters,
        ("format" = Option<String>, Query, description = "`csv` (the default) or `parquet`")
    ),
    responses(
        (status = 200, description = "One row a turn", content(("text/csv"), ("application/vnd.apache.parquet"))),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn transcripts(
    reader: Reader,
    State(app): State<App>,
    query: ExportQuery,
) -> Result<Response, Problem> {
    respond(&app, &reader, Table::Transcripts, query)
}

/// Which quality rules calls kept, as a file, those of the newest call first.
#[utoipa::path(
    get,
    path = "/api/v1/export/quality",
    params(
        CallFilterParameters,
        ("format" = Option<String>, Query, description = "`csv` (the default) or `parquet`")
    ),
    responses(
        (
            status = 200,
            description = "One row a phrase of a rule that was said (`at_s`, `text` as the rule has it), \
                           and one for each rule of which none was",
            content(("text/csv"), ("application/vnd.apache.parquet"))
        ),
        QuestionProblems,
        ReaderProblems
    )
)]
pub(super) async fn quality(
    reader: Reader,
    State(app): State<App>,
    query: ExportQuery,
) -> Result<Response, Problem> {
    respond(&app, &reader, Table::Quality, query)
}

fn respond(
    app: &App,
    reader: &Reader,
    table: Table,
    query: ExportQuery,
) -> Result<Response, Problem> {
    let ExportQuery { filter, format } = query;
    reader.check(&filter)?;
    let Ok(place) = Arc::clone(&app.exports).try_acquire_owned() else {
        return Err(Problem::busy(
            "other exports are under way; try again in a minute",
        ));
    };
    let export = Export {
        table,
        format,
        scope: reader.scope(),
        filter,
        subject: reader.0.subject.clone(),
    };
    let (pieces_in, pieces) = mpsc::channel::<io::Result<Bytes>>(WAITING + 1);
    let cut = pieces_in.clone().try_reserve_owned();
    let cut = cut.expect("a new channel has room");
    let store = Arc::clone(&app.store);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        if let Err(error) = export.write(&*store, now, Pieces::new(pieces_in, TAKEN_WITHIN)) {
            tracing::warn!(%error, "an export ended early");
            // The connection breaks, so that nobody takes the part for the whole.
            cut.send(Err(io::Error::other("the export failed")));
        }
    });
    let body = stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (piece, pieces))
    });
    let file = format!(
        "attachment; filename=\"trunkside-{}.{}\"",
        table.name(),
        format.name()
    );
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, file),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}
