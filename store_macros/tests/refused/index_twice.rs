use store_macros::Record;

#[derive(Record)]
#[record(index(origin))]
struct Flight {
    #[record(index)]
    origin: String,
}

fn main() {}
