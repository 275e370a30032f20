//! Memory: the budget, pages from one pool, blocks of size classes, and epochs.

pub mod budget;
pub(crate) mod epoch;

pub use budget::{Holder, HolderUsage, MemoryBudget, Reservation};
