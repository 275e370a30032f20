//! `$table column …`: columns of a table in use.

pub mod add;
pub mod drop;
