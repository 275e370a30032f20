//! `store compact DB [--json]`: a small store again.

use super::open;
use crate::args::{Common, StoreArgs};
use crate::failure::{Done, Exit};
use crate::output::{print_json, say};
use indicatif::DecimalBytes;
use serde_json::json;

/// Compacts the store and says what that gave back.
pub fn run(common: &Common, args: &StoreArgs) -> Done {
    let report = open(common, &args.db)?.compact()?;
    let (before, after) = (report.disk_before, report.disk_after);
    if common.json {
        print_json(&json!({
            "disk_before": before,
            "disk_after": after,
            "memory_before": report.memory_before,
            "memory_after": report.memory_after,
        }))?;
    } else if !common.quiet {
        say(&format!("{} on disk, was {}", DecimalBytes(after), DecimalBytes(before)));
    }
    Ok(Exit::Done)
}
