//! Registered snapshots: one word each, in blocks of 64.
//!
//! Registering is wait-free once a word is taken: store PENDING, fence, load `published`, store it
//! (see `timeline`). A word is IDLE, PENDING or the timestamp its snapshot reads.

use crate::error::{Error, Kind, Result};
use crate::options::SNAPSHOTS_MAX;
use crate::sync::{AcqRel, AtomicU64, AtomicUsize, Relaxed};
use std::cell::Cell;
use std::sync::OnceLock;

/// The word of nobody.
pub(super) const IDLE: u64 = u64::MAX;
/// The word of a snapshot that is about to learn its timestamp; it holds back everything.
pub(super) const PENDING: u64 = 0;

const BLOCK_SNAPSHOTS: usize = 64;
const BLOCKS_MAX: usize = SNAPSHOTS_MAX / BLOCK_SNAPSHOTS;

/// Keeps words of different threads on different cache lines (and their prefetched neighbours).
#[repr(align(128))]
struct Padded(AtomicU64);

struct Block([Padded; BLOCK_SNAPSHOTS]);

/// All words. Blocks are added when needed and never freed while the store lives.
pub(super) struct Registry {
    blocks: [OnceLock<Box<Block>>; BLOCKS_MAX],
    /// Words from here on were never taken: nobody needs to look at them.
    used: AtomicUsize,
}

thread_local! {
    /// Where this thread last found a free word: mostly it is free again.
    static HINT: Cell<usize> = const { Cell::new(0) };
}

impl Registry {
    pub(super) fn new() -> Self {
        Self { blocks: [const { OnceLock::new() }; BLOCKS_MAX], used: AtomicUsize::new(0) }
    }

    /// Takes a word, which is PENDING afterwards.
    pub(super) fn take(&self) -> Result<usize> {
        let hint = HINT.with(Cell::get);
        if hint < self.used.load(Relaxed)
            && let Some(word) = self.existing(hint)
            && word.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
        {
            return Ok(hint);
        }
        for block in 0..BLOCKS_MAX {
            self.blocks[block].get_or_init(Block::idle);
            for at in block * BLOCK_SNAPSHOTS..(block + 1) * BLOCK_SNAPSHOTS {
                let Some(word) = self.existing(at) else { break };
                // Before the word is taken: who looks after the fence in `register` sees it.
                self.used.fetch_max(at + 1, Relaxed);
                if word.load(Relaxed) == IDLE
                    && word.compare_exchange(IDLE, PENDING, AcqRel, Relaxed).is_ok()
                {
                    HINT.with(|hint| hint.set(at));
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

    /// Every word that was ever taken. The caller has a fence between what it compares them with
    /// and this call.
    pub(super) fn words(&self) -> impl Iterator<Item = &AtomicU64> {
        let blocks = self.blocks.iter().map_while(OnceLock::get);
        let words = blocks.flat_map(|block| block.0.iter().map(|word| &word.0));
        words.take(self.used.load(Relaxed))
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
