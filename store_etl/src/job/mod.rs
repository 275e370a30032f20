//! Jobs: a list of steps, as YAML or made by a program, checked whole before anything is read.
//!
//! ```text
//! YAML ─► tree with places ─► Spec: steps, typed ─► Plan: steps bound to columns ─► rules ─► Lowered
//! text      yaml.rs             spec.rs, read.rs      plan.rs                        rules.rs   lower.rs
//! ```
//!
//! Every error of a job file names the file, line and column and shows the line. What a job takes in memory
//! is stated before it runs ([`Explain`]); a cap below that is refused with the smallest one that works.

mod bytes;
mod columnar;
mod explain;
mod explain_spill;
mod files;
mod group_plan;
mod join_plan;
mod line_plan;
mod lower;
mod make;
mod memory;
mod options;
mod parent;
mod plan;
mod read;
mod rule_of_threads;
mod rules;
mod rules_of_joins;
mod scan_schema;
mod spec;
mod tables;
mod whole;
mod width;
mod yaml;

pub use bytes::parse_bytes;
pub(crate) use columnar::{SINK_BATCHES, open_columns, places};
pub use explain::Explain;
pub(crate) use files::InputFile;
pub(crate) use line_plan::LinePlan;
pub use make::{JobBuilder, Scan, Sink};
pub(crate) use memory::{MemoryPlan, SINK_BUFFER_BYTES, TOP_SHARE};
pub use options::{JobOptions, ProgressCallback, THREADS_MAX};
pub(crate) use parent::Parent;
pub(crate) use plan::{Plan, ScanPlan, SinkPlan, TablePlan, TableSink};
pub(crate) use scan_schema::{COLUMNS_MAX, unique_names};
pub(crate) use spec::{FileFormat, OnBadRow};
pub use whole::Job;
pub(crate) use whole::{SpillPlace, operators, written_sort};

#[cfg(test)]
mod tests;
