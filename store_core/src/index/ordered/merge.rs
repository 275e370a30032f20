//! Merging new entries into a block, and cutting what does not fit into several.
//!
//! ```text
//! before   … → node [a b c d e f] → X …
//! built    R [d e f] → X, and L [a b c], high d, right R
//! CAS      … → node L → R → X …          one exchange: both halves appear at once
//! then     the spine learns of R; until then everyone reaches it by moving right
//! ```

use super::block::{BLOCK_ENTRIES_MAX, BLOCK_TAIL_BYTES_MAX, Block};
use super::builder::Builder;
use super::key::Key;
use super::list::List;
use super::node::Node;
use crate::mem::epoch::Guard;
use crate::planted;
use std::ops::Range;

/// What an entry weighs beside its tail, so that count and bytes are shared out together.
pub(super) const TAIL_BYTES_AN_ENTRY: usize = BLOCK_TAIL_BYTES_MAX / BLOCK_ENTRIES_MAX;

/// New entries, sorted.
pub(super) trait NewKeys {
    fn key(&self, at: usize) -> Key<'_>;
}

/// A single new entry.
pub(super) struct One<'a>(pub(super) Key<'a>);

impl NewKeys for One<'_> {
    fn key(&self, _: usize) -> Key<'_> {
        self.0
    }
}

/// Consecutive entries of the merged order that come from one side.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) slots: Range<usize>,
    pub(super) is_new: bool,
}

/// A block's entries merged with new ones: runs of either, in order.
pub(super) struct Merged<'a, N> {
    pub(super) old: Block<'a>,
    pub(super) new: &'a N,
    pub(super) runs: &'a [Run],
}

/// One of the blocks that a merged order is cut into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Piece {
    count: usize,
    tail_bytes: usize,
}

/// Reads a merged order front to back.
struct Cursor<'a, N> {
    merged: &'a Merged<'a, N>,
    run: usize,
    done: usize,
}

impl Run {
    pub(super) fn old(slots: Range<usize>) -> Self {
        Self { slots, is_new: false }
    }

    pub(super) fn new(slots: Range<usize>) -> Self {
        Self { slots, is_new: true }
    }
}

impl<'a, N: NewKeys> Merged<'a, N> {
    fn key(&self, run: &Run, slot: usize) -> Key<'a> {
        if run.is_new { self.new.key(slot) } else { self.old.key(slot) }
    }

    /// Bytes of all tails, without the high key's.
    fn total(&self) -> Piece {
        let mut total = Piece::default();
        for run in self.runs {
            total.count += run.slots.len();
            total.tail_bytes += match run.is_new {
                _ if self.old.has_no_tails() => 0,
                true => run.slots.clone().map(|slot| self.new.key(slot).tail.len()).sum(),
                false => self.old.tail_bytes_of(run.slots.clone()),
            };
        }
        total
    }

    /// Whether all new entries go to the end of the chain. Then blocks are left full, so that
    /// ascending loads fill them to 100 %.
    fn appends(&self) -> bool {
        let mut runs = self.runs.iter().skip_while(|run| !run.is_new || run.slots.is_empty());
        self.old.is_last() && runs.all(|run| run.is_new || run.slots.is_empty())
    }

    /// Cuts the order into blocks within the limits, of about equal weight unless it appends.
    fn cut(&self, total: Piece, count_max: usize) -> Vec<Piece> {
        let weight = |piece: Piece| piece.count * TAIL_BYTES_AN_ENTRY + piece.tail_bytes;
        let blocks =
            total.count.div_ceil(count_max).max(total.tail_bytes.div_ceil(BLOCK_TAIL_BYTES_MAX));
        let share = if self.appends() { usize::MAX } else { weight(total).div_ceil(blocks) };
        let mut pieces = Vec::with_capacity(blocks + 1);
        let (mut piece, mut before) = (Piece::default(), 0);
        for run in self.runs {
            for slot in run.slots.clone() {
                let tail_bytes = self.key(run, slot).tail.len();
                let due = share.saturating_mul(pieces.len() + 1);
                if piece.count > 0
                    && (piece.count == count_max
                        || piece.tail_bytes + tail_bytes > BLOCK_TAIL_BYTES_MAX
                        || before + weight(piece) >= due)
                {
                    before += weight(piece);
                    pieces.push(std::mem::take(&mut piece));
                }
                piece.count += 1;
                piece.tail_bytes += tail_bytes;
            }
        }
        pieces.push(piece);
        pieces
    }
}

impl<'a, N: NewKeys> Cursor<'a, N> {
    /// Moves this many entries into a block.
    fn fill(&mut self, block: &mut Builder, mut count: usize) {
        while count > 0 {
            let run = &self.merged.runs[self.run];
            let from = run.slots.start + self.done;
            let slots = from..run.slots.end.min(from + count);
            count -= slots.len();
            self.done += slots.len();
            if slots.end == run.slots.end {
                (self.run, self.done) = (self.run + 1, 0);
            }
            if run.is_new {
                slots.for_each(|slot| block.push(self.merged.new.key(slot)));
            } else {
                block.copy(self.merged.old, slots);
            }
        }
    }

    /// The entry behind the next `count`, or the old high key if these are the last.
    fn key_after(&self, mut count: usize) -> Key<'a> {
        count += self.done;
        for run in &self.merged.runs[self.run..] {
            if count < run.slots.len() {
                return self.merged.key(run, run.slots.start + count);
            }
            count -= run.slots.len();
        }
        self.merged.old.high()
    }
}

