//! A value that is replaced while others share it: `mem/current.rs`.

use super::{Search, check, notices};
use crate::mem::current::Current;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// What its holders read, and who replaced it writes once they are gone.
struct Used(UnsafeCell<u32>);

// SAFETY: loom fails the model if two threads use it at once.
unsafe impl Sync for Used {}
// SAFETY: as above.
unsafe impl Send for Used {}

fn current() -> Arc<Current<Used>> {
    Arc::new(Current::new(Used(UnsafeCell::new(0))))
}

fn share(current: &Current<Used>) -> u32 {
    let held = current.share();
    held.0.with(|value| {
        // SAFETY: loom fails the model if somebody writes it meanwhile.
        unsafe { *value }
    })
}

/// Once its replacer is the only holder, it may do with the old value what it likes.
#[test]
fn a_replaced_value_belongs_to_its_replacer_once_nobody_else_holds_it() {
    check("a replaced value", Search::Whole, || {
        let current = current();
        let users: Vec<_> = (0..2)
            .map(|_| {
                let current = Arc::clone(&current);
                thread::spawn(move || share(&current))
            })
            .collect();
        let old = current.replace(Used(UnsafeCell::new(1)));
        let alone = old.others() == 0;
        if alone {
            old.0.with_mut(|value| {
                // SAFETY: loom fails the model if somebody reads it meanwhile.
                unsafe { *value = 2 }
            });
        }
        for user in users {
            let seen = user.join().expect("a user that ends");
            assert!(seen < 2, "used after its replacer saw that nobody holds it");
        }
        drop(old); // kept until whoever may be about to share it has ended
    });
}

#[test]
fn a_replaced_value_belongs_to_its_replacer_or_noticed() {
    let bugs =
        ["share_not_checked", "share_without_fence", "replace_without_fence", "holders_relaxed"];
    let test =
        "models::current::a_replaced_value_belongs_to_its_replacer_once_nobody_else_holds_it";
    notices(test, &bugs);
}
