//! `store ingest DB TABLE FILE… [options]`: files into a table.
//!
//! ```text
//! words ─► options (usage errors) ─► store ─► table (made or checked) ─► each file ─► report
//! ```

mod dialect;
mod report;
mod target;

use super::open_or_create;
use crate::args::{Common, IngestArgs};
use crate::failure::{Done, Exit, Failure};
use crate::progress;
use report::Totals;
use std::path::Path;
use store_core::ingest::{IngestOptions, Source};
use store_core::{Error, Kind, Store, Table};

/// Loads the files one after another; the first error ends it.
pub fn run(common: &Common, args: &IngestArgs) -> Done {
    dialect::check(args)?;
    target::check_words(args)?;
    check_files(args)?;
    let store = open_or_create(common, &args.db)?;
    let mut load = Load { common, args, store: &store, table: None, totals: Totals::new() };
    load.table = target::existing(&store, args)?;
    let is_new = load.table.is_none();
    if let Err(failure) = load.all_files() {
        return Err(load.explain(failure, is_new));
    }
    store.sync()?; // whatever the level, the rows outlive the command
    load.totals.tell(common, &args.table)?;
    Ok(if load.totals.rows_rejected > 0 { Exit::Rejected } else { Exit::Done })
}

/// Refuses a missing file before a store or table is made for it, and a reject file that would
/// overwrite an input.
fn check_files(args: &IngestArgs) -> Result<(), Failure> {
    let rejects = args.reject.as_ref().and_then(|path| path.canonicalize().ok());
    for file in args.files.iter().filter(|file| !is_stdin(file)) {
        std::fs::metadata(file).map_err(|error| Error::io(file.display(), error))?;
        if rejects.is_some() && file.canonicalize().ok() == rejects {
            let shown = file.display();
            let message = format!("{shown}: is an input, so it cannot take rejects");
            return Err(Error::invalid(message).into());
        }
    }
    Ok(())
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

struct Load<'a> {
    common: &'a Common,
    args: &'a IngestArgs,
    store: &'a Store,
    table: Option<Table>,
    totals: Totals,
}

impl Load<'_> {
    fn all_files(&mut self) -> Result<(), Failure> {
        let args = self.args;
        args.files.iter().try_for_each(|file| self.file(file))
    }

    fn file(&mut self, file: &Path) -> Result<(), Failure> {
        let mut options = self.options(file);
        let mut source = Source::open(file)?;
        let name = source.name().to_owned();
        let table = match &self.table {
            Some(table) => table.clone(),
            None => target::make(self.common, self.store, self.args, &mut source, &options)?,
        };
        self.table = Some(table.clone());
        options.progress = progress::line(self.common.quiet, self.store);
        let part = self.reject_part();
        if part.is_some() {
            options.reject.clone_from(&part);
        }
        let loaded = table.ingest(source, options);
        if let (Some(part), Some(whole)) = (&part, &self.args.reject) {
            report::append_rejects(part, whole)?;
        }
        self.totals.add(&name, loaded?);
        Ok(())
    }

    /// The core's options for a file; bad rows of the files before it count.
    fn options(&self, file: &Path) -> IngestOptions {
        let mut options = dialect::options(self.args, file);
        if let Some(borne) = dialect::errors_borne(self.args) {
            options.max_errors = Some(borne.saturating_sub(self.totals.rows_rejected));
        }
        options
    }

    /// Where a later file's rejects go first, because the core begins each reject file anew.
    fn reject_part(&self) -> Option<std::path::PathBuf> {
        let whole = self.args.reject.as_ref().filter(|_| self.totals.files > 0)?;
        let mut part = whole.clone().into_os_string();
        part.push(".part");
        Some(part.into())
    }

    /// Says what stays behind after a failure.
    fn explain(&self, failure: Failure, is_new: bool) -> Failure {
        let Failure::Store(error) = failure else { return failure };
        let earlier = self.totals.rows_loaded;
        let left = match &self.table {
            Some(_) if earlier > 0 => format!("; {earlier} rows of the files before it are loaded"),
            Some(table) if is_new && is_empty(self.store, table) => {
                format!("; the new table `{}` stays and is empty", table.name())
            }
            _ => return Failure::Store(error),
        };
        let kind: Kind = error.kind();
        Failure::Store(Error::new(kind, format!("{error}{left}")).caused_by(error))
    }
}

fn is_empty(store: &Store, table: &Table) -> bool {
    let first = store.snapshot().and_then(|snapshot| table.query(&snapshot).limit(1).count());
    matches!(first, Ok(0))
}
