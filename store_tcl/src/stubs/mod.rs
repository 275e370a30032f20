//! Raw Tcl: the only unsafe code of this crate.
//!
//! ```text
//! interpreter ─► its stub table ─► checked once (magic of 8 or 9) ─► Interp, Obj, commands
//! ```
//!
//! We read the table from the interpreter ourselves, so that one shared object loads in Tcl 8.6
//! and 9.0 and the build needs no Tcl. What follows from that, and holds everywhere here:
//!
//! - Fields of `Tcl_Obj` are never touched; reference counts change through the `Db` slots.
//! - Slots that give a length through `int *` do so in both versions; lengths passed by value are
//!   pointer-sized.
//! - An interpreter and its values belong to one thread: none of the types here is `Send`.
//! - No panic crosses into Tcl: [`command`] and [`entry`] catch it.
//! - Commands run on Tcl's trampoline (NRE): a loop over a script leaves the C stack while the script runs.
#![expect(unsafe_code, reason = "Tcl is a C library; everything above uses the safe types here")]

#[expect(non_snake_case, non_camel_case_types, reason = "the names are Tcl's")]
mod bindings;
mod command;
mod entry;
mod interp;
mod obj;
mod table;
#[cfg(test)]
pub mod testing;

pub use command::{Body, Handler, OwnCommand, Turn};
pub use interp::{Code, Interp, PreservedInterp};
pub use obj::Obj;
pub use table::is_tcl9;
