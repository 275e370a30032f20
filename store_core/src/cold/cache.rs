//! Blocks of cold segments that were read lately: within a share of the budget, given back when others
//! need the memory.
//!
//! A block that is asked for while another thread has the cache's lock is read from its file instead:
//! nobody waits.

use crate::error::Result;
use crate::mem::{Cache, Holder, MemoryBudget};
use crate::segment::{ColdBlock, ColdFile};
use crate::sync::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The part of the budget that blocks may take.
const SHARE: u64 = 16;

/// Blocks by segment and number, with a hand that takes out what was not asked for since it came by last
/// (CLOCK: Corbató 1968).
pub(crate) struct BlockCache {
    holder: Holder,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: HashMap<(u64, u32), usize>,
    blocks: Vec<Kept>,
    hand: usize,
    bytes: usize,
    hits: u64,
    misses: u64,
}

struct Kept {
    key: (u64, u32),
    block: Arc<ColdBlock>,
    asked: bool,
}

impl BlockCache {
    /// An empty cache.
    pub(crate) fn new(budget: &Arc<MemoryBudget>, holder: Holder) -> Arc<Self> {
        let cache = Arc::new(Self { holder, state: Mutex::new(State::default()) });
        let weak: std::sync::Weak<dyn Cache> = {
            let cache: Arc<dyn Cache> = Arc::<Self>::clone(&cache);
            Arc::downgrade(&cache)
        };
        budget.add_cache(weak);
        cache
    }

    /// The nth block of a file, whose segment has this number.
    pub(crate) fn block(&self, number: u64, file: &ColdFile, nth: usize) -> Result<Arc<ColdBlock>> {
        let key = (number, nth as u32);
        let kept = self.state.try_lock().and_then(|mut state| state.find(key));
        if let Some(block) = kept {
            return Ok(block);
        }
        let block = Arc::new(file.read(nth, &self.holder)?);
        let most = (self.holder.budget().limit() / SHARE) as usize;
        let spare = self.holder.budget().has_spare(0, 0);
        if let Some(mut state) = self.state.try_lock()
            && spare
        {
            state.keep(key, &block, most);
        }
        Ok(block)
    }

    /// Blocks found and not found so far.
    pub(crate) fn looks(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.hits, state.misses)
    }
}

impl State {
    fn find(&mut self, key: (u64, u32)) -> Option<Arc<ColdBlock>> {
        let Some(at) = self.places.get(&key) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        let kept = &mut self.blocks[*at];
        kept.asked = true;
        Some(Arc::clone(&kept.block))
    }

    fn keep(&mut self, key: (u64, u32), block: &Arc<ColdBlock>, most: usize) {
        if self.places.contains_key(&key) || block.bytes() > most / 4 {
            return;
        }
        while self.bytes + block.bytes() > most && !self.blocks.is_empty() {
            self.drop_one();
        }
        self.bytes += block.bytes();
        self.places.insert(key, self.blocks.len());
        self.blocks.push(Kept { key, block: Arc::clone(block), asked: false });
    }

    fn drop_one(&mut self) {
        loop {
            if self.hand >= self.blocks.len() {
                self.hand = 0;
            }
            if !std::mem::take(&mut self.blocks[self.hand].asked) {
                break;
            }
            self.hand += 1;
        }
        let gone = self.blocks.swap_remove(self.hand);
        self.bytes -= gone.block.bytes();
        self.places.remove(&gone.key);
        if let Some(moved) = self.blocks.get(self.hand) {
            self.places.insert(moved.key, self.hand);
        }
    }
}

impl Cache for BlockCache {
    fn give_back(&self) -> bool {
        let Some(mut state) = self.state.try_lock() else { return false };
        let had = !state.blocks.is_empty();
        state.places = HashMap::new();
        state.blocks = Vec::new();
        (state.hand, state.bytes) = (0, 0);
        had
    }
}
