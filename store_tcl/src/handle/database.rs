//! An open store, and the transaction that calls on it join.

use super::open_stores::Listed;
use super::table::TableHandle;
use crate::args::dispatch;
use crate::command::database;
use crate::stubs::{Code, Handler, Interp, Obj, OwnCommand};
use std::cell::{Cell, Ref, RefCell};
use std::rc::{Rc, Weak};
use store_core::{
    Error, Kind, Lost, Query, Result, Retry, RowRef, Savepoint, Snapshot, Store, Table, Txn,
    TxnOptions, Value, ValueRef,
};

/// What a database command stands for.
pub struct Database {
    name: String,
    store: RefCell<Option<Store>>,
    /// Has it made durable when the process ends.
    listed: RefCell<Option<Listed>>,
    /// The transaction of `db transaction`, which every call joins.
    txn: RefCell<Option<Txn>>,
    /// Handles to let go of when the store is closed.
    tables: RefCell<Vec<Weak<TableHandle>>>,
    next_table: Rc<Cell<u64>>,
    command: OwnCommand,
}

impl Database {
    /// A handle of this command name; `next_table` numbers table commands in the interpreter.
    pub fn new(name: String, store: Store, next_table: Rc<Cell<u64>>) -> Rc<Self> {
        Rc::new(Self {
            name,
            listed: RefCell::new(Some(Listed::new(&store))),
            store: RefCell::new(Some(store)),
            txn: RefCell::default(),
            tables: RefCell::default(),
            next_table,
            command: OwnCommand::default(),
        })
    }

    /// The command's name when it was made.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store, unless it was closed.
    pub fn store(&self) -> Result<Store> {
        let store = self.store.borrow();
        store.clone().ok_or_else(|| closed(&self.name))
    }

    /// Lets go of the store, its tables and an open transaction, which rolls back. After an error
    /// commits that were not acknowledged as durable may be lost; it is closed all the same.
    pub fn close(&self) -> Result<()> {
        let tables = self.tables.take();
        tables.iter().filter_map(Weak::upgrade).for_each(|table| table.forget());
        drop((self.txn.take(), self.listed.take()));
        self.store.take().map_or(Ok(()), |store| store.close())
    }

    /// Deletes the command, which closes the store.
    pub fn delete_command(&self) {
        self.command.delete();
    }

    /// Makes a command for a table and gives its name.
    pub fn add_table(self: &Rc<Self>, interp: &Interp, table: Table) -> Obj {
        let name = free_name(interp, "store_table", &self.next_table);
        let handle = TableHandle::new(Rc::clone(self), table);
        let mut tables = self.tables.borrow_mut();
        tables.retain(|known| known.strong_count() > 0);
        tables.push(Rc::downgrade(&handle));
        drop(tables);
        interp.create_command(&name, handle);
        Obj::from_text(&name)
    }

    // ---- transactions

    /// True inside `transaction`.
    pub fn in_transaction(&self) -> bool {
        self.txn.borrow().is_some()
    }

    /// Refuses what commits by itself while a transaction is open.
    pub fn refuse_in_transaction(&self, what: &str) -> Result<()> {
        if self.in_transaction() {
            return Err(Error::invalid(format!("{what} cannot be part of a transaction")));
        }
        Ok(())
    }

    /// The attempts of a transaction's script.
    pub fn retry(&self, options: TxnOptions) -> Result<Retry> {
        Ok(self.store()?.retry(options))
    }

    /// Every call on this database is part of this transaction from now on.
    pub fn enter(&self, txn: Txn) {
        *self.txn.borrow_mut() = Some(txn);
    }

    /// Commits it.
    pub fn commit(&self) -> Result<()> {
        let txn = self.txn.take().ok_or_else(|| closed(&self.name))?;
        txn.commit().map(drop)
    }

    /// Undoes it; what it lost, if it did.
    pub fn rollback(&self) -> Lost {
        self.txn.take().map_or_else(Lost::default, |txn| Lost::of(&txn))
    }

    /// Marks a point of it.
    pub fn savepoint(&self) -> Result<Savepoint> {
        self.with_txn(Txn::savepoint)
    }

