use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

#[derive(Record)]
struct Hill {
    height: i32,
}

fn flights() -> store_core::TypedTable<Flight> {
    store_core::Store::in_memory().and_then(|store| store.table()).unwrap()
}

fn main() {
    let snapshot = store_core::Store::in_memory().and_then(|store| store.snapshot()).unwrap();
    let _ = flights().query(&snapshot).filter(Hill::HEIGHT.gt(5)); //~ TypedPredicate<Hill>
    let _ = flights().query(&snapshot).sort(Hill::HEIGHT.asc()); //~ TypedSort<Hill>
}
