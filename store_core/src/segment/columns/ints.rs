//! Whole numbers: the form that takes the fewest bytes.
//!
//! ```text
//! 0 one value   value
//! 1 near        least, width, value − least …              (frame of reference)
//! 2 steps       first, least step, width, step − least …   (delta)
//! 3 runs        how many, their values as 1, their lengths as 1
//! ```
//!
//! Frame of reference and its kin are those of Goldstein, Ramakrishnan and Shaft (ICDE 1998); sums and
//! differences wrap, so every 64-bit number has every form.

use super::bits::{pack, packed_bytes, unpack, width_of};
use super::{damaged, take};
use crate::codec::{Reader, put_i64, put_u64};
use crate::error::Result;

const ONE: u8 = 0;
const NEAR: u8 = 1;
const STEPS: u8 = 2;
const RUNS: u8 = 3;

/// Room for what stands before packed numbers.
const HEAD_BYTES: usize = 12;

/// Appends the numbers.
pub(in crate::segment) fn put(numbers: &[i64], out: &mut Vec<u8>) {
    let Some(first) = numbers.first() else {
        out.push(ONE);
        return put_i64(out, 0);
    };
    let runs = 1 + numbers.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if runs == 1 {
        out.push(ONE);
        return put_i64(out, *first);
    }
    let near = near_bytes(numbers.iter().copied(), numbers.len());
    let steps = || numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let by_steps = near_bytes(steps(), numbers.len() - 1) + HEAD_BYTES;
    // Values and lengths of runs take so much at least.
    let by_runs = if runs * 4 < numbers.len() { runs * 2 } else { usize::MAX };
    if by_runs < near.min(by_steps) {
        let mut packed = vec![RUNS];
        put_runs(numbers, runs, &mut packed);
        if packed.len() < near.min(by_steps) {
            return out.extend_from_slice(&packed);
        }
    }
    if by_steps < near {
        out.push(STEPS);
        put_i64(out, *first);
        put_near(steps(), numbers.len() - 1, out);
    } else {
        out.push(NEAR);
        put_near(numbers.iter().copied(), numbers.len(), out);
    }
}

/// Takes so many numbers.
pub(in crate::segment) fn get(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>> {
    match reader.u8()? {
        ONE => Ok(vec![reader.i64()?; count]),
        NEAR => get_near(reader, count),
        STEPS => {
            let mut value = reader.i64()?;
            let steps = count.checked_sub(1).ok_or_else(|| damaged("steps between no numbers"))?;
            let steps = get_near(reader, steps)?;
            let mut numbers = Vec::with_capacity(count);
            numbers.push(value);
            numbers.extend(steps.into_iter().map(|step| {
                value = value.wrapping_add(step);
                value
            }));
            Ok(numbers)
        }
        RUNS => get_runs(reader, count),
        _ => Err(damaged("an unknown form of numbers")),
    }
}

fn put_runs(numbers: &[i64], count: usize, out: &mut Vec<u8>) {
    let runs = || numbers.chunk_by(|a, b| a == b);
    put_u64(out, count as u64);
    put_near(runs().map(|run| run[0]), count, out);
    put_near(runs().map(|run| run.len() as i64), count, out);
}

fn get_runs(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>> {
    let runs = reader.u64()?;
    if runs > count as u64 {
        return Err(damaged("more runs than numbers"));
    }
    let values = get_near(reader, runs as usize)?;
    let lengths = get_near(reader, runs as usize)?;
    let mut numbers = Vec::with_capacity(count);
    for (value, length) in values.into_iter().zip(lengths) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > count - numbers.len() {
            return Err(damaged("runs of more numbers than there are"));
        }
        numbers.resize(numbers.len() + length, value);
    }
    if numbers.len() != count {
        return Err(damaged("runs of fewer numbers than there are"));
    }
    Ok(numbers)
}

fn least_and_width(numbers: impl Iterator<Item = i64> + Clone) -> (i64, u32) {
    let least = numbers.clone().min().unwrap_or(0);
    (least, width_of(numbers.map(|number| number.wrapping_sub(least).cast_unsigned())))
}

fn near_bytes(numbers: impl Iterator<Item = i64> + Clone, count: usize) -> usize {
    HEAD_BYTES + packed_bytes(count, least_and_width(numbers).1)
}

fn put_near(numbers: impl Iterator<Item = i64> + Clone, count: usize, out: &mut Vec<u8>) {
    let (least, width) = least_and_width(numbers.clone());
    put_i64(out, least);
    out.push(width as u8);
    out.reserve(packed_bytes(count, width));
    pack(numbers.map(|number| number.wrapping_sub(least).cast_unsigned()), width, out);
}

fn get_near(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>> {
    let (least, width) = (reader.i64()?, u32::from(reader.u8()?));
    if width > u64::BITS {
        return Err(damaged("numbers of more than 64 bits"));
    }
    let bytes = take(reader, packed_bytes(count, width))?;
    let number = |nth| least.wrapping_add(unpack(bytes, width, nth).cast_signed());
    Ok((0..count).map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(numbers: &[i64]) -> u8 {
        let mut bytes = Vec::new();
        put(numbers, &mut bytes);
        let mut reader = Reader::new(&bytes);
        assert_eq!(get(&mut reader, numbers.len()).unwrap(), numbers);
        assert!(reader.is_empty());
        for len in 0..bytes.len() {
            assert!(get(&mut Reader::new(&bytes[..len]), numbers.len().max(1)).is_err(), "{len}");
        }
        bytes[0]
    }

    #[test]
    fn every_form_is_taken_where_it_is_shortest_and_comes_back() {
        assert_eq!(form(&[]), ONE);
        assert_eq!(form(&[-7; 300]), ONE);
        assert_eq!(form(&[5, 1, 9, 2, 7]), NEAR);
        let far: Vec<i64> = (0..100).map(|n| n * 1_000_003).collect();
        assert_eq!(form(&far), STEPS);
        let runs: Vec<i64> = (0..400).map(|n| (n / 50) * 977).collect();
        assert_eq!(form(&runs), RUNS);
        assert_eq!(form(&[i64::MIN, i64::MAX, 0, -1]), NEAR);
        let random = |n: i64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
        form(&(0..100).map(random).collect::<Vec<_>>());
    }
}
