//! Parquet, read and written within stated memory.
//!
//! ```text
//! file     PAR1 │ row group: chunk: [dictionary page] page page … │ … │ footer │ length │ PAR1
//! reading  footer ─► heads of pages (what they take) ─► pages, one of each column at a time ─► cells
//! writing  cells ─► pages of 64 KiB, zstd 1 ─► a row group in memory, by bytes ─► file; footer at the end
//! ```
//!
//! Pages are taken apart here and not by a library, because their memory is a promise: a head says how
//! large its page is, batches are cut by the bytes of their texts before these are copied, and a row group
//! ends by bytes. Columns at the top are read, of all types that have one of ours; nested ones are left
//! out, or refused if somebody wants them.
//!
//! | of ours | in the file |
//! |---|---|
//! | bool int32 int64 float32 float64 | themselves |
//! | int16 | 32 bits, marked as 16 |
//! | decimal | 32 or 64 bits up to 9 or 18 digits, else bytes of a fixed length |
//! | date, timestamp | days; microseconds, UTC |
//! | text; inet and mac as text | UTF-8 |
//! | bytes | bytes |

mod bounds;
mod column;
mod delta;
mod dictionary;
mod encode;
mod footer;
mod pages;
mod prune;
mod read;
mod rle;
mod schema;
mod thrift;
mod values;
mod write;

pub(crate) use column::{ColumnSizes, chunk_sizes};
pub(crate) use footer::{Footer, Group, read_footer};
pub(crate) use prune::Condition;
pub(crate) use read::{FileReader, too_long};
pub(crate) use write::{FileWriter, Settings};

/// What unpacking takes for pages of so many bytes in the file, whatever the columns.
pub(crate) const fn unpacking_bytes(packed: usize) -> usize {
    pages::Unpacker::bytes_for(packed)
}
