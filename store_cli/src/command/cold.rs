//! `store freeze DB TABLE [--where EXPR]` and `store thaw …`: rows out of memory, and back.

use super::open;
use crate::args::{ColdArgs, Common};
use crate::failure::{Done, Exit, Failure};
use crate::output::{print_json, say};
use serde_json::json;
use store_core::query::Predicate;
use store_core::{Store, Table};

/// Freezes rows and says how many.
pub fn freeze(common: &Common, args: &ColdArgs) -> Done {
    let (_store, table, predicate) = begin(common, args)?;
    let report = table.freeze(&predicate, |_| true)?;
    let (rows, kept, segments, bytes) =
        (report.rows, report.rows_kept, report.segments, report.bytes);
    if common.json {
        print_json(&json!({
            "rows": rows, "rows_kept": kept, "segments": segments, "bytes": bytes,
        }))?;
    } else if !common.quiet {
        say(&format!(
            "{rows} rows of `{}` frozen, in {segments} segments of {bytes} bytes",
            args.table
        ));
    }
    Ok(Exit::Done)
}

/// Brings rows back and says how many.
pub fn thaw(common: &Common, args: &ColdArgs) -> Done {
    let (_store, table, predicate) = begin(common, args)?;
    let rows = table.thaw(&predicate)?;
    if common.json {
        print_json(&json!({ "rows": rows }))?;
    } else if !common.quiet {
        say(&format!("{rows} rows of `{}` brought back to memory", args.table));
    }
    Ok(Exit::Done)
}

fn begin(common: &Common, args: &ColdArgs) -> Result<(Store, Table, Predicate), Failure> {
    let store = open(common, &args.db)?;
    let table = store.open_table(&args.table)?;
    let predicate = args.condition.as_deref().map_or(Ok(Predicate::all()), Predicate::parse)?;
    Ok((store, table, predicate))
}
