use store_macros::Record;

#[derive(Record)]
struct Flight {
    max: i32,
    #[record(constant = MAX)]
    most: i32,
}

fn main() {}
