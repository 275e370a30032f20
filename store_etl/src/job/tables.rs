//! Tables of stores as sources and sinks. A store is opened once for a job, within a half of its memory.

use super::memory::STORE_SHARE;
use super::plan::{TablePlan, TableSink};
use crate::batch::Field;
use std::path::{Path, PathBuf};
use store_core::{Error, Kind, Result, Schema, Store, Type};

/// The stores that a job uses.
#[derive(Debug)]
pub(super) struct Stores {
    memory: u64,
    open: Vec<(PathBuf, Store)>,
}

impl Stores {
    /// None yet, within a job's memory.
    pub const fn within(memory: u64) -> Self {
        Self { memory, open: Vec::new() }
    }

    fn store(&mut self, db: &str) -> Result<Store> {
        let path = Path::new(db);
        let path = path.canonicalize().map_err(|error| Error::io(db, error))?;
        if let Some((_, store)) = self.open.iter().find(|(known, _)| *known == path) {
            return Ok(store.clone());
        }
        if !self.open.is_empty() {
            return Err(Error::unsupported("a job uses the tables of one store"));
        }
        let memory = self.memory / STORE_SHARE;
        let opened = Store::options().create(false).memory(memory).open(&path);
        let store = opened.map_err(|error| {
            let message =
                format!("{db}: {error} (a job gives a store half of its memory, {memory} bytes)");
            let told = error.kind() == Kind::OverBudget || error.kind() == Kind::Invalid;
            if told { Error::new(error.kind(), message) } else { error }
        })?;
        self.open.push((path, store.clone()));
        Ok(store)
    }

    /// A table to read.
    pub fn source(&mut self, db: &str, name: &str) -> Result<TablePlan> {
        let store = self.store(db)?;
        let table = store.open_table(name)?;
        let fields = fields_of(table.schema());
        let wanted = (0..fields.len()).collect();
        Ok(TablePlan { store, table, name: name.to_owned(), columns: fields, wanted })
    }

    /// A table to write these columns to.
    pub fn sink(&mut self, db: &str, name: &str, fields: &[Field]) -> Result<TableSink> {
        let store = self.store(db)?;
        let table = store.open_table(name)?;
        let schema = table.schema();
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            let at = schema.column_position(&field.name)?;
            let column = &schema.columns[at];
            if !takes(column.ty, field.ty) {
                return Err(Error::type_mismatch(format!(
                    "column \"{}\" of `{name}` is {}, and {} comes: write CAST",
                    field.name, column.ty, field.ty
                )));
            }
            columns.push(at);
        }
        let hidden = schema.has_hidden_key();
        let missing = schema.key.iter().find(|key| !hidden && !columns.contains(key));
        if let Some(key) = missing {
            let name = &schema.columns[*key].name;
            return Err(Error::invalid(format!(
                "no column for the key \"{name}\" of `{}`",
                schema.table
            )));
        }
        Ok(TableSink { store, table, columns })
    }
}

fn fields_of(schema: &Schema) -> Vec<Field> {
    let field = |column: &store_core::Column| Field {
        name: column.name.clone(),
        ty: column.ty,
        nullable: !column.notnull,
    };
    schema.visible_columns().map(field).collect()
}

/// True if some values of a type may be those of a column; each is checked.
fn takes(column: Type, ty: Type) -> bool {
    use crate::expr::is_number;
    column == ty || is_number(column) && is_number(ty)
}
