//! The SQL text form of a predicate: a recursive-descent parser.
//!
//! ```text
//! any   := all (OR all)*
//! all   := one (AND one)*
//! one   := NOT* ( '(' any ')' | test )
//! test  := column op value | value op column | column | TRUE | FALSE
//!        | column IS [NOT] (NULL | TRUE | FALSE)
//!        | column [NOT] IN '(' [value (',' value)*] ')'
//!        | column [NOT] BETWEEN value AND value
//!        | column [NOT] (LIKE | ILIKE) 'pattern' [ESCAPE 'c']
//!        | column [NOT] (MATCH | GLOB) 'glob'             MATCH ignores case
//!        | column ([NOT] REGEXP | ~ | !~ | ~* | !~*) 'expression'     * ignores case
//! value := 'text' | x'hex' | [+|-] number | TRUE | FALSE | NULL
//! ```

use super::pattern::{Case, Pattern};
use super::predicate::{KEYWORDS, Literal, Op, Predicate};
use super::token::{Fault, Lexer, Token};
use crate::error::Result;
use crate::value::Value;

/// Deepest nesting of parentheses, or of clauses: bounds the stack for any text.
pub const NESTING_MAX: usize = 100;

pub(super) type Parsed<T> = std::result::Result<T, Fault>;

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
        parse(text).map_err(|fault| fault.into_error(text))
    }
}

fn parse(text: &str) -> Parsed<Predicate> {
    let mut parser = Parser::new(text)?;
    let predicate = parser.any()?;
    match parser.token {
        Token::End => Ok(predicate),
        _ => Err(parser.unexpected("AND, OR or the end")),
    }
}

/// The tokens, with one looked at ahead.
pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    pub(super) token: Token<'t>,
    pub(super) at: usize,
    depth: usize,
}

/// What stands at the start of a test.
enum Operand {
    Column(String),
    Literal(Literal),
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parsed<Self> {
        let mut lexer = Lexer::new(text);
        let (at, token) = lexer.next()?;
        Ok(Self { lexer, token, at, depth: 0 })
    }
}

