//! placeholder

pub mod error;
pub mod mem;
pub mod schema;
mod sync;
pub mod value;

pub use error::{Error, Kind, Result};
pub use schema::{Column, Index, Schema, SchemaBuilder};
pub use value::{Type, Value, ValueRef};
