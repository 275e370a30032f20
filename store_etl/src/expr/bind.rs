//! Binding: names become columns, every part gets its type, constants are computed.

use super::fold::fold;
use super::function;
use super::types::{a, common, decimal, digits, is_decimal, is_float, is_integer, is_number};
use super::{Bound, Node};
use crate::batch::Field;
use std::sync::Arc;
use store_core::query::{Arithmetic, Expr, ExprKind, Literal, Negated, Op, When};
use store_core::value::parse_value;
use store_core::{Decimal, Error, Result, Type, Value, ValueRef};

/// Binds an expression to columns. `text` is what it was parsed from: errors show the place in it.
///
/// ```
/// use store_core::{Type, query::Expr};
/// use store_etl::{batch::Field, expr::bind};
/// let fields = [Field::new("a", Type::Int32), Field::new("name", Type::Text)];
/// let text = "a + 1";
/// assert_eq!(bind(&Expr::parse(text)?, &fields, text)?.ty, Type::Int64);
/// let text = "a + name";
/// let error = bind(&Expr::parse(text)?, &fields, text).unwrap_err();
/// assert!(error.to_string().starts_with("position 3: no operator + for int32 and text"));
/// # Ok::<_, store_core::Error>(())
/// ```
pub fn bind(expr: &Expr, fields: &[Field], text: &str) -> Result<Bound> {
    let bound = Binder { fields, text }.bind(expr)?;
    Ok(bound.settled())
}

pub(super) struct Binder<'a> {
    fields: &'a [Field],
    text: &'a str,
}

/// A part whose type may still follow from what it stands beside.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Typed(Bound),
    /// An SQL number.
    Number(String),
    /// Text in quotes.
    Text(String),
    Null,
}

impl Part {
    /// The type it has by itself.
    pub fn settled(self) -> Bound {
        match self {
            Self::Typed(bound) => bound,
            Self::Number(text) => number(&text),
            Self::Text(text) => Bound::constant(Type::Text, Value::Text(text)),
            Self::Null => Bound::constant(Type::Text, Value::Null),
        }
    }

    const fn ty(&self) -> Option<Type> {
        if let Self::Typed(bound) = self { Some(bound.ty) } else { None }
    }
}

/// A number by itself: int64 if it is whole and fits, float64 with an exponent or beyond 38 digits, else
/// a decimal of just its digits.
fn number(text: &str) -> Bound {
    if let Ok(value) = text.parse::<i64>() {
        return Bound::constant(Type::Int64, Value::Int(value));
    }
    let exponent = text.contains(['e', 'E']);
    if let Some(value) = text.parse::<Decimal>().ok().filter(|_| !exponent) {
        let whole = value.units().unsigned_abs().to_string().len() as u8;
        let ty = decimal(whole.saturating_sub(value.scale()), value.scale());
        return Bound::constant(ty, Value::Decimal(value));
    }
    let value = text.parse::<f64>().unwrap_or(f64::NAN); // the lexer lets numbers through only
    Bound::constant(Type::Float64, Value::Float64(value))
}

