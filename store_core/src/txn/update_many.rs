//! Updates of many rows in one statement: the memory of 16 rows is waited for at once.

use super::live_table::LiveTable;
use super::rows::{Rows, TableData};
use super::update::{Change, Found, key_refused};
use super::write_set::Txn;
use crate::error::{Error, Result};
use crate::mem::key_steps::{AnyKey, KeyWords};
use crate::mvcc::FreeNodes;
use crate::value::ValueRef;

/// Keys whose memory is fetched at the same time.
pub(crate) const AHEAD: usize = 16;

/// A key and the new cells of its row.
type Given<'g, 'k, 'c> = (&'g [ValueRef<'k>], &'g [ValueRef<'c>]);

impl Txn {
    /// Changes columns of the rows with these keys, one after the other; how many there were. On an
    /// error nothing of the call stays.
    pub(crate) fn update_many<'k, 'c, K: AsRef<[ValueRef<'k>]>, C: AsRef<[ValueRef<'c>]>>(
        &mut self,
        table: &LiveTable,
        keys: &[K],
        columns: &[usize],
        cells: &[C],
    ) -> Result<usize> {
        self.check_write()?;
        let (number, rows) = self.join(table)?;
        check_columns(rows, columns)?;
        if keys.len() != cells.len() {
            return Err(Error::invalid(format!(
                "{} rows of new values for {} keys",
                cells.len(),
                keys.len()
            )));
        }
        let change = Change::new(rows, columns);
        self.statement(|txn| {
            let mut found = 0;
            for (chunk, (keys, cells)) in keys.chunks(AHEAD).zip(cells.chunks(AHEAD)).enumerate() {
                let mut given: [Given<'_, 'k, 'c>; AHEAD] = [(&[], &[]); AHEAD];
                for ((key, cells), given) in keys.iter().zip(cells).zip(&mut given) {
                    *given = (key.as_ref(), cells.as_ref());
                }
                let more = txn.update_given(rows, number, change, &given[..keys.len()]);
                found += more
                    .map_err(|(at, error)| error.at(format_args!("key {}", chunk * AHEAD + at)))?;
            }
            Ok(found)
        })
    }

    /// Changes up to [`AHEAD`] rows; an error comes with the position of its key.
    fn update_given(
        &mut self,
        rows: &Rows,
        table: u32,
        change: Change<'_>,
        given: &[Given<'_, '_, '_>],
    ) -> Result<usize, (usize, Error)> {
        let steps = rows.layout.key_steps();
        let mut nodes = FreeNodes::new();
        let done = if rows.schema.key.len() == 1 {
            let one =
                |key: &[ValueRef<'_>]| if let [cell] = key { steps.build_one(cell) } else { None };
            self.update_chunk(rows, table, change, given, one, &mut nodes)
        } else {
            let any = |key: &[ValueRef<'_>]| {
                let mut built = AnyKey::NONE;
                steps.build(&mut built, key).then_some(built)
            };
            self.update_chunk(rows, table, change, given, any, &mut nodes)
        };
        rows.versions.free_all(&nodes, self.place);
        done
    }

    #[inline(always)]
    fn update_chunk<const MOST: usize>(
        &mut self,
        rows: &Rows,
        table: u32,
        change: Change<'_>,
        given: &[Given<'_, '_, '_>],
        build: impl Fn(&[ValueRef<'_>]) -> Option<KeyWords<MOST>>,
        nodes: &mut FreeNodes,
    ) -> Result<usize, (usize, Error)> {
        let data: &TableData = rows;
        let mut built = [const { (KeyWords::NONE, 0, false) }; AHEAD];
        for ((key, _), built) in given.iter().zip(&mut built) {
            if let Some(words) = build(key) {
                *built = (words, words.hash(), true);
                data.primary.prefetch(built.1);
            }
        }
        let mut places = [None; AHEAD];
        let mut rows_found = 0;
        for ((_, hash, is_built), place) in built.iter().zip(&mut places).take(given.len()) {
            if *is_built && let Some(row) = data.primary.first(*hash) {
                *place = Some(Found { hash: *hash, row, place: data.versions.fetch(row) });
                rows_found += 1;
            }
        }
        // Where one of these is refused, the long way makes room or says so.
        let is_short = change.is_plain() && self.reserve_writes(given.len()).is_ok();
        if is_short {
            data.versions.new_nodes(self.place, rows_found, nodes);
        }
        let mut found = 0;
        for (at, (key, cells)) in given.iter().enumerate() {
            let fail = |error| (at, error);
            if cells.len() != change.columns.len() {
                return Err(fail(wrong_count(cells.len(), change.columns.len())));
            }
            let is_done = is_short
                && places[at].is_some_and(|place| {
                    let wanted = &built[at].0;
                    self.update_found(data, table, wanted, place, change, cells, || nodes.pop())
                });
            if is_done || self.update_any(rows, table, key, change, cells).map_err(fail)? {
                found += 1;
            }
        }
        Ok(found)
    }
}

pub(super) fn check_columns(rows: &TableData, columns: &[usize]) -> Result<()> {
    let count = rows.schema.visible_len();
    if let Some(column) = columns.iter().find(|column| **column >= count) {
        return Err(Error::invalid(format!(
            "`{}` has {count} columns, none at position {column}",
            rows.schema.table
        )));
    }
    if columns.iter().any(|column| rows.schema.is_key(*column)) {
        return Err(key_refused(rows, columns));
    }
    Ok(())
}

#[cold]
fn wrong_count(cells: usize, columns: usize) -> Error {
    Error::invalid(format!("{cells} values for {columns} columns"))
}
