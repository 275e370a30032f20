//! The ordered index: exchanges of blocks, splits, nodes that run empty, and walks beside them.
//!
//! Under loom a block has at most two entries. Epochs and the skip list are stand-ins
//! (`mem/epoch_model.rs`, `index/ordered/spine_model.rs`); blocks, nodes and slab are the real ones.

use super::{Search, check, holder, notices};
use crate::index::ordered::{Direction, KeyRange, OrderedIndex};
use crate::mem::epoch::Epoch;
use crate::mem::page_pool::PagePool;
use crate::mem::slab::Slab;
use crate::options::PAGE_BYTES;
use loom::thread;
use std::sync::Arc;

/// An index of these numbers, each with itself as row.
fn index_of(numbers: &[u32]) -> Arc<OrderedIndex> {
    index_in(Epoch::new(), numbers)
}

pub(super) fn index_in(epoch: Arc<Epoch>, numbers: &[u32]) -> Arc<OrderedIndex> {
    let holder = holder(64 * PAGE_BYTES as u64);
    let pool = PagePool::new(holder.child("pool")).expect("address space");
    pool.keep_reserve(16).expect("the budget has them");
    let slab = Slab::new(pool, holder.child("blocks"));
    let index = OrderedIndex::new(slab, epoch, holder, Some(4));
    numbers.iter().for_each(|number| insert(&index, *number));
    Arc::new(index)
}

fn insert(index: &OrderedIndex, number: u32) {
    index.insert(&number.to_be_bytes(), number);
}

fn remove(index: &OrderedIndex, number: u32) -> bool {
    index.remove(&number.to_be_bytes(), number)
}

fn walk(index: &OrderedIndex, direction: Direction) -> Vec<u32> {
    let mut rows = Vec::new();
    while index.scan(&KeyRange::all(), direction).next_rows(&mut rows, 100) {}
    rows
}

/// Two inserts into one block: the loser of the exchange tries again.
#[test]
fn no_insert_is_lost() {
    check("no_insert_is_lost", Search::Whole, || {
        let index = index_of(&[]);
        let shared = Arc::clone(&index);
        let other = thread::spawn(move || insert(&shared, 20));
        insert(&index, 10);
        other.join().unwrap();
        assert_eq!(walk(&index, Direction::Ascending), [10, 20]);
    });
}

#[test]
fn no_insert_is_lost_or_noticed() {
    let bugs = ["lost_cas_reported_as_success", "block_exchange_relaxed", "block_load_relaxed"];
    notices("models::ordered::no_insert_is_lost", &bugs);
}

/// Two inserts that split one full block: the spine learns only of nodes that are in the chain.
#[test]
fn two_splits_of_one_block() {
    check("two_splits_of_one_block", Search::Preemptions(3), || {
        let index = index_of(&[10, 20]);
        let shared = Arc::clone(&index);
        let other = thread::spawn(move || insert(&shared, 15));
        insert(&index, 5);
        other.join().unwrap();
        assert_eq!(walk(&index, Direction::Ascending), [5, 10, 15, 20]);
        assert_eq!(walk(&index, Direction::Descending), [20, 15, 10, 5]);
        assert_eq!(index.len(), 4);
    });
}

#[test]
fn two_splits_of_one_block_or_noticed() {
    notices("models::ordered::two_splits_of_one_block", &["indexed_before_exchange"]);
}

/// Walks up and down beside inserts that split: what is there throughout comes once, in order.
#[test]
fn a_walk_beside_a_split() {
    for direction in [Direction::Ascending, Direction::Descending] {
        check("a_walk_beside_a_split", Search::Preemptions(3), move || {
            let index = index_of(&[10, 20, 30]);
            let shared = Arc::clone(&index);
            let reader = thread::spawn(move || {
                let mut rows = walk(&shared, direction);
                if direction == Direction::Descending {
                    rows.reverse();
                }
                let (new, old): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| **row % 10 > 0);
                assert!(rows.is_sorted() && old == [10, 20, 30], "{rows:?}");
                assert!(matches!(new[..], [] | [12] | [15] | [12, 15]), "{rows:?}");
            });
            insert(&index, 12);
            insert(&index, 15);
            reader.join().unwrap();
        });
    }
}

#[test]
fn a_walk_beside_a_split_or_noticed() {
    let bugs = ["block_exchange_relaxed", "block_load_relaxed", "block_freed_at_once"];
    notices("models::ordered::a_walk_beside_a_split", &bugs);
}

