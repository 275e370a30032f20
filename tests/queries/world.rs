//! Random tables, each twice: with indexes and without, with rows that have older versions.

use crate::values::{TYPES, value};
use std::collections::BTreeMap;
use store_core::query::Predicate;
use store_core::{
    Error, Kind, Query, Result, Schema, SchemaBuilder, Snapshot, Store, Table, Txn, Type, Value,
    ValueRef,
};
use store_tests::random::Random;
use store_tests::rows::int;

/// Where keys begin: so that an index's entries tell them apart, and so that they do not.
const NEAR: i64 = -3;
const FAR: i64 = 1 << 62;

/// Rows by their key, which is their first column.
pub type Rows = BTreeMap<i64, Vec<Value>>;

pub struct World {
    // Fields are dropped in this order: readers before the store.
    txn: Option<Txn>,
    old: Snapshot,
    new: Snapshot,
    indexed: Table,
    bare: Table,
    /// What the old and the new snapshot and the transaction see.
    rows: [Rows; 3],
    _store: Store,
}

/// One of the moments of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Old,
    New,
    Txn,
}

pub const MOMENTS: [Moment; 3] = [Moment::Old, Moment::New, Moment::Txn];

impl World {
    pub fn new(random: &mut Random) -> Self {
        let store = Store::options().memory(32 << 20).open(":memory:").unwrap();
        let columns = random_columns(random);
        let indexed = random_indexes(with_columns("indexed", &columns), &columns, random);
        let indexed = store.create_table(indexed.build().unwrap()).unwrap();
        let bare = with_columns("bare", &columns).build().unwrap();
        let bare = store.create_table(bare).unwrap();
        let mut rows = Rows::new();
        let tables = [indexed.clone(), bare.clone()];
        let first_id = if random.once_in(3) { FAR } else { NEAR };
        let steps = 20 + random.below(40);
        store.write(|txn| change(txn, &tables, &mut rows, (first_id, steps), random)).unwrap();
        let (old, first) = (store.snapshot().unwrap(), rows.clone());
        for _ in 0..random.below(3) {
            store.write(|txn| change(txn, &tables, &mut rows, (first_id, 8), random)).unwrap();
        }
        let (new, second) = (store.snapshot().unwrap(), rows.clone());
        let mut txn = store.begin().unwrap();
        let steps = random.below(8);
        change(&mut txn, &tables, &mut rows, (first_id, steps), random).unwrap();
        Self { txn: Some(txn), old, new, indexed, bare, rows: [first, second, rows], _store: store }
    }

    pub fn schema(&self) -> &Schema {
        self.indexed.schema()
    }

    pub fn rows(&self, moment: Moment) -> &Rows {
        &self.rows[moment as usize]
    }

    /// Every way to the rows for which the predicate holds, by name: as the planner likes it, by
    /// each index that can be used, and without any index. `shape` gives the rest of the query.
    pub fn ways<'w>(
        &'w self,
        moment: Moment,
        predicate: &Predicate,
        shape: impl Fn(Query<'w>) -> Query<'w>,
    ) -> Vec<(String, Query<'w>)> {
        let ask = |table: &Table| {
            let query = match (moment, &self.txn) {
                (Moment::Old, _) => table.query(&self.old),
                (Moment::Txn, Some(txn)) => table.query(txn),
                _ => table.query(&self.new),
            };
            shape(query.filter(predicate.clone()))
        };
        let mut ways =
            vec![("bare".to_owned(), ask(&self.bare)), ("planned".to_owned(), ask(&self.indexed))];
        for index in &self.schema().indexes {
            let query = ask(&self.indexed).index(&index.name);
            match query.explain() {
                Ok(way) => ways.push((way, query)),
                Err(error) => assert!(is_useless(&error), "{error}"),
            }
        }
        ways
    }
}

fn is_useless(error: &Error) -> bool {
    error.kind() == Kind::Invalid && error.to_string().contains("is of no use here")
}

/// A column's type, and whether it is notnull.
type Column = (Type, bool);

fn random_columns(random: &mut Random) -> Vec<Column> {
    let column = |random: &mut Random| {
        let ty = if random.once_in(3) { Type::Text } else { *random.pick(&TYPES) };
        (ty, random.once_in(3))
    };
    (0..2 + random.below(4)).map(|_| column(random)).collect()
}

fn name(at: usize) -> String {
    format!("c{at}")
}

fn with_columns(table: &str, columns: &[Column]) -> SchemaBuilder {
    let start = Schema::builder(table).column("id", Type::Int64).key();
    columns.iter().enumerate().fold(start, |schema, (at, (ty, notnull))| {
        let schema = schema.column(name(at), *ty);
        if *notnull { schema.notnull() } else { schema }
    })
}

/// Indexes over one to three columns; those with text mostly in both kinds.
fn random_indexes(schema: SchemaBuilder, columns: &[Column], random: &mut Random) -> SchemaBuilder {
    let mut schema = schema;
    for _ in 0..2 + random.below(3) {
        let mut picked: Vec<usize> = Vec::new();
        for _ in 0..=random.below(3) {
            let at = random.below(columns.len() as u64) as usize;
            if !picked.contains(&at) {
                picked.push(at);
            }
        }
        let names: Vec<String> = picked.iter().map(|at| name(*at)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let has_text = picked.iter().any(|at| columns[*at].0 == Type::Text);
        if !has_text || random.once_in(2) {
            schema = schema.index_of(&names, false);
        }
        if has_text {
            schema = schema.index_of_nocase(&names, false);
        }
    }
    schema
}

/// Inserts, changes and deletes rows of both tables alike.
fn change(
    txn: &mut Txn,
    tables: &[Table; 2],
    rows: &mut Rows,
    (first_id, steps): (i64, u64),
    random: &mut Random,
) -> Result<()> {
    let schema = tables[0].schema();
    for _ in 0..steps {
        let id = first_id + random.below(60) as i64;
        if random.once_in(6) {
            for table in tables {
                table.delete(txn, &[ValueRef::Int(id)])?;
            }
            rows.remove(&id);
            continue;
        }
        let cell = |at: usize, random: &mut Random| match &schema.columns[at] {
            column if !column.notnull && random.once_in(5) => Value::Null,
            column => value(column.ty, random),
        };
        let mut row = vec![Value::Int(id)];
        row.extend((1..schema.columns.len()).map(|at| cell(at, random)));
        let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
        for table in tables {
            table.upsert(txn, &cells)?;
        }
        rows.insert(id, row);
    }
    Ok(())
}

/// The keys of a query's rows, in its order.
pub fn keys(query: Query<'_>) -> Vec<i64> {
    let mut cursor = query.run().unwrap();
    let mut keys = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        keys.push(int(&row.get(0).to_owned()));
    }
    keys
}
