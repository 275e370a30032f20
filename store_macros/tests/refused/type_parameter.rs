use store_macros::Record;

#[derive(Record)]
struct Flight<T> {
    #[record(key)]
    flight_id: T,
}

fn main() {}
