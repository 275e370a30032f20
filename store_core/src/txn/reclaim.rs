//! Reclaim: versions that no snapshot can see go, with their index entries and long values.
//!
//! Bounded steps, taken by committers, by whoever runs out of memory, and by the upkeep thread.
//! Whoever takes versions out of a row owns the row, and entries of a row are only added by its
//! owner: so no entry can be added while its last version is being looked for, and an index block
//! needs no second look.

use super::engine::Counters;
use super::garbage::{From, Garbage, Looker};
use super::prepare::RowWords;
use super::rows::{Rows, TableData};
use super::secondary::SecondaryIndex;
use super::write::RECLAIMER;
use super::write_set::Write;
use crate::mem::cell::LongCell;
use crate::mvcc::chain::{CutOff, Held, Newest};
use crate::mvcc::live::Keeper;
use crate::mvcc::{FreeNodes, LiveSnapshots, Pruned, Timestamp};
use crate::options::RECLAIM_STEPS;
use crate::planted;
use crate::sync::Relaxed;
use smallvec::SmallVec;
use std::sync::Arc;

/// Room for most index keys.
const KEY_ROOM: usize = 64;

/// A version taken out, with key and payload.
type Dropped = (Pruned, RowWords);

/// Looks at up to `steps` rows with superseded versions; how many need not be looked at again for
/// now.
pub(crate) fn reclaim(rows: &Rows, counters: &Counters, looker: Looker, steps: usize) -> usize {
    rows.primary.collect();
    let batch = rows.garbage.take(&rows.timeline, looker, steps);
    let Some(batch) = batch else { return 0 };
    for cell in &batch.released {
        cell.release(&rows.values);
    }
    let mut visit = Visit::new(rows, &batch.live, looker, None);
    let done = batch.rows.iter().filter(|(row, from)| visit.look_at(*row, *from)).count();
    rows.superseded.take(looker.place(), visit.finish(counters));
    done + batch.released.len()
}

/// Looks at the rows that a commit has written: `queued` are those that it marked as garbage, and
/// it superseded so many versions in all. `plain`: its timestamp, if it changed nothing that an index
/// or a long value hangs on.
pub(super) fn reclaim_written(
    rows: &Rows,
    counters: &Counters,
    place: usize,
    queued: &[u32],
    versions: usize,
    plain: Option<Timestamp>,
) {
    rows.primary.collect();
    if versions == 0 {
        return;
    }
    let looker = Looker::Committer(place);
    let at_once = rows.garbage.is_done_at(place);
    let live = if at_once { rows.timeline.live_snapshots_soon() } else { None };
    // Nothing can go at a look as of before this commit, which others' seats may make it.
    let live = live.filter(|live| plain.is_none_or(|at| at <= live.published()));
    // Rows that were garbage already are in some queue: they are not this commit's to look at.
    let elsewhere = versions > queued.len();
    let (mut left, mut queued, put_off) = (versions as u64, queued, live.is_none());
    if let Some(live) = live {
        let mut visit = Visit::new(rows, &live, looker, plain);
        visit.free.reserve(queued.len());
        for row in queued {
            visit.look_at(*row, From::Fresh);
        }
        (left, queued) = (left.wrapping_sub(visit.finish(counters)), &[]);
    }
    // Those that went at once are never counted. Whoever takes one out before it is counted here
    // makes the count wrap for a moment.
    if left != 0 {
        rows.superseded.add(place, left);
    }
    if (put_off || elsewhere || !rows.garbage.none_wait())
        && let Some(versions) =
            rows.garbage.enter(&rows.timeline, place, queued.iter().copied(), versions)
    {
        reclaim(rows, counters, looker, RECLAIM_STEPS + 2 * versions);
    }
}

/// The same for the one row of a commit at `at` that changed nothing an index or a long value hangs on,
/// kept as the reclaimer's: no row has waited at this place before. Gives the row up.
#[inline]
pub(super) fn reclaim_kept(
    rows: &Rows,
    counters: &Counters,
    place: usize,
    Write { row, node, .. }: Write,
    at: Timestamp,
) {
    let versions = &rows.versions;
    if rows.garbage.none_wait()
        && rows.timeline.all_read_from(at)
        && versions.prune_replaced(row, node)
    {
        rows.primary.collect();
        versions.free_one(node, place);
        counters.versions_reclaimed.add(place, 1);
        return;
    }
    versions.disown(row);
    reclaim_written(rows, counters, place, &[row], 1, Some(at));
}

/// A walk over rows with garbage, at one look at the snapshots.
struct Visit<'a> {
    rows: &'a Rows,
    live: &'a LiveSnapshots,
    looker: Looker,
    /// See [`reclaim_written`].
    plain: Option<Timestamp>,
    /// Nodes to be freed, those of many rows at once.
    free: FreeNodes,
    dropped: u64,
}

impl<'a> Visit<'a> {
    fn new(
        rows: &'a Rows,
        live: &'a LiveSnapshots,
        looker: Looker,
        plain: Option<Timestamp>,
    ) -> Self {
        Self { rows, live, looker, plain, free: FreeNodes::new(), dropped: 0 }
    }

