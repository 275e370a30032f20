//! Speedtables' words: a predicate as a list of clauses `{op column args…}`, all of which hold.

use super::expr::NESTING_MAX;
use super::pattern::{Case, Pattern, PatternSyntax};
use super::predicate::{Literal, Op, Predicate};
use crate::error::{Error, Result};

/// One clause of a list; a list holds when all its clauses do.
///
/// ```
/// use store_core::query::{Clause, Predicate};
/// let high = Clause::simple([">", "altitude", "10000"]);
/// let texan = Clause::simple(["in", "origin", "KAUS", "KDFW"]);
/// let predicate = Predicate::from_clauses(&[high, Clause::Not(vec![texan])])?;
/// assert_eq!(predicate.to_string(), "altitude > '10000' AND NOT (origin IN ('KAUS', 'KDFW'))");
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `{op column args…}`; for `in` the args are the elements of the list.
    Simple(Vec<String>),
    /// `{or {clauses} {clauses} …}`: at least one of the lists holds.
    Or(Vec<Vec<Clause>>),
    /// `{not {clauses}}`: the list does not hold.
    Not(Vec<Clause>),
}

impl Clause {
    /// A clause of these words.
    pub fn simple<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Simple(words.into_iter().map(Into::into).collect())
    }
}

/// What follows the operator, and how the words after the column are counted.
#[derive(Clone, Copy)]
enum Form {
    Compare(Op),
    Range,
    Between,
    In,
    Match(PatternSyntax, Case),
    NotMatch(Case),
    IsNull,
    IsNotNull,
    IsTrue,
    IsFalse,
}

/// Every operator: its word, its form, its arguments as usage shows them.
const OPERATORS: [(&str, Form, &str); 18] = [
    ("=", Form::Compare(Op::Eq), "column value"),
    ("!=", Form::Compare(Op::Ne), "column value"),
    ("<", Form::Compare(Op::Lt), "column value"),
    ("<=", Form::Compare(Op::Le), "column value"),
    (">", Form::Compare(Op::Gt), "column value"),
    (">=", Form::Compare(Op::Ge), "column value"),
    ("range", Form::Range, "column low high"),
    ("between", Form::Between, "column low high"),
    ("in", Form::In, "column list"),
    ("match", Form::Match(PatternSyntax::Glob, Case::Folded), "column glob"),
    ("notmatch", Form::NotMatch(Case::Folded), "column glob"),
    ("match_case", Form::Match(PatternSyntax::Glob, Case::Sensitive), "column glob"),
    ("notmatch_case", Form::NotMatch(Case::Sensitive), "column glob"),
    ("regexp", Form::Match(PatternSyntax::Regexp, Case::Sensitive), "column expression"),
    ("null", Form::IsNull, "column"),
    ("notnull", Form::IsNotNull, "column"),
    ("true", Form::IsTrue, "column"),
    ("false", Form::IsFalse, "column"),
];

impl Predicate {
    /// The predicate that holds when all the clauses do; no clauses at all match every row.
    pub fn from_clauses(clauses: &[Clause]) -> Result<Self> {
        all_of(clauses, 0)
    }
}

fn all_of(clauses: &[Clause], depth: usize) -> Result<Predicate> {
    if depth > NESTING_MAX {
        return Err(Error::invalid(format!("clauses nest deeper than {NESTING_MAX} levels")));
    }
    let mut parts = Vec::with_capacity(clauses.len());
    for clause in clauses {
        parts.push(match clause {
            Clause::Simple(words) => simple(words)?,
            Clause::Or(lists) => {
                let any: Result<Vec<_>> =
                    lists.iter().map(|list| all_of(list, depth + 1)).collect();
                Predicate::Or(any?)
            }
            Clause::Not(list) => all_of(list, depth + 1)?.not(),
        });
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => Predicate::And(parts),
    })
}

