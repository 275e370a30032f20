//! Records in, records in order out.

use store_core::mem::{Reservation, WorkArea};
use store_core::segment::{Merge, Run, RunBuffers, RunOptions, RunWriter, SortArena, Spill};
use store_core::{Error, Holder, Kind, Result};

/// Bytes that the list of runs takes for each of them.
const RUN_BYTES: usize = size_of::<Run>();
/// Most runs merged at once, and so most files open at once: systems allow 1,024.
pub const FAN_IN_MAX: usize = 256;
/// Most runs that wait to be merged, unless the memory is small.
const RUNS_MAX: usize = 1024;
/// The list of runs has one part in this many of the memory.
const LIST_SHARE: usize = 32;
/// Fewest runs that may wait.
const RUNS_MIN: usize = 8;
/// Lengths and headers of a record.
const RECORD_EXTRA_BYTES: usize = 128;

/// How a sort goes about its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortOptions {
    /// Bytes that everything the sort holds takes, buffers and lists included.
    pub memory: usize,
    /// How runs are written.
    pub run: RunOptions,
}

/// What a sort has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortStats {
    /// Records taken in.
    pub rows: u64,
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
/// use store_core::segment::{RunOptions, Spill};
/// use store_etl::operator::sort::{SortOptions, Sorter};
///
/// let holder = MemoryBudget::new(1 << 20).holder("job");
/// let options = SortOptions { memory: 512 << 10, run: RunOptions::default() };
/// let mut sorter = Sorter::new(options, Some(Spill::new(std::env::temp_dir(), None)?), &holder)?;
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
    /// None only while a run is written, and after that failed.
    buffers: Option<RunBuffers>,
    runs: Vec<Run>,
    runs_max: usize,
    record_max: usize,
    options: SortOptions,
    spill: Option<Spill>,
    holder: Holder,
    stats: SortStats,
    list: Reservation,
}

/// Records in order.
#[derive(Debug)]
pub struct Sorted {
    merge: Merge,
    stats: SortStats,
    _list: Reservation,
}

