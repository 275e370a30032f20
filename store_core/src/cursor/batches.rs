//! Columns of a query's rows, a batch of rows at a time.
//!
//! ```text
//! pages ─► the words of the columns asked for ─► rows that pass ─► ints, floats, cells by column
//! ```
//!
//! Whoever adds up a column of a million rows wants the column and not the rows. A scan of which the
//! filter is decided by tests of single cells copies no more of a slot than the columns need; rows
//! that come by another way are cut down to the same words. Of a page that has not changed for some
//! scans there are the columns themselves (`mvcc::images`), which the batch lends as they are.

use super::by_page::{Ahead, ByPage};
use super::{Bound, Cursor, Query};
use crate::error::Result;
use crate::mem::column::ColumnValues;
use crate::mem::layout::{CellTest, Lane, Narrowed};
use crate::mvcc::Columns;
use crate::query::Quick;
use crate::schema::Schema;
use crate::value::ValueRef;

/// Bytes of a batch's rows and lanes, about: they stay in the processor's nearer caches.
const BATCH_BYTES: usize = 4 << 10;
const BATCH_ROWS_MIN: usize = 64;
const BATCH_ROWS_MAX: usize = 1024;
const WORD_BYTES: usize = 8;

/// Some columns of a query's rows, in batches; made by [`Query::batches`].
///
/// ```
/// # let (store, flights) = store_core::doctest::flights();
/// let snapshot = store.snapshot()?;
/// let mut batches = flights.query(&snapshot).batches(&["altitude"])?;
/// let mut highest = i64::MIN;
/// while let Some(batch) = batches.next()? {
///     highest = batch.ints(0).unwrap().iter().copied().fold(highest, i64::max);
/// }
/// assert_eq!(highest, 35_000);
/// # Ok::<_, store_core::Error>(())
/// ```
pub struct Batches<'a> {
    batch: ColumnBatch,
    /// Tests of single cells, of which a scan's rows must pass each.
    tests: Vec<CellTest>,
    /// Set if the rows are taken right from the pages.
    by_page: Option<ByPage>,
    // Dropped last: it keeps the snapshot, and with it the values that the batch's cells lead to.
    cursor: Cursor<'a>,
}

/// Some columns of some rows, column by column.
pub struct ColumnBatch {
    narrowed: Narrowed,
    /// Words of the rows, one behind the other, as many as there is room for.
    words: Vec<u64>,
    /// Rows whose words are there.
    taken: usize,
    /// Rows for which there is room, unless they are a whole page's.
    most: usize,
    /// The columns of a page, instead of words.
    image: Option<Columns>,
    /// Where each column asked for is among those, and how it lies there.
    places: Vec<(usize, Narrowed)>,
    /// Positions of the rows that count, unless all do.
    passed: Option<Vec<u32>>,
    lanes: Vec<Lane>,
}

impl<'a> Query<'a> {
    /// Starts the query and gives these columns of its rows, in batches.
    ///
    /// The cheapest way to read a few columns of many rows: a scan copies nothing else, and the
    /// values of a column lie one behind the other.
    pub fn batches<N: AsRef<str>>(self, columns: &[N]) -> Result<Batches<'a>> {
        let schema = &self.table()?.data.schema;
        let position = |name: &N| schema.column_position(name.as_ref());
        let columns: Vec<usize> = columns.iter().map(position).collect::<Result<_>>()?;
        self.batches_of(&columns)
    }

    /// The same for columns by position.
    pub(crate) fn batches_of(self, columns: &[usize]) -> Result<Batches<'a>> {
        let bound = self.bind()?;
        Batches::start(self, bound, columns)
    }
}

