//! Reading rows: by key, one or many at a time, and the start of a query.

use super::{Row, Table};
use crate::cursor::{Query, ReadSource, Reader, RowRef};
use crate::error::{Error, Result};
use crate::mem::key_steps::{AnyKey, KeyWords, has_nul};
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
        let steps = rows.layout.key_steps();
        let one =
            |key: &[ValueRef<'_>]| if let [cell] = key { steps.build_one(cell) } else { None };
        let any = |key: &[ValueRef<'_>]| {
            let mut built = AnyKey::NONE;
            steps.build(&mut built, key).then_some(built)
        };
        let mut words = RowWords::new();
        for (chunk, keys) in keys.chunks(AHEAD).enumerate() {
            let mut look = |at, row: Option<RowRef<'_>>| look(chunk * AHEAD + at, row);
            let done = if rows.schema.key.len() == 1 {
                read_chunk(rows, reader, keys, one, &mut words, &mut look)
            } else {
                read_chunk(rows, reader, keys, any, &mut words, &mut look)
            };
            done.map_err(|(at, error)| error.at(format_args!("key {}", chunk * AHEAD + at)))?;
        }
        Ok(())
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

    /// The rows as this reader's moment has them.
    #[inline(always)]
    fn rows_for<R: Reader>(&self, reader: &R) -> Result<&TableData> {
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

/// Reads up to [`AHEAD`] keys; an error comes with the position of its key.
#[inline(always)]
fn read_chunk<'k, R: Reader, K: AsRef<[ValueRef<'k>]>, const MOST: usize>(
    rows: &TableData,
    reader: &R,
    keys: &[K],
    build: impl Fn(&[ValueRef<'_>]) -> Option<KeyWords<MOST>>,
    words: &mut RowWords,
    look: &mut impl FnMut(usize, Option<RowRef<'_>>),
) -> Result<(), (usize, Error)> {
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
    let source = reader.source();
    let moment = source.moment();
    for (at, key) in keys.iter().enumerate() {
        let mut found = false;
        if let (Some(place), Ok(moment)) = (fetched[at], moment) {
            found = rows.versions.read_same(place, moment, &built[at].0, words);
        }
        let found =
            found || find_any(rows, reader, key.as_ref(), words).map_err(|error| (at, error))?;
        look(at, found.then(|| RowRef::new(rows, words)));
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
    Ok(find_here(rows, reader, key, words) || find_any(rows, reader, key, words)?)
}

/// The short way, which finds most rows: the key needs no conversion, the index has its row where
/// the search begins, and the row's newest version is the one to see. False tells nothing.
#[inline(always)]
fn find_here<R: Reader>(
    rows: &TableData,
    reader: &R,
    key: &[ValueRef<'_>],
    words: &mut RowWords,
) -> bool {
    let primary = &rows.primary;
    if let [cell] = key {
        let Some(one) = rows.layout.key_steps().build_one(cell) else { return false };
        return read_found(rows, reader, primary.first(one.hash()), &one, words);
    }
    let mut built = AnyKey::NONE;
    let is_built = rows.layout.key_steps().build(&mut built, key);
    is_built && read_found(rows, reader, primary.first(built.hash()), &built, words)
}

#[inline(always)]
fn read_found<R: Reader, const MOST: usize>(
    rows: &TableData,
    reader: &R,
    row: Option<u32>,
    wanted: &KeyWords<MOST>,
    words: &mut RowWords,
) -> bool {
    let (Some(row), Ok(at)) = (row, reader.source().moment()) else { return false };
    rows.versions.read_same(rows.versions.place(row), at, wanted, words)
}

/// Finds a key of any shape in any version.
#[cold]
#[inline(never)]
fn find_any<R: Reader>(
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
    source.check_kept()?;
    Ok(false)
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