/// A node runs empty and dies while somebody inserts into its range.
#[test]
fn an_insert_beside_a_dying_node() {
    check("an_insert_beside_a_dying_node", Search::Preemptions(3), || {
        let index = index_of(&[10, 20, 30, 40, 50, 60]); // [10 20] [30 40] [50 60]
        assert!(remove(&index, 30));
        let shared = Arc::clone(&index);
        let inserter = thread::spawn(move || insert(&shared, 35));
        assert!(remove(&index, 40));
        inserter.join().unwrap();
        assert_eq!(walk(&index, Direction::Ascending), [10, 20, 35, 50, 60]);
        assert_eq!(walk(&index, Direction::Descending), [60, 50, 35, 20, 10]);
        assert_eq!(index.len(), 5);
    });
}

#[test]
fn an_insert_beside_a_dying_node_or_noticed() {
    let bugs = ["dead_block_covers", "insert_killed"];
    notices("models::ordered::an_insert_beside_a_dying_node", &bugs);
}

/// A walk beside a node that dies.
#[test]
fn a_walk_beside_a_dying_node() {
    check("a_walk_beside_a_dying_node", Search::Preemptions(3), || {
        let index = index_of(&[10, 20, 30, 40, 50, 60]); // [10 20] [30 40] [50 60]
        assert!(remove(&index, 30));
        let shared = Arc::clone(&index);
        let reader = thread::spawn(move || {
            let rows = walk(&shared, Direction::Ascending);
            let [10, 20, among @ .., 50, 60] = &rows[..] else { panic!("{rows:?}") };
            assert!(matches!(among, [] | [40] | [45] | [40, 45]), "{rows:?}");
        });
        assert!(remove(&index, 40));
        insert(&index, 45);
        reader.join().unwrap();
        assert_eq!(walk(&index, Direction::Ascending), [10, 20, 45, 50, 60]);
    });
}

#[test]
fn a_walk_beside_a_dying_node_or_noticed() {
    let bugs = ["block_freed_at_once", "block_load_relaxed"];
    notices("models::ordered::a_walk_beside_a_dying_node", &bugs);
}

/// A node with one entry left is merged with its right neighbour, while somebody inserts into either.
/// Afterwards the last of what was merged goes, too: had copies stayed that no longer count, they
/// would come to light.
#[test]
fn an_insert_beside_a_merge() {
    for new in [35, 45, 55] {
        check("an_insert_beside_a_merge", Search::Preemptions(3), move || {
            let index = index_of(&[10, 20, 30, 40, 50]); // [10 20] [30 40] [50]
            let shared = Arc::clone(&index);
            let inserter = thread::spawn(move || insert(&shared, new));
            assert!(remove(&index, 30));
            inserter.join().unwrap();
            let mut expected = vec![10, 20, 40, 50, new];
            expected.sort_unstable();
            assert_eq!(walk(&index, Direction::Ascending), expected);
            assert!(remove(&index, 40));
            expected.retain(|number| *number != 40);
            assert_eq!(walk(&index, Direction::Ascending), expected);
            expected.reverse();
            assert_eq!(walk(&index, Direction::Descending), expected);
            assert_eq!(index.len(), 4);
        });
    }
}

#[test]
fn an_insert_beside_a_merge_or_noticed() {
    let bugs = ["insert_killed", "copies_stay", "dead_block_covers", "block_exchange_relaxed"];
    notices("models::ordered::an_insert_beside_a_merge", &bugs);
}

/// Walks up and down beside a merge: what is there throughout comes once, in order.
#[test]
fn a_walk_beside_a_merge() {
    for direction in [Direction::Ascending, Direction::Descending] {
        check("a_walk_beside_a_merge", Search::Preemptions(3), move || {
            let index = index_of(&[10, 20, 30, 40, 50]); // [10 20] [30 40] [50]
            let shared = Arc::clone(&index);
            let reader = thread::spawn(move || {
                let mut rows = walk(&shared, direction);
                if direction == Direction::Descending {
                    rows.reverse();
                }
                let [10, 20, among @ .., 50] = &rows[..] else { panic!("{rows:?}") };
                let seen = [[].as_slice(), &[30], &[35]].map(|first| [first, &[40]].concat());
                assert!(seen.iter().any(|seen| seen == among), "{rows:?}");
            });
            assert!(remove(&index, 30));
            insert(&index, 35);
            reader.join().unwrap();
            assert_eq!(walk(&index, Direction::Ascending), [10, 20, 35, 40, 50]);
        });
    }
}

#[test]
fn a_walk_beside_a_merge_or_noticed() {
    let bugs = ["copied_after_death", "copies_read", "block_freed_at_once", "block_load_relaxed"];
    notices("models::ordered::a_walk_beside_a_merge", &bugs);
}
