//! Sort orders of records.

use crate::error::Result;
use crate::query::{NullsOrder, SortName, parse_sort};
use std::fmt;
use std::marker::PhantomData;

/// One column of a sort order of records of type `R`: `Flight::LAT.asc()`, or a word like `"-lat"`.
///
/// ```
/// # use store_core::{Record, Store};
/// # #[derive(Record)]
/// # struct Flight { #[record(key)] id: i32, origin: Option<String> }
/// # let store = Store::in_memory()?;
/// # let flights = store.table::<Flight>()?;
/// # let all = [(1, Some("KAUS".to_owned())), (2, None)];
/// # store.write(|txn| {
/// #     all.iter().cloned().try_for_each(|(id, origin)| flights.insert(txn, &Flight { id, origin }))
/// # })?;
/// let snapshot = store.snapshot()?;
/// let query = flights.query(&snapshot).sort(Flight::ORIGIN.desc().nulls_first());
/// let ids: Vec<i32> = query.sort("id").collect()?.iter().map(|flight| flight.id).collect();
/// assert_eq!(ids, [2, 1]);
/// # Ok::<_, store_core::Error>(())
/// ```
#[must_use]
pub struct TypedSort<R> {
    /// Or what is wrong with the word it was made from, for the query to say.
    sort: Result<SortName>,
    of: PhantomData<fn() -> R>,
}

impl<R> TypedSort<R> {
    pub(super) fn new(column: &str, descending: bool) -> Self {
        let nulls = NullsOrder::Last;
        Self::of(Ok(SortName { name: column.to_owned(), descending, nulls }))
    }

    fn of(sort: Result<SortName>) -> Self {
        Self { sort, of: PhantomData }
    }

    /// NULL before every value, whichever way the values run.
    pub fn nulls_first(self) -> Self {
        self.nulls(NullsOrder::First)
    }

    /// NULL after every value, whichever way the values run: so it is without a word.
    pub fn nulls_last(self) -> Self {
        self.nulls(NullsOrder::Last)
    }

    fn nulls(self, nulls: NullsOrder) -> Self {
        Self::of(self.sort.map(|sort| SortName { nulls, ..sort }))
    }

    pub(super) fn into_sort(self) -> Result<SortName> {
        self.sort
    }
}

/// A column's name, `"-column"` for descending, or SQL's `"column desc nulls first"`.
impl<R> From<&str> for TypedSort<R> {
    fn from(word: &str) -> Self {
        Self::of(parse_sort(&[word]).map(|mut sorts| sorts.remove(0)))
    }
}

impl<R> From<&String> for TypedSort<R> {
    fn from(word: &String) -> Self {
        word.as_str().into()
    }
}

impl<R> From<String> for TypedSort<R> {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl<R> fmt::Debug for TypedSort<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedSort({:?})", self.sort)
    }
}
