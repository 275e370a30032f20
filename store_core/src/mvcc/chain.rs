//! Row slots and version chains: the protocol by which versions are read, written and reclaimed.
//!
//! ```text
//! slot   [ begin ] [ owner 16 | queued 1 | generation 15 | chain 32 ] [ key … ] [ payload … ]
//! node   [ begin ] [ next ] [ payload … ]
//! begin  = timestamp << 1 | tombstone; UNBORN until the row's first commit
//! ```
//!
//! The newest committed version is inline. An installing writer copies it to a node, links the
//! node, **stamps `begin` and then writes the payload**: a reader that finds `begin` changed under
//! its copy knows that the new version is not for it and that the old one is in the chain already.
//! So a read is one attempt, then the chain: no loop, no lock (invariants I2, I4). Only the walk
//! along the chain, the rare case, pins an epoch.
//!
//! # Taking versions out
//!
//! The row's owner unlinks every version that no live snapshot needs (`live`, I3), also between
//! two that stay. A reader that stands on an unlinked node goes on: the node's own link stays as it
//! is until the node is free, and leads to what was linked when it was unlinked. So from the moment
//! it pinned, a reader only meets nodes that were unlinked after that moment, and these wait for its
//! epoch (`retire`).
//!
//! A node X is free *at once* if the version K above it that stays begins at or below the oldest
//! timestamp W that anybody registered reads, expired or not. A walker reads at s >= W >= K, so it
//! could only come to X from a node Y that is newer than K and whose link is or was X. But K was
//! installed before Y, has not been unlinked, and lies between the two: no link ever went past it.
//! This does not depend on which nodes were unlinked elsewhere in the chain, or on who stands there.
//!
//! A reader whose snapshot was given up (expired) may miss versions; it asks for the mark after
//! its walk, and cannot have met a gap without seeing the mark (`Timeline::check_kept`).

mod gather;
mod read;
mod walk;

pub(crate) use read::Fetched;
pub(crate) use walk::{SlotWords, Walk};

use super::images::Images;
use super::left_pages::LeftPages;
use super::nodes::Spares;
use super::prune::Pruned;
use super::retire::Retired;
use super::timeline::{Timeline, Timestamp};
use crate::error::Result;
use crate::mem::arena::{Arena, SlotShape};
use crate::mem::budget::Holder;
use crate::mem::epoch::Epoch;
use crate::mem::layout::Layout;
use crate::mem::page_pool::{BLANK_WORD, PagePool};
use crate::planted;
use crate::sync::{Acquire, AtomicU64, Relaxed, Release, fence};
use std::ops::Range;
use std::sync::Arc;

/// `begin` of a row that no commit has made visible yet.
pub(crate) const UNBORN: u64 = u64::MAX;
pub(super) const TOMBSTONE: u64 = 1;
const OWNER_SHIFT: u32 = 48;
pub(super) const CHAIN_MASK: u64 = 0xFFFF_FFFF;
/// The owner of a slot that holds no row.
const NO_ROW: u64 = 0xFFFF;
/// A blank page's words say of each slot, too, that nobody is to see what is there, and that it has no
/// chain.
const BLANK: u64 = NO_ROW << OWNER_SHIFT;
const _: () = assert!(BLANK == BLANK_WORD && BLANK & CHAIN_MASK == 0 && BLANK & QUEUED == 0);
/// Says in the owner word that the row waits in the queue of garbage; changed by its owner.
const QUEUED: u64 = 1 << 47;
/// The bits of the owner word that count a slot's rows.
pub(super) const GENERATION: u64 = 0x7FFF << 32;
/// Words before the key in a slot, before the payload in a node.
pub(super) const HEADER_WORDS: usize = 2;
/// Who may write a row: a transaction's number, 0 for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(pub u16);

/// Why a slot's owner word could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// By this transaction.
    By(Owner),
    /// The slot holds no row any more.
    NoRow,
}

/// The state of a row's newest committed version, as its owner finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newest {
    /// Inserted by the owner, not committed.
    Unborn,
    /// Committed at this timestamp.
    Live(Timestamp),
    /// Deleted at this timestamp.
    Deleted(Timestamp),
}

