//! The commit protocol: promise, sequence, install, wait, publish.

use super::engine::{Engine, Log};
use super::guard::Sequenced;
use super::prepare::RowWords;
use super::reclaim::reclaim_written;
use super::record::CommitEncoder;
use super::rows::{Rows, TableData};
use super::secondary::BlockNeed;
use super::sequencer::SequencedCommit;
use super::ticket::Ticket;
use super::unique::forget_replaced;
use super::write_set::{Txn, Write, WriteKind, undo_write};
use crate::durability::Durability;
use crate::error::{Kind, Result};
use crate::index::ordered::EntryBatch;
use crate::mvcc::Timestamp;
use crate::mvcc::chain::Newest;
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::sync::{Relaxed, pause};
use crate::wal::{HashedPayload, Lsn, RecordKind, Wait};
use smallvec::SmallVec;
use std::sync::Arc;

/// Room for most index keys.
const KEY_ROOM: usize = 64;

/// How often a commit that need not be durable looks whether those before it are visible, before it takes
/// part in a sync: they may be waiting for one.
const LOOKS_BEFORE_SYNC: u32 = 256;

/// A commit that has its place in the order.
pub(super) struct Sequence {
    pub at: Timestamp,
    /// Where its log record ends.
    pub end: Option<Lsn>,
    /// Its entry for serializable transactions.
    pub entered: Option<Arc<SequencedCommit>>,
}

impl Engine {
    /// Makes an installed commit visible, when its level allows.
    #[inline]
    pub(super) fn publish(&self, sequence: &Sequence, wait: Wait) -> Result<()> {
        let Sequence { at, end, .. } = *sequence;
        match (self.log(), end) {
            (Some(log), Some(end)) if !planted::bug("published_before_durable") => {
                self.publish_logged(log, at, end, wait)
            }
            _ => self.timeline.publish(at),
        }
    }

    fn publish_logged(&self, log: &Log, at: Timestamp, end: Lsn, wait: Wait) -> Result<()> {
        let timeline = &self.timeline;
        match wait {
            Wait::Writer => {
                log.wal.wait_durable(end)?;
                return timeline.publish(at);
            }
            Wait::Ticket => {
                timeline.finish_with_ticket(at);
                return Ok(());
            }
            Wait::Nobody => log.wal.wait_behind(end, log.lag)?,
            Wait::Ever => {}
        }
        // Visible in order: who comes after a commit that waits for the disk waits, too.
        timeline.finish(at);
        let mut attempt = 0;
        while !timeline.advance(at) {
            if attempt == LOOKS_BEFORE_SYNC {
                log.wal.wait_durable(end)?;
                return timeline.wait_published(at);
            }
            pause(&mut attempt);
        }
        Ok(())
    }
}

impl Txn {
    /// Makes every write visible and durable, or none; returns the commit timestamp.
    ///
    /// Returns once every later snapshot of any thread sees the commit, and, unless the transaction or
    /// its store is [asynchronous](crate::Durability), once it is durable. On an error the transaction is
    /// rolled back; after [`Kind::Poisoned`] only reopening the store tells whether the last commits
    /// are durable.
    pub fn commit(mut self) -> Result<u64> {
        self.commit_here()
    }

    /// The same for a caller who drops it at once: it is too large to be moved for nothing.
    pub(crate) fn commit_here(&mut self) -> Result<u64> {
        self.check()?;
        if self.is_idle() {
            return Ok(self.at.0);
        }
        self.forget_undo();
        let wait = self.wait_by_level();
        self.finish(wait).map(|sequence| sequence.at.0)
    }

    /// Commits without waiting for the disk: returns once the commit has its place in the log, with a
    /// ticket that waits for the rest.
    ///
    /// The commit becomes visible once it is durable, whatever the store's level is. It waits only
    /// if thousands of tickets are on their way. Errors are those of [`Txn::commit`]; what
    /// goes wrong later [`Ticket::wait`] says.
    pub fn commit_ticket(mut self) -> Result<Ticket> {
        self.check()?;
        let lease = Arc::clone(&self.engine);
        if self.is_idle() {
            return Ok(Ticket { engine: lease, at: self.at, end: Lsn::ZERO });
        }
        self.forget_undo();
        let wait = match self.engine.log() {
            Some(log) if log.thread.start(&lease) => {
                self.engine.wait_for_tickets(log)?;
                Wait::Ticket
            }
            _ => Wait::Writer,
        };
        let Sequence { at, end, .. } = self.finish(wait)?;
        Ok(Ticket { engine: lease, at, end: end.unwrap_or(Lsn::ZERO) })
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.writes.iter().all(|write| write.kind == WriteKind::Lock)
            && self.cold_changes().is_empty()
    }

