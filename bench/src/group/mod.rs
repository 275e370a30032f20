//! The workloads, a file for each group.

mod batch;
mod beside;
mod bytes;
mod indexed;
mod many;
mod open;
mod queries;
mod reads;
mod scan;
mod threads;
mod updates;
mod ycsb;

use crate::engine::Engines;

/// What a group is.
pub type Run = fn(&Engines);

/// In the order of running; `indexed` changes what reads add up, so it is the last.
pub const GROUPS: [(&str, Run); 12] = [
    ("reads", reads::run),
    ("many", many::run),
    ("scan", scan::run),
    ("queries", queries::run),
    ("updates", updates::run),
    ("batch", batch::run),
    ("ycsb", ycsb::run),
    ("threads", threads::run),
    ("beside", beside::run),
    ("open", open::run),
    ("bytes", bytes::run),
    ("indexed", indexed::run),
];
