//! Operators of jobs: each within memory that it is given, whatever its input.

pub mod sort;
