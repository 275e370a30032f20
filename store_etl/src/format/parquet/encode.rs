//! One column of a file that is being written: rows into pages, pages into a chunk.

use super::bounds::Bounds;
use super::dictionary::Dictionary;
use super::pages::{PLAIN, RLE, RLE_DICTIONARY};
use super::rle::RunWriter;
use super::thrift::Writer;
use super::write::Settings;
use crate::batch::{Bitmap, Column, Texts, Values};
use flate2::Crc;
use std::fmt::Write as _;
use store_core::{Error, Result, Type, ValueRef};
use zstd::bulk::Compressor;

/// A finished chunk: its pages, and what is said of it.
pub(super) type Chunk = (Vec<Box<[u8]>>, ChunkFacts, Bounds);

/// Most rows of a page.
pub(super) const PAGE_ROWS_MAX: usize = 20_000;
/// Level of zstd: higher ones cost more time than the bytes they save.
const ZSTD_LEVEL: i32 = 1;

/// What packing a page needs, once for all columns.
pub(super) struct Packer {
    zstd: Compressor<'static>,
    body: Vec<u8>,
    packed: Vec<u8>,
    runs: RunWriter,
}

impl Packer {
    /// What one holds besides two pages.
    pub const BYTES: usize = 1280 << 10;

    pub fn new() -> Result<Self> {
        let zstd = Compressor::new(ZSTD_LEVEL).map_err(|error| Error::io("zstd", error))?;
        Ok(Self { zstd, body: Vec::new(), packed: Vec::new(), runs: RunWriter::default() })
    }

    /// A page of what is in `body`: its head, then its bytes, packed.
    fn page(&mut self, values: usize, kind: PageOf, keep: usize) -> Result<(Box<[u8]>, usize)> {
        let failed = |error| Error::io("zstd", error);
        let bound = zstd::zstd_safe::compress_bound(self.body.len());
        self.packed.clear();
        self.packed.reserve(bound);
        self.zstd.compress_to_buffer(&self.body, &mut self.packed).map_err(failed)?;
        let mut crc = Crc::new();
        crc.update(&self.packed);
        let mut head = Writer::default();
        head.item(|out| {
            out.i32(1, if matches!(kind, PageOf::Dictionary) { 2 } else { 0 });
            out.i32(2, self.body.len() as i32);
            out.i32(3, self.packed.len() as i32);
            out.i32(4, crc.sum() as i32);
            match kind {
                PageOf::Dictionary => out.nested(7, |out| {
                    out.i32(1, values as i32);
                    out.i32(2, PLAIN as i32);
                }),
                PageOf::Data(encoding) => out.nested(5, |out| {
                    out.i32(1, values as i32);
                    out.i32(2, encoding as i32);
                    out.i32(3, RLE as i32);
                    out.i32(4, RLE as i32);
                }),
            }
        });
        let raw = head.bytes.len() + self.body.len();
        let mut page = head.bytes;
        page.reserve_exact(self.packed.len());
        page.extend_from_slice(&self.packed);
        // What a long text needed is not kept.
        self.body.clear();
        self.body.shrink_to(keep);
        self.packed.shrink_to(keep);
        Ok((page.into_boxed_slice(), raw))
    }
}

#[derive(Clone, Copy)]
enum PageOf {
    Dictionary,
    Data(i64),
}

/// What is said of a chunk in the footer.
#[derive(Debug, Default)]
pub(super) struct ChunkFacts {
    pub values: u64,
    pub nulls: u64,
    pub raw: u64,
    pub packed: u64,
    pub dictionary: Option<u64>,
    pub has_dictionary_pages: bool,
    pub has_plain_pages: bool,
}

