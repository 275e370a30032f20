//! What lies around the tables of `store`: formats of files, made rows, reports and, later, jobs over them.
//!
//! ```
//! use store_core::ValueRef;
//! use store_etl::format::{Format, WriteOptions, row_writer};
//!
//! let mut out = Vec::new();
//! let mut writer = row_writer(Format::Csv, &WriteOptions::default(), &mut out);
//! writer.header(&["id", "name"])?;
//! writer.row(&[7.into(), "Austin, Texas".into()])?;
//! writer.row(&[8.into(), ValueRef::Null])?;
//! writer.finish()?;
//! drop(writer);
//! assert_eq!(out, b"id,name\n7,\"Austin, Texas\"\n8,\n");
//! # Ok::<_, store_core::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod batch;
pub mod expr;
pub mod format;
pub mod generate;
pub mod job;
mod manifest;
pub mod operator;
pub mod report;
pub mod run;
