//! One record's bytes cut into fields: raw, with backslash escapes, or with quotes.
//!
//! Positions are kept, not copies. Only a field with an escape or a doubled quote is decoded,
//! into one scratch buffer that is never longer than its record.

use super::escape::unescape;
use crate::error::{Error, Kind, Result};
use crate::mem::{MASK_BYTES, mask_of, piece_at};
use std::ops::Range;

/// How records and fields are delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Raw { delimiter: u8 },
    Backslash { delimiter: u8 },
    Quoted { delimiter: u8, quote: u8 },
}

/// Where a field stands in its record, and where its value is.
#[derive(Clone, Copy, Debug)]
struct Span {
    raw_start: u32,
    raw_end: u32,
    start: u32,
    end: u32,
    decoded: bool,
}

/// The fields of one record; reused for the next.
#[derive(Debug)]
pub(super) struct Fields {
    /// At most `spans_max`: a record of delimiters only must not cost 20 bytes for each.
    spans: Vec<Span>,
    spans_max: usize,
    count: usize,
    decoded: Vec<u8>,
    fault: Option<Fault>,
}

/// Fields that mean NULL. Most fields are told from them by their first byte.
pub(super) struct NullMarks {
    marks: Vec<Vec<u8>>,
    first: [bool; 256],
    /// The empty field is named as a mark, for text columns too.
    empty: bool,
}

impl NullMarks {
    /// These marks.
    pub fn new<'a>(marks: impl Iterator<Item = &'a str>) -> Self {
        let marks: Vec<Vec<u8>> = marks.map(|mark| mark.as_bytes().to_vec()).collect();
        let mut first = [false; 256];
        for byte in marks.iter().filter_map(|mark| mark.first()) {
            first[usize::from(*byte)] = true;
        }
        Self { first, empty: marks.iter().any(Vec::is_empty), marks }
    }

    /// True if the whole field, as it stands in the file, is a mark.
    #[inline]
    pub fn contains(&self, raw: &[u8]) -> bool {
        let Some(byte) = raw.first() else { return self.empty };
        self.first[usize::from(*byte)] && self.marks.iter().any(|mark| mark == raw)
    }
}

/// The first thing wrong with the writing of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub field: usize,
    pub message: String,
}

impl Fields {
    /// Fields of which so many are kept.
    pub fn new(spans_max: usize) -> Self {
        Self { spans: Vec::new(), spans_max, count: 0, decoded: Vec::new(), fault: None }
    }

    /// How many are kept.
    pub fn spans_max(&self) -> usize {
        self.spans_max
    }

    /// How many fields the record has, also those that are not kept.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What is wrong with the writing of the record, if anything.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// A field's value, unescaped; `record` is what was split.
    #[inline]
    pub fn value<'a>(&'a self, record: &'a [u8], nth: usize) -> &'a [u8] {
        let span = &self.spans[nth];
        let text = if span.decoded { &self.decoded } else { record };
        &text[span.start as usize..span.end as usize]
    }

