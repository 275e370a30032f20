//! Aggregation by hash, within a given memory.
//!
//! ```text
//!  rows ─► resident table ── no room ─► partitions by hash ── page full, none free ─► file
//!             │                              │
//!             ▼                              ▼ one after another, fresh hash
//!           groups                        table ── no room ─► 16 smaller partitions ─► …
//! ```
//!
//! The resident table is as large as a processor's cache. While it has room, groups come in; a group
//! that is in it takes all its later rows, so few groups, or a few heavy ones, never touch a partition.
//! Rows of all others are partitioned (Graefe 1993); each partition is aggregated in a table of its own,
//! which fits a cache if the partition does, and what finds no room there is partitioned again with
//! another hash. A partition that hashes do not take apart is sorted by its keys.
//!
//! A group is in exactly one place, so states are never merged, and a row is added to its group once
//! (invariant I13).

use super::AggregateStats;
use super::layout::CHUNK_ROWS;
use super::plan::Aggregation;
use super::sizes::{LEVELS_MAX, Sizes};
use super::sorted::{SortInput, SortedGroups};
use super::state::Grouped;
use super::table::{NO_ROOM, Table};
use crate::batch::{Batch, Limits};
use crate::operator::HashOptions;
use crate::operator::key::Hashing;
use crate::operator::pool::{Part, Pool};
use store_core::mem::{Reservation, WorkArea};
use store_core::planted::bug;
use store_core::segment::Spill;
use store_core::{Holder, Result};

/// Records that are looked up together, and what was found.
#[derive(Debug)]
struct Chunk {
    starts: Vec<u32>,
    /// Records of groups in the table, and the groups' entries.
    kept: Vec<u32>,
    entries: Vec<u32>,
    /// Records of others, with their hashes.
    left: Vec<(u32, u64)>,
}

/// Takes rows in, and then gives groups.
#[derive(Debug)]
pub(super) struct Hashed {
    scratch: WorkArea,
    chunk: Chunk,
    resident: Table,
    table: Table,
    pool: Pool,
    /// By the upper bits of the hash; none before the resident table was full.
    parts: Vec<Part>,
    pending: Vec<(Part, u32)>,
    sizes: Sizes,
    spill: Option<Spill>,
    holder: Holder,
    hashing: Hashing,
    emitting: Emitting,
    stats: AggregateStats,
    _lists: Reservation,
}

/// What gives groups at the moment.
#[derive(Debug)]
enum Emitting {
    Nothing,
    /// Entries from this place on.
    Resident(u32),
    Table(u32),
    Sorted(Box<SortedGroups>),
}

impl Hashed {
    pub fn new(
        plan: &Aggregation,
        options: &HashOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let sizes = Sizes::of(plan, options)?;
        let lists = holder.reserve(sizes.lists)?;
        let table = |bytes| Ok(Table::new(WorkArea::map(bytes, holder)?, &plan.states));
        Ok(Self {
            scratch: WorkArea::map(sizes.scratch, holder)?,
            chunk: Chunk::with_room(),
            resident: table(sizes.resident)?,
            table: table(sizes.table)?,
            pool: Pool::new(sizes.pages, sizes.record, sizes.run, spill.clone(), holder)?,
            parts: Vec::new(),
            pending: Vec::new(),
            sizes,
            spill,
            holder: holder.clone(),
            hashing: Hashing::new(options.seed),
            emitting: Emitting::Nothing,
            stats: AggregateStats::default(),
            _lists: lists,
        })
    }

    /// Keeps only these bits of every hash, to see what happens when hashes do not tell keys apart.
    #[cfg(test)]
    pub fn mask_hashes(&mut self, mask: u64) {
        self.hashing.mask = mask;
    }

    /// Adds the rows of a batch.
    pub fn push(&mut self, plan: &Aggregation, batch: &Batch) -> Result<()> {
        let mut row = 0;
        while row < batch.rows() {
            let position = self.stats.rows;
            let (scratch, chunk) = (&mut self.scratch, &mut self.chunk);
            plan.layout.encode(batch, row, position, scratch, &mut chunk.starts)?;
            let rows = chunk.starts.len();
            chunk.look_up(plan, scratch, &mut self.resident, 0, self.hashing);
            self.stats.grouped_rows += chunk.kept.len() as u64;
            if !chunk.left.is_empty() {
                self.set_aside(plan)?;
            }
            self.stats.rows += rows as u64;
            row += rows;
        }
        Ok(())
    }

