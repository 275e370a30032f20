//! The logical plan: a tree of steps, each with the columns that it gives.
//!
//! Expressions stay in terms of names here, so that rules can move them; all are bound once to be sure
//! that they can be, with the place in the job file where they cannot.

use super::InputFile;
use super::columnar::{self, Columnar};
use super::group_plan::AggregatePlan;
use super::join_plan::JoinPlan;
use super::scan_schema::scan_plan;
use super::spec::{At, FileFormat, OnBadRow, SinkSpec, Spec, StepKind, StepSpec};
use super::tables::Stores;
use super::yaml::Text;
use crate::batch::Field;
use crate::expr::{bind, unknown_column};
use std::path::PathBuf;
use std::sync::Arc;
use store_core::ingest::Escape;
use store_core::query::{Expr, NamedExpr, SortName, parse_sort};
use store_core::{Error, Result, Store, Table, Type};

/// Most steps once those that are used twice are counted twice.
const NODES_MAX: usize = 1000;

/// A whole job, ready for rules.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub root: Step,
    pub sink: SinkPlan,
    /// What errors and reports call each step: its label or its word, by number.
    pub names: Vec<String>,
    pub sink_step: usize,
}

/// One step with all that it takes its rows from.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub node: Node,
    /// The columns of the rows it gives.
    pub fields: Vec<Field>,
    /// Its number in the job, for counts and errors.
    pub number: usize,
    /// True if it is a part of the step with this number, which counts the rows.
    pub is_part: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Scan(Arc<ScanPlan>),
    Table(Box<TablePlan>),
    Filter(Box<Step>, Item),
    Project(Box<Step>, Vec<Item>),
    Limit(Box<Step>, Range),
    Union(Vec<Step>),
    Distinct(Box<Step>),
    /// A thread of its own makes the rows.
    Ahead(Box<Step>),
    Sort(Box<Step>, SortPlan),
    Aggregate(Box<Step>, AggregatePlan),
    /// Left and right.
    Join(Box<[Step; 2]>, JoinPlan),
}

/// Which rows of its input a limit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub offset: u64,
    pub rows: u64,
}

impl Range {
    /// How many rows of the input are wanted at most.
    pub const fn needed(self) -> u64 {
        self.offset.saturating_add(self.rows)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SortPlan {
    pub keys: Vec<SortName>,
    /// Only so many of the first rows are wanted.
    pub limit: Option<u64>,
    /// What decides between equal rows where these have no order of their own: see [`super::rules`].
    pub ties: Vec<String>,
    /// Its rows go to a file as text: they are made lines first, and lines are sorted.
    pub written: Option<Written>,
}

/// What decides between lines whose rows are equal in all keys and ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// The order in which they came, or nothing: no two are equal.
    InOrder,
    /// Their bytes.
    ByText,
}

/// An expression, the name of its result, and the text it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub expr: Expr,
    pub name: String,
    pub text: Arc<str>,
}

/// Where rows come from.
#[derive(Clone, Debug)]
pub(crate) struct ScanPlan {
    /// As the job names it.
    pub source: String,
    pub files: Vec<InputFile>,
    pub format: FileFormat,
    pub header: bool,
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub escape: Escape,
    pub nulls: Vec<String>,
    /// All columns of the schema, wanted or not.
    pub columns: Vec<Field>,
    /// The schema was found in the file, and its names are those that are written there.
    pub as_is: bool,
    /// Positions of the columns that are given, ascending.
    pub wanted: Vec<usize>,
    pub on_error: OnBadRow,
    pub max_errors: Option<u64>,
    pub reject: Option<PathBuf>,
    /// Of files that have columns of their own.
    pub columnar: Option<Columnar>,
}

/// A table that rows come from.
#[derive(Clone, Debug)]
pub(crate) struct TablePlan {
    pub store: Store,
    pub table: Table,
    pub name: String,
    pub columns: Vec<Field>,
    pub wanted: Vec<usize>,
}

/// A table that rows go to.
#[derive(Clone, Debug)]
pub(crate) struct TableSink {
    pub store: Store,
    pub table: Table,
    /// For each column that comes, its position in the table.
    pub columns: Vec<usize>,
}

/// Where rows go.
#[derive(Clone, Debug)]
pub(crate) struct SinkPlan {
    /// In place of a file.
    pub table: Option<TableSink>,
    /// A file; `-` is standard output. Of a table, its store and name.
    pub destination: String,
    pub format: FileFormat,
    pub header: bool,
    pub null: Option<String>,
    pub escape: Escape,
}

