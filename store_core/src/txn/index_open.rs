//! Building every secondary index when a store is opened: by several threads, in large sorted batches.
//!
//! ```text
//! pages of a table ──┬─ part 1 ─► rows encoded, sorted ─► blocks      a part of an index is a job,
//!                    └─ part 2 ─► rows encoded, sorted ─► blocks      each thread takes the next one
//! ```

use super::bulk::Bulk;
use super::engine::Engine;
use super::load;
use super::rows::Rows;
use crate::error::Result;
use crate::mem::current::Held;
use crate::mvcc::Timestamp;
use crate::sync::{AtomicUsize, Relaxed};
use std::ops::Range;

/// Most entries of a batch: beyond it, blocks are hardly replaced less often.
const BATCH_ENTRIES_MAX: usize = 512 << 10;
/// Bytes of the budget for each entry of a batch, of one thread: with its promise of pages a batch
/// takes some 100, so that it takes a small part of what is to be had.
const BUDGET_BYTES_AN_ENTRY: u64 = 1024;
/// Fewest pages that are worth a part of their own.
const PART_PAGES: u32 = 64;

/// A part of an index.
struct Job {
    table: usize,
    index: usize,
    pages: Range<u32>,
}

/// Enters every row in the secondary indexes of its table; how many entries that are. Nobody else uses
/// the tables yet.
pub(crate) fn build_indexes(engine: &Engine, tables: &[Held<Rows>], threads: usize) -> Result<u64> {
    let jobs = jobs(tables, threads);
    let next = AtomicUsize::new(0);
    let entries = (engine.budget.limit() / BUDGET_BYTES_AN_ENTRY) as usize / threads.max(1);
    let entries = entries.clamp(1, BATCH_ENTRIES_MAX);
    let work = || -> Result<()> {
        while let Some(job) = jobs.get(next.fetch_add(1, Relaxed)) {
            // After an error nobody begins another one.
            build(engine, &tables[job.table], job, entries)
                .inspect_err(|_| next.store(jobs.len(), Relaxed))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others = (1..threads.min(jobs.len())).map(|_| scope.spawn(work));
        let others: Vec<_> = others.collect();
        let own = work();
        let joined = others.into_iter().map(|other| match other.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.fold(own, Result::and)
    })?;
    let indexes = tables.iter().flat_map(|rows| &rows.indexes);
    Ok(indexes
        .map(|index| {
            index.set_complete_from(Timestamp(0)); // nobody has read before
            index.tree.len()
        })
        .sum())
}

fn jobs(tables: &[Held<Rows>], threads: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (table, rows) in tables.iter().enumerate() {
        let pages = rows.versions.pages();
        let parts = (threads as u32).clamp(1, (pages / PART_PAGES).max(1));
        for index in 0..rows.indexes.len() {
            jobs.extend((0..parts).map(|part| Job {
                table,
                index,
                pages: pages * part / parts..pages * (part + 1) / parts,
            }));
        }
    }
    jobs
}

fn build(engine: &Engine, rows: &Held<Rows>, job: &Job, entries: usize) -> Result<()> {
    let (data, index) = (rows.data(), &rows.indexes[job.index]);
    let mut bulk = Bulk::new(data, index, &engine.holder.child("recovery"))?.batches_of(entries);
    load::for_each(data, job.pages.clone(), |row, words| {
        bulk.push(row, words)?;
        if bulk.is_full() {
            bulk.flush(|pages| data.pool.promise(pages))?;
        }
        Ok(())
    })?;
    bulk.flush(|pages| data.pool.promise(pages)).map(drop)
}
