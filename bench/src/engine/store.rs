//! Our side.

use crate::keys::{Keys, Random};
use crate::rows::{text, update_of};
use std::ops::Range;
use store_core::ingest::{Format, IngestMode, IngestOptions, Source};
use store_core::query::{Aggregate, column};
use store_core::{
    Cells, IndexSpec, Lookup, RowRef, Schema, Snapshot, Store, Table, TableStats, Txn, Value,
    ValueRef,
};
use store_etl::generate::FLIGHTS_SCHEMA;

/// More than the versions of a round with a snapshot held.
const MEMORY: u64 = 8 << 30;
/// Columns by position.
pub const LAT: usize = 1;
const LON: usize = 2;
pub const ALTITUDE: usize = 3;
const GS: usize = 4;
const UPDATED_AT: usize = 7;

/// Rows in a range of altitudes, the southernmost.
pub struct Asked {
    pub low: i32,
    pub high: i32,
    pub limit: usize,
}

pub struct Ours {
    pub store: Store,
    pub table: Table,
    pub rows: usize,
    altitudes: Lookup<1>,
}

fn altitude(row: RowRef<'_>) -> i64 {
    int(row.get(ALTITUDE))
}

fn looked_up(cells: Cells<'_, 1>) -> i64 {
    int(cells.get(0))
}

fn int(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Int(number) => number,
        other => panic!("{other:?} is no integer"),
    }
}

impl Ours {
    pub fn load(rows: usize) -> Self {
        let store = Store::options().memory(MEMORY).open_in_memory().expect("a store opens");
        let schema = Schema::parse("flights", FLIGHTS_SCHEMA).expect("the schema is right");
        let table = store.create_table(schema).expect("the table is new");
        let altitudes = table.lookup(["altitude"]).expect("altitude is a column");
        let ours = Self { store, table, rows, altitudes };
        ours.ingest(text(rows), IngestMode::Insert);
        ours
    }

    /// Loads the text in transactions of 10,000 rows, all of which must be taken.
    pub fn ingest(&self, text: Vec<u8>, mode: IngestMode) {
        let mut options = IngestOptions::new(Format::Tsv);
        options.header = true;
        options.mode = mode;
        let source = Source::from_reader("flights", std::io::Cursor::new(text));
        let source = source.expect("the text can be read");
        let report = self.table.ingest(source, options).expect("every row loads");
        assert_eq!(report.rows_loaded as usize, self.rows);
    }

    pub fn snapshot(&self) -> Snapshot {
        self.store.snapshot().expect("a snapshot opens")
    }

    pub fn stats(&self) -> TableStats {
        self.table.stats()
    }

    /// The sum of the altitudes, in one snapshot.
    pub fn read(&self, keys: &Keys, part: Range<usize>) -> i64 {
        let snapshot = self.snapshot();
        keys.texts[part].iter().map(|text| self.altitude(&snapshot, text)).sum()
    }

    /// The same by a lookup prepared for the column.
    pub fn look_up(&self, keys: &Keys, part: Range<usize>) -> i64 {
        let snapshot = self.snapshot();
        let altitudes = self.altitudes.at(&snapshot).expect("it is a snapshot of the store");
        let altitude = |text: &&str| {
            let found = altitudes.get(&[ValueRef::Text(text)], looked_up);
            found.expect("a key of the right shape").expect("the row is there")
        };
        keys.texts[part].iter().map(altitude).sum()
    }

    /// The newest altitude, by the same lookup.
    #[inline]
    fn newest_altitude(&self, key: &str) -> i64 {
        let found = self.altitudes.get_newest(&[ValueRef::Text(key)], looked_up);
        found.expect("a key of the right shape").expect("the row is there")
    }

    #[inline]
    pub fn altitude(&self, snapshot: &Snapshot, key: &str) -> i64 {
        let row = self.table.get_with(snapshot, &[ValueRef::Text(key)], altitude);
        row.expect("a key of the right shape").expect("the row is there")
    }

    /// The sum of the altitudes, `batch` keys a call.
    pub fn read_many(&self, keys: &Keys, batch: usize) -> i64 {
        let (snapshot, mut sum) = (self.snapshot(), 0);
        let mut cells = Vec::with_capacity(batch);
        for texts in keys.texts.chunks(batch) {
            cells.clear();
            cells.extend(texts.iter().map(|text| [ValueRef::Text(text)]));
            let look = |_, row: Option<RowRef<'_>>| sum += altitude(row.expect("the row is there"));
            self.table.get_many(&snapshot, &cells, look).expect("keys of the right shape");
        }
        sum
    }

    /// The same by a lookup prepared for the column.
    pub fn look_up_many(&self, keys: &Keys, batch: usize) -> i64 {
        let (snapshot, mut sum) = (self.snapshot(), 0);
        let mut cells = Vec::with_capacity(batch);
        for texts in keys.texts.chunks(batch) {
            cells.clear();
            cells.extend(texts.iter().map(|text| [ValueRef::Text(text)]));
            let look =
                |_, row: Option<Cells<'_, 1>>| sum += looked_up(row.expect("the row is there"));
            self.altitudes.get_many(&snapshot, &cells, look).expect("keys of the right shape");
        }
        sum
    }