/// Builds the plan of a job, or shows where it makes no sense.
pub(super) fn plan(text: &Text<'_>, spec: &Spec, stores: &mut Stores) -> Result<Plan> {
    let mut builder =
        Builder { text, spec, stores, built: Vec::new(), used: vec![false; spec.steps.len()] };
    let last = spec.steps.len() - 1;
    for (nth, step) in spec.steps.iter().enumerate() {
        builder.check_name(nth, step)?;
        if let StepKind::Sink(sink) = &step.kind {
            if nth != last {
                return text.refuse(step.mark, "a sink is the last step, and there is one");
            }
            let root = builder.input(nth, step)?;
            builder.check_used()?;
            let sink = sink_plan(text, step, sink, &root.fields, builder.stores)?;
            let name =
                |step: &StepSpec| step.name.clone().unwrap_or_else(|| step.kind.word().to_owned());
            let names = spec.steps.iter().map(name).collect();
            return Ok(Plan { root, sink, names, sink_step: nth });
        }
        let made = builder.step(nth, step)?;
        builder.built.push(made);
    }
    text.refuse(spec.steps[last].mark, "the last step must be a sink")
}

pub(super) struct Builder<'a> {
    pub(super) text: &'a Text<'a>,
    spec: &'a Spec,
    stores: &'a mut Stores,
    built: Vec<Step>,
    used: Vec<bool>,
}