/// The slots and nodes of one table.
pub(crate) struct Versions {
    pub(super) slots: Arena,
    pub(super) nodes: Arc<Arena>,
    pub(super) spares: Spares,
    pub(super) retired: Retired,
    pub(super) left: LeftPages,
    /// What is known of the slots' pages.
    pub(crate) images: Arc<Images>,
    pub(super) epoch: Arc<Epoch>,
    pub(super) timeline: Arc<Timeline>,
    pub(super) key_words: usize,
    payload_words: usize,
    /// Of key and payload.
    words: usize,
}

impl Versions {
    pub(crate) fn new(
        pool: &Arc<PagePool>,
        epoch: &Arc<Epoch>,
        timeline: &Arc<Timeline>,
        holder: &Holder,
        layout: &Layout,
    ) -> Result<Self> {
        let slot = HEADER_WORDS + layout.words();
        let slots = SlotShape {
            // Slots of up to a cache line take a whole one, so that a read touches one line.
            stride: if slot <= 8 { slot.next_power_of_two() } else { slot },
            link_word: HEADER_WORDS,
            fresh: [UNBORN, BLANK],
            first: 0,
            read_when_free: true, // by scans and by who follows stale index entries
        };
        let nodes = SlotShape {
            stride: HEADER_WORDS + layout.payload_words().max(1),
            link_word: 1,
            fresh: [UNBORN, 0],
            first: 1, // 0 ends a chain
            read_when_free: false,
        };
        let nodes = Arc::new(Arena::new(Arc::clone(pool), holder.child("versions"), nodes)?);
        Ok(Self {
            slots: Arena::new(Arc::clone(pool), holder.child("rows"), slots)?,
            retired: Retired::new(Arc::clone(&nodes), Arc::clone(epoch)),
            left: LeftPages::default(),
            images: Images::new(pool, holder.child("column images"), layout.columns()),
            nodes,
            spares: Spares::default(),
            epoch: Arc::clone(epoch),
            timeline: Arc::clone(timeline),
            key_words: layout.key_words(),
            payload_words: layout.payload_words(),
            words: layout.words(),
        })
    }

    /// Counts nodes and pages that wait to be freed in this total, by which upkeep knows that there are some.
    pub(crate) fn count_waiting_in(&mut self, total: &Arc<AtomicU64>) {
        self.retired.count_in(Arc::clone(total));
        self.left.count_in(Arc::clone(total));
    }

    // ---- reading: in `read` and `walk`

    fn copy_node(&self, node: *const AtomicU64, range: &Range<usize>, out: &mut [u64]) {
        let start = range.start.max(self.key_words).min(range.end);
        for (at, out) in out[start..range.end].iter_mut().enumerate() {
            *out = word(node, HEADER_WORDS + start - self.key_words + at).load(Relaxed);
        }
    }

    /// Copies the key words of a slot, whatever its state.
    pub(crate) fn key_words(&self, row: u32, out: &mut [u64]) {
        // SAFETY: row numbers come from this table's indexes or pages.
        copy(unsafe { self.slots.slot(row) }, HEADER_WORDS, &(0..self.key_words), out);
    }

    /// The rows of the table, page by page.
    pub(crate) fn pages(&self) -> u32 {
        self.slots.pages()
    }

    /// The row numbers of a page, used or not.
    pub(crate) fn page_rows(&self, page: u32) -> Range<u32> {
        self.slots.page_slots(page)
    }

    /// Bytes of slots without a row, and of all.
    pub(crate) fn slot_use(&self) -> (u64, u64) {
        self.slots.slot_use()
    }

    /// Bytes of a node.
    pub(crate) fn node_bytes(&self) -> u64 {
        self.nodes.slot_bytes()
    }

    /// Nodes that wait until no reader stands on them.
    pub(crate) fn waiting_nodes(&self) -> u64 {
        self.retired.waiting()
    }

    // ---- owning

    /// The owner of a row, if it has one.
    #[inline]
    pub(crate) fn owner(&self, row: u32) -> Owner {
        // SAFETY: row numbers come from this table's indexes or pages.
        owner_of(unsafe { self.slots.slot(row) })
    }

    /// Takes a row's owner word: first updater wins (invariant I5).
    #[inline]
    pub(crate) fn own(&self, row: u32, me: Owner) -> Result<(), Held> {
        take(self.meta(row), me)
    }

    /// A row is about to be written and committed: has the processor fetch what that changes beside it.
    #[inline(always)]
    pub(crate) fn expect_change(&self, row: u32) {
        self.images.expect_change(self.slots.page_of(row));
        self.timeline.expect_commit();
    }

    /// Gives the owner word up.
    #[inline]
    pub(crate) fn disown(&self, row: u32) {
        give_up(self.meta(row));
    }

