use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

fn main() {
    let _ = Flight::ORIGIN.eq(None::<String>); //~ a column of type `Option<String>` cannot take `Option<String>` here
}
