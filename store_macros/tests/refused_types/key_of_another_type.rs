use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

fn flights() -> store_core::TypedTable<Flight> {
    store_core::Store::in_memory().and_then(|store| store.table()).unwrap()
}

fn main() {
    let snapshot = store_core::Store::in_memory().and_then(|store| store.snapshot()).unwrap();
    let _ = flights().get(&snapshot, 5); //~ mismatched types
    let _ = flights().get(&snapshot, ("UAL123", 5)); //~ mismatched types
}
