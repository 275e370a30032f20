//! Building a schema step by step, checked once at the end.

use super::{COLUMNS_MAX, Column, Index, ROW_COLUMN, Schema, check_name};
use crate::error::{Error, Result};
use crate::value::{Type, Value};

/// Collects columns and their options; [`SchemaBuilder::build`] checks them all.
///
/// The options (`key`, `index`, `unique`, `notnull`, `default`, `property`) apply to the column
/// named last.
#[derive(Clone, Debug)]
#[must_use]
pub struct SchemaBuilder {
    schema: Schema,
    fault: Option<String>,
}

impl SchemaBuilder {
    pub(super) fn new(table: String) -> Self {
        let schema =
            Schema { table, columns: Vec::new(), key: Vec::new(), indexes: Vec::new(), version: 1 };
        Self { schema, fault: None }
    }

    /// Adds a column.
    pub fn column(mut self, name: impl Into<String>, ty: Type) -> Self {
        let id = self.schema.columns.len() as u32 + 1;
        self.schema.columns.push(Column {
            id,
            name: name.into(),
            ty,
            notnull: false,
            default: None,
            properties: Vec::new(),
        });
        self
    }

    /// Makes the last column part of the key, in the order of the calls.
    pub fn key(self) -> Self {
        self.with_last("key", |schema, last| {
            schema.key.push(last);
            schema.columns[last].notnull = true;
        })
    }

    /// Gives the last column an index.
    pub fn index(self) -> Self {
        self.with_last("index", |schema, last| add_index(schema, vec![last], PLAIN))
    }

    /// Gives the last column, a text, an index in which upper and lower case are equal: `match`
    /// finds its rows there, besides what finds them in any index.
    pub fn index_nocase(self) -> Self {
        self.with_last("index nocase", |schema, last| add_index(schema, vec![last], NOCASE))
    }

    /// Gives the last column a unique index.
    pub fn unique(self) -> Self {
        self.with_last("unique", |schema, last| add_index(schema, vec![last], UNIQUE))
    }

    /// Gives the last column, a text, a unique index in which upper and lower case are equal.
    pub fn unique_nocase(self) -> Self {
        self.with_last("unique nocase", |schema, last| add_index(schema, vec![last], UNIQUE_NOCASE))
    }

    /// Refuses NULL in the last column.
    pub fn notnull(self) -> Self {
        self.with_last("notnull", |schema, last| schema.columns[last].notnull = true)
    }

    /// What an insert takes for the last column when it does not name it.
    pub fn default(self, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.with_last("default", |schema, last| schema.columns[last].default = Some(value))
    }

    /// Gives the last column a free property.
    pub fn property(self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let pair = (name.into(), text.into());
        self.with_last("property", |schema, last| schema.columns[last].properties.push(pair))
    }

    /// Makes the named columns the key, in this order.
    pub fn key_of(self, names: &[&str]) -> Self {
        self.with_named(names, |schema, positions| {
            for position in positions {
                schema.key.push(position);
                schema.columns[position].notnull = true;
            }
        })
    }

    /// Adds an index over the named columns, most significant first.
    pub fn index_of(self, names: &[&str], unique: bool) -> Self {
        let traits = Traits { unique, nocase: false };
        self.with_named(names, |schema, positions| add_index(schema, positions, traits))
    }

    /// The same with upper and lower case being equal in its text columns; it needs one.
    pub fn index_of_nocase(self, names: &[&str], unique: bool) -> Self {
        let traits = Traits { unique, nocase: true };
        self.with_named(names, |schema, positions| add_index(schema, positions, traits))
    }

    /// The same with a name of its own; else it is called after its columns.
    pub fn index_named(self, name: impl Into<String>, names: &[&str], unique: bool) -> Self {
        self.add_named(name.into(), names, Traits { unique, nocase: false })
    }

    /// The same with upper and lower case being equal in its text columns; it needs one.
    pub fn index_named_nocase(self, name: impl Into<String>, names: &[&str], unique: bool) -> Self {
        self.add_named(name.into(), names, Traits { unique, nocase: true })
    }

    fn add_named(self, name: String, names: &[&str], traits: Traits) -> Self {
        self.with_named(names, |schema, positions| {
            add_index(schema, positions.clone(), traits);
            let same =
                |index: &&mut Index| index.columns == positions && index.nocase == traits.nocase;
            let index = schema.indexes.iter_mut().find(same);
            index.expect("added above, or there before").name = name;
        })
    }

    fn with_last(mut self, option: &str, apply: impl FnOnce(&mut Schema, usize)) -> Self {
        match self.schema.columns.len().checked_sub(1) {
            Some(last) => apply(&mut self.schema, last),
            None => self.fault = Some(format!("`{option}` comes before any column")),
        }
        self
    }

    fn with_named(mut self, names: &[&str], apply: impl FnOnce(&mut Schema, Vec<usize>)) -> Self {
        let positions: Result<Vec<usize>> =
            names.iter().map(|name| self.schema.column_position(name)).collect();
        match positions {
            Ok(positions) => apply(&mut self.schema, positions),
            Err(error) => self.fault = Some(error.to_string()),
        }
        self
    }

