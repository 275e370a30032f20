//! Statements: insert, lock and delete of one row, each atomic in itself (invariant I10), and what
//! they share with updates (`update`): owning a row and staging its new payload.

use super::effects::{Effect, IndexSet};
use super::live_table::LiveTable;
use super::prepare::{RowWords, check_index_keys};
use super::rows::{Rows, TableData};
use super::unique::{StaleEntry, forget_replaced, forget_unique};
use super::write_set::{Txn, Write, WriteKind};
use crate::cold::is_cold;
use crate::error::{Error, Kind, Result};
use crate::index::primary::Inserted;
use crate::mem::layout::RowView;
use crate::mvcc::chain::{Held, Newest, Owner};
use crate::planted;
use crate::query::Filter;
use crate::sync::pause;
use smallvec::SmallVec;

/// The owner number of whoever cuts chains; it owns a row only for moments.
pub(super) const RECLAIMER: Owner = Owner(0xFFFE);

/// The owner, in answers only, of a row that waits for the next in its queue.
const RESERVED: Owner = Owner(0xFFFD);
const BEING_WRITTEN: &str = "is being written by another transaction";

/// What claiming the row that an index entry leads to gave.
enum Claim {
    /// The key is another one.
    OtherKey,
    /// It is being freed or cut: look again.
    Again,
    /// A committed tombstone with this key, owned now.
    Tombstone,
    /// This transaction's write.
    Own(usize),
}

impl Txn {
    /// The visible row with this key, which may be cold; its words are in `out`.
    pub(crate) fn find(
        &self,
        rows: &TableData,
        key: &RowView<'_>,
        out: &mut RowWords,
    ) -> Result<Option<u32>> {
        let hash = key.key_hash();
        self.note_key(rows, hash);
        for row in rows.primary.candidates(hash) {
            if self.read(rows, row, out)? && rows.view(out).same_key(key) {
                return Ok(Some(row));
            }
        }
        if !rows.cold.is_empty()
            && let Some(found) = self.find_cold(rows, key)?
        {
            rows.fill_cold(&found, out)?;
            self.engine.timeline.check_kept(self.moment())?;
            return Ok(Some(found.number()));
        }
        self.engine.timeline.check_kept(self.moment())?;
        Ok(None)
    }

    /// The same to write it: a cold row is brought back to memory first.
    pub(super) fn find_to_write(
        &mut self,
        rows: &Rows,
        table: u32,
        key: &RowView<'_>,
        out: &mut RowWords,
    ) -> Result<Option<u32>> {
        match self.find(rows, key, out)? {
            Some(row) if is_cold(row) => self.warm(rows, table, row).map(Some),
            found => Ok(found),
        }
    }

    /// Inserts a prepared row; an existing key is [`Kind::Duplicate`].
    pub(crate) fn insert(&mut self, table: &LiveTable, words: &RowWords) -> Result<()> {
        let (number, rows) = self.join(table)?;
        self.relieved(|txn| {
            txn.check_write()?;
            txn.reserve_write()?;
            txn.insert_checked(rows, number, words).map_err(|error| txn.note_duplicate(rows, error))
        })
    }

    /// A refused value tells of other rows, whichever they are: a serializable transaction that goes
    /// on has read them.
    pub(super) fn note_duplicate(&self, rows: &TableData, error: Error) -> Error {
        if error.kind() == Kind::Duplicate {
            self.note_range(rows, &Filter::all());
        }
        error
    }

    /// Runs a statement, again if room could be made for it, and dooms the transaction if it lost a
    /// conflict.
    pub(crate) fn relieved<T>(
        &mut self,
        mut statement: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut attempts = 0;
        loop {
            match statement(self) {
                Ok(done) => return Ok(done),
                Err(error) if self.engine.relieves(&error, self.place, &mut attempts) => {}
                Err(error) => return Err(self.doom(error)),
            }
        }
    }

