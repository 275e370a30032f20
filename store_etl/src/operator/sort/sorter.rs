//! Records in, records in order out.

use super::crew::Crew;
use std::ops::Range;
use store_core::mem::{Reservation, WorkArea};
use store_core::segment::{
    Merge, Run, RunBuffers, RunOptions, RunWriter, SegmentCodec, SortArena, Spill, sort_costs,
};
use store_core::te::{SortCosts, SortInput, SortPlan, next_merge, smallest_neighbours};
use store_core::{Error, Holder, Kind, Result};

/// How a sort goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortOptions {
    /// Bytes that everything the sort holds takes, buffers and lists included.
    pub memory: usize,
    /// How runs are packed.
    pub codec: SegmentCodec,
    /// Bytes of a block of a run; chosen for the memory and the input if it is `None`.
    pub block_bytes: Option<usize>,
    /// How much there is to sort, if that is known. A guess changes speed only.
    pub input: Option<SortInput>,
    /// Threads at work, the caller among them; the memory is cut into as many parts. Changes speed only.
    pub threads: usize,
}

/// What a sort has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortStats {
    /// Records taken in.
    pub rows: u64,
    /// Bytes of these records, with their lengths.
    pub bytes: u64,
    /// Runs written from the arena.
    pub runs: u64,
    /// Merges that wrote a longer run.
    pub merges: u64,
    /// Bytes written to runs, all of them.
    pub spill_bytes: u64,
    /// Records of the last run, which stayed in memory.
    pub resident_rows: u64,
}

/// Sorts records within a given memory.
///
/// ```
/// use store_core::MemoryBudget;
/// use store_core::segment::Spill;
/// use store_etl::operator::sort::{SortOptions, Sorter};
///
/// let holder = MemoryBudget::for_job(1 << 20).holder("job");
/// let spill = Spill::new(std::env::temp_dir(), None)?;
/// let mut sorter = Sorter::new(SortOptions::within(512 << 10), Some(spill), &holder)?;
/// for word in ["pear", "apple", "plum"] {
///     sorter.push(word.as_bytes(), b"a fruit")?;
/// }
/// let mut sorted = sorter.finish()?;
/// let (first, _) = sorted.next()?.expect("three records");
/// assert_eq!(first, b"apple");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sorter {
    arena: SortArena,
    /// Those that no run is written with; after a failure, none.
    buffers: Vec<RunBuffers>,
    /// None with a single thread.
    crew: Option<Crew>,
    runs: Runs,
    plan: SortPlan,
    spill: Option<Spill>,
    holder: Holder,
    stats: SortStats,
    /// A worker lost records: nothing is given after that.
    failed: bool,
}

/// The runs on disk, oldest input first.
#[derive(Debug)]
struct Runs {
    all: Vec<Run>,
    options: RunOptions,
    fan_in_max: usize,
    list: Reservation,
}

/// A sort whose input has ended and which has nothing in memory but the list of its runs.
#[derive(Debug)]
pub struct Parked {
    runs: Runs,
    plan: SortPlan,
    spill: Option<Spill>,
    holder: Holder,
    stats: SortStats,
}

/// Records in order.
#[derive(Debug)]
pub struct Sorted {
    merge: Merge,
    stats: SortStats,
    _list: Reservation,
}

impl SortOptions {
    /// A sort within this memory, with raw runs.
    pub const fn within(memory: usize) -> Self {
        Self { memory, codec: SegmentCodec::Raw, block_bytes: None, input: None, threads: 1 }
    }

    /// How the sort would use its memory; `OverBudget` names the smallest that works.
    pub fn plan(&self) -> Result<SortPlan> {
        let costs = SortCosts { threads: self.threads as u64, ..sort_costs(self.codec) };
        let memory = self.memory as u64;
        let planned = match self.block_bytes {
            Some(block) => SortPlan::with_page(memory, block as u64, &costs),
            None => SortPlan::choose(memory, &costs, self.input),
        };
        planned.map_err(|refused| {
            let least = refused.memory_min;
            let message = format!("a sort takes {least} bytes at least, and has {memory}");
            Error::new(Kind::OverBudget, message).detail(least.to_string())
        })
    }
}

