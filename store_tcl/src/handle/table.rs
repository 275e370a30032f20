//! A table's command.

use super::database::{Database, closed};
use crate::args::dispatch;
use crate::command::table;
use crate::stubs::{Code, Handler, Interp, Obj, OwnCommand};
use std::cell::RefCell;
use std::rc::Rc;
use store_core::{Result, Table};

/// What a table command stands for.
pub struct TableHandle {
    database: Rc<Database>,
    /// `None` once the store was closed.
    table: RefCell<Option<Table>>,
    command: OwnCommand,
}

impl TableHandle {
    pub(super) fn new(database: Rc<Database>, table: Table) -> Rc<Self> {
        Rc::new(Self { database, table: RefCell::new(Some(table)), command: OwnCommand::default() })
    }

    /// The store it belongs to.
    pub fn database(&self) -> &Rc<Database> {
        &self.database
    }

    /// The table with the columns that the call sees, unless its store was closed or it was dropped.
    pub fn table(&self) -> Result<Table> {
        match &*self.table.borrow() {
            Some(table) => self.database.bind(table),
            None => Err(closed(self.database.name())),
        }
    }

    /// Deletes the command; the table stays in the store.
    pub fn delete_command(&self) {
        self.command.delete();
    }

    /// Lets go of the table: its store is closing.
    pub(super) fn forget(&self) {
        drop(self.table.take());
    }
}

impl Handler for TableHandle {
    fn own_command(&self) -> &OwnCommand {
        &self.command
    }

    fn call(self: Rc<Self>, interp: &Interp, words: &[Obj]) -> Code {
        dispatch(table::SUBCOMMANDS, &self, interp, words)
    }

    fn deleted(&self) {
        self.forget();
    }
}