impl Builder<'_> {
    fn check_name(&self, nth: usize, step: &StepSpec) -> Result<()> {
        let Some(name) = &step.name else { return Ok(()) };
        let before = &self.spec.steps[..nth];
        if before.iter().any(|other| other.name.as_ref() == Some(name)) {
            return self.text.refuse(step.mark, format!("a second step named \"{name}\""));
        }
        Ok(())
    }

    fn check_used(&self) -> Result<()> {
        let last = self.used.len() - 1;
        match self.used[..last].iter().position(|used| !used) {
            None => Ok(()),
            Some(nth) => {
                let step = &self.spec.steps[nth];
                let word = step.kind.word();
                self.text.refuse(step.mark, format!("no step takes the rows of this {word}"))
            }
        }
    }

    /// The step named, which must come before.
    pub(super) fn named(&mut self, name: &At<String>, nth: usize) -> Result<Step> {
        let found =
            self.spec.steps[..nth].iter().position(|s| s.name.as_deref() == Some(&name.value));
        let Some(found) = found else {
            let known: Vec<&str> =
                self.spec.steps[..nth].iter().filter_map(|step| step.name.as_deref()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message =
                format!("no step before is named \"{}\" (named are: {known})", name.value);
            return self.text.refuse(name.mark, message);
        };
        self.used[found] = true;
        Ok(self.built[found].clone())
    }

    fn input(&mut self, nth: usize, step: &StepSpec) -> Result<Step> {
        if let Some(name) = &step.input {
            return self.named(name, nth);
        }
        let Some(before) = nth.checked_sub(1) else {
            return self
                .text
                .refuse(step.mark, format!("a {} needs a step before it", step.kind.word()));
        };
        self.used[before] = true;
        Ok(self.built[before].clone())
    }

    fn step(&mut self, nth: usize, step: &StepSpec) -> Result<Step> {
        let text = self.text;
        if let StepKind::Scan(scan) = &step.kind {
            if let Some(input) = &step.input {
                return text.refuse(input.mark, "a scan takes no rows of another step");
            }
            if let (Some(table), Some(db)) = (&scan.table, &scan.db) {
                let plan = self.stores.source(&db.value, &table.value);
                let plan = self.at(table, plan)?;
                let fields = plan.columns.clone();
                return Ok(Step::new(Node::Table(Box::new(plan)), fields, nth));
            }
            let plan = scan_plan(text, step, scan)?;
            let fields = plan.columns.clone();
            return Ok(Step::new(Node::Scan(Arc::new(plan)), fields, nth));
        }
        let input = self.input(nth, step)?;
        let made = match &step.kind {
            StepKind::Filter(expr) => self.filter(input, expr)?,
            StepKind::Project(columns) => {
                let items = self.items(&input, columns)?;
                self.project(input, items, columns)?
            }
            StepKind::Map(columns) => {
                let items = self.mapped(&input, columns)?;
                self.project(input, items, columns)?
            }
            StepKind::Limit { rows, offset } => {
                let range = Range { offset: *offset, rows: *rows };
                let fields = input.fields.clone();
                (Node::Limit(Box::new(input), range), fields)
            }
            StepKind::Distinct => {
                let fields = input.fields.clone();
                (Node::Distinct(Box::new(input)), fields)
            }
            StepKind::Union(names) => self.union(nth, input, names)?,
            StepKind::Sort(by) => self.sort(input, by)?,
            StepKind::Aggregate { group_by, aggs } => {
                self.aggregate(step, nth, &input, group_by, aggs)?
            }
            StepKind::Join(join) => self.join(nth, input, join)?,
            StepKind::Scan(_) | StepKind::Sink(_) => {
                return text.refuse(step.mark, "this step cannot stand here");
            }
        };
        let made = Step::new(made.0, made.1, nth);
        if made.nodes() > NODES_MAX {
            return text.refuse(step.mark, format!("the job comes to more than {NODES_MAX} steps"));
        }
        Ok(made)
    }

    fn filter(&self, input: Step, expr: &At<String>) -> Result<(Node, Vec<Field>)> {
        let parsed = self.at(expr, Expr::parse(&expr.value))?;
        let bound = self.at(expr, bind(&parsed, &input.fields, &expr.value))?;
        if bound.ty != Type::Bool {
            let message = format!("a filter is true or false; this is of type {}", bound.ty);
            return self.text.refuse(expr.mark, message);
        }
        let item = Item { expr: parsed, name: String::new(), text: expr.value.as_str().into() };
        let fields = input.fields.clone();
        Ok((Node::Filter(Box::new(input), item), fields))
    }

    fn items(&self, input: &Step, columns: &[At<String>]) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(columns.len());
        for column in columns {
            if column.value.trim() == "*" {
                items.extend(input.fields.iter().map(|field| Item::column(&field.name)));
                continue;
            }
            let parsed = self.at(column, NamedExpr::parse(&column.value))?;
            let name = parsed.name.unwrap_or_else(|| parsed.expr.to_string());
            items.push(Item { expr: parsed.expr, name, text: column.value.as_str().into() });
        }
        Ok(items)
    }

    /// All columns of the input, those named anew replaced, the others added; a column alone under
    /// another name is renamed.
    fn mapped(&self, input: &Step, columns: &[At<String>]) -> Result<Vec<Item>> {
        let mut items: Vec<Item> =
            input.fields.iter().map(|field| Item::column(&field.name)).collect();
        for item in self.items(input, columns)? {
            let renamed = item.as_column().filter(|old| *old != item.name);
            let at = items.iter().position(|known| Some(known.name.as_str()) == renamed);
            let at = at.or_else(|| items.iter().position(|known| known.name == item.name));
            match at {
                Some(at) => items[at] = item,
                None => items.push(item),
            }
        }
        Ok(items)
    }

    fn project(
        &self,
        input: Step,
        items: Vec<Item>,
        columns: &[At<String>],
    ) -> Result<(Node, Vec<Field>)> {
        let mut fields: Vec<Field> = Vec::with_capacity(items.len());
        let mut names = std::collections::HashSet::new();
        for item in &items {
            let written = columns.iter().find(|column| *column.value == *item.text);
            let placed = |error: Error| {
                written.map_or_else(
                    || Error::new(error.kind(), error.to_string()),
                    |column| self.text.fault(column.mark, &error),
                )
            };
            let bound = bind(&item.expr, &input.fields, &item.text).map_err(placed)?;
            if !names.insert(item.name.as_str()) {
                let error =
                    Error::invalid(format!("a second column \"{}\": name it with AS", item.name));
                return Err(placed(error));
            }
            fields.push(Field { name: item.name.clone(), ty: bound.ty, nullable: bound.nullable });
        }
        Ok((Node::Project(Box::new(input), items), fields))
    }

    fn union(
        &mut self,
        nth: usize,
        input: Step,
        names: &[At<String>],
    ) -> Result<(Node, Vec<Field>)> {
        let mut fields = input.fields.clone();
        let mut inputs = vec![input];
        for name in names {
            let other = self.named(name, nth)?;
            let same = other.fields.len() == fields.len()
                && other.fields.iter().zip(&fields).all(|(a, b)| a.name == b.name && a.ty == b.ty);
            if !same {
                let (here, there) = (shown(&fields), shown(&other.fields));
                let message = format!(
                    "a union is of the same columns; \"{}\" has {there}, and the others {here}",
                    name.value
                );
                return self.text.refuse(name.mark, message);
            }
            for (field, theirs) in fields.iter_mut().zip(&other.fields) {
                field.nullable |= theirs.nullable;
            }
            inputs.push(other);
        }
        Ok((Node::Union(inputs), fields))
    }

    fn sort(&self, input: Step, by: &[At<String>]) -> Result<(Node, Vec<Field>)> {
        let mut keys = Vec::with_capacity(by.len());
        for word in by {
            let mut parsed = self.at(word, parse_sort(&[&word.value]))?;
            let key = parsed.remove(0);
            if !input.fields.iter().any(|field| field.name == key.name) {
                return self.at(word, Err(unknown_column(&key.name, &input.fields)));
            }
            keys.push(key);
        }
        let fields = input.fields.clone();
        let sort = SortPlan { keys, limit: None, ties: Vec::new(), written: None };
        Ok((Node::Sort(Box::new(input), sort), fields))
    }

    pub(super) fn at<T>(&self, at: &At<String>, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.text.fault(at.mark, &error))
    }
}

