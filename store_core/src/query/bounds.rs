//! What a filter says about one column: the intersection of the tests that must all hold.

use super::filter::Node;
use super::predicate::Op;
use crate::value::{Value, ValueRef};
use std::cmp::Ordering;

/// Limits on a column's value in every row that matches.
///
/// Necessary, not sufficient: a row inside the bounds may still fail the filter, a row outside
/// never matches. `equal` and `points` are in `low` and `high` too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnBounds {
    /// The least value, and whether it is itself allowed.
    pub low: Option<(Value, bool)>,
    /// The greatest value, and whether it is itself allowed.
    pub high: Option<(Value, bool)>,
    /// The only value.
    pub equal: Option<Value>,
    /// The only values, ascending, at least one, from IN.
    pub points: Option<Vec<Value>>,
    /// NULL does not match; true beside every limit above.
    pub excludes_null: bool,
    /// Nothing but NULL matches.
    pub only_null: bool,
    /// No value at all matches, so no row does.
    pub never: bool,
}

impl ColumnBounds {
    pub(super) fn of(conjuncts: &[Node], wanted: usize) -> Self {
        let mut bounds = Self::default();
        for node in conjuncts {
            match node {
                Node::Never => bounds.never = true,
                Node::Compare { column, op, value } if *column == wanted => {
                    bounds.add_compare(*op, value);
                }
                Node::In { column, points } if *column == wanted => bounds.add_points(points),
                Node::NotIn { column, .. } | Node::IsNotNull(column) if *column == wanted => {
                    bounds.excludes_null = true;
                }
                Node::IsNull(column) if *column == wanted => bounds.only_null = true,
                _ => {}
            }
        }
        bounds.settle();
        bounds
    }

    /// True if the bounds say anything an index could use.
    pub fn is_bounded(&self) -> bool {
        self.excludes_null || self.only_null || self.never
    }

    /// True if the value, or NULL, lies inside.
    pub fn contains(&self, value: ValueRef<'_>) -> bool {
        if value.is_null() {
            return !self.never && !self.excludes_null;
        }
        let listed = |points: &Vec<Value>| is_listed(points, value);
        !self.never
            && !self.only_null
            && self.in_range(value)
            && self.points.as_ref().is_none_or(listed)
    }

    fn in_range(&self, value: ValueRef<'_>) -> bool {
        let inside = |end: &Option<(Value, bool)>, outside: Ordering| match end {
            None => true,
            Some((end, inclusive)) => match value.order(end.as_ref()) {
                Ordering::Equal => *inclusive,
                order => order != outside,
            },
        };
        inside(&self.low, Ordering::Less) && inside(&self.high, Ordering::Greater)
    }

    fn add_compare(&mut self, op: Op, value: &Value) {
        self.excludes_null = true;
        match op {
            Op::Ne => {}
            Op::Lt | Op::Le => tighten(&mut self.high, value, op == Op::Le, Ordering::Less),
            Op::Gt | Op::Ge => tighten(&mut self.low, value, op == Op::Ge, Ordering::Greater),
            Op::Eq => {
                tighten(&mut self.low, value, true, Ordering::Greater);
                tighten(&mut self.high, value, true, Ordering::Less);
            }
        }
    }

    fn add_points(&mut self, points: &[Value]) {
        self.excludes_null = true;
        let both = |known: &Vec<Value>| {
            let shared = |point: &&Value| is_listed(known, point.as_ref());
            points.iter().filter(shared).cloned().collect()
        };
        self.points = Some(self.points.as_ref().map_or_else(|| points.to_vec(), both));
    }

    /// Brings range and points into agreement, once all tests are in.
    fn settle(&mut self) {
        if let Some(mut points) = self.points.take() {
            points.retain(|point| self.in_range(point.as_ref()));
            match (points.first(), points.last()) {
                (Some(first), Some(last)) => {
                    self.low = Some((first.clone(), true));
                    self.high = Some((last.clone(), true));
                }
                _ => self.never = true,
            }
            self.points = (!points.is_empty()).then_some(points);
        }
        if let (Some((low, low_in)), Some((high, high_in))) = (&self.low, &self.high) {
            match low.as_ref().order(high.as_ref()) {
                Ordering::Less => {}
                Ordering::Equal if *low_in && *high_in => self.equal = Some(low.clone()),
                _ => self.never = true,
            }
        }
        self.never |= self.only_null && self.excludes_null;
    }
}

fn is_listed(points: &[Value], value: ValueRef<'_>) -> bool {
    points.binary_search_by(|point| point.as_ref().order(value)).is_ok()
}

/// Takes the new end if it allows less; `tighter` is how such an end compares with the old one.
fn tighten(end: &mut Option<(Value, bool)>, value: &Value, inclusive: bool, tighter: Ordering) {
    let replaces = match end {
        None => true,
        Some((old, old_inclusive)) => match value.as_ref().order(old.as_ref()) {
            Ordering::Equal => *old_inclusive && !inclusive,
            order => order == tighter,
        },
    };
    if replaces {
        *end = Some((value.clone(), inclusive));
    }
}
