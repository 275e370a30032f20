//! The bound predicate: typed tests on column positions, fast to run on a row.

use super::bounds::ColumnBounds;
use super::matcher::Matcher;
use super::pattern::Case;
use super::predicate::Op;
use crate::mem::layout::RowView;
use crate::sync::{AtomicU64, Relaxed};
use crate::value::{Value, ValueRef};
use std::cmp::Ordering;
use std::sync::Arc;

/// A row whose cells can be read by column position.
pub trait Cells {
    /// The cell of the column at this position of the schema.
    fn cell(&self, column: usize) -> ValueRef<'_>;
}

impl Cells for [ValueRef<'_>] {
    fn cell(&self, column: usize) -> ValueRef<'_> {
        self[column]
    }
}

impl Cells for RowView<'_> {
    #[inline]
    fn cell(&self, column: usize) -> ValueRef<'_> {
        RowView::cell(self, column)
    }
}

impl Cells for [Value] {
    fn cell(&self, column: usize) -> ValueRef<'_> {
        self[column].as_ref()
    }
}

/// A test, or tests under AND and OR. No NOT is left: see [`super::bind`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// No row.
    Never,
    /// The value is never NULL; a NULL cell fails.
    Compare {
        column: usize,
        op: Op,
        value: Value,
    },
    /// At least two points, sorted, none twice, none NULL.
    In {
        column: usize,
        points: Vec<Value>,
    },
    /// Points as above, but any number; a NULL cell fails.
    NotIn {
        column: usize,
        points: Vec<Value>,
    },
    /// A text column matches, or does not; a NULL cell fails either way.
    Match {
        column: usize,
        matcher: Arc<Matcher>,
        wanted: bool,
    },
    IsNull(usize),
    IsNotNull(usize),
    /// Every row; counts those that come by.
    Counted(RowCount),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// A count of rows that came by.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowCount(Arc<AtomicU64>);

impl RowCount {
    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl PartialEq for RowCount {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A predicate bound to a schema; made by [`super::Predicate::bind`].
///
/// ```
/// # use store_core::{Schema, Type, ValueRef, query::column};
/// # let schema = Schema::builder("t").column("a", Type::Int64).column("b", Type::Text).build()?;
/// let filter = column("a").range(1, 9).and(column("b").eq("x")).bind(&schema)?;
/// assert!(filter.matches(&[ValueRef::Int(1), ValueRef::Text("x")][..]));
/// assert!(!filter.matches(&[ValueRef::Null, ValueRef::Text("x")][..]));
/// assert_eq!(filter.columns(), [0, 1]);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

impl Filter {
    pub(super) const fn new(root: Node) -> Self {
        Self { root }
    }

    /// The filter that every row matches.
    pub const fn all() -> Self {
        Self { root: Node::always() }
    }

    /// True if the predicate is true for the row; false if it is false or unknown.
    pub fn matches(&self, row: &(impl Cells + ?Sized)) -> bool {
        self.root.holds(row)
    }

    /// True if every row matches without a look at it.
    pub fn is_all(&self) -> bool {
        matches!(&self.root, Node::And(parts) if parts.is_empty())
    }

    /// True if no row can match, whatever it holds.
    pub fn is_never(&self) -> bool {
        self.root == Node::Never
            || self.columns().iter().any(|column| self.bounds(*column).is_never())
    }

    /// The columns the filter reads, ascending.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.root.collect_columns(&mut columns);
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// The key's values, in the order given, if the filter fixes every one of them by equality.
    pub fn key_equality(&self, key: &[usize]) -> Option<Vec<Value>> {
        key.iter().map(|column| self.bounds(*column).equal().cloned()).collect()
    }

    /// What a column's value must be for a row to match; see [`ColumnBounds`].
    pub fn bounds(&self, column: usize) -> ColumnBounds<'_> {
        ColumnBounds::of(self.conjuncts(), column, Case::Sensitive)
    }

    /// What a column's text, its case folded, must be for a row to match. Other columns as in
    /// [`Filter::bounds`].
    pub(super) fn folded_bounds(&self, column: usize) -> ColumnBounds<'_> {
        ColumnBounds::of(self.conjuncts(), column, Case::Folded)
    }

