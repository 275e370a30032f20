//! Loading the checkpoint: any number of threads take block after block of one segment after another.
//!
//! ```text
//!  segment 1  [ block | block | … ]  segment 2 …        read in order, by whoever comes, under one lock
//!                  │      └────────► thread 2:  verify, unpack, take apart, enter
//!                  └───────────────► thread 1:  verify, unpack, take apart, enter
//! ```
//!
//! The keys of a checkpoint are all different, so it does not matter which row comes first. Blocks
//! are numbered in their order; of several errors the first in that order counts, as if one thread
//! had read them.

use super::Recovery;
use super::workers::{FirstError, spare_threads};
use crate::error::{Error, Kind, Result};
use crate::manifest::TableEntry;
use crate::mem::Holder;
use crate::mvcc::Timestamp;
use crate::planted;
use crate::segment::{SegmentBlock, SegmentKind, SegmentReader};
use crate::sync::Mutex;
use crate::txn::load::Loader;
use crate::txn::{LiveTable, TableData};
use crate::wal::Device;
use std::sync::Arc;
use std::thread::Builder;

/// Bytes of segments that are worth another thread.
const BYTES_OF_A_THREAD: u64 = 256 << 10;

/// Makes the tables of a checkpoint and loads their rows; says how many these are.
pub(super) fn load(
    recovery: &mut Recovery<'_>,
    device: &dyn Device,
    entries: &[TableEntry],
    threads: usize,
) -> Result<u64> {
    let holder = recovery.engine.holder.child("recovery");
    let mut tables = Vec::with_capacity(entries.len());
    for entry in entries {
        tables.push(recovery.begin_table(entry)?);
    }
    let mut bytes = 0;
    for name in entries.iter().filter_map(|entry| entry.segment.as_ref()) {
        // A segment that is missing is found where it is read.
        bytes +=
            device.open(name, crate::wal::OpenMode::Read).and_then(|file| file.len()).unwrap_or(0);
    }
    let source = Source {
        device,
        holder: &holder,
        checkpoint: recovery.checkpoint,
        state: Mutex::new(State {
            left: entries.iter().zip(&tables).collect::<Vec<_>>().into_iter(),
            current: None,
            blocks: 0,
            rows: 0,
        }),
        error: FirstError::default(),
    };
    let wanted = (bytes / BYTES_OF_A_THREAD) as usize;
    let threads = spare_threads(&recovery.engine.budget, threads.min(wanted + 1));
    std::thread::scope(|scope| {
        // Whoever cannot be had is not needed: the caller loads what the others leave.
        let start = |_| {
            let thread = Builder::new().name("store-opening".to_owned());
            thread.spawn_scoped(scope, || source.load_blocks()).ok()
        };
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        source.load_blocks();
        for other in others {
            if let Err(panic) = other.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let Source { state, error, .. } = source;
    error.result()?;
    for table in &tables {
        table.data.take_changed();
    }
    let rows = state.lock().rows;
    Ok(rows)
}

/// The blocks of all segments, in order.
struct Source<'a> {
    device: &'a dyn Device,
    holder: &'a Holder,
    checkpoint: Timestamp,
    state: Mutex<State<'a>>,
    error: FirstError,
}

struct State<'a> {
    left: std::vec::IntoIter<(&'a TableEntry, &'a Arc<LiveTable>)>,
    current: Option<Segment<'a>>,
    /// Blocks, and ends of segments, so far.
    blocks: u64,
    /// Rows of the segments that were read to their end.
    rows: u64,
}

/// A segment that is being read.
struct Segment<'a> {
    reader: SegmentReader,
    entry: &'a TableEntry,
    name: &'a str,
    table: &'a Arc<LiveTable>,
    /// Rows of the blocks that were read.
    rows: u64,
}

/// A block that was taken, and where it belongs.
struct Taken<'a> {
    number: u64,
    table: &'a TableData,
    segment: &'a str,
    /// Rows of the segment before it.
    rows_before: u64,
}

impl<'a> Source<'a> {
    /// Loads block after block until none is left, or somebody has met an error.
    fn load_blocks(&self) {
        let mut loader = Loader::new();
        let mut block = match SegmentBlock::new(self.holder) {
            Ok(block) => block,
            Err(error) => return self.error.note(0, error),
        };
        while !self.error.is_set() {
            let taken = {
                let mut state = self.state.lock();
                let number = state.blocks;
                state.blocks += 1;
                let taken = self.take(&mut state, &mut block, number);
                if let Err(error) = taken {
                    // Noted before anybody can take another block.
                    return self.error.note(number, error);
                }
                taken
            };
            let Ok(Some(taken)) = taken else { return };
            if planted::bug("block_left_out") && taken.number == 1 {
                continue;
            }
            if let Err(error) = self.load(&mut loader, &mut block, &taken) {
                return self.error.note(taken.number, error);
            }
        }
    }

    fn take(
        &self,
        state: &mut State<'a>,
        block: &mut SegmentBlock,
        number: u64,
    ) -> Result<Option<Taken<'a>>> {
        loop {
            let Some(segment) = &mut state.current else {
                let Some((entry, table)) = state.left.next() else { return Ok(None) };
                state.current = self.open(entry, table)?;
                continue;
            };
            if segment.reader.read_block(block)? {
                let rows_before = segment.rows;
                segment.rows += u64::from(block.rows_left());
                let (table, segment) = (&*segment.table.data, segment.name);
                return Ok(Some(Taken { number, table, segment, rows_before }));
            }
            if segment.rows != segment.entry.rows {
                return Err(Error::corrupt(format!(
                    "{} holds {} rows, the manifest says {}",
                    segment.name, segment.rows, segment.entry.rows
                )));
            }
            state.rows += segment.rows;
            state.current = None;
        }
    }

    fn open(
        &self,
        entry: &'a TableEntry,
        table: &'a Arc<LiveTable>,
    ) -> Result<Option<Segment<'a>>> {
        let Some(name) = &entry.segment else { return Ok(None) };
        let opened = SegmentReader::open(self.device, name, self.holder);
        let reader = opened.map_err(|error| match error.kind() {
            Kind::NotFound => Error::corrupt(format!("{name} is missing, the manifest names it")),
            _ => error,
        })?;
        if reader.kind() != SegmentKind::Checkpoint || reader.schema_id() != u64::from(entry.id) {
            let id = entry.id;
            return Err(Error::corrupt(format!("{name} is not the checkpoint of table {id}")));
        }
        // What a damaged manifest says must not take more than the file can hold.
        let rows = entry.rows.min(reader.rows()).min(reader.file_bytes());
        table.data.primary.make_room(rows);
        Ok(Some(Segment { reader, entry, name, table, rows: 0 }))
    }

    fn load(&self, loader: &mut Loader, block: &mut SegmentBlock, taken: &Taken<'_>) -> Result<()> {
        block.verify()?;
        let mut left = block.rows_left() as usize;
        let mut rows = block.rows();
        let mut row = taken.rows_before;
        loop {
            let place = |nth: usize, error: Error| {
                error.at(format_args!("{}, row {}", taken.segment, row + nth as u64))
            };
            match loader.load(taken.table, self.checkpoint, left, || rows.next(), place)? {
                0 => return Ok(()),
                count => (left, row) = (left - count, row + count as u64),
            }
        }
    }
}
