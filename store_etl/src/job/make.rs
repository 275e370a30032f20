//! Jobs made by a program: written as YAML and read like any other, so there is one form of them.

use super::whole::Job;
use crate::operator::join::JoinKind;
use std::fmt::Display;
use std::path::Path;
use store_core::{Result, Type};

/// Makes a job, step by step; each step takes the rows of the one before.
///
/// ```
/// use store_core::Type;
/// use store_etl::job::{Job, JobOptions, Scan, Sink};
/// let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join("a.csv"), "KAUS,3\nKDFW,5\n")?;
/// let job = Job::builder()
///     .scan(Scan::file(dir.path().join("a.csv")).column("id", Type::Text).column("n", Type::Int64))
///     .filter("n > 1")
///     .map(["n * 2 AS twice"])
///     .sort(["twice desc"])
///     .limit(1)
///     .sink(Sink::file(dir.path().join("b.jsonl")))?;
/// job.run(JobOptions::default())?;
/// let written = std::fs::read_to_string(dir.path().join("b.jsonl"))?;
/// assert_eq!(written, "{\"id\":\"KDFW\",\"n\":5,\"twice\":10}\n");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct JobBuilder {
    head: String,
    steps: String,
}

/// Where rows come from.
#[derive(Clone, Debug)]
#[must_use]
pub struct Scan {
    words: Vec<String>,
    columns: Vec<String>,
}

/// Where rows go.
#[derive(Clone, Debug)]
#[must_use]
pub struct Sink {
    words: Vec<String>,
}

/// A text as YAML has it in quotes: JSON's strings are some of them.
fn quoted(text: impl Display) -> String {
    serde_json::Value::from(text.to_string()).to_string()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}

impl Scan {
    /// A file, a pattern of names, or `-`.
    pub fn file(path: impl AsRef<Path>) -> Self {
        let source = format!("source: {}", quoted(path.as_ref().display()));
        Self { words: vec![source], columns: Vec::new() }
    }

    /// A table of a store.
    pub fn table(db: impl AsRef<Path>, name: &str) -> Self {
        let words = vec![
            format!("table: {}", quoted(name)),
            format!("db: {}", quoted(db.as_ref().display())),
        ];
        Self { words, columns: Vec::new() }
    }

    /// Each file begins with the names of its columns.
    pub fn with_header(self) -> Self {
        self.word("header: true")
    }

    /// The format, if the name does not say it: `tsv`, `csv`, `jsonl`, `parquet` or `arrow`.
    pub fn format(self, format: &str) -> Self {
        self.word(&format!("format: {}", quoted(format)))
    }

    /// Marks for NULL.
    pub fn nulls<T: Display>(self, marks: impl IntoIterator<Item = T>) -> Self {
        self.word(&format!("null: {}", list(marks)))
    }

    /// The next column of the schema, which is found in the file if none is named.
    pub fn column(mut self, name: &str, ty: Type) -> Self {
        self.columns.push(format!("{{ name: {}, type: {} }}", quoted(name), quoted(ty)));
        self
    }

    /// Bad rows are counted and left out, up to so many.
    pub fn skip_bad_rows(self, most: u64) -> Self {
        self.word(&format!("on_error: skip, max_errors: {most}"))
    }

    fn word(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }
}

impl Sink {
    /// A file, or `-`.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self { words: vec![format!("destination: {}", quoted(path.as_ref().display()))] }
    }

    /// A table of a store: rows are inserted or written over those with their key.
    pub fn table(db: impl AsRef<Path>, name: &str) -> Self {
        let db = format!("db: {}", quoted(db.as_ref().display()));
        Self { words: vec![format!("table: {}", quoted(name)), db] }
    }

    /// The format, if the name does not say it: `tsv`, `csv`, `jsonl`, `parquet` or `arrow`.
    pub fn format(mut self, format: &str) -> Self {
        self.words.push(format!("format: {}", quoted(format)));
        self
    }

    /// Without a line of names.
    pub fn without_header(mut self) -> Self {
        self.words.push("header: false".to_owned());
        self
    }
}

