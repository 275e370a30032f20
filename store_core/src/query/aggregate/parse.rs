//! The text form of aggregates, as SQL writes them.
//!
//! ```text
//! list := one (',' one)*
//! one  := name '(' ( '*' | [DISTINCT] column ) ')' [ [AS] name ]
//! ```

use super::{Aggregate, Function};
use crate::error::{Error, Result};
use crate::query::expr::{Parsed, Parser};
use crate::query::token::{Fault, Token};

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
