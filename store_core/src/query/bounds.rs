//! What a filter says about one column: a set of values, in ranges, and whether NULL is with them.
//!
//! AND intersects sets and OR unites them, so `a < 3 OR a BETWEEN 7 AND 9` comes to two ranges, IN
//! to points, and `a != 5` to what lies before and behind it.

use super::filter::Node;
use super::matcher::TextRange;
use super::pattern::Case;
use super::predicate::Op;
use crate::planted;
use crate::value::{Value, ValueRef, fold};
use std::borrow::Cow;
use std::cmp::Ordering;

/// One end of a range: a value, and whether it lies inside itself; `None` where there is no end.
type End<'f> = Option<(Cow<'f, Value>, bool)>;

/// Values between two ends; never empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueRange<'f> {
    /// The least value, and whether it is itself allowed.
    pub low: Option<(Cow<'f, Value>, bool)>,
    /// The greatest value, and whether it is itself allowed.
    pub high: Option<(Cow<'f, Value>, bool)>,
}

/// Limits on a column's value in every row that matches.
///
/// Necessary, not sufficient: a row inside the bounds may still fail the filter, a row outside
/// never matches.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnBounds<'f> {
    /// Where values lie: ascending, apart from each other; none of them if no value matches.
    pub ranges: Vec<ValueRange<'f>>,
    /// NULL may match as well.
    pub null: bool,
}

impl<'f> ValueRange<'f> {
    fn point(value: Cow<'f, Value>) -> Self {
        Self { low: Some((value.clone(), true)), high: Some((value, true)) }
    }

    /// The only value, if it holds no more.
    pub(super) fn only(&self) -> Option<&Value> {
        let (Some((low, true)), Some((high, true))) = (&self.low, &self.high) else { return None };
        low.as_ref().as_ref().order(high.as_ref().as_ref()).is_eq().then_some(low)
    }

    fn is_empty(&self) -> bool {
        let (Some((low, low_in)), Some((high, high_in))) = (&self.low, &self.high) else {
            return false;
        };
        match low.as_ref().as_ref().order(high.as_ref().as_ref()) {
            Ordering::Less => false,
            Ordering::Equal => !(*low_in && *high_in),
            Ordering::Greater => true,
        }
    }

    fn contains(&self, value: ValueRef<'_>) -> bool {
        let inside = |end: &End<'_>, outside: Ordering| match end {
            None => true,
            Some((end, inclusive)) => match value.order(end.as_ref().as_ref()) {
                Ordering::Equal => *inclusive,
                order => order != outside,
            },
        };
        inside(&self.low, Ordering::Less) && inside(&self.high, Ordering::Greater)
    }
}

/// Which of two lower ends comes first.
fn order_lows(a: &End<'_>, b: &End<'_>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        // An end that is inside comes before the same one that is not.
        (Some((a, a_in)), Some((b, b_in))) => order(a, b).then(b_in.cmp(a_in)),
    }
}

/// Which of two upper ends comes first.
fn order_highs(a: &End<'_>, b: &End<'_>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some((a, a_in)), Some((b, b_in))) => order(a, b).then(a_in.cmp(b_in)),
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    a.as_ref().order(b.as_ref())
}

impl<'f> ColumnBounds<'f> {
    /// Whatever is in the column.
    fn everything() -> Self {
        Self { ranges: vec![ValueRange::default()], null: true }
    }

    fn of_ranges(ranges: Vec<ValueRange<'f>>) -> Self {
        Self { ranges, null: false }
    }

    /// The bounds of a column by tests that must all hold; of its text folded, if so wanted.
    pub(super) fn of(conjuncts: &'f [Node], wanted: usize, case: Case) -> Self {
        let mut bounds: Option<Self> = None;
        for node in conjuncts {
            let more = Self::of_node(node, wanted, case);
            if more.is_bounded() {
                bounds = Some(match bounds {
                    None => more,
                    Some(bounds) => bounds.and(more),
                });
            }
        }
        bounds.unwrap_or_else(Self::everything)
    }

