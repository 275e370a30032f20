use store_core::Record;

#[derive(Record)] //~ duplicate definitions
struct Flight {
    altitude: i32,
}

impl Flight {
    const ALTITUDE: i32 = 40_000;
}

fn main() {}
