//! Functions: their names, what they take, and where they are computed.

use super::bind::{Part, as_text, of_type};
use super::eval::{Active, Evaluated, Evaluation};
use super::numeric_functions::{self, Rounding};
use super::time_functions::{self, Piece, Unit};
use super::types::{a, is_integer, is_number};
use super::vector::Vector;
use super::{Bound, Node, text_functions};
use crate::batch::Column;
use regex::Regex;
use std::sync::Arc;
use store_core::query::{Case, Pattern, TextMatcher};
use store_core::{Error, Result, Type, Value};

/// A function with what was known when it was bound.
#[derive(Clone, Debug)]
pub(super) enum Function {
    Lower,
    Upper,
    Length,
    Substr,
    Concat,
    Trim(Ends),
    Replace,
    SplitPart,
    Regexp(Arc<TextMatcher>),
    RegexpReplace(Arc<Regex>),
    RegexpExtract(Arc<Regex>, usize),
    DateTrunc(Unit),
    DatePart(Piece),
    ToTimestamp,
    Abs,
    Round(Rounding, i64),
}

/// Which ends are trimmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ends {
    Both,
    Left,
    Right,
}

/// Every name with what it takes, as errors say it.
const USAGE: [(&str, &str); 24] = [
    ("abs", "number"),
    ("ceil", "number"),
    ("ceiling", "number"),
    ("coalesce", "value, …"),
    ("concat", "value, …"),
    ("date_part", "'unit', date or timestamp"),
    ("date_trunc", "'unit', date or timestamp"),
    ("floor", "number"),
    ("length", "text or bytes"),
    ("lower", "text"),
    ("ltrim", "text[, characters]"),
    ("nullif", "value, value"),
    ("regexp", "text, 'expression'"),
    ("regexp_extract", "text, 'expression'[, group]"),
    ("regexp_replace", "text, 'expression', text"),
    ("replace", "text, text, text"),
    ("round", "number[, digits]"),
    ("rtrim", "text[, characters]"),
    ("split_part", "text, separator, number"),
    ("substr", "text, start[, length]"),
    ("substring", "text, start[, length]"),
    ("to_timestamp", "seconds, text or date"),
    ("trim", "text[, characters]"),
    ("upper", "text"),
];

/// Binds a call.
pub(super) fn bind(name: &str, parts: Vec<Part>) -> Result<Bound> {
    let Some((_, usage)) = USAGE.iter().find(|(known, _)| *known == name) else {
        let names: Vec<&str> = USAGE.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        return Err(Error::invalid(format!("no function \"{name}\": there are {names}")));
    };
    let wrong = |error: Error| {
        Error::new(error.kind(), format!("{name}({usage}): {error}")).caused_by(error)
    };
    let counted = || Error::invalid(format!("must be {name}({usage})"));
    let count = parts.len();
    let mut given = Given { parts: parts.into_iter() };
    match name {
        "lower" | "upper" | "length" if count == 1 => given.text_function(name),
        "trim" | "ltrim" | "rtrim" if count == 1 || count == 2 => given.trim(name),
        "substr" | "substring" if count == 2 || count == 3 => {
            let types = [Type::Text, Type::Int64, Type::Int64];
            given.plain(Function::Substr, Type::Text, &types[..count])
        }
        "concat" if count > 0 => Ok(given.concat()),
        "replace" if count == 3 => given.plain(Function::Replace, Type::Text, &[Type::Text; 3]),
        "split_part" if count == 3 => {
            given.plain(Function::SplitPart, Type::Text, &[Type::Text, Type::Text, Type::Int64])
        }
        "regexp" if count == 2 => given.regexp(),
        "regexp_replace" if count == 3 => given.regexp_replace(),
        "regexp_extract" if count == 2 || count == 3 => given.regexp_extract(),
        "date_trunc" | "date_part" if count == 2 => given.date(name),
        "to_timestamp" if count == 1 => given.timestamp(),
        "abs" | "ceil" | "ceiling" | "floor" if count == 1 => given.number(name),
        "round" if count == 1 || count == 2 => given.number(name),
        _ => return Err(counted()),
    }
    .map_err(wrong)
}

