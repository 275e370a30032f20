//! Subcommands and options as tables: one entry drives dispatch, parsing, usage and messages.

use crate::failure::{Outcome, report};
use crate::stubs::{Code, Interp, Obj};
use std::ops::RangeInclusive;
use std::rc::Rc;
use store_core::{Error, Result};
use store_etl::job::parse_bytes;

/// One option of a subcommand: `-word value`, or a bare `-word`.
#[derive(Clone, Copy)]
pub struct Opt {
    /// The word with its dash, matched exactly.
    pub word: &'static str,
    /// What usage calls its value; empty for a bare word.
    pub value: &'static str,
}

/// An option with a value.
pub const fn option(word: &'static str, value: &'static str) -> Opt {
    Opt { word, value }
}

/// An option without one.
pub const fn flag(word: &'static str) -> Opt {
    Opt { word, value: "" }
}

/// A subcommand of a command backed by `H`.
pub struct Subcommand<H: 'static> {
    /// One word, or two as in `table create`.
    pub name: &'static str,
    /// The words that are no options, as usage shows them.
    pub words: &'static str,
    /// How many of them there are.
    pub count: RangeInclusive<usize>,
    /// The options after these words; before them if `options_first`.
    pub options: &'static [Opt],
    /// Options stand before the words, as a script wants to come last.
    pub options_first: bool,
    /// Carries out the call.
    pub run: fn(&Call<'_, H>) -> Outcome,
}

/// A call of a subcommand, parsed.
pub struct Call<'c, H> {
    /// The interpreter that calls.
    pub interp: &'c Interp,
    /// What the command stands for.
    pub handle: &'c Rc<H>,
    /// The words that are no options.
    pub words: &'c [Obj],
    /// The options.
    pub options: Options<'c>,
}

/// The options of a call in the order given.
pub struct Options<'c>(Vec<(&'static str, &'c Obj)>);

impl<'c> Options<'c> {
    /// Reads options off words: all of them must be in the table.
    pub fn parse(table: &'static [Opt], words: &'c [Obj]) -> Result<Self> {
        let (mut given, mut rest) = (Vec::new(), words.iter());
        while let Some(word) = rest.next() {
            let Some(known) = table.iter().find(|known| word.is(known.word)) else {
                return Err(bad("option", word, table.iter().map(|known| known.word)));
            };
            let value = if known.value.is_empty() { Some(word) } else { rest.next() };
            let Some(value) = value else {
                let message = format!("value for \"{}\" missing", known.word);
                return Err(Error::invalid(message).detail(known.word));
            };
            given.push((known.word, value));
        }
        Ok(Self(given))
    }

    /// The option's value; the last one if it was given repeatedly.
    pub fn get(&self, word: &str) -> Option<&'c Obj> {
        self.all(word).last()
    }

    /// All values given for the option.
    pub fn all(&self, word: &str) -> impl DoubleEndedIterator<Item = &'c Obj> {
        self.0.iter().filter(move |given| given.0 == word).map(|given| given.1)
    }

    /// True if the option was given.
    pub fn has(&self, word: &str) -> bool {
        self.get(word).is_some()
    }

    /// The option as a number of things.
    pub fn number(&self, word: &str) -> Result<Option<u64>> {
        let Some(value) = self.get(word) else { return Ok(None) };
        let number = value.text().ok().and_then(|text| text.parse().ok());
        let message = || format!("bad {word} \"{}\": must be a number from 0", value.shown());
        number.map(Some).ok_or_else(|| Error::invalid(message()).detail(word))
    }

    /// The option as a number of bytes: plain, or with a unit, decimal (`MB`) or binary (`MiB`).
    pub fn size(&self, word: &str) -> Result<Option<u64>> {
        self.get(word).map(|value| size(word, value)).transpose()
    }

    /// The option as a boolean; false if it was not given.
    pub fn boolean(&self, word: &str) -> Result<bool> {
        const TRUE: [&str; 4] = ["1", "true", "yes", "on"];
        const FALSE: [&str; 4] = ["0", "false", "no", "off"];
        let Some(value) = self.get(word) else { return Ok(false) };
        let is_one_of = |words: [&str; 4]| words.iter().any(|word| value.is(word));
        match (is_one_of(TRUE), is_one_of(FALSE)) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => {
                let message = format!("bad {word} \"{}\": must be a boolean", value.shown());
                Err(Error::invalid(message).detail(word))
            }
        }
    }

    /// The option as one of some words.
    pub fn choice<T: Copy>(&self, word: &str, choices: &[(&'static str, T)]) -> Result<Option<T>> {
        let Some(value) = self.get(word) else { return Ok(None) };
        let found = choices.iter().find(|choice| value.is(choice.0));
        let words = choices.iter().map(|choice| choice.0);
        found.map(|choice| Some(choice.1)).ok_or_else(|| bad(word, value, words))
    }
}

/// A value as a number of bytes: plain, or with a unit, decimal (`MB`) or binary (`MiB`).
pub fn size(what: &str, value: &Obj) -> Result<u64> {
    value.text().and_then(|text| parse_bytes(&text)).map_err(|_| {
        let shown = value.shown();
        let message = format!("bad {what} \"{shown}\": must be a size such as 512MB or 512MiB");
        Error::invalid(message).detail(what)
    })
}

/// `bad option "-x": must be -a, -b, or -c`.
pub fn bad(what: &str, word: &Obj, known: impl Iterator<Item = &'static str>) -> Error {
    let shown = word.shown();
    let message =
        format!("bad {what} \"{shown}\": must be {}", enumerate(&known.collect::<Vec<_>>()));
    Error::invalid(message).detail(shown)
}

/// `a`, `a or b`, `a, b, or c`.
fn enumerate(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} or {other}"),
        [first @ .., last] => format!("{}, or {last}", first.join(", ")),
    }
}

