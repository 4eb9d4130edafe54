//! Tables as Parquet: one row group a page, every column optional unless each row has it.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::columns::{Column, Value};

/// A table that is being written.
pub(super) struct Table<T: 'static, W: Write + Send> {
    columns: &'static [Column<T>],
    file: SerializedFileWriter<W>,
}

impl<T, W: Write + Send> Table<T, W> {
    pub(super) fn new(columns: &'static [Column<T>], out: W) -> Result<Self> {
        let fields = columns.iter().map(|column| Ok(Arc::new(field(column)?)));
        let schema = Type::group_type_builder("trunkside")
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("trunkside-cloud ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { columns, file })
    }

    pub(super) fn write(&mut self, rows: &[T]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in self.columns {
            let mut writer = group
                .next_column()?
                .expect("there are as many columns as were declared");
            write_column(&mut writer, column, rows)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        let mut out = self.file.into_inner()?;
        Ok(out.flush()?)
    }
}

fn field<T>(column: &Column<T>) -> Result<Type> {
    let time = || LogicalType::timestamp(true, TimeUnit::MICROS);
    let (physical, logical, repetition) = match column.value {
        Value::Text(_) => (
            Physical::BYTE_ARRAY,
            Some(LogicalType::String),
            Repetition::OPTIONAL,
        ),
        Value::Real(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
        Value::Whole(_) => (Physical::INT64, None, Repetition::OPTIONAL),
        Value::Time(_) => (Physical::INT64, Some(time()), Repetition::REQUIRED),
        Value::MaybeTime(_) => (Physical::INT64, Some(time()), Repetition::OPTIONAL),
        Value::Flag(_) => (Physical::BOOLEAN, None, Repetition::OPTIONAL),
    };
    Type::primitive_type_builder(column.name, physical)
        .with_logical_type(logical)
        .with_repetition(repetition)
        .build()
}

fn write_column<T>(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column<T>,
    rows: &[T],
) -> Result<()> {
    match column.value {
        Value::Text(of) => {
            let values: Vec<Option<ByteArray>> = rows
                .iter()
                .map(|row| of(row).map(|text| text.into_bytes().into()))
                .collect();
            let (values, levels) = optional(values);
            writer
                .typed::<ByteArrayType>()
                .write_batch(&values, Some(&levels), None)?;
        }
        Value::Real(of) => {
            let (values, levels) = optional(rows.iter().map(of).collect());
            writer
                .typed::<DoubleType>()
                .write_batch(&values, Some(&levels), None)?;
        }
        Value::Whole(of) => {
            let (values, levels) = optional(rows.iter().map(of).collect());
            writer
                .typed::<Int64Type>()
                .write_batch(&values, Some(&levels), None)?;
        }
        Value::Time(of) => {
            let values: Vec<i64> = rows.iter().map(|row| of(row).as_microsecond()).collect();
            writer
                .typed::<Int64Type>()
                .write_batch(&values, None, None)?;
        }
        Value::MaybeTime(of) => {
            let values = rows.iter().map(|row| Some(of(row)?.as_microsecond()));
            let (values, levels) = optional(values.collect());
            writer
                .typed::<Int64Type>()
                .write_batch(&values, Some(&levels), None)?;
        }
        Value::Flag(of) => {
            let (values, levels) = optional(rows.iter().map(of).collect());
            writer
                .typed::<BoolType>()
                .write_batch(&values, Some(&levels), None)?;
        }
    }
    Ok(())
}

/// The values that are there, and for each row whether it has one (its definition level).
fn optional<V>(values: Vec<Option<V>>) -> (Vec<V>, Vec<i16>) {
    let levels = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    (values.into_iter().flatten().collect(), levels)
}
