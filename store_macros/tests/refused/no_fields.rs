use store_macros::Record;

#[derive(Record)]
struct Flight {}

fn main() {}
