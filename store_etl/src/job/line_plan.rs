//! Jobs that only put the lines of TSV files in order: lines move as they are, and nothing but the keys is
//! parsed.
//!
//! That is a scan of TSV whose schema was found in the file, a sort, and a sink of TSV with the same columns
//! and header. What other columns hold is looked at as little as in any job that does not read them.

use super::memory::RunChoice;
use super::plan::{Node, Plan, ScanPlan};
use super::spec::{FileFormat, OnBadRow};
use crate::operator::sort::{Direction, LineKey, LineOptions, Nulls, SortColumn};
use std::sync::Arc;
use store_core::Result;
use store_core::ingest::Escape;
use store_core::query::NullsOrder;

/// Shortest limit on a line, and the part of the memory that it may be.
const LINE_BYTES_MIN: usize = 64 << 10;
const LINE_SHARE: usize = 16;
const LINE_BYTES_MAX: usize = 16 << 20;

/// A sort of lines.
pub(crate) struct LinePlan {
    pub scan: Arc<ScanPlan>,
    pub scan_step: usize,
    pub sort_step: usize,
    pub keys: Vec<LineKey>,
    run: RunChoice,
}

impl LinePlan {
    /// The sort of lines that a plan is, if it is one.
    pub fn of(plan: &Plan, run: RunChoice) -> Option<Self> {
        let Node::Sort(input, sort) = &plan.root.node else { return None };
        let Node::Scan(scan) = &input.node else { return None };
        let sink = &plan.sink;
        let plain = scan.as_is
            && scan.format == FileFormat::Tsv
            && scan.delimiter == b'\t'
            && scan.quote.is_none()
            && scan.escape == Escape::None
            && scan.nulls.is_empty()
            && scan.on_error == OnBadRow::Stop
            && scan.wanted.len() == scan.columns.len();
        let same = sink.table.is_none()
            && sink.format == FileFormat::Tsv
            && sink.escape == Escape::None
            && sink.null.is_none()
            && sink.header == scan.header;
        if !plain || !same || sort.limit.is_some() || run.block_bytes.is_some() {
            return None;
        }
        let key = |name: &store_core::query::SortName| {
            let column = scan.columns.iter().position(|field| field.name == name.name)?;
            let ty = scan.columns[column].ty;
            let direction =
                if name.descending { Direction::Descending } else { Direction::Ascending };
            let nulls = match name.nulls {
                NullsOrder::First => Nulls::First,
                NullsOrder::Last => Nulls::Last,
            };
            Some(LineKey { column, sort: SortColumn { ty, direction, nulls } })
        };
        let keys = sort.keys.iter().map(key).collect::<Option<Vec<_>>>()?;
        let (scan, scan_step) = (Arc::clone(scan), input.number);
        Some(Self { scan, scan_step, sort_step: plan.root.number, keys, run })
    }

    /// How lines are sorted within so many bytes.
    pub fn options(&self, memory: u64) -> LineOptions {
        // Without what buffers take.
        let threads = self.run.threads_within(memory - memory / 4);
        let memory = memory as usize;
        let files: Option<u64> = self.scan.files.iter().map(|file| file.bytes).sum();
        LineOptions {
            codec: self.run.codec,
            header: self.scan.header,
            row_bytes_max: (memory / LINE_SHARE).clamp(LINE_BYTES_MIN, LINE_BYTES_MAX),
            input_bytes: files,
            threads,
            ..LineOptions::within(memory)
        }
    }

    /// The smallest memory that sorts lines of the shortest limit.
    pub fn memory_min(&self) -> u64 {
        const STEPS_MAX: usize = 64;
        let mut memory = 0;
        for _ in 0..STEPS_MAX {
            let refused: Result<_> = self.options(memory).sort_options();
            let Err(refused) = refused else { break };
            let least = refused.details().first().and_then(|word| word.parse().ok());
            memory = least.unwrap_or(0).max(memory + 4096);
        }
        memory
    }
}
