//! Made rows: as many as wanted, the same for a seed on every machine, in shapes that real ones
//! have. For demonstrations, tests and measurements that cannot wait for data.

mod airports;
mod draw;
mod flights;
mod line;
mod text;
mod transactions;

pub use flights::{Flight, FlightId, Flights};
pub use text::{FlightLines, write_flights};
pub use transactions::{ACCOUNTS, write_accounts, write_transactions};

use std::io::{Result, Write};

/// Bytes of lines written at once.
const WRITE_BYTES: usize = 128 << 10;

/// The columns of made flights, in the form that [`store_core::Schema::parse`] reads.
pub const FLIGHTS_SCHEMA: &str = "flight_id text key, lat float64, lon float64, \
    altitude int32 index, gs int32, origin text index, dest text, updated_at timestamp";

/// Most flights one run makes: their times stay within the years that a timestamp's text can name.
pub const FLIGHTS_MAX: u64 = 1_000_000_000_000;

/// The columns of made transactions, likewise.
pub const TRANSACTIONS_SCHEMA: &str = "txn_id int64 key, ts timestamp, account_id int32, \
    merchant text, category text, amount decimal(12,2), currency text, status text";

/// The columns of made accounts, likewise.
pub const ACCOUNTS_SCHEMA: &str =
    "account_id int32 key, name text, country text, segment text, opened date";

/// Most transactions one run makes: their numbers stay within ten digits.
pub const TRANSACTIONS_MAX: u64 = 9_999_999_999;

/// Writes a header and lines in large pieces; after each, `tell` gets the rows and bytes so far.
fn write_lines(
    header: &[u8],
    rows: u64,
    out: &mut impl Write,
    mut tell: impl FnMut(u64, u64),
    mut push: impl FnMut(&mut Vec<u8>),
) -> Result<()> {
    let mut buffer = Vec::with_capacity(WRITE_BYTES + line::LINE_BYTES_MAX);
    buffer.extend_from_slice(header);
    let (mut written, mut bytes) = (0, 0);
    while written < rows {
        push(&mut buffer);
        written += 1;
        if buffer.len() >= WRITE_BYTES || written == rows {
            out.write_all(&buffer)?;
            bytes += buffer.len() as u64;
            buffer.clear();
            tell(written, bytes);
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests;
