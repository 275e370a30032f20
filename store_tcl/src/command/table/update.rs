//! `$table update KEY {column value ...} ?-compare CLAUSES? ?-where EXPR?`
//!
//! Changes columns of the row with this key, with conditions only if they are true for it: 1, or 0
//! if they are not or there is no such row. A transaction of its own unless one is open.

use super::query::read_predicate;
use super::set::read_pairs;
use crate::args::{Call, Subcommand, option};
use crate::cell::{Cell, borrow_all, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::ValueRef;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "update",
    words: "KEY {column value ...}",
    count: 2..=2,
    options: &[option("-compare", "CLAUSES"), option("-where", "EXPR")],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let schema = table.schema();
    let key = read_key(schema, &call.words[0])?;
    let words = call.words[1].list()?;
    let (columns, cells) = read_pairs(schema, &words)?;
    let predicate = read_predicate(&call.options, schema)?;
    let (key, cells) = (borrow_all(&key), cells.iter().map(Cell::as_ref));
    let cells: Vec<ValueRef<'_>> = cells.collect();
    let updated = call
        .handle
        .database()
        .write(|txn| table.update_columns_if(txn, &key, &predicate, &columns, &cells))?;
    Ok(Obj::from_int(i64::from(updated)).into())
}
