//! Pages of records that belong to partitions, within a given memory; what finds no page is put aside.
//!
//! ```text
//!  area   │reading room│page│page│page│ …
//!  part   current page ─► full pages ─► chain of blocks in a file
//! ```
//!
//! A partition fills its current page. A full one stays in memory as long as there are free pages;
//! then it is written to the file and filled again. Only overflowing pages are ever written.

use std::ops::Range;
use store_core::mem::{Reservation, WorkArea};
use store_core::planted::bug;
use store_core::segment::{Chain, ChainFile, RunOptions, Spill};
use store_core::{Error, Holder, Kind, Result};

const NO_PAGE: u32 = u32::MAX;

/// Pages, and the file for those that found no room.
#[derive(Debug)]
pub(super) struct Pool {
    area: WorkArea,
    /// Bytes before the first page: room for one block that is read.
    room: usize,
    page_bytes: usize,
    pages: Vec<Page>,
    free: u32,
    free_count: usize,
    /// Pages that partitions have.
    used_count: usize,
    file: Option<ChainFile>,
    spill: Option<Spill>,
    options: RunOptions,
    holder: Holder,
    spill_bytes: u64,
    _list: Reservation,
}

/// What is known of a page: the next one of its list, and what it holds.
#[derive(Clone, Copy, Debug)]
struct Page {
    next: u32,
    end: u64,
    records: u32,
}

/// The records of one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Where in the area the next record goes, and where the current page ends.
    at: usize,
    end: usize,
    current: u32,
    records: u32,
    full: u32,
    /// How many full pages it has.
    pages: u32,
    rows: u64,
    bytes: u64,
    chain: Chain,
}

/// A block of records to be read: where they are, and the page to be given back afterwards.
#[derive(Debug)]
#[must_use]
pub(super) struct Block {
    pub records: Range<usize>,
    page: u32,
}

impl Part {
    /// A partition without records, and without a page.
    pub const fn new() -> Self {
        Self {
            at: 0,
            end: 0,
            current: NO_PAGE,
            records: 0,
            full: NO_PAGE,
            pages: 0,
            rows: 0,
            bytes: 0,
            chain: EMPTY,
        }
    }

    /// Records that are in it.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of them.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many full pages it has in memory.
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// True if a part of it is in the file.
    pub const fn has_spilled(&self) -> bool {
        self.chain.blocks() > 0
    }
}

const EMPTY: Chain = Chain::empty();

impl Pool {
    /// Bytes of a page that are not for records.
    pub const HEAD_BYTES: usize = ChainFile::HEAD_BYTES;

    /// A pool of so many pages, each of a run's block, that reads records of up to `record` bytes.
    pub fn new(
        pages: usize,
        record: usize,
        options: RunOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let page_bytes = options.block_bytes;
        let room = Self::room_bytes(record, page_bytes);
        let list = holder.reserve(pages * size_of::<Page>())?;
        let area = WorkArea::map(room + pages * page_bytes, holder)?;
        let next = |page: usize| if page + 1 < pages { page as u32 + 1 } else { NO_PAGE };
        let made = |page| Page { next: next(page), end: 0, records: 0 };
        Ok(Self {
            area,
            room,
            page_bytes,
            pages: (0..pages).map(made).collect(),
            free: if pages > 0 { 0 } else { NO_PAGE },
            free_count: pages,
            used_count: 0,
            file: None,
            spill,
            options,
            holder: holder.clone(),
            spill_bytes: 0,
            _list: list,
        })
    }

    /// What [`Pool::new`] takes out of the budget at once, and later for its file.
    pub fn bytes_of(pages: usize, record: usize, options: &RunOptions) -> usize {
        let area = Self::room_bytes(record, options.block_bytes) + pages * options.block_bytes;
        area.next_multiple_of(4096) + pages * size_of::<Page>() + ChainFile::bytes_of(options)
    }

    fn room_bytes(record: usize, page_bytes: usize) -> usize {
        page_bytes.max(record + Self::HEAD_BYTES).next_multiple_of(64)
    }

    /// The area with all records; blocks and places of records are ranges of it.
    pub fn bytes(&self) -> &[u8] {
        &self.area
    }

