//! A store and its model, step by step.

use crate::ask::{Condition, ask};
use crate::schemas::{Shape, value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use store_core::query::Predicate;
use store_core::{
    Cells, IndexSpec, Kind, Reader, Result, RowRef, Savepoint, Schema, Snapshot, Store, Table, Txn,
    Value, ValueRef,
};
use store_tests::random::Random;
use store_tests::rows::assert_sound;
use store_tests::sim_device::SimDevice;

/// A key, ordered as the store orders it.
#[derive(Clone, Debug)]
pub struct Key(pub Vec<Value>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let orders = pairs.map(|(a, b)| a.as_ref().order(b.as_ref()));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// The rows of a table, a hidden key last in each.
pub type Rows = BTreeMap<Key, Vec<Value>>;

/// An open transaction and what it should see.
struct Open {
    txn: Txn,
    rows: Vec<Rows>,
    savepoints: Vec<(Savepoint, Vec<Rows>)>,
    /// The tables it has tried to write to: it means the indexes they had then.
    written: Vec<usize>,
    /// The tables whose columns have changed since it began: it reads them as they were.
    outdated: Vec<usize>,
}

/// Indexes of a table at most, so that writing does not become slower and slower.
const INDEXES_MAX: usize = 5;

pub struct World {
    pub place: String,
    device: SimDevice,
    store: Option<Store>,
    pub tables: Vec<Table>,
    pub committed: Vec<Rows>,
    open: Option<Open>,
    held: Vec<(Snapshot, Vec<Rows>)>,
    crashes: u64,
    /// Rows that were moved out of memory, and back by hand.
    frozen: u64,
    thawed: u64,
    /// Questions answered by key, index and scan.
    ways: BTreeMap<String, u64>,
}

/// What a statement should do.
pub enum Expected {
    Done,
    Refused(&'static [Kind]),
}

impl World {
    pub fn new(shapes: &[Shape]) -> Self {
        let device = SimDevice::new();
        let store = Store::options().memory(64 << 20).open_on(Arc::new(device.clone())).unwrap();
        let tables = shapes.iter().map(|shape| store.create_table(shape.schema()).unwrap());
        Self {
            place: String::new(),
            tables: tables.collect(),
            committed: vec![Rows::new(); shapes.len()],
            device,
            store: Some(store),
            open: None,
            held: Vec::new(),
            crashes: 0,
            frozen: 0,
            thawed: 0,
            ways: BTreeMap::new(),
        }
    }

    /// True if the open transaction has tried to write to this table.
    pub fn has_written(&self, at: usize) -> bool {
        self.open.as_ref().is_some_and(|open| open.written.contains(&at))
    }

    /// Notes that the open transaction sees this table as it was.
    pub fn outdate(&mut self, at: usize) {
        if let Some(open) = &mut self.open {
            open.outdated.push(at);
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("open between steps")
    }

    pub fn step(&mut self, random: &mut Random) {
        if self.open.is_none() {
            match random.below(40) {
                0 => self.reopen(random),
                1 => self.store().checkpoint().unwrap(),
                9..20 => self.freeze(random),
                20 => self.thaw(random),
                2 | 3 => self.hold(random),
                4..7 => self.change_index(random),
                7 | 8 => self.change_columns(random),
                _ => self.begin(),
            }
        } else {
            match random.below(30) {
                0..3 => self.commit(),
                3 => drop(self.open.take()), // rolls back
                4 => self.savepoint(),
                5 => self.end_savepoint(random),
                6 => self.hold(random),
                7 => self.change_index(random),
                8 => self.change_columns(random),
                9 => self.thaw(random),
                _ => self.statement(random),
            }
        }
        self.look(random);
    }

    /// Everything, once more, and a last time after reopening.
    pub fn finish(&mut self) {
        self.open = None;
        let mut random = Random::new(5);
        self.reopen(&mut random);
        for _ in 0..50 {
            self.look(&mut random);
        }
        let holders = self.store().stats().holders;
        let mut images = holders.iter().filter(|line| line.path.ends_with("/column images"));
        assert!(images.any(|line| line.bytes > 0), "no question was answered by images of pages");
        println!("ways: {:?}, {} frozen, {} thawed", self.ways, self.frozen, self.thawed);
        for way in ["index", "scan"] {
            assert!(self.ways.contains_key(way), "no question was answered by {way}");
        }
    }

    // ---- steps

    fn begin(&mut self) {
        let txn = self.store().begin().unwrap();
        let (rows, savepoints) = (self.committed.clone(), Vec::new());
        self.open = Some(Open { txn, rows, savepoints, written: Vec::new(), outdated: Vec::new() });
    }

    fn commit(&mut self) {
        if let Some(open) = self.open.take() {
            open.txn.commit().unwrap_or_else(|error| panic!("{}: {error}", self.place));
            for (at, rows) in open.rows.into_iter().enumerate() {
                if !open.outdated.contains(&at) {
                    self.committed[at] = rows;
                }
            }
        }
    }

    fn hold(&mut self, random: &mut Random) {
        if self.held.len() >= 3 {
            drop(self.held.swap_remove(random.below(3) as usize));
        }
        let snapshot = self.store().snapshot().unwrap();
        self.held.push((snapshot, self.committed.clone()));
    }

    /// Moves some rows of a table out of memory.
    fn freeze(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len() as u64) as usize;
        let table = &self.tables[at];
        let predicate = if random.once_in(3) {
            Predicate::all()
        } else {
            Condition::random(table.schema(), &self.committed[at], random).predicate(table.schema())
        };
        let report = table.freeze(&predicate, |_| true);
        self.frozen += report.unwrap_or_else(|error| panic!("{}: {error}", self.place)).rows;
    }

    /// Brings some back.
    fn thaw(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len() as u64) as usize;
        let table = &self.tables[at];
        let condition = Condition::random(table.schema(), &self.committed[at], random);
        let predicate = condition.predicate(table.schema());
        self.thawed +=
            table.thaw(&predicate).unwrap_or_else(|error| panic!("{}: {error}", self.place));
    }

    fn savepoint(&mut self) {
        if let Some(open) = &mut self.open {
            let mark = open.txn.savepoint().unwrap();
            open.savepoints.push((mark, open.rows.clone()));
        }
    }

    fn end_savepoint(&mut self, random: &mut Random) {
        let Some(open) = &mut self.open else { return };
        if open.savepoints.is_empty() {
            return;
        }
        let keep = random.below(open.savepoints.len() as u64) as usize;
        let (mark, rows) = open.savepoints.drain(keep..).next().expect("one at least");
        if random.once_in(3) {
            open.txn.release(mark).unwrap();
        } else {
            open.txn.rollback_to(mark).unwrap();
            open.rows = rows;
        }
    }

    /// Makes or drops an index of a table that the open transaction has not written to.
    fn change_index(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len() as u64) as usize;
        if self.has_written(at) {
            return;
        }
        let (table, rows) = (&self.tables[at], &self.committed[at]);
        let schema = table.schema();
        if schema.indexes.len() >= INDEXES_MAX || random.once_in(3) {
            if !schema.indexes.is_empty() {
                table.drop_index(&random.pick(&schema.indexes).name).unwrap();
            }
            return;
        }
        let mut columns: Vec<usize> = Vec::new();
        for _ in 0..=random.below(3) {
            let column = random.below(schema.visible_len() as u64) as usize;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let names: Vec<&str> =
            columns.iter().map(|column| schema.columns[*column].name.as_str()).collect();
        let (spec, unique) = (IndexSpec::on(&names), random.once_in(3));
        let known = schema.indexes.iter().any(|index| index.columns == columns);
        let result = table.create_index(&if unique { spec.unique() } else { spec });
        let expected = if known || unique && has_twins(rows, &columns) {
            Expected::Refused(&[Kind::Duplicate])
        } else {
            Expected::Done
        };
        self.as_expected(&result, &expected);
    }

    /// Closes and opens again; half of the time the power goes in between.
    fn reopen(&mut self, random: &mut Random) {
        let names: Vec<String> = self.tables.iter().map(|table| table.name().to_owned()).collect();
        self.tables.clear();
        self.held.clear();
        self.store = None;
        if random.once_in(2) {
            self.crashes += 1;
            self.device = self.device.crash(self.crashes);
        }
        let options = Store::options().memory(64 << 20);
        let store = options.open_on(Arc::new(self.device.clone())).unwrap();
        self.tables = names.iter().map(|name| store.open_table(name).unwrap()).collect();
        self.store = Some(store);
    }

    // ---- statements

    fn statement(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len() as u64) as usize;
        let Some(mut open) = self.open.take() else { return };
        if open.outdated.contains(&at) {
            self.open = Some(open); // it would lose a conflict
            return;
        }
        let table = self.tables[at].bound_at(&open.txn).unwrap();
        open.written.push(at);
        let rows = &mut open.rows[at];
        match random.below(15) {
            0..3 => self.insert(&table, &mut open.txn, rows, random),
            3..5 => self.upsert(&table, &mut open.txn, rows, random),
            5..7 => self.update(&table, &mut open.txn, rows, random),
            7 => self.update_many(&table, &mut open.txn, rows, random),
            8 => self.write_many(&table, &mut open.txn, rows, random),
            9 => self.incr(&table, &mut open.txn, rows, random),
            10 => self.update_if(&table, &mut open.txn, rows, random),
            11 => self.update_where(&table, &mut open.txn, rows, random),
            12 => self.delete_where(&table, &mut open.txn, rows, random),
            _ => {
                let key = key_of(&table, rows, random);
                let known = rows.remove(&Key(key.clone())).is_some();
                assert_eq!(
                    table.delete(&mut open.txn, &refs(&key)).unwrap(),
                    known,
                    "{}",
                    self.place
                );
            }
        }
        self.open = Some(open);
    }

    fn insert(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let row = random_row(table, random);
        let expected = expected(table.schema(), rows, &row, None);
        let duplicate = !table.schema().has_hidden_key()
            && rows.contains_key(&Key(key_cells(table.schema(), &row)));
        let expected = if duplicate && matches!(expected, Expected::Done) {
            Expected::Refused(&[Kind::Duplicate])
        } else {
            expected
        };
        let result = table.insert(txn, &refs(&row));
        if self.as_expected(&result, &expected) {
            self.enter(table, txn, rows, row);
        }
    }

    fn upsert(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let row = random_row(table, random);
        let key = Key(key_cells(table.schema(), &row));
        let hidden = table.schema().has_hidden_key();
        let before = if hidden { None } else { rows.get(&key).cloned() };
        let expected = expected(table.schema(), rows, &row, before.as_ref().map(|_| &key));
        let result = table.upsert(txn, &refs(&row));
        if self.as_expected(&result, &expected) {
            assert_eq!(result.unwrap(), before.is_none(), "{}", self.place);
            self.enter(table, txn, rows, row);
        }
    }

    fn update(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let key = Key(key_of(table, rows, random));
        let columns = some_columns(schema, random);
        let new = |at: &usize| (*at, value(schema.columns[*at].ty, true, true, random));
        let changes: Vec<(usize, Value)> = columns.iter().map(new).collect();
        let named: Vec<(&str, ValueRef<'_>)> = changes
            .iter()
            .map(|(at, value)| (schema.columns[*at].name.as_str(), value.as_ref()))
            .collect();
        let result = table.update(txn, &refs(&key.0), &named);
        let Some(before) = rows.get(&key) else {
            // Values are looked at once the row is found.
            assert!(!result.unwrap(), "{}", self.place);
            return;
        };
        let mut row = before.clone();
        for (at, value) in changes {
            row[at] = value;
        }
        let expected = expected(schema, rows, &row, Some(&key));
        if self.as_expected(&result, &expected) {
            assert!(result.unwrap(), "{}", self.place);
            rows.insert(key, row);
        }
    }

    /// All or nothing; one key may come twice.
    fn update_many(&self, table: &Table, txn: &mut Txn, rows: &mut Rows, random: &mut Random) {
        let schema = table.schema();
        let columns = some_columns(schema, random);
        let (mut keys, mut cells): (Vec<Key>, Vec<Vec<Value>>) = (Vec::new(), Vec::new());
        let (mut after, mut found, mut refused) = (rows.clone(), 0, None);
        for _ in 0..random.below(40) {
            let key = Key(key_of(table, rows, random));
            let new = |at: &usize| value(schema.columns[*at].ty, true, true, random);
            let new: Vec<Value> = columns.iter().map(new).collect();
            if let (Some(before), None) = (after.get(&key), &refused) {
                let mut row = before.clone();
                for (at, value) in columns.iter().zip(&new) {
                    row[*at] = value.clone();
                }
                match expected(schema, &after, &row, Some(&key)) {
                    Expected::Done => drop(after.insert(key.clone(), row)),
                    kinds @ Expected::Refused(_) => refused = Some(kinds),
                }
                found += 1;
            }
            keys.push(key);
            cells.push(new);
        }
        let keys: Vec<Vec<ValueRef<'_>>> = keys.iter().map(|key| refs(&key.0)).collect();
        let cells: Vec<Vec<ValueRef<'_>>> = cells.iter().map(|cells| refs(cells)).collect();
        let result = table.update_many(txn, &keys, &columns, &cells);
        if self.as_expected(&result, &refused.unwrap_or(Expected::Done)) {
            assert_eq!(result.unwrap(), found, "{}", self.place);
            *rows = after;
        }
    }

    /// True if it was done and should have been.
    pub fn as_expected<T>(&self, result: &Result<T>, expected: &Expected) -> bool {
        match (result, expected) {
            (Ok(_), Expected::Done) => true,
            (Err(error), Expected::Refused(kinds)) => {
                assert!(kinds.contains(&error.kind()), "{}: {error}", self.place);
                false
            }
            (Ok(_), Expected::Refused(kinds)) => panic!("{}: done, not {kinds:?}", self.place),
            (Err(error), Expected::Done) => panic!("{}: {error}", self.place),
        }
    }

    /// Notes a row that was inserted; a hidden key is asked for.
    fn enter(&self, table: &Table, txn: &Txn, rows: &mut Rows, mut row: Vec<Value>) {
        if table.schema().has_hidden_key() {
            let at = table.schema().visible_len();
            let mut cursor = table.query(txn).run().unwrap();
            let mut fresh = Vec::new();
            while let Some(found) = cursor.next().unwrap() {
                let number = found.get(at).to_owned();
                if !rows.contains_key(&Key(vec![number.clone()])) {
                    fresh.push(number);
                }
            }
            assert_eq!(fresh.len(), 1, "{}: one new row", self.place);
            row.push(fresh.remove(0));
        }
        rows.insert(Key(key_cells(table.schema(), &row)), row);
    }

    // ---- looking

    fn look(&mut self, random: &mut Random) {
        let fresh = self.store().snapshot().unwrap();
        for at in 0..self.tables.len() {
            let table = &self.tables[at];
            let place = &self.place;
            let mut whys = Vec::new();
            if let Some(open) = &self.open {
                whys.extend(look_at(
                    table,
                    &open.txn,
                    &open.rows[at],
                    random,
                    &format!("{place}, txn"),
                ));
            }
            whys.extend(look_at(table, &fresh, &self.committed[at], random, place));
            if let Some((snapshot, rows)) = self.held.last() {
                whys.extend(look_at(table, snapshot, &rows[at], random, &format!("{place}, held")));
            }
            for why in whys {
                let way = why.split([':', ' ']).next().unwrap_or_default().to_owned();
                *self.ways.entry(way).or_default() += 1;
            }
        }
        if random.once_in(20) {
            assert_sound(self.store());
            for (snapshot, rows) in &self.held {
                for (table, rows) in self.tables.iter().zip(rows) {
                    look_at(table, snapshot, rows, random, &format!("{}, held", self.place));
                }
            }
        }
    }
}

/// Compares keys, and the answers to some questions.
fn look_at<R: Reader>(
    table: &Table,
    reader: &R,
    rows: &Rows,
    random: &mut Random,
    place: &str,
) -> Vec<String> {
    let table = &table.bound_at(reader).unwrap();
    let visible = table.schema().visible_len();
    let expected =
        |key: &[Value]| rows.get(&Key(key.to_vec())).map(|row| format!("{:?}", &row[..visible]));
    for _ in 0..3 {
        let key = key_of(table, rows, random);
        let found =
            table.get(reader, &refs(&key)).unwrap().map(|row| format!("{:?}", row.to_values()));
        assert_eq!(found, expected(&key), "{place}: key {key:?}");
    }
    let keys: Vec<_> = (0..random.below(40)).map(|_| key_of(table, rows, random)).collect();
    let mut shown = 0;
    let look = |nth: usize, row: Option<RowRef<'_>>| {
        let values = |row: RowRef<'_>| row.values().map(ValueRef::to_owned).collect::<Vec<_>>();
        let found = row.map(|row| format!("{:?}", values(row)));
        assert_eq!(found, expected(&keys[nth]), "{place}: key {:?}, {nth} of many", keys[nth]);
        shown += 1;
    };
    table.get_many(reader, &keys.iter().map(|key| refs(key)).collect::<Vec<_>>(), look).unwrap();
    assert_eq!(shown, keys.len(), "{place}");
    look_up(table, reader, rows, &keys, random, place);
    (0..3).map(|_| ask(table, reader, rows, random, place)).collect()
}

/// Asks for two columns of the rows with these keys, one by one and all in one call.
fn look_up<R: Reader>(
    table: &Table,
    reader: &R,
    rows: &Rows,
    keys: &[Vec<Value>],
    random: &mut Random,
    place: &str,
) {
    let schema = table.schema();
    let columns = [(); 2].map(|()| random.below(schema.visible_len() as u64) as usize);
    let lookup = table.lookup(columns.map(|at| &*schema.columns[at].name)).unwrap();
    let expected = |key: &[Value]| {
        let row = rows.get(&Key(key.to_vec()));
        row.map(|row| format!("{:?}", columns.map(|at| &row[at])))
    };
    let values = |cells: Cells<'_, 2>| format!("{:?}", [0, 1].map(|nth| cells.get(nth).to_owned()));
    for key in keys {
        let found = lookup.get(reader, &refs(key), values).unwrap();
        assert_eq!(found, expected(key), "{place}: {columns:?} of key {key:?}");
    }
    let mut shown = 0;
    let look = |nth: usize, cells: Option<Cells<'_, 2>>| {
        assert_eq!(cells.map(values), expected(&keys[nth]), "{place}: {columns:?}, {nth} of many");
        shown += 1;
    };
    lookup.get_many(reader, &keys.iter().map(|key| refs(key)).collect::<Vec<_>>(), look).unwrap();
    assert_eq!(shown, keys.len(), "{place}");
}

