//! Reads of a few columns by key, with all that does not depend on the key found out beforehand.

use super::Table;
use super::read::{Reading, find_any, find_here, read_keys};
use crate::cursor::Reader;
use crate::error::Result;
use crate::mem::key_steps::KeyWords;
use crate::mem::layout::{Layout, Pick, PickedCell};
use crate::mvcc::Moment;
use crate::mvcc::chain::Fetched;
use crate::txn::{RowWords, Snapshot, TableData};
use crate::value::ValueRef;
use std::fmt;

/// Reads of some columns by key: the cheapest ones.
///
/// Keeps where the columns lie, so that a read is little more than to find the row and to copy the words
/// of these columns. It serves every reader: who sees other columns of the table than the handle that
/// made it is served by their names, as slowly as by [`Table::get`]. So make it anew, from a handle that
/// was opened anew, after columns have been added or dropped.
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// let altitudes = flights.lookup(["altitude"])?;
/// let snapshot = store.snapshot()?;
/// let altitude = altitudes.get(&snapshot, &["UAL123".into()], |cells| cells.get(0).to_owned())?;
/// assert_eq!(altitude, Some(35_000.into()));
/// assert_eq!(altitudes.get(&snapshot, &["nobody".into()], |_| ())?, None);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Lookup<const COLUMNS: usize> {
    table: Table,
    names: [String; COLUMNS],
    /// Of the columns in the edition of `table`.
    picks: [Pick; COLUMNS],
}

/// A [`Lookup`] by one reader; see [`Lookup::at`].
#[derive(Clone, Copy)]
pub struct LookupAt<'r, R, const COLUMNS: usize> {
    lookup: &'r Lookup<COLUMNS>,
    reader: &'r R,
    /// The rows, and the moment of a reader without writes of its own, if it sees these columns.
    at_hand: Option<(&'r TableData, Moment)>,
}

/// The values of the columns that a [`Lookup`] was made for, in one row.
#[derive(Clone, Copy)]
pub struct Cells<'a, const COLUMNS: usize> {
    picks: &'a [Pick; COLUMNS],
    cells: &'a [PickedCell; COLUMNS],
}

/// What was found in a way that takes its time, where its columns lie elsewhere; with the row's words,
/// which have the long values of one that was cold.
type Found<const COLUMNS: usize> = (RowWords, [Pick; COLUMNS], [PickedCell; COLUMNS]);

impl Table {
    /// Prepares reads of these columns by key; see [`Lookup`].
    pub fn lookup<const COLUMNS: usize>(
        &self,
        columns: [&str; COLUMNS],
    ) -> Result<Lookup<COLUMNS>> {
        let schema = self.edition.schema();
        let mut places = [0; COLUMNS];
        for (place, column) in places.iter_mut().zip(&columns) {
            *place = schema.column_position(column)?;
        }
        // Nobody may be left to read this edition's rows, so they are not asked for their layout.
        let layout = Layout::new(schema);
        let picks = places.map(|column| layout.pick(column));
        Ok(Lookup { table: self.clone(), names: columns.map(str::to_owned), picks })
    }
}

impl<const COLUMNS: usize> Lookup<COLUMNS> {
    /// The same for many reads by one reader: looks once whether it is one of this store, and which
    /// columns it sees.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let (altitudes, snapshot) = (flights.lookup(["altitude"])?, store.snapshot()?);
    /// let at_snapshot = altitudes.at(&snapshot)?;
    /// for flight in ["UAL123", "nobody"] {
    ///     let found = at_snapshot.get(&[flight.into()], |cells| cells.get(0).to_owned())?;
    ///     assert_eq!(found.is_some(), flight == "UAL123");
    /// }
    /// # Ok::<_, store_core::Error>(())
    /// ```
    #[inline(always)]
    pub fn at<'r, R: Reader>(&'r self, reader: &'r R) -> Result<LookupAt<'r, R, COLUMNS>> {
        self.table.check_reader(reader)?;
        let (rows, moment) = (self.table.rows_at_hand(reader), reader.source().moment().ok());
        Ok(LookupAt { lookup: self, reader, at_hand: rows.zip(moment) })
    }

