//! The ways to the rows of a case, as text that every face understands.
//!
//! Each row has its number in four columns and its value in three, so that each way is the only
//! one that fits: `id` the key, `i` indexed, `n` unique, `w` bare; `v` indexed, `s` bare, and `q`
//! under a unique index together with `w`. Other rows stand by, so that an index is worth it.

use super::steps::ROWS;

/// The table `t`, as every face can make it.
pub const SCHEMA: &str = "id int64 key, i int64 index, n int64 unique, w int64, \
                          v int64 index, s int64, q int64, unique(q, w)";
/// Where a row's number is.
pub const ID: usize = 0;
/// Where its value is.
pub const VALUE: usize = 4;

/// Rows that no case touches, numbers and values from [`FILLER`] on.
pub const FILLERS: i64 = 120;
pub const FILLER: i64 = 1_000;

/// How a reading step reaches its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    Key,
    Scan,
    IndexEqual,
    IndexRange,
    Unique,
    SortLimit,
    /// Rows by the index of their values, whose entries move with every change.
    ValueIndex,
}

impl Path {
    pub const ALL: [Self; 7] = [
        Self::Key,
        Self::Scan,
        Self::IndexEqual,
        Self::IndexRange,
        Self::Unique,
        Self::SortLimit,
        Self::ValueIndex,
    ];
}

/// A query in words.
#[derive(Clone, Debug)]
pub struct Question {
    pub filter: String,
    pub sort: Option<&'static str>,
    pub limit: Option<u64>,
    /// How the plan begins.
    pub plan: &'static str,
}

fn question(plan: &'static str, filter: String) -> Question {
    Question { filter, sort: None, limit: None, plan }
}

/// The query for the row of a number, which may give others beside; `None` is a read by key.
pub fn of_row(path: Path, id: i64) -> Option<Question> {
    Some(match path {
        Path::Key => return None,
        Path::Scan => question("scan", format!("w = {id}")),
        Path::IndexEqual => question("index `i`", format!("i = {id}")),
        Path::IndexRange => question("index `i`", format!("i >= {id} and i < {}", id + 1)),
        Path::Unique => question("index `n`", format!("n = {id}")),
        Path::SortLimit => Question {
            sort: Some("i"),
            limit: Some(1),
            ..question("index `i`", format!("i >= {id}"))
        },
        Path::ValueIndex => question("index `v`", format!("v < {FILLER}")),
    })
}

/// The query for the rows with a value from `low` to before `high`; it may give others beside.
pub fn of_values(path: Path, low: i64, high: i64) -> Question {
    let list = |values: Vec<i64>| values.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let within = |column: &str| format!("{column} >= {low} and {column} < {high}");
    match path {
        Path::Key => {
            question("key", format!("id in ({}) and {}", list(ROWS.collect()), within("s")))
        }
        Path::Scan => question("scan", within("s")),
        Path::IndexEqual => {
            question("index `v`", format!("v in ({})", list((low..high).collect())))
        }
        Path::IndexRange => question("index `v`", within("v")),
        Path::Unique => question("index `q", within("q")),
        Path::SortLimit => {
            Question { sort: Some("-v"), limit: Some(10), ..question("index `v`", within("v")) }
        }
        Path::ValueIndex => question("index `v`", format!("v < {FILLER}")),
    }
}
