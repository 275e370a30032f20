//! Whole records of a buffer cut into fields, many at a time.
//!
//! ```text
//!  bytes ─► masks: delimiters, line ends, quotes or backslashes ─► where each field ends
//! ```
//!
//! Fields are noted as they stand in the file; quotes and escapes are taken off where a field is made a
//! cell ([`super::written`]).

use super::written::{Dialect, check_escapes};
use std::ops::Range;
use store_core::mem::{MASK_BYTES, mask_of, piece_at};
use store_core::planted::bug;

/// Most records that are cut at once, and most ends of fields that are noted, beyond those of one record: both
/// stay in a processor's first caches.
const ROWS_MAX: usize = 512;
const ENDS_MAX: usize = 8192;
/// Ends that are noted in one go, wanted or not: how many there are is no branch then.
const ENDS_STEP: usize = 8;

/// A record, without its line end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub start: u32,
    pub end: u32,
    /// The line that it begins on.
    pub line: u64,
}

/// What is wrong with a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// So many fields in place of those there should be.
    Count(usize),
    /// How it is written.
    Fault(String),
    /// More bytes than a row may have.
    Long,
    /// It ends within quotes.
    Open,
}

/// How much is to be cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub rows: usize,
    /// Bytes after which there is no further record, and what each takes beside its own.
    pub bytes: usize,
    pub row_bytes: usize,
}

/// Cuts records.
#[derive(Debug)]
pub(super) struct Cutter {
    dialect: Dialect,
    row_bytes_max: usize,
    /// Fields of each record; any number if 0.
    count: usize,
    /// Where each field of each record ends.
    ends: Vec<u32>,
    records: Vec<Record>,
    /// The record behind the others, if it is a bad one.
    bad: Option<(Record, Bad)>,
    /// Where the next record begins, and on which line.
    next: usize,
    next_line: u64,
}

/// The record at hand.
struct At {
    start: usize,
    field: usize,
    /// How many fields have ended, and where the first one's end is noted.
    nth: usize,
    first: usize,
    /// Bytes before this place are behind a backslash or the first of two quotes.
    skip: usize,
    inner_lines: u64,
    is_quoted: bool,
    is_escaped: bool,
    fault: Option<&'static str>,
}

impl At {
    #[inline(always)]
    const fn of(start: usize, first: usize) -> Self {
        let (nth, skip, inner_lines, fault) = (0, 0, 0, None);
        let (is_quoted, is_escaped) = (false, false);
        Self { start, field: start, nth, first, skip, inner_lines, is_quoted, is_escaped, fault }
    }

    #[inline(always)]
    fn end_field(&mut self, ends: &mut [u32], place: usize) {
        // Of a record that has too many fields not all may be noted.
        if let Some(end) = ends.get_mut(self.first + self.nth) {
            *end = place as u32;
        }
        self.nth += 1;
        self.field = place + 1;
    }

    /// Ends a field at each place of a mask.
    #[inline(always)]
    fn end_fields(&mut self, ends: &mut [u32], base: usize, mask: u64) {
        if mask == 0 {
            return;
        }
        let count = mask.count_ones() as usize;
        let first = self.first + self.nth;
        let mut rest = mask;
        for step in (0..count).step_by(ENDS_STEP) {
            // Of a record that has too many fields not all may be noted.
            let Some(room) = ends.get_mut(first + step..first + step + ENDS_STEP) else { break };
            for end in room {
                *end = base as u32 + rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
            }
        }
        self.nth += count;
        self.field = base + MASK_BYTES - mask.leading_zeros() as usize;
    }

    /// Takes a quote: it opens a field, closes one, or is a character of it.
    #[inline(always)]
    fn take_quote(&mut self, bytes: &[u8], place: usize, delimiter: u8, quote: u8) {
        if !self.is_quoted {
            self.is_quoted = place == self.field;
            return;
        }
        if place < self.skip {
            return;
        }
        let rest = &bytes[place + 1..];
        if rest.first() == Some(&quote) {
            self.skip = place + 2;
            return;
        }
        self.is_quoted = false;
        // Behind a closing quote the field ends.
        let ends = match rest {
            [] | [b'\n', ..] | [b'\r', b'\n', ..] | [b'\r'] => true,
            [byte, ..] => *byte == delimiter,
        };
        if !ends {
            self.fault.get_or_insert("text after a closing quote");
        }
    }

