//! What stands behind the commands: an open store with its transaction, and its tables.
//!
//! Handles are counted: the command holds one reference, each call in progress another. Nothing
//! here is borrowed while a script runs.

mod database;
mod open_stores;
mod table;

pub use database::{Database, View, free_name};
pub use open_stores::sync_all;
pub use table::TableHandle;
