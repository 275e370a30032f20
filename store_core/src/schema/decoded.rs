//! Schemas that come from a file: whatever the bytes say, nothing behind this needs to check again.

use super::build::{check_columns, check_has_case, check_index_names, check_positions};
use super::{Index, ROW_COLUMN, Schema, check_name};
use crate::error::{Error, Result};
use crate::value::Type;

impl Schema {
    /// Refuses, as damaged, what no [`SchemaBuilder`](super::SchemaBuilder) makes.
    pub(crate) fn check_decoded(&self) -> Result<()> {
        self.check_all().map_err(|fault| {
            let name: String = self.table.chars().take(40).collect();
            Error::corrupt(format!("the schema of table {name:?} makes no sense: {fault}"))
        })
    }

    /// The same for an index that was made later.
    pub(crate) fn check_decoded_index(&self, index: &Index) -> Result<()> {
        let mut with = self.clone();
        with.indexes.push(index.clone());
        with.check_decoded()
    }

    fn check_all(&self) -> Result<()> {
        let count = self.columns.len();
        let lists = self.indexes.iter().map(|index| &index.columns).chain([&self.key]);
        for list in lists {
            if list.is_empty() || list.iter().any(|at| *at >= count) {
                return Err(Error::invalid(
                    "a key or index over no column, or one that is not there",
                ));
            }
        }
        check_name("table", &self.table)?;
        let hidden = self.columns.iter().position(|column| column.name == ROW_COLUMN);
        match hidden {
            None => check_columns(self)?,
            Some(at) => {
                let ty = self.columns[at].ty;
                if at + 1 != count || self.key != [at] || ty != Type::Int64 {
                    return Err(Error::invalid("its hidden key is none"));
                }
                let columns = self.columns[..at].to_vec();
                check_columns(&Self { columns, ..self.clone() })?;
            }
        }
        if self.key.iter().any(|at| !self.columns[*at].notnull) {
            return Err(Error::invalid("its key may be NULL"));
        }
        check_positions(self)?;
        self.indexes.iter().try_for_each(|index| check_has_case(self, index))?;
        check_index_names(self)?;
        let mut ids: Vec<u32> = self.columns.iter().map(|column| column.id).collect();
        let mut numbers: Vec<u32> = self.indexes.iter().map(|index| index.id).collect();
        for list in [&mut ids, &mut numbers] {
            list.sort_unstable();
            if list.windows(2).any(|pair| pair[0] == pair[1]) || list.last() == Some(&u32::MAX) {
                return Err(Error::invalid("two columns or indexes have one number"));
            }
        }
        Ok(())
    }
}
