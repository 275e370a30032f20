use store_macros::Record;

#[derive(Record)]
struct Flight(String, i32);

fn main() {}
