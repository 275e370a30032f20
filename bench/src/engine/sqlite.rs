//! SQLite in memory: prepared statements, no journal, no sync.

use super::Engines;
use super::store::{Asked, indexed_value};
use crate::keys::Keys;
use crate::rows::update_of;
use rusqlite::{Connection, params};
use std::ops::Range;

const TABLE: &str = "pragma journal_mode = off; pragma synchronous = off;
    create table flights (flight_id text primary key, lat real, lon real, altitude int, gs int, \
    origin text, dest text, updated_at int)";
const INDEXES: &str = "create index by_altitude on flights (altitude);
    create index by_origin on flights (origin);";

/// In which order a table's rows lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// That of the key: `without rowid`.
    Key,
    /// That of loading.
    Loading,
}

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn load(engines: &Engines, order: Order) -> Self {
        let connection = Connection::open_in_memory().expect("sqlite opens");
        let ending = if order == Order::Key { " without rowid;" } else { ";" };
        let table = [TABLE, ending, INDEXES].concat();
        connection.execute_batch(&table).expect("the table is right");
        connection.execute_batch("begin").expect("begin");
        let all = Keys::of(&engines.ids, (0..engines.rows as u32).collect());
        {
            let sql = "insert into flights values (?, ?, ?, ?, ?, ?, ?, ?)";
            let mut insert = connection.prepare(sql).expect("the insert is right");
            for (id, row) in all.texts.iter().zip(&engines.values) {
                let (origin, dest) = (text(&row.origin), text(&row.dest));
                let cells = params![
                    id,
                    row.lat,
                    row.lon,
                    row.altitude,
                    row.gs,
                    origin,
                    dest,
                    row.updated_at
                ];
                insert.execute(cells).expect("every row loads");
            }
        }
        connection.execute_batch("commit").expect("commit");
        Self(connection)
    }

    /// The sum of the altitudes, in one transaction.
    pub fn read(&self, keys: &Keys, part: Range<usize>) -> i64 {
        self.0.execute_batch("begin").expect("begin");
        let sum = self.sum_of(&keys.texts[part], "altitude");
        self.0.execute_batch("commit").expect("commit");
        sum
    }

    /// A transaction for each update.
    pub fn update(&self, keys: &Keys, part: Range<usize>, round: usize) {
        let sql = "update flights set gs = ?, updated_at = ? where flight_id = ?";
        let mut update = self.0.prepare(sql).expect("the update is right");
        for at in part {
            let (gs, updated_at) = update_of(round, keys.ranks[at]);
            let changed = update.execute(params![gs, updated_at, keys.texts[at]]);
            assert_eq!(changed.expect("an update commits"), 1);
        }
    }

    /// Sets the altitude, which is indexed; a transaction each.
    pub fn update_indexed(&self, keys: &Keys, part: Range<usize>, round: usize) {
        let sql = "update flights set altitude = ? where flight_id = ?";
        let mut update = self.0.prepare(sql).expect("the update is right");
        for at in part {
            let value = indexed_value(round, keys.ranks[at]);
            let changed = update.execute(params![value, keys.texts[at]]);
            assert_eq!(changed.expect("an update commits"), 1);
        }
    }

    /// The latitudes of the rows asked for.
    pub fn range_sorted(&self, asked: &Asked) -> i64 {
        let sql = "select * from flights where altitude >= ? and altitude < ? order by lat limit ?";
        let mut select = self.0.prepare_cached(sql).expect("the select is right");
        let lat = |row: &rusqlite::Row<'_>| row.get::<_, f64>(1);
        let rows = select.query_map(params![asked.low, asked.high, asked.limit as i64], lat);
        rows.expect("the query runs").map(|lat| (lat.expect("a number") * 1e4) as i64).sum()
    }

    pub fn count_from(&self, origin: &str) -> i64 {
        let sql = "select count(*) from flights where origin = ?";
        let mut select = self.0.prepare_cached(sql).expect("the select is right");
        select.query_row([origin], |row| row.get(0)).expect("the query runs")
    }

    /// How many rows are north of 30 degrees, and the mean of their speeds in millionths.
    pub fn north(&self) -> i64 {
        let sql = "select count(*), avg(gs) from flights where lat > 30";
        let mut select = self.0.prepare_cached(sql).expect("the select is right");
        let found = select.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
        let (count, mean) = found.expect("the query runs");
        (mean * 1e6) as i64 + count
    }

    /// The first ten rows in an order: the sum of this column's values in them, in ten thousandths.
    pub fn first_ten(&self, order: &str, column: usize) -> i64 {
        let sql = format!("select * from flights order by {order} limit 10");
        let mut select = self.0.prepare_cached(&sql).expect("the select is right");
        let value = |row: &rusqlite::Row<'_>| row.get::<_, f64>(column);
        let rows = select.query_map([], value).expect("the query runs");
        rows.map(|value| (value.expect("a number") * 1e4) as i64).sum()
    }

    /// Makes an index.
    pub fn create_index(&self, name: &str, column: &str) {
        let sql = format!("create index {name} on flights ({column})");
        self.0.execute_batch(&sql).expect("the index is new");
    }

    pub fn drop_index(&self, name: &str) {
        self.0.execute_batch(&format!("drop index {name}")).expect("the index is there");
    }

    pub fn speeds(&self, keys: &Keys) -> i64 {
        self.sum_of(&keys.texts, "gs")
    }

    pub fn altitudes(&self, keys: &Keys) -> i64 {
        self.sum_of(&keys.texts, "altitude")
    }

    pub fn bytes(&self) -> i64 {
        let pragma = |name: &str| -> i64 {
            let sql = format!("pragma {name}");
            self.0.query_row(&sql, [], |row| row.get(0)).expect("the pragma is known")
        };
        pragma("page_count") * pragma("page_size")
    }

    fn sum_of(&self, texts: &[&str], column: &str) -> i64 {
        let sql = format!("select {column} from flights where flight_id = ?");
        let mut select = self.0.prepare(&sql).expect("the select is right");
        let value = |text: &&str| -> i64 {
            select.query_row([text], |row| row.get(0)).expect("the row is there")
        };
        texts.iter().map(value).sum()
    }
}

fn text(airport: &[u8; 4]) -> &str {
    std::str::from_utf8(airport).expect("letters")
}
