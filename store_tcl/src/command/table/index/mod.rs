//! `$table index …`: indexes of a table in use.
//!
//! An index is named by its name, or by the list of its columns.

pub mod count;
pub mod create;
pub mod drop;
pub mod indexable;
pub mod indexed;
pub mod list;
pub mod span;
pub mod unique;

use crate::stubs::Obj;
use store_core::{Index, Result, Schema};

/// The names of an index's columns, in order.
fn columns_of<'s>(schema: &'s Schema, index: &'s Index) -> impl Iterator<Item = &'s str> {
    index.columns.iter().map(|at| schema.columns[*at].name.as_str())
}

/// The index of this name, or over these columns.
fn find<'s>(schema: &'s Schema, word: &Obj) -> Result<&'s Index> {
    let columns = word.list().unwrap_or_default();
    let is_over = |index: &&Index| {
        columns.len() == index.columns.len()
            && columns.iter().zip(columns_of(schema, index)).all(|(word, name)| word.is(name))
    };
    let name = word.text()?;
    let named = schema.indexes.iter().find(|index| index.name == name);
    match named.or_else(|| schema.indexes.iter().find(is_over)) {
        Some(index) => Ok(index),
        None => schema.index(&name), // says what there is
    }
}

/// The index of this name or over these columns, if there is one; columns that are not there are
/// an error.
fn find_known<'s>(schema: &'s Schema, word: &Obj) -> Result<Option<&'s Index>> {
    if let Ok(index) = find(schema, word) {
        return Ok(Some(index));
    }
    for column in word.list()? {
        schema.column_position(&column.text()?)?;
    }
    Ok(None)
}