    /// The same filter, which counts the rows that it is asked about and those that match; it is
    /// asked about every row.
    pub(crate) fn counted(self, asked: &RowCount, matched: &RowCount) -> Self {
        let (asked, matched) = (Node::Counted(asked.clone()), Node::Counted(matched.clone()));
        // Behind an OR no test can be taken out and decided before the rows are counted.
        Self::new(Node::And(vec![asked, Node::Or(vec![self.root]), matched]))
    }

    /// True if a row matches exactly if the values of these columns lie in their bounds.
    pub(super) fn is_told_by_bounds(&self, columns: &[usize]) -> bool {
        self.root.is_told_by_bounds(columns)
    }

    /// The tests that must all hold.
    pub(super) fn conjuncts(&self) -> &[Node] {
        match &self.root {
            Node::And(parts) => parts,
            single => std::slice::from_ref(single),
        }
    }
}

impl Node {
    pub(super) const fn always() -> Self {
        Self::And(Vec::new())
    }

    /// Recursion is bounded by [`super::bind::DEPTH_MAX`].
    fn holds(&self, row: &(impl Cells + ?Sized)) -> bool {
        match self {
            Self::Never => false,
            Self::Compare { column, op, value } => {
                let cell = row.cell(*column);
                !cell.is_null() && accepts(*op, order_to(cell, value))
            }
            Self::In { column, points } => {
                let cell = row.cell(*column);
                !cell.is_null() && contains(points, cell)
            }
            Self::NotIn { column, points } => {
                let cell = row.cell(*column);
                !cell.is_null() && !contains(points, cell)
            }
            Self::Match { column, matcher, wanted } => match row.cell(*column) {
                ValueRef::Text(text) => matcher.matches(text) == *wanted,
                _ => false,
            },
            Self::IsNull(column) => row.cell(*column).is_null(),
            Self::IsNotNull(column) => !row.cell(*column).is_null(),
            Self::Counted(count) => {
                count.0.fetch_add(1, Relaxed);
                true
            }
            Self::And(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(row)),
        }
    }

    /// See [`Filter::is_told_by_bounds`].
    fn is_told_by_bounds(&self, columns: &[usize]) -> bool {
        match self {
            Self::Compare { column, .. }
            | Self::In { column, .. }
            | Self::NotIn { column, .. }
            | Self::IsNull(column)
            | Self::IsNotNull(column) => columns.contains(column),
            Self::And(parts) => parts.iter().all(|part| part.is_told_by_bounds(columns)),
            // Bounds of two columns do not say which of them goes with which.
            Self::Or(parts) => {
                let mut read = Vec::new();
                self.collect_columns(&mut read);
                read.iter().all(|column| *column == read[0])
                    && parts.iter().all(|part| part.is_told_by_bounds(columns))
            }
            Self::Never | Self::Match { .. } | Self::Counted(_) => false,
        }
    }

    fn collect_columns(&self, out: &mut Vec<usize>) {
        match self {
            Self::Never | Self::Counted(_) => {}
            Self::Compare { column, .. }
            | Self::In { column, .. }
            | Self::NotIn { column, .. }
            | Self::Match { column, .. }
            | Self::IsNull(column)
            | Self::IsNotNull(column) => out.push(*column),
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.collect_columns(out);
                }
            }
        }
    }
}

const fn accepts(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
    }
}

/// [`ValueRef::order`] with the two types most filters use decided first.
#[inline]
fn order_to(cell: ValueRef<'_>, value: &Value) -> Ordering {
    match (cell, value) {
        (ValueRef::Int(a), Value::Int(b)) => a.cmp(b),
        (ValueRef::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (cell, value) => cell.order(value.as_ref()),
    }
}

fn contains(points: &[Value], cell: ValueRef<'_>) -> bool {
    points.binary_search_by(|point| order_to(cell, point).reverse()).is_ok()
}

#[cfg(test)]
mod tests;