    /// Takes a backslash: it escapes what follows, unless it is escaped itself.
    #[inline(always)]
    fn take_backslash(&mut self, bytes: &[u8], place: usize) {
        if place >= self.skip {
            self.is_escaped = true;
            // No line end is escaped.
            self.skip = place + 1 + usize::from(bytes.get(place + 1) != Some(&b'\n'));
        }
    }
}

/// What bytes of a text are special beside delimiters and line ends.
const NONE: u8 = 0;
const QUOTES: u8 = 1;
const BACKSLASHES: u8 = 2;

impl Cutter {
    pub const fn new(dialect: Dialect, row_bytes_max: usize) -> Self {
        Self {
            dialect,
            row_bytes_max,
            count: 0,
            ends: Vec::new(),
            records: Vec::new(),
            bad: None,
            next: 0,
            next_line: 1,
        }
    }

    /// What the places of records and fields take, beyond those of one record.
    pub const fn bytes() -> usize {
        ROWS_MAX * size_of::<Record>() + (ENDS_MAX + ENDS_STEP) * size_of::<u32>()
    }

    /// A file begins, whose records have any number of fields until [`Cutter::expect`] says how many.
    pub fn begin_file(&mut self) {
        self.next_line = 1;
        self.expect(0);
    }

    /// Records have so many fields from now on.
    pub fn expect(&mut self, count: usize) {
        self.count = count;
        self.ends.clear();
        self.ends.resize(count * self.rows_max() + ENDS_STEP, 0);
        self.records.clear();
    }

    fn rows_max(&self) -> usize {
        (ENDS_MAX / self.count.max(1)).clamp(1, ROWS_MAX)
    }

    /// The records that were cut.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The record behind them that is a bad one, once.
    pub const fn take_bad(&mut self) -> Option<(Record, Bad)> {
        self.bad.take()
    }

    /// True if any record was cut, good or bad.
    pub const fn has_some(&self) -> bool {
        !self.records.is_empty() || self.bad.is_some()
    }

    /// Fields that each record is to have.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The next record, of which so many bytes are known, is longer than a row may be.
    pub fn refuse_long(&mut self, known: usize) {
        let record = Record { start: 0, end: known as u32, line: self.next_line };
        self.bad = Some((record, Bad::Long));
    }

    /// Where in the bytes the next record begins.
    pub const fn next(&self) -> usize {
        self.next
    }

    /// Where a field of a record stands.
    #[inline(always)]
    pub fn field(&self, row: usize, field: usize) -> Range<usize> {
        let at = row * self.count + field;
        let start = match field {
            0 => self.records[row].start,
            _ => self.ends[at - 1] + 1,
        };
        start as usize..self.ends[at] as usize
    }

    /// Cuts the records that begin the bytes; behind the last ones nothing follows if `ended`.
    pub fn cut(&mut self, bytes: &[u8], ended: bool, room: Room) {
        self.records.clear();
        self.bad = None;
        self.next = 0;
        let mut room = room;
        room.rows = room.rows.min(self.rows_max());
        let mut ends = std::mem::take(&mut self.ends);
        let at = match self.dialect {
            Dialect::Raw { delimiter } => {
                self.cut_all::<NONE>(bytes, [delimiter, 0], &mut ends, &mut room)
            }
            Dialect::Backslash { delimiter } => {
                self.cut_all::<BACKSLASHES>(bytes, [delimiter, b'\\'], &mut ends, &mut room)
            }
            Dialect::Quoted { delimiter, quote } => {
                self.cut_all::<QUOTES>(bytes, [delimiter, quote], &mut ends, &mut room)
            }
        };
        // The last record may lack its line end.
        if let Some(mut at) = at.filter(|at| ended && at.start < bytes.len()) {
            if at.is_quoted {
                self.bad = Some((self.record(&at, bytes.len()), Bad::Open));
            } else {
                self.end_record(bytes, &mut at, bytes.len(), &mut ends, &mut room);
                self.next = bytes.len();
            }
        }
        self.ends = ends;
    }

