//! Records of delimited text into cells.

use super::scan::Rows;
use crate::batch::Batch;
use crate::job::{FileFormat, ScanPlan, unique_names};
use std::sync::Arc;
use store_core::ingest::{Format, IngestOptions, Records};
use store_core::planted::bug;
use store_core::value::parse_value_into;
use store_core::{Error, Result, Type};

/// First size of the buffer that a file is read into.
const BUFFER_BYTES: usize = 64 << 10;
/// How much of a file tells its schema, whatever memory there is.
const INFER_BYTES: usize = 256 << 10;

/// How the core is to read the text of a scan.
pub(crate) fn text_options(plan: &ScanPlan, row_bytes_max: usize) -> IngestOptions {
    let mut options = IngestOptions::new(Format::Tsv);
    options.row_bytes_max = row_bytes_max;
    options.buffer_bytes = BUFFER_BYTES.min(row_bytes_max);
    options.infer_bytes = INFER_BYTES;
    options.header = plan.header;
    if plan.format == FileFormat::JsonLines {
        // Whole lines: the only field that is kept is not looked at.
        options.delimiter = 0;
        options.columns_max = 1;
        return options;
    }
    options.delimiter = plan.delimiter;
    options.quote = plan.quote;
    options.escape = plan.escape;
    options.nulls.clone_from(&plan.nulls);
    options.columns_max = crate::job::COLUMNS_MAX + 1;
    options
}

/// Where a wanted column stands.
struct Target {
    /// Its place in the records of the file that is open.
    field: usize,
    ty: Type,
    nullable: bool,
    name: Arc<str>,
}

pub(super) struct TextRows {
    plan: Arc<ScanPlan>,
    targets: Vec<Target>,
    /// Fields of each record of the open file.
    count: usize,
}

impl TextRows {
    pub fn new(plan: &Arc<ScanPlan>) -> Self {
        let target = |at: &usize| {
            let field = &plan.columns[*at];
            let name = field.name.as_str().into();
            Target { field: *at, ty: field.ty, nullable: field.nullable, name }
        };
        let targets = plan.wanted.iter().map(target).collect();
        Self { plan: Arc::clone(plan), targets, count: plan.columns.len() }
    }
}

impl Rows for TextRows {
    fn begin(&mut self, records: &mut Records) -> Result<()> {
        if !self.plan.header {
            return Ok(());
        }
        let Some(written) = records.header()? else {
            let message = format!("{}: is empty, and should begin with a header", records.name());
            return Err(Error::invalid(message));
        };
        self.count = written.len();
        let names = unique_names(written.iter().map(String::as_str));
        // All columns of the schema must be there, wanted or not.
        for field in &self.plan.columns {
            if !names.contains(&field.name) {
                let message = format!("the header has no column \"{}\"", field.name);
                return Err(records.at_line(Error::not_found(message)));
            }
        }
        for target in &mut self.targets {
            let at = names.iter().position(|name| **name == *target.name);
            target.field = at.expect("looked for above");
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, records: &Records, batch: &mut Batch) -> Result<()> {
        if let Some(fault) = records.fault() {
            return Err(Error::invalid(fault.to_owned()));
        }
        if records.count() != self.count && !bug("long_row_taken") {
            let (found, wanted) = (records.count(), self.count);
            return Err(Error::invalid(format!("{found} fields instead of {wanted}")));
        }
        for (target, column) in self.targets.iter().zip(batch.columns_mut()) {
            let value = records.value(target.field);
            let null = value.is_empty() && target.ty != Type::Text || records.is_null(target.field);
            if null {
                if !target.nullable {
                    let message = format!("column \"{}\": NULL where none may be", target.name);
                    return Err(Error::new(store_core::Kind::NotNull, message));
                }
                column.push_null()?;
                continue;
            }
            parse_value_into(value, target.ty, |value| column.push(value))
                .and_then(|pushed| pushed)
                .map_err(|error| named(&target.name, error))?;
        }
        Ok(())
    }
}

#[cold]
pub(super) fn named(column: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("column \"{column}\": {error}")).caused_by(error)
}
