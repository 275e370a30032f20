use store_macros::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    #[record(index, sparse)]
    origin: String,
}

fn main() {}
