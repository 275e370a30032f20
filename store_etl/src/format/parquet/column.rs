//! One column of a file, from page to page.
//!
//! A batch's rows are first looked at ([`ColumnReader::look`]): levels are read, and where texts lie, so
//! that the batch can be cut by bytes; then as many as fit are taken. Neither goes beyond a page, so one
//! page and one dictionary of a column are in memory at any time.

use super::delta;
use super::footer::Chunk;
use super::pages::{
    BYTE_STREAM_SPLIT, DELTA_BINARY_PACKED, DELTA_BYTE_ARRAY, DELTA_LENGTH_BYTE_ARRAY, PLAIN,
    PLAIN_DICTIONARY, PageHead, PageKind, Pages, RLE, RLE_DICTIONARY, Unpacker,
};
use super::rle::Runs;
use super::schema::{Cells, FileColumn};
use super::thrift::damaged;
use super::values;
use crate::batch::{Column, Values};
use std::fs::File;
use store_core::{Error, Kind, Result, Type};

/// How much more than its page a page of texts that share beginnings may unfold to.
const UNFOLD: usize = 4;
/// What a column takes besides its pages, in bytes.
const COLUMN_BYTES: usize = 1024;

/// What reading a column takes at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnSizes {
    /// Its largest page, unpacked.
    raw: usize,
    /// The same of pages that are made plain before they are read.
    plain: usize,
    /// Its largest dictionary as cells.
    dictionary: usize,
    /// Its largest page as it lies in the file.
    packed: usize,
}

impl ColumnSizes {
    /// Bytes of it in memory, besides what all columns share.
    pub const fn bytes(&self) -> usize {
        self.raw + self.plain + self.dictionary + COLUMN_BYTES
    }

    /// Bytes of the largest page in the file, for which all columns share a place.
    pub const fn packed(&self) -> usize {
        self.packed
    }

    /// The larger of both, each for itself.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            raw: self.raw.max(other.raw),
            plain: self.plain.max(other.plain),
            dictionary: self.dictionary.max(other.dictionary),
            packed: self.packed.max(other.packed),
        }
    }

    const fn holds(&self, other: &Self) -> bool {
        other.raw <= self.raw
            && other.plain <= self.plain
            && other.dictionary <= self.dictionary
            && other.packed <= self.packed
    }

    fn of(head: &PageHead, cells: Cells, ty: Type) -> Self {
        let raw = head.raw;
        let mut sizes = Self { raw, packed: head.packed, ..Self::default() };
        if head.kind == PageKind::Dictionary {
            let each = crate::batch::fixed_bytes(ty);
            let texts = if matches!(ty, Type::Text | Type::Bytes) { raw } else { 0 };
            sizes.dictionary = head.values.saturating_mul(each).saturating_add(texts + each);
            return sizes;
        }
        let width = cells.width();
        sizes.plain = match head.encoding {
            DELTA_BINARY_PACKED => head.values.saturating_mul(width.unwrap_or(8)),
            // The lengths, and each again before its text.
            DELTA_LENGTH_BYTE_ARRAY => head.values.saturating_mul(8).saturating_add(raw),
            DELTA_BYTE_ARRAY => head.values.saturating_mul(12).saturating_add(UNFOLD * raw),
            BYTE_STREAM_SPLIT => raw,
            _ => 0,
        };
        sizes
    }
}

/// What the pages of a chunk take; reads their heads only.
pub(crate) fn chunk_sizes(file: &File, column: &FileColumn, chunk: &Chunk) -> Result<ColumnSizes> {
    let (cells, ty) = kind(column)?;
    let mut pages = Pages::of(chunk);
    let mut sizes = ColumnSizes::default();
    let named = |error| of_column(&column.name, error);
    while let Some(head) = pages.head(file).map_err(named)? {
        pages.skip(&head);
        if head.kind != PageKind::Other {
            sizes = sizes.max(ColumnSizes::of(&head, cells, ty));
        }
    }
    Ok(sizes)
}

