//! A small table for the examples in the documentation.

use crate::{Schema, Store, Table, Type};

/// A store in memory with a table `flights` of one row.
///
/// # Panics
/// If the store is broken.
pub fn flights() -> (Store, Table) {
    let make = || {
        let store = Store::in_memory()?;
        let schema = Schema::builder("flights")
            .column("flight_id", Type::Text)
            .key()
            .column("altitude", Type::Int32)
            .index()
            .column("origin", Type::Text)
            .notnull()
            .default("")
            .build()?;
        let table = store.create_table(schema)?;
        store.write(|txn| table.insert(txn, &["UAL123".into(), 35_000.into(), "KAUS".into()]))?;
        Ok::<_, crate::Error>((store, table))
    };
    make().expect("a table of one row can be made")
}
