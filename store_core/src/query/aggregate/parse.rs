//! The text form of aggregates, as SQL writes them.
//!
//! ```text
//! list := one (',' one)*
//! one  := name '(' ( '*' | [DISTINCT] column ) ')' [ [AS] name ]
//! ```

use super::{Aggregate, Function};
use crate::error::{Error, Result};
use crate::query::expr::{Parsed, Parser};
use crate::query::predicate::Identifier;
use crate::query::syntax::Expr;
use crate::query::token::{Fault, Token};
use std::fmt;

impl Aggregate {
    /// Reads a list such as `count(*), avg(x) as mean, count(distinct y)`. An error shows the place.
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        list(text).map_err(|fault| fault.into_error(text))
    }
}

fn list(text: &str) -> Parsed<Vec<Aggregate>> {
    let mut parser = Parser::new(text)?;
    let mut found = vec![one(&mut parser)?];
    while parser.take_symbol(",")? {
        found.push(one(&mut parser)?);
    }
    match parser.token {
        Token::End => Ok(found),
        _ => Err(parser.unexpected("a comma or the end")),
    }
}

fn one(parser: &mut Parser<'_>) -> Parsed<Aggregate> {
    let at = parser.at;
    let fault = |error: Error| Fault { at, message: error.to_string() };
    let name = parser.name("an aggregate such as count(*) or avg(column)")?;
    let mut function = Function::from_name(&name).map_err(fault)?;
    parser.expect_symbol("(")?;
    let column = if parser.take_symbol("*")? {
        None
    } else {
        if parser.take_word("distinct")? {
            if function != Function::Count {
                let message = format!("DISTINCT goes with count, not with {name}");
                return Err(Fault { at, message });
            }
            function = Function::CountDistinct;
        }
        Some(parser.name("a column")?)
    };
    parser.expect_symbol(")")?;
    let made = Aggregate::new(function, column).map_err(fault)?;
    if parser.take_word("as")? || matches!(parser.token, Token::Word(_) | Token::Quoted(_)) {
        return Ok(made.named(parser.name("the result's name")?));
    }
    Ok(made)
}

/// An aggregate of expressions as it is written: what jobs read, which bind it by themselves.
///
/// ```text
/// one := name '(' ( '*' | [DISTINCT] any (',' any)* ) ')' [ [AS] name ]
/// ```
///
/// ```
/// use store_core::query::AggregateExpr;
/// let parsed = AggregateExpr::parse("count(distinct price * vat) as prices")?;
/// assert_eq!((parsed.function.as_str(), parsed.distinct), ("count", true));
/// assert_eq!(parsed.args[0].to_string(), "price * vat");
/// assert_eq!(parsed.name.as_deref(), Some("prices"));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateExpr {
    /// The function's name, as it is written.
    pub function: String,
    /// Whether DISTINCT stands before what it is given.
    pub distinct: bool,
    /// What it is given; nothing for `*`.
    pub args: Vec<Expr>,
    /// The result's name, if it is given.
    pub name: Option<String>,
}

impl AggregateExpr {
    /// Reads one aggregate. An error is [`crate::Kind::Invalid`] and shows the place.
    pub fn parse(text: &str) -> Result<Self> {
        let read = || {
            let mut parser = Parser::new(text)?;
            let found = of_expressions(&mut parser)?;
            match parser.token {
                Token::End => Ok(found),
                _ => Err(parser.unexpected("AS, a name or the end")),
            }
        };
        read().map_err(|fault: Fault| fault.into_error(text))
    }
}

fn of_expressions(parser: &mut Parser<'_>) -> Parsed<AggregateExpr> {
    let function = parser.name("an aggregate such as count(*) or avg(column)")?;
    parser.expect_symbol("(")?;
    let mut args = Vec::new();
    let mut distinct = false;
    if !parser.take_symbol("*")? {
        distinct = parser.take_word("distinct")?;
        args.push(parser.any()?);
        while parser.take_symbol(",")? {
            args.push(parser.any()?);
        }
    }
    parser.expect_symbol(")")?;
    let mut name = None;
    if parser.take_word("as")? || matches!(parser.token, Token::Word(_) | Token::Quoted(_)) {
        name = Some(parser.name("the result's name")?);
    }
    Ok(AggregateExpr { function, distinct, args, name })
}

/// Writes what [`AggregateExpr::parse`] reads back as the same.
impl fmt::Display for AggregateExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distinct = if self.distinct { "distinct " } else { "" };
        let args: Vec<String> = self.args.iter().map(Expr::to_string).collect();
        let args = if args.is_empty() { "*".to_owned() } else { args.join(", ") };
        write!(f, "{}({distinct}{args})", self.function.to_ascii_lowercase())?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " AS {}", Identifier(name)))
    }
}
