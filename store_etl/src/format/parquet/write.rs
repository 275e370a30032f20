//! Batches into a Parquet file, row group by row group.
//!
//! A row group is in memory, packed, until it is written: columns come one after another there. It ends
//! when it has so many bytes or rows. What the footer says of it goes to a list of its own, which goes to a
//! file when it grows, so memory does not grow with the number of rows.

use super::bounds::Bounds;
use super::dictionary::Dictionary;
use super::encode::{ChunkFacts, ColumnWriter, PAGE_ROWS_MAX, Packer, decimal_width, is_long};
use super::footer::MAGIC;
use super::pages::{PLAIN, RLE, RLE_DICTIONARY};
use super::thrift::{I32, STRUCT, Writer};
use crate::batch::{Batch, Field};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use store_core::{Error, Result, Type};

const KIB: usize = 1 << 10;
/// Pages of so many bytes before they are packed.
const PAGE_BYTES: usize = 64 * KIB;
const PAGE_BYTES_MIN: usize = KIB;
/// Texts of a chunk that have numbers.
const DICTIONARY_BYTES: usize = 256 * KIB;
const DICTIONARY_BYTES_MIN: usize = 16 * KIB;
/// Smallest row group that is worth its place in the footer, in bytes.
const GROUP_BYTES_MIN: usize = 512 * KIB;
/// Most rows of a row group: readers share a file's work by row groups.
const GROUP_ROWS_MAX: u64 = 1 << 20;
/// What the footer says of row groups, before it goes to a file.
const TAIL_BYTES: usize = 256 * KIB;
/// What a column takes besides its page, and what is written of it in the footer.
const COLUMN_BYTES: usize = KIB;
/// How much more than their bytes a row group's pages take in an allocator.
const PAGES_SPARE: usize = 4;

/// How a file is cut up.
#[expect(clippy::struct_field_names, reason = "the unit is part of what they are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub page_bytes: usize,
    /// None if it is 0.
    pub dictionary_bytes: usize,
    pub group_bytes: usize,
}

impl Settings {
    /// The least that writing such columns takes, without its buffers for output.
    pub fn bytes_min(fields: &[Field]) -> usize {
        Self { page_bytes: PAGE_BYTES_MIN, dictionary_bytes: 0, group_bytes: GROUP_BYTES_MIN }
            .bytes(fields)
    }

    /// What they take.
    pub fn bytes(&self, fields: &[Field]) -> usize {
        let numbers = PAGE_ROWS_MAX.min(8 * self.page_bytes) * size_of::<u32>();
        let texts = fields.iter().filter(|field| field.ty == Type::Text).count();
        let each = match self.dictionary_bytes {
            0 => 0,
            bytes => Dictionary::bytes_for(bytes) + 2 * numbers,
        };
        // A page grows to twice what it is cut at, and its levels lie beside it.
        let columns = fields.len() * (COLUMN_BYTES + 2 * self.page_bytes + self.page_bytes / 2);
        let packing = Packer::BYTES + 4 * self.page_bytes.max(self.dictionary_bytes);
        let group = self.group_bytes + self.group_bytes / PAGES_SPARE;
        columns + texts * each + packing + group + 2 * TAIL_BYTES
    }

    /// The widest for so many bytes: pages first, then dictionaries, the rest for row groups.
    pub fn within(fields: &[Field], bytes: usize) -> Self {
        let mut made =
            Self { page_bytes: PAGE_BYTES, dictionary_bytes: 0, group_bytes: GROUP_BYTES_MIN };
        // Half of all is for pages of which columns are made, the other half for those that are.
        let half = |made: &Self| made.bytes(fields) <= GROUP_BYTES_MIN + bytes / 2;
        while made.page_bytes > PAGE_BYTES_MIN && !half(&made) {
            made.page_bytes /= 2;
        }
        let mut dictionary = DICTIONARY_BYTES;
        while dictionary >= DICTIONARY_BYTES_MIN {
            let wider = Self { dictionary_bytes: dictionary, ..made };
            if half(&wider) {
                made = wider;
                break;
            }
            dictionary /= 2;
        }
        let left = bytes.saturating_sub(made.bytes(fields));
        made.group_bytes += left / (PAGES_SPARE + 1) * PAGES_SPARE;
        made
    }
}

/// Makes a file for what the footer says, when that is too much for memory; nobody else sees it.
pub(crate) type TailFile = Box<dyn FnMut() -> std::io::Result<File>>;

/// Writes a file; nothing of it is whole before [`FileWriter::finish`].
pub(crate) struct FileWriter<W> {
    out: W,
    /// Bytes written so far.
    at: u64,
    fields: Vec<Field>,
    columns: Vec<ColumnWriter>,
    packer: Packer,
    settings: Settings,
    held: u64,
    group_rows: u64,
    rows: u64,
    groups: usize,
    tail: Vec<u8>,
    tail_file: Option<File>,
    make_tail_file: TailFile,
}