/// One to four columns that are not in the key.
pub fn some_columns(schema: &Schema, random: &mut Random) -> Vec<usize> {
    let all: Vec<usize> = (0..schema.visible_len()).filter(|at| !schema.is_key(*at)).collect();
    let mut columns: Vec<usize> = Vec::new();
    for _ in 0..=random.below(3) {
        let at = *random.pick(&all);
        if !columns.contains(&at) {
            columns.push(at);
        }
    }
    columns
}

pub fn refs(values: &[Value]) -> Vec<ValueRef<'_>> {
    values.iter().map(Value::as_ref).collect()
}

pub fn key_cells(schema: &Schema, row: &[Value]) -> Vec<Value> {
    schema.key.iter().map(|at| row.get(*at).cloned().unwrap_or(Value::Null)).collect()
}

/// A key that is there, or one that may be.
pub fn key_of(table: &Table, rows: &Rows, random: &mut Random) -> Vec<Value> {
    let schema = table.schema();
    if !rows.is_empty() && !random.once_in(4) {
        let nth = random.below(rows.len() as u64) as usize;
        return rows.keys().nth(nth).expect("fewer than there are").0.clone();
    }
    if schema.has_hidden_key() {
        return vec![Value::Int(random.below(1_000) as i64 + 1_000_000)];
    }
    key_cells(schema, &random_row(table, random))
}