fn kind(column: &FileColumn) -> Result<(Cells, Type)> {
    let refused = |why: &String| {
        Error::unsupported(format!("column \"{}\" {why}, and is not read", column.name))
    };
    column.kind.as_ref().map(|kind| *kind).map_err(refused)
}

#[cold]
fn of_column(name: &str, error: Error) -> Error {
    error.at(format_args!("column \"{name}\""))
}

/// Where the values of the current page come from.
#[derive(Clone, Copy, Debug)]
enum Encoded {
    /// At this byte; of truths at this bit.
    Plain(usize),
    /// Places in the dictionary.
    Places(Runs),
    /// Truths in runs.
    Truths(Runs),
}

/// Reads a column of one row group after another.
pub(super) struct ColumnReader {
    name: String,
    cells: Cells,
    ty: Type,
    optional: bool,
    planned: ColumnSizes,
    pages: Option<Pages>,
    page: Vec<u8>,
    /// The page made plain, if it had to be.
    plain: Vec<u8>,
    is_plain: bool,
    encoded: Encoded,
    levels: Option<Runs>,
    dictionary: Values,
    /// Rows of the chunk that no page has given yet, and of the page that nobody has taken.
    chunk_left: u64,
    page_left: usize,
    /// Of rows that were looked at and not taken: whether there is a value; and of values where they lie.
    valid: Vec<u8>,
    spans: Vec<(u32, u32)>,
    places: Vec<u32>,
    scratch: Vec<u8>,
}

