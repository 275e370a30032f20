//! Reading rows: by key, one or many at a time, and the start of a query.

use super::{Row, Table};
use crate::cursor::{Query, ReadSource, Reader, RowRef};
use crate::error::{Error, Result};
use crate::mem::key_steps::{AnyKey, KeyWords, has_nul};
use crate::mem::layout::RowView;
use crate::mvcc::Moment;
use crate::mvcc::chain::Fetched;
use crate::txn::{AHEAD, RowWords, Snapshot, TableData, prepare_key};
use crate::value::ValueRef;
use std::marker::PhantomData;
use std::sync::Arc;

impl Table {
    /// The row with this key, or `None` if the reader sees none.
    ///
    /// Takes no lock and copies the row out; walks the chain of older versions, so its cost grows
    /// with the versions newer than the reader (invariant I4).
    pub fn get<'r, R: Reader>(
        &'r self,
        reader: &'r R,
        key: &[ValueRef<'_>],
    ) -> Result<Option<Row<'r>>> {
        let rows = self.rows_for(reader)?;
        let mut words = RowWords::new();
        let found = find(rows, reader, key, &mut words)?;
        if found { Ok(Some(Row { rows, words, _reader: PhantomData })) } else { Ok(None) }
    }

    /// Shows the row with this key to `look`; `None` if the reader sees none. The cheapest read:
    /// nothing but the words of the row is copied.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let snapshot = store.snapshot()?;
    /// let altitude = flights.get_with(&snapshot, &["UAL123".into()], |row| row.get(1).to_owned())?;
    /// assert_eq!(altitude, Some(35_000.into()));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    #[inline(always)]
    pub fn get_with<T, R: Reader>(
        &self,
        reader: &R,
        key: &[ValueRef<'_>],
        look: impl FnOnce(RowRef<'_>) -> T,
    ) -> Result<Option<T>> {
        let rows = self.rows_for(reader)?;
        let mut words = RowWords::new();
        if !find(rows, reader, key, &mut words)? {
            return Ok(None);
        }
        Ok(Some(look(RowRef::new(rows, &words))))
    }

    /// Shows the row of each key to `look`, in order, with the position of the key; `None` for a
    /// key whose row the reader does not see.
    ///
    /// Waits for the memory of 16 keys at once: in a table that is larger than the processor's
    /// caches it is several times as fast as reading the keys one by one. A key of the wrong shape
    /// ends it with an error that tells which; the keys before it have been shown.
    ///
    /// ```
    /// # let (store, flights) = store_core::doctest::flights();
    /// let snapshot = store.snapshot()?;
    /// let keys = [["UAL123".into()], ["nobody".into()]];
    /// let mut found = Vec::new();
    /// flights.get_many(&snapshot, &keys, |nth, row| found.push((nth, row.is_some())))?;
    /// assert_eq!(found, [(0, true), (1, false)]);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn get_many<'k, R: Reader, K: AsRef<[ValueRef<'k>]>>(
        &self,
        reader: &R,
        keys: &[K],
        mut look: impl FnMut(usize, Option<RowRef<'_>>),
    ) -> Result<()> {
        let rows = self.rows_for(reader)?;
        let at_hand = reader.source().moment().ok().map(|moment| (rows, moment));
        read_keys(at_hand, keys, &mut RowWords::new(), |words, nth, key, found| {
            let found = found.is_some() || find_any(rows, reader, key, words)?;
            look(nth, found.then(|| RowRef::new(rows, words)));
            Ok(())
        })
    }

    /// True if the reader sees a row with this key.
    pub fn exists<R: Reader>(&self, reader: &R, key: &[ValueRef<'_>]) -> Result<bool> {
        find(self.rows_for(reader)?, reader, key, &mut RowWords::new())
    }

    /// Starts a query; without a filter it gives every row.
    pub fn query<'r, R: Reader>(&self, reader: &'r R) -> Query<'r> {
        self.query_of(reader.source())
    }

    /// Starts a query that keeps its own share of the snapshot, for handles that outlive a borrow.
    pub fn query_at(&self, snapshot: &Snapshot) -> Query<'static> {
        self.query_of(ReadSource::Owned(snapshot.clone()))
    }

    /// How many rows the reader sees.
    pub fn count<R: Reader>(&self, reader: &R) -> Result<u64> {
        self.query(reader).count()
    }

    /// A query that fails when it runs if this reader has no such table.
    fn query_of<'r>(&self, source: ReadSource<'r>) -> Query<'r> {
        let table = if Arc::ptr_eq(source.engine(), &self.engine) {
            self.edition_at(source.at().at).map(|edition| edition.live().share())
        } else {
            Err(foreign_reader())
        };
        Query::new(Arc::clone(&self.engine), table, source)
    }

    /// The rows at hand, if they are those that this reader's moment has, and the reader is this store's.
    #[inline(always)]
    pub(super) fn rows_at_hand<R: Reader>(&self, reader: &R) -> Option<&TableData> {
        let source = reader.source();
        let ours = Arc::ptr_eq(source.engine(), &self.engine);
        (ours && self.edition.covers(source.at().at)).then(|| self.rows.get())
    }

    /// The rows as this reader's moment has them.
    #[inline(always)]
    pub(super) fn rows_for<R: Reader>(&self, reader: &R) -> Result<&TableData> {
        self.check_reader(reader)?;
        let at = reader.source().at().at;
        if self.edition.covers(at) { Ok(self.rows.get()) } else { Ok(&self.other_at(at)?.data) }
    }

    #[inline(always)]
    pub(super) fn check_reader<R: Reader>(&self, reader: &R) -> Result<()> {
        let ours = Arc::ptr_eq(reader.source().engine(), &self.engine);
        if ours { Ok(()) } else { Err(foreign_reader()) }
    }
}

