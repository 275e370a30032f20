//! Where rows came from, so that an error can name the line.

use std::fmt::Write;
use std::sync::Arc;

/// The lines that the rows of a batch stood on; nothing for rows that a step made or moved.
#[derive(Debug, Default)]
pub struct Places {
    source: Option<Arc<str>>,
    lines: Vec<u64>,
}

impl Places {
    /// Rows of this file follow; a batch has rows of one file.
    pub fn set_source(&mut self, source: &Arc<str>) {
        self.source = Some(Arc::clone(source));
    }

    /// The line of the next row.
    #[inline]
    pub fn push(&mut self, line: u64) {
        self.lines.push(line);
    }

    /// Where a row stood, as an error begins: `file:line: `; or how many rows came before it.
    pub fn name(&self, row: usize, rows_before: u64) -> String {
        let mut text = String::new();
        let written = match (&self.source, self.lines.get(row)) {
            (Some(source), Some(line)) => write!(text, "{source}:{line}: "),
            _ => write!(text, "row {}: ", rows_before + row as u64 + 1),
        };
        written.expect("a string takes every write");
        text
    }

    /// Forgets them unless they are there for all of so many rows.
    pub(crate) fn settle(&mut self, rows: usize) {
        if self.lines.len() != rows {
            self.clear();
        }
    }

    /// The places of another batch's rows, one for one.
    pub(crate) fn copy_from(&mut self, from: &Self) {
        self.source.clone_from(&from.source);
        self.lines.clone_from(&from.lines);
    }

    /// Adds the places of rows of another batch, behind so many rows of this one.
    pub(crate) fn append_picked(&mut self, from: &Self, rows: &[u32], rows_before: usize) {
        // Rows of different files, or rows without a line, have no place together.
        if rows_before == 0 {
            self.source.clone_from(&from.source);
        } else if self.source != from.source {
            self.source = None;
        }
        if from.lines.is_empty() || self.lines.len() != rows_before {
            self.source = None;
            self.lines.clear();
            return;
        }
        self.lines.extend(rows.iter().map(|row| from.lines[*row as usize]));
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.source = None;
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.lines.capacity() * size_of::<u64>()
    }
}
