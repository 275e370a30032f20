//! Memory: the budget, pages from one pool, blocks of size classes, and epochs.

pub(crate) mod arena;
pub mod budget;
pub(crate) mod cell;
pub(crate) mod epoch;
pub(crate) mod layout;
pub(crate) mod page_pool;
pub(crate) mod region;
pub(crate) mod slab;

pub use budget::{Holder, HolderUsage, MemoryBudget, Reservation};
