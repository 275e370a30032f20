//! Aggregation by sorting: for values that must be seen in order, and for keys that no hash tells apart.
//!
//! ```text
//!  sort key    │key of the group│0│                        a row: what fixed states read
//!              │key of the group│n│value, or nothing│      a value of section n, NULL left out
//! ```
//!
//! One sort brings the rows of a group together, and behind them the values of each section in their
//! order: equal ones side by side for COUNT DISTINCT, ascending for MEDIAN, as they came for `STRING_AGG`.
//! So no state grows: a group is read once, from its first record to its last.

use super::layout::{Layout, too_long};
use super::plan::{Aggregation, Section, SectionKind};
use super::result::plain;
use super::state::Grouped;
use crate::batch::{Batch, Limits};
use crate::operator::key::long_of;
use crate::operator::sort::{SortOptions, SortStats, Sorted, Sorter};
use std::ops::Range;
use store_core::mem::Reservation;
use store_core::query::decimal_mean;
use store_core::segment::{RunOptions, Spill, sort_costs};
use store_core::te::SortPlan;
use store_core::value::encode_key;
use store_core::{Decimal, Error, Holder, Kind, Result, Type, Value, ValueRef};

/// Blocks of runs, when there is little memory.
const SORT_PAGE_BYTES: u64 = 4096;
/// The section byte of rows.
const ROWS: u8 = 0;

/// Takes rows in and sorts them.
#[derive(Debug)]
pub(super) struct SortInput {
    sorter: Sorter,
    key: Vec<u8>,
    value: Vec<u8>,
    _lists: Reservation,
}

impl SortInput {
    /// Sorts within this memory; `row` is the longest row.
    pub fn new(
        memory: usize,
        row: usize,
        run: RunOptions,
        spill: Option<Spill>,
        holder: &Holder,
    ) -> Result<Self> {
        let lists = holder.reserve(Self::list_bytes(row))?;
        let memory = memory.saturating_sub(lists.bytes());
        let options = SortOptions { codec: run.codec, ..SortOptions::within(memory) };
        let sorter = Sorter::new(options, spill, holder)?;
        Ok(Self { sorter, key: Vec::new(), value: Vec::new(), _lists: lists })
    }

    /// The smallest memory in which such rows are sorted.
    pub fn memory_min(row: usize, run: RunOptions) -> usize {
        let sort = SortPlan::memory_min(SORT_PAGE_BYTES, &sort_costs(run.codec)) as usize;
        sort + 4 * row + Self::list_bytes(row) + 4096
    }

    /// Buffers for a key and a value: each has the longest row, twice while it grows.
    const fn list_bytes(row: usize) -> usize {
        4 * (row + 64)
    }

    /// Adds records as they are laid out, without sections.
    pub fn push_records(&mut self, layout: &Layout, bytes: &[u8], starts: &[u32]) -> Result<()> {
        for start in starts {
            let start = *start as usize;
            self.begin(layout.key_of(bytes, start), ROWS);
            self.sorter.push(&self.key, &bytes[start..start + layout.key])?;
        }
        Ok(())
    }

