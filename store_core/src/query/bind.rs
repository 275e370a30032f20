//! Binding: names become positions, text becomes typed values, NOT disappears.
//!
//! NOT is pushed down to the tests, where it inverts them: `NOT (a < 5 AND b IS NULL)` becomes
//! `a >= 5 OR b IS NOT NULL`. In three-valued logic that changes nothing (NOT unknown is unknown,
//! and an inverted comparison is unknown for the same rows). What is left has only AND and OR over
//! tests, which are monotone, so *unknown* may be taken for *false* everywhere: the whole is true
//! exactly when it was, and the filter needs two values instead of three.

use super::expr::NESTING_MAX;
use super::filter::{Filter, Node};
use super::matcher::{Compiled, compile};
use super::number::{Place, place_number};
use super::pattern::Pattern;
use super::predicate::{Literal, Op, Predicate};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::value::{Decimal, Type, Value, ValueRef, parse_value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Deepest tree that binds: whatever the parser or clauses of [`NESTING_MAX`] levels make.
pub(super) const DEPTH_MAX: usize = 4 * NESTING_MAX + 4;

impl Predicate {
    /// Binds the predicate to a table's columns.
    ///
    /// Every value must parse as, or fit, its column's type: one that does not is an error for the
    /// whole predicate ([`crate::Kind::Type`], naming the column), as is an unknown column.
    ///
    /// ```
    /// # use store_core::{Schema, Type, ValueRef, query::Predicate};
    /// let schema = Schema::builder("flights")
    ///     .column("flight_id", Type::Text).key()
    ///     .column("altitude", Type::Int32)
    ///     .build()?;
    /// let filter = Predicate::parse("altitude >= 9999.5")?.bind(&schema)?;
    /// let row = [ValueRef::Text("UAL123"), ValueRef::Int(10_000)];
    /// assert!(filter.matches(&row[..]));
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn bind(&self, schema: &Schema) -> Result<Filter> {
        Ok(Filter::new(Binder { schema }.node(self, Sense::Holds, 0)?))
    }
}

/// Whether a part of the tree is wanted true or, under an odd number of NOTs, false.
#[derive(Clone, Copy, PartialEq)]
enum Sense {
    Holds,
    Fails,
}

impl Sense {
    const fn flipped(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
        }
    }
}

/// Where a literal lies among a column's values.
enum Bound {
    Null,
    Placed(Place),
}

struct Binder<'a> {
    schema: &'a Schema,
}

