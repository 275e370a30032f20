//! Expressions as they are written: names, values, operators and calls, before any type is known.
//!
//! Predicates on tables are a part of this language ([`super::Predicate::parse`]); jobs use all of it.
//! Whoever evaluates one binds it first.

use super::pattern::Pattern;
use super::predicate::{Identifier, Literal, Op};
use crate::error::Result;
use crate::value::Type;
use std::fmt;

/// An expression, and where in its text it begins.
///
/// ```
/// use store_core::query::Expr;
/// let gross = Expr::parse("price * (1 + vat)")?;
/// assert_eq!(gross.columns(), ["price", "vat"]);
/// assert_eq!(gross.to_string(), "price * (1 + vat)");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expr {
    /// The byte of the text it begins at; for an operator with two sides, the operator's.
    pub at: usize,
    /// What it is.
    pub kind: ExprKind,
    /// How many levels it has: bounds the stack of whoever walks it.
    pub(super) depth: u16,
}

/// An operator between two numbers, or between two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `||`, which joins texts
    Join,
}

impl Arithmetic {
    /// How it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Join => "||",
        }
    }
}

/// One branch of a CASE.
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    /// The condition, or what the operand must equal.
    pub when: Expr,
    /// The result.
    pub then: Expr,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExprKind {
    /// A column's name.
    Column(String),
    /// A value.
    Literal(Literal),
    /// `-x`
    Negate(Box<Expr>),
    /// Two sides joined by an operator.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// Two sides compared.
    Compare(Op, Box<Expr>, Box<Expr>),
    /// All of at least two.
    And(Vec<Expr>),
    /// One of at least two.
    Or(Vec<Expr>),
    /// The opposite; unknown stays unknown.
    Not(Box<Expr>),
    /// `IS [NOT] NULL`
    IsNull(Box<Expr>, Negated),
    /// `IS [NOT] TRUE` or `FALSE`
    IsTruth(Box<Expr>, bool, Negated),
    /// `[NOT] IN (…)`
    In(Box<Expr>, Vec<Expr>, Negated),
    /// `[NOT] BETWEEN low AND high`
    Between(Box<[Expr; 3]>, Negated),
    /// `[NOT] LIKE 'pattern'` and its relatives
    Match(Box<Expr>, Pattern, Negated),
    /// `CASE [operand] WHEN … THEN … [ELSE …] END`
    Case {
        /// What the branches are compared with; without it they are conditions.
        operand: Option<Box<Expr>>,
        /// The branches, at least one.
        whens: Vec<When>,
        /// The result of ELSE.
        otherwise: Option<Box<Expr>>,
    },
    /// `CAST(x AS type)`
    Cast(Box<Expr>, Type),
    /// A function's name, in lower case, and what it is given.
    Call(String, Vec<Expr>),
}

/// Whether NOT stands in the middle of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negated {
    /// It does not.
    No,
    /// It does.
    Yes,
}

impl Negated {
    const fn word(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Yes => "NOT ",
        }
    }
}

/// An expression with the name of its result.
///
/// ```
/// use store_core::query::NamedExpr;
/// let week = NamedExpr::parse("date_trunc('week', ts) AS week")?;
/// assert_eq!(week.name.as_deref(), Some("week"));
/// assert_eq!(NamedExpr::parse("uid")?.name.as_deref(), Some("uid"));
/// assert_eq!(NamedExpr::parse("a + b")?.name, None);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NamedExpr {
    /// The expression.
    pub expr: Expr,
    /// The name after AS, or that of a column alone.
    pub name: Option<String>,
}

impl Expr {
    /// Reads an expression. An error is [`crate::Kind::Invalid`] and shows the place.
    pub fn parse(text: &str) -> Result<Self> {
        super::expr::parse_expr(text).map_err(|fault| fault.into_error(text))
    }

    /// A column.
    pub fn column(name: impl Into<String>) -> Self {
        Self::made(ExprKind::Column(name.into()))
    }

