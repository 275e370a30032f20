//! Freezing by itself, when the budget is nearly used up: the rows that were written longest ago, of the
//! table that has most, until less is used.
//!
//! If a column has the property `cold`, with the value `least` or `greatest`, the rows with the least or the
//! greatest values there go first, and those with NULL before them. Else a row is as old as its last write.
//! Either way a sample of the rows says where to cut.

use super::{Work, freezing_holder};
use crate::cold::PART_ROWS;
use crate::error::{Kind, Result};
use crate::mvcc::chain::Newest;
use crate::mvcc::{Moment, Timestamp};
use crate::schema::Schema;
use crate::segment::zone_head;
use crate::txn::{Engine, Lease, LiveTable, Reading, RowWords, TableData};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

/// Rows looked at to find out where to cut.
const SAMPLE: u64 = 2048;
/// Rows frozen at a time: others wait for memory meanwhile.
const PASS_ROWS: u64 = 1 << 17;
/// How long the rows of a pass are waited for to leave memory.
const RECLAIM_WAIT: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// How often a pass that failed is tried again, and how long after.
const FAILURES_MAX: u32 = 10;
const FAILURE_PAUSE: Duration = Duration::from_millis(20);
/// The property of the column whose values say which rows are cold first.
const COLD: &str = "cold";

/// Starts the thread.
pub(crate) fn start(engine: &Arc<Engine>) {
    if cfg!(any(loom, shuttle)) {
        return;
    }
    let held = Arc::clone(engine);
    let thread = Builder::new().name("store-freezer".to_owned());
    if let Ok(thread) = thread.spawn(move || watch(&held)) {
        engine.freezer.enable(&engine.budget);
        engine.keep_thread(thread);
        super::merging::start(engine);
    }
}

fn watch(engine: &Arc<Engine>) {
    let lease = Lease::of_thread(engine);
    while engine.freezer.wait_wanted() {
        wait_reclaimed(engine);
        let mut failures = 0;
        while excess(engine) > 0 && !engine.is_ending() {
            let outcome = pass(engine, &lease);
            let last = match outcome {
                Ok(rows) => rows == 0,
                Err(_) => failures == FAILURES_MAX,
            };
            if matches!(outcome, Ok(rows) if rows > 0) {
                wait_reclaimed(engine);
            }
            engine.freezer.end_pass(&outcome, last);
            if outcome.is_ok() {
                engine.merges.want();
            }
            if last {
                break;
            }
            if outcome.is_err() {
                // Who took the memory that it needs gives it back when they end.
                failures += 1;
                std::thread::sleep(FAILURE_PAUSE);
            }
        }
        if excess(engine) == 0 {
            engine.freezer.rest(engine);
        }
    }
}

/// Bytes that are used beyond the mark, but for what snapshots hold back: freezing more would free none
/// of that. Some if a writer was refused memory.
fn excess(engine: &Engine) -> u64 {
    let held = engine.reclaim_now();
    let excess = engine.freezer.excess(engine);
    if engine.freezer.is_refused() { excess } else { excess.saturating_sub(held) }
}

