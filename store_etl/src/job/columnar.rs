//! Scans and sinks of files that have columns of their own: their schema, their memory, what is left out.

use super::InputFile;
use super::plan::{Item, Node, Plan, ScanPlan, Step};
use super::rules::map_inputs;
use super::spec::{FileFormat, OnBadRow, ScanSpec, SinkSpec};
use crate::batch::Field;
use crate::expr::bind;
use crate::format::arrow;
use crate::format::columnar::{ColumnFile, ColumnFormat, Comparison};
use crate::format::parquet;
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use store_core::ingest::Escape;
use store_core::{Error, Result, Type};

pub(crate) use crate::format::columnar::FileSizes;

/// What a sink of such a file gets besides its least: so many batches.
pub(crate) const SINK_BATCHES: usize = 16;
/// An allocator's rounding, for each file that is open.
const FILE_BYTES: usize = 64 << 10;

/// What is known of a scan's files.
#[derive(Clone, Debug)]
pub(crate) struct Columnar {
    /// Columns that are not read, and why.
    refused: Vec<(usize, String)>,
    /// Comparisons that rows of use make true.
    pub comparisons: Vec<Comparison>,
    /// What reading the wanted columns takes, once it is measured.
    pub sizes: Option<FileSizes>,
    /// The same in bytes, with all that belongs to it.
    pub bytes: usize,
    /// The file that takes most.
    largest: String,
    pub groups: u64,
    pub groups_skipped: u64,
}

/// The format, of a file that has columns of its own.
fn column_format(format: FileFormat) -> Option<ColumnFormat> {
    match format {
        FileFormat::Parquet => Some(ColumnFormat::Parquet),
        FileFormat::Arrow => Some(ColumnFormat::Arrow),
        _ => None,
    }
}

fn is_packed(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    ending.eq_ignore_ascii_case("gz") || ending.eq_ignore_ascii_case("zst")
}

/// Opens a file of a scan.
pub(crate) fn open_columns(format: FileFormat, file: &InputFile) -> Result<ColumnFile> {
    let format = column_format(format)
        .ok_or_else(|| Error::invalid("a format without columns of its own"))?;
    ColumnFile::open(format, &file.path)
}

/// Takes the columns of a scan from its first file, and looks whether the others have them too.
pub(super) fn fill(plan: &mut ScanPlan, scan: &ScanSpec) -> Result<()> {
    let word = plan.format.word();
    let of_text = scan.header
        || scan.delimiter.is_some()
        || scan.quote.is_some()
        || scan.escape != Escape::None
        || !scan.nulls.is_empty()
        || scan.schema.is_some();
    if of_text {
        return Err(Error::invalid(format!(
            "{word} says itself what its columns are: no `schema:`, `header:`, `null:`, `delimiter:`, \
             `quote:` or `escape:`"
        )));
    }
    if scan.on_error != OnBadRow::Stop {
        return Err(Error::invalid(format!("{word} has no bad rows that could be left out")));
    }
    if plan.files.iter().any(|file| is_packed(&file.name())) {
        return Err(Error::unsupported(format!("{word} is packed inside: unpack the file")));
    }
    if plan.files.iter().any(InputFile::is_stream) {
        return Err(Error::unsupported(format!("{word} is read from its end: no stream")));
    }
    let mut refused = Vec::new();
    for (nth, file) in plan.files.iter().enumerate() {
        let columns = open_columns(plan.format, file)?.columns();
        if nth > 0 {
            check_same(&plan.columns, &columns, &file.name(), &plan.files[0].name())?;
            continue;
        }
        for column in columns {
            let Ok(ty) = column.ty else {
                refused.push((plan.columns.len(), column.ty.err().unwrap_or_default()));
                plan.columns.push(Field { nullable: true, ..Field::new(column.name, Type::Text) });
                continue;
            };
            plan.columns.push(Field { name: column.name, ty, nullable: column.nullable });
        }
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = plan.columns.iter().find(|field| !names.insert(field.name.as_str())) {
            let message = format!("{}: two columns \"{}\"", file.name(), twice.name);
            return Err(Error::unsupported(message));
        }
    }
    if plan.columns.len() > super::COLUMNS_MAX {
        return Err(Error::invalid(format!("more than {} columns", super::COLUMNS_MAX)));
    }
    plan.wanted = (0..plan.columns.len()).collect();
    plan.columnar = Some(Columnar {
        refused,
        comparisons: Vec::new(),
        sizes: None,
        bytes: 0,
        largest: String::new(),
        groups: 0,
        groups_skipped: 0,
    });
    Ok(())
}

/// Every column of the first file must be in another one, with its type.
fn check_same(
    fields: &[Field],
    columns: &[crate::format::columnar::ColumnFacts],
    name: &str,
    first: &str,
) -> Result<()> {
    for field in fields {
        let other = columns.iter().find(|column| column.name == field.name);
        let Some(other) = other else {
            return Err(Error::invalid(format!(
                "{name}: has no column \"{}\" of {first}",
                field.name
            )));
        };
        if let Ok(ty) = other.ty
            && (ty != field.ty || other.nullable && !field.nullable)
        {
            let null = if other.nullable && !field.nullable { ", NULL among them" } else { "" };
            return Err(Error::type_mismatch(format!(
                "{name}: column \"{}\" is {ty}{null}, and {} in {first}",
                field.name, field.ty
            )));
        }
    }
    Ok(())
}