fn shown(fields: &[Field]) -> String {
    let list: Vec<String> =
        fields.iter().map(|field| format!("{} {}", field.name, field.ty)).collect();
    list.join(", ")
}

fn sink_plan(
    text: &Text<'_>,
    step: &StepSpec,
    sink: &SinkSpec,
    fields: &[Field],
    stores: &mut Stores,
) -> Result<SinkPlan> {
    let (header, null, escape) = (sink.header, sink.null.clone(), sink.escape);
    if let (Some(table), Some(db)) = (&sink.table, &sink.db) {
        let made = stores.sink(&db.value, &table.value, fields);
        let made = made.map_err(|error| text.fault(table.mark, &error))?;
        let destination = format!("{} {}", db.value, table.value);
        let format = FileFormat::Tsv; // of nothing
        return Ok(SinkPlan { table: Some(made), destination, format, header, null, escape });
    }
    let Some(destination) = &sink.destination else {
        return text.refuse(step.mark, "a sink needs a destination");
    };
    let format = match sink.format.or_else(|| format_of(&destination.value)) {
        Some(format) => format,
        None => FileFormat::Tsv,
    };
    if format.is_columnar() {
        let checked = columnar::check_sink(&destination.value, format, sink);
        checked.map_err(|error| text.fault(destination.mark, &error))?;
    }
    if escape != Escape::None && format != FileFormat::Tsv {
        return text.refuse(
            destination.mark,
            format!("`escape:` goes with tsv, not with {}", format.word()),
        );
    }
    if null.is_some() && format == FileFormat::JsonLines {
        return text.refuse(destination.mark, "jsonl has a null of its own: no `null:`");
    }
    let destination = destination.value.clone();
    Ok(SinkPlan { table: None, destination, format, header, null, escape })
}

/// The format that a file's name says.
pub(super) fn format_of(name: &str) -> Option<FileFormat> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    match bare.rsplit_once('.')?.1 {
        "tsv" | "tab" => Some(FileFormat::Tsv),
        "csv" => Some(FileFormat::Csv),
        "jsonl" | "ndjson" => Some(FileFormat::JsonLines),
        "parquet" => Some(FileFormat::Parquet),
        "arrow" | "feather" | "ipc" => Some(FileFormat::Arrow),
        _ => None,
    }
}

impl Item {
    /// A column as it is.
    pub fn column(name: &str) -> Self {
        Self { expr: Expr::column(name), name: name.to_owned(), text: name.into() }
    }

    /// The column it is, if it is nothing else.
    pub fn as_column(&self) -> Option<&str> {
        match &self.expr.kind {
            store_core::query::ExprKind::Column(name) => Some(name),
            _ => None,
        }
    }
}

impl Step {
    pub const fn new(node: Node, fields: Vec<Field>, number: usize) -> Self {
        Self { node, fields, number, is_part: false }
    }

    /// A projection that is a part of the step with this number.
    pub fn part(input: Self, items: Vec<Item>, fields: Vec<Field>, number: usize) -> Self {
        let node = Node::Project(Box::new(input), items);
        Self { node, fields, number, is_part: true }
    }

    /// The steps it takes rows from.
    pub fn inputs(&self) -> Vec<&Self> {
        match &self.node {
            Node::Scan(_) | Node::Table(_) => Vec::new(),
            Node::Filter(input, _)
            | Node::Project(input, _)
            | Node::Limit(input, _)
            | Node::Distinct(input)
            | Node::Ahead(input)
            | Node::Sort(input, _)
            | Node::Aggregate(input, _) => vec![input],
            Node::Union(inputs) => inputs.iter().collect(),
            Node::Join(sides, _) => sides.iter().collect(),
        }
    }

    fn nodes(&self) -> usize {
        1 + self.inputs().iter().map(|input| input.nodes()).sum::<usize>()
    }

    /// The numbers of all steps that are left.
    pub fn numbers(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> =
            self.inputs().iter().flat_map(|input| input.numbers()).collect();
        numbers.push(self.number);
        numbers
    }

    /// Every scan below, from the first on.
    pub fn scans(&self) -> Vec<&Arc<ScanPlan>> {
        match &self.node {
            Node::Scan(scan) => vec![scan],
            _ => self.inputs().iter().flat_map(|input| input.scans()).collect(),
        }
    }
}