    /// Gives an owned row to another owner, who sees what the caller wrote.
    #[inline]
    pub(crate) fn pass_on(&self, row: u32, to: Owner) {
        let meta = self.meta(row);
        let others = meta.load(Relaxed) & !(0xFFFF << OWNER_SHIFT);
        meta.store(others | u64::from(to.0) << OWNER_SHIFT, Release);
    }

    /// The newest committed state; the caller owns the row, or takes what it gets as a hint.
    pub(crate) fn newest(&self, row: u32) -> Newest {
        // SAFETY: row numbers come from this table's indexes or pages.
        match unsafe { self.slots.word(row, 0) }.load(Acquire) {
            UNBORN | BLANK => Newest::Unborn,
            begin if begin & TOMBSTONE != 0 => Newest::Deleted(Timestamp(begin >> 1)),
            begin => Newest::Live(Timestamp(begin >> 1)),
        }
    }

    /// Copies key and newest payload; the caller owns the row.
    pub(crate) fn copy_newest(&self, row: u32, out: &mut [u64]) {
        let range = 0..self.words;
        // SAFETY: row numbers come from this table's indexes or pages.
        copy(unsafe { self.slots.slot(row) }, HEADER_WORDS, &range, out);
    }

    // ---- a transaction's private states

    /// A fresh row owned by `me`, invisible to everybody, with this key.
    pub(crate) fn new_row(&self, me: Owner, key: &[u64]) -> Result<u32> {
        let row = self.slots.allocate()?;
        self.images.expect_page(self.slots.page_of(row));
        // SAFETY: just allocated.
        let slot = unsafe { self.slots.slot(row) };
        word(slot, 0).store(UNBORN, Release);
        // For a reader whose snapshot was given up, and who still copies the row that was here:
        // whoever gets one of the new words finds `begin` changed. Pairs with the fence in `read`.
        fence(Release);
        for (at, value) in key.iter().enumerate() {
            word(slot, HEADER_WORDS + at).store(*value, Relaxed);
        }
        let generation = word(slot, 1).load(Relaxed) & GENERATION;
        word(slot, 1).store(generation | u64::from(me.0) << OWNER_SHIFT, Release);
        Ok(row)
    }

    // ---- loading: nobody reads yet

    /// Takes up to so many slots for rows to be loaded, at least one; the first of them comes last.
    pub(crate) fn take_slots(&self, most: usize, slots: &mut Vec<u32>) -> Result<()> {
        let before = slots.len();
        self.slots.allocate_some(most, |slot| slots.push(slot))?;
        slots[before..].reverse();
        Ok(())
    }

    /// Makes a slot that was taken a committed row of these words, owned by nobody.
    pub(crate) fn load(&self, row: u32, words: &[u64], at: Timestamp) {
        // SAFETY: the slot was taken by the caller.
        let slot = unsafe { self.slots.slot(row) };
        let generation = word(slot, 1).load(Relaxed) & GENERATION;
        word(slot, 1).store(generation, Relaxed);
        paste(slot, HEADER_WORDS, &words[..self.words]);
        word(slot, 0).store(at.0 << 1, Release);
    }

    /// Gives a row's slot back: nobody can see it and no index leads to it.
    pub(crate) fn drop_row(&self, row: u32) {
        let meta = self.meta(row);
        let generation = meta.load(Relaxed).wrapping_add(1 << 32) & GENERATION;
        meta.store(NO_ROW << OWNER_SHIFT | generation, Release);
        // SAFETY: row numbers come from this table's indexes or pages.
        unsafe { self.slots.word(row, 0) }.store(UNBORN, Release);
        self.slots.release(row);
    }

    /// Keeps a change's new payload in its node until the commit.
    #[inline]
    pub(crate) fn stage(&self, node: u32, payload: &[u64]) {
        // SAFETY: the node is the caller's.
        let node = unsafe { self.nodes.slot(node) };
        paste(node, HEADER_WORDS, &payload[..self.payload_words]);
    }

    /// The payload staged in a node, to its places in `out` (which has room for key and payload).
    pub(crate) fn staged(&self, node: u32, out: &mut [u64]) {
        // SAFETY: the node is the caller's.
        let at = unsafe { self.nodes.slot(node) };
        self.copy_node(at, &(0..self.words), out);
    }

