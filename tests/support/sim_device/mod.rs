//! A device in memory that loses, tears and reorders what was not synced: harsher than any disk.
//!
//! ```text
//!            live bytes (what reads see) = durable bytes + unsynced changes, in order
//!  crash ──► durable bytes + a legal part of the unsynced changes, chosen by a seed or one by one
//! ```
//!
//! Legal is what POSIX allows, and more than file systems do:
//!
//! - Of unsynced writes any subset of sectors survives, of 512 or of 4,096 bytes. So they also
//!   survive in any order: a later one without an earlier one, or an earlier one of the same place
//!   although a later one was written.
//! - A file may have grown without its bytes. They read as zeros, or as what some other file held
//!   that was removed or replaced: stale bytes of a place that is used again.
//! - Of unsynced changes of names either a prefix survives, as on a journaling file system, or any
//!   subset.
//! - A failed sync makes some of the unsynced bytes durable and drops the others for good, as Linux
//!   does: a second sync that succeeds saves nothing, though reads go on showing them, until
//!   [`SimDevice::drop_caches`].
//!
//! What a workload asks of a device is in its [trace](SimDevice::trace); one thread with equal seeds
//! leaves equal traces.

mod device;
mod faults;
mod survive;
mod world;

pub use device::SimDevice;
pub use faults::{EINTR, EIO, ENOSPC, Event, Failure, Fault, Operation};
pub use survive::{Decide, Each, Seeded};

#[cfg(test)]
mod tests;
