//! fjall: a log-structured tree; every batch synced by `fdatasync`.

use super::clients::{Client, Engine};
use super::store::text;
use super::{Place, ROWS_OF_CLIENT};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

pub struct Fjall {
    database: Database,
    rows: Keyspace,
    _place: Place,
}

impl Fjall {
    pub fn new() -> Self {
        let place = Place::new("fjall");
        let database = Database::builder(&place.0).open().expect("fjall opens");
        let rows = database.keyspace("t", KeyspaceCreateOptions::default).expect("a keyspace");
        Self { database, rows, _place: place }
    }
}

impl Engine for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn client(&self, client: u64) -> Client<'_> {
        Box::new(move |number| {
            let id = client * ROWS_OF_CLIENT + number % ROWS_OF_CLIENT;
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            batch.insert(&self.rows, id.to_be_bytes(), text(number));
            batch.commit().expect("a commit");
        })
    }
}