    /// Keeps an insert's payload in its slot: nobody reads it while the row is unborn.
    pub(crate) fn stage_insert(&self, row: u32, payload: &[u64]) {
        // SAFETY: the row is the caller's.
        let slot = unsafe { self.slots.slot(row) };
        paste(slot, HEADER_WORDS + self.key_words, &payload[..self.payload_words]);
    }

    // ---- installing

    /// Makes an insert's version the newest one.
    pub(crate) fn install_insert(&self, row: u32, at: Timestamp) {
        self.images.note_change(self.slots.page_of(row), at);
        // SAFETY: the row is the caller's. Release pairs with Acquire in `read`.
        unsafe { self.slots.word(row, 0) }.store(at.0 << 1, Release);
    }

    /// Makes the payload staged in `node` the newest version, or a tombstone; the old one goes to
    /// the chain in that same node. True if the caller must queue the row as garbage.
    #[inline]
    pub(crate) fn install(
        &self,
        row: u32,
        node: u32,
        at: Timestamp,
        delete: bool,
        room: &mut [u64],
    ) -> bool {
        self.images.note_change(self.slots.page_of(row), at);
        // SAFETY: the row and the node are the caller's.
        let (slot, old) = unsafe { (self.slots.slot(row), self.nodes.slot(node)) };
        let first = HEADER_WORDS + self.key_words;
        let room = &mut room[..self.payload_words];
        let (mut staged, mut newest) = (old.wrapping_add(HEADER_WORDS), slot.wrapping_add(first));
        let (fours, rest) = room.as_chunks_mut::<4>();
        for four in fours {
            *four = [0, 1, 2, 3].map(|at| swap_in(staged, newest, at));
            (staged, newest) = (staged.wrapping_add(4), newest.wrapping_add(4));
        }
        let one = |at| swap_in(staged, newest, at);
        match rest {
            [a] => *a = one(0),
            [a, b] => (*a, *b) = (one(0), one(1)),
            [a, b, c] => (*a, *b, *c) = (one(0), one(1), one(2)),
            _ => {}
        }
        let meta = word(slot, 1).load(Relaxed);
        word(old, 0).store(word(slot, 0).load(Relaxed), Relaxed);
        word(old, 1).store(meta & CHAIN_MASK, Relaxed);
        // The link; pairs with Acquire in `read_chain`.
        let link = meta & !CHAIN_MASK | QUEUED | u64::from(node);
        if !planted::bug("linked_after_begin") {
            word(slot, 1).store(link, planted::order("link_relaxed", Release));
        }
        let queue = meta & QUEUED == 0;
        let begin = at.0 << 1 | u64::from(delete);
        if planted::bug("begin_after_payload") {
            self.write_payload(slot, room);
            for _ in 0..200 {
                std::hint::spin_loop();
            }
            word(slot, 0).store(begin, Release);
            return queue;
        }
        // The stamp; pairs with Acquire in `read`.
        word(slot, 0).store(begin, planted::order("stamp_relaxed", Release));
        if planted::bug("linked_after_begin") {
            word(slot, 1).store(link, Release);
        }
        if !planted::bug("install_without_fence") {
            fence(Release); // pairs with the fence after the copy in `read`
        }
        if !delete {
            self.write_payload(slot, room);
        }
        queue
    }

    fn write_payload(&self, slot: *const AtomicU64, payload: &[u64]) {
        paste(slot, HEADER_WORDS + self.key_words, payload);
    }

    // ---- reclaiming and loading: the caller owns the row; `prune` takes versions out

    /// Copies the payload of a version that was taken out to its places in `out`.
    pub(crate) fn copy_pruned(&self, pruned: &Pruned, out: &mut [u64]) {
        self.staged(pruned.node, out);
    }

    /// Notes that the owned row waits in the queue of garbage; false if it did already.
    pub(crate) fn mark_queued(&self, row: u32) -> bool {
        let meta = self.meta(row);
        let before = meta.load(Relaxed);
        meta.store(before | QUEUED, Relaxed);
        before & QUEUED == 0
    }

    /// Notes that it does not.
    pub(crate) fn unmark_queued(&self, row: u32) {
        let meta = self.meta(row);
        meta.store(meta.load(Relaxed) & !QUEUED, Relaxed);
    }

    /// The first version node of a row's chain.
    pub(crate) fn chain(&self, row: u32) -> CutOff {
        CutOff { next: (self.meta(row).load(Relaxed) & CHAIN_MASK) as u32 }
    }

