//! Compiled patterns: built once when a predicate is bound, then linear in the text.

use super::glob::{Piece, read, to_regexp};
use super::pattern::{Case, Pattern, PatternSyntax};
use super::token::Fault;
use crate::error::Result;
use crate::planted;
use crate::value::{Value, fold, is_caseless, strip_folded};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};

/// Most bytes that a compiled pattern takes, and the cache it fills as it runs.
pub(super) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What a pattern comes to.
#[derive(Debug)]
pub(super) enum Compiled {
    /// No text matches.
    Never,
    /// Every text matches.
    Always,
    /// This text and no other.
    Exactly(String),
    /// It must be tried.
    Matcher(Matcher),
}

/// A pattern that is tried on texts.
#[derive(Debug)]
pub(super) struct Matcher {
    pattern: Pattern,
    test: Test,
    /// Every matching text lies here.
    pub plain: Option<TextRange>,
    /// Every matching text, its case folded, lies here.
    pub folded: Option<TextRange>,
}

#[derive(Debug)]
enum Test {
    Prefix(String),
    /// A beginning, or the whole text, already folded.
    FoldedPrefix(String),
    FoldedWhole(String),
    Regexp(Regex),
}

/// The texts that begin alike.
#[derive(Debug)]
pub(super) struct TextRange {
    /// The first of them.
    pub low: Value,
    /// The first text after them; `None` if there is none after them.
    pub high: Option<Value>,
    /// Only `low` itself is meant.
    pub single: bool,
}

impl TextRange {
    /// `None` if nothing is known of the beginning.
    fn new(lead: &str, single: bool) -> Option<Self> {
        if lead.is_empty() && !single {
            return None;
        }
        // The first text that begins so is the beginning itself; others come after it.
        let high = if planted::bug("prefix_cut_short") {
            Some(format!("{lead}b"))
        } else {
            after_prefix(lead)
        };
        Some(Self { low: lead.into(), high: high.map(Value::Text), single })
    }
}

/// The first text after all that begin so. Texts compare as their characters do.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // No text holds what lies between.
        let next =
            if last == '\u{D7FF}' { Some('\u{E000}') } else { char::from_u32(last as u32 + 1) };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

impl Matcher {
    /// True if the text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match &self.test {
            Test::Prefix(prefix) => text.starts_with(prefix),
            Test::FoldedPrefix(lead) => strip_folded(text, lead).is_some(),
            Test::FoldedWhole(whole) => strip_folded(text, whole) == Some(""),
            Test::Regexp(regexp) => regexp.is_match(text),
        }
    }
}

/// A pattern made ready to be tried on many texts.
///
/// ```
/// use store_core::query::{Case, Pattern};
/// let texan = Pattern::like("K%", Case::Sensitive).compile()?;
/// assert!(texan.matches("KAUS") && !texan.matches("EDDF"));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Debug)]
pub struct TextMatcher(Compiled);

impl Pattern {
    /// Makes the pattern ready. An error says what is wrong with it, and where.
    pub fn compile(&self) -> Result<TextMatcher> {
        compile(self).map(TextMatcher)
    }
}

impl TextMatcher {
    /// True if the text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Compiled::Never => false,
            Compiled::Always => true,
            Compiled::Exactly(whole) => whole == text,
            Compiled::Matcher(matcher) => matcher.matches(text),
        }
    }
}

/// Patterns that are written alike match alike.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

/// Compiles a pattern. An error says what is wrong with it, and where.
pub(super) fn compile(pattern: &Pattern) -> Result<Compiled> {
    let compiled = match pattern.syntax {
        PatternSyntax::Regexp => compile_regexp(pattern),
        syntax => read(&pattern.text, syntax).and_then(|pieces| match pieces {
            Some(pieces) => compile_pieces(pattern, &pieces),
            None => Ok(Compiled::Never),
        }),
    };
    compiled.map_err(|fault| fault.into_error(&pattern.text).at(pattern.noun()))
}

fn compile_pieces(pattern: &Pattern, pieces: &[Piece]) -> Result<Compiled, Fault> {
    let char = |piece: &Piece| if let Piece::Char(char) = piece { Some(*char) } else { None };
    let lead: String = pieces.iter().map_while(char).collect();
    let rest = &pieces[lead.chars().count()..];
    let test = match (pattern.case, rest) {
        (_, [Piece::Many]) if lead.is_empty() => return Ok(Compiled::Always),
        (Case::Sensitive, []) => return Ok(Compiled::Exactly(lead)),
        (Case::Sensitive, [Piece::Many]) => Test::Prefix(lead.clone()),
        (Case::Folded, []) => Test::FoldedWhole(fold(&lead).into_owned()),
        (Case::Folded, [Piece::Many]) => Test::FoldedPrefix(fold(&lead).into_owned()),
        _ => Test::Regexp(build(&to_regexp(pieces), pattern.case, Dot::Everything)?),
    };
    Ok(Compiled::Matcher(matcher(pattern, test, &lead, rest.is_empty())))
}

fn compile_regexp(pattern: &Pattern) -> Result<Compiled, Fault> {
    let hir = regex_syntax::parse(&pattern.text).map_err(|error| fault_of(&error))?;
    let test = Test::Regexp(build(&pattern.text, pattern.case, Dot::AllButLineFeed)?);
    Ok(Compiled::Matcher(matcher(pattern, test, lead_of(&hir).unwrap_or_default(), false)))
}

fn matcher(pattern: &Pattern, test: Test, lead: &str, whole: bool) -> Matcher {
    let plain = match pattern.case {
        Case::Sensitive => TextRange::new(lead, whole),
        Case::Folded => {
            let cased = lead.find(|char| !is_caseless(char));
            TextRange::new(&lead[..cased.unwrap_or(lead.len())], whole && cased.is_none())
        }
    };
    let folded = TextRange::new(&fold(lead), whole);
    Matcher { pattern: pattern.clone(), test, plain, folded }
}

/// What `.` matches.
#[derive(Clone, Copy, PartialEq)]
enum Dot {
    Everything,
    AllButLineFeed,
}

fn build(regexp: &str, case: Case, dot: Dot) -> Result<Regex, Fault> {
    RegexBuilder::new(regexp)
        .case_insensitive(case == Case::Folded)
        .dot_matches_new_line(dot == Dot::Everything)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| {
            let message = match error {
                regex::Error::CompiledTooBig(_) => {
                    format!("compiled it would take more than {} KiB", PATTERN_BYTES_MAX >> 10)
                }
                error => error.to_string(),
            };
            Fault { at: 0, message }
        })
}

/// The text that every match begins with, if the expression is anchored and says so plainly.
fn lead_of(hir: &Hir) -> Option<&str> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    match (parts.first()?.kind(), parts.get(1)?.kind()) {
        (HirKind::Look(Look::Start), HirKind::Literal(literal)) => {
            std::str::from_utf8(&literal.0).ok()
        }
        _ => None,
    }
}

fn fault_of(error: &regex_syntax::Error) -> Fault {
    match error {
        regex_syntax::Error::Parse(error) => {
            Fault { at: error.span().start.offset, message: error.kind().to_string() }
        }
        regex_syntax::Error::Translate(error) => {
            Fault { at: error.span().start.offset, message: error.kind().to_string() }
        }
        other => Fault { at: 0, message: other.to_string() },
    }
}

#[cfg(test)]
mod tests;