    /// Who is to see to it that this commit becomes durable.
    pub(super) fn wait_by_level(&self) -> Wait {
        let Some(log) = self.engine.log() else { return Wait::Writer };
        if log.wal.wants_room() {
            log.thread.start(&self.engine); // without it committers make room themselves
        }
        match self.durability.unwrap_or(log.durability) {
            Durability::Async if log.thread.start(&self.engine) => Wait::Nobody,
            Durability::None => Wait::Ever,
            Durability::Sync | Durability::Async => Wait::Writer,
        }
    }

    #[inline(always)]
    pub(super) fn finish(&self, wait: Wait) -> Result<Sequence> {
        match self.one_plain() {
            Some(write) => self.finish_one(write, wait),
            None => self.finish_any(wait),
        }
    }

    #[inline(never)]
    fn finish_any(&self, wait: Wait) -> Result<Sequence> {
        // Memory for index blocks and log records comes first: from the timestamp on nothing fails.
        let engine = &*self.engine;
        let plain = self.writes.iter().all(Write::is_plain);
        let promise = if plain {
            None
        } else {
            let pages = self.index_pages();
            engine.freezer.note_need((pages * PAGE_BYTES) as u64);
            Some(engine.with_relief(self.place, || engine.pool.promise(pages))?)
        };
        let mut sequence = self.sequence_counted(wait)?;
        let at = sequence.at;
        let sequenced = Sequenced::new(&engine.timeline);
        if planted::bug("published_before_install") {
            engine.timeline.publish(at)?;
        }
        // Before rows are given up: whoever misses one in memory finds it in its segment, and the other way.
        let late = planted::bug("segment_told_late");
        if !late {
            self.install_cold(at);
        }
        let superseded = self.install(at, plain);
        if late {
            std::thread::sleep(std::time::Duration::from_millis(2));
            self.install_cold(at);
        }
        if let Some(commit) = sequence.entered.take() {
            commit.set_installed();
        }
        drop(promise);
        self.finished.set(true); // nothing to roll back any more, whatever happens
        let published = engine.publish(&sequence, wait);
        if published.is_ok() {
            sequenced.finish();
            engine.counters.commits.add(self.place, 1);
        }
        self.end_snapshot();
        for (table, cell) in &self.replaced {
            cell.release(&self.tables[*table as usize].values);
        }
        published?;
        self.help_reclaim(&superseded, plain.then_some(at));
        engine.upkeep.poke();
        Ok(sequence)
    }

    /// Pages that installing index entries may take at most.
    fn index_pages(&self) -> usize {
        let mut pages = 0;
        for (number, rows) in self.tables.iter().enumerate() {
            let mut need = BlockNeed::default();
            for (nth, index) in rows.indexes.iter().enumerate() {
                let writes = self.adding(number, nth).count();
                if writes > 0 {
                    let bytes = index.key_width.map(|width| width * writes);
                    let bytes = bytes.unwrap_or_else(|| self.key_bytes(number, nth));
                    need.add(index, writes, bytes);
                }
            }
            pages += need.pages();
        }
        pages
    }

    /// The writes of a table that may add entries to an index.
    fn adding(&self, table: usize, index: usize) -> impl Iterator<Item = &Write> {
        self.writes.iter().filter(move |write| {
            write.table as usize == table
                && matches!(write.kind, WriteKind::Insert | WriteKind::Update)
                && write.indexes.has(index)
        })
    }

    /// Bytes of the keys that this transaction's writes may add to an index.
    fn key_bytes(&self, table: usize, nth: usize) -> usize {
        let rows = &self.tables[table];
        let index = &rows.indexes[nth];
        let mut words = RowWords::zeroed(rows.layout.words());
        let mut key = Vec::new();
        let bytes = self.adding(table, nth).map(|write| {
            rows.versions.copy_newest(write.row, &mut words);
            if write.node != 0 {
                rows.versions.staged(write.node, &mut words);
            }
            key.clear();
            index.encode(rows, &words, &mut key).map_or(0, |()| key.len())
        });
        bytes.sum()
    }

    /// Takes the timestamp, with a log inside its critical section: both orders are one (I8).
    #[inline(always)]
    fn sequence(&self, wait: Wait) -> Result<Sequence> {
        let timeline = &self.engine.timeline;
        match self.engine.log() {
            None => self.take(|| Ok(Sequence { at: timeline.take(), end: None, entered: None })),
            Some(log) => self.sequence_logged(log, wait),
        }
    }

