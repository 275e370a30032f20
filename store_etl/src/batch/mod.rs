//! Batches: some rows, column by column, in the layout of Apache Arrow.
//!
//! ```text
//! column   validity   one bit a row, absent while no cell is NULL
//!          values     bool: a bit a row │ numbers, dates, moments: fixed width
//!                     decimal: 16 bytes │ inet 16, mac 6 bytes │ text, bytes: offsets and bytes
//! ```
//!
//! Operators lend batches to each other and keep the memory of their own for the next rows. A batch is
//! cut by bytes, not by rows: [`Limits`] says how many. What a batch may come to is stated before a job
//! runs, so a longer row than was allowed is an error and no surprise.

mod bitmap;
mod column;
mod place;
mod row_codec;

pub use bitmap::Bitmap;
pub(crate) use column::fixed_bytes;
pub use column::{Column, Texts, Values};
pub use place::Places;
pub(crate) use row_codec::decode_fixed;
pub use row_codec::{decode_row, encode_row};

use store_core::{Error, Kind, Result, Type, ValueRef};

/// Most rows of a batch: columns of it stay in the first caches of a processor.
pub const BATCH_ROWS_MAX: usize = 4096;

/// A column's name and type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether its cells may be NULL.
    pub nullable: bool,
}

impl Field {
    /// A column that may hold NULL.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self { name: name.into(), ty, nullable: true }
    }
}

/// How much a batch may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most rows.
    pub rows: usize,
    /// Bytes at which a batch is full.
    pub bytes: usize,
    /// Longest row, in bytes of its cells.
    pub row_bytes: usize,
}

impl Limits {
    /// Bytes at which whoever makes batches stops: half of what one may hold, so that steps may add columns
    /// before they have to cut it.
    pub const fn fill_bytes(&self) -> usize {
        self.bytes / 2
    }

    /// What is in memory for a batch of such columns at most: full, and then the longest row; twice,
    /// because buffers grow by half of what they hold and are copied when they do.
    pub fn resident_bytes(&self, columns: usize) -> usize {
        const COLUMN_BYTES: usize = 512;
        2 * (self.bytes + self.row_bytes) + columns * COLUMN_BYTES
    }
}

/// Rows that are moved as one.
#[derive(Debug)]
pub struct Batch {
    columns: Vec<Column>,
    rows: usize,
    /// Where the rows came from.
    pub places: Places,
}

impl Batch {
    /// An empty batch of these columns.
    pub fn new(fields: &[Field]) -> Self {
        Self::of_types(fields.iter().map(|field| field.ty))
    }

    /// An empty batch of columns of these types.
    pub fn of_types(types: impl IntoIterator<Item = Type>) -> Self {
        let columns = types.into_iter().map(Column::new).collect();
        Self { columns, rows: 0, places: Places::default() }
    }

    /// How many rows it has.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// True if it has no rows.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Its columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A cell.
    pub fn cell(&self, row: usize, column: usize) -> ValueRef<'_> {
        self.columns[column].get(row)
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.places.clear();
        self.rows = 0;
    }

    /// Bytes of the cells.
    pub fn data_bytes(&self) -> usize {
        self.columns.iter().map(Column::data_bytes).sum()
    }

    /// Bytes in memory.
    pub fn held_bytes(&self) -> usize {
        self.columns.iter().map(Column::held_bytes).sum::<usize>() + self.places.held_bytes()
    }

    /// Its columns, with their memory.
    pub(crate) fn into_columns(self) -> Vec<Column> {
        self.columns
    }

    /// The columns, to add cells of rows that [`Batch::set_rows`] then makes known.
    pub(crate) fn columns_mut(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// Takes the rows as added; each column must have so many cells.
    pub(crate) fn set_rows(&mut self, rows: usize) {
        debug_assert!(
            self.columns.iter().all(|column| column.len() == rows),
            "columns of one length"
        );
        self.rows = rows;
    }

    /// Removes cells that were added for rows that are not known yet.
    pub(crate) fn truncate_columns(&mut self, rows: usize) {
        self.columns.iter_mut().for_each(|column| column.truncate(rows));
    }

    /// Adds a row.
    pub fn push_row(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len());
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(*cell)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Adds rows of another batch with the same types, in the order given.
    pub fn append_picked(&mut self, from: &Self, rows: &[u32]) -> Result<()> {
        for (column, other) in self.columns.iter_mut().zip(&from.columns) {
            column.append_picked(other, rows)?;
        }
        self.places.append_picked(&from.places, rows, self.rows);
        self.rows += rows.len();
        Ok(())
    }

    /// Adds rows of another batch that follow one another.
    pub fn append_range(&mut self, from: &Self, rows: std::ops::Range<usize>) -> Result<()> {
        let picked: Vec<u32> = rows.map(|row| row as u32).collect();
        self.append_picked(from, &picked)
    }

    /// Becomes another batch with the same types; it must be empty.
    pub(crate) fn copy_from(&mut self, from: &Self) -> Result<()> {
        debug_assert!(self.is_empty());
        for (column, other) in self.columns.iter_mut().zip(&from.columns) {
            column.copy_from(other)?;
        }
        self.places.copy_from(&from.places);
        self.rows = from.rows;
        Ok(())
    }

    /// Replaces a column by another of as many cells.
    pub(crate) fn replace_column(&mut self, nth: usize, with: Column) {
        self.columns[nth] = with;
    }
}

/// The refusal of a system that has no memory for what was reserved.
pub(crate) fn no_memory(bytes: usize) -> Error {
    Error::new(Kind::OverBudget, format!("the system has no memory for {bytes} bytes of a batch"))
}

#[cfg(test)]
mod tests;
