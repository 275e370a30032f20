//! The `store` command as a user meets it: the built binary, its files, outputs and exit codes.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]
#![expect(clippy::format_collect, reason = "small inputs are made once a test")]

mod durable;
mod formats;
mod generate;
mod ingest;
mod place;
mod query;
mod readme;
mod refusals;
mod types;
mod upkeep;