    /// A field as it stands in the file.
    #[inline]
    pub fn raw<'a>(&self, record: &'a [u8], nth: usize) -> &'a [u8] {
        let span = &self.spans[nth];
        &record[span.raw_start as usize..span.raw_end as usize]
    }

    /// Splits a record. Bad writing is kept as the record's fault; an error is lack of memory.
    pub fn split(&mut self, record: &[u8], dialect: Dialect, has_quotes: bool) -> Result<()> {
        self.spans.clear();
        self.decoded.clear();
        self.fault = None;
        self.count = 0;
        match dialect {
            Dialect::Quoted { delimiter, quote } if has_quotes => {
                self.split_quoted(record, delimiter, quote)
            }
            Dialect::Backslash { delimiter } if memchr::memchr(b'\\', record).is_some() => {
                self.split_backslash(record, delimiter)
            }
            Dialect::Raw { delimiter }
            | Dialect::Backslash { delimiter }
            | Dialect::Quoted { delimiter, .. } => {
                self.split_raw(record, delimiter);
                Ok(())
            }
        }
    }

    fn split_raw(&mut self, record: &[u8], delimiter: u8) {
        let start = self.split_plain(record, 0..record.len(), delimiter);
        self.push_plain(start, record.len());
    }

    /// Takes the fields that end in a part of the record; gives where the next one begins. By masks of where
    /// delimiters stand: with fields of a few bytes that beats `memchr`.
    #[inline]
    fn split_plain(&mut self, record: &[u8], part: Range<usize>, delimiter: u8) -> usize {
        let mut start = part.start;
        for base in part.clone().step_by(MASK_BYTES) {
            let (piece, known) = piece_at(&record[..part.end], base);
            let mut mask = mask_of(&piece, delimiter);
            if known < MASK_BYTES {
                // What was filled up is none of the record.
                mask &= (1 << known) - 1;
            }
            while mask != 0 {
                let at = base + mask.trailing_zeros() as usize;
                self.push_plain(start, at);
                start = at + 1;
                mask &= mask - 1;
            }
        }
        start
    }

    #[inline]
    fn push_plain(&mut self, start: usize, end: usize) {
        let (start, end) = (start as u32, end as u32);
        self.push(Span { raw_start: start, raw_end: end, start, end, decoded: false });
    }

    #[inline]
    fn push(&mut self, span: Span) {
        self.count += 1;
        if self.spans.len() < self.spans_max {
            self.spans.push(span);
        }
    }

    fn split_backslash(&mut self, record: &[u8], delimiter: u8) -> Result<()> {
        self.reserve(record.len())?;
        let (mut start, mut escaped, mut at) = (0, false, 0);
        while at <= record.len() {
            match record.get(at) {
                Some(b'\\') => {
                    escaped = true;
                    at += 1; // also over what it escapes: a delimiter, another backslash
                }
                Some(byte) if *byte != delimiter => {}
                _ if escaped => {
                    self.unescape(record, start, at.min(record.len()), delimiter);
                    (start, escaped) = (at + 1, false);
                }
                _ => {
                    self.push_plain(start, at);
                    start = at + 1;
                }
            }
            at += 1;
        }
        if start <= record.len() && escaped {
            self.unescape(record, start, record.len(), delimiter); // ends with a lone backslash
        }
        Ok(())
    }

    fn unescape(&mut self, record: &[u8], raw_start: usize, raw_end: usize, delimiter: u8) {
        let start = self.decoded.len();
        if let Err(fault) = unescape(&record[raw_start..raw_end], delimiter, &mut self.decoded) {
            self.set_fault(fault);
        }
        self.push_decoded(raw_start, raw_end, start);
    }

    fn split_quoted(&mut self, record: &[u8], delimiter: u8, quote: u8) -> Result<()> {
        self.reserve(record.len())?;
        let mut start = 0;
        loop {
            // Up to the next quote delimiters are delimiters.
            let quoted = find(record, start, quote);
            start = self.split_plain(record, start..quoted, delimiter);
            let end = if start == quoted && quoted < record.len() {
                self.quoted_field(record, start, delimiter, quote)
            } else {
                // A quote within a field is a character of it.
                let end = find(record, quoted, delimiter);
                self.push_plain(start, end);
                end
            };
            if end == record.len() {
                return Ok(());
            }
            start = end + 1;
        }
    }

    /// Takes the field that opens with a quote at `open`; gives the position after it.
    fn quoted_field(&mut self, record: &[u8], open: usize, delimiter: u8, quote: u8) -> usize {
        let first = find(record, open + 1, quote);
        let mut close = first;
        let decoded_from = self.decoded.len();
        let mut part = open + 1;
        while record.get(close + 1) == Some(&quote) {
            self.decoded.extend_from_slice(&record[part..=close]);
            part = close + 2;
            close = find(record, part, quote);
        }
        let after = (close + 1).min(record.len());
        let end = find(record, after, delimiter);
        if close == record.len() {
            self.set_fault("a quoted field never ends".to_owned());
        } else if end != after {
            self.set_fault("text after a closing quote".to_owned());
        }
        if close == first {
            let (raw_start, raw_end) = (open as u32, end as u32);
            let (start, end) = (open as u32 + 1, close as u32);
            self.push(Span { raw_start, raw_end, start, end, decoded: false });
        } else {
            self.decoded.extend_from_slice(&record[part..close]);
            self.push_decoded(open, end, decoded_from);
        }
        end
    }

    fn push_decoded(&mut self, raw_start: usize, raw_end: usize, start: usize) {
        self.push(Span {
            raw_start: raw_start as u32,
            raw_end: raw_end as u32,
            start: start as u32,
            end: self.decoded.len() as u32,
            decoded: true,
        });
    }

    /// Makes room for a record's worth of decoded bytes; the scanner has reserved it.
    fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.decoded.try_reserve_exact(bytes).map_err(|error| {
            Error::new(Kind::OverBudget, format!("no memory for a record of {bytes} bytes"))
                .caused_by(error)
        })
    }

    fn set_fault(&mut self, message: String) {
        let field = self.count;
        self.fault.get_or_insert(Fault { field, message });
    }
}

