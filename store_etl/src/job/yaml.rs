//! YAML as a tree of which every part knows its place, and errors that show it.
//!
//! The grammar is granit-parser's (YAML 1.2). Of the language a job needs scalars, lists and mappings;
//! anchors and tags are refused, because what they stand for is not where it is read.

use granit_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::VecDeque;
use store_core::{Error, Kind, Result};

/// Most characters of a line that an error shows.
const SHOWN_CHARS_MAX: usize = 100;
/// Deepest nesting: bounds the stack for any text.
const DEPTH_MAX: usize = 50;

/// A place in a job file: from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
}

/// A part of a job file.
#[derive(Clone, Debug)]
pub struct Tree {
    pub mark: Mark,
    pub kind: TreeKind,
}

#[derive(Clone, Debug)]
pub enum TreeKind {
    /// A text, and whether it stood in quotes.
    Scalar(String, bool),
    List(Vec<Tree>),
    /// Keys, which are plain texts, and their values.
    Map(Vec<(Tree, Tree)>),
}

/// A job file's text, for errors.
#[derive(Debug)]
pub struct Text<'t> {
    pub name: &'t str,
    pub text: &'t str,
}

impl Text<'_> {
    /// `file:line:column: message`, the line, and a caret under the place.
    pub fn fault(&self, mark: Mark, error: &Error) -> Error {
        let line = self.text.lines().nth(mark.line.saturating_sub(1)).unwrap_or_default();
        let before: Vec<char> = line.chars().take(mark.column.saturating_sub(1)).collect();
        let skipped = before.len().saturating_sub(SHOWN_CHARS_MAX / 2);
        let shown: String = line
            .chars()
            .skip(skipped)
            .take(SHOWN_CHARS_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let indent = " ".repeat(before.len() - skipped);
        let (name, Mark { line, column }) = (self.name, mark);
        let shown = shown.trim_end();
        let message = format!("{name}:{line}:{column}: {error}\n  {shown}\n  {indent}^");
        Error::new(error.kind(), message).detail(name).detail(line.to_string())
    }

    pub fn refuse<T>(&self, mark: Mark, message: impl Into<String>) -> Result<T> {
        Err(self.fault(mark, &Error::new(Kind::Invalid, message)))
    }

    /// Reads the text as one document.
    pub fn tree(&self) -> Result<Tree> {
        let mut events = VecDeque::new();
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| {
                let message = Error::invalid(error.info());
                self.fault(mark_of(error.marker()), &message)
            })?;
            match event {
                Event::Scalar(text, style, anchor, tag) => {
                    self.check_plain(anchor, tag.is_some(), mark_of(&span.start))?;
                    let quoted = style != ScalarStyle::Plain;
                    events
                        .push_back((Part::Scalar(text.into_owned(), quoted), mark_of(&span.start)));
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.check_plain(anchor, tag.is_some(), mark_of(&span.start))?;
                    events.push_back((Part::ListStart, mark_of(&span.start)));
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.check_plain(anchor, tag.is_some(), mark_of(&span.start))?;
                    events.push_back((Part::MapStart, mark_of(&span.start)));
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    events.push_back((Part::End, mark_of(&span.start)));
                }
                Event::Alias(_) => {
                    return self.refuse(mark_of(&span.start), "an alias: write the value itself");
                }
                _ => {}
            }
        }
        let Some(tree) = self.take(&mut events, 0)? else {
            return self.refuse(Mark { line: 1, column: 1 }, "the job is empty: it needs steps");
        };
        match events.front() {
            None => Ok(tree),
            Some((_, mark)) => self.refuse(*mark, "a second document: a file holds one job"),
        }
    }

    fn check_plain(&self, anchor: usize, tagged: bool, mark: Mark) -> Result<()> {
        if anchor == 0 && !tagged {
            return Ok(());
        }
        self.refuse(mark, "an anchor or a tag: write the value itself")
    }

    fn take(&self, events: &mut VecDeque<(Part, Mark)>, depth: usize) -> Result<Option<Tree>> {
        let Some((part, mark)) = events.pop_front() else { return Ok(None) };
        if depth > DEPTH_MAX {
            return self.refuse(mark, format!("nested deeper than {DEPTH_MAX} levels"));
        }
        let kind = match part {
            Part::Scalar(text, quoted) => TreeKind::Scalar(text, quoted),
            Part::End => return Ok(None),
            Part::ListStart => {
                let mut list = Vec::new();
                while let Some(item) = self.take(events, depth + 1)? {
                    list.push(item);
                }
                TreeKind::List(list)
            }
            Part::MapStart => {
                let mut pairs: Vec<(Tree, Tree)> = Vec::new();
                while let Some(key) = self.take(events, depth + 1)? {
                    let Some(value) = self.take(events, depth + 1)? else {
                        return self.refuse(key.mark, "a key without a value");
                    };
                    if let (Some(text), Some(_)) =
                        (key.text(), pairs.iter().find(|(known, _)| known.text() == key.text()))
                    {
                        return self
                            .refuse(key.mark, format!("the key \"{text}\" stands here twice"));
                    }
                    pairs.push((key, value));
                }
                TreeKind::Map(pairs)
            }
        };
        Ok(Some(Tree { mark, kind }))
    }
}

enum Part {
    Scalar(String, bool),
    ListStart,
    MapStart,
    End,
}

fn mark_of(marker: &Marker) -> Mark {
    Mark { line: marker.line(), column: marker.col() + 1 }
}

impl Tree {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        if let TreeKind::Scalar(text, _) = &self.kind { Some(text) } else { None }
    }

    /// True for what YAML calls null.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, TreeKind::Scalar(text, false) if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, as errors say it.
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            TreeKind::Scalar(..) => "a value",
            TreeKind::List(_) => "a list",
            TreeKind::Map(_) => "a mapping",
        }
    }
}
