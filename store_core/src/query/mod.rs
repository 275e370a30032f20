//! Queries: what a caller asks for, bound to a schema, and the cheapest way to the rows.
//!
//! ```text
//!  {> altitude 10000}  clause ─┐                      ┌─► matches(row)       every row read
//!  altitude > 10000    expr  ──┼─► Predicate ─bind─► Filter ─► bounds ─► plan: key, index or scan
//!  column("altitude").gt(10_000)┘   (names, text)     └─► columns            what to fetch
//! ```
//!
//! Everything here knows values and schemas and nothing of tables, so it is tested alone. Logic is
//! SQL's: a comparison with NULL is unknown, and a row matches only when its predicate is true.

mod after;
mod aggregate;
mod bind;
mod bounds;
mod clause;
mod expr;
mod filter;
mod glob;
mod lower;
mod matcher;
mod number;
mod order;
mod pattern;
mod plan;
mod predicate;
mod quick;
mod syntax;
mod token;
mod top_k;

#[cfg(test)]
mod testing;

pub use after::behind;
pub use aggregate::{
    Aggregate, AggregateExpr, FloatSum, Function, Moments, decimal_mean, quotient,
};
pub(crate) use aggregate::{BoundAggregate, State};
pub use bounds::{ColumnBounds, ValueRange};
pub use clause::Clause;
pub use expr::NESTING_MAX;
pub(crate) use filter::RowCount;
pub use filter::{Cells, Filter};
pub use matcher::TextMatcher;
pub use order::{
    NullsOrder, SortKey, SortName, bind_sort, compare_rows, complete_sort, parse_sort,
};
pub use pattern::{Case, Pattern, PatternSyntax};
pub(crate) use plan::counting_ranges;
pub use plan::{AccessPath, KeyRange, Plan, PlanInput, Reason, plan};
pub use predicate::{ColumnName, Literal, Op, Predicate, column};
pub(crate) use quick::Quick;
pub use syntax::{Arithmetic, Expr, ExprKind, NamedExpr, Negated, When};
pub use top_k::{SortEncoder, TopK};