    /// Frees what was taken out; how many versions that were.
    fn finish(self, counters: &Counters) -> u64 {
        let place = self.looker.place();
        self.rows.versions.free_all(&self.free, place);
        self.rows.versions.note_left_pages();
        if self.dropped > 0 {
            counters.versions_reclaimed.add(place, self.dropped);
        }
        self.dropped
    }

    /// Looks at one row; false if it must be looked at again soon.
    fn look_at(&mut self, row: u32, from: From) -> bool {
        let rows = self.rows;
        match own_standing(rows, row) {
            Ok(()) => {
                let quick =
                    from == From::Fresh && rows.garbage.none_wait() && !self.live.has_expired();
                let free = &mut self.free;
                if quick
                    && let Some(count) =
                        rows.versions.prune_all(row, self.live, &rows.watched, self.plain, free)
                {
                    self.dropped += count;
                    return true;
                }
                if quick && self.prune_changed(row) {
                    self.dropped += 1;
                    return true;
                }
                match from {
                    From::Fresh => rows.versions.unmark_queued(row),
                    From::Due => rows.garbage.leave_due(row),
                }
                self.prune(row)
            }
            Err(Held::NoRow) => {
                if from == From::Due {
                    rows.garbage.leave_due(row);
                }
                true
            }
            Err(Held::By(_)) => {
                rows.garbage.put_back(row, from, self.looker);
                false
            }
        }
    }

    /// Takes the one older version of an owned row out that nobody sees, with what the newest one has
    /// not, and gives the row up; false if it is not such a row.
    fn prune_changed(&mut self, row: u32) -> bool {
        let (rows, live) = (self.rows, self.live);
        let (mut old, mut newest) = (RowWords::new(), RowWords::new());
        old.reset(rows.layout.words());
        if !rows.versions.prune_one(row, live, &mut old, &mut self.free) {
            return false;
        }
        rows.versions.key_words(row, &mut old);
        newest.reset(rows.layout.words());
        rows.versions.copy_newest(row, &mut newest);
        let mut key = Vec::new();
        for index in &rows.indexes {
            if index.same_value(rows, &old, &newest) && !planted::bug("needed_entry_forgotten") {
                continue;
            }
            key.clear();
            key.reserve(KEY_ROOM);
            if index.encode(rows, &old, &mut key).is_ok() {
                remove_entry(rows, index, &key, row);
            }
        }
        for column in rows.layout.long_columns() {
            let Some(cell) = rows.layout.long_cell(&old, *column) else { continue };
            if rows.layout.long_cell(&newest, *column) != Some(cell) && cell.block().is_some() {
                rows.old_value_bytes.fetch_sub(cell.len() as u64, Relaxed);
                cell.release(&rows.values);
            }
        }
        rows.versions.unmark_queued(row);
        rows.versions.disown(row);
        true
    }

    /// Takes out of an owned row what nobody sees and gives the row up, or the whole row if its
    /// newest version is a tombstone that everybody sees. False if it must be looked at again soon.
    fn prune(&mut self, row: u32) -> bool {
        let (rows, live) = (self.rows, self.live);
        let newest = rows.versions.newest(row);
        let mut pruning = rows.versions.prune(row, live);
        if !pruning.dropped.is_empty() {
            forget_versions(rows, row, live, &pruning.dropped);
            self.dropped += pruning.dropped.len() as u64;
        }
        let mut gone = false;
        if let Newest::Deleted(at) = newest {
            // Whoever reads an earlier timestamp must find the tombstone if he inserts the key.
            let keeper = live.keeper(Timestamp(0), at);
            pruning.keep(keeper);
            gone = keeper == Keeper::None;
        }
        if gone {
            rows.garbage.settle(row, None, live);
            drop_row(rows, row, live, newest);
            return true;
        }
        // Upkeep comes by once in a while only, and settles everything.
        let young = matches!(self.looker, Looker::Committer(_))
            && Garbage::are_young(pruning.keepers, live);
        if pruning.future || young {
            if rows.versions.mark_queued(row) {
                rows.garbage.put_back(row, From::Fresh, self.looker);
            }
        } else if !planted::bug("queue_entry_lost") {
            rows.garbage.settle(row, pruning.keepers, live);
        }
        rows.versions.disown(row);
        !(pruning.future || young)
    }
}

/// Takes a row's owner word, which others may have dropped since it was queued. Not pinned any longer than
/// that: index blocks that go while the caller works would wait for him.
fn own_standing(rows: &TableData, row: u32) -> Result<(), Held> {
    let _standing = rows.versions.stand();
    rows.versions.own(row, RECLAIMER)
}

/// Gives an owned row back whose tombstone everybody sees.
fn drop_row(rows: &TableData, row: u32, live: &LiveSnapshots, newest: Newest) {
    let Newest::Deleted(at) = newest else { unreachable!("only deleted rows go") };
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.key_words(row, &mut words);
    rows.primary.remove(rows.view(&words).key_hash(), row);
    for column in rows.layout.long_key_columns() {
        if let Some(cell) = rows.layout.long_cell(&words, *column) {
            release_value(rows, live, at, cell);
        }
    }
    rows.versions.drop_row(row);
}

