//! Every interleaving of the transactions that make an anomaly, at each level of isolation and by
//! each way to the rows: what must not show does not, what may show does, and nobody is refused
//! who runs alone.
//!
//! The cases are step lists, so that other faces of the store run the same ones.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod cases;
mod paths;
mod run;
mod steps;

use paths::{ID, Path, Question, SCHEMA, VALUE};
use run::{Face, Level, Refused, add_fillers, run_cases};
use store_core::query::Predicate;
use store_core::{Error, Isolation, Kind, Schema, Store, Table, Txn, TxnOptions};
use store_tests::rows::{assert_sound, int};

/// The Rust face.
struct Rust {
    store: Store,
    table: Table,
}

impl Rust {
    fn new() -> Self {
        let store = Store::options().memory(64 << 20).open_in_memory().unwrap();
        let table = store.create_table(Schema::parse("t", SCHEMA).unwrap()).unwrap();
        let face = Self { store, table };
        add_fillers(&face);
        face
    }
}

fn refused<T>(result: Result<T, Error>) -> Result<T, Refused> {
    result.map_err(|error| {
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        Refused
    })
}

impl Face for Rust {
    type Txn = Txn;

    fn begin(&self, level: Level, read_only: bool) -> Txn {
        let options = TxnOptions::new().isolation(match level {
            Level::Snapshot => Isolation::Snapshot,
            Level::Serializable => Isolation::Serializable,
        });
        self.store.begin_with(if read_only { options.read_only() } else { options }).unwrap()
    }

    fn get(&self, txn: &mut Txn, id: i64) -> Result<Option<i64>, Refused> {
        refused(self.table.get_with(txn, &[id.into()], |row| int(&row.get(VALUE).to_owned())))
    }

    fn query(&self, txn: &mut Txn, ask: &Question) -> Result<Vec<(i64, i64)>, Refused> {
        let mut query = self.table.query(txn).filter(Predicate::parse(&ask.filter).unwrap());
        if let Some(sort) = ask.sort {
            query = query.sort(&[sort]).unwrap();
        }
        if let Some(limit) = ask.limit {
            query = query.limit(limit);
        }
        let mut cursor = refused(query.run())?;
        let mut rows = Vec::new();
        while let Some(row) = refused(cursor.next())? {
            rows.push((int(&row.get(ID).to_owned()), int(&row.get(VALUE).to_owned())));
        }
        Ok(rows)
    }

    fn update(&self, txn: &mut Txn, id: i64, value: i64) -> Result<bool, Refused> {
        let value = value.into();
        let changes = [("v", value), ("s", value), ("q", value)];
        refused(self.table.update(txn, &[id.into()], &changes))
    }

    fn insert(&self, txn: &mut Txn, id: i64, value: i64) -> Result<(), Refused> {
        let (id, value) = (id.into(), value.into());
        refused(self.table.insert(txn, &[id, id, id, id, value, value, value]))
    }

    fn delete(&self, txn: &mut Txn, id: i64) -> Result<bool, Refused> {
        refused(self.table.delete(txn, &[id.into()]))
    }

    fn lock(&self, txn: &mut Txn, id: i64) -> Result<bool, Refused> {
        refused(self.table.lock(txn, &[id.into()]))
    }

    fn commit(&self, txn: Txn) -> Result<(), Refused> {
        refused(txn.commit()).map(drop)
    }

    fn rollback(&self, txn: Txn) {
        txn.rollback();
    }
}

#[test]
fn every_path_is_the_one_meant() {
    let face = Rust::new();
    let snapshot = face.store.snapshot().unwrap();
    let plan = |ask: &Question| {
        let query = face.table.query(&snapshot).filter(Predicate::parse(&ask.filter).unwrap());
        query.sort(ask.sort.as_slice()).unwrap().explain().unwrap()
    };
    for path in Path::ALL {
        for ask in paths::of_row(path, 1).into_iter().chain([paths::of_values(path, 30, 50)]) {
            let plan = plan(&ask);
            assert!(plan.starts_with(ask.plan), "{ask:?}: {plan}");
        }
    }
}

#[test]
fn snapshots_prevent_what_they_must_and_no_more() {
    let face = Rust::new();
    run_cases(&face, &cases::all(), Level::Snapshot, &Path::ALL);
    assert_sound(&face.store);
}

#[test]
fn serializable_transactions_prevent_all() {
    let face = Rust::new();
    run_cases(&face, &cases::all(), Level::Serializable, &Path::ALL);
    assert_sound(&face.store);
}
