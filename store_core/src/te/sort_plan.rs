//! A sort's plan: how its memory is cut up, and what follows for any amount of input.
//!
//! ```text
//!  memory │ arena A                                   │ P + packing │ list of runs │ sources │
//!  runs     records ─►           ◄─ entries 16 each
//!  merge    resident run │ scratch │ K buffers of P + w │ entries
//! ```
//!
//! With W threads the arena is cut into W parts: one is filled while the others are sorted and written.

use super::merge_pattern::merge_cost;

/// What the sort's own structures take, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct SortCosts {
    /// Beside the arena for writing runs with blocks of P: a function's value for that P.
    pub writer: fn(page: u64) -> u64,
    /// Room in the arena that a merge takes beside its buffers, for that P.
    pub scratch: fn(page: u64) -> u64,
    /// σ: the list of runs, for each.
    pub run: u64,
    /// A merge's heap for each source.
    pub source: u64,
    /// What a merge's buffer has beside the block.
    pub block_extra: u64,
    /// An entry of the arena's index.
    pub entry: u64,
    /// Heap that unpacking takes.
    pub unpack: u64,
    /// Bytes of a run's file beside its blocks.
    pub run_file: u64,
    /// Bytes of a block's header.
    pub block_header: u64,
    /// W: threads at work, the one that brings the records among them.
    pub threads: u64,
    /// What each further thread takes.
    pub thread: u64,
}

/// How much there is to sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortInput {
    /// Records.
    pub rows: u64,
    /// Bytes of the records, keys and lengths included.
    pub bytes: u64,
    /// Bytes of the longest record.
    pub longest: u64,
}

/// A plan: sizes that do not depend on the input, and functions of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortPlan {
    /// Bytes that the sort holds at most, all of it.
    pub memory: u64,
    /// P: bytes of a block.
    pub page: u64,
    /// A: bytes of the arena.
    pub arena: u64,
    /// Bytes of the part of it that one thread works in: a run is as long as that.
    pub part: u64,
    /// K: most runs of blocks of P merged at once.
    pub fan_in: u64,
    /// Most runs that wait at once.
    pub runs_max: u64,
    /// Longest record that can be sorted.
    pub record_max: u64,
    entry: u64,
    run_file: u64,
    block_header: u64,
}

/// The memory is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortRefused {
    /// The smallest that works.
    pub memory_min: u64,
}

/// Smallest and largest block: below, a call of the system costs more than what it carries; above,
/// nothing is gained.
const PAGE_MIN: u64 = 4 << 10;
const PAGE_MAX: u64 = 64 << 10;
/// A fan-in from which a smaller block would not pay while the input is unknown.
const FAN_IN_WANTED: u64 = 64;
/// Most runs merged at once, and so most files open at once: systems allow 1,024 of a process.
pub(super) const FAN_IN_MAX: u64 = 256;
/// Bounds of how many runs may wait, and the part of the memory that their list may take.
const RUNS_MAX: u64 = 1024;
const RUNS_MIN: u64 = 8;
const LIST_SHARE: u64 = 32;
/// The kernel's page, in which mappings are counted.
const KERNEL_PAGE: u64 = 4096;
/// Headers, lengths and an entry beside a record.
const RECORD_EXTRA: u64 = 128;
/// The arena is at least so many blocks, so that two runs can be merged.
const ARENA_PAGES_MIN: u64 = 4;

impl SortPlan {
    /// Plans a sort within this memory: the fewest levels, then the largest blocks.
    pub fn choose(
        memory: u64,
        costs: &SortCosts,
        input: Option<SortInput>,
    ) -> Result<Self, SortRefused> {
        let pages = || (0..).map(|nth| PAGE_MAX >> nth).take_while(|page| *page >= PAGE_MIN);
        let plans = || pages().filter_map(|page| Self::with_page(memory, page, costs).ok());
        let chosen = match input {
            // Ties go to the first, which has the largest blocks.
            Some(input) => plans().min_by_key(|plan| plan.levels(input)),
            None => plans().find(|plan| plan.fan_in >= FAN_IN_WANTED).or_else(|| plans().last()),
        };
        chosen.ok_or_else(|| SortRefused { memory_min: Self::memory_min(PAGE_MIN, costs) })
    }