    /// Puts the rows of groups that found no room into partitions.
    fn set_aside(&mut self, plan: &Aggregation) -> Result<()> {
        if self.parts.is_empty() {
            self.parts = self.pool.make_parts(self.sizes.fan_out)?;
        }
        let shift = u64::BITS - self.sizes.fan_out.ilog2();
        for (start, hash) in &self.chunk.left {
            let record = plan.layout.record(&self.scratch, *start as usize);
            self.pool.push(&mut self.parts[(hash >> shift) as usize], record)?;
        }
        self.stats.partitioned_rows += self.chunk.left.len() as u64;
        Ok(())
    }

    /// Ends the input.
    pub fn finish(&mut self, plan: &Aggregation) {
        if plan.keys == 0 && self.stats.rows == 0 {
            // All rows are a group, also if there are none.
            self.resident.find_or_add(0, &[], &plan.initial);
        }
        self.emitting = Emitting::Resident(self.resident.first());
        self.pending.extend(self.parts.drain(..).rev().map(|part| (part, 1)));
    }

    /// Adds groups to the batch until it is full; false when there are no more.
    pub fn next(&mut self, plan: &Aggregation, out: &mut Batch, limits: &Limits) -> Result<bool> {
        loop {
            let before = out.rows();
            let has_more = match &mut self.emitting {
                Emitting::Nothing => false,
                Emitting::Resident(at) => plan.emit(&self.resident, at, out, limits)?,
                Emitting::Table(at) => plan.emit(&self.table, at, out, limits)?,
                Emitting::Sorted(groups) => groups.next(plan, out, limits)?,
            };
            self.stats.groups += (out.rows() - before) as u64;
            if has_more {
                return Ok(true);
            }
            self.end_emitting()?;
            let Some((part, level)) = self.pending.pop() else {
                return Ok(false);
            };
            self.take_part(plan, part, level)?;
        }
    }

    fn end_emitting(&mut self) -> Result<()> {
        if let Emitting::Sorted(groups) = std::mem::replace(&mut self.emitting, Emitting::Nothing) {
            self.stats.spill_bytes += groups.stats().spill_bytes;
            self.stats.grouped_rows += groups.rows();
            drop(groups);
            self.pool.map_pages()?;
        }
        Ok(())
    }

    /// Aggregates a partition; what finds no room goes to smaller ones.
    fn take_part(&mut self, plan: &Aggregation, mut part: Part, level: u32) -> Result<()> {
        if part.rows() == 0 {
            self.pool.discard(&mut part);
            return Ok(());
        }
        self.stats.levels = self.stats.levels.max(level);
        if level > LEVELS_MAX {
            return self.sort_part(plan, part);
        }
        self.table.clear(usize::try_from(part.rows()).unwrap_or(usize::MAX), self.sizes.key);
        let mut parts: Vec<Part> = Vec::new();
        while let Some(block) = self.pool.next_block(&mut part)? {
            let mut at = block.records.start;
            while at < block.records.end {
                let bytes = self.pool.bytes();
                at = plan.layout.find(bytes, at, block.records.end, &mut self.chunk.starts)?;
                self.chunk.look_up(plan, bytes, &mut self.table, level, self.hashing);
                self.stats.grouped_rows += self.chunk.kept.len() as u64;
                if !self.chunk.left.is_empty() {
                    if parts.is_empty() {
                        parts = self.make_small_parts(&mut part)?;
                    }
                    self.set_aside_again(plan, &mut parts)?;
                }
            }
            self.pool.give_back(block);
        }
        self.pending.extend(parts.into_iter().map(|part| (part, level + 1)));
        self.emitting = Emitting::Table(self.table.first());
        Ok(())
    }

