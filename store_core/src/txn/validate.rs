//! Validation: has a commit since the snapshot changed what a serializable transaction read?
//!
//! Backward validation after Kung and Robinson (1981), in two steps: first without a lock, then
//! again, in the section where the timestamp is taken, for what was sequenced meanwhile. Keys are
//! compared by hash, ranges by their filter over the row as it was and as it is now: so a row that
//! comes into a range counts as well as one that leaves it (phantoms).

use super::commit::Sequence;
use super::prepare::RowWords;
use super::read_set::{ReadSet, TableLook};
use super::rows::TableData;
use super::sequencer::{SequencedCommit, Written};
use super::write_set::{Txn, Write, WriteKind};
use crate::error::{Awaited, Error, Result};
use crate::mvcc::{Moment, Timestamp};
use crate::planted;
use crate::sync::pause;
use std::sync::Arc;

/// Validations without the lock before one with it: commits may come faster than one validates.
const ROUNDS_MAX: u32 = 8;

impl Txn {
    /// Takes the timestamp, while recording: validates what was read, and enters the commit.
    pub(super) fn sequence_recorded(
        &self,
        take: impl FnOnce() -> Result<Sequence>,
    ) -> Result<Sequence> {
        let writes = self.written();
        let (sequencer, timeline) = (&self.engine.sequencer, &self.engine.timeline);
        let (mut validated, mut rounds, mut attempt) = (self.at, 0, 0);
        loop {
            let mut state = sequencer.lock();
            if let Some(reads) = &self.reads {
                let Some(commits) = state.after(validated, timeline)? else {
                    drop(state);
                    self.engine.check_log()?; // who failed after its timestamp never enters
                    pause(&mut attempt); // one is entering itself late
                    continue;
                };
                rounds += 1;
                if !commits.is_empty() && rounds <= ROUNDS_MAX {
                    drop(state);
                    self.validate(reads, &commits)?;
                    validated = commits.last().map_or(validated, |commit| commit.at);
                    continue;
                }
                self.validate(reads, &commits)?;
            }
            let mut sequence = take()?;
            sequence.entered = Some(state.enter(sequence.at, Some(writes), timeline));
            return Ok(sequence);
        }
    }

    /// The rows this commit changes.
    fn written(&self) -> Box<[Written]> {
        let mut words = RowWords::new();
        let moves = self.moves();
        let changed =
            |write: &&Write| !moves && !matches!(write.kind, WriteKind::Gone | WriteKind::Lock);
        let writes = self.writes.iter().filter(changed);
        let written = writes.map(|write| {
            let rows = &self.tables[write.table as usize];
            words.reset(rows.layout.words());
            rows.versions.key_words(write.row, &mut words);
            Written { table: rows.id, row: write.row, key_hash: rows.view(&words).key_hash() }
        });
        written.collect()
    }

    fn validate(&self, reads: &ReadSet, commits: &[Arc<SequencedCommit>]) -> Result<()> {
        if planted::bug("reads_not_validated") {
            return Ok(());
        }
        for commit in commits {
            let Some(writes) = &commit.writes else {
                return Err(self.changed_by(commit.at, "something that was not recorded"));
            };
            commit.wait_installed(&self.engine)?;
            for written in writes {
                if let Some(what) = self.conflict_with(reads, *written)? {
                    return Err(self.changed_by(commit.at, &what));
                }
            }
        }
        Ok(())
    }

    /// What this transaction read that the write changed.
    fn conflict_with(&self, reads: &ReadSet, written: Written) -> Result<Option<String>> {
        if written.is_all() {
            let change = |read: &TableLook<'_>| format!("a change of `{}` itself", read.name());
            return Ok(reads.of_table(written.table, change));
        }
        // If the table is no more, the change that ended it comes later in the list.
        let Some(rows) = self.engine.rows_of(written.table) else { return Ok(None) };
        let found = reads.of_table(written.table, |read| {
            if read.has_key(written.key_hash) {
                return Ok(Some(name_of(&rows, written.row)));
            }
            if read.ranges().is_empty() {
                return Ok(None);
            }
            let mut words = RowWords::zeroed(rows.layout.words());
            let newest = Moment { at: Timestamp::NEWEST, ..self.moment() };
            for moment in [self.moment(), newest] {
                let all = 0..words.len();
                let seen = rows.versions.read(written.row, moment, &all, &mut words)?
                    || moment.at != newest.at && self.was_cold(&rows, written.row, &mut words)?;
                if seen
                    && read.ranges().iter().any(|range| range.matches(&rows.view(&words)))
                    && !(planted::bug("phantoms_not_validated") && moment.at == newest.at)
                {
                    return Ok(Some(format!("{} in a range", rows.row_name(&words))));
                }
            }
            Ok(None)
        });
        found.unwrap_or(Ok(None))
    }

    /// Copies a row that was cold for this snapshot, and is in memory now.
    fn was_cold(&self, rows: &TableData, row: u32, words: &mut RowWords) -> Result<bool> {
        if rows.cold.is_empty() || planted::bug("cold_image_not_validated") {
            return Ok(false);
        }
        let mut key = RowWords::zeroed(rows.layout.words());
        rows.versions.key_words(row, &mut key);
        let found = rows.find_cold(&rows.view(&key), self.moment().at)?;
        found.map_or(Ok(false), |found| rows.fill_cold(&found, words).map(|()| true))
    }

    fn changed_by(&self, at: Timestamp, what: &str) -> Error {
        Error::conflict(format!(
            "conflict: {what}, which this transaction read, was committed at {}, after snapshot {}",
            at.0, self.at.0
        ))
        .awaiting(Awaited::Commit(at.0))
    }
}

fn name_of(rows: &TableData, row: u32) -> String {
    let mut words = RowWords::zeroed(rows.layout.words());
    rows.versions.key_words(row, &mut words);
    rows.row_name(&words)
}
