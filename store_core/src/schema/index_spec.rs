//! An index that is asked for.

use super::build::check_has_case;
use super::{Index, Schema, check_name};
use crate::error::{Error, Result};
use crate::options::INDEX_PATIENCE;
use std::time::Duration;

/// An index to make over columns of a table that is there; see
/// [`Table::create_index`](crate::Table::create_index).
///
/// ```
/// # use store_core::IndexSpec;
/// let spec = IndexSpec::on(&["origin", "altitude"]).name("by_origin").unique();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct IndexSpec {
    columns: Vec<String>,
    name: Option<String>,
    pub(crate) unique: bool,
    nocase: bool,
    pub(crate) patience: Duration,
}

impl IndexSpec {
    /// An index over these columns, most significant first.
    pub fn on<C: AsRef<str>>(columns: &[C]) -> Self {
        let columns = columns.iter().map(|column| column.as_ref().to_owned()).collect();
        Self { columns, name: None, unique: false, nocase: false, patience: INDEX_PATIENCE }
    }

    /// Its name; else the columns' names with `+` between them, and ` nocase` behind if it is that.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// No two rows may hold equal values; values with a NULL never collide.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Upper and lower case are equal in its text columns; it needs one.
    pub fn nocase(mut self) -> Self {
        self.nocase = true;
        self
    }

    /// How long to wait for transactions of others before giving up; 10 s unless this is called.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The index in this schema, with this number.
    pub(crate) fn bind(&self, schema: &Schema, id: u32) -> Result<Index> {
        let table = &schema.table;
        if self.columns.is_empty() {
            return Err(Error::invalid(format!("an index of `{table}` needs a column at least")));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            let position = schema.column_position(name)?;
            if position >= schema.visible_len() {
                return Err(Error::invalid(format!(
                    "column \"{name}\" of `{table}` is its hidden key, which needs no index"
                )));
            }
            if columns.contains(&position) {
                return Err(Error::invalid(format!("column \"{name}\" twice in one index")));
            }
            columns.push(position);
        }
        let name = self.name.clone().unwrap_or_else(|| schema.index_name(&columns, self.nocase));
        check_name("index", &name)?;
        if let Some(known) = schema.indexes.iter().find(|known| known.name == name) {
            return Err(taken(table, &known.name, "exists already"));
        }
        let same = |known: &&Index| known.columns == columns && known.nocase == self.nocase;
        if let Some(known) = schema.indexes.iter().find(same) {
            return Err(taken(table, &known.name, "is over the same columns: drop it first"));
        }
        let index = Index { id, name, columns, unique: self.unique, nocase: self.nocase };
        check_has_case(schema, &index)?;
        Ok(index)
    }
}

fn taken(table: &str, name: &str, why: &str) -> Error {
    Error::duplicate(format!("index `{name}` of `{table}` {why}")).detail(table).detail(name)
}
