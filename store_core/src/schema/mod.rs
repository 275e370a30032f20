//! Schemas: the columns, key and indexes of a table.

mod build;
mod column_spec;
mod decoded;
mod hash;
mod index_spec;
mod text;

pub use build::SchemaBuilder;
pub use column_spec::ColumnSpec;
pub use index_spec::IndexSpec;

use crate::error::{Error, Result};
use crate::value::{Type, Value, ValueRef, encode_key, fold};

/// Most columns a table may have: a row's null bits and the log's column ids stay small.
pub const COLUMNS_MAX: usize = 1024;
/// Longest name of a table, column or index in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The hidden key column of a table that names no key.
pub const ROW_COLUMN: &str = "_row";

/// One column of a table.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct Column {
    /// Stable number in this table, never used again.
    pub id: u32,
    /// The name.
    pub name: String,
    /// The type.
    pub ty: Type,
    /// NULL is refused.
    pub notnull: bool,
    /// Taken when an insert does not name the column.
    pub default: Option<Value>,
    /// Free properties, name and text.
    pub properties: Vec<(String, String)>,
}

/// One secondary index of a table.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct Index {
    /// Stable number in this table, never used again.
    pub id: u32,
    /// The name: if none was given, the names of its columns with `+` between them, and
    /// ` nocase` behind them if it is that.
    pub name: String,
    /// Positions in [`Schema::columns`], most significant first.
    pub columns: Vec<usize>,
    /// No two rows may hold equal values; NULLs never collide.
    pub unique: bool,
    /// Upper and lower case are equal in its text, by Unicode simple folding.
    pub nocase: bool,
}

impl Index {
    /// Appends the encoded value of a row of these columns.
    #[inline]
    pub(crate) fn encode_value<'v>(
        &self,
        columns: &[Column],
        cell: impl Fn(usize) -> ValueRef<'v>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.columns.iter().try_for_each(|at| {
            let column = &columns[*at];
            match cell(*at) {
                ValueRef::Text(text) if self.nocase => {
                    encode_key(ValueRef::Text(&fold(text)), column.ty, column.notnull, out)
                }
                cell => encode_key(cell, column.ty, column.notnull, out),
            }
        })
    }
}

/// A table's name, columns, key and indexes.
///
/// ```
/// use store_core::{Schema, Type};
/// let schema = Schema::builder("flights")
///     .column("flight_id", Type::Text).key()
///     .column("altitude", Type::Int32).index()
///     .column("origin", Type::Text).notnull().default("")
///     .build()?;
/// assert_eq!(schema.column_position("origin")?, 2);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub struct Schema {
    /// The table's name.
    pub table: String,
    /// The columns in order; a hidden `_row` comes last.
    pub columns: Vec<Column>,
    /// Positions of the key columns in [`Schema::columns`].
    pub key: Vec<usize>,
    /// The secondary indexes.
    pub indexes: Vec<Index>,
    /// Counts the changes of this table's columns.
    pub version: u32,
}

impl Schema {
    /// Starts a schema for a table of this name.
    pub fn builder(table: impl Into<String>) -> SchemaBuilder {
        SchemaBuilder::new(table.into())
    }

    /// The position of the column of this name.
    pub fn column_position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let names: Vec<&str> =
                self.visible_columns().map(|column| column.name.as_str()).collect();
            Error::not_found(format!(
                "no column \"{name}\" in `{}`: it has {}",
                self.table,
                names.join(", ")
            ))
            .detail(&self.table)
            .detail(name)
        })
    }

    /// The position of the index of this name.
    pub fn index_position(&self, name: &str) -> Result<usize> {
        self.indexes.iter().position(|index| index.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.indexes.iter().map(|index| index.name.as_str()).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::not_found(format!("no index \"{name}\" in `{}`: it has {known}", self.table))
                .detail(&self.table)
                .detail(name)
        })
    }

    /// The index of this name.
    pub fn index(&self, name: &str) -> Result<&Index> {
        self.index_position(name).map(|at| &self.indexes[at])
    }

    /// The name of an index over these columns that is given none.
    pub(crate) fn index_name(&self, columns: &[usize], nocase: bool) -> String {
        let names: Vec<&str> = columns.iter().map(|at| self.columns[*at].name.as_str()).collect();
        names.join("+") + if nocase { " nocase" } else { "" }
    }

    /// The columns a user named: all but a hidden `_row`.
    pub fn visible_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().take(self.visible_len())
    }

    /// How many columns a user named.
    pub fn visible_len(&self) -> usize {
        self.columns.len() - usize::from(self.has_hidden_key())
    }

    /// True if the table has no key of its own but a hidden durable `_row`.
    pub fn has_hidden_key(&self) -> bool {
        self.columns.last().is_some_and(|column| column.name == ROW_COLUMN)
    }

    /// True if the column is part of the key.
    pub fn is_key(&self, column: usize) -> bool {
        self.key.contains(&column)
    }
}

/// Refuses a name that could be taken for a path or would not survive in a text file.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let fault = if name.is_empty() {
        "is empty"
    } else if name.len() > NAME_BYTES_MAX {
        "is longer than 128 bytes"
    } else if name.starts_with(['.', '-']) {
        "starts with a dot or a dash"
    } else if name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | '"' | '`' | ',')) {
        "has a control character, slash, quote or comma"
    } else {
        return Ok(());
    };
    let shown: String = name.chars().take(40).collect();
    Err(Error::invalid(format!("{what} name {shown:?} {fault}")))
}