impl List {
    /// Replaces a node's block by the merged entries, in as many blocks as they need; false, and
    /// nothing changes, if the node has got another block.
    pub(super) fn publish<N: NewKeys>(
        &self,
        node: *const Node,
        merged: &Merged<'_, N>,
        guard: &Guard,
    ) -> bool {
        let total = merged.total();
        let mut cursor = Cursor { merged, run: 0, done: 0 };
        let fits =
            total.count <= self.block_entries_max && total.tail_bytes <= BLOCK_TAIL_BYTES_MAX;
        if fits {
            let block = self.build(&mut cursor, total, merged.old.high(), merged.old.right());
            return self.replace(node, merged.old, block, guard);
        }
        let pieces = merged.cut(total, self.block_entries_max);
        let mut made: Vec<_> = pieces[1..].iter().map(|_| Node::allocate()).collect();
        made.push(merged.old.right());
        let build = |(piece, right): (&Piece, &*const Node)| {
            let high = cursor.key_after(piece.count);
            self.build(&mut cursor, *piece, high, *right)
        };
        let blocks: Vec<_> = pieces.iter().zip(&made).map(build).collect();
        made.pop();
        for (node, block) in made.iter().zip(&blocks[1..]) {
            self.node(*node, guard).set_first(*block);
        }
        let made: Vec<_> = made.into_iter().zip(blocks[1..].iter().copied()).collect();
        if planted::bug("indexed_before_exchange") {
            self.index(&made, guard);
        }
        if !self.replace(node, merged.old, blocks[0], guard) {
            self.discard_nodes(&made);
            return false;
        }
        self.index(&made, guard);
        true
    }

    fn build<'b, N: NewKeys>(
        &self,
        cursor: &mut Cursor<'_, N>,
        piece: Piece,
        high: Key<'_>,
        right: *const Node,
    ) -> Block<'b> {
        let mut block = self.builder(piece.count, piece.tail_bytes + high.tail.len(), right);
        cursor.fill(&mut block, piece.count);
        block.push(high);
        block.finish()
    }

    fn discard_nodes(&self, made: &[(*const Node, Block<'_>)]) {
        for (node, block) in made {
            self.discard(*block);
            // SAFETY: the exchange that would have published the node failed.
            unsafe { Node::free(*node) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::EntryBatch;
    use super::super::key::{Padding, Shape};
    use super::*;
    use crate::mem::MemoryBudget;
    use crate::mem::page_pool::PagePool;
    use crate::mem::slab::Slab;
    use crate::value::KEY_BYTES_MAX;
    use std::sync::Arc;

    /// A block's entries: some that came as copies, and others; how long their tails are.
    #[derive(Clone, Copy, Debug)]
    struct Content {
        copies: usize,
        copied_tail: usize,
        others: usize,
        tail: usize,
    }

    fn key(number: usize, tail: usize) -> Vec<u8> {
        [&(number as u64).to_be_bytes()[..], &vec![b'x'; tail]].concat()
    }

    /// Entries of the first piece when so many more are appended; none if all fit into one block.
    fn first_piece(slab: &Slab, content: Content, new: usize, count_max: usize) -> Option<usize> {
        let count = content.copies + content.others;
        let tail_of = |slot| if slot < content.copies { content.copied_tail } else { content.tail };
        let tail_bytes = (0..count).map(tail_of).sum();
        let right = std::ptr::NonNull::<Node>::dangling().as_ptr();
        let mut block = Builder::new(slab, Shape::Variable, count, tail_bytes, right);
        for bytes in (0..count).map(|slot| key(slot, tail_of(slot))).chain([key(1 << 20, 0)]) {
            block.push(Shape::Variable.key(&bytes, 0, &mut Padding::new()));
        }
        let old = block.finish();
        let mut batch = EntryBatch::new(None);
        (count..count + new).for_each(|number| batch.push(&key(number, content.tail), 0));
        batch.sort();
        let merged = Merged { old, new: &batch, runs: &[Run::old(0..count), Run::new(0..new)] };
        let total = merged.total();
        let fits = total.count <= count_max && total.tail_bytes <= BLOCK_TAIL_BYTES_MAX;
        let first = (!fits).then(|| merged.cut(total, count_max)[0].count);
        // SAFETY: made above, and nobody else has it.
        unsafe { old.release(slab) };
        first
    }

    /// Goal: what a merge copies into a block, a third at most, a split leaves there together, and at
    /// least one more entry with it (`remove`).
    #[test]
    fn a_split_never_cuts_among_a_third_of_a_block() {
        let holder = MemoryBudget::new(64 << 20).holder("index");
        let pool = PagePool::new(holder.child("pool")).unwrap();
        let _promise = pool.promise(16).unwrap();
        let slab = Slab::new(Arc::clone(&pool), holder);
        let tails = [0, 1, 50, 130, 1000, KEY_BYTES_MAX - 8];
        let pairs = || tails.iter().flat_map(|a| tails.iter().map(move |b| (*a, *b)));
        let mut cuts = 0;
        for count_max in [BLOCK_ENTRIES_MAX, 4] {
            for (copied_tail, tail) in pairs() {
                let tail_bytes_max = count_max * TAIL_BYTES_AN_ENTRY / 3;
                let copies = (count_max / 3).max(1).min(tail_bytes_max / copied_tail.max(1));
                for others in 0..=count_max - copies {
                    let content = Content { copies, copied_tail, others, tail };
                    if copies * copied_tail + others * tail > BLOCK_TAIL_BYTES_MAX {
                        break;
                    }
                    for new in [1, 3, 500] {
                        let Some(first) = first_piece(&slab, content, new, count_max) else {
                            continue;
                        };
                        assert!(first > copies, "{content:?} and {new} more: {first}");
                        cuts += 1;
                    }
                }
            }
        }
        assert!(cuts > 1_000, "{cuts} cuts");
    }
}
