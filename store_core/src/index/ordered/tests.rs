//! Tests of the index: against a model, of each mistake that was made once, and under load.

mod model;
mod protocol;
mod stress;

use super::key::{Cut, Key};
use super::merge::NewKeys;
use super::*;
use crate::mem::MemoryBudget;
use crate::mem::page_pool::PagePool;
use crate::options::PAGE_BYTES;
use std::time::{Duration, Instant};

/// Memory of a fixture; only what is used becomes resident.
const POOL_BYTES: u64 = 1 << 30;

/// An index with all it stands on.
struct Fixture {
    slab: Arc<Slab>,
    epoch: Arc<Epoch>,
    index: OrderedIndex,
    width: Option<usize>,
}

impl Fixture {
    fn new(width: Option<usize>) -> Self {
        let holder = MemoryBudget::new(POOL_BYTES).holder("index");
        let pool = PagePool::new(holder.child("pool")).unwrap();
        // Inserts rely on promised pages; here on all of them, for as long as the fixture lives.
        std::mem::forget(pool.promise(POOL_BYTES as usize / PAGE_BYTES - 8).unwrap());
        let (slab, epoch) = (Slab::new(pool, holder.child("blocks")), Epoch::new());
        let index = OrderedIndex::new(Arc::clone(&slab), Arc::clone(&epoch), holder, width);
        Self { slab, epoch, index, width }
    }

    /// An index of blocks so small that they split and die all the time.
    fn with_small_blocks(width: Option<usize>) -> Self {
        let mut fixture = Self::new(width);
        let list = Arc::get_mut(&mut fixture.index.list).expect("there is no scan yet");
        list.block_entries_max = 4;
        fixture
    }

    fn batch(&self, entries: impl IntoIterator<Item = (Vec<u8>, u32)>) -> EntryBatch {
        let mut batch = EntryBatch::new(self.width);
        entries.into_iter().for_each(|(key, row)| batch.push(&key, row));
        batch.sort();
        batch
    }

    /// Inserts each of these numbers as an eight-byte key, with row 0.
    fn insert_numbers(&self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|number| self.index.insert(&number.to_be_bytes(), 0));
    }

    fn remove_numbers(&self, numbers: impl IntoIterator<Item = u64>) {
        let keys = numbers.into_iter().map(|number| (number.to_be_bytes().to_vec(), 0));
        self.index.remove_all(&self.batch(keys));
    }

    fn entries(&self, range: &KeyRange, direction: Direction, max: usize) -> Vec<(Vec<u8>, u32)> {
        let mut scan = self.index.scan(range, direction);
        let mut found = Vec::new();
        while scan.next_entries(&mut |key, row| found.push((key.to_vec(), row)), max) {}
        found
    }

    fn numbers(&self) -> Vec<u64> {
        let entries = self.entries(&KeyRange::all(), Direction::Ascending, 1000);
        entries.into_iter().map(|(key, _)| u64::from_be_bytes(key.try_into().unwrap())).collect()
    }

    /// Runs what waits for an epoch. Nobody else may be pinned.
    ///
    /// Waits a little for threads that have just ended: a scope does not wait until they have
    /// handed over their garbage, which they do when their thread locals are dropped.
    fn collect(&self) {
        let end = Instant::now() + Duration::from_secs(5);
        while self.slab.live_bytes() != self.index.list.block_bytes() && Instant::now() < end {
            self.epoch.pin().flush();
            self.slab.take_back();
        }
    }

    /// Checks chain, spine and counters while nobody changes them; returns the nodes' lows.
    fn check(&self) -> Vec<Cut> {
        let list = &self.index.list;
        let guard = &self.epoch.pin();
        let (mut node, mut low, mut lows) = (list.head, Cut::default(), Vec::new());
        let (mut nodes, mut entries, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let block = list.load(node, guard);
            assert!(!block.is_dead(), "a dead node is in the chain");
            nodes.push(node);
            lows.push(low.clone());
            let keys: Vec<Key<'_>> = (0..block.count()).map(|slot| block.key(slot)).collect();
            assert!(keys.is_sorted_by(|a, b| a < b), "a block is out of order");
            assert!(keys.first().is_none_or(|first| *first >= low.key()));
            entries += keys.len() as u64;
            bytes += block.bytes() as u64;
            if block.is_last() {
                break;
            }
            assert!(keys.last().is_none_or(|last| *last < block.high()));
            assert!(low.key() < block.high(), "a range is empty");
            (low, node) = (Cut::from(block.high()), block.right());
        }
        let spine = list.spine.entrances(guard);
        assert_eq!(spine.len() + 1, nodes.len(), "spine and chain differ");
        for (at, (key, node)) in spine.into_iter().enumerate() {
            assert_eq!(node, nodes[at + 1], "spine and chain are in different order");
            assert_eq!(key.key(), lows[at + 1].key(), "a spine key is not its node's low");
        }
        assert_eq!((list.len(), list.nodes()), (entries, nodes.len() as u64));
        assert_eq!(list.block_bytes(), bytes);
        lows
    }

    /// Checks that all blocks are gone once the index is.
    fn check_no_leak(self) {
        self.collect();
        assert_eq!(self.slab.live_bytes(), self.index.list.block_bytes());
        drop(self.index);
        self.slab.take_back();
        assert_eq!(self.slab.live_bytes(), 0);
    }
}

impl OrderedIndex {
    /// Removes each entry of a batch; returns how many were there.
    fn remove_all(&self, batch: &EntryBatch) -> usize {
        (0..batch.len()).filter(|entry| self.list.remove(batch.key(*entry))).count()
    }
}

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