impl Sorter {
    /// Takes the memory. Without a place to spill to, what does not fit is `OverBudget`.
    pub fn new(options: SortOptions, spill: Option<Spill>, holder: &Holder) -> Result<Self> {
        let plan = options.plan()?;
        let run = RunOptions { codec: options.codec, block_bytes: plan.page as usize };
        let list = plan.runs_max as usize;
        let workers = options.threads.saturating_sub(1);
        let buffers = (0..workers.max(1)).map(|_| RunBuffers::new(&run, holder));
        let buffers = buffers.collect::<Result<_>>()?;
        let mut area = WorkArea::map(plan.arena as usize, holder)?;
        let crew = (workers > 0).then(|| Crew::new(workers, plan.part as usize, holder));
        let mut crew = crew.transpose()?.filter(Crew::has_workers);
        if let Some(crew) = &mut crew {
            area = crew.cut(area);
        }
        Ok(Self {
            runs: Runs {
                list: holder.reserve(list * size_of::<Run>())?,
                all: Vec::with_capacity(list),
                options: run,
                // With blocks of usual length `plan.fan_in` fit; of short ones, more.
                fan_in_max: plan.fan_in_max() as usize,
            },
            buffers,
            crew,
            arena: SortArena::new(area),
            plan,
            spill,
            holder: holder.clone(),
            stats: SortStats::default(),
            failed: false,
        })
    }

    /// Takes a record in.
    #[inline]
    pub fn push(&mut self, key: &[u8], payload: &[u8]) -> Result<()> {
        if !self.arena.push(key, payload) {
            self.make_room(key.len() + payload.len())?;
            if !self.arena.push(key, payload) {
                return Err(self.too_long(key.len() + payload.len()));
            }
        }
        Ok(())
    }

    /// Ends the input and gives the records in order, out of the memory that they were sorted in.
    pub fn finish(mut self) -> Result<Sorted> {
        self.check()?;
        self.count();
        self.arena.sort();
        self.gather()?;
        self.crew = None;
        if !self.runs.all_fit(1, self.arena.gap()) {
            self.write_run()?;
        }
        while !self.runs.all_fit(0, self.arena.gap()) {
            self.merge_some(false)?;
        }
        self.stats.resident_rows = self.arena.len() as u64;
        self.buffers.clear();
        let merge = Merge::new(self.arena, self.runs.all, &self.runs.options, &self.holder)?;
        Ok(Sorted { merge, stats: self.stats, _list: self.runs.list })
    }

    /// Ends the input, writes what is in memory to a run, and gives the memory back.
    ///
    /// For whoever does something else before it reads the records.
    pub fn park(mut self) -> Result<Parked> {
        self.check()?;
        self.count();
        self.arena.sort();
        self.gather()?;
        self.write_run()?;
        let Self { runs, plan, spill, holder, stats, .. } = self;
        Ok(Parked { runs, plan, spill, holder, stats })
    }

    /// What was done so far.
    pub fn stats(&self) -> SortStats {
        let mut stats = self.stats;
        stats.rows += self.arena.len() as u64;
        stats.bytes += self.arena.used_bytes() as u64;
        stats
    }

    /// How the memory is used.
    pub fn plan(&self) -> &SortPlan {
        &self.plan
    }

    fn check(&self) -> Result<()> {
        if self.failed { Err(failed_before()) } else { Ok(()) }
    }

    #[cold]
    fn make_room(&mut self, record: usize) -> Result<()> {
        self.check()?;
        if record as u64 > self.plan.record_max {
            return Err(self.too_long(record));
        }
        if !self.arena.is_empty() {
            self.count();
            let waiting = self.runs.all.len() + self.crew.as_ref().map_or(0, Crew::busy);
            if waiting as u64 + 1 >= self.plan.runs_max {
                self.shorten_list()?;
            } else {
                self.put_aside()?;
            }
        }
        if record as u64 > self.plan.part / 2 && self.crew.is_some() {
            // No part may have room for it; the whole area has.
            self.gather()?;
        }
        Ok(())
    }

    /// Has what is in the arena sorted and written, by a worker if there are any.
    fn put_aside(&mut self) -> Result<()> {
        let has_room = |sorter: &Self| sorter.crew.as_ref().is_some_and(Crew::has_room);
        if !has_room(self) {
            self.take_back()?;
        }
        if !has_room(self) {
            // One thread, or all in one area for a long record.
            self.arena.sort();
            self.write_run()?;
            self.cut();
            return Ok(());
        }
        let writer = new_run(self.spill.as_ref(), self.buffers.pop(), &self.plan)?;
        let full = std::mem::replace(&mut self.arena, SortArena::empty());
        if let Some(crew) = &mut self.crew {
            self.arena = SortArena::new(crew.hand_over(full, writer)?);
        }
        Ok(())
    }

