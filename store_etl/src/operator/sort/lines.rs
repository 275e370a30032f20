//! Sorting a file of tab-separated lines: each moves as it is, only its key columns are read.
//!
//! ```text
//!  file ─► buffer ─► line ends, key columns ─► key │ line ─► Sorter ─► buffer ─► file
//! ```
//!
//! What a line end is: `\n`, and a `\r` before it belongs to it; the last line may lack one. Lines
//! come out with `\n`. All lines have as many fields as the first one. No quotes, no escapes: a tab
//! always ends a field.

use super::line_key::{KeyFinder, LineKey};
use super::sorted_lines::SortedLines;
use super::sorter::{SortOptions, SortStats, Sorter};
use memchr::memchr;
use std::io::Read;
use std::ops::Range;
use store_core::mem::WorkArea;
use store_core::segment::{SegmentCodec, Spill};
use store_core::te::SortInput;
use store_core::{Error, Holder, Kind, Result};

/// Bytes read and written at once: the system's copying fits the cache, and a call costs nothing
/// beside it.
const IO_BYTES: usize = 256 << 10;
/// The same in little memory.
const IO_BYTES_MIN: usize = 16 << 10;
/// The part of the memory that either buffer may take.
const IO_SHARE: usize = 32;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How lines are read and sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineOptions {
    /// Bytes that everything takes, buffers for reading and writing included.
    pub memory: usize,
    /// How runs are packed.
    pub codec: SegmentCodec,
    /// The first line of each input is a header; that of the first input is the first line written.
    pub header: bool,
    /// Fields that mean NULL; an empty one does in every column but text.
    pub nulls: Vec<Vec<u8>>,
    /// Longest line, without its end.
    pub row_bytes_max: usize,
    /// Bytes of all inputs, if that is known: changes speed only.
    pub input_bytes: Option<u64>,
    /// Threads at work, the caller among them: changes speed only.
    pub threads: usize,
}

/// What sorting lines has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStats {
    /// Lines read, headers not counted.
    pub rows_in: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Lines written, the header not counted.
    pub rows_out: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// What the sort did.
    pub sort: SortStats,
}

/// Takes lines in; [`LineSorter::finish`] gives them in order.
///
/// ```
/// use store_core::segment::Spill;
/// use store_core::{MemoryBudget, Type};
/// use store_etl::operator::sort::{LineKey, LineOptions, LineSorter, SortColumn};
///
/// let holder = MemoryBudget::for_job(1 << 20).holder("job");
/// let keys = vec![LineKey { column: 1, sort: SortColumn::descending(Type::Int32) }];
/// let spill = Spill::new(std::env::temp_dir(), None)?;
/// let mut sorter = LineSorter::new(LineOptions::within(1 << 20), keys, Some(spill), &holder)?;
/// sorter.read(&mut "city\theight\nBern\t540\nLeh\t3500\n".as_bytes(), "cities.tsv")?;
/// let mut out = Vec::new();
/// sorter.finish()?.write_to(&mut out, "out.tsv")?;
/// assert_eq!(out, b"city\theight\nLeh\t3500\nBern\t540\n");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct LineSorter {
    sorter: Sorter,
    buffer: WorkArea,
    io_bytes: usize,
    finder: KeyFinder,
    options: LineOptions,
    header: Option<Vec<u8>>,
    stats: LineStats,
    holder: Holder,
}

/// The input at hand.
struct Lines<'a> {
    name: &'a str,
    /// The line at hand, from 1.
    line: u64,
    header_next: bool,
}

impl LineOptions {
    /// Lines with a header, sorted within this memory.
    pub fn within(memory: usize) -> Self {
        Self {
            memory,
            codec: SegmentCodec::Raw,
            header: true,
            nulls: Vec::new(),
            row_bytes_max: 64 << 10,
            input_bytes: None,
            threads: 1,
        }
    }

    fn io_bytes(&self) -> usize {
        (self.memory / IO_SHARE).clamp(IO_BYTES_MIN, IO_BYTES) / 4096 * 4096
    }

    /// Bytes of the buffer for reading: a line that it cuts is moved to its front.
    fn read_bytes(&self) -> usize {
        (self.io_bytes() + self.row_bytes_max + 2).next_multiple_of(4096)
    }

    /// How the sort itself goes about its work; `OverBudget` names the smallest memory that works.
    pub fn sort_options(&self) -> Result<SortOptions> {
        let buffers = self.read_bytes() + self.io_bytes();
        let sort = SortOptions {
            memory: self.memory.saturating_sub(buffers),
            codec: self.codec,
            block_bytes: None,
            threads: self.threads,
            input: self.input_bytes.map(|bytes| SortInput {
                // A guess: lines of 64 bytes with keys of 16.
                rows: bytes / 64,
                bytes: bytes + bytes / 4,
                longest: 256,
            }),
        };
        sort.plan().map_err(|refused| {
            let least = refused.details().first().and_then(|least| least.parse().ok());
            let least = buffers + least.unwrap_or(0);
            let message = format!(
                "sorting lines takes {least} bytes at least, and has {}; raise the memory",
                self.memory
            );
            Error::new(Kind::OverBudget, message).detail(least.to_string())
        })?;
        Ok(sort)
    }
}

