//! The first level of a join: the right input in memory as far as it fits, the left one streaming by.

use super::JoinStats;
use super::bind::{Join, Side};
use super::dictionary::Dictionary;
use super::load::{Pair, Stage};
use super::pairs::Seekers;
use super::record::{Laid, MET, RecordLayout, UNIT, chain, set_next};
use super::sizes::Sizes;
use super::walk::{Rules, Seeker, Walk};
use crate::batch::{Batch, Limits};
use crate::operator::HashOptions;
use crate::operator::key::Hashing;
use crate::operator::pool::{Part, Pool};
use std::ops::Range;
use store_core::mem::{Reservation, WorkArea, fetch_piece};
use store_core::planted::bug;
use store_core::segment::Spill;
use store_core::{Holder, Result};

/// Free pages below which a partition is put aside: those that a chunk of rows may fill.
const FREE_PAGES_MIN: usize = 4;
/// Records that are put on their chains together.
const LINKED_AT_ONCE: usize = 32;
/// In place of a level, for the hash that chooses chains: another one than that of every level.
const LEVEL_OF_HEADS: u64 = 1 << 32;

/// Everything a join holds.
#[derive(Debug)]
pub(super) struct Hashed {
    pub plan: Join,
    pub sizes: Sizes,
    pub scratch: WorkArea,
    pub laid: Laid,
    pub dictionaries: Vec<Dictionary>,
    pub heads: Heads,
    pub pool: Pool,
    /// Partitions of the right input, and of left rows whose partners are put aside.
    pub right: Vec<Part>,
    pub left: Vec<Part>,
    /// Right rows whose key has a NULL.
    pub nulls: Part,
    pub pending: Vec<Pair>,
    pub walk: Walk,
    pub stage: Stage,
    /// The next of the left rows in the batch.
    left_row: usize,
    spills: bool,
    pub stats: JoinStats,
    pub hashing: Hashing,
    _lists: Reservation,
}

/// Where chains of records begin, by the hash of their keys.
///
/// ```text
///  head 4   │filter: a bit for each hash of the chain│place of its first record, in units of 4│
/// ```
///
/// What the memory's places leave of a head is a filter, so that most keys without a partner are told apart without
/// a look at a record.
#[derive(Debug)]
pub(super) struct Heads {
    area: WorkArea,
    count: u64,
    /// Bits of a place, and how many are left.
    place_bits: u32,
    filter_bits: u32,
}

impl Heads {
    /// In this area, for records in so many bytes.
    fn new(area: WorkArea, memory: usize) -> Self {
        let place_bits = (memory / UNIT).max(1).ilog2() + 1;
        let filter_bits = u32::BITS.saturating_sub(place_bits);
        let mut heads = Self { area, count: 0, place_bits, filter_bits };
        heads.clear(0);
        heads
    }

    /// Empties it, for so many records: with two heads for each, few chains have a second one, which the
    /// memory would be waited for.
    pub fn clear(&mut self, records: u64) {
        self.count = (self.area.len() as u64 / 4).min(records.saturating_mul(2).max(16));
        self.area[..self.count as usize * 4].fill(0);
    }

    #[inline(always)]
    fn place(&self, hash: u64) -> usize {
        ((u128::from(hash) * u128::from(self.count)) >> 64) as usize * 4
    }

    /// The hash's bit of the filter; none if places leave no bits.
    #[inline(always)]
    fn filter(&self, hash: u64) -> u32 {
        // The upper half chose the head.
        let nth = (u64::from(hash as u32) * u64::from(self.filter_bits)) >> 32;
        1_u32.checked_shl(self.place_bits + nth as u32).unwrap_or(0)
    }

    const fn places(&self) -> u32 {
        if self.filter_bits == 0 { u32::MAX } else { (1 << self.place_bits) - 1 }
    }

    #[inline(always)]
    pub fn fetch(&self, hash: u64) {
        fetch_piece(&self.area, self.place(hash), 0);
    }

    /// The first record that may have the key of this hash; 0 if none has.
    #[inline(always)]
    pub fn find(&self, hash: u64) -> u32 {
        let head = super::record::next_at(&self.area, self.place(hash));
        let filter = self.filter(hash);
        if head & filter == filter { head & self.places() } else { 0 }
    }

    /// Makes a record the first of its chain; returns which was.
    #[inline(always)]
    fn put(&mut self, hash: u64, record: u32) -> u32 {
        let place = self.place(hash);
        let head = super::record::next_at(&self.area, place);
        let filters = head & !self.places() | self.filter(hash);
        set_next(&mut self.area, place, record | filters);
        head & self.places()
    }
}

/// The hash that chooses the chain.
#[inline(always)]
pub(super) fn head_hash(key: &[u8], hashing: Hashing) -> u64 {
    hashing.of(key, LEVEL_OF_HEADS)
}

