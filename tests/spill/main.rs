//! What leaves memory: runs on disk, sorts over them, the place they lie in, and the memory that a whole
//! process takes for it; aggregates and joins in little memory, beside naive ones.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod aggregate;
mod cap;
mod damage;
mod join;
mod lines;
mod place;
mod sorts;

use std::path::Path;
use store_core::segment::Spill;
use store_core::{Holder, MemoryBudget, ValueRef};
use store_etl::batch::{Batch, Field, Limits};

/// Numbers that look random, the same for a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}

const LIMITS: Limits = Limits { rows: 200, bytes: 20_000, row_bytes: ROW_BYTES };
const ROW_BYTES: usize = 128;

/// A place to spill to that is empty again at the end, and a budget of which nothing stays held.
struct Place {
    directory: tempfile::TempDir,
    holder: Holder,
    memory: usize,
}

impl Place {
    fn new(memory: usize) -> Self {
        let holder = MemoryBudget::new(4 * memory as u64).holder("job");
        Self { directory: tempfile::tempdir().unwrap(), holder, memory }
    }

    fn spill(&self) -> Spill {
        Spill::new(self.directory.path(), None).unwrap()
    }

    /// The files that were written so far.
    fn change_files(&self, change: impl Fn(&Path)) {
        for directory in std::fs::read_dir(self.directory.path()).unwrap() {
            for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                if path.file_name().unwrap().to_string_lossy().starts_with("run-") {
                    change(&path);
                }
            }
        }
    }

    fn check(&self) {
        let budget = self.holder.budget();
        assert_eq!(budget.used(), 0);
        assert!(budget.peak() <= self.memory as u64, "{} of {}", budget.peak(), self.memory);
        assert_eq!(std::fs::read_dir(self.directory.path()).unwrap().count(), 0);
    }
}

/// A row of numbers, some of them NULL.
type Row = Vec<Option<i64>>;

fn batch_of(fields: &[Field], rows: &[Row]) -> Batch {
    let mut batch = Batch::new(fields);
    for row in rows {
        let cells: Vec<ValueRef<'_>> =
            row.iter().map(|cell| cell.map_or(ValueRef::Null, ValueRef::Int)).collect();
        batch.push_row(&cells).unwrap();
    }
    batch
}

fn take(out: &mut Batch, rows: &mut Vec<Row>) {
    for row in 0..out.rows() {
        let cell = |column| match out.cell(row, column) {
            ValueRef::Int(value) => Some(value),
            _ => None,
        };
        rows.push((0..out.columns().len()).map(cell).collect());
    }
    out.clear();
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}
