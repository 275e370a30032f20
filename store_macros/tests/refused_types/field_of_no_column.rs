use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    wings: [f64; 2], //~ `[f64; 2]` is no type of a column
}

fn main() {}