    /// A transaction for each update.
    pub fn update(&self, keys: &Keys, part: Range<usize>, round: usize) {
        part.for_each(|at| self.update_one(keys, at, round));
    }

    fn update_one(&self, keys: &Keys, at: usize, round: usize) {
        self.update_in_one(keys, at..at + 1, round);
    }

    /// All of them in one transaction.
    fn update_in_one(&self, keys: &Keys, part: Range<usize>, round: usize) {
        let done = self.store.write(|txn| {
            for at in part.clone() {
                let (gs, updated_at) = update_of(round, keys.ranks[at]);
                let cells = [ValueRef::Int(gs.into()), ValueRef::Timestamp(updated_at)];
                let key = [ValueRef::Text(keys.texts[at])];
                let found = self.table.update_columns(txn, &key, &[GS, UPDATED_AT], &cells)?;
                assert!(found, "the row is there");
            }
            Ok(())
        });
        done.expect("an update commits");
    }

    /// A transaction for every `batch` updates, row by row.
    pub fn update_rows(&self, keys: &Keys, batch: usize, round: usize) {
        let all = 0..keys.len();
        for start in all.clone().step_by(batch) {
            self.update_in_one(keys, start..(start + batch).min(all.end), round);
        }
    }

    /// A transaction for every `batch` updates, in one call.
    pub fn update_batches(&self, keys: &Keys, batch: usize, round: usize) {
        let (mut rows, mut cells) = (Vec::with_capacity(batch), Vec::with_capacity(batch));
        for (texts, ranks) in keys.texts.chunks(batch).zip(keys.ranks.chunks(batch)) {
            rows.clear();
            rows.extend(texts.iter().map(|text| [ValueRef::Text(text)]));
            cells.clear();
            cells.extend(ranks.iter().map(|rank| {
                let (gs, updated_at) = update_of(round, *rank);
                [ValueRef::Int(gs.into()), ValueRef::Timestamp(updated_at)]
            }));
            let update =
                |txn: &mut Txn| self.table.update_many(txn, &rows, &[GS, UPDATED_AT], &cells);
            let found = self.store.write(update).expect("an update commits");
            assert_eq!(found, texts.len(), "the rows are there");
        }
    }

    /// A transaction for each key that has written its row and goes on no further.
    pub fn open_writers(&self, keys: &Keys) -> Vec<Txn> {
        let open = |text: &&str| {
            let mut txn = self.store.begin().expect("a transaction begins");
            let key = [ValueRef::Text(text)];
            let found = self.table.update_columns(&mut txn, &key, &[GS], &[ValueRef::Int(1)]);
            assert!(found.expect("nobody else writes"), "the row is there");
            txn
        };
        keys.texts.iter().map(open).collect()
    }

    /// Sets the altitude, which is indexed, to a number of the round; a transaction each.
    pub fn update_indexed(&self, keys: &Keys, part: Range<usize>, round: usize) {
        for at in part {
            let cells = [ValueRef::Int(indexed_value(round, keys.ranks[at]))];
            let key = [ValueRef::Text(keys.texts[at])];
            let done =
                self.store.write(|txn| self.table.update_columns(txn, &key, &[ALTITUDE], &cells));
            assert!(done.expect("an update commits"), "the row is there");
        }
    }

    /// Every key read, in a snapshot of its own, or updated where `writes` says so.
    pub fn mixed(&self, keys: &Keys, part: Range<usize>, round: usize, writes: &[bool]) -> i64 {
        let read = |text: &str| self.altitude(&self.snapshot(), text);
        self.mixed_by(read, keys, part, round, writes)
    }

    /// The same, read as its newest commit has it by a lookup prepared for the column.
    pub fn mixed_newest(
        &self,
        keys: &Keys,
        part: Range<usize>,
        round: usize,
        writes: &[bool],
    ) -> i64 {
        self.mixed_by(|text| self.newest_altitude(text), keys, part, round, writes)
    }

    #[inline(always)]
    fn mixed_by(
        &self,
        read: impl Fn(&str) -> i64,
        keys: &Keys,
        part: Range<usize>,
        round: usize,
        writes: &[bool],
    ) -> i64 {
        let mut sum = 0;
        for at in part {
            if writes[at] {
                self.update_one(keys, at, round);
            } else {
                sum += read(keys.texts[at]);
            }
        }
        sum
    }

    /// The sum of altitudes and longitudes, these in whole degrees.
    pub fn scan(&self) -> i64 {
        let (snapshot, mut sum) = (self.snapshot(), 0);
        let query = self.table.query(&snapshot);
        let mut batches = query.batches(&["altitude", "lon"]).expect("the query runs");
        while let Some(batch) = batches.next().expect("rows come") {
            let (altitudes, lons) = (batch.ints(0), batch.floats(1));
            sum += altitudes.expect("altitude is an integer").iter().sum::<i64>();
            sum += lons.expect("lon is a float").iter().map(|lon| *lon as i64).sum::<i64>();
        }
        sum
    }