impl Binder<'_> {
    fn fail<T>(&self, at: &Expr, message: impl Into<String>) -> Result<T> {
        Err(at.fault(self.text, &Error::type_mismatch(message)))
    }

    fn at<T>(&self, at: &Expr, result: Result<T>) -> Result<T> {
        result.map_err(|error| at.fault(self.text, &error))
    }

    /// Recursion is bounded by the parser.
    pub fn bind(&self, expr: &Expr) -> Result<Part> {
        let bound = match &expr.kind {
            ExprKind::Literal(literal) => return Ok(literal_part(literal)),
            ExprKind::Column(name) => self.column(expr, name)?,
            ExprKind::Negate(inner) => self.negate(expr, inner)?,
            ExprKind::Arithmetic(op, left, right) => self.arithmetic(expr, *op, left, right)?,
            ExprKind::Compare(op, left, right) => self.compare(expr, *op, left, right)?,
            ExprKind::And(list) => self.logic(list, Node::And)?,
            ExprKind::Or(list) => self.logic(list, Node::Or)?,
            ExprKind::Not(inner) => not(self.condition(inner)?),
            ExprKind::IsNull(inner, negated) => {
                let inner = self.bind(inner)?.settled();
                let test = Bound::new(Type::Bool, false, Node::IsNull(Box::new(inner)));
                negate(test, *negated)
            }
            ExprKind::IsTruth(inner, truth, negated) => {
                let inner = self.condition(inner)?;
                let test = Bound::new(Type::Bool, false, Node::IsTruth(Box::new(inner), *truth));
                negate(test, *negated)
            }
            ExprKind::In(inner, list, negated) => negate(self.is_in(expr, inner, list)?, *negated),
            ExprKind::Between(three, negated) => {
                let [inner, low, high] = &**three;
                let tests = [(Op::Ge, low), (Op::Le, high)]
                    .map(|(op, end)| self.compare(expr, op, inner, end));
                let [low, high] = tests;
                negate(and(low?, high?), *negated)
            }
            ExprKind::Match(inner, pattern, negated) => {
                let inner = self.typed(inner, Type::Text)?;
                let matcher = Arc::new(self.at(expr, pattern.compile())?);
                let nullable = inner.nullable;
                let test = Bound::new(Type::Bool, nullable, Node::Match(Box::new(inner), matcher));
                negate(test, *negated)
            }
            ExprKind::Case { operand, whens, otherwise } => {
                self.case(expr, operand.as_deref(), whens, otherwise.as_deref())?
            }
            ExprKind::Cast(inner, ty) => {
                let inner = self.bind(inner)?;
                self.at(expr, cast(inner, *ty))?
            }
            ExprKind::Call(name, list) => self.call(expr, name, list)?,
            _ => return self.fail(expr, "this form of expression is not known here"),
        };
        Ok(Part::Typed(fold(bound)))
    }

    fn column(&self, at: &Expr, name: &str) -> Result<Bound> {
        let found = self.fields.iter().position(|field| field.name == name);
        let Some(nth) = found else {
            let error = unknown_column(name, self.fields);
            return Err(at.fault(self.text, &error));
        };
        let field = &self.fields[nth];
        Ok(Bound::new(field.ty, field.nullable, Node::Column(nth)))
    }

    fn negate(&self, at: &Expr, inner: &Expr) -> Result<Bound> {
        let inner = self.bind(inner)?.settled();
        let ty = match inner.ty {
            ty if is_integer(ty) => Type::Int64,
            ty if is_float(ty) => Type::Float64,
            ty if is_decimal(ty) => ty,
            ty => return self.fail(at, format!("no operator - for {ty}")),
        };
        let inner = converted(inner, ty);
        Ok(Bound::new(ty, inner.nullable, Node::Negate(Box::new(inner))))
    }

    fn arithmetic(&self, at: &Expr, op: Arithmetic, left: &Expr, right: &Expr) -> Result<Bound> {
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        if op == Arithmetic::Join {
            let sides = [left.settled(), right.settled()].map(as_text);
            let nullable = sides.iter().any(|side| side.nullable);
            return Ok(Bound::new(Type::Text, nullable, Node::Arithmetic(op, Box::new(sides))));
        }
        let shown = |part: &Part| part.clone().settled().ty;
        let (a, b) = (shown(&left), shown(&right));
        let refused = || format!("no operator {} for {a} and {b}", op.symbol());
        let [left, right] = number_sides(left, right);
        let Some((sides, ty)) = arithmetic_types(op, left.ty, right.ty) else {
            return self.fail(at, refused());
        };
        let sides = [converted(left, sides[0]), converted(right, sides[1])];
        let nullable = sides.iter().any(|side| side.nullable);
        Ok(Bound::new(ty, nullable, Node::Arithmetic(op, Box::new(sides))))
    }

    fn compare(&self, at: &Expr, op: Op, left: &Expr, right: &Expr) -> Result<Bound> {
        let (left, right) = (self.bind(left)?, self.bind(right)?);
        let sides = self.at(at, alike(vec![left, right], "compare"))?;
        let nullable = sides.iter().any(|side| side.nullable);
        let sides: Box<[Bound; 2]> = Box::new(sides.try_into().expect("two went in"));
        Ok(Bound::new(Type::Bool, nullable, Node::Compare(op, sides)))
    }

    fn logic(&self, list: &[Expr], node: fn(Vec<Bound>) -> Node) -> Result<Bound> {
        let list: Vec<Bound> =
            list.iter().map(|expr| self.condition(expr)).collect::<Result<_>>()?;
        Ok(Bound::new(Type::Bool, list.iter().any(|part| part.nullable), node(list)))
    }

    /// A part that is true, false or unknown; a number is true if it is not zero.
    fn condition(&self, expr: &Expr) -> Result<Bound> {
        let bound = match self.bind(expr)? {
            Part::Null => return Ok(Bound::constant(Type::Bool, Value::Null)),
            part => part.settled(),
        };
        match bound.ty {
            Type::Bool => Ok(bound),
            ty if is_number(ty) => {
                let zero = converted(Bound::constant(Type::Int64, Value::Int(0)), ty);
                let nullable = bound.nullable;
                let sides = Box::new([bound, zero]);
                Ok(Bound::new(Type::Bool, nullable, Node::Compare(Op::Ne, sides)))
            }
            ty => self.fail(expr, format!("{} is no condition: compare it with something", a(ty))),
        }
    }

    fn is_in(&self, at: &Expr, inner: &Expr, list: &[Expr]) -> Result<Bound> {
        let mut parts = vec![self.bind(inner)?];
        for expr in list {
            parts.push(self.bind(expr)?);
        }
        let mut parts = self.at(at, alike(parts, "compare"))?;
        let inner = parts.remove(0);
        let nullable = inner.nullable || parts.iter().any(|part| part.nullable);
        if let Some(values) = parts.iter().map(Bound::as_constant).collect::<Option<Vec<_>>>() {
            let mut values: Vec<Value> = values.into_iter().cloned().collect();
            let listed = values.len();
            values.retain(|value| !value.as_ref().is_null());
            let unknown = values.len() < listed;
            values.sort_by(|a, b| a.as_ref().order(b.as_ref()));
            let node = Node::In(Box::new(inner), values.into(), unknown);
            return Ok(Bound::new(Type::Bool, nullable, node));
        }
        let equal = |part: Bound| {
            let nullable = inner.nullable || part.nullable;
            let sides = Box::new([inner.clone(), part]);
            Bound::new(Type::Bool, nullable, Node::Compare(Op::Eq, sides))
        };
        let any: Vec<Bound> = parts.into_iter().map(equal).collect();
        Ok(Bound::new(Type::Bool, nullable, Node::Or(any)))
    }

    fn case(
        &self,
        at: &Expr,
        operand: Option<&Expr>,
        whens: &[When],
        otherwise: Option<&Expr>,
    ) -> Result<Bound> {
        let mut results = Vec::new();
        let mut conditions = Vec::new();
        for when in whens {
            conditions.push(match operand {
                Some(operand) => fold(self.compare(&when.when, Op::Eq, operand, &when.when)?),
                None => self.condition(&when.when)?,
            });
            results.push(self.bind(&when.then)?);
        }
        results.push(otherwise.map_or(Ok(Part::Null), |expr| self.bind(expr))?);
        let mut results = self.at(at, alike(results, "give, in branches of one CASE,"))?;
        let last = results.pop().expect("one was put in");
        let nullable = last.nullable || results.iter().any(|result| result.nullable);
        let ty = last.ty;
        let whens = conditions.into_iter().zip(results).collect();
        Ok(Bound::new(ty, nullable, Node::Case(whens, Box::new(last))))
    }

    fn call(&self, at: &Expr, name: &str, list: &[Expr]) -> Result<Bound> {
        let parts: Vec<Part> = list.iter().map(|expr| self.bind(expr)).collect::<Result<_>>()?;
        match name {
            "coalesce" if !parts.is_empty() => {
                let parts = self.at(at, alike(parts, "give, in one coalesce,"))?;
                let nullable = parts.iter().all(|part| part.nullable);
                Ok(Bound::new(parts[0].ty, nullable, Node::Coalesce(parts)))
            }
            "nullif" if parts.len() == 2 => {
                let first = parts[0].clone().settled();
                let equal = self.compare(at, Op::Eq, &list[0], &list[1])?;
                let null = Bound::constant(first.ty, Value::Null);
                let ty = first.ty;
                Ok(Bound::new(ty, true, Node::Case(vec![(equal, null)], Box::new(first))))
            }
            _ => self.at(at, function::bind(name, parts)),
        }
    }

    /// A part of this type.
    fn typed(&self, expr: &Expr, ty: Type) -> Result<Bound> {
        let part = self.bind(expr)?;
        self.at(expr, of_type(part, ty))
    }
}

