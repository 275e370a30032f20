//! Texts and bytes: as they are, or once each with a number for every row.
//!
//! ```text
//! 0 plain       lengths (`ints`), bytes
//! 1 dictionary  how many, their lengths, their bytes, the number of each row's
//! ```

use super::{damaged, ints, take};
use crate::codec::{Reader, put_u64};
use crate::error::Result;
use std::collections::HashMap;

const PLAIN: u8 = 0;
const DICTIONARY: u8 = 1;

/// Strings of some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<u32>,
    /// Which of them each row has, unless every row has its own.
    numbers: Option<Vec<u32>>,
}

impl Strings {
    pub(super) fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Bytes it takes.
    pub(super) fn heap_bytes(&self) -> usize {
        let numbers = self.numbers.as_ref().map_or(0, Vec::capacity);
        self.bytes.capacity() + (self.ends.capacity() + numbers) * size_of::<u32>()
    }

    /// The string of the nth row.
    #[inline]
    pub(super) fn get(&self, nth: usize) -> &[u8] {
        let at = self.numbers.as_ref().map_or(nth, |numbers| numbers[nth] as usize);
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }

    /// Gives a row that has none, by `has`, the empty string in its place.
    pub(super) fn spread(&mut self, has: &[bool]) {
        if let Some(numbers) = &mut self.numbers {
            // Number 0 stands for what nobody looks at.
            let mut given = std::mem::take(numbers).into_iter();
            *numbers =
                has.iter().map(|has| if *has { given.next().unwrap_or(0) } else { 0 }).collect();
            if self.ends.is_empty() {
                self.ends.push(0);
            }
            return;
        }
        let (mut given, mut last) = (std::mem::take(&mut self.ends).into_iter(), 0);
        self.ends = has
            .iter()
            .map(|has| {
                if *has {
                    last = given.next().unwrap_or(last);
                }
                last
            })
            .collect();
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|nth| self.get(nth))
    }
}

/// Appends strings, of which every row has its own.
pub(super) fn put(strings: &Strings, out: &mut Vec<u8>) {
    let mut known: HashMap<&[u8], i64> = HashMap::new();
    let mut different = Strings::default();
    let most = strings.ends.len() / 2;
    let mut numbers = Vec::with_capacity(strings.ends.len());
    for string in strings.iter() {
        let next = known.len() as i64;
        let number = *known.entry(string).or_insert_with(|| {
            different.push(string);
            next
        });
        if different.ends.len() > most {
            break;
        }
        numbers.push(number);
    }
    if numbers.len() == strings.ends.len() && !numbers.is_empty() {
        out.push(DICTIONARY);
        put_u64(out, different.ends.len() as u64);
        put_plain(&different, out);
        ints::put(&numbers, out);
    } else {
        out.push(PLAIN);
        put_plain(strings, out);
    }
}

/// Takes so many strings.
pub(super) fn get(reader: &mut Reader<'_>, count: usize) -> Result<Strings> {
    match reader.u8()? {
        PLAIN => get_plain(reader, count),
        DICTIONARY => {
            let different = reader.u64()?;
            if different > count as u64 {
                return Err(damaged("a dictionary of more texts than rows"));
            }
            let mut strings = get_plain(reader, different as usize)?;
            let numbers = ints::get(reader, count)?;
            let known = |number: i64| {
                u32::try_from(number).ok().filter(|number| u64::from(*number) < different)
            };
            let numbers: Option<Vec<u32>> = numbers.into_iter().map(known).collect();
            let numbers = numbers.ok_or_else(|| damaged("a text that is not in the dictionary"))?;
            strings.numbers = Some(numbers);
            Ok(strings)
        }
        _ => Err(damaged("an unknown form of texts")),
    }
}

fn put_plain(strings: &Strings, out: &mut Vec<u8>) {
    let lengths: Vec<i64> = strings.iter().map(|string| string.len() as i64).collect();
    ints::put(&lengths, out);
    out.extend_from_slice(&strings.bytes);
}

fn get_plain(reader: &mut Reader<'_>, count: usize) -> Result<Strings> {
    let lengths = ints::get(reader, count)?;
    let (mut ends, mut end) = (Vec::with_capacity(count), 0_u32);
    for length in lengths {
        let next = u32::try_from(length).ok().and_then(|length| end.checked_add(length));
        end = next.ok_or_else(|| damaged("texts longer than their block"))?;
        ends.push(end);
    }
    let bytes = take(reader, end as usize)?.to_vec();
    Ok(Strings { bytes, ends, numbers: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(of: &[&str]) -> Strings {
        let mut strings = Strings::default();
        for string in of {
            strings.push(string.as_bytes());
        }
        strings
    }

    fn form(of: &[&str]) -> u8 {
        let mut bytes = Vec::new();
        put(&strings(of), &mut bytes);
        let mut reader = Reader::new(&bytes);
        let back = get(&mut reader, of.len()).unwrap();
        assert!(reader.is_empty());
        for (nth, string) in of.iter().enumerate() {
            assert_eq!(back.get(nth), string.as_bytes());
        }
        for len in 0..bytes.len() {
            assert!(get(&mut Reader::new(&bytes[..len]), of.len().max(1)).is_err(), "{len}");
        }
        bytes[0]
    }

    #[test]
    fn strings_come_back_whether_they_repeat_or_not() {
        assert_eq!(form(&["KAUS", "KDFW", "KAUS", "", "KDFW", ""]), DICTIONARY);
        assert_eq!(form(&["a", "b", "a much longer text", "c"]), PLAIN);
        assert_eq!(form(&[]), PLAIN);
    }

    #[test]
    fn rows_without_a_string_have_a_place_all_the_same() {
        for of in [&["x", "x", "yy", "x"][..], &["a", "b", "c", "d"]] {
            let mut bytes = Vec::new();
            put(&strings(of), &mut bytes);
            let mut back = get(&mut Reader::new(&bytes), of.len()).unwrap();
            back.spread(&[false, true, true, false, true, true, false]);
            for (nth, row) in [1, 2, 4, 5].into_iter().enumerate() {
                assert_eq!(back.get(row), of[nth].as_bytes());
            }
        }
    }
}