impl LineSorter {
    /// Takes the memory.
    pub fn new(
        options: LineOptions,
        keys: Vec<LineKey>,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let sort = options.sort_options()?;
        Ok(Self {
            buffer: WorkArea::map(options.read_bytes(), holder)?,
            io_bytes: options.io_bytes(),
            sorter: Sorter::new(sort, spill, &holder.child("sort"))?,
            finder: KeyFinder::new(keys, options.nulls.clone()),
            options,
            header: None,
            stats: LineStats::default(),
            holder: holder.clone(),
        })
    }

    /// Takes a whole input in. Errors name it and the line.
    pub fn read(&mut self, input: &mut impl Read, name: &str) -> Result<()> {
        let mut lines = Lines { name, line: 0, header_next: self.options.header };
        let (mut start, mut end, mut begun) = (0, 0, false);
        loop {
            // A line that the buffer cuts goes to the front; then there is room for a read.
            self.buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
            let room = end..(end + self.io_bytes).min(self.buffer.len());
            let count = match input.read(&mut self.buffer[room]) {
                Ok(count) => count,
                Err(fault) if fault.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(fault) => return Err(Error::io(name, fault)),
            };
            self.stats.bytes_in += count as u64;
            end += count;
            if !begun {
                if end < BYTE_ORDER_MARK.len() && count > 0 {
                    continue;
                }
                begun = true;
                if self.buffer[..end].starts_with(BYTE_ORDER_MARK) {
                    start = BYTE_ORDER_MARK.len();
                }
            }
            start = self.take_lines(start..end, &mut lines)?;
            if count == 0 {
                if start < end {
                    self.take_line(start..end, &mut lines)?;
                }
                return Ok(());
            }
            if end - start > self.options.row_bytes_max + 1 {
                lines.line += 1;
                return Err(self.too_long(&lines));
            }
        }
    }

    /// Ends the input.
    pub fn finish(mut self) -> Result<SortedLines> {
        drop(self.buffer);
        let sorted = self.sorter.finish()?;
        self.stats.sort = sorted.stats();
        let with = [self.io_bytes, self.options.threads];
        SortedLines::new(sorted, self.header, self.stats, with, &self.holder)
    }

    /// What was done so far.
    pub fn stats(&self) -> LineStats {
        LineStats { sort: self.sorter.stats(), ..self.stats }
    }

    /// How the sort uses its memory.
    pub fn sorter(&self) -> &Sorter {
        &self.sorter
    }

    /// Takes the whole lines of a part of the buffer; returns where the rest begins.
    fn take_lines(&mut self, part: Range<usize>, lines: &mut Lines<'_>) -> Result<usize> {
        let mut start = part.start;
        while let Some(len) = memchr(b'\n', &self.buffer[start..part.end]) {
            self.take_line(start..start + len, lines)?;
            start += len + 1;
        }
        Ok(start)
    }

    #[inline]
    fn take_line(&mut self, line: Range<usize>, lines: &mut Lines<'_>) -> Result<()> {
        let mut line = line;
        lines.line += 1;
        if self.buffer[line.clone()].last() == Some(&b'\r') {
            line.end -= 1;
        }
        if line.len() > self.options.row_bytes_max {
            return Err(self.too_long(lines));
        }
        if lines.header_next {
            lines.header_next = false;
            return self.take_header(line, lines);
        }
        let bytes = &self.buffer[line];
        let taken = self.finder.find(bytes).and_then(|key| self.sorter.push(key, bytes));
        taken.map_err(|error| lines.at(error))?;
        self.stats.rows_in += 1;
        Ok(())
    }

    #[cold]
    fn take_header(&mut self, line: Range<usize>, lines: &Lines<'_>) -> Result<()> {
        let bytes = &self.buffer[line];
        self.finder.check_columns(bytes).map_err(|error| lines.at(error))?;
        match &self.header {
            None => self.header = Some(bytes.to_vec()),
            Some(first) if first == bytes => {}
            Some(_) => {
                let message = "the header is not that of the first input";
                return Err(lines.at(Error::invalid(message)));
            }
        }
        Ok(())
    }

    #[cold]
    fn too_long(&self, lines: &Lines<'_>) -> Error {
        let most = self.options.row_bytes_max;
        let message = format!("the line is longer than {most} bytes (row_bytes_max)");
        lines.at(Error::invalid(message).detail(most.to_string()))
    }
}

impl Lines<'_> {
    /// Puts `file:line: ` before an error, and both before its details.
    #[cold]
    fn at(&self, error: Error) -> Error {
        let (name, line) = (self.name, self.line);
        let placed = Error::new(error.kind(), format!("{name}:{line}: {error}"))
            .detail(name)
            .detail(line.to_string());
        let placed = error.details().iter().fold(placed, Error::detail);
        placed.caused_by(error)
    }
}
