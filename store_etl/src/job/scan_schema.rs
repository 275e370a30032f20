//! The columns of a scan: as the job says, as the header says, or as the first block shows.

use super::plan::{ScanPlan, format_of};
use super::spec::{FileFormat, ScanSpec, StepSpec};
use super::yaml::Text;
use super::{columnar, files};
use crate::batch::Field;
use crate::operator::{json_columns, text_options};
use std::collections::HashSet;
use std::path::PathBuf;
use store_core::ingest::{Escape, Records, Source, infer_written};
use store_core::{Error, Result};

/// Most columns of a file.
pub(crate) const COLUMNS_MAX: usize = 20_000;

/// Plans a scan; reads the beginning of its first file if the schema is not given.
pub(super) fn scan_plan(text: &Text<'_>, step: &StepSpec, scan: &ScanSpec) -> Result<ScanPlan> {
    let Some(source) = &scan.source else {
        return text.refuse(step.mark, "a scan needs a source");
    };
    let placed = |error: Error| text.fault(source.mark, &error);
    let files = files::find(&source.value).map_err(placed)?;
    let format = match scan.format.or_else(|| format_of(&source.value)) {
        Some(format) => format,
        None => FileFormat::Tsv,
    };
    let reject = scan.reject.as_ref().map(|path| PathBuf::from(&path.value));
    if let (Some(path), Some(named)) = (&reject, &scan.reject) {
        let same = |file: &super::InputFile| {
            path.canonicalize().is_ok_and(|path| file.path.canonicalize().is_ok_and(|f| f == path))
        };
        if files.iter().any(same) {
            return text.refuse(named.mark, "the reject file is an input");
        }
    }
    let (delimiter, quote) =
        if format == FileFormat::Csv { (b',', Some(b'"')) } else { (b'\t', None) };
    let mut plan = ScanPlan {
        source: source.value.clone(),
        files,
        format,
        header: scan.header,
        delimiter: scan.delimiter.as_ref().map_or(delimiter, |at| at.value),
        quote: scan.quote.as_ref().map(|at| at.value).or(quote),
        escape: scan.escape,
        nulls: scan.nulls.clone(),
        columns: Vec::new(),
        as_is: false,
        wanted: Vec::new(),
        on_error: scan.on_error,
        max_errors: scan.max_errors,
        reject,
        columnar: None,
    };
    if format.is_columnar() {
        columnar::fill(&mut plan, scan).map_err(placed)?;
        return Ok(plan);
    }
    check_words(&plan, scan).map_err(placed)?;
    if let Some(schema) = &scan.schema {
        let field = |field: &super::spec::FieldSpec| Field {
            name: field.name.value.clone(),
            ty: field.ty,
            nullable: field.nullable,
        };
        plan.columns = schema.iter().map(field).collect();
    } else if plan.files[0].is_stream() {
        return Err(placed(Error::invalid("a stream needs a `schema:`: it can be read once only")));
    } else {
        (plan.columns, plan.as_is) = infer(&plan).map_err(placed)?;
    }
    if plan.columns.len() > COLUMNS_MAX {
        return Err(placed(Error::invalid(format!("more than {COLUMNS_MAX} columns"))));
    }
    plan.wanted = (0..plan.columns.len()).collect();
    Ok(plan)
}

/// Refuses what the reader of text would refuse: delimiters that cannot be, words of another format.
fn check_words(plan: &ScanPlan, scan: &ScanSpec) -> Result<()> {
    if plan.format == FileFormat::JsonLines {
        let words = plan.header || !plan.nulls.is_empty() || plan.escape != Escape::None;
        if words || scan.delimiter.is_some() || scan.quote.is_some() {
            return Err(Error::invalid(
                "jsonl has no `header:`, `null:`, `delimiter:`, `quote:` or `escape:`",
            ));
        }
        return Ok(());
    }
    let empty = Source::from_reader(plan.source.clone(), std::io::empty())?;
    Records::new(empty, &text_options(plan, 16)).map(drop)
}

/// Names and types from the beginning of the first file; the same whatever memory there is.
fn infer(plan: &ScanPlan) -> Result<(Vec<Field>, bool)> {
    let mut source = Source::open(&plan.files[0].path)?;
    if plan.format == FileFormat::JsonLines {
        return Ok((json_columns(source)?, false));
    }
    let options = text_options(plan, 1 << 20);
    let written = infer_written(&mut source, &options)?;
    let names = unique_names(written.iter().map(|(name, _)| name.as_str()));
    let same = names.iter().zip(&written).all(|(name, (written, _))| name == written);
    let fields = names.into_iter().zip(written).map(|(name, (_, ty))| Field::new(name, ty));
    Ok((fields.collect(), same || !plan.header))
}

/// Names as they are written, all different: an empty one is `c3` after its place, a repeated one gets
/// `_2`, `_3` ….
pub(crate) fn unique_names<'a>(written: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut names = Vec::new();
    for (nth, name) in written.enumerate() {
        let base = if name.is_empty() { format!("c{}", nth + 1) } else { name.to_owned() };
        let mut made = base.clone();
        let mut number = 2;
        while !seen.insert(made.clone()) {
            made = format!("{base}_{number}");
            number += 1;
        }
        names.push(made);
    }
    names
}