impl Hashed {
    pub fn new(
        plan: Join,
        options: &HashOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let sizes = Sizes::of(&plan, options)?;
        let lists = holder.reserve(sizes.lists)?;
        let texts = plan.layout(Side::Right).payload.texts();
        let dictionary = |_| Dictionary::new(sizes.dictionary, holder);
        let dictionaries = (0..texts).map(dictionary).collect::<Result<_>>()?;
        let mut pool = Pool::new(sizes.pages, sizes.record, sizes.run, spill, holder)?;
        let mut right = pool.make_parts(sizes.fan_out + 1)?;
        Ok(Self {
            scratch: WorkArea::map(sizes.scratch, holder)?,
            laid: Laid::default(),
            dictionaries,
            heads: Heads::new(WorkArea::map(sizes.heads, holder)?, pool.bytes().len()),
            nulls: right.pop().unwrap_or_else(Part::new),
            right,
            left: Vec::new(),
            pending: Vec::new(),
            walk: Walk::default(),
            stage: Stage::Left,
            left_row: 0,
            spills: false,
            stats: JoinStats::default(),
            hashing: Hashing::new(options.seed),
            pool,
            plan,
            sizes,
            _lists: lists,
        })
    }

    /// The partition of a key at a level.
    #[inline(always)]
    pub fn partition(&self, key: &[u8], level: u32, fan_out: usize) -> usize {
        self.hashing.of(key, level.into()) as usize & (fan_out - 1)
    }

    pub fn push_right(&mut self, batch: &Batch) -> Result<()> {
        let mut from = 0;
        while from < batch.rows() {
            let layout = &self.plan.layouts[Side::Right as usize];
            let known = Some(&mut self.dictionaries[..]);
            let to = layout.lay(batch, from, &mut self.scratch, known, &mut self.laid)?;
            let has_nulls = layout.has_null(batch);
            for row in from..to {
                let nth = row - from;
                if has_nulls && self.plan.layout(Side::Right).is_null(batch, row) {
                    if self.plan.kind.keeps(Side::Right) {
                        self.pool.push(&mut self.nulls, &self.scratch[self.laid.range(nth)])?;
                    }
                    continue;
                }
                let part = self.partition(&self.scratch[self.laid.key(nth)], 0, self.sizes.fan_out);
                self.pool.push(&mut self.right[part], &self.scratch[self.laid.range(nth)])?;
                if self.pool.free_pages() < FREE_PAGES_MIN {
                    self.put_largest_aside()?;
                }
            }
            from = to;
        }
        self.stats.right_rows += batch.rows() as u64;
        Ok(())
    }

    /// Makes room: of a partition that is in the file already, if there is one, else of the largest one.
    fn put_largest_aside(&mut self) -> Result<()> {
        let parts = self.right.iter_mut().chain([&mut self.nulls]);
        let largest = parts.max_by_key(|part| {
            (part.pages() > 0, part.has_spilled() && part.pages() > 2, part.pages())
        });
        let Some(part) = largest else { return Ok(()) };
        self.pool.put_aside(part)
    }

    /// Ends the right input: what is in memory gets its chains, what is not its left partitions.
    pub fn finish_right(&mut self) -> Result<()> {
        self.pool.put_aside_if_spilled(&mut self.nulls)?;
        for part in &mut self.right {
            if part.has_spilled() {
                self.pool.put_aside(part)?;
                self.spills = true;
            }
        }
        let stays = self.right.iter().filter(|part| !part.has_spilled());
        self.heads.clear(stays.map(Part::rows).sum());
        for nth in 0..self.right.len() {
            if self.right[nth].has_spilled() {
                let mut made = self.pool.make_parts(1)?;
                self.left.push(made.pop().unwrap_or_else(Part::new));
                continue;
            }
            self.left.push(Part::new());
            let mut page = None;
            while let Some(block) = self.pool.block_in_memory(&mut self.right[nth], &mut page) {
                self.link(Side::Right, block)?;
            }
        }
        self.stats.levels = 1;
        self.stats.spill_bytes = self.pool.spill_bytes();
        Ok(())
    }

    /// Puts the records of a block of this side on their chains.
    pub fn link(&mut self, side: Side, block: Range<usize>) -> Result<()> {
        let layout = &self.plan.layouts[side as usize];
        let memory = self.pool.bytes_mut();
        let mut at = block.start;
        // So many heads are fetched before the first of them is needed.
        let mut records = [(0_usize, 0_u64); LINKED_AT_ONCE];
        while at < block.end {
            let mut count = 0;
            while at < block.end && count < LINKED_AT_ONCE {
                let parts = layout.parts(memory, at)?;
                let hash = head_hash(&memory[parts.key], self.hashing);
                self.heads.fetch(hash);
                records[count] = (at, hash);
                count += 1;
                at = parts.end;
            }
            for (at, hash) in &records[..count] {
                let next = self.heads.put(*hash, (at / UNIT) as u32);
                chain(memory, *at, next);
            }
        }
        Ok(())
    }