    /// A value.
    pub fn literal(value: impl Into<Literal>) -> Self {
        Self::made(ExprKind::Literal(value.into()))
    }

    /// An expression made by a program, which has no text to stand in.
    pub fn made(kind: ExprKind) -> Self {
        Self::at(0, kind)
    }

    pub(super) fn at(at: usize, kind: ExprKind) -> Self {
        let mut deepest = 0;
        kind.for_each_child(&mut |child| deepest = deepest.max(child.depth));
        Self { at, kind, depth: deepest.saturating_add(1) }
    }

    /// The columns it reads, in the order of their first use.
    pub fn columns(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect_columns(&mut names);
        names
    }

    fn collect_columns<'a>(&'a self, names: &mut Vec<&'a str>) {
        if let ExprKind::Column(name) = &self.kind
            && !names.contains(&name.as_str())
        {
            names.push(name);
        }
        self.kind.for_each_child(&mut |child| child.collect_columns(names));
    }

    /// The same with columns replaced: those that `with` gives something for.
    #[must_use]
    pub fn substituted(&self, with: &dyn Fn(&str) -> Option<Self>) -> Self {
        if let ExprKind::Column(name) = &self.kind {
            return with(name).unwrap_or_else(|| self.clone());
        }
        let mut made = self.clone();
        made.kind.for_each_child_mut(&mut |child| *child = child.substituted(with));
        Self::at(made.at, made.kind)
    }

    /// An error that points at this expression in its text.
    pub fn fault(&self, text: &str, error: &crate::Error) -> crate::Error {
        let fault = super::token::Fault { at: self.at, message: error.to_string() };
        fault.into_error_of(error.kind(), text)
    }
}

/// Written alike, wherever it stands.
impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl NamedExpr {
    /// Reads an expression and, if it is there, `AS name`.
    pub fn parse(text: &str) -> Result<Self> {
        super::expr::parse_named(text).map_err(|fault| fault.into_error(text))
    }
}

/// Calls `see` with each expression directly below a kind, shared or, with `mut`, to be changed.
macro_rules! for_each_child {
    ($kind:expr, $see:expr, $iter:ident $(, $mutable:tt)?) => {
        match $kind {
            Self::Column(_) | Self::Literal(_) => {}
            Self::Negate(inner)
            | Self::Not(inner)
            | Self::IsNull(inner, _)
            | Self::IsTruth(inner, ..)
            | Self::Match(inner, ..)
            | Self::Cast(inner, _) => $see(inner),
            Self::Arithmetic(_, left, right) | Self::Compare(_, left, right) => {
                $see(left);
                $see(right);
            }
            Self::And(list) | Self::Or(list) | Self::Call(_, list) => list.$iter().for_each($see),
            Self::In(inner, list, _) => {
                $see(inner);
                list.$iter().for_each($see);
            }
            Self::Between(three, _) => three.$iter().for_each($see),
            Self::Case { operand, whens, otherwise } => {
                if let Some(inner) = operand {
                    $see(inner);
                }
                for when in whens {
                    $see(&$($mutable)? when.when);
                    $see(&$($mutable)? when.then);
                }
                if let Some(inner) = otherwise {
                    $see(inner);
                }
            }
        }
    };
}

impl ExprKind {
    /// Calls it with each expression directly below.
    pub fn for_each_child<'a>(&'a self, see: &mut dyn FnMut(&'a Expr)) {
        for_each_child!(self, see, iter);
    }

    fn for_each_child_mut(&mut self, see: &mut dyn FnMut(&mut Expr)) {
        for_each_child!(self, see, iter_mut, mut);
    }

