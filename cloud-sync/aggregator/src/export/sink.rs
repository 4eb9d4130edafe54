//! Exports into files and object stores.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, parse_url};
use tokio::sync::mpsc;
use url::Url;

use super::{Export, ExportError, Pieces};
use crate::ingest::now;
use crate::store::Store;

/// Pieces that wait for the object store.
const WAITING: usize = 16;

/// Why an export did not get where it should.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The destination.
    #[error(
        "cannot export to `{0}`: {1}; use a file such as `/srv/export/calls.parquet`, or an \
         address such as `file:///srv/export/calls.parquet`"
    )]
    Destination(String, String),
    /// Writing there.
    #[error("cannot write `{0}`: {1}")]
    Write(String, object_store::Error),
    /// The export itself.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Writes an export to `destination`, an address or the path of a file; it appears there when it
/// is whole. Returns how many calls it holds.
pub async fn store_object(
    export: Export,
    store: Arc<dyn Store>,
    destination: &str,
) -> Result<u64, SinkError> {
    let (objects, path) = open(destination)?;
    let failed = |error| SinkError::Write(destination.to_owned(), error);
    let (pieces_in, mut pieces) = mpsc::channel(WAITING);
    let writing =
        tokio::task::spawn_blocking(move || export.write(&*store, now, Pieces::new(pieces_in)));
    let mut upload = WriteMultipart::new(objects.put_multipart(&path).await.map_err(failed)?);
    while let Some(Ok(piece)) = pieces.recv().await {
        upload.wait_for_capacity(4).await.map_err(failed)?;
        upload.put(piece);
    }
    let written = writing
        .await
        .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()));
    match written {
        Ok(calls) => {
            upload.finish().await.map_err(failed)?;
            Ok(calls)
        }
        Err(error) => {
            upload.abort().await.map_err(failed)?;
            Err(error.into())
        }
    }
}

fn open(destination: &str) -> Result<(Box<dyn ObjectStore>, Path), SinkError> {
    let wrong = |fault: String| SinkError::Destination(destination.to_owned(), fault);
    let url = if destination.contains("://") {
        Url::parse(destination).map_err(|error| wrong(error.to_string()))?
    } else {
        let path = std::path::absolute(destination).map_err(|error| wrong(error.to_string()))?;
        Url::from_file_path(path).map_err(|()| wrong("it is no path".to_owned()))?
    };
    parse_url(&url).map_err(|error| wrong(error.to_string()))
}