    /// Plans a sort with blocks of this length.
    pub fn with_page(memory: u64, page: u64, costs: &SortCosts) -> Result<Self, SortRefused> {
        let refused = SortRefused { memory_min: Self::memory_min(page, costs) };
        let runs_max = (memory / LIST_SHARE / costs.run.max(1)).clamp(RUNS_MIN, RUNS_MAX);
        let fixed = Self::fixed(page, runs_max, costs);
        let arena = memory.saturating_sub(fixed) / KERNEL_PAGE * KERNEL_PAGE;
        if arena < ARENA_PAGES_MIN * page {
            return Err(refused);
        }
        let part = arena / costs.threads.max(1) / KERNEL_PAGE * KERNEL_PAGE;
        if part < page {
            return Err(refused);
        }
        let room = arena - (costs.scratch)(page);
        let fan_in = (room / (page + costs.block_extra)).min(FAN_IN_MAX).min(runs_max);
        if fan_in < 2 {
            return Err(refused);
        }
        Ok(Self {
            memory: fixed + arena,
            page,
            arena,
            part,
            fan_in,
            runs_max,
            record_max: room / 2 - RECORD_EXTRA - costs.block_extra,
            entry: costs.entry,
            run_file: costs.run_file,
            block_header: costs.block_header,
        })
    }

    /// The smallest memory of a sort with blocks of this length.
    pub fn memory_min(page: u64, costs: &SortCosts) -> u64 {
        let arena =
            (ARENA_PAGES_MIN * page).max((costs.scratch)(page) + 2 * (page + costs.block_extra));
        let arena = arena.max(costs.threads * page.next_multiple_of(KERNEL_PAGE));
        let arena = arena.next_multiple_of(KERNEL_PAGE);
        // The list grows with the memory, so the smallest is looked for upwards.
        let mut memory = Self::fixed(page, RUNS_MIN, costs) + arena;
        loop {
            let runs_max = (memory / LIST_SHARE / costs.run.max(1)).clamp(RUNS_MIN, RUNS_MAX);
            let needed = Self::fixed(page, runs_max, costs) + arena;
            if needed <= memory {
                return memory;
            }
            memory = needed;
        }
    }

    fn fixed(page: u64, runs_max: u64, costs: &SortCosts) -> u64 {
        let sources = runs_max.min(FAN_IN_MAX) + 1;
        let others = costs.threads.saturating_sub(1);
        let writers = others.max(1) * (costs.writer)(page) + others * costs.thread;
        writers + runs_max * costs.run + sources * costs.source + costs.unpack
    }

    /// Most runs merged at once, however short their blocks are.
    pub fn fan_in_max(&self) -> u64 {
        FAN_IN_MAX.min(self.runs_max)
    }

    /// R: runs that so much input makes at most; 0 if it stays in memory.
    pub fn runs(&self, input: SortInput) -> u64 {
        let all = input.bytes.saturating_add(input.rows.saturating_mul(self.entry));
        if all <= self.part {
            return 0;
        }
        // A row does not end where the arena does: the longest one may be missing in each run.
        let filled = self.part.saturating_sub(input.longest + self.entry).max(self.part / 2);
        all.div_ceil(filled)
    }

    /// How often a byte is merged at most: 0 if it all stays in memory, 1 for one merge.
    pub fn levels(&self, input: SortInput) -> u32 {
        let mut runs = self.runs(input);
        let mut levels = 0;
        while runs > 1 {
            runs = runs.div_ceil(self.fan_in);
            levels += 1;
        }
        levels
    }

    /// Bytes written to runs at most, before packing.
    pub fn spill_bytes(&self, input: SortInput) -> u64 {
        let runs = self.runs(input);
        if runs == 0 {
            return 0;
        }
        // A block ends before the row that it has no room for; no block has less than a row.
        let block = self.page.saturating_sub(self.block_header + input.longest).max(1);
        let blocks = (input.bytes.div_ceil(block) + runs).min(input.rows);
        let once = input.bytes + blocks * self.block_header + runs * self.run_file;
        once.saturating_add(self.merged_bytes(once, runs))
    }

    /// Bytes that merges before the last one write again.
    fn merged_bytes(&self, bytes: u64, runs: u64) -> u64 {
        const PLAYED_RUNS_MAX: u64 = 1 << 14;
        if runs <= self.fan_in {
            return 0;
        }
        if runs > PLAYED_RUNS_MAX.min(self.runs_max) {
            // Merges begin before all runs are there: each level at most writes everything once.
            let mut levels = 1;
            let mut left = runs;
            while left > 1 {
                left = left.div_ceil(self.fan_in);
                levels += 1;
            }
            return bytes.saturating_mul(levels - 1);
        }
        let each = vec![bytes.div_ceil(runs); runs as usize];
        let cost = merge_cost(&each, self.fan_in as usize);
        cost.bytes + cost.merges * self.run_file
    }

    /// Most input, in bytes with 16 for each row, that stays in memory.
    pub fn resident_max(&self) -> u64 {
        self.part
    }

    /// Most input, counted likewise, that one merge sorts.
    pub fn one_merge_max(&self) -> u64 {
        self.part.saturating_mul(self.fan_in)
    }
}
