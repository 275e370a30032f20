//! Tasks and the memory each takes: functions of a few sizes, never of how much input there is.

/// The sizes that memory depends on, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// P: a block of a run, the unit of input and output.
    pub page: u64,
    /// β: a batch of rows between two operators.
    pub batch: u64,
    /// w: the longest row.
    pub row: u64,
    /// W: threads that each hold a task's memory.
    pub workers: u64,
}

/// Something that holds memory while a phase runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Reads a file: a page, a batch and a row that a page cuts.
    Scan,
    /// Filters, projects, maps: a batch.
    Stream,
    /// Makes runs in an arena of A bytes, and writes them by the page.
    SortRuns {
        /// A.
        arena: u64,
    },
    /// Merges K runs, with d buffers each.
    SortMerge {
        /// K.
        fan_in: u64,
        /// d: 1, or 2 to read ahead.
        buffers: u64,
    },
    /// Groups in an arena of A bytes, with F partitions that spill by the page.
    Aggregate {
        /// A.
        arena: u64,
        /// F.
        partitions: u64,
    },
    /// Cuts one side of a join into F partitions.
    JoinPartition {
        /// F.
        partitions: u64,
    },
    /// Holds one side of a partition in A bytes and streams the other.
    JoinProbe {
        /// A.
        arena: u64,
    },
    /// Writes by the page.
    Sink,
    /// Writes in groups of so many bytes, as Parquet does.
    GroupedSink {
        /// Bytes of a group before it is written.
        group: u64,
    },
    /// Knows so many segments on disk, so many bytes each.
    Directory {
        /// Most segments at once.
        segments: u64,
        /// σ, at most 128.
        entry: u64,
    },
    /// So many bytes whatever the sizes: a codec, a dictionary, a stack.
    Fixed(u64),
}

impl Task {
    /// The most bytes it holds.
    ///
    /// ```
    /// use store_core::te::{Sizes, Task};
    /// let sizes = Sizes { page: 65_536, batch: 16_384, row: 1_000, workers: 1 };
    /// let merge = Task::SortMerge { fan_in: 10, buffers: 1 };
    /// assert_eq!(merge.bytes(&sizes), 11 * 65_536 + 10 * 1_000 + 16_384);
    /// ```
    pub const fn bytes(&self, sizes: &Sizes) -> u64 {
        let Sizes { page, batch, row, workers } = *sizes;
        let one = match *self {
            Self::Scan => page.saturating_add(batch).saturating_add(row),
            Self::Stream => batch,
            Self::SortRuns { arena } => arena.saturating_add(page),
            Self::SortMerge { fan_in, buffers } => buffers
                .saturating_mul(fan_in)
                .saturating_add(1)
                .saturating_mul(page)
                .saturating_add(fan_in.saturating_mul(row))
                .saturating_add(batch),
            Self::Aggregate { arena, partitions } => {
                arena.saturating_add(partitions.saturating_mul(page))
            }
            Self::JoinPartition { partitions } => partitions.saturating_mul(page),
            Self::JoinProbe { arena } => arena.saturating_add(page).saturating_add(batch),
            Self::Sink => page,
            Self::GroupedSink { group } => group.saturating_add(page),
            // One of each, however many threads there are.
            Self::Directory { segments, entry } => return segments.saturating_mul(entry),
            Self::Fixed(bytes) => return bytes,
        };
        one.saturating_mul(if workers == 0 { 1 } else { workers })
    }
}
