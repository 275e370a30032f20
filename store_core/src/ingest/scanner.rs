//! A bounded buffer over an input, cut into records.
//!
//! The buffer holds at least one record. It is refilled when no whole record is left in it, and
//! doubled, within the budget and up to `row_bytes_max`, when one record fills it. The search for
//! a record's end goes on where it stopped, so a long record costs one pass.

use super::fields::{Dialect, Fields};
use super::options::IngestOptions;
use super::source::Input;
use crate::error::{Error, Kind, Result};
use crate::mem::Reservation;

/// Smallest buffer; holds a byte order mark and a line end.
const BUFFER_BYTES_MIN: usize = 16;
/// What a source may hold besides: the gzip decoder's window and input.
pub(super) const SOURCE_BYTES: usize = 128 << 10;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Cuts an input into records and these into fields.
pub(super) struct Scanner<I> {
    input: I,
    name: String,
    dialect: Dialect,
    row_bytes_max: usize,
    buffer: Vec<u8>,
    /// The bytes not yet given out as records.
    start: usize,
    end: usize,
    search: Search,
    ended: bool,
    begun: bool,
    record: std::ops::Range<usize>,
    terminated: bool,
    line: u64,
    next_line: u64,
    bytes: u64,
    fields: Fields,
    held: Option<Reservation>,
}

/// How far the search for the end of the record at `start` has come.
#[derive(Clone, Copy)]
struct Search {
    at: usize,
    state: Quoting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// No quote in this record so far.
    Unseen,
    /// Outside quotes.
    Outside,
    Inside,
    /// After a quote inside quotes: the end, or the first of two.
    Closing,
}

impl Search {
    const START: Self = Self { at: 0, state: Quoting::Unseen };
}

impl<I: Input> Scanner<I> {
    /// A scanner over an input; its buffers are reserved from the options' holder.
    pub fn new(input: I, name: &str, options: &IngestOptions) -> Result<Self> {
        let dialect = options.dialect()?;
        let first = options.buffer_bytes.max(BUFFER_BYTES_MIN);
        let held = match &options.memory {
            Some(holder) => Some(holder.reserve(SOURCE_BYTES)?),
            None => None,
        };
        let mut scanner = Self {
            input,
            name: name.to_owned(),
            dialect,
            row_bytes_max: options.row_bytes_max,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            search: Search::START,
            ended: false,
            begun: false,
            record: 0..0,
            terminated: true,
            line: 0,
            next_line: 1,
            bytes: 0,
            fields: Fields::new(options.columns_max),
            held,
        };
        scanner.grow_to(first)?;
        Ok(scanner)
    }

    /// Moves to the next record; false at the end. An error means that records can no longer be
    /// told apart: the input failed, a record is too long, a quote never closes.
    pub fn next(&mut self) -> Result<bool> {
        if !self.begun {
            self.skip_byte_order_mark()?;
        }
        self.line = self.next_line;
        loop {
            if let Some(len) = self.find_end() {
                return self.take(len, 1);
            }
            if self.ended {
                if self.start == self.end {
                    return Ok(false);
                }
                if self.search.state == Quoting::Inside {
                    return Err(self.at_line(Error::invalid("a quoted field never ends")));
                }
                return self.take(self.end - self.start, 0);
            }
            self.fill()?;
        }
    }

    /// The bytes of the record without its line end.
    #[inline]
    pub fn record(&self) -> &[u8] {
        &self.buffer[self.record.clone()]
    }

    /// The fields of the record.
    #[inline]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// How many fields are kept.
    pub fn columns_max(&self) -> usize {
        self.fields.spans_max()
    }

