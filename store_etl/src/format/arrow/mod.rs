//! Arrow's file format (IPC, also called Feather): batches of columns as they are in memory.
//!
//! The library reads and writes messages; what a message takes is found out before it is read: the bytes
//! of the block, and of buffers that are packed what they say to unpack to. One batch of the file is in
//! memory at a time, and all of its dictionaries.

mod cells;
mod read;
mod write;

pub(crate) use read::{FileReader, Footer, Sizes, read_footer};
pub(crate) use write::{FileWriter, sink_bytes_min};

use arrow_schema::ArrowError;
use store_core::{Error, Kind};

/// What the library refuses in a file.
#[cold]
fn refused(error: &ArrowError) -> Error {
    Error::new(Kind::Corrupt, error.to_string())
}

#[cold]
fn damaged(what: &str) -> Error {
    Error::new(Kind::Corrupt, what)
}