fn wrong_count(command: &str, usage: &str) -> Error {
    Error::invalid(format!("wrong # args: should be \"{command} {usage}\""))
}

impl<H> Subcommand<H> {
    /// What may follow the command's name, as in `set KEY ?column value ...?`.
    pub fn usage(&self) -> String {
        let options = self.options.iter().map(|known| match known.value {
            "" => format!("?{}?", known.word),
            value => format!("?{} {value}?", known.word),
        });
        let words = (!self.words.is_empty()).then(|| self.words.to_owned());
        let mut parts = vec![self.name.to_owned()];
        if self.options_first {
            parts.extend(options.chain(words));
        } else {
            parts.extend(words.into_iter().chain(options));
        }
        parts.join(" ")
    }

    /// Splits what follows the name into words and options.
    fn split<'c>(&self, command: &Obj, given: &'c [Obj]) -> Result<(&'c [Obj], Options<'c>)> {
        let wrong = || wrong_count(&command.shown(), &self.usage());
        let (least, most) = (*self.count.start(), *self.count.end());
        if given.len() < least || (self.options.is_empty() && given.len() > most) {
            return Err(wrong());
        }
        if self.options.is_empty() {
            return Ok((given, Options(Vec::new())));
        }
        if self.options_first {
            let (options, words) = given.split_at(given.len() - most);
            return Ok((words, Options::parse(self.options, options)?));
        }
        let (words, options) = given.split_at(most.min(given.len()));
        Ok((words, Options::parse(self.options, options)?))
    }
}

/// Finds the subcommand that the words name, and carries it out.
pub fn dispatch<H: 'static>(
    table: &'static [Subcommand<H>],
    handle: &Rc<H>,
    interp: &Interp,
    words: &[Obj],
) -> Code {
    let outcome = find(table, words).and_then(|(subcommand, given)| {
        let (words, options) = subcommand.split(&words[0], given)?;
        Ok((subcommand, Call { interp, handle, words, options }))
    });
    let outcome = match outcome {
        Ok((subcommand, call)) => (subcommand.run)(&call),
        Err(error) => Err(error.into()),
    };
    report(interp, outcome)
}

/// The subcommand, and the words after its name.
fn find<'w, H>(
    table: &'static [Subcommand<H>],
    words: &'w [Obj],
) -> Result<(&'static Subcommand<H>, &'w [Obj])> {
    let [command, first, rest @ ..] = words else {
        return Err(wrong_count(&words[0].shown(), "subcommand ?arg ...?"));
    };
    if let Some(found) = table.iter().find(|known| first.is(known.name)) {
        return Ok((found, rest));
    }
    let group: Vec<_> = table
        .iter()
        .filter_map(|known| Some((known.name.split_once(' ')?, known)))
        .filter(|((group, _), _)| first.is(group))
        .collect();
    if group.is_empty() {
        let mut names: Vec<&str> =
            table.iter().map(|known| known.name.split(' ').next().unwrap_or_default()).collect();
        names.dedup();
        return Err(bad("subcommand", first, names.into_iter()));
    }
    let [second, rest @ ..] = rest else {
        let usage = format!("{} subcommand ?arg ...?", first.shown());
        return Err(wrong_count(&command.shown(), &usage));
    };
    match group.iter().find(|((_, name), _)| second.is(name)) {
        Some((_, found)) => Ok((found, rest)),
        None => Err(bad("subcommand", second, group.iter().map(|((_, name), _)| *name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_enumerated_as_tcl_does() {
        assert_eq!(enumerate(&["-a"]), "-a");
        assert_eq!(enumerate(&["-a", "-b"]), "-a or -b");
        assert_eq!(enumerate(&["-a", "-b", "-c"]), "-a, -b, or -c");
    }

    #[test]
    fn usage_comes_from_the_table() {
        const OPTIONS: &[Opt] = &[option("-retries", "N"), flag("-quiet")];
        let mut subcommand = Subcommand::<()> {
            name: "run",
            words: "SCRIPT",
            count: 1..=1,
            options: OPTIONS,
            options_first: false,
            run: |_| unreachable!("never called"),
        };
        assert_eq!(subcommand.usage(), "run SCRIPT ?-retries N? ?-quiet?");
        subcommand.options_first = true;
        assert_eq!(subcommand.usage(), "run ?-retries N? ?-quiet? SCRIPT");
    }
}
