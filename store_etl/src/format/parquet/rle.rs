//! Runs of equal numbers and bit-packed ones: how Parquet has levels and places in a dictionary.

use super::thrift::damaged;
use store_core::Result;

/// Widest number: places and levels have at most 32 bits.
pub(super) const WIDTH_MAX: u8 = 32;

/// Where a reader is in such bytes, which lie in the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runs {
    at: usize,
    end: usize,
    width: u8,
    /// Numbers left of the current run, and what they are.
    left: usize,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Equal(u32),
    /// At this bit.
    Packed(usize),
}

impl Runs {
    /// The numbers of this width in `bytes[at..end]`.
    pub fn new(at: usize, end: usize, width: u8) -> Result<Self> {
        if width > WIDTH_MAX {
            return Err(damaged(format!("numbers of {width} bits")));
        }
        Ok(Self { at, end, width, left: 0, run: Run::Equal(0) })
    }

    /// Gives the next `count` numbers, each with how often it comes.
    pub fn read(
        &mut self,
        bytes: &[u8],
        mut count: usize,
        give: &mut impl FnMut(u32, usize),
    ) -> Result<()> {
        while count > 0 {
            if self.left == 0 {
                self.next_run(bytes)?;
            }
            let now = count.min(self.left);
            match &mut self.run {
                Run::Equal(value) => give(*value, now),
                Run::Packed(bit) => {
                    let width = usize::from(self.width);
                    // The last group may be cut where nothing is in it.
                    if *bit + now * width > self.end * 8 {
                        return Err(damaged("packed numbers end too early"));
                    }
                    for nth in 0..now {
                        give(unpack(bytes, *bit + nth * width, self.width) as u32, 1);
                    }
                    *bit += now * width;
                }
            }
            self.left -= now;
            count -= now;
        }
        Ok(())
    }

    fn next_run(&mut self, bytes: &[u8]) -> Result<()> {
        let head = varint(&bytes[..self.end], &mut self.at)?;
        let count = usize::try_from(head >> 1).map_err(|_| damaged("a run is too long"))?;
        if count == 0 {
            return Err(damaged("an empty run"));
        }
        let width = usize::from(self.width);
        if head & 1 == 1 {
            let wide = count.checked_mul(width).ok_or_else(|| damaged("a run is too long"))?;
            self.run = Run::Packed(self.at * 8);
            self.left = count.checked_mul(8).ok_or_else(|| damaged("a run is too long"))?;
            self.at = self.at.saturating_add(wide).min(self.end);
            return Ok(());
        }
        let value = bytes[..self.end].get(self.at..self.at + width.div_ceil(8));
        let value = value.ok_or_else(|| damaged("a run ends too early"))?;
        self.at += value.len();
        let number = value.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
        self.run = Run::Equal(number);
        self.left = count;
        Ok(())
    }
}

/// A number without a sign, seven bits a byte.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = bytes.get(*at).ok_or_else(|| damaged("a page ends too early"))?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(damaged("a number is too long"))
}

/// A number at a bit; bits beyond the bytes are zero.
#[inline]
pub(super) fn unpack(bytes: &[u8], bit: usize, width: u8) -> u64 {
    let (at, shift) = (bit / 8, bit % 8);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    if let Some(word) = bytes.get(at..at + 8)
        && usize::from(width) + shift <= 64
    {
        let word = u64::from_le_bytes(word.try_into().expect("eight bytes"));
        return word >> shift & mask;
    }
    let mut wide = [0; 16];
    let rest = bytes.get(at..).unwrap_or_default();
    let count = rest.len().min(wide.len());
    wide[..count].copy_from_slice(&rest[..count]);
    (u128::from_le_bytes(wide) >> shift) as u64 & mask
}

/// Writes numbers of one width: long runs of equal ones as such, all others packed.
#[derive(Debug, Default)]
pub(super) struct RunWriter {
    /// Waiting to be packed, in groups of eight.
    packed: Vec<u32>,
}

/// Fewest equal numbers that are written as a run.
const RUN_MIN: usize = 16;

impl RunWriter {
    pub fn write(&mut self, width: u8, numbers: &[u32], out: &mut Vec<u8>) {
        self.packed.clear();
        let mut at = 0;
        while at < numbers.len() {
            let value = numbers[at];
            let run = numbers[at..].iter().take_while(|other| **other == value).count();
            // Packed numbers come in eights: what is missing there is taken from the run.
            let missing = self.packed.len().next_multiple_of(8) - self.packed.len();
            if run >= RUN_MIN + missing {
                self.packed.extend(std::iter::repeat_n(value, missing));
                self.flush(width, out);
                put_varint(out, (run - missing) as u64 * 2);
                out.extend_from_slice(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
            } else {
                self.packed.extend_from_slice(&numbers[at..at + run]);
            }
            at += run;
        }
        self.flush(width, out);
    }

    fn flush(&mut self, width: u8, out: &mut Vec<u8>) {
        if self.packed.is_empty() {
            return;
        }
        let groups = self.packed.len().div_ceil(8);
        self.packed.resize(groups * 8, 0);
        put_varint(out, groups as u64 * 2 + 1);
        let (mut word, mut bits) = (0_u64, 0);
        for number in self.packed.drain(..) {
            word |= u64::from(number) << bits;
            bits += u32::from(width);
            while bits >= 8 {
                out.push(word as u8);
                word >>= 8;
                bits -= 8;
            }
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(width: u8, numbers: &[u32], steps: usize) {
        let mut out = vec![7; 3];
        RunWriter::default().write(width, numbers, &mut out);
        let mut runs = Runs::new(3, out.len(), width).unwrap();
        let mut read = Vec::new();
        let mut left = numbers.len();
        while left > 0 {
            let now = left.min(steps);
            let mut give = |number, times| read.extend(std::iter::repeat_n(number, times));
            runs.read(&out, now, &mut give).unwrap();
            left -= now;
        }
        assert_eq!(read, numbers, "width {width}, steps {steps}");
    }

    #[test]
    fn numbers_of_every_width_come_back() {
        let mut state = 11_u64;
        for width in 0..=WIDTH_MAX {
            let mask = ((1_u64 << width) - 1) as u32;
            let mut numbers = Vec::new();
            while numbers.len() < 700 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let times = if state >> 60 < 3 { (state >> 40 & 63) as usize } else { 1 };
                numbers.extend(std::iter::repeat_n((state >> 20) as u32 & mask, times));
            }
            for steps in [1, 7, 64, 10_000] {
                read_back(width, &numbers, steps);
            }
        }
    }

    #[test]
    fn damage_is_an_error() {
        let give = &mut |_, _| ();
        // An endless varint, a run without its value, a packed run without its bytes, nothing.
        for bytes in [&[0xff; 20][..], &[0x20], &[0x03, 1], &[], &[0]] {
            let mut runs = Runs::new(0, bytes.len(), 9).unwrap();
            assert!(runs.read(bytes, 8, give).is_err(), "{bytes:?}");
        }
        assert!(Runs::new(0, 0, 33).is_err());
    }
}
