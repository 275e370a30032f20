//! The commands: one module per command, one file per subcommand.

pub mod database;
pub mod package;
mod progress;
pub mod table;
