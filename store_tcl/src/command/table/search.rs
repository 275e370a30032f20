//! `$table search ?-compare CLAUSES? ?-sort COLUMNS? … ?-code SCRIPT?`
//!
//! Runs the script for each row that matches, with the variables that are asked for:
//!
//! ```text
//! -key VAR        the key, a list if it has several columns
//! -get VAR        the values, NULL as the empty string
//! -array_get VAR  names and values, without NULLs; -dict VAR is the same
//! -array VAR      an array of these, emptied before each row
//! ```
//!
//! With `-update {column value ...}` every row that matches gets these values, with `-delete 1` it is
//! deleted: all of them or none, in a transaction of its own unless one is open.
//!
//! `-poll_code` and `-poll_interval`: see [`super::poll`]. `-index NAME` walks that index.
//!
//! Returns the number of rows matched, offset and limit applied; after `break`, of those handed
//! out. Without a script, or with `-countOnly 1`, it just counts.
//!
//! The script may do anything, also yield in a coroutine: it sees rows as they were when the search began, also if it
//! changes them, destroys the handle or closes the store. Outside a transaction rows stream from a
//! snapshot; inside one they are read before the first is handed out.

use super::poll::Poll;
use super::query::{OPTIONS, Question};
use super::set::read_pairs;
use crate::args::{Call, Options, Subcommand};
use crate::cell::{Cell, borrow_all, cell_obj, column_names, column_positions, count_obj, key_obj};
use crate::failure::{Failure, Outcome, Reply, report};
use crate::handle::{Database, TableHandle, View};
use crate::stubs::{Body, Code, Interp, Obj, Turn};
use store_core::{Cursor, Error, Query, Result, RowRef, Schema, Table, Value};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "search",
    words: "",
    count: 0..=0,
    options: OPTIONS,
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let question = Question::read(&call.options, table.schema())?;
    let picker = Picker::read(&call.options, table.schema())?;
    let count_only = call.options.boolean("-countOnly")?;
    let database = call.handle.database();
    if let Some(change) = Change::read(&call.options, table.schema())? {
        return Ok(count_obj(change.apply(database, &table, &question)?).into());
    }
    let (interp, poll) = (call.interp, Poll::read(&call.options, database)?);
    match call.options.get("-code") {
        Some(code) if !count_only => {
            let rows =
                Rows::start(database, &table, &question, &picker, |query| poll.ask(interp, query));
            let rows = rows.map_err(|error| poll.failure(interp, error))?;
            let loop_body = ForEach { rows, picker, poll, code: code.clone(), count: 0 };
            Ok(Reply::Script(interp.run_loop(Box::new(loop_body))))
        }
        _ => {
            let view = database.view()?;
            let count = poll.ask(interp, question.ask(view.query(&table))?).count();
            Ok(count_obj(count.map_err(|error| poll.failure(interp, error))?).into())
        }
    }
}

/// What is done to every row that matches.
enum Change {
    Update(Vec<usize>, Vec<Value>),
    Delete,
}

impl Change {
    /// Reads `-update` and `-delete`, which stand alone.
    fn read(options: &Options<'_>, schema: &Schema) -> Result<Option<Self>> {
        let (update, delete) = (options.get("-update"), options.boolean("-delete")?);
        let word = match (update, delete) {
            (None, false) => return Ok(None),
            (Some(_), _) => "-update",
            (None, true) => "-delete",
        };
        let beside = [
            ("-delete", update.is_some() && delete),
            ("-code", options.has("-code")),
            ("-countOnly", options.boolean("-countOnly")?),
        ];
        if let Some((other, _)) = beside.into_iter().find(|(_, given)| *given) {
            return Err(Error::invalid(format!("{word} cannot stand with {other}")).detail(word));
        }
        let Some(update) = update else { return Ok(Some(Self::Delete)) };
        let words = update.list()?;
        let (columns, cells) = read_pairs(schema, &words)?;
        Ok(Some(Self::Update(columns, cells.into_iter().map(Cell::into_value).collect())))
    }

    fn apply(&self, database: &Database, table: &Table, question: &Question) -> Result<u64> {
        database.write(|txn| match self {
            Self::Update(columns, cells) => {
                table.update_found(txn, |all| question.ask(all), columns, &borrow_all(cells))
            }
            Self::Delete => table.delete_found(txn, |all| question.ask(all)),
        })
    }
}

/// Hands the rows to the script, one by one. Nothing of the store is borrowed meanwhile.
struct ForEach {
    rows: Rows,
    picker: Picker,
    poll: Poll,
    code: Obj,
    /// Rows handed out.
    count: u64,
}

