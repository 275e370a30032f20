//! Updates of one row by its key.
//!
//! Most take the short way: the key needs no conversion, the index has its row where the search
//! begins, the row's newest version is the one to change, and nothing about the new values can be
//! refused. Whatever stands in its way, the short way changes nothing and the long way tells.

use super::effects::Effect;
use super::live_table::LiveTable;
use super::prepare::{RowWords, check_bytes, check_index_keys, prepare_key, set_cell};
use super::rows::{Rows, TableData};
use super::write_set::{Txn, Write, WriteKind};
use crate::error::{Error, Result};
use crate::mem::key_steps::{AnyKey, KeyWords};
use crate::mvcc::chain::Fetched;
use crate::planted;
use crate::value::ValueRef;

/// The columns that a statement changes in each of its rows, and what that means.
#[derive(Clone, Copy)]
pub(super) struct Change<'c> {
    pub columns: &'c [usize],
    pub effect: Effect,
}

impl<'c> Change<'c> {
    pub(super) fn new(rows: &Rows, columns: &'c [usize]) -> Self {
        Self { columns, effect: rows.effect_of(columns) }
    }

    /// True if the short way is open.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        !self.effect.may_refuse && !self.effect.in_key
    }
}

/// Where the index has a key.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub hash: u64,
    pub row: u32,
    pub place: Fetched,
}

