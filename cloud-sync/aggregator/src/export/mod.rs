//! Calls, transcripts and quality rules as files for pandas, Spark and spreadsheets.
//!
//! An export is written piece by piece on a blocking thread and never lies in memory as a whole.

use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use crate::store::{Audit, CallFilter, CallItem, Cursor, Scope, Store, StoreError};

mod columns;
#[cfg(feature = "servers")]
mod parquet;
#[cfg(feature = "servers")]
mod sink;

#[cfg(feature = "servers")]
pub use sink::{STANDARD_OUTPUT, SinkError, format_of, store_object};

use columns::{CALLS, Column, MarkRow, QUALITY, TRANSCRIPTS, TurnRow};

/// Calls that are read, and written, at once.
const CALLS_PAGE: u32 = 1_000;

/// The same of their words, which take more room.
const TRANSCRIPTS_PAGE: u32 = 200;

/// Bytes that are passed on at once.
const PIECE: usize = 64 * 1024;

/// How the file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As RFC 4180 has it, with a header, in UTF-8, and lines that end with LF alone. Text that a
    /// spreadsheet would take for a formula begins with an apostrophe.
    Csv,
    /// Apache Parquet, compressed with zstd.
    #[cfg(feature = "servers")]
    Parquet,
}

impl Format {
    const ALL: &[Self] = &[
        Self::Csv,
        #[cfg(feature = "servers")]
        Self::Parquet,
    ];

    /// Its name, and the file name's last part.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            #[cfg(feature = "servers")]
            Self::Parquet => "parquet",
        }
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            #[cfg(feature = "servers")]
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.iter().copied();
        all.find(|format| format.name() == name)
            .ok_or_else(|| format!("`{name}` is no format; use csv or parquet"))
    }
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One row a call.
    Calls,
    /// One row a turn of speech, redacted.
    Transcripts,
    /// One row a phrase of a quality rule that was said, and one for each rule of which none was.
    Quality,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Calls, Self::Transcripts, Self::Quality];

    /// Its name, and the file name's first part.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Transcripts => "transcripts",
            Self::Quality => "quality",
        }
    }
}