    /// Keeps what was done since the savepoint.
    pub fn release(&self, savepoint: Savepoint) -> Result<()> {
        self.with_txn(|txn| txn.release(savepoint))
    }

    /// Undoes what was done since the savepoint.
    pub fn rollback_to(&self, savepoint: Savepoint) -> Result<()> {
        self.with_txn(|txn| txn.rollback_to(savepoint))
    }

    fn with_txn<T>(&self, work: impl FnOnce(&mut Txn) -> Result<T>) -> Result<T> {
        let mut txn = self.txn.borrow_mut();
        work(txn.as_mut().ok_or_else(|| closed(&self.name))?)
    }

    // ---- reading and writing

    /// Writes in the open transaction, or in one of its own.
    pub fn write<T>(&self, mut work: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        if let Some(txn) = self.txn.borrow_mut().as_mut() {
            return work(txn);
        }
        self.store()?.write(work)
    }

    /// The table with the columns that the open transaction sees, or that there are now.
    pub fn bind(&self, table: &Table) -> Result<Table> {
        match &*self.txn.borrow() {
            Some(txn) => table.bound_at(txn),
            None => table.bound_at(&self.store()?.snapshot()?),
        }
    }

    /// What a read sees: the open transaction, or everything committed until now.
    pub fn view(&self) -> Result<View<'_>> {
        let txn = self.txn.borrow();
        match Ref::filter_map(txn, Option::as_ref) {
            Ok(txn) if txn.is_doomed() => {
                Err(Error::conflict("this transaction lost a conflict and can only be rolled back"))
            }
            Ok(txn) => Ok(View::Txn(txn)),
            Err(_) => Ok(View::Snapshot(self.store()?.snapshot()?)),
        }
    }
}

impl Handler for Database {
    fn own_command(&self) -> &OwnCommand {
        &self.command
    }

    fn call(self: Rc<Self>, interp: &Interp, words: &[Obj]) -> Code {
        dispatch(database::SUBCOMMANDS, &self, interp, words)
    }

    fn deleted(&self) {
        // Nobody is left to be told; `db close` tells.
        let _: Result<()> = self.close();
    }
}

/// What a read sees. Not to be held while a script runs.
pub enum View<'d> {
    /// The open transaction.
    Txn(Ref<'d, Txn>),
    /// A snapshot of its own.
    Snapshot(Snapshot),
}

impl View<'_> {
    /// A query through this view.
    pub fn query(&self, table: &Table) -> Query<'_> {
        match self {
            Self::Txn(txn) => table.query(&**txn),
            Self::Snapshot(snapshot) => table.query(snapshot),
        }
    }

    /// The lowest and the highest value of an index.
    pub fn index_span(
        &self,
        table: &Table,
        name: &str,
    ) -> Result<Option<(Vec<Value>, Vec<Value>)>> {
        match self {
            Self::Txn(txn) => table.index_span(&**txn, name),
            Self::Snapshot(snapshot) => table.index_span(snapshot, name),
        }
    }

    /// Shows the row with this key to `read`; `None` if there is none.
    pub fn get<T>(
        &self,
        table: &Table,
        key: &[ValueRef<'_>],
        read: impl FnOnce(RowRef<'_>) -> T,
    ) -> Result<Option<T>> {
        let row = match self {
            Self::Txn(txn) => table.get(&**txn, key)?,
            Self::Snapshot(snapshot) => table.get(snapshot, key)?,
        };
        Ok(row.map(|row| read(row.as_ref())))
    }
}

/// The error of a call on something closed.
pub fn closed(name: &str) -> Error {
    Error::new(Kind::Closed, format!("the store \"{name}\" was closed")).detail(name)
}

/// The next command name of this kind that is free, fully qualified.
pub fn free_name(interp: &Interp, kind: &str, counter: &Cell<u64>) -> String {
    loop {
        counter.set(counter.get() + 1);
        let name = format!("::{kind}{}", counter.get());
        if !interp.has_command(&name) {
            return name;
        }
    }
}
