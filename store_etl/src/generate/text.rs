//! Flights as lines of tab-separated values.

use super::flights::{Flight, Flights};
use super::line::Line;
use super::write_lines;
use std::io::{Result, Write};
use store_core::ValueRef;
use store_core::value::write_value;

const DAY_SECONDS: i64 = 86_400;
const HEADER: &[u8] = b"flight_id\tlat\tlon\taltitude\tgs\torigin\tdest\tupdated_at\n";

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
    tell: impl FnMut(u64, u64),
) -> Result<()> {
    let (mut flights, mut lines) = (Flights::new(seed), FlightLines::new());
    let header = if header { HEADER } else { b"" };
    write_lines(header, rows, out, tell, |buffer| {
        lines.push(&flights.next().expect("flights without end"), buffer);
    })
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
        let mut line = Line::new();
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
        line.time(second as u32);
        line.put(b"Z\n");
        out.extend_from_slice(line.as_bytes());
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
