//! Our side.

use super::clients::{Client, Engine};
use super::{Place, ROWS_OF_CLIENT, TEXT_BYTES};
use std::collections::VecDeque;
use std::path::Path;
use store_core::{Durability, Kind, Store, Table, TxnOptions};

/// Commits a client of [`Ours::with_tickets`] has on their way.
const IN_FLIGHT: usize = 64;

pub struct Ours {
    pub store: Store,
    pub table: Table,
    how: How,
    _place: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Sync,
    Async,
    Tickets,
}

impl Ours {
    fn with(how: How) -> Self {
        let place = Place::new(match how {
            How::Sync => "store",
            How::Async => "async",
            How::Tickets => "tickets",
        });
        Self { _place: None, ..Self::open(&place.0, how) }.keep(place)
    }

    fn keep(mut self, place: Place) -> Self {
        self._place = Some(place);
        self
    }

    fn open(path: &Path, how: How) -> Self {
        let store = Store::options().memory(1 << 30).open(path).expect("a store");
        let schema =
            store_core::Schema::parse("t", "id int64 key, n int64, text text").expect("columns");
        let table = store.create_table(schema).expect("a new table");
        for client in 0..64 {
            let mut txn = store.begin().expect("a place");
            for nth in 0..ROWS_OF_CLIENT {
                let id = (client * ROWS_OF_CLIENT + nth) as i64;
                let text = "x".repeat(TEXT_BYTES);
                table.insert(&mut txn, &[id.into(), 0_i64.into(), (&text).into()]).expect("a row");
            }
            txn.commit().expect("the disk works");
        }
        Self { store, table, how, _place: None }
    }

    pub fn sync() -> Self {
        Self::with(How::Sync)
    }

    pub fn asynchronous() -> Self {
        Self::with(How::Async)
    }

    pub fn with_tickets() -> Self {
        Self::with(How::Tickets)
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        match self.how {
            How::Sync => "store",
            How::Async => "store, async",
            How::Tickets => "store, tickets",
        }
    }

    fn client(&self, client: u64) -> Client<'_> {
        let level = if self.how == How::Async { Durability::Async } else { Durability::Sync };
        let options = TxnOptions::new().durability(level);
        let mut tickets = VecDeque::new();
        Box::new(move |number| {
            let id = (client * ROWS_OF_CLIENT + number % ROWS_OF_CLIENT) as i64;
            let text = text(number);
            let changes = [("n", (number as i64).into()), ("text", (&text).into())];
            let txn = loop {
                let mut txn = self.store.begin_with(options).expect("a place");
                match self.table.update(&mut txn, &[id.into()], &changes) {
                    Ok(_) => break txn,
                    // The round before may have left a commit of this row on its way.
                    Err(error) if number == 0 && error.kind() == Kind::Conflict => {}
                    Err(error) => panic!("nobody else writes it: {error}"),
                }
            };
            if self.how == How::Tickets {
                tickets.push_back(txn.commit_ticket().expect("the log works"));
                if tickets.len() > IN_FLIGHT {
                    // One wait for the older half.
                    let middle = &tickets[IN_FLIGHT / 2 - 1];
                    self.store.wait_durable(middle.lsn()).expect("the disk works");
                    tickets.drain(..IN_FLIGHT / 2);
                }
            } else {
                txn.commit().expect("the disk works");
            }
        })
    }
}

/// What a commit writes.
pub fn text(number: u64) -> String {
    let mut text = format!("{number:08}");
    text.extend(std::iter::repeat_n('y', TEXT_BYTES - 8));
    text
}
