//! SQLite with a write-ahead log, every commit synced; a connection for each client.

use super::clients::{Client, Engine};
use super::store::text;
use super::{Place, ROWS_OF_CLIENT};
use rusqlite::Connection;
use std::time::Duration;

pub struct Sqlite(Place);

impl Sqlite {
    pub fn new() -> Self {
        let sqlite = Self(Place::new("sqlite"));
        let table = "create table t (id integer primary key, n int, text text)";
        sqlite.connect().execute_batch(table).expect("a new table");
        sqlite
    }

    fn connect(&self) -> Connection {
        let connection = Connection::open(self.0.0.join("db")).expect("sqlite opens");
        connection.busy_timeout(Duration::from_secs(60)).expect("a timeout");
        connection
            .execute_batch("pragma journal_mode = wal; pragma synchronous = full")
            .expect("pragmas");
        connection
    }
}

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite, WAL, FULL"
    }

    fn client(&self, client: u64) -> Client<'_> {
        let connection = self.connect();
        Box::new(move |number| {
            let id = client * ROWS_OF_CLIENT + number % ROWS_OF_CLIENT;
            let sql = "insert or replace into t values (?, ?, ?)";
            let mut statement = connection.prepare_cached(sql).expect("the statement is right");
            statement.execute((id as i64, number as i64, text(number))).expect("a commit");
        })
    }
}