impl ColumnReader {
    pub fn new(column: &FileColumn, planned: ColumnSizes) -> Result<Self> {
        let (cells, ty) = kind(column)?;
        Ok(Self {
            name: column.name.clone(),
            cells,
            ty,
            optional: column.optional,
            planned,
            pages: None,
            page: Vec::with_capacity(planned.raw),
            plain: Vec::with_capacity(planned.plain),
            is_plain: false,
            encoded: Encoded::Plain(0),
            levels: None,
            dictionary: values::empty(ty),
            chunk_left: 0,
            page_left: 0,
            valid: Vec::new(),
            spans: Vec::new(),
            places: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Goes on with the pages of this chunk.
    pub fn begin(&mut self, chunk: &Chunk) {
        self.pages = Some(Pages::of(chunk));
        self.chunk_left = chunk.values;
        self.page_left = 0;
        self.dictionary = values::empty(self.ty);
    }

    /// Rows of the current page that are left; loads the next page if there are none.
    pub fn rows_left(&mut self, file: &File, unpacker: &mut Unpacker) -> Result<usize> {
        while self.page_left == 0 {
            let loaded = self.load(file, unpacker);
            if !loaded.map_err(|error| of_column(&self.name, error))? {
                break;
            }
        }
        Ok(self.page_left)
    }

    /// Loads the next page; false if there is none.
    fn load(&mut self, file: &File, unpacker: &mut Unpacker) -> Result<bool> {
        let Some(pages) = &mut self.pages else { return Ok(false) };
        let Some(head) = pages.head(file)? else {
            if self.chunk_left > 0 {
                return Err(damaged("its pages have fewer values than its chunk says"));
            }
            self.pages = None;
            return Ok(false);
        };
        if head.kind == PageKind::Other {
            pages.skip(&head);
            return Ok(true);
        }
        if !self.planned.holds(&ColumnSizes::of(&head, self.cells, self.ty)) {
            return Err(Error::new(
                Kind::OverBudget,
                "a page is larger than when the job was planned: the file has changed",
            ));
        }
        pages.read(file, &head, unpacker, &mut self.page)?;
        if head.kind == PageKind::Dictionary {
            self.load_dictionary(&head)?;
            return Ok(true);
        }
        self.chunk_left = self
            .chunk_left
            .checked_sub(head.values as u64)
            .ok_or_else(|| damaged("its pages have more values than its chunk says"))?;
        self.page_left = head.values;
        self.begin_page(&head)?;
        Ok(true)
    }

    fn load_dictionary(&mut self, head: &PageHead) -> Result<()> {
        if !matches!(head.encoding, PLAIN | PLAIN_DICTIONARY) {
            return Err(damaged("a dictionary in an encoding of no dictionaries"));
        }
        let mut made = values::empty(self.ty);
        if let Some(width) = self.cells.width() {
            let bytes = head.values.checked_mul(width).and_then(|len| self.page.get(..len));
            let bytes = bytes.ok_or_else(|| damaged("a dictionary is shorter than it says"))?;
            reserve(&mut made, head.values);
            values::fixed(self.cells, self.ty, bytes, &mut made)?;
        } else {
            reserve_texts(&mut made, head.values, self.page.len());
            let mut at = 0;
            for _ in 0..head.values {
                let (from, len) = span(&self.page, at)?;
                at = from + len;
                values::long(self.cells, self.ty, &self.page[from..at], &mut made)?;
            }
        }
        self.dictionary = made;
        Ok(())
    }

    /// Finds levels and values of a page of data.
    fn begin_page(&mut self, head: &PageHead) -> Result<()> {
        let mut at = 0;
        self.levels = None;
        let end = match head.kind {
            PageKind::DataV2 { levels, .. } => levels,
            _ if self.optional => {
                if head.level_encoding != RLE {
                    return Err(Error::unsupported("has levels in an encoding of old"));
                }
                let len = self.page.get(..4).ok_or_else(|| damaged("a page has no levels"))?;
                at = 4;
                let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
                at + len
            }
            _ => 0,
        };
        if end > self.page.len() {
            return Err(damaged("levels are longer than their page"));
        }
        if self.optional {
            self.levels = Some(Runs::new(at, end, 1)?);
        }
        self.is_plain = false;
        self.encoded = self.encoding(head, end)?;
        Ok(())
    }

    fn encoding(&mut self, head: &PageHead, at: usize) -> Result<Encoded> {
        let (width, end) = (self.cells.width(), self.page.len());
        match (head.encoding, self.cells) {
            (PLAIN, Cells::Bool) => return Ok(Encoded::Plain(at * 8)),
            (PLAIN, _) => return Ok(Encoded::Plain(at)),
            (PLAIN_DICTIONARY | RLE_DICTIONARY, cells) if cells != Cells::Bool => {
                // A page of nothing but NULL may have no width.
                let width = self.page.get(at).copied().unwrap_or(0);
                return Ok(Encoded::Places(Runs::new((at + 1).min(end), end, width)?));
            }
            (RLE, Cells::Bool) => {
                if end < at + 4 {
                    return Ok(Encoded::Truths(Runs::new(end, end, 1)?));
                }
                return Ok(Encoded::Truths(Runs::new(at + 4, end, 1)?));
            }
            _ => {}
        }
        self.plain.clear();
        let (bytes, most) = (&self.page[at..], head.values);
        match (head.encoding, width) {
            (DELTA_BINARY_PACKED, Some(width @ (4 | 8))) => {
                delta::integers(bytes, width, most, &mut self.plain)?;
            }
            (DELTA_LENGTH_BYTE_ARRAY, None) => delta::texts(bytes, most, &mut self.plain)?,
            (DELTA_BYTE_ARRAY, width) => {
                let room = self.planned.plain;
                delta::prefixed(bytes, width, most, room, &mut self.plain)?;
            }
            (BYTE_STREAM_SPLIT, Some(width)) => delta::planes(bytes, width, &mut self.plain)?,
            (other, _) => {
                let message = format!("is in the encoding {other}, which is not read for its type");
                return Err(Error::unsupported(message));
            }
        }
        self.is_plain = true;
        Ok(Encoded::Plain(0))
    }

    /// Looks at the next rows, of the current page only, and adds the bytes of their texts to `row_bytes`.
    pub fn look(&mut self, rows: usize, row_bytes: &mut [u32]) -> Result<()> {
        debug_assert!(rows <= self.page_left);
        self.look_at(rows, row_bytes).map_err(|error| of_column(&self.name, error))
    }

    fn look_at(&mut self, rows: usize, row_bytes: &mut [u32]) -> Result<()> {
        let mut values = rows;
        if let Some(levels) = &mut self.levels {
            let more = rows.saturating_sub(self.valid.len());
            let valid = &mut self.valid;
            let mut wrong = false;
            levels.read(&self.page, more, &mut |level, times| {
                wrong |= level > 1;
                valid.extend(std::iter::repeat_n(level as u8, times));
            })?;
            if wrong {
                return Err(damaged("a level is above the highest"));
            }
            values = self.valid[..rows].iter().map(|valid| usize::from(*valid)).sum();
        }
        if !matches!(self.cells, Cells::Text | Cells::Bytes) {
            return Ok(());
        }
        self.find_texts(values)?;
        let lens = self.spans[..values].iter().map(|(_, len)| *len);
        if self.levels.is_some() {
            let given = row_bytes.iter_mut().zip(&self.valid).filter(|(_, valid)| **valid != 0);
            given.zip(lens).for_each(|((bytes, _), len)| *bytes = bytes.saturating_add(len));
        } else {
            let given = row_bytes.iter_mut().zip(lens);
            given.for_each(|(bytes, len)| *bytes = bytes.saturating_add(len));
        }
        Ok(())
    }

    /// Finds where the next texts lie, in the page or in the dictionary.
    fn find_texts(&mut self, count: usize) -> Result<()> {
        let more = count.saturating_sub(self.spans.len());
        match &mut self.encoded {
            Encoded::Plain(at) => {
                let bytes = if self.is_plain { &self.plain } else { &self.page };
                for _ in 0..more {
                    let (from, len) = span(bytes, *at)?;
                    self.spans.push((from as u32, len as u32));
                    *at = from + len;
                }
            }
            Encoded::Places(runs) => {
                let offsets = match &self.dictionary {
                    Values::Text(texts) => texts.offsets(),
                    Values::Bytes(texts) => texts.offsets(),
                    _ => return Err(values::behind()),
                };
                let (spans, mut wrong) = (&mut self.spans, false);
                runs.read(&self.page, more, &mut |place, times| {
                    let place = place as usize;
                    let found = offsets.get(place..place.saturating_add(2));
                    let span = if let Some([from, to]) = found {
                        (*from, to - from)
                    } else {
                        wrong = true;
                        (0, 0)
                    };
                    spans.extend(std::iter::repeat_n(span, times));
                })?;
                if wrong {
                    return Err(values::behind());
                }
            }
            Encoded::Truths(_) => return Err(damaged("truths where texts should be")),
        }
        Ok(())
    }

    /// Adds the next rows, which were looked at, to a column.
    pub fn take(&mut self, rows: usize, to: &mut Column) -> Result<()> {
        self.take_rows(rows, to).map_err(|error| of_column(&self.name, error))
    }

    fn take_rows(&mut self, rows: usize, to: &mut Column) -> Result<()> {
        let valid = self.levels.is_some().then(|| std::mem::take(&mut self.valid));
        let known = valid.as_deref().map(|valid| &valid[..rows]);
        let count = known.map_or(rows, |valid| valid.iter().map(|v| usize::from(*v)).sum());
        let from = to.len();
        to.extend_with(rows, known, |to| {
            if self.cells == Cells::Bool {
                return self.take_truths(count, known, to);
            }
            self.take_values(count, to)?;
            if let Some(valid) = known.filter(|_| count < rows) {
                values::spread(to, from, valid);
            }
            Ok(())
        })?;
        if let Some(mut valid) = valid {
            valid.drain(..rows);
            self.valid = valid;
        }
        self.page_left -= rows;
        Ok(())
    }

    fn take_values(&mut self, count: usize, to: &mut Values) -> Result<()> {
        if matches!(self.cells, Cells::Text | Cells::Bytes) {
            return self.take_texts(count, to);
        }
        match &mut self.encoded {
            Encoded::Plain(at) => {
                let bytes = if self.is_plain { &self.plain } else { &self.page };
                let Some(width) = self.cells.width() else {
                    for _ in 0..count {
                        let (from, len) = span(bytes, *at)?;
                        *at = from + len;
                        values::long(self.cells, self.ty, &bytes[from..*at], to)?;
                    }
                    return Ok(());
                };
                let all = count.checked_mul(width).and_then(|len| bytes.get(*at..*at + len));
                let all = all.ok_or_else(|| damaged("a page has fewer values than it says"))?;
                *at += all.len();
                values::fixed(self.cells, self.ty, all, to)
            }
            Encoded::Places(runs) => {
                let places = &mut self.places;
                places.clear();
                runs.read(&self.page, count, &mut |place, times| {
                    places.extend(std::iter::repeat_n(place, times));
                })?;
                values::pick(&self.dictionary, places, to)
            }
            Encoded::Truths(_) => Err(damaged("truths where numbers should be")),
        }
    }

    fn take_texts(&mut self, count: usize, to: &mut Values) -> Result<()> {
        let spans = &self.spans[..count];
        let in_page = matches!(self.encoded, Encoded::Plain(_));
        match to {
            Values::Text(to) if in_page => {
                let bytes = if self.is_plain { &self.plain } else { &self.page };
                values::texts(bytes, spans, &mut self.scratch, to)?;
            }
            Values::Text(to) => {
                let Values::Text(known) = &self.dictionary else { return Err(values::behind()) };
                for (at, len) in spans {
                    to.push(&known.data()[*at as usize..(*at + *len) as usize])?;
                }
            }
            Values::Bytes(to) => {
                let bytes = match &self.dictionary {
                    _ if in_page && self.is_plain => &self.plain,
                    Values::Bytes(known) if !in_page => known.data(),
                    _ => &self.page,
                };
                for (at, len) in spans {
                    to.push(&bytes[*at as usize..(*at + *len) as usize])?;
                }
            }
            _ => return Err(damaged("values of another type")),
        }
        self.spans.drain(..count);
        Ok(())
    }

    fn take_truths(&mut self, count: usize, valid: Option<&[u8]>, to: &mut Values) -> Result<()> {
        let Values::Bool(to) = to else { return Err(damaged("values of another type")) };
        let truths = &mut self.scratch;
        truths.clear();
        match &mut self.encoded {
            Encoded::Plain(bit) => {
                if *bit + count > self.page.len() * 8 {
                    return Err(damaged("a page has fewer values than it says"));
                }
                let bits = *bit..*bit + count;
                truths.extend(bits.map(|bit| self.page[bit / 8] >> (bit % 8) & 1));
                *bit += count;
            }
            Encoded::Truths(runs) => runs.read(&self.page, count, &mut |truth, times| {
                truths.extend(std::iter::repeat_n(truth as u8, times));
            })?,
            Encoded::Places(_) => return Err(damaged("truths in a dictionary")),
        }
        values::spread_truths(to, truths, valid);
        Ok(())
    }
}

/// A value behind its length.
#[inline]
fn span(bytes: &[u8], at: usize) -> Result<(usize, usize)> {
    let head = bytes.get(at..at + 4).and_then(|head| head.try_into().ok());
    let len = u32::from_le_bytes(head.ok_or_else(|| damaged("a page ends too early"))?) as usize;
    if len > bytes.len() - at - 4 {
        return Err(damaged("a text is longer than its page"));
    }
    Ok((at + 4, len))
}

fn reserve_texts(values: &mut Values, count: usize, bytes: usize) {
    // Each has its length before it, so there are no more than that.
    let (count, bytes) = (count.min(bytes / 4), bytes);
    match values {
        Values::Text(texts) => texts.reserve_exact(count, bytes - 4 * count),
        Values::Bytes(texts) => texts.reserve_exact(count, bytes - 4 * count),
        _ => {}
    }
}

fn reserve(values: &mut Values, count: usize) {
    match values {
        Values::Int16(v) => v.reserve_exact(count),
        Values::Int32(v) => v.reserve_exact(count),
        Values::Int64(v) => v.reserve_exact(count),
        Values::Float32(v) => v.reserve_exact(count),
        Values::Float64(v) => v.reserve_exact(count),
        Values::Decimal(v) => v.reserve_exact(count),
        _ => {}
    }
}
