//! The Tcl extension of `store`, for Tcl 8.6 and 9.0 from one shared object.
//!
//! ```tcl
//! package require store
//! store open db ./flights.db -memory 512MB
//! set flights [db table create flights {{id text -key} {altitude int -index}}]
//! $flights set UAL123 altitude 35000
//! $flights search -compare {{> altitude 10000}} -array_get row -code { puts $row }
//! db close
//! ```
//!
//! A call goes downwards through these modules; only `stubs` is unsafe:
//!
//! ```text
//! command   one file per subcommand: package (`store`), database (`db`), table (`$flights`)
//! args      subcommand and option tables: dispatch, parsing, usage and messages
//! handle    what stands behind the commands: open stores with their transaction, tables
//! cell      Tcl values as cells of a type, and back
//! failure   errors as `errorCode {STORE KIND …}`; panics caught
//! stubs     raw Tcl; `text` its string encoding
//! ```
//!
//! `REFERENCE.md` beside this crate describes every subcommand and option.
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(unsafe_code)]

#[cfg(test)]
mod anomalies;
mod args;
mod cell;
mod command;
mod failure;
mod handle;
mod stubs;
mod text;
