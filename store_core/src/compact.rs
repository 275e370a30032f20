//! Making a store small again: on disk by a checkpoint, in memory by filling pages.

use crate::checkpoint;
use crate::error::{Error, Result};
use crate::store::Home;
use crate::txn::SharedEngine;
use crate::wal::OpenMode;

/// What compacting a store gave back.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CompactReport {
    /// Bytes of the store's files before.
    pub disk_before: u64,
    /// And now.
    pub disk_after: u64,
    /// Bytes of memory in use before.
    pub memory_before: u64,
    /// And now.
    pub memory_after: u64,
}

/// Writes a checkpoint, which frees the log, and moves index blocks out of nearly empty pages.
pub(crate) fn run(engine: &SharedEngine, home: Option<&Home>) -> Result<CompactReport> {
    let (disk_before, memory_before) = (disk_bytes(home)?, engine.budget.used());
    if let Some(home) = home {
        checkpoint::run_noted(engine, home)?;
    }
    for table in engine.live_tables() {
        if table.share_locked().compact_indexes(&|| false) {
            table.data.take_blocks_back();
        }
    }
    let (disk_after, memory_after) = (disk_bytes(home)?, engine.budget.used());
    Ok(CompactReport { disk_before, disk_after, memory_before, memory_after })
}

fn disk_bytes(home: Option<&Home>) -> Result<u64> {
    let Some(home) = home else { return Ok(0) };
    let device = &home.device;
    let names = device.list().map_err(|fault| Error::io(device.describe(), fault))?;
    let len = |name: &String| device.open(name, OpenMode::Read)?.len();
    // A file may go while it is looked at.
    Ok(names.iter().filter_map(|name| len(name).ok()).sum())
}