impl Binder<'_> {
    fn node(&self, predicate: &Predicate, sense: Sense, depth: usize) -> Result<Node> {
        if depth > DEPTH_MAX {
            return Err(Error::invalid(format!("predicate nests deeper than {DEPTH_MAX} levels")));
        }
        let holds = sense == Sense::Holds;
        match predicate {
            Predicate::And(list) => self.list(list, sense, depth, holds),
            Predicate::Or(list) => self.list(list, sense, depth, !holds),
            Predicate::Not(inner) => self.node(inner, sense.flipped(), depth + 1),
            Predicate::Compare { column, op, value } => self.compare(column, *op, value, sense),
            Predicate::Range { column, low, high } => {
                self.pair(column, [(Op::Ge, low), (Op::Lt, high)], sense)
            }
            Predicate::Between { column, low, high } => {
                self.pair(column, [(Op::Ge, low), (Op::Le, high)], sense)
            }
            Predicate::In { column, values } => self.in_values(column, values, sense),
            Predicate::Match { column, pattern } => self.matches(column, pattern, holds),
            Predicate::IsNull(column) => self.null_test(column, holds),
            Predicate::IsNotNull(column) => self.null_test(column, !holds),
            Predicate::IsTrue(column) => self.truth(column, holds),
            Predicate::IsFalse(column) => self.truth(column, !holds),
        }
    }

    fn list(&self, list: &[Predicate], sense: Sense, depth: usize, all: bool) -> Result<Node> {
        let parts: Result<Vec<Node>> =
            list.iter().map(|part| self.node(part, sense, depth + 1)).collect();
        Ok(if all { all_of(parts?) } else { any_of(parts?) })
    }

    fn pair(&self, column: &str, ends: [(Op, &Literal); 2], sense: Sense) -> Result<Node> {
        let mut parts = Vec::with_capacity(2);
        for (op, value) in ends {
            parts.push(self.compare(column, op, value, sense)?);
        }
        Ok(if sense == Sense::Holds { all_of(parts) } else { any_of(parts) })
    }

    fn compare(&self, name: &str, op: Op, value: &Literal, sense: Sense) -> Result<Node> {
        let column = self.schema.column_position(name)?;
        let op = if sense == Sense::Holds { op } else { op.inverse() };
        let compare = |op, value| Node::Compare { column, op, value };
        Ok(match self.place(column, value)? {
            Bound::Null => Node::Never,
            Bound::Placed(Place::Exact(value)) => compare(op, value),
            Bound::Placed(Place::Gap { below, above }) => match op {
                Op::Eq => Node::Never,
                Op::Ne => Node::IsNotNull(column),
                Op::Lt | Op::Le => below.map_or(Node::Never, |value| compare(Op::Le, value)),
                Op::Gt | Op::Ge => above.map_or(Node::Never, |value| compare(Op::Ge, value)),
            },
        })
    }

    fn in_values(&self, name: &str, values: &[Literal], sense: Sense) -> Result<Node> {
        let column = self.schema.column_position(name)?;
        let mut points = Vec::with_capacity(values.len());
        let mut has_null = false;
        for value in values {
            match self.place(column, value)? {
                Bound::Null => has_null = true,
                Bound::Placed(Place::Exact(value)) => points.push(value),
                Bound::Placed(Place::Gap { .. }) => {}
            }
        }
        sort_points(&mut points);
        Ok(match sense {
            Sense::Holds => in_points(column, points),
            // `x NOT IN (…, NULL)` is false or unknown; of nothing at all it is true even for NULL.
            Sense::Fails if has_null => Node::Never,
            Sense::Fails if values.is_empty() => Node::always(),
            Sense::Fails => Node::NotIn { column, points },
        })
    }

    fn matches(&self, name: &str, pattern: &Pattern, wanted: bool) -> Result<Node> {
        let column = self.schema.column_position(name)?;
        let ty = self.schema.columns[column].ty;
        if ty != Type::Text {
            let message = format!("{ty} cannot match a {}: only text can", pattern.noun());
            return Err(self.at_column(column, &message));
        }
        let compiled =
            compile(pattern).map_err(|error| error.at(format_args!("column \"{name}\"")))?;
        let op = if wanted { Op::Eq } else { Op::Ne };
        Ok(match (compiled, wanted) {
            (Compiled::Never, true) | (Compiled::Always, false) => Node::Never,
            (Compiled::Never, false) | (Compiled::Always, true) => Node::IsNotNull(column),
            (Compiled::Exactly(text), _) => Node::Compare { column, op, value: text.into() },
            (Compiled::Matcher(matcher), wanted) => {
                Node::Match { column, matcher: Arc::new(matcher), wanted }
            }
        })
    }

    fn null_test(&self, name: &str, null: bool) -> Result<Node> {
        let column = self.schema.column_position(name)?;
        Ok(if null { Node::IsNull(column) } else { Node::IsNotNull(column) })
    }

    /// A bool column's own value; a number is true when it is not zero.
    fn truth(&self, name: &str, wanted: bool) -> Result<Node> {
        let column = self.schema.column_position(name)?;
        let ty = self.schema.columns[column].ty;
        let zero = match ty {
            Type::Bool => {
                return Ok(Node::Compare { column, op: Op::Eq, value: Value::Bool(wanted) });
            }
            Type::Int16 | Type::Int32 | Type::Int64 => Value::Int(0),
            Type::Float32 => Value::Float32(0.0),
            Type::Float64 => Value::Float64(0.0),
            Type::Decimal { scale, .. } => Value::Decimal(Decimal::of(0, scale)),
            _ => {
                let message = format!("{ty} is neither true nor false: compare it with a value");
                return Err(self.at_column(column, &message));
            }
        };
        let op = if wanted { Op::Ne } else { Op::Eq };
        Ok(Node::Compare { column, op, value: zero })
    }

    fn place(&self, column: usize, literal: &Literal) -> Result<Bound> {
        let ty = self.schema.columns[column].ty;
        let value = match literal {
            Literal::Number(text) => return self.place_number(column, text),
            // Of any scale, also against integers and floats: the number counts.
            Literal::Value(Value::Decimal(value)) => {
                return self.place_number(column, &value.to_string());
            }
            Literal::Text(text) => parse_value(text.as_bytes(), ty),
            Literal::Value(value) => value.as_ref().coerce(ty),
        };
        let value = value.map_err(|error| self.at_column(column, &error.to_string()))?;
        Ok(match value {
            ValueRef::Null => Bound::Null,
            value => Bound::Placed(Place::Exact(canonical(value.to_owned()))),
        })
    }

    fn place_number(&self, column: usize, text: &str) -> Result<Bound> {
        let ty = self.schema.columns[column].ty;
        let place = place_number(text, ty).ok_or_else(|| {
            self.at_column(column, &format!("the number {text} cannot be compared with {ty}"))
        })?;
        Ok(Bound::Placed(match place {
            Place::Exact(value) => Place::Exact(canonical(value)),
            gap @ Place::Gap { .. } => gap,
        }))
    }

    fn at_column(&self, column: usize, message: &str) -> Error {
        let name = &self.schema.columns[column].name;
        let message = format!("column \"{name}\": {message}");
        Error::type_mismatch(message).detail(&self.schema.table).detail(name)
    }
}

