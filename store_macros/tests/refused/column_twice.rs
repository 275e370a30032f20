use store_macros::Record;

#[derive(Record)]
struct Flight {
    origin: String,
    #[record(rename = "origin")]
    airport: String,
}

fn main() {}
