use store_macros::Record;

#[derive(Record)]
#[record(index(origin, altitud))]
struct Flight {
    origin: String,
    altitude: i32,
}

fn main() {}
