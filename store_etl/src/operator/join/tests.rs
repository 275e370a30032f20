//! What a join promises: the rows of a nested loop, whatever its memory.

use super::*;
use crate::batch::Field;
use store_core::{Kind, MemoryBudget, Type, Value, ValueRef};

mod cases;
mod naive;

/// Draws that are the same for the same seed.
pub(super) struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % limit
    }
}

pub(super) type Rows = Vec<Vec<Value>>;

pub(super) const ROW: usize = 200;

pub(super) const KINDS: [JoinKind; 6] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
];

/// What is joined, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct How<'f> {
    pub left: &'f [Field],
    pub right: &'f [Field],
    pub on: &'f [(usize, usize)],
    pub kind: JoinKind,
    pub memory: usize,
    pub batch: usize,
    pub hash_mask: u64,
}

pub(super) fn batch_of(fields: &[Field], rows: &[Vec<Value>]) -> Batch {
    let mut batch = Batch::new(fields);
    for row in rows {
        let cells: Vec<ValueRef<'_>> = row.iter().map(Value::as_ref).collect();
        batch.push_row(&cells).unwrap();
    }
    batch
}

/// Joins, checks what it leaves behind, and returns the rows in no order; the same rows come if the left side
/// is taken in first.
pub(super) fn join(
    how: How<'_>,
    left: &[Vec<Value>],
    right: &[Vec<Value>],
) -> Result<(Rows, JoinStats)> {
    let found = join_built(how, Side::Right, left, right);
    if let Ok((rows, _)) = &found
        && Join::may_build(how.left, how.right, how.on, how.kind, Side::Left)
    {
        let turned = match join_built(how, Side::Left, left, right) {
            Err(error) if error.kind() == Kind::OverBudget => return found,
            turned => turned?.0,
        };
        let sorted = |rows: &Rows| {
            let mut rows: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort();
            rows
        };
        assert!(sorted(rows) == sorted(&turned), "other rows when the left side is built");
    }
    found
}

fn join_built(
    how: How<'_>,
    side: Side,
    left: &[Vec<Value>],
    right: &[Vec<Value>],
) -> Result<(Rows, JoinStats)> {
    let (fields, rows) = match side {
        Side::Right => ([how.left, how.right], [left, right]),
        Side::Left => ([how.right, how.left], [right, left]),
    };
    let place = tempfile::tempdir().unwrap();
    // A budget keeps a part for urgent needs.
    let budget = MemoryBudget::new(2 * how.memory as u64);
    let spill = Spill::new(place.path(), None).unwrap();
    let run = || -> Result<(Rows, JoinStats)> {
        let shape = Shape { prefix: Some("right_"), build: side, ..Shape::default() };
        let plan = Join::shaped(how.left, how.right, how.on, how.kind, &shape)?;
        let outs = plan.fields().to_vec();
        let options = HashOptions::within(how.memory, ROW);
        let mut build = JoinBuild::new(plan, options, Some(spill.clone()), &budget.holder("job"))?;
        build.0.hashing.mask = how.hash_mask;
        for some in rows[1].chunks(how.batch) {
            build.push(&batch_of(fields[1], some))?;
        }
        let mut joined = build.finish()?;
        let mut found = Vec::new();
        let limits = Limits { rows: 61, bytes: 4000, row_bytes: 2 * ROW };
        let mut take = |out: &mut Batch| {
            assert!(out.rows() <= 61 && out.data_bytes() <= 4000 + 2 * ROW, "{}", out.data_bytes());
            for row in 0..out.rows() {
                found.push((0..outs.len()).map(|nth| out.cell(row, nth).to_owned()).collect());
            }
            out.clear();
        };
        let mut out = Batch::new(&outs);
        for some in rows[0].chunks(how.batch) {
            let batch = batch_of(fields[0], some);
            joined.begin(&batch);
            while joined.next(&batch, &mut out, &limits)? {
                take(&mut out);
            }
        }
        while joined.rest(&mut out, &limits)? {
            take(&mut out);
        }
        take(&mut out);
        assert!(!joined.rest(&mut out, &limits)? && out.is_empty());
        Ok((found, joined.stats()))
    };
    let found = run();
    assert!(budget.peak() <= how.memory as u64, "{} of {}", budget.peak(), how.memory);
    assert_eq!((budget.used(), spill.used_bytes()), (0, 0));
    drop(spill);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "the spill directory is empty");
    if let Ok((rows, stats)) = &found {
        let counts = (stats.left_rows, stats.right_rows, stats.rows);
        assert_eq!(counts, (left.len() as u64, right.len() as u64, rows.len() as u64));
    }
    found
}

/// Rows as text, sorted, so that two answers can be compared.
pub(super) fn sorted(rows: &[Vec<Value>]) -> Vec<String> {
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Float64(value) => format!("{value:?}"),
        other => other.as_ref().to_string(),
    };
    let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}