/// An export that is asked for.
#[derive(Clone, Debug)]
pub struct Export {
    /// What.
    pub table: Table,
    /// How.
    pub format: Format,
    /// Whose data may be seen.
    pub scope: Scope,
    /// Which calls.
    pub filter: CallFilter,
    /// Whom the audit log names.
    pub subject: String,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever takes the file is gone.
    #[error("the export was cut off: {0}")]
    Write(#[from] io::Error),
    /// CSV.
    #[error("the table cannot be written: {0}")]
    Csv(#[from] csv::Error),
    /// Parquet.
    #[cfg(feature = "servers")]
    #[error("the table cannot be written: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

impl Export {
    /// Writes the file; blocks. Returns how many calls it holds.
    pub fn write(
        &self,
        store: &dyn Store,
        now: impl Fn() -> jiff::Timestamp,
        out: impl Write + Send,
    ) -> Result<u64, ExportError> {
        match self.table {
            Table::Calls => {
                let mut rows = Rows::new(self.format, CALLS, out)?;
                let calls = pages(|cursor| {
                    let page = store.calls(&self.scope, &self.filter, CALLS_PAGE, cursor)?;
                    rows.write(&page.calls)?;
                    Ok((page.calls.len(), page.next))
                })?;
                rows.finish()?;
                Ok(calls)
            }
            Table::Quality => {
                let mut rows = Rows::new(self.format, QUALITY, out)?;
                let calls = pages(|cursor| {
                    let page = store.calls(&self.scope, &self.filter, CALLS_PAGE, cursor)?;
                    let is_inspected = |call: &CallItem| !call.summary.quality.is_empty();
                    let calls: Vec<CallItem> =
                        page.calls.into_iter().filter(is_inspected).collect();
                    let count = calls.len();
                    let marks: Vec<MarkRow> = calls.into_iter().flat_map(MarkRow::of).collect();
                    rows.write(&marks)?;
                    Ok((count, page.next))
                })?;
                rows.finish()?;
                Ok(calls)
            }
            Table::Transcripts => {
                let mut rows = Rows::new(self.format, TRANSCRIPTS, out)?;
                let calls = pages(|cursor| {
                    let page =
                        store.transcripts(&self.scope, &self.filter, TRANSCRIPTS_PAGE, cursor)?;
                    let audits = page.transcripts.iter().map(|transcript| Audit {
                        at: now(),
                        subject: self.subject.clone(),
                        action: "export".to_owned(),
                        tenant: transcript.tenant.clone(),
                        branch: transcript.branch.clone(),
                        call: transcript.call.clone(),
                    });
                    // Before a word goes out.
                    store.audit(&audits.collect::<Vec<_>>())?;
                    let calls = page.transcripts.len();
                    let turns: Vec<TurnRow> =
                        page.transcripts.into_iter().flat_map(TurnRow::of).collect();
                    rows.write(&turns)?;
                    Ok((calls, page.next))
                })?;
                rows.finish()?;
                Ok(calls)
            }
        }
    }
}

/// Goes over all pages.
fn pages(
    mut page: impl FnMut(Option<Cursor>) -> Result<(usize, Option<String>), ExportError>,
) -> Result<u64, ExportError> {
    let (mut cursor, mut count) = (None, 0);
    loop {
        let (calls, next) = page(cursor)?;
        count += calls as u64;
        match next.and_then(|next| next.parse().ok()) {
            Some(next) => cursor = Some(next),
            None => return Ok(count),
        }
    }
}

/// A table in one of the formats.
enum Rows<T: 'static, W: Write + Send> {
    Csv(&'static [Column<T>], Box<csv::Writer<W>>),
    #[cfg(feature = "servers")]
    Parquet(parquet::Table<T, W>),
}

impl<T, W: Write + Send> Rows<T, W> {
    fn new(format: Format, columns: &'static [Column<T>], out: W) -> Result<Self, ExportError> {
        match format {
            Format::Csv => {
                let mut csv = csv::Writer::from_writer(out);
                csv.write_record(columns.iter().map(|column| column.name))?;
                Ok(Self::Csv(columns, Box::new(csv)))
            }
            #[cfg(feature = "servers")]
            Format::Parquet => Ok(Self::Parquet(parquet::Table::new(columns, out)?)),
        }
    }

    fn write(&mut self, rows: &[T]) -> Result<(), ExportError> {
        match self {
            Self::Csv(columns, csv) => {
                for row in rows {
                    csv.write_record(columns.iter().map(|column| column.text_of(row)))?;
                }
                Ok(())
            }
            #[cfg(feature = "servers")]
            Self::Parquet(table) => Ok(table.write(rows)?),
        }
    }

    fn finish(self) -> Result<(), ExportError> {
        match self {
            Self::Csv(_, mut csv) => Ok(csv.flush()?),
            #[cfg(feature = "servers")]
            Self::Parquet(table) => Ok(table.finish()?),
        }
    }
}

/// Passes on what is written, in pieces; writing waits while nobody takes them, but not for ever.
pub(crate) struct Pieces {
    /// None once nobody took a piece.
    out: Option<mpsc::Sender<io::Result<Bytes>>>,
    piece: Vec<u8>,
    patience: Duration,
    runtime: Handle,
}

impl Pieces {
    /// For whoever takes each piece within `patience`.
    ///
    /// # Panics
    /// Outside a tokio runtime and the threads on which it lets work block.
    pub(crate) fn new(out: mpsc::Sender<io::Result<Bytes>>, patience: Duration) -> Self {
        Self {
            out: Some(out),
            piece: Vec::new(),
            patience,
            runtime: Handle::current(),
        }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let Some(out) = &self.out else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        if piece.is_empty() {
            return Ok(());
        }
        let passed = self
            .runtime
            .block_on(out.send_timeout(Ok(piece), self.patience));
        passed.map_err(|error| {
            self.out = None;
            match error {
                SendTimeoutError::Timeout(_) => io::ErrorKind::TimedOut.into(),
                SendTimeoutError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
            }
        })
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // Whoever reads has the channel's end as a sign; a cut one has had an error before.
        let _ = self.pass_on();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_takes_nothing_ends_the_export() {
        let (pieces_in, mut pieces) = mpsc::channel(1);
        let written = tokio::task::spawn_blocking(move || {
            let mut out = Pieces::new(pieces_in, Duration::from_millis(1));
            let piece = [0; PIECE];
            out.write_all(&piece).unwrap();
            let first = out.write_all(&piece).unwrap_err().kind();
            (first, out.write_all(&piece).unwrap_err().kind())
        });
        let (first, second) = written.await.unwrap();
        assert_eq!(first, io::ErrorKind::TimedOut);
        assert_eq!(second, io::ErrorKind::BrokenPipe, "it does not wait again");
        assert_eq!(pieces.recv().await.unwrap().unwrap().len(), PIECE);
        assert!(pieces.recv().await.is_none());
    }
}
