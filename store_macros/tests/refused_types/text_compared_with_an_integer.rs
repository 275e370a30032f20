use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

fn main() {
    let _ = Flight::FLIGHT_ID.eq(5); //~ a column of type `String` cannot take `{integer}` here
    let _ = Flight::ORIGIN.lt(5); //~ a column of type `Option<String>` cannot take `{integer}` here
}