    /// Owns a visible row until the end without changing it; false if there is none.
    pub(crate) fn lock(&mut self, table: &LiveTable, key: &[u64]) -> Result<bool> {
        let (number, rows) = self.join(table)?;
        self.relieved(|txn| txn.lock_checked(rows, number, key))
    }

    fn lock_checked(&mut self, rows: &Rows, table: u32, key: &[u64]) -> Result<bool> {
        self.check_write()?;
        self.reserve_write()?;
        let mut words = RowWords::zeroed(rows.layout.words());
        let found = self.find_to_write(rows, table, &rows.view(key), &mut words)?;
        let Some(row) = found else { return Ok(false) };
        if self.owns(rows, row) && self.own.find(&self.writes, table, row).is_some() {
            return Ok(true);
        }
        self.own_visible(rows, row, &words)?;
        self.take_warm_words(rows, row, &mut words, &[]);
        // A node, so that the row may still be written.
        let node = rows.versions.new_node(self.place).inspect_err(|_| rows.versions.disown(row))?;
        rows.versions.stage(node, &words[rows.layout.key_words()..]);
        let indexes = IndexSet::NONE;
        self.writes.push(Write { table, row, node, kind: WriteKind::Lock, indexes, long: false });
        Ok(true)
    }

    /// Deletes a visible row; false if there is none.
    pub(crate) fn delete(&mut self, table: &LiveTable, key: &[u64]) -> Result<bool> {
        let (number, rows) = self.join(table)?;
        self.relieved(|txn| txn.delete_checked(rows, number, key))
    }

    fn delete_checked(&mut self, rows: &Rows, table: u32, key: &[u64]) -> Result<bool> {
        self.check_write()?;
        self.reserve_delete()?;
        let mut words = RowWords::zeroed(rows.layout.words());
        let found = self.find_to_write(rows, table, &rows.view(key), &mut words)?;
        let Some(row) = found else { return Ok(false) };
        self.delete_row(rows, table, row, &words)?;
        Ok(true)
    }

    /// Deletes a visible row, whose words these are; there is room for the write.
    pub(super) fn delete_row(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        words: &RowWords,
    ) -> Result<()> {
        if self.owns(rows, row)
            && let Some(write) = self.own.find(&self.writes, table, row)
        {
            self.remember(write, words)?;
            self.writes[write].kind = match self.writes[write].kind {
                WriteKind::Insert => WriteKind::Gone,
                _ => WriteKind::Delete,
            };
            return Ok(());
        }
        self.own_visible(rows, row, words)?;
        let mut warm = RowWords::new();
        let words = if self.cold.is_some() {
            warm.clone_from(words);
            self.take_warm_words(rows, row, &mut warm, &[]);
            &warm
        } else {
            words
        };
        let node = rows.versions.new_node_to_delete().inspect_err(|_| rows.versions.disown(row))?;
        rows.versions.stage(node, &words[rows.layout.key_words()..]);
        let indexes = IndexSet::NONE;
        self.writes.push(Write { table, row, node, kind: WriteKind::Delete, indexes, long: true });
        Ok(())
    }

    // ---- insert

    pub(super) fn insert_checked(
        &mut self,
        rows: &Rows,
        table: u32,
        words: &RowWords,
    ) -> Result<()> {
        check_index_keys(rows, words)?;
        let mut owned = words.clone();
        let hash = rows.view(words).key_hash();
        rows.primary.prefetch(hash);
        rows.own_cells(&mut owned, rows.layout.long_key_columns())?;
        let key = &owned[..rows.layout.key_words()];
        let fresh =
            rows.versions.new_row(self.owner, key).inspect_err(|_| rows.release_key(&owned))?;
        match self.enter(rows, hash, fresh, &owned) {
            Ok(None) => {
                if let Err(error) = self.check_not_cold(rows, words) {
                    rows.primary.remove(hash, fresh);
                    rows.versions.drop_row(fresh);
                    rows.release_key(&owned);
                    return Err(error);
                }
                self.finish_insert(rows, table, fresh, owned)
            }
            Ok(Some(over)) => {
                rows.versions.drop_row(fresh);
                rows.release_key(&owned);
                self.insert_over(rows, table, over, words)
            }
            Err(error) => {
                rows.versions.drop_row(fresh);
                rows.release_key(&owned);
                Err(error)
            }
        }
    }

