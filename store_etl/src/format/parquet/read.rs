//! A Parquet file into batches.

use super::column::{ColumnReader, ColumnSizes};
use super::footer::{Footer, Group};
use super::pages::Unpacker;
use super::prune::Condition;
use super::schema::Cells;
use crate::batch::{Batch, Limits};
use crate::format::columnar::RowGroups;
use std::fs::File;
use store_core::{Error, Kind, Result};

/// Reads the row groups of a file that may have rows of use.
pub(crate) struct FileReader {
    file: File,
    unpacker: Unpacker,
    columns: Vec<ColumnReader>,
    groups: std::vec::IntoIter<Group>,
    group_left: u64,
    /// Bytes of texts of rows that are looked at.
    row_bytes: Vec<u32>,
    /// Bytes of a row's cells of fixed width.
    fixed_bytes: usize,
    /// What was left out: row groups and their rows.
    skipped: [u64; 2],
    /// How many row groups there are.
    group_count: u64,
}

impl RowGroups for FileReader {
    fn fill(&mut self, batch: &mut Batch, limits: Limits) -> Result<usize> {
        self.fill_batch(batch, limits)
    }

    fn groups(&self) -> [u64; 3] {
        [self.group_count, self.skipped[0], self.skipped[1]]
    }
}

impl FileReader {
    /// Reads these columns of the file, as large as they were planned, in that order.
    pub fn new(
        file: File,
        footer: &Footer,
        wanted: &[usize],
        planned: &[ColumnSizes],
        conditions: &[Condition],
    ) -> Result<Self> {
        let mut groups = footer.groups(wanted)?;
        let count = groups.len() as u64;
        let mut skipped = [0; 2];
        groups.retain(|group| {
            let useful = conditions.iter().all(|condition| condition.may_hold(group));
            if !useful {
                skipped = [skipped[0] + 1, skipped[1] + group.rows];
            }
            useful
        });
        let packed = planned.iter().map(ColumnSizes::packed).max().unwrap_or(0);
        let columns: Result<Vec<ColumnReader>> = wanted
            .iter()
            .zip(planned)
            .map(|(at, sizes)| ColumnReader::new(&footer.columns[*at], *sizes))
            .collect();
        let kinds = wanted.iter().filter_map(|at| footer.columns[*at].kind.as_ref().ok());
        let cell_bytes = kinds.map(|(cells, ty)| {
            let long = if let Cells::FixedBytes(width) = cells { *width } else { 0 };
            crate::batch::fixed_bytes(*ty) + long
        });
        Ok(Self {
            file,
            unpacker: Unpacker::new(packed),
            columns: columns?,
            groups: groups.into_iter(),
            group_left: 0,
            row_bytes: Vec::new(),
            fixed_bytes: cell_bytes.sum::<usize>() + 8,
            skipped,
            group_count: count,
        })
    }

    fn fill_batch(&mut self, batch: &mut Batch, limits: Limits) -> Result<usize> {
        let (mut rows, mut bytes) = (0, 0);
        while rows < limits.rows && bytes < limits.fill_bytes() {
            if self.group_left == 0 {
                let Some(group) = self.groups.next() else { break };
                self.group_left = group.rows;
                let chunks = self.columns.iter_mut().zip(&group.chunks);
                chunks.for_each(|(column, chunk)| column.begin(chunk));
                continue;
            }
            let room = limits.fill_bytes() - bytes;
            let (taken, more) = self.stride(batch, limits.rows - rows, room, limits)?;
            rows += taken;
            bytes += more;
        }
        batch.set_rows(rows);
        Ok(rows)
    }

    /// Takes rows up to the end of a page or so many bytes, one at least.
    fn stride(
        &mut self,
        batch: &mut Batch,
        rows: usize,
        room: usize,
        limits: Limits,
    ) -> Result<(usize, usize)> {
        let mut most = (room / self.fixed_bytes).max(1).min(rows);
        most = most.min(usize::try_from(self.group_left).unwrap_or(usize::MAX));
        for column in &mut self.columns {
            most = most.min(column.rows_left(&self.file, &mut self.unpacker)?);
        }
        if most == 0 {
            return Err(Error::new(Kind::Corrupt, "a column ends before its row group"));
        }
        self.row_bytes.clear();
        self.row_bytes.resize(most, 0);
        for column in &mut self.columns {
            column.look(most, &mut self.row_bytes)?;
        }
        let (mut taken, mut bytes) = (0, 0);
        while taken < most && (taken == 0 || bytes < room) {
            let row = self.fixed_bytes + self.row_bytes[taken] as usize;
            if row > limits.row_bytes {
                if taken > 0 {
                    break;
                }
                return Err(too_long(limits.row_bytes));
            }
            bytes += row;
            taken += 1;
        }
        for (column, to) in self.columns.iter_mut().zip(batch.columns_mut()) {
            column.take(taken, to)?;
        }
        self.group_left -= taken as u64;
        Ok((taken, bytes))
    }
}

#[cold]
pub(crate) fn too_long(most: usize) -> Error {
    let message =
        format!("a row is longer than {most} bytes, the most within this memory; raise it");
    Error::new(Kind::OverBudget, message)
}