/// The arguments, taken one by one.
struct Given {
    parts: std::vec::IntoIter<Part>,
}

impl Given {
    fn part(&mut self) -> Part {
        self.parts.next().unwrap_or(Part::Null)
    }

    fn of(&mut self, ty: Type) -> Result<Bound> {
        let part = self.part();
        of_type(part, ty)
    }

    /// Arguments of these types; NULL if one of them is.
    fn plain(&mut self, function: Function, ty: Type, types: &[Type]) -> Result<Bound> {
        let list: Vec<Bound> = types.iter().map(|ty| self.of(*ty)).collect::<Result<_>>()?;
        let nullable = list.iter().any(|part| part.nullable);
        Ok(Bound::new(ty, nullable, Node::Call(function, list)))
    }

    /// A constant that has to be known now.
    fn constant_text(&mut self, what: &str) -> Result<String> {
        let bound = self.of(Type::Text)?;
        match bound.as_constant() {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => Err(Error::invalid(format!("the {what} must be text in quotes"))),
        }
    }

    fn constant_int(&mut self, what: &str) -> Result<i64> {
        let bound = self.of(Type::Int64)?;
        match bound.as_constant() {
            Some(Value::Int(value)) => Ok(*value),
            _ => Err(Error::invalid(format!("the {what} must be a number"))),
        }
    }

    fn text_function(&mut self, name: &str) -> Result<Bound> {
        let part = self.part();
        if name == "length" {
            let bound = match part {
                Part::Typed(bound) if bound.ty == Type::Bytes => bound,
                part => of_type(part, Type::Text)?,
            };
            return Ok(made(Function::Length, Type::Int64, vec![bound]));
        }
        let function = if name == "lower" { Function::Lower } else { Function::Upper };
        Ok(made(function, Type::Text, vec![of_type(part, Type::Text)?]))
    }

    fn trim(&mut self, name: &str) -> Result<Bound> {
        let ends = match name {
            "ltrim" => Ends::Left,
            "rtrim" => Ends::Right,
            _ => Ends::Both,
        };
        let mut list = vec![self.of(Type::Text)?];
        if self.parts.len() > 0 {
            list.push(self.of(Type::Text)?);
        }
        Ok(made(Function::Trim(ends), Type::Text, list))
    }

    /// NULLs are left out, so the result is none.
    fn concat(&mut self) -> Bound {
        let list: Vec<Bound> = self.parts.by_ref().map(|part| as_text(part.settled())).collect();
        Bound::new(Type::Text, false, Node::Call(Function::Concat, list))
    }

    fn regexp(&mut self) -> Result<Bound> {
        let text = self.of(Type::Text)?;
        let pattern = Pattern::regexp(self.constant_text("expression")?, Case::Sensitive);
        Ok(made(Function::Regexp(Arc::new(pattern.compile()?)), Type::Bool, vec![text]))
    }

    fn regex(&mut self) -> Result<Arc<Regex>> {
        let text = self.constant_text("expression")?;
        // The core says better what is wrong with it, and bounds its size.
        Pattern::regexp(&*text, Case::Sensitive).compile()?;
        let regex = Regex::new(&text);
        Ok(Arc::new(regex.map_err(|error| Error::invalid(error.to_string()))?))
    }

    fn regexp_replace(&mut self) -> Result<Bound> {
        let text = self.of(Type::Text)?;
        let regex = self.regex()?;
        let with = self.of(Type::Text)?;
        Ok(made(Function::RegexpReplace(regex), Type::Text, vec![text, with]))
    }

