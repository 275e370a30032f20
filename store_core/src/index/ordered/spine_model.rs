//! The skip list as a model sees it: a sorted list behind one lock, with the part of
//! `crossbeam_skiplist::base` that the spine uses. Entries that were taken out stay until the list
//! is dropped.
//!
//! A lock orders more than a skip list does, but only what comes before an operation on the spine
//! with what comes after a later one; blocks are exchanged after the spine was asked.

use crate::mem::epoch::{Collector, Guard};
use crate::sync::Mutex;
use std::ops::Bound;

pub(super) struct SkipList<K, V> {
    entries: Mutex<Vec<Entry<K, V>>>,
    /// Everything that was ever made.
    made: std::sync::Mutex<Vec<Entry<K, V>>>,
}

/// An entry, in the list or not.
pub(super) struct Entry<K, V>(*mut (K, V));

// SAFETY: the threads of a model are one thread of the system.
unsafe impl<K, V> Send for Entry<K, V> {}

impl<K, V> Clone for Entry<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Entry<K, V> {}

impl<K: 'static, V: 'static> Entry<K, V> {
    fn pair<'a>(self) -> &'a (K, V) {
        // SAFETY: entries live as long as the list, and so do its users.
        unsafe { &*self.0 }
    }

    pub(super) fn key<'a>(&self) -> &'a K {
        &self.pair().0
    }

    pub(super) fn value<'a>(&self) -> &'a V {
        &self.pair().1
    }

    #[expect(clippy::unused_self, reason = "nothing is counted")]
    pub(super) fn release(self, _: &Guard) {}
}

impl<K: Ord + 'static, V: 'static> SkipList<K, V> {
    pub(super) fn new(_: Collector) -> Self {
        Self { entries: Mutex::new(Vec::new()), made: std::sync::Mutex::default() }
    }

    pub(super) fn upper_bound(&self, bound: Bound<&K>, _: &Guard) -> Option<Entry<K, V>> {
        let entries = self.entries.lock();
        let end = entries.partition_point(|entry| match bound {
            Bound::Included(key) => entry.key() <= key,
            Bound::Excluded(key) => entry.key() < key,
            Bound::Unbounded => true,
        });
        entries[..end].last().copied()
    }

    pub(super) fn back(&self, guard: &Guard) -> Option<Entry<K, V>> {
        self.upper_bound(Bound::Unbounded, guard)
    }

    pub(super) fn get_or_insert(&self, key: K, value: V, _: &Guard) -> Entry<K, V> {
        let entry = Entry(Box::into_raw(Box::new((key, value))));
        self.made.lock().expect("no panic holds it").push(entry);
        let mut entries = self.entries.lock();
        let at = entries.partition_point(|other| other.key() < entry.key());
        entries.insert(at, entry);
        entry
    }

    pub(super) fn remove(&self, key: &K, _: &Guard) -> Option<Entry<K, V>> {
        let mut entries = self.entries.lock();
        let at = entries.iter().position(|entry| entry.key() == key)?;
        Some(entries.remove(at))
    }

    #[cfg(test)]
    pub(super) fn iter(&self, _: &Guard) -> std::vec::IntoIter<Entry<K, V>> {
        self.entries.lock().clone().into_iter()
    }
}

impl<K, V> Drop for SkipList<K, V> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for entry in self.made.get_mut().expect("no panic holds it").drain(..) {
            // SAFETY: made by `Box::into_raw`, and nobody else is left.
            drop(unsafe { Box::from_raw(entry.0) });
        }
    }
}
