//! Merging runs, and one that stayed in memory, by a tree of losers (Knuth 5.4.1).
//!
//! ```text
//!  area  │ records of the resident run │ scratch │ buffer │ buffer │ … │ its entries │
//!                                                  run 0    run 1
//! ```
//!
//! All buffers lie in the gap of one area. Sources stand in the order of input, which decides between
//! equal keys, so a merge keeps that order if runs are given in it. Each source has the prefix of its
//! record's key at hand; whole keys are compared only where prefixes are equal and need not tell keys
//! apart.

use super::key::{KeyPrefix, KeySpan};
use super::pack::unpack_heap_bytes;
use super::record::{RecordAt, read_record};
use super::run::{Run, RunWriter};
use super::run_reader::{BlockScratch, RunBlocks};
use super::sort_arena::{AHEAD, Resident, SortArena};
use super::spill::RunOptions;
use crate::error::{Error, Kind, Result};
use crate::mem::{Holder, Reservation, WorkArea, as_entries, fetch_ahead};
use crate::planted;
use std::ops::Range;

/// Heap that a source takes beside its buffer.
pub(super) const SOURCE_BYTES: usize = size_of::<Source>()
    + size_of::<RunBlocks>()
    + size_of::<RecordAt>()
    + 2 * size_of::<u64>()
    + 64;

/// Records of several sorted sources, in order.
///
/// Made from a [`SortArena`] and runs; lends one record at a time.
#[derive(Debug)]
pub struct Merge {
    area: WorkArea,
    sources: Vec<Source>,
    /// For each source, the prefix of its record's key; the greatest number once it has ended.
    prefixes: Vec<u64>,
    records: Vec<RecordAt>,
    /// `tree[0]` is the winner, the others the losers of their matches.
    tree: Vec<u32>,
    prefix: KeyPrefix,
    span: KeySpan,
    scratch: BlockScratch,
    rows: u64,
    state: State,
    _heap: Reservation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The tree's winner has not been given.
    Ready,
    /// It has: its source goes on first.
    Given,
    Failed,
}

#[derive(Debug)]
enum Source {
    Run { blocks: Box<RunBlocks>, buffer: Range<usize>, end: usize },
    Resident { entries: Range<usize>, used: usize, next: usize },
    Ended,
}

impl Merge {
    /// Merges runs, and what is sorted in the arena as the last source, in the arena's gap.
    ///
    /// Runs are in the order of input and were written with these options. What they need is
    /// [`Merge::bytes_for`]; `Invalid` if the gap is smaller.
    pub fn new(
        arena: SortArena,
        runs: Vec<Run>,
        options: &RunOptions,
        holder: &Holder,
    ) -> Result<Self> {
        let Resident { area, used, entries, mut span } = arena.into_resident();
        runs.iter().for_each(|run| span.merge(run.span()));
        let count = runs.len() + usize::from(!entries.is_empty());
        let heap =
            count * SOURCE_BYTES + usize::from(!runs.is_empty()) * unpack_heap_bytes(options.codec);
        let heap = holder.reserve(heap)?;
        let scratch = if runs.is_empty() { 0 } else { Run::scratch_bytes(options) };
        let mut at = used + scratch;
        let mut sources = Vec::with_capacity(count);
        for run in runs {
            let buffer = at..at + run.buffer_bytes();
            at = buffer.end;
            if at > entries.start {
                return Err(Error::invalid("the runs to merge need more memory than the area has"));
            }
            let blocks = Box::new(RunBlocks::open(run)?);
            sources.push(Source::Run { blocks, end: buffer.start, buffer });
        }
        if !entries.is_empty() {
            sources.push(Source::Resident { entries, used, next: 0 });
        }
        let mut merge = Self {
            prefixes: vec![0; count],
            records: vec![RecordAt::default(); count],
            tree: vec![0; count.max(1)],
            prefix: span.prefix(),
            span,
            scratch: BlockScratch::new(used..used + scratch),
            area,
            sources,
            rows: 0,
            state: State::Ready,
            _heap: heap,
        };
        for source in 0..count {
            if let Source::Run { buffer, .. } = &merge.sources[source] {
                merge.records[source].end = buffer.start;
            }
            merge.advance(source)?;
        }
        merge.build();
        Ok(merge)
    }

    /// Bytes of an arena's gap that merging these runs takes.
    pub fn bytes_for(runs: &[Run], options: &RunOptions) -> usize {
        let buffers: usize = runs.iter().map(Run::buffer_bytes).sum();
        if runs.is_empty() { 0 } else { Run::scratch_bytes(options) + buffers }
    }

    /// The part of that which does not depend on the runs.
    pub fn scratch_bytes(options: &RunOptions) -> usize {
        Run::scratch_bytes(options)
    }

    /// Bytes of the heap that a merge of so many sources takes.
    pub fn heap_bytes_for(sources: usize, options: &RunOptions) -> usize {
        sources * SOURCE_BYTES + unpack_heap_bytes(options.codec)
    }