    /// Cuts all records that end with a line; gives the one that does not, unless there is no more room.
    #[inline(always)]
    fn cut_all<const SPECIAL: u8>(
        &mut self,
        bytes: &[u8],
        [delimiter, special]: [u8; 2],
        ends: &mut [u32],
        room: &mut Room,
    ) -> Option<At> {
        let mut at = At::of(0, 0);
        let mut base = 0;
        while base < bytes.len() {
            let (piece, known) = piece_at(bytes, base);
            let all = if known < MASK_BYTES { (1 << known) - 1 } else { u64::MAX };
            let mut found = [mask_of(&piece, delimiter) & all, mask_of(&piece, b'\n') & all];
            let mut specials = if SPECIAL == NONE { 0 } else { mask_of(&piece, special) & all };
            while specials != 0 {
                // What ends in front of the next special byte, and that byte.
                let bit = specials & specials.wrapping_neg();
                let before = found.map(|mask| mask & (bit - 1));
                found = [found[0] & !before[0], found[1] & !before[1]];
                specials ^= bit;
                let place = base + bit.trailing_zeros() as usize;
                if at.is_quoted {
                    at.inner_lines += u64::from(before[1].count_ones());
                } else if !self.end_all::<SPECIAL>(bytes, &mut at, (base, before), ends, room) {
                    return None;
                }
                if SPECIAL == QUOTES {
                    at.take_quote(bytes, place, delimiter, special);
                } else {
                    at.take_backslash(bytes, place);
                }
            }
            if at.is_quoted {
                at.inner_lines += u64::from(found[1].count_ones());
            } else if !self.end_all::<SPECIAL>(bytes, &mut at, (base, found), ends, room) {
                return None;
            }
            base += MASK_BYTES;
        }
        Some(at)
    }

    /// Ends fields and records at the places of two masks, of delimiters and of line ends; false if no other
    /// record is to follow.
    #[inline(always)]
    fn end_all<const SPECIAL: u8>(
        &mut self,
        bytes: &[u8],
        at: &mut At,
        (base, [mut fields, mut lines]): (usize, [u64; 2]),
        ends: &mut [u32],
        room: &mut Room,
    ) -> bool {
        if SPECIAL == BACKSLASHES && at.skip > base {
            // What is escaped ends nothing.
            let shown = u64::MAX.unbounded_shl((at.skip - base) as u32);
            (fields, lines) = (fields & shown, lines & shown);
        }
        while lines != 0 {
            let bit = lines & lines.wrapping_neg();
            at.end_fields(ends, base, fields & (bit - 1));
            (fields, lines) = (fields & !(bit - 1), lines ^ bit);
            let place = base + bit.trailing_zeros() as usize;
            if !self.end_record(bytes, at, place, ends, room) {
                return false;
            }
        }
        at.end_fields(ends, base, fields);
        true
    }

    /// Ends the record; false if no other is to follow.
    #[inline(always)]
    fn end_record(
        &mut self,
        bytes: &[u8],
        at: &mut At,
        place: usize,
        ends: &mut [u32],
        room: &mut Room,
    ) -> bool {
        let end = place - usize::from(place > at.start && bytes[place - 1] == b'\r');
        at.end_field(ends, end);
        let record = self.record(at, end);
        let len = end - at.start;
        self.next = place + 1;
        self.next_line += at.inner_lines + 1;
        if at.nth != self.count || at.is_escaped || at.fault.is_some() || len > self.row_bytes_max {
            self.bad = self.what_is_bad(&bytes[at.start..end], at).map(|bad| (record, bad));
            if self.bad.is_some() {
                return false;
            }
        }
        self.records.push(record);
        *at = At::of(self.next, at.first + self.count);
        room.bytes = room.bytes.saturating_sub(len + room.row_bytes);
        self.records.len() < room.rows && room.bytes > 0
    }

    fn record(&self, at: &At, end: usize) -> Record {
        Record { start: at.start as u32, end: end as u32, line: self.next_line }
    }

    #[cold]
    fn what_is_bad(&self, record: &[u8], at: &At) -> Option<Bad> {
        if record.len() > self.row_bytes_max {
            return Some(Bad::Long);
        }
        if let Some(fault) = at.fault {
            return Some(Bad::Fault(fault.to_owned()));
        }
        if let (true, Dialect::Backslash { delimiter }) = (at.is_escaped, self.dialect)
            && let Err(fault) = check_escapes(record, delimiter)
        {
            return Some(Bad::Fault(fault));
        }
        let is_counted = at.nth == self.count || self.count == 0 || bug("long_row_taken");
        (!is_counted).then_some(Bad::Count(at.nth))
    }
}
