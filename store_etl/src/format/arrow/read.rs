//! An Arrow file into batches.

use super::cells::{append, text_bytes, type_of};
use super::{damaged, refused};
use crate::batch::{Batch, Limits};
use crate::format::columnar::{ColumnFacts, RowGroups};
use crate::format::parquet::too_long;
use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, Message, root_as_footer, root_as_message};
use arrow_schema::{Schema, SchemaRef};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use store_core::{Error, Result};

const MAGIC: &[u8; 6] = b"ARROW1";
/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 10;
/// What a file begins with: the magic, filled up.
const HEAD_BYTES: u64 = 8;
/// Largest footer that is read.
const FOOTER_BYTES_MAX: u64 = 256 << 20;
/// Longest schema, in columns.
const COLUMNS_MAX: usize = 100_000;
/// A view of a text, and what a packed buffer begins with.
const PREFIX_BYTES: usize = 8;

/// Pages of the library's code that are not resident before it is called.
pub(super) const LIBRARY_BYTES: usize = 1536 << 10;

/// What an Arrow file has at its end.
pub(crate) struct Footer {
    pub bytes: Vec<u8>,
    schema: SchemaRef,
    version: arrow_ipc::MetadataVersion,
    dictionaries: Vec<Block>,
    blocks: Vec<Block>,
}

/// What reading wanted columns takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// The largest block, and what it unpacks to.
    block: usize,
    /// The same of all dictionaries, which stay.
    dictionaries: usize,
}

impl Sizes {
    /// Bytes in memory. A buffer that does not lie as it should is copied, and a block that was freed may
    /// still be the allocator's when the next one is read.
    pub const fn bytes(&self) -> usize {
        3 * self.block + 2 * self.dictionaries + LIBRARY_BYTES
    }

    /// The larger of both, each for itself.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            block: self.block.max(other.block),
            dictionaries: self.dictionaries.max(other.dictionaries),
        }
    }
}

/// Reads the footer of a file of so many bytes.
pub(crate) fn read_footer(file: &File, len: u64) -> Result<Footer> {
    let not = || damaged("it is no Arrow file: it does not begin and end with ARROW1");
    let mut tail = [0; TAIL_BYTES as usize];
    let mut head = [0; MAGIC.len()];
    if len < TAIL_BYTES + HEAD_BYTES {
        return Err(not());
    }
    let failed = |error| Error::io("reading", error);
    file.read_exact_at(&mut tail, len - TAIL_BYTES).map_err(failed)?;
    file.read_exact_at(&mut head, 0).map_err(failed)?;
    if tail[4..] != *MAGIC || head != *MAGIC {
        return Err(not());
    }
    let bytes = i32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    if bytes > len - TAIL_BYTES - HEAD_BYTES {
        return Err(damaged("its footer is longer than the file"));
    }
    if bytes > FOOTER_BYTES_MAX {
        return Err(Error::unsupported(format!("its footer has {bytes} bytes")));
    }
    let from = len - TAIL_BYTES - bytes;
    let mut footer = vec![0; bytes as usize];
    file.read_exact_at(&mut footer, from).map_err(failed)?;
    guarded(|| parse(footer, from))
}

/// The library's own checks are assertions in places: what it says then is an error here.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(damaged("its parts do not fit together")))
}