impl<W: Write> FileWriter<W> {
    pub fn new(
        out: W,
        fields: &[Field],
        settings: Settings,
        make_tail_file: TailFile,
    ) -> Result<Self> {
        let column = |field: &Field| ColumnWriter::new(field.ty, field.nullable, &settings);
        let mut made = Self {
            out,
            at: 0,
            fields: fields.to_vec(),
            columns: fields.iter().map(column).collect(),
            packer: Packer::new()?,
            settings,
            held: 0,
            group_rows: 0,
            rows: 0,
            groups: 0,
            tail: Vec::new(),
            tail_file: None,
            make_tail_file,
        };
        made.put(MAGIC)?;
        Ok(made)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|error| Error::io("writing", error))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Adds the rows of a batch.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        let named =
            |error: Error, field: &Field| error.at(format_args!("column \"{}\"", field.name));
        for ((column, field), from) in
            self.columns.iter_mut().zip(&self.fields).zip(batch.columns())
        {
            let more =
                column.append(from, &mut self.packer).map_err(|error| named(error, field))?;
            self.held += more;
        }
        self.group_rows += batch.rows() as u64;
        let is_full = self.held >= self.settings.group_bytes as u64;
        if is_full || self.group_rows >= GROUP_ROWS_MAX {
            self.end_group()?;
        }
        Ok(())
    }

    /// Writes the row group at hand.
    fn end_group(&mut self) -> Result<()> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let mut out = Writer::default();
        let (mut raw, rows) = (0, self.group_rows);
        let mut columns = std::mem::take(&mut self.columns);
        let mut done = Ok(());
        out.item(|out| {
            out.list(1, STRUCT, columns.len());
            for (nth, column) in columns.iter_mut().enumerate() {
                match self.end_chunk(nth, column, out) {
                    Ok(bytes) => raw += bytes,
                    Err(error) if done.is_ok() => done = Err(error),
                    Err(_) => {}
                }
            }
            out.i64(2, raw as i64);
            out.i64(3, rows as i64);
        });
        self.columns = columns;
        done?;
        self.keep(&out.bytes)?;
        self.rows += rows;
        self.groups += 1;
        (self.held, self.group_rows) = (0, 0);
        Ok(())
    }

    /// Writes the pages of a chunk, and what the footer says of it.
    fn end_chunk(
        &mut self,
        nth: usize,
        column: &mut ColumnWriter,
        out: &mut Writer,
    ) -> Result<u64> {
        let (pages, facts, bounds) = column.finish(&mut self.packer)?;
        let start = self.at;
        for page in pages {
            self.put(&page)?;
        }
        let raw = facts.raw;
        out.item(|out| {
            out.i64(2, 0);
            out.nested(3, |out| {
                chunk_facts(out, &self.fields[nth].name, column, &facts, &bounds, start);
            });
        });
        Ok(raw)
    }

    /// Keeps a piece of the footer.
    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        self.tail.extend_from_slice(bytes);
        if self.tail.len() < TAIL_BYTES {
            return Ok(());
        }
        let failed = |error| Error::io("what the footer will say", error);
        let file = match &mut self.tail_file {
            Some(file) => file,
            none => none.insert((self.make_tail_file)().map_err(failed)?),
        };
        file.write_all(&self.tail).map_err(failed)?;
        self.tail.clear();
        self.tail.shrink_to(TAIL_BYTES);
        Ok(())
    }

    /// Writes the last row group and the footer; the output, which is not flushed.
    pub fn finish(mut self) -> Result<W> {
        self.end_group()?;
        let begin = self.at;
        let mut out = Writer::default();
        out.item(|out| {
            out.i32(1, 2);
            out.list(2, STRUCT, self.fields.len() + 1);
            out.item(|out| {
                out.binary(4, b"schema");
                out.i32(5, self.fields.len() as i32);
            });
            self.fields.iter().for_each(|field| element(out, field));
            out.i64(3, self.rows as i64);
            out.list(4, STRUCT, self.groups);
        });
        // The struct goes on behind the row groups.
        out.bytes.pop();
        self.put(&out.bytes)?;
        self.put_groups()?;
        let mut out = Writer::default();
        out.item(|out| {
            out.after(4);
            out.binary(6, concat!("store version ", env!("CARGO_PKG_VERSION")).as_bytes());
            out.list(7, STRUCT, self.fields.len());
            for _ in &self.fields {
                // Least and greatest values are in the order of the type.
                out.item(|out| out.nested(1, |_| ()));
            }
        });
        self.put(&out.bytes)?;
        let len = u32::try_from(self.at - begin)
            .map_err(|_| Error::unsupported("a Parquet file with a footer above 4 GiB"))?;
        self.put(&len.to_le_bytes())?;
        self.put(MAGIC)?;
        Ok(self.out)
    }

    fn put_groups(&mut self) -> Result<()> {
        if let Some(mut file) = self.tail_file.take() {
            let failed = |error| Error::io("what the footer says", error);
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let mut piece = vec![0; PAGE_BYTES];
            loop {
                let count = file.read(&mut piece).map_err(failed)?;
                if count == 0 {
                    break;
                }
                self.put(&piece[..count])?;
            }
        }
        let tail = std::mem::take(&mut self.tail);
        self.put(&tail)
    }
}

