//! The SQL text form of expressions: a recursive-descent parser.
//!
//! ```text
//! any    := all (OR all)*
//! all    := one (AND one)*
//! one    := NOT* test
//! test   := join [ op join
//!         | IS [NOT] (NULL | TRUE | FALSE)
//!         | [NOT] IN '(' [any (',' any)*] ')'
//!         | [NOT] BETWEEN join AND join
//!         | [NOT] (LIKE | ILIKE) 'pattern' [ESCAPE 'c']
//!         | [NOT] (MATCH | GLOB) 'glob'                      MATCH ignores case
//!         | ([NOT] REGEXP | ~ | !~ | ~* | !~*) 'expression'  * ignores case ]
//! join   := sum ('||' sum)*
//! sum    := term (('+' | '-') term)*
//! term   := signed (('*' | '/' | '%') signed)*
//! signed := [+|-]* factor
//! factor := 'text' | x'hex' | number | TRUE | FALSE | NULL | column | '(' any ')'
//!         | name '(' [any (',' any)*] ')' | CAST '(' any AS type ')'
//!         | CASE [any] (WHEN any THEN any)+ [ELSE any] END
//! ```
//!
//! [`super::Predicate::parse`] reads the same and takes of it what tables can look for ([`super::lower`]).

use super::pattern::{Case, Pattern};
use super::predicate::{KEYWORDS, Literal, Op};
use super::syntax::{Arithmetic, Expr, ExprKind, NamedExpr, Negated, When};
use super::token::{Fault, Lexer, Token};
use crate::value::{Type, Value};

/// Deepest nesting of parentheses, or of clauses: bounds the stack for any text.
pub const NESTING_MAX: usize = 100;
/// Most levels of an expression, operators in a row counted: bounds the stack of whoever walks it.
const DEPTH_MAX: u16 = 1000;

pub(super) type Parsed<T> = std::result::Result<T, Fault>;

pub(super) fn parse_expr(text: &str) -> Parsed<Expr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.any()?;
    parser.expect_end("AND, OR or the end")?;
    Ok(expr)
}

pub(super) fn parse_named(text: &str) -> Parsed<NamedExpr> {
    let mut parser = Parser::new(text)?;
    let expr = parser.any()?;
    let name = if parser.take_word("as")? {
        Some(parser.name("the result's name")?)
    } else if let ExprKind::Column(name) = &expr.kind {
        Some(name.clone())
    } else {
        None
    };
    parser.expect_end("an operator, AS or the end")?;
    Ok(NamedExpr { expr, name })
}

/// The tokens, with one looked at ahead.
pub(super) struct Parser<'t> {
    lexer: Lexer<'t>,
    pub(super) token: Token<'t>,
    pub(super) at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Parsed<Self> {
        let mut lexer = Lexer::new(text);
        let (at, token) = lexer.next()?;
        Ok(Self { lexer, token, at, depth: 0 })
    }

    /// The token after the next one; a bad one reads as the end here, and is an error when it comes.
    fn second(&self) -> Token<'t> {
        self.lexer.clone().next().map_or(Token::End, |(_, token)| token)
    }
}

/// What may begin an operand, as errors say it where nothing stood before.
const FIRST: &str = "a column, a value, NOT or \"(\"";