fn simple(words: &[String]) -> Result<Predicate> {
    let [op, rest @ ..] = words else {
        return Err(Error::invalid("empty clause: must be {op column ?value ...?}"));
    };
    let (word, form, usage) = find_operator(op)?;
    let text = |nth: usize| Literal::Text(rest[nth].clone());
    let column = rest.first().cloned().unwrap_or_default();
    Ok(match (form, rest.len()) {
        (Form::Compare(op), 2) => Predicate::Compare { column, op, value: text(1) },
        (Form::Range, 3) => Predicate::Range { column, low: text(1), high: text(2) },
        (Form::Between, 3) => Predicate::Between { column, low: text(1), high: text(2) },
        (Form::In, 1..) => Predicate::In { column, values: (1..rest.len()).map(text).collect() },
        (Form::Match(syntax, case), 2) => {
            Predicate::Match { column, pattern: Pattern { syntax, case, text: rest[1].clone() } }
        }
        (Form::NotMatch(case), 2) => {
            Predicate::Match { column, pattern: Pattern::glob(&*rest[1], case) }.not()
        }
        (Form::IsNull, 1) => Predicate::IsNull(column),
        (Form::IsNotNull, 1) => Predicate::IsNotNull(column),
        (Form::IsTrue, 1) => Predicate::IsTrue(column),
        (Form::IsFalse, 1) => Predicate::IsFalse(column),
        _ => {
            let shown = words.join(" ");
            return Err(Error::invalid(format!(
                "bad clause {{{shown}}}: must be {{{word} {usage}}}"
            )));
        }
    })
}

fn find_operator(word: &str) -> Result<(&'static str, Form, &'static str)> {
    let own = Op::from_symbol(word).map_or(word, |op| op.symbol()); // `==` and `<>` are aliases
    OPERATORS.into_iter().find(|entry| entry.0 == own).ok_or_else(|| {
        let words: Vec<&str> = OPERATORS.iter().map(|entry| entry.0).collect();
        let words = words.join(", ");
        Error::invalid(format!("bad operator \"{word}\": must be {words}, or, or not"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn text_of(clauses: &[Clause]) -> String {
        Predicate::from_clauses(clauses).unwrap().to_string()
    }

    fn message(words: &[&str]) -> String {
        let error = Predicate::from_clauses(&[Clause::simple(words.iter().copied())]).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        error.to_string()
    }

    #[test]
    fn every_word_makes_its_predicate() {
        let cases: [(&[&str], &str); 16] = [
            (&["=", "a", "1"], "a = '1'"),
            (&["==", "a", "1"], "a = '1'"),
            (&["<>", "a", "1"], "a != '1'"),
            (&[">=", "a", "1"], "a >= '1'"),
            (&["range", "a", "1", "2"], "(a >= '1' AND a < '2')"),
            (&["between", "a", "1", "2"], "a BETWEEN '1' AND '2'"),
            (&["in", "a"], "a IN ()"),
            (&["match", "a", "x*"], "a MATCH 'x*'"),
            (&["notmatch", "a", "x*"], "NOT (a MATCH 'x*')"),
            (&["match_case", "a", "it's"], "a GLOB 'it''s'"),
            (&["notmatch_case", "a", "x"], "NOT (a GLOB 'x')"),
            (&["regexp", "a", "^x"], "a ~ '^x'"),
            (&["null", "a"], "a IS NULL"),
            (&["notnull", "a"], "a IS NOT NULL"),
            (&["true", "a"], "a"),
            (&["false", "a"], "NOT a"),
        ];
        for (words, text) in cases {
            assert_eq!(text_of(&[Clause::simple(words.iter().copied())]), text);
        }
        assert_eq!(text_of(&[]), "TRUE");
    }

    #[test]
    fn or_and_not_nest() {
        let low = || Clause::simple(["<", "a", "1"]);
        let none = || Clause::simple(["null", "b"]);
        let or = Clause::Or(vec![vec![low(), none()], vec![Clause::Not(vec![none()])]]);
        assert_eq!(
            text_of(&[low(), or]),
            "a < '1' AND ((a < '1' AND b IS NULL) OR NOT (b IS NULL))"
        );
    }

    #[test]
    fn a_bad_clause_says_what_is_allowed() {
        assert_eq!(
            message(&["frob", "a", "x*"]),
            "bad operator \"frob\": must be =, !=, <, <=, >, >=, range, between, in, match, \
             notmatch, match_case, notmatch_case, regexp, null, notnull, true, false, or, or not"
        );
        assert_eq!(
            message(&["range", "a", "1"]),
            "bad clause {range a 1}: must be {range column low high}"
        );
        assert_eq!(message(&["in"]), "bad clause {in}: must be {in column list}");
        assert_eq!(message(&[]), "empty clause: must be {op column ?value ...?}");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut clause = Clause::simple(["null", "a"]);
        for _ in 0..=NESTING_MAX {
            clause = Clause::Not(vec![clause]);
        }
        assert_eq!(Predicate::from_clauses(&[clause]).unwrap_err().kind(), Kind::Invalid);
    }
}