    /// Refuses a key that a cold row has; whoever moves rows knows where they are.
    fn check_not_cold(&self, rows: &TableData, words: &RowWords) -> Result<()> {
        if rows.cold.is_empty() || self.applies || self.moves() || planted::bug("cold_key_not_seen")
        {
            return Ok(());
        }
        match self.find_cold(rows, &rows.view(words))? {
            Some(_) => Err(duplicate(rows, words)),
            None => Ok(()),
        }
    }

    /// Enters a fresh row in the primary index, or finds the row to insert over: an owned tombstone
    /// or an own deleted row.
    fn enter(&self, rows: &Rows, hash: u64, fresh: u32, words: &RowWords) -> Result<Option<u32>> {
        let mut other_keys: SmallVec<[u32; 4]> = SmallVec::new();
        let mut theirs = RowWords::zeroed(rows.layout.words());
        let mut attempt = 0;
        loop {
            let found = rows.primary.insert(hash, fresh, |other| {
                rows.versions.key_words(other, &mut theirs);
                rows.layout.keys_may_be_equal(words, &theirs) && !other_keys.contains(&other)
            })?;
            let Inserted::Found(other) = found else { return Ok(None) };
            match self.claim(rows, other, words)? {
                Claim::OtherKey => other_keys.push(other),
                Claim::Again => pause(&mut attempt),
                Claim::Tombstone => return Ok(Some(other)),
                Claim::Own(write) if self.writes[write].is_deleted() => return Ok(Some(other)),
                Claim::Own(_) => return Err(duplicate(rows, words)),
            }
        }
    }

    /// Owns the row of an index entry and looks at its key and state.
    fn claim(&self, rows: &Rows, other: u32, words: &RowWords) -> Result<Claim> {
        let versions = &rows.versions;
        let mut theirs = RowWords::zeroed(rows.layout.words());
        match self.own_in_turn(rows, other) {
            Err(Held::NoRow | Held::By(RECLAIMER)) => return Ok(Claim::Again),
            Err(Held::By(owner)) if owner == self.owner => {
                versions.key_words(other, &mut theirs);
                let table = self.known_table(rows);
                let write = table.and_then(|at| self.own.find(&self.writes, at, other));
                return Ok(match write {
                    Some(write) if rows.view(&theirs).same_key(&rows.view(words)) => {
                        Claim::Own(write)
                    }
                    _ => Claim::OtherKey,
                });
            }
            Err(Held::By(_)) => {
                return Err(rows.lost_to_another(other, words, BEING_WRITTEN));
            }
            Ok(()) => {}
        }
        versions.key_words(other, &mut theirs);
        let same_key = rows.view(&theirs).same_key(&rows.view(words));
        let outcome = match versions.newest(other) {
            _ if !same_key => Ok(Claim::OtherKey),
            Newest::Deleted(at) if at <= self.at => return Ok(Claim::Tombstone),
            Newest::Live(at) if at <= self.at => Err(duplicate(rows, words)),
            Newest::Live(at) => match self.was_moved(rows, words, at) {
                Ok(true) => Err(duplicate(rows, words)),
                Ok(false) => Err(self.too_new(rows, other, words, at.0)),
                Err(error) => Err(error),
            },
            Newest::Deleted(at) => Err(self.too_new(rows, other, words, at.0)),
            Newest::Unborn => Ok(Claim::Again),
        };
        versions.disown(other);
        outcome
    }

