//! Flights as lines of tab-separated values.

use super::flights::{Flight, Flights, write_digits};
use std::io::{Result, Write};
use store_core::ValueRef;
use store_core::value::write_value;

const HEADER: &[u8] = b"flight_id\tlat\tlon\taltitude\tgs\torigin\tdest\tupdated_at\n";
/// Bytes of lines written at once.
const WRITE_BYTES: usize = 128 << 10;
/// No line is longer: 15 of the id, 2 × 10 of the place, 2 × 10 of numbers, 2 × 4 of airports,
/// 20 of the time and 8 behind the fields.
const LINE_BYTES_MAX: usize = 96;
const DAY_SECONDS: i64 = 86_400;

/// Writes flights of a seed as TSV; after each large write `tell` gets the rows and bytes so far.
///
/// The text of each value is the one that [`store_core::value::write_value`] gives, so what is
/// loaded and written again is the same.
///
/// ```
/// let mut text = Vec::new();
/// store_etl::generate::write_flights(1, 2, true, &mut text, |_, _| ())?;
/// assert!(text.starts_with(b"flight_id\tlat\tlon\t"));
/// assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn write_flights(
    seed: u64,
    rows: u64,
    header: bool,
    out: &mut impl Write,
    mut tell: impl FnMut(u64, u64),
) -> Result<()> {
    let (mut flights, mut lines) = (Flights::new(seed), FlightLines::new());
    let mut buffer = Vec::with_capacity(WRITE_BYTES + LINE_BYTES_MAX);
    let (mut written, mut bytes) = (0, 0);
    if header {
        buffer.extend_from_slice(HEADER);
    }
    while written < rows {
        let flight = flights.next().expect("flights without end");
        lines.push(&flight, &mut buffer);
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

/// Makes lines of flights; keeps the text of the day, which seldom changes.
pub struct FlightLines {
    day: i64,
    day_text: Vec<u8>,
}

impl Default for FlightLines {
    fn default() -> Self {
        Self::new()
    }
}

impl FlightLines {
    /// A maker of lines.
    pub fn new() -> Self {
        Self { day: i64::MIN, day_text: Vec::new() }
    }

    /// Appends a flight's line.
    #[inline]
    pub fn push(&mut self, flight: &Flight, out: &mut Vec<u8>) {
        let mut line = Line { bytes: [0; LINE_BYTES_MAX], len: 0 };
        line.field(flight.id.as_bytes());
        line.degrees(flight.lat_e5);
        line.degrees(flight.lon_e5);
        line.number(flight.altitude as u32);
        line.put(b"\t");
        line.number(flight.gs as u32);
        line.put(b"\t");
        line.field(flight.origin.as_bytes());
        line.field(flight.dest.as_bytes());
        let (day, second) =
            (flight.updated_at.div_euclid(DAY_SECONDS), flight.updated_at.rem_euclid(DAY_SECONDS));
        if day != self.day {
            self.change_day(day);
        }
        line.put(&self.day_text);
        line.time(second as u64);
        out.extend_from_slice(&line.bytes[..line.len]);
    }

    #[cold]
    fn change_day(&mut self, day: i64) {
        self.day = day;
        self.day_text.clear();
        write_value(ValueRef::Timestamp(day * DAY_SECONDS * 1_000_000), &mut self.day_text);
        let date = self.day_text.iter().position(|byte| *byte == b'T');
        self.day_text.truncate(date.expect("a timestamp's text has a T") + 1);
    }
}

/// One line as it grows.
struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn field(&mut self, bytes: &[u8]) {
        self.put(bytes);
        self.put(b"\t");
    }

    fn digits(&mut self, number: u32, digits: usize) {
        write_digits(u64::from(number), &mut self.bytes[self.len..self.len + digits]);
        self.len += digits;
    }

    fn number(&mut self, number: u32) {
        self.digits(number, number.checked_ilog10().unwrap_or(0) as usize + 1);
    }

    /// Hundred thousandths of a degree, and a tab.
    fn degrees(&mut self, e5: i32) {
        if e5 < 0 {
            self.put(b"-");
        }
        let size = e5.unsigned_abs();
        self.number(size / 100_000);
        self.put(b".");
        self.digits(size % 100_000, 5);
        self.put(b"\t");
    }

    /// A second of the day, and the line's end.
    fn time(&mut self, second: u64) {
        let second = second as u32;
        self.digits(second / 3600, 2);
        self.put(b":");
        self.digits(second / 60 % 60, 2);
        self.put(b":");
        self.digits(second % 60, 2);
        self.put(b"Z\n");
    }
}