fn parse(bytes: Vec<u8>, end: u64) -> Result<Footer> {
    let footer = root_as_footer(&bytes).map_err(|_| damaged("its footer is damaged"))?;
    let schema = footer.schema().ok_or_else(|| damaged("it has no schema"))?;
    if schema.endianness() != arrow_ipc::Endianness::Little {
        return Err(Error::unsupported("its numbers have their highest byte first"));
    }
    let schema: Schema =
        arrow_ipc::convert::try_fb_to_schema(schema).map_err(|error| refused(&error))?;
    if schema.fields().len() > COLUMNS_MAX {
        return Err(Error::unsupported(format!("it has more than {COLUMNS_MAX} columns")));
    }
    let sound = |block: &Block| {
        let (from, head, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
        let len = i64::from(head).checked_add(body);
        let to = len.and_then(|len| from.checked_add(len));
        let inside = to.and_then(|to| u64::try_from(to).ok()).is_some_and(|to| to <= end);
        from >= HEAD_BYTES as i64 && head >= PREFIX_BYTES as i32 && body >= 0 && inside
    };
    let dictionaries: Vec<Block> = footer.dictionaries().iter().flatten().copied().collect();
    let blocks: Vec<Block> = footer.recordBatches().iter().flatten().copied().collect();
    if !dictionaries.iter().chain(&blocks).all(sound) {
        return Err(damaged("a batch is not within the file"));
    }
    let version = footer.version();
    Ok(Footer { schema: schema.into(), version, dictionaries, blocks, bytes })
}

impl Footer {
    /// Its columns.
    pub fn columns(&self) -> Vec<ColumnFacts> {
        let facts = |field: &arrow_schema::FieldRef| ColumnFacts {
            name: field.name().clone(),
            nullable: field.is_nullable(),
            ty: type_of(field.data_type()),
        };
        self.schema.fields().iter().map(facts).collect()
    }

    /// How many batches it has.
    pub fn batches(&self) -> usize {
        self.blocks.len()
    }

    /// What reading these columns takes.
    pub fn measure(&self, file: &File, wanted: &[usize]) -> Result<Sizes> {
        let mut sizes = Sizes::default();
        let _ = wanted; // a block is read whole
        for block in &self.blocks {
            sizes.block = sizes.block.max(block_bytes(file, block)?);
        }
        for block in &self.dictionaries {
            sizes.dictionaries = sizes.dictionaries.saturating_add(block_bytes(file, block)?);
        }
        Ok(sizes)
    }
}

/// The head of a block.
fn head_of(file: &File, block: &Block) -> Result<Vec<u8>> {
    let mut head = vec![0; block.metaDataLength() as usize];
    let read = file.read_exact_at(&mut head, block.offset() as u64);
    read.map_err(|error| Error::io("reading", error))?;
    Ok(head)
}

/// The message in a head.
fn message(head: &[u8]) -> Result<Message<'_>> {
    // The mark that a message goes on, which old files do not have.
    let from = if head[..4] == [0xff; 4] { 8 } else { 4 };
    root_as_message(&head[from..]).map_err(|_| damaged("the head of a batch is damaged"))
}

/// What a block takes: its bytes, and what is packed in it once more as it will be.
fn block_bytes(file: &File, block: &Block) -> Result<usize> {
    let head = head_of(file, block)?;
    guarded(|| {
        let message = message(&head)?;
        let batch = match message.header_as_dictionary_batch() {
            Some(dictionary) => dictionary.data(),
            None => message.header_as_record_batch(),
        };
        let batch = batch.ok_or_else(|| damaged("a block without a batch"))?;
        let body = block.bodyLength();
        let mut bytes = head.len() as u64 + body as u64;
        for buffer in batch.buffers().iter().flatten() {
            let (at, len) = (buffer.offset(), buffer.length());
            if at < 0 || len < 0 || at.checked_add(len).is_none_or(|end| end > body) {
                return Err(damaged("a buffer is not within its batch"));
            }
            if batch.compression().is_none() || len < PREFIX_BYTES as i64 {
                continue;
            }
            let mut prefix = [0; PREFIX_BYTES];
            let place = block.offset() as u64 + head.len() as u64 + at as u64;
            file.read_exact_at(&mut prefix, place).map_err(|error| Error::io("reading", error))?;
            let raw = i64::from_le_bytes(prefix);
            // -1 is a buffer that is not packed.
            if raw < -1 || raw > ratio_max(len) {
                return Err(damaged("a buffer says a length that is not its own"));
            }
            bytes = bytes.saturating_add(raw.max(0) as u64);
        }
        let rows = batch.length();
        let nodes = batch.nodes();
        if rows < 0 || nodes.iter().flatten().any(|node| node.length() < 0 || node.null_count() < 0)
        {
            return Err(damaged("a batch has less than no rows"));
        }
        usize::try_from(bytes).map_err(|_| damaged("a batch is too large"))
    })
}

/// The most that so many packed bytes can stand for: zstd says 128 KiB in four bytes.
const fn ratio_max(packed: i64) -> i64 {
    packed.saturating_mul(32 << 10)
}

/// Reads the batches of a file.
pub(crate) struct FileReader {
    file: File,
    decoder: FileDecoder,
    planned: Sizes,
    count: u64,
    blocks: std::vec::IntoIter<Block>,
    batch: Option<RecordBatch>,
    /// Rows of it that were given.
    at: usize,
    row_bytes: Vec<u32>,
    fixed_bytes: usize,
}