/// Takes the index entries and long values of versions that were taken out, and frees their nodes.
fn forget_versions(rows: &Rows, row: u32, live: &LiveSnapshots, dropped: &[Pruned]) {
    let has_long =
        !(rows.layout.long_columns().is_empty() && rows.layout.long_key_columns().is_empty());
    if (!rows.indexes.is_empty() || has_long) && !are_covered(rows, row, live, dropped) {
        let mut words = RowWords::zeroed(rows.layout.words());
        rows.versions.key_words(row, &mut words);
        let copied = dropped.iter().map(|pruned| {
            rows.versions.copy_pruned(pruned, &mut words);
            (*pruned, words.clone())
        });
        let copied: SmallVec<[Dropped; 2]> = copied.collect();
        note_shown(rows, live, &copied);
        let with_rows: SmallVec<[&[u64]; 4]> =
            copied.iter().filter(|version| version.0.live).map(|version| &version.1[..]).collect();
        forget_entries(rows, row, rows.indexes.iter(), &with_rows);
        release_values(rows, row, live, &copied);
    }
    for pruned in dropped {
        rows.versions.free(pruned);
    }
}

/// True if the newest version holds every indexed and every long value of those that go: nothing
/// but their nodes is left to be freed. So it is with most updates.
fn are_covered(rows: &Rows, row: u32, live: &LiveSnapshots, dropped: &[Pruned]) -> bool {
    if live.has_expired() || !matches!(rows.versions.newest(row), Newest::Live(_)) {
        return false;
    }
    let mut newest = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(row, &mut newest);
    let mut words = newest.clone();
    dropped.iter().filter(|pruned| pruned.live).all(|pruned| {
        rows.versions.copy_pruned(pruned, &mut words);
        let same = |column: &usize| rows.layout.same_bits(&words, &newest, *column);
        let has_block = |column: &usize| {
            rows.layout.long_cell(&words, *column).is_some_and(|cell| cell.block().is_some())
        };
        rows.indexes.iter().all(|index| index.spec.columns.iter().all(same))
            && rows.layout.long_columns().iter().all(|column| same(column) || !has_block(column))
    }) && !planted::bug("needed_entry_forgotten")
}

/// Takes the entries of `dropped` versions out of these indexes, unless a committed version that
/// is still in the owned row's chain has the same value.
pub(super) fn forget_entries<'i>(
    rows: &TableData,
    row: u32,
    indexes: impl Iterator<Item = &'i Arc<SecondaryIndex>>,
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
pub(super) fn remove_entry(rows: &TableData, index: &SecondaryIndex, key: &[u8], row: u32) {
    // Without the pages the removal goes over the budget for a moment, to free more.
    let promise = rows.pool.promise(index.pages_for(1, key.len())).ok();
    index.tree.remove(key, row);
    drop(promise);
}

/// Key and payload of each committed version of an owned row that is not a tombstone.
pub(super) fn committed_versions(rows: &TableData, row: u32) -> Vec<RowWords> {
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

/// Gives back the long values of versions that were taken out (newest first).
///
/// A value is shared by versions in sequence only, so the newest of those that go answers for it,
/// and it stays if a version that stays holds it, above or below.
fn release_values(rows: &TableData, row: u32, live: &LiveSnapshots, dropped: &[Dropped]) {
    if rows.layout.long_columns().is_empty() {
        return;
    }
    let kept = committed_versions(rows, row);
    for (at, (pruned, words)) in dropped.iter().enumerate().filter(|version| version.1.0.live) {
        let above = at.checked_sub(1).map(|above| &dropped[above]).filter(|above| above.0.live);
        for column in rows.layout.long_columns() {
            let Some(cell) = rows.layout.long_cell(words, *column) else { continue };
            let holds = |words: &RowWords| rows.layout.long_cell(words, *column) == Some(cell);
            if above.is_some_and(|above| holds(&above.1)) || kept.iter().any(holds) {
                continue;
            }
            if cell.block().is_some() {
                rows.old_value_bytes.fetch_sub(cell.len() as u64, Relaxed);
                release_value(rows, live, pruned.newer, cell);
            }
        }
    }
}

/// Notes the long values of versions that an expired snapshot saw, before any of them can go.
fn note_shown(rows: &TableData, live: &LiveSnapshots, dropped: &[Dropped]) {
    if !live.has_expired() {
        return;
    }
    let shown = dropped
        .iter()
        .filter(|(pruned, _)| pruned.live && live.expired_saw(pruned.begin, pruned.newer));
    for (_, words) in shown {
        let columns = rows.layout.long_columns().iter().chain(rows.layout.long_key_columns());
        rows.garbage.note_shown(columns.filter_map(|at| rows.layout.long_cell(words, *at)));
    }
}

/// Gives a long value back that versions before `ended` held, unless it must still be kept.
fn release_value(rows: &TableData, live: &LiveSnapshots, ended: Timestamp, cell: LongCell) {
    if cell.block().is_some() && !(live.has_expired() && rows.garbage.keeps_value(ended, cell)) {
        cell.release(&rows.values);
    }
}