/// Collects the rows of one chunk.
pub(super) struct ColumnWriter {
    pub ty: Type,
    pub nullable: bool,
    /// Bytes of a plain value; 0 of truths and texts.
    pub width: usize,
    page_bytes: usize,
    dictionary_bytes: usize,
    values: Vec<u8>,
    truths: Bitmap,
    /// Numbers of the texts of this page.
    numbers: Vec<u32>,
    valid: Bitmap,
    nulls: usize,
    rows: usize,
    dictionary: Dictionary,
    /// Texts of this chunk go to the dictionary; of later ones as well.
    is_dictionary: bool,
    may_dictionary: bool,
    pages: Vec<Box<[u8]>>,
    facts: ChunkFacts,
    pub bounds: Bounds,
    text: String,
}

/// Bytes of a decimal of so many digits, and whether the highest byte comes first.
pub(super) fn decimal_width(precision: u8) -> (usize, bool) {
    match precision {
        ..=9 => (4, false),
        10..=18 => (8, false),
        _ => {
            let most = 10_u128.pow(precision.into()) - 1;
            let bits = u128::BITS - most.leading_zeros() + 1;
            (bits.div_ceil(8) as usize, true)
        }
    }
}

/// Bytes of a plain value of a type; 0 of one that has no width.
fn width_of(ty: Type) -> usize {
    match ty {
        Type::Bool | Type::Text | Type::Bytes | Type::Inet | Type::Mac => 0,
        Type::Int16 | Type::Int32 | Type::Date | Type::Float32 => 4,
        Type::Decimal { precision, .. } => decimal_width(precision).0,
        _ => 8,
    }
}

/// True of columns that are written as texts of any length.
pub(super) const fn is_long(ty: Type) -> bool {
    matches!(ty, Type::Text | Type::Bytes | Type::Inet | Type::Mac)
}

impl ColumnWriter {
    pub fn new(ty: Type, nullable: bool, settings: &Settings) -> Self {
        let dictionary = ty == Type::Text && settings.dictionary_bytes > 0;
        Self {
            ty,
            nullable,
            width: width_of(ty),
            page_bytes: settings.page_bytes,
            dictionary_bytes: settings.dictionary_bytes,
            values: Vec::new(),
            truths: Bitmap::new(),
            numbers: Vec::new(),
            valid: Bitmap::new(),
            nulls: 0,
            rows: 0,
            dictionary: Dictionary::default(),
            is_dictionary: dictionary,
            may_dictionary: dictionary,
            pages: Vec::new(),
            facts: ChunkFacts::default(),
            bounds: Bounds::default(),
            text: String::new(),
        }
    }

    /// Most rows of a page: bits of levels take no more than its values.
    fn rows_max(&self) -> usize {
        PAGE_ROWS_MAX.min(8 * self.page_bytes)
    }

    /// Adds all rows of a column; what pages that were finished take.
    pub fn append(&mut self, column: &Column, packer: &mut Packer) -> Result<u64> {
        let before = self.facts.packed;
        let mut at = 0;
        while at < column.len() {
            let mut rows = (column.len() - at).min(self.rows_max() - self.rows);
            let room = self.page_bytes.saturating_sub(self.values.len());
            if let Some(room) = room.checked_div(self.width) {
                rows = rows.min(room.max(1));
            }
            let rows = self.append_rows(column, at, at + rows)?;
            at += rows;
            self.rows += rows;
            let is_full = self.values.len() >= self.page_bytes || self.rows >= self.rows_max();
            if is_full || !self.is_dictionary && !self.numbers.is_empty() {
                self.finish_page(packer)?;
            }
        }
        Ok(self.facts.packed - before)
    }

