//! Finding the key columns of a line.

use super::key::SortColumn;
use memchr::{memchr, memchr_iter};
use store_core::{Error, Result, Type, ValueRef};

/// One column that lines are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineKey {
    /// Its place in a line, from 0.
    pub column: usize,
    /// How it sorts.
    pub sort: SortColumn,
}

/// Makes the keys of lines that all have as many fields.
#[derive(Debug)]
pub(super) struct KeyFinder {
    keys: Vec<LineKey>,
    nulls: Vec<Vec<u8>>,
    /// Places among the keys, by column.
    by_column: Vec<usize>,
    /// Where the fields of the line at hand are, by their place among the keys.
    fields: Vec<(usize, usize)>,
    /// Fields of a line, once there was one.
    columns: Option<usize>,
    key: Vec<u8>,
}

impl KeyFinder {
    pub(super) fn new(keys: Vec<LineKey>, nulls: Vec<Vec<u8>>) -> Self {
        let mut by_column: Vec<usize> = (0..keys.len()).collect();
        by_column.sort_by_key(|at| keys[*at].column);
        let fields = vec![(0, 0); keys.len()];
        Self { keys, nulls, by_column, fields, columns: None, key: Vec::new() }
    }

    /// Counts the fields of a line; all must have as many as the first.
    pub(super) fn check_columns(&mut self, line: &[u8]) -> Result<()> {
        self.check_count(memchr_iter(b'\t', line).count() + 1)
    }

    /// The key of a line.
    #[inline]
    pub(super) fn find(&mut self, line: &[u8]) -> Result<&[u8]> {
        let (mut column, mut start) = (0, 0);
        let mut end = field_end(line, start);
        for at in &self.by_column {
            let wanted = self.keys[*at].column;
            while column < wanted && end < line.len() {
                (column, start) = (column + 1, end + 1);
                end = field_end(line, start);
            }
            if column < wanted {
                return Err(self.no_column(column + 1, wanted));
            }
            self.fields[*at] = (start, end);
        }
        self.check_count(column + 1 + memchr_iter(b'\t', &line[end..]).count())?;
        self.key.clear();
        for (key, (start, end)) in self.keys.iter().zip(&self.fields) {
            let field = &line[*start..*end];
            let is_null = field.is_empty() && key.sort.ty != Type::Text
                || self.nulls.iter().any(|null| null == field);
            let encoded = if is_null {
                key.sort.encode(ValueRef::Null, &mut self.key)
            } else {
                key.sort.encode_text(field, &mut self.key)
            };
            encoded.map_err(|error| error.at(format_args!("field {}", key.column + 1)))?;
        }
        Ok(&self.key)
    }

    #[inline]
    fn check_count(&mut self, count: usize) -> Result<()> {
        match self.columns {
            Some(columns) if columns == count => Ok(()),
            Some(columns) => {
                let message = format!("{count} fields where the first line has {columns}");
                Err(Error::invalid(message))
            }
            None => {
                let last = self.by_column.last().map(|at| self.keys[*at].column);
                if let Some(wanted) = last.filter(|wanted| *wanted >= count) {
                    return Err(self.no_column(count, wanted));
                }
                self.columns = Some(count);
                Ok(())
            }
        }
    }

    #[cold]
    fn no_column(&self, count: usize, wanted: usize) -> Error {
        let wanted = match self.columns {
            Some(columns) => format!("where the first line has {columns}"),
            None => format!("and field {} is to be sorted by", wanted + 1),
        };
        Error::invalid(format!("{count} fields {wanted}"))
    }
}

#[inline(always)]
fn field_end(line: &[u8], start: usize) -> usize {
    memchr(b'\t', &line[start..]).map_or(line.len(), |len| start + len)
}