    /// Waits for the worker that has the oldest records, if any has some.
    fn take_back(&mut self) -> Result<()> {
        let Some(crew) = &mut self.crew else { return Ok(()) };
        let written = crew.take_back().inspect_err(|_| self.failed = true)?;
        if let Some((run, buffers)) = written {
            self.add(run, buffers);
        }
        Ok(())
    }

    /// Waits for all workers; all memory is the arena's then.
    fn gather(&mut self) -> Result<()> {
        while self.crew.as_ref().is_some_and(|crew| crew.busy() > 0) {
            self.take_back()?;
        }
        if let Some(crew) = &mut self.crew {
            let arena = std::mem::replace(&mut self.arena, SortArena::empty());
            self.arena = arena.joined(crew.parts());
        }
        Ok(())
    }

    /// Cuts the empty arena into parts again.
    fn cut(&mut self) {
        if let Some(crew) = &mut self.crew {
            let arena = std::mem::replace(&mut self.arena, SortArena::empty());
            self.arena = SortArena::new(crew.cut(arena.into_area()));
        }
    }

    /// There may be no more runs than these, and the arena is full: writes it and merges some.
    fn shorten_list(&mut self) -> Result<()> {
        self.arena.sort();
        self.gather()?;
        self.write_run()?;
        while self.runs.all.len() as u64 >= self.plan.runs_max {
            self.merge_some(true)?;
        }
        self.cut();
        Ok(())
    }

    #[cold]
    fn too_long(&self, record: usize) -> Error {
        let message = format!(
            "a row of {record} bytes is too long to sort within {} bytes, which takes rows up to {}; \
             raise the memory",
            self.plan.memory, self.plan.record_max
        );
        Error::new(Kind::OverBudget, message).detail(record.to_string())
    }

    /// Counts what the arena has.
    fn count(&mut self) {
        self.stats.rows += self.arena.len() as u64;
        self.stats.bytes += self.arena.used_bytes() as u64;
    }

    /// Writes what the arena has, sorted, to a run.
    fn write_run(&mut self) -> Result<()> {
        if self.arena.is_empty() {
            return Ok(());
        }
        let mut writer = new_run(self.spill.as_ref(), self.buffers.pop(), &self.plan)?;
        self.arena.write_to(&mut writer)?;
        let (run, buffers) = writer.finish()?;
        self.add(run, buffers);
        self.arena.clear();
        Ok(())
    }

    fn add(&mut self, run: Run, buffers: RunBuffers) {
        self.stats.runs += 1;
        self.stats.spill_bytes += run.file_bytes();
        self.runs.all.push(run);
        self.buffers.push(buffers);
    }

    /// Replaces neighbouring runs by one, in the whole of the empty arena.
    fn merge_some(&mut self, more_to_come: bool) -> Result<()> {
        let arena = std::mem::replace(&mut self.arena, SortArena::empty());
        let writer = new_run(self.spill.as_ref(), self.buffers.pop(), &self.plan)?;
        let (area, buffers) =
            self.runs.merge_some(arena, writer, more_to_come, &self.holder, &mut self.stats)?;
        self.arena = SortArena::new(area);
        self.buffers.push(buffers);
        Ok(())
    }
}

fn new_run(
    spill: Option<&Spill>,
    buffers: Option<RunBuffers>,
    plan: &SortPlan,
) -> Result<RunWriter> {
    let Some(spill) = spill else {
        let message = format!(
            "what is to be sorted does not fit in {} bytes, and there is no spill directory; name \
             one or raise the memory",
            plan.memory
        );
        return Err(Error::new(Kind::OverBudget, message));
    };
    RunWriter::create(spill, buffers.ok_or_else(failed_before)?)
}

#[cold]
fn failed_before() -> Error {
    Error::new(Kind::Closed, "the sort failed before")
}

impl Runs {
    /// True if all can be merged at once in a gap, with so many other sources.
    fn all_fit(&self, others: usize, gap: usize) -> bool {
        self.all.len() + others <= self.fan_in_max
            && Merge::bytes_for(&self.all, &self.options) <= gap
    }

    /// How many may be merged at once in a gap, whichever they are.
    fn fan_in(&self, gap: usize) -> usize {
        let mut buffers: Vec<usize> = self.all.iter().map(Run::buffer_bytes).collect();
        buffers.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
        let mut left = gap - Merge::scratch_bytes(&self.options).min(gap);
        let fitting = buffers.iter().take_while(|bytes| {
            let fits = **bytes <= left;
            left -= (**bytes).min(left);
            fits
        });
        fitting.count().min(self.fan_in_max)
    }

