use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

fn main() {
    let _ = Flight::ALTITUDE.gt(10_000_i64); //~ a column of type `i32` cannot take `i64` here
    let _ = Flight::ALTITUDE.in_values([1.5]); //~ a column of type `i32` cannot take `{float}` here
}
