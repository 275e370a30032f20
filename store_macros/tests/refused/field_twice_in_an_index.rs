use store_macros::Record;

#[derive(Record)]
#[record(unique(origin, altitude, origin))]
struct Flight {
    origin: String,
    altitude: i32,
}

fn main() {}