impl FileReader {
    /// Reads these columns of the file, as large as they were planned, in that order.
    pub fn new(file: File, footer: Footer, wanted: &[usize], planned: Sizes) -> Result<Self> {
        let types =
            wanted.iter().filter_map(|at| type_of(footer.schema.field(*at).data_type()).ok());
        let fixed_bytes = types.map(crate::batch::fixed_bytes).sum::<usize>() + 8;
        let decoder = FileDecoder::new(footer.schema, footer.version);
        let mut decoder = decoder.with_projection(wanted.to_vec());
        let mut left = planned.dictionaries;
        for block in &footer.dictionaries {
            let bytes = block_bytes(&file, block)?;
            left = left.checked_sub(bytes).ok_or_else(changed)?;
            let data = load(&file, block)?;
            guarded(|| decoder.read_dictionary(block, &data).map_err(|error| refused(&error)))?;
        }
        Ok(Self {
            file,
            decoder,
            planned,
            count: footer.blocks.len() as u64,
            blocks: footer.blocks.into_iter(),
            batch: None,
            at: 0,
            row_bytes: Vec::new(),
            fixed_bytes,
        })
    }

    /// Goes to the next batch of the file; false if there is none.
    fn load_next(&mut self) -> Result<bool> {
        self.batch = None;
        self.at = 0;
        let Some(block) = self.blocks.next() else { return Ok(false) };
        if block_bytes(&self.file, &block)? > self.planned.block {
            return Err(changed());
        }
        let data = load(&self.file, &block)?;
        self.batch = guarded(|| {
            self.decoder.read_record_batch(&block, &data).map_err(|error| refused(&error))
        })?;
        Ok(true)
    }

    /// Takes rows of the batch at hand, of so many bytes, one at least; how many rows and bytes.
    fn take(
        &mut self,
        to: &mut Batch,
        rows: usize,
        room: usize,
        limits: Limits,
    ) -> Result<(usize, usize)> {
        let Some(batch) = &self.batch else { return Ok((0, 0)) };
        let most = (room / self.fixed_bytes).max(1).min(rows).min(batch.num_rows() - self.at);
        self.row_bytes.clear();
        self.row_bytes.resize(most, 0);
        for array in batch.columns() {
            text_bytes(array.as_ref(), self.at..self.at + most, &mut self.row_bytes)?;
        }
        let (mut taken, mut bytes) = (0, 0);
        while taken < most && (taken == 0 || bytes < room) {
            let row = self.fixed_bytes + self.row_bytes[taken] as usize;
            if row > limits.row_bytes {
                if taken > 0 {
                    break;
                }
                return Err(too_long(limits.row_bytes));
            }
            bytes += row;
            taken += 1;
        }
        for (array, to) in batch.columns().iter().zip(to.columns_mut()) {
            append(array.as_ref(), self.at..self.at + taken, to)?;
        }
        self.at += taken;
        Ok((taken, bytes))
    }
}

#[cold]
fn changed() -> Error {
    Error::new(
        store_core::Kind::OverBudget,
        "a batch is larger than when the job was planned: the file has changed",
    )
}

/// A block's bytes, where numbers of any width may lie.
fn load(file: &File, block: &Block) -> Result<Buffer> {
    let len = block.metaDataLength() as usize + block.bodyLength() as usize;
    let mut data = MutableBuffer::from_len_zeroed(len);
    let read = file.read_exact_at(data.as_slice_mut(), block.offset() as u64);
    read.map_err(|error| Error::io("reading", error))?;
    Ok(data.into())
}

impl RowGroups for FileReader {
    fn fill(&mut self, to: &mut Batch, limits: Limits) -> Result<usize> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < limits.rows && bytes < limits.fill_bytes() {
            let left = self.batch.as_ref().map_or(0, |batch| batch.num_rows() - self.at);
            if left == 0 {
                if self.load_next()? {
                    continue;
                }
                break;
            }
            let room = limits.fill_bytes() - bytes;
            let (taken, more) = self.take(to, limits.rows - rows, room, limits)?;
            rows += taken;
            bytes += more;
        }
        to.set_rows(rows);
        Ok(rows)
    }

    fn groups(&self) -> [u64; 3] {
        [self.count, 0, 0]
    }
}
