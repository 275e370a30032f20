use store_macros::Record;

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    #[record(index, nocase)]
    origin: String,
}

fn main() {}
