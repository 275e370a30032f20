//! What an aggregation promises: the results of a naive one, whatever its memory.

use super::*;
use crate::batch::Field;
use std::collections::BTreeMap;
use store_core::query::Function as Of;
use store_core::segment::RunOptions;
use store_core::{Kind, MemoryBudget, Type, Value, ValueRef};

mod exact;
mod naive;
mod order;
mod sums;

/// Draws that are the same for the same seed.
pub(super) struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}

pub(super) type Rows = Vec<Vec<Value>>;

pub(super) fn table(function: Of) -> Function {
    Function::Table(function)
}

/// How a test aggregates.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub memory: usize,
    pub batch: usize,
    pub hash_mask: u64,
    pub run: RunOptions,
}

impl How {
    pub fn within(memory: usize) -> Self {
        Self { memory, batch: 300, hash_mask: u64::MAX, run: RunOptions::default() }
    }
}

pub(super) const ROW: usize = 400;

/// Aggregates rows, checks what it leaves behind, and returns the groups in no order.
pub(super) fn aggregate(
    input: &[Field],
    keys: &[usize],
    calls: &[Call],
    rows: &[Vec<Value>],
    how: How,
) -> Result<(Rows, AggregateStats)> {
    let place = tempfile::tempdir().unwrap();
    // A budget keeps a part for urgent needs.
    let budget = MemoryBudget::new(2 * how.memory as u64);
    let spill = Spill::new(place.path(), None).unwrap();
    let run = || -> Result<(Rows, AggregateStats)> {
        let plan = Aggregation::bind(input, keys, calls.to_vec())?;
        let fields = plan.fields().to_vec();
        let options = HashOptions { run: how.run, ..HashOptions::within(how.memory, ROW) };
        let holder = budget.holder("job");
        let mut aggregator = Aggregator::new(plan, options, Some(spill.clone()), &holder)?;
        if let Way::Hash(hashed) = &mut aggregator.way {
            hashed.mask_hashes(how.hash_mask);
        }
        for some in rows.chunks(how.batch.max(1)) {
            let mut batch = Batch::new(input);
            for row in some {
                let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
                batch.push_row(&cells)?;
            }
            aggregator.push(&batch)?;
        }
        let mut groups = aggregator.finish()?;
        let limits = Limits { rows: 77, bytes: 5000, row_bytes: ROW };
        let (mut found, mut more) = (Vec::new(), true);
        while more {
            let mut out = Batch::new(&fields);
            more = groups.next(&mut out, &limits)?;
            assert!(out.rows() <= 77 && out.data_bytes() <= 5000 + ROW);
            for row in 0..out.rows() {
                let cells = (0..fields.len()).map(|column| out.cell(row, column).to_owned());
                found.push(cells.collect());
            }
        }
        assert!(!groups.next(&mut Batch::new(&fields), &limits)?);
        Ok((found, groups.stats()))
    };
    let found = run();
    assert!(budget.peak() <= how.memory as u64, "{} of {}", budget.peak(), how.memory);
    assert_eq!((budget.used(), spill.used_bytes()), (0, 0));
    drop(spill);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "the spill directory is empty");
    if let Ok((groups, stats)) = &found {
        assert_eq!((stats.rows, stats.groups), (rows.len() as u64, groups.len() as u64));
    }
    found
}

/// Rows as text, sorted, so that two answers can be compared.
pub(super) fn sorted(rows: &[Vec<Value>]) -> Vec<String> {
    let mut lines: Vec<String> = rows.iter().map(|row| shown(row)).collect();
    lines.sort();
    lines
}

pub(super) fn shown(row: &[Value]) -> String {
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        other => other.as_ref().to_string(),
    };
    row.iter().map(cell).collect::<Vec<_>>().join(" ")
}

/// Groups by the text of their keys.
pub(super) fn by_key(rows: &[Vec<Value>], keys: usize) -> BTreeMap<String, Vec<Value>> {
    let named = |row: &Vec<Value>| (shown(&row[..keys]), row[keys..].to_vec());
    let map: BTreeMap<_, _> = rows.iter().map(named).collect();
    assert_eq!(map.len(), rows.len(), "no group comes twice");
    map
}