    /// Checks everything and gives the schema; a table without a key gets a hidden `_row`.
    pub fn build(mut self) -> Result<Schema> {
        if let Some(fault) = self.fault {
            return Err(Error::invalid(fault));
        }
        let schema = &self.schema;
        check_name("table", &schema.table)?;
        check_columns(schema)?;
        check_positions(schema)?;
        check_nocase(schema)?;
        check_index_names(schema)?;
        if self.schema.key.is_empty() {
            let last = self.schema.columns.len();
            self = self.column(ROW_COLUMN, Type::Int64);
            self.schema.key.push(last);
            self.schema.columns[last].notnull = true;
        }
        Ok(self.schema)
    }
}

/// What an index is besides its columns.
#[derive(Clone, Copy)]
struct Traits {
    unique: bool,
    nocase: bool,
}

const PLAIN: Traits = Traits { unique: false, nocase: false };
const NOCASE: Traits = Traits { unique: false, nocase: true };
const UNIQUE: Traits = Traits { unique: true, nocase: false };
const UNIQUE_NOCASE: Traits = Traits { unique: true, nocase: true };

fn add_index(schema: &mut Schema, columns: Vec<usize>, Traits { unique, nocase }: Traits) {
    let id = schema.indexes.len() as u32 + 1;
    let name = schema.index_name(&columns, nocase);
    let same = |index: &&mut Index| index.columns == columns && index.nocase == nocase;
    if let Some(known) = schema.indexes.iter_mut().find(same) {
        known.unique |= unique; // `-index -unique` on one column is one index
        return;
    }
    schema.indexes.push(Index { id, name, columns, unique, nocase });
}

pub(super) fn check_columns(schema: &Schema) -> Result<()> {
    if schema.columns.is_empty() {
        return Err(Error::invalid(format!("table `{}` has no columns", schema.table)));
    }
    if schema.columns.len() >= COLUMNS_MAX {
        return Err(Error::invalid(format!("more than {} columns", COLUMNS_MAX - 1)));
    }
    let mut seen = std::collections::HashSet::new();
    for column in &schema.columns {
        check_name("column", &column.name)?;
        if column.name == ROW_COLUMN {
            return Err(Error::invalid("the column name \"_row\" is taken by the hidden key"));
        }
        if !seen.insert(&column.name) {
            return Err(Error::invalid(format!("column \"{}\" is named twice", column.name)));
        }
        column.ty.check().map_err(|error| error.at(format_args!("column \"{}\"", column.name)))?;
        let Some(default) = &column.default else { continue };
        let fits = default.as_ref().coerce(column.ty);
        fits.map_err(|error| error.at(format_args!("default of \"{}\"", column.name)))?;
    }
    Ok(())
}

/// A column may stand once in the key and once in each index.
pub(super) fn check_positions(schema: &Schema) -> Result<()> {
    let lists = schema.indexes.iter().map(|index| &index.columns).chain([&schema.key]);
    for list in lists {
        for (nth, position) in list.iter().enumerate() {
            if list[..nth].contains(position) {
                let name = &schema.columns[*position].name;
                return Err(Error::invalid(format!("column \"{name}\" twice in one key or index")));
            }
        }
    }
    Ok(())
}

/// Without text an index has no case to ignore.
fn check_nocase(schema: &Schema) -> Result<()> {
    schema.indexes.iter().try_for_each(|index| check_has_case(schema, index))
}

pub(super) fn check_has_case(schema: &Schema, index: &Index) -> Result<()> {
    let has_text = index.columns.iter().any(|at| schema.columns[*at].ty == Type::Text);
    if !index.nocase || has_text {
        return Ok(());
    }
    let first = &schema.columns[index.columns[0]];
    Err(Error::invalid(format!(
        "an index over \"{}\" cannot be nocase: {} is not text",
        first.name, first.ty
    )))
}

pub(super) fn check_index_names(schema: &Schema) -> Result<()> {
    for (nth, index) in schema.indexes.iter().enumerate() {
        if index.name != schema.index_name(&index.columns, index.nocase) {
            check_name("index", &index.name)?;
        }
        if schema.indexes[..nth].iter().any(|known| known.name == index.name) {
            return Err(Error::invalid(format!("two indexes with the name \"{}\"", index.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_table_without_a_key_gets_a_hidden_row_number() {
        let schema = Schema::builder("t").column("a", Type::Int32).build().unwrap();
        assert!(schema.has_hidden_key());
        assert_eq!((schema.visible_len(), schema.columns.len()), (1, 2));
    }

    #[test]
    fn bad_schemas_are_refused() {
        let twice = Schema::builder("t").column("a", Type::Int32).column("a", Type::Text);
        assert_eq!(twice.build().unwrap_err().kind(), Kind::Invalid);
        assert!(Schema::builder("t").key().column("a", Type::Int32).build().is_err());
        assert!(Schema::builder("../x").column("a", Type::Int32).build().is_err());
        assert!(Schema::builder("t").build().is_err());
        for (precision, scale) in [(0, 0), (39, 0), (2, 3)] {
            let digits = Type::Decimal { precision, scale };
            let error = Schema::builder("t").column("a", digits).build().unwrap_err();
            assert!(error.to_string().starts_with("column \"a\": bad type"), "{error}");
        }
        assert!(Schema::builder("t").column("a", Type::Int32).index_nocase().build().is_err());
        let default = Schema::builder("t").column("a", Type::Int32).default("x").build();
        assert_eq!(default.unwrap_err().kind(), Kind::Type);
    }
}
