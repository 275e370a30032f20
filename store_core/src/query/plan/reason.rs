//! Why a way was chosen, put in words only when somebody asks.

use std::fmt;

/// Why an access path was chosen: one line, by `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(Why);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    Plain(&'static str),
    Keys(usize),
    Index { name: String, entries: u64, rows: u64, ranges: usize, also: &'static str },
    TooMany { name: String, entries: u64, rows: u64 },
    NoIndex { rows: u64 },
}

impl Reason {
    pub(crate) const fn plain(words: &'static str) -> Self {
        Self(Why::Plain(words))
    }

    pub(super) const fn keys(count: usize) -> Self {
        Self(Why::Keys(count))
    }

    /// An index with so many entries in so many ranges, of a table with so many rows.
    pub(super) fn index(
        name: &str,
        entries: u64,
        rows: u64,
        ranges: usize,
        also: &'static str,
    ) -> Self {
        Self(Why::Index { name: name.to_owned(), entries, rows, ranges, also })
    }

    /// A scan, as the best index has so many entries.
    pub(super) fn too_many(name: &str, entries: u64, rows: u64) -> Self {
        Self(Why::TooMany { name: name.to_owned(), entries, rows })
    }

    /// A scan, as no index fits.
    pub(super) const fn no_index(rows: u64) -> Self {
        Self(Why::NoIndex { rows })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Plain(words) => f.write_str(words),
            Why::Keys(count) => write!(f, "key: {count} keys are listed"),
            Why::Index { name, entries, rows, ranges, also } => {
                write!(f, "index `{name}`: about {entries} of {rows} rows")?;
                if *ranges != 1 {
                    write!(f, " in {ranges} ranges")?;
                }
                f.write_str(also)
            }
            Why::TooMany { name, entries, rows } => {
                write!(f, "scan: index `{name}` would read about {entries} of {rows} rows")
            }
            Why::NoIndex { rows } => write!(f, "scan: no index fits, {rows} rows"),
        }
    }
}
