//! A column that is asked for, and what a schema is with it or without one.

use super::build::check_columns;
use super::{COLUMNS_MAX, Column, Schema};
use crate::error::{Error, Kind, Result};
use crate::options::CHANGE_PATIENCE;
use crate::value::{Type, Value};
use std::time::Duration;

/// A column to add to a table that is there; see
/// [`Table::add_column`](crate::Table::add_column).
///
/// ```
/// # use store_core::{ColumnSpec, Type};
/// let spec = ColumnSpec::new("squawk", Type::Int32).notnull().default(2000);
/// assert!(ColumnSpec::parse("squawk int32 notnull default 2000").is_ok());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ColumnSpec {
    column: Column,
    pub(crate) patience: Duration,
}

impl ColumnSpec {
    /// A column of this name and type, NULL in the rows that are there.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        let column = Column {
            id: 0,
            name: name.into(),
            ty,
            notnull: false,
            default: None,
            properties: Vec::new(),
        };
        Self { column, patience: CHANGE_PATIENCE }
    }

    /// Reads a column as [`Schema::parse`] does: its name, its type and its options. Key and indexes
    /// are not among these; [`Table::create_index`](crate::Table::create_index) makes an index of it.
    pub fn parse(text: &str) -> Result<Self> {
        let schema = Schema::parse("column", text)?;
        if !schema.has_hidden_key() || !schema.indexes.is_empty() {
            return Err(Error::invalid(format!(
                "column \"{text}\": a column that is added is in no key, and its index is made \
                 afterwards"
            )));
        }
        if schema.visible_len() != 1 {
            return Err(Error::invalid(format!("columns \"{text}\": they are added one by one")));
        }
        let column = schema.columns.into_iter().next().expect("one was counted");
        Ok(Self { column, patience: CHANGE_PATIENCE })
    }

    /// Refuses NULL in it; it needs a default then.
    pub fn notnull(mut self) -> Self {
        self.column.notnull = true;
        self
    }

    /// What the rows that are there get, and an insert that does not name the column.
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.column.default = Some(value.into());
        self
    }

    /// Gives it a free property.
    pub fn property(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.column.properties.push((name.into(), text.into()));
        self
    }

    /// How long to wait for transactions of others before giving up; 10 s unless this is called.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The column with this number.
    pub(crate) fn bind(&self, id: u32) -> Column {
        Column { id, ..self.column.clone() }
    }
}

impl Schema {
    /// The same with one column more, the last of those that a user named.
    pub(crate) fn with_column(&self, column: Column) -> Result<Self> {
        let (table, name) = (&self.table, &column.name);
        if self.columns.iter().any(|known| known.name == *name) {
            return Err(Error::duplicate(format!("column \"{name}\" of `{table}` exists already"))
                .detail(table)
                .detail(name));
        }
        let is_null = column.default.as_ref().is_none_or(|value| *value == Value::Null);
        if column.notnull && is_null {
            return Err(Error::new(
                Kind::NotNull,
                format!(
                    "column \"{name}\" of `{table}` is notnull: it needs a default for the rows that \
                     are there"
                ),
            )
            .detail(table)
            .detail(name));
        }
        if self.columns.len() + 1 >= COLUMNS_MAX {
            return Err(Error::invalid(format!(
                "`{table}` has {} columns already",
                COLUMNS_MAX - 1
            )));
        }
        let mut named = Self { columns: vec![column], ..self.clone() };
        check_columns(&named)?;
        let mut schema = self.clone();
        let at = self.visible_len();
        schema.columns.insert(at, named.columns.remove(0));
        schema.move_positions(|position| position + usize::from(position >= at));
        Ok(schema)
    }

    /// The same without the column at this position, which no key or index has.
    pub(crate) fn without_column(&self, at: usize) -> Result<Self> {
        let (table, name) = (&self.table, &self.columns[at].name);
        let refused = |why: String| {
            let error = Error::invalid(format!("column \"{name}\" of `{table}` {why}"));
            Err(error.detail(table).detail(name))
        };
        if at >= self.visible_len() {
            return refused("is its hidden key".to_owned());
        }
        if self.is_key(at) {
            return refused("is in its key, which stays".to_owned());
        }
        if let Some(index) = self.indexes.iter().find(|index| index.columns.contains(&at)) {
            return refused(format!("is in index `{}`: drop that first", index.name));
        }
        if self.visible_len() == 1 {
            return refused("is its only one: a table has a column at least".to_owned());
        }
        let mut schema = self.clone();
        schema.columns.remove(at);
        schema.move_positions(|position| position - usize::from(position > at));
        Ok(schema)
    }

    /// True if a row of the other schema has all columns of this one, a hidden key too, at the same
    /// positions.
    pub(crate) fn leads(&self, other: &Self) -> bool {
        let ids = |schema: &Self| schema.columns.iter().map(|column| column.id).collect::<Vec<_>>();
        ids(other).starts_with(&ids(self))
    }

    fn move_positions(&mut self, moved: impl Fn(usize) -> usize) {
        let indexed = self.indexes.iter_mut().flat_map(|index| &mut index.columns);
        self.key.iter_mut().chain(indexed).for_each(|position| *position = moved(*position));
        self.version += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Schema {
        Schema::parse("t", text).unwrap()
    }

    #[test]
    fn key_and_indexes_follow_their_columns() {
        let before = schema("a text, b int32 index, c date index, index(c, b)");
        let added = before.with_column(ColumnSpec::new("d", Type::Bool).bind(9)).unwrap();
        assert_eq!(added.visible_len(), 4);
        assert_eq!((added.columns[3].id, &added.key[..], added.version), (9, &[4][..], 2));
        assert_eq!(added.indexes, before.indexes);
        let dropped = added.without_column(0).unwrap();
        assert_eq!((&dropped.key[..], dropped.version), (&[3][..], 3));
        let indexed: Vec<&[usize]> =
            dropped.indexes.iter().map(|index| &index.columns[..]).collect();
        assert_eq!(indexed, [&[0][..], &[1], &[1, 0]]);
    }

    #[test]
    fn what_cannot_be_changed_is_named() {
        let schema = schema("a int64 key, b int32 index, c date");
        let refused = |at: usize| schema.without_column(at).unwrap_err().to_string();
        assert!(refused(0).contains("\"a\" of `t` is in its key"));
        assert!(refused(1).contains("is in index `b`: drop that first"));
        let only = Schema::parse("t", "a int64").unwrap();
        assert!(only.without_column(0).unwrap_err().to_string().contains("only one"));
        assert!(only.without_column(1).unwrap_err().to_string().contains("hidden key"));
        let add = |spec: ColumnSpec| schema.with_column(spec.bind(4)).unwrap_err().kind();
        assert_eq!(add(ColumnSpec::new("c", Type::Date)), Kind::Duplicate);
        assert_eq!(add(ColumnSpec::new("d", Type::Date).notnull()), Kind::NotNull);
        assert_eq!(add(ColumnSpec::new("a,b", Type::Date)), Kind::Invalid);
        assert_eq!(add(ColumnSpec::new("_row", Type::Date)), Kind::Invalid);
        assert_eq!(add(ColumnSpec::new("d", Type::Int16).default(40_000)), Kind::Type);
        for text in ["a int64 key", "a int64 index", "a int64, b int64", "a", "key(a)"] {
            assert!(ColumnSpec::parse(text).is_err(), "{text}");
        }
    }
}
