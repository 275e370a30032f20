use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: Option<String>,
}

fn main() {
    let _ = Flight::ALTITUDE.is_null(); //~ no method named `is_null`
    let _ = Flight::ALTITUDE.is_true(); //~ no method named `is_true`
}
