use store_macros::Record;

#[derive(Record)]
enum Flight {
    Here,
}

fn main() {}