    /// Recursion is bounded by [`super::bind::DEPTH_MAX`].
    fn of_node(node: &'f Node, wanted: usize, case: Case) -> Self {
        match node {
            Node::Never => Self::of_ranges(Vec::new()),
            Node::Compare { column, op, value } if *column == wanted => {
                Self::of_compare(*op, value, case)
            }
            Node::In { column, points } if *column == wanted => {
                let point = |value| ValueRange::point(cased(value, case));
                Self::of_ranges(unite(points.iter().map(point).collect()))
            }
            Node::NotIn { column, points } if *column == wanted => Self::of_gaps(points, case),
            Node::Match { column, matcher, wanted: holds } if *column == wanted => {
                let range = match case {
                    Case::Sensitive => &matcher.plain,
                    Case::Folded => &matcher.folded,
                };
                Self::of_texts(range.as_ref().filter(|_| *holds))
            }
            Node::IsNull(column) if *column == wanted => Self { ranges: Vec::new(), null: true },
            Node::IsNotNull(column) if *column == wanted => {
                Self::of_ranges(vec![ValueRange::default()])
            }
            Node::And(parts) => Self::of(parts, wanted, case),
            Node::Or(parts) => Self::of_any(parts, wanted, case),
            _ => Self::everything(),
        }
    }

    fn of_compare(op: Op, value: &'f Value, case: Case) -> Self {
        if case == Case::Folded && matches!(value, Value::Text(_)) && op != Op::Eq {
            return Self::of_ranges(vec![ValueRange::default()]); // folded text has another order
        }
        let range = |low: Option<bool>, high: Option<bool>| {
            let end = |inclusive| (Cow::Borrowed(value), inclusive);
            ValueRange { low: low.map(end), high: high.map(end) }
        };
        Self::of_ranges(match op {
            Op::Eq => vec![ValueRange::point(cased(value, case))],
            Op::Ne => vec![range(None, Some(false)), range(Some(false), None)],
            Op::Lt => vec![range(None, Some(false))],
            Op::Le => vec![range(None, Some(true))],
            Op::Gt => vec![range(Some(false), None)],
            Op::Ge => vec![range(Some(true), None)],
        })
    }

    /// What lies between the points.
    fn of_gaps(points: &'f [Value], case: Case) -> Self {
        if case == Case::Folded && matches!(points.first(), Some(Value::Text(_))) {
            return Self::of_ranges(vec![ValueRange::default()]);
        }
        let mut ranges = Vec::with_capacity(points.len() + 1);
        let mut low = None;
        for point in points {
            let end = Some((Cow::Borrowed(point), false));
            ranges.push(ValueRange { low, high: end.clone() });
            low = end;
        }
        ranges.push(ValueRange { low, high: None });
        Self::of_ranges(ranges)
    }

    fn of_texts(range: Option<&'f TextRange>) -> Self {
        Self::of_ranges(vec![match range {
            None => ValueRange::default(),
            Some(TextRange { low, single: true, .. }) => ValueRange::point(Cow::Borrowed(low)),
            Some(TextRange { low, high, .. }) => ValueRange {
                low: Some((Cow::Borrowed(low), true)),
                high: high.as_ref().map(|high| (Cow::Borrowed(high), false)),
            },
        }])
    }

    fn of_any(parts: &'f [Node], wanted: usize, case: Case) -> Self {
        let mut all = Self::of_ranges(Vec::new());
        let known = if planted::bug("or_range_forgotten") { &parts[1..] } else { parts };
        for part in known {
            let more = Self::of_node(part, wanted, case);
            if !more.is_bounded() {
                return more;
            }
            all.ranges.extend(more.ranges);
            all.null |= more.null;
        }
        Self { ranges: unite(all.ranges), null: all.null }
    }

