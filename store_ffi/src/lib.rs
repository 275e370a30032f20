//! The C interface of `store`: `libstore` and `include/store.h`.
//!
//! ```text
//! store_get(table, txn, key…)            db txn table row get write query cursor ingest job …
//!   └► panic::guard                       no panic crosses; an error becomes status and store_error
//!        └► args, handle                  every pointer is checked before it is followed
//!             └► store_core, store_etl
//! ```
//!
//! The header is generated from these files: `STORE_UPDATE_HEADER=1 cargo test -p store_ffi --test
//! header` rewrites it, and the same test without the variable fails when it has drifted. Types
//! therefore have the names that C sees, and every doc comment is written for C.
//!
//! Every pointer is checked as far as a pointer can be: NULL, alignment, length, and a handle's
//! magic word. What cannot be checked, that it points to so many live bytes, is the caller's
//! promise, stated once in the header's overview.

#![expect(non_camel_case_types, reason = "types have the names that C sees")]
#![expect(clippy::doc_markdown, reason = "the comments are read in C")]
#![expect(clippy::missing_safety_doc, reason = "the header's overview says it for all functions")]

mod args;
mod cell;
mod cold;
mod cursor;
mod db;
mod error;
mod get;
mod handle;
mod ingest;
mod ingest_options;
mod job;
mod job_options;
mod options;
mod panic;
mod query;
mod row;
mod stats;
mod status;
mod table;
mod text;
mod txn;
mod value;
mod version;
mod write;
mod write_rows;
mod write_where;

pub use cold::*;
pub use cursor::*;
pub use db::*;
pub use error::*;
pub use get::*;
pub use ingest::*;
pub use ingest_options::*;
pub use job::*;
pub use job_options::*;
pub use options::*;
pub use query::*;
pub use row::*;
pub use stats::*;
pub use status::*;
pub use table::*;
pub use text::*;
pub use txn::*;
pub use value::*;
pub use version::*;
pub use write::*;
pub use write_rows::*;
pub use write_where::*;
