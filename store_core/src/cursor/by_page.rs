//! Images of pages in the place of their rows, for a scan that wants some columns (`mvcc::images`).

use super::Cursor;
use crate::mem::layout::{CellTest, Narrowed};
use crate::mvcc::{Columns, Look, Scan};
use crate::txn::TableData;
use smallvec::SmallVec;

/// How a scan uses images.
pub(super) struct ByPage {
    scan: Scan,
    /// Each of the scan's columns by itself.
    single: Vec<Narrowed>,
    /// Where each of them is among the columns that the rows are narrowed to.
    places: Vec<usize>,
    /// The tests, each of one of the scan's columns.
    tests: Vec<(usize, CellTest)>,
    /// What the page has at which the walk stands.
    ahead: Ahead,
}

/// What a page has that no row was read of yet.
pub(super) enum Ahead {
    /// No more than its rows.
    Rows,
    Image(Columns),
    /// Its rows are to be kept as they are at this change.
    Make(u64),
}

impl ByPage {
    /// For a scan that needs these columns, some perhaps twice, and tests cells of the same.
    pub(super) fn new(rows: &TableData, needed: &[usize], tests: &[CellTest]) -> Self {
        let mut columns: SmallVec<[usize; 4]> = SmallVec::new();
        let mut places = Vec::new();
        for (nth, column) in needed.iter().enumerate() {
            if !columns.contains(column) {
                columns.push(*column);
                places.push(nth);
            }
        }
        let single = columns.iter().map(|column| Narrowed::new(&rows.layout, &[*column]));
        let single: Vec<Narrowed> = single.collect();
        let place = |column: usize| {
            let place = columns.iter().position(|known| *known == column);
            place.expect("a column that the scan needs")
        };
        let tests = tests.iter().map(|test| {
            let at = place(test.column());
            (at, test.clone().moved(|word| single[at].place(word)))
        });
        let tests = tests.collect();
        let scan = rows.versions.images.scan(columns);
        Self { tests, places, single, scan, ahead: Ahead::Rows }
    }

    /// Where a column is among those of an image.
    pub(super) fn place(&self, column: usize) -> usize {
        let place = self.scan.columns.iter().position(|known| *known == column);
        place.expect("a column that the scan needs")
    }

    /// Looks at what the page has to which the walk has come.
    pub(super) fn look(&mut self, cursor: &Cursor<'_>) {
        let (page, at) = (cursor.walk().page(), cursor.walk().moment().at);
        self.ahead = match cursor.rows().versions.images.look(page, at, &self.scan) {
            Look::Nothing => Ahead::Rows,
            Look::Image(columns) => Ahead::Image(columns),
            Look::Make(changed) => Ahead::Make(changed),
        };
    }

    /// True if the page is to be read for itself.
    pub(super) fn is_special(&self) -> bool {
        !matches!(self.ahead, Ahead::Rows)
    }

    pub(super) fn take_ahead(&mut self) -> Ahead {
        std::mem::replace(&mut self.ahead, Ahead::Rows)
    }

    /// Keeps a page's rows, which were read into these words from where it was at that change on.
    pub(super) fn keep(
        &self,
        cursor: &Cursor<'_>,
        changed: u64,
        narrowed: &Narrowed,
        words: &[u64],
    ) -> Option<Columns> {
        let (page, rows) = (cursor.walk().page(), words.len() / narrowed.width());
        let images = &cursor.rows().versions.images;
        images.keep(page, changed, &self.scan, rows, |nth, slab| {
            narrowed.keep(self.places[nth], words, &self.single[nth], slab)
        })
    }

    /// Notes that the scan has seen every page it was to see.
    pub(super) fn finish(&self, cursor: &Cursor<'_>) {
        cursor.rows().versions.images.scanned(&self.scan);
    }

    /// Sets `passed` to the rows of an image that pass all tests.
    pub(super) fn select(&self, columns: &Columns, passed: &mut Vec<u32>) {
        for (nth, (at, test)) in self.tests.iter().enumerate() {
            let (values, is_number) = (&columns.values[*at], self.single[*at].has_numbers(0));
            if nth == 0 {
                test.select_values(values, is_number, passed);
            } else {
                test.retain_values(values, is_number, passed);
            }
        }
    }
}
