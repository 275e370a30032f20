//! What remains when the left rows have passed: right rows that met none, and the pairs of partitions that
//! were put aside.
//!
//! Of a pair the smaller side is loaded and the other streams by. If it is too large, both sides are
//! partitioned with another hash. If that does not make it smaller, because one key has most of its
//! rows, it is loaded block by block, and the other side streams by for each: rows that need to know
//! whether they have ever met a partner carry that along.

use super::bind::Side;
use super::hashed::{Hashed, has_met, head_hash};
use super::pairs::{Filling, Seekers};
use super::record::{CHUNK_ROWS, MET, chain, next_at};
use super::sizes::LEVELS_MAX;
use super::walk::Seeker;
use crate::batch::{Batch, Limits};
use crate::operator::pool::{Block, Part, Pool};
use store_core::planted::bug;
use store_core::{Error, Kind, Result};

/// Partitions of both sides that have the same keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// By side.
    parts: [Part; 2],
    level: u32,
}

/// What a join is at.
#[derive(Debug)]
pub(super) enum Stage {
    /// Left rows pass.
    Left,
    /// Right rows that met none, of partitions from this one on, and a block of it.
    Resident { part: usize, block: Option<(Block, usize)> },
    /// Nothing: the next pair may begin.
    Between,
    /// One side of a pair is in memory, in whole or in part.
    Loaded(Box<Loaded>),
    /// There is no more.
    Done,
    /// An error came: what remains is not to be had.
    Failed,
}

/// A pair of which one side is in memory.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The side that is in memory.
    build: Side,
    /// What of it is not yet.
    rest: Part,
    /// What is of it, in the arena.
    start: usize,
    end: usize,
    /// All rows of the other side, and those that have not streamed by yet.
    all: Part,
    stream: Part,
    /// Rows to stream by again.
    again: Part,
    /// Where in the scratch the next record is, and where they end.
    at: usize,
    scratch_end: usize,
    /// Where to look for rows that met none; none before all have passed.
    unmet: Option<usize>,
}

impl Hashed {
    /// Adds some of what remains to the output, until it is full; false at the end.
    pub fn rest(&mut self, out: &mut Batch, limits: &Limits) -> Result<bool> {
        let before = out.rows();
        let more = self.go_on(out, limits);
        self.stats.rows += (out.rows() - before) as u64;
        more
    }

