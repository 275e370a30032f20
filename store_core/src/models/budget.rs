//! The budget's count, and promises of pages. Pages themselves are handed out under a mutex; what
//! is modelled there is that a promise holds whatever others do meanwhile.

use super::{Search, check, notices};
use crate::mem::MemoryBudget;
use crate::mem::page_pool::PagePool;
use crate::options::PAGE_BYTES;
use loom::thread;
use std::sync::Arc;

/// Two reserve more than fits together: never above the limit, and nothing is lost.
#[test]
fn the_budget_is_never_exceeded() {
    check("the_budget_is_never_exceeded", Search::Whole, || {
        let budget = MemoryBudget::new(1000);
        let holder = budget.holder("store");
        let one = |bytes: usize| {
            let (budget, holder) = (Arc::clone(&budget), holder.child("table"));
            move || {
                let held = holder.reserve(bytes);
                assert!(budget.used() <= 1000, "{} used", budget.used());
                held.is_ok()
            }
        };
        let (mine, other) = (one(600), thread::spawn(one(500)));
        let granted = [mine(), other.join().unwrap()];
        assert!(granted.contains(&true), "both were refused");
        assert!(budget.peak() <= 1000, "peak {}", budget.peak());
        assert_eq!((budget.used(), holder.used()), (0, 0));
    });
}

#[test]
fn the_budget_is_never_exceeded_or_noticed() {
    let bugs = ["reserved_without_exchange", "lost_exchange_counts"];
    notices("models::budget::the_budget_is_never_exceeded", &bugs);
}

/// A commit with a promise of two pages beside somebody who takes all that he can get.
#[test]
fn promised_pages_are_there() {
    check("promised_pages_are_there", Search::Preemptions(2), || {
        let budget = MemoryBudget::new(3 * PAGE_BYTES as u64);
        let root = budget.holder("store");
        let pool = PagePool::new(root.child("pool")).expect("address space");
        let (shared, greedy) = (Arc::clone(&pool), root.child("greedy"));
        let other = thread::spawn(move || {
            let taken = [(); 3].map(|()| shared.allocate(&greedy).ok());
            let count = taken.iter().flatten().count();
            taken.into_iter().flatten().for_each(|page| shared.release(page, &greedy));
            assert_eq!(greedy.used(), 0);
            count
        });
        let commit = root.child("commit");
        let promise = pool.promise(2);
        if promise.is_ok() {
            let pages = [(); 2].map(|()| pool.allocate_promised(&commit));
            pages.into_iter().for_each(|page| pool.release(page, &commit));
        }
        drop(promise);
        assert!(other.join().unwrap() > 0, "nobody had the third page");
        assert_eq!(pool.overdrawn(), 0, "a promise was broken");
        assert!(budget.peak() <= budget.limit(), "peak {}", budget.peak());
        let pages = [(); 3].map(|()| pool.allocate(&commit).expect("a page was lost"));
        pages.into_iter().for_each(|page| pool.release(page, &commit));
        assert_eq!(commit.used(), 0);
    });
}

#[test]
fn promised_pages_are_there_or_noticed() {
    notices("models::budget::promised_pages_are_there", &["promise_not_kept"]);
}
