//! One segment of a table, and what became of its rows.

use super::ColdChange;
use super::deaths::Deaths;
use super::unique::ValueFilters;
use crate::error::{Error, Result};
use crate::mem::{Holder, Reservation};
use crate::mvcc::Timestamp;
use crate::planted;
use crate::segment::ColdFile;
use crate::sync::{Acquire, AtomicU64, Mutex, Relaxed, Release};
use bincode::{Decode, Encode};
use std::sync::Arc;

/// Rows that are born together: one commit takes them out of memory.
pub(crate) const PART_ROWS: u32 = 1024;

/// When rows that never were there were gone.
const ALWAYS: Timestamp = Timestamp(1);

/// A segment that is open.
pub(crate) struct ColdSegment {
    pub(crate) file: ColdFile,
    /// The number that its table had when it was written.
    table: u32,
    /// Its number, in no other segment of the store.
    pub(crate) number: u64,
    /// The number of its first row, without [`super::COLD_ROWS`].
    pub(super) base: u32,
    /// The timestamps at which its parts were born; 0 of those that are not.
    births: Box<[AtomicU64]>,
    deaths: Deaths,
    /// From when on what is left of it is in another segment; 0 if it is here.
    over: AtomicU64,
    /// That other one: known before it is the case.
    next: Mutex<Option<Arc<Self>>>,
    /// Which values its rows have, for indexes that it has no section for.
    pub(super) filters: ValueFilters,
    _held: Reservation,
}

/// What has become of a row of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newest {
    /// Its part is not there yet: it is in memory.
    Unborn,
    /// It is there since then.
    Here(Timestamp),
    /// It is in memory since then, or was never there.
    Gone(Timestamp),
    /// It is in another segment since then.
    Over(Timestamp),
}

/// What a checkpoint says about a segment at its timestamp.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ColdState {
    /// The number of its table when it was written, and its own.
    pub(crate) table: u32,
    pub(crate) number: u64,
    /// Its parts that are born, as runs: so many that are not, so many that are, …
    pub(crate) born: Vec<u32>,
    /// Its rows that are gone, each as the distance from the one before and one less.
    pub(crate) gone: Vec<u32>,
}

impl ColdSegment {
    /// A segment of which no row is there yet.
    pub(crate) fn new(
        file: ColdFile,
        table: u32,
        number: u64,
        base: u32,
        holder: &Holder,
    ) -> Result<Self> {
        let parts = file.index.rows.div_ceil(PART_ROWS) as usize;
        let held = holder.reserve(parts * size_of::<AtomicU64>() + size_of::<Self>())?;
        let births = (0..parts).map(|_| AtomicU64::new(0)).collect();
        let (over, next) = (AtomicU64::new(0), Mutex::new(None));
        let (deaths, filters) = (Deaths::new(holder)?, ValueFilters::default());
        Ok(Self { file, table, number, base, births, deaths, over, next, filters, _held: held })
    }

    /// How many rows it has, there or not.
    pub(crate) fn rows(&self) -> u32 {
        self.file.index.rows
    }

    /// How many parts it has.
    pub(crate) fn parts(&self) -> u32 {
        self.births.len() as u32
    }

    /// Rows of a part.
    pub(crate) fn part(&self, part: u32) -> std::ops::Range<u32> {
        part * PART_ROWS..self.rows().min((part + 1) * PART_ROWS)
    }

    /// True if a reader at this timestamp sees the row.
    #[inline]
    pub(crate) fn sees(&self, row: u32, at: Timestamp) -> bool {
        self.is_born(row / PART_ROWS, at)
            && !self.is_gone(row, at)
            && (!self.is_over(at) || planted::bug("merged_segment_seen"))
    }

    /// True if a reader at this timestamp finds its rows in another segment.
    #[inline]
    pub(crate) fn is_over(&self, at: Timestamp) -> bool {
        let over = self.over.load(Acquire); // pairs with Release in `end`
        over != 0 && over <= at.0
    }