/// A row of every visible column; now and then NULL where it is refused.
pub fn random_row(table: &Table, random: &mut Random) -> Vec<Value> {
    let columns = table.schema().visible_columns().enumerate();
    let cell = |(at, column): (usize, &store_core::Column)| {
        let refused = random.once_in(40) && !table.schema().is_key(at);
        let long = table.name() == "longtext" || random.once_in(3);
        let nullable = !column.notnull || refused;
        value(column.ty, nullable, long, random)
    };
    columns.map(cell).collect()
}

/// True if two rows have equal values in these columns, none of them NULL.
fn has_twins(rows: &Rows, columns: &[usize]) -> bool {
    let value = |row: &Vec<Value>| columns.iter().map(|at| row[*at].clone()).collect();
    let whole = rows.values().map(value).filter(|value: &Vec<Value>| !value.contains(&Value::Null));
    let mut seen = std::collections::BTreeSet::new();
    whole.into_iter().any(|value| !seen.insert(Key(value)))
}

/// What writing this row over the one with `own` key, or as a new one, should give.
pub fn expected(schema: &Schema, rows: &Rows, row: &[Value], own: Option<&Key>) -> Expected {
    let null = schema
        .visible_columns()
        .zip(row)
        .any(|(column, value)| column.notnull && *value == Value::Null);
    if null {
        return Expected::Refused(&[Kind::NotNull]);
    }
    for index in schema.indexes.iter().filter(|index| index.unique) {
        if index.columns.iter().any(|at| row[*at] == Value::Null) {
            continue;
        }
        let same = |other: &Vec<Value>| {
            index.columns.iter().all(|at| other[*at].as_ref().order(row[*at].as_ref()).is_eq())
        };
        if rows.iter().any(|(key, other)| own != Some(key) && same(other)) {
            return Expected::Refused(&[Kind::Duplicate]);
        }
    }
    Expected::Done
}