    /// The next record, key and payload, or `None` at the end. After an error there is no more.
    #[expect(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let Some(record) = self.next_record()? else { return Ok(None) };
        Ok(Some((record.key_of(&self.area), record.payload_of(&self.area))))
    }

    /// Writes all records to a run.
    pub fn write_to(&mut self, writer: &mut RunWriter) -> Result<()> {
        while let Some(record) = self.next_record()? {
            writer.push_record(&self.area[record.start..record.end])?;
        }
        writer.add_span(&self.span);
        Ok(())
    }

    /// How many records it has given.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many sources it began with.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Gives the area back; what was read is removed.
    pub fn into_area(self) -> WorkArea {
        self.area
    }

    #[inline(always)]
    fn next_record(&mut self) -> Result<Option<RecordAt>> {
        match self.state {
            State::Ready => {}
            State::Given => {
                let winner = self.tree[0] as usize;
                self.state = State::Failed;
                self.advance(winner)?;
                self.replay(winner);
            }
            State::Failed => return Err(Error::new(Kind::Closed, "the merge failed before")),
        }
        let Some(source) = self.sources.get(self.tree[0] as usize) else {
            self.state = State::Ready;
            return Ok(None);
        };
        if matches!(source, Source::Ended) {
            self.state = State::Ready;
            return Ok(None);
        }
        self.state = State::Given;
        self.rows += 1;
        Ok(Some(self.records[self.tree[0] as usize]))
    }

    /// Goes to the source's next record.
    #[inline(always)]
    fn advance(&mut self, source: usize) -> Result<()> {
        let at = self.records[source].end;
        let record = match &mut self.sources[source] {
            Source::Run { end, .. } => {
                let end = if at == *end {
                    match self.load(source)? {
                        Some(()) => {}
                        None => return Ok(()),
                    }
                    let Source::Run { buffer, end, .. } = &self.sources[source] else {
                        return Ok(());
                    };
                    self.records[source].end = buffer.start;
                    *end
                } else {
                    *end
                };
                match read_record(&self.area, self.records[source].end, end) {
                    Some(record) => record,
                    None => return Err(self.torn(source)),
                }
            }
            Source::Resident { entries, used, next } => {
                let all = as_entries(&self.area[entries.clone()]);
                let Some(entry) = all.get(*next) else {
                    return self.end(source);
                };
                if let Some(later) = all.get(*next + AHEAD) {
                    fetch_ahead(&self.area, *later as u64 as usize);
                }
                *next += 1;
                let record = read_record(&self.area, *entry as u64 as usize, *used);
                record.expect("an entry names a record that was pushed")
            }
            Source::Ended => return Ok(()),
        };
        self.prefixes[source] = self.prefix.of(record.key_of(&self.area));
        self.records[source] = record;
        Ok(())
    }

    /// Reads the source's next block; `None` if it has ended.
    #[cold]
    fn load(&mut self, source: usize) -> Result<Option<()>> {
        let Source::Run { blocks, buffer, end } = &mut self.sources[source] else {
            return Ok(None);
        };
        match blocks.next_block(&mut self.area, buffer.clone(), &mut self.scratch)? {
            Some(len) => {
                *end = buffer.start + len;
                Ok(Some(()))
            }
            None => self.end(source).map(|()| None),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it ends what returns a result")]
    fn end(&mut self, source: usize) -> Result<()> {
        // A run's file goes now, so that the disk has room for what comes.
        self.sources[source] = Source::Ended;
        self.prefixes[source] = u64::MAX;
        Ok(())
    }

    #[cold]
    fn torn(&self, source: usize) -> Error {
        match &self.sources[source] {
            Source::Run { blocks, .. } => blocks.torn(),
            _ => Error::corrupt("a record is longer than its run"),
        }
    }

    /// True if the record of source `a` comes before that of `b`.
    #[inline(always)]
    fn is_before(&self, a: usize, b: usize) -> bool {
        let (of_a, of_b) = (self.prefixes[a], self.prefixes[b]);
        if of_a != of_b { of_a < of_b } else { self.is_before_when_equal(a, b) }
    }

    fn is_before_when_equal(&self, a: usize, b: usize) -> bool {
        let ended = |source: usize| matches!(self.sources[source], Source::Ended);
        match (ended(a), ended(b)) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => {
                let in_order = if planted::bug("merge_unstable") { a > b } else { a < b };
                if self.prefix.tells_all_apart() {
                    return in_order;
                }
                let key = |source: usize| self.records[source].key_of(&self.area);
                match key(a).cmp(key(b)) {
                    std::cmp::Ordering::Equal => in_order,
                    other => other.is_lt(),
                }
            }
        }
    }

    /// Plays all matches. Source `s` is the leaf `count + s` of a tree in an array.
    fn build(&mut self) {
        let count = self.sources.len();
        if count < 2 {
            return;
        }
        let mut winners = vec![0_u32; 2 * count];
        for source in 0..count {
            winners[count + source] = source as u32;
        }
        for node in (1..count).rev() {
            let (a, b) = (winners[2 * node], winners[2 * node + 1]);
            let a_wins = self.is_before(a as usize, b as usize);
            (winners[node], self.tree[node]) = if a_wins { (a, b) } else { (b, a) };
        }
        self.tree[0] = winners[1];
    }

    /// Plays the matches of a source whose record has changed.
    #[inline(always)]
    fn replay(&mut self, source: usize) {
        let mut winner = source;
        let mut node = (self.sources.len() + source) / 2;
        while node > 0 {
            let other = self.tree[node] as usize;
            if self.is_before(other, winner) {
                self.tree[node] = winner as u32;
                winner = other;
            }
            node /= 2;
        }
        self.tree[0] = winner as u32;
    }
}