    fn go_on(&mut self, out: &mut Batch, limits: &Limits) -> Result<bool> {
        if Filling::of(out, limits).is_full(out.rows()) {
            return Ok(true);
        }
        match std::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Left => {
                self.walk.clear();
                self.stage = Stage::Resident { part: 0, block: None };
            }
            Stage::Resident { part, block } => self.give_resident(part, block, out, limits)?,
            Stage::Between => {
                self.stage = Stage::Done;
                if let Some(pair) = self.pending.pop() {
                    self.stage = Stage::Failed;
                    self.begin_pair(pair)?;
                }
            }
            Stage::Loaded(loaded) => self.go_on_loaded(loaded, out, limits)?,
            Stage::Done => {
                self.stage = Stage::Done;
                return Ok(false);
            }
            Stage::Failed => return Err(Error::new(Kind::Closed, "the join failed before")),
        }
        Ok(true)
    }

    /// Gives right rows that met none, of partitions that are in memory; then the pairs are made.
    fn give_resident(
        &mut self,
        part: usize,
        block: Option<(Block, usize)>,
        out: &mut Batch,
        limits: &Limits,
    ) -> Result<()> {
        let count = self.right.len();
        let own = if part < count { &mut self.right[part] } else { &mut self.nulls };
        // Those put aside are joined later; rows with NULL in their keys have met none, wherever they are.
        let is_here = part == count || !own.has_spilled();
        let taken = match block {
            Some(taken) => Some(taken),
            None if is_here => self.pool.next_block(own)?.map(|block| {
                let at = block.records.start;
                (block, at)
            }),
            None => None,
        };
        let Some((block, at)) = taken else {
            self.stage = match part {
                part if part < count => Stage::Resident { part: part + 1, block: None },
                _ => self.make_pairs()?,
            };
            return Ok(());
        };
        let end = block.records.end;
        let at = if self.plan.kind.keeps(Side::Right) {
            self.give_unmet(Side::Right, at, end, out, limits)?
        } else {
            end
        };
        let block = if at == end {
            self.pool.give_back(block);
            None
        } else {
            Some((block, at))
        };
        self.stage = Stage::Resident { part, block };
        Ok(())
    }

    /// Gives rows between two places that met none, or of a semi join those that met one, until the
    /// output is full; returns the place it came to.
    fn give_unmet(
        &mut self,
        side: Side,
        mut at: usize,
        end: usize,
        out: &mut Batch,
        limits: &Limits,
    ) -> Result<usize> {
        let wanted = !self.plan.kind.keeps(side);
        let mut filling = Filling::of(out, limits);
        let memory = self.pool.bytes();
        while at < end && !filling.is_full(out.rows()) {
            let next = self.plan.layout(side).parts(memory, at)?.end;
            if has_met(memory, at) == wanted {
                filling.add(self.plan.push_alone(side, (memory, at), &self.dictionaries, out)?);
            }
            at = next;
        }
        Ok(at)
    }

    /// Makes pairs of the partitions that were put aside.
    fn make_pairs(&mut self) -> Result<Stage> {
        for (mut left, mut right) in self.left.drain(..).zip(self.right.drain(..)).rev() {
            self.pool.put_aside(&mut left)?;
            self.pool.put_aside(&mut right)?;
            self.pending.push(Pair { parts: [left, right], level: 1 });
        }
        Ok(Stage::Between)
    }

    /// Loads the smaller side of a pair, or takes both apart.
    fn begin_pair(&mut self, pair: Pair) -> Result<()> {
        let [left, right] = &pair.parts;
        let is_idle = |part: &Part, other: Side| part.rows() == 0 && !self.plan.kind.keeps(other);
        if left.rows() + right.rows() == 0
            || is_idle(left, Side::Right)
            || is_idle(right, Side::Left)
        {
            self.stage = Stage::Between;
            return Ok(());
        }
        self.stats.levels = self.stats.levels.max(pair.level + 1);
        let build = if left.bytes() < right.bytes() { Side::Left } else { Side::Right };
        let part = pair.parts[build as usize];
        let arena = self.pool.enter_arena();
        let fits = part.bytes() <= arena.len() as u64;
        if !fits && pair.level <= LEVELS_MAX {
            self.pool.leave_arena();
            self.take_apart(pair)?;
            self.stage = Stage::Between;
            return Ok(());
        }
        if !fits {
            self.stats.nested += 1;
        }
        let all = pair.parts[build.other() as usize];
        let mut loaded = Loaded {
            build,
            rest: part,
            start: arena.start,
            end: arena.start,
            all,
            stream: all,
            again: Part::new(),
            at: 0,
            scratch_end: 0,
            unmet: None,
        };
        self.load(&mut loaded)?;
        self.stage = Stage::Loaded(Box::new(loaded));
        Ok(())
    }

    /// Cuts both sides into smaller partitions, by another hash.
    fn take_apart(&mut self, pair: Pair) -> Result<()> {
        let fan_out = self.sizes.fan_out_again;
        let largest = pair.parts.iter().map(Part::bytes).min().unwrap_or(0);
        let mut made: [Vec<Part>; 2] = [Vec::new(), Vec::new()];
        for side in [Side::Left, Side::Right] {
            let mut part = pair.parts[side as usize];
            let mut parts = self.pool.make_parts(fan_out)?;
            while let Some(block) = self.pool.next_block(&mut part)? {
                let mut at = block.records.start;
                while at < block.records.end {
                    let memory = self.pool.bytes();
                    let record = self.plan.layout(side).parts(memory, at)?;
                    let nth = self.partition(&memory[record.key], pair.level, fan_out);
                    self.pool.push_within(&mut parts[nth], at..record.end)?;
                    at = record.end;
                }
                self.pool.give_back(block);
            }
            for part in &mut parts {
                self.pool.put_aside(part)?;
            }
            made[side as usize] = parts;
        }
        let [left, right] = made;
        for parts in left.into_iter().zip(right).map(|(left, right)| [left, right]) {
            // One that has nearly all of it will not get smaller: one key is too much of it.
            let smaller = parts.iter().map(Part::bytes).min().unwrap_or(0);
            let stays = smaller > largest / 8 * 7;
            let level = if stays { LEVELS_MAX + 1 } else { pair.level + 1 };
            self.pending.push(Pair { parts, level });
        }
        Ok(())
    }

    /// Loads as much of the side as fits.
    fn load(&mut self, loaded: &mut Loaded) -> Result<()> {
        let arena = self.pool.enter_arena().end;
        self.heads.clear(loaded.rest.rows());
        loaded.end = loaded.start;
        loaded.unmet = None;
        while loaded.rest.rows() > 0 {
            if loaded.end + Pool::next_bytes(&loaded.rest) > arena {
                if loaded.end == loaded.start {
                    let message = "a row is too long to join within this memory; raise the memory";
                    return Err(Error::new(Kind::OverBudget, message));
                }
                break;
            }
            let Some(block) = self.pool.next_block(&mut loaded.rest)? else { break };
            let to = loaded.end..loaded.end + block.records.len();
            self.pool.bytes_mut().copy_within(block.records.clone(), to.start);
            self.pool.give_back(block);
            self.link(loaded.build, to.clone())?;
            loaded.end = to.end;
        }
        if self.streams_again(loaded) {
            let mut made = self.pool.make_parts(1)?;
            loaded.again = made.pop().unwrap_or_else(Part::new);
        }
        Ok(())
    }

    /// True if rows that have passed carry on what they met.
    fn streams_again(&self, loaded: &Loaded) -> bool {
        let rules = self.rules(loaded.build.other(), false);
        loaded.rest.rows() > 0 && (rules.keeps || rules.once || rules.never)
    }

    fn go_on_loaded(
        &mut self,
        mut loaded: Box<Loaded>,
        out: &mut Batch,
        limits: &Limits,
    ) -> Result<()> {
        let side = loaded.build.other();
        let last = loaded.rest.rows() == 0;
        if let Some(at) = loaded.unmet {
            let at = self.give_unmet(loaded.build, at, loaded.end, out, limits)?;
            loaded.unmet = Some(at);
            if at < loaded.end {
                self.stage = Stage::Loaded(loaded);
                return Ok(());
            }
            return self.end_of_load(loaded);
        }
        if self.walk.has_more() {
            let mut rules = self.rules(side, last);
            if !self.streams_again(&loaded) {
                rules.last = true;
                rules.keeps &= last;
            }
            let layout = &self.plan.layouts[loaded.build as usize];
            self.walk.run(rules, layout, &self.scratch, self.pool.bytes_mut())?;
            let rows = Seekers::Records(side, &self.scratch);
            let (memory, known) = (self.pool.bytes(), &self.dictionaries);
            self.plan.take_pairs(&mut self.walk, rows, memory, known, out, limits)?;
            for (row, met) in self.walk.again.drain(..) {
                let at = row as usize;
                let end = self.plan.layout(side).parts(&self.scratch, at)?.end;
                let mark = if met && !bug("meeting_forgotten") { MET } else { 0 };
                chain(&mut self.scratch, at, mark);
                self.pool.push(&mut loaded.again, &self.scratch[at..end])?;
            }
        } else if !self.seek_again(&mut loaded)? {
            let marks = self.rules(side, last).marks && !bug("unmet_rows_lost");
            loaded.unmet = Some(if marks { loaded.start } else { loaded.end });
        }
        self.stage = Stage::Loaded(loaded);
        Ok(())
    }

    /// Makes seekers of the next records that stream by; false when there are none.
    fn seek_again(&mut self, loaded: &mut Loaded) -> Result<bool> {
        self.walk.clear();
        let side = loaded.build.other();
        if loaded.at == loaded.scratch_end {
            let Some(block) = self.pool.next_block(&mut loaded.stream)? else { return Ok(false) };
            let len = block.records.len();
            self.scratch[..len].copy_from_slice(&self.pool.bytes()[block.records.clone()]);
            self.pool.give_back(block);
            (loaded.at, loaded.scratch_end) = (0, len);
        }
        while loaded.at < loaded.scratch_end && self.walk.seekers.len() < CHUNK_ROWS {
            let at = loaded.at;
            let parts = self.plan.layout(side).parts(&self.scratch[..loaded.scratch_end], at)?;
            let hash = head_hash(&self.scratch[parts.key.clone()], self.hashing);
            self.walk.seekers.push(Seeker {
                row: at as u32,
                key: (parts.key.start as u32, parts.key.end as u32),
                next: self.heads.find(hash),
                met: next_at(&self.scratch, at) & MET != 0,
            });
            loaded.at = parts.end;
        }
        Ok(true)
    }

    /// All rows have passed what is in memory: the next part of it, or the next pair.
    fn end_of_load(&mut self, mut loaded: Box<Loaded>) -> Result<()> {
        if loaded.rest.rows() == 0 {
            self.stage = Stage::Between;
            return Ok(());
        }
        if self.streams_again(&loaded) {
            self.pool.put_aside(&mut loaded.again)?;
            loaded.all = loaded.again;
        }
        loaded.stream = loaded.all;
        loaded.again = Part::new();
        self.load(&mut loaded)?;
        self.stage = Stage::Loaded(loaded);
        Ok(())
    }
}