    /// Begins with the rows of a batch.
    pub fn begin_left(&mut self, left: &Batch) {
        self.walk.clear();
        self.left_row = 0;
        self.stats.left_rows += left.rows() as u64;
    }

    pub fn next_of_left(&mut self, left: &Batch, out: &mut Batch, limits: &Limits) -> Result<bool> {
        let before = out.rows();
        let more = self.walk_left(left, out, limits);
        self.stats.rows += (out.rows() - before) as u64;
        more
    }

    fn walk_left(&mut self, left: &Batch, out: &mut Batch, limits: &Limits) -> Result<bool> {
        loop {
            while self.walk.has_more() {
                if out.rows() >= limits.rows || out.data_bytes() >= limits.bytes {
                    return Ok(true);
                }
                let rules = self.rules(Side::Left, true);
                let layout = &self.plan.layouts[Side::Right as usize];
                self.walk.run(rules, layout, &self.scratch, self.pool.bytes_mut())?;
                let memory = self.pool.bytes();
                let rows = Seekers::Batch(left);
                let known = &self.dictionaries;
                self.plan.take_pairs(&mut self.walk, rows, memory, known, out, limits)?;
            }
            if self.left_row >= left.rows() {
                return Ok(false);
            }
            self.seek(left)?;
        }
    }

    /// What comes of meetings when this side's rows seek among those of the other.
    pub fn rules(&self, side: Side, last: bool) -> Rules {
        let kind = self.plan.kind;
        let seeks_left = side == Side::Left;
        let single = !kind.pairs();
        Rules {
            pairs: kind.pairs(),
            once: single && seeks_left && !kind.keeps(Side::Left),
            never: single && seeks_left && kind.keeps(Side::Left),
            keeps: kind.keeps(side),
            marks: kind.keeps(side.other()) || (single && !seeks_left),
            last,
        }
    }

    /// Makes seekers of the next left rows; those whose partners are put aside are too.
    fn seek(&mut self, left: &Batch) -> Result<()> {
        self.walk.clear();
        let from = self.left_row;
        let layout = &self.plan.layouts[Side::Left as usize];
        let whole: Option<&mut [Dictionary]> = if self.spills { Some(&mut []) } else { None };
        let to = layout.lay(left, from, &mut self.scratch, whole, &mut self.laid)?;
        let has_nulls = layout.has_null(left);
        let record = self.plan.layout(Side::Right).record_min() - 1;
        let mut hashes = [0_u64; super::record::CHUNK_ROWS];
        for (nth, hash) in hashes[..to - from].iter_mut().enumerate() {
            *hash = head_hash(&self.scratch[self.laid.key(nth)], self.hashing);
            self.heads.fetch(*hash);
        }
        for row in from..to {
            let nth = row - from;
            let key = self.laid.key(nth);
            let is_null = has_nulls && self.plan.layout(Side::Left).is_null(left, row);
            if is_null && !self.plan.kind.keeps(Side::Left) {
                continue;
            }
            if self.spills && !is_null {
                let part = self.partition(&self.scratch[key.clone()], 0, self.sizes.fan_out);
                if self.right[part].has_spilled() {
                    self.pool.push(&mut self.left[part], &self.scratch[self.laid.range(nth)])?;
                    continue;
                }
            }
            let next = if is_null { 0 } else { self.heads.find(hashes[nth]) };
            fetch_piece(self.pool.bytes(), next as usize * UNIT, record);
            let key = (key.start as u32, key.end as u32);
            self.walk.seekers.push(Seeker { row: row as u32, key, next, met: false });
        }
        self.left_row = to;
        Ok(())
    }

    pub fn stats(&self) -> JoinStats {
        let mut stats = JoinStats { spill_bytes: self.pool.spill_bytes(), ..self.stats };
        if self.plan.build == Side::Left {
            std::mem::swap(&mut stats.left_rows, &mut stats.right_rows);
        }
        stats
    }
}

impl RecordLayout {
    /// True if a column of the key may have a NULL in this batch.
    fn has_null(&self, batch: &Batch) -> bool {
        if bug("null_joins_null") {
            return false;
        }
        self.key.columns().iter().any(|key| batch.columns()[key.column].valid().is_some())
    }

    /// True if a cell of the row's key is NULL.
    fn is_null(&self, batch: &Batch, row: usize) -> bool {
        let null =
            |column: usize| batch.columns()[column].valid().is_some_and(|valid| !valid.get(row));
        self.key.columns().iter().any(|key| null(key.column))
    }
}

/// True if the record has met a partner.
#[inline(always)]
pub(super) fn has_met(bytes: &[u8], at: usize) -> bool {
    super::record::next_at(bytes, at) & MET != 0
}
