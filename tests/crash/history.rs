//! What was committed in which order, and what of it must be found again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store_core::query::Predicate;
use store_core::{ColumnSpec, IndexSpec, Kind, Result, Schema, Store, Txn, Type, Value, ValueRef};
use store_tests::random::Random;
use store_tests::rows::{assert_sound, int, read_on};
use store_tests::sim_device::SimDevice;

/// Log files grow by this much, so that a test may open thousands of stores.
const GROWTH_BYTES: u64 = 8 << 10;

/// A device for a store that is small and soon opened.
pub fn device() -> SimDevice {
    SimDevice::small(GROWTH_BYTES)
}

/// Tables with what they hold.
pub type State = BTreeMap<String, TableState>;

/// A table's rows by their key, and the names of its columns and indexes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableState {
    pub rows: BTreeMap<i64, Vec<Value>>,
    pub columns: Vec<String>,
    pub indexes: BTreeSet<String>,
}

/// The columns of a new table; others come and go behind them.
pub const COLUMNS: [&str; 3] = ["id", "value", "text"];

impl TableState {
    /// A row with something in every column that came later.
    pub fn row(&self, id: i64, value: i64, text: String) -> Vec<Value> {
        let mut row: Vec<Value> = vec![id.into(), value.into(), text.into()];
        let later = self.columns[row.len()..].iter();
        row.extend(later.map(|name| Value::Text(format!("{name} {value}"))));
        row
    }

    pub fn add_column(&mut self, column: &str, default: &str) {
        self.columns.push(column.to_owned());
        for row in self.rows.values_mut() {
            row.push(Value::Text(default.to_owned()));
        }
    }

    /// False if it is not there.
    pub fn drop_column(&mut self, column: &str) -> bool {
        let Some(at) = self.columns.iter().position(|known| known == column) else { return false };
        self.columns.remove(at);
        for row in self.rows.values_mut() {
            row.remove(at);
        }
        true
    }
}

pub fn cells(row: &[Value]) -> Vec<ValueRef<'_>> {
    row.iter().map(Value::as_ref).collect()
}

/// Every state the store was brought to, the first one empty.
#[derive(Clone, Debug)]
pub struct History {
    pub states: Vec<State>,
    /// The last state whose commit returned.
    pub acknowledged: usize,
    /// A commit was refused for good.
    pub poisoned: bool,
}

/// What a workload does.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub seed: u64,
    pub steps: u64,
    /// Length of texts: long ones make a commit of several log records.
    pub text_bytes: u64,
    /// Goes on after an error, as a program does that only looks at each result.
    pub stubborn: bool,
}

pub fn open(device: &SimDevice) -> Result<Store> {
    Store::options().memory(64 << 20).open_on(Arc::new(device.clone()))
}

/// Everything a new snapshot sees.
pub fn state_of(store: &Store) -> State {
    read_state(store).unwrap()
}

/// The same of a device that may fail: rows that are not in memory are read from it.
pub fn read_state(store: &Store) -> Result<State> {
    let snapshot = store.snapshot()?;
    let rows_of = |name: String| {
        let table = store.open_table(&name)?;
        let rows = read_on(table.query(&snapshot).filter(Predicate::all()).run()?)?;
        let rows = rows.into_iter().map(|row| (int(&row[0]), row)).collect();
        let schema = table.schema();
        let columns = schema.visible_columns().map(|column| column.name.clone()).collect();
        let indexes = schema.indexes.iter().map(|index| index.name.clone()).collect();
        Ok((name, TableState { rows, columns, indexes }))
    };
    store.tables().into_iter().map(rows_of).collect()
}

impl History {
    pub fn new() -> Self {
        Self { states: vec![State::new()], acknowledged: 0, poisoned: false }
    }

    /// Runs a step that leads to `next` if it succeeds.
    pub fn attempt(&mut self, next: State, step: impl FnOnce() -> Result<()>) -> Result<()> {
        self.states.push(next);
        let result = step();
        match &result {
            Ok(()) => {
                assert!(!self.poisoned, "acknowledged after a sync failed");
                self.acknowledged = self.states.len() - 1;
            }
            // Only reopening tells whether it is durable.
            Err(error) if error.kind() == Kind::Poisoned && !self.poisoned => self.poisoned = true,
            Err(error) => {
                assert!(!self.poisoned || error.kind() == Kind::Poisoned, "{error}");
                // A power cut may have let it through; any other refusal left no trace.
                if self.poisoned || error.kind() != Kind::Io {
                    self.states.pop();
                }
            }
        }
        result
    }

    /// Goes on from what the store shows after it was opened again.
    pub fn reopened(&mut self, found: &State) {
        let possible = &self.states[self.acknowledged..];
        let position = possible.iter().rposition(|state| state == found);
        let position = position.expect("an acknowledged commit is lost, or one came back in part");
        self.acknowledged += position;
        self.states.truncate(self.acknowledged + 1);
        self.poisoned = false;
    }

    /// The newest state that is certain.
    pub fn acknowledged_state(&self) -> &State {
        &self.states[self.acknowledged]
    }

    /// Works on a store until the end, or the first error unless stubborn.
    pub fn run(&mut self, store: &Store, workload: Workload) -> Result<()> {
        let mut random = Random::new(workload.seed);
        let mut outcome = Ok(());
        for step in 0..workload.steps {
            let result = match step {
                0 => self.create(store, "a"),
                3 | 17 => self.create(store, "b"),
                8 => self.create(store, "c"),
                10 => self.drop_table(store, "b"),
                _ if step % 5 == 4 => store.checkpoint(),
                _ if step % 7 == 5 => self.change_index(store, workload, &mut random),
                _ if step % 7 == 6 || step % 11 == 7 => {
                    self.change_columns(store, workload, &mut random)
                }
                _ => self.commit(store, workload, &mut random),
            };
            if let Err(error) = result {
                outcome = Err(error);
                if !workload.stubborn {
                    break;
                }
            }
        }
        outcome
    }

