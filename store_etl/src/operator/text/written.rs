//! Fields as they stand in a file: with quotes, with escapes, as marks for NULL.

use std::ops::Range;
use store_core::ingest::{Escape, unescape};

/// How records and fields are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Raw { delimiter: u8 },
    Backslash { delimiter: u8 },
    Quoted { delimiter: u8, quote: u8 },
}

impl Dialect {
    /// Of these options, which were looked at when the job was planned.
    pub const fn of(delimiter: u8, quote: Option<u8>, escape: Escape) -> Self {
        match (quote, escape) {
            (Some(quote), _) => Self::Quoted { delimiter, quote },
            (None, Escape::Backslash) => Self::Backslash { delimiter },
            (None, _) => Self::Raw { delimiter },
        }
    }

    /// How many times the longest record its buffers take.
    pub const fn buffers(self) -> usize {
        if matches!(self, Self::Raw { .. }) { 1 } else { 2 }
    }

    /// The value of a field: it lies in the field, or is made in the scratch.
    #[inline]
    pub fn value<'f>(self, field: &'f [u8], scratch: &'f mut Vec<u8>) -> &'f [u8] {
        match self {
            Self::Quoted { quote, .. } if field.first() == Some(&quote) => {
                let inner = field.get(1..field.len() - 1).unwrap_or_default();
                if memchr::memchr(quote, inner).is_none() {
                    return inner;
                }
                scratch.clear();
                let mut rest = inner;
                while let Some(at) = memchr::memchr(quote, rest) {
                    scratch.extend_from_slice(&rest[..=at]);
                    rest = rest.get(at + 2..).unwrap_or_default();
                }
                scratch.extend_from_slice(rest);
                scratch
            }
            Self::Backslash { delimiter } if memchr::memchr(b'\\', field).is_some() => {
                scratch.clear();
                // What is wrong with it was told when it was cut.
                let _ = unescape(field, delimiter, scratch);
                scratch
            }
            _ => field,
        }
    }

    /// True if the field's value may be another than the field.
    #[inline(always)]
    pub fn may_decode(self, field: &[u8]) -> bool {
        match self {
            Self::Raw { .. } => false,
            Self::Quoted { quote, .. } => field.first() == Some(&quote),
            Self::Backslash { .. } => memchr::memchr(b'\\', field).is_some(),
        }
    }
}

/// Says what is wrong with the escapes of a record.
pub(super) fn check_escapes(record: &[u8], delimiter: u8) -> Result<(), String> {
    let mut scratch = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at <= record.len() {
        match record.get(at) {
            Some(b'\\') => at += 1, // and what it escapes: a delimiter, another backslash
            Some(byte) if *byte != delimiter => {}
            _ => {
                scratch.clear();
                unescape(&record[start..at.min(record.len())], delimiter, &mut scratch)?;
                start = at + 1;
            }
        }
        at += 1;
    }
    // Ends with a lone backslash.
    let rest: Range<usize> = start..record.len();
    if rest.start < rest.end { unescape(&record[rest], delimiter, &mut scratch) } else { Ok(()) }
}

/// Fields that mean NULL. Most fields are told from them by their first byte.
#[derive(Debug)]
pub(super) struct NullMarks {
    marks: Vec<Vec<u8>>,
    first: [bool; 256],
    /// The empty field is named as a mark, for text columns too.
    empty: bool,
}

impl NullMarks {
    /// These marks, and `\N` among backslash escapes.
    pub fn new(marks: &[String], dialect: Dialect) -> Self {
        let mut marks: Vec<Vec<u8>> = marks.iter().map(|mark| mark.as_bytes().to_vec()).collect();
        if matches!(dialect, Dialect::Backslash { .. }) {
            marks.push(b"\\N".to_vec());
        }
        let mut first = [false; 256];
        for byte in marks.iter().filter_map(|mark| mark.first()) {
            first[usize::from(*byte)] = true;
        }
        Self { first, empty: marks.iter().any(Vec::is_empty), marks }
    }

    /// False if the field, which is not empty, is none of them by its first byte.
    #[inline(always)]
    pub fn may_have(&self, field: &[u8]) -> bool {
        field.first().is_none_or(|byte| self.first[usize::from(*byte)])
    }

    /// True if the whole field, as it stands in the file, is a mark.
    pub fn has(&self, field: &[u8]) -> bool {
        if field.is_empty() { self.empty } else { self.marks.iter().any(|mark| mark == field) }
    }
}