    #[inline(never)]
    fn sequence_logged(&self, log: &Log, wait: Wait) -> Result<Sequence> {
        let timeline = &self.engine.timeline;
        let mut encoder = CommitEncoder::new(log, &self.engine.fragments, self.number());
        for write in &self.writes {
            self.log_write(write, &mut encoder)?;
        }
        for (table, _, change) in self.cold_changes() {
            encoder.cold(&self.tables[*table as usize], change)?;
        }
        let encoded = encoder.finish();
        let payload = HashedPayload::new(&encoded.payload);
        self.engine.freezer.note_need(encoded.payload.len() as u64);
        let append = || {
            let take = || {
                self.tables.iter().for_each(|rows| rows.note_changed());
                timeline.take().0
            };
            let appended = log.wal.append(RecordKind::Commit, &payload, wait, take)?;
            let at = Timestamp(appended.timestamp);
            Ok(Sequence { at, end: Some(appended.end), entered: None })
        };
        // The last record only: fragments that were appended would be there twice.
        self.engine.with_relief(self.place, || self.take(append))
    }

    /// The same; a conflict counts as one.
    #[inline(always)]
    pub(super) fn sequence_counted(&self, wait: Wait) -> Result<Sequence> {
        self.sequence(wait).inspect_err(|error| {
            let conflict = error.kind() == Kind::Conflict;
            self.engine.counters.conflicts.fetch_add(u64::from(conflict), Relaxed);
        })
    }

    /// Takes the timestamp and lets serializable transactions know.
    #[inline(always)]
    fn take(&self, take: impl FnOnce() -> Result<Sequence>) -> Result<Sequence> {
        let (timeline, sequencer) = (&self.engine.timeline, &self.engine.sequencer);
        if sequencer.is_recording() {
            return self.sequence_recorded(take);
        }
        let mut sequence = take()?;
        sequence.entered = sequencer.enter_late(sequence.at, timeline);
        Ok(sequence)
    }

    fn log_write(&self, write: &Write, encoder: &mut CommitEncoder<'_>) -> Result<()> {
        let rows = &self.tables[write.table as usize];
        let mut words = RowWords::zeroed(rows.layout.words());
        rows.versions.copy_newest(write.row, &mut words);
        match write.kind {
            WriteKind::Insert => encoder.put(rows, &words),
            // Inserted over a tombstone and deleted again: for the log nothing happened.
            WriteKind::Delete
                if !matches!(rows.versions.newest(write.row), Newest::Live(_))
                    && !planted::bug("absent_row_logged") =>
            {
                Ok(())
            }
            WriteKind::Delete => encoder.delete(rows, &words),
            WriteKind::Gone | WriteKind::Lock => Ok(()),
            WriteKind::Update => {
                let mut staged = words.clone();
                rows.versions.staged(write.node, &mut staged);
                match rows.versions.newest(write.row) {
                    Newest::Live(_) => encoder.update(rows, &words, &staged),
                    _ => encoder.put(rows, &staged),
                }
            }
        }
    }

    /// Installs every row, adds the index entries, then gives the owner words up. Gives the rows
    /// that are garbage to be queued, with their tables.
    fn install(&self, at: Timestamp, plain: bool) -> SmallVec<[Superseded; 1]> {
        let mut superseded: SmallVec<[Superseded; 1]> = SmallVec::new();
        self.tables.iter().for_each(|_| superseded.push(Superseded::default()));
        if let [only] = &mut superseded[..] {
            only.queued.reserve(self.writes.len());
        }
        if plain {
            let mut room = RowWords::new();
            for write in &self.writes {
                let rows: &TableData = &self.tables[write.table as usize];
                install_payload(rows, *write, at, &mut room, &mut superseded[write.table as usize]);
                self.published_early(at);
            }
        } else {
            self.install_settling(at, &mut superseded);
        }
        for write in &self.writes {
            let rows = &self.tables[write.table as usize];
            if matches!(write.kind, WriteKind::Gone | WriteKind::Lock) {
                undo_write(rows, *write);
            } else {
                rows.versions.disown(write.row);
            }
        }
        superseded
    }

    /// The same for writes of any kind; between its beginning and its end entries are not counted in
    /// place of rows.
    #[inline(never)]
    fn install_settling(&self, at: Timestamp, superseded: &mut [Superseded]) {
        let indexed = || self.tables.iter().filter(|rows| !rows.indexes.is_empty());
        indexed().for_each(|rows| rows.settled.begin());
        self.install_with_entries(at, superseded);
        for (rows, superseded) in self.tables.iter().zip(superseded) {
            rows.settled.note(at, superseded.rows_more);
        }
        indexed().for_each(|rows| rows.settled.end());
    }

