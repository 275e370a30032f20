use store_core::Record;

#[derive(Record)]
struct Hill {
    height: i32,
}

fn main() {
    let store = store_core::Store::in_memory().unwrap();
    let hills = store.table::<Hill>().unwrap();
    let _ = hills.get(&store.snapshot().unwrap(), 5); //~ Hill: Keyed
}