    /// The same, a row at a time.
    pub fn scan_rows(&self) -> i64 {
        let (snapshot, mut sum) = (self.snapshot(), 0);
        let mut rows = self.table.query(&snapshot).run().expect("the query runs");
        while let Some(row) = rows.next().expect("rows come") {
            let ValueRef::Float64(lon) = row.get(LON) else { panic!("lon is a float") };
            sum += altitude(row) + lon as i64;
        }
        sum
    }

    /// The latitudes of the rows asked for.
    pub fn range_sorted(&self, asked: &Asked) -> i64 {
        let snapshot = self.snapshot();
        let query = self.table.query(&snapshot);
        let query = query.filter(column("altitude").range(asked.low, asked.high));
        let query = query.sort(&["lat"]).expect("lat is a column").limit(asked.limit as u64);
        let mut sum = 0;
        let mut rows = query.run().expect("the query runs");
        while let Some(row) = rows.next().expect("rows come") {
            let ValueRef::Float64(lat) = row.get(LAT) else { panic!("lat is a float") };
            sum += (lat * 1e4) as i64;
        }
        sum
    }

    pub fn count_from(&self, origin: &str) -> i64 {
        let snapshot = self.snapshot();
        let query = self.table.query(&snapshot).filter(column("origin").eq(origin));
        query.count().expect("the query runs").cast_signed()
    }

    /// How many rows are north of 30 degrees, and the mean of their speeds in millionths.
    pub fn north(&self, threads: u32) -> i64 {
        let snapshot = self.snapshot();
        let query = self.table.query(&snapshot).filter(column("lat").gt(30.0)).threads(threads);
        let wanted = [Aggregate::count(), Aggregate::avg("gs")];
        let found = query.aggregate::<&str>(&[], &wanted).expect("the query runs");
        match found.rows()[0][..] {
            [Value::Int(count), Value::Float64(mean)] => (mean * 1e6) as i64 + count,
            ref other => panic!("{other:?}"),
        }
    }

    /// The first ten rows in an order: the sum of this column's values in them, in ten thousandths.
    pub fn first_ten(&self, order: &str, column: usize) -> i64 {
        let snapshot = self.snapshot();
        let query = self.table.query(&snapshot).sort(&[order]).expect("a column").limit(10);
        let (mut rows, mut sum) = (query.run().expect("the query runs"), 0);
        while let Some(row) = rows.next().expect("rows come") {
            sum += match row.get(column) {
                ValueRef::Int(value) => value * 10_000,
                ValueRef::Float64(value) => (value * 1e4) as i64,
                other => panic!("{other:?} is no number"),
            };
        }
        sum
    }

    /// Rows of a result of so many, looked at one by one: a scan, or a walk over this index.
    pub fn first_rows(&self, rows: usize, index: Option<&str>) -> usize {
        let snapshot = self.snapshot();
        let mut query = self.table.query(&snapshot).limit(rows as u64);
        if let Some(index) = index {
            query = query.filter(column("altitude").ge(-10_000)).index(index);
        }
        let (mut rows, mut count) = (query.run().expect("the query runs"), 0);
        while let Some(row) = rows.next().expect("rows come") {
            count += usize::from(altitude(row) >= -10_000);
        }
        count
    }

    /// Makes an index of one column, which gives it its name.
    pub fn create_index(&self, column: &str) {
        self.table.create_index(&IndexSpec::on(&[column])).expect("the index is new");
    }

    pub fn drop_index(&self, column: &str) {
        self.table.drop_index(column).expect("the index is there");
    }

    pub fn speeds(&self, keys: &Keys) -> i64 {
        self.sum_of(keys, GS)
    }

    pub fn altitudes(&self, keys: &Keys) -> i64 {
        self.sum_of(keys, ALTITUDE)
    }

    fn sum_of(&self, keys: &Keys, column: usize) -> i64 {
        let snapshot = self.snapshot();
        let value = |text: &&str| {
            let key = [ValueRef::Text(text)];
            let row = self.table.get_with(&snapshot, &key, |row| int(row.get(column)));
            row.expect("a key of the right shape").expect("the row is there")
        };
        keys.texts.iter().map(value).sum()
    }

    /// Commits until no garbage is left, so that nobody else's time pays for it.
    pub fn settle(&self, keys: &Keys) {
        let mut random = Random(7);
        for _ in 0..1_000_000 {
            if self.stats().garbage_rows <= 16 {
                return;
            }
            for _ in 0..256 {
                let at = random.next() as usize % keys.len();
                self.update_one(keys, at, 0);
            }
        }
        panic!("garbage stays");
    }
}

/// What [`Ours::update_indexed`] writes.
pub fn indexed_value(round: usize, rank: u32) -> i64 {
    i64::from(rank % 41) * 1000 + round as i64
}
