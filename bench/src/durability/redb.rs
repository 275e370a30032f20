//! redb: one writer at a time, every commit durable.

use super::clients::{Client, Engine};
use super::store::text;
use super::{Place, ROWS_OF_CLIENT};
use redb::{Database, TableDefinition};

const TABLE: TableDefinition<'_, u64, &str> = TableDefinition::new("t");

pub struct Redb {
    database: Database,
    _place: Place,
}

impl Redb {
    pub fn new() -> Self {
        let place = Place::new("redb");
        let database = Database::create(place.0.join("db")).expect("redb opens");
        Self { database, _place: place }
    }
}

impl Engine for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn client(&self, client: u64) -> Client<'_> {
        Box::new(move |number| {
            let id = client * ROWS_OF_CLIENT + number % ROWS_OF_CLIENT;
            let txn = self.database.begin_write().expect("a transaction");
            {
                let mut table = txn.open_table(TABLE).expect("a table");
                table.insert(id, &*text(number)).expect("a row");
            }
            txn.commit().expect("a commit");
        })
    }
}
