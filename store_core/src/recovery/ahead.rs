//! Records of the log, a few at a time, so that the memory of their rows is fetched before they are
//! applied: one by one, each would wait for its place in the index and then for its row.

use super::Recovery;
use crate::error::Result;
use crate::mem::{Holder, Reservation};
use crate::txn::{AHEAD, load, record};
use crate::wal::{Lsn, Record, RecordKind};
use std::ops::Range;

/// Longer records are applied at once: they bring enough rows themselves.
const RECORD_BYTES_MAX: usize = 4 << 10;

/// Short commits that were read and not applied yet, in order.
pub(super) struct Ahead {
    bytes: Vec<u8>,
    commits: Vec<Commit>,
    _held: Reservation,
}

struct Commit {
    timestamp: u64,
    lsn: Lsn,
    wall: i64,
    payload: Range<usize>,
}

impl Ahead {
    pub(super) fn new(holder: &Holder) -> Result<Self> {
        let held = holder.reserve(AHEAD * RECORD_BYTES_MAX)?;
        let bytes = Vec::with_capacity(AHEAD * RECORD_BYTES_MAX);
        Ok(Self { bytes, commits: Vec::with_capacity(AHEAD), _held: held })
    }

    fn push(&mut self, found: &Record<'_>) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(found.payload);
        let payload = from..self.bytes.len();
        let Record { timestamp, lsn, wall, .. } = *found;
        self.commits.push(Commit { timestamp, lsn, wall, payload });
    }
}

impl Recovery<'_> {
    /// Takes a record, and applies it now or with the next ones, in order.
    pub(super) fn take(&mut self, ahead: &mut Ahead, found: &Record<'_>) -> Result<()> {
        let waits = found.kind == RecordKind::Commit && found.payload.len() <= RECORD_BYTES_MAX;
        if !waits {
            self.apply_taken(ahead)?;
            return self.apply(found);
        }
        ahead.push(found);
        if ahead.commits.len() < AHEAD { Ok(()) } else { self.apply_taken(ahead) }
    }

    /// Applies what was taken.
    pub(super) fn apply_taken(&mut self, ahead: &mut Ahead) -> Result<()> {
        self.fetch_rows(ahead);
        for commit in &ahead.commits {
            let Commit { timestamp, lsn, wall, ref payload } = *commit;
            let payload = &ahead.bytes[payload.clone()];
            let end = lsn.plus(payload.len() as u64);
            let kind = RecordKind::Commit;
            self.apply(&Record { kind, lsn, end, timestamp, wall, payload })?;
        }
        ahead.commits.clear();
        ahead.bytes.clear();
        Ok(())
    }

    /// Asks for the memory of the first row of each commit. What cannot be read here is looked into when
    /// it is applied.
    fn fetch_rows(&self, ahead: &Ahead) {
        let mut places = [const { None }; AHEAD];
        for (commit, place) in ahead.commits.iter().zip(&mut places) {
            let table = |id| self.tables.get(&id).map(|table| &*table.data);
            let first = record::first_key(&ahead.bytes[commit.payload.clone()], table);
            if let Ok(Some((rows, key))) = first {
                *place = load::fetch_place(rows, &key).map(|hash| (rows, hash));
            }
        }
        for (rows, hash) in places.iter().flatten() {
            load::fetch_row(rows, *hash);
        }
    }
}