    /// Shows the columns of the row with this key to `look`; `None` if the reader sees none.
    #[inline(always)]
    pub fn get<T, R: Reader>(
        &self,
        reader: &R,
        key: &[ValueRef<'_>],
        look: impl FnOnce(Cells<'_, COLUMNS>) -> T,
    ) -> Result<Option<T>> {
        self.at(reader)?.get(key, look)
    }

    /// The same for the newest state of the row, as a snapshot sees it that is taken for this call.
    ///
    /// Cheaper than taking one: it needs no exchange of a word with other processors, so that the next
    /// call waits for its memory while this one does. Every call for itself: two of them may see
    /// different moments.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let altitudes = flights.lookup(["altitude"])?;
    /// let before = store.snapshot()?;
    /// store.write(|txn| flights.update(txn, &["UAL123".into()], &[("altitude", 36_000.into())]))?;
    /// let key = ["UAL123".into()];
    /// assert_eq!(altitudes.get_newest(&key, |cells| cells.get(0).to_owned())?, Some(36_000.into()));
    /// assert_eq!(altitudes.get(&before, &key, |cells| cells.get(0).to_owned())?, Some(35_000.into()));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    #[inline(always)]
    pub fn get_newest<T>(
        &self,
        key: &[ValueRef<'_>],
        look: impl FnOnce(Cells<'_, COLUMNS>) -> T,
    ) -> Result<Option<T>> {
        self.table.engine.check_open()?;
        if let Some(sitting) = self.table.engine.timeline.sit()
            && let moment = sitting.moment()
            && self.table.edition.covers(moment.at)
            && let rows = self.table.rows.get()
            && let Some(cells) = find_here(rows, key, moment, &mut Picking(&self.picks))
        {
            return Ok(Some(look(Cells { picks: &self.picks, cells: &cells })));
        }
        let found = match *key {
            [cell] => self.find_newest(&[cell])?,
            _ => self.find_newest(key)?,
        };
        let Some((_snapshot, (_words, picks, cells))) = found else { return Ok(None) };
        Ok(Some(look(Cells { picks: &picks, cells: &cells })))
    }

    /// Shows the columns of the row of each key to `look`, in order, with the position of the key;
    /// `None` for a key whose row the reader does not see.
    ///
    /// Waits for the memory of 16 keys at once, and ends with an error as [`Table::get_many`] does.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let altitudes = flights.lookup(["altitude"])?;
    /// let keys = [["UAL123".into()], ["nobody".into()]];
    /// let mut found = Vec::new();
    /// altitudes.get_many(&store.snapshot()?, &keys, |nth, cells| found.push((nth, cells.is_some())))?;
    /// assert_eq!(found, [(0, true), (1, false)]);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn get_many<'k, R: Reader, K: AsRef<[ValueRef<'k>]>>(
        &self,
        reader: &R,
        keys: &[K],
        look: impl FnMut(usize, Option<Cells<'_, COLUMNS>>),
    ) -> Result<()> {
        self.at(reader)?.get_many(keys, look)
    }

    /// The table, for all other reads.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Finds a key of any shape in any version and any edition of the table.
    #[cold]
    #[inline(never)]
    fn find<R: Reader>(&self, reader: &R, key: &[ValueRef<'_>]) -> Result<Option<Found<COLUMNS>>> {
        let rows = self.table.rows_for(reader)?;
        let mut picks = self.picks;
        if self.table.rows_at_hand(reader).is_none() {
            for (pick, name) in picks.iter_mut().zip(&self.names) {
                *pick = rows.layout.pick(rows.schema.column_position(name)?);
            }
        }
        let mut words = RowWords::new();
        if !find_any(rows, reader, key, &mut words)? {
            return Ok(None);
        }
        let cells = picks.map(|pick| pick.take(&words));
        Ok(Some((words, picks, cells)))
    }

    /// The same with the snapshot it was found at, which keeps its long values.
    #[cold]
    #[inline(never)]
    fn find_newest(&self, key: &[ValueRef<'_>]) -> Result<Option<(Snapshot, Found<COLUMNS>)>> {
        let snapshot = Snapshot::new(&self.table.engine)?;
        Ok(self.find(&snapshot, key)?.map(|found| (snapshot, found)))
    }
}

impl<R: Reader, const COLUMNS: usize> LookupAt<'_, R, COLUMNS> {
    /// Shows the columns of the row with this key to `look`; `None` if the reader sees none.
    #[inline(always)]
    pub fn get<T>(
        &self,
        key: &[ValueRef<'_>],
        look: impl FnOnce(Cells<'_, COLUMNS>) -> T,
    ) -> Result<Option<T>> {
        let picks = &self.lookup.picks;
        let here = self
            .at_hand
            .and_then(|(rows, moment)| find_here(rows, key, moment, &mut Picking(picks)));
        if let Some(cells) = here {
            return Ok(Some(look(Cells { picks, cells: &cells })));
        }
        // Of most keys the compiler writes nothing to memory, if this does not refer to the caller's.
        let found = match *key {
            [cell] => self.lookup.find(self.reader, &[cell])?,
            _ => self.lookup.find(self.reader, key)?,
        };
        Ok(found.map(|(_words, picks, cells)| look(Cells { picks: &picks, cells: &cells })))
    }

    /// As [`Lookup::get_many`].
    pub fn get_many<'k, K: AsRef<[ValueRef<'k>]>>(
        &self,
        keys: &[K],
        mut look: impl FnMut(usize, Option<Cells<'_, COLUMNS>>),
    ) -> Result<()> {
        let picks = &self.lookup.picks;
        read_keys(self.at_hand, keys, &mut Picking(picks), |_, nth, key, found| {
            if let Some(cells) = &found {
                look(nth, Some(Cells { picks, cells }));
                return Ok(());
            }
            match self.lookup.find(self.reader, key)? {
                Some((_words, picks, cells)) => {
                    look(nth, Some(Cells { picks: &picks, cells: &cells }));
                }
                None => look(nth, None),
            }
            Ok(())
        })
    }
}

impl<'a, const COLUMNS: usize> Cells<'a, COLUMNS> {
    /// The value of the nth column asked for.
    #[inline(always)]
    pub fn get(&self, nth: usize) -> ValueRef<'a> {
        self.picks[nth].value(&self.cells[nth])
    }
}

/// Copies some cells of a row.
struct Picking<'p, const COLUMNS: usize>(&'p [Pick; COLUMNS]);

impl<const COLUMNS: usize> Reading for Picking<'_, COLUMNS> {
    type Read = [PickedCell; COLUMNS];

    #[inline(always)]
    fn read<const MOST: usize>(
        &mut self,
        rows: &TableData,
        place: Fetched,
        moment: Moment,
        key: &KeyWords<MOST>,
    ) -> Option<Self::Read> {
        rows.versions.read_cells(place, moment, key, self.0)
    }
}

impl<const COLUMNS: usize> fmt::Debug for Lookup<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({}, {:?})", self.table.name(), self.names)
    }
}

impl<R, const COLUMNS: usize> fmt::Debug for LookupAt<'_, R, COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lookup.fmt(f)
    }
}

impl<const COLUMNS: usize> fmt::Debug for Cells<'_, COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..COLUMNS).map(|nth| self.get(nth))).finish()
    }
}
