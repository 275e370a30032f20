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

mod bulk;
mod cold;
mod commit;
mod commit_one;
mod edition;
mod effects;
mod engine;
mod freezer;
mod garbage;
mod guard;
mod index_build;
mod index_cold;
mod index_open;
mod isolation;
mod lease;
mod live_table;
pub(crate) mod load;
mod log_thread;
mod merges;
mod own;
mod prepare;
mod pressure;
mod read_set;
mod recast;
mod reclaim;
pub(crate) mod record;
mod resize;
mod retry;
mod rows;
mod savepoint;
mod secondary;
mod sequencer;
mod settled;
mod snapshot;
mod ticket;
mod turns;
mod unique;
mod update;
mod update_many;
mod upkeep;
mod validate;
mod write;
mod write_set;
mod write_where;

pub(crate) use bulk::build_index;
pub(crate) use edition::Edition;
pub(crate) use engine::{Engine, Log};
pub(crate) use freezer::FreezerTally;
pub(crate) use garbage::QUEUED_ROW_BYTES;
pub(crate) use index_build::{check_values, fill};
pub(crate) use index_cold::check_cold_values;
pub(crate) use index_open::build_indexes;
pub use isolation::{Isolation, TxnOptions};
pub(crate) use lease::{Lease, SharedEngine};
pub(crate) use live_table::LiveTable;
pub(crate) use log_thread::LogThread;
pub(crate) use merges::MergesTally;
pub(crate) use prepare::{RowWords, prepare_key, prepare_row};
pub(crate) use recast::{ColumnChange, Recast};
pub use retry::{Lost, Retry};
pub(crate) use rows::{Rows, TableData};
pub use savepoint::Savepoint;
pub(crate) use secondary::SecondaryIndex;
#[cfg(all(test, loom))]
pub(crate) use settled::Settled;
pub(crate) use snapshot::Reading;
pub use snapshot::Snapshot;
pub use ticket::Ticket;
pub(crate) use update_many::AHEAD;
pub(crate) use write_set::Begun;
pub use write_set::Txn;
pub(crate) use write_where::NewCells;