impl Parser<'_> {
    pub(super) fn any(&mut self) -> Parsed<Expr> {
        self.list("or", Self::all, ExprKind::Or)
    }

    fn all(&mut self) -> Parsed<Expr> {
        self.list("and", Self::one, ExprKind::And)
    }

    fn list(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> Parsed<Expr>,
        join: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        let first = part(self)?;
        let at = first.at;
        let mut list = vec![first];
        while self.take_word(word)? {
            list.push(part(self)?);
        }
        if list.len() == 1 { Ok(list.remove(0)) } else { made(at, join(list)) }
    }

    fn one(&mut self) -> Parsed<Expr> {
        let at = self.at;
        let mut negated = false;
        while self.take_word("not")? {
            negated = !negated; // NOT NOT x is x for unknown too
        }
        let inner = self.test()?;
        if negated { made(at, ExprKind::Not(Box::new(inner))) } else { Ok(inner) }
    }

    fn test(&mut self) -> Parsed<Expr> {
        let left = self.join(FIRST)?;
        let at = self.at;
        if let Some(op) = self.take_operator()? {
            let right = self.join("a value")?;
            return made(at, ExprKind::Compare(op, Box::new(left), Box::new(right)));
        }
        if self.take_word("is")? {
            return self.is_test(left);
        }
        let start = left.at;
        let left = Box::new(left);
        if let Some((negated, case)) = self.take_tilde()? {
            let pattern = Pattern::regexp(self.text()?, case);
            return made(start, ExprKind::Match(left, pattern, negated));
        }
        let negated = if self.take_word("not")? { Negated::Yes } else { Negated::No };
        if let Some(word) = self.take_pattern_word()? {
            return made(start, ExprKind::Match(left, self.pattern(word)?, negated));
        }
        if self.take_word("in")? {
            return made(start, ExprKind::In(left, self.listed()?, negated));
        }
        if self.take_word("between")? {
            let low = self.join("a value")?;
            if !self.take_word("and")? {
                return Err(self.unexpected("AND"));
            }
            let high = self.join("a value")?;
            return made(start, ExprKind::Between(Box::new([*left, low, high]), negated));
        }
        if negated == Negated::Yes {
            return Err(self.unexpected("IN, BETWEEN, LIKE or another test"));
        }
        Ok(*left)
    }

    /// `~ !~ ~* !~*`: whether it is negated, and whether case counts.
    fn take_tilde(&mut self) -> Parsed<Option<(Negated, Case)>> {
        let Token::Symbol(symbol) = self.token else { return Ok(None) };
        let found = match symbol {
            "~" => (Negated::No, Case::Sensitive),
            "~*" => (Negated::No, Case::Folded),
            "!~" => (Negated::Yes, Case::Sensitive),
            "!~*" => (Negated::Yes, Case::Folded),
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

    /// After `IS`: a test that is never unknown.
    fn is_test(&mut self, left: Expr) -> Parsed<Expr> {
        let at = left.at;
        let left = Box::new(left);
        let negated = if self.take_word("not")? { Negated::Yes } else { Negated::No };
        let kind = if self.take_word("null")? {
            ExprKind::IsNull(left, negated)
        } else if self.take_word("true")? {
            ExprKind::IsTruth(left, true, negated)
        } else if self.take_word("false")? {
            ExprKind::IsTruth(left, false, negated)
        } else {
            return Err(self.unexpected("NULL, TRUE or FALSE"));
        };
        made(at, kind)
    }

    /// What stands in parentheses, between commas.
    fn listed(&mut self) -> Parsed<Vec<Expr>> {
        self.expect_symbol("(")?;
        self.enter()?;
        let mut list = Vec::new();
        if !self.take_symbol(")")? {
            loop {
                list.push(self.any()?);
                if !self.take_symbol(",")? {
                    break;
                }
            }
            if !self.take_symbol(")")? {
                return Err(self.unexpected("\",\" or \")\""));
            }
        }
        self.depth -= 1;
        Ok(list)
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let message = format!("parentheses nest deeper than {NESTING_MAX} levels");
            return Err(Fault { at: self.at, message });
        }
        Ok(())
    }

    fn join(&mut self, wanted: &str) -> Parsed<Expr> {
        self.chain(wanted, &[Arithmetic::Join], Self::sum)
    }

    fn sum(&mut self, wanted: &str) -> Parsed<Expr> {
        self.chain(wanted, &[Arithmetic::Add, Arithmetic::Subtract], Self::term)
    }

    fn term(&mut self, wanted: &str) -> Parsed<Expr> {
        use Arithmetic::{Divide, Multiply, Remainder};
        self.chain(wanted, &[Multiply, Divide, Remainder], Self::signed)
    }

    /// Operators of one rank, from left to right.
    fn chain(
        &mut self,
        wanted: &str,
        ops: &[Arithmetic],
        part: fn(&mut Self, &str) -> Parsed<Expr>,
    ) -> Parsed<Expr> {
        let mut left = part(self, wanted)?;
        loop {
            let found = |op: &&Arithmetic| self.token == Token::Symbol(op.symbol());
            let Some(op) = ops.iter().find(found) else { return Ok(left) };
            let at = self.at;
            self.advance()?;
            let right = part(self, "a value")?;
            left = made(at, ExprKind::Arithmetic(*op, Box::new(left), Box::new(right)))?;
        }
    }

    /// A sign belongs to the number behind it, so that the least integer can be written.
    fn signed(&mut self, wanted: &str) -> Parsed<Expr> {
        let at = self.at;
        let (mut negative, mut signs) = (false, false);
        while let Token::Symbol(sign @ ("+" | "-")) = self.token {
            negative ^= sign == "-";
            signs = true;
            self.advance()?;
        }
        if let Token::Number(digits) = self.token {
            let number = Literal::Number(format!("{}{digits}", if negative { "-" } else { "" }));
            self.advance()?;
            return made(at, ExprKind::Literal(number));
        }
        let inner = self.factor(if signs { "a value after the sign" } else { wanted })?;
        if negative { made(at, ExprKind::Negate(Box::new(inner))) } else { Ok(inner) }
    }

    fn factor(&mut self, wanted: &str) -> Parsed<Expr> {
        let at = self.at;
        let kind = match &mut self.token {
            Token::Symbol("(") => {
                self.advance()?;
                self.enter()?;
                let inner = self.any()?;
                self.expect_symbol(")")?;
                self.depth -= 1;
                return Ok(inner);
            }
            Token::Text(text) => ExprKind::Literal(Literal::Text(std::mem::take(text))),
            Token::Bytes(bytes) => {
                ExprKind::Literal(Literal::Value(Value::Bytes(std::mem::take(bytes))))
            }
            Token::Quoted(name) => ExprKind::Column(std::mem::take(name)),
            Token::Word(word) => match keyword_literal(word) {
                Some(literal) => ExprKind::Literal(literal),
                None if is_keyword(word) => return Err(self.unexpected(wanted)),
                None => return self.word(at),
            },
            _ => return Err(self.unexpected(wanted)),
        };
        self.advance()?;
        made(at, kind)
    }

    /// A word that is no keyword: a function if a parenthesis follows, a CASE if something follows that
    /// it may begin with, else a column.
    fn word(&mut self, at: usize) -> Parsed<Expr> {
        let Token::Word(word) = self.token else { return Err(self.unexpected("a word")) };
        let lower = word.to_ascii_lowercase();
        let second = self.second();
        self.advance()?;
        if lower == "case" && begins_case(&second) {
            return self.case(at);
        }
        if second != Token::Symbol("(") {
            return made(at, ExprKind::Column(word.to_owned()));
        }
        if lower == "cast" {
            return self.cast(at);
        }
        let list = self.listed()?;
        made(at, ExprKind::Call(lower, list))
    }

    fn cast(&mut self, at: usize) -> Parsed<Expr> {
        self.expect_symbol("(")?;
        self.enter()?;
        let inner = self.any()?;
        if !self.take_word("as")? {
            return Err(self.unexpected("AS and a type"));
        }
        let ty = self.type_name()?;
        self.expect_symbol(")")?;
        self.depth -= 1;
        made(at, ExprKind::Cast(Box::new(inner), ty))
    }

    /// A type's name, with the digits of a decimal.
    fn type_name(&mut self) -> Parsed<Type> {
        let at = self.at;
        let mut text = self.name("a type")?;
        if self.take_symbol("(")? {
            text.push('(');
            loop {
                let Token::Number(digits) = self.token else {
                    return Err(self.unexpected("a number of digits"));
                };
                text.push_str(digits);
                self.advance()?;
                if !self.take_symbol(",")? {
                    break;
                }
                text.push(',');
            }
            self.expect_symbol(")")?;
            text.push(')');
        }
        Type::from_name(&text).map_err(|error| Fault { at, message: error.to_string() })
    }

    /// After CASE.
    fn case(&mut self, at: usize) -> Parsed<Expr> {
        self.enter()?;
        let is_when = matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case("when"));
        let operand = if is_when { None } else { Some(Box::new(self.any()?)) };
        let mut whens = Vec::new();
        while self.take_word("when")? {
            let when = self.any()?;
            if !self.take_word("then")? {
                return Err(self.unexpected("THEN"));
            }
            whens.push(When { when, then: self.any()? });
        }
        if whens.is_empty() {
            return Err(self.unexpected("WHEN"));
        }
        let otherwise = if self.take_word("else")? { Some(Box::new(self.any()?)) } else { None };
        if !self.take_word("end")? {
            return Err(self.unexpected("WHEN, ELSE or END"));
        }
        self.depth -= 1;
        made(at, ExprKind::Case { operand, whens, otherwise })
    }

    /// A plain or quoted name.
    pub(super) fn name(&mut self, wanted: &str) -> Parsed<String> {
        let name = match &mut self.token {
            Token::Word(word) => (*word).to_owned(),
            Token::Quoted(name) => std::mem::take(name),
            _ => return Err(self.unexpected(wanted)),
        };
        self.advance()?;
        Ok(name)
    }

    fn expect_end(&self, wanted: &str) -> Parsed<()> {
        if self.token == Token::End { Ok(()) } else { Err(self.unexpected(wanted)) }
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

/// An expression at its place, unless it has more levels than a stack bears.
fn made(at: usize, kind: ExprKind) -> Parsed<Expr> {
    let expr = Expr::at(at, kind);
    if expr.depth > DEPTH_MAX {
        let message = format!("the expression has more than {DEPTH_MAX} levels");
        return Err(Fault { at, message });
    }
    Ok(expr)
}

/// True if CASE and this begin a CASE; else it is a column of that name.
fn begins_case(second: &Token<'_>) -> bool {
    const INFIX: [&str; 13] = [
        "and", "or", "is", "in", "between", "like", "ilike", "match", "glob", "regexp", "as",
        "then", "end",
    ];
    match second {
        Token::Word(word) => !INFIX.iter().any(|infix| word.eq_ignore_ascii_case(infix)),
        Token::Quoted(_) | Token::Text(_) | Token::Bytes(_) | Token::Number(_) => true,
        Token::Symbol(symbol) => *symbol == "(",
        Token::End => false,
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
