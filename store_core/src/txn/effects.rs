//! What a change of columns means: for which indexes, and whether it can be refused.

use super::secondary::SecondaryIndex;
use crate::schema::Schema;
use std::sync::Arc;

/// Indexes of a table; those from the 64th on count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexSet(u64);

impl IndexSet {
    pub(crate) const ALL: Self = Self(u64::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, index: usize) -> bool {
        self.0 >> index.min(63) & 1 != 0
    }

    fn of(indexes: &[Arc<SecondaryIndex>], has: impl Fn(&SecondaryIndex) -> bool) -> Self {
        let found = indexes.iter().enumerate().filter(|(_, index)| has(index));
        Self(found.fold(0, |set, (nth, _)| set | 1 << nth.min(63)))
    }
}

/// What a change of some columns means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect {
    /// The indexes over any of them.
    pub indexes: IndexSet,
    /// Text or bytes are among them.
    pub long: bool,
    /// It can be refused, or hold blocks: a unique value, or long cells.
    pub may_refuse: bool,
    /// One is part of the key.
    pub in_key: bool,
}

impl Effect {
    pub(super) const NONE: Self =
        Self { indexes: IndexSet::NONE, long: false, may_refuse: false, in_key: false };

    /// Of a column that the table has not: whoever writes it says so.
    pub(super) const UNKNOWN: Self = Self { may_refuse: true, ..Self::NONE };

    fn of(column: usize, schema: &Schema, indexes: &[Arc<SecondaryIndex>]) -> Self {
        let has = |index: &SecondaryIndex| index.spec.columns.contains(&column);
        let unique = IndexSet::of(indexes, |index| index.spec.unique && has(index));
        let long = schema.columns[column].ty.is_long();
        let may_refuse = long || !unique.is_empty();
        let in_key = schema.is_key(column);
        Self { indexes: IndexSet::of(indexes, has), long, may_refuse, in_key }
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self {
            indexes: self.indexes.with(other.indexes),
            long: self.long || other.long,
            may_refuse: self.may_refuse || other.may_refuse,
            in_key: self.in_key || other.in_key,
        }
    }
}

/// What a change of each column means.
pub(super) fn effects_of(schema: &Schema, indexes: &[Arc<SecondaryIndex>]) -> Vec<Effect> {
    (0..schema.columns.len()).map(|column| Effect::of(column, schema, indexes)).collect()
}