    fn and(self, other: Self) -> Self {
        let null = self.null && other.null;
        if !other.is_bounded() {
            return self;
        }
        let mut ranges = Vec::with_capacity(self.ranges.len().max(other.ranges.len()));
        let (mut ours, mut theirs) = (self.ranges.into_iter(), other.ranges.into_iter());
        let (mut a, mut b) = (ours.next(), theirs.next());
        while let (Some(left), Some(right)) = (&a, &b) {
            let low =
                if order_lows(&left.low, &right.low).is_gt() { &left.low } else { &right.low };
            let left_ends = order_highs(&left.high, &right.high).is_lt();
            let high = if left_ends { &left.high } else { &right.high };
            let both = ValueRange { low: low.clone(), high: high.clone() };
            if !both.is_empty() {
                ranges.push(both);
            }
            // The one that ends first meets nothing more.
            if left_ends {
                a = ours.next();
            } else {
                b = theirs.next();
            }
        }
        Self { ranges, null }
    }

    /// The only value, if nothing else matches.
    pub fn equal(&self) -> Option<&Value> {
        match &self.ranges[..] {
            [only] if !self.null => only.only(),
            _ => None,
        }
    }

    /// The values, ascending, if these are the only ones and NULL is not among them.
    pub fn points(&self) -> Option<Vec<&Value>> {
        if self.null || self.ranges.is_empty() {
            return None;
        }
        self.ranges.iter().map(ValueRange::only).collect()
    }

    /// The range from the least to the greatest value; `None` if there is no value.
    pub fn hull(&self) -> Option<ValueRange<'f>> {
        let (first, last) = (self.ranges.first()?, self.ranges.last()?);
        Some(ValueRange { low: first.low.clone(), high: last.high.clone() })
    }

    /// True if the bounds say anything an index could use.
    pub fn is_bounded(&self) -> bool {
        !self.null || self.ranges != [ValueRange::default()]
    }

    /// True if nothing at all matches, so no row does.
    pub fn is_never(&self) -> bool {
        !self.null && self.ranges.is_empty()
    }

    /// True if nothing but NULL matches.
    pub fn is_only_null(&self) -> bool {
        self.null && self.ranges.is_empty()
    }

    /// True if the value, or NULL, lies inside.
    pub fn contains(&self, value: ValueRef<'_>) -> bool {
        if value.is_null() {
            return self.null;
        }
        let after = self.ranges.partition_point(|range| {
            range.low.as_ref().is_none_or(|(low, _)| low.as_ref().as_ref().order(value).is_le())
        });
        after.checked_sub(1).is_some_and(|at| self.ranges[at].contains(value))
    }
}

/// The value as the bounds have it: text folded if they are of folded text.
fn cased(value: &Value, case: Case) -> Cow<'_, Value> {
    match (value, case) {
        (Value::Text(text), Case::Folded) => match fold(text) {
            Cow::Borrowed(_) => Cow::Borrowed(value),
            Cow::Owned(folded) => Cow::Owned(Value::Text(folded)),
        },
        _ => Cow::Borrowed(value),
    }
}

/// Puts ranges in order and joins those that meet.
fn unite(mut ranges: Vec<ValueRange<'_>>) -> Vec<ValueRange<'_>> {
    ranges.sort_by(|a, b| order_lows(&a.low, &b.low));
    let mut apart: Vec<ValueRange<'_>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match apart.last_mut() {
            Some(last) if meet(&last.high, &range.low) => {
                if order_highs(&last.high, &range.high).is_lt() {
                    last.high = range.high;
                }
            }
            _ => apart.push(range),
        }
    }
    apart
}

/// True if nothing lies between an upper end and the lower end of a range that begins no earlier.
fn meet(high: &End<'_>, low: &End<'_>) -> bool {
    let (Some((high, high_in)), Some((low, low_in))) = (high, low) else { return true };
    match order(high, low) {
        Ordering::Less => false,
        Ordering::Equal => *high_in || *low_in,
        Ordering::Greater => true,
    }
}
