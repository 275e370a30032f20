//! A job as its author wrote it: steps with their words, each of which knows its place.

use super::yaml::Mark;
use crate::operator::join::{JoinKind, Side};
use std::path::PathBuf;
use store_core::ingest::Escape;
use store_core::segment::SegmentCodec;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub value: T,
    pub mark: Mark,
}

#[derive(Clone, Debug, Default)]
pub struct Spec {
    pub name: Option<String>,
    pub memory: Option<u64>,
    pub threads: Option<usize>,
    /// Chooses the hashes of aggregates and joins.
    pub seed: u64,
    pub block_bytes: Option<At<usize>>,
    pub spill: SpillSpec,
    pub steps: Vec<StepSpec>,
}

#[derive(Clone, Debug, Default)]
pub struct SpillSpec {
    pub dir: Option<PathBuf>,
    pub codec: Option<SegmentCodec>,
    pub disk_limit: Option<u64>,
    /// Most blocks that are being written at once.
    pub concurrency: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct StepSpec {
    pub mark: Mark,
    /// Its label, for `input:` and `with:` of others.
    pub name: Option<String>,
    pub input: Option<At<String>>,
    pub kind: StepKind,
}

#[derive(Clone, Debug)]
pub enum StepKind {
    Scan(Box<ScanSpec>),
    Filter(At<String>),
    Project(Vec<At<String>>),
    Map(Vec<At<String>>),
    Limit { rows: u64, offset: u64 },
    Distinct,
    Union(Vec<At<String>>),
    Sort(Vec<At<String>>),
    Aggregate { group_by: Vec<At<String>>, aggs: Vec<At<String>> },
    Join(Box<JoinSpec>),
    Sink(Box<SinkSpec>),
}

impl StepKind {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Scan(_) => "scan",
            Self::Filter(_) => "filter",
            Self::Project(_) => "project",
            Self::Map(_) => "map",
            Self::Limit { .. } => "limit",
            Self::Distinct => "distinct",
            Self::Union(_) => "union",
            Self::Sort(_) => "sort",
            Self::Aggregate { .. } => "aggregate",
            Self::Join(_) => "join",
            Self::Sink(_) => "sink",
        }
    }
}

#[derive(Clone, Debug)]
pub struct JoinSpec {
    /// The step whose rows are on the right.
    pub with: At<String>,
    pub on: Vec<At<String>>,
    pub kind: JoinKind,
    /// The side that is taken in before the other streams by; chosen by size if it is none.
    pub build: Option<At<Side>>,
}

/// A format of files, or none: a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    Tsv,
    Csv,
    JsonLines,
    Parquet,
    Arrow,
}

impl FileFormat {
    /// True of files that have columns and types of their own.
    pub const fn is_columnar(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

/// What becomes of a row that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnBadRow {
    /// It ends the job.
    #[default]
    Stop,
    /// It is counted and left out.
    Skip,
}

#[derive(Clone, Debug)]
pub struct FieldSpec {
    pub name: At<String>,
    pub ty: store_core::Type,
    pub nullable: bool,
}

#[derive(Clone, Debug)]
pub struct ScanSpec {
    pub source: Option<At<String>>,
    pub table: Option<At<String>>,
    pub db: Option<At<String>>,
    pub format: Option<FileFormat>,
    pub header: bool,
    pub delimiter: Option<At<u8>>,
    pub quote: Option<At<u8>>,
    pub escape: Escape,
    pub nulls: Vec<String>,
    pub schema: Option<Vec<FieldSpec>>,
    pub on_error: OnBadRow,
    pub max_errors: Option<u64>,
    pub reject: Option<At<String>>,
}

#[derive(Clone, Debug)]
pub struct SinkSpec {
    pub destination: Option<At<String>>,
    pub table: Option<At<String>>,
    pub db: Option<At<String>>,
    pub format: Option<FileFormat>,
    pub header: bool,
    pub null: Option<String>,
    pub escape: Escape,
}

impl Spec {
    /// The steps as text: the same for the same steps, however they were written and wherever they run.
    /// What changes no result, such as memory and the spill directory, is left out.
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        for (nth, step) in self.steps.iter().enumerate() {
            let input = step.input.as_ref().and_then(|name| {
                self.steps[..nth].iter().position(|other| other.name.as_ref() == Some(&name.value))
            });
            let mut words = vec![nth.to_string(), step.kind.word().to_owned()];
            if let Some(input) = input {
                words.push(format!("of {input}"));
            }
            self.canonical_kind(nth, &step.kind, &mut words);
            // Lengths keep words apart whatever they hold.
            for word in words {
                out.extend([&word.len().to_string(), ":", &word, " "]);
            }
            out.push('\n');
        }
        out
    }

