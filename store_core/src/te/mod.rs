//! Schedules with a proof: what a job needs at most, before it reads a byte (invariant I12).
//!
//! Tree evaluation lends the ideas: cut the work into blocks, bound the fan-in, bound what is live,
//! and choose what to keep and what to spill. Its register tricks, which compute again exponentially
//! often, are not used.
//!
//! ```text
//!  tasks ──► phases: sources, streaming operators, one breaker ──► a tree
//!  children in decreasing (peak − residual)                     (Liu 1986)
//!  memory of a phase = cap − base − what finished phases keep
//!  sort: arena A, blocks of P, fan-in K = (A − scratch) / (P + w), runs R = N / A,
//!        levels log_K R; two passes suffice when A ≥ √(N·P)
//!  hash: arena A, fan-out F, pages of P; levels until the keys of a partition fit a table
//! ```
//!
//! Everything here is arithmetic: no file, no memory, no clock.

mod hash_plan;
mod memory;
mod merge_pattern;
mod order;
mod schedule;
mod sort_plan;
mod task;

#[cfg(test)]
mod tests;

pub use hash_plan::{HashInput, HashPlan};
pub use memory::{Held, largest};
pub use merge_pattern::{MergeCost, merge_cost, next_merge, smallest_neighbours};
pub use order::{Requirement, order_children, peak_in_order};
pub use schedule::{Phase, Refused, Schedule, schedule};
pub use sort_plan::{SortCosts, SortInput, SortPlan, SortRefused};
pub use task::{Sizes, Task};
