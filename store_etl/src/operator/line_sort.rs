//! Lines of files into one file, in order.

use super::output::Output;
use super::scan::open_source;
use super::sort::{LineSorter, LineStats};
use super::{OutputFacts, Shared};
use crate::job::{LinePlan, SinkPlan};
use std::io::{Read, Write};
use store_core::{Error, Kind, Result};

/// Reads or writes, and between two calls tells how far the job is and ends it if somebody wants that.
struct Watched<'s, T> {
    inner: T,
    shared: &'s Shared,
}

impl<T> Watched<'_, T> {
    fn look(&self) -> std::io::Result<()> {
        self.shared.tick().map_err(std::io::Error::other)
    }
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.look()?;
        self.inner.read(into)
    }
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.look()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// Sorts the lines of a plan into its sink.
pub(crate) fn sort_lines(
    plan: &LinePlan,
    sink: &SinkPlan,
    sink_step: usize,
    shared: &Shared,
) -> Result<OutputFacts> {
    let cancelled = |error: Error| match shared.check_cancelled() {
        Err(told) => told,
        Ok(()) => too_long(error, shared.memory.cap),
    };
    let options = plan.options(shared.memory.breaker_bytes);
    let mut sorter =
        LineSorter::new(options, plan.keys.clone(), shared.spill.clone(), &shared.holder)?;
    for file in &plan.scan.files {
        let inner = open_source(file, shared)?;
        sorter.read(&mut Watched { inner, shared }, &file.name()).map_err(cancelled)?;
    }
    let mut sorted = sorter.finish().map_err(cancelled)?;
    let mut output = Output::create(&sink.destination)?;
    let stats = sorted
        .write_to(&mut Watched { inner: &mut output, shared }, &sink.destination)
        .map_err(cancelled)?;
    drop(sorted);
    count(plan, sink_step, &stats, shared);
    output.finish()
}

fn count(plan: &LinePlan, sink_step: usize, stats: &LineStats, shared: &Shared) {
    let counts = &shared.counts;
    counts.scanned.fetch_add(stats.rows_in, std::sync::atomic::Ordering::Relaxed);
    for (step, taken, given) in [
        (plan.scan_step, stats.rows_in, stats.rows_in),
        (plan.sort_step, stats.rows_in, stats.rows_out),
        (sink_step, stats.rows_out, stats.rows_out),
    ] {
        counts.steps[step].took(taken);
        counts.steps[step].gave(given);
    }
    counts.note_sort(plan.sort_step, stats.sort, stats.sort.runs as usize + 1);
}

/// A line that is longer than the memory allows is no fault of the file's.
fn too_long(error: Error, cap: u64) -> Error {
    if error.kind() != Kind::Invalid || !error.to_string().ends_with("(row_bytes_max)") {
        return error;
    }
    let place = error.details().iter().take(2).cloned().collect::<Vec<_>>().join(":");
    let most = error.details().last().cloned().unwrap_or_default();
    let message = format!(
        "{place}: a row is longer than {most} bytes, which is the most within {cap} bytes of memory; raise \
         the memory"
    );
    Error::new(Kind::OverBudget, message).caused_by(error)
}