impl ForEach {
    /// What the loop ends with, or `None` if the script is to run for the next row.
    fn turn(
        &mut self,
        interp: &Interp,
        ended: Option<Code>,
    ) -> std::result::Result<Option<Reply>, Failure> {
        match ended {
            None | Some(Code::OK | Code::CONTINUE) => {}
            Some(Code::BREAK) => return Ok(Some(count_obj(self.count).into())),
            Some(Code::ERROR) => {
                interp.add_error_info("\n    (\"search\" body)");
                return Err(Failure::Tcl);
            }
            Some(other) => return Ok(Some(Reply::Script(other))),
        }
        let row = self.rows.next(&self.picker);
        let Some(row) = row.map_err(|error| self.poll.failure(interp, error))? else {
            return Ok(Some(count_obj(self.count).into()));
        };
        self.count += 1;
        self.picker.set_variables(interp, &row)?;
        Ok(None)
    }
}

impl Body for ForEach {
    fn next(&mut self, interp: &Interp, ended: Option<Code>) -> Turn {
        match self.turn(interp, ended) {
            Ok(None) => Turn::Run(self.code.clone()),
            Ok(Some(reply)) => Turn::Done(report(interp, Ok(reply))),
            Err(failure) => Turn::Done(report(interp, Err(failure))),
        }
    }
}

/// The rows of a search with a script.
enum Rows {
    Streamed(Box<Cursor<'static>>),
    Collected(std::vec::IntoIter<Picked>),
}

/// What a script gets of a row.
struct Picked {
    key: Option<Obj>,
    /// `None` is NULL.
    values: Vec<Option<Obj>>,
}

impl Rows {
    fn start(
        database: &Database,
        table: &Table,
        question: &Question,
        picker: &Picker,
        poll: impl FnOnce(Query<'static>) -> Query<'static>,
    ) -> Result<Self> {
        match database.view()? {
            View::Snapshot(snapshot) => {
                let cursor = poll(question.ask(table.query_at(&snapshot))?).run()?;
                Ok(Self::Streamed(Box::new(cursor)))
            }
            view @ View::Txn(_) => {
                let mut cursor = question.ask(view.query(table))?.run()?;
                let mut rows = Vec::new();
                while let Some(row) = cursor.next()? {
                    rows.push(picker.pick(&row));
                }
                Ok(Self::Collected(rows.into_iter()))
            }
        }
    }

    fn next(&mut self, picker: &Picker) -> Result<Option<Picked>> {
        match self {
            Self::Streamed(cursor) => Ok(cursor.next()?.map(|row| picker.pick(&row))),
            Self::Collected(rows) => Ok(rows.next()),
        }
    }
}

/// Which columns go to which variables.
struct Picker {
    columns: Vec<usize>,
    names: Vec<Obj>,
    key: Option<Obj>,
    get: Option<Obj>,
    array: Option<Obj>,
    /// The variables that get names and values.
    pairs: Vec<Obj>,
}

impl Picker {
    fn read(options: &Options<'_>, schema: &Schema) -> Result<Self> {
        let fields = options.get("-fields").map_or(Ok(Vec::new()), Obj::list)?;
        let mut columns = column_positions(schema, &fields)?;
        let variable = |word: &str| options.get(word).cloned();
        let pairs: Vec<Obj> = ["-array_get", "-dict"].into_iter().filter_map(variable).collect();
        let (key, get, array) = (variable("-key"), variable("-get"), variable("-array"));
        if get.is_none() && array.is_none() && pairs.is_empty() {
            columns.clear();
        }
        let names = column_names(schema, &columns);
        Ok(Self { columns, names, key, get, array, pairs })
    }

    fn pick(&self, row: &RowRef<'_>) -> Picked {
        let value = |column: &usize| {
            let value = row.get(*column);
            (!value.is_null()).then(|| cell_obj(value))
        };
        Picked {
            key: self.key.as_ref().map(|_| key_obj(row)),
            values: self.columns.iter().map(value).collect(),
        }
    }

    /// Sets the variables; a trace on one may be any script.
    fn set_variables(&self, interp: &Interp, row: &Picked) -> std::result::Result<(), Failure> {
        let set = |name: &Obj, element: Option<&Obj>, value: &Obj| {
            if interp.set_variable(name, element, value) { Ok(()) } else { Err(Failure::Tcl) }
        };
        if let (Some(name), Some(key)) = (&self.key, &row.key) {
            set(name, None, key)?;
        }
        if let Some(name) = &self.get {
            let null = Obj::from_text("");
            let values: Vec<Obj> =
                row.values.iter().map(|value| value.as_ref().unwrap_or(&null).clone()).collect();
            set(name, None, &Obj::from_list(&values))?;
        }
        if !self.pairs.is_empty() {
            let known = self.names.iter().zip(&row.values);
            let words: Vec<Obj> = known
                .filter_map(|(name, value)| Some([name.clone(), value.clone()?]))
                .flatten()
                .collect();
            let pairs = Obj::from_list(&words);
            self.pairs.iter().try_for_each(|name| set(name, None, &pairs))?;
        }
        if let Some(array) = &self.array {
            interp.unset_variable(array);
            for (name, value) in self.names.iter().zip(&row.values) {
                let Some(value) = value else { continue };
                set(array, Some(name), value)?;
            }
        }
        Ok(())
    }
}