    /// Adds rows to the page, fewer if it is full before; how many.
    fn append_rows(&mut self, column: &Column, from: usize, to: usize) -> Result<usize> {
        let valid = column.valid();
        let taken = match column.values() {
            Values::Text(texts) => {
                let bytes = |nth| texts.get(nth).as_bytes();
                self.append_texts(from, to, valid, bytes)
            }
            Values::Bytes(texts) => self.append_texts(from, to, valid, |nth| bytes_of(texts, nth)),
            Values::Inet(_) | Values::Mac(_) => self.append_addresses(column, from, to)?,
            Values::Bool(map) => {
                let given = (from..to).filter(|nth| valid.is_none_or(|valid| valid.get(*nth)));
                given.for_each(|nth| self.truths.push(map.get(nth)));
                to - from
            }
            values => {
                self.append_fixed(values, from, to, valid);
                self.bounds.see(column, from..to);
                to - from
            }
        };
        if self.nullable {
            for nth in from..from + taken {
                let valid = valid.is_none_or(|valid| valid.get(nth));
                self.valid.push(valid);
                self.nulls += usize::from(!valid);
            }
        } else if valid.is_some_and(|valid| (from..from + taken).any(|nth| !valid.get(nth))) {
            return Err(Error::new(store_core::Kind::NotNull, "NULL in a column that has none"));
        }
        Ok(taken)
    }

    fn append_fixed(&mut self, values: &Values, from: usize, to: usize, valid: Option<&Bitmap>) {
        macro_rules! put {
            ($vector:expr, $as:ty) => {
                match valid {
                    None => {
                        let old = self.values.len();
                        self.values.resize(old + (to - from) * size_of::<$as>(), 0);
                        let room = self.values[old..].chunks_exact_mut(size_of::<$as>());
                        for (room, value) in room.zip(&$vector[from..to]) {
                            room.copy_from_slice(&<$as>::from(*value).to_le_bytes());
                        }
                    }
                    Some(valid) => {
                        for nth in (from..to).filter(|nth| valid.get(*nth)) {
                            self.values.extend_from_slice(&<$as>::from($vector[nth]).to_le_bytes());
                        }
                    }
                }
            };
        }
        match values {
            Values::Int16(v) => put!(v, i32),
            Values::Int32(v) => put!(v, i32),
            Values::Int64(v) => put!(v, i64),
            Values::Float32(v) => put!(v, f32),
            Values::Float64(v) => put!(v, f64),
            Values::Decimal(v) => {
                let big = matches!(self.ty, Type::Decimal { precision, .. } if decimal_width(precision).1);
                for nth in (from..to).filter(|nth| valid.is_none_or(|valid| valid.get(*nth))) {
                    let bytes = if big { v[nth].to_be_bytes() } else { v[nth].to_le_bytes() };
                    let range = if big { 16 - self.width..16 } else { 0..self.width };
                    self.values.extend_from_slice(&bytes[range]);
                }
            }
            _ => {}
        }
    }