    fn canonical_kind(&self, nth: usize, kind: &StepKind, words: &mut Vec<String>) {
        use store_core::query::{AggregateExpr, Expr, NamedExpr};
        let expr = |text: &str| {
            Expr::parse(text).map_or_else(|_| text.to_owned(), |expr| expr.to_string())
        };
        let named = |text: &str| {
            NamedExpr::parse(text).map_or_else(
                |_| text.to_owned(),
                |named| format!("{} as {}", named.expr, named.name.unwrap_or_default()),
            )
        };
        let step = |at: &At<String>| {
            let before = &self.steps[..nth];
            let found = before.iter().position(|step| step.name.as_ref() == Some(&at.value));
            found.unwrap_or(nth).to_string()
        };
        let listed =
            |list: &[At<String>]| list.iter().map(|at| at.value.clone()).collect::<Vec<_>>();
        match kind {
            StepKind::Filter(at) => words.push(expr(&at.value)),
            StepKind::Project(list) | StepKind::Map(list) => {
                words.extend(list.iter().map(|at| named(&at.value)));
            }
            StepKind::Limit { rows, offset } => {
                words.extend([rows.to_string(), offset.to_string()]);
            }
            StepKind::Sort(list) => words.extend(listed(list)),
            StepKind::Union(list) => words.extend(list.iter().map(step)),
            StepKind::Aggregate { group_by, aggs } => {
                words.push(group_by.len().to_string());
                words.extend(group_by.iter().map(|at| named(&at.value)));
                words.extend(aggs.iter().map(|at| {
                    AggregateExpr::parse(&at.value)
                        .map_or_else(|_| at.value.clone(), |call| call.to_string())
                }));
            }
            StepKind::Join(join) => {
                words.extend([step(&join.with), join.kind.name().to_owned()]);
                words.extend(join.on.iter().map(|at| expr(&at.value)));
            }
            StepKind::Scan(scan) => scan.canonical(words),
            StepKind::Sink(sink) => sink.canonical(words),
            StepKind::Distinct => {}
        }
    }
}

fn option(value: Option<&At<String>>) -> String {
    value.map_or_else(|| "-".to_owned(), |at| format!("={}", at.value))
}

const fn escape_word(escape: Escape) -> &'static str {
    match escape {
        Escape::Backslash => "backslash",
        _ => "none",
    }
}

impl ScanSpec {
    fn canonical(&self, words: &mut Vec<String>) {
        words.extend([&self.source, &self.table, &self.db].map(|value| option(value.as_ref())));
        words.push(self.format.map_or("-", FileFormat::word).to_owned());
        words.push(self.header.to_string());
        for byte in [&self.delimiter, &self.quote] {
            words.push(byte.as_ref().map_or_else(|| "-".to_owned(), |at| at.value.to_string()));
        }
        words.push(escape_word(self.escape).to_owned());
        words.push(self.nulls.len().to_string());
        words.extend(self.nulls.iter().cloned());
        for field in self.schema.iter().flatten() {
            words.push(format!("{} {} {}", field.name.value, field.ty, field.nullable));
        }
        words.push(if self.on_error == OnBadRow::Stop { "stop" } else { "skip" }.to_owned());
        words.push(self.max_errors.map_or_else(|| "-".to_owned(), |most| most.to_string()));
    }
}

impl SinkSpec {
    fn canonical(&self, words: &mut Vec<String>) {
        words
            .extend([&self.destination, &self.table, &self.db].map(|value| option(value.as_ref())));
        words.push(self.format.map_or("-", FileFormat::word).to_owned());
        words.push(self.header.to_string());
        words.push(self.null.as_ref().map_or_else(|| "-".to_owned(), |null| format!("={null}")));
        words.push(escape_word(self.escape).to_owned());
    }
}
