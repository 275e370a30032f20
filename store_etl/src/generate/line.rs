//! Putting lines of text together.

use super::flights::write_digits;

/// No line is longer: 15 of a flight's id, 2 × 10 of the place, 2 × 10 of numbers, 2 × 4 of airports,
/// 20 of the time and 8 behind the fields; a transaction's has fewer.
pub(super) const LINE_BYTES_MAX: usize = 96;

/// One line as it grows.
pub(super) struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { bytes: [0; LINE_BYTES_MAX], len: 0 }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.put(bytes);
        self.put(b"\t");
    }

    pub(super) fn digits(&mut self, number: u32, digits: usize) {
        write_digits(u64::from(number), &mut self.bytes[self.len..self.len + digits]);
        self.len += digits;
    }

    pub(super) fn number(&mut self, number: u32) {
        self.digits(number, number.checked_ilog10().unwrap_or(0) as usize + 1);
    }

    pub(super) fn long_number(&mut self, number: u64) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        write_digits(number, &mut self.bytes[self.len..self.len + digits]);
        self.len += digits;
    }

    /// Hundred thousandths of a degree, and a tab.
    pub(super) fn degrees(&mut self, e5: i32) {
        if e5 < 0 {
            self.put(b"-");
        }
        let size = e5.unsigned_abs();
        self.number(size / 100_000);
        self.put(b".");
        self.digits(size % 100_000, 5);
        self.put(b"\t");
    }

    /// A second of the day.
    pub(super) fn time(&mut self, second: u32) {
        self.digits(second / 3600, 2);
        self.put(b":");
        self.digits(second / 60 % 60, 2);
        self.put(b":");
        self.digits(second % 60, 2);
    }
}
