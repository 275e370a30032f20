//! Jobs of the `store` command within a cap, beside other programs with as much memory as they like.
//!
//! ```text
//! settings ─► data ─► results: every output held against DuckDB's ─► rounds ─► table: medians, gates
//!             made       any that is wrong ends it                    cells, in turns
//! ```
//!
//! Every run is a process of its own, started by this small one, because the system counts what the
//! parent has into its children's peaks; nothing here holds more than a buffer of a file.

mod cell;
mod data;
mod job;
mod process;
mod results;
mod rounds;
mod settings;
pub mod soak;
mod table;

pub use cell::{Bench, Cell, Who};
pub use data::Data;
pub use job::{JOBS, Job};
pub use process::{Outcome, run};
pub use results::check;
pub use rounds::measure;
pub use settings::Settings;
pub use table::{header, print};

/// Bytes of a mebibyte.
pub const MIB: u64 = 1 << 20;
