//! `store check DB [--salvage OUT] [--json]`: is everything as it should be? And if not, what can be
//! saved?

use super::{open_to_read, options};
use crate::args::{CheckArgs, Common};
use crate::failure::{Done, Exit};
use crate::output::{print_json, print_line, say};
use serde_json::json;
use std::path::Path;
use store_etl::report;

/// Prints what was verified, and each fault on a line. Damage that keeps the store from opening is
/// an error with the same exit code.
pub fn run(common: &Common, args: &CheckArgs) -> Done {
    if let Some(out) = &args.salvage {
        return salvage(common, &args.db, out);
    }
    let found = open_to_read(common, &args.db)?.check()?;
    if common.json {
        print_json(&report::check(&found))?;
    } else if found.faults.is_empty() {
        let (rows, entries, stored) = (found.rows, found.index_entries, found.segment_rows);
        print_line(&format!(
            "ok: {rows} rows, {entries} index entries, {stored} rows in segments"
        ))?;
    } else {
        for fault in &found.faults {
            print_line(fault)?;
        }
    }
    Ok(if found.faults.is_empty() { Exit::Done } else { Exit::Faults })
}

/// Prints each loss on a line, and says what was saved.
fn salvage(common: &Common, db: &Path, out: &Path) -> Done {
    let report = options(common).salvage(db, out)?;
    let rows: u64 = report.tables.iter().map(|(_, rows)| rows).sum();
    if common.json {
        let tables: serde_json::Map<_, _> =
            report.tables.iter().map(|(name, rows)| (name.clone(), json!(rows))).collect();
        print_json(&json!({
            "ok": report.losses.is_empty(),
            "rows": rows,
            "tables": tables,
            "records": report.records,
            "losses": report.losses,
            "losses_unlisted": report.losses_unlisted,
        }))?;
    } else {
        for loss in &report.losses {
            print_line(loss)?;
        }
        if report.losses_unlisted > 0 {
            print_line(&format!("and {} more losses", report.losses_unlisted))?;
        }
        if !common.quiet {
            let (tables, records) = (report.tables.len(), report.records);
            say(&format!("saved {rows} rows of {tables} tables, {records} records of the log"));
        }
    }
    Ok(if report.losses.is_empty() { Exit::Done } else { Exit::Faults })
}
