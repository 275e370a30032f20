//! Batches into an Arrow file.

use super::read::LIBRARY_BYTES;
use super::refused;
use crate::batch::{Batch, Bitmap, Column, Field, Texts, Values};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Schema, SchemaRef, TimeUnit};
use std::io::Write;
use std::sync::Arc;
use store_core::{Error, Result, Type, ValueRef};

/// A batch of the file, besides what a batch of the job may hold at once: rows are collected in it.
const BATCH_BYTES_MIN: usize = 256 << 10;
/// Most rows of it.
const BATCH_ROWS_MAX: usize = 1 << 16;
/// The batch while it grows, its arrays, and its message on the way.
const COPIES: usize = 5;
/// What a column takes, in the schema, in messages and in arrays.
const COLUMN_BYTES: usize = 2 << 10;
/// Where batches lie, which the footer says at the end: 24 bytes each, and as many while it is made.
const BLOCKS_BYTES: usize = 1 << 20;

/// The least that writing such columns takes.
pub(crate) fn sink_bytes_min(fields: &[Field]) -> usize {
    fields.len() * COLUMN_BYTES + COPIES * BATCH_BYTES_MIN + BLOCKS_BYTES + LIBRARY_BYTES
}

/// Writes a file; nothing of it is whole before [`FileWriter::finish`].
pub(crate) struct FileWriter<W: Write> {
    writer: arrow_ipc::writer::FileWriter<W>,
    schema: SchemaRef,
    fields: Vec<Field>,
    pending: Batch,
    batch_bytes: usize,
}

fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Bool => DataType::Boolean,
        Type::Int16 => DataType::Int16,
        Type::Int32 => DataType::Int32,
        Type::Float32 => DataType::Float32,
        Type::Float64 => DataType::Float64,
        Type::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        Type::Text | Type::Inet | Type::Mac => DataType::Utf8,
        Type::Bytes => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Int64,
    }
}

impl<W: Write> FileWriter<W> {
    /// One that takes so many bytes besides its least.
    pub fn new(out: W, fields: &[Field], bytes: usize) -> Result<Self> {
        let field = |field: &Field| {
            arrow_schema::Field::new(&field.name, data_type(field.ty), field.nullable)
        };
        let schema = Schema::new(fields.iter().map(field).collect::<Vec<_>>());
        let writer = arrow_ipc::writer::FileWriter::try_new(out, &schema);
        Ok(Self {
            writer: writer.map_err(|error| failed(&error))?,
            schema: schema.into(),
            fields: fields.to_vec(),
            pending: Batch::new(fields),
            batch_bytes: BATCH_BYTES_MIN + bytes / COPIES / 2,
        })
    }

    /// Adds the rows of a batch.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        self.pending.append_range(batch, 0..batch.rows())?;
        let is_full = self.pending.data_bytes() >= self.batch_bytes / 2;
        if is_full || self.pending.rows() >= BATCH_ROWS_MAX {
            self.put()?;
        }
        Ok(())
    }

    /// Writes the rows at hand.
    fn put(&mut self) -> Result<()> {
        let rows = self.pending.rows();
        if rows == 0 {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.pending, Batch::new(&self.fields));
        let arrays: Result<Vec<ArrayRef>> = full.into_columns().into_iter().map(array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let made = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays?, &options);
        let made = made.map_err(|error| failed(&error))?;
        self.writer.write(&made).map_err(|error| failed(&error))
    }

    /// Writes the last rows and the footer; the output, which is not flushed.
    pub fn finish(mut self) -> Result<W> {
        self.put()?;
        self.writer.finish().map_err(|error| failed(&error))?;
        self.writer.into_inner().map_err(|error| failed(&error))
    }
}

/// What the library says of writing; the system's errors keep their kind.
fn failed(error: &arrow_schema::ArrowError) -> Error {
    match error {
        arrow_schema::ArrowError::IoError(_, source) => {
            let code = source.raw_os_error();
            let again = code.map_or_else(
                || std::io::Error::other(source.to_string()),
                std::io::Error::from_raw_os_error,
            );
            Error::io("writing", again)
        }
        other => refused(other),
    }
}

/// The array of a column, whose memory it takes.
fn array(column: Column) -> Result<ArrayRef> {
    let ty = column.ty();
    if matches!(ty, Type::Inet | Type::Mac) {
        return Ok(addresses(&column));
    }
    let (values, valid) = column.into_parts();
    let nulls = valid.map(|valid| NullBuffer::new(bits(valid)));
    Ok(match (values, ty) {
        (Values::Bool(map), _) => Arc::new(BooleanArray::new(bits(map), nulls)),
        (Values::Int16(v), _) => numbers::<Int16Type>(v, nulls),
        (Values::Int32(v), Type::Date) => numbers::<Date32Type>(v, nulls),
        (Values::Int32(v), _) => numbers::<Int32Type>(v, nulls),
        (Values::Int64(v), Type::Timestamp) => {
            let moments = ScalarBuffer::from(v);
            let made = PrimitiveArray::<TimestampMicrosecondType>::new(moments, nulls);
            Arc::new(made.with_timezone("UTC"))
        }
        (Values::Int64(v), _) => numbers::<Int64Type>(v, nulls),
        (Values::Float32(v), _) => numbers::<Float32Type>(v, nulls),
        (Values::Float64(v), _) => numbers::<Float64Type>(v, nulls),
        (Values::Decimal(v), Type::Decimal { precision, scale }) => {
            let made = PrimitiveArray::<Decimal128Type>::new(v.into(), nulls);
            let made = made.with_precision_and_scale(precision, scale as i8);
            Arc::new(made.map_err(|error| failed(&error))?)
        }
        (Values::Text(texts), _) => {
            let (offsets, data) = parts(texts)?;
            let made = StringArray::try_new(offsets, Buffer::from_vec(data.into_bytes()), nulls);
            Arc::new(made.map_err(|error| failed(&error))?)
        }
        (Values::Bytes(texts), _) => {
            let (offsets, data) = parts(texts)?;
            let made = BinaryArray::try_new(offsets, Buffer::from_vec(data), nulls);
            Arc::new(made.map_err(|error| failed(&error))?)
        }
        _ => return Err(Error::unsupported(format!("{ty} in an Arrow file"))),
    })
}

fn numbers<T: ArrowPrimitiveType>(values: Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls))
}

fn bits(map: Bitmap) -> BooleanBuffer {
    let len = map.len();
    BooleanBuffer::new(Buffer::from_vec(map.into_words()), 0, len)
}

/// Offsets as Arrow has them, with a sign: batches are far smaller than 2 GiB.
fn parts<B>(texts: Texts<B>) -> Result<(OffsetBuffer<i32>, B)> {
    let (offsets, data) = texts.into_parts();
    if offsets.last().is_some_and(|end| i32::try_from(*end).is_err()) {
        return Err(Error::unsupported("2 GiB of text in a batch"));
    }
    let count = offsets.len();
    let offsets = ScalarBuffer::<i32>::new(Buffer::from_vec(offsets), 0, count);
    Ok((OffsetBuffer::new(offsets), data))
}

/// Addresses as text.
fn addresses(column: &Column) -> ArrayRef {
    let texts = (0..column.len()).map(|nth| match column.get(nth) {
        ValueRef::Null => None,
        cell => Some(cell.to_string()),
    });
    Arc::new(texts.collect::<StringArray>())
}
