//! Registered snapshots: one word each, in blocks of 64.
//!
//! Registering is wait-free once a word is taken: store PENDING, fence, load `published`, store it
//! (see `timeline`). A word is IDLE, PENDING or the timestamp its snapshot reads.

use crate::error::{Error, Kind, Result};
use crate::options::SNAPSHOTS_MAX;
use crate::sync::{AcqRel, AtomicU64, Relaxed, capacity};
use std::cell::Cell;
use std::sync::OnceLock;

/// The word of nobody.
pub(super) const IDLE: u64 = u64::MAX;
/// The word of a snapshot that is about to learn its timestamp; it holds back everything.
pub(super) const PENDING: u64 = 0;

const BLOCK_SNAPSHOTS: usize = capacity(64, 2);
const BLOCKS_MAX: usize = SNAPSHOTS_MAX / BLOCK_SNAPSHOTS;

/// Keeps words of different threads on different cache lines (and their prefetched neighbours).
#[repr(align(128))]
struct Padded(AtomicU64);

struct Block([Padded; BLOCK_SNAPSHOTS]);

/// All words. Blocks are added when needed and never freed while the store lives.
pub(super) struct Registry {
    blocks: [OnceLock<Box<Block>>; BLOCKS_MAX],
}

thread_local! {
    /// Where this thread last found a free word: mostly it is free again.
    static HINT: Cell<usize> = const { Cell::new(0) };
}

impl Registry {
    pub(super) fn new() -> Self {
        let registry = Self { blocks: [const { OnceLock::new() }; BLOCKS_MAX] };
        if cfg!(loom) {
            // loom does not know that a `OnceLock` orders what it holds.
            registry.blocks[0].get_or_init(Block::idle);
        }
        registry
    }

    /// Takes a word, which is PENDING afterwards.
    pub(super) fn take(&self) -> Result<usize> {
        let hint = HINT.with(Cell::get);
        if let Some(word) = self.existing(hint)
            && word.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
        {
            return Ok(hint);
        }
        for block in 0..BLOCKS_MAX {
            self.blocks[block].get_or_init(Block::idle);
            for at in block * BLOCK_SNAPSHOTS..(block + 1) * BLOCK_SNAPSHOTS {
                let Some(word) = self.existing(at) else { break };
                if word.load(Relaxed) == IDLE
                    && word.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
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
    pub(super) fn word(&self, at: usize) -> &AtomicU64 {
        self.existing(at).expect("a place that was taken has a block")
    }

    /// Every word there is.
    pub(super) fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let blocks = self.blocks.iter().map_while(OnceLock::get);
        blocks.flat_map(|block| block.0.iter().map(|word| &word.0))
    }

    fn existing(&self, at: usize) -> Option<&AtomicU64> {
        let block = self.blocks.get(at / BLOCK_SNAPSHOTS)?.get()?;
        Some(&block.0[at % BLOCK_SNAPSHOTS].0)
    }
}

impl Block {
    fn idle() -> Box<Self> {
        Box::new(Self(std::array::from_fn(|_| Padded(AtomicU64::new(IDLE)))))
    }
}