impl Parser<'_> {
    fn any(&mut self) -> Parsed<Predicate> {
        let first = self.all()?;
        let mut list = vec![first];
        while self.take_word("or")? {
            list.push(self.all()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Predicate::Or(list) })
    }

    fn all(&mut self) -> Parsed<Predicate> {
        let first = self.one()?;
        let mut list = vec![first];
        while self.take_word("and")? {
            list.push(self.one()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Predicate::And(list) })
    }

    fn one(&mut self) -> Parsed<Predicate> {
        let mut negated = false;
        while self.take_word("not")? {
            negated = !negated; // NOT NOT x is x for unknown too
        }
        let at = self.at;
        let inner = if self.take_symbol("(")? {
            self.depth += 1;
            if self.depth > NESTING_MAX {
                let message = format!("parentheses nest deeper than {NESTING_MAX} levels");
                return Err(Fault { at, message });
            }
            let inner = self.any()?;
            self.expect_symbol(")")?;
            self.depth -= 1;
            inner
        } else {
            self.test()?
        };
        Ok(if negated { inner.not() } else { inner })
    }

    fn test(&mut self) -> Parsed<Predicate> {
        match self.operand("a column, a value, NOT or \"(\"")? {
            Operand::Column(column) => self.column_test(column),
            Operand::Literal(value) => self.value_test(value),
        }
    }

    fn column_test(&mut self, column: String) -> Parsed<Predicate> {
        if let Some(op) = self.take_operator()? {
            let value = self.value()?;
            return Ok(Predicate::Compare { column, op, value });
        }
        if self.take_word("is")? {
            return self.is_test(column);
        }
        if let Some((negated, case)) = self.take_tilde()? {
            let test = Predicate::Match { column, pattern: Pattern::regexp(self.text()?, case) };
            return Ok(if negated { test.not() } else { test });
        }
        let negated = self.take_word("not")?;
        let test = if let Some(word) = self.take_pattern_word()? {
            Predicate::Match { column, pattern: self.pattern(word)? }
        } else if self.take_word("in")? {
            Predicate::In { column, values: self.value_list()? }
        } else if self.take_word("between")? {
            let low = self.value()?;
            if !self.take_word("and")? {
                return Err(self.unexpected("AND"));
            }
            Predicate::Between { column, low, high: self.value()? }
        } else if negated {
            return Err(self.unexpected("IN, BETWEEN, LIKE or another test"));
        } else {
            Predicate::IsTrue(column)
        };
        Ok(if negated { test.not() } else { test })
    }

    /// `~ !~ ~* !~*`: whether it is negated, and whether case counts.
    fn take_tilde(&mut self) -> Parsed<Option<(bool, Case)>> {
        let Token::Symbol(symbol) = self.token else { return Ok(None) };
        let found = match symbol {
            "~" => (false, Case::Sensitive),
            "~*" => (false, Case::Folded),
            "!~" => (true, Case::Sensitive),
            "!~*" => (true, Case::Folded),
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(found))
    }

    fn take_pattern_word(&mut self) -> Parsed<Option<&'static str>> {
        for word in ["like", "ilike", "match", "glob", "regexp"] {
            if self.take_word(word)? {
                return Ok(Some(word));
            }
        }
        Ok(None)
    }

    /// After one of those words.
    fn pattern(&mut self, word: &str) -> Parsed<Pattern> {
        let text = self.text()?;
        let like = match word {
            "like" => Pattern::like(text, Case::Sensitive),
            "ilike" => Pattern::like(text, Case::Folded),
            "match" => return Ok(Pattern::glob(text, Case::Folded)),
            "glob" => return Ok(Pattern::glob(text, Case::Sensitive)),
            _ => return Ok(Pattern::regexp(text, Case::Sensitive)),
        };
        if !self.take_word("escape")? {
            return Ok(like);
        }
        let at = self.at;
        let escape = self.text()?;
        let mut chars = escape.chars();
        match (chars.next(), chars.next()) {
            (Some(escape), None) => Ok(like.escaped_by(escape)),
            _ => Err(Fault { at, message: "the escape must be one character".to_owned() }),
        }
    }

    /// Text in single quotes.
    fn text(&mut self) -> Parsed<String> {
        let Token::Text(text) = &mut self.token else {
            return Err(self.unexpected("a pattern in single quotes"));
        };
        let text = std::mem::take(text);
        self.advance()?;
        Ok(text)
    }

    /// After `column IS`: a test that is never unknown.
    fn is_test(&mut self, column: String) -> Parsed<Predicate> {
        let negated = self.take_word("not")?;
        let known = |test: Predicate| Predicate::IsNotNull(column.clone()).and(test);
        let test = if self.take_word("null")? {
            let test = if negated { Predicate::IsNotNull } else { Predicate::IsNull };
            return Ok(test(column));
        } else if self.take_word("true")? {
            known(Predicate::IsTrue(column.clone()))
        } else if self.take_word("false")? {
            known(Predicate::IsFalse(column.clone()))
        } else {
            return Err(self.unexpected("NULL, TRUE or FALSE"));
        };
        Ok(if negated { test.not() } else { test })
    }

    /// After a value: it must be compared with a column, unless it is a condition itself.
    fn value_test(&mut self, value: Literal) -> Parsed<Predicate> {
        let Some(op) = self.take_operator()? else {
            return match value {
                Literal::Value(Value::Bool(true)) => Ok(Predicate::all()),
                Literal::Value(Value::Bool(false)) => Ok(Predicate::Or(Vec::new())),
                _ => Err(self.unexpected("a comparison after the value")),
            };
        };
        let at = self.at;
        match self.operand("a column")? {
            Operand::Column(column) => Ok(Predicate::Compare { column, op: op.mirrored(), value }),
            Operand::Literal(_) => {
                let message = "one side of a comparison must be a column".to_owned();
                Err(Fault { at, message })
            }
        }
    }

    fn value_list(&mut self) -> Parsed<Vec<Literal>> {
        self.expect_symbol("(")?;
        let mut values = Vec::new();
        if self.take_symbol(")")? {
            return Ok(values);
        }
        loop {
            values.push(self.value()?);
            if !self.take_symbol(",")? {
                break;
            }
        }
        if !self.take_symbol(")")? {
            return Err(self.unexpected("\",\" or \")\""));
        }
        Ok(values)
    }

    fn value(&mut self) -> Parsed<Literal> {
        let at = self.at;
        match self.operand("a value")? {
            Operand::Literal(value) => Ok(value),
            Operand::Column(name) => {
                let message = format!("expected a value, found the column \"{name}\"");
                Err(Fault { at, message })
            }
        }
    }

    fn operand(&mut self, wanted: &str) -> Parsed<Operand> {
        let sign = match self.token {
            Token::Symbol(sign @ ("+" | "-")) => {
                self.advance()?;
                Some(sign)
            }
            _ => None,
        };
        let literal = match &mut self.token {
            Token::Number(digits) => {
                let minus = if sign == Some("-") { "-" } else { "" };
                Literal::Number(format!("{minus}{digits}"))
            }
            _ if sign.is_some() => return Err(self.unexpected("a number after the sign")),
            Token::Text(text) => Literal::Text(std::mem::take(text)),
            Token::Bytes(bytes) => Literal::Value(Value::Bytes(std::mem::take(bytes))),
            Token::Quoted(name) => {
                let column = Operand::Column(std::mem::take(name));
                self.advance()?;
                return Ok(column);
            }
            Token::Word(word) => match keyword_literal(word) {
                Some(literal) => literal,
                None if is_keyword(word) => return Err(self.unexpected(wanted)),
                None => {
                    let column = Operand::Column((*word).to_owned());
                    self.advance()?;
                    return Ok(column);
                }
            },
            _ => return Err(self.unexpected(wanted)),
        };
        self.advance()?;
        Ok(Operand::Literal(literal))
    }

    pub(super) fn advance(&mut self) -> Parsed<()> {
        (self.at, self.token) = self.lexer.next()?;
        Ok(())
    }

    pub(super) fn take_word(&mut self, wanted: &str) -> Parsed<bool> {
        let found = matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn take_symbol(&mut self, wanted: &str) -> Parsed<bool> {
        let found = matches!(self.token, Token::Symbol(symbol) if symbol == wanted);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn expect_symbol(&mut self, wanted: &str) -> Parsed<()> {
        if self.take_symbol(wanted)? {
            Ok(())
        } else {
            Err(self.unexpected(&format!("\"{wanted}\"")))
        }
    }

    fn take_operator(&mut self) -> Parsed<Option<Op>> {
        let Token::Symbol(symbol) = self.token else { return Ok(None) };
        let op = Op::from_symbol(symbol);
        if op.is_some() {
            self.advance()?;
        }
        Ok(op)
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Fault {
        let message = format!("expected {wanted}, found {}", self.token.shown());
        Fault { at: self.at, message }
    }
}

fn keyword_literal(word: &str) -> Option<Literal> {
    let value = match word.to_ascii_lowercase().as_str() {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => return None,
    };
    Some(Literal::Value(value))
}

fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

#[cfg(test)]
mod tests;
