//! Transactions: snapshots, write sets, the commit protocol, and reclaim.
//!
//! ```text
//! write   own the slot (first updater wins) → stage the new payload in a node, or in a fresh slot
//! commit  promise memory → take the timestamp and append the log record → install rows, add index
//!         entries, give owner words up → wait until durable → publish in timestamp order
//! reclaim take versions out that no live snapshot needs (`garbage` says where, `reclaim` does it):
//!         by committers, by whoever is refused memory, and by a thread when nobody commits (`upkeep`)
//! ```
//!
//! Snapshot isolation after Berenson et al. (1995); the commit order is the log's order.

mod commit;
mod engine;
mod garbage;
mod guard;
pub(crate) mod load;
mod own;
mod prepare;
mod reclaim;
pub(crate) mod record;
mod rows;
mod savepoint;
mod snapshot;
mod unique;
mod upkeep;
mod write;
mod write_set;

pub(crate) use engine::Engine;
pub(crate) use prepare::{RowWords, prepare_key, prepare_row};
pub(crate) use rows::{Rows, SecondaryIndex};
pub use savepoint::Savepoint;
pub use snapshot::Snapshot;
pub use write_set::Txn;