impl Txn {
    /// Changes columns of the visible row with this key; false if there is none.
    pub(crate) fn update(
        &mut self,
        table: &LiveTable,
        key: &[ValueRef<'_>],
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        let (number, rows) = self.join(table)?;
        let change = Change::new(rows, columns);
        if change.is_plain()
            && self.check_write().is_ok()
            && self.reserve_write().is_ok()
            && self.update_here(&table.data, number, key, change, cells)
        {
            return Ok(true);
        }
        self.update_any(rows, number, key, change, cells)
    }

    /// The short way; false tells nothing, and nothing has changed then.
    #[inline(always)]
    fn update_here(
        &mut self,
        rows: &TableData,
        table: u32,
        key: &[ValueRef<'_>],
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> bool {
        let steps = rows.layout.key_steps();
        if let [cell] = key {
            let Some(one) = steps.build_one(cell) else { return false };
            return self.update_built(rows, table, &one, change, cells);
        }
        let mut any = AnyKey::NONE;
        steps.build(&mut any, key) && self.update_built(rows, table, &any, change, cells)
    }

    #[inline(always)]
    fn update_built<const MOST: usize>(
        &mut self,
        rows: &TableData,
        table: u32,
        key: &KeyWords<MOST>,
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> bool {
        let hash = key.hash();
        let Some(row) = rows.primary.first(hash) else { return false };
        rows.versions.expect_change(row);
        let found = Found { hash, row, place: rows.versions.place(row) };
        let place = self.place;
        self.update_found(rows, table, key, found, change, cells, || {
            rows.versions.new_node(place).ok()
        })
    }

    /// The short way from where the index has the key, with room for a write.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "what its callers know of a row, and of all")]
    pub(super) fn update_found<const MOST: usize>(
        &mut self,
        rows: &TableData,
        table: u32,
        key: &KeyWords<MOST>,
        Found { hash, row, place }: Found,
        change: Change<'_>,
        cells: &[ValueRef<'_>],
        new_node: impl FnOnce() -> Option<u32>,
    ) -> bool {
        let (versions, mut words) = (&rows.versions, RowWords::new());
        let Some(seen) = versions.read_version(place, self.moment(), key, &mut words) else {
            return false;
        };
        for (column, cell) in change.columns.iter().zip(cells) {
            if !rows.layout.set_plain(&mut words, *column, *cell) {
                return false;
            }
        }
        let is_others = self.engine.turns.is_others(rows.id, row, self.turn);
        if is_others || !seen.own(self.owner) {
            return false;
        }
        let Some(node) = new_node() else {
            versions.disown(row);
            return false;
        };
        versions.stage(node, &words[rows.layout.key_words()..]);
        let (kind, indexes) = (WriteKind::Update, change.effect.indexes);
        self.writes.push(Write { table, row, node, kind, indexes, long: false });
        self.note_key(rows, hash);
        true
    }

    /// The same for a key, values and a row of any kind.
    #[inline(never)]
    pub(super) fn update_any(
        &mut self,
        rows: &Rows,
        table: u32,
        key: &[ValueRef<'_>],
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        let mut key_words = RowWords::new();
        prepare_key(rows, key, &mut key_words)?;
        self.update_words(rows, table, &key_words, change, cells)
    }

    /// The same for a key in words.
    pub(crate) fn update_prepared(
        &mut self,
        table: &LiveTable,
        key: &[u64],
        columns: &[usize],
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        let (number, rows) = self.join(table)?;
        self.update_words(rows, number, key, Change::new(rows, columns), cells)
    }

    fn update_words(
        &mut self,
        rows: &Rows,
        table: u32,
        key: &[u64],
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        self.relieved(|txn| txn.update_checked(rows, table, key, change, cells))
    }

    fn update_checked(
        &mut self,
        rows: &Rows,
        table: u32,
        key: &[u64],
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> Result<bool> {
        self.check_write()?;
        self.reserve_write()?;
        let mut words = RowWords::new();
        words.reset(rows.layout.words());
        let found = self.find_to_write(rows, table, &rows.view(key), &mut words)?;
        let Some(row) = found else { return Ok(false) };
        if change.effect.in_key {
            return Err(key_refused(rows, change.columns));
        }
        self.change_row(rows, table, row, &mut words, change, cells)?;
        Ok(true)
    }

    /// Gives a visible row, whose words these are, new cells; none of them is in the key.
    pub(super) fn change_row(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        words: &mut RowWords,
        change: Change<'_>,
        cells: &[ValueRef<'_>],
    ) -> Result<()> {
        for (column, value) in change.columns.iter().zip(cells) {
            if let Err(error) = set_cell(rows, words, *column, *value) {
                if planted::bug("row_half_applied") {
                    self.update_row(rows, table, row, words, change)?;
                }
                return Err(error);
            }
        }
        if change.effect.long {
            check_bytes(rows, words)?;
            check_index_keys(rows, words)?;
        }
        let result = self.update_row(rows, table, row, words, change);
        result.map_err(|error| self.note_duplicate(rows, error))
    }

    /// Gives a visible row a new payload: `words` with borrowed cells in the columns changed.
    fn update_row(
        &mut self,
        rows: &Rows,
        table: u32,
        row: u32,
        words: &mut RowWords,
        Change { columns, effect }: Change<'_>,
    ) -> Result<()> {
        if self.owns(rows, row)
            && let Some(write) = self.own.find(&self.writes, table, row)
        {
            return self.restage(rows, write, words, columns, effect, false);
        }
        self.own_visible(rows, row, words)?;
        self.take_warm_words(rows, row, words, columns);
        let result = if effect.may_refuse {
            let mut before = RowWords::zeroed(rows.layout.words());
            rows.versions.copy_newest(row, &mut before);
            self.stage_new(rows, table, row, words, columns, Some(&before))
        } else {
            self.stage_plain(rows, table, row, words, effect)
        };
        if result.is_err() {
            rows.versions.disown(row);
        }
        result
    }

    /// Stages the first change of an owned row if nothing about it can be refused but the node.
    fn stage_plain(
        &mut self,
        rows: &TableData,
        table: u32,
        row: u32,
        words: &[u64],
        effect: Effect,
    ) -> Result<()> {
        let node = rows.versions.new_node(self.place)?;
        rows.versions.stage(node, &words[rows.layout.key_words()..]);
        let (kind, indexes) = (WriteKind::Update, effect.indexes);
        self.writes.push(Write { table, row, node, kind, indexes, long: effect.long });
        Ok(())
    }
}

#[cold]
pub(super) fn key_refused(rows: &TableData, columns: &[usize]) -> Error {
    let column = columns.iter().find(|column| rows.schema.is_key(**column));
    let name = &rows.schema.columns[*column.expect("one is in the key")].name;
    Error::invalid(format!(
        "column \"{name}\" is part of the key of `{}` and cannot be updated: delete the row and \
         insert it anew",
        rows.schema.table
    ))
}