    /// Merges the neighbours that the pattern says and puts the longer run in their place.
    fn merge_some(
        &mut self,
        arena: SortArena,
        mut writer: RunWriter,
        more_to_come: bool,
        holder: &Holder,
        stats: &mut SortStats,
    ) -> Result<(WorkArea, RunBuffers)> {
        let chosen = self.choose(arena.gap(), more_to_come)?;
        let runs: Vec<Run> = self.all.drain(chosen.clone()).collect();
        let mut merge = Merge::new(arena, runs, &self.options, holder)?;
        merge.write_to(&mut writer)?;
        let area = merge.into_area();
        let (run, buffers) = writer.finish()?;
        stats.merges += 1;
        stats.spill_bytes += run.file_bytes();
        self.all.insert(chosen.start, run);
        Ok((area, buffers))
    }

    fn choose(&self, gap: usize, more_to_come: bool) -> Result<Range<usize>> {
        let sizes: Vec<u64> = self.all.iter().map(Run::raw_bytes).collect();
        let fan_in = self.fan_in(gap);
        let chosen = if more_to_come {
            smallest_neighbours(&sizes, fan_in)
        } else {
            next_merge(&sizes, fan_in)
        };
        // `SortPlan::record_max` sees to it that any two fit.
        chosen.filter(|chosen| chosen.len() > 1 && fan_in > 1).ok_or_else(|| {
            Error::new(Kind::OverBudget, format!("no two runs can be merged in {gap} bytes"))
        })
    }
}

impl Parked {
    /// What reading the records takes at least and at most: more changes nothing.
    pub fn memory(&self) -> Range<usize> {
        let all = self.runs.all.len();
        let heap = Merge::heap_bytes_for(all, &self.runs.options);
        let most = Merge::bytes_for(&self.runs.all, &self.runs.options);
        let mut buffers: Vec<usize> = self.runs.all.iter().map(Run::buffer_bytes).collect();
        buffers.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
        let two: usize = buffers.iter().take(2).sum();
        let scratch = Merge::scratch_bytes(&self.runs.options);
        let writer = RunBuffers::bytes_of(&self.runs.options);
        let least = (two + scratch + writer).min(most);
        let pages = |bytes: usize| (heap + bytes).next_multiple_of(4096) + 4096;
        pages(least)..pages(most)
    }

    /// Gives the records in order within this memory.
    pub fn merge_within(mut self, memory: usize) -> Result<Sorted> {
        let range = self.memory();
        if memory < range.start {
            let message = format!("a merge takes {} bytes at least, and has {memory}", range.start);
            return Err(Error::new(Kind::OverBudget, message).detail(range.start.to_string()));
        }
        let options = self.runs.options;
        let heap = Merge::heap_bytes_for(self.runs.all.len(), &options);
        let writer = RunBuffers::bytes_of(&options);
        let area = |bytes: usize| WorkArea::map(bytes / 4096 * 4096, &self.holder);
        let most = Merge::bytes_for(&self.runs.all, &options);
        if self.runs.all_fit(0, memory - heap) {
            let arena = SortArena::new(area(most.next_multiple_of(4096))?);
            return self.into_sorted(arena);
        }
        let mut arena = SortArena::new(area(memory - heap - writer)?);
        let mut buffers = Some(RunBuffers::new(&options, &self.holder)?);
        while !self.runs.all_fit(0, arena.gap()) {
            let writer = new_run(self.spill.as_ref(), buffers.take(), &self.plan)?;
            let (area, used) =
                self.runs.merge_some(arena, writer, false, &self.holder, &mut self.stats)?;
            arena = SortArena::new(area);
            buffers = Some(used);
        }
        drop(buffers);
        self.into_sorted(arena)
    }

    /// What was done so far.
    pub fn stats(&self) -> SortStats {
        self.stats
    }

    fn into_sorted(self, arena: SortArena) -> Result<Sorted> {
        let merge = Merge::new(arena, self.runs.all, &self.runs.options, &self.holder)?;
        Ok(Sorted { merge, stats: self.stats, _list: self.runs.list })
    }
}

impl Sorted {
    /// The next record, key and payload, or `None` at the end. After an error there is no more.
    #[expect(clippy::should_implement_trait, reason = "it lends, which an iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        self.merge.next()
    }

    /// What the sort did.
    pub fn stats(&self) -> SortStats {
        self.stats
    }

    /// How many sources are merged, a resident run among them.
    pub fn fan_in(&self) -> usize {
        self.merge.sources()
    }
}
