//! Slots by number, and pages that come and go.

use super::super::page_pool::BLANK_WORD;
use super::*;
use crate::mem::budget::MemoryBudget;

#[test]
fn numbers_lead_to_slots_of_their_own() {
    let budget = MemoryBudget::new(64 << 20);
    let root = budget.holder("store");
    let pool = PagePool::new(root.child("pool")).unwrap();
    let shape =
        SlotShape { stride: 13, link_word: 1, fresh: [7, 8], first: 1, read_when_free: true };
    let holder = root.child("arena");
    let arena = Arena::new(pool, holder.clone(), shape).unwrap();
    let numbers: Vec<u32> = (0..20_000).map(|_| arena.allocate().unwrap()).collect();
    for number in &numbers {
        // SAFETY: allocated above.
        unsafe { arena.word(*number, 12) }.store(u64::from(*number), Relaxed);
    }
    for number in &numbers {
        // SAFETY: allocated above.
        let (first, last) = unsafe { (arena.word(*number, 0), arena.word(*number, 12)) };
        assert_eq!((first.load(Relaxed), last.load(Relaxed)), (7, u64::from(*number)));
    }
    let walked: Vec<u32> = (0..arena.pages()).flat_map(|page| arena.page_slots(page)).collect();
    assert!(walked.starts_with(&numbers));
    arena.release(numbers[5]);
    arena.release(numbers[9]);
    assert_eq!((arena.allocate().unwrap(), arena.allocate().unwrap()), (numbers[9], numbers[5]));
    assert_eq!(arena.live(), 20_000);
    drop(arena);
    assert_eq!(holder.used(), 0);
}

#[test]
fn empty_pages_go_back_but_for_one_and_their_numbers_are_used_again() {
    let budget = MemoryBudget::new(64 << 20);
    let root = budget.holder("store");
    let pool = PagePool::new(root.child("pool")).unwrap();
    let shape =
        SlotShape { stride: 8, link_word: 1, fresh: [0, 0], first: 1, read_when_free: false };
    let holder = root.child("arena");
    let arena = Arena::new(pool, holder.clone(), shape).unwrap();
    let mut most = 0;
    for round in 0..3_u64 {
        let numbers: Vec<u32> = (0..10_000).map(|_| arena.allocate().unwrap()).collect();
        for number in &numbers {
            // SAFETY: allocated above.
            unsafe { arena.word(*number, 7) }.store(round << 32 | u64::from(*number), Relaxed);
        }
        most = most.max(arena.pages());
        for number in numbers.iter().rev() {
            // SAFETY: allocated above.
            let held = unsafe { arena.word(*number, 7) }.load(Relaxed);
            assert_eq!(held, round << 32 | u64::from(*number));
            arena.release(*number);
        }
        assert_eq!(arena.live(), 0);
        // The spare one, and the one whose slots were not all handed out yet.
        assert!(holder.used() <= 2 * PAGE_BYTES as u64, "{} bytes", holder.used());
    }
    assert_eq!(arena.pages(), most);
    assert!(most <= 11, "{most} pages for ten pages of slots");
}

#[test]
fn a_page_that_may_be_read_stays_until_it_is_ended() {
    let budget = MemoryBudget::new(64 << 20);
    let root = budget.holder("store");
    let pool = PagePool::new(root.child("pool")).unwrap();
    let shape =
        SlotShape { stride: 7, link_word: 2, fresh: [5, 6], first: 0, read_when_free: true };
    let holder = root.child("arena");
    // The first page that goes becomes the blank one.
    let other = Arena::new(Arc::clone(&pool), root.child("other"), shape).unwrap();
    let numbers: Vec<u32> = (0..5_000).map(|_| other.allocate().unwrap()).collect();
    other.release_all(&numbers);
    assert!(pool.blank().is_some());
    let arena = Arena::new(Arc::clone(&pool), holder.clone(), shape).unwrap();
    let numbers: Vec<u32> = (0..10_000).map(|_| arena.allocate().unwrap()).collect();
    let full = holder.used();
    // SAFETY: allocated above.
    let word = |number, at| unsafe { arena.word(number, at) }.load(Relaxed);
    // SAFETY: as above.
    let on_the_page = unsafe { arena.slot(numbers[9]) };
    arena.release_all(&numbers);
    assert!(arena.has_left() && arena.is_blank(0) && holder.used() == full);
    let blank = |number: u32| (0..7).all(|at| word(number, at) == BLANK_WORD);
    assert!((0..arena.pages() - 2).all(|page| arena.page_slots(page).all(blank)));
    // SAFETY: the page is there for those who came to it before.
    assert_eq!(unsafe { &*on_the_page }.load(Relaxed), 5);
    let left = arena.take_left();
    assert!(!arena.has_left() && left.is_sorted() && left.len() >= 6);
    // More than the pages that stayed have room for: of those that were left, some are used again.
    let again: Vec<u32> = (0..5_000).map(|_| arena.allocate().unwrap()).collect();
    assert_eq!(holder.used(), full);
    arena.end_pages(&left);
    let used = holder.used();
    assert!(used < full && used >= again.len() as u64 * 7 * 8, "{used} of {full} bytes");
    assert!(again.iter().all(|number| [word(*number, 0), word(*number, 1)] == [5, 6]));
    let later: Vec<u32> = (0..5_000).map(|_| arena.allocate().unwrap()).collect();
    assert!(later.iter().all(|number| [word(*number, 0), word(*number, 1)] == [5, 6]));
    let all: std::collections::HashSet<u32> = again.into_iter().chain(later).collect();
    assert_eq!((all.len(), holder.used()), (10_000, full), "their numbers are used again");
    drop(arena);
    assert_eq!(holder.used(), 0);
}
