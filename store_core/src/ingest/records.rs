//! Records of a source one after another, for callers that make other things of them than rows of a table.

use super::fields::NullMarks;
use super::header::read_header;
use super::options::IngestOptions;
use super::scanner::Scanner;
use super::source::Source;
use crate::error::{Error, Result};

/// Reads delimited records, each cut into fields that lie in one bounded buffer.
///
/// ```
/// use store_core::ingest::{Format, IngestOptions, Records, Source};
/// let source = Source::from_reader("example", &b"id\tname\n1\tKAUS\n"[..])?;
/// let mut records = Records::new(source, &IngestOptions::new(Format::Tsv))?;
/// assert_eq!(records.header()?.as_deref(), Some(&["id".to_owned(), "name".to_owned()][..]));
/// assert!(records.next()?);
/// assert_eq!((records.line(), records.count(), records.value(1)), (2, 2, &b"KAUS"[..]));
/// assert!(!records.next()?);
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct Records {
    scanner: Scanner<Source>,
    nulls: NullMarks,
}

impl Records {
    /// Takes a source; of the options it heeds those about the text and the buffer.
    pub fn new(source: Source, options: &IngestOptions) -> Result<Self> {
        let name = source.name().to_owned();
        let scanner = Scanner::new(source, &name, options)?;
        Ok(Self { scanner, nulls: options.null_marks() })
    }

    /// What a reader of records up to this length may hold, beside [`Source::held_bytes`].
    pub fn bytes_for(row_bytes_max: usize, decodes: bool) -> usize {
        // While the buffer grows the shorter one is there as well.
        let buffer = row_bytes_max + 2;
        super::scanner::SOURCE_BYTES + buffer + buffer / 2 + usize::from(decodes) * buffer
    }

    /// Moves to the next record; false at the end. An error means that records can no longer be told
    /// apart.
    #[expect(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Result<bool> {
        self.scanner.next()
    }

    /// Reads the next record as names; `None` if there is none.
    pub fn header(&mut self) -> Result<Option<Vec<String>>> {
        if !self.scanner.next()? {
            return Ok(None);
        }
        read_header(&self.scanner).map(Some).map_err(|error| self.at_line(error))
    }

    /// The record without its line end.
    #[inline]
    pub fn record(&self) -> &[u8] {
        self.scanner.record()
    }

    /// How many fields it has, also those that are not kept.
    #[inline]
    pub fn count(&self) -> usize {
        self.scanner.fields().count()
    }

    /// A field's value, unescaped.
    #[inline]
    pub fn value(&self, nth: usize) -> &[u8] {
        self.scanner.fields().value(self.scanner.record(), nth)
    }

    /// Whether a field, as it stands in the file, is a mark for NULL.
    #[inline]
    pub fn is_null(&self, nth: usize) -> bool {
        self.nulls.contains(self.scanner.fields().raw(self.scanner.record(), nth))
    }

    /// What is wrong with the writing of the record, if anything.
    #[inline]
    pub fn fault(&self) -> Option<&str> {
        self.scanner.fields().fault().map(|fault| fault.message.as_str())
    }

    /// The line the record begins on, from 1.
    pub fn line(&self) -> u64 {
        self.scanner.line()
    }

    /// Bytes given out so far, line ends included.
    pub fn bytes(&self) -> u64 {
        self.scanner.bytes()
    }

    /// The source's name.
    pub fn name(&self) -> &str {
        self.scanner.name()
    }

    /// Puts `file:line: ` before an error.
    pub fn at_line(&self, error: Error) -> Error {
        self.scanner.at_line(error)
    }
}