    /// Checks unique values of a row that is in the primary index and keeps its payload.
    fn finish_insert(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        mut words: RowWords,
    ) -> Result<()> {
        let mut result = rows.own_cells(&mut words, rows.layout.long_columns());
        if result.is_ok() {
            result = self.check_unique(rows, row, &words, None);
            if result.is_err() {
                forget_unique(rows, row, &words);
                rows.release_payload(&words, None);
            }
        }
        if let Err(error) = result {
            rows.primary.remove(rows.view(&words).key_hash(), row);
            rows.release_key(&words);
            rows.versions.drop_row(row);
            return Err(error);
        }
        rows.versions.stage_insert(row, &words[rows.layout.key_words()..]);
        let indexes = IndexSet::ALL;
        self.writes.push(Write {
            table,
            row,
            node: 0,
            kind: WriteKind::Insert,
            indexes,
            long: true,
        });
        Ok(())
    }

    /// Inserts where a row with this key was deleted: by a commit before, or in this transaction.
    fn insert_over(&mut self, rows: &Rows, table: u32, row: u32, words: &RowWords) -> Result<()> {
        let all: Vec<usize> =
            (0..rows.schema.columns.len()).filter(|column| !rows.schema.is_key(*column)).collect();
        let mut words = words.clone();
        if let Some(write) = self.own.find(&self.writes, table, row) {
            let effect = rows.effect_of(&all);
            return self.restage(rows, write, &mut words, &all, effect, true);
        }
        let result = self
            .check_not_cold(rows, &words)
            .and_then(|()| self.stage_new(rows, table, row, &mut words, &all, None));
        if result.is_err() {
            rows.versions.disown(row);
        }
        result
    }

    // ---- owning and staging

    /// Takes a row's owner word, unless those who wait for it come first.
    fn own_in_turn(&self, rows: &TableData, row: u32) -> Result<(), Held> {
        // Who moves rows waits for nobody: whoever has the turn may wait for the move.
        if self.engine.turns.is_others(rows.id, row, self.turn)
            && rows.versions.owner(row) != self.owner
            && !self.moves()
        {
            return Err(Held::By(RESERVED));
        }
        rows.versions.own(row, self.owner)
    }

    /// Owns a row that the snapshot sees; a newer version or another owner is a conflict.
    pub(super) fn own_visible(&self, rows: &TableData, row: u32, words: &[u64]) -> Result<()> {
        let mut attempt = 0;
        loop {
            match self.own_in_turn(rows, row) {
                Ok(()) => break,
                Err(Held::By(RECLAIMER)) => pause(&mut attempt),
                Err(_) => return Err(rows.lost_to_another(row, words, BEING_WRITTEN)),
            }
        }
        match rows.versions.newest(row) {
            Newest::Live(at)
                if at <= self.at
                    || self.was_warmed(rows, row, at)
                    || planted::bug("newer_version_overwritten") =>
            {
                Ok(())
            }
            Newest::Live(at) | Newest::Deleted(at) => {
                rows.versions.disown(row);
                Err(self.too_new(rows, row, words, at.0))
            }
            Newest::Unborn => unreachable!("a visible row has been committed"),
        }
    }

    /// Stages the first change of an owned row; on an error the caller gives it up.
    pub(super) fn stage_new(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        words: &mut RowWords,
        columns: &[usize],
        before: Option<&RowWords>,
    ) -> Result<()> {
        let node = rows.versions.new_node(self.place)?;
        let result = rows.own_cells(words, columns).and_then(|()| {
            let unique = self.check_unique(rows, row, words, before.map(|before| &before[..]));
            unique.inspect_err(|_| {
                let before = before.map(|before| &before[..]);
                forget_replaced(rows, row, words, before);
                rows.release_payload(words, before);
            })
        });
        if let Err(error) = result {
            rows.versions.drop_node(node);
            return Err(error);
        }
        rows.versions.stage(node, &words[rows.layout.key_words()..]);
        let Effect { indexes, long, .. } = rows.effect_of(columns);
        let indexes = before.map_or(IndexSet::ALL, |_| indexes);
        self.writes.push(Write { table, row, node, kind: WriteKind::Update, indexes, long });
        Ok(())
    }