fn chunk_facts(
    out: &mut Writer,
    name: &str,
    column: &ColumnWriter,
    facts: &ChunkFacts,
    bounds: &Bounds,
    start: u64,
) {
    const ZSTD: i32 = 6;
    let (physical, ..) = physical(column.ty);
    out.i32(1, physical);
    let mut encodings = vec![RLE];
    encodings.extend(facts.has_dictionary_pages.then_some(RLE_DICTIONARY));
    encodings.extend((facts.has_plain_pages || facts.has_dictionary_pages).then_some(PLAIN));
    out.list(2, I32, encodings.len());
    for encoding in encodings {
        out.number(encoding);
    }
    out.list(3, super::thrift::BINARY, 1);
    out.text(name.as_bytes());
    out.i32(4, ZSTD);
    out.i64(5, facts.values as i64);
    out.i64(6, facts.raw as i64);
    out.i64(7, facts.packed as i64);
    out.i64(9, (start + facts.dictionary.unwrap_or(0)) as i64);
    if facts.dictionary.is_some() {
        out.i64(11, start as i64);
    }
    let big = matches!(column.ty, Type::Decimal { precision, .. } if decimal_width(precision).1);
    let is_text = is_long(column.ty) && column.ty != Type::Bytes;
    out.nested(12, |out| {
        out.i64(3, facts.nulls as i64);
        if let Some(([least, most], [exact_least, exact_most])) =
            bounds.written(column.width, big, is_text)
        {
            out.binary(5, &most);
            out.binary(6, &least);
            out.truth(7, exact_most);
            out.truth(8, exact_least);
        }
    });
}

/// The physical type, its width if it needs to be said, and the older word for its meaning.
fn physical(ty: Type) -> (i32, Option<i32>, Option<i32>) {
    match ty {
        Type::Bool => (0, None, None),
        Type::Int16 => (1, None, Some(16)),
        Type::Int32 => (1, None, None),
        Type::Date => (1, None, Some(6)),
        Type::Timestamp => (2, None, Some(10)),
        Type::Float32 => (4, None, None),
        Type::Float64 => (5, None, None),
        Type::Decimal { precision, .. } => match decimal_width(precision) {
            (4, false) => (1, None, Some(5)),
            (_, false) => (2, None, Some(5)),
            (width, true) => (7, Some(width as i32), Some(5)),
        },
        Type::Text | Type::Inet | Type::Mac => (6, None, Some(0)),
        Type::Bytes => (6, None, None),
        _ => (2, None, None),
    }
}

/// A column in the schema.
fn element(out: &mut Writer, field: &Field) {
    let (physical, width, older) = physical(field.ty);
    out.item(|out| {
        out.i32(1, physical);
        if let Some(width) = width {
            out.i32(2, width);
        }
        out.i32(3, i32::from(field.nullable));
        out.binary(4, field.name.as_bytes());
        if let Some(older) = older {
            out.i32(6, older);
        }
        if let Type::Decimal { precision, scale } = field.ty {
            out.i32(7, scale.into());
            out.i32(8, precision.into());
        }
        match field.ty {
            Type::Text | Type::Inet | Type::Mac => out.nested(10, |out| out.nested(1, |_| ())),
            Type::Decimal { precision, scale } => out.nested(10, |out| {
                out.nested(5, |out| {
                    out.i32(1, scale.into());
                    out.i32(2, precision.into());
                });
            }),
            Type::Date => out.nested(10, |out| out.nested(6, |_| ())),
            Type::Timestamp => out.nested(10, |out| {
                out.nested(8, |out| {
                    out.truth(1, true);
                    out.nested(2, |out| out.nested(2, |_| ()));
                });
            }),
            Type::Int16 => out.nested(10, |out| {
                out.nested(10, |out| {
                    out.byte(1, 16);
                    out.truth(2, true);
                });
            }),
            _ => {}
        }
    });
}