/// Equal values have one form, so that keys made of them hash and encode alike.
fn canonical(value: Value) -> Value {
    match value {
        Value::Float32(value) => {
            Value::Float32(if value.is_nan() { f32::NAN } else { value + 0.0 })
        }
        Value::Float64(value) => {
            Value::Float64(if value.is_nan() { f64::NAN } else { value + 0.0 })
        }
        other => other,
    }
}

fn sort_points(points: &mut Vec<Value>) {
    points.sort_by(|a, b| a.as_ref().order(b.as_ref()));
    points.dedup_by(|a, b| a.as_ref().order(b.as_ref()) == Ordering::Equal);
}

fn in_points(column: usize, mut points: Vec<Value>) -> Node {
    match points.len() {
        0 => Node::Never,
        1 => Node::Compare { column, op: Op::Eq, value: points.remove(0) },
        _ => Node::In { column, points },
    }
}

/// AND, made flat: no AND directly inside an AND, nothing beside a part that never holds.
fn all_of(parts: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Node::Never => return Node::Never,
            Node::And(inner) => flat.extend(inner),
            part => flat.push(part),
        }
    }
    if flat.len() == 1 { flat.remove(0) } else { Node::And(flat) }
}

/// OR, made flat; equalities on one column become one list of points.
fn any_of(parts: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Node::Never => {}
            Node::And(inner) if inner.is_empty() => return Node::always(),
            Node::Or(inner) => flat.extend(inner),
            part => flat.push(part),
        }
    }
    match flat.len() {
        0 => Node::Never,
        1 => flat.remove(0),
        _ => merge_points(flat),
    }
}

fn merge_points(parts: Vec<Node>) -> Node {
    let column_of = |part: &Node| match part {
        Node::Compare { column, op: Op::Eq, .. } | Node::In { column, .. } => Some(*column),
        _ => None,
    };
    let Some(column) = parts.first().and_then(column_of) else { return Node::Or(parts) };
    if parts.iter().any(|part| column_of(part) != Some(column)) {
        return Node::Or(parts);
    }
    let mut all = Vec::new();
    for part in parts {
        match part {
            Node::Compare { value, .. } => all.push(value),
            Node::In { points, .. } => all.extend(points),
            _ => {}
        }
    }
    sort_points(&mut all);
    in_points(column, all)
}
