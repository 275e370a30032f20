use store_core::{Record, Result, Txn, TypedTable};

#[derive(Record)]
struct Flight {
    #[record(key)]
    flight_id: String,
    altitude: i32,
    origin: String,
}

fn climb(flights: &TypedTable<Flight>, txn: &mut Txn) -> Result<()> {
    flights.incr(txn, "UAL123", Flight::ORIGIN, "x")?; //~ `String` is no number
    flights.incr(txn, "UAL123", Flight::ALTITUDE, 0.5)?; //~ a column of type `i32` cannot take `{float}` here
    let wrong = [Flight::ALTITUDE.set("low")]; //~ a column of type `i32` cannot take `&str` here
    let null = [Flight::ALTITUDE.set_null()]; //~ no method named `set_null`
    Ok(())
}

fn main() {}
