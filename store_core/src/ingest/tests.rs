//! The whole path from bytes to a sink that remembers, with buffers of a few bytes.

mod compressed;
mod faults;
mod fuzz;
mod inference;
mod quotes;
mod shapes;

use super::*;
use crate::error::{Error, Kind, Result};
use crate::schema::Schema;
use crate::value::ValueRef;
use std::io::Read;

/// Keeps committed rows apart from those of the batch at hand; refuses what it is told to.
#[derive(Default)]
struct Memory {
    columns: Vec<usize>,
    committed: Vec<Vec<String>>,
    pending: Vec<Vec<String>>,
    commits: u64,
    rollbacks: u64,
    /// A first cell of this text is refused with this kind.
    refuses: Option<(&'static str, Kind)>,
    /// Whether waiting for room helps, where it can be waited for.
    room: Option<bool>,
    /// How many bytes it takes at once.
    batch_bytes: Option<u64>,
}

impl RowSink for Memory {
    fn begin(&mut self, columns: &[usize]) -> Result<()> {
        self.columns = columns.to_vec();
        Ok(())
    }

    fn push(&mut self, cells: &[ValueRef<'_>]) -> Result<()> {
        assert_eq!(cells.len(), self.columns.len());
        let shown = |cell: &ValueRef<'_>| {
            if cell.is_null() { "NULL".to_owned() } else { cell.to_string() }
        };
        let row: Vec<String> = cells.iter().map(shown).collect();
        match self.refuses {
            Some((text, kind)) if row[0] == text => Err(Error::new(kind, "the sink said no")),
            _ => {
                self.pending.push(row);
                Ok(())
            }
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.commits += 1;
        self.committed.append(&mut self.pending);
        Ok(())
    }

    fn rollback(&mut self) -> Result<()> {
        self.rollbacks += 1;
        self.pending.clear();
        Ok(())
    }

    fn can_make_room(&self) -> bool {
        self.room.is_some()
    }

    fn make_room(&mut self, _: &Error) -> bool {
        assert!(self.pending.is_empty(), "what was pushed is committed first");
        let helps = self.room == Some(true);
        self.refuses = self.refuses.filter(|_| !helps);
        helps
    }

    fn batch_bytes(&self) -> u64 {
        self.batch_bytes.unwrap_or(u64::MAX)
    }
}

impl Memory {
    fn rows(&self) -> Vec<Vec<&str>> {
        assert!(self.pending.is_empty(), "rows neither committed nor rolled back");
        self.committed.iter().map(|row| row.iter().map(String::as_str).collect()).collect()
    }
}

fn tsv() -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    options.buffer_bytes = 16;
    options
}

fn csv() -> IngestOptions {
    let mut options = IngestOptions::new(Format::Csv);
    options.buffer_bytes = 16;
    options
}

fn source(bytes: &[u8]) -> Source {
    Source::from_reader("in", std::io::Cursor::new(bytes.to_vec())).unwrap()
}

/// Loads `bytes` into a table of these columns.
fn run(bytes: &[u8], columns: &str, options: &mut IngestOptions) -> (Result<IngestReport>, Memory) {
    let schema = Schema::parse("t", columns).unwrap();
    let mut sink = Memory::default();
    let report = load(source(bytes), &schema, options, &mut sink);
    if let Ok(report) = &report {
        assert_eq!(report.rows_in, report.rows_loaded + report.rows_rejected);
        assert_eq!(report.rows_loaded, sink.committed.len() as u64);
    }
    (report, sink)
}

/// Loads what must succeed and gives the rows, as text.
fn rows(bytes: &[u8], columns: &str, mut options: IngestOptions) -> Vec<Vec<String>> {
    let (report, sink) = run(bytes, columns, &mut options);
    report.unwrap();
    sink.committed
}

/// Loads what must fail and gives the message.
fn failure(bytes: &[u8], columns: &str, mut options: IngestOptions) -> String {
    let (report, sink) = run(bytes, columns, &mut options);
    assert!(sink.pending.is_empty());
    report.unwrap_err().to_string()
}

/// A reader that makes its bytes as it goes.
struct Endless(u64);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = (into.len() as u64).min(self.0);
        into[..len as usize].fill(b'x');
        self.0 -= len;
        Ok(len as usize)
    }
}