    fn append_texts<'t>(
        &mut self,
        from: usize,
        to: usize,
        valid: Option<&Bitmap>,
        get: impl Fn(usize) -> &'t [u8],
    ) -> usize {
        let mut nth = from;
        while nth < to && self.values.len() < self.page_bytes {
            if valid.is_none_or(|valid| valid.get(nth)) {
                let text = get(nth);
                if self.is_dictionary {
                    if self.dictionary.held() + text.len() + 8 > self.dictionary_bytes {
                        // No page may have places and texts: the one of places ends here.
                        self.is_dictionary = false;
                        return nth - from;
                    }
                    self.numbers.push(self.dictionary.number(text));
                } else {
                    self.values.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    self.values.extend_from_slice(text);
                    self.bounds.see_text(text);
                }
            }
            nth += 1;
        }
        nth - from
    }

    fn append_addresses(&mut self, column: &Column, from: usize, to: usize) -> Result<usize> {
        let mut nth = from;
        while nth < to && self.values.len() < self.page_bytes {
            let cell = column.get(nth);
            if cell != ValueRef::Null {
                self.text.clear();
                write!(self.text, "{cell}").map_err(|error| Error::invalid(error.to_string()))?;
                self.values.extend_from_slice(&(self.text.len() as u32).to_le_bytes());
                self.values.extend_from_slice(self.text.as_bytes());
                self.bounds.see_text(self.text.as_bytes());
            }
            nth += 1;
        }
        Ok(nth - from)
    }

    /// Makes a page of the rows at hand.
    fn finish_page(&mut self, packer: &mut Packer) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        packer.body.clear();
        if self.nullable {
            put_levels(&self.valid, self.nulls, &mut packer.body);
        }
        let encoding = if self.numbers.is_empty() {
            let bits = self.truths.words().iter().flat_map(|word| word.to_le_bytes());
            packer.body.extend(bits.take(self.truths.len().div_ceil(8)));
            packer.body.extend_from_slice(&self.values);
            self.facts.has_plain_pages = true;
            PLAIN
        } else {
            let width = (u32::BITS - (self.dictionary.len() as u32 - 1).leading_zeros()) as u8;
            packer.body.push(width);
            packer.runs.write(width, &self.numbers, &mut packer.body);
            self.facts.has_dictionary_pages = true;
            RLE_DICTIONARY
        };
        let (page, raw) = packer.page(self.rows, PageOf::Data(encoding), 2 * self.page_bytes)?;
        self.facts.raw += raw as u64;
        self.facts.packed += page.len() as u64;
        self.facts.values += self.rows as u64;
        self.facts.nulls += self.nulls as u64;
        self.pages.push(page);
        // A column of which every second text is another one gains nothing by a dictionary.
        let rows = self.facts.values - self.facts.nulls;
        if self.is_dictionary && self.dictionary.len() as u64 * 2 > rows {
            self.is_dictionary = false;
        }
        self.may_dictionary &= self.is_dictionary;
        self.values.clear();
        self.values.shrink_to(2 * self.page_bytes);
        self.truths.clear();
        self.numbers.clear();
        self.valid.clear();
        (self.rows, self.nulls) = (0, 0);
        Ok(())
    }

    /// Ends the chunk: its pages, in the order of the file, and what is said of it.
    pub fn finish(&mut self, packer: &mut Packer) -> Result<Chunk> {
        self.finish_page(packer)?;
        let mut pages = std::mem::take(&mut self.pages);
        let mut facts = std::mem::take(&mut self.facts);
        let mut bounds = std::mem::take(&mut self.bounds);
        if facts.has_dictionary_pages {
            packer.body.clear();
            for nth in 0..self.dictionary.len() {
                let text = self.dictionary.get(nth);
                packer.body.extend_from_slice(&(text.len() as u32).to_le_bytes());
                packer.body.extend_from_slice(text);
                bounds.see_text(text);
            }
            let count = self.dictionary.len();
            let (page, raw) = packer.page(count, PageOf::Dictionary, 2 * self.page_bytes)?;
            facts.raw += raw as u64;
            facts.packed += page.len() as u64;
            facts.dictionary = Some(page.len() as u64);
            pages.insert(0, page);
        }
        self.dictionary.clear();
        self.is_dictionary = self.may_dictionary;
        Ok((pages, facts, bounds))
    }
}

fn bytes_of(texts: &Texts<Vec<u8>>, nth: usize) -> &[u8] {
    texts.get(nth)
}

/// Levels behind their length: one run, or a bit a row.
fn put_levels(valid: &Bitmap, nulls: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    let rows = valid.len();
    let put = |mut head: usize, out: &mut Vec<u8>| {
        while head >= 0x80 {
            out.push(head as u8 | 0x80);
            head >>= 7;
        }
        out.push(head as u8);
    };
    if nulls == 0 || nulls == rows {
        put(rows * 2, out);
        out.push(u8::from(nulls == 0));
    } else {
        let bytes = rows.div_ceil(8);
        put(bytes * 2 + 1, out);
        out.extend(valid.words().iter().flat_map(|word| word.to_le_bytes()).take(bytes));
    }
    let len = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&len.to_le_bytes());
}
