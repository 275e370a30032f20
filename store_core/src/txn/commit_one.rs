//! The commit of one updated row whose indexes and long values stay as they are: most commits of most
//! programs. It does what any commit does, without lists of rows, tables and entries.
//!
//! Mostly nobody reads the old version any more, so it goes at once. The row then stays owned until it
//! has gone, as the reclaimer's, for which others wait instead of losing a conflict: that saves giving the
//! row up and owning it again. A row is kept so only if publishing waits for no disk.

use super::commit::Sequence;
use super::guard::Sequenced;
use super::prepare::RowWords;
use super::reclaim::{reclaim_kept, reclaim_written};
use super::rows::Rows;
use super::write::RECLAIMER;
use super::write_set::{Txn, Write, WriteKind};
use crate::error::Result;
use crate::planted;
use crate::wal::Wait;

impl Txn {
    /// The only write, if it is such an update.
    #[inline(always)]
    pub(super) fn one_plain(&self) -> Option<Write> {
        let [write] = self.writes[..] else { return None };
        let is_one = write.kind == WriteKind::Update && write.is_plain();
        (is_one && self.replaced.is_empty()).then_some(write)
    }

    /// Commits it.
    pub(super) fn finish_one(&self, write: Write, wait: Wait) -> Result<Sequence> {
        let engine = &**self.engine;
        let (rows, place): (&Rows, _) = (&self.tables[write.table as usize], self.place);
        let mut sequence = self.sequence_counted(wait)?;
        let at = sequence.at;
        let sequenced = Sequenced::new(&engine.timeline);
        if planted::bug("published_before_install") {
            engine.timeline.publish(at)?;
        }
        let mut room = RowWords::new();
        room.reset(rows.layout.payload_words());
        let queue = rows.versions.install(write.row, write.node, at, false, &mut room);
        let keep = queue && sequence.end.is_none() && rows.garbage.is_done_at(place);
        if keep {
            rows.versions.pass_on(write.row, RECLAIMER);
        } else {
            rows.versions.disown(write.row);
        }
        if let Some(commit) = sequence.entered.take() {
            commit.set_installed();
        }
        self.finished.set(true); // nothing to roll back any more, whatever happens
        let published = engine.publish(&sequence, wait);
        if published.is_ok() {
            sequenced.finish();
            engine.counters.commits.add(place, 1); // the exchange that `reclaim_kept` builds on
        }
        self.end_snapshot();
        if keep && published.is_err() {
            rows.versions.disown(write.row);
        } else if keep {
            reclaim_kept(rows, &engine.counters, place, write, at);
        }
        published?;
        if !keep {
            let queued: &[u32] = if queue { &[write.row] } else { &[] };
            reclaim_written(rows, &engine.counters, place, queued, 1, Some(at));
        }
        engine.upkeep.poke();
        Ok(sequence)
    }
}