impl<'a> Batches<'a> {
    fn start(query: Query<'a>, bound: Bound, columns: &[usize]) -> Result<Self> {
        let layout = &query.table()?.data.layout;
        let quick = Quick::new(&bound.filter, layout);
        let plain = query.limit.is_none() && query.offset == 0 && bound.sort.is_empty();
        let tests = if quick.decides() { quick.into_tests() } else { Vec::new() };
        let mut needed = columns.to_vec();
        if !tests.is_empty() {
            needed.extend(bound.filter.columns());
        }
        let decided = bound.filter.is_all() || !tests.is_empty();
        let cursor = Cursor::start(query, bound)?;
        let scans = plain && decided && cursor.is_bare_walk();
        let by_page = scans.then(|| ByPage::new(cursor.rows(), &needed, &tests));
        let narrowed = Narrowed::new(&cursor.rows().layout, &needed);
        let tests = tests.into_iter().map(|test| test.moved(|word| narrowed.place(word)));
        let tests: Vec<CellTest> = tests.collect();
        let passes = scans && !tests.is_empty();
        let mut batch = ColumnBatch::new(narrowed, columns.len(), passes);
        if let Some(by_page) = &by_page {
            let layout = &cursor.rows().layout;
            let place =
                |column: &usize| (by_page.place(*column), Narrowed::new(layout, &[*column]));
            batch.places = columns.iter().map(place).collect();
        }
        Ok(Self { batch, tests, by_page, cursor })
    }

    /// The next batch, of at least one row; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a batch borrows from its maker")]
    pub fn next(&mut self) -> Result<Option<&ColumnBatch>> {
        loop {
            let rows = if self.by_page.is_some() { self.gather()? } else { self.collect()? };
            if rows == 0 && self.by_page.is_some() && self.cursor.has_cold_left() {
                self.by_page = None;
                self.batch.take_rows();
                continue;
            }
            if rows == 0 {
                return Ok(None);
            }
            if !self.batch.is_empty() {
                self.batch.load();
                return Ok(Some(&self.batch));
            }
        }
    }

    /// How many rows are left.
    pub(super) fn count(mut self) -> Result<u64> {
        if self.by_page.is_none() {
            return self.cursor.count_all();
        }
        let mut count = 0;
        while self.gather()? > 0 {
            count += self.batch.len() as u64;
        }
        Ok(count + self.cursor.count_all()?)
    }

    /// The table's schema.
    pub fn schema(&self) -> &Schema {
        self.cursor.schema()
    }

    /// Takes rows from the pages, or from an image of one, and keeps those that pass; how many it took.
    fn gather(&mut self) -> Result<usize> {
        let by_page = self.by_page.as_mut().expect("a scan");
        let batch = &mut self.batch;
        let mut filled = 0;
        loop {
            match by_page.take_ahead() {
                Ahead::Image(columns) => batch.show(columns, &mut self.cursor),
                Ahead::Make(changed) => batch.make(changed, by_page, &mut self.cursor)?,
                Ahead::Rows => {
                    batch.image = None;
                    let width = batch.narrowed.width();
                    let room = &mut batch.words[filled..batch.most * width];
                    filled += self.cursor.gather(batch.narrowed.picks(), room)?;
                    batch.taken = filled / width;
                    let full = batch.taken == batch.most;
                    if full || !self.cursor.turn_page()? {
                        if !full {
                            by_page.finish(&self.cursor);
                        }
                        break;
                    }
                    by_page.look(&self.cursor);
                    if filled == 0 || !by_page.is_special() {
                        continue;
                    }
                }
            }
            if batch.taken > 0 {
                break;
            }
        }
        self.select();
        Ok(self.batch.taken)
    }

    /// Finds the rows that pass the tests.
    fn select(&mut self) {
        let ColumnBatch { narrowed, words, taken, passed, image, .. } = &mut self.batch;
        let (Some(passed), Some(by_page)) = (passed, &self.by_page) else { return };
        let width = narrowed.width();
        if let Some(columns) = image {
            by_page.select(columns, passed);
        } else if let [first, others @ ..] = &self.tests[..] {
            first.select(&words[..*taken * width], width, passed);
            for test in others {
                test.retain(words, width, passed);
            }
        }
    }

    /// Takes rows from the cursor one by one.
    fn collect(&mut self) -> Result<usize> {
        let ColumnBatch { narrowed, words, taken, .. } = &mut self.batch;
        *taken = 0;
        self.cursor.let_blocks_go();
        self.cursor.keep_blocks();
        for room in words.chunks_exact_mut(narrowed.width()) {
            let Some(found) = self.cursor.next()? else { break };
            found.pick(narrowed.picks(), room);
            *taken += 1;
            if self.cursor.has_many_blocks() {
                break;
            }
        }
        Ok(*taken)
    }
}

