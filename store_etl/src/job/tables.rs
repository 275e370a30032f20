//! Tables of stores as sources and sinks. A store that the caller has open is used as it is; another one is
//! opened once for a job, within a half of its memory, and followed if somebody else owns it.

use super::memory::STORE_SHARE;
use super::plan::{TablePlan, TableSink};
use crate::batch::Field;
use std::path::{Path, PathBuf};
use store_core::{Error, Kind, Result, Schema, Store, Type};

/// The stores that a job uses.
#[derive(Debug)]
pub(super) struct Stores {
    memory: u64,
    /// The caller's.
    given: Option<Store>,
    opened: Option<(PathBuf, Store)>,
}

impl Stores {
    /// None opened yet, within a job's memory.
    pub const fn within(memory: u64, given: Option<Store>) -> Self {
        Self { memory, given, opened: None }
    }

    /// True if a store was opened for this job.
    pub const fn has_opened(&self) -> bool {
        self.opened.is_some()
    }

    fn store(&mut self, db: &str) -> Result<Store> {
        let path = Path::new(db);
        if let Some(store) = self.given.as_ref().filter(|store| store.is_in(path)) {
            return Ok(store.clone());
        }
        if path == Path::new(":memory:") {
            let message = ":memory: is a store of the program that runs the job, and it gave none";
            return Err(Error::not_found(message).detail(db));
        }
        let path = path.canonicalize().map_err(|error| Error::io(db, error))?;
        if let Some((known, store)) = &self.opened {
            if *known == path {
                return Ok(store.clone());
            }
            return Err(Error::unsupported(
                "a job uses the tables of one store, besides the one its caller has open",
            ));
        }
        let store = self.open(db, &path)?;
        self.opened = Some((path, store.clone()));
        Ok(store)
    }

    /// Opens a store; if another process owns it, to read it as it is now.
    fn open(&self, db: &str, path: &Path) -> Result<Store> {
        let memory = self.memory / STORE_SHARE;
        let options = || Store::options().create(false).memory(memory);
        let opened = match options().open(path) {
            Err(error) if error.kind() == Kind::Busy => {
                options().read_only().keep_up(false).open(path)
            }
            opened => opened,
        };
        opened.map_err(|error| {
            let message =
                format!("{db}: {error} (a job gives a store half of its memory, {memory} bytes)");
            let told = error.kind() == Kind::OverBudget || error.kind() == Kind::Invalid;
            if told { Error::new(error.kind(), message) } else { error }
        })
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
        if store.is_read_only() {
            let given = self.given.as_ref().is_some_and(|given| given.is_same(&store));
            return Err(if given {
                Error::new(Kind::ReadOnly, format!("{db}: is open for reading only")).detail(db)
            } else {
                let message = format!("{db}: another process owns this store");
                Error::new(Kind::Busy, message).detail(db)
            });
        }
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
    use crate::expr::{is_decimal, is_float, is_integer};
    let number = is_integer(ty) || is_float(ty) || is_decimal(ty);
    column == ty
        || is_integer(column) && is_integer(ty)
        || is_float(column) && (is_integer(ty) || is_float(ty))
        || is_decimal(column) && number
}
