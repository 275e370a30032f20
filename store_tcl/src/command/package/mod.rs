//! `store`: the package's own command.

mod open;
mod version;

pub use open::files_refused;

use crate::args::{Subcommand, dispatch};
use crate::stubs::{Code, Handler, Interp, Obj, OwnCommand};
use std::cell::Cell;
use std::rc::Rc;

/// Every subcommand of `store`.
static SUBCOMMANDS: &[Subcommand<Package>] = &[open::SUBCOMMAND, version::SUBCOMMAND];

/// The package in one interpreter: the counters of names made up there.
#[derive(Default)]
pub struct Package {
    next_database: Cell<u64>,
    next_table: Rc<Cell<u64>>,
    command: OwnCommand,
}

impl Package {
    /// Makes the command `store`.
    pub fn install(interp: &Interp) {
        interp.create_command("::store", Rc::new(Self::default()));
    }
}

impl Handler for Package {
    fn own_command(&self) -> &OwnCommand {
        &self.command
    }

    fn call(self: Rc<Self>, interp: &Interp, words: &[Obj]) -> Code {
        dispatch(SUBCOMMANDS, &self, interp, words)
    }

    fn deleted(&self) {}
}
