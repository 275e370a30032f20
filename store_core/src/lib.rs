//! The engine of `store`: a memory-resident, multi-version table store.
//!
//! Hot rows live in an arena with a hash index and ordered indexes, made durable by a write-ahead
//! log and checkpoints; everything held stays inside one memory budget. `ARCHITECTURE.md` has the
//! picture, the life of a row, and the invariants I1–I16 that the code cites.
//!
//! ```
//! use store_core::{Schema, Store, Type, query::column};
//!
//! let store = Store::in_memory()?;
//! let flights = store.create_table(
//!     Schema::builder("flights")
//!         .column("flight_id", Type::Text).key()
//!         .column("altitude", Type::Int32).index()
//!         .build()?,
//! )?;
//! store.write(|txn| flights.insert(txn, &["UAL123".into(), 35_000.into()]))?;
//!
//! let snapshot = store.snapshot()?;
//! let mut high = flights.query(&snapshot).filter(column("altitude").gt(10_000)).run()?;
//! while let Some(row) = high.next()? {
//!     println!("{}", row.get(0));
//! }
//! # Ok::<_, store_core::Error>(())
//! ```
//!
//! Modules, imports downwards only:
//!
//! ```text
//! record                                               Rust structs as rows
//! store  table  cursor  check  checkpoint  recovery  backup  salvage  compact  follow   what users touch
//! altering  indexing  schema_log
//! ingest                                               text into rows
//! txn                                                  snapshots, write sets, commit
//! query                                                predicates, plans
//! mvcc  index  manifest                                versions; hash and ordered indexes
//! wal  segment  te                                     bytes and LSNs; blocks on disk; schedules
//! mem  error  value  schema  codec  sync  options  durability
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("store runs on Linux (x86-64, aarch64)");
#[cfg(not(target_pointer_width = "64"))]
compile_error!("store needs a 64-bit machine");

#[cfg(test)]
extern crate self as store_core;

mod altering;
mod backup;
mod check;
mod checkpoint;
mod codec;
mod cold;
mod cold_files;
mod compact;
mod cursor;
#[doc(hidden)]
pub mod doctest;
mod durability;
pub mod error;
mod follow;
mod freezing;
mod index;
mod indexing;
pub mod ingest;
mod manifest;
pub mod mem;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod mvcc;
pub mod options;
#[doc(hidden)]
pub mod planted;
pub mod query;
mod random;
mod record;
mod recovery;
mod salvage;
pub mod schema;
mod schema_log;
pub mod segment;
mod stats;
mod store;
mod sync;
mod table;
pub mod te;
mod txn;
pub mod value;
mod wal;

#[cfg(test)]
#[path = "../../tests/support/sim_device/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the outside tests use all of it")]
mod sim_device;

pub use backup::{BackupProgress, BackupReport};
pub use check::CheckReport;
pub use compact::CompactReport;
pub use cursor::{Analysis, Batches, ColumnBatch, Cursor, Groups, Query, Reader, RowRef};
pub use durability::Durability;
pub use error::{Error, Kind, Result};
pub use follow::{FollowStats, FollowerStats};
pub use freezing::FreezeReport;
pub use mem::{Holder, HolderUsage, MemoryBudget};
pub use record::{
    Field, Keyed, Number, Operand, Record, Scalar, TypedChange, TypedColumn, TypedCursor,
    TypedPredicate, TypedQuery, TypedSort, TypedTable,
};
pub use recovery::RecoveryReport;
pub use salvage::SalvageReport;
pub use schema::{Column, ColumnSpec, Index, IndexSpec, Schema, SchemaBuilder};
pub use stats::{Stats, TableStats};
pub use store::{Options, Store};
pub use store_macros::Record;
pub use table::{Cells, Lookup, LookupAt, Row, Table};
pub use txn::{Isolation, Lost, Retry, Savepoint, Snapshot, Ticket, Txn, TxnOptions};
pub use value::{Decimal, DecimalUnits, Inet, Mac, Type, Value, ValueRef};
pub use wal::{Device, DeviceFile, Directory, NOTICE_BYTES_MAX, Notice, OpenMode, Posted};
