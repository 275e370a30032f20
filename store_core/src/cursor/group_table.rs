//! The groups met so far, and the states of their aggregates.

use super::Query;
use super::batches::ColumnBatch;
use crate::error::Result;
use crate::mem::budget::Reservation;
use crate::query::{BoundAggregate, State};
use crate::value::{Type, Value, ValueRef, encode_key};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes reserved at once.
const LUMP_BYTES: usize = 64 << 10;
/// Bytes that a group takes besides its key, values and states, about.
const GROUP_BYTES: usize = 96;

/// A hash of whole keys.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxhash_rust::xxh3::xxh3_64_with_seed(bytes, self.0);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The groups met so far.
pub(super) struct GroupTable {
    /// Columns to read: those grouped by, then those of the aggregates.
    pub(super) columns: Vec<usize>,
    /// The types of the columns grouped by.
    by: Vec<Type>,
    aggregates: Vec<BoundAggregate>,
    /// Which of the columns read each aggregate is of.
    places: Vec<Option<usize>>,
    numbers: HashMap<Box<[u8]>, u32, BuildHasherDefault<KeyHasher>>,
    /// The values grouped by, group by group.
    values: Vec<Value>,
    /// The states, group by group.
    states: Vec<State>,
    /// The group of each row of the batch at hand.
    of_rows: Vec<u32>,
    key: Vec<u8>,
    /// Bytes of keys and values.
    bytes: usize,
    held: Reservation,
}

impl GroupTable {
    pub(super) fn new(
        query: &Query<'_>,
        by: &[usize],
        aggregates: &[BoundAggregate],
    ) -> Result<Self> {
        let schema = &query.table()?.data.schema;
        let mut columns = by.to_vec();
        let mut place = |aggregate: &BoundAggregate| {
            let column = aggregate.column?;
            let known = columns.iter().position(|known| *known == column);
            Some(known.unwrap_or_else(|| {
                columns.push(column);
                columns.len() - 1
            }))
        };
        let places = aggregates.iter().map(&mut place).collect();
        let by: Vec<Type> = by.iter().map(|at| schema.columns[*at].ty).collect();
        let states = if by.is_empty() { new_states(aggregates).collect() } else { Vec::new() };
        let held = query.source.engine().holder.child("aggregate").reserve(0)?;
        Ok(Self {
            columns,
            by,
            aggregates: aggregates.to_vec(),
            places,
            numbers: HashMap::default(),
            values: Vec::new(),
            states,
            of_rows: Vec::new(),
            key: Vec::new(),
            bytes: 0,
            held,
        })
    }

    pub(super) fn add(&mut self, batch: &ColumnBatch) -> Result<()> {
        if self.by.is_empty() {
            self.add_to_one(batch)?;
        } else {
            self.find_groups(batch)?;
            self.add_to_groups(batch)?;
        }
        self.reserve()
    }

    /// Adds whole columns to the states of the only group.
    fn add_to_one(&mut self, batch: &ColumnBatch) -> Result<()> {
        for (state, place) in self.states.iter_mut().zip(&self.places) {
            let Some(nth) = *place else {
                state.add_rows(batch.len() as u64);
                continue;
            };
            if let Some(ints) = batch.ints(nth) {
                state.add_ints(ints, batch.nulls(nth))?;
            } else if let Some(floats) = batch.floats(nth) {
                state.add_floats(floats, batch.nulls(nth))?;
            } else {
                (0..batch.len()).try_for_each(|row| state.add(batch.get(nth, row)))?;
            }
        }
        Ok(())
    }

    /// Numbers the group of each row; new groups get new states.
    fn find_groups(&mut self, batch: &ColumnBatch) -> Result<()> {
        self.of_rows.clear();
        for row in 0..batch.len() {
            self.key.clear();
            for (nth, ty) in self.by.iter().enumerate() {
                encode_key(batch.get(nth, row), *ty, false, &mut self.key)?;
            }
            let group = match self.numbers.get(&self.key[..]) {
                Some(group) => *group,
                None => self.new_group(batch, row),
            };
            self.of_rows.push(group);
        }
        Ok(())
    }

