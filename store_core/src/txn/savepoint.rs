//! Savepoints: undoing a part of a transaction.

use super::prepare::RowWords;
use super::rows::TableData;
use super::unique::StaleEntry;
use super::write::release_staged;
use super::write_set::{Txn, Write, WriteKind};
use crate::error::{Error, Result};
use crate::mvcc::chain::Newest;
use crate::planted;

/// A point of a transaction to return to.
#[derive(Debug)]
#[must_use]
pub struct Savepoint {
    transaction: u64,
    /// Its place in the nesting, counted from 1.
    depth: u32,
    writes: usize,
    undo: usize,
    replaced: usize,
}

/// A change of a row that was in the write set already, kept while a savepoint is open.
pub(super) struct Undo {
    write: usize,
    kind: WriteKind,
    /// Key and payload before the change.
    before: RowWords,
}

impl Txn {
    /// Marks this point; nests.
    pub fn savepoint(&mut self) -> Result<Savepoint> {
        self.check()?;
        self.savepoints += 1;
        Ok(Savepoint {
            transaction: self.number(),
            depth: self.savepoints,
            writes: self.writes.len(),
            undo: self.undo.len(),
            replaced: self.replaced.len(),
        })
    }

    /// Undoes everything since the savepoint and forgets it and those inside it.
    #[expect(clippy::needless_pass_by_value, reason = "a savepoint is used once")]
    pub fn rollback_to(&mut self, savepoint: Savepoint) -> Result<()> {
        self.check_savepoint(&savepoint)?;
        while self.undo.len() > savepoint.undo {
            let undo = self.undo.pop().expect("longer than the mark");
            self.restore(&undo);
        }
        self.replaced.truncate(savepoint.replaced); // they are in use again
        self.undo_writes(savepoint.writes);
        self.savepoints = savepoint.depth - 1;
        Ok(())
    }

    /// Keeps everything since the savepoint and forgets it and those inside it.
    #[expect(clippy::needless_pass_by_value, reason = "a savepoint is used once")]
    pub fn release(&mut self, savepoint: Savepoint) -> Result<()> {
        self.check_savepoint(&savepoint)?;
        self.savepoints = savepoint.depth - 1;
        if self.savepoints == 0 {
            self.forget_undo();
            for (table, cell) in std::mem::take(&mut self.replaced) {
                cell.release(&self.tables[table as usize].values);
            }
        }
        Ok(())
    }

    /// Runs the writes of one statement: if one is refused, nothing of them stays.
    pub(crate) fn statement<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let savepoint = self.savepoint()?;
        match work(self) {
            Ok(done) => {
                self.release(savepoint)?;
                Ok(done)
            }
            Err(error) => {
                if !planted::bug("call_half_applied") {
                    self.rollback_to(savepoint)?;
                }
                Err(error)
            }
        }
    }

    /// Gives up what savepoints could return to: unique values that were lost meanwhile need their
    /// index entries no more.
    pub(super) fn forget_undo(&mut self) {
        if self.undo.is_empty() && self.stale.is_empty() {
            return;
        }
        self.undo_to_stale();
        for entry in std::mem::take(&mut self.stale) {
            let rows = &self.tables[entry.table as usize];
            let write = self.own.find(&self.writes, entry.table, entry.row);
            let Some(write) = write.map(|at| self.writes[at]) else { continue };
            let kept = !matches!(write.kind, WriteKind::Delete | WriteKind::Gone);
            let staged = staged_words(rows, write);
            entry.forget(rows, kept.then_some(&staged));
        }
    }

    /// Turns what could be returned to into entries to look at.
    pub(super) fn undo_to_stale(&mut self) {
        for undo in std::mem::take(&mut self.undo) {
            let Write { table, row, .. } = self.writes[undo.write];
            let rows = &self.tables[table as usize];
            StaleEntry::of(rows, table, row, &undo.before, &mut self.stale);
        }
    }

    fn check_savepoint(&self, savepoint: &Savepoint) -> Result<()> {
        if savepoint.transaction != self.number() || savepoint.depth > self.savepoints {
            return Err(Error::invalid(
                "a savepoint of another transaction, or one that was ended",
            ));
        }
        Ok(())
    }

    /// Remembers a write's state before it changes again.
    pub(super) fn remember(&mut self, write: usize, before: &RowWords) -> Result<()> {
        if self.savepoints > 0 {
            self.held()?.grow(size_of::<Undo>() + before.len() * 8)?;
            let kind = self.writes[write].kind;
            self.undo.push(Undo { write, kind, before: before.clone() });
        }
        Ok(())
    }

    fn restore(&mut self, undo: &Undo) {
        let write = self.writes[undo.write];
        let rows = self.tables[write.table as usize].clone();
        let payload = &undo.before[rows.layout.key_words()..];
        let staged = staged_words(&rows, write);
        // An outer savepoint may bring the value back that is undone here.
        StaleEntry::of(&rows, write.table, write.row, &staged, &mut self.stale);
        if write.node == 0 {
            rows.release_payload(&staged, Some(&undo.before));
            rows.versions.stage_insert(write.row, payload);
        } else {
            let live = matches!(rows.versions.newest(write.row), Newest::Live(_));
            let mut now = staged.clone();
            rows.versions.copy_newest(write.row, &mut now);
            release_staged(&rows, &staged, &undo.before, live.then_some(&now));
            rows.versions.stage(write.node, payload);
        }
        self.writes[undo.write].kind = undo.kind;
    }
}

/// Key and payload that a written row is about to have.
fn staged_words(rows: &TableData, write: Write) -> RowWords {
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.copy_newest(write.row, &mut words);
    if write.node != 0 {
        rows.versions.staged(write.node, &mut words);
    }
    words
}
