//! Patterns as trees that are matched by trying every way, and as the texts that the store reads.

use crate::values::{LETTERS, without_case};
use std::fmt;
use store_core::query::{Case, Pattern};
use store_tests::random::Random;

#[derive(Clone, Debug)]
pub struct Written {
    language: Language,
    pub case: Case,
    part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    Glob,
    Like,
    LikeEscaped,
    Regexp,
}

#[derive(Clone, Debug)]
enum Part {
    Letter(char),
    Any,
    /// Any number of any letters.
    Many,
    Set(Vec<char>),
    Start,
    End,
    Sequence(Vec<Part>),
    Either(Vec<Part>),
    Repeated(Box<Part>),
    Optional(Box<Part>),
}

impl Written {
    pub fn random(random: &mut Random) -> Self {
        let language = *random.pick(&[
            Language::Glob,
            Language::Like,
            Language::LikeEscaped,
            Language::Regexp,
        ]);
        let case = *random.pick(&[Case::Sensitive, Case::Folded]);
        let part = match language {
            Language::Regexp => regexp(random),
            language => {
                let sets = language == Language::Glob;
                Part::Sequence((0..random.below(5)).map(|_| wildcard(random, sets)).collect())
            }
        };
        Self { language, case, part }
    }

    /// As the store takes it.
    pub fn pattern(&self) -> Pattern {
        let mut text = String::new();
        self.part.write(self.language, &mut text);
        match self.language {
            Language::Glob => Pattern::glob(text, self.case),
            Language::Like => Pattern::like(text, self.case),
            Language::LikeEscaped => Pattern::like(text, self.case).escaped_by('-'),
            Language::Regexp => Pattern::regexp(text, self.case),
        }
    }

    /// Globs and LIKE are of the whole text, a regular expression of any part.
    pub fn fits(&self, text: &str) -> bool {
        let letters: Vec<char> = text.chars().collect();
        let place = Place { letters: &letters, case: self.case };
        let whole = self.language != Language::Regexp;
        let starts = if whole { 0..=0 } else { 0..=letters.len() };
        let mut starts = starts.into_iter();
        starts.any(|at| place.fits(&self.part, at, &mut |end| !whole || end == letters.len()))
    }
}

fn letter(random: &mut Random) -> char {
    random.pick(&LETTERS).chars().next().expect("letters are not empty")
}

fn wildcard(random: &mut Random, sets: bool) -> Part {
    match random.below(8) {
        0 => Part::Many,
        1 | 2 => Part::Any,
        3 if sets => Part::Set(vec![letter(random)]),
        4 if sets => Part::Set(vec!['a', 'b', letter(random)]),
        _ => Part::Letter(letter(random)),
    }
}

fn regexp(random: &mut Random) -> Part {
    let mut parts: Vec<Part> = (0..=random.below(3)).map(|_| piece(random, 1)).collect();
    if random.once_in(2) {
        parts.insert(0, Part::Start);
    }
    if random.once_in(3) {
        parts.push(Part::End);
    }
    Part::Sequence(parts)
}

fn piece(random: &mut Random, depth: u32) -> Part {
    match random.below(9) {
        0 if depth > 0 => Part::Repeated(Box::new(piece(random, depth - 1))),
        1 if depth > 0 => Part::Optional(Box::new(piece(random, depth - 1))),
        2 if depth > 0 => Part::Either(vec![piece(random, depth - 1), piece(random, depth - 1)]),
        // Not inside a repetition: trying every way would take for ever.
        3 if depth > 0 => Part::Many,
        4 => Part::Set(vec!['b', letter(random)]),
        _ => Part::Letter(letter(random)),
    }
}

impl Part {
    fn write(&self, language: Language, out: &mut String) {
        let regexp = language == Language::Regexp;
        let group = |part: &Self, out: &mut String, after: &str| {
            out.push_str("(?:");
            part.write(language, out);
            out.push_str(after);
        };
        match self {
            Self::Letter(letter) => write_letter(*letter, language, out),
            Self::Any => out.push(if matches!(language, Language::Glob) { '?' } else { '_' }),
            Self::Many if regexp => out.push_str("(?s:.)*"),
            Self::Many => out.push(if matches!(language, Language::Glob) { '*' } else { '%' }),
            Self::Set(letters) => {
                out.push('[');
                // A dash between two letters would make a range of them.
                if letters.contains(&'-') {
                    out.push('-');
                }
                out.extend(letters.iter().filter(|letter| **letter != '-'));
                out.push(']');
            }
            Self::Start => out.push('^'),
            Self::End => out.push('$'),
            Self::Sequence(parts) => parts.iter().for_each(|part| part.write(language, out)),
            Self::Either(parts) => {
                for (nth, part) in parts.iter().enumerate() {
                    out.push_str(if nth == 0 { "(?:" } else { "|" });
                    part.write(language, out);
                }
                out.push(')');
            }
            Self::Repeated(part) => group(part, out, ")*"),
            Self::Optional(part) => group(part, out, ")?"),
        }
    }
}

fn write_letter(letter: char, language: Language, out: &mut String) {
    // Plain in LIKE, the escape in the other, and a range in a set.
    if letter == '-' && language != Language::Like {
        out.push(if language == Language::LikeEscaped { '-' } else { '\\' });
    }
    out.push(letter);
}

/// A text to be matched.
struct Place<'t> {
    letters: &'t [char],
    case: Case,
}

impl Place<'_> {
    /// Whether the part matches from here and `then` likes where it ends.
    fn fits(&self, part: &Part, at: usize, then: &mut dyn FnMut(usize) -> bool) -> bool {
        let here = self.letters.get(at).copied();
        let cased =
            |letter: char| if self.case == Case::Folded { without_case(letter) } else { letter };
        let is = |wanted: &char| here.is_some_and(|here| cased(here) == cased(*wanted));
        match part {
            Part::Letter(wanted) => is(wanted) && then(at + 1),
            Part::Any => here.is_some() && then(at + 1),
            Part::Many => (at..=self.letters.len()).any(then),
            Part::Set(letters) => letters.iter().any(is) && then(at + 1),
            Part::Start => at == 0 && then(at),
            Part::End => at == self.letters.len() && then(at),
            Part::Sequence(parts) => match parts.split_first() {
                None => then(at),
                Some((first, rest)) => {
                    let rest = Part::Sequence(rest.to_vec());
                    self.fits(first, at, &mut |at| self.fits(&rest, at, then))
                }
            },
            Part::Either(parts) => parts.iter().any(|part| self.fits(part, at, then)),
            Part::Repeated(inner) => {
                then(at)
                    || self.fits(inner, at, &mut |next| next > at && self.fits(part, next, then))
            }
            Part::Optional(inner) => then(at) || self.fits(inner, at, then),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern().fmt(f)
    }
}