/// The refusal of a name that is no column.
pub(crate) fn unknown_column(name: &str, fields: &[Field]) -> Error {
    const SHOWN_MAX: usize = 20;
    let names: Vec<&str> = fields.iter().take(SHOWN_MAX).map(|field| field.name.as_str()).collect();
    let more = if fields.len() > SHOWN_MAX { ", …" } else { "" };
    let names = names.join(", ");
    Error::not_found(format!("no column \"{name}\": there are {names}{more}")).detail(name)
}

fn literal_part(literal: &Literal) -> Part {
    match literal {
        Literal::Text(text) => Part::Text(text.clone()),
        Literal::Number(text) => Part::Number(text.clone()),
        Literal::Value(value) => Part::Typed(match value {
            Value::Null => return Part::Null,
            Value::Bool(_) => Bound::constant(Type::Bool, value.clone()),
            Value::Int(_) => Bound::constant(Type::Int64, value.clone()),
            Value::Float32(_) => Bound::constant(Type::Float32, value.clone()),
            Value::Float64(_) => Bound::constant(Type::Float64, value.clone()),
            Value::Bytes(_) => Bound::constant(Type::Bytes, value.clone()),
            Value::Date(_) => Bound::constant(Type::Date, value.clone()),
            Value::Timestamp(_) => Bound::constant(Type::Timestamp, value.clone()),
            Value::Inet(_) => Bound::constant(Type::Inet, value.clone()),
            Value::Mac(_) => Bound::constant(Type::Mac, value.clone()),
            Value::Decimal(value) => return Part::Number(value.to_string()),
            other => return Part::Text(other.as_ref().to_string()),
        }),
        _ => Part::Null,
    }
}