    fn regexp_extract(&mut self) -> Result<Bound> {
        let text = self.of(Type::Text)?;
        let regex = self.regex()?;
        let group = if self.parts.len() > 0 { self.constant_int("group")? } else { 0 };
        let group = usize::try_from(group).ok().filter(|group| *group < regex.captures_len());
        let group = group.ok_or_else(|| {
            let most = regex.captures_len() - 1;
            Error::invalid(format!("the expression has {most} groups, and 0 is all of it"))
        })?;
        let mut extract = made(Function::RegexpExtract(regex, group), Type::Text, vec![text]);
        extract.nullable = true; // where it is not found
        Ok(extract)
    }

    fn date(&mut self, name: &str) -> Result<Bound> {
        let unit = self.constant_text("unit")?;
        let moment = match self.part() {
            Part::Typed(bound) if matches!(bound.ty, Type::Date | Type::Timestamp) => bound,
            part => of_type(part, Type::Timestamp)?,
        };
        if name == "date_trunc" {
            let unit = Unit::from_name(&unit, moment.ty)?;
            let ty = moment.ty;
            return Ok(made(Function::DateTrunc(unit), ty, vec![moment]));
        }
        let piece = Piece::from_name(&unit)?;
        let ty = if piece == Piece::Epoch { Type::Float64 } else { Type::Int64 };
        Ok(made(Function::DatePart(piece), ty, vec![moment]))
    }

    fn timestamp(&mut self) -> Result<Bound> {
        let bound = match self.part() {
            Part::Null => return Ok(Bound::constant(Type::Timestamp, Value::Null)),
            part @ Part::Text(_) => return of_type(part, Type::Timestamp),
            part => part.settled(),
        };
        match bound.ty {
            Type::Timestamp => Ok(bound),
            Type::Date | Type::Text => Ok(super::bind::converted(bound, Type::Timestamp)),
            ty if is_number(ty) => Ok(made(Function::ToTimestamp, Type::Timestamp, vec![bound])),
            ty => Err(Error::type_mismatch(format!("no moment in {}", a(ty)))),
        }
    }

    fn number(&mut self, name: &str) -> Result<Bound> {
        let bound = match self.part() {
            Part::Null => return Ok(Bound::constant(Type::Int64, Value::Null)),
            part => part.settled(),
        };
        if !is_number(bound.ty) {
            return Err(Error::type_mismatch(format!("{} is no number", a(bound.ty))));
        }
        let digits = if self.parts.len() > 0 { self.constant_int("digits")? } else { 0 };
        let bound = match bound.ty {
            ty if is_integer(ty) => super::bind::converted(bound, Type::Int64),
            Type::Float32 => super::bind::converted(bound, Type::Float64),
            _ => bound,
        };
        let rounding = match name {
            "abs" => {
                let ty = bound.ty;
                return Ok(made(Function::Abs, ty, vec![bound]));
            }
            "floor" => Rounding::Down,
            "round" => Rounding::Nearest,
            _ => Rounding::Up,
        };
        let ty = numeric_functions::rounded_type(bound.ty, digits);
        Ok(made(Function::Round(rounding, digits), ty, vec![bound]))
    }
}

/// A call that is NULL where an argument is.
fn made(function: Function, ty: Type, list: Vec<Bound>) -> Bound {
    let nullable = list.iter().any(|part| part.nullable);
    Bound::new(ty, nullable, Node::Call(function, list))
}

/// Computes a call.
pub(super) fn call(
    run: &mut Evaluation,
    function: &Function,
    ty: Type,
    given: &[Vector<'_>],
    rows: usize,
    active: Active<'_>,
) -> Evaluated<Column> {
    match function {
        Function::DateTrunc(unit) => time_functions::truncate(*unit, ty, &given[0], rows, active),
        Function::DatePart(piece) => time_functions::part(*piece, &given[0], rows),
        Function::ToTimestamp => time_functions::to_timestamp(&given[0], rows, active),
        Function::Abs => numeric_functions::abs(ty, &given[0], rows, active),
        Function::Round(rounding, digits) => {
            numeric_functions::round(*rounding, *digits, ty, &given[0], rows, active)
        }
        text => text_functions::call(run, text, ty, given, rows, active),
    }
}
