//! `store checkpoint DB [--json]`: rows to segments, the old log away.

use super::open;
use crate::args::{Common, StoreArgs};
use crate::failure::{Done, Exit};
use crate::output::{print_json, say};
use serde_json::json;
use std::time::Instant;

/// Writes a checkpoint and says what it holds.
pub fn run(common: &Common, args: &StoreArgs) -> Done {
    let store = open(common, &args.db)?;
    let began = Instant::now();
    store.checkpoint()?;
    let (seconds, stats) = (began.elapsed().as_secs_f64(), store.stats());
    let rows: u64 = stats.tables.iter().map(|table| table.rows).sum();
    let tables = stats.tables.len();
    if common.json {
        print_json(&json!({ "tables": tables, "rows": rows, "seconds": seconds }))?;
    } else if !common.quiet {
        say(&format!("checkpoint of {rows} rows, {tables} tables, in {seconds:.2} s"));
    }
    Ok(Exit::Done)
}