/// Where the wanted columns of a scan stand in one of its files.
pub(crate) fn places(plan: &ScanPlan, file: &ColumnFile, name: &str) -> Result<Vec<usize>> {
    let columns = file.columns();
    let mut places = Vec::with_capacity(plan.wanted.len());
    for at in &plan.wanted {
        let field = &plan.columns[*at];
        let place = columns.iter().position(|column| column.name == field.name);
        let place = place.filter(|place| columns[*place].ty.as_ref() == Ok(&field.ty));
        places.push(place.ok_or_else(|| {
            Error::type_mismatch(format!("{name}: has no column \"{}\" {}", field.name, field.ty))
        })?);
    }
    Ok(places)
}

/// A plan whose scans know what they take: of the columns that are left after all rules, and without the
/// row groups that the filters above leave no rows of.
pub(super) fn measured(mut plan: Plan) -> Result<Plan> {
    let failed = RefCell::new(None);
    plan.root = step(plan.root, &[], &failed);
    match failed.into_inner() {
        None => Ok(plan),
        Some(error) => Err(error),
    }
}

fn step(of: Step, filters: &[Item], failed: &RefCell<Option<Error>>) -> Step {
    let Step { node, fields, number, is_part } = of;
    let node = match node {
        Node::Filter(input, item) => {
            let all: Vec<Item> = filters.iter().chain([&item]).cloned().collect();
            Node::Filter(Box::new(step(*input, &all, failed)), item)
        }
        Node::Scan(scan) if scan.columnar.is_some() => {
            let mut scan = Arc::unwrap_or_clone(scan);
            if let Err(error) = measure(&mut scan, &fields, filters) {
                failed.borrow_mut().get_or_insert(error);
            }
            Node::Scan(Arc::new(scan))
        }
        node => {
            return map_inputs(Step { node, fields, number, is_part }, &|input| {
                step(input, &[], failed)
            });
        }
    };
    Step { node, fields, number, is_part }
}

fn measure(scan: &mut ScanPlan, fields: &[Field], filters: &[Item]) -> Result<()> {
    let Some(mut known) = scan.columnar.take() else { return Ok(()) };
    if let Some((at, why)) = known.refused.iter().find(|(at, _)| scan.wanted.contains(at)) {
        let (name, column) = (&scan.source, &scan.columns[*at].name);
        return Err(Error::unsupported(format!(
            "{name}: column \"{column}\" {why}, and is not read: project the other columns"
        )));
    }
    for item in filters {
        bind(&item.expr, fields, &item.text)?.comparisons(&mut known.comparisons);
    }
    let (mut head, mut most) = (0, 0);
    for file in &scan.files {
        let name = file.name();
        let open = open_columns(scan.format, file)?;
        let places = places(scan, &open, &name)?;
        let found = open.measure(&places, &known.comparisons).map_err(|error| error.at(&name))?;
        known.groups += found.groups;
        known.groups_skipped += found.groups_skipped;
        let bytes = found.sizes.bytes() + found.head_bytes;
        if bytes >= most {
            (most, known.largest) = (bytes, name);
        }
        head = head.max(found.head_bytes);
        known.sizes = Some(match known.sizes.take() {
            None => found.sizes,
            Some(sizes) => sizes.max(&found.sizes),
        });
    }
    let bytes = known.sizes.as_ref().map_or(0, FileSizes::bytes);
    // What an allocator rounds, and does not give back at once.
    known.bytes = bytes + bytes / 8 + head + FILE_BYTES;
    scan.columnar = Some(known);
    Ok(())
}

/// Refuses what files of such a format do not have.
pub(super) fn check_sink(destination: &str, format: FileFormat, sink: &SinkSpec) -> Result<()> {
    let word = format.word();
    if is_packed(destination) {
        return Err(Error::invalid(format!("{word} is packed inside: no .gz and no .zst")));
    }
    if sink.null.is_some() || !sink.header || sink.escape != Escape::None {
        return Err(Error::invalid(format!("{word} has no `header:`, `null:` or `escape:`")));
    }
    Ok(())
}

/// The least that a sink of such columns takes.
pub(super) fn sink_bytes_min(format: FileFormat, fields: &[Field]) -> usize {
    match format {
        FileFormat::Arrow => arrow::sink_bytes_min(fields),
        _ => parquet::Settings::bytes_min(fields),
    }
}

/// A refusal that also names the file whose pages take most, if they take most of the memory.
pub(super) fn named(error: Error, plan: &Plan) -> Error {
    let scans = plan.root.scans();
    let known = scans.into_iter().filter_map(|scan| scan.columnar.as_ref());
    let Some(largest) = known.max_by_key(|known| known.bytes) else { return error };
    let mut made = Error::new(
        error.kind(),
        format!(
            "{error}, and pages of {} that are in memory at once {}",
            largest.largest, largest.bytes
        ),
    );
    for word in error.details() {
        made = made.detail(word);
    }
    made
}
