//! The engines, each loaded with the same rows.
//!
//! | engine | what it gives for its speed |
//! |---|---|
//! | store | snapshots, transactions, two indexes kept; in memory, so no log |
//! | papaya, dashmap | one row at a time; no snapshots, no transactions, no indexes, no log |
//! | frozen | std's `HashMap`, filled once and never changed |
//! | SQLite | transactions, the same two indexes; in memory, prepared statements, no journal, so no rollback |
//! | SQLite, rowid | the same, its rows in the order of loading and not in that of the key |
//! | DuckDB | columns in memory, one thread; only if `make bench-duckdb` has put it there |
//!
//! The maps hold [`Row`](crate::rows::Row)s of 40 bytes under ids of 12, without pointers, and hash
//! with `FxBuildHasher`: as small and fast as an owner with care would make them, and what the gates
//! are held against. "papaya, String" is papaya with `String`s and its default hasher, for
//! comparison. papaya's update is its own `update`: a copy of the row exchanged in one probe.

pub mod duckdb;
pub mod maps;
pub mod sqlite;
pub mod store;

use crate::rows::{Id, Row, flights};
use duckdb::DuckDb;
use maps::{Dash, Frozen, Papaya, Plain};
use sqlite::{Order, Sqlite};
use std::cell::{OnceCell, RefCell, RefMut};
use store::Ours;

pub struct Engines {
    pub rows: usize,
    /// The truth, in the order of making.
    pub ids: Vec<Id>,
    pub values: Vec<Row>,
    ours: OnceCell<Ours>,
    papaya: OnceCell<Papaya>,
    plain: OnceCell<Plain>,
    dash: OnceCell<Dash>,
    frozen: OnceCell<Frozen>,
    sqlite: OnceCell<Sqlite>,
    sqlite_rowid: OnceCell<Sqlite>,
    duckdb: OnceCell<Option<RefCell<DuckDb>>>,
}

impl Engines {
    /// Makes the rows; an engine is loaded when it is first asked for.
    pub fn with(rows: usize) -> Self {
        let (mut ids, mut values) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for flight in flights(rows) {
            ids.push(Id::of(flight.id.as_str()));
            values.push(Row::of(&flight));
        }
        Self {
            rows,
            ids,
            values,
            ours: OnceCell::new(),
            papaya: OnceCell::new(),
            plain: OnceCell::new(),
            dash: OnceCell::new(),
            frozen: OnceCell::new(),
            sqlite: OnceCell::new(),
            sqlite_rowid: OnceCell::new(),
            duckdb: OnceCell::new(),
        }
    }

    pub fn ours(&self) -> &Ours {
        self.ours.get_or_init(|| Ours::load(self.rows))
    }

    pub fn papaya(&self) -> &Papaya {
        self.papaya.get_or_init(|| Papaya::load(self))
    }

    pub fn plain(&self) -> &Plain {
        self.plain.get_or_init(|| Plain::load(self))
    }

    pub fn dash(&self) -> &Dash {
        self.dash.get_or_init(|| Dash::load(self))
    }

    pub fn frozen(&self) -> &Frozen {
        self.frozen.get_or_init(|| Frozen::load(self))
    }

    pub fn sqlite(&self) -> &Sqlite {
        self.sqlite.get_or_init(|| Sqlite::load(self, Order::Key))
    }

    pub fn sqlite_rowid(&self) -> &Sqlite {
        self.sqlite_rowid.get_or_init(|| Sqlite::load(self, Order::Loading))
    }

    /// DuckDB, if it is there.
    pub fn duckdb(&self) -> Option<RefMut<'_, DuckDb>> {
        let loaded = self.duckdb.get_or_init(|| DuckDb::load(self).map(RefCell::new));
        loaded.as_ref().map(RefCell::borrow_mut)
    }

    pub fn pairs(&self) -> impl Iterator<Item = (Id, Row)> {
        self.ids.iter().copied().zip(self.values.iter().copied())
    }

    /// The sum of the altitudes of these rows, which no update changes.
    pub fn altitudes(&self, ranks: &[u32]) -> i64 {
        ranks.iter().map(|rank| i64::from(self.values[*rank as usize].altitude)).sum()
    }
}
