//! Registered snapshots: one word each, in blocks of 64.
//!
//! Registering is wait-free once a word is taken: store PENDING, fence, load `published`, store it
//! (see `timeline`). A word is IDLE, PENDING or the timestamp its snapshot reads, with the mark
//! EXPIRED once versions are no longer kept for it. A thread's seat is RESTING in between (see `seat`).

use crate::error::{Error, Kind, Result};
use crate::options::SNAPSHOTS_MAX;
use crate::sync::{AcqRel, AtomicU64, AtomicUsize, Relaxed, capacity};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::sync::OnceLock;

/// The word of nobody.
pub(super) const IDLE: u64 = u64::MAX;
/// The word of a snapshot that is about to learn its timestamp; it holds back everything.
pub(super) const PENDING: u64 = 0;

/// The word of a seat that nobody sits on; see `seat`.
pub(super) const RESTING: u64 = u64::MAX - 1;

/// Marks the timestamp of who sits, so that nobody takes it for a snapshot's that could be given up.
pub(super) const SEATED: u64 = 1 << 62;

/// Marks the timestamp of a snapshot that was given up while somebody still holds it.
pub(super) const EXPIRED: u64 = 1 << 63;

const BLOCK_SNAPSHOTS: usize = capacity(64, 2);
const BLOCKS_MAX: usize = SNAPSHOTS_MAX / BLOCK_SNAPSHOTS;

/// Keeps words of different threads on different cache lines (and their prefetched neighbours).
#[repr(align(128))]
pub(super) struct Word {
    pub(super) read: AtomicU64,
    /// When it was registered, by [`now_ms`].
    pub(super) since_ms: AtomicU64,
    /// Clones of a snapshot that hold the word, but for the first holder.
    pub(super) clones: AtomicU64,
    /// How many snapshots have ended that held the word.
    pub(super) ended: AtomicU64,
}

struct Block([Word; BLOCK_SNAPSHOTS]);

/// Milliseconds of a clock that never steps back. The kernel's coarse one: 5 ns a look, and
/// nobody asks an age more exactly than to 4 ms.
pub(super) fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    now.tv_sec.cast_unsigned() * 1000 + now.tv_nsec.cast_unsigned() / 1_000_000
}

/// All words. Blocks are added when needed and never freed while the store lives.
pub(super) struct Registry {
    blocks: [OnceLock<Box<Block>>; BLOCKS_MAX],
    /// Words from here on were never taken: nobody needs to look at them.
    used: AtomicUsize,
    /// Words that are seats.
    pub(super) seats: AtomicUsize,
}

thread_local! {
    /// Where this thread last found a free word: mostly it is free again.
    static HINT: Cell<usize> = const { Cell::new(0) };
}

impl Registry {
    pub(super) fn new() -> Self {
        let registry = Self {
            blocks: [const { OnceLock::new() }; BLOCKS_MAX],
            used: AtomicUsize::new(0),
            seats: AtomicUsize::new(0),
        };
        if cfg!(loom) {
            // loom does not know that a `OnceLock` orders what it holds.
            registry.blocks[0].get_or_init(Block::idle);
        }
        registry
    }

    /// Takes a word, which is PENDING afterwards.
    pub(super) fn take(&self) -> Result<usize> {
        let hint = HINT.with(Cell::get);
        if hint < self.used.load(Relaxed)
            && let Some(word) = self.existing(hint)
            && word.read.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
        {
            return Ok(hint);
        }
        for block in 0..BLOCKS_MAX {
            self.blocks[block].get_or_init(Block::idle);
            for at in block * BLOCK_SNAPSHOTS..(block + 1) * BLOCK_SNAPSHOTS {
                let Some(word) = self.existing(at) else { break };
                // Before the word is taken: who looks after the fence in `register` sees it.
                self.used.fetch_max(at + 1, Relaxed);
                if word.read.load(Relaxed) == IDLE
                    && word.read.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
                {
                    // A model's threads are one thread of the system, and it runs them again.
                    HINT.with(|hint| hint.set(if cfg!(any(loom, shuttle)) { 0 } else { at }));
                    return Ok(at);
                }
            }
        }
        Err(Error::new(
            Kind::Busy,
            format!("{SNAPSHOTS_MAX} snapshots and transactions are open: close some"),
        ))
    }

    /// The word of a taken place.
    #[inline]
    pub(super) fn word(&self, at: usize) -> &Word {
        self.existing(at).expect("a place that was taken has a block")
    }

    /// Every word that was ever taken, in the order of their places. The caller has a fence between
    /// what it compares them with and this call.
    pub(super) fn words(&self) -> impl Iterator<Item = &Word> {
        let blocks = self.blocks.iter().map_while(OnceLock::get);
        blocks.flat_map(|block| block.0.iter()).take(self.used.load(Relaxed))
    }

    fn existing(&self, at: usize) -> Option<&Word> {
        let block = self.blocks.get(at / BLOCK_SNAPSHOTS)?.get()?;
        Some(&block.0[at % BLOCK_SNAPSHOTS])
    }
}

impl Block {
    fn idle() -> Box<Self> {
        let idle = |_| Word {
            read: AtomicU64::new(IDLE),
            since_ms: AtomicU64::new(0),
            clones: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        };
        Box::new(Self(std::array::from_fn(idle)))
    }
}
