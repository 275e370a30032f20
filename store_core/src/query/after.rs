//! Rows behind a place in an order: how a query goes on where another one ended.
//!
//! ```text
//! order origin, -altitude, id   behind (KAUS, 900, 7)
//!   origin > KAUS OR origin IS NULL
//!   OR origin = KAUS AND (altitude < 900 OR altitude IS NULL
//!                         OR altitude = 900 AND id > 7)
//! ```
//!
//! It is a predicate like any other, so an index that serves the order is walked from the place on.

use super::order::{NullsOrder, SortKey};
use super::predicate::{ColumnName, Predicate, column};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::value::Value;

/// The predicate of the rows behind these values of a complete order; see
/// [`super::complete_sort`].
pub fn behind(sort: &[SortKey], values: &[Value], schema: &Schema) -> Result<Predicate> {
    if sort.len() != values.len() {
        let names: Vec<&str> =
            sort.iter().map(|key| schema.columns[key.column].name.as_str()).collect();
        return Err(Error::invalid(format!(
            "a place in this order has {} values, not {}: {}",
            sort.len(),
            values.len(),
            names.join(", ")
        )));
    }
    // From the last column to the first: behind in this one, or equal here and behind in the rest.
    let mut rest = Predicate::Or(Vec::new());
    for (key, value) in sort.iter().zip(values).rev() {
        let name = || column(&schema.columns[key.column].name);
        let same = if *value == Value::Null { name().is_null() } else { name().eq(value.clone()) };
        let mut parts = beyond(*key, value, name);
        parts.push(Predicate::And(vec![same, rest]));
        rest = Predicate::Or(parts);
    }
    Ok(rest)
}

/// The cells that come after this one in a column's order.
fn beyond(key: SortKey, value: &Value, name: impl Fn() -> ColumnName) -> Vec<Predicate> {
    if *value == Value::Null {
        return match key.nulls {
            NullsOrder::First => vec![name().is_not_null()],
            NullsOrder::Last => Vec::new(),
        };
    }
    let further = if key.descending { name().lt(value.clone()) } else { name().gt(value.clone()) };
    match key.nulls {
        NullsOrder::First => vec![further],
        NullsOrder::Last => vec![further, name().is_null()],
    }
}