impl ColumnBatch {
    fn new(narrowed: Narrowed, columns: usize, passes: bool) -> Self {
        let row_bytes = (narrowed.width() + columns) * WORD_BYTES;
        let most = (BATCH_BYTES / row_bytes).clamp(BATCH_ROWS_MIN, BATCH_ROWS_MAX);
        let lanes = (0..columns).map(|_| Lane::default()).collect();
        let words = vec![0; most * narrowed.width()];
        let (passed, image, places) = (passes.then(Vec::new), None, Vec::new());
        Self { words, narrowed, taken: 0, most, image, places, passed, lanes }
    }

    /// From now on its rows are those that it is given.
    fn take_rows(&mut self) {
        (self.image, self.passed) = (None, None);
    }

    /// Becomes an image of the page at which the walk stands.
    fn show(&mut self, columns: Columns, cursor: &mut Cursor<'_>) {
        cursor.skip_page();
        self.taken = columns.rows;
        self.image = Some(columns);
    }

    /// Becomes the rows of that page, and an image of them if one can be kept.
    fn make(&mut self, changed: u64, by_page: &ByPage, cursor: &mut Cursor<'_>) -> Result<()> {
        let width = self.narrowed.width();
        let rows = cursor.rows().versions.page_rows(cursor.walk().page()).len();
        let room = rows * width;
        if self.words.len() < room {
            self.words.resize(room, 0);
        }
        let filled = cursor.gather(self.narrowed.picks(), &mut self.words[..room])?;
        self.taken = filled / width;
        if cursor.walk().has_ended_page() {
            let words = &self.words[..filled];
            self.image = by_page.keep(cursor, changed, &self.narrowed, words);
        }
        Ok(())
    }

    fn load(&mut self) {
        if let Some(image) = &self.image {
            let Some(passed) = &self.passed else { return };
            for (lane, (at, single)) in self.lanes.iter_mut().zip(&self.places) {
                lane.pick(&image.values[*at], single, passed);
            }
            return;
        }
        let words = &self.words[..self.taken * self.narrowed.width()];
        for (nth, lane) in self.lanes.iter_mut().enumerate() {
            self.narrowed.load(nth, words, self.passed.as_deref(), lane);
        }
    }

    /// Rows in the batch.
    pub fn len(&self) -> usize {
        self.passed.as_ref().map_or(self.taken, Vec::len)
    }

    /// True if it has no rows; a batch that [`Batches::next`] gives has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of the nth column asked for, if they are whole numbers, bools (0 and 1), dates
    /// (days) or timestamps (microseconds); 0 where they are NULL.
    pub fn ints(&self, nth: usize) -> Option<&[i64]> {
        let ints = || match self.whole(nth) {
            Some(values) => values.ints(),
            None => &self.lanes[nth].ints,
        };
        self.narrowed.has_ints(nth).then(ints)
    }

    /// The values of the nth column asked for, if they are floats; 0 where they are NULL.
    pub fn floats(&self, nth: usize) -> Option<&[f64]> {
        let floats = || match self.whole(nth) {
            Some(values) => values.floats(),
            None => &self.lanes[nth].floats,
        };
        self.narrowed.has_floats(nth).then(floats)
    }

    /// Which values of the nth column are NULL; `None` if none is.
    pub fn nulls(&self, nth: usize) -> Option<&[bool]> {
        match self.whole(nth) {
            Some(values) => values.nulls(),
            None => Some(&self.lanes[nth].nulls[..]).filter(|nulls| !nulls.is_empty()),
        }
    }

    /// The nth column asked for as it is in the image, if every row of it counts.
    fn whole(&self, nth: usize) -> Option<&ColumnValues> {
        let image = self.image.as_ref()?;
        self.passed.is_none().then(|| &*image.values[self.places[nth].0])
    }

    /// The value of the nth column in a row of the batch.
    pub fn get(&self, nth: usize, row: usize) -> ValueRef<'_> {
        assert!(nth < self.lanes.len(), "a column that was asked for");
        assert!(row < self.len(), "a row of the batch");
        let row = self.passed.as_ref().map_or(row, |passed| passed[row] as usize);
        if let Some(image) = &self.image {
            let (at, single) = &self.places[nth];
            return single.value(&image.values[*at], row);
        }
        let width = self.narrowed.width();
        self.narrowed.cell(&self.words[row * width..(row + 1) * width], nth)
    }
}
