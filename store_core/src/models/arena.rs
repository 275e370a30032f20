//! Arenas: taking and returning a slot is behind a mutex, finding one by its number is not. Under
//! loom a page has four slots and the directory begins with one page, so the second page makes it
//! longer.

use super::{Search, check, holder, notices};
use crate::mem::arena::{Arena, SlotShape};
use crate::mem::page_pool::PagePool;
use crate::options::PAGE_BYTES;
use crate::sync::{Acquire, AtomicU32, Relaxed, Release};
use loom::thread;
use std::sync::Arc;

const SHAPE: SlotShape =
    SlotShape { stride: 2, link_word: 1, fresh: [7, 0], first: 0, read_when_free: true };

fn word(arena: &Arena, slot: u32) -> u64 {
    // SAFETY: callers have the number from the arena.
    unsafe { arena.word(slot, 0) }.load(Relaxed)
}

/// The arena grows by a page, and with it the directory, while others follow numbers to slots.
#[test]
fn a_slot_is_found_while_the_directory_grows() {
    check("a_slot_is_found_while_the_directory_grows", Search::Whole, || {
        let holder = holder(8 * PAGE_BYTES as u64);
        let pool = PagePool::new(holder.child("pool")).expect("address space");
        let arena = Arc::new(Arena::new(pool, holder, SHAPE).expect("slots fit in a page"));
        (0..4).for_each(|slot| assert_eq!(arena.allocate().expect("room"), slot));
        let passed = Arc::new(AtomicU32::new(0));
        let (walker, follower) = (Arc::clone(&arena), (Arc::clone(&arena), Arc::clone(&passed)));
        let walker = thread::spawn(move || {
            for page in 0..walker.pages() {
                walker.page_slots(page).for_each(|slot| assert_eq!(word(&walker, slot), 7));
            }
        });
        let follower = thread::spawn(move || {
            let slot = follower.1.load(Acquire);
            assert_eq!(word(&follower.0, slot), 7);
        });
        let slot = arena.allocate().expect("room");
        passed.store(slot, Release);
        walker.join().unwrap();
        follower.join().unwrap();
        arena.release(slot);
        assert_eq!((arena.allocate().expect("room"), arena.live()), (slot, 5));
    });
}

#[test]
fn a_slot_is_found_while_the_directory_grows_or_noticed() {
    let bugs = ["pages_relaxed", "directory_relaxed"];
    notices("models::arena::a_slot_is_found_while_the_directory_grows", &bugs);
}

/// Two take and return slots: never the same one twice.
#[test]
fn a_slot_has_one_user() {
    check("a_slot_has_one_user", Search::Preemptions(2), || {
        let holder = holder(8 * PAGE_BYTES as u64);
        let pool = PagePool::new(holder.child("pool")).expect("address space");
        let arena = Arc::new(Arena::new(pool, holder, SHAPE).expect("slots fit in a page"));
        let shared = Arc::clone(&arena);
        let other = thread::spawn(move || {
            let first = shared.allocate().expect("room");
            shared.release(first);
            shared.allocate().expect("room")
        });
        let mine = arena.allocate().expect("room");
        assert_ne!(mine, other.join().unwrap());
        assert_eq!(arena.live(), 2);
    });
}
