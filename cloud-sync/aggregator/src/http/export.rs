//! Exports over HTTP: the file comes as it is written.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc;

use super::api::CallFilterParameters;
use super::query::ExportQuery;
use super::reader::Reader;
use super::{App, Problem};
use crate::export::{Export, Pieces, Table};
use crate::ingest::now;

/// Pieces that wait for a slow reader.
const WAITING: usize = 8;

/// Calls as a file, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/export/calls",
    params(
        CallFilterParameters,
        ("format" = Option<String>, Query, description = "`csv` (the default) or `parquet`")
    ),
    responses(
        (status = 200, description = "One row a call", content_type = "text/csv"),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 401, description = "A key is needed", body = Problem),
        (status = 403, description = "The key is for another tenant or branch", body = Problem)
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
        (status = 200, description = "One row a turn", content_type = "text/csv"),
        (status = 400, description = "A parameter is wrong", body = Problem),
        (status = 401, description = "A key is needed", body = Problem),
        (status = 403, description = "The key is for another tenant or branch", body = Problem)
    )
)]
pub(super) async fn transcripts(
    reader: Reader,
    State(app): State<App>,
    query: ExportQuery,
) -> Result<Response, Problem> {
    respond(&app, &reader, Table::Transcripts, query)
}

fn respond(
    app: &App,
    reader: &Reader,
    table: Table,
    query: ExportQuery,
) -> Result<Response, Problem> {
    let ExportQuery { filter, format } = query;
    reader.check(&filter)?;
    let export = Export {
        table,
        format,
        scope: reader.scope(),
        filter,
        subject: reader.0.subject.clone(),
    };
    let (pieces_in, pieces) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    let store = Arc::clone(&app.store);
    tokio::task::spawn_blocking(move || {
        let cut = pieces_in.clone();
        if let Err(error) = export.write(&*store, now, Pieces::new(pieces_in)) {
            tracing::warn!(%error, "an export ended early");
            // The connection breaks, so that nobody takes the part for the whole.
            let _ = cut.blocking_send(Err(io::Error::other("the export failed")));
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
