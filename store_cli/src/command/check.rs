//! `store check DB [--json]`: is everything as it should be?

use super::open;
use crate::args::{Common, StoreArgs};
use crate::failure::{Done, Exit};
use crate::output::{print_json, print_line};
use serde_json::json;

/// Prints what was verified, and each fault on a line. Damage that keeps the store from opening is
/// an error with the same exit code.
pub fn run(common: &Common, args: &StoreArgs) -> Done {
    let report = open(common, &args.db)?.check()?;
    if common.json {
        print_json(&json!({
            "ok": report.faults.is_empty(),
            "rows": report.rows,
            "index_entries": report.index_entries,
            "segment_rows": report.segment_rows,
            "faults": report.faults,
        }))?;
    } else if report.faults.is_empty() {
        let (rows, entries, stored) = (report.rows, report.index_entries, report.segment_rows);
        print_line(&format!(
            "ok: {rows} rows, {entries} index entries, {stored} rows in segments"
        ))?;
    } else {
        for fault in &report.faults {
            print_line(fault)?;
        }
    }
    Ok(if report.faults.is_empty() { Exit::Done } else { Exit::Faults })
}
