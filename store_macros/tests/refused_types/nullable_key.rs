use store_core::Record;

#[derive(Record)] //~ cannot be a key column
struct Flight {
    #[record(key)]
    flight_id: Option<String>, //~ `Option<String>` cannot be a key column
}

fn main() {}