    #[cold]
    fn new_group(&mut self, batch: &ColumnBatch, row: usize) -> u32 {
        let group = self.numbers.len() as u32;
        self.numbers.insert(self.key.clone().into_boxed_slice(), group);
        for nth in 0..self.by.len() {
            let value = batch.get(nth, row).to_owned();
            self.bytes += value_bytes(value.as_ref());
            self.values.push(value);
        }
        self.states.extend(new_states(&self.aggregates));
        self.bytes += group_bytes(&self.key, self.aggregates.len());
        group
    }

    /// Adds the groups of another part.
    pub(super) fn merge(&mut self, other: Self) -> Result<()> {
        let (width, by) = (self.aggregates.len(), self.by.len());
        let mut states = other.states.into_iter();
        if by == 0 {
            self.states.iter_mut().zip(states).try_for_each(|(state, part)| state.merge(part))?;
            return self.reserve();
        }
        let mut keys: Vec<(Box<[u8]>, u32)> = other.numbers.into_iter().collect();
        keys.sort_unstable_by_key(|(_, group)| *group);
        let mut values = other.values.into_iter();
        for (key, _) in keys {
            let known = self.numbers.get(&key).copied();
            let (own, part) = (values.by_ref().take(by), states.by_ref().take(width));
            let held = |states: &[State]| states.iter().map(State::held_bytes).sum::<usize>();
            let Some(group) = known else {
                self.bytes += group_bytes(&key, width);
                self.numbers.insert(key, self.numbers.len() as u32);
                for value in own {
                    self.bytes += value_bytes(value.as_ref());
                    self.values.push(value);
                }
                self.states.extend(part);
                self.bytes += held(&self.states[self.states.len() - width..]);
                continue;
            };
            own.for_each(drop);
            let first = group as usize * width;
            let known = &mut self.states[first..first + width];
            let before = held(known);
            known.iter_mut().zip(part).try_for_each(|(state, part)| state.merge(part))?;
            self.bytes += held(known).saturating_sub(before);
        }
        self.reserve()
    }

    fn add_to_groups(&mut self, batch: &ColumnBatch) -> Result<()> {
        let width = self.aggregates.len();
        for (nth, place) in self.places.iter().enumerate() {
            for (row, group) in self.of_rows.iter().enumerate() {
                let state = &mut self.states[*group as usize * width + nth];
                match place {
                    None => state.add_rows(1),
                    Some(column) => {
                        let before = state.held_bytes();
                        state.add(batch.get(*column, row))?;
                        self.bytes += state.held_bytes().saturating_sub(before);
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds what the groups take, after the batch that added them.
    fn reserve(&mut self) -> Result<()> {
        let one = if self.by.is_empty() {
            self.states.iter().map(State::held_bytes).sum()
        } else {
            self.bytes
        };
        if one > self.held.bytes() {
            self.held.grow_to(one + LUMP_BYTES)?;
        }
        Ok(())
    }

    /// The result's rows, ordered by the group's values.
    pub(super) fn finish(self) -> Result<(Vec<Vec<Value>>, Reservation)> {
        let width = self.aggregates.len();
        let mut order: Vec<(Box<[u8]>, u32)> = self.numbers.into_iter().collect();
        order.sort_unstable();
        if self.by.is_empty() {
            order.push((Box::default(), 0));
        }
        let mut states: Vec<Option<State>> = self.states.into_iter().map(Some).collect();
        let mut values: Vec<Value> = self.values;
        let row = |(_, group): (Box<[u8]>, u32)| {
            let (first, state) = (group as usize * self.by.len(), group as usize * width);
            let own = values[first..first + self.by.len()]
                .iter_mut()
                .map(|value| std::mem::replace(value, Value::Null));
            let mut row: Vec<Value> = own.collect();
            for state in &mut states[state..state + width] {
                row.push(state.take().expect("each group is finished once").finish()?);
            }
            Ok(row)
        };
        Ok((order.into_iter().map(row).collect::<Result<_>>()?, self.held))
    }
}

/// Bytes of a group's key and states.
fn group_bytes(key: &[u8], aggregates: usize) -> usize {
    key.len() + GROUP_BYTES + aggregates * size_of::<State>()
}

fn new_states(aggregates: &[BoundAggregate]) -> impl Iterator<Item = State> {
    aggregates.iter().map(State::new)
}

fn value_bytes(value: ValueRef<'_>) -> usize {
    let own = match value {
        ValueRef::Text(text) => text.len(),
        ValueRef::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    size_of::<Value>() + own
}
