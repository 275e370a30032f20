use store_macros::Record;

#[derive(Record)]
#[record(table = "")]
struct Flight {
    origin: String,
}

fn main() {}
