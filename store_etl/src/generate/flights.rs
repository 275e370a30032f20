//! Flights in the air over North America, one row each.
//!
//! ```text
//! bits ─► airline by rank ─► number: the airline's next, in a shuffled order   flight_id
//!     ─► two airports by rank                                                  origin, dest
//!     ─► how far along it is ─► a point beside the way                         lat, lon
//!                           ─► climb, cruise or descent                        altitude, gs
//! count ─► 16 rows a second, give or take eight seconds                        updated_at
//! ```
//!
//! All of it is integer arithmetic. A longer run with the same seed begins with the same rows.

use super::airports::AIRPORTS;
use super::draw::{Bits, CHOICE_BITS, Ranked};

/// Airlines by how often they fly.
const AIRLINES: [&[u8; 3]; 40] = [
    b"AAL", b"DAL", b"UAL", b"SWA", b"SKW", b"RPA", b"ASA", b"JBU", b"ENY", b"NKS", b"JIA", b"EDV",
    b"FFT", b"ASH", b"FDX", b"UPS", b"ACA", b"WJA", b"AAY", b"HAL", b"PDT", b"GJS", b"JZA", b"QXE",
    b"SCX", b"AMX", b"VOI", b"GTI", b"ABX", b"ATN", b"POE", b"CPZ", b"TSC", b"MXY", b"VXP", b"BAW",
    b"DLH", b"AFR", b"KLM", b"SWG",
];
/// How much the first airlines and airports lead; larger is flatter.
const AIRLINES_FLAT: u64 = 3;
const AIRPORTS_FLAT: u64 = 4;

/// Flight numbers have six digits; an airline that has used all of them goes on with the next
/// as many.
const FIRST_NUMBER: u64 = 100_000;
const NUMBERS: u64 = 900_000;

/// 2026-01-01T00:00:00Z.
const FIRST_SECOND: i64 = 1_767_225_600;
const ROWS_PER_SECOND: u64 = 16;

/// How far along a flight is, in parts of this.
const WHOLE: i64 = 1 << 16;
/// A tenth of the way up, a tenth down.
const SLOPE: i64 = WHOLE / 10;

/// Flights without end, different for each seed.
///
/// ```
/// use store_etl::generate::Flights;
///
/// let first: Vec<_> = Flights::new(1).take(3).collect();
/// assert_eq!(first, Flights::new(1).take(3).collect::<Vec<_>>());
/// assert_ne!(first, Flights::new(2).take(3).collect::<Vec<_>>());
/// ```
pub struct Flights {
    bits: Bits,
    airlines: Ranked,
    airports: Ranked,
    numbers: [Numbers; AIRLINES.len()],
    made: u64,
}

/// One flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// What no other flight of the run has.
    pub id: FlightId,
    /// Degrees north, in hundred thousandths; the last digit is not 0.
    pub lat_e5: i32,
    /// Degrees east, in hundred thousandths; the last digit is not 0.
    pub lon_e5: i32,
    /// In feet, by 25.
    pub altitude: i32,
    /// Ground speed in knots.
    pub gs: i32,
    /// Where it comes from: four letters.
    pub origin: &'static str,
    /// Where it goes: four letters, not the origin's.
    pub dest: &'static str,
    /// When this was heard, in seconds since 1970.
    pub updated_at: i64,
}

impl Flight {
    /// Degrees north.
    pub fn lat(&self) -> f64 {
        f64::from(self.lat_e5) / 1e5
    }

    /// Degrees east.
    pub fn lon(&self) -> f64 {
        f64::from(self.lon_e5) / 1e5
    }
}

/// An airline's three letters and a number of at least six digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlightId {
    bytes: [u8; 15],
    len: u8,
}

impl FlightId {
    fn new(airline: [u8; 3], number: u64) -> Self {
        let mut bytes = [0; 15];
        bytes[..3].copy_from_slice(&airline);
        let digits = if number < 1_000_000 { 6 } else { number.ilog10() as usize + 1 };
        write_digits(number, &mut bytes[3..3 + digits]);
        Self { bytes, len: 3 + digits as u8 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("letters and digits")
    }

    /// The text's bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for FlightId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An airline's numbers, each once: steps of a fixed width around a circle, whose width shares no
/// divisor with the circle's length.
struct Numbers {
    at: u64,
    step: u64,
    used: u64,
}

impl Numbers {
    fn new(bits: &mut Bits) -> Self {
        let shares = |step: u64| [2, 3, 5].iter().any(|prime| step.is_multiple_of(*prime));
        let at = bits.next() % NUMBERS;
        let mut step = NUMBERS / 4 + bits.next() % (NUMBERS / 2);
        while shares(step) {
            step += 1;
        }
        Self { at, step, used: 0 }
    }

    fn next(&mut self) -> u64 {
        self.at += self.step;
        if self.at >= NUMBERS {
            self.at -= NUMBERS;
        }
        let round = self.used / NUMBERS;
        self.used += 1;
        FIRST_NUMBER + round * NUMBERS + self.at
    }
}

impl Flights {
    /// The flights of a seed.
    pub fn new(seed: u64) -> Self {
        let mut bits = Bits::new(seed);
        Self {
            airlines: Ranked::new(AIRLINES.len(), AIRLINES_FLAT),
            airports: Ranked::new(AIRPORTS.len(), AIRPORTS_FLAT),
            numbers: std::array::from_fn(|_| Numbers::new(&mut bits)),
            bits,
            made: 0,
        }
    }
}

impl Iterator for Flights {
    type Item = Flight;

    #[inline]
    fn next(&mut self) -> Option<Flight> {
        let (what, how) = (self.bits.next(), self.bits.next());
        let airline = self.airlines.choose(what);
        let from = self.airports.choose(what >> CHOICE_BITS);
        let to = match self.airports.choose(what >> (2 * CHOICE_BITS)) {
            to if to == from => (to + 1) % AIRPORTS.len(),
            to => to,
        };
        let (origin, dest) = (&AIRPORTS[from], &AIRPORTS[to]);
        let along = (what >> (3 * CHOICE_BITS)) as i64 % WHOLE;
        let altitude = altitude(along, (how % 14) as i64);
        let between = |from: i16, to: i16, beside: u64| {
            let (from, to) = (i64::from(from) * 1000, i64::from(to) * 1000);
            // An odd number has a last digit that its text cannot leave out.
            (from + (to - from) * along / WHOLE + (beside % (1 << 16)) as i64 - (1 << 15)) as i32
                | 1
        };
        let late = (how >> 56) % 8;
        self.made += 1;
        Some(Flight {
            id: FlightId::new(*AIRLINES[airline], self.numbers[airline].next()),
            lat_e5: between(origin.lat, dest.lat, how >> 8),
            lon_e5: between(origin.lon, dest.lon, how >> 24),
            altitude: altitude as i32,
            gs: (120 + altitude * 8 / 1000 + ((how >> 40) % 64) as i64) as i32,
            origin: origin.code,
            dest: dest.code,
            updated_at: FIRST_SECOND + ((self.made - 1) / ROWS_PER_SECOND + late) as i64,
        })
    }
}

/// Feet: up to one of 14 levels, along it and down again.
fn altitude(along: i64, level: i64) -> i64 {
    let cruise = 28_000 + 1000 * level;
    let slope = along.min(WHOLE - along).min(SLOPE);
    cruise * slope / SLOPE / 25 * 25
}

/// Fills the place with the number's last digits.
#[inline]
pub(super) fn write_digits(mut number: u64, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
