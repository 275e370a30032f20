//! Globs and LIKE patterns, read into one form.

use super::pattern::PatternSyntax;
use super::token::Fault;
use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// A part of a pattern for a whole text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// This character.
    Char(char),
    /// One character, whichever.
    Any,
    /// Any number of characters.
    Many,
    /// One character in one of these ranges, both ends in.
    Set(Vec<(char, char)>),
}

/// Reads a glob, or LIKE. `None` if no text at all matches: an empty set, a backslash at the end.
pub(super) fn read(text: &str, syntax: PatternSyntax) -> Result<Option<Vec<Piece>>, Fault> {
    match syntax {
        PatternSyntax::Like { escape } => read_like(text, escape).map(Some),
        _ => Ok(read_glob(text)),
    }
}

fn read_like(text: &str, escape: Option<char>) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        let piece = match char {
            _ if Some(char) == escape => {
                let (_, plain) = chars.next().ok_or_else(|| {
                    let message = format!("nothing follows the escape character {char:?}");
                    Fault { at, message }
                })?;
                Piece::Char(plain)
            }
            '%' => Piece::Many,
            '_' => Piece::Any,
            char => Piece::Char(char),
        };
        push(&mut pieces, piece);
    }
    Ok(pieces)
}

fn read_glob(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let piece = match char {
            '*' => Piece::Many,
            '?' => Piece::Any,
            '\\' => Piece::Char(chars.next()?),
            '[' => Piece::Set(read_set(&mut chars)?),
            char => Piece::Char(char),
        };
        push(&mut pieces, piece);
    }
    Some(pieces)
}

/// What follows `[`, up to `]` or, as in Tcl, the end. A range may run down. `None` if it is empty.
fn read_set(chars: &mut Peekable<Chars<'_>>) -> Option<Vec<(char, char)>> {
    let mut ranges = Vec::new();
    while let Some(first) = chars.next().filter(|char| *char != ']') {
        let last = match chars.next_if_eq(&'-') {
            None => first,
            // A range without its other end holds nothing.
            Some(_) => match chars.next() {
                Some(last) => last,
                None => break,
            },
        };
        ranges.push((first.min(last), first.max(last)));
    }
    (!ranges.is_empty()).then_some(ranges)
}

/// Two stars are one.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if piece != Piece::Many || pieces.last() != Some(&Piece::Many) {
        pieces.push(piece);
    }
}

/// The regular expression for a text that the pieces match as a whole; `.` must match any
/// character. A star at an end costs nothing: the expression is not anchored there.
pub(super) fn to_regexp(pieces: &[Piece]) -> String {
    let (mut inner, mut open) = (pieces, ["\\A", "\\z"]);
    if let [Piece::Many, rest @ ..] = inner {
        (inner, open[0]) = (rest, "");
    }
    if let [rest @ .., Piece::Many] = inner {
        (inner, open[1]) = (rest, "");
    }
    let mut out = String::from(open[0]);
    for piece in inner {
        match piece {
            Piece::Char(char) => push_plain(*char, &mut out),
            Piece::Any => out.push('.'),
            Piece::Many => out.push_str(".*"),
            Piece::Set(ranges) => {
                out.push('[');
                for (first, last) in ranges {
                    let (first, last) = (*first as u32, *last as u32);
                    write!(out, "\\x{{{first:x}}}-\\x{{{last:x}}}").expect("a string takes all");
                }
                out.push(']');
            }
        }
    }
    out.push_str(open[1]);
    out
}

fn push_plain(char: char, out: &mut String) {
    if regex_syntax::is_meta_character(char) {
        out.push('\\');
    }
    out.push(char);
}