/// The next such byte from `start` on, or the end.
fn find(record: &[u8], start: usize, byte: u8) -> usize {
    let rest = record.get(start..).unwrap_or_default();
    memchr::memchr(byte, rest).map_or(record.len(), |at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::COLUMNS_MAX;

    fn split(record: &[u8], dialect: Dialect) -> (Vec<String>, Option<String>) {
        let mut fields = Fields::new(COLUMNS_MAX);
        fields.split(record, dialect, true).unwrap();
        let values = (0..fields.count())
            .map(|nth| String::from_utf8_lossy(fields.value(record, nth)).into_owned())
            .collect();
        (values, fields.fault().map(|fault| format!("{} {}", fault.field, fault.message)))
    }

    #[test]
    fn raw_fields_know_no_quotes_and_no_escapes() {
        let dialect = Dialect::Raw { delimiter: b'\t' };
        assert_eq!(split(b"a\\tb\t\"c\t\t", dialect).0, ["a\\tb", "\"c", "", ""]);
        assert_eq!(split(b"", dialect).0, [""]);
    }

    #[test]
    fn records_of_any_length_are_split_where_their_delimiters_stand() {
        let mut state = 7_u64;
        for len in 0..300 {
            for delimiter in [b'\t', b',', 0, 0xFF] {
                let byte = |_| {
                    state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                    // Bytes that differ from the delimiter in one bit, and others.
                    match state >> 60 {
                        0..=4 => delimiter,
                        5..=9 => delimiter ^ (1 << (state >> 40 & 7)),
                        _ => (state >> 32) as u8,
                    }
                };
                let record: Vec<u8> = (0..len).map(byte).collect();
                let mut fields = Fields::new(COLUMNS_MAX);
                fields.split(&record, Dialect::Raw { delimiter }, false).unwrap();
                let found: Vec<&[u8]> =
                    (0..fields.count()).map(|nth| fields.value(&record, nth)).collect();
                let expected: Vec<&[u8]> = record.split(|byte| *byte == delimiter).collect();
                assert_eq!(found, expected, "{record:?}");
            }
        }
    }

    #[test]
    fn backslashes_escape() {
        let dialect = Dialect::Backslash { delimiter: b'\t' };
        let (values, fault) = split(b"a\\tb\tc\\nd\\\\\t\\\te\t\\N\t", dialect);
        assert_eq!(
            (values, fault),
            (["a\tb", "c\nd\\", "\te", "", ""].map(String::from).into(), None)
        );
        assert_eq!(split(b"a\tb\\x", dialect).1.unwrap(), "1 unknown escape \\x");
        assert_eq!(split(b"a\tx\\N", dialect).1.unwrap(), "1 unknown escape \\N");
        let (values, fault) = split(b"a\tb\\", dialect);
        assert_eq!(values, ["a", "b"]);
        assert_eq!(fault.unwrap(), "1 a backslash at the end of the record");
    }

    #[test]
    fn quotes_quote_at_the_start_of_a_field_only() {
        let dialect = Dialect::Quoted { delimiter: b',', quote: b'"' };
        let (values, fault) = split(b"\"a,\"\"b\"\"\",5\" x,\"\",\"c\nd\",", dialect);
        assert_eq!(values, ["a,\"b\"", "5\" x", "", "c\nd", ""]);
        assert_eq!(fault, None);
        let (values, fault) = split(b"\"a\"b\",c", dialect);
        assert_eq!(values.len(), 2);
        assert_eq!(fault.unwrap(), "0 text after a closing quote");
        assert!(split(b"x,\"a", dialect).1.is_some());
        assert!(split(b"\"", dialect).1.is_some());
        assert_eq!(split(b"\"\"\"\"", dialect), (vec!["\"".to_owned()], None));
    }

    #[test]
    fn a_record_of_delimiters_keeps_few_positions() {
        let mut fields = Fields::new(COLUMNS_MAX);
        let record = vec![b'\t'; 1 << 20];
        fields.split(&record, Dialect::Raw { delimiter: b'\t' }, false).unwrap();
        assert_eq!((fields.count(), fields.spans.len()), ((1 << 20) + 1, COLUMNS_MAX));
    }
}