    fn create(&mut self, store: &Store, name: &str) -> Result<()> {
        let schema = Schema::builder(name)
            .column("id", Type::Int64)
            .key()
            .column("value", Type::Int64)
            .index()
            .column("text", Type::Text);
        let schema = schema.index_of(&["value", "id"], true).build()?;
        let mut next = self.acknowledged_state().clone();
        let indexes = ["value", "value+id"].map(str::to_owned).into();
        let columns = COLUMNS.map(str::to_owned).into();
        next.insert(name.to_owned(), TableState { rows: BTreeMap::new(), columns, indexes });
        self.attempt(next, || store.create_table(schema).map(drop))
    }

    fn drop_table(&mut self, store: &Store, name: &str) -> Result<()> {
        let mut next = self.acknowledged_state().clone();
        if next.remove(name).is_none() {
            return Ok(());
        }
        self.attempt(next, || store.drop_table(name))
    }

    /// Adds a column to a table that has rows, or drops it.
    fn change_columns(
        &mut self,
        store: &Store,
        workload: Workload,
        random: &mut Random,
    ) -> Result<()> {
        let mut next = self.acknowledged_state().clone();
        let names: Vec<String> = next.keys().cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        let name = random.pick(&names);
        let table = store.open_table(name)?;
        let state = next.get_mut(name).unwrap();
        let (column, length) =
            (*random.pick(&["more", "still"]), random.below(workload.text_bytes));
        let default = "d".repeat(length.min(100) as usize);
        if state.drop_column(column) {
            self.attempt(next, || table.drop_column(column))
        } else {
            state.add_column(column, &default);
            let spec = ColumnSpec::new(column, Type::Text).notnull().default(default);
            self.attempt(next, || table.add_column(&spec))
        }
    }

    /// Makes an index of a table that has rows, or drops it.
    fn change_index(
        &mut self,
        store: &Store,
        workload: Workload,
        random: &mut Random,
    ) -> Result<()> {
        let mut next = self.acknowledged_state().clone();
        let Some(mut known) = next.first_entry() else { return Ok(()) };
        let table = store.open_table(known.key())?;
        let TableState { rows, indexes, .. } = known.get_mut();
        // Some texts are too long for an index.
        let is_long = |bytes: u64| bytes > 1_000;
        let long =
            is_long(workload.text_bytes) || rows.values().any(|row| is_long(text_bytes(row)));
        let second = if long { "value" } else { "text" };
        let choices = [vec!["value"], vec![second, "id"], vec!["id", second]];
        let columns = random.pick(&choices).as_slice();
        let name = columns.join("+");
        if indexes.remove(&name) {
            self.attempt(next, || table.drop_index(&name))
        } else {
            indexes.insert(name);
            let spec = IndexSpec::on(columns);
            // One of them is unique: its first column is the key.
            let spec = if columns[0] == "id" { spec.unique() } else { spec };
            self.attempt(next, || table.create_index(&spec))
        }
    }

    fn commit(&mut self, store: &Store, workload: Workload, random: &mut Random) -> Result<()> {
        let mut next = self.acknowledged_state().clone();
        if next.is_empty() {
            return Ok(());
        }
        let mut txn = store.begin()?;
        for _ in 0..=random.below(5) {
            write(store, &mut txn, &mut next, workload, random)?;
        }
        self.attempt(next, || txn.commit().map(drop))
    }

    /// Opens what is left and asserts that it is one of the states that may be found.
    pub fn verify(&self, device: &SimDevice, what: &str) -> usize {
        let store = open(device).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found = state_of(&store);
        let position = self.states[self.acknowledged..].iter().rposition(|state| *state == found);
        let Some(position) = position else {
            let known = self.states.iter().position(|state| *state == found);
            panic!(
                "{what}: found state {known:?} of {}, {} are acknowledged: {:?}",
                self.states.len() - 1,
                self.acknowledged,
                store.recovery()
            )
        };
        assert_sound(&store);
        self.acknowledged + position
    }
}

/// One statement, in the store and in the state.
fn write(
    store: &Store,
    txn: &mut Txn,
    next: &mut State,
    workload: Workload,
    random: &mut Random,
) -> Result<()> {
    let names: Vec<String> = next.keys().cloned().collect();
    let name = random.pick(&names);
    let table = store.open_table(name)?;
    let state = next.get_mut(name).unwrap();
    let id = random.below(12) as i64;
    let value = random.below(1_000) as i64;
    let text = "t".repeat(random.below(workload.text_bytes) as usize);
    if random.once_in(4) {
        let deleted = table.delete(txn, &[id.into()])?;
        assert_eq!(deleted, state.rows.remove(&id).is_some());
    } else if random.once_in(3) {
        let changed = table.update(txn, &[id.into()], &[("value", value.into())])?;
        assert_eq!(changed, state.rows.contains_key(&id));
        state.rows.entry(id).and_modify(|row| row[1] = value.into());
    } else {
        let row = state.row(id, value, text);
        table.upsert(txn, &cells(&row))?;
        state.rows.insert(id, row);
    }
    Ok(())
}

fn text_bytes(row: &[Value]) -> u64 {
    match &row[2] {
        Value::Text(text) => text.len() as u64,
        other => panic!("{other:?}"),
    }
}
