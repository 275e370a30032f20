//! Made rows: as many as wanted, the same for a seed on every machine, in shapes that real ones
//! have. For demonstrations, tests and measurements that cannot wait for data.

mod airports;
mod draw;
mod flights;
mod text;

pub use flights::{Flight, FlightId, Flights};
pub use text::{FlightLines, write_flights};

/// The columns of made flights, in the form that [`store_core::Schema::parse`] reads.
pub const FLIGHTS_SCHEMA: &str = "flight_id text key, lat float64, lon float64, \
    altitude int32 index, gs int32, origin text index, dest text, updated_at timestamp";

/// Most flights one run makes: their times stay within the years that a timestamp's text can name.
pub const FLIGHTS_MAX: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests;