    /// The segment that has its rows now, if it is over for somebody.
    pub(crate) fn next(&self) -> Option<Arc<Self>> {
        if self.over.load(Acquire) == 0 || planted::bug("merge_not_followed") {
            return None;
        }
        self.next.lock().clone()
    }

    /// What has become of a row by now.
    pub(crate) fn newest(&self, row: u32) -> Newest {
        let born = self.births[(row / PART_ROWS) as usize].load(Acquire);
        // First: once it is over none of its rows goes to memory any more.
        let over = self.over.load(Acquire);
        match self.deaths.of(row) {
            Some(gone) => Newest::Gone(gone),
            None if born == 0 => Newest::Unborn,
            None if over != 0 => Newest::Over(Timestamp(over)),
            None => Newest::Here(Timestamp(born)),
        }
    }

    fn is_born(&self, part: u32, at: Timestamp) -> bool {
        let born = self.births[part as usize].load(Acquire);
        born != 0 && (born <= at.0 || planted::bug("birth_seen_early"))
    }

    fn is_gone(&self, row: u32, at: Timestamp) -> bool {
        self.deaths.of(row).is_some_and(|gone| gone <= at) && !planted::bug("cold_death_ignored")
    }

    /// When the row went back to memory, if it did.
    pub(crate) fn gone_at(&self, row: u32) -> Option<Timestamp> {
        self.deaths.of(row)
    }

    /// Its rows that are gone since this timestamp.
    pub(super) fn gone_since(&self, at: Timestamp) -> Vec<u32> {
        self.deaths.iter().filter(|(_, gone)| *gone > at).map(|(row, _)| row).collect()
    }

    /// How many rows a reader at this timestamp sees.
    pub(crate) fn count(&self, at: Timestamp) -> u64 {
        if self.is_over(at) {
            return 0;
        }
        let parts = (0..self.parts()).filter(|part| self.is_born(*part, at));
        let born: u64 = parts.map(|part| self.part(part).len() as u64).sum();
        let gone = self.deaths.iter();
        let gone = gone.filter(|(row, gone)| *gone <= at && self.is_born(row / PART_ROWS, at));
        born - gone.count() as u64
    }

    /// True if no reader sees any of its rows, now or later, but those before this timestamp.
    pub(crate) fn has_ended(&self, oldest: Timestamp) -> bool {
        if self.is_over(oldest) {
            return true;
        }
        let born = self.births.iter().all(|born| born.load(Acquire) != 0);
        born && self.deaths.len() == self.rows()
            && self.deaths.iter().all(|(_, gone)| gone <= oldest)
    }

    /// The last commit that says something of it.
    pub(crate) fn last_change(&self) -> Timestamp {
        let births = self.births.iter().map(|born| born.load(Acquire));
        let deaths = self.deaths.iter().map(|(_, gone)| gone.0);
        Timestamp(births.chain(deaths).max().unwrap_or(0).max(self.over.load(Acquire)))
    }

    // ---- changes, by the only one who moves rows of the table

    /// Makes room so that so many rows can be gone.
    pub(crate) fn make_room(&self, rows: usize) -> Result<()> {
        self.deaths.make_room(rows)
    }

    /// A part is there from this timestamp on, without these rows, for which there is room.
    pub(crate) fn bear(&self, part: u32, without: &[u32], at: Timestamp) {
        for row in without {
            self.deaths.add(*row, ALWAYS);
        }
        self.births[part as usize].store(at.0, Release); // pairs with Acquire in `is_born`
    }

    /// A row is in memory from this timestamp on; there is room.
    pub(crate) fn bury(&self, row: u32, at: Timestamp) {
        self.deaths.add(row, at);
    }

    /// Its rows will be in this one, if `end` comes.
    pub(crate) fn lead_to(&self, next: &Arc<Self>) {
        *self.next.lock() = Some(Arc::clone(next));
    }

