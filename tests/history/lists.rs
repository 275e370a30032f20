//! Two ways to keep lists in tables.
//!
//! ```text
//! rows   id    list  stamp  at  value      an append is a row; the first row of a list counts them
//!        -8     7     40    3    31        and moves in the index over (list, stamp) each time, so
//!        38     7     38    1    38        that entries of its older versions lie in the same range
//!        40     7     40    2    40
//! text   7   "31,38,40"                    an append makes a long value longer
//! ```

use crate::record::{Key, Value};
use store_core::query::column;
use store_core::{Reader, Result, Schema, Store, Table, Txn, Type};
use store_tests::rows::int;

/// Lists in a store.
pub trait Lists: Sync {
    fn read<R: Reader>(&self, reader: &R, key: Key) -> Result<Vec<Value>>;
    fn append(&self, txn: &mut Txn, key: Key, value: Value) -> Result<()>;
}

/// The table of this schema, made if there is none.
fn table(store: &Store, schema: Schema) -> Table {
    let known = store.tables().contains(&schema.table);
    if known {
        store.open_table(&schema.table).unwrap()
    } else {
        store.create_table(schema).unwrap()
    }
}

/// Each append is a row, read through a secondary index.
pub struct RowLists(pub Table);

impl RowLists {
    pub fn schema() -> Schema {
        let schema = Schema::builder("rows")
            .column("id", Type::Int64)
            .key()
            .column("list", Type::Int64)
            .column("stamp", Type::Int64)
            .column("at", Type::Int64)
            .column("value", Type::Int64)
            .index_of(&["list", "stamp"], false);
        schema.build().unwrap()
    }

    pub fn new(store: &Store) -> Self {
        Self(table(store, Self::schema()))
    }

    fn first_id(key: Key) -> i64 {
        -i64::from(key) - 1
    }
}

impl Lists for RowLists {
    fn read<R: Reader>(&self, reader: &R, key: Key) -> Result<Vec<Value>> {
        let query = self.0.query(reader).filter(column("list").eq(i64::from(key)));
        let mut cursor = query.run()?;
        let mut found = Vec::new();
        while let Some(row) = cursor.next()? {
            let [id, at, value] = [0, 3, 4].map(|column| int(&row.get(column).to_owned()));
            let at = if id == Self::first_id(key) { 0 } else { at };
            found.push((at, value as Value));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|row| row.1).collect())
    }

    fn append(&self, txn: &mut Txn, key: Key, value: Value) -> Result<()> {
        let (list, value) = (i64::from(key), i64::from(value));
        let first = [Self::first_id(key).into()];
        let count = self.0.get_with(txn, &first, |row| int(&row.get(3).to_owned()))?;
        let Some(count) = count else {
            let row = [first[0], list.into(), value.into(), 1_i64.into(), value.into()];
            return self.0.insert(txn, &row);
        };
        let changes = [("stamp", value.into()), ("at", (count + 1).into())];
        self.0.update(txn, &first, &changes)?;
        let row = [value.into(), list.into(), value.into(), count.into(), value.into()];
        self.0.insert(txn, &row)
    }
}

/// Each list is a text.
pub struct TextLists(pub Table);

impl TextLists {
    pub fn schema() -> Schema {
        let schema = Schema::builder("texts").column("list", Type::Int64).key();
        schema.column("values", Type::Text).build().unwrap()
    }

    pub fn new(store: &Store) -> Self {
        Self(table(store, Self::schema()))
    }

    fn text<R: Reader>(&self, reader: &R, key: Key) -> Result<Option<String>> {
        let text = |row: store_core::RowRef<'_>| row.get(1).to_string();
        self.0.get_with(reader, &[i64::from(key).into()], text)
    }
}

impl Lists for TextLists {
    fn read<R: Reader>(&self, reader: &R, key: Key) -> Result<Vec<Value>> {
        let text = self.text(reader, key)?.unwrap_or_default();
        // A value that is no number was never appended: the checker says so.
        let value = |word: &str| word.parse().unwrap_or(Value::MAX);
        Ok(text.split(',').filter(|word| !word.is_empty()).map(value).collect())
    }

    fn append(&self, txn: &mut Txn, key: Key, value: Value) -> Result<()> {
        let list = [i64::from(key).into()];
        let Some(text) = self.text(txn, key)? else {
            return self.0.insert(txn, &[list[0], value.to_string().as_str().into()]);
        };
        let longer = format!("{text},{value}");
        self.0.update(txn, &list, &[("values", longer.as_str().into())])?;
        Ok(())
    }
}