    /// Looks at a node: copies its payload to its places in `out`; true unless it is a tombstone.
    pub(crate) fn next_node(&self, at: &mut CutOff, out: &mut [u64]) -> Option<(u32, bool)> {
        if at.next == 0 {
            return None;
        }
        let number = at.next;
        // SAFETY: chains hold nodes of this table.
        let node = unsafe { self.nodes.slot(number) };
        self.copy_node(node, &(0..self.words), out);
        at.next = word(node, 1).load(Relaxed) as u32;
        Some((number, word(node, 0).load(Relaxed) & TOMBSTONE == 0))
    }

    fn meta(&self, row: u32) -> &AtomicU64 {
        // SAFETY: row numbers come from this table's indexes or pages.
        unsafe { self.slots.word(row, 1) }
    }
}

/// A place in a chain of versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutOff {
    next: u32,
}

/// A bare pointer, not a slice: with one the compiler reloads base and length after each fence.
#[inline(always)]
pub(super) fn word<'a>(start: *const AtomicU64, at: usize) -> &'a AtomicU64 {
    // SAFETY: callers stay within the stride of a slot or node of a live arena.
    unsafe { &*start.add(at) }
}

/// Takes an owner word that is nobody's.
#[inline(always)]
fn take(meta: &AtomicU64, me: Owner) -> Result<(), Held> {
    let mut known = meta.load(Relaxed);
    loop {
        if known >> OWNER_SHIFT != 0 && !planted::bug("owner_ignored") {
            return Err(match known >> OWNER_SHIFT {
                NO_ROW => Held::NoRow,
                owner => Held::By(Owner(owner as u16)),
            });
        }
        let mine = known & !(0xFFFF << OWNER_SHIFT) | u64::from(me.0) << OWNER_SHIFT;
        // Acquire pairs with Release in `give_up`: the owner sees what the last one wrote.
        let acquire = planted::order("own_relaxed", Acquire);
        match meta.compare_exchange(known, mine, acquire, Relaxed) {
            Ok(_) => return Ok(()),
            Err(now) => known = now,
        }
    }
}

#[inline(always)]
fn give_up(meta: &AtomicU64) {
    let release = planted::order("disown_relaxed", Release);
    meta.store(meta.load(Relaxed) & !(0xFFFF << OWNER_SHIFT), release);
}

fn owner_of(slot: *const AtomicU64) -> Owner {
    let owner = word(slot, 1).load(Relaxed) >> OWNER_SHIFT;
    Owner(if owner == NO_ROW { 0 } else { owner as u16 })
}

/// Unrolled: the fewer instructions a read has, the sooner the processor sees the next one and can
/// wait for the memory of both at once.
#[inline(always)]
fn copy(slot: *const AtomicU64, skip: usize, range: &Range<usize>, out: &mut [u64]) {
    let mut from: *const AtomicU64 = word(slot, skip + range.start);
    let (fours, rest) = out[range.clone()].as_chunks_mut::<4>();
    for four in fours {
        *four = [0, 1, 2, 3].map(|at| word(from, at).load(Relaxed));
        from = from.wrapping_add(4);
    }
    let one = |at| word(from, at).load(Relaxed);
    match rest {
        [a] => *a = one(0),
        [a, b] => (*a, *b) = (one(0), one(1)),
        [a, b, c] => (*a, *b, *c) = (one(0), one(1), one(2)),
        _ => {}
    }
}

/// Moves a word of a slot to its place in a node; gives what was there.
#[inline(always)]
fn swap_in(staged: *const AtomicU64, newest: *const AtomicU64, at: usize) -> u64 {
    let before = word(staged, at).load(Relaxed);
    word(staged, at).store(word(newest, at).load(Relaxed), Relaxed);
    before
}

/// Unrolled like `copy`.
#[inline(always)]
fn paste(slot: *const AtomicU64, skip: usize, words: &[u64]) {
    let mut to: *const AtomicU64 = word(slot, skip);
    let (fours, rest) = words.as_chunks::<4>();
    for four in fours {
        for (at, value) in four.iter().enumerate() {
            word(to, at).store(*value, Relaxed);
        }
        to = to.wrapping_add(4);
    }
    let one = |at, value: &u64| word(to, at).store(*value, Relaxed);
    match rest {
        [a] => one(0, a),
        [a, b] => (one(0, a), one(1, b)).0,
        [a, b, c] => (one(0, a), one(1, b), one(2, c)).0,
        _ => {}
    }
}
