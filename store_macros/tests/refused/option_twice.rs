use store_macros::Record;

#[derive(Record)]
struct Flight {
    #[record(index, index)]
    origin: String,
}

fn main() {}