    /// The same, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.area
    }

    /// Pages that nobody has.
    pub const fn free_pages(&self) -> usize {
        self.free_count
    }

    /// Bytes written to the file so far.
    pub const fn spill_bytes(&self) -> u64 {
        self.spill_bytes
    }

    /// Adds a record.
    #[inline(always)]
    pub fn push(&mut self, part: &mut Part, record: &[u8]) -> Result<()> {
        if part.at + record.len() > part.end && !self.turn(part, record.len())? {
            let from = Self::HEAD_BYTES..Self::HEAD_BYTES + record.len();
            if from.end > self.room {
                return Err(self.too_long(record.len()));
            }
            self.area[from.clone()].copy_from_slice(record);
            return self.push_jumbo(part, from);
        }
        self.area[part.at..part.at + record.len()].copy_from_slice(record);
        part.count(record.len());
        Ok(())
    }

    /// Adds a record that lies in the area.
    #[inline(always)]
    pub fn push_within(&mut self, part: &mut Part, from: Range<usize>) -> Result<()> {
        let len = from.len();
        if part.at + len > part.end && !self.turn(part, len)? {
            // One that long came from the file by itself, so it is where blocks are read to.
            return self.push_jumbo(part, from);
        }
        self.area.copy_within(from, part.at);
        part.count(len);
        Ok(())
    }

    /// Gives the partition a page with room for so many bytes; false if no page has that.
    #[cold]
    #[inline(never)]
    fn turn(&mut self, part: &mut Part, len: usize) -> Result<bool> {
        if len > self.page_bytes - Self::HEAD_BYTES {
            return Ok(false);
        }
        let filled = self.close(part);
        let page = match (self.take_page(), filled) {
            (Some(page), _) => page,
            (None, NO_PAGE) => {
                return Err(Error::new(
                    Kind::OverBudget,
                    "a partition has no page: raise the memory",
                ));
            }
            (None, filled) => {
                self.unlink(part, filled);
                self.write_page(part, filled)?;
                filled
            }
        };
        self.open(part, page);
        Ok(true)
    }

    /// Makes the current page one of the full ones; which it was.
    fn close(&mut self, part: &mut Part) -> u32 {
        let page = part.current;
        if page != NO_PAGE && part.records == 0 {
            (part.current, part.at, part.end) = (NO_PAGE, 0, 0);
            self.give_page(page);
            return NO_PAGE;
        }
        if page != NO_PAGE {
            self.pages[page as usize] =
                Page { next: part.full, end: part.at as u64, records: part.records };
            part.full = page;
            part.pages += 1;
            (part.current, part.records, part.at, part.end) = (NO_PAGE, 0, 0, 0);
        }
        page
    }

    /// Takes the page that was closed last off the full ones.
    fn unlink(&self, part: &mut Part, page: u32) {
        debug_assert_eq!(part.full, page);
        part.full = self.pages[page as usize].next;
        part.pages -= 1;
    }

    fn open(&self, part: &mut Part, page: u32) {
        let start = self.room + page as usize * self.page_bytes;
        part.current = page;
        part.at = start + Self::HEAD_BYTES;
        part.end = start + self.page_bytes;
        part.records = 0;
    }

    fn take_page(&mut self) -> Option<u32> {
        let page = self.free;
        if page == NO_PAGE {
            return None;
        }
        self.free = self.pages[page as usize].next;
        self.free_count -= 1;
        self.used_count += 1;
        Some(page)
    }

    fn give_page(&mut self, page: u32) {
        self.pages[page as usize].next = self.free;
        self.free = page;
        self.free_count += 1;
        self.used_count -= 1;
    }

    /// Writes a page behind the partition's chain.
    fn write_page(&mut self, part: &mut Part, page: u32) -> Result<()> {
        let Page { end, records, .. } = self.pages[page as usize];
        let start = self.room + page as usize * self.page_bytes;
        self.write(part, start..end as usize, records)
    }

    fn write(&mut self, part: &mut Part, block: Range<usize>, records: u32) -> Result<()> {
        if self.file.is_none() {
            let Some(spill) = &self.spill else {
                return Err(Error::new(
                    Kind::OverBudget,
                    "the rows do not fit in the memory, and there is no spill directory; name one or \
                     raise the memory",
                ));
            };
            self.file = Some(ChainFile::create(spill, &self.options, &self.holder)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let before = file.file_bytes();
        file.append(&mut part.chain, &mut self.area[block], records)?;
        self.spill_bytes += file.file_bytes() - before;
        Ok(())
    }

    /// Writes a record that no page has room for, which lies in the room before the pages.
    #[cold]
    fn push_jumbo(&mut self, part: &mut Part, record: Range<usize>) -> Result<()> {
        debug_assert_eq!(record.start, Self::HEAD_BYTES);
        part.rows += 1;
        part.bytes += record.len() as u64;
        self.write(part, 0..record.end, 1)
    }

    #[cold]
    fn too_long(&self, bytes: usize) -> Error {
        let most = self.room - Self::HEAD_BYTES;
        let message = format!(
            "a row of {bytes} bytes is longer than the {most} that this memory was planned for; raise \
             the longest row or the memory"
        );
        Error::new(Kind::OverBudget, message).detail(bytes.to_string())
    }

    /// Writes all pages of a partition and frees them.
    pub fn put_aside(&mut self, part: &mut Part) -> Result<()> {
        self.close(part);
        while part.full != NO_PAGE {
            let page = part.full;
            self.unlink(part, page);
            self.write_page(part, page)?;
            self.give_page(page);
        }
        Ok(())
    }

    /// Writes all pages of a partition of which a part is in the file already.
    pub fn put_aside_if_spilled(&mut self, part: &mut Part) -> Result<()> {
        if part.has_spilled() { self.put_aside(part) } else { Ok(()) }
    }

    /// So many partitions, each with a page; there are so many free ones.
    pub fn make_parts(&mut self, count: usize) -> Result<Vec<Part>> {
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(page) = self.take_page() else {
                return Err(Error::new(
                    Kind::OverBudget,
                    "a partition has no page: raise the memory",
                ));
            };
            let mut part = Part::new();
            self.open(&mut part, page);
            parts.push(part);
        }
        Ok(parts)
    }

    /// Gives back the page of a partition without records.
    pub fn discard(&mut self, part: &mut Part) {
        debug_assert_eq!(part.rows, 0, "its records were read");
        self.close(part);
    }

    /// Gives up the memory of all pages, which are free; how much it was.
    pub fn unmap_pages(&mut self) -> Result<usize> {
        debug_assert_eq!(self.used_count, 0, "nobody has pages");
        let before = self.area.len();
        // The room keeps nothing while no block is read.
        self.area = WorkArea::map(0, &self.holder)?;
        self.area = WorkArea::map(self.room, &self.holder)?;
        Ok(before - self.area.len())
    }

    /// Takes the memory that [`Pool::unmap_pages`] gave up.
    pub fn map_pages(&mut self) -> Result<()> {
        self.area = WorkArea::map(0, &self.holder)?;
        self.area = WorkArea::map(self.room + self.pages.len() * self.page_bytes, &self.holder)?;
        Ok(())
    }

    /// The partition's next records, in no order; `None` when all have been taken. One block is read
    /// at a time: [`Pool::give_back`] comes before the next.
    pub fn next_block(&mut self, part: &mut Part) -> Result<Option<Block>> {
        self.close(part);
        if part.full != NO_PAGE {
            let page = part.full;
            let Page { end, records, .. } = self.pages[page as usize];
            self.unlink(part, page);
            part.rows -= u64::from(records);
            let start = self.room + page as usize * self.page_bytes + Self::HEAD_BYTES;
            return Ok(Some(Block { records: start..end as usize, page }));
        }
        let has_more = part.chain.blocks() > 0 && !bug("spilled_pages_forgotten");
        let (true, Some(file)) = (has_more, &mut self.file) else {
            debug_assert_eq!(part.rows, 0, "every record was read");
            return Ok(None);
        };
        let before = part.chain.records();
        let records = file.take_last(&mut part.chain, &mut self.area[..self.room])?;
        part.rows -= before - part.chain.records();
        Ok(Some(Block { records, page: NO_PAGE }))
    }

    /// The records of the partition's next page in memory, behind the page at this place; `None` behind the
    /// last one. The current page is made a full one.
    pub fn block_in_memory(
        &mut self,
        part: &mut Part,
        at: &mut Option<u32>,
    ) -> Option<Range<usize>> {
        self.close(part);
        let page = at.map_or(part.full, |page| self.pages[page as usize].next);
        if page == NO_PAGE {
            return None;
        }
        *at = Some(page);
        let start = self.room + page as usize * self.page_bytes + Self::HEAD_BYTES;
        Some(start..self.pages[page as usize].end as usize)
    }

    /// The memory behind the first page, when nobody has pages: for records that are not in pages. Until
    /// [`Pool::leave_arena`] the first page is the only one that is given out.
    pub fn enter_arena(&mut self) -> Range<usize> {
        debug_assert_eq!(self.used_count, 0, "nobody has pages");
        self.set_free(self.pages.len().min(1));
        self.room + self.page_bytes..self.room + self.pages.len() * self.page_bytes
    }

    /// Gives out all pages again; nobody has any.
    pub fn leave_arena(&mut self) {
        debug_assert_eq!(self.used_count, 0, "nobody has pages");
        self.set_free(self.pages.len());
    }

    /// Makes the first so many pages the free ones.
    fn set_free(&mut self, count: usize) {
        for (nth, page) in self.pages[..count].iter_mut().enumerate() {
            page.next = if nth + 1 < count { nth as u32 + 1 } else { NO_PAGE };
        }
        self.free = if count > 0 { 0 } else { NO_PAGE };
        self.free_count = count;
    }

    /// Bytes of the block in the file that comes next; 0 if there is none.
    pub fn next_bytes(part: &Part) -> usize {
        if part.has_spilled() { ChainFile::last_bytes(&part.chain) } else { 0 }
    }

    /// Ends the reading of a block.
    #[expect(clippy::needless_pass_by_value, reason = "a block is given back once")]
    pub fn give_back(&mut self, block: Block) {
        if block.page != NO_PAGE {
            self.give_page(block.page);
        }
    }
}

impl Part {
    #[inline(always)]
    fn count(&mut self, bytes: usize) {
        self.at += bytes;
        self.records += 1;
        self.rows += 1;
        self.bytes += bytes as u64;
    }
}