/// Waits until what was frozen or replaced has left memory: what is counted as held back may only be late,
/// and a writer that is let on too early finds no room.
fn wait_reclaimed(engine: &Arc<Engine>) {
    let began = Instant::now();
    engine.upkeep.poke();
    while engine.has_garbage() && engine.freezer.excess(engine) > 0 && !engine.is_ending() {
        if began.elapsed() > RECLAIM_WAIT {
            return;
        }
        engine.reclaim_now();
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Freezes some rows of the table that has most; says how many.
fn pass(engine: &Arc<Engine>, lease: &Arc<Lease>) -> Result<u64> {
    engine.check_log()?;
    let Some(device) = engine.device() else { return Ok(0) };
    let _alone = engine.freezing.lock();
    let mut tables = engine.live_tables();
    tables.sort_by_key(|table| std::cmp::Reverse(table.data.holder.used()));
    for live in tables {
        let rows = wanted_rows(engine, &live.data);
        if rows == 0 {
            continue;
        }
        let mut go_on = |_| !engine.is_ending();
        let mut work = Work::new(engine, Arc::clone(lease), &live, device, &mut go_on);
        let mut most = rows;
        loop {
            match freeze_coldest(engine, &live, &mut work, most) {
                // Half of the rows take half of the memory.
                Err(error) if error.kind() == Kind::OverBudget && most > u64::from(PART_ROWS) => {
                    most /= 2;
                }
                frozen => {
                    frozen?;
                    break;
                }
            }
        }
        if work.report.rows > 0 {
            return Ok(work.report.rows);
        }
    }
    Ok(0)
}

/// How many rows of a table would free what is too much.
fn wanted_rows(engine: &Engine, rows: &TableData) -> u64 {
    let count = rows.primary.len();
    if count < u64::from(PART_ROWS) {
        return 0;
    }
    let bytes = (rows.holder.used() / count).max(1);
    (excess(engine) / bytes).clamp(u64::from(PART_ROWS), PASS_ROWS)
}

fn freeze_coldest(
    engine: &Arc<Engine>,
    live: &LiveTable,
    work: &mut Work<'_>,
    most: u64,
) -> Result<()> {
    let snapshot = Reading::new(engine)?;
    let cut = Cut::find(&live.data, snapshot.moment(), most)?;
    let _held = freezing_holder(engine).reserve(most as usize * size_of::<u32>())?;
    let numbers = cut.rows(&live.data, snapshot.moment(), most as usize)?;
    work.segment(snapshot.moment(), &numbers).map(drop)
}

/// Which rows are cold.
struct Cut<'s> {
    schema: &'s Schema,
    /// The column whose values say which rows are cold first, and whether these are the greatest.
    column: Option<(usize, bool)>,
    /// Rows up to this one are cold.
    last: u64,
}

impl<'s> Cut<'s> {
    /// Finds the place before which about so many rows are.
    fn find(rows: &'s TableData, at: Moment, wanted: u64) -> Result<Self> {
        let schema = &rows.schema;
        let mut cut = Self { schema, column: cold_column(schema), last: u64::MAX };
        let count = rows.primary.len().max(1);
        let mut sample = Vec::new();
        let step = (count / SAMPLE).max(1);
        let mut nth = 0;
        cut.each(rows, at, |_, place| {
            nth += 1;
            if nth % step == 0 {
                sample.push(place);
            }
            true
        })?;
        sample.sort_unstable();
        let at = (sample.len() as u64 * wanted / count) as usize;
        if let Some(place) = sample.get(at.min(sample.len().saturating_sub(1))) {
            cut.last = *place;
        }
        Ok(cut)
    }

    /// The numbers of cold rows, not more than so many.
    fn rows(&self, rows: &TableData, at: Moment, most: usize) -> Result<Vec<u32>> {
        let mut found = Vec::with_capacity(most);
        self.each(rows, at, |row, place| {
            if place <= self.last {
                found.push(row);
            }
            found.len() < most
        })?;
        Ok(found)
    }

    /// Shows every row in memory that nobody has changed since, with its place in the order of cold, until
    /// told to stop.
    fn each(
        &self,
        rows: &TableData,
        at: Moment,
        mut visit: impl FnMut(u32, u64) -> bool,
    ) -> Result<()> {
        let mut words = RowWords::zeroed(rows.layout.words());
        let needed = self.column.map_or(0..0, |(column, _)| rows.layout.needed_words(column));
        let mut room = Vec::new();
        for page in 0..rows.versions.pages() {
            for row in rows.versions.page_rows(page) {
                let Newest::Live(written) = rows.versions.newest(row) else { continue };
                if written > at.at || !rows.versions.read(row, at, &needed, &mut words)? {
                    continue;
                }
                let place = self.place(rows, &words, written, &mut room);
                if !visit(row, place) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn place(
        &self,
        rows: &TableData,
        words: &[u64],
        written: Timestamp,
        room: &mut Vec<u8>,
    ) -> u64 {
        let Some((column, greatest)) = self.column else { return written.0 };
        let value = rows.view(words).cell(column);
        if value.is_null() {
            return 0;
        }
        let head = zone_head(value, self.schema.columns[column].ty, room);
        if greatest { u64::MAX - head } else { head }
    }
}

/// The column whose values say which rows are cold first.
fn cold_column(schema: &Schema) -> Option<(usize, bool)> {
    schema.columns.iter().enumerate().find_map(|(at, column)| {
        let (_, order) = column.properties.iter().find(|(name, _)| name == COLD)?;
        ["least", "greatest"].contains(&&**order).then_some((at, order == "greatest"))
    })
}
