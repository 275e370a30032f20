//! SQLite's side: in memory, prepared statements, one transaction per 10,000 rows, WITHOUT ROWID.

use super::flights::{Flights, KEY, Key};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

const TABLE: &str = "create table flights (year int, month int, day int, dep_time int, \
    sched_dep_time int, dep_delay int, arr_time int, sched_arr_time int, arr_delay int, carrier text, \
    flight int, tailnum text, origin text, dest text, air_time int, distance int, hour int, \
    minute int, time_hour text, \
    primary key (year, month, day, carrier, flight, origin, sched_dep_time)) without rowid;
    create index by_delay on flights (dep_delay); create index by_origin on flights (origin);";
const TEXT_COLUMNS: [usize; 5] = [9, 11, 12, 13, 18];
const BATCH: usize = 10_000;

pub struct Loaded {
    connection: Connection,
    rows: usize,
}

/// Parses and inserts every line; the indexes are there from the start, as in the store.
pub fn load(flights: &Flights) -> Loaded {
    let connection = Connection::open_in_memory().expect("sqlite opens");
    connection
        .execute_batch("pragma journal_mode = off; pragma synchronous = off")
        .expect("pragmas");
    connection.execute_batch(TABLE).expect("the table is right");
    let places = vec!["?"; 19].join(",");
    let mut rows = 0;
    {
        let sql = format!("insert into flights values ({places})");
        let mut insert = connection.prepare(&sql).expect("the insert is right");
        connection.execute_batch("begin").expect("begin");
        for line in flights.lines() {
            for (at, field) in line.split('\t').enumerate() {
                insert.raw_bind_parameter(at + 1, value(at, field)).expect("bind");
            }
            insert.raw_execute().expect("every row loads");
            rows += 1;
            if rows % BATCH == 0 {
                connection.execute_batch("commit; begin").expect("commit");
            }
        }
        connection.execute_batch("commit").expect("commit");
    }
    Loaded { connection, rows }
}

fn value(at: usize, field: &str) -> Value {
    match field {
        "NA" => Value::Null,
        text if TEXT_COLUMNS.contains(&at) => Value::Text(text.to_owned()),
        number => Value::Integer(number.parse().expect("a number")),
    }
}

impl Loaded {
    /// Reads each key's row; the sum of the distances.
    pub fn read(&self, keys: &[Key]) -> i64 {
        let names = ["year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"];
        assert_eq!(names.len(), KEY.len());
        let tests = names.map(|name| format!("{name} = ?")).join(" and ");
        let sql = format!("select distance from flights where {tests}");
        let mut select = self.connection.prepare(&sql).expect("the select is right");
        let mut sum = 0;
        for key in keys {
            let [year, month, day, flight, departure] = key.numbers;
            let key = params![year, month, day, key.carrier, flight, key.origin, departure];
            sum += select.query_row(key, |row| row.get::<_, i64>(0)).expect("the row is there");
        }
        sum
    }

    pub fn late_from_jfk(&self) -> i64 {
        let sql = "select count(*) from flights where origin = 'JFK' and dep_delay >= 60";
        self.connection.query_row(sql, [], |row| row.get(0)).expect("the query runs")
    }

    pub fn bytes_per_row(&self) -> f64 {
        let pragma = |name: &str| -> i64 {
            self.connection
                .query_row(&format!("pragma {name}"), [], |row| row.get(0))
                .expect("the pragma is known")
        };
        (pragma("page_count") * pragma("page_size")) as f64 / self.rows as f64
    }
}