impl JobBuilder {
    /// Most threads, the caller's among them.
    pub fn threads(mut self, threads: usize) -> Self {
        let line = format!("threads: {threads}\n");
        self.head.push_str(&line);
        self
    }

    /// Most memory of the whole process, in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        let line = format!("memory: {bytes}\n");
        self.head.push_str(&line);
        self
    }

    /// Where what does not fit is put aside.
    pub fn spill_dir(mut self, dir: impl AsRef<Path>) -> Self {
        let line = format!("spill: {{ dir: {} }}\n", quoted(dir.as_ref().display()));
        self.head.push_str(&line);
        self
    }

    /// Reads rows.
    pub fn scan(self, scan: Scan) -> Self {
        let mut words = scan.words;
        if !scan.columns.is_empty() {
            words.push(format!("schema: [{}]", scan.columns.join(", ")));
        }
        self.step(&format!("scan: {{ {} }}", words.join(", ")))
    }

    /// Labels the step before, for [`JobBuilder::join`], [`JobBuilder::union`] and [`JobBuilder::input`].
    pub fn named(mut self, name: &str) -> Self {
        let line = format!("    name: {}\n", quoted(name));
        self.steps.push_str(&line);
        self
    }

    /// Makes the step before take the rows of the one with this label.
    pub fn input(mut self, name: &str) -> Self {
        let line = format!("    input: {}\n", quoted(name));
        self.steps.push_str(&line);
        self
    }

    /// Keeps rows for which this is true.
    pub fn filter(self, expr: &str) -> Self {
        self.step(&format!("filter: {{ expr: {} }}", quoted(expr)))
    }

    /// Gives these columns.
    pub fn project<T: Display>(self, columns: impl IntoIterator<Item = T>) -> Self {
        self.step(&format!("project: {{ columns: {} }}", list(columns)))
    }

    /// Adds, replaces or renames columns.
    pub fn map<T: Display>(self, columns: impl IntoIterator<Item = T>) -> Self {
        self.step(&format!("map: {{ columns: {} }}", list(columns)))
    }

    /// Puts rows in order.
    pub fn sort<T: Display>(self, by: impl IntoIterator<Item = T>) -> Self {
        self.step(&format!("sort: {{ by: {} }}", list(by)))
    }

    /// Gives so many of the first rows.
    pub fn limit(self, rows: u64) -> Self {
        self.step(&format!("limit: {{ rows: {rows} }}"))
    }

    /// Gives a row for each group: the keys, which may be expressions, and what is computed of its rows, such as
    /// `count(*) AS n`. Without keys all rows are one group.
    pub fn aggregate<K: Display, A: Display>(
        self,
        keys: impl IntoIterator<Item = K>,
        aggregates: impl IntoIterator<Item = A>,
    ) -> Self {
        let (keys, aggregates) = (list(keys), list(aggregates));
        self.step(&format!("aggregate: {{ group_by: {keys}, aggs: {aggregates} }}"))
    }

    /// Joins the rows with those of the step with this label, on pairs such as `left = right`.
    pub fn join<T: Display>(
        self,
        with: &str,
        on: impl IntoIterator<Item = T>,
        kind: JoinKind,
    ) -> Self {
        let (with, on, how) = (quoted(with), list(on), kind.name());
        self.step(&format!("join: {{ with: {with}, on: {on}, how: {how} }}"))
    }

    /// Gives each row once.
    pub fn distinct(self) -> Self {
        self.step("distinct:")
    }

    /// Gives the rows of steps with these labels behind its own.
    pub fn union<T: Display>(self, with: impl IntoIterator<Item = T>) -> Self {
        self.step(&format!("union: {{ with: {} }}", list(with)))
    }

    /// Ends the job. Its words are checked here; an error shows the YAML that it came to.
    pub fn sink(self, sink: Sink) -> Result<Job> {
        let Sink { words } = sink;
        let made = self.step(&format!("sink: {{ {} }}", words.join(", ")));
        Job::from_yaml("job", &format!("{}steps:\n{}", made.head, made.steps))
    }

    fn step(mut self, text: &str) -> Self {
        let line = format!("  - {text}\n");
        self.steps.push_str(&line);
        self
    }
}
