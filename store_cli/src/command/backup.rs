//! `store backup DB OUT [--json]`: a copy that opens as a store.

use super::open_to_read;
use crate::args::{BackupArgs, Common};
use crate::failure::{Done, Exit};
use crate::output::{print_json, say};
use crate::progress::Bytes;
use serde_json::json;
use std::time::Instant;

/// Copies the store and says what the copy holds.
pub fn run(common: &Common, args: &BackupArgs) -> Done {
    let store = open_to_read(common, &args.db)?;
    let began = Instant::now();
    let line = Bytes::of(common.quiet);
    let report = store.backup_with(&args.out, &mut |progress| {
        line.tell(progress.bytes, progress.bytes_total);
        true
    })?;
    drop(line);
    let seconds = began.elapsed().as_secs_f64();
    let (files, kept, bytes) = (report.files, report.files_kept, report.bytes);
    if common.json {
        print_json(&json!({
            "timestamp": report.timestamp,
            "files": files,
            "files_kept": kept,
            "bytes": bytes,
            "seconds": seconds,
        }))?;
    } else if !common.quiet {
        let kept = if kept > 0 { format!(", {kept} kept from before") } else { String::new() };
        let timestamp = report.timestamp;
        say(&format!(
            "backup of {bytes} bytes in {files} files{kept}, up to commit {timestamp}, in {seconds:.2} s"
        ));
    }
    Ok(Exit::Done)
}
