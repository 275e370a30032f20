use store_core::Record;

#[derive(Record)]
struct Flight {
    #[record(default = "low")] //~ a column of type `i32` cannot take `&str` here
    altitude: i32,
}

fn main() {}