    /// Smaller partitions, each with a page: others put theirs aside if need be.
    fn make_small_parts(&mut self, reading: &mut Part) -> Result<Vec<Part>> {
        let wanted = self.sizes.fan_out_again;
        // Those at the bottom are read last.
        let others = self.pending.iter_mut().map(|(part, _)| part).chain([reading]);
        for part in others {
            if self.pool.free_pages() >= wanted {
                break;
            }
            self.pool.put_aside(part)?;
        }
        self.pool.make_parts(wanted)
    }

    fn set_aside_again(&mut self, plan: &Aggregation, parts: &mut [Part]) -> Result<()> {
        let shift = u64::BITS - parts.len().ilog2();
        for (start, hash) in &self.chunk.left {
            let record = plan.layout.range(self.pool.bytes(), *start as usize);
            self.pool.push_within(&mut parts[(hash >> shift) as usize], record)?;
        }
        self.stats.partitioned_rows += self.chunk.left.len() as u64;
        Ok(())
    }

    /// Sorts a partition by its keys, in the memory of all pages.
    fn sort_part(&mut self, plan: &Aggregation, mut part: Part) -> Result<()> {
        for (other, _) in &mut self.pending {
            self.pool.put_aside(other)?;
        }
        self.pool.put_aside(&mut part)?;
        let memory = self.pool.unmap_pages()?;
        let (row, run) = (self.sizes.record, self.sizes.run);
        let groups = SortInput::group_bytes(0, row);
        let sort = memory.saturating_sub(groups);
        let mut input = SortInput::new(sort, row, run, self.spill.clone(), &self.holder)?;
        while let Some(block) = self.pool.next_block(&mut part)? {
            let mut at = block.records.start;
            while at < block.records.end {
                let bytes = self.pool.bytes();
                at = plan.layout.find(bytes, at, block.records.end, &mut self.chunk.starts)?;
                input.push_records(&plan.layout, bytes, &self.chunk.starts)?;
            }
            self.pool.give_back(block);
        }
        self.stats.sorted_parts += 1;
        let groups = input.finish(plan, row, &self.holder)?;
        self.emitting = Emitting::Sorted(Box::new(groups));
        Ok(())
    }

    pub fn stats(&self) -> AggregateStats {
        let mut stats = self.stats;
        stats.spill_bytes += self.pool.spill_bytes();
        stats
    }
}

impl Chunk {
    /// Bytes of the lists.
    pub const BYTES: usize = CHUNK_ROWS * (3 * size_of::<u32>() + size_of::<(u32, u64)>());

    fn with_room() -> Self {
        Self {
            starts: Vec::with_capacity(CHUNK_ROWS),
            kept: Vec::with_capacity(CHUNK_ROWS),
            entries: Vec::with_capacity(CHUNK_ROWS),
            left: Vec::with_capacity(CHUNK_ROWS),
        }
    }

    /// Adds the records to their groups in the table; those whose groups find no room are left.
    fn look_up(
        &mut self,
        plan: &Aggregation,
        bytes: &[u8],
        table: &mut Table,
        level: u32,
        hashing: Hashing,
    ) {
        self.kept.clear();
        self.entries.clear();
        self.left.clear();
        // What the table has for them is fetched before the first of them is looked up.
        let mut hashes = [0; CHUNK_ROWS];
        for (start, hash) in self.starts.iter().zip(&mut hashes) {
            *hash = hashing.of(plan.layout.key_of(bytes, *start as usize), level.into());
            table.fetch_slot(*hash);
        }
        for hash in &hashes[..self.starts.len()] {
            table.fetch_entry(*hash);
        }
        for (start, hash) in self.starts.iter().zip(hashes) {
            let key = plan.layout.key_of(bytes, *start as usize);
            let entry = table.find_or_add(hash, key, &plan.initial);
            if entry == NO_ROOM || (level > 0 && bug("row_added_twice")) {
                self.left.push((*start, hash));
            }
            if entry != NO_ROOM {
                self.kept.push(*start);
                self.entries.push(entry);
            }
        }
        let records = Grouped { bytes, starts: &self.kept, entries: &self.entries };
        plan.states.add(&plan.layout, records, table.bytes_mut());
    }
}

/// Bytes of the lists that every aggregation has.
pub(super) const LIST_BYTES: usize = Chunk::BYTES;
