//! Patterns for text, as users write them.
//!
//! | written | clause | SQL form | finds |
//! |---|---|---|---|
//! | glob | `match_case` | `GLOB` | the whole text; `*` any characters, `?` one, `[a-z]` one of these, `\x` x itself |
//! | glob, case folded | `match` | `MATCH` | the same, upper and lower case being equal |
//! | like | | `LIKE`, `ILIKE` | the whole text; `%` any characters, `_` one |
//! | regular expression | `regexp` | `~`, `REGEXP`, `~*` | any part of the text, unless anchored by `^` and `$` |
//!
//! Globs are those of Tcl's `string match`. Regular expressions are those of the `regex` crate:
//! without backreferences and looking around, so that matching takes time linear in the text.

use std::fmt;

/// The language of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatternSyntax {
    /// `*`, `?`, `[a-z]` and `\x`.
    Glob,
    /// `%` and `_`, which this character makes plain, as it does itself.
    Like {
        /// The escape; none unless SQL's ESCAPE names one.
        escape: Option<char>,
    },
    /// A regular expression.
    Regexp,
}

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// They do.
    Sensitive,
    /// They are equal, by Unicode simple folding.
    Folded,
}

/// A pattern that text may match.
///
/// ```
/// use store_core::query::{Case, Pattern, column};
/// let tail = Pattern::glob("N[0-9]*", Case::Folded);
/// assert_eq!(column("tail").matches_pattern(tail).to_string(), "tail MATCH 'N[0-9]*'");
/// let percent = Pattern::like("100!%", Case::Sensitive).escaped_by('!');
/// assert_eq!(column("load").matches_pattern(percent).to_string(), "load LIKE '100!%' ESCAPE '!'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The language.
    pub syntax: PatternSyntax,
    /// Whether case counts.
    pub case: Case,
    /// The pattern.
    pub text: String,
}

impl Pattern {
    /// A glob.
    pub fn glob(text: impl Into<String>, case: Case) -> Self {
        Self { syntax: PatternSyntax::Glob, case, text: text.into() }
    }

    /// SQL's LIKE, without an escape.
    pub fn like(text: impl Into<String>, case: Case) -> Self {
        Self { syntax: PatternSyntax::Like { escape: None }, case, text: text.into() }
    }

    /// A regular expression.
    pub fn regexp(text: impl Into<String>, case: Case) -> Self {
        Self { syntax: PatternSyntax::Regexp, case, text: text.into() }
    }

    /// The same with an escape character, if it is a LIKE.
    #[must_use]
    pub fn escaped_by(mut self, escape: char) -> Self {
        if let PatternSyntax::Like { escape: known } = &mut self.syntax {
            *known = Some(escape);
        }
        self
    }

    /// What errors call it.
    pub(super) const fn noun(&self) -> &'static str {
        match self.syntax {
            PatternSyntax::Glob => "glob",
            PatternSyntax::Like { .. } => "LIKE pattern",
            PatternSyntax::Regexp => "regular expression",
        }
    }
}

/// Operator, pattern and escape, as the SQL form has them after the column.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match (self.syntax, self.case) {
            (PatternSyntax::Glob, Case::Sensitive) => "GLOB",
            (PatternSyntax::Glob, Case::Folded) => "MATCH",
            (PatternSyntax::Like { .. }, Case::Sensitive) => "LIKE",
            (PatternSyntax::Like { .. }, Case::Folded) => "ILIKE",
            (PatternSyntax::Regexp, Case::Sensitive) => "~",
            (PatternSyntax::Regexp, Case::Folded) => "~*",
        };
        write!(f, "{operator} '{}'", self.text.replace('\'', "''"))?;
        match self.syntax {
            PatternSyntax::Like { escape: Some('\'') } => f.write_str(" ESCAPE ''''"),
            PatternSyntax::Like { escape: Some(escape) } => write!(f, " ESCAPE '{escape}'"),
            _ => Ok(()),
        }
    }
}