    /// How tightly it holds together: what needs parentheses inside what.
    const fn binding(&self) -> u8 {
        match self {
            Self::Or(_) => 0,
            Self::And(_) => 1,
            Self::Not(_) => 2,
            Self::Compare(..)
            | Self::IsNull(..)
            | Self::IsTruth(..)
            | Self::In(..)
            | Self::Between(..)
            | Self::Match(..) => 3,
            Self::Arithmetic(Arithmetic::Join, ..) => 4,
            Self::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, ..) => 5,
            Self::Arithmetic(..) => 6,
            Self::Negate(_) => 7,
            _ => 8,
        }
    }
}

/// An expression in parentheses if it holds together less tightly than where it stands.
struct Within<'a>(u8, &'a Expr);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1.kind.binding() < self.0 { write!(f, "({})", self.1) } else { self.1.fmt(f) }
    }
}

struct Listed<'a>(&'a [Expr], &'static str, u8);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, expr) in self.0.iter().enumerate() {
            write!(f, "{}{}", if nth == 0 { "" } else { self.1 }, Within(self.2, expr))?;
        }
        Ok(())
    }
}

/// Writes what [`Expr::parse`] reads back as the same expression.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.kind.binding();
        match &self.kind {
            ExprKind::Column(name) => Identifier(name).fmt(f),
            ExprKind::Literal(value) => value.fmt(f),
            // A number behind the sign would be read as a negative number.
            ExprKind::Negate(inner) if matches!(inner.kind, ExprKind::Literal(_)) => {
                write!(f, "-({inner})")
            }
            ExprKind::Negate(inner) => write!(f, "-{}", Within(8, inner)),
            ExprKind::Arithmetic(op, left, right) => {
                write!(f, "{} {} {}", Within(own, left), op.symbol(), Within(own + 1, right))
            }
            ExprKind::Compare(op, left, right) => {
                write!(f, "{} {} {}", Within(4, left), op.symbol(), Within(4, right))
            }
            ExprKind::And(list) => Listed(list, " AND ", 2).fmt(f),
            ExprKind::Or(list) => Listed(list, " OR ", 1).fmt(f),
            ExprKind::Not(inner) => write!(f, "NOT {}", Within(3, inner)),
            ExprKind::IsNull(inner, negated) => {
                write!(f, "{} IS {}NULL", Within(4, inner), negated.word())
            }
            ExprKind::IsTruth(inner, truth, negated) => {
                let word = if *truth { "TRUE" } else { "FALSE" };
                write!(f, "{} IS {}{word}", Within(4, inner), negated.word())
            }
            ExprKind::In(inner, list, negated) => {
                let list = Listed(list, ", ", 0);
                write!(f, "{} {}IN ({list})", Within(4, inner), negated.word())
            }
            ExprKind::Between(three, negated) => {
                let [inner, low, high] = three.each_ref().map(|expr| Within(4, expr));
                write!(f, "{inner} {}BETWEEN {low} AND {high}", negated.word())
            }
            ExprKind::Match(inner, pattern, negated) => {
                let pattern = pattern.to_string();
                let not = match (negated, pattern.starts_with('~')) {
                    (Negated::No, _) => "",
                    (Negated::Yes, true) => "!",
                    (Negated::Yes, false) => "NOT ",
                };
                write!(f, "{} {not}{pattern}", Within(4, inner))
            }
            ExprKind::Case { operand, whens, otherwise } => {
                write_case(operand.as_deref(), whens, otherwise.as_deref(), f)
            }
            ExprKind::Cast(inner, ty) => write!(f, "CAST({inner} AS {ty})"),
            ExprKind::Call(name, list) => write!(f, "{name}({})", Listed(list, ", ", 0)),
        }
    }
}

fn write_case(
    operand: Option<&Expr>,
    whens: &[When],
    otherwise: Option<&Expr>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str("CASE")?;
    if let Some(operand) = operand {
        write!(f, " {}", Within(4, operand))?;
    }
    for when in whens {
        write!(f, " WHEN {} THEN {}", when.when, when.then)?;
    }
    if let Some(otherwise) = otherwise {
        write!(f, " ELSE {otherwise}")?;
    }
    f.write_str(" END")
}
