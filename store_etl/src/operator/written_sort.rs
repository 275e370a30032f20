//! Rows in order, into a file of text: made lines first, then sorted as they are, and written without another
//! look.
//!
//! ```text
//!  key │keys of the row│line│     payload │length of the row's keys│   where lines decide between equal rows
//!  key │keys of the row│         payload │line│                       else
//! ```

use super::sink::FileSink;
use super::sort::{Sorted, Sorter};
use super::sort_rows::{RowOf, encoder};
use super::{Operator, Shared};
use crate::batch::Field;
use store_core::query::SortKey;
use store_core::{Error, Result};

/// Rows between two looks at whether somebody wants to stop.
const TICK_ROWS: u64 = 4096;

/// How many times the longest row a line and its keys may take: cells are longer as text, and buffers grow by
/// doubling.
const LINE_FACTOR: usize = 8;

/// A sort whose rows go to a file.
pub(crate) struct WrittenSort {
    pub input: Box<dyn Operator>,
    pub keys: Vec<SortKey>,
    /// Equal rows come in the order of their lines' bytes, else as they came.
    pub by_text: bool,
    pub step: usize,
    /// Where its rows are counted.
    pub counts: usize,
}

impl WrittenSort {
    /// Writes all rows, in order.
    pub fn write_to(self, sink: &mut FileSink, fields: &[Field], shared: &Shared) -> Result<()> {
        let by_text = self.by_text;
        let counts = &shared.counts.steps[self.counts];
        let mut sorted = self.sort(sink, fields, shared)?;
        let mut rows = 0;
        while let Some((key, payload)) = sorted.next()? {
            sink.take_line(if by_text { behind_keys(key, payload)? } else { payload })?;
            rows += 1;
            if rows == TICK_ROWS {
                counts.gave(rows);
                sink.count(rows);
                rows = 0;
                shared.tick()?;
            }
        }
        counts.gave(rows);
        sink.count(rows);
        Ok(())
    }

    /// Sorts the lines of all rows.
    fn sort(mut self, sink: &mut FileSink, fields: &[Field], shared: &Shared) -> Result<Sorted> {
        self.input.prepare()?;
        let encoder = encoder(&self.keys, fields);
        let options = shared.memory.sort_options();
        let mut sorter = Sorter::new(options, shared.spill.clone(), &shared.holder)?;
        let held = shared.holder.reserve(LINE_FACTOR * shared.limits().row_bytes)?;
        let (mut key, mut line) = (Vec::new(), Vec::new());
        let writer = sink.writer();
        while self.input.advance()? {
            let batch = self.input.batch();
            writer.begin(batch);
            for row in 0..batch.rows() {
                key.clear();
                encoder.encode(&RowOf { batch, row }, &mut key)?;
                if self.by_text {
                    let keys = key.len() as u32;
                    writer.line(batch, row, &mut key)?;
                    sorter.push(&key, &keys.to_le_bytes())?;
                } else {
                    line.clear();
                    writer.line(batch, row, &mut line)?;
                    sorter.push(&key, &line)?;
                }
            }
            shared.counts.steps[self.counts].took(batch.rows() as u64);
            shared.check_cancelled()?;
        }
        drop(self.input); // with its memory
        drop((key, line, held));
        let sorted = sorter.finish()?;
        shared.counts.note_sort(self.step, sorted.stats(), sorted.fan_in());
        Ok(sorted)
    }
}

/// The line behind the keys of a row.
fn behind_keys<'k>(key: &'k [u8], payload: &[u8]) -> Result<&'k [u8]> {
    let keys = payload.first_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize);
    keys.and_then(|keys| key.get(keys..))
        .ok_or_else(|| Error::corrupt("the bytes of a line that was put aside make no sense"))
}
