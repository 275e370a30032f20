use store_macros::Record;

#[derive(Record)]
#[record(index)]
struct Flight {
    origin: String,
}

fn main() {}