impl Sorter {
    /// Takes the memory. Without a place to spill to, what does not fit is `OverBudget`.
    pub fn new(options: SortOptions, spill: Option<Spill>, holder: &Holder) -> Result<Self> {
        let runs_max = (options.memory / LIST_SHARE / RUN_BYTES).clamp(RUNS_MIN, RUNS_MAX);
        let heap = runs_max * RUN_BYTES
            + Merge::heap_bytes_for(runs_max.min(FAN_IN_MAX) + 1, &options.run);
        let fixed = heap + RunBuffers::bytes_of(&options.run);
        let arena = options.memory.saturating_sub(fixed) / 4096 * 4096;
        // Room for two buffers of the longest blocks, and for some records.
        let least = 4 * options.run.block_bytes;
        if arena < least {
            let message = format!(
                "a sort within {} bytes is too small: it takes {} at least",
                options.memory,
                fixed + least + 4096
            );
            return Err(Error::new(Kind::OverBudget, message));
        }
        Ok(Self {
            list: holder.reserve(runs_max * RUN_BYTES)?,
            buffers: Some(RunBuffers::new(&options.run, holder)?),
            record_max: (arena - options.run.block_bytes) / 2 - RECORD_EXTRA_BYTES,
            arena: SortArena::new(WorkArea::map(arena, holder)?),
            runs: Vec::with_capacity(runs_max),
            runs_max,
            options,
            spill,
            holder: holder.clone(),
            stats: SortStats::default(),
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
        self.stats.rows += 1;
        Ok(())
    }

    /// Ends the input and gives the records in order.
    pub fn finish(mut self) -> Result<Sorted> {
        self.arena.sort();
        let stays = |runs: &[Run], arena: &SortArena| {
            runs.len() < FAN_IN_MAX && Merge::bytes_for(runs, &self.options.run) <= arena.gap()
        };
        if !stays(&self.runs, &self.arena) {
            self.write_run()?;
        }
        while !self.all_fit() {
            self.merge_some()?;
        }
        self.stats.resident_rows = self.arena.len() as u64;
        self.buffers = None;
        let Self { arena, runs, options, holder, stats, list, .. } = self;
        let merge = Merge::new(arena, runs, &options.run, &holder)?;
        Ok(Sorted { merge, stats, _list: list })
    }

    /// What was done so far.
    pub fn stats(&self) -> SortStats {
        self.stats
    }

    /// Longest record, key and payload together, that this memory can sort.
    pub fn record_bytes_max(&self) -> usize {
        self.record_max
    }

    #[cold]
    fn make_room(&mut self, record: usize) -> Result<()> {
        if record > self.record_max {
            return Err(self.too_long(record));
        }
        if self.arena.is_empty() {
            return Ok(());
        }
        self.arena.sort();
        self.write_run()?;
        if self.runs.len() >= self.runs_max {
            self.merge_some()?;
        }
        Ok(())
    }

    fn too_long(&self, record: usize) -> Error {
        let message = format!(
            "a row of {record} bytes is too long to sort within {} bytes, which takes rows up to {}; \
             raise the memory",
            self.options.memory, self.record_max
        );
        Error::new(Kind::OverBudget, message).detail(record.to_string())
    }

    /// Writes what the arena has, sorted, to a run.
    fn write_run(&mut self) -> Result<()> {
        if self.arena.is_empty() {
            return Ok(());
        }
        let mut writer = self.new_run()?;
        self.arena.write_to(&mut writer)?;
        let (run, buffers) = writer.finish()?;
        self.buffers = Some(buffers);
        self.stats.runs += 1;
        self.stats.spill_bytes += run.file_bytes();
        self.runs.push(run);
        self.arena.clear();
        Ok(())
    }

    fn new_run(&mut self) -> Result<RunWriter> {
        let Some(spill) = &self.spill else {
            let message = format!(
                "what is to be sorted does not fit in {} bytes, and there is no spill directory; name \
                 one or raise the memory",
                self.options.memory
            );
            return Err(Error::new(Kind::OverBudget, message));
        };
        let Some(buffers) = self.buffers.take() else {
            return Err(Error::new(Kind::Closed, "the sort failed before"));
        };
        RunWriter::create(spill, buffers)
    }

    /// True if all runs can be merged at once.
    fn all_fit(&self) -> bool {
        let count = self.runs.len() + usize::from(!self.arena.is_empty());
        count <= FAN_IN_MAX && Merge::bytes_for(&self.runs, &self.options.run) <= self.arena.gap()
    }

    /// Replaces neighbouring runs by one, in the whole of the empty arena.
    fn merge_some(&mut self) -> Result<()> {
        let chosen = self.choose();
        let runs: Vec<Run> = self.runs.drain(chosen.clone()).collect();
        let mut writer = self.new_run()?;
        let area =
            std::mem::replace(&mut self.arena, SortArena::new(WorkArea::map(0, &self.holder)?));
        let mut merge = Merge::new(area, runs, &self.options.run, &self.holder)?;
        merge.write_to(&mut writer)?;
        self.arena = SortArena::new(merge.into_area());
        let (run, buffers) = writer.finish()?;
        self.buffers = Some(buffers);
        self.stats.merges += 1;
        self.stats.spill_bytes += run.file_bytes();
        self.runs.insert(chosen.start, run);
        Ok(())
    }

    /// The neighbours to merge next: as many as fit, the fewest bytes.
    fn choose(&self) -> std::ops::Range<usize> {
        let fits = |from: usize| {
            let mut to = from;
            while to < self.runs.len()
                && to - from < FAN_IN_MAX
                && Merge::bytes_for(&self.runs[from..=to], &self.options.run) <= self.arena.gap()
            {
                to += 1;
            }
            from..to
        };
        let all = (0..self.runs.len().saturating_sub(1)).map(fits);
        let cost = |range: &std::ops::Range<usize>| {
            self.runs[range.clone()].iter().map(Run::raw_bytes).sum::<u64>() / range.len() as u64
        };
        all.filter(|range| range.len() > 1).min_by_key(cost).unwrap_or(0..0)
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
