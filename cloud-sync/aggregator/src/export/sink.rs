//! Exports into files, and to standard output.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, parse_url};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use trunkside_call::without_userinfo;
use url::Url;

use super::{Export, ExportError, Format, PIECE, Pieces};
use crate::ingest::now;
use crate::store::Store;

/// Pieces that wait for the object store.
const WAITING: usize = 16;

/// How long the next piece waits; the store's own client tries again, and gives up before.
const TAKEN_WITHIN: Duration = Duration::from_hours(1);

/// The destination that is standard output.
pub const STANDARD_OUTPUT: &str = "-";

/// The format that a destination's name asks for: by its end, else Parquet, and CSV on standard output.
pub fn format_of(destination: &str) -> Result<Format, SinkError> {
    if destination == STANDARD_OUTPUT {
        return Ok(Format::Csv);
    }
    let end = Path::new(destination).extension();
    let Some(end) = end.map(|end| end.to_string_lossy().to_lowercase()) else {
        return Ok(Format::Parquet);
    };
    end.parse().map_err(|_| {
        let fault = format!("`.{end}` is neither `.csv` nor `.parquet`; say which with `--format`");
        SinkError::Destination(destination.to_owned(), fault)
    })
}

/// Why an export did not get where it should.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The destination.
    #[error(
        "cannot export to `{}`: {}; use a file such as `/srv/export/calls.parquet`, an address such \
         as `file:///srv/export/calls.parquet`, or `-` for standard output",
        without_userinfo(.0),
        .1
    )]
    Destination(String, String),
    /// Writing there.
    #[error("cannot write `{}`: {}", without_userinfo(.0), .1)]
    Write(String, object_store::Error),
    /// Writing a file.
    #[error("cannot write `{}`: {}", .0.display(), .1)]
    File(PathBuf, io::Error),
    /// The export itself.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Writes an export to `destination`: an address or the path of a file, where it appears when it
/// is whole, or [`STANDARD_OUTPUT`]. Returns how many calls it holds.
pub async fn store_object(
    export: Export,
    store: Arc<dyn Store>,
    destination: &str,
) -> Result<u64, SinkError> {
    if destination.contains("://") {
        return store_at(export, store, destination).await;
    }
    let path = PathBuf::from(destination);
    let writing = tokio::task::spawn_blocking(move || {
        if path == Path::new(STANDARD_OUTPUT) {
            print(&export, &*store)
        } else {
            store_file(&export, &*store, &path)
        }
    });
    writing
        .await
        .unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
}

fn print(export: &Export, store: &dyn Store) -> Result<u64, SinkError> {
    let mut out = BufWriter::with_capacity(PIECE, io::stdout());
    let calls = export.write(store, now, &mut out)?;
    out.flush().map_err(ExportError::from)?;
    Ok(calls)
}

/// A file is replaced as a whole, and only its owner may read a new one: words may be in it. A pipe
/// or a device is written to.
fn store_file(export: &Export, store: &dyn Store, path: &Path) -> Result<u64, SinkError> {
    let failed = |error| SinkError::File(path.to_owned(), error);
    let there = fs::metadata(path).ok();
    if there.as_ref().is_some_and(|kind| !kind.is_file()) {
        let out = OpenOptions::new().write(true).open(path).map_err(failed)?;
        return Ok(export.write(store, now, out)?);
    }
    // Where a link leads: to replace the link would leave what it names as it is.
    let whole = if path.is_symlink() {
        fs::canonicalize(path).map_err(failed)?
    } else {
        path.to_owned()
    };
    let folder = whole.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let fault = format!("there is no folder `{}`", folder.display());
        return Err(SinkError::Destination(path.display().to_string(), fault));
    }
    let part = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(PIECE, part);
    let calls = export.write(store, now, &mut out)?;
    out.flush().map_err(failed)?;
    let part = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    if let Some(kind) = &there {
        part.as_file()
            .set_permissions(kind.permissions())
            .map_err(failed)?;
    }
    part.as_file().sync_all().map_err(failed)?;
    part.persist(&whole).map_err(|error| failed(error.error))?;
    Ok(calls)
}

async fn store_at(
    export: Export,
    store: Arc<dyn Store>,
    destination: &str,
) -> Result<u64, SinkError> {
    let (objects, path) = open(destination)?;
    let failed = |error| SinkError::Write(destination.to_owned(), error);
    let (pieces_in, mut pieces) = mpsc::channel(WAITING);
    let writing = tokio::task::spawn_blocking(move || {
        export.write(&*store, now, Pieces::new(pieces_in, TAKEN_WITHIN))
    });
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

fn open(destination: &str) -> Result<(Box<dyn ObjectStore>, object_store::path::Path), SinkError> {
    let wrong = |fault: String| SinkError::Destination(destination.to_owned(), fault);
    let url = Url::parse(destination).map_err(|error| wrong(error.to_string()))?;
    parse_url(&url).map_err(|error| wrong(error.to_string()))
}