#[cold]
fn foreign_reader() -> Error {
    Error::invalid("the snapshot or transaction belongs to another store")
}

/// How a row is read whose place was found.
pub(super) trait Reading {
    /// What tells that it was, and what was read.
    type Read;

    /// Reads the row if its newest version is the one to see and its key this one.
    fn read<const MOST: usize>(
        &mut self,
        rows: &TableData,
        place: Fetched,
        moment: Moment,
        key: &KeyWords<MOST>,
    ) -> Option<Self::Read>;
}

/// Copies the whole row.
impl Reading for RowWords {
    type Read = ();

    #[inline(always)]
    fn read<const MOST: usize>(
        &mut self,
        rows: &TableData,
        place: Fetched,
        moment: Moment,
        key: &KeyWords<MOST>,
    ) -> Option<()> {
        rows.versions.read_same(place, moment, key, self).then_some(())
    }
}

/// Reads many keys, and hands each with what was read to `done`; with nothing if it was not found the
/// short way. An error tells the position of its key.
pub(super) fn read_keys<'k, K: AsRef<[ValueRef<'k>]>, R: Reading>(
    at_hand: Option<(&TableData, Moment)>,
    keys: &[K],
    reading: &mut R,
    mut done: impl FnMut(&mut R, usize, &[ValueRef<'k>], Option<R::Read>) -> Result<()>,
) -> Result<()> {
    let mut done = |reading: &mut R, nth, key: &K, read| {
        done(reading, nth, key.as_ref(), read).map_err(|error| error.at(format_args!("key {nth}")))
    };
    let Some((rows, moment)) = at_hand else {
        let mut keys = keys.iter().enumerate();
        return keys.try_for_each(|(nth, key)| done(reading, nth, key, None));
    };
    let steps = rows.layout.key_steps();
    let one = |key: &[ValueRef<'_>]| if let [cell] = key { steps.build_one(cell) } else { None };
    let any = |key: &[ValueRef<'_>]| {
        let mut built = AnyKey::NONE;
        steps.build(&mut built, key).then_some(built)
    };
    for (chunk, keys) in keys.chunks(AHEAD).enumerate() {
        let mut done =
            |reading: &mut R, at, read| done(reading, chunk * AHEAD + at, &keys[at], read);
        if rows.schema.key.len() == 1 {
            read_chunk(rows, moment, keys, one, reading, &mut done)?;
        } else {
            read_chunk(rows, moment, keys, any, reading, &mut done)?;
        }
    }
    Ok(())
}

/// Reads up to [`AHEAD`] keys.
#[inline(always)]
fn read_chunk<'k, K: AsRef<[ValueRef<'k>]>, R: Reading, const MOST: usize>(
    rows: &TableData,
    moment: Moment,
    keys: &[K],
    build: impl Fn(&[ValueRef<'_>]) -> Option<KeyWords<MOST>>,
    reading: &mut R,
    done: &mut impl FnMut(&mut R, usize, Option<R::Read>) -> Result<()>,
) -> Result<()> {
    let mut built = [const { (KeyWords::NONE, 0, false) }; AHEAD];
    for (key, built) in keys.iter().zip(&mut built) {
        if let Some(words) = build(key.as_ref()) {
            *built = (words, words.hash(), true);
            rows.primary.prefetch(built.1);
        }
    }
    let mut fetched = [None; AHEAD];
    for ((_, hash, is_built), fetched) in built.iter().zip(&mut fetched).take(keys.len()) {
        if *is_built && let Some(row) = rows.primary.first(*hash) {
            *fetched = Some(rows.versions.fetch(row));
        }
    }
    for at in 0..keys.len() {
        let place = fetched[at];
        let read = place.and_then(|place| reading.read(rows, place, moment, &built[at].0));
        done(reading, at, read)?;
    }
    Ok(())
}

/// Copies the words of the row with this key; false if the reader sees none.
#[inline(always)]
fn find<R: Reader>(
    rows: &TableData,
    reader: &R,
    key: &[ValueRef<'_>],
    words: &mut RowWords,
) -> Result<bool> {
    let here = reader.source().moment().ok();
    let here = here.and_then(|moment| find_here(rows, key, moment, words));
    Ok(here.is_some() || find_any(rows, reader, key, words)?)
}

/// The short way, which finds most rows: the key needs no conversion, the index has its row where
/// the search begins, and the row's newest version is the one to see. Nothing tells nothing.
#[inline(always)]
pub(super) fn find_here<R: Reading>(
    rows: &TableData,
    key: &[ValueRef<'_>],
    moment: Moment,
    reading: &mut R,
) -> Option<R::Read> {
    let (primary, steps) = (&rows.primary, rows.layout.key_steps());
    if let [cell] = key {
        let one = steps.build_one(cell)?;
        let row = primary.first(one.hash())?;
        return reading.read(rows, rows.versions.place(row), moment, &one);
    }
    let mut built = AnyKey::NONE;
    if !steps.build(&mut built, key) {
        return None;
    }
    let row = primary.first(built.hash())?;
    reading.read(rows, rows.versions.place(row), moment, &built)
}

/// Finds a key of any shape in any version.
#[cold]
#[inline(never)]
pub(super) fn find_any<R: Reader>(
    rows: &TableData,
    reader: &R,
    key: &[ValueRef<'_>],
    words: &mut RowWords,
) -> Result<bool> {
    let source = reader.source();
    let (mut built, mut prepared) = (AnyKey::NONE, RowWords::new());
    let wanted = if rows.layout.key_steps().build(&mut built, key) && !has_nul(key) {
        rows.view(built.words())
    } else {
        prepare_key(rows, key, &mut prepared)?;
        rows.view(&prepared)
    };
    words.reset(rows.layout.words());
    let at = match source.moment() {
        Ok(at) => at,
        Err(txn) => return Ok(txn.find(rows, &wanted, words)?.is_some()),
    };
    let all = 0..words.len();
    for row in rows.primary.candidates(wanted.key_hash()) {
        if rows.versions.read(row, at, &all, words)? && rows.view(words).same_key(&wanted) {
            return Ok(true);
        }
    }
    let found = !rows.cold.is_empty() && find_cold(rows, &wanted, at, words)?;
    source.check_kept()?;
    Ok(found)
}

/// Finds a key among the cold rows.
fn find_cold(
    rows: &TableData,
    wanted: &RowView<'_>,
    at: Moment,
    words: &mut RowWords,
) -> Result<bool> {
    let Some(found) = rows.find_cold(wanted, at.at)? else { return Ok(false) };
    rows.fill_cold(&found, words)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::doctest;
    use crate::error::Kind;
    use crate::value::ValueRef;

    #[test]
    fn keys_that_no_row_can_have_are_errors_one_by_one_and_among_many() {
        let (store, flights) = doctest::flights();
        let snapshot = store.snapshot().unwrap();
        let found = |key: &[ValueRef<'_>]| flights.get(&snapshot, key).map(|row| row.is_some());
        assert!(found(&["UAL123".into()]).unwrap() && !found(&["UAL124".into()]).unwrap());
        assert!(!found(&["a flight number of many letters".into()]).unwrap());
        let wrong: [(&[ValueRef<'_>], Kind); 5] = [
            (&["UAL\0".into()], Kind::Type),
            (&["a flight number with a \0".into()], Kind::Type),
            (&[1.5.into()], Kind::Type),
            (&[ValueRef::Null], Kind::NotNull),
            (&["UAL123".into(), 1_i64.into()], Kind::Invalid),
        ];
        for (key, kind) in wrong {
            assert_eq!(found(key).unwrap_err().kind(), kind, "{key:?}");
            let known: [ValueRef<'_>; 1] = ["UAL123".into()];
            let mut keys = vec![&known[..]; 20];
            keys.push(key);
            let mut shown = 0;
            let error =
                flights.get_many(&snapshot, &keys, |_, row| shown += usize::from(row.is_some()));
            let error = error.unwrap_err();
            assert_eq!((error.kind(), shown), (kind, 20));
            assert!(error.to_string().contains("key 20"), "{error}");
        }
    }
}
