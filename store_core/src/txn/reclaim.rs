//! Reclaim: versions that no snapshot can see go, with their index entries and long values.
//!
//! Bounded steps, taken by committers. Whoever cuts a row's chain owns the row, and entries of a
//! row are only added by its owner: so no entry can be added while its last version is being
//! looked for, and an index block needs no second look.

use super::engine::Engine;
use super::prepare::RowWords;
use super::rows::{Rows, SecondaryIndex};
use super::write::RECLAIMER;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::{CutOff, Held, Newest};
use crate::planted;
use crate::sync::Relaxed;
use smallvec::SmallVec;

impl Engine {
    /// Looks at up to `steps` rows with superseded versions; returns how many it looked at.
    pub(crate) fn reclaim(&self, rows: &Rows, steps: usize) -> usize {
        rows.primary.collect();
        let mut ready: SmallVec<[(Timestamp, u32); 32]> = SmallVec::new();
        {
            let Some(mut queue) = rows.garbage.try_lock() else { return 0 };
            let Some(oldest) = queue.front() else { return 0 };
            let mut watermark = self.timeline.watermark();
            if oldest.0 > watermark {
                watermark = self.timeline.advance_watermark();
            }
            while ready.len() < steps && queue.front().is_some_and(|entry| entry.0 <= watermark) {
                ready.extend(queue.pop_front());
            }
        }
        for (at, row) in &ready {
            match rows.versions.own(*row, RECLAIMER) {
                Ok(()) => self.cut(rows, *row),
                Err(Held::NoRow) => {}
                Err(Held::By(_)) => rows.garbage.lock().push_back((*at, *row)),
            }
        }
        ready.len()
    }

    /// Cuts an owned row's chain at the watermark and gives the row up, or the whole row if its
    /// newest version is a tombstone that everybody sees.
    fn cut(&self, rows: &Rows, row: u32) {
        let watermark = self.timeline.watermark();
        let newest = rows.versions.newest(row);
        let mut cut = rows.versions.cut(row, watermark);
        let mut dropped: SmallVec<[(u32, bool, RowWords); 4]> = SmallVec::new();
        let mut words = RowWords::zeroed(rows.layout.words());
        rows.versions.key_words(row, &mut words);
        while let Some((node, live)) = rows.versions.next_node(&mut cut, &mut words) {
            dropped.push((node, live, words.clone()));
        }
        let gone = matches!(newest, Newest::Deleted(at) if at <= watermark);
        if !dropped.is_empty() {
            let live: SmallVec<[&[u64]; 4]> =
                dropped.iter().filter(|version| version.1).map(|version| &version.2[..]).collect();
            forget_entries(rows, row, rows.indexes.iter(), &live);
            release_versions(rows, row, &dropped);
            for (node, _, _) in &dropped {
                rows.versions.drop_node(*node);
            }
            self.counters.versions_reclaimed.fetch_add(dropped.len() as u64, Relaxed);
        }
        if gone {
            rows.primary.remove(rows.view(&words).key_hash(), row);
            rows.release_key(&words);
            rows.versions.drop_row(row);
        } else {
            rows.versions.disown(row);
        }
    }
}

/// Takes the entries of `dropped` versions out of these indexes, unless a committed version that
/// is still in the owned row's chain has the same value.
pub(super) fn forget_entries<'i>(
    rows: &Rows,
    row: u32,
    indexes: impl Iterator<Item = &'i SecondaryIndex>,
    dropped: &[&[u64]],
) {
    let mut kept: Option<Vec<RowWords>> = None;
    for index in indexes {
        for words in dropped {
            let kept = kept.get_or_insert_with(|| committed_versions(rows, row));
            if kept.iter().any(|version| index.same_value(rows, version, words))
                && !planted::bug("needed_entry_forgotten")
            {
                continue;
            }
            let mut key = Vec::new();
            if index.encode(rows, words, &mut key).is_ok() {
                remove_entry(rows, index, &key, row);
            }
        }
    }
}

/// Takes one entry out of an index.
pub(super) fn remove_entry(rows: &Rows, index: &SecondaryIndex, key: &[u8], row: u32) {
    // Without the pages the removal goes over the budget for a moment, to free more.
    let promise = rows.pool.promise(index.pages_for(1, key.len())).ok();
    index.tree.remove(key, row);
    drop(promise);
}

/// Key and payload of each committed version of an owned row that is not a tombstone.
pub(super) fn committed_versions(rows: &Rows, row: u32) -> Vec<RowWords> {
    let mut versions = Vec::new();
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(row, &mut words);
    if matches!(rows.versions.newest(row), Newest::Live(_)) {
        versions.push(words.clone());
    }
    let mut chain: CutOff = rows.versions.chain(row);
    while let Some((_, live)) = rows.versions.next_node(&mut chain, &mut words) {
        if live {
            versions.push(words.clone());
        }
    }
    versions
}

/// Gives back the long values of cut-off versions (newest first), except those that the version
/// above each holds too.
fn release_versions(rows: &Rows, row: u32, dropped: &[(u32, bool, RowWords)]) {
    if rows.layout.long_columns().is_empty() {
        return;
    }
    let mut newer: Option<RowWords> = oldest_kept(rows, row);
    for (_, live, words) in dropped {
        if *live {
            rows.release_payload(words, newer.as_deref());
        }
        newer = live.then(|| words.clone());
    }
}

/// The version just above the cut, if it is not a tombstone.
fn oldest_kept(rows: &Rows, row: u32) -> Option<RowWords> {
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(row, &mut words);
    let mut live = matches!(rows.versions.newest(row), Newest::Live(_));
    let mut chain = rows.versions.chain(row);
    while let Some((_, alive)) = rows.versions.next_node(&mut chain, &mut words) {
        live = alive;
    }
    live.then_some(words)
}