    /// Adds records with the values of their rows' sections.
    pub fn push(
        &mut self,
        plan: &Aggregation,
        batch: &Batch,
        rows: Range<usize>,
        bytes: &[u8],
        starts: &[u32],
    ) -> Result<()> {
        self.push_records(&plan.layout, bytes, starts)?;
        for (row, start) in rows.zip(starts) {
            let key = plan.layout.key_of(bytes, *start as usize);
            for (nth, section) in plan.sections.iter().enumerate() {
                self.begin(key, nth as u8 + 1);
                self.push_value(section, batch, row)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, key: &[u8], section: u8) {
        self.key.clear();
        self.key.extend_from_slice(key);
        self.key.push(section);
        self.value.clear();
    }

    fn push_value(&mut self, section: &Section, batch: &Batch, row: usize) -> Result<()> {
        let column = &batch.columns()[section.column];
        let cell = column.get(row);
        let takes_null = matches!(section.kind, SectionKind::First | SectionKind::Last);
        if cell.is_null() && !takes_null {
            return Ok(());
        }
        match &section.kind {
            SectionKind::Distinct => match long_of(column, row) {
                Some(long) => self.key.extend_from_slice(long),
                None => encode_key(cell, section.ty, true, &mut self.key)?,
            },
            SectionKind::Median { .. } => {
                encode_key(cell, section.ty, true, &mut self.key)?;
                push_number(cell, &mut self.value);
            }
            SectionKind::First | SectionKind::Last => {
                self.value.push(u8::from(cell.is_null()));
                self.value.extend_from_slice(long_of(column, row).unwrap_or_default());
            }
            SectionKind::Join(_) | SectionKind::Least | SectionKind::Greatest => {
                self.value.extend_from_slice(long_of(column, row).unwrap_or_default());
            }
        }
        self.sorter.push(&self.key, &self.value)
    }

    pub fn finish(self, plan: &Aggregation, row: usize, holder: &Holder) -> Result<SortedGroups> {
        let sorted = self.sorter.finish()?;
        let groups = plan.sections.len() + 1;
        Ok(SortedGroups {
            sorted,
            key: Vec::new(),
            states: plan.initial.clone(),
            values: plan.sections.iter().map(|_| Gathered::default()).collect(),
            is_open: false,
            has_ended: false,
            rows: 0,
            row,
            _lists: holder.reserve((2 * row + 256) * groups)?,
        })
    }

    /// What reading the groups takes beside the sort.
    pub const fn group_bytes(sections: usize, row: usize) -> usize {
        (2 * row + 256) * (sections + 1)
    }
}

/// A number as it lies in a record.
fn push_number(cell: ValueRef<'_>, out: &mut Vec<u8>) {
    match cell {
        ValueRef::Int(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Float32(value) => out.extend_from_slice(&f64::from(value).to_le_bytes()),
        ValueRef::Float64(value) => out.extend_from_slice(&value.to_le_bytes()),
        ValueRef::Decimal(units, _) => out.extend_from_slice(&units.get().to_le_bytes()),
        _ => {}
    }
}

/// Groups in the order of their keys, one after another.
#[derive(Debug)]
pub(super) struct SortedGroups {
    sorted: Sorted,
    /// The open group's key.
    key: Vec<u8>,
    states: Vec<u8>,
    values: Vec<Gathered>,
    is_open: bool,
    has_ended: bool,
    rows: u64,
    /// Longest text that may be made.
    row: usize,
    _lists: Reservation,
}

/// What was seen of a section's values in the open group.
#[derive(Debug, Default)]
struct Gathered {
    count: u64,
    /// The value that was seen last, or the one that stays.
    bytes: Vec<u8>,
    /// The lower one of two middle values.
    lower: Option<Value>,
    upper: Option<Value>,
}

impl SortedGroups {
    /// Adds rows to the batch until it is full; false at the end.
    pub fn next(&mut self, plan: &Aggregation, out: &mut Batch, limits: &Limits) -> Result<bool> {
        while !self.has_ended {
            if out.rows() >= limits.rows || out.data_bytes() >= limits.bytes {
                return Ok(true);
            }
            let Some((key, value)) = self.sorted.next()? else {
                self.has_ended = true;
                break;
            };
            let continues =
                self.is_open && key.len() > self.key.len() && key.starts_with(&self.key);
            if continues {
                let (section, rest) = (key[self.key.len()], &key[self.key.len() + 1..]);
                if section == ROWS {
                    self.rows += 1;
                    add_row(plan, value, &mut self.states);
                } else {
                    let nth = usize::from(section) - 1;
                    let section = plan.sections.get(nth).ok_or_else(|| too_long(0, 0))?;
                    self.values[nth].add(section, rest, value, &self.states, self.row)?;
                }
                continue;
            }
            let first = (key[..key.len() - 1].to_vec(), value.to_vec());
            if self.is_open {
                self.close(plan, out)?;
            }
            self.key = first.0;
            self.is_open = true;
            self.rows += 1;
            add_row(plan, &first.1, &mut self.states);
        }
        if self.is_open {
            self.close(plan, out)?;
        }
        Ok(false)
    }

    /// Adds the open group's row, and begins anew.
    fn close(&mut self, plan: &Aggregation, out: &mut Batch) -> Result<()> {
        let values: Vec<Value> = plan
            .sections
            .iter()
            .zip(&mut self.values)
            .map(|(section, gathered)| std::mem::take(gathered).finish(section))
            .collect::<Result<_>>()?;
        plan.push_group(&self.key, &self.states, &values, out)?;
        self.states.copy_from_slice(&plan.initial);
        self.is_open = false;
        Ok(())
    }

    /// Rows added to their groups so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// What the sort did.
    pub fn stats(&self) -> SortStats {
        self.sorted.stats()
    }
}

/// Adds a row to states that stand alone.
fn add_row(plan: &Aggregation, bytes: &[u8], states: &mut [u8]) {
    let row = Grouped { bytes, starts: &[0], entries: &[0] };
    plan.states.add(&plan.layout, row, states);
}

impl Gathered {
    fn add(
        &mut self,
        section: &Section,
        rest: &[u8],
        value: &[u8],
        states: &[u8],
        row: usize,
    ) -> Result<()> {
        let first = self.count == 0;
        match &section.kind {
            SectionKind::Distinct => {
                if first || self.bytes != rest {
                    replace(&mut self.bytes, rest);
                    self.count += 1;
                }
                return Ok(());
            }
            SectionKind::Median { known } => {
                let all = super::layout::u64_at(states, *known);
                if self.count == (all - 1) / 2 {
                    self.lower = Some(plain_number(value, section.ty)?);
                }
                if self.count == all / 2 {
                    self.upper = Some(plain_number(value, section.ty)?);
                }
            }
            SectionKind::Join(separator) => {
                let between = if first { "" } else { separator };
                let bytes = self.bytes.len() + between.len() + value.len();
                if bytes > row {
                    let message = format!(
                        "a group's STRING_AGG is longer than the {row} bytes that a row may have; \
                         raise the longest row"
                    );
                    return Err(Error::new(Kind::OverBudget, message));
                }
                self.bytes.extend_from_slice(between.as_bytes());
                self.bytes.extend_from_slice(value);
            }
            SectionKind::Least if first || value < &self.bytes[..] => {
                replace(&mut self.bytes, value);
            }
            SectionKind::Greatest if first || value > &self.bytes[..] => {
                replace(&mut self.bytes, value);
            }
            SectionKind::First if first => replace(&mut self.bytes, value),
            SectionKind::Last => replace(&mut self.bytes, value),
            _ => {}
        }
        self.count += 1;
        Ok(())
    }

    fn finish(self, section: &Section) -> Result<Value> {
        if matches!(section.kind, SectionKind::Distinct) {
            return Ok(Value::Int(self.count.cast_signed()));
        }
        if self.count == 0 {
            return Ok(Value::Null);
        }
        match section.kind {
            SectionKind::Median { .. } => match (self.lower, self.upper) {
                (Some(lower), Some(upper)) => middle(&lower, &upper, section.ty),
                _ => Ok(Value::Null),
            },
            SectionKind::First | SectionKind::Last => match self.bytes.split_first() {
                Some((0, text)) => long_value(text, section.ty),
                _ => Ok(Value::Null),
            },
            _ => long_value(&self.bytes, section.ty),
        }
    }
}

fn replace(bytes: &mut Vec<u8>, by: &[u8]) {
    bytes.clear();
    bytes.extend_from_slice(by);
}

fn long_value(bytes: &[u8], ty: Type) -> Result<Value> {
    if ty == Type::Bytes {
        return Ok(Value::Bytes(bytes.into()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| crate::operator::key::damaged())?;
    Ok(Value::from(text))
}

fn plain_number(bytes: &[u8], ty: Type) -> Result<Value> {
    let width = if matches!(ty, Type::Decimal { .. }) { 16 } else { 8 };
    if bytes.len() != width {
        return Err(crate::operator::key::damaged());
    }
    Ok(plain(bytes, 0, ty)?.to_owned())
}

/// The mean of the two middle values.
fn middle(lower: &Value, upper: &Value, ty: Type) -> Result<Value> {
    let number = |value: &Value| match value.as_ref() {
        ValueRef::Int(value) => value as f64,
        ValueRef::Float32(value) => value.into(),
        ValueRef::Float64(value) => value,
        _ => f64::NAN,
    };
    match (lower.as_ref(), upper.as_ref(), ty) {
        (ValueRef::Decimal(a, _), ValueRef::Decimal(b, _), Type::Decimal { precision, scale }) => {
            let more = super::function::mean_scale(precision, scale) - scale;
            // Halves of each: together they may have more than 128 bits.
            let (a, b) = (a.get(), b.get());
            let odd = a % 2 + b % 2;
            let (whole, rest) = (a / 2 + b / 2 + odd / 2, odd % 2);
            let mean: Option<Decimal> = decimal_mean(whole, rest, 2, scale, more);
            mean.map(Value::Decimal).ok_or_else(crate::operator::key::damaged)
        }
        (ValueRef::Int(a), ValueRef::Int(b), _) => {
            Ok(Value::Float64(store_core::query::quotient(i128::from(a) + i128::from(b), 2)))
        }
        _ => Ok(Value::Float64(f64::midpoint(number(lower), number(upper)))),
    }
}
