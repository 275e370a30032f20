use store_macros::Record;

#[derive(Record)]
#[record(key(day, flight_id))]
struct Flight {
    #[record(key)]
    flight_id: String,
    day: i32,
}

fn main() {}
