//! The options of `search` and `explain`, and the query they ask for.

use crate::args::{Opt, Options, option};
use crate::stubs::Obj;
use crate::text::decode_bytes;
use store_core::query::{Clause, Literal, NESTING_MAX, Predicate, bind_sort, parse_sort};
use store_core::{Error, Query, Result, Schema, Type, Value};

/// Every option of `search`.
pub const OPTIONS: &[Opt] = &[
    option("-compare", "CLAUSES"),
    option("-where", "EXPR"),
    option("-sort", "COLUMNS"),
    option("-limit", "N"),
    option("-offset", "N"),
    option("-index", "NAME"),
    option("-fields", "COLUMNS"),
    option("-key", "VAR"),
    option("-get", "VAR"),
    option("-array", "VAR"),
    option("-array_get", "VAR"),
    option("-dict", "VAR"),
    option("-countOnly", "BOOLEAN"),
    option("-poll_code", "SCRIPT"),
    option("-poll_interval", "N"),
    option("-code", "SCRIPT"),
    option("-update", "{column value ...}"),
    option("-delete", "BOOLEAN"),
];

/// Which rows are asked for, and in which order.
pub struct Question {
    predicate: Predicate,
    sort: Vec<String>,
    limit: Option<u64>,
    offset: u64,
    index: Option<String>,
}

impl Question {
    /// Reads the options; values are checked against the schema when the query is run.
    pub fn read(options: &Options<'_>, schema: &Schema) -> Result<Self> {
        let question = Self::of_groups(options, schema)?;
        let words: Vec<&str> = question.sort.iter().map(String::as_str).collect();
        bind_sort(&parse_sort(&words)?, schema)?; // also where a count needs no order
        Ok(question)
    }

    /// The same for a question whose sort is not by the table's columns.
    pub fn of_groups(options: &Options<'_>, schema: &Schema) -> Result<Self> {
        let predicate = read_predicate(options, schema)?;
        let sort = options.get("-sort").map_or(Ok(Vec::new()), Obj::list)?;
        let sort = sort.iter().map(|word| Ok(word.text()?.into_owned()));
        let sort = sort.collect::<Result<Vec<String>>>()?;
        let (limit, offset) = (options.number("-limit")?, options.number("-offset")?);
        let index = options.get("-index").map(|name| Ok(name.text()?.into_owned())).transpose()?;
        Ok(Self { predicate, sort, limit, offset: offset.unwrap_or(0), index })
    }

    /// Asks it of a query that has nothing yet.
    pub fn ask<'q>(&self, query: Query<'q>) -> Result<Query<'q>> {
        let mut query = query.filter(self.predicate.clone()).offset(self.offset);
        if !self.sort.is_empty() {
            query = query.sort(&self.sort)?;
        }
        if let Some(name) = &self.index {
            query = query.index(name);
        }
        Ok(match self.limit {
            Some(limit) => query.limit(limit),
            None => query,
        })
    }
}

/// What `-compare` and `-where` say, all of which must hold.
pub fn read_predicate(options: &Options<'_>, schema: &Schema) -> Result<Predicate> {
    let mut predicate = Predicate::all();
    for clauses in options.all("-compare") {
        predicate = predicate.and(Predicate::from_clauses(&read_clauses(clauses, 0)?)?);
    }
    bytes_for_text(&mut predicate, schema)?;
    for expression in options.all("-where") {
        predicate = predicate.and(Predicate::parse(&expression.text()?)?);
    }
    Ok(predicate)
}

/// A list of clauses `{op column args…}`, `{or {clauses} …}` or `{not {clauses}}`.
fn read_clauses(list: &Obj, depth: usize) -> Result<Vec<Clause>> {
    if depth > NESTING_MAX {
        return Err(Error::invalid(format!("clauses nest deeper than {NESTING_MAX} levels")));
    }
    list.list()?.iter().map(|clause| read_clause(clause, depth)).collect()
}

fn read_clause(clause: &Obj, depth: usize) -> Result<Clause> {
    let words = clause.list()?;
    let wrong = |form: &str| {
        let message = format!("bad clause {{{}}}: must be {{{form}}}", clause.shown());
        Err(Error::invalid(message))
    };
    match words.as_slice() {
        [op, lists @ ..] if op.is("or") => {
            let lists: Result<_> = lists.iter().map(|list| read_clauses(list, depth + 1)).collect();
            Ok(Clause::Or(lists?))
        }
        [op, rest @ ..] if op.is("not") => match rest {
            [list] => Ok(Clause::Not(read_clauses(list, depth + 1)?)),
            _ => wrong("not clauses"),
        },
        [op, rest @ ..] if op.is("in") => match rest {
            [column, list] => {
                let head = [op.text()?.into_owned(), column.text()?.into_owned()].map(Ok);
                let list = list.list()?;
                let values = list.iter().map(|value| Ok(value.text()?.into_owned()));
                Ok(Clause::Simple(head.into_iter().chain(values).collect::<Result<_>>()?))
            }
            _ => wrong("in column list"),
        },
        words => {
            let words = words.iter().map(|word| Ok(word.text()?.into_owned()));
            Ok(Clause::Simple(words.collect::<Result<_>>()?))
        }
    }
}

/// In comparisons with a bytes column the characters of a Tcl value are its bytes.
fn bytes_for_text(predicate: &mut Predicate, schema: &Schema) -> Result<()> {
    let is_bytes = |name: &str| {
        schema.columns.iter().any(|column| column.name == name && column.ty == Type::Bytes)
    };
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => {
            parts.iter_mut().try_for_each(|part| bytes_for_text(part, schema))
        }
        Predicate::Not(part) => bytes_for_text(part, schema),
        Predicate::Compare { column, value, .. } if is_bytes(column) => bytes_literal(value),
        Predicate::Range { column, low, high } | Predicate::Between { column, low, high }
            if is_bytes(column) =>
        {
            bytes_literal(low)?;
            bytes_literal(high)
        }
        Predicate::In { column, values } if is_bytes(column) => {
            values.iter_mut().try_for_each(bytes_literal)
        }
        _ => Ok(()),
    }
}

fn bytes_literal(literal: &mut Literal) -> Result<()> {
    if let Literal::Text(text) = literal {
        let bytes = decode_bytes(text.as_bytes()).ok_or_else(|| {
            Error::type_mismatch(format!("\"{text}\" has characters that are no bytes"))
        })?;
        *literal = Literal::Value(Value::Bytes(bytes));
    }
    Ok(())
}
