//! `$table incr KEY ?column amount ...?`
//!
//! Adds to columns of a row, all of them or none, and gives the new values as a list. Without its
//! amount a single column grows by 1. An integer column takes integers, a float column any number;
//! NULL counts as 0. A sum that the column cannot hold is the error `STORE TYPE table column`, an
//! unknown key `STORE NOT_FOUND table key`. A transaction of its own unless one is open.

use super::no_row;
use crate::args::{Call, Subcommand};
use crate::cell::{Cell, borrow_all, cell_obj, read_cell, read_key};
use crate::failure::Outcome;
use crate::handle::TableHandle;
use crate::stubs::Obj;
use store_core::{Error, Result, Schema, Type, Value, ValueRef};

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "incr",
    words: "KEY ?column amount ...?",
    count: 1..=usize::MAX,
    options: &[],
    options_first: false,
    run,
};

fn run(call: &Call<'_, TableHandle>) -> Outcome {
    let table = call.handle.table()?;
    let key = read_key(table.schema(), &call.words[0])?;
    let (columns, amounts) = read_amounts(table.schema(), &call.words[1..])?;
    let (key, amounts) = (borrow_all(&key), borrow_all(&amounts));
    let database = call.handle.database();
    let sums = database.write(|txn| table.incr_columns(txn, &key, &columns, &amounts))?;
    let sums = sums.ok_or_else(|| no_row(&table, &call.words[0]))?;
    let sums: Vec<Obj> = sums.iter().map(|sum| cell_obj(sum.as_ref())).collect();
    Ok(Obj::from_list(&sums).into())
}

/// Reads alternating column names and amounts.
fn read_amounts(schema: &Schema, words: &[Obj]) -> Result<(Vec<usize>, Vec<Value>)> {
    if let [column] = words {
        return Ok((vec![schema.column_position(&column.text()?)?], vec![Value::Int(1)]));
    }
    let pairs = words.chunks_exact(2);
    if let [odd] = pairs.remainder() {
        let message = format!("no amount for column \"{}\"", odd.shown());
        return Err(Error::invalid(message).detail(&schema.table));
    }
    let (mut columns, mut amounts) = (Vec::new(), Vec::new());
    for pair in pairs {
        let column = schema.column_position(&pair[0].text()?)?;
        columns.push(column);
        amounts.push(read_amount(schema, column, &pair[1])?);
    }
    Ok((columns, amounts))
}

/// An amount may be beyond the column's range where the sum is not.
fn read_amount(schema: &Schema, column: usize, amount: &Obj) -> Result<Value> {
    let spec = &schema.columns[column];
    let ty = match spec.ty {
        Type::Int16 | Type::Int32 | Type::Int64 => Type::Int64,
        Type::Float32 | Type::Float64 => Type::Float64,
        _ => return Ok(Value::Int(1)), // whatever the amount, the column is no number
    };
    let read = read_cell(amount, ty).map(Cell::into_value);
    let read = read.and_then(|value| match value.as_ref() {
        ValueRef::Null => Err(Error::type_mismatch("the amount is empty")),
        _ => Ok(value),
    });
    read.map_err(|error| {
        let place = format!("column \"{}\"", spec.name);
        error.at(place).detail(&schema.table).detail(&spec.name)
    })
}