    /// Changes a row that this transaction has written already.
    pub(super) fn restage(
        &mut self,
        rows: &Rows,
        write: usize,
        words: &mut RowWords,
        columns: &[usize],
        effect: Effect,
        revive: bool,
    ) -> Result<()> {
        let Write { table, row, node, kind, .. } = self.writes[write];
        let mut newest = RowWords::zeroed(rows.layout.words());
        rows.versions.copy_newest(row, &mut newest);
        let mut staged = newest.clone();
        if node != 0 {
            rows.versions.staged(node, &mut staged);
        }
        rows.own_cells(words, columns)?;
        let known = (!revive).then_some(&staged[..]);
        if let Err(error) = self.check_unique(rows, row, words, known) {
            if self.savepoints == 0 {
                forget_replaced(rows, row, words, known);
            } else {
                StaleEntry::of(rows, table, row, words, &mut self.stale);
            }
            rows.release_payload(words, Some(&staged));
            return Err(error);
        }
        self.remember(write, &staged)?;
        let live = node != 0 && matches!(rows.versions.newest(row), Newest::Live(_));
        if self.savepoints == 0 {
            forget_replaced(rows, row, &staged, Some(words));
        }
        self.replace_staged(rows, table, &staged, words, live.then_some(&newest));
        let payload = &words[rows.layout.key_words()..];
        if node == 0 {
            rows.versions.stage_insert(row, payload);
        } else {
            rows.versions.stage(node, payload);
        }
        let changed = if revive { IndexSet::ALL } else { effect.indexes };
        self.writes[write].indexes = self.writes[write].indexes.with(changed);
        self.writes[write].long |= revive || effect.long;
        self.writes[write].kind = match kind {
            WriteKind::Gone | WriteKind::Insert => WriteKind::Insert,
            WriteKind::Delete | WriteKind::Update | WriteKind::Lock => WriteKind::Update,
        };
        Ok(())
    }

    /// Gives long cells of `staged` back that neither `words` nor the committed version hold; with
    /// a savepoint open they are kept until it ends.
    fn replace_staged(
        &mut self,
        rows: &TableData,
        table: u32,
        staged: &[u64],
        words: &[u64],
        committed: Option<&RowWords>,
    ) {
        if self.savepoints == 0 {
            release_staged(rows, staged, words, committed);
            return;
        }
        for column in rows.layout.long_columns() {
            let Some(cell) = rows.layout.long_cell(staged, *column) else { continue };
            let held = |words: &[u64]| rows.layout.long_cell(words, *column) == Some(cell);
            if cell.block().is_some() && !held(words) && !committed.is_some_and(|words| held(words))
            {
                self.replaced.push((table, cell));
            }
        }
    }

    pub(super) fn too_new(&self, rows: &TableData, row: u32, words: &[u64], newer: u64) -> Error {
        let why = format!("was committed at {newer}, after snapshot {}", self.at.0);
        rows.lost_to_another(row, words, &why)
    }
}

impl Write {
    fn is_deleted(self) -> bool {
        matches!(self.kind, WriteKind::Delete | WriteKind::Gone)
    }
}

/// Gives long cells of `staged` back that neither `kept` nor the committed version hold.
pub(super) fn release_staged(
    rows: &TableData,
    staged: &[u64],
    kept: &[u64],
    committed: Option<&RowWords>,
) {
    for column in rows.layout.long_columns() {
        let Some(cell) = rows.layout.long_cell(staged, *column) else { continue };
        let held = |words: &[u64]| rows.layout.long_cell(words, *column) == Some(cell);
        if !held(kept) && !committed.is_some_and(|words| held(words)) {
            cell.release(&rows.values);
        }
    }
}

fn duplicate(rows: &TableData, words: &[u64]) -> Error {
    Error::duplicate(format!("{} exists already", rows.row_name(words)))
        .detail(&rows.schema.table)
        .detail(rows.key_text(words))
}
