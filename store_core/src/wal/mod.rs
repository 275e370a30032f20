//! The write-ahead log: bytes in order, durable together, believed only if their checksum holds.
//!
//! The log is one sequence of records; a record's position ([`Lsn`]) counts bytes since the
//! store's birth. Files hold pieces of the sequence, each named by the position it begins at:
//!
//! ```text
//!  wal-0000000000000000.log        wal-00000000000a4f10.log
//!  ┌────────┬───────┬───────┬───┐  ┌────────┬───────┬───────┬────┬─────────────┐
//!  │ header │ frame │ frame │ … │  │ header │ frame │ frame │ …  │ zeros ahead │
//!  └────────┴───────┴───────┴───┘  └────────┴───────┴───────┴────┴─────────────┘
//!                     removed after a checkpoint    ▲ durable   ▲ end   ▲ allocated
//! ```
//!
//! **Writing** ([`Wal::append`]). Under one mutex a record gets its timestamp and its place in the
//! pending batch. Space for it exists before: files are extended with zeros in large steps, synced,
//! so that later syncs change no metadata and so that a full disk is met while nothing has been
//! sequenced. Group commit ([`Wal::wait_durable`]) as in `DeWitt` et al., "Implementation techniques
//! for main memory database systems" (1984): the first who waits writes and syncs for all, while
//! the next batch fills. A failed write or sync poisons the log (invariant I7). What nobody waits for
//! is synced by a thread of the store's ([`Wal::sync_later`]), which also makes room before it is needed.
//!
//! **Reading** ([`replay()`]). A bad frame in the last file is a torn tail if nothing proves that it
//! had been durable; then it is cut. Proof is a valid later frame that was written when `durable`
//! had already passed the bad one, or a later file: then the log is damaged and replay refuses.
//! The owner goes on in a new file, so what was cut can never come back.
//!
//! **Following** ([`Tail`]). Another process reads on behind the owner, up to where the owner says that
//! the log is durable ([`Progress`]), and never beyond.
//!
//! The log knows nothing of rows, and reaches files through a [`Device`] only.

mod buffer;
mod damage;
pub(crate) mod device;
mod directory;
mod file;
mod frames;
mod group_commit;
mod grow;
mod later;
mod lsn;
mod progress;
mod record;
mod removed;
mod replay;
mod roll;
mod salvage;
mod tail;
mod waiters;
mod writer;

#[cfg(test)]
mod tests;

pub use device::{Device, DeviceFile, NOTICE_BYTES_MAX, Notice, OpenMode, Posted};
pub use directory::Directory;
#[cfg(all(test, loom))]
pub(crate) use file::LogStart;
pub(crate) use file::list_files;
pub(crate) use lsn::Lsn;
pub(crate) use progress::{PROGRESS_NAME, Progress};
pub(crate) use record::{HashedPayload, Record, RecordKind};
pub(crate) use replay::{ReplayReport, Replayed, TIMESTAMP_MAX, replay};
pub(crate) use salvage::salvage;
pub(crate) use tail::{Tail, Tailed};
#[cfg(all(test, loom))]
pub(crate) use writer::Appended;
pub(crate) use writer::{Wait, Wal, WalOptions};