    fn install_with_entries(&self, at: Timestamp, superseded: &mut [Superseded]) {
        let mut key = Vec::with_capacity(KEY_ROOM);
        if let [write] = self.writes[..] {
            let superseded = &mut superseded[write.table as usize];
            let rows = &self.tables[write.table as usize];
            return install_row(rows, write, at, superseded, |nth, words| {
                key.clear();
                encode(rows, nth, words, &mut key);
                rows.indexes[nth].tree.insert(&key, write.row);
            });
        }
        let mut entries: Vec<Vec<EntryBatch>> = self
            .tables
            .iter()
            .map(|rows| rows.indexes.iter().map(|index| EntryBatch::new(index.key_width)).collect())
            .collect();
        for write in &self.writes {
            let rows = &self.tables[write.table as usize];
            let batches = &mut entries[write.table as usize];
            let superseded = &mut superseded[write.table as usize];
            install_row(rows, *write, at, superseded, |nth, words| {
                key.clear();
                encode(rows, nth, words, &mut key);
                batches[nth].push(&key, write.row);
            });
            self.published_early(at);
        }
        for (rows, batches) in self.tables.iter().zip(&mut entries) {
            for (index, batch) in rows.indexes.iter().zip(batches) {
                batch.sort();
                index.tree.insert_sorted(batch);
            }
        }
    }

    /// A planted bug: others see the first rows of a commit before the last.
    fn published_early(&self, at: Timestamp) {
        if planted::bug("published_between_rows") {
            let _ = self.engine.timeline.publish(at);
        }
    }

    /// Takes superseded versions out, or queues their rows, and looks at some garbage in return.
    fn help_reclaim(&self, superseded: &[Superseded], plain: Option<Timestamp>) {
        for (rows, Superseded { queued, versions, .. }) in self.tables.iter().zip(superseded) {
            reclaim_written(rows, &self.engine.counters, self.place, queued, *versions, plain);
        }
    }
}

/// What a commit superseded in one table.
#[derive(Default)]
struct Superseded {
    /// Rows that it marked as garbage.
    queued: SmallVec<[u32; 16]>,
    versions: usize,
    /// Live rows that it added, less those that it deleted.
    rows_more: i64,
}

impl Superseded {
    fn note(&mut self, row: u32, queue: bool) {
        self.versions += 1;
        if queue {
            self.queued.push(row);
        }
    }
}

/// Installs a new payload in place of the old one.
#[inline(always)]
fn install_payload(
    rows: &TableData,
    write: Write,
    at: Timestamp,
    room: &mut RowWords,
    superseded: &mut Superseded,
) {
    if write.kind == WriteKind::Update {
        if room.len() != rows.layout.payload_words() {
            room.reset(rows.layout.payload_words());
        }
        superseded.note(write.row, rows.versions.install(write.row, write.node, at, false, room));
    }
}

fn encode(rows: &Rows, nth: usize, words: &[u64], key: &mut Vec<u8>) {
    let result = rows.indexes[nth].encode(rows, words, key);
    result.expect("keys were checked when the row was written");
}

/// Installs one row and adds its new index entries.
fn install_row(
    rows: &Rows,
    write: Write,
    at: Timestamp,
    superseded: &mut Superseded,
    mut add_entry: impl FnMut(usize, &[u64]),
) {
    let (mut words, mut staged, mut room) = (RowWords::new(), RowWords::new(), RowWords::new());
    words.reset(rows.layout.words());
    let versions = &rows.versions;
    versions.copy_newest(write.row, &mut words);
    let mut add = |words: &[u64], before: Option<&[u64]>| {
        let changed = |nth: &usize| write.indexes.has(*nth);
        for nth in (0..rows.indexes.len()).filter(changed) {
            let same = |before| rows.indexes[nth].same_value(rows, before, words);
            if !before.is_some_and(same) {
                add_entry(nth, words);
            }
        }
    };
    match write.kind {
        WriteKind::Gone | WriteKind::Lock => {}
        WriteKind::Insert => {
            versions.install_insert(write.row, at);
            superseded.rows_more += 1;
            add(&words, None);
        }
        WriteKind::Update | WriteKind::Delete => {
            staged.reset(rows.layout.words());
            versions.key_words(write.row, &mut staged);
            versions.staged(write.node, &mut staged);
            let live = matches!(versions.newest(write.row), Newest::Live(_));
            let before = live.then_some(&words[..]);
            let delete = write.kind == WriteKind::Delete;
            if delete {
                forget_replaced(rows, write.row, &staged, before);
                rows.release_payload(&staged, before); // values staged before the delete
            }
            room.reset(rows.layout.payload_words());
            if write.long {
                rows.count_old_values(before, (!delete).then_some(&staged[..]));
            }
            let queue = versions.install(write.row, write.node, at, delete, &mut room);
            superseded.note(write.row, queue);
            superseded.rows_more += i64::from(!delete) - i64::from(live);
            if !delete {
                add(&staged, before);
            }
        }
    }
}
