//! Operators of jobs: each within memory that it is given, whatever its input.

pub mod aggregate;
pub mod join;
mod key;
mod pool;
pub mod sort;
