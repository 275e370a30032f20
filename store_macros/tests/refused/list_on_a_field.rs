use store_macros::Record;

#[derive(Record)]
struct Flight {
    #[record(index(origin))]
    origin: String,
}

fn main() {}