fn not(inner: Bound) -> Bound {
    Bound::new(Type::Bool, inner.nullable, Node::Not(Box::new(inner)))
}

fn and(a: Bound, b: Bound) -> Bound {
    Bound::new(Type::Bool, a.nullable || b.nullable, Node::And(vec![a, b]))
}

fn negate(test: Bound, negated: Negated) -> Bound {
    if negated == Negated::Yes { not(test) } else { test }
}

/// The value in another type, which must be one that [`super::cast`] converts to.
pub(super) fn converted(bound: Bound, ty: Type) -> Bound {
    if bound.ty == ty {
        return bound;
    }
    fold(Bound::new(ty, bound.nullable, Node::Cast(Box::new(bound))))
}

pub(super) fn as_text(bound: Bound) -> Bound {
    converted(bound, Type::Text)
}

/// CAST: a constant that is none of the type is an error here, a cell one where it comes up.
fn cast(part: Part, ty: Type) -> Result<Bound> {
    match part {
        Part::Null => Ok(Bound::constant(ty, Value::Null)),
        Part::Text(text) if ty != Type::Text => {
            Ok(Bound::constant(ty, parse_value(text.as_bytes(), ty)?.to_owned()))
        }
        part => {
            let bound = part.settled();
            super::cast::check(bound.ty, ty)?;
            Ok(converted(bound, ty))
        }
    }
}

/// The part as a value of a type that is wanted for what stands around it.
pub(super) fn of_type(part: Part, ty: Type) -> Result<Bound> {
    let found = match part {
        Part::Null => return Ok(Bound::constant(ty, Value::Null)),
        Part::Text(text) => {
            return Ok(Bound::constant(ty, parse_value(text.as_bytes(), ty)?.to_owned()));
        }
        Part::Number(text) => number_as(&text, ty),
        Part::Typed(bound) => bound,
    };
    match common(found.ty, ty) {
        Some(wide) if wide == ty => Ok(converted(found, ty)),
        _ => Err(Error::type_mismatch(format!("{} is wanted here, not {}", a(ty), a(found.ty)))),
    }
}

/// A written number as one of a type, if it is exactly that or the nearest float; else by itself.
fn number_as(text: &str, ty: Type) -> Bound {
    let value = if is_float(ty) {
        // A whole number has one zero.
        let zero = text
            .strip_prefix('-')
            .filter(|digits| digits.bytes().all(|b| matches!(b, b'0' | b'.')));
        parse_value(zero.unwrap_or(text).as_bytes(), ty).ok().map(ValueRef::to_owned)
    } else {
        let exact = text.parse::<Decimal>().ok();
        let whole =
            exact.and_then(|value| value.rescaled(0)).and_then(|v| i64::try_from(v.units()).ok());
        match ty {
            Type::Decimal { .. } => exact
                .and_then(|value| ValueRef::from(value).coerce(ty).ok().map(ValueRef::to_owned)),
            ty if is_integer(ty) => {
                whole.and_then(|value| ValueRef::Int(value).coerce(ty).ok().map(ValueRef::to_owned))
            }
            _ => None,
        }
    };
    value.map_or_else(|| number(text), |value| Bound::constant(ty, value))
}