    /// Its rows are in the segment it leads to from this timestamp on.
    pub(crate) fn end(&self, at: Timestamp) {
        self.over.store(at.0, Release); // pairs with Acquire in `is_over`
    }

    // ---- checkpoints

    /// What a checkpoint at this timestamp says about it; `None` if nothing of it is there yet, or ever again.
    pub(crate) fn state(&self, at: Timestamp) -> Option<ColdState> {
        if self.is_over(at) {
            return None;
        }
        let born: Vec<bool> = (0..self.parts()).map(|part| self.is_born(part, at)).collect();
        let runs = born.chunk_by(|a, b| a == b).map(|run| run.len() as u32);
        let first = if born.first() == Some(&true) { Some(0) } else { None };
        let gone = self.deaths.iter();
        let mut gone: Vec<u32> = gone.filter(|(_, gone)| *gone <= at).map(|(row, _)| row).collect();
        if gone.len() == self.rows() as usize && !born.contains(&false) {
            return None;
        }
        gone.sort_unstable();
        let mut before = None;
        for row in &mut gone {
            let this = *row;
            *row -= before.map_or(0, |before: u32| before + 1);
            before = Some(this);
        }
        born.contains(&true).then(|| ColdState {
            table: self.table,
            number: self.number,
            born: first.into_iter().chain(runs).collect(),
            gone,
        })
    }

    /// Becomes what a checkpoint said.
    pub(crate) fn restore(&self, state: &ColdState, at: Timestamp) -> Result<()> {
        let wrong =
            || Error::corrupt(format!("{}: the manifest speaks of other rows", self.file.name()));
        let mut part = 0_u32;
        for (nth, run) in state.born.iter().enumerate() {
            let end =
                part.checked_add(*run).filter(|end| *end <= self.parts()).ok_or_else(wrong)?;
            if nth % 2 == 1 {
                (part..end).for_each(|part| self.bear(part, &[], at));
            }
            part = end;
        }
        self.make_room(state.gone.len().min(self.rows() as usize))?;
        let mut next = 0_u32;
        for step in &state.gone {
            let row = next.checked_add(*step).filter(|row| *row < self.rows()).ok_or_else(wrong)?;
            self.bury(row, at);
            next = row + 1;
        }
        Ok(())
    }

    /// Refuses what cannot become of it.
    pub(crate) fn check(&self, change: &ColdChange) -> Result<()> {
        let wrong = |what: &str| {
            Err(Error::corrupt(format!("{}: the log speaks of {what}", self.file.name())))
        };
        match change {
            ColdChange::Born { part, without, .. } => {
                if *part >= self.parts() || self.births[*part as usize].load(Relaxed) != 0 {
                    return wrong("a part that is not there, or twice");
                }
                let here = self.part(*part);
                let sound = |row: &u32| here.contains(row) && self.gone_at(*row).is_none();
                let ascending = without.is_sorted_by(|a, b| a < b);
                if !ascending || !without.iter().all(sound) {
                    return wrong("a row of another part, or twice");
                }
            }
            ColdChange::Gone { row, .. } => {
                if *row >= self.rows() || self.gone_at(*row).is_some() {
                    return wrong("a row that is not there, or gone before");
                }
            }
            ColdChange::Over { .. } => {
                if self.over.load(Relaxed) != 0 {
                    return wrong("a segment that was merged, twice");
                }
            }
        }
        Ok(())
    }

    /// Does what the log says, once it was checked.
    pub(crate) fn redo(&self, change: &ColdChange, at: Timestamp) -> Result<()> {
        match change {
            ColdChange::Born { part, without, .. } => {
                self.make_room(without.len())?;
                self.bear(*part, without, at);
            }
            ColdChange::Gone { row, .. } => {
                self.make_room(1)?;
                self.bury(*row, at);
            }
            ColdChange::Over { .. } => self.end(at),
        }
        Ok(())
    }
}
