//! Opening the table of a record: made from its schema, or checked against it.

use super::{Record, TypedTable};
use crate::error::{Error, Kind, Result};
use crate::schema::{Index, Schema};
use crate::store::Store;
use crate::table::Table;

impl Store {
    /// The table of this record, made if there is none.
    ///
    /// A table that exists must have the record's columns (name, type, notnull, in order), its key and
    /// its indexes; otherwise the error names the first difference. It may have more indexes. Column
    /// defaults are not compared: a record always gives every column.
    pub fn table<R: Record>(&self) -> Result<TypedTable<R>> {
        let declared = R::schema()?;
        let table = match self.open_table(&declared.table) {
            Err(error) if error.kind() == Kind::NotFound => self.create_or_open(&declared)?,
            opened => opened?,
        };
        if let Some(difference) = first_difference(&declared, table.schema()) {
            let record = std::any::type_name::<R>();
            return Err(Error::invalid(format!(
                "record `{record}` does not fit table `{}`: {difference}",
                table.name()
            ))
            .detail(table.name()));
        }
        Ok(TypedTable::new(table.bound()))
    }

    fn create_or_open(&self, declared: &Schema) -> Result<Table> {
        match self.create_table(declared.clone()) {
            // Another thread made it in between.
            Err(error) if error.kind() == Kind::Duplicate => self.open_table(&declared.table),
            created => created,
        }
    }
}

/// What a table has that its record declares otherwise, in words.
fn first_difference(declared: &Schema, found: &Schema) -> Option<String> {
    column_difference(declared, found)
        .or_else(|| key_difference(declared, found))
        .or_else(|| index_difference(declared, found))
}

fn column_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let pairs = declared.visible_columns().zip(found.visible_columns());
    for (at, (ours, theirs)) in pairs.enumerate() {
        let (name, number) = (&ours.name, at + 1);
        if *name != theirs.name {
            let theirs = &theirs.name;
            return Some(format!("column {number} is \"{theirs}\" there, \"{name}\" here"));
        }
        if ours.ty != theirs.ty {
            return Some(format!("column \"{name}\" is {} there, {} here", theirs.ty, ours.ty));
        }
        if ours.notnull != theirs.notnull {
            let word = |notnull| if notnull { "notnull" } else { "nullable" };
            let (theirs, ours) = (word(theirs.notnull), word(ours.notnull));
            return Some(format!("column \"{name}\" is {theirs} there, {ours} here"));
        }
    }
    let more = |schema: &Schema, than: &Schema| {
        schema.visible_columns().nth(than.visible_len()).map(|column| column.name.clone())
    };
    let missing = more(declared, found).map(|name| format!("column \"{name}\" is not there"));
    missing.or_else(|| more(found, declared).map(|name| format!("column \"{name}\" is not here")))
}

fn key_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let key = |schema: &Schema| {
        if schema.has_hidden_key() { "hidden".to_owned() } else { names(schema, &schema.key) }
    };
    let (ours, theirs) = (key(declared), key(found));
    (ours != theirs).then(|| format!("the key is {theirs} there, {ours} here"))
}

/// Each of the record's indexes must be there, over the same columns, with or without case; names
/// and order do not matter.
fn index_difference(declared: &Schema, found: &Schema) -> Option<String> {
    let twin = |index: &Index, of: &Schema| {
        let same = |known: &&Index| known.columns == index.columns && known.nocase == index.nocase;
        of.indexes.iter().find(same).map(|known| known.unique)
    };
    let word = |unique| if unique { "unique" } else { "not unique" };
    for index in &declared.indexes {
        let columns = index_columns(declared, index);
        match twin(index, found) {
            None => {
                return Some(format!(
                    "an index over {columns} is not there (`Table::create_index` makes it)"
                ));
            }
            Some(unique) if unique != index.unique => {
                let (theirs, ours) = (word(unique), word(index.unique));
                return Some(format!("the index over {columns} is {theirs} there, {ours} here"));
            }
            Some(_) => {}
        }
    }
    None // indexes that the table has besides are its own affair
}

fn index_columns(schema: &Schema, index: &Index) -> String {
    names(schema, &index.columns) + if index.nocase { " nocase" } else { "" }
}

fn names(schema: &Schema, columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|at| schema.columns[*at].name.as_str()).collect();
    format!("({})", names.join(", "))
}