    /// The physical line the record begins on, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes given out as records so far, line ends included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// False for a last record without a line end.
    pub fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// The input, for its position.
    pub fn input(&self) -> &I {
        &self.input
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts `file:line: ` before an error, and both before its details.
    pub fn at_line(&self, error: Error) -> Error {
        let (name, line) = (&self.name, self.line);
        let mut placed = Error::new(error.kind(), format!("{name}:{line}: {error}"))
            .detail(name)
            .detail(line.to_string());
        for word in error.details() {
            placed = placed.detail(word);
        }
        placed.caused_by(error)
    }

    fn skip_byte_order_mark(&mut self) -> Result<()> {
        self.begun = true;
        while self.end < BYTE_ORDER_MARK.len() && !self.ended {
            self.fill()?;
        }
        if self.buffer[..self.end].starts_with(BYTE_ORDER_MARK) {
            self.start = BYTE_ORDER_MARK.len();
            self.bytes = BYTE_ORDER_MARK.len() as u64;
        }
        Ok(())
    }

    /// Makes the next `len` bytes the record and steps over `line_end` more.
    fn take(&mut self, len: usize, line_end: usize) -> Result<bool> {
        let quoted = self.search.state != Quoting::Unseen;
        let bytes = &self.buffer[self.start..self.start + len];
        let len_shown = len - usize::from(bytes.last() == Some(&b'\r'));
        if len_shown > self.row_bytes_max {
            return Err(self.too_long());
        }
        let inner_lines = if quoted { memchr::memchr_iter(b'\n', bytes).count() } else { 0 };
        self.fields.split(&bytes[..len_shown], self.dialect, quoted)?;
        self.record = self.start..self.start + len_shown;
        self.start += len + line_end;
        self.bytes += (len + line_end) as u64;
        self.next_line += (inner_lines + line_end) as u64;
        self.terminated = line_end > 0;
        self.search = Search::START;
        Ok(true)
    }

    /// The length of the record at `start`, if its end is in the buffer.
    fn find_end(&mut self) -> Option<usize> {
        let bytes = &self.buffer[self.start..self.end];
        let found = match self.dialect {
            Dialect::Raw { .. } | Dialect::Backslash { .. } => {
                memchr::memchr(b'\n', &bytes[self.search.at..]).map(|at| self.search.at + at)
            }
            Dialect::Quoted { delimiter, quote } => self.search.run(bytes, delimiter, quote),
        };
        if found.is_none() {
            self.search.at = bytes.len(); // of what there is, all was looked at
        }
        found
    }

    /// Reads more: first makes room, by moving what is left to the front or by growing.
    fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let most = self.row_bytes_max + 2; // and its line end
            if self.end >= most {
                return Err(self.too_long());
            }
            self.grow_to((self.end * 2).min(most))?;
        }
        let read = self.input.read(&mut self.buffer[self.end..])?;
        self.end += read;
        self.ended = read == 0;
        Ok(())
    }

    /// Reserves, then allocates. Dialects that decode may need as much again for one record.
    fn grow_to(&mut self, bytes: usize) -> Result<()> {
        let decoding = if matches!(self.dialect, Dialect::Raw { .. }) { 1 } else { 2 };
        if let Some(held) = &mut self.held {
            held.grow_to(SOURCE_BYTES + decoding * bytes)?;
        }
        let more = bytes - self.buffer.len();
        self.buffer.try_reserve_exact(more).map_err(|error| {
            Error::new(Kind::OverBudget, format!("no memory for a buffer of {bytes} bytes"))
                .caused_by(error)
        })?;
        self.buffer.resize(bytes, 0);
        Ok(())
    }

    fn too_long(&self) -> Error {
        let most = self.row_bytes_max;
        let message = format!("the record is longer than {most} bytes (row_bytes_max)");
        self.at_line(Error::invalid(message).detail("row_bytes_max"))
    }
}

impl Search {
    /// Goes on to the line end that is outside quotes, from where the last call stopped. `bytes` begin with the
    /// record, so the one before a quote tells whether the quote opens a field.
    fn run(&mut self, bytes: &[u8], delimiter: u8, quote: u8) -> Option<usize> {
        loop {
            let rest = &bytes[self.at..];
            self.state = match self.state {
                Quoting::Unseen | Quoting::Outside => {
                    let at = self.at + memchr::memchr2(b'\n', quote, rest)?;
                    if bytes[at] == b'\n' {
                        return Some(at);
                    }
                    self.at = at + 1;
                    let opens = at == 0 || bytes[at - 1] == delimiter;
                    if opens { Quoting::Inside } else { Quoting::Outside }
                }
                Quoting::Inside => {
                    self.at += memchr::memchr(quote, rest)? + 1;
                    Quoting::Closing
                }
                // The first of two stands for one.
                Quoting::Closing if *rest.first()? == quote => {
                    self.at += 1;
                    Quoting::Inside
                }
                Quoting::Closing => Quoting::Outside,
            };
        }
    }
}
