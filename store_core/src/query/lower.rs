//! Predicates from expressions: the part of the language that a table can look for.
//!
//! A table's tests are of one column against values, because those can be answered by an index and
//! decided on packed rows. What else an expression may say is refused here, at its place.

use super::expr::{Parsed, parse_expr};
use super::predicate::{Literal, Predicate};
use super::syntax::{Expr, ExprKind, Negated};
use super::token::Fault;
use crate::error::Result;
use crate::value::Value;

impl Predicate {
    /// Reads the SQL form, such as `altitude > 10000 and origin in ('KAUS', 'KDFW')`.
    ///
    /// Keywords are known in any case. An error is [`crate::Kind::Invalid`] and shows the place:
    ///
    /// ```
    /// use store_core::query::Predicate;
    /// let error = Predicate::parse("altitude > )").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "position 12: expected a value, found \")\"\n  altitude > )\n             ^"
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let lowered = parse_expr(text).and_then(condition);
        lowered.map_err(|fault| fault.into_error(text))
    }
}

/// Recursion is bounded by the depth of what the parser makes.
fn condition(expr: Expr) -> Parsed<Predicate> {
    let at = expr.at;
    Ok(match expr.kind {
        ExprKind::Column(column) => Predicate::IsTrue(column),
        ExprKind::Literal(Literal::Value(Value::Bool(true))) => Predicate::all(),
        ExprKind::Literal(Literal::Value(Value::Bool(false))) => Predicate::Or(Vec::new()),
        ExprKind::Literal(_) => {
            return Err(fault(at, "a value alone is no condition: compare a column with it"));
        }
        ExprKind::And(list) => {
            Predicate::And(list.into_iter().map(condition).collect::<Parsed<_>>()?)
        }
        ExprKind::Or(list) => {
            Predicate::Or(list.into_iter().map(condition).collect::<Parsed<_>>()?)
        }
        ExprKind::Not(inner) => condition(*inner)?.not(),
        ExprKind::Compare(op, left, right) => {
            let (left_at, right_at) = (left.at, right.at);
            match (left.kind, right.kind) {
                (ExprKind::Column(column), kind) => {
                    Predicate::Compare { column, op, value: value(right_at, kind)? }
                }
                (kind, ExprKind::Column(column)) => {
                    Predicate::Compare { column, op: op.mirrored(), value: value(left_at, kind)? }
                }
                (ExprKind::Literal(_), ExprKind::Literal(_)) => {
                    return Err(fault(right_at, "one side of a comparison must be a column"));
                }
                _ => return Err(not_here(at)),
            }
        }
        ExprKind::IsNull(inner, Negated::No) => Predicate::IsNull(column(*inner)?),
        ExprKind::IsNull(inner, Negated::Yes) => Predicate::IsNotNull(column(*inner)?),
        ExprKind::IsTruth(inner, truth, negated) => {
            let column = column(*inner)?;
            let known = Predicate::IsNotNull(column.clone());
            let test = if truth { Predicate::IsTrue(column) } else { Predicate::IsFalse(column) };
            negate(known.and(test), negated)
        }
        ExprKind::In(inner, list, negated) => {
            let values = list.into_iter().map(|expr| value(expr.at, expr.kind));
            let values = values.collect::<Parsed<_>>()?;
            negate(Predicate::In { column: column(*inner)?, values }, negated)
        }
        ExprKind::Between(three, negated) => {
            let [inner, low, high] = *three;
            let (low, high) = (value(low.at, low.kind)?, value(high.at, high.kind)?);
            negate(Predicate::Between { column: column(inner)?, low, high }, negated)
        }
        ExprKind::Match(inner, pattern, negated) => {
            negate(Predicate::Match { column: column(*inner)?, pattern }, negated)
        }
        _ => return Err(not_here(at)),
    })
}

fn negate(test: Predicate, negated: Negated) -> Predicate {
    if negated == Negated::Yes { test.not() } else { test }
}

fn column(expr: Expr) -> Parsed<String> {
    match expr.kind {
        ExprKind::Column(name) => Ok(name),
        ExprKind::Literal(_) => Err(fault(expr.at, "a test must be of a column")),
        _ => Err(not_here(expr.at)),
    }
}

fn value(at: usize, kind: ExprKind) -> Parsed<Literal> {
    match kind {
        ExprKind::Literal(value) => Ok(value),
        ExprKind::Column(name) => {
            Err(fault(at, &format!("expected a value, found the column \"{name}\"")))
        }
        _ => Err(not_here(at)),
    }
}

fn fault(at: usize, message: &str) -> Fault {
    Fault { at, message: message.to_owned() }
}

fn not_here(at: usize) -> Fault {
    fault(
        at,
        "a predicate compares columns with values: arithmetic, functions and CASE are for jobs",
    )
}