/// All parts in the one type that they have in common.
fn alike(parts: Vec<Part>, what: &str) -> Result<Vec<Bound>> {
    let mut ty: Option<Type> = None;
    for own in parts.iter().filter_map(Part::ty) {
        ty = Some(match ty {
            None => own,
            Some(known) => common(known, own).ok_or_else(|| {
                Error::type_mismatch(format!("cannot {what} {known} and {own}: write CAST(… AS …)"))
            })?,
        });
    }
    // Written numbers and texts follow the others, and their own kind if there are no others.
    let settled: Vec<Part> = parts
        .into_iter()
        .map(|part| match (part, ty) {
            (Part::Number(text), Some(ty)) if is_number(ty) => Part::Typed(number_as(&text, ty)),
            (Part::Number(text), _) => Part::Typed(number(&text)),
            (part, _) => part,
        })
        .collect();
    let mut all = ty;
    for own in settled.iter().filter_map(Part::ty) {
        all = Some(match all {
            None => own,
            Some(known) => common(known, own).ok_or_else(|| {
                Error::type_mismatch(format!("cannot {what} {known} and {own}: write CAST(… AS …)"))
            })?,
        });
    }
    let ty = all.unwrap_or(Type::Text);
    settled.into_iter().map(|part| of_type(part, ty)).collect()
}

/// Both sides of arithmetic: a written number takes the kind of the other side, text is read as it.
fn number_sides(left: Part, right: Part) -> [Bound; 2] {
    let follow = |part: Part, other: Option<Type>| match (part, other) {
        (Part::Null, Some(ty)) => Bound::constant(ty, Value::Null),
        (Part::Null, None) => Bound::constant(Type::Int64, Value::Null),
        (Part::Number(text), Some(ty)) if is_float(ty) => number_as(&text, Type::Float64),
        (Part::Text(text), Some(ty)) => parse_value(text.as_bytes(), ty).map_or_else(
            |_| Bound::constant(Type::Text, Value::Text(text.clone())),
            |value| Bound::constant(ty, value.to_owned()),
        ),
        (part, _) => part.settled(),
    };
    let (a, b) = (left.ty(), right.ty());
    [follow(left, b), follow(right, a)]
}

/// The types of both sides and of the result; `None` if there is no such operator.
fn arithmetic_types(op: Arithmetic, a: Type, b: Type) -> Option<([Type; 2], Type)> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    match (op, a, b) {
        (Add | Subtract, Type::Date, days) if is_integer(days) => {
            return Some(([Type::Date, Type::Int64], Type::Date));
        }
        (Add, days, Type::Date) if is_integer(days) => {
            return Some(([Type::Int64, Type::Date], Type::Date));
        }
        (Subtract, Type::Date, Type::Date) => return Some(([Type::Date; 2], Type::Int64)),
        _ if !is_number(a) || !is_number(b) => return None,
        _ => {}
    }
    if is_float(a) || is_float(b) {
        return Some(([Type::Float64; 2], Type::Float64));
    }
    if op == Divide {
        return Some(([a, b], Type::Float64));
    }
    if is_integer(a) && is_integer(b) {
        return Some(([Type::Int64; 2], Type::Int64));
    }
    let (left, right) = (digits(a)?, digits(b)?);
    let whole = [left, right].map(|(precision, scale)| precision - scale);
    let scales = [left.1, right.1];
    let sides = [decimal(whole[0], scales[0]), decimal(whole[1], scales[1])];
    let (wider, finer) = (whole[0].max(whole[1]), scales[0].max(scales[1]));
    let ty = match op {
        Multiply if scales[0] + scales[1] > Decimal::DIGITS_MAX => return None,
        Multiply => decimal(whole[0] + whole[1], scales[0] + scales[1]),
        Remainder => decimal(wider, finer),
        _ => decimal(wider + 1, finer),
    };
    Some((sides, ty))
}
